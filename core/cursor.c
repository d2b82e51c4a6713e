/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cursor.h"

#include <string.h>

void fl_read_init(struct fl_read_cursor *cursor, struct fl_slice bytes)
{
    *cursor = (struct fl_read_cursor){bytes.data, bytes.data + bytes.size, FL_OK};
    if (bytes.data == NULL)
        cursor->end = NULL;
}

size_t fl_read_left(const struct fl_read_cursor *cursor)
{
    return cursor->error == FL_OK ? (size_t)(cursor->end - cursor->at) : 0;
}

static bool can_read(struct fl_read_cursor *cursor, size_t size)
{
    if (cursor->error == FL_OK && (size_t)(cursor->end - cursor->at) < size)
        cursor->error = FL_TRUNCATED;
    return cursor->error == FL_OK;
}

static uint64_t read_integer(struct fl_read_cursor *cursor, size_t size)
{
    uint64_t value = 0;
    if (!can_read(cursor, size))
        return 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | *cursor->at++;
    return value;
}

uint8_t fl_read_u8(struct fl_read_cursor *cursor)
{
    return (uint8_t)read_integer(cursor, 1);
}

uint16_t fl_read_u16(struct fl_read_cursor *cursor)
{
    return (uint16_t)read_integer(cursor, 2);
}

uint32_t fl_read_u32(struct fl_read_cursor *cursor)
{
    return (uint32_t)read_integer(cursor, 4);
}

uint64_t fl_read_u64(struct fl_read_cursor *cursor)
{
    return read_integer(cursor, 8);
}

uint64_t fl_read_varint(struct fl_read_cursor *cursor)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = fl_read_u8(cursor);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
    cursor->error = FL_TRUNCATED;
    return 0;
}

struct fl_slice fl_read_bytes(struct fl_read_cursor *cursor, size_t size)
{
    if (!can_read(cursor, size))
        return FL_SLICE_NULL;
    struct fl_slice bytes = fl_slice_of(cursor->at, size);
    cursor->at += size;
    return bytes;
}

struct fl_slice fl_read_string(struct fl_read_cursor *cursor)
{
    uint32_t size = fl_read_u32(cursor);
    return size == UINT32_MAX ? FL_SLICE_NULL : fl_read_bytes(cursor, size);
}

void fl_write_init(struct fl_write_cursor *cursor, void *buffer, size_t size)
{
    uint8_t *begin = buffer;
    *cursor = (struct fl_write_cursor){begin, begin, begin + size, FL_OK};
}

static bool can_write(struct fl_write_cursor *cursor, size_t size)
{
    if (cursor->error == FL_OK && (size_t)(cursor->end - cursor->at) < size)
        cursor->error = FL_TOO_LARGE;
    return cursor->error == FL_OK;
}

static void write_integer(struct fl_write_cursor *cursor, uint64_t value, size_t size)
{
    if (!can_write(cursor, size))
        return;
    for (size_t i = size; i > 0; i--)
        *cursor->at++ = (uint8_t)(value >> (8 * (i - 1)));
}

void fl_write_u8(struct fl_write_cursor *cursor, uint8_t value)
{
    write_integer(cursor, value, 1);
}

void fl_write_u16(struct fl_write_cursor *cursor, uint16_t value)
{
    write_integer(cursor, value, 2);
}

void fl_write_u32(struct fl_write_cursor *cursor, uint32_t value)
{
    write_integer(cursor, value, 4);
}

void fl_write_u64(struct fl_write_cursor *cursor, uint64_t value)
{
    write_integer(cursor, value, 8);
}

void fl_write_varint(struct fl_write_cursor *cursor, uint64_t value)
{
    while (value >= 0x80) {
        fl_write_u8(cursor, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    fl_write_u8(cursor, (uint8_t)value);
}

void fl_write_bytes(struct fl_write_cursor *cursor, struct fl_slice bytes)
{
    if (!can_write(cursor, bytes.size) || bytes.size == 0)
        return;
    memcpy(cursor->at, bytes.data, bytes.size);
    cursor->at += bytes.size;
}

void fl_write_string(struct fl_write_cursor *cursor, struct fl_slice bytes)
{
    fl_write_u32(cursor, bytes.data == NULL ? UINT32_MAX : (uint32_t)bytes.size);
    fl_write_bytes(cursor, bytes);
}

struct fl_slice fl_written(const struct fl_write_cursor *cursor)
{
    return fl_slice_of(cursor->begin, (size_t)(cursor->at - cursor->begin));
}
