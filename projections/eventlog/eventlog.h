/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The customer's Event Log: thirty days of what happened and what was refused, by severity, then
 * newest first; per company, per device, per location.
 *
 * It holds ids, not names: texts are made when they are read, so that a person who was erased is
 * gone from every line. An event stands in the log of one company, the owner of what it is about,
 * whoever did it; in that company's log of a device if the device was its own then; in a location's
 * if the device stood there at that time. So a device's log ends for each owner when the next one
 * takes it over: whoever sees the device now reads what happened while it was its owner's. Refusals
 * of people stand there too; repeated requests do not.
 *
 * Invariants: 1. an entry stands under its sequence, and no later entry is older. 2. it has as many
 * places in the order as it is listed under, at least one. 3. every place belongs to an entry.
 * Threading: one thread per kv. Allocation: the caller's arena. Limits: lists inside an entry are
 * cut to FL_EVENTLOG_LIST_MAX; a page has up to `limit` rows.
 */
#include "projections/eventlog/entry.pb-c.h"
#include "projections/view.h"

enum { FL_EVENTLOG_LIST_MAX = 4, FL_EVENTLOG_CURSOR_SIZE = 2 * 17 + 1 };
#define FL_EVENTLOG_KEEP_MS (INT64_C(30) * 24 * 3600 * 1000)

typedef Fleetlog__Rows__V1__EntryRow fl_entry_row;

const struct fl_view *fl_eventlog_view(void);
bool fl_eventlog_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE]);

enum fl_eventlog_scope { FL_EVENTLOG_COMPANY = 1, FL_EVENTLOG_DEVICE, FL_EVENTLOG_LOCATION };

struct fl_eventlog_query {
    enum fl_eventlog_scope scope;
    struct fl_slice company_id;    /* whose log; of a device its present owner's */
    struct fl_slice device_id;     /* FL_EVENTLOG_DEVICE */
    struct fl_slice location;      /* FL_EVENTLOG_LOCATION: its exact name */
    bool with_owner_only;          /* false for somebody that the device is shared with */
    enum fl_severity severity_min; /* FL_SEVERITY_NONE: all */
    int64_t now_ms;                /* the head's time: what is older than 30 days is not shown */
    struct fl_slice after;         /* `next` of the page before; NULL: from the start */
    size_t limit;                  /* at least 1 */
};

struct fl_eventlog_page {
    const fl_entry_row **rows;
    size_t count;
    char next[FL_EVENTLOG_CURSOR_SIZE]; /* "" when this was the last page */
};

/* One page. Work is proportional to the rows returned (and those hidden as owner_only). FL_INVALID:
 * the cursor is none. Whether the reader may see the company or device is the caller's question
 * (projections/registry/rights.h). */
enum fl_error fl_eventlog_list(struct fl_kv *kv, struct fl_arena *arena,
                               const struct fl_eventlog_query *query,
                               struct fl_eventlog_page *page) FL_MUST_USE;

/* Adds how many entries of each severity the query would list (limit and after aside). Work
 * is proportional to what it counts. */
enum fl_error fl_eventlog_count(struct fl_kv *kv, struct fl_arena *arena,
                                const struct fl_eventlog_query *query,
                                uint64_t counts[FL_SEVERITY_CRITICAL + 1]) FL_MUST_USE;

/* The first entry with this sequence or a higher one, in the arena; NULL: none (or the kv has
 * failed). For whoever follows the log as it grows. */
const fl_entry_row *fl_eventlog_next(struct fl_kv *kv, struct fl_arena *arena, uint64_t sequence);

/* Goes through the logs that an entry stands in, until `fits` says so: that of a company (device_id
 * is ""), or of a device while it is that company's. True if it said so. */
bool fl_eventlog_stands_in(struct fl_kv *kv, uint64_t sequence,
                           bool (*fits)(void *context, const char *company_id,
                                        const char *device_id),
                           void *context);

/* What a device was called when this company handed it over, in the arena; NULL: it never did. Its
 * lines use it instead of the name that the next owner gave. */
const char *fl_eventlog_former_name(struct fl_kv *kv, struct fl_arena *arena,
                                    struct fl_slice company_id, struct fl_slice device_id);

/* Names of things, by id; each may be NULL and may answer NULL: the text then says "somebody who is
 * not known any more", "a device", "a company". What they return must live as long as the call. */
struct fl_eventlog_names {
    void *context;
    const char *(*person)(void *context, const char *subject_id);
    const char *(*device)(void *context, const char *device_id);
    const char *(*company)(void *context, const char *company_id);
};

/* The sentence of an entry, in the arena; NULL: no memory. Plain text: escaping is the reader's. */
const char *fl_eventlog_text(struct fl_arena *arena, const fl_entry_row *row,
                             const struct fl_eventlog_names *names);

/* Who did it, in words ("Anna Berg", "operator root for Anna Berg", "an agent"). */
const char *fl_eventlog_actor(struct fl_arena *arena, const fl_entry_row *row,
                              const struct fl_eventlog_names *names);
