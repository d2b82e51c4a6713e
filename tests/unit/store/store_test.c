/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "projections/store/store.h"
#include "projections/store/store_reader.h"
#include "tests/unit/scratch.h"
#include "tests/unit/store/peer.h"
#include "tests/unit/store/sample_view.h"

struct fixture {
    struct fl_scratch scratch;
    char detail[FL_DETAIL_SIZE];
    struct fl_store_options options;
    struct fl_store *store; /* the child's */
    struct fl_store *next;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fl_scratch_make(&fixture->scratch);
    fixture->options = (struct fl_store_options){
        .views_directory = fixture->scratch.path,
        .view = &sample_view,
        .port = fl_port_system(),
        .detail = fixture->detail,
    };
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fl_store_close(&fixture->next);
    fl_store_close(&fixture->store);
    fl_scratch_remove(&fixture->scratch);
    free(fixture);
    return 0;
}

/* Commits a head with that many events. */
static enum fl_error commit_head(struct fl_store *store, uint64_t sequence)
{
    struct fl_chain_head head;
    enum fl_error error = fl_store_begin(store);
    if (error != FL_OK)
        return error;
    fl_chain_init(&head);
    head.sequence = head.action = sequence;
    head.offset = sequence - 1;
    struct fl_position events = {.next = sequence, .last = sequence - 1};
    fl_meta_set_head(fl_store_kv(store), &head);
    fl_meta_set_position(fl_store_kv(store), FL_TOPIC_EVENTS, 0, &events);
    return fl_store_commit(store);
}

static uint64_t committed_sequence(struct fl_store *store)
{
    struct fl_txn txn;
    struct fl_chain_head head;
    assert_int_equal(fl_store_snapshot(store, &txn), FL_OK);
    fl_meta_head(&txn.kv, &head);
    fl_txn_abort(&txn);
    return head.sequence;
}

static void a_first_writer_makes_the_current_version(void **state)
{
    struct fixture *fixture = *state;
    char version[FL_VERSION_NAME_SIZE];
    assert_int_equal(fl_store_open_writer(&fixture->options, &fixture->store), FL_OK);
    assert_string_equal(fl_store_version(fixture->store), "1-1");
    assert_int_equal(fl_versions_read(fl_store_versions(fixture->store), FL_LINK_CURRENT, version),
                     FL_OK);
    assert_string_equal(version, "1-1");
    assert_int_equal(commit_head(fixture->store, 3), FL_OK);
    fl_store_close(&fixture->store);
    assert_int_equal(fl_store_open_writer(&fixture->options, &fixture->store), FL_OK);
    assert_string_equal(fl_store_version(fixture->store), "1-1");
    assert_int_equal(committed_sequence(fixture->store), 3);
}

static void an_abort_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(fl_store_open_writer(&fixture->options, &fixture->store), FL_OK);
    assert_null(fl_store_kv(fixture->store));
    assert_int_equal(fl_store_begin(fixture->store), FL_OK);
    fl_kv_put(fl_store_kv(fixture->store), SAMPLE_LATEST, FL_SLICE_LITERAL("k"),
              FL_SLICE_LITERAL("v"));
    fl_store_abort(fixture->store);
    struct fl_txn txn;
    struct fl_slice value;
    assert_int_equal(fl_store_snapshot(fixture->store, &txn), FL_OK);
    assert_false(fl_kv_get(&txn.kv, SAMPLE_LATEST, FL_SLICE_LITERAL("k"), &value));
    fl_txn_abort(&txn);
}

static void a_second_writer_is_refused_by_name(void **state)
{
    struct fixture *fixture = *state;
    char expected[64];
    struct fl_store *second = NULL;
    assert_int_equal(fl_store_open_writer(&fixture->options, &fixture->store), FL_OK);
    assert_int_equal(fl_store_open_writer(&fixture->options, &second), FL_LOCKED);
    snprintf(expected, sizeof(expected), "process %d", (int)getpid());
    assert_non_null(strstr(fixture->detail, expected));
    fixture->options.version = "1-1";
    assert_int_equal(fl_store_open_writer(&fixture->options, &second), FL_LOCKED);
}

