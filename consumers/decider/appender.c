/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/decider/appender.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/assert.h"
#include "core/wait.h"

/* An arena that has held something very large does not keep it. */
enum { ARENA_KEPT_MAX = 4 * FL_APPENDER_PART_SIZE };

/* One request of librdkafka's at a time, and not larger than one: with more, its thread spins
 * (kafka_conf.c), which costs two processors more than the overlap of a second request gains. */
enum { UNDER_WAY_COUNT_MAX = 1, SENT_COUNT_MAX = 1000 };

struct part {
    struct fl_arena arena;
    uint32_t end; /* records behind its last one */
};

/* Some of the records, handed to the journal as one append. */
struct sent {
    struct fl_pending_append *pending;
    uint32_t count;
};

struct fl_appender {
    struct fl_journal *journal;
    size_t part_size;
    uint64_t next; /* offset that record 0 has to get */
    /* The caller's alone. */
    struct part parts[FL_APPENDER_PART_COUNT];
    unsigned part; /* being filled */
    uint32_t count;
    /* Entries below `offered` are the threads' to read and write. */
    struct fl_record records[FL_DECIDE_BATCH_COUNT_MAX];
    uint64_t offsets[FL_DECIDE_BATCH_COUNT_MAX];
    pthread_t sender;
    pthread_t waiter;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    uint32_t offered;  /* may be appended */
    uint32_t sent;     /* was handed to the journal, or is just now */
    uint32_t appended; /* was acknowledged */
    bool sending;
    struct sent under_way[UNDER_WAY_COUNT_MAX]; /* a ring */
    unsigned first;
    unsigned under_way_count;
    bool closing;
    enum fl_error error; /* the first */
};

/* How many of the records from `at` fit into one append. */
static uint32_t part_count(const struct fl_appender *appender, uint32_t at, uint32_t end)
{
    size_t size = 0;
    uint32_t count = 0;
    while (at + count < end && count < SENT_COUNT_MAX) {
        size += fl_record_size(&appender->records[at + count]);
        if (count > 0 && size > FL_BATCH_SIZE_MAX)
            break;
        count++;
    }
    return count;
}

/* With the lock held: takes the next records to send. */
static struct fl_append take(struct fl_appender *appender, uint32_t end)
{
    uint32_t at = appender->sent;
    uint32_t count = part_count(appender, at, end);
    appender->sent += count;
    return (struct fl_append){
        .topic = "events",
        .count = count,
        .records = appender->records + at,
        .expected_offset = appender->next + at,
        .offsets = appender->offsets + at,
    };
}

/* With the lock held: how an append of `count` records ended. */
static void note(struct fl_appender *appender, uint32_t count, enum fl_error error)
{
    if (appender->error == FL_OK)
        appender->error = error;
    if (appender->error == FL_OK)
        appender->appended += count;
    pthread_cond_broadcast(&appender->changed);
}

static bool can_send(const struct fl_appender *appender)
{
    return appender->error == FL_OK && appender->sent < appender->offered &&
           appender->under_way_count < UNDER_WAY_COUNT_MAX;
}

/* With the lock held, which is let go of meanwhile. */
static void send_one(struct fl_appender *appender)
{
    struct fl_append batch = take(appender, appender->offered);
    struct sent sent = {.count = batch.count};
    appender->sending = true;
    pthread_mutex_unlock(&appender->lock);
    enum fl_error error = fl_journal_append_begin(appender->journal, &batch, 1, &sent.pending);
    pthread_mutex_lock(&appender->lock);
    appender->sending = false;
    if (error != FL_OK) {
        note(appender, 0, error);
        return;
    }
    unsigned at = (appender->first + appender->under_way_count) % UNDER_WAY_COUNT_MAX;
    appender->under_way[at] = sent;
    appender->under_way_count++;
    pthread_cond_broadcast(&appender->changed);
}

static void *send_all(void *context)
{
    struct fl_appender *appender = context;
    pthread_mutex_lock(&appender->lock);
    while (!appender->closing)
        if (can_send(appender))
            send_one(appender);
        else
            fl_condition_wait(&appender->changed, &appender->lock);
    pthread_mutex_unlock(&appender->lock);
    return NULL;
}

/* What was begun is ended, whatever else happens. */
static void *await_all(void *context)
{
    struct fl_appender *appender = context;
    pthread_mutex_lock(&appender->lock);
    while (!appender->closing || appender->under_way_count > 0) {
        if (appender->under_way_count == 0) {
            fl_condition_wait(&appender->changed, &appender->lock);
            continue;
        }
        struct sent *oldest = &appender->under_way[appender->first];
        pthread_mutex_unlock(&appender->lock);
        enum fl_error error = fl_journal_append_end(&oldest->pending);
        pthread_mutex_lock(&appender->lock);
        uint32_t count = oldest->count;
        appender->first = (appender->first + 1) % UNDER_WAY_COUNT_MAX;
        appender->under_way_count--;
        note(appender, count, error);
    }
    pthread_mutex_unlock(&appender->lock);
    return NULL;
}

