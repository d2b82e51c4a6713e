/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal/memory.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"

struct source {
    char topic[FL_TOPIC_NAME_SIZE_MAX];
    uint64_t generation;
    uint32_t partition;
    uint64_t position;
};

struct reader {
    struct fl_reader base;
    struct fl_memory_log *log;
    struct fl_memory_listener listener;
    atomic_int woken;
    struct source *sources;
    size_t source_count;
    size_t turn;                      /* the source that is asked first */
    struct fl_memory_record **copies; /* what the entries borrow from */
    struct fl_entry *entries;
    size_t count;
    size_t capacity;
};

/* The partition of a source, with its position checked. Called with the mutex held. */
static enum fl_error look(struct reader *reader, const struct source *source,
                          struct fl_memory_partition **partition)
{
    const struct fl_memory_topic *topic = fl_memory_find(reader->log, source->topic);
    *partition = fl_memory_partition_of(reader->log, source->topic, source->partition);
    enum fl_error error = FL_OK;
    if (*partition == NULL || topic->generation != source->generation ||
        source->position > (*partition)->next)
        error = FL_LOG_CHANGED;
    else if (source->position < (*partition)->begin)
        error = FL_LOG_BEHIND;
    if (error != FL_OK)
        snprintf(reader->base.journal->detail, sizeof(reader->base.journal->detail),
                 "topic %s partition %u offset %llu: %s", source->topic, source->partition,
                 (unsigned long long)source->position, fl_error_text(error));
    return error;
}

static void forget(struct reader *reader)
{
    for (size_t i = 0; i < reader->count; i++)
        free(reader->copies[i]);
    reader->count = 0;
}

static void take(struct reader *reader, uint32_t source, const struct fl_memory_record *record)
{
    if (reader->count == reader->capacity) {
        reader->capacity = reader->capacity == 0 ? 16 : 2 * reader->capacity;
        reader->copies = realloc(reader->copies, reader->capacity * sizeof(*reader->copies));
        reader->entries = realloc(reader->entries, reader->capacity * sizeof(*reader->entries));
        fl_assert(reader->copies != NULL && reader->entries != NULL);
    }
    struct fl_memory_record *copy = fl_memory_copy(&record->record);
    reader->copies[reader->count] = copy;
    reader->entries[reader->count++] =
        (struct fl_entry){.source = source, .offset = record->offset, .record = copy->record};
}

/* Fills entries, source by source; `full` ends it. Called with the mutex held. */
static enum fl_error fill(struct reader *reader, size_t size_max, bool *at_end)
{
    size_t size = 0;
    bool is_full = false;
    *at_end = true;
    for (size_t turn = 0; turn < reader->source_count; turn++) {
        size_t index = reader->turn + turn < reader->source_count
                           ? reader->turn + turn
                           : reader->turn + turn - reader->source_count;
        struct source *source = &reader->sources[index];
        struct fl_memory_partition *partition = NULL;
        enum fl_error error = look(reader, source, &partition);
        if (error != FL_OK)
            return error;
        size_t i = fl_memory_lower_bound(partition, source->position);
        for (; i < partition->count && !is_full; i++) {
            take(reader, (uint32_t)index, partition->records[i]);
            source->position = partition->records[i]->offset + 1;
            size += fl_record_size(&partition->records[i]->record);
            is_full = size >= size_max;
        }
        *at_end = *at_end && i == partition->count;
    }
    reader->turn = reader->turn + 1 == reader->source_count ? 0 : reader->turn + 1;
    return FL_OK;
}

enum fl_error fl_memory_reader_poll(struct fl_reader *base, int timeout_ms, size_t size_max,
                                    struct fl_batch *batch)
{
    struct reader *reader = (struct reader *)base;
    int64_t deadline_ms =
        timeout_ms < 0 ? INT64_MAX : fl_port_monotonic_ms(fl_port_system()) + (int64_t)timeout_ms;
    forget(reader);
    for (;;) {
        if (atomic_exchange(&reader->woken, 0) != 0)
            return FL_INTERRUPTED;
        pthread_mutex_lock(&reader->log->mutex);
        fl_memory_tick(reader->log, false);
        enum fl_error error = fill(reader, size_max, &batch->at_end);
        pthread_mutex_unlock(&reader->log->mutex);
        if (error != FL_OK) {
            forget(reader);
            return error;
        }
        if (reader->count != 0 || timeout_ms == 0 ||
            !fl_memory_wait(&reader->listener, deadline_ms))
            break;
    }
    batch->entries = reader->entries;
    batch->count = reader->count;
    return FL_OK;
}

enum fl_error fl_memory_reader_seek(struct fl_reader *base, uint32_t index, uint64_t offset)
{
    struct reader *reader = (struct reader *)base;
    struct fl_memory_partition *partition = NULL;
    fl_assert(index < reader->source_count);
    struct source moved = reader->sources[index];
    moved.position = offset;
    pthread_mutex_lock(&reader->log->mutex);
    enum fl_error error = look(reader, &moved, &partition);
    pthread_mutex_unlock(&reader->log->mutex);
    if (error == FL_OK)
        reader->sources[index] = moved;
    return error;
}

void fl_memory_reader_wake(struct fl_reader *base)
{
    struct reader *reader = (struct reader *)base;
    uint64_t one = 1;
    atomic_store(&reader->woken, 1);
    ssize_t written = write(reader->listener.event, &one, sizeof(one));
    (void)written; /* a full counter is as readable as one more */
}

void fl_memory_reader_close(struct fl_reader *base)
{
    struct reader *reader = (struct reader *)base;
    forget(reader);
    fl_memory_unlisten(reader->log, &reader->listener);
    free(reader->copies);
    free(reader->entries);
    free(reader->sources);
    free(reader);
}

static enum fl_error add_source(struct reader *reader, const struct fl_source *wanted)
{
    struct source *source = &reader->sources[reader->source_count];
    struct fl_memory_partition *partition = NULL;
    const struct fl_memory_topic *topic = fl_memory_find(reader->log, wanted->topic);
    if (topic == NULL || wanted->partition >= topic->spec.partition_count)
        return FL_NOT_FOUND;
    snprintf(source->topic, sizeof(source->topic), "%s", wanted->topic);
    source->generation = topic->generation;
    source->partition = wanted->partition;
    source->position = wanted->offset;
    reader->source_count++;
    return look(reader, source, &partition);
}

enum fl_error fl_memory_reader_open(struct fl_journal *base, const struct fl_source *sources,
                                    size_t source_count, struct fl_reader **out)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    fl_assert(reader != NULL);
    reader->base.journal = base;
    reader->log = ((struct fl_memory_client *)base)->log;
    reader->sources = calloc(source_count, sizeof(*reader->sources));
    fl_assert(reader->sources != NULL);
    fl_memory_listen(reader->log, &reader->listener);
    enum fl_error error = FL_OK;
    pthread_mutex_lock(&reader->log->mutex);
    for (size_t i = 0; error == FL_OK && i < source_count; i++)
        error = add_source(reader, &sources[i]);
    pthread_mutex_unlock(&reader->log->mutex);
    if (error != FL_OK) {
        fl_memory_reader_close(&reader->base);
        return error;
    }
    *out = &reader->base;
    return FL_OK;
}
