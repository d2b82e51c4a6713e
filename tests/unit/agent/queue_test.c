/* SPDX-License-Identifier: Apache-2.0 */
/* The store-and-forward queue: order, bound, and what is said about what was dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/port.h"
#include "producers/agent/queue.h"
#include "projections/telemetry/report.h"

enum { ROWS, META, DEVICE_COUNT = 5, ROUND_COUNT = 4000, SIZE_MAX_BYTES = 20000 };

struct fixture {
    struct fl_kv *kv;
    struct fl_queue queue;
    struct fl_port_virtual port;
    uint64_t counters[DEVICE_COUNT]; /* the last one made */
    uint64_t carried[DEVICE_COUNT];  /* dropped reports that the next one has to name */
    uint64_t taken[DEVICE_COUNT];    /* the last counter that left the queue in order */
};

static uint32_t random_below(struct fixture *f, uint32_t bound)
{
    uint32_t number;
    fl_port_random(&f->port.port, &number, sizeof(number));
    return number % bound;
}

static void check(struct fixture *f)
{
    const char *what = NULL;
    if (!fl_queue_check(&f->queue, f->kv, &what))
        fail_msg("%s", what);
}

static void put(struct fixture *f, uint32_t device, enum fl_report_kind kind, size_t size)
{
    static const uint8_t readings[4096] = {1, 2, 3};
    struct fl_queue_entry entry = {.device_index = device,
                                   .generation = 1,
                                   .counter = ++f->counters[device],
                                   .sampled_at_ms = 1000 + (int64_t)f->counters[device],
                                   .thinned_count = f->carried[device],
                                   .kind = (uint8_t)kind,
                                   .readings = fl_slice_of(readings, size)};
    f->carried[device] = 0;
    fl_queue_put(&f->queue, f->kv, &entry);
    assert_int_equal(f->kv->error, FL_OK);
}

static void on_left(void *context, uint32_t device, uint64_t count)
{
    struct fixture *f = context;
    f->carried[device] += count;
}

/* Takes the front row: its counter and what it names account for every report of its device. */
static bool take(struct fixture *f)
{
    struct fl_queue_entry entry;
    uint64_t number;
    if (!fl_queue_read(&f->queue, f->kv, 0, &number, &entry))
        return false;
    assert_int_equal(entry.counter, f->taken[entry.device_index] + entry.thinned_count + 1);
    assert_int_equal(entry.sampled_at_ms, 1000 + (int64_t)entry.counter);
    f->taken[entry.device_index] = entry.counter;
    fl_queue_remove(&f->queue, f->kv, number);
    return true;
}

static void rows_come_back_in_order(void **state)
{
    struct fixture *f = *state;
    struct fl_queue_entry entry;
    uint64_t number = 0;
    put(f, 1, FL_REPORT_FULL, 100);
    put(f, 2, FL_REPORT_STALE, 0);
    put(f, 1, FL_REPORT_CHANGES, 7);
    check(f);
    assert_true(fl_queue_read(&f->queue, f->kv, 0, &number, &entry));
    assert_int_equal(entry.device_index, 1);
    assert_int_equal(entry.kind, FL_REPORT_FULL);
    assert_int_equal(entry.readings.size, 100);
    assert_true(fl_queue_read(&f->queue, f->kv, number + 1, &number, &entry));
    assert_int_equal(entry.kind, FL_REPORT_STALE);
    fl_queue_remove(&f->queue, f->kv, number);
    fl_queue_remove(&f->queue, f->kv, number);
    check(f);
    assert_int_equal(f->queue.count, 2);
}

static void counts_survive_a_restart(void **state)
{
    struct fixture *f = *state;
    struct fl_queue again;
    put(f, 1, FL_REPORT_FULL, 100);
    put(f, 2, FL_REPORT_FULL, 200);
    assert_true(take(f));
    fl_queue_load(&again, f->kv, ROWS, META, SIZE_MAX_BYTES);
    assert_int_equal(again.size, f->queue.size);
    assert_int_equal(again.count, 1);
    assert_int_equal(again.next, f->queue.next);
}

static void nothing_is_thinned_below_the_bound(void **state)
{
    struct fixture *f = *state;
    while (f->queue.size + 2000 < SIZE_MAX_BYTES)
        put(f, 1, FL_REPORT_CHANGES, 1000);
    assert_int_equal(fl_queue_thin(&f->queue, f->kv, on_left, f), 0);
    while (f->queue.size <= SIZE_MAX_BYTES)
        put(f, 1, FL_REPORT_CHANGES, 1000);
    assert_true(fl_queue_thin(&f->queue, f->kv, on_left, f) > 0);
    assert_true(f->queue.size <= SIZE_MAX_BYTES - SIZE_MAX_BYTES / 8);
    check(f);
}

static void a_row_over_the_bound_is_refused(void **state)
{
    struct fixture *f = *state;
    static const uint8_t readings[SIZE_MAX_BYTES];
    struct fl_queue_entry entry = {.counter = 1, .readings = {readings, sizeof(readings)}};
    fl_queue_put(&f->queue, f->kv, &entry);
    assert_int_equal(f->kv->error, FL_TOO_LARGE);
    assert_int_equal(f->queue.count, 0);
}

