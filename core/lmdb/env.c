/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lmdb/env.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/file.h"
#include "core/lmdb/bell.h"
#include "core/lmdb/internal.h"
#include "core/port.h"

enum { REMAP_WAIT_MS = 5000, FILE_MODE = 0600, DIRECTORY_MODE = 0700 };

enum fl_error fl_env_translate(int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return FL_OK;
    case MDB_NOTFOUND:
        return FL_NOT_FOUND;
    case MDB_KEYEXIST:
        return FL_EXISTS;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case MDB_READERS_FULL:
    case MDB_DBS_FULL:
    case MDB_CURSOR_FULL:
        return FL_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_PAGE_FULL:
        return FL_CORRUPT;
    case MDB_VERSION_MISMATCH:
        return FL_VERSION;
    case MDB_MAP_RESIZED:
        return FL_BUSY;
    case MDB_PANIC:
        return FL_IO;
    default:
        return code > 0 ? fl_error_from_errno(code) : FL_INTERNAL;
    }
}

enum fl_error fl_env_fail(struct fl_env *env, const char *what, int code)
{
    pthread_mutex_lock(&env->mutex);
    snprintf(env->detail, sizeof(env->detail), "%s: %s", what, mdb_strerror(code));
    pthread_mutex_unlock(&env->mutex);
    return fl_env_translate(code);
}

/* True if a descriptor of this process is open on the environment's lock file. LMDB locks with
 * fcntl, whose locks vanish when *any* descriptor of the file is closed. */
static bool open_in_this_process(const char *directory)
{
    char path[PATH_MAX];
    struct stat lock;
    if (snprintf(path, sizeof(path), "%s/lock.mdb", directory) >= (int)sizeof(path) ||
        stat(path, &lock) != 0)
        return false;
    DIR *descriptors = opendir("/proc/self/fd");
    if (descriptors == NULL)
        return false;
    bool found = false;
    struct dirent *entry = NULL;
    while (!found && (entry = readdir(descriptors)) != NULL) {
        struct stat other;
        found = fstatat(dirfd(descriptors), entry->d_name, &other, 0) == 0 &&
                other.st_dev == lock.st_dev && other.st_ino == lock.st_ino;
    }
    closedir(descriptors);
    return found;
}

static int open_tables(struct fl_env *env, const struct fl_env_options *options)
{
    MDB_txn *txn = NULL;
    int code = mdb_txn_begin(env->handle, NULL, options->read_only ? MDB_RDONLY : 0, &txn);
    if (code != MDB_SUCCESS)
        return code;
    for (unsigned i = 0; code == MDB_SUCCESS && i < options->table_count; i++)
        if (options->tables[i] != NULL)
            code = mdb_dbi_open(txn, options->tables[i], options->read_only ? 0 : MDB_CREATE,
                                &env->tables[i]);
    if (code != MDB_SUCCESS) {
        mdb_txn_abort(txn);
        return code;
    }
    return mdb_txn_commit(txn);
}

static int open_handle(struct fl_env *env, const struct fl_env_options *options)
{
    unsigned flags = MDB_NOTLS | (options->read_only ? MDB_RDONLY : 0);
    int code = mdb_env_create(&env->handle);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_mapsize(env->handle, options->map_size == 0 ? FL_ENV_MAP_SIZE_DEFAULT
                                                                       : options->map_size);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxreaders(env->handle, FL_ENV_READER_COUNT_MAX);
    if (code == MDB_SUCCESS)
        code = mdb_env_set_maxdbs(env->handle, FL_KV_TABLE_COUNT_MAX + 1);
    if (code == MDB_SUCCESS)
        code = mdb_env_open(env->handle, options->directory, flags, FILE_MODE);
    int dead = 0;
    if (code == MDB_SUCCESS)
        code = mdb_reader_check(env->handle, &dead);
    return code == MDB_SUCCESS ? open_tables(env, options) : code;
}

/* A commit makes the pages durable, not the names that lead to them. */
static enum fl_error sync_names(const char *directory)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof(path), "%s/data.mdb", directory) >= (int)sizeof(path))
        return FL_INVALID;
    enum fl_error error = fl_directory_sync_of(path);
    return error == FL_OK ? fl_directory_sync_of(directory) : error;
}

enum fl_error fl_env_open(const struct fl_env_options *options, struct fl_env **out)
{
    fl_assert(options->table_count <= FL_KV_TABLE_COUNT_MAX);
    enum fl_error error =
        options->read_only ? FL_OK : fl_directory_ensure(options->directory, DIRECTORY_MODE);
    if (error != FL_OK)
        return error;
    if (open_in_this_process(options->directory))
        return FL_INTERNAL;
    size_t size = strlen(options->directory) + 1;
    struct fl_env *env = calloc(1, sizeof(*env) + size);
    if (env == NULL)
        return FL_NO_MEMORY;
    memcpy(env->directory, options->directory, size);
    env->table_count = options->table_count;
    env->read_only = options->read_only;
    env->bell = -1;
    pthread_mutex_init(&env->mutex, NULL);
    pthread_cond_init(&env->idle, NULL);
    error = fl_env_translate(open_handle(env, options));
    if (error == FL_OK && !options->read_only)
        error = fl_bell_open(options->directory, &env->bell);
    if (error == FL_OK && !options->read_only)
        error = sync_names(options->directory);
    if (error != FL_OK) {
        fl_env_close(&env);
        return error;
    }
    *out = env;
    return FL_OK;
}

