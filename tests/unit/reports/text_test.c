/* SPDX-License-Identifier: Apache-2.0 */
/* Texts, numbers, order and limits of documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "projections/reports/text.h"
#include "tests/unit/scratch.h"

static void cleaned_texts_have_nothing_that_turns_or_ends_a_line(void **state)
{
    static const char *const pairs[][2] = {
        {"plain", "plain"},
        {"a\r\nb\tc", "a  b c"},
        {"x\xe2\x80\xae"
         "y\xe2\x81\xa6z",
         "xyz"},
        {"\xe2\x80\xa8line", " line"},
        {"\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"\xef\xbf\xbe", "\xef\xbf\xbd"},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"\x7f\xc2\x85", "  "},
        {"", ""},
    };
    char out[64];
    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        size_t size = fl_document_clean(pairs[i][0], out, sizeof(out));
        assert_string_equal(out, pairs[i][1]);
        assert_int_equal(size, strlen(out));
    }
}

static void long_texts_are_cut_between_characters(void **state)
{
    char out[12];
    (void)state;
    assert_int_equal(fl_document_clean("12345678901", out, sizeof(out)), 11);
    assert_string_equal(out, "12345678901");
    fl_document_clean("123456789012", out, sizeof(out));
    assert_string_equal(out, "12345678\xe2\x80\xa6");
    fl_document_clean("1234567\xc3\xa4\xc3\xa4\xc3\xa4", out, sizeof(out));
    assert_string_equal(out, "1234567\xe2\x80\xa6");
}

static void formulas_are_known(void **state)
{
    static const char *const formulas[] = {
        "=1",           "+1",  "-1",    "@a",
        " =1",          "'=1", " ' +1", "\xef\xbc\x9d\x31", /* fullwidth =, 1 */
        "\xef\xbc\xa0z"};
    static const char *const others[] = {"", "a=1", "1-1", "'",
                                         "\xe2\x88\x92\x31"}; /* a minus of typesetters, 1 */
    (void)state;
    for (size_t i = 0; i < sizeof(formulas) / sizeof(formulas[0]); i++)
        assert_true(fl_document_is_formula(formulas[i]));
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(fl_document_is_formula(others[i]));
}

static void numbers_and_times_are_written_as_people_read_them(void **state)
{
    static const struct {
        enum fl_document_type type;
        unsigned decimals;
        int64_t value;
        const char *text;
    } rows[] = {
        {FL_DOCUMENT_NUMBER, 0, 1499, "1"},
        {FL_DOCUMENT_NUMBER, 0, 1500, "2"},
        {FL_DOCUMENT_NUMBER, 1, -12550, "-12.6"},
        {FL_DOCUMENT_NUMBER, 1, -49, "0.0"},
        {FL_DOCUMENT_NUMBER, 2, 1005, "1.01"},
        {FL_DOCUMENT_NUMBER, 3, 1005, "1.005"},
        {FL_DOCUMENT_NUMBER, 0, INT64_MIN, "-9223372036854776"},
        {FL_DOCUMENT_DATE, 0, INT64_C(1764028800000), "2025-11-25"},
        {FL_DOCUMENT_TIME, 0, INT64_C(1764086563123), "2025-11-25 16:02:43"},
        {FL_DOCUMENT_TIME, 0, -1, "unknown"},
        {FL_DOCUMENT_DATE, 0, INT64_MAX, "unknown"},
    };
    char text[FL_DOCUMENT_CELL_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fl_document_column column = {.type = rows[i].type, .decimals = rows[i].decimals};
        fl_document_format(&column, rows[i].value, text);
        assert_string_equal(text, rows[i].text);
    }
}

static const struct fl_document_column columns[] = {
    {"name", "Name", FL_DOCUMENT_TEXT, "", 0, 10},
    {"number", "Number", FL_DOCUMENT_NUMBER, "", 0, 10},
};

static bool stop_at_once(void *context, size_t row_count)
{
    (void)context;
    return row_count < 2000;
}

