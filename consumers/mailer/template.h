/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Words of mails: one pair of files per mail (templates/NAME.txt, NAME.html), embedded at build.
 *
 * `{{word}}` stands for a value, escaped for the part that it stands in: in HTML always, in both
 * without control characters and without those that turn the direction of text. `{{?word}} …
 * {{/word}}` is there if the value is not empty, `{{!word}} … {{/word}}` if it is. The first line
 * of a .txt, "Subject: …", is the subject; a blank line follows. The .html is what goes into
 * layout.html at
 * {{content}}. A word without a value is a programmer's error (asserted): a test renders them all.
 *
 * Threading: pure. Allocation: the arena. Limits: none but the arena's.
 */
#include "core/arena.h"
#include "core/slice.h"

struct fl_template_value {
    const char *name;
    const char *value;
};

struct fl_template_values {
    const struct fl_template_value *values;
    size_t count;
};

/* The parts of one mail. */
struct fl_rendered {
    const char *subject;
    const char *text;
    const char *html;
};

/* False: no memory. */
bool fl_template_render(struct fl_arena *arena, const char *name,
                        const struct fl_template_values *values, struct fl_rendered *rendered);

/* Made by embed.cmake: bytes of templates/<file>, NUL at the end. */
struct fl_template_file {
    const char *name;
    const char *text;
};
extern const struct fl_template_file fl_template_files[];
extern const size_t fl_template_file_count;
