/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Numbers in rows, keys and hashes: big-endian, so that keys sort as the numbers do. For rows with
 * many parts see core/cursor.h.
 *
 * Threading: pure. Allocation: none.
 */
#include "core/slice.h"

/* Writes and returns the address behind it. */
static inline uint8_t *fl_put_u16(uint8_t *out, uint16_t value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return out + 2;
}

static inline uint8_t *fl_put_u32(uint8_t *out, uint32_t value)
{
    fl_put_u16(out, (uint16_t)(value >> 16));
    return fl_put_u16(out + 2, (uint16_t)value);
}

static inline uint8_t *fl_put_u64(uint8_t *out, uint64_t value)
{
    fl_put_u32(out, (uint32_t)(value >> 32));
    return fl_put_u32(out + 4, (uint32_t)value);
}

static inline uint32_t fl_get_u32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static inline uint64_t fl_get_u64(const uint8_t *in)
{
    return (uint64_t)fl_get_u32(in) << 32 | fl_get_u32(in + 4);
}

/* A number as a key of its own, in the caller's bytes. */
static inline struct fl_slice fl_u32_key(uint32_t number, uint8_t out[4])
{
    fl_put_u32(out, number);
    return fl_slice_of(out, 4);
}

static inline struct fl_slice fl_u64_key(uint64_t number, uint8_t out[8])
{
    fl_put_u64(out, number);
    return fl_slice_of(out, 8);
}

/* The number that a key begins with; 0 if the key is too short for one. */
static inline uint32_t fl_first_u32(struct fl_slice key)
{
    return key.size < 4 ? 0 : fl_get_u32(key.data);
}

static inline uint64_t fl_first_u64(struct fl_slice key)
{
    return key.size < 8 ? 0 : fl_get_u64(key.data);
}
