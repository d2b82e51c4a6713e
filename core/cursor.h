/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Byte cursors: a reader that yields zeros after an error, and a writer into a fixed buffer that
 * stops at its end. Straight-line code, one look at the end (`error`).
 *
 * All integers are big-endian. Varints are protobuf's (base 128, least significant group first).
 * Threading: pure. Allocation: none. Lifetime: slices read borrow from the input.
 */
#include "core/error.h"
#include "core/slice.h"

struct fl_read_cursor {
    const uint8_t *at;
    const uint8_t *end;
    enum fl_error error; /* FL_OK or FL_TRUNCATED */
};

void fl_read_init(struct fl_read_cursor *cursor, struct fl_slice bytes);
size_t fl_read_left(const struct fl_read_cursor *cursor);
uint8_t fl_read_u8(struct fl_read_cursor *cursor);
uint16_t fl_read_u16(struct fl_read_cursor *cursor);
uint32_t fl_read_u32(struct fl_read_cursor *cursor);
uint64_t fl_read_u64(struct fl_read_cursor *cursor);
uint64_t fl_read_varint(struct fl_read_cursor *cursor);
struct fl_slice fl_read_bytes(struct fl_read_cursor *cursor, size_t size);

/* A u32 length and that many bytes; the length 0xffffffff is FL_SLICE_NULL. */
struct fl_slice fl_read_string(struct fl_read_cursor *cursor);

struct fl_write_cursor {
    uint8_t *begin;
    uint8_t *at;
    uint8_t *end;
    enum fl_error error; /* FL_OK or FL_TOO_LARGE */
};

void fl_write_init(struct fl_write_cursor *cursor, void *buffer, size_t size);
void fl_write_u8(struct fl_write_cursor *cursor, uint8_t value);
void fl_write_u16(struct fl_write_cursor *cursor, uint16_t value);
void fl_write_u32(struct fl_write_cursor *cursor, uint32_t value);
void fl_write_u64(struct fl_write_cursor *cursor, uint64_t value);
void fl_write_varint(struct fl_write_cursor *cursor, uint64_t value);
void fl_write_bytes(struct fl_write_cursor *cursor, struct fl_slice bytes);
void fl_write_string(struct fl_write_cursor *cursor, struct fl_slice bytes);

/* What was written so far. */
struct fl_slice fl_written(const struct fl_write_cursor *cursor);
