/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What env.c and txn.c share; nobody else includes this.
 */
#include <lmdb.h>
#include <pthread.h>

#include "core/lmdb/env.h"

struct fl_env {
    MDB_env *handle;
    MDB_dbi tables[FL_KV_TABLE_COUNT_MAX];
    unsigned table_count;
    bool read_only;
    int bell;
    pthread_mutex_t mutex; /* guards live, remapping, detail */
    pthread_cond_t idle;
    unsigned live; /* transactions of this process that hold a snapshot */
    bool remapping;
    char detail[160];
    char directory[];
};

/* Counts a transaction in, waiting while the map is being re-mapped. */
void fl_env_enter(struct fl_env *env);
void fl_env_leave(struct fl_env *env);

/* Adopts the map size that another process has given the environment. FL_BUSY if a transaction of
 * this process stays live for seconds. Call it with no transaction of the caller entered. */
enum fl_error fl_env_remap(struct fl_env *env) FL_MUST_USE;

/* Translates, and keeps LMDB's words. */
enum fl_error fl_env_fail(struct fl_env *env, const char *what, int code);
