/* SPDX-License-Identifier: Apache-2.0 */
/* A view that was folded before retention removed reports, and a rebuild after it: with what is
 * carried over the rows are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/runner/fold.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "core/journal_memory.h"
#include "core/port.h"
#include "projections/devices/devices.h"
#include "projections/store/digest.h"
#include "schemas/topics.h"
#include "tests/unit/devices/build_report.h"
#include "tests/unit/store/interleave.h"

enum { PARTITIONS = 2, DEVICES = 8, RETENTION_MS = 60 * 60 * 1000 };

static void make_topics(struct fl_journal *journal)
{
    for (unsigned i = 0; i < FL_TOPIC_COUNT; i++) {
        struct fl_topic_spec spec = fl_topic_row((enum fl_topic)i)->spec;
        if (i == FL_TOPIC_TELEMETRY) {
            spec.partition_count = PARTITIONS;
            spec.retention_ms = RETENTION_MS;
        }
        fl_assert(fl_journal_ensure_topic(journal, &spec) == FL_OK);
    }
}

static void append(struct fl_journal *journal, uint32_t number, struct fl_slice value,
                   int64_t time_ms)
{
    uint8_t key[4];
    uint64_t offset = 0;
    fl_put_u32(key, number);
    struct fl_record record = {.key = fl_slice_of(key, 4), .value = value, .timestamp_ms = time_ms};
    struct fl_append batch = {"telemetry", number % PARTITIONS, 1,
                              &record,     FL_OFFSET_NONE,      &offset};
    fl_assert(fl_journal_append(journal, &batch, 1) == FL_OK);
}

/* The next report of a device: all of it, or a change. */
static void report(struct fl_journal *journal, struct fl_arena *arena, uint64_t *seed,
                   uint64_t *counters, uint32_t number, int64_t time_ms)
{
    static const struct test_reading full[] = {{"ups.status", "OL"},
                                               {"battery.charge", "100"},
                                               {"input.voltage", "230.1"},
                                               {"my.own", "word"},
                                               {NULL, NULL}};
    static const struct test_reading changes[] = {{"ups.status", "OB"}, {NULL, NULL}};
    bool is_full = counters[number] == 0 || interleave_draw(seed, 6) == 0;
    counters[number] += 1 + interleave_draw(seed, 20) / 19;
    const struct test_report row = {
        .number = number,
        .generation = 1,
        .counter = counters[number],
        .kind = is_full ? FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL
                        : FLEETLOG__V1__REPORT_KIND__REPORT_KIND_CHANGES,
        .sampled_at_ms = time_ms,
        .readings = is_full ? full : changes,
    };
    fl_arena_reset(arena);
    append(journal, number, test_report_value(arena, &row), time_ms);
}

static void fold(struct fl_journal *journal, struct fl_kv *kv)
{
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    char detail[FL_DETAIL_SIZE];
    assert_int_equal(fl_fold_target_end(fl_devices_view(), journal, &targets, &count), FL_OK);
    struct fl_fold_options options = {
        .view = fl_devices_view(),
        .journal = journal,
        .sink = fl_fold_sink_kv(kv),
        .targets = targets,
        .target_count = count,
        .detail = detail,
    };
    if (fl_fold_run(&options) != FL_OK)
        fail_msg("%s", detail);
    free(targets);
}

static bool are_equal(struct fl_kv *a, struct fl_kv *b)
{
    struct fl_difference first;
    fl_store_compare(a, b, fl_devices_view(), &first, NULL);
    return first.kind == FL_DIFFERENCE_NONE;
}

static void rows_are_the_same_with_what_is_carried(void **state)
{
    (void)state;
    uint64_t seed = interleave_seed();
    uint64_t counters[DEVICES + 1] = {0};
    uint64_t begins[PARTITIONS];
    char detail[FL_DETAIL_SIZE];
    struct fl_arena arena;
    struct fl_memory_log *memory = fl_memory_log_open(NULL);
    struct fl_journal *journal = NULL;
    int64_t now_ms = fl_port_wall_ms(fl_port_system());
    int64_t old_ms = now_ms - 2 * RETENTION_MS;
    fl_arena_init(&arena, 1 << 20);
    assert_int_equal(fl_memory_log_attach(memory, &journal), FL_OK);
    make_topics(journal);
    struct fl_kv *before = fl_kv_memory_open();
    struct fl_kv *after = fl_kv_memory_open();
    append(journal, 1, test_tick_value(&arena, 9, old_ms), old_ms);
    for (int i = 0; i < 200; i++)
        report(journal, &arena, &seed, counters, 1 + interleave_draw(&seed, DEVICES), old_ms);
    /* Devices 1 and 2 are silent from now on. */
    for (int i = 0; i < 60; i++)
        report(journal, &arena, &seed, counters, 3 + interleave_draw(&seed, DEVICES - 2), now_ms);
    append(journal, 1, test_tick_value(&arena, 1, now_ms), now_ms);
    fold(journal, before);
    assert_int_equal(fl_journal_maintain(journal, now_ms), FL_OK);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        uint64_t end = 0;
        assert_int_equal(fl_journal_offsets(journal, "telemetry", i, &begins[i], &end), FL_OK);
        assert_true(begins[i] > 0 && begins[i] < end);
    }
    fold(journal, after);
    assert_false(are_equal(before, after));
    fl_devices_carry(before, after, begins, PARTITIONS);
    assert_int_equal(before->error, FL_OK);
    assert_int_equal(after->error, FL_OK);
    assert_true(are_equal(before, after));
    if (!fl_devices_check(after, detail))
        fail_msg("%s", detail);
    struct fl_latest row;
    assert_true(fl_devices_row(after, 1, &row));
    assert_true(fl_devices_is_carried(&row, begins, PARTITIONS));
    fl_kv_memory_close(&before);
    fl_kv_memory_close(&after);
    fl_arena_fini(&arena);
    fl_journal_close(&journal);
    fl_memory_log_close(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_the_same_with_what_is_carried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
