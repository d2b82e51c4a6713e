/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal/embedded.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"

enum fl_error fl_embedded_describe_topic(struct fl_journal *base, const char *name,
                                         struct fl_topic_info *info)
{
    struct fl_embedded *journal = (struct fl_embedded *)base;
    struct fl_embedded_topic *topic = NULL;
    struct fl_topic_row row;
    struct fl_txn txn;
    enum fl_error error = fl_embedded_get(journal, name, &topic);
    if (error != FL_OK)
        return error;
    error = fl_embedded_begin(journal, topic, false, &txn);
    if (error == FL_OK) {
        bool found = fl_topic_row_get(&txn.kv, &row);
        fl_txn_abort(&txn);
        fl_assert(found); /* fl_embedded_begin saw it in this transaction */
        info->partition_count = row.partition_count;
        info->compacted = row.compacted;
        info->retention_ms = row.retention_ms;
        info->retention_bytes = row.retention_bytes;
        info->replication_factor = 1;
    }
    fl_embedded_put(journal, topic);
    return error;
}

/* Everybody who has the topic open sees in his next transaction that it is gone; then the files
 * go. */
enum fl_error fl_embedded_delete_topic(struct fl_journal *base, const char *name)
{
    static const char *const files[] = {"/data.mdb", "/lock.mdb", "/bell", ""};
    struct fl_embedded *journal = (struct fl_embedded *)base;
    struct fl_embedded_topic *topic = NULL;
    struct fl_txn txn;
    char path[PATH_MAX];
    if (journal->read_only)
        return FL_DENIED;
    enum fl_error error = fl_embedded_get(journal, name, &topic);
    if (error != FL_OK)
        return error;
    error = fl_embedded_begin(journal, topic, true, &txn);
    if (error == FL_OK) {
        for (unsigned table = 0; table < FL_EMBEDDED_TABLE_COUNT; table++)
            fl_txn_clear(&txn, table);
        error = fl_txn_commit(&txn);
    }
    for (size_t i = 0; error == FL_OK && i < sizeof(files) / sizeof(files[0]); i++) {
        error = fl_embedded_path(journal, name, files[i], path, sizeof(path));
        if (error == FL_OK && remove(path) != 0 && errno != ENOENT)
            error = fl_error_from_errno(errno);
    }
    if (error == FL_OK) {
        pthread_mutex_lock(&journal->mutex);
        topic->gone = true;
        pthread_mutex_unlock(&journal->mutex);
    }
    fl_embedded_put(journal, topic);
    return error;
}

static bool block_row_of(struct fl_slice key, struct fl_slice value, uint32_t partition,
                         struct fl_block_row *row, struct fl_kv *kv)
{
    uint32_t found = 0;
    struct fl_block_info info;
    if (!fl_block_key_parse(key, &found, &row->base)) {
        fl_kv_fail(kv, FL_CORRUPT);
        return false;
    }
    if (found != partition)
        return false;
    if (fl_block_peek(value, &info) != FL_OK) {
        fl_kv_fail(kv, FL_CORRUPT);
        return false;
    }
    memcpy(row->key, key.data, FL_BLOCK_KEY_SIZE);
    row->last = row->base + info.last_delta;
    row->value = value;
    return true;
}

bool fl_embedded_find(struct fl_kv *kv, uint32_t partition, uint64_t position,
                      struct fl_block_row *row)
{
    uint8_t bytes[FL_BLOCK_KEY_SIZE];
    struct fl_slice key;
    struct fl_slice value;
    fl_block_key(partition, position, bytes);
    struct fl_slice wanted = fl_slice_of(bytes, sizeof(bytes));
    bool found = fl_kv_seek(kv, FL_EMBEDDED_BLOCKS, wanted, &key, &value) &&
                 block_row_of(key, value, partition, row, kv);
    if (found && row->base == position)
        return true; /* the usual case: a reader goes from block to block */
    struct fl_block_row behind = *row;
    if (fl_kv_before(kv, FL_EMBEDDED_BLOCKS, wanted, &key, &value) &&
        block_row_of(key, value, partition, row, kv) && row->last >= position)
        return true;
    *row = behind;
    return found && kv->error == FL_OK;
}

