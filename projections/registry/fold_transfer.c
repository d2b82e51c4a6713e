/* SPDX-License-Identifier: Apache-2.0 */
/* Offers of ownership, and what changes when one is accepted. */
#include <string.h>

#include "fleetlog/v1/transfers.pb-c.h"
#include "projections/registry/due.h"
#include "projections/registry/fold.h"
#include "projections/registry/outbox.h"

static void put_transfer(struct fl_folding *f, const fl_transfer_row *row)
{
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_TRANSFERS, row->transfer_id, &row->base);
}

/* Lists in which an offer stands while it is open. */
static void list_transfer(struct fl_folding *f, const fl_transfer_row *row, bool open)
{
    struct fl_key keys[2];
    struct fl_due due;
    fl_key_pair(&keys[0], FL_INDEX_COMPANY_TRANSFERS, row->company_id, row->transfer_id);
    fl_key_pair(&keys[1], FL_INDEX_PERSON_TRANSFERS, row->subject_id, row->transfer_id);
    fl_due_init(&due, row->expires_at_ms, FL_DUE(TRANSFER_OFFER), row->transfer_id, 0);
    if (open)
        fl_due_set(f->kv, &due);
    else
        fl_due_clear(f->kv, &due);
    for (size_t i = 0; i < 2; i++) {
        if (open)
            fl_index_put(f->kv, &keys[i], FL_SLICE_LITERAL(""));
        else
            fl_index_del(f->kv, &keys[i]);
    }
}

static void list_device(struct fl_folding *f, const char *transfer_id, const char *device_id,
                        bool listed)
{
    struct fl_key keys[2];
    fl_key_pair(&keys[0], FL_INDEX_TRANSFER_DEVICES, transfer_id, device_id);
    fl_key_pair(&keys[1], FL_INDEX_DEVICE_TRANSFER, device_id, transfer_id);
    for (size_t i = 0; i < 2; i++) {
        if (listed)
            fl_index_put(f->kv, &keys[i], FL_SLICE_LITERAL(""));
        else
            fl_index_del(f->kv, &keys[i]);
    }
}

/* Ends an offer; its devices are free again. */
static bool close_transfer(struct fl_folding *f, fl_transfer_row *row, enum fl_transfer_state end)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    list_transfer(f, row, false);
    if (!fl_fold_move(f, &fl_transfer_machine, &row->state, end, row->transfer_id))
        return false;
    fl_key_list(&key, FL_INDEX_TRANSFER_DEVICES, fl_slice_text(row->transfer_id));
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        list_device(f, row->transfer_id, id, false);
    }
    row->closed_at_ms = f->now_ms;
    put_transfer(f, row);
    return true;
}

/* The open offer of a device; NULL: none. */
static fl_transfer_row *offer_of(struct fl_folding *f, const char *device_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_list(&key, FL_INDEX_DEVICE_TRANSFER, fl_slice_text(device_id));
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    if (!fl_kv_walk_next(&walk))
        return NULL;
    fl_key_tail_id(walk.key, id);
    fl_transfer_row *row = fl_row_by_id(f->kv, f->arena, FL_TABLE_TRANSFERS, fl_slice_text(id));
    if (row == NULL)
        fl_kv_fail(f->kv, FL_CORRUPT);
    return row;
}

bool fl_fold_drop_offer(struct fl_folding *f, const char *device_id)
{
    fl_transfer_row *row = offer_of(f, device_id);
    if (row == NULL)
        return f->kv->error == FL_OK;
    list_device(f, row->transfer_id, device_id, false);
    row->device_count--;
    if (row->device_count == 0)
        return close_transfer(f, row, FL_TRANSFER_CANCELLED);
    put_transfer(f, row);
    return true;
}

/* An offer whose time is over makes room for the next one. */
static bool make_room(struct fl_folding *f, const char *device_id)
{
    fl_transfer_row *row = offer_of(f, device_id);
    if (row == NULL)
        return f->kv->error == FL_OK;
    if (fl_transfer_state_at(row->state, row->expires_at_ms, f->now_ms) != FL_TRANSFER_EXPIRED)
        return fl_fold_refuse(f, "device %s is offered already", device_id);
    return close_transfer(f, row, FL_TRANSFER_EXPIRED);
}

