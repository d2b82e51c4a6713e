/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/pages.h"
#include "core/slice.h"
#include "core/timestamp.h"

static struct fl_slice text(const char *bytes)
{
    return fl_slice_text(bytes);
}

static void null_and_empty_differ(void **state)
{
    (void)state;
    struct fl_slice empty = fl_slice_of("", 0);
    assert_true(fl_slice_equal(empty, text("")));
    assert_false(fl_slice_equal(empty, FL_SLICE_NULL));
    assert_true(fl_slice_equal(FL_SLICE_NULL, text(NULL)));
    assert_true(fl_slice_is(text("abc"), "abc"));
    assert_false(fl_slice_is(text("abc"), "abcd"));
    assert_false(fl_slice_is(FL_SLICE_NULL, ""));
    assert_int_equal(FL_SLICE_LITERAL("abc").size, 3);
}

static void order_is_that_of_lmdb(void **state)
{
    (void)state;
    assert_true(fl_slice_compare(text("a"), text("b")) < 0);
    assert_true(fl_slice_compare(text("a"), text("a")) == 0);
    assert_true(fl_slice_compare(text("a"), text("ab")) < 0);
    assert_true(fl_slice_compare(text("b"), text("ab")) > 0);
    assert_true(fl_slice_compare(text("\x7f"), text("\x80")) < 0); /* bytes are unsigned */
    assert_true(fl_slice_compare(FL_SLICE_NULL, text("")) == 0);
    assert_true(fl_slice_starts_with(text("abc"), text("ab")));
    assert_true(fl_slice_starts_with(text("abc"), text("")));
    assert_false(fl_slice_starts_with(text("ab"), text("abc")));
    assert_false(fl_slice_starts_with(text("abc"), text("b")));
}

static void text_is_copied_whole_or_not_at_all(void **state)
{
    (void)state;
    char out[4] = "xxx";
    assert_true(fl_slice_to_text(text("abc"), out, sizeof(out)));
    assert_string_equal(out, "abc");
    assert_false(fl_slice_to_text(text("abcd"), out, sizeof(out)));
    assert_string_equal(out, "");
    assert_false(fl_slice_to_text(fl_slice_of("a\0b", 3), out, sizeof(out)));
    assert_true(fl_slice_to_text(FL_SLICE_NULL, out, sizeof(out)));
    assert_string_equal(out, "");
}

