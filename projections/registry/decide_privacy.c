/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures, epochs, link keys. */
#include "projections/registry/decide_privacy.h"

#include <string.h>

#include "core/keyring.h"
#include "fleetlog/v1/privacy.pb-c.h"
#include "projections/registry/decide_relations.h"

static bool wrong_epoch(struct fl_deciding *d, const char *sentence)
{
    fl_reject(d, FL_REJECT(EPOCH), sentence);
    return false;
}

bool fl_epochs_fit(struct fl_deciding *d, const Fleetlog__V1__PersonRef *ref)
{
    struct fl_epochs epochs;
    bool has_oldest = false;
    fl_registry_epochs(d->kv, d->arena, &epochs);
    for (size_t i = 0; i < ref->n_indexes; i++) {
        uint32_t epoch = ref->indexes[i]->epoch;
        if (epoch < epochs.oldest_open || epoch > epochs.newest)
            return wrong_epoch(d, "The address is indexed under an epoch that is not open; send "
                                  "the request again.");
        has_oldest = has_oldest || epoch == epochs.oldest_open;
    }
    return has_oldest || wrong_epoch(d, "The address is not indexed under the oldest open epoch; "
                                        "send the request again.");
}

/* The person, and whether the actor may have him erased; false: rejected. */
static bool may_erase(struct fl_deciding *d, const Fleetlog__V1__ErasePerson *action)
{
    const fl_subject_row *subject =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_SUBJECTS, fl_slice_text(action->subject_id));
    if (d->account != NULL && strcmp(d->account->account_id, action->subject_id) != 0)
        fl_reject(d, FL_REJECT(DENIED), "An account asks for its own erasure only.");
    else if (action->force && d->account != NULL)
        fl_reject(d, FL_REJECT(DENIED),
                  "Only an operator may leave a company without an "
                  "administrator.");
    else if (subject == NULL)
        fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such person.");
    else if (subject->erased)
        fl_reject(d, FL_REJECT(ERASED), "The erasure of this person was asked for before.");
    else
        return true;
    return false;
}

const ProtobufCMessage *fl_decide_erase_person(struct fl_deciding *d)
{
    const Fleetlog__V1__ErasePerson *action = (const Fleetlog__V1__ErasePerson *)d->message;
    struct fl_ended ended = {0};
    struct fl_relations relations = {0};
    if (!may_erase(d, action))
        return d->answer;
    const fl_account_row *account =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_ACCOUNTS, fl_slice_text(action->subject_id));
    if (account != NULL) {
        const char *reason = fl_stay_reason(d, account, true);
        d->company_id = fl_slice_text(account->company_id);
        if (reason != NULL && !action->force)
            return fl_reject(d, FL_REJECT(WRONG_STATE), reason);
        if (!fl_own_commands_to_end(d, account, &ended))
            return NULL;
    }
    if (!fl_shares_to_end(d, action->subject_id, NULL, true, &ended) ||
        !fl_relations_to_end(d, action->subject_id, &relations, &ended))
        return NULL;
    Fleetlog__V1__ErasureRequested *event = fl_answer(d, FL_MESSAGE_ErasureRequested);
    event->subject_id = action->subject_id;
    event->company_id = account == NULL ? "" : account->company_id;
    event->ended_share_ids = ended.share_ids;
    event->n_ended_share_ids = ended.share_count;
    event->owner_company_ids = ended.owner_ids;
    event->n_owner_company_ids = ended.owner_count;
    event->cancelled_command_ids = ended.cancelled.ids;
    event->n_cancelled_command_ids = ended.cancelled.count;
    event->cancelled_share_ids = relations.shares.ids;
    event->n_cancelled_share_ids = relations.shares.count;
    event->cancelled_invitation_ids = relations.invitations.ids;
    event->n_cancelled_invitation_ids = relations.invitations.count;
    event->cancelled_transfer_ids = relations.transfers.ids;
    event->n_cancelled_transfer_ids = relations.transfers.count;
    event->ended_link_ids = relations.links.ids;
    event->n_ended_link_ids = relations.links.count;
    return &event->base;
}

