/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/port.h"
#include "producers/simulator/words.h"

/* Feeds a text; returns the result of its last byte. */
static enum fl_words_result feed(struct fl_words *words, const char *text)
{
    enum fl_words_result result = FL_WORDS_MORE;
    for (; *text; text++)
        result = fl_words_feed(words, *text);
    return result;
}

static void splits_lines(void **state)
{
    static const struct {
        const char *line;
        unsigned count;
        const char *words[6];
    } cases[] = {
        {"PING\n", 1, {"PING"}},
        {"\n", 0, {NULL}},
        {"  \t \r\n", 0, {NULL}},
        {"SET ups.id \"Data room\"\n", 3, {"SET", "ups.id", "Data room"}},
        {"a \"\" b\n", 3, {"a", "", "b"}},
        {"a\\ b c\n", 2, {"a b", "c"}},
        {"\"say \\\"x\\\" \\\\ \\#1\"\n", 1, {"say \"x\" \\ #1"}},
        {"a # the rest\n", 1, {"a"}},
        {"a#b\n", 1, {"a"}},
        {"# all\n", 0, {NULL}},
        {"a=b \"c=d\" = e\n", 6, {"a", "=", "b", "c=d", "=", "e"}},
        {"\"a\"b\n", 2, {"a", "b"}},
        {"one\\\ntwo\n", 1, {"onetwo"}},
        {"\"tab\tand\nline\"\n", 1, {"tabandline"}},
        {"caf\xc3\xa9 \x01x\x7f\n", 2, {"caf", "x"}},
    };
    struct fl_words words;
    (void)state;
    fl_words_init(&words);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(feed(&words, cases[i].line), FL_WORDS_LINE);
        assert_false(words.cut);
        assert_int_equal(words.count, cases[i].count);
        for (unsigned k = 0; k < words.count; k++)
            assert_string_equal(words.word[k], cases[i].words[k]);
    }
}

/* `count` words of `size` characters each. */
static void feed_words(struct fl_words *words, unsigned count, unsigned size)
{
    for (unsigned i = 0; i < count; i++) {
        for (unsigned k = 0; k < size; k++)
            (void)fl_words_feed(words, 'x');
        (void)fl_words_feed(words, ' ');
    }
}

static void keeps_its_limits(void **state)
{
    struct fl_words *words = malloc(sizeof(*words));
    (void)state;
    assert_non_null(words);
    fl_words_init(words);
    feed_words(words, FL_WORDS_COUNT_MAX, FL_WORDS_SIZE_MAX);
    assert_int_equal(fl_words_feed(words, '\n'), FL_WORDS_LINE);
    assert_false(words->cut);
    assert_int_equal(words->count, 32);
    assert_int_equal(strlen(words->word[31]), 512);

    feed_words(words, FL_WORDS_COUNT_MAX + 1, 1);
    assert_int_equal(fl_words_feed(words, '\n'), FL_WORDS_LINE);
    assert_true(words->cut);
    assert_int_equal(words->count, 32);

    feed_words(words, 1, FL_WORDS_SIZE_MAX + 1);
    assert_int_equal(fl_words_feed(words, '\n'), FL_WORDS_LINE);
    assert_true(words->cut);
    assert_int_equal(strlen(words->word[0]), 512);

    assert_int_equal(feed(words, "PING\n"), FL_WORDS_LINE);
    assert_false(words->cut);
    assert_int_equal(words->count, 1);
    free(words);
}

static void gives_up_a_broken_line_only(void **state)
{
    struct fl_words words;
    (void)state;
    fl_words_init(&words);
    assert_int_equal(feed(&words, "SET a \"b # c\"\n"), FL_WORDS_BAD);
    assert_int_equal(feed(&words, "PING\n"), FL_WORDS_LINE);
    assert_string_equal(words.word[0], "PING");
}

static void reads_back_what_it_quotes(void **state)
{
    struct fl_port_virtual port;
    const char *text = getenv("FLEETLOG_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20261125;
    struct fl_words words;
    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    fl_port_virtual_init(&port, seed, 0);
    fl_words_init(&words);
    for (unsigned round = 0; round < 2000; round++) {
        char value[64];
        char quoted[160];
        uint8_t size = 0;
        fl_port_random(&port.port, &size, 1);
        size %= sizeof(value) - 1;
        fl_port_random(&port.port, value, size);
        for (unsigned i = 0; i < size; i++)
            value[i] = (char)(0x20 + (unsigned char)value[i] % 0x5f);
        value[size] = '\0';
        assert_true(fl_words_quote(value, quoted, sizeof(quoted)));
        assert_int_equal(feed(&words, quoted), FL_WORDS_MORE);
        assert_int_equal(fl_words_feed(&words, '\n'), FL_WORDS_LINE);
        assert_int_equal(words.count, 1);
        assert_string_equal(words.word[0], value);
    }
    char small[4];
    assert_true(fl_words_quote("a", small, 4));
    assert_false(fl_words_quote("ab", small, 4));
    assert_string_equal(small, "");
    assert_false(fl_words_quote("", small, 2));
}

static void survives_junk(void **state)
{
    struct fl_port_virtual port;
    struct fl_words words;
    (void)state;
    fl_port_virtual_init(&port, 7, 0);
    fl_words_init(&words);
    for (unsigned round = 0; round < 3000; round++) {
        uint8_t bytes[97];
        fl_port_random(&port.port, bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes); i++) {
            (void)fl_words_feed(&words, (char)bytes[i]);
            assert_true(words.count <= FL_WORDS_COUNT_MAX && words.size <= FL_WORDS_SIZE_MAX);
        }
    }
    /* This ends the line from every state: out of an escape, then out of quotes or into a comment.
     */
    (void)feed(&words, "x#\n");
    assert_int_equal(feed(&words, "PING\n"), FL_WORDS_LINE);
    assert_string_equal(words.word[0], "PING");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_lines),
        cmocka_unit_test(keeps_its_limits),
        cmocka_unit_test(gives_up_a_broken_line_only),
        cmocka_unit_test(reads_back_what_it_quotes),
        cmocka_unit_test(survives_junk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
