/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal/embedded.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/lmdb/bell.h"
#include "core/port.h"

/*
 * A poll copies whole blocks out of short read transactions, ends these, then checks and decodes
 * the copies. Entries that do not fit under the caller's bound wait for the next poll.
 */

/* One topic that a reader reads. */
struct view {
    struct fl_embedded_topic *topic;
    struct fl_txn txn; /* kept reset between polls */
};

struct source {
    struct view *view;
    uint32_t partition;
    uint64_t position; /* next offset to copy */
};

/* One copied block. */
struct copied {
    size_t at;
    size_t size;
    uint32_t source;
    uint64_t base;
    uint64_t from; /* the position before it was copied */
    uint8_t key[FL_BLOCK_KEY_SIZE];
};

struct reader {
    struct fl_reader base;
    struct fl_embedded *journal;
    struct fl_bell_waiter *waiter;
    struct view *views;
    size_t view_count;
    struct source *sources;
    size_t source_count;
    size_t turn; /* the source that is asked first */
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    struct copied *copied;
    size_t copied_count;
    size_t copied_capacity;
    struct fl_entry *entries;
    size_t entry_capacity;
    struct fl_header *headers;
    size_t header_capacity;
    size_t first; /* entries[first … count) wait to be handed out */
    size_t count;
    bool at_end; /* of all sources, when entries were filled */
};

/* Grows an array to at least `count` items; its content is kept. */
static bool grow(void **items, size_t *capacity, size_t count, size_t item_size)
{
    size_t wanted = *capacity == 0 ? 16 : *capacity;
    while (wanted < count)
        wanted *= 2;
    if (wanted == *capacity)
        return true;
    void *larger = realloc(*items, wanted * item_size);
    if (larger == NULL)
        return false;
    *items = larger;
    *capacity = wanted;
    return true;
}

/* Checks a position against the partition as it is now. */
static enum fl_error check_position(struct reader *reader, const struct source *source,
                                    const struct fl_partition_row *row)
{
    const char *name = source->view->topic->name;
    if (source->position < row->begin) {
        fl_embedded_detail(reader->journal,
                           "topic %s partition %u: offset %" PRIu64
                           " is gone, the log begins at %" PRIu64,
                           name, source->partition, source->position, row->begin);
        return FL_LOG_BEHIND;
    }
    if (source->position > row->next) {
        fl_embedded_detail(reader->journal,
                           "topic %s partition %u: offset %" PRIu64
                           " was read before, the log ends at %" PRIu64,
                           name, source->partition, source->position, row->next);
        return FL_LOG_CHANGED;
    }
    return FL_OK;
}

/* Takes the newest snapshot of a topic. A topic that was deleted is another log than the one that
 * was read. */
static enum fl_error renew(struct reader *reader, struct view *view)
{
    struct fl_topic_row row;
    enum fl_error error = view->txn.handle == NULL ? fl_txn_begin_read(&view->txn, view->topic->env)
                                                   : fl_txn_renew(&view->txn);
    if (error == FL_OK && !fl_topic_row_get(&view->txn.kv, &row)) {
        error = view->txn.kv.error == FL_OK ? FL_LOG_CHANGED : view->txn.kv.error;
        fl_txn_reset(&view->txn);
    }
    if (error != FL_OK)
        fl_embedded_detail(reader->journal, "topic %s: %s (%s)", view->topic->name,
                           error == FL_LOG_CHANGED ? "it was deleted" : fl_error_text(error),
                           fl_env_detail(view->topic->env));
    return error;
}

/* Copies the source's next block unless the batch would pass size_max; `end` says that there is
 * none. */
static enum fl_error copy_block(struct reader *reader, uint32_t index, size_t size_max, bool *end,
                                bool *is_full)
{
    struct source *source = &reader->sources[index];
    struct fl_kv *kv = &source->view->txn.kv;
    struct fl_block_row row;
    if (!fl_embedded_find(kv, source->partition, source->position, &row)) {
        /* What was copied before a block that does not decode is handed out first. */
        *is_full = kv->error == FL_CORRUPT && reader->copied_count != 0;
        if (*is_full)
            return FL_OK;
        *end = true;
        if (kv->error != FL_OK)
            fl_embedded_detail(reader->journal,
                               "topic %s partition %u offset %" PRIu64 ": the block is none",
                               source->view->topic->name, source->partition, source->position);
        return kv->error;
    }
    if (reader->size != 0 && reader->size + row.value.size > size_max) {
        *is_full = true;
        return FL_OK;
    }
    if (!grow((void **)&reader->bytes, &reader->capacity, reader->size + row.value.size, 1) ||
        !grow((void **)&reader->copied, &reader->copied_capacity, reader->copied_count + 1,
              sizeof(*reader->copied)))
        return FL_NO_MEMORY;
    struct copied *copied = &reader->copied[reader->copied_count++];
    *copied = (struct copied){.at = reader->size,
                              .size = row.value.size,
                              .source = index,
                              .base = row.base,
                              .from = source->position};
    memcpy(copied->key, row.key, sizeof(copied->key));
    memcpy(reader->bytes + reader->size, row.value.data, row.value.size);
    reader->size += row.value.size;
    source->position = row.last + 1;
    return FL_OK;
}

