/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bytes.h"
#include "core/journal/embedded.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/cursor.h"

/*
 * Retention drops whole blocks from the front; compaction rewrites blocks in place without the
 * records that a newer one of their key has replaced. Both work in short write transactions, so
 * that appends come through, and a bounded number of them per call. Any process may call it; what
 * two of them do at once is sequenced by the topic's write lock.
 */
enum {
    BLOCKS_PER_TRANSACTION = 64,
    TRANSACTIONS_PER_TOPIC = 16,
    TOMBSTONE_MS_MIN = 24 * 60 * 60 * 1000, /* Kafka's delete.retention.ms: readers see it */
};

/* What one transaction may still do. */
struct budget {
    unsigned blocks;
    bool changed;
};

static bool is_over(const struct fl_topic_row *topic, const struct fl_partition_row *partition,
                    struct fl_slice block, const struct fl_block_info *info, int64_t now_ms)
{
    if (topic->retention_ms >= 0 && info->max_ms < now_ms - topic->retention_ms)
        return true;
    return topic->retention_bytes >= 0 &&
           partition->size - block.size >= (uint64_t)topic->retention_bytes;
}

static void retain(struct fl_kv *kv, const struct fl_topic_row *topic, uint32_t number,
                   int64_t now_ms, struct budget *budget)
{
    struct fl_partition_row partition;
    struct fl_block_row row;
    struct fl_block_info info;
    bool changed = false;
    if (!fl_partition_row_get(kv, number, &partition))
        return;
    while (budget->blocks > 0 && fl_embedded_find(kv, number, partition.begin, &row) &&
           fl_block_peek(row.value, &info) == FL_OK &&
           is_over(topic, &partition, row.value, &info, now_ms)) {
        partition.size -= row.value.size;
        partition.begin = row.last + 1;
        fl_kv_del(kv, FL_EMBEDDED_BLOCKS, fl_slice_of(row.key, sizeof(row.key)));
        budget->blocks--;
        changed = true;
    }
    if (changed) {
        fl_partition_row_put(kv, number, &partition);
        budget->changed = true;
    }
}

/* True if the record is the newest of its key and no tombstone that has been seen long enough. A
 * tombstone that goes takes its index row along. */
static bool is_kept(struct fl_kv *kv, uint32_t partition, const struct fl_entry *entry,
                    int64_t now_ms, struct fl_partition_row *row)
{
    uint8_t key[2 + FL_KEY_SIZE_MAX];
    struct fl_slice value;
    struct fl_read_cursor cursor;
    memcpy(fl_put_u16(key, (uint16_t)partition), entry->record.key.data, entry->record.key.size);
    struct fl_slice key_slice = fl_slice_of(key, 2 + entry->record.key.size);
    if (!fl_kv_get(kv, FL_EMBEDDED_KEYS, key_slice, &value))
        return false;
    fl_read_init(&cursor, value);
    if (fl_read_u64(&cursor) != entry->offset)
        return false;
    if (entry->record.value.data != NULL)
        return true;
    if (entry->record.timestamp_ms <= now_ms - TOMBSTONE_MS_MIN) {
        fl_kv_del(kv, FL_EMBEDDED_KEYS, key_slice);
        return false;
    }
    row->tombstone_count++;
    if (entry->record.timestamp_ms < row->tombstone_oldest_ms)
        row->tombstone_oldest_ms = entry->record.timestamp_ms;
    return true;
}

/* Replaces a block by one without the records that are not kept; its base and running time stay. */
static void put_compacted(struct fl_txn *txn, uint32_t number, const struct fl_block_row *row,
                          const struct fl_block_info *info, const struct fl_block_sink *sink,
                          struct fl_partition_row *partition)
{
    struct fl_block_writer writer;
    uint8_t *out = NULL;
    uint8_t key[FL_BLOCK_KEY_SIZE];
    fl_block_writer_init(&writer);
    fl_block_key(number, row->base, key);
    fl_block_begin(&writer, 0);
    for (size_t i = 0; i < sink->count; i++)
        fl_block_add(&writer, (uint32_t)(sink->entries[i].offset - row->base),
                     &sink->entries[i].record);
    fl_block_end(&writer);
    if (writer.error != FL_OK)
        fl_kv_fail(&txn->kv, writer.error);
    partition->size -= row->value.size;
    fl_kv_del(&txn->kv, FL_EMBEDDED_BLOCKS, fl_slice_of(key, sizeof(key)));
    if (sink->count != 0 && txn->kv.error == FL_OK)
        out = fl_txn_reserve(txn, FL_EMBEDDED_BLOCKS, fl_slice_of(key, sizeof(key)),
                             writer.blocks[0].size, false);
    if (out != NULL) {
        fl_block_seal(&writer, &writer.blocks[0], key, info->running_ms, out);
        partition->size += writer.blocks[0].size;
    }
    fl_block_writer_fini(&writer);
}

/* Compacts one block. Its bytes are copied first: puts to the index move LMDB's pages. */
static enum fl_error compact_block(struct fl_txn *txn, uint32_t number, struct fl_block_row *row,
                                   int64_t now_ms, struct fl_partition_row *partition)
{
    struct fl_block_info info;
    enum fl_error error = fl_block_check(row->value, row->key);
    if (error != FL_OK || (error = fl_block_peek(row->value, &info)) != FL_OK)
        return error;
    uint8_t *bytes = malloc(row->value.size);
    struct fl_block_sink sink = {calloc((size_t)info.count + 1, sizeof(*sink.entries)),
                                 calloc((size_t)info.header_count + 1, sizeof(*sink.headers)), 0,
                                 0};
    if (bytes == NULL || sink.entries == NULL || sink.headers == NULL)
        error = FL_NO_MEMORY;
    if (error == FL_OK) {
        memcpy(bytes, row->value.data, row->value.size);
        row->value.data = bytes;
        error = fl_block_read(row->value, row->base, row->base, 0, &sink);
    }
    size_t kept = 0;
    for (size_t i = 0; error == FL_OK && i < sink.count; i++)
        if (is_kept(&txn->kv, number, &sink.entries[i], now_ms, partition))
            sink.entries[kept++] = sink.entries[i];
    if (error == FL_OK && kept < sink.count) {
        sink.count = kept;
        put_compacted(txn, number, row, &info, &sink, partition);
    }
    free(bytes);
    free(sink.entries);
    free(sink.headers);
    return error;
}

