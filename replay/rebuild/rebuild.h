/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Builds a view anew beside the running one, proves that the rows are the same, and switches.
 *
 *   1. copies the current version at one of its commits (a snapshot with its position)
 *   2. folds a new version to exactly that position, from nothing or from where a rebuild that was
 *      broken off stood; decisions on parked records are read first
 *   3. compares the canonical rows of both and checks every invariant of the new ones
 *   4. asks the view's writer to go on with the new version (takeover.h), or switches itself where
 *      no writer runs; readers follow; the old version stays for a way back
 *
 * Rows of the same fold version that differ are no switch: one of the two is wrong. Rows of a newer
 * fold version may differ; then, as with a current version that cannot be read any more, the caller
 * has to accept it. Cancelled or killed anywhere, the running view is untouched, and the next run
 * goes on where this one stood.
 *
 * Threading: one thread; the process must not have the view open itself. Allocation: folds. Limits:
 * one rebuild per view at a time (FL_LOCKED).
 */
#include "core/journal.h"
#include "core/port.h"
#include "projections/store/digest.h"
#include "projections/store/versions.h"
#include "projections/view.h"

enum { FL_REBUILD_SWITCH_MS_MAX = 60000 };

enum fl_rebuild_phase {
    FL_REBUILD_COPYING,
    FL_REBUILD_FOLDING,
    FL_REBUILD_COMPARING,
    FL_REBUILD_SWITCHING,
};

struct fl_rebuild_progress {
    enum fl_rebuild_phase phase;
    uint64_t done;  /* records folded in this run */
    uint64_t total; /* records to fold in this run */
    double rate;    /* records per second */
    int64_t eta_ms; /* -1: unknown */
};

enum fl_rebuild_outcome {
    FL_REBUILD_SWITCHED,
    FL_REBUILD_DIFFERS,      /* the same fold version, other rows: no switch */
    FL_REBUILD_NOT_ACCEPTED, /* another fold version (or nothing to compare with), and no accept */
    FL_REBUILD_WAITS, /* ready; a writer of another fold version runs: start this program's */
};

struct fl_rebuild_result {
    enum fl_rebuild_outcome outcome;
    char before[FL_VERSION_NAME_SIZE]; /* "" where there was nothing to compare with */
    char after[FL_VERSION_NAME_SIZE];
    uint64_t sequence; /* events in both at the comparison */
    struct fl_digest digest_before;
    struct fl_digest digest_after;
    struct fl_difference first;
    /* Per table of the view, and the parked one; table_count + 1 entries. */
    struct fl_difference_counts counts[FL_STORE_VIEW_TABLE_COUNT_MAX + 1];
};

struct fl_rebuild_options {
    const struct fl_view *view;
    struct fl_journal *journal;
    const char *views_directory; /* DATA/views */
    const struct fl_port *port;
    uint64_t map_size; /* 0: the default */
    size_t memory_max; /* for the fold; 0: 256 MiB */
    bool accept;       /* switch although rows differ that may (another fold version) or cannot be
                          compared */
    bool afresh;       /* forget what a rebuild that was broken off has built */
    bool rollback;     /* go back to the version before the current one */
    int64_t switch_ms_max; /* how long to wait for the writer; 0: the default above */
    /* Called a few times a second; false breaks the rebuild off (FL_INTERRUPTED). May be NULL. */
    bool (*progress)(void *context, const struct fl_rebuild_progress *progress);
    void *context;
};

/* FL_OK: look at the outcome. FL_NOT_FOUND: no such rows (or no version to go back to). FL_LOCKED:
 * another rebuild runs. FL_TIMEOUT: the writer did not answer; the request is withdrawn.
 * FL_CONFLICT: the writer refused it (its log says why). FL_INTERRUPTED. FL_VERSION: the version to
 * go back to was made by another program. Else what fold and store answer. `detail`:
 * FL_DETAIL_SIZE. */
enum fl_error fl_rebuild(const struct fl_rebuild_options *options, struct fl_rebuild_result *result,
                         char *detail) FL_MUST_USE;