const ProtobufCMessage *fl_decide_open_epoch(struct fl_deciding *d)
{
    const Fleetlog__V1__OpenEpoch *action = (const Fleetlog__V1__OpenEpoch *)d->message;
    struct fl_epochs epochs;
    fl_registry_epochs(d->kv, d->arena, &epochs);
    if (action->epoch != epochs.newest + 1)
        return fl_rejectf(d, FL_REJECT(EPOCH), "The next epoch is %u.", epochs.newest + 1);
    if (epochs.oldest_open != epochs.newest || epochs.closed != 0)
        return fl_rejectf(d, FL_REJECT(WRONG_STATE),
                          "Epoch %u is not destroyed yet; one change of epochs at a time.",
                          epochs.newest - 1);
    Fleetlog__V1__EpochOpened *event = fl_answer(d, FL_MESSAGE_EpochOpened);
    event->epoch = action->epoch;
    event->sealed_keys = action->sealed_keys;
    return &event->base;
}

/* True if the entry replaces what is in force. */
static bool is_current(struct fl_deciding *d, const Fleetlog__V1__ReindexedPerson *entry,
                       uint32_t epoch)
{
    const fl_subject_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_SUBJECTS, fl_slice_text(entry->subject_id));
    bool is_lost = entry->revision == 0;
    size_t index_size = is_lost ? 0 : FL_ADDRESS_INDEX_SIZE;
    return row != NULL && !row->erased && row->epoch != 0 && row->epoch < epoch &&
           row->revision == entry->revision_before &&
           (is_lost || entry->revision > entry->revision_before) && entry->index.len == index_size;
}

/* True if another person has the index: two addresses that are told apart under one pepper are
 * under every other. */
static bool is_taken(struct fl_deciding *d, Fleetlog__V1__ReindexedPerson *entry, uint32_t epoch)
{
    const fl_subject_row *other =
        entry->revision == 0
            ? NULL
            : fl_registry_subject_by_address(d->kv, d->arena, epoch,
                                             fl_slice_of(entry->index.data, entry->index.len));
    return other != NULL && strcmp(other->subject_id, entry->subject_id) != 0;
}

const ProtobufCMessage *fl_decide_reindex_people(struct fl_deciding *d)
{
    const Fleetlog__V1__ReindexPeople *action = (const Fleetlog__V1__ReindexPeople *)d->message;
    struct fl_epochs epochs;
    size_t count = 0;
    fl_registry_epochs(d->kv, d->arena, &epochs);
    if (action->epoch != epochs.newest || epochs.oldest_open == epochs.newest)
        return fl_rejectf(d, FL_REJECT(EPOCH), "People are not being moved to epoch %u.",
                          action->epoch);
    Fleetlog__V1__ReindexedPerson **people =
        fl_arena_calloc(d->arena, action->n_people, sizeof(*people));
    if (people == NULL)
        return NULL;
    for (size_t i = 0; i < action->n_people; i++)
        if (is_current(d, action->people[i], action->epoch) &&
            !is_taken(d, action->people[i], action->epoch))
            people[count++] = action->people[i];
    if (count == 0)
        return fl_reject(d, FL_REJECT(STALE), "None of these profiles is in force any more.");
    Fleetlog__V1__PeopleReindexed *event = fl_answer(d, FL_MESSAGE_PeopleReindexed);
    event->epoch = action->epoch;
    event->people = people;
    event->n_people = count;
    return &event->base;
}

const ProtobufCMessage *fl_decide_confirm_epoch(struct fl_deciding *d)
{
    const Fleetlog__V1__ConfirmEpoch *action = (const Fleetlog__V1__ConfirmEpoch *)d->message;
    bool is_stored = action->what == FLEETLOG__V1__EPOCH_CONFIRMATION__EPOCH_CONFIRMATION_STORED;
    const fl_epoch_row *row = fl_registry_epoch(d->kv, d->arena, action->epoch);
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_NODES, d->actor_id) == NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "This node is not on record.");
    if (row == NULL || row->state != (is_stored ? FL_EPOCH_OPEN : FL_EPOCH_CLOSED))
        return fl_rejectf(d, FL_REJECT(EPOCH), "Epoch %u is not %s.", action->epoch,
                          is_stored ? "open" : "closed");
    size_t count = is_stored ? row->n_stored_node_ids : row->n_destroyed_node_ids;
    const char **ids = is_stored ? row->stored_node_ids : row->destroyed_node_ids;
    for (size_t i = 0; i < count; i++)
        if (fl_slice_is(d->actor_id, ids[i]))
            return fl_reject(d, FL_REJECT(STALE), "This node has confirmed that before.");
    Fleetlog__V1__EpochConfirmed *event = fl_answer(d, FL_MESSAGE_EpochConfirmed);
    event->epoch = action->epoch;
    event->node_id = fl_arena_text(d->arena, d->actor_id);
    event->what = action->what;
    return event->node_id == NULL ? NULL : &event->base;
}

