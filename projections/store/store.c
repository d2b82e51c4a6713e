/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/store/store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/fault_point.h"
#include "core/file.h"
#include "core/lmdb/bell.h"

struct fl_store {
    const struct fl_view *view;
    const struct fl_port *port;
    struct fl_versions versions;
    struct fl_env *env;
    struct fl_txn txn;
    bool writing;
    int lock;  /* the view's; -1: not the current version's writer */
    int owner; /* the version's */
    int64_t swept_ms;
    char version[FL_VERSION_NAME_SIZE];
    char directory[PATH_MAX];
};

void fl_store_tables(const struct fl_view *view, const char *tables[FL_KV_TABLE_COUNT_MAX])
{
    fl_assert(view->table_count <= FL_STORE_VIEW_TABLE_COUNT_MAX);
    for (unsigned i = 0; i < FL_KV_TABLE_COUNT_MAX; i++)
        tables[i] = i < view->table_count ? view->tables[i] : NULL;
    tables[FL_STORE_TABLE_PARKED] = FL_STORE_TABLE_PARKED_NAME;
    tables[FL_STORE_TABLE_META] = FL_STORE_TABLE_META_NAME;
}

static void say(const struct fl_store_options *options, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct fl_store_options *options, const char *format, ...)
{
    va_list arguments;
    if (options->detail == NULL)
        return;
    va_start(arguments, format);
    vsnprintf(options->detail, FL_DETAIL_SIZE, format, arguments);
    va_end(arguments);
}

static enum fl_error take_lock(const struct fl_store_options *options, struct fl_store *store,
                               const char *file, int *descriptor)
{
    int holder = 0;
    enum fl_error error =
        fl_versions_lock(&store->versions, file, options->lock_wait_ms, descriptor, &holder);
    if (error == FL_LOCKED)
        say(options, "the view %s is written by process %d", store->view->name, holder);
    else if (error != FL_OK)
        say(options, "%s/%s cannot be locked", store->versions.path, file);
    return error;
}

/* The version to open: the one asked for, the current one, or a new one. */
static enum fl_error choose_version(const struct fl_store_options *options, struct fl_store *store,
                                    bool *fresh)
{
    uint32_t fold_version = 0;
    uint32_t build = 0;
    *fresh = false;
    enum fl_error error = FL_OK;
    if (options->version != NULL) {
        snprintf(store->version, sizeof(store->version), "%s", options->version);
    } else {
        error = fl_versions_read(&store->versions, FL_LINK_CURRENT, store->version);
        if (error == FL_NOT_FOUND) {
            *fresh = true;
            error = fl_versions_next(&store->versions, store->view->fold_version, store->version);
        }
    }
    if (error != FL_OK) {
        say(options, "%s/CURRENT names no version: remove it, and the view is folded anew",
            store->versions.path);
        return error;
    }
    if (!fl_version_parse(store->version, &fold_version, &build))
        return FL_INVALID;
    if (fold_version == store->view->fold_version)
        return FL_OK;
    say(options,
        "the rows of %s are of fold version %u, this program makes version %u: run "
        "`fleetlog rebuild %s --accept`",
        store->view->name, fold_version, store->view->fold_version, store->view->name);
    return FL_VERSION;
}

static enum fl_error open_environment(const struct fl_store_options *options,
                                      struct fl_store *store)
{
    const char *tables[FL_KV_TABLE_COUNT_MAX];
    char owner[FL_VERSION_NAME_SIZE + 8];
    enum fl_error error = fl_versions_path(&store->versions, store->version, store->directory);
    if (error == FL_OK)
        error = fl_directory_ensure(store->directory, 0700);
    if (error != FL_OK) {
        say(options, "%s cannot be made", store->directory);
        return error;
    }
    snprintf(owner, sizeof(owner), "%s/owner", store->version);
    error = take_lock(options, store, owner, &store->owner);
    if (error != FL_OK)
        return error;
    fl_store_tables(store->view, tables);
    struct fl_env_options env = {.directory = store->directory,
                                 .tables = tables,
                                 .table_count = FL_KV_TABLE_COUNT_MAX,
                                 .map_size = options->map_size};
    error = fl_env_open(&env, &store->env);
    if (error == FL_CORRUPT)
        say(options, "%s is damaged: `fleetlog rebuild %s --accept` makes it anew",
            store->directory, store->view->name);
    else if (error != FL_OK)
        say(options, "%s cannot be opened: %s", store->directory, fl_error_text(error));
    return error;
}

