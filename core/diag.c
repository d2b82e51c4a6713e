/* SPDX-License-Identifier: Apache-2.0 */
#include "core/diag.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/timestamp.h"

enum { LINE_SIZE_MAX = 4096, TAIL_ROOM = 32 };

static const struct {
    const char *name;
    const char *explanation;
    enum fl_level level;
} table[] = {
#define FL_EVENT(name, level, explanation) {#name, explanation, FL_LEVEL_##level},
#include "core/events.def"
#undef FL_EVENT
};

/* The only process-wide state of fleetlog: where lines go and how they look. */
static struct {
    char duty[32];
    bool json;
    enum fl_level level_min;
} settings = {.duty = "fleetlog", .level_min = FL_LEVEL_INFO};

static atomic_uint_fast64_t warning_count;

struct line {
    char text[LINE_SIZE_MAX];
    size_t size;
    bool cut;
};

void fl_diag_configure(const char *duty, bool json, enum fl_level level_min)
{
    snprintf(settings.duty, sizeof(settings.duty), "%s", duty);
    settings.json = json;
    settings.level_min = level_min;
}

uint64_t fl_diag_warning_count(void)
{
    return atomic_load(&warning_count);
}

const char *fl_diag_event_name(enum fl_diag_event event)
{
    fl_assert(event < FL_DIAG_EVENT_COUNT);
    return table[event].name;
}

const char *fl_diag_event_explanation(enum fl_diag_event event)
{
    fl_assert(event < FL_DIAG_EVENT_COUNT);
    return table[event].explanation;
}

static void put(struct line *line, const char *text, size_t size)
{
    if (line->cut || line->size + size > LINE_SIZE_MAX - TAIL_ROOM) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->size, text, size);
    line->size += size;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Quotes and escapes as JSON does; logfmt readers accept the same form. Bytes that are no printable
 * ASCII are written as \u00xx, so that a terminal or a log shipper never sees a control character
 * or broken UTF-8. */
static void put_quoted(struct line *line, const char *text)
{
    put_text(line, "\"");
    for (const unsigned char *c = (const unsigned char *)text; *c != 0; c++) {
        char escaped[8];
        if (*c == '"' || *c == '\\')
            snprintf(escaped, sizeof(escaped), "\\%c", *c);
        else if (*c < 0x20 || *c > 0x7e)
            snprintf(escaped, sizeof(escaped), "\\u%04x", *c);
        else
            snprintf(escaped, sizeof(escaped), "%c", *c);
        put_text(line, escaped);
    }
    put_text(line, "\"");
}

static void put_name(struct line *line, const char *name)
{
    if (!settings.json) {
        put_text(line, line->size == 0 ? "" : " ");
        put_text(line, name);
        put_text(line, "=");
        return;
    }
    put_text(line, line->size == 0 ? "{" : ",");
    put_quoted(line, name);
    put_text(line, ":");
}

static bool is_bare(const char *text)
{
    static const char safe[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@+,";
    return text[0] != '\0' && text[strspn(text, safe)] == '\0';
}

static void put_word(struct line *line, const char *name, const char *value)
{
    put_name(line, name);
    if (!settings.json && is_bare(value))
        put_text(line, value);
    else
        put_quoted(line, value);
}

static void put_field(struct line *line, const struct fl_field *field)
{
    char number[40] = "";
    switch (field->type) {
    case FL_FIELD_TEXT:
        put_word(line, field->name, field->value.text == NULL ? "" : field->value.text);
        return;
    case FL_FIELD_INTEGER:
        snprintf(number, sizeof(number), "%lld", (long long)field->value.integer);
        break;
    case FL_FIELD_UNSIGNED:
        snprintf(number, sizeof(number), "%llu", (unsigned long long)field->value.number);
        break;
    case FL_FIELD_REAL:
        snprintf(number, sizeof(number), "%.3f", field->value.real);
        break;
    }
    put_name(line, field->name);
    put_text(line, number);
}

void fl_diag_write(enum fl_diag_event event, const struct fl_field *fields, unsigned field_count)
{
    static const char *const level_names[] = {"debug", "info", "warning", "error", "critical"};
    fl_assert(event < FL_DIAG_EVENT_COUNT);
    enum fl_level level = table[event].level;
    if (level >= FL_LEVEL_WARNING)
        atomic_fetch_add(&warning_count, 1);
    if (level < settings.level_min)
        return;
    struct line line = {.size = 0};
    struct timespec now;
    char time_text[FL_TIMESTAMP_TEXT_SIZE];
    clock_gettime(CLOCK_REALTIME, &now);
    fl_timestamp_format((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, time_text);
    put_word(&line, "time", time_text);
    put_word(&line, "level", level_names[level]);
    put_word(&line, "duty", settings.duty);
    put_word(&line, "event", table[event].name);
    for (unsigned i = 0; i < field_count; i++)
        put_field(&line, &fields[i]);
    const char *tail =
        settings.json ? (line.cut ? ",\"cut\":1}\n" : "}\n") : (line.cut ? " cut=1\n" : "\n");
    size_t tail_size = strlen(tail);
    memcpy(line.text + line.size, tail, tail_size);
    ssize_t written = write(STDERR_FILENO, line.text, line.size + tail_size);
    (void)written; /* nowhere left to report it */
}