static int64_t cpu_time_ms(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

static void who_waits_for_the_lock_sleeps(void **state)
{
    struct fixture *fixture = *state;
    struct fl_store *second = NULL;
    assert_int_equal(fl_store_open_writer(&fixture->options, &fixture->store), FL_OK);
    fixture->options.lock_wait_ms = 500;
    int64_t start_ms = fl_port_monotonic_ms(fixture->options.port);
    int64_t used_ms = cpu_time_ms();
    assert_int_equal(fl_store_open_writer(&fixture->options, &second), FL_LOCKED);
    assert_true(fl_port_monotonic_ms(fixture->options.port) - start_ms >= 500);
    assert_true(cpu_time_ms() - used_ms < 100);
}

static void rows_of_another_fold_version_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct fl_view newer = sample_view;
    newer.fold_version = 2;
    assert_int_equal(fl_store_open_writer(&fixture->options, &fixture->store), FL_OK);
    fl_store_close(&fixture->store);
    fixture->options.view = &newer;
    assert_int_equal(fl_store_open_writer(&fixture->options, &fixture->store), FL_VERSION);
    assert_non_null(strstr(fixture->detail, "fleetlog rebuild sample"));
}

static void a_full_map_is_no_io_error(void **state)
{
    struct fixture *fixture = *state;
    uint8_t row[1024] = {0};
    char key[16];
    fixture->options.map_size = 1024 * 1024;
    assert_int_equal(fl_store_open_writer(&fixture->options, &fixture->store), FL_OK);
    assert_int_equal(commit_head(fixture->store, 1), FL_OK);
    assert_int_equal(fl_store_begin(fixture->store), FL_OK);
    for (int i = 0; i < 4096; i++) {
        snprintf(key, sizeof(key), "%08d", i);
        fl_kv_put(fl_store_kv(fixture->store), SAMPLE_LATEST, fl_slice_text(key),
                  fl_slice_of(row, sizeof(row)));
    }
    assert_int_equal(fl_store_commit(fixture->store), FL_FULL);
    assert_int_equal(committed_sequence(fixture->store), 1);
    assert_int_equal(commit_head(fixture->store, 2), FL_OK);
}

