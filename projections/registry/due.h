/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What falls due: one list of the registry, in the order in which it fires.
 *
 * A fold sets an entry when something gets an end or a date and clears it when that no longer
 * counts; both may be repeated. The timekeeper reads the list and appends FireDue; the rules answer
 * it with the event of its kind (decide_due.c) only while the entry stands, and that event's fold
 * clears it. No rule asks whether an entry has fired: who decides at or past an end goes by the
 * time alone (machines.h).
 *
 * Invariants: 12 (check.c). Threading: one thread per kv. Allocation: none.
 * Limits: times above 0; a time of 0 is none, and is neither set nor found.
 */
#include "core/ids.h"
#include "core/kv.h"
#include "fleetlog/v1/timekeeper.pb-c.h"
#include "projections/registry/row_types.h"

#define FL_DUE(kind) FLEETLOG__V1__DUE_KIND__DUE_KIND_##kind

struct fl_due {
    int64_t at_ms;
    Fleetlog__V1__DueKind kind;
    uint32_t step; /* which of several of the same thing */
    char id[FL_ID_TEXT_SIZE];
};

/* Names an entry; a text that is no id makes one that cannot be set (the kv fails). */
void fl_due_init(struct fl_due *due, int64_t at_ms, Fleetlog__V1__DueKind kind, const char *id,
                 uint32_t step);

void fl_due_set(struct fl_kv *kv, const struct fl_due *due);
void fl_due_clear(struct fl_kv *kv, const struct fl_due *due);
bool fl_due_is_set(struct fl_kv *kv, const struct fl_due *due);

/* The first entry behind `after` (NULL: of all); false: there is none. */
bool fl_due_next(struct fl_kv *kv, const struct fl_due *after, struct fl_due *due);

/* The entry of a share that is pending or accepted; one that never ends has the time 0. */
void fl_due_of_share(const fl_share_row *share, struct fl_due *due);

/* The same of a link with a reseller: its offer's end, or the next report. */
void fl_due_of_reseller_link(const fl_reseller_link_row *row, struct fl_due *due);

/* Negative, 0 or positive, as a comes before, is, or comes behind b. */
int fl_due_compare(const struct fl_due *a, const struct fl_due *b);
