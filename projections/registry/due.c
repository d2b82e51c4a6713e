/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/due.h"

#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "projections/registry/machines.h"
#include "projections/registry/rows.h"

enum {
    TIME_AT = 1,
    KIND_AT = TIME_AT + 8,
    STEP_AT = KIND_AT + 1,
    DUE_KEY_SIZE = STEP_AT + 4 + FL_ID_SIZE
};

static void key_of(struct fl_key *key, const struct fl_due *due)
{
    fl_key_begin(key);
    fl_key_u8(key, FL_INDEX_DUE);
    fl_key_u64(key, (uint64_t)due->at_ms);
    fl_key_u8(key, (uint8_t)due->kind);
    fl_key_u32(key, due->step);
    fl_key_id_text(key, due->id);
}

void fl_due_init(struct fl_due *due, int64_t at_ms, Fleetlog__V1__DueKind kind, const char *id,
                 uint32_t step)
{
    *due = (struct fl_due){.at_ms = at_ms, .kind = kind, .step = step};
    snprintf(due->id, sizeof(due->id), "%s", id);
}

void fl_due_set(struct fl_kv *kv, const struct fl_due *due)
{
    struct fl_key key;
    if (due->at_ms == 0)
        return;
    key_of(&key, due);
    fl_index_put(kv, &key, FL_SLICE_LITERAL(""));
}

void fl_due_clear(struct fl_kv *kv, const struct fl_due *due)
{
    struct fl_key key;
    if (due->at_ms == 0)
        return;
    key_of(&key, due);
    fl_index_del(kv, &key);
}

bool fl_due_is_set(struct fl_kv *kv, const struct fl_due *due)
{
    struct fl_key key;
    struct fl_slice value;
    if (due->at_ms == 0)
        return false;
    key_of(&key, due);
    return !key.bad && fl_kv_get(kv, FL_TABLE_INDEX, fl_key_slice(&key), &value);
}

bool fl_due_next(struct fl_kv *kv, const struct fl_due *after, struct fl_due *due)
{
    struct fl_key from;
    struct fl_slice key;
    struct fl_slice value;
    if (after != NULL) {
        key_of(&from, after);
        fl_key_u8(&from, 0); /* the least key behind it */
    } else {
        fl_key_begin(&from);
        fl_key_u8(&from, FL_INDEX_DUE);
    }
    if (!fl_kv_seek(kv, FL_TABLE_INDEX, fl_key_slice(&from), &key, &value) ||
        key.size != DUE_KEY_SIZE || key.data[0] != FL_INDEX_DUE)
        return false;
    due->at_ms = (int64_t)fl_get_u64(key.data + TIME_AT);
    due->kind = (Fleetlog__V1__DueKind)key.data[KIND_AT];
    due->step = fl_get_u32(key.data + STEP_AT);
    fl_key_tail_id(key, due->id);
    return true;
}

void fl_due_of_share(const fl_share_row *share, struct fl_due *due)
{
    bool is_offer = share->state == FL_SHARE_PENDING;
    fl_due_init(due, is_offer ? share->expires_at_ms : share->grant_expires_at_ms,
                is_offer ? FL_DUE(SHARE_OFFER) : FL_DUE(SHARE_GRANT), share->share_id, 0);
}

int fl_due_compare(const struct fl_due *a, const struct fl_due *b)
{
    struct fl_key keys[2];
    key_of(&keys[0], a);
    key_of(&keys[1], b);
    return memcmp(keys[0].bytes, keys[1].bytes, DUE_KEY_SIZE);
}
