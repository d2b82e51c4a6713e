/* SPDX-License-Identifier: Apache-2.0 */
/* Shares: a person outside the owner company gets devices to look after. */
#include <string.h>

#include "projections/registry/decide_due.h"

/* Offers and holdings of a device that count at this time; `mine` tells whether the person has one
 * of them. */
static uint32_t count_grants(struct fl_deciding *d, const char *device_id, const char *subject_id,
                             bool *mine)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    uint32_t count = 0;
    char holder[FL_ID_TEXT_SIZE];
    *mine = false;
    fl_key_begin(&key);
    fl_key_id_text(&key, device_id);
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_GRANTS, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        const fl_grant_row *grant = fl_row_decode(d->kv, d->arena, FL_TABLE_GRANTS, walk.value);
        if (grant == NULL || (grant->expires_at_ms != 0 && d->now_ms >= grant->expires_at_ms))
            continue;
        count++;
        fl_key_tail_id(walk.key, holder);
        if (strcmp(holder, subject_id) == 0)
            *mine = true;
    }
    return count;
}

/* Why this device cannot be shared with that person; NULL: it can. */
static const char *share_refusal(struct fl_deciding *d, const char *device_id,
                                 const char *subject_id, Fleetlog__V1__RejectionCode *code)
{
    bool mine;
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
    if (!fl_relation_may(relation, FL_RIGHT_SHARE))
        return "Only the owner company may share this device.";
    uint32_t count = count_grants(d, device_id, subject_id, &mine);
    *code = FL_REJECT(EXISTS);
    if (mine)
        return "This device has already been shared with this person.";
    *code = FL_REJECT(LIMIT);
    if (count >= d->rules->limits.shares_per_device_max)
        return fl_arena_printf(d->arena,
                               "This device is shared with %u people already, offers counted; "
                               "revoke one first.",
                               count);
    return NULL;
}

const ProtobufCMessage *fl_decide_share_devices(struct fl_deciding *d)
{
    const Fleetlog__V1__ShareDevices *action = (const Fleetlog__V1__ShareDevices *)d->message;
    struct fl_slice id = fl_slice_text(action->share_id);
    struct fl_person person;
    struct fl_items items;
    if (action->n_device_ids > d->rules->limits.devices_per_action_max)
        return fl_rejectf(d, FL_REJECT(LIMIT), "At most %u devices can be shared at once.",
                          d->rules->limits.devices_per_action_max);
    if (action->grant_expires_at_ms != 0 && action->grant_expires_at_ms <= d->now_ms)
        return fl_reject(d, FL_REJECT(EXPIRED), "The share would have ended already.");
    if (!fl_person_resolve(d, action->person, &person))
        return d->answer;
    if (strcmp(person.subject_id, d->account->account_id) == 0)
        return fl_reject(d, FL_REJECT(SELF), "You cannot share a device with yourself.");
    if (fl_relation_to_company(person.account, d->account->company_id) != FL_RELATION_STRANGER)
        return fl_reject(d, FL_REJECT(SELF),
                         "This person belongs to your company and sees its devices already.");
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_SHARES, id) != NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is a share with this id.");
    if (!fl_items_begin(d, &items, action->n_device_ids))
        return NULL;
    for (size_t i = 0; i < action->n_device_ids; i++) {
        Fleetlog__V1__RejectionCode code;
        const char *why = share_refusal(d, action->device_ids[i], person.subject_id, &code);
        if (why != NULL)
            fl_items_add(d, &items, action->device_ids[i], code, why);
    }
    if (items.count != 0)
        return fl_reject_items(d, &items, action->n_device_ids, "shared");
    Fleetlog__V1__DevicesShared *event = fl_answer(d, FL_MESSAGE_DevicesShared);
    event->share_id = action->share_id;
    event->company_id = d->account->company_id;
    event->device_ids = action->device_ids;
    event->n_device_ids = action->n_device_ids;
    event->subject_id = person.subject_id;
    event->revision = person.revision;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    event->expires_at_ms = d->now_ms + d->rules->limits.share_offer_ms;
    event->grant_expires_at_ms = action->grant_expires_at_ms;
    if (event->grant_expires_at_ms != 0 && event->expires_at_ms > event->grant_expires_at_ms)
        event->expires_at_ms = event->grant_expires_at_ms;
    event->link_key_generation = action->link_key_generation;
    return &event->base;
}

/* The share that an account takes part in, as owner or as holder; false: rejected. */
static bool find_share(struct fl_deciding *d, const char *share_id, fl_share_row **share,
                       bool *is_holder)
{
    fl_share_row *row = fl_row_by_id(d->kv, d->arena, FL_TABLE_SHARES, fl_slice_text(share_id));
    bool is_owner =
        row != NULL && fl_relation_to_company(d->account, row->company_id) != FL_RELATION_STRANGER;
    *is_holder = row != NULL && strcmp(row->subject_id, d->account->account_id) == 0;
    if (!is_owner && !*is_holder) {
        fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such share.");
        return false;
    }
    d->company_id = fl_slice_text(row->company_id);
    *share = row;
    return true;
}

static enum fl_share_state state_now(struct fl_deciding *d, const fl_share_row *share)
{
    return fl_share_state_at(share->state, share->expires_at_ms, share->grant_expires_at_ms,
                             d->now_ms);
}

