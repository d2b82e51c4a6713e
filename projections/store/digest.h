/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The digest of a view's canonical rows, and the first row in which two views differ.
 *
 * Two environments with the same rows have different pages, free lists and sizes, so files cannot
 * be compared. A table's digest is SHA-256 over its rows in order, each as key and value with a u32
 * big-endian length; the total is SHA-256 over name, number of rows and digest of each table in the
 * view's order, the parked table last. Tables that a view marks as not compared (its counters) and
 * the meta rows are left out.
 *
 * Threading: that of the kv. Allocation: one hashing state. It reads every row: hold no
 * transaction of a live view that long, but a copy's.
 */
#include "core/hash.h"
#include "projections/store/meta.h"
#include "projections/view.h"

struct fl_digest_table {
    const char *name; /* static: the view's, or "parked" */
    uint64_t row_count;
    uint8_t hash[FL_HASH_SIZE];
};

struct fl_digest {
    struct fl_digest_table tables[FL_STORE_VIEW_TABLE_COUNT_MAX + 1];
    unsigned table_count;
    uint8_t total[FL_HASH_SIZE];
};

/* Errors: sticky in the kv; the digest then means nothing. */
void fl_store_digest(struct fl_kv *kv, const struct fl_view *view, struct fl_digest *digest);

/* True if both hold the same rows. */
bool fl_digest_equal(const struct fl_digest *a, const struct fl_digest *b);

enum fl_difference_kind {
    FL_DIFFERENCE_NONE,
    FL_DIFFERENCE_MISSING,
    FL_DIFFERENCE_ADDED,
    FL_DIFFERENCE_VALUE
};

struct fl_difference {
    enum fl_difference_kind kind; /* MISSING: only `before` has the row; ADDED: only `after` */
    const char *table;
    uint8_t key[FL_KV_KEY_SIZE_MAX];
    size_t key_size;
};

/* How many rows of one table are the same, only here, only there, or different. */
struct fl_difference_counts {
    const char *table;
    uint64_t same;
    uint64_t missing;
    uint64_t added;
    uint64_t changed;
};

/* Compares row by row; `first` receives the first difference, in the order of tables and keys;
 * `counts` (may be NULL) one entry per table of `view` and one for the parked table. */
void fl_store_compare(struct fl_kv *before, struct fl_kv *after, const struct fl_view *view,
                      struct fl_difference *first, struct fl_difference_counts *counts);
