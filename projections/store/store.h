/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The one writer of a view's environment: one transaction at a time holds the view's rows, the
 * positions, the head and the parked records, so that every record counts exactly once.
 *
 * A process that wants to write is refused while another one does. Whoever fills a version beside
 * the current one (a rebuild) opens that version by name; fl_store_promote makes it the current
 * one. A failed commit is fatal: the caller ends its process, the supervisor starts it again.
 *
 * Invariants: 1. the current version's writer holds `lock`, every writer its version's `owner`.
 * 2. the identity row fits the view. 3. no two environments of one directory are open in a process.
 * Threading: one thread. Allocation: open allocates. Limits: FL_STORE_VIEW_TABLE_COUNT_MAX tables.
 */
#include "core/lmdb/txn.h"
#include "core/port.h"
#include "projections/store/meta.h"
#include "projections/store/versions.h"
#include "projections/view.h"

enum {
    FL_STORE_ROOM_SIZE_MIN = 16 * 1024 * 1024, /* free on the disk, below it no write is begun */
    FL_STORE_SWEEP_MS = 10000,                 /* between two sweeps of dead readers */
};

struct fl_store;

struct fl_store_options {
    const char *views_directory; /* DATA/views, created where missing */
    const struct fl_view *view;
    const char *version; /* NULL: the current one, made if there is none, and the view's lock */
    uint64_t map_size;   /* 0: the default of core/lmdb */
    int lock_wait_ms;    /* for the writer before, which may be about to end; 0: do not */
    const struct fl_port *port;
    char *detail; /* FL_DETAIL_SIZE bytes or NULL; receives a sentence on failure */
};

/* FL_LOCKED: another process writes (its id in the detail). FL_VERSION: the rows were made by
 * another fold version: rebuild. FL_CORRUPT, FL_FULL, FL_IO. */
enum fl_error fl_store_open_writer(const struct fl_store_options *options,
                                   struct fl_store **store) FL_MUST_USE;

/* Aborts what is open. Tolerates NULL, clears the pointer. */
void fl_store_close(struct fl_store **store);

/* Begins the write transaction; sweeps dead readers when it is time. Asserts that none is open. */
enum fl_error fl_store_begin(struct fl_store *store) FL_MUST_USE;

/* The open transaction; NULL if there is none. Also for fl_meta_*, fl_parked_*. */
struct fl_kv *fl_store_kv(struct fl_store *store);

/* Writes the commit time and commits; readers are woken. A sticky error (FL_FULL: the map is full)
 * aborts and is returned. Every failure of the commit itself is fatal to the caller. */
enum fl_error fl_store_commit(struct fl_store *store) FL_MUST_USE;

/* Drops what was written since begin; tolerates that nothing is open. */
void fl_store_abort(struct fl_store *store);

/* A read transaction on the last commit, beside the writer's own; ended by fl_txn_abort. */
enum fl_error fl_store_snapshot(struct fl_store *store, struct fl_txn *txn) FL_MUST_USE;

/* False when the disk has too little room to begin a write. */
bool fl_store_has_room(const struct fl_store *store);

/* Makes `next`, which holds no transaction, the current version of the view that `*previous` is the
 * current version of; the view's lock moves to it, readers are woken, `*previous` is closed and
 * kept as PREVIOUS. On failure before the switch both stay as they are. */
enum fl_error fl_store_promote(struct fl_store *next, struct fl_store **previous) FL_MUST_USE;

/* Promotes a version that nobody else writes, where the current one's writer is not running: takes
 * the view's lock itself. FL_LOCKED: the writer runs. The lock stays with `next` until its close.
 */
enum fl_error fl_store_promote_alone(struct fl_store *next) FL_MUST_USE;

const char *fl_store_version(const struct fl_store *store);
const struct fl_versions *fl_store_versions(const struct fl_store *store);
struct fl_env *fl_store_env(struct fl_store *store);

/* The table list of a view's environment: the view's own, holes, the store's. */
void fl_store_tables(const struct fl_view *view, const char *tables[FL_KV_TABLE_COUNT_MAX]);

/* Looks into the current version of any view, whichever it is: the store's own tables only. Opens
 * the environment (the process must not have it open) and a read transaction for fl_meta_* and
 * fl_parked_*; hold it shortly. `version` (may be NULL) receives its name. End with
 * fl_store_peek_end. FL_NOT_FOUND: there are no rows. */
struct fl_store_peek {
    struct fl_env *env;
    struct fl_txn txn;
};
enum fl_error fl_store_peek(const struct fl_versions *versions, struct fl_store_peek *peek,
                            char version[FL_VERSION_NAME_SIZE]) FL_MUST_USE;
void fl_store_peek_end(struct fl_store_peek *peek);
