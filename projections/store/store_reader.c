/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/store/store_reader.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/assert.h"
#include "core/lmdb/bell.h"
#include "projections/store/store.h"
#include "projections/store/versions.h"

/* One version's environment; kept while it is the current one or a read is under way. */
struct fl_store_generation {
    struct fl_store_generation *next;
    struct fl_env *env;
    unsigned read_count;
    char version[FL_VERSION_NAME_SIZE];
};

struct fl_store_reader {
    const struct fl_view *view;
    const struct fl_port *port;
    pthread_mutex_t mutex; /* guards everything below */
    pthread_cond_t rung;
    struct fl_store_generation *generations; /* the current one first */
    uint64_t stamp;                          /* of CURRENT when it was last read; 0: never */
    struct fl_bell_waiter *waiter;
    char watched[FL_VERSION_NAME_SIZE]; /* what `waiter` listens to; "" nothing */
    bool listening;                     /* a thread is in fl_bell_wait */
    uint64_t rings;                     /* waits ended so far: what a look may have missed */
    bool woken;
    char views_directory[PATH_MAX];
};

enum fl_error fl_store_open_reader(const char *views_directory, const struct fl_view *view,
                                   const struct fl_port *port, struct fl_store_reader **out)
{
    pthread_condattr_t attributes;
    if (strlen(views_directory) >= PATH_MAX)
        return FL_INVALID;
    struct fl_store_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return FL_NO_MEMORY;
    reader->view = view;
    reader->port = port;
    snprintf(reader->views_directory, sizeof(reader->views_directory), "%s", views_directory);
    pthread_mutex_init(&reader->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&reader->rung, &attributes);
    pthread_condattr_destroy(&attributes);
    *out = reader;
    return FL_OK;
}

/* Invariant 2: closes what is neither current nor read. */
static void drop_idle(struct fl_store_reader *reader)
{
    struct fl_store_generation **link = &reader->generations;
    if (*link != NULL)
        link = &(*link)->next;
    while (*link != NULL) {
        struct fl_store_generation *generation = *link;
        if (generation->read_count != 0) {
            link = &generation->next;
            continue;
        }
        *link = generation->next;
        fl_env_close(&generation->env);
        free(generation);
    }
}

void fl_store_reader_close(struct fl_store_reader **reader)
{
    if (*reader == NULL)
        return;
    drop_idle(*reader);
    struct fl_store_generation *generation = (*reader)->generations;
    if (generation != NULL) {
        fl_assert(generation->read_count == 0 && generation->next == NULL);
        fl_env_close(&generation->env);
        free(generation);
    }
    fl_bell_waiter_close(&(*reader)->waiter);
    pthread_cond_destroy(&(*reader)->rung);
    pthread_mutex_destroy(&(*reader)->mutex);
    free(*reader);
    *reader = NULL;
}

static enum fl_error open_generation(struct fl_store_reader *reader,
                                     const struct fl_versions *versions, const char *version)
{
    const char *tables[FL_KV_TABLE_COUNT_MAX];
    char directory[PATH_MAX];
    enum fl_error error = fl_versions_path(versions, version, directory);
    if (error != FL_OK)
        return error;
    struct fl_store_generation *generation = calloc(1, sizeof(*generation));
    if (generation == NULL)
        return FL_NO_MEMORY;
    fl_store_tables(reader->view, tables);
    struct fl_env_options options = {.directory = directory,
                                     .tables = tables,
                                     .table_count = FL_KV_TABLE_COUNT_MAX,
                                     .read_only = true};
    error = fl_env_open(&options, &generation->env);
    if (error != FL_OK) {
        free(generation);
        return error == FL_NOT_FOUND ? FL_UNAVAILABLE : error;
    }
    snprintf(generation->version, sizeof(generation->version), "%s", version);
    generation->next = reader->generations;
    reader->generations = generation;
    return FL_OK;
}

