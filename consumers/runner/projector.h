/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The long-running projection of one view: reads its topics, feeds the fold, commits.
 *
 * A batch is one transaction with rows, positions, head and parked records. It commits when it is
 * full (records, bytes, the view's own word), at once when the log runs dry behind an event
 * (somebody waits for his own write), and at most every FL_PROJECTOR_COALESCE_MS for telemetry
 * alone; in a backlog of telemetry every FL_PROJECTOR_BACKLOG_MS. A reader of the view is woken by
 * the commit.
 *
 * It takes over a version that a rebuild asks for (the WANTED link): between two of its own commits
 * it folds that version to its own position, makes it the current one and goes on with it.
 *
 * What cannot be folded: telemetry parks its device; an event stops the projection with FL_DIAG
 * FAILED, what came before it committed. A full disk at start waits for room; a failed commit ends
 * the run, and the process with it.
 *
 * Threading: open, run and close from one thread; stop from any. Allocation: open and run.
 */
#include "core/chain.h"
#include "core/duty.h"
#include "core/journal.h"
#include "projections/view.h"

enum {
    FL_PROJECTOR_COALESCE_MS = 250,
    FL_PROJECTOR_EVENT_WAIT_MS = 100, /* an event is committed after that even in a backlog */
    FL_PROJECTOR_BACKLOG_MS = 5000,   /* telemetry is committed after that even in a backlog */
    FL_PROJECTOR_RECORD_COUNT_MAX = 4000000,
    FL_PROJECTOR_SIZE_MAX = 1024 * 1024 * 1024,
    FL_PROJECTOR_LOCK_MS = 10000, /* a killed predecessor, or a rebuild that switches by itself */
    FL_PROJECTOR_BACKOFF_MS_MIN = 100,
    FL_PROJECTOR_BACKOFF_MS_MAX = 5000,
};

struct fl_projector;

/* What a projection with an effect outside adds to the fold; any may be NULL. An error ends the
 * run, and with FL_INTERRUPTED it ends as asked: what was not committed is dropped. `state` is the
 * view's. */
struct fl_projector_hooks {
    void *context;
    /* Rows and positions were loaded, in the transaction that is open. */
    enum fl_error (*loaded)(void *context, void *state, struct fl_kv *kv);
    /* All is in the kv, positions too, and the commit follows if this succeeds. It may wait as long
     * as it beats. */
    enum fl_error (*committing)(void *context, void *state, struct fl_kv *kv);
    /* Once per round, at least every second. */
    enum fl_error (*round)(void *context);
};

struct fl_projector_options {
    const struct fl_view *view;
    struct fl_journal *journal;
    const char *views_directory; /* DATA/views */
    const struct fl_port *port;
    uint64_t map_size;         /* 0: the default */
    size_t memory_max;         /* for the view's memory; 0: 512 MiB */
    int coalesce_ms;           /* 0: FL_PROJECTOR_COALESCE_MS */
    uint64_t record_count_max; /* of a batch; 0: the default above */
    /* After each commit, from the thread that runs; may be NULL. */
    void (*committed)(void *context, const struct fl_chain_head *head);
    void *context;
    int lock_wait_ms;                       /* for a writer before this one that is about to end */
    struct fl_duty *duty;                   /* ready, beat and stop; NULL: none (tests) */
    const struct fl_projector_hooks *hooks; /* NULL: none */
};

/* Takes the view's lock. Errors as fl_store_open_writer; `detail` (may be NULL, FL_DETAIL_SIZE). */
enum fl_error fl_projector_open(const struct fl_projector_options *options, char *detail,
                                struct fl_projector **projector) FL_MUST_USE;

/* Runs until stopped (FL_OK, everything taken is committed) or until it cannot go on. */
enum fl_error fl_projector_run(struct fl_projector *projector) FL_MUST_USE;

/* Makes run end soon. Not for signal handlers: a duty's stop is seen without it. */
void fl_projector_stop(struct fl_projector *projector);

/* Says "alive" from inside a hook that takes its time. */
void fl_projector_beat(struct fl_projector *projector);

/* True once it was asked to stop: for hooks that wait. */
bool fl_projector_stopping(struct fl_projector *projector);

/* Why run failed, for people. */
const char *fl_projector_detail(const struct fl_projector *projector);

void fl_projector_close(struct fl_projector **projector);

/* The duty `project <view>`: open, run, close, with diagnostics. */
enum fl_error fl_project(struct fl_duty *duty, const struct fl_view *view, uint64_t map_size,
                         size_t memory_max) FL_MUST_USE;
