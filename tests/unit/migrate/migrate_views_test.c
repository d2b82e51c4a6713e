/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/journal_memory.h"
#include "projections/devices/devices.h"
#include "projections/store/parked.h"
#include "projections/store/store.h"
#include "replay/migrate/views.h"
#include "tests/unit/migrate/log_fixture.h"
#include "tests/unit/scratch.h"
#include "tests/unit/store/sample_view.h"

enum { COUNT = 100, HOUR_MS = 3600 * 1000, MAP_SIZE = 16 << 20 };

struct fixture {
    struct fl_port_virtual port;
    struct fl_memory_log *log;
    struct fl_journal *source;
    struct fl_scratch scratch;
    struct fl_view view; /* the sample, which notes how it was renumbered */
};

/* The hook knows nothing but its rows, so it writes down there what it was told. */
static void note_renumber(struct fl_kv *kv, uint32_t partition, uint64_t subtract)
{
    char key[32];
    char value[32];
    snprintf(key, sizeof(key), "renumbered %u", partition);
    snprintf(value, sizeof(value), "%llu", (unsigned long long)subtract);
    fl_kv_put(kv, SAMPLE_LATEST, fl_slice_text(key), fl_slice_text(value));
}

/* A source whose telemetry begins at COUNT and whose subjects have gaps. */
static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    fl_port_virtual_init(&fixture->port, 1, 1700000000000);
    fixture->log = fl_memory_log_open(&fixture->port.port);
    assert_int_equal(fl_memory_log_attach(fixture->log, &fixture->source), FL_OK);
    log_fixture_topics_make(fixture->source);
    log_fixture_fill(fixture->source, 7, COUNT, fixture->port.wall_ms);
    fl_port_virtual_step(&fixture->port, 2 * HOUR_MS);
    log_fixture_append(fixture->source, "telemetry", "young", fixture->port.wall_ms);
    log_fixture_append(fixture->source, "telemetry", "younger", fixture->port.wall_ms);
    for (int i = 0; i < 50; i++)
        assert_int_equal(fl_journal_maintain(fixture->source, fixture->port.wall_ms), FL_OK);
    fl_scratch_make(&fixture->scratch);
    fixture->view = sample_view;
    fixture->view.renumber = note_renumber;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fl_journal_close(&fixture->source);
    fl_memory_log_close(&fixture->log);
    fl_scratch_remove(&fixture->scratch);
    free(fixture);
    return 0;
}

static struct fl_store *open_store(struct fixture *fixture)
{
    struct fl_store *store = NULL;
    struct fl_store_options options = {
        .views_directory = fixture->scratch.path,
        .view = &fixture->view,
        .map_size = MAP_SIZE,
        .port = &fixture->port.port,
    };
    assert_int_equal(fl_store_open_writer(&options, &store), FL_OK);
    assert_int_equal(fl_store_begin(store), FL_OK);
    return store;
}

static void set_position(struct fl_kv *kv, enum fl_topic topic, uint32_t partition, uint64_t next)
{
    struct fl_position position = {.next = next, .last = next - 1, .last_time_ms = 5};
    memset(position.last_hash, 0x5a, sizeof(position.last_hash));
    fl_meta_set_position(kv, topic, partition, &position);
}

static void expect_position(struct fl_kv *kv, enum fl_topic topic, uint32_t partition,
                            uint64_t next, uint64_t last)
{
    struct fl_position position = fl_meta_position(kv, topic, partition);
    assert_true(position.next == next);
    assert_true(position.last == last);
    assert_int_equal(position.last_time_ms, 5);
    assert_int_equal(position.last_hash[0], 0x5a);
}

static enum fl_error move(struct fixture *fixture, bool only_check, unsigned *moved,
                          char detail[FL_MIGRATE_DETAIL_SIZE])
{
    const struct fl_view *views[] = {&fixture->view};
    struct fl_migrate_views options = {
        .directory = fixture->scratch.path,
        .views = views,
        .view_count = 1,
        .source = fixture->source,
        .target_identity = "cluster",
        .map_size = MAP_SIZE,
        .port = &fixture->port.port,
    };
    return only_check ? fl_migrate_views_check(&options, detail)
                      : fl_migrate_views_move(&options, moved, detail);
}