/* Invariant 2, written where there is no row yet. */
static enum fl_error check_identity(const struct fl_store_options *options, struct fl_store *store)
{
    struct fl_meta_identity identity = {0};
    enum fl_error error = fl_store_begin(store);
    if (error != FL_OK)
        return error;
    if (!fl_meta_identity(&store->txn.kv, &identity)) {
        identity.format = FL_STORE_FORMAT;
        identity.fold_version = store->view->fold_version;
        snprintf(identity.view, sizeof(identity.view), "%s", store->view->name);
        fl_meta_set_identity(&store->txn.kv, &identity);
        return fl_store_commit(store);
    }
    error = store->txn.kv.error;
    fl_store_abort(store);
    if (error == FL_OK && identity.format != FL_STORE_FORMAT) {
        say(options, "%s: rows of form %u, this program knows form %d", store->directory,
            identity.format, FL_STORE_FORMAT);
        return FL_VERSION;
    }
    if (error == FL_OK && (identity.fold_version != store->view->fold_version ||
                           strcmp(identity.view, store->view->name) != 0)) {
        say(options, "%s holds the view %s, fold version %u", store->directory, identity.view,
            identity.fold_version);
        return FL_CORRUPT;
    }
    return error;
}

static enum fl_error open_into(const struct fl_store_options *options, struct fl_store *store)
{
    bool fresh = false;
    enum fl_error error =
        fl_versions_open(&store->versions, options->views_directory, store->view->name, true);
    if (error != FL_OK) {
        say(options, "%s/%s cannot be made", options->views_directory, store->view->name);
        return error;
    }
    if (options->version == NULL)
        error = take_lock(options, store, "lock", &store->lock);
    if (error == FL_OK)
        error = choose_version(options, store, &fresh);
    if (error == FL_OK)
        error = open_environment(options, store);
    if (error == FL_OK)
        error = check_identity(options, store);
    if (error == FL_OK && fresh) {
        fl_fault_point("store.before_first_link");
        error = fl_versions_write(&store->versions, FL_LINK_CURRENT, store->version);
    }
    return error;
}

enum fl_error fl_store_open_writer(const struct fl_store_options *options, struct fl_store **out)
{
    fl_assert(strlen(options->view->name) < FL_VIEW_NAME_SIZE_MAX);
    struct fl_store *store = calloc(1, sizeof(*store));
    if (store == NULL)
        return FL_NO_MEMORY;
    store->view = options->view;
    store->port = options->port;
    store->lock = store->owner = -1;
    if (options->detail != NULL)
        options->detail[0] = '\0';
    enum fl_error error = open_into(options, store);
    if (error != FL_OK) {
        if (options->detail != NULL && options->detail[0] == '\0')
            say(options, "the view %s cannot be opened: %s", options->view->name,
                fl_error_text(error));
        fl_store_close(&store);
        return error;
    }
    *out = store;
    return FL_OK;
}

void fl_store_close(struct fl_store **store)
{
    if (*store == NULL)
        return;
    fl_store_abort(*store);
    fl_env_close(&(*store)->env);
    if ((*store)->owner >= 0)
        close((*store)->owner);
    if ((*store)->lock >= 0)
        close((*store)->lock);
    free(*store);
    *store = NULL;
}

enum fl_error fl_store_begin(struct fl_store *store)
{
    fl_assert(!store->writing);
    int64_t now_ms = fl_port_monotonic_ms(store->port);
    enum fl_error error = FL_OK;
    if (store->swept_ms == 0 || now_ms - store->swept_ms >= FL_STORE_SWEEP_MS) {
        store->swept_ms = now_ms;
        error = fl_env_sweep(store->env, NULL);
    }
    if (error == FL_OK)
        error = fl_txn_begin_write(&store->txn, store->env);
    store->writing = error == FL_OK;
    return error;
}

struct fl_kv *fl_store_kv(struct fl_store *store)
{
    return store->writing ? &store->txn.kv : NULL;
}

enum fl_error fl_store_commit(struct fl_store *store)
{
    fl_assert(store->writing);
    fl_meta_set_commit_time(&store->txn.kv, fl_port_wall_ms(store->port));
    store->writing = false;
    fl_fault_point("store.before_commit");
    enum fl_error error = fl_txn_commit(&store->txn);
    fl_fault_point("store.after_commit");
    return error;
}

void fl_store_abort(struct fl_store *store)
{
    if (!store->writing)
        return;
    store->writing = false;
    fl_txn_abort(&store->txn);
}

enum fl_error fl_store_snapshot(struct fl_store *store, struct fl_txn *txn)
{
    return fl_txn_begin_read(txn, store->env);
}