static struct fl_document *open_document(struct fl_scratch *scratch)
{
    struct fl_document *document = calloc(1, sizeof(*document));
    assert_non_null(document);
    fl_scratch_make(scratch);
    assert_int_equal(fl_document_open(scratch->path, document), FL_OK);
    assert_int_equal(fl_document_add_table(document, "t", "T", columns, 2), 0);
    return document;
}

static void close_document(struct fl_scratch *scratch, struct fl_document *document)
{
    fl_document_close(document);
    free(document);
    fl_scratch_remove(scratch);
}

static void rows_come_in_the_order_of_their_keys(void **state)
{
    static const int64_t keys[] = {3, 1, 2, 1, INT64_MIN, INT64_MAX, 1};
    static const int64_t order[] = {4, 1, 3, 6, 2, 0, 5};
    struct fl_scratch scratch;
    struct fl_document_cell cells[2];
    struct fl_document *document = open_document(&scratch);
    (void)state;
    for (int64_t i = 0; i < 7; i++) {
        char name[8];
        snprintf(name, sizeof(name), "n%d", (int)i);
        const struct fl_document_cell row[] = {fl_cell_text(name), fl_cell_number(i)};
        fl_document_add_row(document, 0, keys[i], row);
    }
    assert_int_equal(fl_document_finish(document), FL_OK);
    for (size_t i = 0; i < 7; i++) {
        assert_true(fl_document_read(document, 0, i, cells));
        assert_int_equal(cells[1].number, order[i]);
        assert_int_equal(cells[0].text[1] - '0', order[i]);
    }
    close_document(&scratch, document);
}

static void repeated_keys_are_dropped_and_rows_go_on_after_a_look(void **state)
{
    struct fl_scratch scratch;
    struct fl_document_cell cells[2];
    struct fl_document *document = open_document(&scratch);
    const struct fl_document_cell row[] = {fl_cell_text("a"), fl_cell_unknown()};
    const struct fl_document_cell more[] = {fl_cell_text(""), fl_cell_number(5)};
    (void)state;
    for (int64_t i = 0; i < 6; i++)
        fl_document_add_row(document, 0, i / 2, row);
    fl_document_sort(document, 0, true);
    assert_int_equal(document->tables[0].row_count, 3);
    assert_true(fl_document_read(document, 0, 1, cells));
    assert_int_equal(cells[1].state, FL_CELL_UNKNOWN);
    fl_document_add_row(document, 0, 9, more);
    assert_int_equal(fl_document_finish(document), FL_OK);
    assert_true(fl_document_read(document, 0, 3, cells));
    assert_int_equal(cells[0].state, FL_CELL_NONE);
    assert_int_equal(cells[1].number, 5);
    close_document(&scratch, document);
}

static void whoever_watches_can_end_it(void **state)
{
    struct fl_scratch scratch;
    struct fl_document *document = open_document(&scratch);
    const struct fl_document_cell row[] = {fl_cell_text("a"), fl_cell_unknown()};
    (void)state;
    document->go_on = stop_at_once;
    for (int i = 0; i < 3000; i++)
        fl_document_add_row(document, 0, 0, row);
    assert_int_equal(fl_document_finish(document), FL_INTERRUPTED);
    assert_true(document->tables[0].row_count < 2000);
    close_document(&scratch, document);
}

static void a_directory_that_is_not_there_is_an_error(void **state)
{
    struct fl_document *document = calloc(1, sizeof(*document));
    (void)state;
    assert_non_null(document);
    assert_int_equal(fl_document_open("/nonexistent/place", document), FL_IO);
    fl_document_close(document);
    free(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleaned_texts_have_nothing_that_turns_or_ends_a_line),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(formulas_are_known),
        cmocka_unit_test(numbers_and_times_are_written_as_people_read_them),
        cmocka_unit_test(rows_come_in_the_order_of_their_keys),
        cmocka_unit_test(repeated_keys_are_dropped_and_rows_go_on_after_a_look),
        cmocka_unit_test(whoever_watches_can_end_it),
        cmocka_unit_test(a_directory_that_is_not_there_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