bool fl_devices_of_share(struct fl_deciding *d, const fl_share_row *share, const char ***ids,
                         size_t *count)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    *count = 0;
    *ids = fl_arena_calloc(d->arena, (size_t)share->device_count + 1, sizeof(**ids));
    if (*ids == NULL)
        return false;
    fl_key_list(&key, FL_INDEX_SHARE_DEVICES, fl_slice_text(share->share_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (*count < share->device_count && fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        (*ids)[(*count)++] = fl_arena_text(d->arena, fl_slice_text(id));
    }
    return !d->arena->exhausted;
}

const ProtobufCMessage *fl_decide_accept_share(struct fl_deciding *d)
{
    const Fleetlog__V1__AcceptShare *action = (const Fleetlog__V1__AcceptShare *)d->message;
    fl_share_row *share;
    bool is_holder;
    const char **device_ids;
    size_t device_count;
    if (!find_share(d, action->share_id, &share, &is_holder))
        return d->answer;
    if (fl_relation_to_company(d->account, share->company_id) != FL_RELATION_STRANGER)
        return fl_reject(d, FL_REJECT(SELF), "Your own company shared these devices.");
    switch (state_now(d, share)) {
    case FL_SHARE_PENDING:
        break;
    case FL_SHARE_EXPIRED:
        return fl_reject(d, FL_REJECT(EXPIRED),
                         share->accepted_at_ms == 0 ? "This offer has expired; ask for a new one."
                                                    : "This share has ended; ask for a new one.");
    case FL_SHARE_ACCEPTED:
        return fl_reject(d, FL_REJECT(WRONG_STATE), "You have accepted this share already.");
    case FL_SHARE_REVOKED:
    case FL_SHARE_NONE:
    case FL_SHARE_STATE_COUNT:
        return fl_reject(d, FL_REJECT(WRONG_STATE), "This share has been revoked.");
    }
    if (!fl_devices_of_share(d, share, &device_ids, &device_count))
        return NULL;
    Fleetlog__V1__ShareAccepted *event = fl_answer(d, FL_MESSAGE_ShareAccepted);
    event->share_id = action->share_id;
    event->company_id = share->company_id;
    event->account_id = d->account->account_id;
    event->device_ids = device_ids;
    event->n_device_ids = device_count;
    return &event->base;
}

/* The devices that an action takes out of a share; false: rejected. */
static bool devices_to_revoke(struct fl_deciding *d, const Fleetlog__V1__RevokeShare *action,
                              const fl_share_row *share, const char ***ids, size_t *count)
{
    struct fl_items items;
    if (action->n_device_ids == 0)
        return fl_devices_of_share(d, share, ids, count);
    if (!fl_items_begin(d, &items, action->n_device_ids))
        return false;
    for (size_t i = 0; i < action->n_device_ids; i++) {
        struct fl_key key;
        struct fl_slice value;
        fl_key_pair(&key, FL_INDEX_SHARE_DEVICES, share->share_id, action->device_ids[i]);
        if (!fl_kv_get(d->kv, FL_TABLE_INDEX, fl_key_slice(&key), &value))
            fl_items_add(d, &items, action->device_ids[i], FL_REJECT(NOT_FOUND),
                         "This device is not part of the share.");
    }
    *ids = action->device_ids;
    *count = action->n_device_ids;
    if (items.count != 0)
        fl_reject_items(d, &items, action->n_device_ids, "revoked");
    return items.count == 0 && !d->arena->exhausted;
}

const ProtobufCMessage *fl_decide_revoke_share(struct fl_deciding *d)
{
    const Fleetlog__V1__RevokeShare *action = (const Fleetlog__V1__RevokeShare *)d->message;
    fl_share_row *share;
    bool is_holder;
    const char **device_ids = NULL;
    size_t device_count = 0;
    struct fl_cancelled cancelled = {0};
    if (!find_share(d, action->share_id, &share, &is_holder))
        return d->answer;
    enum fl_relation relation =
        is_holder ? FL_RELATION_SHARED : fl_relation_to_company(d->account, share->company_id);
    if (!fl_relation_may(relation, is_holder ? FL_RIGHT_DROP : FL_RIGHT_SHARE))
        return fl_reject(d, FL_REJECT(DENIED), "Your role does not allow you to revoke a share.");
    switch (state_now(d, share)) {
    case FL_SHARE_PENDING:
    case FL_SHARE_ACCEPTED:
        break;
    case FL_SHARE_EXPIRED:
        return fl_reject(d, FL_REJECT(WRONG_STATE),
                         share->accepted_at_ms == 0 ? "This offer has expired already."
                                                    : "This share has ended already.");
    case FL_SHARE_REVOKED:
    case FL_SHARE_NONE:
    case FL_SHARE_STATE_COUNT:
        return fl_reject(d, FL_REJECT(WRONG_STATE), "This share has been revoked already.");
    }
    if (!devices_to_revoke(d, action, share, &device_ids, &device_count))
        return d->answer;
    for (size_t i = 0; i < device_count; i++)
        if (!fl_commands_to_cancel(d, device_ids[i], share->subject_id, &cancelled))
            return d->answer;
    Fleetlog__V1__ShareRevoked *event = fl_answer(d, FL_MESSAGE_ShareRevoked);
    event->share_id = action->share_id;
    event->company_id = share->company_id;
    event->subject_id = share->subject_id;
    event->device_ids = device_ids;
    event->n_device_ids = device_count;
    event->by_holder = is_holder;
    event->cancelled_command_ids = cancelled.ids;
    event->n_cancelled_command_ids = cancelled.count;
    return &event->base;
}