/* Looks the topic and partition up and begins to read. */
static enum fl_error begin_partition(struct fl_embedded *journal, const char *name,
                                     uint32_t partition, struct fl_embedded_topic **topic,
                                     struct fl_txn *txn, struct fl_partition_row *row)
{
    enum fl_error error = fl_embedded_get(journal, name, topic);
    if (error != FL_OK)
        return error;
    if (partition >= (*topic)->row.partition_count) {
        fl_embedded_detail(journal, "topic %s has %u partitions, no number %u", name,
                           (*topic)->row.partition_count, partition);
        error = FL_NOT_FOUND;
    }
    if (error == FL_OK)
        error = fl_embedded_begin(journal, *topic, false, txn);
    if (error == FL_OK && !fl_partition_row_get(&txn->kv, partition, row)) {
        error = txn->kv.error;
        fl_txn_abort(txn);
    }
    if (error != FL_OK)
        fl_embedded_put(journal, *topic);
    return error;
}

enum fl_error fl_embedded_offsets(struct fl_journal *base, const char *name, uint32_t partition,
                                  uint64_t *begin, uint64_t *end)
{
    struct fl_embedded *journal = (struct fl_embedded *)base;
    struct fl_embedded_topic *topic = NULL;
    struct fl_partition_row row;
    struct fl_txn txn;
    enum fl_error error = begin_partition(journal, name, partition, &topic, &txn, &row);
    if (error != FL_OK)
        return error;
    fl_txn_abort(&txn);
    fl_embedded_put(journal, topic);
    *begin = row.begin;
    *end = row.next;
    return FL_OK;
}

/* Position from which the search for `time_ms` goes forward. The running maximum rises with the
 * offset, so the first block that reaches `time_ms` is found by halving; no block before it holds
 * such a record. */
static uint64_t search_time(struct fl_kv *kv, uint32_t partition,
                            const struct fl_partition_row *partition_row, int64_t time_ms)
{
    uint64_t low = partition_row->begin;
    uint64_t high = partition_row->next;
    struct fl_block_row row;
    struct fl_block_info info;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (!fl_embedded_find(kv, partition, middle, &row) || row.base >= high) {
            high = middle;
            continue;
        }
        enum fl_error error = fl_block_peek(row.value, &info);
        fl_assert(error == FL_OK); /* fl_embedded_find peeked already */
        if (info.running_ms < time_ms)
            low = row.last + 1;
        else
            high = middle;
    }
    return low;
}

/* First record of a block at or above time_ms; FL_OFFSET_NONE if its numbers promised one that is
 * not there. */
static enum fl_error first_in_block(const struct fl_block_row *row, uint32_t count,
                                    uint32_t header_count, int64_t time_ms, uint64_t *offset)
{
    struct fl_block_sink sink = {calloc(count + 1, sizeof(*sink.entries)),
                                 calloc(header_count + 1, sizeof(*sink.headers)), 0, 0};
    enum fl_error error = sink.entries == NULL || sink.headers == NULL
                              ? FL_NO_MEMORY
                              : fl_block_read(row->value, row->base, row->base, 0, &sink);
    for (size_t i = 0; error == FL_OK && i < sink.count; i++) {
        if (sink.entries[i].record.timestamp_ms >= time_ms) {
            *offset = sink.entries[i].offset;
            break;
        }
    }
    free(sink.entries);
    free(sink.headers);
    return error;
}

enum fl_error fl_embedded_offset_at(struct fl_journal *base, const char *name, uint32_t partition,
                                    int64_t time_ms, uint64_t *offset)
{
    struct fl_embedded *journal = (struct fl_embedded *)base;
    struct fl_embedded_topic *topic = NULL;
    struct fl_partition_row partition_row;
    struct fl_block_row row;
    struct fl_block_info info;
    struct fl_txn txn;
    uint64_t found = FL_OFFSET_NONE;
    enum fl_error error = begin_partition(journal, name, partition, &topic, &txn, &partition_row);
    if (error != FL_OK)
        return error;
    uint64_t position = search_time(&txn.kv, partition, &partition_row, time_ms);
    while (error == FL_OK && found == FL_OFFSET_NONE &&
           fl_embedded_find(&txn.kv, partition, position, &row)) {
        error = fl_block_check(row.value, row.key);
        if (error == FL_OK)
            error = fl_block_peek(row.value, &info);
        if (error == FL_OK && info.max_ms >= time_ms)
            error = first_in_block(&row, info.count, info.header_count, time_ms, &found);
        position = row.last + 1;
    }
    if (error == FL_OK)
        error = txn.kv.error;
    if (error == FL_CORRUPT)
        fl_embedded_detail(journal, "topic %s partition %u offset %llu: the block fails its check",
                           name, partition, (unsigned long long)row.base);
    fl_txn_abort(&txn);
    fl_embedded_put(journal, topic);
    if (error == FL_OK)
        *offset = found == FL_OFFSET_NONE ? partition_row.next : found;
    return error;
}
