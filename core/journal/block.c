/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal/block.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/cursor.h"
#include "core/journal/crc32c.h"

enum {
    CRC_AT = 0,
    RUNNING_AT = 4,
    CHECKED_AT = 12,
    VARINT_SIZE_MAX = 10,
    BLOCK_CAPACITY_MIN = 8,
    BYTES_CAPACITY_MIN = 4096,
};

void fl_block_key(uint32_t partition, uint64_t base, uint8_t out[FL_BLOCK_KEY_SIZE])
{
    fl_put_u64(fl_put_u16(out, (uint16_t)partition), base);
}

bool fl_block_key_parse(struct fl_slice key, uint32_t *partition, uint64_t *base)
{
    struct fl_read_cursor cursor;
    fl_read_init(&cursor, key);
    *partition = fl_read_u16(&cursor);
    *base = fl_read_u64(&cursor);
    return cursor.error == FL_OK && fl_read_left(&cursor) == 0;
}

void fl_block_writer_init(struct fl_block_writer *writer)
{
    *writer = (struct fl_block_writer){.error = FL_OK};
}

void fl_block_writer_fini(struct fl_block_writer *writer)
{
    free(writer->bytes);
    free(writer->blocks);
    fl_block_writer_init(writer);
}

void fl_block_writer_reset(struct fl_block_writer *writer)
{
    writer->size = 0;
    writer->count = 0;
    writer->error = FL_OK;
}

static bool make_room(struct fl_block_writer *writer, size_t size)
{
    if (writer->capacity - writer->size >= size)
        return true;
    size_t capacity = writer->capacity < BYTES_CAPACITY_MIN ? BYTES_CAPACITY_MIN : writer->capacity;
    while (capacity - writer->size < size)
        capacity *= 2;
    uint8_t *bytes = realloc(writer->bytes, capacity);
    if (bytes == NULL) {
        writer->error = FL_NO_MEMORY;
        return false;
    }
    writer->bytes = bytes;
    writer->capacity = capacity;
    return true;
}

void fl_block_begin(struct fl_block_writer *writer, uint32_t first)
{
    if (writer->error != FL_OK || !make_room(writer, FL_BLOCK_HEADER_SIZE))
        return;
    if (writer->count == writer->block_capacity) {
        size_t capacity =
            writer->block_capacity == 0 ? BLOCK_CAPACITY_MIN : 2 * writer->block_capacity;
        struct fl_block *blocks = realloc(writer->blocks, capacity * sizeof(*blocks));
        if (blocks == NULL) {
            writer->error = FL_NO_MEMORY;
            return;
        }
        writer->blocks = blocks;
        writer->block_capacity = capacity;
    }
    writer->blocks[writer->count++] = (struct fl_block){.at = writer->size, .first = first};
    memset(writer->bytes + writer->size, 0, FL_BLOCK_HEADER_SIZE);
    writer->size += FL_BLOCK_HEADER_SIZE;
}

static uint8_t *put_varint(uint8_t *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *at++ = (uint8_t)value;
    return at;
}

static uint8_t *put_bytes(uint8_t *at, struct fl_slice bytes)
{
    if (bytes.size != 0)
        memcpy(at, bytes.data, bytes.size);
    return at + bytes.size;
}

static uint8_t *put_nullable(uint8_t *at, struct fl_slice bytes)
{
    at = put_varint(at, bytes.data == NULL ? 0 : (uint64_t)bytes.size + 1);
    return put_bytes(at, bytes);
}

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

/* In unsigned numbers, so that no stored value can overflow. */
static uint64_t unzigzag(uint64_t value)
{
    return value >> 1 ^ (0 - (value & 1));
}

static size_t encoded_size_max(const struct fl_record *record)
{
    return fl_record_size(record) + (5 + 2 * (size_t)record->header_count) * VARINT_SIZE_MAX;
}

void fl_block_add(struct fl_block_writer *writer, uint32_t delta, const struct fl_record *record)
{
    if (writer->error != FL_OK || !make_room(writer, encoded_size_max(record)))
        return;
    struct fl_block *block = &writer->blocks[writer->count - 1];
    if (block->count == 0)
        block->base_ms = block->max_ms = record->timestamp_ms;
    uint8_t *at = put_varint(writer->bytes + writer->size, delta);
    at = put_varint(at,
                    zigzag((int64_t)((uint64_t)record->timestamp_ms - (uint64_t)block->base_ms)));
    at = put_nullable(at, record->key);
    at = put_varint(at, record->header_count);
    for (uint32_t i = 0; i < record->header_count; i++) {
        at = put_varint(at, record->headers[i].name.size);
        at = put_bytes(at, record->headers[i].name);
        at = put_nullable(at, record->headers[i].value);
    }
    at = put_nullable(at, record->value);
    writer->size = (size_t)(at - writer->bytes);
    block->count++;
    block->header_count += record->header_count;
    block->last_delta = delta;
    if (record->timestamp_ms > block->max_ms)
        block->max_ms = record->timestamp_ms;
}

void fl_block_end(struct fl_block_writer *writer)
{
    if (writer->error != FL_OK)
        return;
    struct fl_block *block = &writer->blocks[writer->count - 1];
    uint8_t *out = writer->bytes + block->at;
    block->size = writer->size - block->at;
    out[CHECKED_AT] = FL_BLOCK_VERSION;
    fl_put_u32(out + 16, block->count);
    fl_put_u32(out + 20, block->header_count);
    fl_put_u32(out + 24, block->last_delta);
    fl_put_u64(out + 28, (uint64_t)block->base_ms);
    fl_put_u64(out + 36, (uint64_t)block->max_ms);
    block->crc = fl_crc32c(0, out + CHECKED_AT, block->size - CHECKED_AT);
}

