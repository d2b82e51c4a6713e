/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the history view: cells, counters that were met, rows in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "projections/history/cell.h"
#include "projections/history/seen.h"
#include "projections/history/slots.h"

static void a_cell_is_its_readings_in_any_order(void **state)
{
    (void)state;
    struct fl_history_cell forth = {.count = 0};
    struct fl_history_cell back = {.count = 0};
    static const int64_t values[] = {5000, -3000, 4000};
    for (int i = 0; i < 3; i++) {
        fl_history_cell_add(&forth, values[i], 100 + i);
        fl_history_cell_add(&back, values[2 - i], 102 - i);
    }
    assert_memory_equal(&forth, &back, sizeof(forth));
    assert_int_equal(forth.min, -3000);
    assert_int_equal(forth.max, 5000);
    assert_int_equal(forth.last, 4000);
    assert_int_equal(forth.last_at_ms, 102);
    assert_int_equal(forth.count, 3);
    assert_int_equal(fl_history_cell_mean(&forth), 2000);
}

static void a_mean_is_rounded_to_the_nearest(void **state)
{
    (void)state;
    struct fl_history_cell cell = {.sum = 5, .count = 2};
    assert_int_equal(fl_history_cell_mean(&cell), 3);
    cell.sum = -5;
    assert_int_equal(fl_history_cell_mean(&cell), -3);
    cell = (struct fl_history_cell){.sum = 4, .count = 3};
    assert_int_equal(fl_history_cell_mean(&cell), 1);
}

static void cells_survive_their_bytes(void **state)
{
    (void)state;
    uint8_t bytes[FL_HISTORY_CELL_SIZE];
    struct fl_history_cell cell = {-1, INT64_MAX, INT64_MIN, 7, 1, UINT32_MAX};
    struct fl_history_cell read;
    fl_history_cell_encode(&cell, bytes);
    assert_true(fl_history_cell_decode(fl_slice_of(bytes, sizeof(bytes)), &read));
    assert_memory_equal(&cell, &read, sizeof(cell));
    assert_false(fl_history_cell_decode(fl_slice_of(bytes, sizeof(bytes) - 1), &read));
    cell.count = 0;
    fl_history_cell_encode(&cell, bytes);
    assert_false(fl_history_cell_decode(fl_slice_of(bytes, sizeof(bytes)), &read));
}

static void keys_sort_by_time_then_device(void **state)
{
    (void)state;
    uint8_t a[FL_HISTORY_POINT_KEY_SIZE];
    uint8_t b[FL_HISTORY_POINT_KEY_SIZE];
    struct fl_slice first = fl_history_point_key(900, 3, 59999, a);
    struct fl_slice second = fl_history_point_key(1, 0, 60000, b);
    assert_true(fl_slice_compare(first, second) < 0);
    second = fl_history_point_key(901, 0, 0, b);
    assert_true(fl_slice_compare(first, second) < 0);
}

static void a_report_counts_once_and_late_ones_too(void **state)
{
    (void)state;
    struct fl_seen seen = {0};
    assert_true(fl_seen_note(&seen, 1, 5));
    assert_false(fl_seen_note(&seen, 1, 5));
    assert_true(fl_seen_note(&seen, 1, 9));
    assert_true(fl_seen_note(&seen, 1, 6));
    assert_false(fl_seen_note(&seen, 1, 6));
    assert_true(fl_seen_note(&seen, 2, 1));
    /* The enrolment before is remembered, the one before that is not. */
    assert_false(fl_seen_note(&seen, 1, 9));
    assert_true(fl_seen_note(&seen, 1, 7));
    assert_true(fl_seen_note(&seen, 3, 1));
    assert_false(fl_seen_note(&seen, 1, 8));
    assert_true(fl_seen_note(&seen, 2, 2));
}

static void the_window_ends_where_it_says(void **state)
{
    (void)state;
    struct fl_seen seen = {0};
    uint8_t bytes[FL_SEEN_SIZE];
    struct fl_seen read;
    assert_true(fl_seen_note(&seen, 1, 2000));
    assert_true(fl_seen_note(&seen, 1, 2000 - FL_SEEN_WINDOW + 1));
    assert_false(fl_seen_note(&seen, 1, 2000 - FL_SEEN_WINDOW));
    /* A jump of a whole window forgets what it held, one less keeps its last. */
    assert_true(fl_seen_note(&seen, 1, 2000 + FL_SEEN_WINDOW - 1));
    assert_false(fl_seen_note(&seen, 1, 2000));
    assert_true(fl_seen_note(&seen, 1, 2001));
    fl_seen_encode(&seen, bytes);
    assert_true(fl_seen_decode(fl_slice_of(bytes, sizeof(bytes)), &read));
    assert_false(fl_seen_note(&read, 1, 2001));
    assert_true(fl_seen_note(&read, 1, 2002));
    assert_true(fl_seen_note(&read, 1, 5000));
    assert_true(fl_seen_note(&read, 1, 4999));
    assert_false(fl_seen_decode(fl_slice_of(bytes, sizeof(bytes) - 1), &read));
}

struct written {
    uint64_t keys[8];
    size_t count;
};

static void note(void *context, uint64_t key, void *row)
{
    struct written *written = context;
    assert_int_equal(*(uint32_t *)row, key & 0xff);
    written->keys[written->count++] = key;
}

static void rows_are_written_once_in_order(void **state)
{
    (void)state;
    enum { COUNT_MAX = 8 };
    struct fl_slots slots;
    struct written written = {.count = 0};
    static const uint64_t keys[] = {UINT64_C(7) << 32 | 1, 9, UINT64_C(2) << 32 | 3};
    bool is_new = false;
    assert_int_equal(fl_slots_open(&slots, sizeof(uint32_t), COUNT_MAX), FL_OK);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3; i++) {
            uint32_t *row = fl_slots_find(&slots, keys[i], &is_new);
            assert_int_equal(is_new, round == 0);
            *row = (uint32_t)(keys[i] & 0xff);
            fl_slots_mark(&slots, row);
        }
    assert_null(fl_slots_look(&slots, 77));
    fl_slots_flush(&slots, note, &written);
    assert_int_equal(written.count, 3);
    assert_true(written.keys[0] == keys[1] && written.keys[1] == keys[2]);
    assert_true(written.keys[2] == keys[0]);
    fl_slots_flush(&slots, note, &written);
    assert_int_equal(written.count, 3);
    assert_true(fl_slots_has_room(&slots));
    for (uint64_t key = 100; fl_slots_has_room(&slots); key++)
        assert_non_null(fl_slots_find(&slots, key, &is_new));
    assert_int_equal(slots.count, COUNT_MAX - 2);
    fl_slots_clear(&slots);
    assert_null(fl_slots_look(&slots, 9));
    fl_slots_close(&slots);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_is_its_readings_in_any_order),
        cmocka_unit_test(a_mean_is_rounded_to_the_nearest),
        cmocka_unit_test(cells_survive_their_bytes),
        cmocka_unit_test(keys_sort_by_time_then_device),
        cmocka_unit_test(a_report_counts_once_and_late_ones_too),
        cmocka_unit_test(the_window_ends_where_it_says),
        cmocka_unit_test(rows_are_written_once_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
