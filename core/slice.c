/* SPDX-License-Identifier: Apache-2.0 */
#include "core/slice.h"

#include <string.h>

struct fl_slice fl_slice_text(const char *text)
{
    if (text == NULL)
        return FL_SLICE_NULL;
    return (struct fl_slice){(const uint8_t *)text, strlen(text)};
}

bool fl_slice_equal(struct fl_slice a, struct fl_slice b)
{
    if ((a.data == NULL) != (b.data == NULL) || a.size != b.size)
        return false;
    return a.size == 0 || memcmp(a.data, b.data, a.size) == 0;
}

bool fl_slice_is(struct fl_slice slice, const char *text)
{
    return fl_slice_equal(slice, fl_slice_text(text));
}

bool fl_slice_starts_with(struct fl_slice slice, struct fl_slice prefix)
{
    return slice.size >= prefix.size &&
           (prefix.size == 0 || memcmp(slice.data, prefix.data, prefix.size) == 0);
}

int fl_slice_compare(struct fl_slice a, struct fl_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

bool fl_slice_to_text(struct fl_slice slice, char *out, size_t out_size)
{
    out[0] = '\0';
    if (slice.size >= out_size || (slice.size != 0 && memchr(slice.data, 0, slice.size) != NULL))
        return false;
    if (slice.size != 0)
        memcpy(out, slice.data, slice.size);
    out[slice.size] = '\0';
    return true;
}

bool fl_slice_to_u64(struct fl_slice slice, uint64_t *value)
{
    uint64_t sum = 0;
    if (slice.size == 0 || slice.size > 20 || (slice.size > 1 && slice.data[0] == '0'))
        return false;
    for (size_t i = 0; i < slice.size; i++) {
        unsigned digit = (unsigned)slice.data[i] - '0';
        if (digit > 9 || sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

void fl_hex_encode(const uint8_t *data, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[data[i] >> 4];
        out[2 * i + 1] = digits[data[i] & 15];
    }
    out[2 * size] = '\0';
}

/* Value of a digit plus one; 0: none. */
static const uint8_t hex_digits[256] = {
    ['0'] = 1, ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

bool fl_hex_decode(struct fl_slice hex, uint8_t *out, size_t size)
{
    if (hex.size != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned high = hex_digits[hex.data[2 * i]];
        unsigned low = hex_digits[hex.data[2 * i + 1]];
        if (high == 0 || low == 0)
            return false;
        out[i] = (uint8_t)((high - 1) << 4 | (low - 1));
    }
    return true;
}
