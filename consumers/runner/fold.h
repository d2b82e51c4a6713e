/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Folds a view to exactly a given position: what a rebuild, verify and `at` do.
 *
 * Records past the target are not applied. Decisions on parked records are read first, up to the
 * target, so that what was skipped live is skipped here too. Rows go where the sink says: an
 * environment beside the live one, or memory.
 *
 * Threading: one thread. Allocation: by the feed. Limits: those of the feed.
 */
#include "consumers/runner/feed.h"

/* Where the rows go. */
struct fl_fold_sink {
    void *context;
    enum fl_error (*begin)(void *context, struct fl_kv **kv);
    enum fl_error (*commit)(void *context); /* readers need not be woken */
    void (*abort)(void *context);
};

/* A kv that needs no transaction (memory): after a failed fold its rows are half done. */
struct fl_fold_sink fl_fold_sink_kv(struct fl_kv *kv);

/* How far: the next offset per source. A source that is not named is not read. */
struct fl_fold_target {
    enum fl_topic topic;
    uint32_t partition;
    uint64_t next;
};

/* The targets that the rows in `kv` stand at, one per position there; FL_NO_MEMORY. The array is
 * the caller's to free. */
enum fl_error fl_fold_target_of(struct fl_kv *kv, const struct fl_view *view,
                                struct fl_journal *journal, struct fl_fold_target **targets,
                                size_t *count) FL_MUST_USE;

/* The targets that the log ends at now. */
enum fl_error fl_fold_target_end(const struct fl_view *view, struct fl_journal *journal,
                                 struct fl_fold_target **targets, size_t *count) FL_MUST_USE;

struct fl_fold_progress {
    uint64_t done;  /* records */
    uint64_t total; /* as far as offsets tell */
};

struct fl_fold_options {
    const struct fl_view *view;
    struct fl_journal *journal;
    struct fl_fold_sink sink;
    const struct fl_fold_target *targets;
    size_t target_count;
    size_t memory_max;
    /* After each batch read; false commits and ends the fold with FL_INTERRUPTED. May be NULL. */
    bool (*progress)(void *context, const struct fl_fold_progress *progress);
    void *context;
    char *detail; /* FL_DETAIL_SIZE or NULL */
};

/* Goes on where the sink's rows stand. FL_CONFLICT: they stand past the target. FL_LOG_CHANGED,
 * FL_LOG_BEHIND; REJECT classes: an event that cannot be folded. What was committed stays: the same
 * call goes on from there. */
enum fl_error fl_fold_run(const struct fl_fold_options *options) FL_MUST_USE;
