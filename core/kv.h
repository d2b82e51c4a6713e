/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * An ordered key-value store inside one transaction: what a fold reads and writes.
 *
 * Folds and rules are pure: they see only this port. core/lmdb/txn.h is this store over an LMDB
 * write transaction, core/kv_memory.c in memory. Errors are sticky: after the first failure every
 * call does nothing, gets find nothing, and the owner of the transaction looks at `error` once, at
 * the end. "Not found" is no error.
 *
 * Keys sort by memcmp. A table is a small number that the view names (its index in the view's table
 * list).
 *
 * Threading: one thread. Allocation: none per call (LMDB); memory grows with the content (memory).
 * Lifetime: returned slices live until the next put or del on this kv, or the end of the
 * transaction. Limits: keys 1 … 511 bytes (FL_KV_KEY_SIZE_MAX), asserted; values should stay below
 * 2 kB (DESIGN.md section 10).
 */
#include "core/error.h"
#include "core/slice.h"

enum { FL_KV_KEY_SIZE_MAX = 511, FL_KV_TABLE_COUNT_MAX = 64 };

struct fl_kv;
struct fl_kv_cursor;

struct fl_kv_ops {
    bool (*get)(struct fl_kv *, unsigned table, struct fl_slice key, struct fl_slice *value);
    void (*put)(struct fl_kv *, unsigned table, struct fl_slice key, struct fl_slice value,
                bool append);
    bool (*del)(struct fl_kv *, unsigned table, struct fl_slice key);
    bool (*seek)(struct fl_kv *, unsigned table, struct fl_slice key, struct fl_slice *found_key,
                 struct fl_slice *value);
    bool (*before)(struct fl_kv *, unsigned table, struct fl_slice key, struct fl_slice *found_key,
                   struct fl_slice *value);
};

struct fl_kv {
    const struct fl_kv_ops *ops;
    enum fl_error error; /* first failure; FL_OK so far */
};

/* True if the key is there. */
bool fl_kv_get(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice *value);

/* Inserts or replaces. */
void fl_kv_put(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice value);

/* The same for a key known to sort behind all others of the table (falls back to put if it does
 * not). */
void fl_kv_append(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice value);

/* True if the key was there. */
bool fl_kv_del(struct fl_kv *kv, unsigned table, struct fl_slice key);

/* First entry whose key is >= `key`. */
bool fl_kv_seek(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice *found_key,
                struct fl_slice *value);

/* Last entry whose key is < `key`. */
bool fl_kv_before(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice *found_key,
                  struct fl_slice *value);

/* Walks all entries whose key starts with a prefix, in order. Copies the key, so that the loop may
 * put and del. struct fl_kv_walk walk; fl_kv_walk_begin(&walk, kv, TABLE, prefix); while
 * (fl_kv_walk_next(&walk)) { walk.key, walk.value … } */
struct fl_kv_walk {
    struct fl_kv *kv;
    unsigned table;
    struct fl_slice key;   /* lives until the next step */
    struct fl_slice value; /* lives until the next put or del on the kv */
    size_t prefix_size;
    uint8_t key_bytes[FL_KV_KEY_SIZE_MAX + 1];
    size_t key_size;
    bool started;
};
void fl_kv_walk_begin(struct fl_kv_walk *walk, struct fl_kv *kv, unsigned table,
                      struct fl_slice prefix);
bool fl_kv_walk_next(struct fl_kv_walk *walk);

/* Records a failure found by the caller (a row that does not decode: FL_CORRUPT); keeps the first
 * one. */
void fl_kv_fail(struct fl_kv *kv, enum fl_error error);

/* A store in memory for tests and simulations. */
struct fl_kv *fl_kv_memory_open(void);
void fl_kv_memory_close(struct fl_kv **kv);
