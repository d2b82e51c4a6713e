/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/devices/raw.h"

#include <string.h>

#include "core/assert.h"
#include "core/cursor.h"

enum { ENTRY_OVERHEAD = 8, CAPACITY_MIN = 16 };

uint8_t fl_raw_chunk_of(uint16_t number)
{
    return number == FL_NAME_NONE ? FL_RAW_CHUNK_OTHER
                                  : (uint8_t)(number / FL_RAW_NUMBERS_PER_CHUNK);
}

void fl_raw_key(uint32_t device_number, uint8_t index, uint8_t out[FL_RAW_KEY_SIZE])
{
    struct fl_write_cursor to;
    fl_write_init(&to, out, FL_RAW_KEY_SIZE);
    fl_write_u32(&to, device_number);
    fl_write_u8(&to, index);
}

struct fl_raw_chunk *fl_raw_chunk_make(struct fl_arena *arena, uint8_t index)
{
    struct fl_raw_chunk *chunk = fl_arena_calloc(arena, 1, sizeof(*chunk));
    if (chunk != NULL)
        chunk->index = index;
    return chunk;
}

static bool grow(struct fl_arena *arena, struct fl_raw_chunk *chunk, uint32_t wanted)
{
    if (wanted <= chunk->capacity)
        return true;
    uint32_t capacity = chunk->capacity == 0 ? CAPACITY_MIN : 2 * chunk->capacity;
    capacity = capacity < wanted ? wanted : capacity;
    struct fl_raw_entry *entries = fl_arena_alloc(arena, capacity * sizeof(*entries));
    if (entries == NULL)
        return false;
    if (chunk->count != 0)
        memcpy(entries, chunk->entries, chunk->count * sizeof(*entries));
    chunk->entries = entries;
    chunk->capacity = capacity;
    return true;
}

/* Splits the bytes of an entry of the last chunk into name and value. */
static bool split_named(struct fl_slice bytes, struct fl_slice *name, struct fl_slice *value)
{
    if (bytes.size < 1 || bytes.data[0] > bytes.size - 1)
        return false;
    *name = fl_slice_of(bytes.data + 1, bytes.data[0]);
    *value = fl_slice_of(bytes.data + 1 + bytes.data[0], bytes.size - 1 - bytes.data[0]);
    return true;
}

struct fl_raw_walk fl_raw_walk(struct fl_slice row)
{
    return (struct fl_raw_walk){.rest = row};
}

bool fl_raw_next(struct fl_raw_walk *walk)
{
    struct fl_read_cursor in;
    if (walk->rest.size == 0 || walk->corrupt)
        return false;
    fl_read_init(&in, walk->rest);
    walk->number = fl_read_u16(&in);
    walk->counter = fl_read_u32(&in);
    struct fl_slice bytes = fl_read_bytes(&in, fl_read_u16(&in));
    walk->rest = fl_slice_of(in.at, fl_read_left(&in));
    if (in.error != FL_OK) {
        walk->corrupt = true;
        return false;
    }
    if (walk->number == FL_NAME_NONE) {
        walk->corrupt = !split_named(bytes, &walk->name, &walk->value);
        return !walk->corrupt;
    }
    walk->name = fl_slice_text(fl_name_text(walk->number));
    walk->value = bytes;
    walk->corrupt = walk->name.data == NULL;
    return !walk->corrupt;
}

