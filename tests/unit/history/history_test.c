/* SPDX-License-Identifier: Apache-2.0 */
/* The history view fed by hand: where a reading goes, what is removed when, what charts get, and
 * that a decade survives the readings it was made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/runner/fold.h"
#include "core/assert.h"
#include "core/bytes.h"
#include "core/journal_memory.h"
#include "projections/history/query.h"
#include "projections/store/digest.h"
#include "schemas/topics.h"
#include "tests/unit/devices/build_report.h"

enum { PARTITIONS = 2, DEVICE = 5, FIRST_DAY = 16000, MEMORY = 1 << 20, ARENA = 1 << 22 };

#define HOUR_MS ((int64_t)FL_HISTORY_HOUR_MS)
#define DAY_MS ((int64_t)FL_HISTORY_DAY_MS)
#define DAY_0 (FIRST_DAY * DAY_MS)

struct fixture {
    struct fl_memory_log *memory;
    struct fl_journal *journal;
    struct fl_kv *kv;
    struct fl_arena arena;
    uint64_t counter;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    fl_arena_init(&f->arena, ARENA);
    f->memory = fl_memory_log_open(NULL);
    assert_int_equal(fl_memory_log_attach(f->memory, &f->journal), FL_OK);
    for (unsigned i = 0; i < FL_TOPIC_COUNT; i++) {
        struct fl_topic_spec spec = fl_topic_row((enum fl_topic)i)->spec;
        if (i == FL_TOPIC_TELEMETRY) {
            spec.partition_count = PARTITIONS;
            spec.retention_ms = DAY_MS;
        }
        assert_int_equal(fl_journal_ensure_topic(f->journal, &spec), FL_OK);
    }
    f->kv = fl_kv_memory_open();
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    fl_kv_memory_close(&f->kv);
    fl_journal_close(&f->journal);
    fl_memory_log_close(&f->memory);
    fl_arena_fini(&f->arena);
    free(f);
    return 0;
}

static void append(struct fixture *f, const char *topic, uint32_t partition, struct fl_slice key,
                   struct fl_slice value, int64_t time_ms)
{
    uint64_t offset = 0;
    struct fl_record record = {.key = key, .value = value, .timestamp_ms = time_ms};
    struct fl_append batch = {topic, partition, 1, &record, FL_OFFSET_NONE, &offset};
    assert_int_equal(fl_journal_append(f->journal, &batch, 1), FL_OK);
}

/* A report; the builder's gateway has a clock 7 ms behind and receives after 5 ms. */
static void say_again(struct fixture *f, uint64_t counter, int64_t at_ms, const char *charge,
                      const char *voltage)
{
    const struct test_reading readings[] = {
        {"battery.charge", charge}, {"input.voltage", voltage}, {NULL, NULL}};
    const struct test_report report = {
        .number = DEVICE,
        .generation = 1,
        .counter = counter,
        .kind = FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL,
        .sampled_at_ms = at_ms + 7,
        .readings = readings,
    };
    uint8_t key[4];
    fl_arena_reset(&f->arena);
    append(f, "telemetry", DEVICE % PARTITIONS, fl_u32_key(DEVICE, key),
           test_report_value(&f->arena, &report), at_ms);
}

static void say(struct fixture *f, int64_t at_ms, const char *charge)
{
    say_again(f, ++f->counter, at_ms, charge, "?");
}

/* A tick of another partition: now is the newest of all. */
static void tick(struct fixture *f, int64_t at_ms)
{
    fl_arena_reset(&f->arena);
    append(f, "telemetry", 0, FL_SLICE_LITERAL(""), test_tick_value(&f->arena, 1, at_ms), at_ms);
}