/* Puts the version that CURRENT names first, opening it unless an old read still holds it open. */
static enum fl_error follow(struct fl_store_reader *reader)
{
    struct fl_versions versions;
    char version[FL_VERSION_NAME_SIZE];
    uint32_t fold_version = 0;
    uint32_t build = 0;
    enum fl_error error =
        fl_versions_open(&versions, reader->views_directory, reader->view->name, false);
    if (error != FL_OK)
        return error == FL_NOT_FOUND ? FL_UNAVAILABLE : error;
    uint64_t stamp = fl_versions_stamp(&versions, FL_LINK_CURRENT);
    if (stamp != 0 && stamp == reader->stamp)
        return FL_OK;
    error = fl_versions_read(&versions, FL_LINK_CURRENT, version);
    if (error != FL_OK)
        return error == FL_NOT_FOUND ? FL_UNAVAILABLE : error;
    if (!fl_version_parse(version, &fold_version, &build) ||
        fold_version != reader->view->fold_version)
        return FL_VERSION;
    struct fl_store_generation **link = &reader->generations;
    while (*link != NULL && strcmp((*link)->version, version) != 0)
        link = &(*link)->next;
    if (*link == NULL) {
        error = open_generation(reader, &versions, version);
    } else {
        struct fl_store_generation *found = *link;
        *link = found->next;
        found->next = reader->generations;
        reader->generations = found;
    }
    if (error == FL_OK) {
        reader->stamp = stamp;
        drop_idle(reader);
    }
    return error;
}

enum fl_error fl_store_read_begin(struct fl_store_reader *reader, struct fl_store_read *read)
{
    struct fl_store_generation *generation = NULL;
    memset(read, 0, sizeof(*read));
    pthread_mutex_lock(&reader->mutex);
    enum fl_error error = follow(reader);
    if (error == FL_OK) {
        generation = reader->generations;
        generation->read_count++;
    }
    pthread_mutex_unlock(&reader->mutex);
    if (error != FL_OK)
        return error;
    read->reader = reader;
    read->generation = generation;
    error = fl_txn_begin_read(&read->txn, generation->env);
    if (error != FL_OK) {
        (void)fl_store_read_end(read);
        return error;
    }
    read->kv = &read->txn.kv;
    return FL_OK;
}

enum fl_error fl_store_read_end(struct fl_store_read *read)
{
    if (read->generation == NULL)
        return FL_OK;
    enum fl_error error = read->txn.kv.error;
    struct fl_store_reader *reader = read->reader;
    fl_txn_abort(&read->txn);
    pthread_mutex_lock(&reader->mutex);
    fl_assert(read->generation->read_count > 0);
    read->generation->read_count--;
    drop_idle(reader);
    pthread_mutex_unlock(&reader->mutex);
    read->generation = NULL;
    read->kv = NULL;
    return error;
}

enum fl_error fl_store_reader_head(struct fl_store_reader *reader, struct fl_chain_head *head)
{
    struct fl_store_read read;
    struct fl_chain_head found;
    enum fl_error error = fl_store_read_begin(reader, &read);
    if (error != FL_OK)
        return error;
    fl_meta_head(read.kv, &found);
    error = fl_store_read_end(&read);
    if (error == FL_OK)
        *head = found;
    return error;
}

/* Makes the waiter listen to the current version; a waiter cannot forget, so it is a new one.
 * Called with the mutex, by the thread that listens. */
static enum fl_error watch_current(struct fl_store_reader *reader)
{
    const struct fl_store_generation *current = reader->generations;
    const char *version = current == NULL ? "" : current->version;
    if (reader->waiter != NULL && strcmp(reader->watched, version) == 0)
        return FL_OK;
    fl_bell_waiter_close(&reader->waiter);
    enum fl_error error = fl_bell_waiter_open(&reader->waiter);
    if (error == FL_OK && current != NULL)
        error = fl_bell_watch(reader->waiter, fl_env_directory(current->env));
    if (error != FL_OK) {
        fl_bell_waiter_close(&reader->waiter);
        return error;
    }
    snprintf(reader->watched, sizeof(reader->watched), "%s", version);
    return FL_OK;
}

/* Waits for a ring, or for the thread that does; not at all if one came since `rings`. Called and
 * returns with the mutex. */
