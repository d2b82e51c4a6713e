/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/devices/devices.h"

#include <string.h>

#include "fleetlog/v1/events.pb-c.h"
#include "tests/unit/devices/build_report.h"
#include "tests/unit/node/test.h"

/* A view over a store in memory, fed by hand. */
struct feed {
    const struct fl_view *view;
    void *fold;
    struct fl_kv *kv;
    struct fl_arena arena;
    uint64_t offset;
    char detail[FL_DETAIL_SIZE];
};

static void feed_open(struct feed *feed)
{
    memset(feed, 0, sizeof(*feed));
    feed->view = fl_devices_view();
    assert_int_equal(feed->view->open(1 << 20, &feed->fold), FL_OK);
    feed->kv = fl_kv_memory_open();
    fl_arena_init(&feed->arena, 1 << 26);
}

static void feed_close(struct feed *feed)
{
    feed->view->close(feed->fold);
    fl_kv_memory_close(&feed->kv);
    fl_arena_fini(&feed->arena);
}

static void feed_flush(struct feed *feed)
{
    feed->view->flush(feed->fold, feed->kv);
    assert_int_equal(feed->kv->error, FL_OK);
    if (!feed->view->check(feed->kv, feed->detail))
        fail_msg("%s", feed->detail);
}

static enum fl_error feed_value(struct feed *feed, uint32_t partition, struct fl_slice value)
{
    struct fl_record record = {.value = value};
    struct fl_view_input input = {.kind = FL_READS_TELEMETRY,
                                  .partition = partition,
                                  .offset = feed->offset++,
                                  .record = &record};
    return feed->view->apply(feed->fold, feed->kv, &input, feed->detail);
}

static enum fl_error feed_report(struct feed *feed, struct test_report report)
{
    return feed_value(feed, report.number % 12, test_report_value(&feed->arena, &report));
}

static void feed_event(struct feed *feed, enum fl_message_type type, const void *message)
{
    struct fl_envelope envelope = {.row = fl_catalogue_row(type)};
    struct fl_view_input input = {
        .kind = FL_READS_EVENTS, .envelope = &envelope, .message = message};
    assert_int_equal(feed->view->apply(feed->fold, feed->kv, &input, feed->detail), FL_OK);
}

struct collected {
    char text[4096];
};

static void collect(void *context, struct fl_slice name, struct fl_slice value, bool is_stale)
{
    struct collected *all = context;
    size_t used = strlen(all->text);
    snprintf(all->text + used, sizeof(all->text) - used, "%.*s=%.*s%s;", (int)name.size, name.data,
             (int)value.size, value.data, is_stale ? "(stale)" : "");
}

static void expect_raw(struct feed *feed, uint32_t number, const char *text)
{
    struct collected all = {.text = ""};
    fl_devices_each_raw(feed->kv, number, collect, &all);
    assert_string_equal(all.text, text);
}

enum {
    FULL = FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL,
    CHANGES = FLEETLOG__V1__REPORT_KIND__REPORT_KIND_CHANGES,
    STALE = FLEETLOG__V1__REPORT_KIND__REPORT_KIND_STALE
};

#define READINGS(...)                                                                              \
    (const struct test_reading[])                                                                  \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            NULL, NULL                                                                             \
        }                                                                                          \
    }
#define REPORT(n, c, k, ...)                                                                       \
    (struct test_report)                                                                           \
    {                                                                                              \
        .number = n, .generation = 1, .counter = c, .kind = (Fleetlog__V1__ReportKind)(k),         \
        .sampled_at_ms = 1000 + (int64_t)(c), .readings = __VA_ARGS__                              \
    }

static void expect_same_row(const struct fl_latest *a, const struct fl_latest *b)
{
    uint8_t a_bytes[FL_LATEST_SIZE];
    uint8_t b_bytes[FL_LATEST_SIZE];
    fl_latest_encode(a, a_bytes);
    fl_latest_encode(b, b_bytes);
    assert_memory_equal(a_bytes, b_bytes, sizeof(a_bytes));
}

static void test_latest_values(void **state)
{
    struct feed feed;
    struct fl_latest row;
    (void)state;
    feed_open(&feed);
    assert_int_equal(
        feed_report(&feed,
                    REPORT(5, 1, FULL,
                           READINGS({"ups.status", "OL"}, {"battery.charge", "100"},
                                    {"vendor.odd", "x y"}, {"device.model", " Smart-UPS "}))),
        FL_OK);
    feed_flush(&feed);
    expect_raw(&feed, 5,
               "ups.status=OL;battery.charge=100;device.model= Smart-UPS ;vendor.odd=x y;");
    assert_int_equal(
        feed_report(&feed, REPORT(5, 2, CHANGES, READINGS({"ups.status", "OB DISCHRG"}))), FL_OK);
    feed_flush(&feed);
    expect_raw(&feed, 5,
               "ups.status=OB DISCHRG;battery.charge=100;device.model= Smart-UPS ;vendor.odd=x y;");
    assert_true(fl_devices_row(feed.kv, 5, &row));
    assert_int_equal(row.status & ~(uint32_t)FL_STATUS_KNOWN, FL_STATUS_OB | FL_STATUS_DISCHRG);
    assert_int_equal(row.values[FL_QUANTITY_BATTERY_CHARGE].thousandths, 100000);
    assert_true(row.full_offset == 0 && row.last_offset == 1 && row.counter == 2);
    /* What a full report does not name is gone. */
    assert_int_equal(feed_report(&feed, REPORT(5, 3, FULL, READINGS({"battery.charge", "90"}))),
                     FL_OK);
    feed_flush(&feed);
    expect_raw(&feed, 5, "battery.charge=90;");
    assert_true(fl_devices_row(feed.kv, 5, &row));
    assert_int_equal(row.status, 0);
    feed_close(&feed);
}