static void fold(struct fixture *f, struct fl_kv *kv)
{
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    char detail[FL_DETAIL_SIZE] = "";
    assert_int_equal(fl_fold_target_end(fl_history_view(), f->journal, &targets, &count), FL_OK);
    struct fl_fold_options options = {
        .view = fl_history_view(),
        .journal = f->journal,
        .sink = fl_fold_sink_kv(kv),
        .targets = targets,
        .target_count = count,
        .memory_max = MEMORY,
        .detail = detail,
    };
    if (fl_fold_run(&options) != FL_OK || !fl_history_check(kv, detail))
        fail_msg("%s", detail);
    free(targets);
}

/* What the archivist does: every closed day goes to the topic. Returns how many. */
static unsigned archive(struct fixture *f)
{
    struct fl_history_open_day day;
    unsigned count = 0;
    bool more = fl_history_next_closed(f->kv, NULL, &day);
    for (; more; more = fl_history_next_closed(f->kv, &day, &day), count++) {
        uint8_t key[4];
        fl_arena_reset(&f->arena);
        const Fleetlog__V1__HistoryDay *record = fl_history_day(f->kv, &f->arena, &day);
        assert_non_null(record);
        size_t size = protobuf_c_message_get_packed_size(&record->base);
        uint8_t *bytes = fl_arena_alloc(&f->arena, size);
        protobuf_c_message_pack(&record->base, bytes);
        append(f, "history", 0, fl_u32_key(day.device_number, key), fl_slice_of(bytes, size),
               fl_history_now_ms(f->kv));
    }
    fold(f, f->kv);
    return count;
}

static struct fl_history_point points[FL_HISTORY_POINT_COUNT_MAX];

static struct fl_history_answer ask(struct fl_kv *kv, int64_t from_ms, int64_t to_ms,
                                    int64_t step_ms)
{
    const struct fl_history_query query = {
        .device_number = DEVICE,
        .quantity = FL_QUANTITY_BATTERY_CHARGE,
        .from_ms = from_ms,
        .to_ms = to_ms,
        .step_ms = step_ms,
        .point_count_max = FL_HISTORY_POINT_COUNT_MAX,
    };
    struct fl_history_answer answer = {.points = points};
    assert_int_equal(fl_history_read(kv, &query, &answer), FL_OK);
    return answer;
}

static void a_reading_stands_in_its_second_hour_and_day(void **state)
{
    struct fixture *f = *state;
    say(f, DAY_0 + 1000, "90");
    say(f, DAY_0 + 2000, "70");
    say(f, DAY_0 + HOUR_MS, "80");
    fold(f, f->kv);
    struct fl_history_answer answer = ask(f->kv, DAY_0, DAY_0 + DAY_MS, 1000);
    assert_int_equal(answer.source, FL_HISTORY_FROM_READINGS);
    assert_int_equal(answer.count, 3);
    assert_true(points[1].at_ms == DAY_0 + 2000 && points[1].cell.last == 70000);
    answer = ask(f->kv, DAY_0, DAY_0 + DAY_MS, HOUR_MS);
    assert_int_equal(answer.source, FL_HISTORY_FROM_HOURS);
    assert_int_equal(answer.count, 2);
    assert_int_equal(points[0].cell.min, 70000);
    assert_int_equal(points[0].cell.max, 90000);
    assert_int_equal(fl_history_cell_mean(&points[0].cell), 80000);
    assert_int_equal(points[0].cell.count, 2);
    /* The day is not over: its hours say it. */
    answer = ask(f->kv, DAY_0, DAY_0 + DAY_MS, DAY_MS);
    assert_int_equal(answer.source, FL_HISTORY_FROM_DAYS);
    assert_int_equal(answer.count, 1);
    assert_int_equal(points[0].cell.count, 3);
    assert_int_equal(points[0].cell.last, 80000);
    /* The end is excluded, the begin is not. */
    answer = ask(f->kv, DAY_0 + 1000, DAY_0 + 2000, 1000);
    assert_int_equal(answer.count, 1);
    assert_int_equal(points[0].cell.last, 90000);
}