bool fl_store_has_room(const struct fl_store *store)
{
    uint64_t free_size = 0;
    return fl_file_system_free(store->directory, &free_size) != FL_OK ||
           free_size >= FL_STORE_ROOM_SIZE_MIN;
}

/* Rings the bell of a version whose environment another process may own. */
static void ring(const struct fl_versions *versions, const char *version)
{
    char path[PATH_MAX];
    int descriptor = -1;
    if (fl_versions_path(versions, version, path) != FL_OK ||
        fl_bell_open(path, &descriptor) != FL_OK)
        return; /* the timed look covers it */
    fl_bell_ring(descriptor);
    close(descriptor);
}

/* The switch itself; the caller holds the view's lock. What asked for it is answered with it. */
static enum fl_error switch_links(struct fl_store *next)
{
    char current[FL_VERSION_NAME_SIZE];
    enum fl_error error = fl_versions_read(&next->versions, FL_LINK_CURRENT, current);
    bool had_current = error == FL_OK;
    if (error == FL_NOT_FOUND)
        error = FL_OK;
    if (error == FL_OK && had_current && strcmp(current, next->version) != 0)
        error = fl_versions_write(&next->versions, FL_LINK_PREVIOUS, current);
    fl_fault_point("store.before_switch");
    if (error == FL_OK)
        error = fl_versions_write(&next->versions, FL_LINK_CURRENT, next->version);
    fl_fault_point("store.after_switch");
    static const enum fl_version_link answered[] = {FL_LINK_WANTED, FL_LINK_BUILDING};
    for (unsigned i = 0; error == FL_OK && i < 2; i++) {
        char named[FL_VERSION_NAME_SIZE];
        if (fl_versions_read(&next->versions, answered[i], named) == FL_OK &&
            strcmp(named, next->version) == 0)
            error = fl_versions_clear(&next->versions, answered[i]);
    }
    if (error == FL_OK && had_current)
        ring(&next->versions, current);
    return error;
}

enum fl_error fl_store_promote(struct fl_store *next, struct fl_store **previous)
{
    fl_assert(!next->writing && !(*previous)->writing && (*previous)->lock >= 0);
    enum fl_error error = switch_links(next);
    if (error != FL_OK)
        return error;
    next->lock = (*previous)->lock;
    (*previous)->lock = -1;
    fl_store_close(previous);
    return FL_OK;
}

enum fl_error fl_store_promote_alone(struct fl_store *next)
{
    fl_assert(!next->writing && next->lock < 0);
    int descriptor = -1;
    enum fl_error error = fl_versions_lock(&next->versions, "lock", 0, &descriptor, NULL);
    if (error != FL_OK)
        return error;
    error = switch_links(next);
    if (error == FL_OK)
        next->lock = descriptor;
    else
        close(descriptor);
    return error;
}

const char *fl_store_version(const struct fl_store *store)
{
    return store->version;
}

const struct fl_versions *fl_store_versions(const struct fl_store *store)
{
    return &store->versions;
}

struct fl_env *fl_store_env(struct fl_store *store)
{
    return store->env;
}

enum fl_error fl_store_peek(const struct fl_versions *versions, struct fl_store_peek *peek,
                            char version[FL_VERSION_NAME_SIZE])
{
    const char *tables[FL_KV_TABLE_COUNT_MAX] = {NULL};
    char directory[PATH_MAX];
    char current[FL_VERSION_NAME_SIZE];
    memset(peek, 0, sizeof(*peek));
    tables[FL_STORE_TABLE_META] = FL_STORE_TABLE_META_NAME;
    tables[FL_STORE_TABLE_PARKED] = FL_STORE_TABLE_PARKED_NAME;
    enum fl_error error = fl_versions_read(versions, FL_LINK_CURRENT, current);
    if (error == FL_OK)
        error = fl_versions_path(versions, current, directory);
    struct fl_env_options options = {.directory = directory,
                                     .tables = tables,
                                     .table_count = FL_KV_TABLE_COUNT_MAX,
                                     .read_only = true};
    if (error == FL_OK)
        error = fl_env_open(&options, &peek->env);
    if (error == FL_OK)
        error = fl_txn_begin_read(&peek->txn, peek->env);
    if (error != FL_OK) {
        fl_store_peek_end(peek);
        return error;
    }
    if (version != NULL)
        memcpy(version, current, sizeof(current));
    return FL_OK;
}

void fl_store_peek_end(struct fl_store_peek *peek)
{
    fl_txn_abort(&peek->txn);
    fl_env_close(&peek->env);
}
