/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Live changes: GET /v1/live, a stream of server-sent events (HTML Living Standard, section 9.2).
 *
 *   event: ready     {"sequence"}  now read your lists; what comes behind them follows here
 *   event: entry     a line of the Event Log, as GET /v1/events has it; its id is the sequence
 *   event: device    a device of ?devices= as GET /v1/devices/{id} has it, after a new report
 *   event: shares    what is shared with you, or offered to you, has changed: read it again
 *   event: reset     too much has happened since Last-Event-ID: read your lists again
 *   event: end       {"reason"}    signed-out or stopping; the answer ends
 *
 * One thread watches the views and wakes every stream. Each then asks the registry, at the newest
 * sequence that it has applied, whether who asked is still signed in and may see what is about to
 * be sent: who is removed or signed out is cut off, what was shared and is not any more is not
 * sent, both with the event that says so, not with the next look.
 *
 * Threading: streams run on their connections' threads. Allocation: a stream and its line.
 * Limits: FL_LIVE_PER_ACCOUNT_MAX streams of an account, FL_LIVE_TOTAL_MAX in all,
 * FL_LIVE_BEHIND_MAX events behind, FL_LIVE_DEVICE_COUNT_MAX devices.
 */
#include "producers/gateway/gateway_internal.h"
#include "projections/eventlog/eventlog.h"

enum {
    FL_LIVE_PER_ACCOUNT_MAX = 8,
    FL_LIVE_TOTAL_MAX = 256,
    FL_LIVE_BEHIND_MAX = 10000,
    FL_LIVE_DEVICE_COUNT_MAX = 100,
    FL_LIVE_HEARTBEAT_MS = 15 * 1000
};

struct fl_live;

enum fl_error fl_live_open(struct gateway *gateway, struct fl_live **live) FL_MUST_USE;

/* Every stream ends with `event: end`; call it before the doors are closed. */
void fl_live_stop(struct fl_live *live);
/* Every stream must have ended. Tolerates NULL. */
void fl_live_close(struct fl_live **live);

/* What the hub has seen: events that eventlog and registry have applied, commits of devices. */
struct fl_live_seen {
    uint64_t applied;
    uint64_t commits;
    bool stopping;
};

/* Waits until something else than `seen` is there, at most until then. */
struct fl_live_seen fl_live_wait(struct fl_live *live, const struct fl_live_seen *seen,
                                 int64_t deadline_ms);

/* Counts one more stream of an account ("" for an operator); false at a limit. */
bool fl_live_enter(struct fl_live *live, const char *account_id);
void fl_live_leave(struct fl_live *live, const char *account_id);
size_t fl_live_count(struct fl_live *live);

/* operator_events.c: a line of the Event Log as GET /v1/events shows it in this company's log. */
struct fl_entry_reads {
    struct fl_kv *registry;
    struct fl_kv *eventlog;
    struct fl_kv *people; /* NULL: names cannot be had at the moment */
};
json_t *fl_call_entry_json(struct call *call, const struct fl_entry_reads *reads,
                           const char *company_id, const fl_entry_row *row);

/* GET /v1/live. */
call_handler fl_route_get_live;