/* Asks the sources in turn for a block each until the bound or all ends are reached. */
static enum fl_error copy_blocks(struct reader *reader, size_t size_max)
{
    bool is_full = false;
    size_t ended = 0;
    enum fl_error error = FL_OK;
    for (size_t i = 0; error == FL_OK && i < reader->source_count; i++) {
        const struct source *source = &reader->sources[i];
        struct fl_partition_row row;
        if (!fl_partition_row_get(&source->view->txn.kv, source->partition, &row))
            error = source->view->txn.kv.error;
        else
            error = check_position(reader, source, &row);
    }
    while (error == FL_OK && !is_full && ended < reader->source_count) {
        bool end = false;
        error = copy_block(reader, (uint32_t)reader->turn, size_max, &end, &is_full);
        ended = end ? ended + 1 : 0;
        if (!is_full)
            reader->turn = (reader->turn + 1) % reader->source_count;
    }
    reader->at_end = ended == reader->source_count;
    return error;
}

static enum fl_error copy_from_all(struct reader *reader, size_t size_max)
{
    enum fl_error error = FL_OK;
    size_t begun = 0;
    reader->size = 0;
    reader->copied_count = 0;
    while (error == FL_OK && begun < reader->view_count)
        error = renew(reader, &reader->views[begun++]);
    if (error == FL_OK)
        error = copy_blocks(reader, size_max);
    for (size_t i = 0; i < begun; i++)
        if (reader->views[i].txn.handle != NULL)
            fl_txn_reset(&reader->views[i].txn);
    return error;
}

/* How many of the copied blocks pass their check; a bad one and all behind it are un-read, so that
 * the good ones before it are still handed out. */
static size_t check_copies(struct reader *reader, size_t *record_count, size_t *header_count)
{
    size_t good = 0;
    *record_count = *header_count = 0;
    for (; good < reader->copied_count; good++) {
        const struct copied *copied = &reader->copied[good];
        struct fl_slice value = fl_slice_of(reader->bytes + copied->at, copied->size);
        struct fl_block_info info;
        if (fl_block_check(value, copied->key) != FL_OK || fl_block_peek(value, &info) != FL_OK)
            break;
        *record_count += info.count;
        *header_count += info.header_count;
    }
    for (size_t i = reader->copied_count; i > good; i--)
        reader->sources[reader->copied[i - 1].source].position = reader->copied[i - 1].from;
    return good;
}

static enum fl_error corrupt(struct reader *reader, const struct copied *copied)
{
    const struct source *source = &reader->sources[copied->source];
    fl_embedded_detail(reader->journal,
                       "topic %s partition %u offset %" PRIu64 ": the block fails its check",
                       source->view->topic->name, source->partition, copied->base);
    return FL_CORRUPT;
}

/* Fills entries from as many blocks as size_max allows. */
static enum fl_error fill(struct reader *reader, size_t size_max)
{
    size_t record_count = 0;
    size_t header_count = 0;
    reader->first = reader->count = 0;
    enum fl_error error = copy_from_all(reader, size_max);
    if (error != FL_OK)
        return error;
    size_t good = check_copies(reader, &record_count, &header_count);
    if (good < reader->copied_count) {
        reader->at_end = false;
        if (good == 0)
            return corrupt(reader, &reader->copied[0]);
    }
    /* One entry more than there are, because the decoder works in the place behind the last. */
    if (!grow((void **)&reader->entries, &reader->entry_capacity, record_count + 1,
              sizeof(*reader->entries)) ||
        !grow((void **)&reader->headers, &reader->header_capacity, header_count + 1,
              sizeof(*reader->headers)))
        return FL_NO_MEMORY;
    size_t headers_used = 0;
    for (size_t i = 0; i < good; i++) {
        const struct copied *copied = &reader->copied[i];
        struct fl_block_sink sink = {reader->entries + reader->count,
                                     reader->headers + headers_used, 0, 0};
        if (fl_block_read(fl_slice_of(reader->bytes + copied->at, copied->size), copied->base,
                          copied->from, copied->source, &sink) != FL_OK)
            return corrupt(reader, copied);
        reader->count += sink.count;
        headers_used += sink.header_count;
    }
    return FL_OK;
}

/* Hands out what waits, up to size_max. Walking sizes is left out where all fits. */
static void hand_out(struct reader *reader, size_t size_max, struct fl_batch *batch)
{
    size_t end = reader->count;
    if (reader->size > size_max) {
        size_t size = 0;
        end = reader->first;
        while (end < reader->count && (size < size_max || end == reader->first))
            size += fl_record_size(&reader->entries[end++].record);
    }
    batch->entries = reader->entries + reader->first;
    batch->count = end - reader->first;
    batch->at_end = reader->at_end && end == reader->count;
    reader->first = end;
}

