/* SPDX-License-Identifier: Apache-2.0 */
/* Readers that are killed in the middle of a read: the writer frees their slots, and the file stops
 * growing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "core/lmdb/env.h"
#include "projections/store/store.h"
#include "projections/store/store_reader.h"
#include "tests/unit/scratch.h"
#include "tests/unit/store/peer.h"
#include "tests/unit/store/sample_view.h"

enum { READERS = 12, ROWS = 200, COMMITS = 60, ROW_SIZE = 1500 };

struct fixture {
    struct fl_scratch scratch;
    struct fl_store_reader *reader; /* the child's */
    struct fl_store_read read;
};

enum { STEP_READ, STEP_COUNT };

static int read_step(void *context, int number)
{
    struct fixture *fixture = context;
    struct fl_kv_walk walk;
    int count = 0;
    if (number == STEP_READ) {
        if (fl_store_open_reader(fixture->scratch.path, &sample_view, fl_port_system(),
                                 &fixture->reader) != FL_OK)
            return -1;
        return fl_store_read_begin(fixture->reader, &fixture->read);
    }
    fl_kv_walk_begin(&walk, fixture->read.kv, SAMPLE_LATEST, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        count++;
    return count;
}

/* Rewrites every row in one transaction. */
static void write_rows(struct fl_store *store, int round)
{
    uint8_t row[ROW_SIZE];
    char key[16];
    memset(row, round, sizeof(row));
    assert_int_equal(fl_store_begin(store), FL_OK);
    for (int i = 0; i < ROWS; i++) {
        snprintf(key, sizeof(key), "%08d", i);
        fl_kv_put(fl_store_kv(store), SAMPLE_LATEST, fl_slice_text(key),
                  fl_slice_of(row, sizeof(row)));
    }
    assert_int_equal(fl_store_commit(store), FL_OK);
}

static struct fl_env_usage usage_of(struct fl_store *store)
{
    struct fl_env_usage usage;
    assert_int_equal(fl_env_usage(fl_store_env(store), &usage), FL_OK);
    return usage;
}

static void killed_readers_do_not_hold_pages(void **state)
{
    (void)state;
    struct fixture fixture = {0};
    struct peer readers[READERS];
    struct fl_store *store = NULL;
    struct fl_port_virtual port;
    fl_port_virtual_init(&port, 1, INT64_C(1700000000000));
    fl_port_virtual_step(&port, 1);
    fl_scratch_make(&fixture.scratch);
    for (int i = 0; i < READERS; i++)
        peer_start(&readers[i], read_step, &fixture);
    struct fl_store_options options = {
        .views_directory = fixture.scratch.path, .view = &sample_view, .port = &port.port};
    assert_int_equal(fl_store_open_writer(&options, &store), FL_OK);
    write_rows(store, 0);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(peer_do(&readers[i], STEP_READ), FL_OK);
    for (int i = 0; i < READERS; i++) {
        write_rows(store, i);
        assert_int_equal(peer_do(&readers[i], STEP_COUNT), ROWS);
        kill(readers[i].process, SIGKILL);
        assert_true(WIFSIGNALED(peer_stop(&readers[i])));
    }
    assert_true(usage_of(store).reader_slots >= READERS);
    /* Dead, but nobody has looked yet: each commit takes new pages. */
    uint64_t before = usage_of(store).used_size;
    for (int i = 0; i < COMMITS; i++)
        write_rows(store, i);
    uint64_t held = usage_of(store).used_size;
    assert_true(held > before + (uint64_t)COMMITS / 2 * ROWS * ROW_SIZE);
    /* The writer looks on its own timer. */
    fl_port_virtual_step(&port, FL_STORE_SWEEP_MS);
    for (int i = 0; i < COMMITS; i++)
        write_rows(store, i);
    assert_true(usage_of(store).used_size <= held + ROWS * ROW_SIZE * 4);
    fl_store_close(&store);
    fl_scratch_remove(&fixture.scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_readers_do_not_hold_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