enum fl_error fl_block_write_batch(struct fl_block_writer *writer, const struct fl_record *records,
                                   uint32_t count)
{
    uint32_t first = 0;
    fl_block_writer_reset(writer);
    for (uint32_t i = 0; i < count && writer->error == FL_OK; i++) {
        bool is_open = writer->count != 0;
        size_t size = is_open ? writer->size - writer->blocks[writer->count - 1].at : 0;
        if (!is_open || size + encoded_size_max(&records[i]) > FL_JOURNAL_BLOCK_SIZE_MAX) {
            if (is_open)
                fl_block_end(writer);
            first = i;
            fl_block_begin(writer, first);
        }
        fl_block_add(writer, i - first, &records[i]);
    }
    if (writer->count != 0)
        fl_block_end(writer);
    return writer->error;
}

void fl_block_seal(const struct fl_block_writer *writer, const struct fl_block *block,
                   const uint8_t key[FL_BLOCK_KEY_SIZE], int64_t running_ms, uint8_t *out)
{
    memcpy(out, writer->bytes + block->at, block->size);
    fl_put_u64(out + RUNNING_AT, (uint64_t)running_ms);
    uint32_t crc = fl_crc32c(block->crc, out + RUNNING_AT, CHECKED_AT - RUNNING_AT);
    fl_put_u32(out + CRC_AT, fl_crc32c(crc, key, FL_BLOCK_KEY_SIZE));
}

enum fl_error fl_block_peek(struct fl_slice value, struct fl_block_info *info)
{
    struct fl_read_cursor cursor;
    fl_read_init(&cursor, value);
    (void)fl_read_u32(&cursor);
    info->running_ms = (int64_t)fl_read_u64(&cursor);
    uint32_t version = fl_read_u32(&cursor);
    info->count = fl_read_u32(&cursor);
    info->header_count = fl_read_u32(&cursor);
    info->last_delta = fl_read_u32(&cursor);
    (void)fl_read_u64(&cursor);
    info->max_ms = (int64_t)fl_read_u64(&cursor);
    return cursor.error == FL_OK && version == (uint32_t)FL_BLOCK_VERSION << 24 ? FL_OK
                                                                                : FL_CORRUPT;
}

enum fl_error fl_block_check(struct fl_slice value, const uint8_t key[FL_BLOCK_KEY_SIZE])
{
    struct fl_block_info info;
    if (fl_block_peek(value, &info) != FL_OK)
        return FL_CORRUPT;
    uint32_t crc = fl_crc32c(0, value.data + CHECKED_AT, value.size - CHECKED_AT);
    uint8_t stored[4];
    crc = fl_crc32c(crc, value.data + RUNNING_AT, CHECKED_AT - RUNNING_AT);
    fl_put_u32(stored, fl_crc32c(crc, key, FL_BLOCK_KEY_SIZE));
    return memcmp(stored, value.data + CRC_AT, sizeof(stored)) == 0 ? FL_OK : FL_CORRUPT;
}

/* A cursor of its own, because this loop runs for every record that is read: core/cursor.h's reads
 * are calls. It yields zeros past the end and remembers it. */
struct input {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static uint64_t get_long_varint(struct input *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && in->at != in->end; shift += 7) {
        uint8_t byte = *in->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    in->failed = true;
    return 0;
}

static inline uint64_t get_varint(struct input *in)
{
    if (in->at != in->end && *in->at < 0x80)
        return *in->at++;
    return get_long_varint(in);
}

static inline struct fl_slice get_bytes(struct input *in, uint64_t size)
{
    if (size > (uint64_t)(in->end - in->at)) {
        in->failed = true;
        return FL_SLICE_NULL;
    }
    struct fl_slice bytes = fl_slice_of(in->at, (size_t)size);
    in->at += size;
    return bytes;
}

static inline struct fl_slice get_nullable(struct input *in)
{
    uint64_t size = get_varint(in);
    return size == 0 ? FL_SLICE_NULL : get_bytes(in, size - 1);
}

enum fl_error fl_block_read(struct fl_slice value, uint64_t base, uint64_t from, uint32_t source,
                            struct fl_block_sink *sink)
{
    struct fl_block_info info;
    sink->count = 0;
    sink->header_count = 0;
    if (fl_block_peek(value, &info) != FL_OK)
        return FL_CORRUPT;
    struct fl_read_cursor first;
    fl_read_init(&first, fl_slice_of(value.data + 28, 8));
    uint64_t base_ms = fl_read_u64(&first);
    struct input in = {value.data + FL_BLOCK_HEADER_SIZE, value.data + value.size, false};
    for (uint32_t i = 0; i < info.count && !in.failed; i++) {
        struct fl_entry *entry = &sink->entries[sink->count];
        entry->source = source;
        entry->offset = base + get_varint(&in);
        entry->record.timestamp_ms = (int64_t)(base_ms + unzigzag(get_varint(&in)));
        entry->record.key = get_nullable(&in);
        uint64_t header_count = get_varint(&in);
        if (header_count > info.header_count - sink->header_count)
            return FL_CORRUPT;
        struct fl_header *headers = &sink->headers[sink->header_count];
        for (uint64_t k = 0; k < header_count; k++) {
            uint64_t name_size = get_varint(&in);
            headers[k].name = get_bytes(&in, name_size);
            headers[k].value = get_nullable(&in);
        }
        entry->record.headers = headers;
        entry->record.header_count = (uint32_t)header_count;
        entry->record.value = get_nullable(&in);
        if (entry->offset < from)
            continue; /* its place is used again */
        sink->header_count += header_count;
        sink->count++;
    }
    return in.failed || in.at != in.end ? FL_CORRUPT : FL_OK;
}