static void only_good_values_count_and_each_report_once(void **state)
{
    struct fixture *f = *state;
    say(f, DAY_0, "90");
    say(f, DAY_0 + 1000, "255");
    say(f, DAY_0 + 2000, "120");
    say(f, DAY_0 + 3000, "much");
    say_again(f, 1, DAY_0, "90", "?");
    say_again(f, 1, DAY_0 + 5000, "10", "?");
    fold(f, f->kv);
    struct fl_history_answer answer = ask(f->kv, DAY_0, DAY_0 + DAY_MS, HOUR_MS);
    assert_int_equal(answer.count, 1);
    assert_int_equal(points[0].cell.count, 1);
    assert_int_equal(points[0].cell.min, 90000);
}

static void late_readings_fill_the_time_they_are_of(void **state)
{
    struct fixture *f = *state;
    say(f, DAY_0, "90");
    f->counter++;
    say(f, DAY_0 + 2 * HOUR_MS, "80");
    say_again(f, 2, DAY_0 + HOUR_MS, "85", "?");
    fold(f, f->kv);
    struct fl_history_answer answer = ask(f->kv, DAY_0, DAY_0 + DAY_MS, HOUR_MS);
    assert_int_equal(answer.count, 3);
    assert_true(points[1].at_ms == DAY_0 + HOUR_MS && points[1].cell.last == 85000);
    answer = ask(f->kv, DAY_0, DAY_0 + DAY_MS, DAY_MS);
    assert_int_equal(points[0].cell.last, 80000);
}

/* Below, at and above the end of the table of readings. */
static void readings_go_after_two_days(void **state)
{
    struct fixture *f = *state;
    int64_t kept_ms = DAY_0 + HOUR_MS;
    say(f, kept_ms - 1000, "90");
    say(f, kept_ms, "80");
    tick(f, kept_ms + FL_HISTORY_POINT_HOURS * HOUR_MS - 1);
    fold(f, f->kv);
    assert_int_equal(ask(f->kv, kept_ms, kept_ms + 1000, 1000).source, FL_HISTORY_FROM_READINGS);
    assert_int_equal(ask(f->kv, kept_ms - 1000, kept_ms + 1000, 1000).count, 2);
    tick(f, kept_ms + FL_HISTORY_POINT_HOURS * HOUR_MS);
    fold(f, f->kv);
    assert_int_equal(ask(f->kv, kept_ms, kept_ms + 1000, 1000).count, 1);
    struct fl_history_answer answer = ask(f->kv, kept_ms - 1000, kept_ms + 1000, 1000);
    assert_int_equal(answer.source, FL_HISTORY_FROM_HOURS);
    assert_int_equal(answer.step_ms, HOUR_MS);
    assert_int_equal(answer.count, 2);
}

static void hours_go_after_thirteen_months_and_days_after_ten_years(void **state)
{
    struct fixture *f = *state;
    say(f, DAY_0, "90");
    tick(f, DAY_0 + DAY_MS + FL_HISTORY_GRACE_MS);
    fold(f, f->kv);
    assert_int_equal(archive(f), 1);
    tick(f, DAY_0 + FL_HISTORY_HOUR_DAYS * DAY_MS + DAY_MS - 1);
    fold(f, f->kv);
    assert_int_equal(ask(f->kv, DAY_0, DAY_0 + HOUR_MS, HOUR_MS).source, FL_HISTORY_FROM_HOURS);
    tick(f, DAY_0 + FL_HISTORY_HOUR_DAYS * DAY_MS + DAY_MS);
    /* What is too late for the hours is too late for its day. */
    say(f, DAY_0 + 1, "10");
    fold(f, f->kv);
    struct fl_history_answer answer = ask(f->kv, DAY_0, DAY_0 + HOUR_MS, HOUR_MS);
    assert_int_equal(answer.source, FL_HISTORY_FROM_DAYS);
    assert_int_equal(answer.count, 1);
    assert_int_equal(points[0].cell.count, 1);
    tick(f, DAY_0 + FL_HISTORY_DAY_DAYS * DAY_MS + DAY_MS - 1);
    fold(f, f->kv);
    assert_int_equal(ask(f->kv, DAY_0, DAY_0 + DAY_MS, DAY_MS).count, 1);
    tick(f, DAY_0 + FL_HISTORY_DAY_DAYS * DAY_MS + DAY_MS);
    fold(f, f->kv);
    assert_int_equal(ask(f->kv, DAY_0, DAY_0 + DAY_MS, DAY_MS).count, 0);
}

