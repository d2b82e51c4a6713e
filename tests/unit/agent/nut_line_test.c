/* SPDX-License-Identifier: Apache-2.0 */
/* Lines and words of NUT's protocol, good ones and junk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/port.h"
#include "producers/agent/nut_line.h"

static void words_of(const char *line, struct fl_nut_words *words)
{
    assert_int_equal(fl_nut_split(fl_slice_text(line), words), FL_OK);
}

static void words_come_unquoted(void **state)
{
    (void)state;
    struct fl_nut_words words;
    words_of("VAR su700 ups.model \"Smart-UPS 1500\"", &words);
    assert_int_equal(words.count, 4);
    assert_true(fl_nut_word_is(&words, 0, "VAR"));
    assert_true(fl_nut_word_is(&words, 3, "Smart-UPS 1500"));
    assert_false(fl_nut_word_is(&words, 4, ""));
    words_of("  VAR\tu  n \"a \\\"b\\\" \\\\ \\# c\"  ", &words);
    assert_int_equal(words.count, 4);
    assert_true(fl_nut_word_is(&words, 3, "a \"b\" \\ # c"));
    words_of("VAR u n \"\"", &words);
    assert_int_equal(words.count, 4);
    assert_non_null(words.word[3].data);
    assert_int_equal(words.word[3].size, 0);
    words_of("VAR u n a\\ b\\\"", &words);
    assert_true(fl_nut_word_is(&words, 3, "a b\""));
    words_of("\"a\"b\"c\"", &words);
    assert_int_equal(words.count, 3);
    words_of(" \t ", &words);
    assert_int_equal(words.count, 0);
    words_of("VAR u n \"\xff\xfe \x01 trailing  \"", &words);
    assert_true(fl_nut_word_is(&words, 3, "\xff\xfe \x01 trailing  "));
}

static void what_does_not_end_is_refused(void **state)
{
    (void)state;
    struct fl_nut_words words;
    static const char *const bad[] = {"VAR u n \"open", "\"", "a \"b\\\"", "a\\", "\"a\\"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(fl_nut_split(fl_slice_text(bad[i]), &words), FL_INVALID);
    assert_int_equal(fl_nut_split(FL_SLICE_LITERAL("VAR u n \"a\0b\""), &words), FL_INVALID);
    assert_int_equal(fl_nut_split(FL_SLICE_LITERAL("a\0b"), &words), FL_INVALID);
    assert_int_equal(fl_nut_split(FL_SLICE_LITERAL("a\\\0"), &words), FL_INVALID);
}

static void words_are_limited(void **state)
{
    (void)state;
    struct fl_nut_words words;
    char line[FL_NUT_LINE_SIZE_MAX + 2];
    memset(line, 0, sizeof(line));
    for (int count = FL_NUT_WORD_COUNT_MAX - 1; count <= FL_NUT_WORD_COUNT_MAX + 1; count++) {
        for (int i = 0; i < count; i++)
            memcpy(line + 2 * i, "a ", 2);
        line[2 * count] = '\0';
        enum fl_error wanted = count > FL_NUT_WORD_COUNT_MAX ? FL_TOO_LARGE : FL_OK;
        assert_int_equal(fl_nut_split(fl_slice_text(line), &words), wanted);
    }
    memset(line, 'x', sizeof(line));
    assert_int_equal(fl_nut_split(fl_slice_of(line, FL_NUT_LINE_SIZE_MAX), &words), FL_OK);
    assert_int_equal(words.word[0].size, FL_NUT_LINE_SIZE_MAX);
    assert_int_equal(fl_nut_split(fl_slice_of(line, FL_NUT_LINE_SIZE_MAX + 1), &words),
                     FL_TOO_LARGE);
}

/* Feeds `text` in pieces of `step` bytes and writes each line as "[line]". */
static void feed(struct fl_slice text, size_t step, char *out, size_t out_size)
{
    struct fl_nut_lines lines;
    struct fl_slice line;
    size_t used = 0;
    fl_nut_lines_init(&lines);
    out[0] = '\0';
    for (size_t at = 0; at < text.size; at += step) {
        size_t size = text.size - at < step ? text.size - at : step;
        struct fl_slice input = fl_slice_of(text.data + at, size);
        while (fl_nut_lines_next(&lines, &input, &line)) {
            int added = snprintf(out + used, out_size - used, "[%.*s]",
                                 line.data == NULL ? 4 : (int)line.size,
                                 line.data == NULL ? "LONG" : (const char *)line.data);
            used += (size_t)added;
        }
        assert_int_equal(input.size, 0);
    }
}