static void pruning_keeps_what_a_link_names(void **state)
{
    struct fixture *fixture = *state;
    char path[PATH_MAX];
    assert_int_equal(fl_store_open_writer(&fixture->options, &fixture->store), FL_OK);
    const struct fl_versions *versions = fl_store_versions(fixture->store);
    fixture->options.version = "1-2";
    assert_int_equal(fl_store_open_writer(&fixture->options, &fixture->next), FL_OK);
    fl_store_close(&fixture->next);
    assert_int_equal(fl_versions_write(versions, FL_LINK_BUILDING, "1-2"), FL_OK);
    assert_int_equal(fl_versions_prune(versions), FL_OK);
    assert_int_equal(fl_versions_path(versions, "1-2", path), FL_OK);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(fl_versions_clear(versions, FL_LINK_BUILDING), FL_OK);
    assert_int_equal(fl_versions_prune(versions), FL_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(committed_sequence(fixture->store), 0);
}

enum { STEP_OPEN, STEP_COMMIT_1, STEP_COMMIT_2, STEP_NEXT, STEP_PROMOTE, STEP_COMMIT_9 };

static int write_step(void *context, int number)
{
    struct fixture *fixture = context;
    switch (number) {
    case STEP_OPEN:
        return fl_store_open_writer(&fixture->options, &fixture->store);
    case STEP_COMMIT_1:
    case STEP_COMMIT_2:
    case STEP_COMMIT_9:
        return commit_head(fixture->store, number == STEP_COMMIT_1   ? 1
                                           : number == STEP_COMMIT_2 ? 2
                                                                     : 9);
    case STEP_NEXT:
        fixture->options.version = "1-2";
        fixture->options.detail = NULL;
        if (fl_store_open_writer(&fixture->options, &fixture->next) != FL_OK)
            return FL_INTERNAL;
        return commit_head(fixture->next, 5);
    case STEP_PROMOTE:
        if (fl_store_promote(fixture->next, &fixture->store) != FL_OK)
            return FL_INTERNAL;
        fixture->store = fixture->next;
        fixture->next = NULL;
        return FL_OK;
    default:
        return -1;
    }
}

static int64_t deadline(void)
{
    return fl_port_monotonic_ms(fl_port_system()) + 30000;
}

static void a_reader_sees_commits_and_follows_a_switch(void **state)
{
    struct fixture *fixture = *state;
    struct peer peer;
    struct fl_store_reader *reader = NULL;
    struct fl_store_read read;
    struct fl_chain_head head;
    peer_start(&peer, write_step, fixture);
    assert_int_equal(
        fl_store_open_reader(fixture->scratch.path, &sample_view, fl_port_system(), &reader),
        FL_OK);
    assert_int_equal(fl_store_read_begin(reader, &read), FL_UNAVAILABLE);
    assert_int_equal(peer_do(&peer, STEP_OPEN), FL_OK);
    assert_int_equal(peer_do(&peer, STEP_COMMIT_1), FL_OK);
    assert_int_equal(fl_store_wait(reader, 0, deadline()), FL_OK);
    peer_send(&peer, STEP_COMMIT_2);
    assert_int_equal(fl_store_wait(reader, 1, deadline()), FL_OK);
    assert_int_equal(peer_answer(&peer), FL_OK);
    assert_int_equal(fl_store_wait(reader, 2, fl_port_monotonic_ms(fl_port_system()) + 20),
                     FL_TIMEOUT);

    assert_int_equal(fl_store_read_begin(reader, &read), FL_OK);
    assert_int_equal(peer_do(&peer, STEP_NEXT), FL_OK);
    peer_send(&peer, STEP_PROMOTE);
    assert_int_equal(fl_store_wait(reader, 4, deadline()), FL_OK);
    assert_int_equal(peer_answer(&peer), FL_OK);
    fl_meta_head(read.kv, &head); /* the old read still sees its own snapshot */
    assert_int_equal(head.sequence, 2);
    assert_int_equal(fl_store_read_end(&read), FL_OK);
    peer_send(&peer, STEP_COMMIT_9);
    assert_int_equal(fl_store_wait(reader, 8, deadline()), FL_OK);
    assert_int_equal(peer_answer(&peer), FL_OK);
    assert_int_equal(fl_store_reader_sweep(reader), FL_OK);
    assert_int_equal(fl_store_reader_head(reader, &head), FL_OK);
    assert_int_equal(head.sequence, 9);
    fl_store_reader_close(&reader);
    assert_int_equal(peer_stop(&peer), 0);
}

struct waiting {
    struct fl_store_reader *reader;
    uint64_t sequence;
    enum fl_error result;
};

static void *wait_in_thread(void *argument)
{
    struct waiting *waiting = argument;
    waiting->result = fl_store_wait(waiting->reader, waiting->sequence, deadline());
    return NULL;
}

static void many_threads_wait_on_one_reader(void **state)
{
    struct fixture *fixture = *state;
    enum { THREADS = 6 };
    struct peer peer;
    struct waiting waiting[THREADS];
    pthread_t threads[THREADS];
    struct fl_store_reader *reader = NULL;
    peer_start(&peer, write_step, fixture);
    assert_int_equal(
        fl_store_open_reader(fixture->scratch.path, &sample_view, fl_port_system(), &reader),
        FL_OK);
    for (int i = 0; i < THREADS; i++) {
        waiting[i] = (struct waiting){reader, i % 2 == 0 ? 0 : i == 5 ? 100 : 1, FL_INTERNAL};
        pthread_create(&threads[i], NULL, wait_in_thread, &waiting[i]);
    }
    assert_int_equal(peer_do(&peer, STEP_OPEN), FL_OK);
    assert_int_equal(peer_do(&peer, STEP_COMMIT_1), FL_OK);
    for (int i = 0; i < THREADS; i += 2)
        pthread_join(threads[i], NULL);
    assert_int_equal(peer_do(&peer, STEP_COMMIT_2), FL_OK);
    pthread_join(threads[1], NULL);
    pthread_join(threads[3], NULL);
    fl_store_reader_wake(reader);
    pthread_join(threads[5], NULL);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(waiting[i].result, i == 5 ? FL_INTERRUPTED : FL_OK);
    fl_store_reader_close(&reader);
    assert_int_equal(peer_stop(&peer), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_first_writer_makes_the_current_version),
        TEST(an_abort_leaves_nothing),
        TEST(a_second_writer_is_refused_by_name),
        TEST(who_waits_for_the_lock_sleeps),
        TEST(rows_of_another_fold_version_are_refused),
        TEST(a_full_map_is_no_io_error),
        TEST(pruning_keeps_what_a_link_names),
        TEST(a_reader_sees_commits_and_follows_a_switch),
        TEST(many_threads_wait_on_one_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
