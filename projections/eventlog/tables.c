/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/eventlog/tables.h"

#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/hash.h"

enum { LOCATION_HASH_SIZE = 16 };

size_t fl_scope_size(uint8_t kind)
{
    switch (kind) {
    case FL_EVENTLOG_COMPANY:
        return 1 + FL_ID_SIZE;
    case FL_EVENTLOG_DEVICE:
        return 1 + FL_ID_SIZE + FL_ID_SIZE;
    case FL_EVENTLOG_LOCATION:
        return 1 + FL_ID_SIZE + LOCATION_HASH_SIZE;
    default:
        return 0;
    }
}

bool fl_scope_key(struct fl_scope_key *key, enum fl_eventlog_scope scope,
                  struct fl_slice company_id, struct fl_slice part)
{
    uint8_t hash[FL_HASH_SIZE];
    uint8_t *behind = key->bytes + 1 + FL_ID_SIZE;
    key->bytes[0] = (uint8_t)scope;
    key->size = fl_scope_size((uint8_t)scope);
    fl_assert(key->size != 0);
    if (company_id.data == NULL || !fl_id_to_bytes(company_id, key->bytes + 1))
        return false;
    if (scope == FL_EVENTLOG_DEVICE)
        return part.data != NULL && fl_id_to_bytes(part, behind);
    if (scope == FL_EVENTLOG_LOCATION) {
        fl_sha256(part, hash);
        memcpy(behind, hash, LOCATION_HASH_SIZE);
    }
    return true;
}

void fl_scope_key_place(struct fl_scope_key *key, uint32_t severity, int64_t time_ms,
                        uint64_t sequence)
{
    uint8_t *out = key->bytes + key->size;
    *out++ = (uint8_t)(UINT8_MAX - severity);
    out = fl_put_u64(out, UINT64_MAX - (uint64_t)time_ms);
    fl_put_u64(out, UINT64_MAX - sequence);
    key->size += FL_ORDER_TAIL_SIZE;
}

static const uint8_t *tail_of(struct fl_slice key)
{
    fl_assert(key.size > FL_ORDER_TAIL_SIZE);
    return key.data + key.size - FL_ORDER_TAIL_SIZE;
}

uint32_t fl_order_severity(struct fl_slice key)
{
    return (uint32_t)(UINT8_MAX - tail_of(key)[0]);
}

int64_t fl_order_time_ms(struct fl_slice key)
{
    return (int64_t)(UINT64_MAX - fl_get_u64(tail_of(key) + 1));
}

uint64_t fl_order_sequence(struct fl_slice key)
{
    return UINT64_MAX - fl_get_u64(tail_of(key) + 9);
}
