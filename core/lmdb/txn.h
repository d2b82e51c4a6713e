/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A transaction with a sticky error on an LMDB environment; it *is* a struct fl_kv, so folds run on
 * it unchanged.
 *
 * Straight-line code puts and gets through core/kv.h and looks once, at commit: after the first
 * failure everything is a no-op and commit aborts and returns that failure. A commit that itself
 * fails is FL_IO: the process ends, its supervisor starts it again (never retried, never advanced
 * past). A full map is FL_FULL before the commit: abort, nothing is lost.
 *
 * Threading: a write transaction belongs to the thread that began it; begin waits for the one other
 * writer (of any process). A read transaction may move between threads, used by one at a time.
 * Allocation: LMDB's own. Lifetime: slices live until the next put or del, or the end.
 * Limits: hold a read transaction for less than a second: old pages stay occupied that long.
 */
#include "core/kv.h"
#include "core/lmdb/env.h"

struct MDB_txn;
struct MDB_cursor;

struct fl_txn {
    struct fl_kv kv; /* first: hand out &txn.kv */
    struct fl_env *env;
    struct MDB_txn *handle; /* NULL when not begun or ended */
    bool write;
    bool parked; /* reset, to be renewed */
    struct MDB_cursor *cursors[FL_KV_TABLE_COUNT_MAX];
};

/* Begins a write transaction; waits for the other writer. On failure the transaction is ended and
 * its error set. FL_DENIED on a read-only environment. */
enum fl_error fl_txn_begin_write(struct fl_txn *txn, struct fl_env *env) FL_MUST_USE;

/* Begins a read transaction on the newest commit. FL_FULL: no reader slot is left. */
enum fl_error fl_txn_begin_read(struct fl_txn *txn, struct fl_env *env) FL_MUST_USE;

/* Lets go of a read transaction's snapshot and keeps its slot; slices are dead. */
void fl_txn_reset(struct fl_txn *txn);

/* Takes the newest snapshot again; clears the sticky error. */
enum fl_error fl_txn_renew(struct fl_txn *txn) FL_MUST_USE;

/* Ends a write transaction: with a sticky error it aborts and returns it; otherwise it commits and
 * then rings the bell. Whatever is returned, the transaction has ended. */
enum fl_error fl_txn_commit(struct fl_txn *txn) FL_MUST_USE;

/* Which commit a read transaction sees: another number is another state of the environment. */
uint64_t fl_txn_number(const struct fl_txn *txn);

/* Ends any transaction without an effect; tolerates one that has ended or never began (zeroed). */
void fl_txn_abort(struct fl_txn *txn);

/* Puts a value of `size` bytes that the caller fills at the returned address before the next call;
 * NULL on failure (sticky). append: the key is known to sort behind all others (falls back to put,
 * as fl_kv_append). */
void *fl_txn_reserve(struct fl_txn *txn, unsigned table, struct fl_slice key, size_t size,
                     bool append);

/* Number of rows of a table. */
uint64_t fl_txn_count(struct fl_txn *txn, unsigned table);

/* Removes every row of a table. */
void fl_txn_clear(struct fl_txn *txn, unsigned table);