static void positions_become_ranks_once(void **state)
{
    struct fixture *fixture = *state;
    char detail[FL_MIGRATE_DETAIL_SIZE];
    char identity[FL_JOURNAL_IDENTITY_SIZE];
    unsigned moved = 7;
    struct fl_slice value;
    assert_int_equal(move(fixture, false, &moved, detail), FL_OK); /* no rows yet */
    assert_int_equal(moved, 0);
    struct fl_store *store = open_store(fixture);
    set_position(fl_store_kv(store), FL_TOPIC_EVENTS, 0, 17);
    set_position(fl_store_kv(store), FL_TOPIC_TELEMETRY, 0, COUNT + 1);
    set_position(fl_store_kv(store), FL_TOPIC_TELEMETRY, 1, COUNT);
    set_position(fl_store_kv(store), FL_TOPIC_SUBJECTS, 0, COUNT);
    assert_int_equal(fl_store_commit(store), FL_OK);
    fl_store_close(&store);

    assert_int_equal(move(fixture, true, NULL, detail), FL_OK);
    assert_int_equal(move(fixture, false, &moved, detail), FL_OK);
    assert_int_equal(moved, 1);
    assert_int_equal(move(fixture, false, &moved, detail), FL_OK);
    assert_int_equal(moved, 0);
    uint64_t subjects = log_fixture_count(fixture->source, "subjects", 0);
    assert_true(subjects < COUNT);
    store = open_store(fixture);
    struct fl_kv *kv = fl_store_kv(store);
    expect_position(kv, FL_TOPIC_EVENTS, 0, 17, 16);
    expect_position(kv, FL_TOPIC_TELEMETRY, 0, 1, 0);
    expect_position(kv, FL_TOPIC_TELEMETRY, 1, 0, FL_OFFSET_NONE); /* retention took it */
    expect_position(kv, FL_TOPIC_SUBJECTS, 0, subjects, subjects - 1);
    assert_true(fl_kv_get(kv, SAMPLE_LATEST, FL_SLICE_LITERAL("renumbered 0"), &value));
    assert_true(fl_slice_is(value, "100"));
    assert_true(fl_kv_get(kv, SAMPLE_LATEST, FL_SLICE_LITERAL("renumbered 1"), &value));
    assert_true(fl_meta_moved_to(kv, identity));
    assert_string_equal(identity, "cluster");
    fl_store_close(&store);
}

static void parked_records_whose_offsets_would_change_are_decided_on_first(void **state)
{
    struct fixture *fixture = *state;
    char detail[FL_MIGRATE_DETAIL_SIZE];
    unsigned moved = 0;
    const struct fl_parked_key key = {FL_TOPIC_TELEMETRY, 0, FL_SLICE_LITERAL("dev1")};
    struct fl_record record = {.key = key.key, .value = FL_SLICE_LITERAL("bad")};
    struct fl_store *store = open_store(fixture);
    struct fl_kv *kv = fl_store_kv(store);
    set_position(kv, FL_TOPIC_TELEMETRY, 0, COUNT + 1);
    fl_parked_add(kv, &key, COUNT, &record, true);
    struct fl_meta_counts counts = fl_meta_counts(kv);
    counts.parked = 1;
    fl_meta_set_counts(kv, &counts);
    assert_int_equal(fl_store_commit(store), FL_OK);
    fl_store_close(&store);
    assert_int_equal(move(fixture, true, NULL, detail), FL_INVALID);
    assert_non_null(strstr(detail, "1 parked records"));
    assert_int_equal(move(fixture, false, &moved, detail), FL_INVALID);
    store = open_store(fixture);
    expect_position(fl_store_kv(store), FL_TOPIC_TELEMETRY, 0, COUNT + 1, COUNT);
    fl_store_close(&store);
}

static void a_running_writer_is_named(void **state)
{
    struct fixture *fixture = *state;
    char detail[FL_MIGRATE_DETAIL_SIZE];
    unsigned moved = 0;
    struct fl_store *store = open_store(fixture);
    assert_int_equal(fl_store_commit(store), FL_OK);
    assert_int_equal(move(fixture, false, &moved, detail), FL_LOCKED);
    assert_non_null(strstr(detail, "view sample"));
    fl_store_close(&store);
}

static void latest_rows_follow_their_partition(void **state)
{
    struct fl_kv *kv = fl_kv_memory_open();
    (void)state;
    for (uint32_t number = 0; number < 4; number++) {
        uint8_t key[4] = {0, 0, 0, (uint8_t)number};
        uint8_t bytes[FL_LATEST_SIZE];
        struct fl_latest row;
        fl_latest_init(&row);
        row.partition = number % 2;
        row.full_offset = number < 2 ? 40 : 200;
        row.last_offset = 201 + number;
        fl_latest_encode(&row, bytes);
        fl_kv_put(kv, FL_DEVICES_ROWS, fl_slice_of(key, sizeof(key)),
                  fl_slice_of(bytes, sizeof(bytes)));
    }
    fl_devices_renumber(kv, 1, 100);
    static const uint64_t full[] = {40, FL_OFFSET_NONE, 200, 100};
    static const uint64_t last[] = {201, 102, 203, 104};
    for (uint32_t number = 0; number < 4; number++) {
        struct fl_latest row;
        assert_true(fl_devices_row(kv, number, &row));
        assert_true(row.full_offset == full[number]);
        assert_true(row.last_offset == last[number]);
    }
    fl_kv_memory_close(&kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(positions_become_ranks_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            parked_records_whose_offsets_would_change_are_decided_on_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_running_writer_is_named, set_up, tear_down),
        cmocka_unit_test(latest_rows_follow_their_partition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
