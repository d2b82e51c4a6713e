/* SPDX-License-Identifier: Apache-2.0 */
/* Shares. */
#include <string.h>

#include "projections/registry/due.h"
#include "projections/registry/fold.h"

static void put_share(struct fl_folding *f, const fl_share_row *row)
{
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_SHARES, row->share_id, &row->base);
}

/* Lists in which a share stands while it is pending or accepted. */
static void list_share(struct fl_folding *f, const fl_share_row *share, bool live)
{
    struct fl_key keys[2];
    fl_key_pair(&keys[0], FL_INDEX_COMPANY_SHARES, share->company_id, share->share_id);
    fl_key_pair(&keys[1], FL_INDEX_PERSON_SHARES, share->subject_id, share->share_id);
    for (size_t i = 0; i < 2; i++) {
        if (live)
            fl_index_put(f->kv, &keys[i], FL_SLICE_LITERAL(""));
        else
            fl_index_del(f->kv, &keys[i]);
    }
}

static void drop_due(struct fl_folding *f, const fl_share_row *share)
{
    struct fl_due due;
    fl_due_of_share(share, &due);
    fl_due_clear(f->kv, &due);
}

static void put_due(struct fl_folding *f, const fl_share_row *share)
{
    struct fl_due due;
    fl_due_of_share(share, &due);
    fl_due_set(f->kv, &due);
}

static void drop_device(struct fl_folding *f, const fl_share_row *share, const char *device_id)
{
    struct fl_key key;
    fl_key_grant(&key, device_id, fl_slice_text(share->subject_id));
    if (!key.bad)
        fl_kv_del(f->kv, FL_TABLE_GRANTS, fl_key_slice(&key));
    fl_key_pair(&key, FL_INDEX_PERSON_DEVICES, share->subject_id, device_id);
    fl_index_del(f->kv, &key);
}

bool fl_fold_ungrant(struct fl_folding *f, fl_share_row *share, const char *const *device_ids,
                     size_t device_count, enum fl_share_state end)
{
    for (size_t i = 0; i < device_count; i++) {
        struct fl_key key;
        fl_key_pair(&key, FL_INDEX_SHARE_DEVICES, share->share_id, device_ids[i]);
        if (key.bad || share->device_count == 0 ||
            !fl_kv_del(f->kv, FL_TABLE_INDEX, fl_key_slice(&key)))
            return fl_fold_refuse(f, "device %s is not in share %s", device_ids[i],
                                  share->share_id);
        drop_device(f, share, device_ids[i]);
        share->device_count--;
    }
    if (share->device_count == 0) {
        drop_due(f, share);
        if (!fl_fold_move(f, &fl_share_machine, &share->state, end, share->share_id))
            return false;
        list_share(f, share, false);
    }
    put_share(f, share);
    return true;
}

const char **fl_fold_share_devices(struct fl_folding *f, const fl_share_row *share)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    size_t count = 0;
    const char **ids = fl_arena_calloc(f->arena, (size_t)share->device_count + 1, sizeof(*ids));
    fl_key_list(&key, FL_INDEX_SHARE_DEVICES, fl_slice_text(share->share_id));
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (ids != NULL && count < share->device_count && fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        ids[count++] = fl_arena_text(f->arena, fl_slice_text(id));
    }
    if (f->arena->exhausted)
        fl_kv_fail(f->kv, FL_NO_MEMORY);
    else if (count != share->device_count)
        fl_kv_fail(f->kv, FL_CORRUPT);
    return f->kv->error == FL_OK ? ids : NULL;
}

static bool expire_share(struct fl_folding *f, fl_share_row *share)
{
    const char **ids = fl_fold_share_devices(f, share);
    return ids != NULL && fl_fold_ungrant(f, share, ids, share->device_count, FL_SHARE_EXPIRED);
}

/* An offer of the same device to the same person whose time is over makes room, if it is made anew
 * before the timekeeper has come by. */
static bool make_room(struct fl_folding *f, const char *device_id, const char *subject_id)
{
    struct fl_key key;
    fl_key_grant(&key, device_id, fl_slice_text(subject_id));
    const fl_grant_row *grant = fl_row_get(f->kv, f->arena, FL_TABLE_GRANTS, &key);
    if (grant == NULL)
        return true;
    fl_share_row *share = fl_fold_row(f, FL_TABLE_SHARES, grant->share_id);
    if (share == NULL)
        return false;
    if (fl_share_state_at(share->state, share->expires_at_ms, share->grant_expires_at_ms,
                          f->now_ms) != FL_SHARE_EXPIRED)
        return fl_fold_refuse(f, "device %s is shared with %s already", device_id, subject_id);
    return expire_share(f, share);
}