static void a_day_closes_after_its_grace_and_again_for_late_readings(void **state)
{
    struct fixture *f = *state;
    say(f, DAY_0 + 1, "90");
    f->counter++;
    say(f, DAY_0 + 2, "80");
    tick(f, DAY_0 + DAY_MS + FL_HISTORY_GRACE_MS - 1);
    fold(f, f->kv);
    assert_int_equal(archive(f), 0);
    tick(f, DAY_0 + DAY_MS + FL_HISTORY_GRACE_MS);
    fold(f, f->kv);
    assert_int_equal(archive(f), 1);
    assert_int_equal(fl_history_revision(f->kv, FIRST_DAY, DEVICE), 2);
    assert_int_equal(archive(f), 0);
    say_again(f, 2, DAY_0 + 3, "70", "?");
    fold(f, f->kv);
    assert_int_equal(ask(f->kv, DAY_0, DAY_0 + DAY_MS, DAY_MS).count, 1);
    assert_int_equal(points[0].cell.min, 70000);
    assert_int_equal(archive(f), 1);
    assert_int_equal(fl_history_revision(f->kv, FIRST_DAY, DEVICE), 3);
    assert_int_equal(ask(f->kv, DAY_0, DAY_0 + DAY_MS, DAY_MS).count, 1);
    assert_int_equal(points[0].cell.count, 3);
}

static bool tables_are_equal(struct fl_kv *a, struct fl_kv *b, unsigned table)
{
    struct fl_kv_walk left;
    struct fl_kv_walk right;
    fl_kv_walk_begin(&left, a, table, FL_SLICE_NULL);
    fl_kv_walk_begin(&right, b, table, FL_SLICE_NULL);
    for (;;) {
        bool has_left = fl_kv_walk_next(&left);
        bool has_right = fl_kv_walk_next(&right);
        if (!has_left || !has_right)
            return has_left == has_right;
        if (!fl_slice_equal(left.key, right.key) || !fl_slice_equal(left.value, right.value))
            return false;
    }
}

/* Retention takes the readings; a fold of what is left has the same days, and with what is carried
 * over the same of everything. */
static void the_decade_survives_the_readings(void **state)
{
    struct fixture *f = *state;
    uint64_t begins[PARTITIONS];
    struct fl_difference first;
    char charge[8];
    char detail[FL_DETAIL_SIZE];
    for (int day = 0; day < 30; day++)
        for (int hour = 0; hour < 24; hour += 5) {
            snprintf(charge, sizeof(charge), "%d", 50 + (day * 7 + hour) % 50);
            say(f, DAY_0 + day * DAY_MS + hour * HOUR_MS, charge);
        }
    int64_t end_ms = DAY_0 + 30 * DAY_MS;
    say(f, end_ms + 2 * HOUR_MS, "99");
    tick(f, end_ms + 2 * HOUR_MS);
    fold(f, f->kv);
    assert_int_equal(archive(f), 30);
    assert_int_equal(fl_journal_maintain(f->journal, end_ms + 3 * HOUR_MS), FL_OK);
    for (uint32_t i = 0; i < PARTITIONS; i++) {
        uint64_t end = 0;
        assert_int_equal(fl_journal_offsets(f->journal, "telemetry", i, &begins[i], &end), FL_OK);
    }
    assert_true(begins[DEVICE % PARTITIONS] > 100);
    struct fl_kv *after = fl_kv_memory_open();
    fold(f, after);
    assert_true(tables_are_equal(f->kv, after, FL_HISTORY_DAYS));
    assert_true(tables_are_equal(f->kv, after, FL_HISTORY_CLOSED));
    assert_false(tables_are_equal(f->kv, after, FL_HISTORY_HOURS));
    assert_int_equal(ask(after, DAY_0, end_ms, DAY_MS).count, 30);
    fl_history_carry(f->kv, after, begins, PARTITIONS);
    fl_store_compare(f->kv, after, fl_history_view(), &first, NULL);
    if (first.kind != FL_DIFFERENCE_NONE)
        fail_msg("table %s differs", first.table);
    if (!fl_history_check(after, detail))
        fail_msg("%s", detail);
    fl_kv_memory_close(&after);
}

