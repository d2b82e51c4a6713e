/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant 14: an open offer of ownership counts its devices, each of which its owner has and no
 * other open offer names; a closed one has none, and stands in no list. */
#include <string.h>

#include "projections/registry/due.h"

#include "projections/registry/check.h"

bool fl_check_transfer(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_transfer_row *row = opaque;
    bool open = row->state == FL_TRANSFER_OFFERED;
    struct fl_key entries[2];
    struct fl_due due;
    struct fl_kv_walk walk;
    uint32_t count = 0;
    if (!fl_check_own(c, key, FL_TABLE_TRANSFERS, row->transfer_id) ||
        !fl_check_state(c, &fl_transfer_machine, row->state, row->transfer_id))
        return false;
    fl_key_list(&entries[0], FL_INDEX_TRANSFER_DEVICES, fl_slice_text(row->transfer_id));
    fl_kv_walk_begin(&walk, c->kv, FL_TABLE_INDEX, fl_key_slice(&entries[0]));
    while (fl_kv_walk_next(&walk))
        count++;
    if (count != (open ? row->device_count : 0) || (open && count == 0))
        return fl_broken(c, 14, "transfer %s counts %u devices and lists %u", row->transfer_id,
                         row->device_count, count);
    fl_key_pair(&entries[0], FL_INDEX_COMPANY_TRANSFERS, row->company_id, row->transfer_id);
    fl_key_pair(&entries[1], FL_INDEX_PERSON_TRANSFERS, row->subject_id, row->transfer_id);
    fl_due_init(&due, row->expires_at_ms, FL_DUE(TRANSFER_OFFER), row->transfer_id, 0);
    if (fl_due_is_set(c->kv, &due) != open)
        return fl_broken(c, 12, "transfer %s", row->transfer_id);
    for (size_t i = 0; i < 2; i++)
        if (fl_has_entry(c, &entries[i]) != open)
            return fl_broken(c, 14, "transfer %s in its lists", row->transfer_id);
    return true;
}

static const fl_transfer_row *open_transfer(struct fl_checking *c, const char *id)
{
    const fl_transfer_row *row =
        fl_row_by_id(c->kv, &c->arena, FL_TABLE_TRANSFERS, fl_slice_text(id));
    return row != NULL && row->state == FL_TRANSFER_OFFERED ? row : NULL;
}

bool fl_check_company_transfer(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_transfer_row *row = open_transfer(c, entry->member);
    return row != NULL && strcmp(row->company_id, entry->owner) == 0;
}

bool fl_check_person_transfer(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_transfer_row *row = open_transfer(c, entry->member);
    return row != NULL && strcmp(row->subject_id, entry->owner) == 0;
}

bool fl_check_transfer_device(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_transfer_row *row = open_transfer(c, entry->owner);
    const fl_device_row *device =
        fl_registry_device(c->kv, &c->arena, fl_slice_text(entry->member));
    struct fl_key key;
    fl_key_pair(&key, FL_INDEX_DEVICE_TRANSFER, entry->member, entry->owner);
    return row != NULL && device != NULL && device->state == FL_DEVICE_ACTIVE &&
           strcmp(device->company_id, row->company_id) == 0 && fl_has_entry(c, &key);
}

bool fl_check_device_transfer(struct fl_checking *c, const struct fl_index_entry *entry)
{
    struct fl_kv_walk walk;
    struct fl_key key;
    uint32_t count = 0;
    fl_key_list(&key, FL_INDEX_DEVICE_TRANSFER, fl_slice_text(entry->owner));
    fl_kv_walk_begin(&walk, c->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk))
        count++;
    fl_key_pair(&key, FL_INDEX_TRANSFER_DEVICES, entry->member, entry->owner);
    return count == 1 && fl_has_entry(c, &key);
}
