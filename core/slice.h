/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Borrowed bytes: {data, size}. Whoever hands out a slice says how long it lives.
 *
 * data == NULL is "no value" (a tombstone, an absent header value) and differs from an empty value,
 * whose data is non-NULL and whose size is 0.
 *
 * Threading: pure. Allocation: none.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fl_slice {
    const uint8_t *data;
    size_t size;
};

#define FL_SLICE_NULL ((struct fl_slice){NULL, 0})
/* Slice of a string literal, without its NUL. */
#define FL_SLICE_LITERAL(text) ((struct fl_slice){(const uint8_t *)("" text), sizeof(text) - 1})

/* Slice of `size` bytes at `data`; an empty value when data is NULL and size is 0 is FL_SLICE_NULL.
 */
static inline struct fl_slice fl_slice_of(const void *data, size_t size)
{
    return (struct fl_slice){(const uint8_t *)data, size};
}

/* Slice of a NUL-terminated string, without the NUL; FL_SLICE_NULL for NULL. */
struct fl_slice fl_slice_text(const char *text);

/* Same bytes, and both NULL or neither. */
bool fl_slice_equal(struct fl_slice a, struct fl_slice b);

/* Equal to a NUL-terminated string. */
bool fl_slice_is(struct fl_slice slice, const char *text);

bool fl_slice_starts_with(struct fl_slice slice, struct fl_slice prefix);

/* memcmp order, the shorter first when one is a prefix of the other (LMDB's order of keys). */
int fl_slice_compare(struct fl_slice a, struct fl_slice b);

/* Copies into `out` with a closing NUL; false (and an empty out) if it does not fit or holds a NUL.
 */
bool fl_slice_to_text(struct fl_slice slice, char *out, size_t out_size);

/* Parses plain decimal without sign, blanks or leading zeros; false on anything else or overflow.
 */
bool fl_slice_to_u64(struct fl_slice slice, uint64_t *value);

/* Writes 2*size lower-case hex digits and a NUL; out holds at least 2*size+1. */
void fl_hex_encode(const uint8_t *data, size_t size, char *out);

/* Reads exactly 2*size lower-case hex digits; false on anything else. */
bool fl_hex_decode(struct fl_slice hex, uint8_t *out, size_t size);
