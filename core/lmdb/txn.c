/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lmdb/txn.h"

#include <lmdb.h>
#include <string.h>

#include "core/assert.h"
#include "core/fault_point.h"
#include "core/lmdb/bell.h"
#include "core/lmdb/internal.h"

static const struct fl_kv_ops txn_ops;

static struct fl_txn *txn_of(struct fl_kv *kv)
{
    return (struct fl_txn *)kv;
}

static MDB_dbi dbi_of(const struct fl_txn *txn, unsigned table)
{
    fl_assert(table < txn->env->table_count && txn->env->tables[table] != 0);
    return txn->env->tables[table];
}

static MDB_val val_of(struct fl_slice slice)
{
    return (MDB_val){slice.size, (void *)slice.data};
}

static struct fl_slice slice_of(MDB_val val)
{
    return fl_slice_of(val.mv_data, val.mv_size);
}

static void fail(struct fl_txn *txn, const char *what, int code)
{
    fl_kv_fail(&txn->kv, fl_env_fail(txn->env, what, code));
}

/* The cursor of a table, opened at its first use and kept for the transaction. */
static MDB_cursor *cursor_of(struct fl_txn *txn, unsigned table)
{
    MDB_dbi dbi = dbi_of(txn, table);
    if (txn->cursors[table] == NULL) {
        int code = mdb_cursor_open(txn->handle, dbi, &txn->cursors[table]);
        if (code != MDB_SUCCESS) {
            txn->cursors[table] = NULL;
            fail(txn, "cursor", code);
        }
    }
    return txn->cursors[table];
}

static bool txn_get(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice *value)
{
    struct fl_txn *txn = txn_of(kv);
    MDB_val found_key = val_of(key);
    MDB_val found;
    MDB_cursor *cursor = cursor_of(txn, table);
    if (cursor == NULL)
        return false;
    int code = mdb_cursor_get(cursor, &found_key, &found, MDB_SET_KEY);
    if (code == MDB_SUCCESS)
        *value = slice_of(found);
    else if (code != MDB_NOTFOUND)
        fail(txn, "get", code);
    return code == MDB_SUCCESS;
}

static void txn_put(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice value,
                    bool append)
{
    struct fl_txn *txn = txn_of(kv);
    fl_assert(txn->write);
    MDB_val put_key = val_of(key);
    MDB_val put_value = val_of(value);
    MDB_cursor *cursor = cursor_of(txn, table);
    if (cursor == NULL)
        return;
    int code = mdb_cursor_put(cursor, &put_key, &put_value, append ? MDB_APPEND : 0);
    if (append && code == MDB_KEYEXIST)
        code = mdb_cursor_put(cursor, &put_key, &put_value, 0);
    if (code != MDB_SUCCESS)
        fail(txn, "put", code);
}

static bool txn_del(struct fl_kv *kv, unsigned table, struct fl_slice key)
{
    struct fl_txn *txn = txn_of(kv);
    fl_assert(txn->write);
    MDB_val del_key = val_of(key);
    int code = mdb_del(txn->handle, dbi_of(txn, table), &del_key, NULL);
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND)
        fail(txn, "delete", code);
    return code == MDB_SUCCESS;
}

/* Hands out where a cursor stands, or says that there is nothing. */
static bool give(struct fl_txn *txn, int code, MDB_val key, MDB_val value,
                 struct fl_slice *found_key, struct fl_slice *found)
{
    if (code == MDB_SUCCESS) {
        *found_key = slice_of(key);
        *found = slice_of(value);
        return true;
    }
    if (code != MDB_NOTFOUND)
        fail(txn, "seek", code);
    return false;
}