void fl_env_close(struct fl_env **env)
{
    if (*env == NULL)
        return;
    fl_assert((*env)->live == 0);
    if ((*env)->handle != NULL)
        mdb_env_close((*env)->handle);
    if ((*env)->bell >= 0)
        close((*env)->bell);
    pthread_cond_destroy(&(*env)->idle);
    pthread_mutex_destroy(&(*env)->mutex);
    free(*env);
    *env = NULL;
}

/* Waits for a change of `live` or `remapping`, at most until the deadline; false when it is over.
 */
static bool wait_change(struct fl_env *env, int64_t deadline_ms)
{
    struct timespec deadline = {deadline_ms / 1000, deadline_ms % 1000 * 1000000};
    return pthread_cond_clockwait(&env->idle, &env->mutex, CLOCK_MONOTONIC, &deadline) == 0;
}

static int64_t remap_deadline(void)
{
    return fl_port_monotonic_ms(fl_port_system()) + REMAP_WAIT_MS;
}

void fl_env_enter(struct fl_env *env)
{
    pthread_mutex_lock(&env->mutex);
    while (env->remapping)
        wait_change(env, remap_deadline()); /* remapping ends by its own deadline */
    env->live++;
    pthread_mutex_unlock(&env->mutex);
}

void fl_env_leave(struct fl_env *env)
{
    pthread_mutex_lock(&env->mutex);
    fl_assert(env->live > 0);
    env->live--;
    if (env->live == 0)
        pthread_cond_broadcast(&env->idle);
    pthread_mutex_unlock(&env->mutex);
}

enum fl_error fl_env_remap(struct fl_env *env)
{
    int64_t deadline_ms = remap_deadline();
    pthread_mutex_lock(&env->mutex);
    while (env->remapping)
        wait_change(env, deadline_ms);
    env->remapping = true;
    while (env->live != 0 && wait_change(env, deadline_ms))
        continue;
    int code = env->live == 0 ? mdb_env_set_mapsize(env->handle, 0) : EBUSY;
    env->remapping = false;
    pthread_cond_broadcast(&env->idle);
    pthread_mutex_unlock(&env->mutex);
    return code == EBUSY ? FL_BUSY : fl_env_translate(code);
}

enum fl_error fl_env_sweep(struct fl_env *env, unsigned *cleared)
{
    int dead = 0;
    int code = mdb_reader_check(env->handle, &dead);
    if (code != MDB_SUCCESS)
        return fl_env_fail(env, "reader sweep", code);
    if (cleared != NULL)
        *cleared = (unsigned)dead;
    return FL_OK;
}

enum fl_error fl_env_copy(struct fl_env *env, const char *target)
{
    fl_env_enter(env);
    int code = mdb_env_copy2(env->handle, target, MDB_CP_COMPACT);
    fl_env_leave(env);
    return code == MDB_SUCCESS ? FL_OK : fl_env_fail(env, "copy", code);
}

/* Sums the page lists of LMDB's free list, table 0 (lmdb.h: mdb_stat reads it the same way). */
static int count_free_pages(struct fl_env *env, uint64_t *pages)
{
    const MDB_dbi free_list = 0;
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key;
    MDB_val list;
    *pages = 0;
    int code = mdb_txn_begin(env->handle, NULL, MDB_RDONLY, &txn);
    if (code != MDB_SUCCESS)
        return code;
    code = mdb_cursor_open(txn, free_list, &cursor);
    while (code == MDB_SUCCESS &&
           (code = mdb_cursor_get(cursor, &key, &list, MDB_NEXT)) == MDB_SUCCESS) {
        size_t count = 0;
        memcpy(&count, list.mv_data, sizeof(count));
        *pages += count;
    }
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return code == MDB_NOTFOUND ? MDB_SUCCESS : code;
}

enum fl_error fl_env_usage(struct fl_env *env, struct fl_env_usage *usage)
{
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t free_pages = 0;
    fl_env_enter(env);
    int code = mdb_env_info(env->handle, &info);
    if (code == MDB_SUCCESS)
        code = mdb_env_stat(env->handle, &stat);
    if (code == MDB_SUCCESS)
        code = count_free_pages(env, &free_pages);
    fl_env_leave(env);
    if (code != MDB_SUCCESS)
        return fl_env_fail(env, "usage", code);
    *usage = (struct fl_env_usage){.map_size = info.me_mapsize,
                                   .used_size = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize,
                                   .free_size = free_pages * stat.ms_psize,
                                   .reader_slots = info.me_numreaders};
    return FL_OK;
}

enum fl_error fl_env_has_room(struct fl_env *env, uint64_t size, uint64_t reserve, bool *has_room)
{
    MDB_envinfo info;
    MDB_stat stat;
    int code = mdb_env_info(env->handle, &info);
    if (code == MDB_SUCCESS)
        code = mdb_env_stat(env->handle, &stat);
    if (code != MDB_SUCCESS)
        return fl_env_fail(env, "room", code);
    uint64_t used = (info.me_last_pgno + 1) * (uint64_t)stat.ms_psize;
    *has_room = used <= info.me_mapsize && info.me_mapsize - used >= size + reserve;
    if (*has_room)
        return FL_OK;
    struct fl_env_usage usage;
    enum fl_error error = fl_env_usage(env, &usage);
    if (error == FL_OK)
        *has_room = usage.map_size - usage.used_size + usage.free_size >= size + reserve;
    return error;
}

const char *fl_env_directory(const struct fl_env *env)
{
    return env->directory;
}

const char *fl_env_detail(const struct fl_env *env)
{
    return env->detail;
}