static void lines_are_found_in_any_pieces(void **state)
{
    (void)state;
    static char text[3 * FL_NUT_LINE_SIZE_MAX];
    static char whole[4 * FL_NUT_LINE_SIZE_MAX];
    static char pieces[4 * FL_NUT_LINE_SIZE_MAX];
    size_t size = (size_t)snprintf(text, sizeof(text), "OK\n\nVAR a b \"c\"\r\n");
    memset(text + size, 'x', FL_NUT_LINE_SIZE_MAX + 1); /* one too many */
    size += FL_NUT_LINE_SIZE_MAX + 1;
    size += (size_t)snprintf(text + size, sizeof(text) - size, "\nlast\n");
    feed(fl_slice_of(text, size), size, whole, sizeof(whole));
    assert_string_equal(whole, "[OK][][VAR a b \"c\"][LONG][last]");
    for (size_t step = 1; step < 80; step++) {
        feed(fl_slice_of(text, size), step, pieces, sizeof(pieces));
        assert_string_equal(pieces, whole);
    }
}

static void the_longest_line_passes(void **state)
{
    (void)state;
    static char text[FL_NUT_LINE_SIZE_MAX + 1];
    struct fl_nut_lines lines;
    struct fl_slice line;
    memset(text, 'y', FL_NUT_LINE_SIZE_MAX);
    text[FL_NUT_LINE_SIZE_MAX] = '\n';
    struct fl_slice input = fl_slice_of(text, sizeof(text));
    fl_nut_lines_init(&lines);
    assert_true(fl_nut_lines_next(&lines, &input, &line));
    assert_int_equal(line.size, FL_NUT_LINE_SIZE_MAX);
}

/* What a request quotes, a split gives back: any bytes but line breaks and NUL. */
static void requests_are_read_back(void **state)
{
    (void)state;
    const char *given = getenv("FLEETLOG_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20261125;
    struct fl_port_virtual port;
    fl_port_virtual_init(&port, seed, 0);
    printf("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    for (int round = 0; round < 5000; round++) {
        uint8_t bytes[41];
        struct fl_nut_request request;
        struct fl_nut_words words;
        fl_port_random(&port.port, bytes, sizeof(bytes));
        size_t size = bytes[40] % 40;
        for (size_t i = 0; i < size; i++)
            if (bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == '\0')
                bytes[i] = '"';
        fl_nut_request_begin(&request, "SET VAR");
        fl_nut_request_word(&request, FL_SLICE_LITERAL("ups"));
        fl_nut_request_word(&request, fl_slice_of(bytes, size));
        assert_int_equal(fl_nut_request_end(&request), FL_OK);
        assert_int_equal(request.text[request.size - 1], '\n');
        assert_null(memchr(request.text, '\n', request.size - 1));
        assert_int_equal(fl_nut_split(fl_slice_of(request.text, request.size - 1), &words), FL_OK);
        assert_int_equal(words.count, 4);
        assert_true(fl_slice_equal(words.word[3], fl_slice_of(bytes, size)));
    }
}

static void a_request_cannot_become_two(void **state)
{
    (void)state;
    static const char *const bad[] = {"a\nLOGOUT", "a\rb"};
    struct fl_nut_request request;
    char huge[FL_NUT_LINE_SIZE_MAX + 1];
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fl_nut_request_begin(&request, "INSTCMD");
        fl_nut_request_word(&request, fl_slice_text(bad[i]));
        assert_int_equal(fl_nut_request_end(&request), FL_INVALID);
    }
    memset(huge, 'h', sizeof(huge));
    fl_nut_request_begin(&request, "INSTCMD");
    fl_nut_request_word(&request, fl_slice_of(huge, sizeof(huge)));
    assert_int_equal(fl_nut_request_end(&request), FL_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_come_unquoted),
        cmocka_unit_test(what_does_not_end_is_refused),
        cmocka_unit_test(words_are_limited),
        cmocka_unit_test(lines_are_found_in_any_pieces),
        cmocka_unit_test(the_longest_line_passes),
        cmocka_unit_test(requests_are_read_back),
        cmocka_unit_test(a_request_cannot_become_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
