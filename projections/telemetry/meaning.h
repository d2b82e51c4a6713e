/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What every NUT variable means, and whether its value can be true: the table of `meaning.def`.
 *
 * First each value alone (form, placeholder, range), then all of a device against each other: what
 * physics or the device itself contradicts is marked on both sides, because nobody knows which of
 * them is wrong. Rules name kinds of devices and of faults, never a device. The raw text is kept
 * where it came from; this only judges it, so that a new version of the table changes what is shown
 * of old reports and never the reports.
 *
 * Invariants: 1. the same values in any order get the same judgement. 2. a contradiction never
 * makes a judgement better. 3. a value of a name that the table does not know is OK text.
 * Threading: pure. Allocation: none. Limits: FL_READING_COUNT_MAX values at once.
 */
#include "projections/telemetry/quantity.h"
#include "projections/telemetry/report.h"

enum { FL_MEANING_VERSION = 1 };

enum fl_meaning_kind {
    FL_MEANING_TEXT,
    FL_MEANING_NUMBER,
    FL_MEANING_DURATION,
    FL_MEANING_DATE,
    FL_MEANING_STATUS,
    FL_MEANING_COUNT,
};

struct fl_judged {
    struct fl_slice name;
    struct fl_slice text; /* as received */
    enum fl_meaning_kind kind;
    enum fl_quality quality;
    /* Thousandths of the unit, day since 1970-01-01, or set of fl_status_token; 0 for text and
     * where nothing could be read. */
    int64_t value;
    const char *unit; /* "" if it has none; static */
    const char *rule; /* which rule found fault with it; NULL: none did; static */
};

/* Judges values by themselves and against each other. name and text of each are set. `today` is
 * the day of the report, 0 if it is unknown. */
void fl_meaning_judge(struct fl_judged *values, size_t count, int32_t today);

/* The second half of it, of values that were judged alone. */
void fl_meaning_contradict(struct fl_judged *values, size_t count, int32_t today);

const char *fl_meaning_kind_name(enum fl_meaning_kind kind);