enum fl_error fl_embedded_reader_poll(struct fl_reader *base, int timeout_ms, size_t size_max,
                                      struct fl_batch *batch)
{
    struct reader *reader = (struct reader *)base;
    int64_t deadline_ms =
        timeout_ms < 0 ? INT64_MAX : fl_port_monotonic_ms(fl_port_system()) + (int64_t)timeout_ms;
    enum fl_error error = FL_OK;
    if (fl_bell_was_woken(reader->waiter))
        return FL_INTERRUPTED;
    while (reader->first == reader->count) {
        error = fill(reader, size_max);
        if (error != FL_OK) {
            reader->first = reader->count = 0;
            return error;
        }
        if (reader->count != 0)
            break;
        error = timeout_ms == 0 ? FL_TIMEOUT : fl_bell_wait(reader->waiter, deadline_ms);
        if (error == FL_TIMEOUT) {
            batch->at_end = reader->at_end;
            return FL_OK;
        }
        if (error != FL_OK)
            return error;
    }
    hand_out(reader, size_max, batch);
    return FL_OK;
}

/* Checks the position of one source against the log as it is now. */
static enum fl_error look_at(struct reader *reader, struct source *source)
{
    struct fl_partition_row row;
    enum fl_error error = renew(reader, source->view);
    if (error != FL_OK)
        return error;
    if (!fl_partition_row_get(&source->view->txn.kv, source->partition, &row))
        error = source->view->txn.kv.error;
    fl_txn_reset(&source->view->txn);
    return error == FL_OK ? check_position(reader, source, &row) : error;
}

enum fl_error fl_embedded_reader_seek(struct fl_reader *base, uint32_t index, uint64_t offset)
{
    struct reader *reader = (struct reader *)base;
    fl_assert(index < reader->source_count);
    struct source *source = &reader->sources[index];
    uint64_t before = source->position;
    source->position = offset;
    enum fl_error error = look_at(reader, source);
    if (error != FL_OK) {
        source->position = before;
        return error;
    }
    size_t kept = reader->first;
    for (size_t i = reader->first; i < reader->count; i++)
        if (reader->entries[i].source != index)
            reader->entries[kept++] = reader->entries[i];
    reader->count = kept;
    reader->at_end = false;
    return FL_OK;
}

void fl_embedded_reader_wake(struct fl_reader *base)
{
    fl_bell_wake(((struct reader *)base)->waiter);
}

void fl_embedded_reader_close(struct fl_reader *base)
{
    struct reader *reader = (struct reader *)base;
    for (size_t i = 0; i < reader->view_count; i++) {
        fl_txn_abort(&reader->views[i].txn);
        fl_embedded_put(reader->journal, reader->views[i].topic);
    }
    fl_bell_waiter_close(&reader->waiter);
    free(reader->views);
    free(reader->sources);
    free(reader->bytes);
    free(reader->copied);
    free(reader->entries);
    free(reader->headers);
    free(reader);
}

/* The view of a topic: one that another source has made, or a new one that also listens to its
 * bell. */
static enum fl_error view_of(struct reader *reader, const char *name, struct view **out)
{
    for (size_t i = 0; i < reader->view_count; i++)
        if (strcmp(reader->views[i].topic->name, name) == 0) {
            *out = &reader->views[i];
            return FL_OK;
        }
    struct view *view = &reader->views[reader->view_count];
    enum fl_error error = fl_embedded_get(reader->journal, name, &view->topic);
    if (error != FL_OK)
        return error;
    reader->view_count++;
    *out = view;
    return fl_bell_watch(reader->waiter, fl_env_directory(view->topic->env));
}

static enum fl_error add_source(struct reader *reader, const struct fl_source *wanted)
{
    struct source *source = &reader->sources[reader->source_count];
    enum fl_error error = view_of(reader, wanted->topic, &source->view);
    if (error != FL_OK)
        return error;
    source->partition = wanted->partition;
    source->position = wanted->offset;
    if (wanted->partition >= source->view->topic->row.partition_count) {
        fl_embedded_detail(reader->journal, "topic %s has %u partitions, no number %u",
                           wanted->topic, source->view->topic->row.partition_count,
                           wanted->partition);
        return FL_NOT_FOUND;
    }
    reader->source_count++;
    return look_at(reader, source);
}

enum fl_error fl_embedded_reader_open(struct fl_journal *base, const struct fl_source *sources,
                                      size_t source_count, struct fl_reader **out)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return FL_NO_MEMORY;
    reader->base.journal = base;
    reader->journal = (struct fl_embedded *)base;
    reader->views = calloc(source_count, sizeof(*reader->views));
    reader->sources = calloc(source_count, sizeof(*reader->sources));
    enum fl_error error = reader->views == NULL || reader->sources == NULL
                              ? FL_NO_MEMORY
                              : fl_bell_waiter_open(&reader->waiter);
    for (size_t i = 0; error == FL_OK && i < source_count; i++)
        error = add_source(reader, &sources[i]);
    if (error != FL_OK) {
        fl_embedded_reader_close(&reader->base);
        return error;
    }
    *out = &reader->base;
    return FL_OK;
}