static void put_grant(struct fl_folding *f, const fl_share_row *share, const char *device_id)
{
    fl_grant_row row = FLEETLOG__ROWS__V1__GRANT_ROW__INIT;
    struct fl_key key;
    row.share_id = share->share_id;
    row.accepted = share->state == FL_SHARE_ACCEPTED;
    row.expires_at_ms = row.accepted ? share->grant_expires_at_ms : share->expires_at_ms;
    fl_key_grant(&key, device_id, fl_slice_text(share->subject_id));
    fl_row_put(f->kv, f->arena, FL_TABLE_GRANTS, &key, &row.base);
}

bool fl_fold_devices_shared(struct fl_folding *f)
{
    const Fleetlog__V1__DevicesShared *event =
        (const Fleetlog__V1__DevicesShared *)f->input->message;
    fl_share_row row = FLEETLOG__ROWS__V1__SHARE_ROW__INIT;
    struct fl_key key;
    row.share_id = event->share_id;
    row.company_id = event->company_id;
    row.subject_id = event->subject_id;
    row.device_count = (uint32_t)event->n_device_ids;
    row.shared_at_ms = f->now_ms;
    row.expires_at_ms = event->expires_at_ms;
    row.grant_expires_at_ms = event->grant_expires_at_ms;
    row.link_key_generation = event->link_key_generation;
    row.shared_by = f->actor;
    if (!fl_fold_move(f, &fl_share_machine, &row.state, FL_SHARE_PENDING, row.share_id))
        return false;
    for (size_t i = 0; i < event->n_device_ids; i++) {
        if (!make_room(f, event->device_ids[i], event->subject_id))
            return false;
        put_grant(f, &row, event->device_ids[i]);
        fl_key_pair(&key, FL_INDEX_SHARE_DEVICES, row.share_id, event->device_ids[i]);
        fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    }
    put_share(f, &row);
    list_share(f, &row, true);
    put_due(f, &row);
    fl_fold_person(f, row.subject_id, event->revision, event->indexes, event->n_indexes);
    return true;
}

bool fl_fold_share_accepted(struct fl_folding *f)
{
    const Fleetlog__V1__ShareAccepted *event =
        (const Fleetlog__V1__ShareAccepted *)f->input->message;
    fl_share_row *share = fl_fold_row(f, FL_TABLE_SHARES, event->share_id);
    if (share == NULL)
        return false;
    drop_due(f, share);
    if (!fl_fold_move(f, &fl_share_machine, &share->state, FL_SHARE_ACCEPTED, event->share_id))
        return false;
    const char **ids = fl_fold_share_devices(f, share);
    if (ids == NULL)
        return false;
    for (size_t i = 0; i < share->device_count; i++) {
        struct fl_key key;
        put_grant(f, share, ids[i]);
        fl_key_pair(&key, FL_INDEX_PERSON_DEVICES, share->subject_id, ids[i]);
        fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    }
    put_due(f, share);
    share->accepted_at_ms = f->now_ms;
    put_share(f, share);
    return true;
}

bool fl_fold_share_revoked(struct fl_folding *f)
{
    const Fleetlog__V1__ShareRevoked *event = (const Fleetlog__V1__ShareRevoked *)f->input->message;
    fl_share_row *share = fl_fold_row(f, FL_TABLE_SHARES, event->share_id);
    return share != NULL &&
           fl_fold_ungrant(f, share, event->device_ids, event->n_device_ids, FL_SHARE_REVOKED) &&
           fl_fold_cancel(f, event->cancelled_command_ids, event->n_cancelled_command_ids);
}

static bool end_shares(struct fl_folding *f, const char *subject_id, const char *owner_id,
                       enum fl_share_state state)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_list(&key, FL_INDEX_PERSON_SHARES, fl_slice_text(subject_id));
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        fl_share_row *share = fl_fold_row(f, FL_TABLE_SHARES, id);
        if (share == NULL)
            return false;
        if (share->state != state || (owner_id != NULL && strcmp(share->company_id, owner_id) != 0))
            continue;
        const char **ids = fl_fold_share_devices(f, share);
        if (ids == NULL || !fl_fold_ungrant(f, share, ids, share->device_count, FL_SHARE_REVOKED))
            return false;
    }
    return true;
}

bool fl_fold_end_shares(struct fl_folding *f, const char *subject_id, const char *owner_id)
{
    return end_shares(f, subject_id, owner_id, FL_SHARE_ACCEPTED);
}

bool fl_fold_end_offers(struct fl_folding *f, const char *subject_id)
{
    return end_shares(f, subject_id, NULL, FL_SHARE_PENDING);
}

bool fl_fold_shared_devices_removed(struct fl_folding *f)
{
    const Fleetlog__V1__SharedDevicesRemoved *event =
        (const Fleetlog__V1__SharedDevicesRemoved *)f->input->message;
    return fl_fold_end_shares(f, event->account_id, event->company_id) &&
           fl_fold_cancel(f, event->cancelled_command_ids, event->n_cancelled_command_ids);
}
