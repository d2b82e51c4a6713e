/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bytes.h"
#include "core/journal/embedded.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/cursor.h"

/* The invariants of embedded.h, by their numbers. */

struct check {
    struct fl_embedded *journal;
    const struct fl_embedded_topic *topic;
    struct fl_kv *kv;
    uint32_t partition;
    struct fl_partition_row row;
    uint64_t above;        /* first offset that the next block may hold */
    uint64_t size;         /* bytes of the blocks so far */
    uint64_t newest_count; /* records that KEYS names */
    int64_t running_ms;    /* of the block before */
};

static enum fl_error broken(struct check *check, uint64_t offset, const char *what)
{
    fl_embedded_detail(check->journal, "topic %s partition %u offset %" PRIu64 ": %s",
                       check->topic->name, check->partition, offset, what);
    return FL_CORRUPT;
}

/* True if KEYS names this very record as the newest of its key; `newer` if it names a later one. */
static bool is_named(struct check *check, const struct fl_entry *entry, bool *newer)
{
    uint8_t key[2 + FL_KEY_SIZE_MAX];
    struct fl_slice value;
    struct fl_read_cursor cursor;
    memcpy(fl_put_u16(key, (uint16_t)check->partition), entry->record.key.data,
           entry->record.key.size);
    if (!fl_kv_get(check->kv, FL_EMBEDDED_KEYS, fl_slice_of(key, 2 + entry->record.key.size),
                   &value))
        return false;
    fl_read_init(&cursor, value);
    uint64_t offset = fl_read_u64(&cursor);
    *newer = offset > entry->offset;
    return offset == entry->offset;
}

/* Decodes a block; on a compacted topic looks each record up in the index. */
static enum fl_error check_records(struct check *check, const struct fl_block_row *block,
                                   const struct fl_block_info *info)
{
    struct fl_block_sink sink = {calloc((size_t)info->count + 1, sizeof(*sink.entries)),
                                 calloc((size_t)info->header_count + 1, sizeof(*sink.headers)), 0,
                                 0};
    enum fl_error error = sink.entries == NULL || sink.headers == NULL
                              ? FL_NO_MEMORY
                              : fl_block_read(block->value, block->base, block->base, 0, &sink);
    uint64_t above = block->base;
    if (error == FL_CORRUPT || (error == FL_OK && sink.count != info->count))
        error = broken(check, block->base, "the block does not decode");
    for (size_t i = 0; error == FL_OK && i < sink.count; i++) {
        const struct fl_entry *entry = &sink.entries[i];
        bool newer = false;
        if (entry->offset < above || entry->offset > block->last)
            error = broken(check, entry->offset, "offsets of a block do not rise");
        else if (entry->record.timestamp_ms > info->max_ms)
            error = broken(check, entry->offset, "a time is above its block's");
        else if (check->topic->row.compacted && is_named(check, entry, &newer))
            check->newest_count++;
        else if (check->topic->row.compacted && !newer)
            error = broken(check, entry->offset, "the index of keys does not know this record");
        above = entry->offset + 1;
    }
    free(sink.entries);
    free(sink.headers);
    return error;
}

static enum fl_error check_block(struct check *check, const struct fl_block_row *block)
{
    struct fl_block_info info;
    if (fl_block_check(block->value, block->key) != FL_OK ||
        fl_block_peek(block->value, &info) != FL_OK)
        return broken(check, block->base, "the block fails its check");
    if (block->base < check->above) /* 2, 3 */
        return broken(check, block->base, "the block lies before its place");
    if (block->last >= check->row.next) /* 2 */
        return broken(check, block->base, "the block ends above the log's end");
    if (info.running_ms < check->running_ms || info.running_ms < info.max_ms ||
        info.running_ms > check->row.running_ms) /* 4 */
        return broken(check, block->base, "the greatest time so far is wrong");
    check->above = block->last + 1;
    check->size += block->value.size;
    check->running_ms = info.running_ms;
    return check_records(check, block, &info);
}

static uint64_t count_keys(struct check *check)
{
    uint8_t prefix[2];
    struct fl_kv_walk walk;
    uint64_t count = 0;
    fl_put_u16(prefix, (uint16_t)check->partition);
    fl_kv_walk_begin(&walk, check->kv, FL_EMBEDDED_KEYS, fl_slice_of(prefix, sizeof(prefix)));
    while (fl_kv_walk_next(&walk))
        count++;
    return count;
}

static enum fl_error check_partition(struct check *check)
{
    struct fl_block_row block;
    enum fl_error error = FL_OK;
    if (!fl_partition_row_get(check->kv, check->partition, &check->row))
        return broken(check, 0, "the partition has no row");
    if (check->row.begin > check->row.next) /* 1 */
        return broken(check, check->row.begin, "the log begins above its end");
    check->above = check->row.begin;
    check->size = check->newest_count = 0;
    check->running_ms = INT64_MIN;
    uint64_t position = 0; /* so that a block below `begin` is met as well */
    while (error == FL_OK && fl_embedded_find(check->kv, check->partition, position, &block)) {
        error = check_block(check, &block);
        position = block.last + 1;
    }
    if (error == FL_OK)
        error = check->kv->error;
    if (error == FL_OK && !check->topic->row.compacted && check->row.begin < check->row.next &&
        check->above != check->row.next)
        return broken(check, check->above, "the last block is missing");
    if (error == FL_OK && check->size != check->row.size) /* 6 */
        return broken(check, check->row.begin, "the sum of the blocks' sizes is wrong");
    if (error == FL_OK && check->newest_count != count_keys(check)) /* 5 */
        return broken(check, check->row.begin, "the index of keys names records that are gone");
    return error;
}

enum fl_error fl_journal_check_embedded(struct fl_journal *base, const char *name)
{
    struct fl_embedded *journal = (struct fl_embedded *)base;
    struct fl_embedded_topic *topic = NULL;
    struct fl_txn txn;
    fl_assert(strcmp(fl_journal_engine(base), "embedded") == 0);
    enum fl_error error = fl_embedded_get(journal, name, &topic);
    if (error != FL_OK)
        return error;
    error = fl_embedded_begin(journal, topic, false, &txn);
    if (error == FL_OK) {
        struct check check = {.journal = journal, .topic = topic, .kv = &txn.kv};
        for (; error == FL_OK && check.partition < topic->row.partition_count; check.partition++)
            error = check_partition(&check);
        fl_txn_abort(&txn);
    }
    fl_embedded_put(journal, topic);
    return error;
}