static void a_step_is_chosen_by_the_points_allowed(void **state)
{
    struct fixture *f = *state;
    say(f, DAY_0, "90");
    say(f, DAY_0 + 10 * DAY_MS, "80");
    fold(f, f->kv);
    struct fl_history_query query = {
        .device_number = DEVICE,
        .quantity = FL_QUANTITY_BATTERY_CHARGE,
        .from_ms = DAY_0,
        .to_ms = DAY_0 + 10 * DAY_MS,
        .point_count_max = 10,
    };
    struct fl_history_answer answer = {.points = points};
    assert_int_equal(fl_history_read(f->kv, &query, &answer), FL_OK);
    assert_int_equal(answer.step_ms, DAY_MS);
    query.point_count_max = 9;
    assert_int_equal(fl_history_read(f->kv, &query, &answer), FL_OK);
    assert_int_equal(answer.step_ms, 7 * DAY_MS);
    /* One point, wherever the multiples of steps lie. */
    query.point_count_max = 1;
    for (int64_t shift = 0; shift < 400; shift += 50) {
        query.from_ms = DAY_0 - shift * DAY_MS;
        assert_int_equal(fl_history_read(f->kv, &query, &answer), FL_OK);
    }
    query.from_ms = DAY_0;
    query.point_count_max = 9;
    query.step_ms = DAY_MS;
    assert_int_equal(fl_history_read(f->kv, &query, &answer), FL_TOO_LARGE);
    query.point_count_max = 10;
    assert_int_equal(fl_history_read(f->kv, &query, &answer), FL_OK);
    query.step_ms = FL_HISTORY_STEP_MS_MIN - 1;
    assert_int_equal(fl_history_read(f->kv, &query, &answer), FL_INVALID);
    query.step_ms = 0;
    query.to_ms = query.from_ms;
    assert_int_equal(fl_history_read(f->kv, &query, &answer), FL_INVALID);
    /* All of time is answered, too: nothing is read where nothing can be. */
    query.from_ms = 0;
    query.to_ms = INT64_MAX / 2;
    query.point_count_max = FL_HISTORY_POINT_COUNT_MAX;
    assert_int_equal(fl_history_read(f->kv, &query, &answer), FL_OK);
    assert_int_equal(answer.count, 2);
}

static void a_record_that_says_less_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct fl_history_cell cell;
    say(f, DAY_0 + 1, "90");
    say(f, DAY_0 + 2, "80");
    tick(f, DAY_0 + 2 * DAY_MS);
    fold(f, f->kv);
    assert_int_equal(archive(f), 1);
    fl_history_sum_days(f->kv, DEVICE, FL_QUANTITY_BATTERY_CHARGE, FIRST_DAY, FIRST_DAY + 1, &cell);
    assert_int_equal(cell.count, 2);
    /* The same day by somebody who has met one reading only. */
    Fleetlog__V1__HistoryQuantity quantity = FLEETLOG__V1__HISTORY_QUANTITY__INIT;
    Fleetlog__V1__HistoryQuantity *quantities[] = {&quantity};
    Fleetlog__V1__HistoryDay day = FLEETLOG__V1__HISTORY_DAY__INIT;
    uint8_t bytes[128];
    uint8_t key[4];
    quantity.name = "battery.charge";
    quantity.last_at_ms = DAY_0 + 1;
    quantity.count = 1;
    day.device_number = DEVICE;
    day.day = FIRST_DAY;
    day.generation = 1;
    day.counter = 1;
    day.n_quantities = 1;
    day.quantities = quantities;
    for (day.revision = 1; day.revision <= 3; day.revision++) {
        size_t size = fleetlog__v1__history_day__pack(&day, bytes);
        append(f, "history", 0, fl_u32_key(DEVICE, key), fl_slice_of(bytes, size), DAY_0);
        fold(f, f->kv);
        fl_history_sum_days(f->kv, DEVICE, FL_QUANTITY_BATTERY_CHARGE, FIRST_DAY, FIRST_DAY + 1,
                            &cell);
        assert_int_equal(cell.count, day.revision < 3 ? 2 : 1);
    }
}

