/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Numbers in rows and keys: big-endian, so that keys sort as the numbers do.
 *
 * Threading: pure. Allocation: none.
 */
#include <stdint.h>

/* Writes and returns the address behind it. */
static inline uint8_t *fl_put_u32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
    return out + 4;
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
