/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/rebuild/snapshot.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"
#include "projections/store/store.h"

static void remove_files(const char *directory)
{
    static const char *const files[] = {"data.mdb", "lock.mdb", "bell"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (snprintf(path, sizeof(path), "%s/%s", directory, files[i]) < (int)sizeof(path))
            (void)unlink(path);
    (void)rmdir(directory);
}

static enum fl_error copy(const struct fl_versions *versions, struct fl_snapshot *snapshot)
{
    const char *tables[FL_KV_TABLE_COUNT_MAX] = {NULL};
    char source[PATH_MAX];
    struct fl_env *env = NULL;
    tables[FL_STORE_TABLE_META] = FL_STORE_TABLE_META_NAME;
    enum fl_error error = fl_versions_read(versions, FL_LINK_CURRENT, snapshot->version);
    if (error == FL_OK)
        error = fl_versions_path(versions, snapshot->version, source);
    if (error != FL_OK)
        return error;
    struct fl_env_options options = {.directory = source,
                                     .tables = tables,
                                     .table_count = FL_KV_TABLE_COUNT_MAX,
                                     .read_only = true};
    error = fl_env_open(&options, &env);
    if (error == FL_OK)
        error = fl_directory_ensure(snapshot->directory, 0700);
    if (error == FL_OK)
        error = fl_env_copy(env, snapshot->directory);
    fl_env_close(&env);
    return error;
}

enum fl_error fl_snapshot_take(const struct fl_versions *versions, const struct fl_view *view,
                               const char *directory, struct fl_snapshot *snapshot)
{
    const char *tables[FL_KV_TABLE_COUNT_MAX];
    memset(snapshot, 0, sizeof(*snapshot));
    if (snprintf(snapshot->directory, sizeof(snapshot->directory), "%s", directory) >=
        (int)sizeof(snapshot->directory))
        return FL_INVALID;
    remove_files(directory);
    enum fl_error error = copy(versions, snapshot);
    /* Opened for writing: the copy is ours, and tables that it lacks are made. */
    fl_store_tables(view, tables);
    struct fl_env_options options = {
        .directory = directory, .tables = tables, .table_count = FL_KV_TABLE_COUNT_MAX};
    if (error == FL_OK)
        error = fl_env_open(&options, &snapshot->env);
    if (error == FL_OK)
        error = fl_txn_begin_read(&snapshot->txn, snapshot->env);
    if (error != FL_OK)
        fl_snapshot_drop(snapshot);
    return error;
}

void fl_snapshot_drop(struct fl_snapshot *snapshot)
{
    if (snapshot->directory[0] == '\0')
        return;
    fl_txn_abort(&snapshot->txn);
    fl_env_close(&snapshot->env);
    remove_files(snapshot->directory);
    snapshot->directory[0] = '\0';
}