const ProtobufCMessage *fl_decide_close_epoch(struct fl_deciding *d)
{
    const Fleetlog__V1__CloseEpoch *action = (const Fleetlog__V1__CloseEpoch *)d->message;
    struct fl_epochs epochs;
    char subject_id[FL_ID_TEXT_SIZE];
    fl_registry_epochs(d->kv, d->arena, &epochs);
    if (epochs.oldest_open == epochs.newest || action->epoch != epochs.oldest_open)
        return fl_rejectf(d, FL_REJECT(EPOCH), "Epoch %u cannot be closed now.", action->epoch);
    const fl_epoch_row *newest = fl_registry_epoch(d->kv, d->arena, epochs.newest);
    if (newest == NULL)
        return NULL;
    const fl_node_row *node = fl_registry_node_missing(d->kv, d->arena, newest->stored_node_ids,
                                                       newest->n_stored_node_ids);
    if (node != NULL)
        return fl_rejectf(d, FL_REJECT(WRONG_STATE),
                          "Node %s has not confirmed that it holds epoch %u.", node->node_id,
                          epochs.newest);
    if (fl_registry_person_of_epoch(d->kv, action->epoch, NULL, subject_id))
        return fl_rejectf(d, FL_REJECT(WRONG_STATE), "Person %s is still of epoch %u.", subject_id,
                          action->epoch);
    Fleetlog__V1__EpochClosed *event = fl_answer(d, FL_MESSAGE_EpochClosed);
    event->epoch = action->epoch;
    return &event->base;
}

const ProtobufCMessage *fl_decide_finish_erasure(struct fl_deciding *d)
{
    const Fleetlog__V1__FinishErasure *action = (const Fleetlog__V1__FinishErasure *)d->message;
    const fl_erasure_row *row =
        fl_registry_erasure(d->kv, d->arena, fl_slice_text(action->subject_id));
    if (row == NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "Nobody asked for this erasure.");
    if (row->done)
        return fl_reject(d, FL_REJECT(STALE), "This person is erased already.");
    const fl_epoch_row *epoch = fl_registry_epoch(d->kv, d->arena, row->epoch);
    if (epoch == NULL || epoch->state != FL_EPOCH_DESTROYED)
        return fl_rejectf(d, FL_REJECT(WRONG_STATE), "Epoch %u is not destroyed yet.", row->epoch);
    Fleetlog__V1__PersonErased *event = fl_answer(d, FL_MESSAGE_PersonErased);
    event->subject_id = action->subject_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_rotate_link_key(struct fl_deciding *d)
{
    const Fleetlog__V1__RotateLinkKey *action = (const Fleetlog__V1__RotateLinkKey *)d->message;
    struct fl_epochs epochs;
    uint32_t newest = fl_registry_link_generation(d->kv);
    fl_registry_epochs(d->kv, d->arena, &epochs);
    if (newest >= FL_KEYRING_LINK_COUNT_MAX)
        return fl_rejectf(d, FL_REJECT(LIMIT), "A keyring holds %d link keys.",
                          FL_KEYRING_LINK_COUNT_MAX);
    if (action->generation != newest + 1)
        return fl_rejectf(d, FL_REJECT(STALE), "The next generation is %u.", newest + 1);
    if (action->epoch < epochs.oldest_open || action->epoch > epochs.newest)
        return fl_rejectf(d, FL_REJECT(EPOCH), "Epoch %u is not open.", action->epoch);
    Fleetlog__V1__LinkKeyRotated *event = fl_answer(d, FL_MESSAGE_LinkKeyRotated);
    event->generation = action->generation;
    event->epoch = action->epoch;
    event->sealed_key = action->sealed_key;
    return &event->base;
}