/* The kinds of what is left, from the front. */
static void kinds_left(struct fixture *f, char *out)
{
    static const char letters[] = "?FCS";
    struct fl_queue_entry entry;
    uint64_t number = 0;
    while (fl_queue_read(&f->queue, f->kv, number + 1, &number, &entry))
        *out++ = letters[entry.kind];
    *out = '\0';
}

static void detail_goes_before_transitions(void **state)
{
    struct fixture *f = *state;
    char kinds[128];
    f->queue.size_max = 10000;
    put(f, 1, FL_REPORT_FULL, 1000);
    put(f, 1, FL_REPORT_CHANGES, 3000);
    put(f, 1, FL_REPORT_STALE, 0);
    put(f, 1, FL_REPORT_FULL, 1000);
    put(f, 1, FL_REPORT_CHANGES, 3000);
    put(f, 1, FL_REPORT_CHANGES, 3000);
    assert_int_equal(fl_queue_thin(&f->queue, f->kv, on_left, f), 1);
    kinds_left(f, kinds);
    assert_string_equal(kinds, "FSFCC"); /* the oldest CHANGES */
    put(f, 1, FL_REPORT_FULL, 4000);
    assert_int_equal(fl_queue_thin(&f->queue, f->kv, on_left, f), 2);
    kinds_left(f, kinds);
    assert_string_equal(kinds, "FSFF"); /* all of them */
    put(f, 1, FL_REPORT_FULL, 4000);
    assert_int_equal(fl_queue_thin(&f->queue, f->kv, on_left, f), 2);
    kinds_left(f, kinds);
    assert_string_equal(kinds, "SFF"); /* then FULL that another FULL follows */
    while (take(f))
        ;
    assert_int_equal(f->taken[1], f->counters[1]);
}

static void what_is_on_its_way_is_left_alone(void **state)
{
    struct fixture *f = *state;
    char kinds[128];
    f->queue.size_max = 5000;
    put(f, 1, FL_REPORT_CHANGES, 2000);
    put(f, 1, FL_REPORT_CHANGES, 2000);
    f->queue.busy_until = f->queue.next - 1; /* the first is being sent */
    put(f, 1, FL_REPORT_CHANGES, 2000);
    assert_int_equal(fl_queue_thin(&f->queue, f->kv, on_left, f), 1);
    kinds_left(f, kinds);
    assert_string_equal(kinds, "CC");
    assert_true(take(f));
    assert_int_equal(f->taken[1], 1);
    assert_true(take(f));
    assert_int_equal(f->taken[1], 3);
}

/* Whatever is put, taken, thinned and restarted: every counter of every device is either taken, in
 * order, or named as dropped by the next one that is. */
static void every_report_is_accounted_for(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < ROUND_COUNT; round++) {
        uint32_t what = random_below(f, 100);
        if (what < 70) {
            enum fl_report_kind kind = what < 50   ? FL_REPORT_CHANGES
                                       : what < 60 ? FL_REPORT_FULL
                                                   : FL_REPORT_STALE;
            put(f, random_below(f, DEVICE_COUNT), kind, random_below(f, 900));
        } else if (what < 95) {
            for (uint32_t i = random_below(f, 4); i > 0; i--)
                take(f);
        } else {
            uint64_t size_max = f->queue.size_max;
            fl_queue_load(&f->queue, f->kv, ROWS, META, size_max);
        }
        fl_queue_thin(&f->queue, f->kv, on_left, f);
        assert_int_equal(f->kv->error, FL_OK);
        assert_true(f->queue.size <= SIZE_MAX_BYTES);
        if (round % 50 == 0)
            check(f);
    }
    while (take(f))
        ;
    for (uint32_t device = 0; device < DEVICE_COUNT; device++)
        assert_int_equal(f->taken[device] + f->carried[device], f->counters[device]);
    assert_true(f->queue.thinned_count > 0);
    assert_int_equal(f->queue.size, 0);
}

static int open_queue(void **state)
{
    const char *given = getenv("FLEETLOG_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20261125;
    struct fixture *f = calloc(1, sizeof(*f));
    f->kv = fl_kv_memory_open();
    fl_port_virtual_init(&f->port, seed, 0);
    printf("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    fl_queue_load(&f->queue, f->kv, ROWS, META, SIZE_MAX_BYTES);
    *state = f;
    return 0;
}

static int close_queue(void **state)
{
    struct fixture *f = *state;
    fl_kv_memory_close(&f->kv);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_queue, close_queue)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_come_back_in_order),
        TEST(counts_survive_a_restart),
        TEST(nothing_is_thinned_below_the_bound),
        TEST(a_row_over_the_bound_is_refused),
        TEST(detail_goes_before_transitions),
        TEST(what_is_on_its_way_is_left_alone),
        TEST(every_report_is_accounted_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