enum fl_error fl_appender_open(struct fl_journal *journal, size_t part_size,
                               struct fl_appender **appender)
{
    struct fl_appender *opened = calloc(1, sizeof(*opened));
    if (opened == NULL)
        return FL_NO_MEMORY;
    opened->journal = journal;
    opened->part_size = part_size == 0 ? FL_APPENDER_PART_SIZE : part_size;
    for (unsigned i = 0; i < FL_APPENDER_PART_COUNT; i++)
        fl_arena_init(&opened->parts[i].arena, SIZE_MAX);
    pthread_mutex_init(&opened->lock, NULL);
    fl_condition_init(&opened->changed);
    int failed = pthread_create(&opened->sender, NULL, send_all, opened);
    fl_assert(failed == 0);
    failed = pthread_create(&opened->waiter, NULL, await_all, opened);
    fl_assert(failed == 0);
    *appender = opened;
    return FL_OK;
}

void fl_appender_close(struct fl_appender **appender)
{
    struct fl_appender *closing = *appender;
    if (closing == NULL)
        return;
    pthread_mutex_lock(&closing->lock);
    closing->closing = true;
    pthread_cond_broadcast(&closing->changed);
    pthread_mutex_unlock(&closing->lock);
    pthread_join(closing->sender, NULL);
    pthread_join(closing->waiter, NULL);
    pthread_cond_destroy(&closing->changed);
    pthread_mutex_destroy(&closing->lock);
    for (unsigned i = 0; i < FL_APPENDER_PART_COUNT; i++)
        fl_arena_fini(&closing->parts[i].arena);
    free(closing);
    *appender = NULL;
}

static void empty(struct part *part)
{
    if (part->arena.used > ARENA_KEPT_MAX)
        fl_arena_fini(&part->arena);
    else
        fl_arena_reset(&part->arena);
}

static bool is_busy(const struct fl_appender *appender)
{
    return appender->sending || appender->under_way_count > 0;
}

void fl_appender_begin(struct fl_appender *appender, uint64_t next)
{
    pthread_mutex_lock(&appender->lock);
    fl_assert(!is_busy(appender));
    appender->offered = 0;
    appender->sent = 0;
    appender->appended = 0;
    appender->error = FL_OK;
    pthread_mutex_unlock(&appender->lock);
    appender->next = next;
    appender->count = 0;
    for (unsigned i = 0; i < FL_APPENDER_PART_COUNT; i++)
        appender->parts[i].end = 0;
    empty(&appender->parts[appender->part]);
}

/* Hands a full part over and waits for the memory of the next one. */
static enum fl_error turn(struct fl_appender *appender)
{
    appender->parts[appender->part].end = appender->count;
    appender->part = (appender->part + 1) % FL_APPENDER_PART_COUNT;
    struct part *part = &appender->parts[appender->part];
    pthread_mutex_lock(&appender->lock);
    appender->offered = appender->count;
    pthread_cond_broadcast(&appender->changed);
    while (appender->error == FL_OK && appender->appended < part->end)
        fl_condition_wait(&appender->changed, &appender->lock);
    enum fl_error error = appender->error;
    pthread_mutex_unlock(&appender->lock);
    if (error == FL_OK)
        empty(part);
    return error;
}

enum fl_error fl_appender_add(struct fl_appender *appender, const struct fl_record *event)
{
    enum fl_error error = FL_OK;
    fl_assert(appender->count < FL_DECIDE_BATCH_COUNT_MAX);
    if (appender->parts[appender->part].arena.used >= appender->part_size)
        error = turn(appender);
    if (error != FL_OK)
        return error;
    if (!fl_record_copy(&appender->parts[appender->part].arena, event,
                        &appender->records[appender->count]))
        return FL_NO_MEMORY;
    appender->offsets[appender->count] = FL_OFFSET_NONE;
    appender->count++;
    return FL_OK;
}

bool fl_appender_cancel(struct fl_appender *appender)
{
    pthread_mutex_lock(&appender->lock);
    appender->offered = appender->sent;
    while (is_busy(appender))
        fl_condition_wait(&appender->changed, &appender->lock);
    bool sent = appender->sent > 0;
    pthread_mutex_unlock(&appender->lock);
    return sent;
}

/* A batch that the threads have not been told of. */
static void append_here(struct fl_appender *appender)
{
    while (appender->error == FL_OK && appender->sent < appender->count) {
        struct fl_append batch = take(appender, appender->count);
        appender->offered = appender->sent;
        pthread_mutex_unlock(&appender->lock);
        enum fl_error error = fl_journal_append(appender->journal, &batch, 1);
        pthread_mutex_lock(&appender->lock);
        note(appender, batch.count, error);
    }
}

enum fl_error fl_appender_finish(struct fl_appender *appender)
{
    pthread_mutex_lock(&appender->lock);
    if (appender->offered == 0)
        append_here(appender);
    appender->offered = appender->count;
    pthread_cond_broadcast(&appender->changed);
    while (is_busy(appender) || (appender->error == FL_OK && appender->appended < appender->count))
        fl_condition_wait(&appender->changed, &appender->lock);
    enum fl_error error = appender->error;
    pthread_mutex_unlock(&appender->lock);
    return error;
}

const uint64_t *fl_appender_offsets(const struct fl_appender *appender, uint32_t *count)
{
    *count = appender->count;
    return appender->offsets;
}
