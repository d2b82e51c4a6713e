/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Moves a log from one journal to another: a function of two journals, which can be killed anywhere
 * and run again.
 *
 * The n-th record of a partition gets offset n on the target, so actions and events, of which
 * nothing ever goes, keep their offsets; telemetry and subjects are renumbered. What stands on the
 * target must be an exact prefix. A topic on which a record of this log stands twice (an append
 * whose outcome was unknown landed after all) is made anew; a record that is not of this log is
 * never touched: FL_EXISTS.
 *
 * It does not decide: the step that ends the source, `MoveLog` answered by `LogMoved`, is the
 * caller's `seal`, which must change nothing when it is called again. Views are moved by
 * replay/migrate/views.h.
 *
 * Invariants: 1. nothing is removed from the source, nothing appended to it but by `seal`. 2. FL_OK
 * means that both journals were read in full and are the same. Threading: one thread; nobody else
 * writes either journal. Allocation: bounded by one batch. Limits: those of the journals.
 */
#include "core/journal.h"

enum { FL_MIGRATE_DETAIL_SIZE = 512 };

enum fl_migrate_phase {
    FL_MIGRATE_CHECK,   /* what an earlier run left on the target */
    FL_MIGRATE_COPY,    /* */
    FL_MIGRATE_COMPARE, /* everything once more, at the end */
};

struct fl_migrate_progress {
    enum fl_migrate_phase phase;
    const char *topic;
    uint32_t partition;
    uint64_t done;
    uint64_t total; /* records of that partition */
};

struct fl_migrate_options {
    struct fl_journal *source;
    struct fl_journal *target;
    const char *const *topics; /* names, NULL-terminated; those that the source lacks are skipped */
    uint32_t append_count_max; /* records of one append; 0: a good number */
    void *context;
    /* Ends the source; may append to it. NULL: nothing to do. */
    enum fl_error (*seal)(void *context, char detail[FL_MIGRATE_DETAIL_SIZE]);
    /* NULL: nobody looks. */
    void (*progress)(void *context, const struct fl_migrate_progress *progress);
    /* True: stop soon, with FL_INTERRUPTED. NULL: never. */
    bool (*stopped)(void *context);
};

struct fl_migrate_result {
    uint64_t present; /* records that an earlier run had brought */
    uint64_t copied;
    uint64_t compared;
    unsigned remade; /* topics made anew */
};

/* FL_EXISTS: the target holds something else, or has other partitions. FL_CORRUPT: the comparison
 * at the end found a difference. FL_LOG_BEHIND: actions or events do not begin at 0. RETRY class:
 * run it again. `detail` names topic, partition and offset. */
enum fl_error fl_migrate_run(const struct fl_migrate_options *options,
                             struct fl_migrate_result *result,
                             char detail[FL_MIGRATE_DETAIL_SIZE]) FL_MUST_USE;

/* Where position `offset` of a source's partition lies on the target: the number of records before
 * it. `there`: whether the record at `offset` exists. */
enum fl_error fl_migrate_rank(struct fl_journal *source, const char *topic, uint32_t partition,
                              uint64_t offset, uint64_t *rank, bool *there) FL_MUST_USE;
