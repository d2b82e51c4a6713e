/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/decide_transfer.h"

#include <string.h>

#include "core/limits.h"
#include "fleetlog/v1/transfers.pb-c.h"
#include "projections/registry/decide_due.h"

enum { LISTED_COUNT_MAX = FL_DEVICE_COUNT_PER_ACTION_MAX };

/* True if somebody has an offer of this device that still counts. */
static bool is_offered(struct fl_deciding *d, const char *device_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_list(&key, FL_INDEX_DEVICE_TRANSFER, fl_slice_text(device_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        const fl_transfer_row *row =
            fl_row_by_id(d->kv, d->arena, FL_TABLE_TRANSFERS, fl_slice_text(id));
        if (row != NULL &&
            fl_transfer_state_at(row->state, row->expires_at_ms, d->now_ms) == FL_TRANSFER_OFFERED)
            return true;
    }
    return false;
}

/* Why this device cannot be offered; NULL: it can. */
static const char *offer_refusal(struct fl_deciding *d, const char *device_id,
                                 Fleetlog__V1__RejectionCode *code)
{
    const fl_device_row *device =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, fl_slice_text(device_id));
    enum fl_relation relation =
        fl_relation_to_device(d->kv, d->arena, d->account, device, d->now_ms);
    *code = FL_REJECT(NOT_FOUND);
    if (device == NULL || relation == FL_RELATION_STRANGER)
        return "There is no such device.";
    if (device->state != FL_DEVICE_ACTIVE)
        return "This device has been removed.";
    *code = FL_REJECT(DENIED);
    if (!fl_relation_may(relation, FL_RIGHT_TRANSFER))
        return "Only an administrator of the owner company may hand this device over.";
    *code = FL_REJECT(EXISTS);
    return is_offered(d, device_id)
               ? "This device has been offered to somebody already; cancel that offer first."
               : NULL;
}

const ProtobufCMessage *fl_decide_offer_transfer(struct fl_deciding *d)
{
    const Fleetlog__V1__OfferTransfer *action = (const Fleetlog__V1__OfferTransfer *)d->message;
    struct fl_slice id = fl_slice_text(action->transfer_id);
    struct fl_person person;
    struct fl_items items;
    if (action->n_device_ids > d->rules->limits.devices_per_action_max)
        return fl_rejectf(d, FL_REJECT(LIMIT), "At most %u devices can be handed over at once.",
                          d->rules->limits.devices_per_action_max);
    if (!fl_person_resolve(d, action->person, &person))
        return d->answer;
    if (fl_relation_to_company(person.account, d->account->company_id) != FL_RELATION_STRANGER)
        return fl_reject(d, FL_REJECT(SELF),
                         "This person belongs to your company, which owns its devices already.");
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_TRANSFERS, id) != NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is a transfer with this id.");
    if (!fl_items_begin(d, &items, action->n_device_ids))
        return NULL;
    for (size_t i = 0; i < action->n_device_ids; i++) {
        Fleetlog__V1__RejectionCode code;
        const char *why = offer_refusal(d, action->device_ids[i], &code);
        if (why != NULL)
            fl_items_add(d, &items, action->device_ids[i], code, why);
    }
    if (items.count != 0)
        return fl_reject_items(d, &items, action->n_device_ids, "handed over");
    Fleetlog__V1__TransferOffered *event = fl_answer(d, FL_MESSAGE_TransferOffered);
    event->transfer_id = action->transfer_id;
    event->company_id = d->account->company_id;
    event->device_ids = action->device_ids;
    event->n_device_ids = action->n_device_ids;
    event->subject_id = person.subject_id;
    event->revision = person.revision;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    event->expires_at_ms = d->now_ms + d->rules->limits.transfer_offer_ms;
    event->link_key_generation = action->link_key_generation;
    return &event->base;
}

static const ProtobufCMessage *not_found(struct fl_deciding *d)
{
    return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such offer.");
}

/* False: rejected, because the offer is not open any more. */
static bool is_open(struct fl_deciding *d, const fl_transfer_row *row)
{
    switch (fl_transfer_state_at(row->state, row->expires_at_ms, d->now_ms)) {
    case FL_TRANSFER_OFFERED:
        return true;
    case FL_TRANSFER_EXPIRED:
        fl_reject(d, FL_REJECT(EXPIRED), "This offer has expired; ask for a new one.");
        return false;
    case FL_TRANSFER_ACCEPTED:
        fl_reject(d, FL_REJECT(WRONG_STATE), "This offer has been accepted already.");
        return false;
    case FL_TRANSFER_DECLINED:
        fl_reject(d, FL_REJECT(WRONG_STATE), "This offer has been declined.");
        return false;
    case FL_TRANSFER_CANCELLED:
    case FL_TRANSFER_NONE:
    case FL_TRANSFER_STATE_COUNT:
        break;
    }
    fl_reject(d, FL_REJECT(WRONG_STATE), "This offer has been cancelled.");
    return false;
}

/* What one event ends, cut to what it can list; the fold ends all. */
struct ending {
    const char **device_ids;
    size_t device_count;
    const char **share_ids;
    size_t share_count;
    struct fl_cancelled cancelled;
};

static void add_share(struct ending *ending, const char *share_id)
{
    for (size_t i = 0; i < ending->share_count; i++)
        if (strcmp(ending->share_ids[i], share_id) == 0)
            return;
    if (ending->share_count < LISTED_COUNT_MAX)
        ending->share_ids[ending->share_count++] = share_id;
}