static void numbers_have_one_spelling(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "01",
                                      "00",
                                      "0x1",
                                      "1a",
                                      "18446744073709551616",
                                      "99999999999999999999",
                                      "184467440737095516150"};
    uint64_t value = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(fl_slice_to_u64(text(bad[i]), &value));
    assert_false(fl_slice_to_u64(FL_SLICE_NULL, &value));
    assert_int_equal(value, 7);
    assert_true(fl_slice_to_u64(text("0"), &value));
    assert_int_equal(value, 0);
    assert_true(fl_slice_to_u64(text("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
}

static void hex_is_lower_case_and_exact(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x00, 0x9a, 0xff};
    static const char *const bad[] = {"009af", "009afff", "009AFF", "009ag0", "009a f"};
    char out[7];
    uint8_t back[3];
    fl_hex_encode(bytes, sizeof(bytes), out);
    assert_string_equal(out, "009aff");
    assert_true(fl_hex_decode(text(out), back, sizeof(back)));
    assert_memory_equal(back, bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(fl_hex_decode(text(bad[i]), back, sizeof(back)));
}

static void an_arena_keeps_its_bound_and_its_chunks(void **state)
{
    (void)state;
    struct fl_arena arena;
    enum { BOUND = 256 * 1024 };
    fl_arena_init(&arena, BOUND);
    for (int round = 0; round < 3; round++) {
        size_t taken = 0;
        unsigned char *block = NULL;
        while ((block = fl_arena_alloc(&arena, 1000)) != NULL) {
            assert_int_equal((uintptr_t)block % 16, 0);
            memset(block, round, 1000);
            taken += 1008;
        }
        assert_true(arena.exhausted);
        assert_true(taken <= BOUND && taken + 1008 > BOUND);
        assert_int_equal(arena.used, taken);
        fl_arena_reset(&arena);
        assert_false(arena.exhausted);
        assert_int_equal(arena.used, 0);
    }
    assert_non_null(fl_arena_alloc(&arena, BOUND)); /* a chunk of its own */
    assert_null(fl_arena_alloc(&arena, 1));
    fl_arena_reset(&arena);
    assert_null(fl_arena_alloc(&arena, SIZE_MAX));
    assert_null(fl_arena_calloc(&arena, SIZE_MAX / 2, 3));
    fl_arena_fini(&arena);
}

static void the_last_block_of_an_arena_can_be_extended(void **state)
{
    (void)state;
    struct fl_arena arena;
    enum { BOUND = 4096 };
    fl_arena_init(&arena, BOUND);
    assert_false(fl_arena_extend(&arena, &arena, 1, 2)); /* nothing was allocated yet */
    unsigned char *first = fl_arena_alloc(&arena, 20);
    memset(first, 1, 20);
    assert_true(fl_arena_extend(&arena, first, 20, 32)); /* within the rounding */
    assert_int_equal(arena.used, 32);
    assert_true(fl_arena_extend(&arena, first, 32, 33));
    assert_int_equal(arena.used, 48);
    for (int i = 0; i < 20; i++)
        assert_int_equal(first[i], 1);
    unsigned char *second = fl_arena_alloc(&arena, 16);
    assert_ptr_equal(second, first + 48);
    assert_false(fl_arena_extend(&arena, first, 33, 64)); /* another lies behind it */
    assert_false(fl_arena_extend(&arena, second, 16, BOUND - 48 + 1));
    assert_false(fl_arena_extend(&arena, second, 16, SIZE_MAX));
    assert_int_equal(arena.used, 64);
    assert_true(fl_arena_extend(&arena, second, 16, BOUND - 48));
    assert_int_equal(arena.used, BOUND);
    assert_false(arena.exhausted); /* what cannot be extended can be allocated anew */
    fl_arena_fini(&arena);
}

/* Chunks grow with the arena, the large ones from the kernel's pages. */
static void an_arena_of_many_chunks_keeps_every_block(void **state)
{
    (void)state;
    struct fl_arena arena;
    enum { BOUND = 24 * 1024 * 1024, SIZE = 60000 };
    static unsigned char *blocks[BOUND / SIZE + 1]; /* the last is NULL */
    fl_arena_init(&arena, BOUND);
    for (int round = 0; round < 2; round++) {
        size_t count = 0;
        while ((blocks[count] = fl_arena_alloc(&arena, SIZE)) != NULL) {
            assert_int_equal((uintptr_t)blocks[count] % 16, 0);
            memset(blocks[count], (int)count, SIZE);
            count++;
        }
        assert_true(count > BOUND / SIZE - 2);
        for (size_t i = 0; i < count; i++)
            assert_true(blocks[i][0] == (unsigned char)i &&
                        blocks[i][SIZE - 1] == (unsigned char)i);
        fl_arena_reset(&arena);
    }
    fl_arena_fini(&arena);
}

static void pages_are_aligned_zeroed_and_given_back(void **state)
{
    (void)state;
    const size_t sizes[] = {1, FL_PAGES_HUGE - 1, FL_PAGES_HUGE, FL_PAGES_HUGE + 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *block = fl_pages_alloc(sizes[i]);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % FL_PAGES_HUGE, 0);
        assert_true(block[0] == 0 && block[sizes[i] - 1] == 0);
        memset(block, 0xa5, sizes[i]);
        fl_pages_free(block, sizes[i]);
    }
    fl_pages_free(NULL, 1);
    assert_null(fl_pages_alloc(0));
    assert_null(fl_pages_alloc(SIZE_MAX));
}

static void an_arena_copies_and_prints(void **state)
{
    (void)state;
    struct fl_arena arena;
    fl_arena_init(&arena, 4096);
    char source[] = "abc";
    struct fl_slice copy = fl_arena_copy(&arena, text(source));
    char *with_nul = fl_arena_text(&arena, text(source));
    const char *printed = fl_arena_printf(&arena, "%s-%d", source, 42);
    const uint8_t *zeroed = fl_arena_calloc(&arena, 4, 8);
    source[0] = 'x';
    assert_true(fl_slice_is(copy, "abc"));
    assert_string_equal(with_nul, "abc");
    assert_string_equal(printed, "abc-42");
    for (int i = 0; i < 32; i++)
        assert_int_equal(zeroed[i], 0);
    assert_null(fl_arena_copy(&arena, FL_SLICE_NULL).data);
    assert_non_null(fl_arena_copy(&arena, text("")).data);
    assert_false(arena.exhausted);
    assert_null(fl_arena_copy(&arena, fl_slice_of(source, 5000)).data);
    assert_true(arena.exhausted);
    fl_arena_fini(&arena);
}

/* Python: (datetime(1970,1,1) + timedelta(milliseconds=t)).isoformat(timespec='milliseconds') */
static void time_has_one_spelling(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } pairs[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {86399999, "1970-01-01T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {951868799999, "2000-02-29T23:59:59.999Z"},
        {1583020800000, "2020-03-01T00:00:00.000Z"},
        {1709164800123, "2024-02-29T00:00:00.123Z"},
        {4102444799999, "2099-12-31T23:59:59.999Z"},
        {FL_TIMESTAMP_MS_MAX, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        char out[FL_TIMESTAMP_TEXT_SIZE];
        int64_t ms = -1;
        fl_timestamp_format(pairs[i].ms, out);
        assert_string_equal(out, pairs[i].text);
        assert_true(fl_timestamp_parse(text(out), &ms));
        assert_int_equal(ms, pairs[i].ms);
    }
}

static void other_spellings_and_dates_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "1970-01-01T00:00:00Z",      "1970-01-01T00:00:00.00Z",
        "1970-01-01T00:00:00.0000Z", "1970-01-01t00:00:00.000Z",
        "1970-01-01T00:00:00.000z",  "1970-01-01 00:00:00.000Z",
        "1969-12-31T23:59:59.999Z",  "2023-02-29T00:00:00.000Z",
        "2100-02-29T00:00:00.000Z",  "2024-13-01T00:00:00.000Z",
        "2024-00-01T00:00:00.000Z",  "2024-01-00T00:00:00.000Z",
        "2024-04-31T00:00:00.000Z",  "2024-01-01T24:00:00.000Z",
        "2024-01-01T23:60:00.000Z",  "2016-12-31T23:59:60.000Z",
        "2024-01-01T00:00:00,000Z",  "+024-01-01T00:00:00.000Z",
        "2024-01-01T00:00:00.000+0", "2024-01-01T00:00:00.000Z ",
        "2024-1-011T00:00:00.000Z",  "",
    };
    int64_t ms = 42;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(fl_timestamp_parse(text(bad[i]), &ms));
    assert_int_equal(ms, 42);
}