static enum fl_error wait_for_ring(struct fl_store_reader *reader, uint64_t rings,
                                   int64_t deadline_ms)
{
    if (reader->rings != rings)
        return FL_OK;
    if (reader->listening) {
        struct timespec until = {.tv_sec = deadline_ms / 1000,
                                 .tv_nsec = deadline_ms % 1000 * 1000000};
        pthread_cond_timedwait(&reader->rung, &reader->mutex, &until);
        return FL_OK;
    }
    if (fl_bell_was_woken(reader->waiter))
        return FL_INTERRUPTED;
    reader->listening = true;
    pthread_mutex_unlock(&reader->mutex);
    enum fl_error error = fl_bell_wait(reader->waiter, deadline_ms);
    pthread_mutex_lock(&reader->mutex);
    reader->listening = false;
    reader->rings++;
    pthread_cond_broadcast(&reader->rung);
    return error == FL_TIMEOUT ? FL_OK : error;
}

/* What a wait is for. */
struct wanted {
    uint64_t sequence; /* of an event that has been applied */
    uint64_t *commit;  /* or another commit than this one; NULL: the event */
};

static enum fl_error look(struct fl_store_reader *reader, struct wanted *wanted, bool *there)
{
    struct fl_store_read read;
    struct fl_chain_head head;
    enum fl_error error = fl_store_read_begin(reader, &read);
    if (error != FL_OK)
        return error;
    uint64_t commit = fl_txn_number(&read.txn);
    fl_meta_head(read.kv, &head);
    error = fl_store_read_end(&read);
    *there = wanted->commit == NULL ? head.sequence > wanted->sequence : commit != *wanted->commit;
    if (error == FL_OK && *there && wanted->commit != NULL)
        *wanted->commit = commit;
    return error;
}

static enum fl_error wait_for(struct fl_store_reader *reader, struct wanted *wanted,
                              int64_t deadline_ms)
{
    for (;;) {
        bool there = false;
        pthread_mutex_lock(&reader->mutex);
        /* Watch first, then look, then wait. */
        uint64_t rings = reader->rings;
        enum fl_error error = reader->woken ? FL_INTERRUPTED : FL_OK;
        if (error == FL_OK && !reader->listening)
            error = watch_current(reader);
        pthread_mutex_unlock(&reader->mutex);
        if (error != FL_OK)
            return error;
        error = look(reader, wanted, &there);
        if (error == FL_OK && there)
            return FL_OK;
        if (error != FL_OK && error != FL_UNAVAILABLE)
            return error;
        if (fl_port_monotonic_ms(reader->port) >= deadline_ms)
            return FL_TIMEOUT;
        pthread_mutex_lock(&reader->mutex);
        bool current_is_watched =
            reader->listening || reader->generations == NULL ||
            (reader->waiter != NULL && strcmp(reader->watched, reader->generations->version) == 0);
        error = reader->woken ? FL_INTERRUPTED : FL_OK;
        if (error == FL_OK && current_is_watched)
            error = wait_for_ring(reader, rings, deadline_ms);
        pthread_mutex_unlock(&reader->mutex);
        if (error != FL_OK)
            return error;
    }
}

enum fl_error fl_store_wait(struct fl_store_reader *reader, uint64_t sequence, int64_t deadline_ms)
{
    struct wanted wanted = {.sequence = sequence};
    return wait_for(reader, &wanted, deadline_ms);
}

enum fl_error fl_store_wait_commit(struct fl_store_reader *reader, uint64_t *commit,
                                   int64_t deadline_ms)
{
    struct wanted wanted = {.commit = commit};
    return wait_for(reader, &wanted, deadline_ms);
}

void fl_store_reader_wake(struct fl_store_reader *reader)
{
    pthread_mutex_lock(&reader->mutex);
    reader->woken = true;
    if (reader->waiter != NULL)
        fl_bell_wake(reader->waiter);
    pthread_cond_broadcast(&reader->rung);
    pthread_mutex_unlock(&reader->mutex);
}

enum fl_error fl_store_reader_sweep(struct fl_store_reader *reader)
{
    pthread_mutex_lock(&reader->mutex);
    enum fl_error error = FL_OK;
    for (struct fl_store_generation *generation = reader->generations;
         error == FL_OK && generation != NULL; generation = generation->next)
        error = fl_env_sweep(generation->env, NULL);
    pthread_mutex_unlock(&reader->mutex);
    return error;
}
