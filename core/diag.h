/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Diagnostics: one line per event, logfmt or JSON, to stderr.
 *
 * Event names, levels and their meaning stand in `events.def`; a line is a name and fields. Never a
 * payload, a token, an address or a key: fields are ids, numbers and fixed words. Values are
 * escaped, so that input cannot forge a line.
 *
 * Threading: any thread; a line is one write(2). Allocation: none. Limits: a line over 4 KiB is cut
 * and says so.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

enum fl_level {
    FL_LEVEL_DEBUG,
    FL_LEVEL_INFO,
    FL_LEVEL_WARNING,
    FL_LEVEL_ERROR,
    FL_LEVEL_CRITICAL
};

enum fl_diag_event {
#define FL_EVENT(name, level, explanation) FL_DIAG_##name,
#include "core/events.def"
#undef FL_EVENT
    FL_DIAG_EVENT_COUNT
};

/* The process's settings; set once at start, before threads. */
void fl_diag_configure(const char *duty, bool json, enum fl_level level_min);

/* One field; make them with the macros below. */
struct fl_field {
    const char *name;
    enum { FL_FIELD_TEXT, FL_FIELD_INTEGER, FL_FIELD_UNSIGNED, FL_FIELD_REAL } type;
    union {
        const char *text;
        int64_t integer;
        uint64_t number;
        double real;
    } value;
};
#define FL_TEXT(field_name, v) ((struct fl_field){field_name, FL_FIELD_TEXT, {.text = (v)}})
#define FL_INT(field_name, v) ((struct fl_field){field_name, FL_FIELD_INTEGER, {.integer = (v)}})
#define FL_UINT(field_name, v) ((struct fl_field){field_name, FL_FIELD_UNSIGNED, {.number = (v)}})
#define FL_REAL(field_name, v) ((struct fl_field){field_name, FL_FIELD_REAL, {.real = (v)}})

void fl_diag_write(enum fl_diag_event event, const struct fl_field *fields, unsigned field_count);

/* fl_diag(STARTED, FL_TEXT("view", "devices"), FL_UINT("offset", 7)); at least one field. */
#define fl_diag(event, ...)                                                                        \
    fl_diag_write(FL_DIAG_##event, (const struct fl_field[]){__VA_ARGS__},                         \
                  sizeof((const struct fl_field[]){__VA_ARGS__}) / sizeof(struct fl_field))

/* Lines written so far at warning or above (the health endpoint shows it). */
uint64_t fl_diag_warning_count(void);

/* Name and explanation of an event, for the manual. */
const char *fl_diag_event_name(enum fl_diag_event event);
const char *fl_diag_event_explanation(enum fl_diag_event event);
