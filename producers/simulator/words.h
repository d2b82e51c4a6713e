/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Lines of words as NUT's driver sockets and our scenario files spell them.
 *
 * Why: both sides of a driver socket split lines by the same small rules (NUT, docs/sock-protocol:
 * 32 words of 512 characters; double quotes keep blanks; a backslash takes the next character as it
 * is; `#` outside a word begins a comment; `=` outside quotes is a word of its own; only printable
 * ASCII is kept). It does not know what the words mean.
 *
 * A line that breaks the rules (an unescaped `#` in quotes, which NUT refuses too) is given up up
 * to its end of line, so that the next line is read as usual.
 *
 * Invariants: 1. count <= FL_WORDS_COUNT_MAX. 2. every word ends with a NUL within its array.
 * Threading: one thread. Allocation: none. Limits: longer words and further words are dropped and
 * `cut` says so.
 */
#include <stdbool.h>
#include <stddef.h>

enum { FL_WORDS_COUNT_MAX = 32, FL_WORDS_SIZE_MAX = 512 };

enum fl_words_state {
    FL_WORDS_BETWEEN,
    FL_WORDS_PLAIN,
    FL_WORDS_PLAIN_ESCAPE,
    FL_WORDS_QUOTED,
    FL_WORDS_QUOTED_ESCAPE,
    FL_WORDS_COMMENT,
    FL_WORDS_BROKEN,
};

struct fl_words {
    char word[FL_WORDS_COUNT_MAX][FL_WORDS_SIZE_MAX + 1];
    unsigned count; /* words of the line, valid after FL_WORDS_LINE until the next feed */
    bool cut;       /* something of this line was dropped */
    bool complete;  /* the next character begins a new line */
    size_t size;    /* of the word being read */
    enum fl_words_state state;
};

enum fl_words_result {
    FL_WORDS_MORE, /* no end of line yet */
    FL_WORDS_LINE, /* word[0 … count-1] hold a line; count may be 0 */
    FL_WORDS_BAD,  /* the line that ends here broke the rules */
};

void fl_words_init(struct fl_words *words);

/* Takes one byte. */
enum fl_words_result fl_words_feed(struct fl_words *words, char byte);

/* Writes `value` in double quotes with `"`, `\` and `#` escaped; bytes that the other side would
 * drop are left out. False, and an empty `out`, if it does not fit. */
bool fl_words_quote(const char *value, char *out, size_t out_size);
