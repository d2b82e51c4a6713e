/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/mailer/template.h"

#include <string.h>
#include <utf8proc.h>

#include "core/assert.h"

enum { NAME_SIZE_MAX = 64 };

struct rendering {
    const struct fl_template_values *values;
    bool is_html;
    bool is_line; /* a subject: no line ends */
    char *out;    /* NULL: only count */
    size_t size;
};

static void put(struct rendering *r, const char *bytes, size_t size)
{
    if (r->out != NULL)
        memcpy(r->out + r->size, bytes, size);
    r->size += size;
}

static const char *value_of(const struct rendering *r, struct fl_slice name)
{
    for (size_t i = 0; i < r->values->count; i++)
        if (fl_slice_is(name, r->values->values[i].name))
            return r->values->values[i].value;
    fl_assert(!"a template names a word that has no value");
    return "";
}

static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

/* True for what turns the direction of text, ends a line or controls a terminal: it is left out. */
static bool is_hidden(utf8proc_int32_t c)
{
    return (c >= 0x80 && c <= 0x9f) || c == 0x061c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void put_character(struct rendering *r, utf8proc_int32_t c, const char *bytes, size_t size)
{
    const char *entity = r->is_html && size == 1 ? entity_of(*bytes) : NULL;
    if (is_hidden(c))
        return;
    if (c == '\n' && r->is_html)
        put(r, "<br>", 4);
    else if ((c != '\n' || r->is_line) && (c < ' ' || c == 0x7f))
        put(r, " ", 1);
    else if (entity != NULL)
        put(r, entity, strlen(entity));
    else
        put(r, bytes, size);
}

/* Character by character: bytes that are none become '?', so that nothing is left out of them that
 * joins its neighbours to something else. */
static void put_value(struct rendering *r, const char *value)
{
    while (*value != '\0') {
        utf8proc_int32_t c;
        utf8proc_ssize_t size = utf8proc_iterate((const utf8proc_uint8_t *)value, -1, &c);
        if (size > 0)
            put_character(r, c, value, (size_t)size);
        else
            put(r, "?", 1);
        value += size > 0 ? size : 1;
    }
}

/* The word behind "{{" and what follows "}}". */
static struct fl_slice word_of(const char *at, const char **behind)
{
    const char *end = strstr(at, "}}");
    fl_assert(end != NULL && (size_t)(end - at) < NAME_SIZE_MAX);
    *behind = end + 2;
    return fl_slice_of(at, (size_t)(end - at));
}

/* Behind the "{{/word}}" that ends a part. */
static const char *skip_part(const char *at, struct fl_slice word)
{
    const char *behind = NULL;
    for (at = strstr(at, "{{/"); at != NULL; at = strstr(at + 3, "{{/"))
        if (fl_slice_equal(word_of(at + 3, &behind), word))
            return behind;
    fl_assert(!"a part of a template has no end");
    return NULL;
}

static void render(struct rendering *r, const char *text, const char *content)
{
    while (*text != '\0') {
        const char *open = strstr(text, "{{");
        if (open == NULL) {
            put(r, text, strlen(text));
            return;
        }
        put(r, text, (size_t)(open - text));
        const char *behind = NULL;
        char kind = open[2];
        bool special = kind == '?' || kind == '!' || kind == '/';
        struct fl_slice word = word_of(open + 2 + special, &behind);
        text = behind;
        if (kind == '/')
            continue;
        if (!special && content != NULL && fl_slice_is(word, "content")) {
            render(r, content, NULL);
            continue;
        }
        const char *value = value_of(r, word);
        if (!special)
            put_value(r, value);
        else if ((value[0] != '\0') != (kind == '?'))
            text = skip_part(behind, word);
    }
}

static char *render_all(struct fl_arena *arena, struct rendering r, const char *text,
                        const char *content)
{
    render(&r, text, content);
    char *out = fl_arena_alloc(arena, r.size + 1);
    if (out == NULL)
        return NULL;
    r.out = out;
    r.size = 0;
    render(&r, text, content);
    out[r.size] = '\0';
    return out;
}

static const char *file_of(const char *name, const char *ending)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < fl_template_file_count; i++) {
        const struct fl_template_file *file = &fl_template_files[i];
        if (strncmp(file->name, name, size) == 0 && strcmp(file->name + size, ending) == 0)
            return file->text;
    }
    fl_assert(!"there is no such template");
    return NULL;
}

bool fl_template_render(struct fl_arena *arena, const char *name,
                        const struct fl_template_values *values, struct fl_rendered *rendered)
{
    static const char prefix[] = "Subject: ";
    const char *file = file_of(name, ".txt");
    const char *line_end = strchr(file, '\n');
    fl_assert(strncmp(file, prefix, sizeof(prefix) - 1) == 0 && line_end != NULL &&
              line_end[1] == '\n');
    const char *subject =
        fl_arena_text(arena, fl_slice_of(file + sizeof(prefix) - 1,
                                         (size_t)(line_end - file) - (sizeof(prefix) - 1)));
    if (subject == NULL)
        return false;
    const struct rendering line = {.values = values, .is_line = true};
    const struct rendering plain = {.values = values};
    const struct rendering html = {.values = values, .is_html = true};
    rendered->subject = render_all(arena, line, subject, NULL);
    rendered->text = render_all(arena, plain, line_end + 2, NULL);
    rendered->html = render_all(arena, html, file_of("layout", ".html"), file_of(name, ".html"));
    return rendered->subject != NULL && rendered->text != NULL && rendered->html != NULL;
}
