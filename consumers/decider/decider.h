/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The decider duty: answers each action with one event (DESIGN.md section 2), and is the only
 * writer of the registry.
 *
 * Active or standing by, it reads every event, folds the valid ones, and decides each action again
 * to compare; the holder of the lease also appends. The lease says who works; what is true is said
 * by the chain rule alone.
 *
 *      ┌──────────────── abort: conflict, error, outcome unknown ───────────────┐
 *      ▼                                                                        │
 *   reading ──at the end, lease held, rules known──► deciding ──► appended ─────┤
 *      ▲                                                                        │
 *      └──────────────────── commit: every record at next + i ──────────────────┘
 *
 * Errors: FL_LOG_CHANGED (another log, or acknowledged records lost: stops with an alarm), FL_IO
 * after a failed commit. Threading: its own thread, the action queue's and the appender's. Limits:
 * FL_DECIDE_BATCH_COUNT_MAX actions per batch.
 */
#include "core/duty.h"
#include "projections/registry/rules.h"

enum {
    FL_DECIDE_BATCH_COUNT_MAX = 16384,
    FL_DECIDE_BATCH_SIZE_MAX =
        16 * 1024 * 1024, /* bytes of events, after which no more is decided */
};

/* For tests; production passes NULL to fl_decider_run. */
struct fl_decider_options {
    const struct fl_rules_set *rules; /* NULL: production's */
    bool without_lease; /* decides whether it holds the lease or not: slow, not wrong */
    size_t part_size;   /* bytes of events that are appended at a time; 0: as production does */
    int action_wait_ms; /* how long an event's action is waited for before a back-off; 0: 10 s */
    /* Called after each commit with the number of events applied; may be NULL. */
    void (*on_commit)(void *context, uint64_t sequence);
    void *context;
};

/* Runs until the duty is stopped. */
enum fl_error fl_decider_run(struct fl_duty *duty,
                             const struct fl_decider_options *options) FL_MUST_USE;
