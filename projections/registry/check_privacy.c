/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants 16 to 18: who is erased, epochs, link keys. */
#include <string.h>

#include "projections/registry/check.h"
#include "projections/registry/privacy.h"

/* True if a list of the person has no entry. */
static bool has_none(struct fl_checking *c, enum fl_registry_index list, const char *subject_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    fl_key_list(&key, list, fl_slice_text(subject_id));
    fl_kv_walk_begin(&walk, c->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    return !fl_kv_walk_next(&walk);
}

static bool is_in_with_nobody(struct fl_checking *c, const char *subject_id)
{
    return has_none(c, FL_INDEX_PERSON_SHARES, subject_id) &&
           has_none(c, FL_INDEX_PERSON_INVITATIONS, subject_id) &&
           has_none(c, FL_INDEX_PERSON_TRANSFERS, subject_id) &&
           has_none(c, FL_INDEX_PERSON_RESELLER_LINKS, subject_id);
}

bool fl_check_living(struct fl_checking *c, const fl_subject_row *row)
{
    struct fl_key key;
    if (row->erased &&
        (row->n_indexes != 0 || row->epoch != 0 ||
         fl_registry_account(c->kv, &c->arena, fl_slice_text(row->subject_id)) != NULL ||
         fl_registry_erasure(c->kv, &c->arena, fl_slice_text(row->subject_id)) == NULL ||
         !is_in_with_nobody(c, row->subject_id)))
        return fl_broken(c, 16, "subject %s is erased", row->subject_id);
    if (row->epoch == 0)
        return true;
    fl_key_epoch_person(&key, row->epoch, row->subject_id);
    return fl_has_entry(c, &key) ||
           fl_broken(c, 17, "subject %s of epoch %u", row->subject_id, row->epoch);
}

bool fl_check_erasure(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_erasure_row *row = opaque;
    struct fl_key entry;
    const fl_subject_row *subject =
        fl_registry_subject(c->kv, &c->arena, fl_slice_text(row->subject_id));
    fl_key_erasure_open(&entry, row->sequence, row->subject_id);
    if (key.size != FL_ID_SIZE || subject == NULL || !subject->erased ||
        fl_has_entry(c, &entry) == (row->done != 0))
        return fl_broken(c, 16, "erasure of %s", row->subject_id);
    return true;
}

bool fl_check_epoch(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_epoch_row *row = opaque;
    struct fl_key own;
    struct fl_epochs epochs;
    char subject_id[FL_ID_TEXT_SIZE];
    fl_registry_epochs(c->kv, &c->arena, &epochs);
    fl_key_number(&own, row->epoch);
    if (!fl_slice_equal(fl_key_slice(&own), key))
        return fl_broken(c, 1, "epoch %u stands under another key", row->epoch);
    if (row->state == FL_EPOCH_NONE || row->state >= FL_EPOCH_STATE_COUNT ||
        row->epoch > epochs.newest ||
        (row->state == FL_EPOCH_OPEN) != (row->epoch >= epochs.oldest_open))
        return fl_broken(c, 18, "epoch %u is in state %u", row->epoch, row->state);
    if (row->state != FL_EPOCH_OPEN &&
        fl_registry_person_of_epoch(c->kv, row->epoch, NULL, subject_id))
        return fl_broken(c, 17, "subject %s is of closed epoch %u", subject_id, row->epoch);
    return true;
}

bool fl_check_link_key(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_link_key_row *row = opaque;
    struct fl_key own;
    fl_key_number(&own, row->generation);
    return fl_slice_equal(fl_key_slice(&own), key) ||
           fl_broken(c, 18, "link key %u", row->generation);
}

bool fl_check_epoch_entry(struct fl_checking *c, struct fl_slice key)
{
    char id[FL_ID_TEXT_SIZE];
    struct fl_key own;
    fl_key_tail_id(key, id);
    const fl_subject_row *row = fl_registry_subject(c->kv, &c->arena, fl_slice_text(id));
    if (row == NULL || row->epoch == 0)
        return false;
    fl_key_epoch_person(&own, row->epoch, id);
    return fl_slice_equal(fl_key_slice(&own), key);
}

bool fl_check_erasure_entry(struct fl_checking *c, struct fl_slice key)
{
    char id[FL_ID_TEXT_SIZE];
    struct fl_key own;
    fl_key_tail_id(key, id);
    const fl_erasure_row *row = fl_registry_erasure(c->kv, &c->arena, fl_slice_text(id));
    if (row == NULL || row->done)
        return false;
    fl_key_erasure_open(&own, row->sequence, id);
    return fl_slice_equal(fl_key_slice(&own), key);
}
