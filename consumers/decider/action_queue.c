/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/decider/action_queue.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/arena.h"
#include "core/assert.h"
#include "core/wait.h"

enum {
    POLL_MS = 1000,
    POLL_SIZE_MAX = 64 * 1024 /* parsed and copied while it is in the cache */,
    CHUNK_BOUND = 64 * 1024 * 1024
};

struct chunk {
    struct chunk *next;
    struct fl_arena arena;
    struct fl_action *actions;
    uint64_t first;
    size_t count;
};

struct fl_action_queue {
    struct fl_journal *journal;
    struct fl_reader *reader;
    void (*on_more)(void *context);
    void *context;
    struct fl_sha256 *sha;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct chunk *oldest;
    struct chunk *newest;
    uint64_t end; /* offset behind the last one queued */
    size_t size;
    enum fl_error error;
    bool closing;
    /* Where the last get found its chunk: the consumer walks forward. */
    struct chunk *hint;
};

static void free_chunk(struct chunk *chunk)
{
    fl_arena_fini(&chunk->arena);
    free(chunk);
}

static enum fl_error make_chunk(const struct fl_action_queue *queue, const struct fl_batch *batch,
                                uint64_t expected, struct chunk **made)
{
    struct chunk *chunk = calloc(1, sizeof(*chunk));
    if (chunk == NULL)
        return FL_NO_MEMORY;
    fl_arena_init(&chunk->arena, CHUNK_BOUND);
    chunk->first = expected;
    chunk->actions = fl_arena_alloc(&chunk->arena, batch->count * sizeof(*chunk->actions));
    enum fl_error error = chunk->actions == NULL ? FL_NO_MEMORY : FL_OK;
    for (size_t i = 0; error == FL_OK && i < batch->count; i++) {
        /* The offsets of actions have no gaps: no transactions, no compaction, no retention. */
        if (batch->entries[i].offset != expected + i)
            error = FL_LOG_CHANGED;
        else if (!fl_record_copy(&chunk->arena, &batch->entries[i].record,
                                 &chunk->actions[i].record))
            error = FL_NO_MEMORY;
        if (error == FL_OK) {
            fl_record_hash(queue->sha, &chunk->actions[i].record, chunk->actions[i].hash);
            chunk->count++;
        }
    }
    if (error == FL_OK)
        *made = chunk;
    else
        free_chunk(chunk);
    return error;
}

/* Waits for room, then appends; true if reading may go on. */
static bool enqueue(struct fl_action_queue *queue, struct chunk *chunk)
{
    pthread_mutex_lock(&queue->lock);
    while (!queue->closing && queue->size >= FL_ACTION_QUEUE_SIZE_MAX)
        fl_condition_wait(&queue->changed, &queue->lock);
    bool goes_on = !queue->closing;
    if (goes_on) {
        if (queue->newest == NULL)
            queue->oldest = chunk;
        else
            queue->newest->next = chunk;
        queue->newest = chunk;
        queue->end = chunk->first + chunk->count;
        queue->size += chunk->arena.used;
        pthread_cond_broadcast(&queue->changed);
    }
    pthread_mutex_unlock(&queue->lock);
    if (!goes_on)
        free_chunk(chunk);
    return goes_on;
}

