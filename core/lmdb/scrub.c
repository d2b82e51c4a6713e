/* SPDX-License-Identifier: Apache-2.0 */
/* Pages keep what was deleted from them: free ones whole, others in the gap between their rows. So
 * every table is written anew, onto pages whose gaps are zeros, and then rows of zeros fill every
 * free page and go again.
 *
 * LMDB takes the memory for a new page from those that its last transactions gave back, as they
 * are: filler comes first, so that these hold zeros. */
#include <string.h>

#include "core/bytes.h"
#include "core/lmdb/internal.h"

enum {
    /* Two of these nodes fill a page of 4 KiB to the byte: header 16, and per node 8 bytes of
     * header, 2 of pointer, 8 of key. */
    FILLER_SIZE = 2022,
    PAGES_MAX = 4096, /* per transaction */
    PAGES_MORE = 16,
    NAME_SIZE_MAX = 64,
};

static const char filler_name[] = ".filler";

/* Pages in the free list that were freed at or before `txn_id`. LMDB shows the list to readers
 * only. */
static int count_old_pages(MDB_env *env, size_t txn_id, uint64_t *pages)
{
    const MDB_dbi free_list = 0;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val list;
    *pages = 0;
    int code = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);
    if (code != MDB_SUCCESS)
        return code;
    code = mdb_cursor_open(txn, free_list, &cursor);
    while (code == MDB_SUCCESS &&
           (code = mdb_cursor_get(cursor, &key, &list, MDB_NEXT)) == MDB_SUCCESS) {
        size_t freed_by;
        size_t count;
        memcpy(&freed_by, key.mv_data, sizeof(freed_by));
        memcpy(&count, list.mv_data, sizeof(count));
        if (freed_by <= txn_id)
            *pages += count;
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

/* One transaction of filler rows from number `at` on, for that many pages. */
static int fill(MDB_env *env, uint64_t pages, uint64_t *at)
{
    static const uint8_t zeros[FILLER_SIZE];
    MDB_txn *txn = NULL;
    MDB_dbi dbi = 0;
    int code = mdb_txn_begin(env, NULL, 0, &txn);
    if (code != MDB_SUCCESS)
        return code;
    code = mdb_dbi_open(txn, filler_name, MDB_CREATE, &dbi);
    for (uint64_t i = 0; code == MDB_SUCCESS && i < 2 * pages; i++) {
        uint8_t number[8];
        fl_put_u64(number, (*at)++);
        MDB_val key = {sizeof(number), number};
        MDB_val value = {sizeof(zeros), (void *)zeros};
        code = mdb_put(txn, dbi, &key, &value, MDB_APPEND);
    }
    if (code != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return code;
    }
    return mdb_txn_commit(txn);
}

static int drop_filler(MDB_env *env)
{
    MDB_txn *txn = NULL;
    MDB_dbi dbi = 0;
    int code = mdb_txn_begin(env, NULL, 0, &txn);
    if (code != MDB_SUCCESS)
        return code;
    code = mdb_dbi_open(txn, filler_name, 0, &dbi);
    if (code == MDB_SUCCESS)
        code = mdb_drop(txn, dbi, 1);
    if (code != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
    }
    return mdb_txn_commit(txn);
}

/* All rows of `from` behind those of the empty table `to`. */
static int copy_rows(MDB_txn *txn, MDB_dbi from, MDB_dbi to)
{
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;
    int code = mdb_cursor_open(txn, from, &cursor);
    while (code == MDB_SUCCESS &&
           (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS)
        code = mdb_put(txn, to, &key, &value, MDB_APPEND);
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

/* Writes one table anew, by way of the filler's. */
static int rewrite_table(MDB_txn *txn, const char *name, MDB_dbi beside)
{
    MDB_dbi table = 0;
    int code = mdb_dbi_open(txn, name, 0, &table);
    if (code == MDB_SUCCESS)
        code = copy_rows(txn, table, beside);
    if (code == MDB_SUCCESS)
        code = mdb_drop(txn, table, 0);
    if (code == MDB_SUCCESS)
        code = copy_rows(txn, beside, table);
    return code == MDB_SUCCESS ? mdb_drop(txn, beside, 0) : code;
}

/* Names of the tables; how many. */
static int list_tables(MDB_txn *txn, char names[FL_KV_TABLE_COUNT_MAX][NAME_SIZE_MAX],
                       size_t *count)
{
    MDB_dbi main_table = 0;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val value;
    *count = 0;
    int code = mdb_dbi_open(txn, NULL, 0, &main_table);
    if (code == MDB_SUCCESS)
        code = mdb_cursor_open(txn, main_table, &cursor);
    while (code == MDB_SUCCESS &&
           (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS) {
        if (key.mv_size >= NAME_SIZE_MAX || *count == FL_KV_TABLE_COUNT_MAX ||
            (key.mv_size == sizeof(filler_name) - 1 &&
             memcmp(key.mv_data, filler_name, key.mv_size) == 0))
            continue;
        memcpy(names[*count], key.mv_data, key.mv_size);
        names[(*count)++][key.mv_size] = '\0';
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

/* Every table anew, in one transaction: nobody sees anything of it. */
static int rewrite(MDB_env *env)
{
    char names[FL_KV_TABLE_COUNT_MAX][NAME_SIZE_MAX];
    size_t count = 0;
    MDB_txn *txn = NULL;
    MDB_dbi beside = 0;
    int code = mdb_txn_begin(env, NULL, 0, &txn);
    if (code != MDB_SUCCESS)
        return code;
    code = list_tables(txn, names, &count);
    if (code == MDB_SUCCESS)
        code = mdb_dbi_open(txn, filler_name, MDB_CREATE, &beside);
    if (code == MDB_SUCCESS)
        code = mdb_drop(txn, beside, 0);
    for (size_t i = 0; code == MDB_SUCCESS && i < count; i++)
        code = rewrite_table(txn, names[i], beside);
    if (code == MDB_SUCCESS)
        code = mdb_drop(txn, beside, 1);
    if (code != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return code;
    }
    return mdb_txn_commit(txn);
}

/* Fills the free pages of before now; `left` are those that a reader holds. */
static int fill_free(MDB_env *env, uint64_t *at, uint64_t *left)
{
    MDB_envinfo info;
    uint64_t before = UINT64_MAX;
    int code = mdb_env_info(env, &info);
    size_t txn_id = code == MDB_SUCCESS ? info.me_last_txnid : 0;
    *left = 0;
    if (code == MDB_SUCCESS)
        code = count_old_pages(env, txn_id, left);
    while (code == MDB_SUCCESS && *left > 0 && *left < before) {
        before = *left;
        code = fill(env, (*left < PAGES_MAX ? *left : PAGES_MAX) + PAGES_MORE, at);
        if (code == MDB_SUCCESS)
            code = count_old_pages(env, txn_id, left);
    }
    return code;
}

enum fl_error fl_env_scrub(struct fl_env *env)
{
    uint64_t at = 0;
    uint64_t left = 0;
    if (env->read_only)
        return FL_DENIED;
    fl_env_enter(env);
    /* What an earlier scrub left when it was cut off. */
    int code = drop_filler(env->handle);
    if (code == MDB_SUCCESS)
        code = fill(env->handle, PAGES_MAX, &at);
    if (code == MDB_SUCCESS)
        code = rewrite(env->handle);
    at = 0;
    if (code == MDB_SUCCESS)
        code = fill_free(env->handle, &at, &left);
    int dropped = drop_filler(env->handle);
    fl_env_leave(env);
    if (code == MDB_SUCCESS)
        code = dropped;
    if (code != MDB_SUCCESS)
        return fl_env_fail(env, "scrub", code);
    return left > 0 ? FL_BUSY : FL_OK;
}
