/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/privacy.h"

#include <string.h>

#include "core/bytes.h"
#include "projections/registry/machines.h"
#include "projections/registry/rows.h"

void fl_registry_epochs(struct fl_kv *kv, struct fl_arena *arena, struct fl_epochs *epochs)
{
    struct fl_slice key = FL_SLICE_NULL;
    struct fl_slice value;
    *epochs = (struct fl_epochs){0};
    static const uint8_t behind[5] = {0xff, 0xff, 0xff, 0xff, 0xff};
    struct fl_slice from = fl_slice_of(behind, sizeof(behind));
    uint8_t number[4];
    /* Down from the newest: the newest, one that is open or closed, then what is destroyed. */
    while (fl_kv_before(kv, FL_TABLE_EPOCHS, from, &key, &value)) {
        memcpy(number, key.data, sizeof(number));
        from = fl_slice_of(number, sizeof(number));
        const fl_epoch_row *row = fl_row_decode(kv, arena, FL_TABLE_EPOCHS, value);
        if (row == NULL)
            return;
        if (epochs->newest == 0)
            epochs->newest = row->epoch;
        if (row->state == FL_EPOCH_DESTROYED)
            return;
        if (row->state == FL_EPOCH_OPEN)
            epochs->oldest_open = row->epoch;
        else
            epochs->closed = row->epoch;
    }
}

const fl_epoch_row *fl_registry_epoch(struct fl_kv *kv, struct fl_arena *arena, uint32_t epoch)
{
    struct fl_key key;
    fl_key_number(&key, epoch);
    return fl_row_get(kv, arena, FL_TABLE_EPOCHS, &key);
}

const fl_link_key_row *fl_registry_link_key(struct fl_kv *kv, struct fl_arena *arena,
                                            uint32_t generation)
{
    struct fl_key key;
    fl_key_number(&key, generation);
    return fl_row_get(kv, arena, FL_TABLE_LINK_KEYS, &key);
}

uint32_t fl_registry_link_generation(struct fl_kv *kv)
{
    static const uint8_t behind[5] = {0xff, 0xff, 0xff, 0xff, 0xff};
    struct fl_slice key;
    struct fl_slice value;
    if (!fl_kv_before(kv, FL_TABLE_LINK_KEYS, fl_slice_of(behind, sizeof(behind)), &key, &value))
        return 0;
    return fl_first_u32(key);
}

const fl_erasure_row *fl_registry_erasure(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice subject_id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_ERASURES, subject_id);
}

/* The first entry of a list with this prefix at or behind `from`. */
static bool first_entry(struct fl_kv *kv, const struct fl_key *prefix, const struct fl_key *from,
                        struct fl_slice *key)
{
    struct fl_slice value;
    return !from->bad && fl_kv_seek(kv, FL_TABLE_INDEX, fl_key_slice(from), key, &value) &&
           key->size >= prefix->size && memcmp(key->data, prefix->bytes, prefix->size) == 0;
}

bool fl_registry_person_of_epoch(struct fl_kv *kv, uint32_t epoch, const char *after,
                                 char subject_id[FL_ID_TEXT_SIZE])
{
    struct fl_key prefix;
    struct fl_slice key;
    fl_key_begin(&prefix);
    fl_key_u8(&prefix, FL_INDEX_EPOCH_PEOPLE);
    fl_key_u32(&prefix, epoch);
    struct fl_key from = prefix;
    if (after != NULL) {
        fl_key_id_text(&from, after);
        fl_key_u8(&from, 0);
    }
    if (!first_entry(kv, &prefix, &from, &key))
        return false;
    fl_key_tail_id(key, subject_id);
    return true;
}

bool fl_registry_open_erasure(struct fl_kv *kv, uint64_t after, uint64_t *sequence,
                              char subject_id[FL_ID_TEXT_SIZE])
{
    struct fl_key prefix;
    struct fl_slice key;
    fl_key_begin(&prefix);
    fl_key_u8(&prefix, FL_INDEX_ERASURES_OPEN);
    struct fl_key from = prefix;
    fl_key_u64(&from, after == 0 ? 0 : after + 1);
    if (!first_entry(kv, &prefix, &from, &key))
        return false;
    *sequence = fl_get_u64(key.data + 1);
    fl_key_tail_id(key, subject_id);
    return true;
}

const fl_node_row *fl_registry_node_missing(struct fl_kv *kv, struct fl_arena *arena,
                                            const char *const *node_ids, size_t count)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, kv, FL_TABLE_NODES, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        const fl_node_row *node = fl_row_decode(kv, arena, FL_TABLE_NODES, walk.value);
        bool found = node == NULL;
        for (size_t i = 0; !found && i < count; i++)
            found = strcmp(node_ids[i], node->node_id) == 0;
        if (!found)
            return node;
    }
    return NULL;
}