static bool txn_seek(struct fl_kv *kv, unsigned table, struct fl_slice key,
                     struct fl_slice *found_key, struct fl_slice *found)
{
    struct fl_txn *txn = txn_of(kv);
    MDB_val at = val_of(key);
    MDB_val value;
    MDB_cursor *cursor = cursor_of(txn, table);
    if (cursor == NULL)
        return false;
    int code = mdb_cursor_get(cursor, &at, &value, key.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    return give(txn, code, at, value, found_key, found);
}

static bool txn_before(struct fl_kv *kv, unsigned table, struct fl_slice key,
                       struct fl_slice *found_key, struct fl_slice *found)
{
    struct fl_txn *txn = txn_of(kv);
    MDB_val at = val_of(key);
    MDB_val value;
    MDB_cursor *cursor = cursor_of(txn, table);
    if (cursor == NULL || key.size == 0)
        return false;
    int code = mdb_cursor_get(cursor, &at, &value, MDB_SET_RANGE);
    if (code == MDB_SUCCESS)
        code = mdb_cursor_get(cursor, &at, &value, MDB_PREV);
    else if (code == MDB_NOTFOUND)
        code = mdb_cursor_get(cursor, &at, &value, MDB_LAST);
    return give(txn, code, at, value, found_key, found);
}

static const struct fl_kv_ops txn_ops = {txn_get, txn_put, txn_del, txn_seek, txn_before};

static enum fl_error begin(struct fl_txn *txn, struct fl_env *env, bool write)
{
    memset(txn, 0, sizeof(*txn));
    txn->kv.ops = &txn_ops;
    txn->env = env;
    txn->write = write;
    if (write && env->read_only)
        return txn->kv.error = FL_DENIED;
    int code = MDB_MAP_RESIZED;
    for (int attempt = 0; code == MDB_MAP_RESIZED && attempt < 3; attempt++) {
        if (attempt > 0 && (txn->kv.error = fl_env_remap(env)) != FL_OK)
            return txn->kv.error;
        fl_env_enter(env);
        code = mdb_txn_begin(env->handle, NULL, write ? 0 : MDB_RDONLY, &txn->handle);
        if (code != MDB_SUCCESS)
            fl_env_leave(env);
    }
    if (code != MDB_SUCCESS) {
        txn->handle = NULL;
        txn->kv.error = fl_env_fail(env, "begin", code);
    }
    return txn->kv.error;
}

enum fl_error fl_txn_begin_write(struct fl_txn *txn, struct fl_env *env)
{
    return begin(txn, env, true);
}

enum fl_error fl_txn_begin_read(struct fl_txn *txn, struct fl_env *env)
{
    return begin(txn, env, false);
}

/* A read transaction's cursors outlive it and must be closed; a write transaction closes its own at
 * its end. */
static void close_cursors(struct fl_txn *txn)
{
    for (unsigned i = 0; i < txn->env->table_count; i++) {
        if (txn->cursors[i] != NULL && !txn->write)
            mdb_cursor_close(txn->cursors[i]);
        txn->cursors[i] = NULL;
    }
}

void fl_txn_reset(struct fl_txn *txn)
{
    fl_assert(!txn->write);
    if (txn->handle == NULL || txn->parked)
        return;
    close_cursors(txn);
    mdb_txn_reset(txn->handle);
    txn->parked = true;
    fl_env_leave(txn->env);
}

enum fl_error fl_txn_renew(struct fl_txn *txn)
{
    fl_assert(!txn->write);
    fl_txn_reset(txn);
    if (txn->handle == NULL)
        return fl_txn_begin_read(txn, txn->env);
    txn->kv.error = FL_OK;
    fl_env_enter(txn->env);
    int code = mdb_txn_renew(txn->handle);
    if (code == MDB_SUCCESS) {
        txn->parked = false;
        return FL_OK;
    }
    fl_env_leave(txn->env);
    /* A new transaction re-maps where that is what is wrong. */
    mdb_txn_abort(txn->handle);
    txn->handle = NULL;
    txn->parked = false;
    return fl_txn_begin_read(txn, txn->env);
}

void fl_txn_abort(struct fl_txn *txn)
{
    if (txn->handle == NULL)
        return;
    MDB_txn *handle = txn->handle;
    bool parked = txn->parked;
    if (!txn->write)
        close_cursors(txn);
    txn->handle = NULL;
    txn->parked = false;
    mdb_txn_abort(handle);
    memset(txn->cursors, 0, sizeof(txn->cursors));
    if (!parked)
        fl_env_leave(txn->env);
}

enum fl_error fl_txn_commit(struct fl_txn *txn)
{
    fl_assert(txn->write);
    if (txn->handle == NULL || txn->kv.error != FL_OK) {
        fl_txn_abort(txn);
        return txn->kv.error == FL_OK ? FL_INTERNAL : txn->kv.error;
    }
    MDB_txn *handle = txn->handle;
    txn->handle = NULL;
    memset(txn->cursors, 0, sizeof(txn->cursors));
    fl_fault_point("lmdb.commit");
    int code = mdb_txn_commit(handle);
    fl_fault_point("lmdb.committed");
    fl_env_leave(txn->env);
    if (code != MDB_SUCCESS) {
        enum fl_error error = fl_env_fail(txn->env, "commit", code);
        if (code == MDB_MAP_FULL)
            return txn->kv.error = error; /* found before anything was written: an abort */
        /* Whatever the reason, what is on the disk is unknown to this process: it must end. */
        return txn->kv.error = error == FL_CORRUPT ? FL_CORRUPT : FL_IO;
    }
    fl_bell_ring(txn->env->bell);
    return FL_OK;
}

void *fl_txn_reserve(struct fl_txn *txn, unsigned table, struct fl_slice key, size_t size,
                     bool append)
{
    fl_assert(txn->write && key.size > 0 && key.size <= FL_KV_KEY_SIZE_MAX);
    if (txn->kv.error != FL_OK)
        return NULL;
    MDB_val put_key = val_of(key);
    MDB_val value = {size, NULL};
    MDB_dbi dbi = dbi_of(txn, table);
    int code = mdb_put(txn->handle, dbi, &put_key, &value, MDB_RESERVE | (append ? MDB_APPEND : 0));
    if (append && code == MDB_KEYEXIST) {
        value = (MDB_val){size, NULL};
        code = mdb_put(txn->handle, dbi, &put_key, &value, MDB_RESERVE);
    }
    if (code == MDB_SUCCESS)
        return value.mv_data;
    fail(txn, "put", code);
    return NULL;
}

uint64_t fl_txn_count(struct fl_txn *txn, unsigned table)
{
    MDB_stat stat;
    if (txn->kv.error != FL_OK)
        return 0;
    int code = mdb_stat(txn->handle, dbi_of(txn, table), &stat);
    if (code != MDB_SUCCESS) {
        fail(txn, "count", code);
        return 0;
    }
    return stat.ms_entries;
}

void fl_txn_clear(struct fl_txn *txn, unsigned table)
{
    fl_assert(txn->write);
    if (txn->kv.error != FL_OK)
        return;
    int code = mdb_drop(txn->handle, dbi_of(txn, table), 0);
    if (code != MDB_SUCCESS)
        fail(txn, "clear", code);
}

uint64_t fl_txn_number(const struct fl_txn *txn)
{
    return mdb_txn_id(txn->handle);
}
