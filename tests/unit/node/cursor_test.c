/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cursor.h"

#include "tests/unit/node/test.h"

static void test_round_trip_and_truncation(void **state)
{
    uint8_t buffer[128];
    struct fl_write_cursor to;
    (void)state;
    fl_write_init(&to, buffer, sizeof(buffer));
    fl_write_u8(&to, 0xfe);
    fl_write_u16(&to, 0xfedc);
    fl_write_u32(&to, 0xfedcba98);
    fl_write_u64(&to, UINT64_C(0xfedcba9876543210));
    fl_write_varint(&to, 0);
    fl_write_varint(&to, 300);
    fl_write_varint(&to, UINT64_MAX);
    fl_write_string(&to, FL_SLICE_LITERAL("abc"));
    fl_write_string(&to, FL_SLICE_NULL);
    fl_write_string(&to, FL_SLICE_LITERAL(""));
    assert_int_equal(to.error, FL_OK);
    struct fl_slice all = fl_written(&to);
    for (size_t size = 0; size <= all.size; size++) {
        struct fl_read_cursor in;
        fl_read_init(&in, fl_slice_of(all.data, size));
        uint8_t a = fl_read_u8(&in);
        uint16_t b = fl_read_u16(&in);
        uint32_t c = fl_read_u32(&in);
        uint64_t d = fl_read_u64(&in);
        uint64_t e = fl_read_varint(&in);
        uint64_t f = fl_read_varint(&in);
        uint64_t g = fl_read_varint(&in);
        struct fl_slice text = fl_read_string(&in);
        struct fl_slice none = fl_read_string(&in);
        struct fl_slice empty = fl_read_string(&in);
        if (size < all.size) {
            assert_int_equal(in.error, FL_TRUNCATED);
            assert_int_equal(fl_read_u64(&in), 0);
            assert_int_equal(fl_read_left(&in), 0);
            continue;
        }
        assert_int_equal(in.error, FL_OK);
        assert_true(a == 0xfe && b == 0xfedc && c == 0xfedcba98);
        assert_true(d == UINT64_C(0xfedcba9876543210) && e == 0 && f == 300 && g == UINT64_MAX);
        assert_true(fl_slice_is(text, "abc"));
        assert_null(none.data);
        assert_non_null(empty.data);
        assert_int_equal(empty.size, 0);
    }
}

static void test_a_full_writer_stays_full(void **state)
{
    uint8_t buffer[4];
    struct fl_write_cursor to;
    (void)state;
    fl_write_init(&to, buffer, sizeof(buffer));
    fl_write_u16(&to, 1);
    fl_write_u32(&to, 2);
    assert_int_equal(to.error, FL_TOO_LARGE);
    fl_write_u8(&to, 3);
    assert_int_equal(fl_written(&to).size, 2);
    static const uint8_t endless[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                      0x80, 0x80, 0x80, 0x80, 0x80, 0x01};
    struct fl_read_cursor in;
    fl_read_init(&in, fl_slice_of(endless, sizeof(endless)));
    assert_int_equal(fl_read_varint(&in), 0);
    assert_int_equal(in.error, FL_TRUNCATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip_and_truncation),
                                       cmocka_unit_test(test_a_full_writer_stays_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
