/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ids.h"

#include <string.h>

#include "core/bytes.h"
#include "core/hash.h"

enum { COUNTER_BITS = 26 };

void fl_id_source_init(struct fl_id_source *source, const struct fl_port *port)
{
    *source = (struct fl_id_source){.port = port};
}

void fl_id_from_bytes(const uint8_t bytes[FL_ID_SIZE], char out[FL_ID_TEXT_SIZE])
{
    static const uint8_t group_end[] = {4, 6, 8, 10, 16};
    size_t from = 0;
    for (size_t g = 0; g < sizeof(group_end); g++) {
        if (g > 0)
            *out++ = '-';
        fl_hex_encode(bytes + from, group_end[g] - from, out);
        out += 2 * (group_end[g] - from);
        from = group_end[g];
    }
}

bool fl_id_to_bytes(struct fl_slice text, uint8_t out[FL_ID_SIZE])
{
    static const struct {
        uint8_t text_at;
        uint8_t byte_at;
        uint8_t size;
    } groups[] = {{0, 0, 4}, {9, 4, 2}, {14, 6, 2}, {19, 8, 2}, {24, 10, 6}};
    if (text.size != FL_ID_TEXT_SIZE - 1)
        return false;
    for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
        if (g > 0 && text.data[groups[g].text_at - 1] != '-')
            return false;
        struct fl_slice hex = fl_slice_of(text.data + groups[g].text_at, 2 * groups[g].size);
        if (!fl_hex_decode(hex, out + groups[g].byte_at, groups[g].size))
            return false;
    }
    return true;
}

bool fl_id_is_valid(struct fl_slice text)
{
    uint8_t bytes[FL_ID_SIZE];
    if (!fl_id_to_bytes(text, bytes))
        return false;
    uint8_t version = bytes[6] >> 4;
    return version >= 1 && version <= 8 && (bytes[8] & 0xc0) == 0x80;
}

void fl_id_mint(struct fl_id_source *source, char out[FL_ID_TEXT_SIZE])
{
    uint8_t bytes[FL_ID_SIZE];
    int64_t now_ms = fl_port_wall_ms(source->port);
    fl_port_random(source->port, bytes, sizeof(bytes));
    if (now_ms > source->last_ms) {
        source->last_ms = now_ms;
        /* A random start below half of the range leaves room to count up within the millisecond. */
        source->counter =
            ((uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2]) & 0xffffff;
    } else if (++source->counter >> COUNTER_BITS != 0) {
        source->last_ms++;
        source->counter = 0;
    }
    for (int i = 0; i < 6; i++)
        bytes[i] = (uint8_t)(source->last_ms >> (8 * (5 - i)));
    uint32_t high = source->counter >> 14;
    uint32_t low = source->counter & 0x3fff;
    bytes[6] = (uint8_t)(0x70 | high >> 8);
    bytes[7] = (uint8_t)high;
    bytes[8] = (uint8_t)(0x80 | low >> 8);
    bytes[9] = (uint8_t)low;
    fl_id_from_bytes(bytes, out);
}

void fl_id_derive(const char *purpose, const struct fl_slice *parts, size_t part_count,
                  char out[FL_ID_TEXT_SIZE])
{
    uint8_t hash[FL_HASH_SIZE];
    struct fl_sha256 *state = fl_sha256_open();
    fl_sha256_begin(state);
    fl_sha256_update(state, purpose, strlen(purpose) + 1);
    for (size_t i = 0; i < part_count; i++) {
        uint8_t size[4];
        fl_put_u32(size, (uint32_t)parts[i].size);
        fl_sha256_update(state, size, sizeof(size));
        fl_sha256_update(state, parts[i].data, parts[i].size);
    }
    fl_sha256_end(state, hash);
    fl_sha256_close(&state);
    hash[6] = (uint8_t)(0x80 | (hash[6] & 0x0f));
    hash[8] = (uint8_t)(0x80 | (hash[8] & 0x3f));
    fl_id_from_bytes(hash, out);
}