static void test_late_and_repeated_reports_change_nothing(void **state)
{
    struct feed feed;
    struct fl_latest before;
    struct fl_latest after;
    (void)state;
    feed_open(&feed);
    assert_int_equal(feed_report(&feed, REPORT(1, 5, FULL, READINGS({"battery.charge", "50"}))),
                     FL_OK);
    feed_flush(&feed);
    assert_true(fl_devices_row(feed.kv, 1, &before));
    assert_int_equal(feed_report(&feed, REPORT(1, 5, FULL, READINGS({"battery.charge", "51"}))),
                     FL_OK);
    assert_int_equal(feed_report(&feed, REPORT(1, 4, CHANGES, READINGS({"battery.charge", "52"}))),
                     FL_OK);
    feed_flush(&feed);
    assert_true(fl_devices_row(feed.kv, 1, &after));
    expect_same_row(&before, &after);
    /* A later generation begins again, whatever its counter. */
    struct test_report next = REPORT(1, 1, FULL, READINGS({"battery.charge", "53"}));
    next.generation = 2;
    assert_int_equal(feed_report(&feed, next), FL_OK);
    feed_flush(&feed);
    expect_raw(&feed, 1, "battery.charge=53;");
    feed_close(&feed);
}

static void test_a_gap_makes_values_stale_until_the_next_full_report(void **state)
{
    struct feed feed;
    struct fl_latest row;
    (void)state;
    feed_open(&feed);
    assert_int_equal(
        feed_report(&feed,
                    REPORT(1, 1, FULL, READINGS({"battery.charge", "50"}, {"ups.load", "20"}))),
        FL_OK);
    assert_int_equal(feed_report(&feed, REPORT(1, 3, CHANGES, READINGS({"ups.load", "21"}))),
                     FL_OK);
    feed_flush(&feed);
    expect_raw(&feed, 1, "battery.charge=50(stale);ups.load=21;");
    assert_true(fl_devices_row(feed.kv, 1, &row));
    assert_int_equal(fl_latest_quality(&row, FL_QUANTITY_BATTERY_CHARGE), FL_QUALITY_STALE);
    assert_int_equal(fl_latest_quality(&row, FL_QUANTITY_LOAD), FL_QUALITY_OK);
    assert_int_equal(feed_report(&feed, REPORT(1, 4, STALE, NULL)), FL_OK);
    assert_int_equal(feed_report(&feed, REPORT(1, 5, FULL, READINGS({"battery.charge", "49"}))),
                     FL_OK);
    feed_flush(&feed);
    expect_raw(&feed, 1, "battery.charge=49;");
    feed_close(&feed);
}

static void test_a_removed_device_stays_removed(void **state)
{
    struct feed feed;
    struct fl_device_fact fact;
    uint32_t number = 0;
    char id[] = "0198c0de-0000-7000-8000-000000000001";
    (void)state;
    feed_open(&feed);
    Fleetlog__V1__DeviceRegistered registered = FLEETLOG__V1__DEVICE_REGISTERED__INIT;
    registered.device_id = id;
    registered.device_number = 9;
    registered.generation = 1;
    feed_event(&feed, FL_MESSAGE_DeviceRegistered, &registered);
    assert_true(fl_devices_number(feed.kv, fl_slice_text(id), &number));
    assert_int_equal(number, 9);
    Fleetlog__V1__DeviceRemoved removed = FLEETLOG__V1__DEVICE_REMOVED__INIT;
    removed.device_id = id;
    removed.device_number = 9;
    feed_event(&feed, FL_MESSAGE_DeviceRemoved, &removed);
    assert_int_equal(feed_report(&feed, REPORT(9, 1, FULL, READINGS({"battery.charge", "50"}))),
                     FL_OK);
    feed_flush(&feed);
    assert_true(fl_devices_fact(feed.kv, 9, &fact));
    assert_true(fact.removed);
    feed_close(&feed);
}