/* A record whose values cannot be of its day is parked, with its device. */
static void a_record_that_cannot_be_is_not_taken(void **state)
{
    struct fixture *f = *state;
    Fleetlog__V1__HistoryQuantity quantity = FLEETLOG__V1__HISTORY_QUANTITY__INIT;
    Fleetlog__V1__HistoryQuantity *quantities[] = {&quantity};
    Fleetlog__V1__HistoryDay day = FLEETLOG__V1__HISTORY_DAY__INIT;
    uint8_t bytes[128];
    uint8_t key[4];
    quantity.name = "battery.charge";
    quantity.count = 1;
    day.day = FIRST_DAY;
    day.revision = day.generation = day.counter = 1;
    day.n_quantities = 1;
    day.quantities = quantities;
    static const struct {
        int64_t last_at_ms;
        int64_t last;
        bool good;
    } cases[] = {{DAY_0, 0, true},      {DAY_0 + DAY_MS - 1, 0, true},
                 {DAY_0 - 1, 0, false}, {DAY_0 + DAY_MS, 0, false},
                 {DAY_0, 1, false},     {DAY_0, -1, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        day.device_number = (uint32_t)i + 1;
        quantity.last_at_ms = cases[i].last_at_ms;
        quantity.last = cases[i].last;
        size_t size = fleetlog__v1__history_day__pack(&day, bytes);
        append(f, "history", 0, fl_u32_key(day.device_number, key), fl_slice_of(bytes, size),
               DAY_0);
    }
    fold(f, f->kv);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(fl_history_revision(f->kv, FIRST_DAY, (uint32_t)i + 1), cases[i].good);
}

/* An agent signs whatever it likes; the sum with the gateway's offset must not overflow. */
static void a_clock_that_is_none_is_of_no_time(void **state)
{
    struct fixture *f = *state;
    const struct test_reading readings[] = {{"battery.charge", "50"}, {NULL, NULL}};
    const struct test_report report = {.number = DEVICE,
                                       .generation = 1,
                                       .counter = ++f->counter,
                                       .kind = FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL,
                                       .sampled_at_ms = INT64_MIN,
                                       .readings = readings};
    uint8_t key[4];
    fl_arena_reset(&f->arena);
    append(f, "telemetry", DEVICE % PARTITIONS, fl_u32_key(DEVICE, key),
           test_report_value(&f->arena, &report), 1);
    fold(f, f->kv);
    assert_int_equal(fl_history_revision(f->kv, 0, DEVICE), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reading_stands_in_its_second_hour_and_day),
        TEST(only_good_values_count_and_each_report_once),
        TEST(late_readings_fill_the_time_they_are_of),
        TEST(readings_go_after_two_days),
        TEST(hours_go_after_thirteen_months_and_days_after_ten_years),
        TEST(a_day_closes_after_its_grace_and_again_for_late_readings),
        TEST(the_decade_survives_the_readings),
        TEST(a_step_is_chosen_by_the_points_allowed),
        TEST(a_record_that_says_less_changes_nothing),
        TEST(a_record_that_cannot_be_is_not_taken),
        TEST(a_clock_that_is_none_is_of_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
