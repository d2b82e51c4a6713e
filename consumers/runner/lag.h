/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How far a view is behind the log: records, milliseconds, and whether its writer is alive.
 *
 * Measured from the positions in the view's own rows against the ends of the log, never from a
 * group's cursor. "Behind in time" is the age of the oldest record not applied; a view that has
 * applied everything is 0 behind, however old the last record is.
 *
 * Threading: one thread. Allocation: the list of sources.
 */
#include "core/journal.h"
#include "core/port.h"
#include "projections/store/meta.h"
#include "projections/store/versions.h"

struct fl_lag_source {
    enum fl_topic topic;
    uint32_t partition;
    uint64_t next;
    uint64_t end;
    uint64_t behind_count;
};

struct fl_lag {
    char view[FL_VIEW_NAME_SIZE_MAX];
    char version[FL_VERSION_NAME_SIZE]; /* "" where the caller gave the rows */
    char log_id[FL_ID_TEXT_SIZE];
    uint64_t sequence; /* events applied */
    struct fl_meta_counts counts;
    uint64_t gap_count;       /* holes left by retention */
    int64_t commit_time_ms;   /* Unix; 0: never */
    uint64_t behind_count;    /* records, over all sources */
    int64_t behind_ms;        /* age of the oldest record not applied; 0: none */
    int64_t heartbeat_age_ms; /* -1: never seen */
    int process;              /* of the last heartbeat; 0: none */
    struct fl_lag_source *sources;
    size_t source_count;
};

/* Takes what the rows say; the transaction may end afterwards. Free with fl_lag_fini. */
enum fl_error fl_lag_take(struct fl_kv *kv, struct fl_lag *lag) FL_MUST_USE;

/* Compares with the log. */
enum fl_error fl_lag_measure(struct fl_lag *lag, struct fl_journal *journal,
                             int64_t wall_ms) FL_MUST_USE;

void fl_lag_fini(struct fl_lag *lag);

/* All views below DATA/views, by name, one after the other: each is opened, read and closed. A view
 * that this process has open itself cannot be read so. `each` gets error and what is known of it;
 * false ends the walk. */
enum fl_error
fl_lag_each(const char *views_directory, struct fl_journal *journal, const struct fl_port *port,
            bool (*each)(void *context, const struct fl_lag *lag, enum fl_error error),
            void *context) FL_MUST_USE;
