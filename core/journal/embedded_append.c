/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bytes.h"
#include "core/journal/embedded.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/file.h"
#include "core/port.h"

/* Pages that a commit of blocks may write besides them: the trees' paths, the free list. */
enum { TREE_ROOM = 64 * 4096, MAP_RESERVE = 256 * 4096 };

/* The batches of one topic, encoded before the transaction begins. */
struct work {
    const struct fl_append *batch;
    struct fl_block_writer writer;
    uint64_t base; /* FL_OFFSET_NONE: not appended */
};

/* Kafka's message.timestamp.after.max.ms. */
static enum fl_error check_times(struct fl_embedded *journal, const struct fl_append *batches,
                                 size_t batch_count)
{
    int64_t limit_ms = fl_port_wall_ms(fl_port_system()) + FL_ACTION_AHEAD_MS_MAX;
    for (size_t b = 0; b < batch_count; b++)
        for (uint32_t i = 0; i < batches[b].count; i++) {
            if (batches[b].records[i].timestamp_ms <= limit_ms)
                continue;
            fl_embedded_detail(journal,
                               "topic %s: the time of record %u is more than 5 minutes ahead of "
                               "this host's clock",
                               batches[b].topic, i);
            return FL_INVALID;
        }
    return FL_OK;
}

static enum fl_error check_batch(struct fl_embedded *journal, const struct fl_embedded_topic *topic,
                                 const struct fl_append *batch)
{
    if (batch->partition >= topic->row.partition_count) {
        fl_embedded_detail(journal, "topic %s has %u partitions, no number %u", topic->name,
                           topic->row.partition_count, batch->partition);
        return FL_NOT_FOUND;
    }
    for (uint32_t i = 0; topic->row.compacted && i < batch->count; i++)
        if (batch->records[i].key.data == NULL) {
            fl_embedded_detail(journal, "topic %s is compacted: record %u needs a key", topic->name,
                               i);
            return FL_INVALID;
        }
    return FL_OK;
}

/* True if the topic's own file has that much room that retention or compaction has freed: then an
 * append need not touch the reserve. */
static bool has_freed_room(struct fl_embedded_topic *topic, uint64_t size)
{
    struct fl_env_usage usage;
    return fl_env_usage(topic->env, &usage) == FL_OK && usage.free_size >= 2 * size;
}

/* Looks before the transaction whether the disk and the map take it: a commit that runs into a full
 * disk ends the process, a refusal here does not. */
static enum fl_error check_room(struct fl_embedded *journal, struct fl_embedded_topic *topic,
                                uint64_t size)
{
    uint64_t free_size = 0;
    bool has_room = false;
    uint64_t wanted = 2 * size + TREE_ROOM;
    enum fl_error error = fl_file_system_free(journal->directory, &free_size);
    if (error == FL_OK && free_size < journal->reserve_size + wanted &&
        (free_size < wanted || !has_freed_room(topic, wanted))) {
        fl_embedded_detail(journal,
                           "topic %s: %" PRIu64 " bytes are free on the disk, %" PRIu64
                           " are kept in reserve",
                           topic->name, free_size, journal->reserve_size);
        return FL_FULL;
    }
    if (error == FL_OK)
        error = fl_env_has_room(topic->env, wanted, MAP_RESERVE, &has_room);
    if (error == FL_OK && !has_room) {
        fl_embedded_detail(journal, "topic %s: its map is full; give it a larger one and restart",
                           topic->name);
        return FL_FULL;
    }
    return error;
}

/* Keeps the index of newest records and the counts that tell when a compaction pays. */
static void index_key(struct fl_txn *txn, uint32_t partition, const struct fl_record *record,
                      uint64_t offset, struct fl_partition_row *row)
{
    uint8_t key[2 + FL_KEY_SIZE_MAX];
    uint8_t value[8];
    struct fl_slice old;
    memcpy(fl_put_u16(key, (uint16_t)partition), record->key.data, record->key.size);
    struct fl_slice key_slice = fl_slice_of(key, 2 + record->key.size);
    if (fl_kv_get(&txn->kv, FL_EMBEDDED_KEYS, key_slice, &old))
        row->superseded++;
    if (record->value.data == NULL) {
        row->tombstone_count++;
        if (record->timestamp_ms < row->tombstone_oldest_ms)
            row->tombstone_oldest_ms = record->timestamp_ms;
    }
    fl_kv_put(&txn->kv, FL_EMBEDDED_KEYS, key_slice, fl_u64_key(offset, value));
}

