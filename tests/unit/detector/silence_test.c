/* SPDX-License-Identifier: Apache-2.0 */
/* Silence is measured in the gateways' own ticking: nobody's downtime is a device's. */
#include "tests/unit/detector/watched.h"

enum { TICK = 15 * 1000, OTHER_GATEWAY = 2 };

static struct watched w;

static int set_up(void **state)
{
    (void)state;
    watched_open(&w);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    watched_close(&w);
    return 0;
}

/* `count` ticks, one per interval. */
static void tick(uint32_t gateway, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        w.now_ms += TICK;
        watched_tick(&w, gateway);
    }
}

static void a_silent_device_is_lost_once_and_found_again(void **state)
{
    (void)state;
    tick(GATEWAY, 1);
    watched_full(&w, "ups.status=OL");
    tick(GATEWAY, 5);
    watched_expect(&w, "");
    tick(GATEWAY, 1);
    watched_expect(&w, "+communication lost@1");
    tick(GATEWAY, 20);
    watched_expect(&w, "");
    watched_full(&w, "ups.status=OL");
    watched_expect(&w, "-communication lost@2");
    /* It may be silent again from the very report that ended the silence. */
    tick(GATEWAY, 6);
    watched_expect(&w, "+communication lost@2");
}

static void a_silence_in_a_backlog_is_found_when_it_ends(void **state)
{
    (void)state;
    tick(GATEWAY, 1);
    watched_full(&w, "ups.status=OL");
    tick(GATEWAY, 10);
    watched_full(&w, "ups.status=OL");
    watched_expect(&w, "+communication lost@1 -communication lost@2");
}

static void a_platform_that_was_down_reports_no_silence(void **state)
{
    (void)state;
    tick(GATEWAY, 1);
    watched_full(&w, "ups.status=OL");
    tick(GATEWAY, 3);
    /* Down for a day; then the gateway is another process, perhaps under the same number. */
    w.now_ms += 24 * 60 * MINUTE;
    w.boot++;
    tick(GATEWAY, 3);
    watched_expect(&w, "");
    tick(GATEWAY, 1);
    watched_expect(&w, "+communication lost@1");
}

static void a_hole_between_two_ticks_counts_as_little(void **state)
{
    (void)state;
    tick(GATEWAY, 1);
    watched_full(&w, "ups.status=OL");
    w.now_ms += 60 * MINUTE; /* the gateway was stopped: it took no reports either */
    tick(GATEWAY, 1);
    watched_expect(&w, "");
}

static void repeated_late_and_backward_ticks_move_no_clock(void **state)
{
    (void)state;
    tick(GATEWAY, 1);
    watched_full(&w, "ups.status=OL");
    tick(GATEWAY, 5);
    for (int i = 0; i < 20; i++) {
        w.sequence--;
        w.now_ms += TICK;
        watched_tick(&w, GATEWAY);
    }
    w.now_ms -= 60 * MINUTE;
    watched_tick(&w, GATEWAY);
    watched_expect(&w, "");
}

static void another_gateway_counts_after_ten_minutes(void **state)
{
    (void)state;
    tick(GATEWAY, 1);
    watched_tick(&w, OTHER_GATEWAY);
    watched_full(&w, "ups.status=OL");
    /* The device's gateway is gone; its device had ten minutes to find the other one. */
    tick(OTHER_GATEWAY, 4 * 10);
    watched_expect(&w, "");
    tick(OTHER_GATEWAY, 6);
    watched_expect(&w, "+communication lost@1");
}

static void a_device_that_reports_is_never_silent(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        tick(GATEWAY, 4);
        watched_full(&w, "ups.status=OL");
    }
    watched_expect(&w, "");
}

static void ticks_count_in_their_partition_alone(void **state)
{
    (void)state;
    tick(GATEWAY, 1);
    for (uint32_t i = 0; i < 20; i++) {
        /* The ticks come to PARTITION; the others' gateway is not heard of in theirs. */
        watched_report(&w, DEVICE, 1, i + 1, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL,
                       "ups.status=OL");
        watched_report(&w, 100 + i, 1, 1, FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL,
                       "ups.status=OL");
    }
    tick(GATEWAY, 6);
    watched_expect(&w, "+communication lost@20");
}

/* State and rows agree: the fold may be closed and opened between any two records. */
static void clocks_outlive_the_process(void **state)
{
    (void)state;
    tick(GATEWAY, 1);
    watched_full(&w, "ups.status=OL");
    tick(GATEWAY, 3);
    watched_expect(&w, "");
    w.view->close(w.fold);
    assert_int_equal(w.view->open(1 << 20, &w.fold), FL_OK);
    watched_collect(&w);
    tick(GATEWAY, 2);
    watched_expect(&w, "");
    tick(GATEWAY, 1);
    watched_expect(&w, "+communication lost@1");
}

static void many_gateways_are_forgotten_without_an_alarm(void **state)
{
    struct fl_clocks clocks = {.count = 0};
    struct fl_clocks back;
    uint8_t row[FL_CLOCKS_SIZE_MAX];
    uint8_t again[FL_CLOCKS_SIZE_MAX];
    (void)state;
    for (uint32_t i = 1; i <= 100; i++) {
        struct fl_tick first = {i, 1, 1, (int64_t)i * 1000};
        struct fl_tick second = {i, 1, 2, (int64_t)i * 1000 + 500};
        fl_clocks_tick(&clocks, &first, 30000);
        assert_true(fl_clocks_tick(&clocks, &second, 30000));
    }
    assert_int_equal(clocks.count, FL_GATEWAY_COUNT_MAX);
    assert_int_equal(fl_clocks_silence_ms(&clocks, 1, 0), 0);
    assert_int_equal(fl_clocks_silence_ms(&clocks, 100, 0), 500);
    assert_true(fl_clocks_decode(fl_clocks_encode(&clocks, row), &back));
    fl_clocks_encode(&back, again);
    assert_memory_equal(again, row, sizeof(row));
    assert_false(fl_clocks_decode(fl_slice_of(row, sizeof(row) - 1), &back));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_silent_device_is_lost_once_and_found_again),
        TEST(a_silence_in_a_backlog_is_found_when_it_ends),
        TEST(a_platform_that_was_down_reports_no_silence),
        TEST(a_hole_between_two_ticks_counts_as_little),
        TEST(repeated_late_and_backward_ticks_move_no_clock),
        TEST(another_gateway_counts_after_ten_minutes),
        TEST(a_device_that_reports_is_never_silent),
        TEST(ticks_count_in_their_partition_alone),
        TEST(clocks_outlive_the_process),
        TEST(many_gateways_are_forgotten_without_an_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