/* Each day of four centuries: text and number agree in both directions and in order. */
static void every_day_of_four_centuries_comes_back(void **state)
{
    (void)state;
    char before[FL_TIMESTAMP_TEXT_SIZE] = "";
    for (int64_t day = 0; day < 146097; day++) {
        char out[FL_TIMESTAMP_TEXT_SIZE];
        int64_t ms = -1;
        fl_timestamp_format(day * 86400000 + 1, out);
        assert_true(strcmp(before, out) < 0);
        assert_true(fl_timestamp_parse(text(out), &ms));
        assert_int_equal(ms, day * 86400000 + 1);
        memcpy(before, out, sizeof(before));
    }
    assert_string_equal(before, "2369-12-31T00:00:00.001Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_and_empty_differ),
        cmocka_unit_test(order_is_that_of_lmdb),
        cmocka_unit_test(text_is_copied_whole_or_not_at_all),
        cmocka_unit_test(numbers_have_one_spelling),
        cmocka_unit_test(hex_is_lower_case_and_exact),
        cmocka_unit_test(an_arena_keeps_its_bound_and_its_chunks),
        cmocka_unit_test(the_last_block_of_an_arena_can_be_extended),
        cmocka_unit_test(an_arena_of_many_chunks_keeps_every_block),
        cmocka_unit_test(pages_are_aligned_zeroed_and_given_back),
        cmocka_unit_test(an_arena_copies_and_prints),
        cmocka_unit_test(time_has_one_spelling),
        cmocka_unit_test(other_spellings_and_dates_that_are_none_are_refused),
        cmocka_unit_test(every_day_of_four_centuries_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
