/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/simulator/words.h"

static bool is_blank(char byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_kept(char byte)
{
    return byte >= 0x20 && byte < 0x7f;
}

static void start_line(struct fl_words *words)
{
    words->count = 0;
    words->cut = false;
    words->complete = false;
    words->size = 0;
    words->state = FL_WORDS_BETWEEN;
}

void fl_words_init(struct fl_words *words)
{
    start_line(words);
}

static void put(struct fl_words *words, char byte)
{
    if (!is_kept(byte))
        return;
    if (words->count == FL_WORDS_COUNT_MAX || words->size == FL_WORDS_SIZE_MAX) {
        words->cut = true;
        return;
    }
    words->word[words->count][words->size++] = byte;
}

static void end_word(struct fl_words *words)
{
    if (words->count == FL_WORDS_COUNT_MAX) {
        words->cut = true;
    } else {
        words->word[words->count][words->size] = '\0';
        words->count++;
    }
    words->size = 0;
    words->state = FL_WORDS_BETWEEN;
}

static enum fl_words_result end_line(struct fl_words *words, enum fl_words_result result)
{
    words->complete = true;
    return result;
}

static void lone_equals(struct fl_words *words)
{
    put(words, '=');
    end_word(words);
}

static enum fl_words_result between(struct fl_words *words, char byte)
{
    if (byte == '\n')
        return end_line(words, FL_WORDS_LINE);
    if (is_blank(byte))
        return FL_WORDS_MORE;
    if (byte == '#') {
        words->state = FL_WORDS_COMMENT;
    } else if (byte == '"') {
        words->state = FL_WORDS_QUOTED;
    } else if (byte == '\\') {
        words->state = FL_WORDS_PLAIN_ESCAPE;
    } else if (byte == '=') {
        lone_equals(words);
    } else {
        words->state = FL_WORDS_PLAIN;
        put(words, byte);
    }
    return FL_WORDS_MORE;
}

static enum fl_words_result plain(struct fl_words *words, char byte)
{
    if (byte == '\\') {
        words->state = FL_WORDS_PLAIN_ESCAPE;
        return FL_WORDS_MORE;
    }
    if (!is_blank(byte) && byte != '#' && byte != '=') {
        put(words, byte);
        return FL_WORDS_MORE;
    }
    end_word(words);
    return between(words, byte);
}

static enum fl_words_result quoted(struct fl_words *words, char byte)
{
    if (byte == '#')
        words->state = FL_WORDS_BROKEN;
    else if (byte == '"')
        end_word(words);
    else if (byte == '\\')
        words->state = FL_WORDS_QUOTED_ESCAPE;
    else
        put(words, byte);
    return FL_WORDS_MORE;
}

enum fl_words_result fl_words_feed(struct fl_words *words, char byte)
{
    if (words->complete)
        start_line(words);
    switch (words->state) {
    case FL_WORDS_BETWEEN:
        return between(words, byte);
    case FL_WORDS_PLAIN:
        return plain(words, byte);
    case FL_WORDS_PLAIN_ESCAPE:
        put(words, byte); /* an escaped end of line joins two lines: put drops it */
        words->state = FL_WORDS_PLAIN;
        return FL_WORDS_MORE;
    case FL_WORDS_QUOTED:
        return quoted(words, byte);
    case FL_WORDS_QUOTED_ESCAPE:
        put(words, byte);
        words->state = FL_WORDS_QUOTED;
        return FL_WORDS_MORE;
    case FL_WORDS_COMMENT:
        return byte == '\n' ? end_line(words, FL_WORDS_LINE) : FL_WORDS_MORE;
    case FL_WORDS_BROKEN:
        return byte == '\n' ? end_line(words, FL_WORDS_BAD) : FL_WORDS_MORE;
    }
    return FL_WORDS_MORE;
}

bool fl_words_quote(const char *value, char *out, size_t out_size)
{
    size_t size = 0;
    if (out_size < 3) {
        if (out_size)
            out[0] = '\0';
        return false;
    }
    out[size++] = '"';
    for (; *value; value++) {
        bool escape = *value == '"' || *value == '\\' || *value == '#';
        if (!is_kept(*value))
            continue;
        if (size + (escape ? 2U : 1U) + 2U > out_size) {
            out[0] = '\0';
            return false;
        }
        if (escape)
            out[size++] = '\\';
        out[size++] = *value;
    }
    out[size++] = '"';
    out[size] = '\0';
    return true;
}
