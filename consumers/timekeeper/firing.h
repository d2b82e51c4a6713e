/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What fires now: a bounded batch of what has fallen due, in its order, as actions.
 *
 * It reads the registry's list and knows neither clock nor journal. An entry that still stands
 * after its action was answered (the decider could not decide it) is set aside for a while, so that
 * it neither fills the log nor keeps the others waiting; that is a trouble to look into, not a
 * state that rules bring about.
 *
 * Invariants: 1. a batch is in the order of fl_due_compare. 2. nothing fires before its time.
 * Threading: one thread. Allocation: actions live in the caller's arena.
 * Limits: FL_FIRING_COUNT_MAX per batch, FL_FIRING_ASIDE_COUNT_MAX set aside (the oldest goes).
 */
#include "core/arena.h"
#include "core/record.h"
#include "projections/registry/due.h"

enum {
    FL_FIRING_COUNT_MAX = 500,
    FL_FIRING_ASIDE_COUNT_MAX = 256,
    FL_FIRING_ASIDE_MS = 10 * 60 * 1000,
};

struct fl_firing_aside {
    struct fl_due due;
    int64_t until_ms; /* monotonic; 0: free */
};

struct fl_firing {
    struct fl_due batch[FL_FIRING_COUNT_MAX];
    size_t count;
    int64_t next_ms; /* when the first that is not in the batch falls due; 0: nothing will */
    struct fl_firing_aside aside[FL_FIRING_ASIDE_COUNT_MAX];
    size_t aside_next;
};

void fl_firing_init(struct fl_firing *firing);

/* Makes the batch of what is due at `now_ms` (Unix time). */
void fl_firing_gather(struct fl_firing *firing, struct fl_kv *registry, int64_t now_ms,
                      int64_t monotonic_ms);

/* The batch has been answered in `registry`: sets aside what still stands; returns how many. */
size_t fl_firing_settle(struct fl_firing *firing, struct fl_kv *registry, int64_t monotonic_ms);

/* The action that fires an entry; its id is derived from the entry alone. */
enum fl_error fl_firing_encode(struct fl_arena *arena, const struct fl_due *due, const char *log_id,
                               const char *node_id, int64_t now_ms,
                               struct fl_record *record) FL_MUST_USE;
