/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/key.h"

#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"

void fl_key_begin(struct fl_key *key)
{
    key->size = 0;
    key->bad = false;
}

void fl_key_bytes(struct fl_key *key, const uint8_t *bytes, size_t size)
{
    fl_assert(size <= FL_KEY_BYTES_MAX - key->size);
    if (size != 0)
        memcpy(key->bytes + key->size, bytes, size);
    key->size += size;
}

void fl_key_u8(struct fl_key *key, uint8_t value)
{
    fl_key_bytes(key, &value, 1);
}

void fl_key_u32(struct fl_key *key, uint32_t value)
{
    uint8_t bytes[4];
    fl_put_u32(bytes, value);
    fl_key_bytes(key, bytes, sizeof(bytes));
}

void fl_key_u64(struct fl_key *key, uint64_t value)
{
    uint8_t bytes[8];
    fl_put_u64(bytes, value);
    fl_key_bytes(key, bytes, sizeof(bytes));
}

void fl_key_id(struct fl_key *key, struct fl_slice id)
{
    uint8_t bytes[FL_ID_SIZE] = {0};
    if (id.data == NULL || !fl_id_to_bytes(id, bytes))
        key->bad = true;
    fl_key_bytes(key, bytes, sizeof(bytes));
}

void fl_key_id_text(struct fl_key *key, const char *id)
{
    fl_key_id(key, fl_slice_text(id));
}

struct fl_slice fl_key_slice(const struct fl_key *key)
{
    return fl_slice_of(key->bytes, key->size);
}

void fl_key_tail_id(struct fl_slice stored, char out[FL_ID_TEXT_SIZE])
{
    fl_assert(stored.size >= FL_ID_SIZE);
    fl_id_from_bytes(stored.data + stored.size - FL_ID_SIZE, out);
}
