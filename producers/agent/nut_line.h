/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Lines of NUT's network protocol (RFC 9271): bytes to lines, lines to words, and back.
 *
 * Written for peers that send anything: every line ends up as words or as one error, and the next
 * line is read as if nothing had happened. Words are bytes, kept exactly as they were before upsd
 * quoted them; inside quotes and outside a backslash takes the next byte as it is (upsd escapes the
 * quote, the backslash and '#'). A closing quote ends its word. A NUL is never part of a line.
 *
 * Threading: pure. Allocation: none. Lifetime: words point into the fl_nut_words.
 * Limits: FL_NUT_LINE_SIZE_MAX bytes without the end of line (upsd itself stops at 512; other
 * servers do not), FL_NUT_WORD_COUNT_MAX words.
 */
#include "core/error.h"
#include "core/slice.h"

enum { FL_NUT_LINE_SIZE_MAX = 1024, FL_NUT_WORD_COUNT_MAX = 32 };

struct fl_nut_lines {
    uint8_t bytes[FL_NUT_LINE_SIZE_MAX];
    size_t size;
    bool skipping; /* the line went over the limit: its rest is thrown away */
};

void fl_nut_lines_init(struct fl_nut_lines *lines);

/* Takes bytes from the front of `input` until a line is complete; false once the input is used up.
 * A line over the limit comes as FL_SLICE_NULL. The line lives until the next call; a CR before the
 * LF is no part of it. */
bool fl_nut_lines_next(struct fl_nut_lines *lines, struct fl_slice *input, struct fl_slice *line);

struct fl_nut_words {
    struct fl_slice word[FL_NUT_WORD_COUNT_MAX];
    size_t count;
    uint8_t bytes[FL_NUT_LINE_SIZE_MAX];
};

/* FL_TOO_LARGE: too many bytes or words; FL_INVALID: a quote or an escape without its end, or a
 * NUL. */
enum fl_error fl_nut_split(struct fl_slice line, struct fl_nut_words *words) FL_MUST_USE;

/* True if word `index` is there and reads `text`. */
bool fl_nut_word_is(const struct fl_nut_words *words, size_t index, const char *text);

/* A line to send, word by word; sticky. */
struct fl_nut_request {
    char text[FL_NUT_LINE_SIZE_MAX + 1]; /* ends with LF and NUL after fl_nut_request_end */
    size_t size;
    enum fl_error error;
};

void fl_nut_request_begin(struct fl_nut_request *request, const char *verb);

/* Appends a word, quoted and escaped where it has to be. FL_INVALID for a word with a line break or
 * a NUL: it would become another request. */
void fl_nut_request_word(struct fl_nut_request *request, struct fl_slice word);

/* Ends the line. FL_TOO_LARGE, FL_INVALID: then nothing may be sent. */
enum fl_error fl_nut_request_end(struct fl_nut_request *request) FL_MUST_USE;