static void test_too_many_odd_names_are_refused_whole(void **state)
{
    static char names[FL_RAW_OTHER_COUNT_MAX + 1][16];
    static struct test_reading readings[FL_RAW_OTHER_COUNT_MAX + 2];
    struct feed feed;
    struct fl_latest before;
    struct fl_latest after;
    (void)state;
    feed_open(&feed);
    for (size_t i = 0; i < FL_RAW_OTHER_COUNT_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "odd.%zu", i);
        readings[i] = (struct test_reading){names[i], "v"};
    }
    readings[FL_RAW_OTHER_COUNT_MAX].name = NULL;
    assert_int_equal(feed_report(&feed, REPORT(1, 1, FULL, readings)), FL_OK);
    feed_flush(&feed);
    assert_true(fl_devices_row(feed.kv, 1, &before));
    assert_int_equal(feed_report(&feed, REPORT(1, 2, CHANGES, READINGS({"one.more", "v"}))),
                     FL_TOO_LARGE);
    feed_flush(&feed);
    assert_true(fl_devices_row(feed.kv, 1, &after));
    expect_same_row(&before, &after);
    feed_close(&feed);
}

static void test_silence_is_measured_in_ticks_of_the_same_gateway(void **state)
{
    struct feed feed;
    struct fl_latest row;
    (void)state;
    feed_open(&feed);
    assert_int_equal(feed_report(&feed, REPORT(3, 1, FULL, READINGS({"battery.charge", "50"}))),
                     FL_OK);
    feed_flush(&feed);
    assert_true(fl_devices_row(feed.kv, 3, &row)); /* received at 1006 by gateway 1 */
    assert_int_equal(fl_devices_silence_ms(feed.kv, &row), 0);
    assert_int_equal(feed_value(&feed, 3, test_tick_value(&feed.arena, 1, 31006)), FL_OK);
    assert_int_equal(feed_value(&feed, 4, test_tick_value(&feed.arena, 1, 99006)), FL_OK);
    assert_int_equal(feed_value(&feed, 3, test_tick_value(&feed.arena, 2, 61006)), FL_OK);
    feed_flush(&feed);
    assert_int_equal(fl_devices_silence_ms(feed.kv, &row), 30000);
    /* Its gateway has been silent for exactly ten minutes, then for more: another's ticks count. */
    assert_int_equal(feed_value(&feed, 3, test_tick_value(&feed.arena, 2, 631006)), FL_OK);
    feed_flush(&feed);
    assert_int_equal(fl_devices_silence_ms(feed.kv, &row), 30000);
    assert_int_equal(feed_value(&feed, 3, test_tick_value(&feed.arena, 2, 631007)), FL_OK);
    feed_flush(&feed);
    assert_int_equal(fl_devices_silence_ms(feed.kv, &row), 630001);
    feed_close(&feed);
}

/* The same reports in other batches, partitions interleaved otherwise, some twice: the same rows,
 * byte for byte. */
static void test_batches_and_interleaving_do_not_matter(void **state)
{
    enum { DEVICES = 7, ROUNDS = 30 };
    struct feed a;
    struct feed b;
    (void)state;
    feed_open(&a);
    feed_open(&b);
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        for (uint32_t n = 1; n <= DEVICES; n++) {
            char value[16];
            snprintf(value, sizeof(value), "%llu", (unsigned long long)(round * n % 101));
            a.offset = round;
            assert_int_equal(
                feed_report(&a, REPORT(n, round, round % 10 == 1 ? FULL : CHANGES,
                                       READINGS({"battery.charge", value},
                                                {round % 3 ? "odd.x" : "ups.load", value}))),
                FL_OK);
        }
        feed_flush(&a);
    }
    for (uint32_t n = DEVICES; n >= 1; n--) {
        for (uint64_t round = 1; round <= ROUNDS; round++) {
            char value[16];
            snprintf(value, sizeof(value), "%llu", (unsigned long long)(round * n % 101));
            for (int twice = 0; twice < 1 + (round % 4 == 0); twice++) {
                b.offset = round;
                assert_int_equal(
                    feed_report(&b, REPORT(n, round, round % 10 == 1 ? FULL : CHANGES,
                                           READINGS({"battery.charge", value},
                                                    {round % 3 ? "odd.x" : "ups.load", value}))),
                    FL_OK);
            }
        }
        if (n % 2 == 0)
            feed_flush(&b);
    }
    feed_flush(&b);
    for (unsigned table = 0; table < FL_DEVICES_TABLE_COUNT; table++) {
        struct fl_kv_walk walk;
        struct fl_kv_walk other;
        fl_kv_walk_begin(&walk, a.kv, table, FL_SLICE_NULL);
        fl_kv_walk_begin(&other, b.kv, table, FL_SLICE_NULL);
        while (fl_kv_walk_next(&walk)) {
            assert_true(fl_kv_walk_next(&other));
            assert_true(fl_slice_equal(walk.key, other.key));
            assert_true(fl_slice_equal(walk.value, other.value));
        }
        assert_false(fl_kv_walk_next(&other));
    }
    feed_close(&a);
    feed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_latest_values),
        cmocka_unit_test(test_late_and_repeated_reports_change_nothing),
        cmocka_unit_test(test_a_gap_makes_values_stale_until_the_next_full_report),
        cmocka_unit_test(test_a_removed_device_stays_removed),
        cmocka_unit_test(test_too_many_odd_names_are_refused_whole),
        cmocka_unit_test(test_silence_is_measured_in_ticks_of_the_same_gateway),
        cmocka_unit_test(test_batches_and_interleaving_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
