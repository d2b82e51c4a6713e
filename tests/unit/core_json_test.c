/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/json.h"

static void write_all(struct fl_json *json)
{
    fl_json_object_begin(json);
    fl_json_name(json, "a");
    fl_json_array_begin(json);
    fl_json_int(json, INT64_MIN);
    fl_json_uint(json, UINT64_MAX);
    fl_json_int_text(json, -1);
    fl_json_uint_text(json, 7);
    fl_json_array_end(json);
    fl_json_name(json, "b");
    fl_json_object_begin(json);
    fl_json_object_end(json);
    fl_json_name(json, "c\"");
    fl_json_bool(json, true);
    fl_json_name(json, "d");
    fl_json_null(json);
    fl_json_name(json, "e");
    fl_json_array_begin(json);
    fl_json_int(json, 1);
    fl_json_array_end(json);
    fl_json_object_end(json);
}

static const char all[] = "{\"a\":[-9223372036854775808,18446744073709551615,\"-1\",\"7\"],"
                          "\"b\":{},\"c\\\"\":true,\"d\":null,\"e\":[1]}";

static void commas_stand_where_they_belong(void **state)
{
    (void)state;
    char text[256];
    struct fl_json json;
    fl_json_init(&json, text, sizeof(text));
    write_all(&json);
    assert_true(fl_json_finish(&json));
    assert_string_equal(text, all);
}

/* Every size of buffer: what fits is written, nothing behind it, and the count is right. */
static void a_small_buffer_only_counts(void **state)
{
    (void)state;
    for (size_t room = 0; room < sizeof(all) + 2; room++) {
        char *text = room == 0 ? NULL : test_malloc(room);
        struct fl_json json;
        fl_json_init(&json, text, room);
        write_all(&json);
        assert_int_equal(json.used, sizeof(all) - 1);
        assert_int_equal(fl_json_finish(&json), room >= sizeof(all));
        if (room != 0)
            assert_memory_equal(text, all, room < sizeof(all) ? room : sizeof(all));
        if (text != NULL)
            test_free(text);
    }
}

static void assert_written(const char *in, size_t size, const char *expected)
{
    char text[256];
    struct fl_json json;
    fl_json_init(&json, text, sizeof(text));
    fl_json_string(&json, fl_slice_of(in, size));
    assert_true(fl_json_finish(&json));
    assert_string_equal(text, expected);
}

static void strings_are_escaped(void **state)
{
    (void)state;
    assert_written("a\"\\/\b\f\n\r\t", 9, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\"");
    assert_written("\0\x1f\x7f", 3, "\"\\u0000\\u001f\\u007f\"");
    assert_written("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80", 9,
                   "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\"");
    assert_written("", 0, "\"\"");
    assert_written(NULL, 0, "null");
}

static void what_is_not_utf8_is_replaced(void **state)
{
    (void)state;
#define BAD "\xef\xbf\xbd"
    assert_written("a\xffz", 3, "\"a" BAD "z\"");
    assert_written("\xc0\x80", 2, "\"" BAD BAD "\"");
    assert_written("\xed\xa0\x80", 3, "\"" BAD BAD BAD "\"");
    assert_written("\xe2\x82", 2, "\"" BAD BAD "\"");
    assert_written("\xf4\x90\x80\x80", 4, "\"" BAD BAD BAD BAD "\"");
    assert_written("\xf0\x9f\x98", 3, "\"" BAD BAD BAD "\"");
}

static void base64_follows_rfc_4648(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {{"", ""},
                                             {"f", "Zg=="},
                                             {"fo", "Zm8="},
                                             {"foo", "Zm9v"},
                                             {"foob", "Zm9vYg=="},
                                             {"fooba", "Zm9vYmE="},
                                             {"foobar", "Zm9vYmFy"},
                                             {"\xfb\xff", "+/8="}};
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        char text[32], expected[32] = "\"";
        struct fl_json json;
        fl_json_init(&json, text, sizeof(text));
        fl_json_base64(&json, fl_slice_text(vectors[i][0]));
        assert_true(fl_json_finish(&json));
        memcpy(expected + 1, vectors[i][1], strlen(vectors[i][1]));
        memcpy(expected + 1 + strlen(vectors[i][1]), "\"", 2);
        assert_string_equal(text, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_where_they_belong),
        cmocka_unit_test(a_small_buffer_only_counts),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(what_is_not_utf8_is_replaced),
        cmocka_unit_test(base64_follows_rfc_4648),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
