/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Conditions decided by evidence: what a report changes of them.
 *
 * Status is a set of tokens and no token is believed against what is measured: OL with DISCHRG is a
 * power failure if the input is below the transfer voltage, and a hovering battery if it is not. A
 * report that holds no evidence leaves a condition as it is. A stale report says that communication
 * is lost and nothing else; a recovery clears that and nothing else.
 *
 * Invariants: 1. changes of one condition alternate between raised and cleared. 2. a report that is
 * not above the last one changes nothing.
 * Threading: pure. Allocation: none.
 */
#include "projections/detector/watch.h"
#include "projections/telemetry/report.h"

enum {
    FL_CHANGES_PER_REPORT_MAX = FL_CONDITION_END, /* silence before it included */
    FL_ALARM_SUSTAINED_MS = 10 * 60 * 1000, /* an alarm text that asks for a battery for so long */
    FL_OFF_SUSTAINED_MS = 30 * 1000,        /* as upsmon's OFFDURATION */
    FL_ADJUST_SUSTAINED_MS = 60 * 1000,     /* TRIM and BOOST come and go with the mains */
};

/* True if the report is above the last one: only then may it be taken. */
bool fl_watch_is_news(const struct fl_watch *watch, const struct fl_report *report);

/* Takes the report's readings and adds what they change to `changes`, which has room for
 * FL_CHANGES_PER_REPORT_MAX. Sets generation, counter and sampling time. */
void fl_watch_take(struct fl_watch *watch, const struct fl_report *report,
                   struct fl_changes *changes);

/* The device has been silent for too long: communication is lost, at its last report. */
void fl_watch_lose(struct fl_watch *watch, uint64_t silence_ms, struct fl_changes *changes);

/* The change that tells a standing (or no longer standing) condition with the current counter. */
void fl_watch_tell(const struct fl_watch *watch, enum fl_condition condition,
                   struct fl_changes *changes);