static void put_batch(struct fl_txn *txn, const struct fl_embedded_topic *topic, struct work *work,
                      struct fl_partition_row *row)
{
    const struct fl_append *batch = work->batch;
    bool is_last_partition = batch->partition == topic->row.partition_count - 1;
    work->base = row->next;
    for (size_t i = 0; i < work->writer.count; i++) {
        const struct fl_block *block = &work->writer.blocks[i];
        uint8_t key[FL_BLOCK_KEY_SIZE];
        fl_block_key(batch->partition, work->base + block->first, key);
        uint8_t *out = fl_txn_reserve(txn, FL_EMBEDDED_BLOCKS, fl_slice_of(key, sizeof(key)),
                                      block->size, is_last_partition);
        if (out == NULL)
            return;
        if (block->max_ms > row->running_ms)
            row->running_ms = block->max_ms;
        fl_block_seal(&work->writer, block, key, row->running_ms, out);
        row->size += block->size;
    }
    for (uint32_t i = 0; topic->row.compacted && i < batch->count; i++)
        index_key(txn, batch->partition, &batch->records[i], work->base + i, row);
    row->next += batch->count;
    fl_partition_row_put(&txn->kv, batch->partition, row);
}

/* One transaction for all batches of the topic. A conflict leaves out its batch alone; anything
 * else leaves out all. */
static enum fl_error commit_work(struct fl_embedded *journal, struct fl_embedded_topic *topic,
                                 struct work *work, size_t count)
{
    struct fl_txn txn;
    enum fl_error conflict = FL_OK;
    size_t put_count = 0;
    enum fl_error error = fl_embedded_begin(journal, topic, true, &txn);
    for (size_t i = 0; error == FL_OK && i < count; i++) {
        struct fl_partition_row row;
        const struct fl_append *batch = work[i].batch;
        if (!fl_partition_row_get(&txn.kv, batch->partition, &row))
            break;
        if (batch->expected_offset != FL_OFFSET_NONE && batch->expected_offset != row.next) {
            fl_embedded_detail(journal,
                               "topic %s partition %u: the next offset is %" PRIu64
                               ", not the expected %" PRIu64,
                               topic->name, batch->partition, row.next, batch->expected_offset);
            conflict = FL_CONFLICT;
            continue;
        }
        put_batch(&txn, topic, &work[i], &row);
        put_count++;
    }
    if (error != FL_OK)
        return error;
    if (put_count == 0 && txn.kv.error == FL_OK) {
        fl_txn_abort(&txn);
        return conflict;
    }
    error = fl_txn_commit(&txn);
    if (error != FL_OK) {
        fl_embedded_detail(journal, "topic %s: append: %s (%s)", topic->name, fl_error_text(error),
                           fl_env_detail(topic->env));
        return error;
    }
    for (size_t i = 0; i < count; i++)
        for (uint32_t k = 0; work[i].base != FL_OFFSET_NONE && k < work[i].batch->count; k++)
            work[i].batch->offsets[k] = work[i].base + k;
    return conflict;
}

/* Appends the batches of `topic` among batches[first …]. */
static enum fl_error append_topic(struct fl_embedded *journal, struct fl_embedded_topic *topic,
                                  const struct fl_append *batches, size_t batch_count, size_t first)
{
    struct work *work = calloc(batch_count - first, sizeof(*work));
    size_t count = 0;
    uint64_t size = 0;
    enum fl_error error = work == NULL ? FL_NO_MEMORY : FL_OK;
    for (size_t b = first; error == FL_OK && b < batch_count; b++) {
        if (strcmp(batches[b].topic, batches[first].topic) != 0)
            continue;
        struct work *item = &work[count++];
        item->batch = &batches[b];
        item->base = FL_OFFSET_NONE;
        fl_block_writer_init(&item->writer);
        error = check_batch(journal, topic, item->batch);
        if (error == FL_OK)
            error = fl_block_write_batch(&item->writer, item->batch->records, item->batch->count);
        size += item->writer.size;
    }
    if (error == FL_OK)
        error = check_room(journal, topic, size);
    if (error == FL_OK)
        error = commit_work(journal, topic, work, count);
    for (size_t i = 0; i < count; i++)
        fl_block_writer_fini(&work[i].writer);
    free(work);
    return error;
}

static bool is_first_of_topic(const struct fl_append *batches, size_t index)
{
    for (size_t b = 0; b < index; b++)
        if (strcmp(batches[b].topic, batches[index].topic) == 0)
            return false;
    return true;
}

enum fl_error fl_embedded_append(struct fl_journal *base, const struct fl_append *batches,
                                 size_t batch_count)
{
    struct fl_embedded *journal = (struct fl_embedded *)base;
    if (journal->read_only) {
        fl_embedded_detail(journal, "this journal was opened for reading only");
        return FL_DENIED;
    }
    enum fl_error first_error = check_times(journal, batches, batch_count);
    if (first_error != FL_OK)
        return first_error;
    for (size_t b = 0; b < batch_count; b++) {
        struct fl_embedded_topic *topic = NULL;
        if (!is_first_of_topic(batches, b))
            continue;
        enum fl_error error = fl_embedded_get(journal, batches[b].topic, &topic);
        if (error == FL_OK) {
            error = append_topic(journal, topic, batches, batch_count, b);
            fl_embedded_put(journal, topic);
        }
        if (error != FL_OK && (first_error == FL_OK || fl_error_class(error) == FL_CLASS_FATAL))
            first_error = error;
        if (fl_error_class(error) == FL_CLASS_FATAL)
            break;
    }
    return first_error;
}
