/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The store-and-forward queue: reports in the order in which they were made, bounded by bytes.
 *
 * When it is full, detail goes before transitions: first the CHANGES from the oldest on, then FULL
 * reports that another FULL of the same device follows, then whatever is oldest. Each report says
 * how many of its device were dropped right before it. Reports that are on their way to the gateway
 * are never thinned.
 *
 * Invariants (fl_queue_check): 1. size and count are those of the rows. 2. counters of a device and
 * generation grow. 3. every row's number is below `next`.
 * Threading: one thread. Allocation: a table of devices while it thins.
 * Limits: size_max; a row over it is FL_TOO_LARGE.
 */
#include "core/kv.h"

struct fl_queue_entry {
    uint32_t device_index;
    uint32_t generation;
    uint64_t counter;
    int64_t sampled_at_ms;
    uint64_t thinned_count;
    uint8_t kind; /* enum fl_report_kind */
    struct fl_slice readings;
};

struct fl_queue {
    unsigned rows_table;
    unsigned meta_table;
    uint64_t size_max;
    uint64_t size;
    uint64_t count;
    uint64_t next;       /* number of the next row */
    uint64_t busy_until; /* rows below it are on their way or settled; 0: none */
    uint64_t thinned_count;
    uint64_t thin_from; /* no CHANGES are left before it */
};

/* Loads the counts of what the tables hold. */
void fl_queue_load(struct fl_queue *queue, struct fl_kv *kv, unsigned rows_table,
                   unsigned meta_table, uint64_t size_max);

/* Appends. The counts are written with it. */
void fl_queue_put(struct fl_queue *queue, struct fl_kv *kv, const struct fl_queue_entry *entry);

/* First row numbered `from` or above; false: none. The entry lives as long as the transaction's
 * slices. */
bool fl_queue_read(const struct fl_queue *queue, struct fl_kv *kv, uint64_t from, uint64_t *number,
                   struct fl_queue_entry *entry);

/* Removes a row; tolerates one that is gone. */
void fl_queue_remove(struct fl_queue *queue, struct fl_kv *kv, uint64_t number);

/* Told for each device whose dropped reports no report in the queue can name. */
typedef void fl_queue_on_left(void *context, uint32_t device_index, uint64_t dropped_count);

/* Thins if there is more than size_max, down to seven eighths; returns how many rows it dropped. */
uint64_t fl_queue_thin(struct fl_queue *queue, struct fl_kv *kv, fl_queue_on_left *on_left,
                       void *context);

/* Checks the invariants; `what` names the one that is broken. */
bool fl_queue_check(const struct fl_queue *queue, struct fl_kv *kv, const char **what);
