/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The dates of a device (battery replacement, end of warranty, end of plan) and the steps before
 * them at which owner and reseller are told: 90, 30 and 7 days before, and on the day.
 *
 * A date has at most one entry in the list of what falls due: that of the next step. A date that is
 * set late fires one notice, for the nearest step that has passed, and none if it is more than 90
 * days over. Each step of a date fires once; a date that moves is armed anew, one that comes back
 * is not. Other families set dates of their own with fl_lifecycle_set (a license its end).
 *
 * Invariants: 50 (check_reseller.c). Threading: one thread per kv. Allocation: the arena.
 * Limits: FL_LIFECYCLE_DATE_COUNT_MAX dates per device and fact are remembered.
 */
#include "fleetlog/v1/resellers.pb-c.h"
#include "projections/registry/due.h"
#include "projections/registry/fold.h"

enum { FL_LIFECYCLE_STEP_COUNT = 4, FL_LIFECYCLE_DATE_COUNT_MAX = 32, FL_DATE_TEXT_SIZE = 11 };

#define FL_DAY_MS (INT64_C(24) * 3600 * 1000)

/* Days before the date, per step, the first first. */
extern const uint32_t fl_lifecycle_steps[FL_LIFECYCLE_STEP_COUNT];

/* Midnight (UTC) of a YYYY-MM-DD; false: it is no such day. */
bool fl_date_parse(const char *text, int64_t *ms);

void fl_key_lifecycle(struct fl_key *key, const char *device_id, Fleetlog__V1__LifecycleFact fact);
const fl_lifecycle_row *fl_registry_lifecycle(struct fl_kv *kv, struct fl_arena *arena,
                                              const char *device_id,
                                              Fleetlog__V1__LifecycleFact fact);

/* The last step that has come at `now_ms`; false: none has, or the date is over for too long. */
bool fl_lifecycle_step_at(int64_t date_ms, int64_t now_ms, unsigned *step);

/* The entry that an armed date has; its time is 0 if it has none. */
void fl_due_of_lifecycle(const fl_lifecycle_row *row, struct fl_due *due);
Fleetlog__V1__LifecycleFact fl_lifecycle_fact_of_step(uint32_t due_step);

/* Sets, moves or (an empty date) takes back a date in the rows. */
void fl_lifecycle_set(struct fl_folding *f, const char *device_id, Fleetlog__V1__LifecycleFact fact,
                      const char *date, Fleetlog__V1__LifecycleBasis basis);

/* All dates of a device go, with what they have armed. */
void fl_lifecycle_drop(struct fl_folding *f, const char *device_id);
