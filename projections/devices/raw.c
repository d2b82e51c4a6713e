/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/devices/raw.h"

#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/cursor.h"

enum { ENTRY_OVERHEAD = 8, CAPACITY_MIN = 192, CAPACITY_STEP = 64 };

static inline uint16_t number_at(const uint8_t *entry)
{
    return (uint16_t)(entry[0] << 8 | entry[1]);
}

static inline uint16_t size_at(const uint8_t *entry)
{
    return (uint16_t)(entry[6] << 8 | entry[7]);
}

uint8_t fl_raw_chunk_of(uint16_t number)
{
    return number == FL_NAME_NONE ? FL_RAW_CHUNK_OTHER
                                  : (uint8_t)(number / FL_RAW_NUMBERS_PER_CHUNK);
}

void fl_raw_key(uint32_t device_number, uint8_t index, uint8_t out[FL_RAW_KEY_SIZE])
{
    struct fl_write_cursor to;
    fl_write_init(&to, out, FL_RAW_KEY_SIZE);
    fl_write_u8(&to, index);
    fl_write_u32(&to, device_number);
}

uint32_t fl_raw_key_number(struct fl_slice key)
{
    return key.size == FL_RAW_KEY_SIZE ? fl_first_u32(fl_slice_of(key.data + 1, key.size - 1)) : 0;
}

static bool grow(struct fl_arena *arena, struct fl_raw_chunk *chunk, size_t wanted)
{
    if (wanted <= chunk->capacity)
        return true;
    if (chunk->capacity != 0 && wanted <= UINT32_MAX - CAPACITY_STEP &&
        fl_arena_extend(arena, chunk->bytes, chunk->capacity, wanted + CAPACITY_STEP)) {
        chunk->capacity = (uint32_t)(wanted + CAPACITY_STEP);
        return true;
    }
    size_t capacity = chunk->capacity == 0 ? CAPACITY_MIN : 2 * (size_t)chunk->capacity;
    capacity = capacity < wanted ? wanted + CAPACITY_MIN : capacity;
    uint8_t *bytes = capacity > UINT32_MAX ? NULL : fl_arena_alloc(arena, capacity);
    if (bytes == NULL)
        return false;
    if (chunk->size != 0)
        memcpy(bytes, chunk->bytes, chunk->size);
    chunk->bytes = bytes;
    chunk->capacity = (uint32_t)capacity;
    return true;
}

void fl_raw_chunk_clear(struct fl_raw_chunk *chunk)
{
    chunk->size = chunk->hint = chunk->count = 0;
    chunk->dirty = false;
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

bool fl_raw_chunk_open(struct fl_raw_chunk *chunk, struct fl_arena *arena, struct fl_kv *kv,
                       unsigned table, uint32_t device_number, uint8_t index)
{
    uint8_t key[FL_RAW_KEY_SIZE];
    struct fl_slice row;
    *chunk = (struct fl_raw_chunk){.index = index};
    fl_raw_key(device_number, index, key);
    if (kv == NULL || !fl_kv_get(kv, table, fl_slice_of(key, sizeof(key)), &row))
        return kv == NULL || kv->error == FL_OK;
    if (!grow(arena, chunk, row.size))
        return false;
    memcpy(chunk->bytes, row.data, row.size);
    chunk->size = (uint32_t)row.size;
    size_t at = 0;
    while (at + ENTRY_OVERHEAD <= row.size) {
        at += ENTRY_OVERHEAD + size_at(chunk->bytes + at);
        chunk->count++;
    }
    if (at != row.size)
        fl_kv_fail(kv, FL_CORRUPT);
    return at == row.size;
}

/* Order of an entry against a name: by number, those without one by name. */
static int compare(const uint8_t *entry, uint16_t number, struct fl_slice name)
{
    struct fl_slice entry_name;
    struct fl_slice entry_value;
    uint16_t entry_number = number_at(entry);
    if (entry_number != number || number != FL_NAME_NONE)
        return (entry_number > number) - (entry_number < number);
    if (!split_named(fl_slice_of(entry + ENTRY_OVERHEAD, size_at(entry)), &entry_name,
                     &entry_value))
        return 1;
    return fl_slice_compare(entry_name, name);
}

/* Where the first entry begins that is not below; `equal`: it is the one. */
static uint32_t find(const struct fl_raw_chunk *chunk, uint16_t number, struct fl_slice name,
                     bool *equal)
{
    uint32_t at = 0;
    *equal = false;
    if (chunk->hint < chunk->size && compare(chunk->bytes + chunk->hint, number, name) <= 0)
        at = chunk->hint;
    if (number != FL_NAME_NONE) {
        while (at < chunk->size && number_at(chunk->bytes + at) < number)
            at += ENTRY_OVERHEAD + (uint32_t)size_at(chunk->bytes + at);
        *equal = at < chunk->size && number_at(chunk->bytes + at) == number;
        return at;
    }
    while (at < chunk->size) {
        const uint8_t *entry = chunk->bytes + at;
        int order = compare(entry, number, name);
        *equal = order == 0;
        if (order >= 0)
            break;
        at += ENTRY_OVERHEAD + size_at(entry);
    }
    return at;
}

static void write_entry(uint8_t *at, uint16_t number, uint32_t counter, uint16_t size,
                        struct fl_slice name, struct fl_slice value)
{
    for (unsigned i = 0; i < 2; i++)
        at[i] = (uint8_t)(number >> (8 - 8 * i));
    for (unsigned i = 0; i < 4; i++)
        at[2 + i] = (uint8_t)(counter >> (24 - 8 * i));
    for (unsigned i = 0; i < 2; i++)
        at[6 + i] = (uint8_t)(size >> (8 - 8 * i));
    at += ENTRY_OVERHEAD;
    if (number == FL_NAME_NONE) {
        fl_assert(name.size <= UINT8_MAX);
        *at++ = (uint8_t)name.size;
        memcpy(at, name.data, name.size);
        at += name.size;
    }
    if (value.size != 0)
        memcpy(at, value.data, value.size);
}

bool fl_raw_set(struct fl_arena *arena, struct fl_raw_chunk *chunk, uint16_t number,
                struct fl_slice name, struct fl_slice value, uint32_t counter)
{
    bool equal = false;
    uint32_t at = find(chunk, number, name, &equal);
    size_t size = value.size + (number == FL_NAME_NONE ? 1 + name.size : 0);
    size_t before = equal ? ENTRY_OVERHEAD + (size_t)size_at(chunk->bytes + at) : 0;
    size_t after = ENTRY_OVERHEAD + size;
    if (after > before && !grow(arena, chunk, chunk->size - before + after))
        return false;
    if (after != before && chunk->size - at != before)
        memmove(chunk->bytes + at + after, chunk->bytes + at + before, chunk->size - at - before);
    write_entry(chunk->bytes + at, number, counter, (uint16_t)size, name, value);
    chunk->size = (uint32_t)(chunk->size - before + after);
    chunk->count = (uint16_t)(chunk->count + !equal);
    chunk->hint = at;
    chunk->dirty = true;
    return true;
}