struct fl_raw_chunk *fl_raw_chunk_load(struct fl_arena *arena, struct fl_kv *kv, unsigned table,
                                       uint32_t device_number, uint8_t index)
{
    uint8_t key[FL_RAW_KEY_SIZE];
    struct fl_slice row;
    struct fl_read_cursor in;
    struct fl_raw_chunk *chunk = fl_raw_chunk_make(arena, index);
    fl_raw_key(device_number, index, key);
    if (chunk == NULL || !fl_kv_get(kv, table, fl_slice_of(key, sizeof(key)), &row))
        return chunk;
    row = fl_arena_copy(arena, row); /* the row's page may be rewritten before the flush */
    if (row.data == NULL)
        return NULL;
    fl_read_init(&in, row);
    while (fl_read_left(&in) > 0) {
        struct fl_raw_entry entry;
        if (!grow(arena, chunk, chunk->count + 1))
            return NULL;
        entry.number = fl_read_u16(&in);
        entry.counter = fl_read_u32(&in);
        entry.size = fl_read_u16(&in);
        entry.data = fl_read_bytes(&in, entry.size).data;
        chunk->entries[chunk->count++] = entry;
    }
    chunk->size = row.size;
    if (in.error == FL_OK)
        return chunk;
    fl_kv_fail(kv, FL_CORRUPT);
    return NULL;
}

/* Order of rows: by number, those without one by name. */
static int compare(const struct fl_raw_entry *entry, uint16_t number, struct fl_slice name)
{
    struct fl_slice entry_name;
    struct fl_slice entry_value;
    if (entry->number != number || number != FL_NAME_NONE)
        return (entry->number > number) - (entry->number < number);
    if (!split_named(fl_slice_of(entry->data, entry->size), &entry_name, &entry_value))
        return 1;
    return fl_slice_compare(entry_name, name);
}

/* Index of the first entry that is not below; entries mostly come in order, so the search begins at
 * the end. */
static uint32_t find(const struct fl_raw_chunk *chunk, uint16_t number, struct fl_slice name)
{
    uint32_t low = 0;
    uint32_t high = chunk->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare(&chunk->entries[middle], number, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const uint8_t *store(struct fl_arena *arena, uint16_t number, struct fl_slice name,
                            struct fl_slice value)
{
    bool named = number == FL_NAME_NONE;
    size_t size = value.size + (named ? 1 + name.size : 0);
    uint8_t *data = fl_arena_alloc(arena, size);
    if (data == NULL)
        return NULL;
    uint8_t *at = data;
    if (named) {
        fl_assert(name.size <= UINT8_MAX);
        *at++ = (uint8_t)name.size;
        memcpy(at, name.data, name.size);
        at += name.size;
    }
    if (value.size != 0)
        memcpy(at, value.data, value.size);
    return data;
}

bool fl_raw_set(struct fl_arena *arena, struct fl_raw_chunk *chunk, uint16_t number,
                struct fl_slice name, struct fl_slice value, uint32_t counter)
{
    uint32_t index = find(chunk, number, name);
    const uint8_t *data = store(arena, number, name, value);
    uint16_t size = (uint16_t)(value.size + (number == FL_NAME_NONE ? 1 + name.size : 0));
    if (data == NULL)
        return false;
    chunk->dirty = true;
    if (index < chunk->count && compare(&chunk->entries[index], number, name) == 0) {
        chunk->size += size;
        chunk->size -= chunk->entries[index].size;
    } else {
        if (!grow(arena, chunk, chunk->count + 1))
            return false;
        memmove(&chunk->entries[index + 1], &chunk->entries[index],
                (chunk->count - index) * sizeof(*chunk->entries));
        chunk->count++;
        chunk->size += ENTRY_OVERHEAD + size;
    }
    chunk->entries[index] = (struct fl_raw_entry){number, size, counter, data};
    return true;
}

void fl_raw_chunk_encode(const struct fl_raw_chunk *chunk, uint8_t *out)
{
    struct fl_write_cursor to;
    fl_write_init(&to, out, chunk->size);
    for (uint32_t i = 0; i < chunk->count; i++) {
        const struct fl_raw_entry *entry = &chunk->entries[i];
        fl_write_u16(&to, entry->number);
        fl_write_u32(&to, entry->counter);
        fl_write_u16(&to, entry->size);
        fl_write_bytes(&to, fl_slice_of(entry->data, entry->size));
    }
    fl_assert(to.error == FL_OK && to.at == to.end);
}