/* A pass is due when a record was replaced, or a tombstone has been seen long enough. It counts the
 * tombstones anew. */
static bool begin_pass(struct fl_partition_row *row, int64_t now_ms)
{
    bool is_due = row->superseded > 0 || (row->tombstone_count > 0 &&
                                          row->tombstone_oldest_ms <= now_ms - TOMBSTONE_MS_MIN);
    if (!is_due)
        return false;
    row->sweep_next = row->begin;
    row->sweep_end = row->next;
    row->superseded = 0;
    row->tombstone_count = 0;
    row->tombstone_oldest_ms = INT64_MAX;
    return true;
}

static void compact(struct fl_embedded *journal, struct fl_embedded_topic *topic,
                    struct fl_txn *txn, uint32_t number, int64_t now_ms, struct budget *budget)
{
    struct fl_partition_row partition;
    struct fl_block_row row;
    if (!fl_partition_row_get(&txn->kv, number, &partition) ||
        (partition.sweep_end == 0 && !begin_pass(&partition, now_ms)))
        return;
    budget->changed = true;
    while (budget->blocks > 0 && partition.sweep_end != 0 && txn->kv.error == FL_OK) {
        if (!fl_embedded_find(&txn->kv, number, partition.sweep_next, &row) ||
            row.base >= partition.sweep_end) {
            partition.sweep_end = 0;
            break;
        }
        partition.sweep_next = row.last + 1;
        budget->blocks--;
        enum fl_error error = compact_block(txn, number, &row, now_ms, &partition);
        if (error == FL_CORRUPT)
            fl_embedded_detail(
                journal, "topic %s partition %u offset %" PRIu64 ": the block fails its check",
                topic->name, number, row.base);
        if (error != FL_OK)
            fl_kv_fail(&txn->kv, error);
    }
    if (txn->kv.error == FL_OK)
        fl_partition_row_put(&txn->kv, number, &partition);
}

/* One transaction over all partitions; `more` says that its budget did not suffice. */
static enum fl_error maintain_once(struct fl_embedded *journal, struct fl_embedded_topic *topic,
                                   int64_t now_ms, bool *more)
{
    struct fl_txn txn;
    struct fl_topic_row row;
    struct budget budget = {BLOCKS_PER_TRANSACTION, false};
    enum fl_error error = fl_embedded_begin(journal, topic, true, &txn);
    if (error != FL_OK)
        return error;
    if (fl_topic_row_get(&txn.kv, &row))
        for (uint32_t p = 0; p < row.partition_count && budget.blocks > 0; p++) {
            if (row.compacted)
                compact(journal, topic, &txn, p, now_ms, &budget);
            else
                retain(&txn.kv, &row, p, now_ms, &budget);
        }
    *more = budget.blocks == 0;
    if (budget.changed || txn.kv.error != FL_OK)
        return fl_txn_commit(&txn);
    fl_txn_abort(&txn);
    return FL_OK;
}

static enum fl_error maintain_topic(struct fl_embedded *journal, const char *name, int64_t now_ms)
{
    struct fl_embedded_topic *topic = NULL;
    enum fl_error error = fl_embedded_get(journal, name, &topic);
    if (error != FL_OK)
        return error;
    bool more = true;
    for (int i = 0; error == FL_OK && more && i < TRANSACTIONS_PER_TOPIC; i++)
        error = maintain_once(journal, topic, now_ms, &more);
    if (error == FL_OK)
        error = fl_env_sweep(topic->env, NULL);
    fl_embedded_put(journal, topic);
    return error;
}

enum fl_error fl_embedded_maintain(struct fl_journal *base, int64_t now_ms)
{
    struct fl_embedded *journal = (struct fl_embedded *)base;
    if (journal->read_only)
        return FL_DENIED;
    DIR *directory = opendir(journal->directory);
    if (directory == NULL)
        return fl_error_from_errno(errno);
    size_t prefix_size = strlen(journal->prefix);
    enum fl_error first_error = FL_OK;
    const struct dirent *entry = NULL;
    while ((entry = readdir(directory)) != NULL) {
        const char *name = entry->d_name + prefix_size;
        if (strncmp(entry->d_name, journal->prefix, prefix_size) != 0 ||
            !fl_embedded_name_is_valid(journal, name))
            continue;
        enum fl_error error = maintain_topic(journal, name, now_ms);
        if (error != FL_OK && error != FL_NOT_FOUND && first_error == FL_OK)
            first_error = error;
    }
    closedir(directory);
    return first_error;
}

enum fl_error fl_embedded_scrub(struct fl_journal *base, const char *name)
{
    struct fl_embedded *journal = (struct fl_embedded *)base;
    struct fl_embedded_topic *topic = NULL;
    enum fl_error error = fl_embedded_get(journal, name, &topic);
    if (error != FL_OK)
        return error;
    error = fl_env_sweep(topic->env, NULL);
    if (error == FL_OK)
        error = fl_env_scrub(topic->env);
    fl_embedded_put(journal, topic);
    return error;
}