bool fl_fold_transfer_offered(struct fl_folding *f)
{
    const Fleetlog__V1__TransferOffered *event =
        (const Fleetlog__V1__TransferOffered *)f->input->message;
    fl_transfer_row row = FLEETLOG__ROWS__V1__TRANSFER_ROW__INIT;
    row.transfer_id = event->transfer_id;
    row.company_id = event->company_id;
    row.subject_id = event->subject_id;
    row.device_count = (uint32_t)event->n_device_ids;
    row.offered_at_ms = f->now_ms;
    row.expires_at_ms = event->expires_at_ms;
    row.link_key_generation = event->link_key_generation;
    row.offered_by = f->actor;
    row.company_id_after = "";
    if (!fl_fold_move(f, &fl_transfer_machine, &row.state, FL_TRANSFER_OFFERED, row.transfer_id))
        return false;
    for (size_t i = 0; i < event->n_device_ids; i++) {
        if (!make_room(f, event->device_ids[i]))
            return false;
        list_device(f, row.transfer_id, event->device_ids[i], true);
    }
    put_transfer(f, &row);
    list_transfer(f, &row, true);
    fl_fold_person(f, row.subject_id, event->revision, event->indexes, event->n_indexes);
    return true;
}

/* Ends the device's commands that no agent carries out yet. */
static bool end_commands(struct fl_folding *f, const char *device_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_list(&key, FL_INDEX_DEVICE_PENDING, fl_slice_text(device_id));
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        const char *ids[1] = {id};
        fl_key_tail_id(walk.key, id);
        const fl_command_row *row = fl_fold_row(f, FL_TABLE_COMMANDS, id);
        if (row == NULL || (row->state != FL_COMMAND_ACKNOWLEDGED && !fl_fold_cancel(f, ids, 1)))
            return false;
    }
    return true;
}

static bool move_device(struct fl_folding *f, const char *device_id, const char *company_id)
{
    struct fl_key key;
    fl_device_row *row = fl_fold_row(f, FL_TABLE_DEVICES, device_id);
    if (row == NULL || row->state != FL_DEVICE_ACTIVE)
        return fl_fold_refuse(f, "device %s is not active", device_id);
    if (!fl_fold_drop_grants(f, device_id) || !end_commands(f, device_id))
        return false;
    fl_key_pair(&key, FL_INDEX_COMPANY_DEVICES, row->company_id, device_id);
    fl_index_del(f->kv, &key);
    row->company_id = company_id;
    row->owned_since_ms = f->now_ms;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_DEVICES, device_id, &row->base);
    fl_key_pair(&key, FL_INDEX_COMPANY_DEVICES, company_id, device_id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    return true;
}

bool fl_fold_transfer_accepted(struct fl_folding *f)
{
    const Fleetlog__V1__TransferAccepted *event =
        (const Fleetlog__V1__TransferAccepted *)f->input->message;
    fl_transfer_row *row = fl_fold_row(f, FL_TABLE_TRANSFERS, event->transfer_id);
    if (row == NULL || fl_fold_row(f, FL_TABLE_COMPANIES, event->company_id) == NULL)
        return false;
    for (size_t i = 0; i < event->n_device_ids; i++) {
        const fl_transfer_row *offer = offer_of(f, event->device_ids[i]);
        if (offer == NULL || strcmp(offer->transfer_id, event->transfer_id) != 0)
            return fl_fold_refuse(f, "device %s is not offered", event->device_ids[i]);
        if (!move_device(f, event->device_ids[i], event->company_id))
            return false;
        fl_fold_drop_alerts(f, event->device_ids[i]);
    }
    row->company_id_after = event->company_id;
    return close_transfer(f, row, FL_TRANSFER_ACCEPTED);
}

bool fl_fold_end_transfers(struct fl_folding *f, const char *subject_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_list(&key, FL_INDEX_PERSON_TRANSFERS, fl_slice_text(subject_id));
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        fl_transfer_row *row = fl_fold_row(f, FL_TABLE_TRANSFERS, id);
        if (row == NULL || !close_transfer(f, row, FL_TRANSFER_CANCELLED))
            return false;
    }
    return f->kv->error == FL_OK;
}

static bool end_transfer(struct fl_folding *f, const char *transfer_id, enum fl_transfer_state end)
{
    fl_transfer_row *row = fl_fold_row(f, FL_TABLE_TRANSFERS, transfer_id);
    return row != NULL && close_transfer(f, row, end);
}

bool fl_fold_transfer_declined(struct fl_folding *f)
{
    const Fleetlog__V1__TransferDeclined *event =
        (const Fleetlog__V1__TransferDeclined *)f->input->message;
    return end_transfer(f, event->transfer_id, FL_TRANSFER_DECLINED);
}

bool fl_fold_transfer_cancelled(struct fl_folding *f)
{
    const Fleetlog__V1__TransferCancelled *event =
        (const Fleetlog__V1__TransferCancelled *)f->input->message;
    return end_transfer(f, event->transfer_id, FL_TRANSFER_CANCELLED);
}

bool fl_fold_transfer_expired(struct fl_folding *f)
{
    const Fleetlog__V1__TransferExpired *event =
        (const Fleetlog__V1__TransferExpired *)f->input->message;
    return end_transfer(f, event->transfer_id, FL_TRANSFER_EXPIRED);
}