static void fail(struct fl_action_queue *queue, enum fl_error error)
{
    pthread_mutex_lock(&queue->lock);
    queue->error = error;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

static bool is_closing(struct fl_action_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool closing = queue->closing;
    pthread_mutex_unlock(&queue->lock);
    return closing;
}

static void *read_ahead(void *context)
{
    struct fl_action_queue *queue = context;
    uint64_t next = queue->end;
    while (!is_closing(queue)) {
        struct fl_batch batch;
        struct chunk *chunk = NULL;
        enum fl_error error = fl_reader_poll(queue->reader, POLL_MS, POLL_SIZE_MAX, &batch);
        if (error == FL_OK && batch.count > 0)
            error = make_chunk(queue, &batch, next, &chunk);
        if (error != FL_OK && fl_error_class(error) != FL_CLASS_RETRY) {
            fail(queue, error);
            queue->on_more(queue->context);
            break;
        }
        if (chunk == NULL)
            continue;
        next = chunk->first + chunk->count;
        if (!enqueue(queue, chunk))
            break;
        queue->on_more(queue->context);
    }
    return NULL;
}

enum fl_error fl_action_queue_open(struct fl_journal *journal, uint64_t offset,
                                   void (*on_more)(void *context), void *context,
                                   struct fl_action_queue **queue)
{
    struct fl_source source = {.topic = "actions", .offset = offset};
    struct fl_action_queue *opened = calloc(1, sizeof(*opened));
    if (opened == NULL)
        return FL_NO_MEMORY;
    opened->journal = journal;
    opened->on_more = on_more;
    opened->context = context;
    opened->end = offset;
    opened->sha = fl_sha256_open();
    enum fl_error error = fl_reader_open(journal, &source, 1, &opened->reader);
    if (error != FL_OK) {
        fl_sha256_close(&opened->sha);
        free(opened);
        return error;
    }
    pthread_mutex_init(&opened->lock, NULL);
    fl_condition_init(&opened->changed);
    int failed = pthread_create(&opened->thread, NULL, read_ahead, opened);
    fl_assert(failed == 0);
    *queue = opened;
    return FL_OK;
}

static const struct fl_action *find(struct fl_action_queue *queue, uint64_t offset)
{
    struct chunk *chunk = queue->hint;
    if (chunk == NULL || offset < chunk->first)
        chunk = queue->oldest;
    while (chunk != NULL && offset >= chunk->first + chunk->count)
        chunk = chunk->next;
    if (chunk == NULL || offset < chunk->first)
        return NULL;
    queue->hint = chunk;
    return &chunk->actions[offset - chunk->first];
}

enum fl_error fl_action_queue_get(struct fl_action_queue *queue, uint64_t offset, int timeout_ms,
                                  const struct fl_action **action)
{
    enum fl_error error = FL_OK;
    const struct fl_action *found = NULL;
    int64_t deadline_ms = timeout_ms == 0 ? 0 : fl_port_monotonic_ms(fl_port_system()) + timeout_ms;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        found = find(queue, offset);
        if (found != NULL || queue->error != FL_OK || error != FL_OK || timeout_ms == 0)
            break;
        if (!fl_condition_wait_until(&queue->changed, &queue->lock, deadline_ms))
            error = FL_TIMEOUT;
    }
    if (found != NULL)
        error = FL_OK;
    else if (queue->error != FL_OK)
        error = queue->error;
    else
        error = FL_TIMEOUT;
    pthread_mutex_unlock(&queue->lock);
    if (error == FL_OK)
        *action = found;
    return error;
}

void fl_action_queue_release(struct fl_action_queue *queue, uint64_t offset)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->oldest != NULL && queue->oldest->first + queue->oldest->count <= offset) {
        struct chunk *chunk = queue->oldest;
        queue->oldest = chunk->next;
        if (queue->oldest == NULL)
            queue->newest = NULL;
        if (queue->hint == chunk)
            queue->hint = NULL;
        queue->size -= chunk->arena.used;
        free_chunk(chunk);
    }
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void fl_action_queue_close(struct fl_action_queue **queue)
{
    if (*queue == NULL)
        return;
    struct fl_action_queue *closing = *queue;
    pthread_mutex_lock(&closing->lock);
    closing->closing = true;
    pthread_cond_broadcast(&closing->changed);
    pthread_mutex_unlock(&closing->lock);
    fl_reader_wake(closing->reader);
    pthread_join(closing->thread, NULL);
    fl_reader_close(&closing->reader);
    fl_action_queue_release(closing, UINT64_MAX);
    fl_sha256_close(&closing->sha);
    pthread_cond_destroy(&closing->changed);
    pthread_mutex_destroy(&closing->lock);
    free(closing);
    *queue = NULL;
}