/* False: no memory. */
static bool end_device(struct fl_deciding *d, const char *device_id, struct ending *ending)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    fl_key_begin(&key);
    fl_key_id_text(&key, device_id);
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_GRANTS, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        const fl_grant_row *grant = fl_row_decode(d->kv, d->arena, FL_TABLE_GRANTS, walk.value);
        if (grant == NULL)
            return false;
        add_share(ending, grant->share_id);
    }
    ending->device_ids[ending->device_count++] = device_id;
    return ending->cancelled.count >= LISTED_COUNT_MAX ||
           fl_commands_not_begun(d, device_id, &ending->cancelled);
}

/* Everything that ends with the transfer; false: no memory. */
static bool find_ending(struct fl_deciding *d, const fl_transfer_row *row, struct ending *ending)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    ending->device_ids = fl_arena_calloc(d->arena, LISTED_COUNT_MAX, sizeof(*ending->device_ids));
    ending->share_ids = fl_arena_calloc(d->arena, LISTED_COUNT_MAX, sizeof(*ending->share_ids));
    if (d->arena->exhausted)
        return false;
    fl_key_list(&key, FL_INDEX_TRANSFER_DEVICES, fl_slice_text(row->transfer_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (ending->device_count < row->device_count && fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        const char *device_id = fl_arena_text(d->arena, fl_slice_text(id));
        if (device_id == NULL || !end_device(d, device_id, ending))
            return false;
    }
    return !d->arena->exhausted;
}

const ProtobufCMessage *fl_decide_accept_transfer(struct fl_deciding *d)
{
    const Fleetlog__V1__AcceptTransfer *action = (const Fleetlog__V1__AcceptTransfer *)d->message;
    const fl_transfer_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_TRANSFERS, fl_slice_text(action->transfer_id));
    struct ending ending = {.device_count = 0};
    bool is_own =
        row != NULL && fl_relation_to_company(d->account, row->company_id) != FL_RELATION_STRANGER;
    if (is_own)
        return fl_reject(d, FL_REJECT(SELF), "Your own company offers these devices.");
    if (row == NULL || strcmp(row->subject_id, d->account->account_id) != 0)
        return not_found(d);
    if (!is_open(d, row))
        return d->answer;
    if (d->account->role != FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR)
        return fl_reject(d, FL_REJECT(DENIED),
                         "Only an administrator takes devices over for his company.");
    if (!find_ending(d, row, &ending))
        return NULL;
    Fleetlog__V1__TransferAccepted *event = fl_answer(d, FL_MESSAGE_TransferAccepted);
    event->transfer_id = action->transfer_id;
    event->company_id_before = row->company_id;
    event->company_id = d->account->company_id;
    event->account_id = d->account->account_id;
    event->device_ids = ending.device_ids;
    event->n_device_ids = ending.device_count;
    event->ended_share_ids = ending.share_ids;
    event->n_ended_share_ids = ending.share_count;
    event->cancelled_command_ids = ending.cancelled.ids;
    event->n_cancelled_command_ids = ending.cancelled.count;
    return &event->base;
}

/* Whoever holds the link may decline for the person that it was made for: he proved no more and no
 * less. */
const ProtobufCMessage *fl_decide_decline_transfer(struct fl_deciding *d)
{
    const Fleetlog__V1__DeclineTransfer *action = (const Fleetlog__V1__DeclineTransfer *)d->message;
    const fl_transfer_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_TRANSFERS, fl_slice_text(action->transfer_id));
    bool by_link = d->actor_kind == FL_ACTOR_LINK;
    bool is_mine = row != NULL && (by_link ? fl_slice_is(d->actor_id, row->transfer_id)
                                           : strcmp(row->subject_id, d->account->account_id) == 0);
    if (!is_mine)
        return not_found(d);
    if (!is_open(d, row))
        return d->answer;
    d->company_id = fl_slice_text(row->company_id);
    Fleetlog__V1__TransferDeclined *event = fl_answer(d, FL_MESSAGE_TransferDeclined);
    event->transfer_id = action->transfer_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    event->recipient_company_id = by_link ? "" : d->account->company_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_cancel_transfer(struct fl_deciding *d)
{
    const Fleetlog__V1__CancelTransfer *action = (const Fleetlog__V1__CancelTransfer *)d->message;
    const fl_transfer_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_TRANSFERS, fl_slice_text(action->transfer_id));
    if (row == NULL || strcmp(row->company_id, d->account->company_id) != 0)
        return not_found(d);
    if (!fl_company_right(d, FL_RIGHT_TRANSFER) || !is_open(d, row))
        return d->answer;
    Fleetlog__V1__TransferCancelled *event = fl_answer(d, FL_MESSAGE_TransferCancelled);
    event->transfer_id = action->transfer_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_due_transfer(struct fl_deciding *d,
                                               const Fleetlog__V1__FireDue *action)
{
    const fl_transfer_row *row = fl_due_row(d, FL_TABLE_TRANSFERS, action->id);
    if (row == NULL)
        return NULL;
    d->company_id = fl_slice_text(row->company_id);
    Fleetlog__V1__TransferExpired *event = fl_answer(d, FL_MESSAGE_TransferExpired);
    event->transfer_id = row->transfer_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    return &event->base;
}
