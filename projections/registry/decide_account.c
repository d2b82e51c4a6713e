/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in their company: invitations answered, roles, leaving. */
#include <string.h>

#include "core/limits.h"
#include "projections/registry/decide_login.h"
#include "projections/registry/decide_privacy.h"

enum { LISTED_COUNT_MAX = FL_DEVICE_COUNT_PER_ACTION_MAX };

static bool is_listed(const char *const *ids, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(ids[i], id) == 0)
            return true;
    return false;
}

/* Room for the lists, once. */
static bool begin_ended(struct fl_deciding *d, struct fl_ended *ended)
{
    if (ended->share_ids != NULL)
        return true;
    ended->share_ids = fl_arena_calloc(d->arena, LISTED_COUNT_MAX, sizeof(*ended->share_ids));
    ended->owner_ids = fl_arena_calloc(d->arena, LISTED_COUNT_MAX, sizeof(*ended->owner_ids));
    ended->device_ids = fl_arena_calloc(d->arena, LISTED_COUNT_MAX, sizeof(*ended->device_ids));
    return !d->arena->exhausted;
}

static void list_share(struct fl_ended *ended, const fl_share_row *share)
{
    ended->device_count_all += share->device_count;
    if (ended->share_count == LISTED_COUNT_MAX)
        return;
    ended->share_ids[ended->share_count++] = share->share_id;
    if (!is_listed(ended->owner_ids, ended->owner_count, share->company_id))
        ended->owner_ids[ended->owner_count++] = share->company_id;
}

/* Devices whose ids end the keys of a list: the account's commands on them (NULL: none), and
 * themselves. A command that no longer fits into the event is cancelled when its agent asks. */
static bool list_devices(struct fl_deciding *d, const struct fl_key *list, const char *account_id,
                         bool with_devices, struct fl_ended *ended)
{
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(list));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        if (account_id != NULL && ended->cancelled.count < LISTED_COUNT_MAX &&
            !fl_commands_to_cancel(d, id, account_id, &ended->cancelled))
            return false;
        if (with_devices && ended->device_count < LISTED_COUNT_MAX)
            ended->device_ids[ended->device_count++] = fl_arena_text(d->arena, fl_slice_text(id));
    }
    return !d->arena->exhausted;
}

bool fl_shares_to_end(struct fl_deciding *d, const char *subject_id, const char *owner_id,
                      bool cancels, struct fl_ended *ended)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    if (!begin_ended(d, ended))
        return false;
    fl_key_list(&key, FL_INDEX_PERSON_SHARES, fl_slice_text(subject_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        const fl_share_row *share =
            fl_row_by_id(d->kv, d->arena, FL_TABLE_SHARES, fl_slice_text(id));
        if (share == NULL)
            return false;
        if (share->state != FL_SHARE_ACCEPTED ||
            (owner_id != NULL && strcmp(share->company_id, owner_id) != 0))
            continue;
        list_share(ended, share);
        fl_key_list(&key, FL_INDEX_SHARE_DEVICES, fl_slice_text(id));
        if (!list_devices(d, &key, cancels ? subject_id : NULL, true, ended))
            return false;
    }
    return true;
}

bool fl_own_commands_to_end(struct fl_deciding *d, const fl_account_row *account,
                            struct fl_ended *ended)
{
    struct fl_key key;
    fl_key_list(&key, FL_INDEX_COMPANY_DEVICES, fl_slice_text(account->company_id));
    return begin_ended(d, ended) && list_devices(d, &key, account->account_id, false, ended);
}

static bool has_devices(struct fl_deciding *d, const char *company_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    fl_key_list(&key, FL_INDEX_COMPANY_DEVICES, fl_slice_text(company_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    return fl_kv_walk_next(&walk);
}

const char *fl_stay_reason(struct fl_deciding *d, const fl_account_row *account, bool leaves)
{
    static const char needs_administrator[] =
        "A company keeps at least one administrator; make a co-worker one first.";
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    bool is_alone = true;
    if (account->role != FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR)
        return NULL;
    fl_key_list(&key, FL_INDEX_COMPANY_ACCOUNTS, fl_slice_text(account->company_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        const fl_account_row *other =
            fl_row_by_id(d->kv, d->arena, FL_TABLE_ACCOUNTS, fl_slice_text(id));
        if (other == NULL || strcmp(id, account->account_id) == 0)
            continue;
        if (other->role == FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR)
            return NULL;
        is_alone = false;
    }
    if (!leaves || !is_alone)
        return needs_administrator;
    /* Who leaves nothing and nobody behind takes nothing from anybody. */
    return has_devices(d, account->company_id)
               ? "This company owns devices and would have no administrator; delete them first."
               : NULL;
}

/* An outstanding invitation of the acting administrator's company; false: rejected. */
static bool own_invitation(struct fl_deciding *d, const char *id,
                           const fl_invitation_row **invitation)
{
    const fl_invitation_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_INVITATIONS, fl_slice_text(id));
    if (!fl_company_right(d, FL_RIGHT_MANAGE))
        return false;
    if (row == NULL || strcmp(row->company_id, d->account->company_id) != 0) {
        fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such invitation.");
        return false;
    }
    enum fl_invitation_state state =
        fl_invitation_state_at(row->state, row->expires_at_ms, d->now_ms);
    *invitation = row;
    if (state == FL_INVITATION_EXPIRED)
        fl_reject(d, FL_REJECT(EXPIRED), "This invitation has expired; invite this person anew.");
    else if (state != FL_INVITATION_OUTSTANDING)
        fl_rejectf(d, FL_REJECT(WRONG_STATE), "This invitation has been %s already.",
                   fl_sm_name(&fl_invitation_machine, state));
    return state == FL_INVITATION_OUTSTANDING;
}

const ProtobufCMessage *fl_decide_cancel_invitation(struct fl_deciding *d)
{
    const Fleetlog__V1__CancelInvitation *action =
        (const Fleetlog__V1__CancelInvitation *)d->message;
    const fl_invitation_row *invitation;
    if (!own_invitation(d, action->invitation_id, &invitation))
        return d->answer;
    Fleetlog__V1__InvitationCancelled *event = fl_answer(d, FL_MESSAGE_InvitationCancelled);
    event->invitation_id = action->invitation_id;
    event->company_id = invitation->company_id;
    event->subject_id = invitation->subject_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_resend_invitation(struct fl_deciding *d)
{
    const Fleetlog__V1__ResendInvitation *action =
        (const Fleetlog__V1__ResendInvitation *)d->message;
    const fl_invitation_row *invitation;
    if (!own_invitation(d, action->invitation_id, &invitation))
        return d->answer;
    Fleetlog__V1__InvitationResent *event = fl_answer(d, FL_MESSAGE_InvitationResent);
    event->invitation_id = action->invitation_id;
    event->company_id = invitation->company_id;
    event->subject_id = invitation->subject_id;
    event->expires_at_ms = d->now_ms + d->rules->limits.invitation_ms;
    event->link_key_generation = action->link_key_generation;
    return &event->base;
}

/* The open invitation of whoever acts; the operator without an account acts for somebody new. */
static bool my_invitation(struct fl_deciding *d, const char *id, const fl_invitation_row **mine)
{
    const fl_invitation_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_INVITATIONS, fl_slice_text(id));
    struct fl_slice who = d->actor_kind == FL_ACTOR_ACCOUNT ? d->actor_id : d->action.on_behalf_of;
    if (!fl_link_fits_thing(d, id))
        return false;
    if (row == NULL || (who.data != NULL && !fl_slice_is(who, row->subject_id))) {
        fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such invitation.");
        return false;
    }
    *mine = row;
    switch (fl_invitation_state_at(row->state, row->expires_at_ms, d->now_ms)) {
    case FL_INVITATION_OUTSTANDING:
        return true;
    case FL_INVITATION_EXPIRED:
        fl_reject(d, FL_REJECT(EXPIRED), "This invitation has expired; ask for a new one.");
        return false;
    case FL_INVITATION_ACCEPTED:
        fl_reject(d, FL_REJECT(WRONG_STATE), "This invitation has been accepted already.");
        return false;
    case FL_INVITATION_CANCELLED:
    case FL_INVITATION_NONE:
    case FL_INVITATION_STATE_COUNT:
        break;
    }
    fl_reject(d, FL_REJECT(WRONG_STATE), "This invitation has been cancelled.");
    return false;
}

/* Whether somebody who belongs to a company already may come; false: rejected. */
static bool may_move(struct fl_deciding *d, const fl_account_row *account, bool is_wanted)
{
    if (d->account == NULL) {
        fl_reject(d, FL_REJECT(DENIED),
                  "This address has an account already; accept the invitation signed in.");
        return false;
    }
    if (!is_wanted) {
        fl_reject(d, FL_REJECT(EXISTS),
                  "You belong to another company. Accepting the invitation means leaving it.");
        return false;
    }
    const char *reason = fl_stay_reason(d, account, true);
    if (reason != NULL)
        fl_reject(d, FL_REJECT(WRONG_STATE), reason);
    return reason == NULL;
}

/* Who comes by the link has chosen a password: it stands in a profile that follows the invited one.
 */
static bool has_own_profile(struct fl_deciding *d, const Fleetlog__V1__PersonRef *ref,
                            const fl_invitation_row *invitation)
{
    const fl_subject_row *subject =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_SUBJECTS, fl_slice_text(invitation->subject_id));
    if (ref == NULL)
        fl_reject(d, FL_REJECT(INVALID), "The request names no person.");
    else if (subject == NULL || strcmp(ref->subject_id, subject->subject_id) != 0 ||
             ref->revision <= subject->revision)
        fl_reject(d, FL_REJECT(STALE), "The profile has been changed meanwhile; try again.");
    else
        return true;
    return false;
}

const ProtobufCMessage *fl_decide_accept_invitation(struct fl_deciding *d)
{
    const Fleetlog__V1__AcceptInvitation *action =
        (const Fleetlog__V1__AcceptInvitation *)d->message;
    const fl_invitation_row *invitation;
    struct fl_ended ended = {0};
    struct fl_person person = {0};
    /* A refusal is nobody else's business: not the present company's, not the inviting one's. */
    d->company_id = FL_SLICE_NULL;
    if (!my_invitation(d, action->invitation_id, &invitation) ||
        (action->person != NULL && !fl_person_resolve(d, action->person, &person)))
        return d->answer;
    if (action->person != NULL && strcmp(person.subject_id, invitation->subject_id) != 0)
        return fl_reject(d, FL_REJECT(DENIED), "This invitation is for another address.");
    if (d->actor_kind == FL_ACTOR_LINK && !has_own_profile(d, action->person, invitation))
        return d->answer;
    struct fl_slice subject_id = fl_slice_text(invitation->subject_id);
    const fl_subject_row *subject = fl_row_by_id(d->kv, d->arena, FL_TABLE_SUBJECTS, subject_id);
    const fl_account_row *account = fl_row_by_id(d->kv, d->arena, FL_TABLE_ACCOUNTS, subject_id);
    if (account != NULL && !may_move(d, account, action->move))
        return d->answer;
    if (subject == NULL)
        fl_kv_fail(d->kv, FL_CORRUPT);
    else if (subject->erased)
        return fl_reject(d, FL_REJECT(ERASED), "This invitation was for somebody who is erased.");
    if (subject == NULL ||
        (account != NULL &&
         (!fl_shares_to_end(d, account->account_id, invitation->company_id, false, &ended) ||
          !fl_own_commands_to_end(d, account, &ended))))
        return NULL;
    d->company_id = fl_slice_text(invitation->company_id);
    Fleetlog__V1__InvitationAccepted *event = fl_answer(d, FL_MESSAGE_InvitationAccepted);
    event->invitation_id = action->invitation_id;
    event->company_id = invitation->company_id;
    event->account_id = invitation->subject_id;
    event->role = FLEETLOG__V1__ROLE__ROLE_MEMBER;
    event->revision = action->person != NULL ? person.revision : subject->revision;
    event->indexes = action->person != NULL ? action->person->indexes : NULL;
    event->n_indexes = action->person != NULL ? action->person->n_indexes : 0;
    event->company_id_before = account != NULL ? account->company_id : "";
    event->ended_share_ids = ended.share_ids;
    event->n_ended_share_ids = ended.share_count;
    event->cancelled_command_ids = ended.cancelled.ids;
    event->n_cancelled_command_ids = ended.cancelled.count;
    return &event->base;
}

/* A co-worker of the acting administrator; false: rejected. */
static bool coworker(struct fl_deciding *d, const char *account_id, const fl_account_row **row)
{
    if (!fl_company_right(d, FL_RIGHT_MANAGE))
        return false;
    *row = fl_row_by_id(d->kv, d->arena, FL_TABLE_ACCOUNTS, fl_slice_text(account_id));
    if (fl_relation_to_company(*row, d->account->company_id) != FL_RELATION_STRANGER)
        return true;
    fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such co-worker.");
    return false;
}

const ProtobufCMessage *fl_decide_change_role(struct fl_deciding *d)
{
    const Fleetlog__V1__ChangeRole *action = (const Fleetlog__V1__ChangeRole *)d->message;
    const fl_account_row *row;
    if (!coworker(d, action->account_id, &row))
        return d->answer;
    if (row->role == action->role)
        return fl_reject(d, FL_REJECT(WRONG_STATE), "This co-worker has this role already.");
    const char *reason = fl_stay_reason(d, row, false);
    if (reason != NULL)
        return fl_reject(d, FL_REJECT(WRONG_STATE), reason);
    Fleetlog__V1__RoleChanged *event = fl_answer(d, FL_MESSAGE_RoleChanged);
    event->account_id = action->account_id;
    event->company_id = row->company_id;
    event->role = action->role;
    event->role_before = row->role;
    return &event->base;
}

bool fl_everything_to_end(struct fl_deciding *d, const fl_account_row *account,
                          struct fl_ended *ended)
{
    return fl_shares_to_end(d, account->account_id, NULL, true, ended) &&
           fl_own_commands_to_end(d, account, ended);
}

const ProtobufCMessage *fl_decide_remove_coworker(struct fl_deciding *d)
{
    const Fleetlog__V1__RemoveCoworker *action = (const Fleetlog__V1__RemoveCoworker *)d->message;
    const fl_account_row *row;
    struct fl_ended ended = {0};
    if (!coworker(d, action->account_id, &row))
        return d->answer;
    if (strcmp(row->account_id, d->account->account_id) == 0)
        return fl_reject(d, FL_REJECT(SELF),
                         "You cannot remove yourself; close your account instead.");
    if (!fl_everything_to_end(d, row, &ended))
        return NULL;
    Fleetlog__V1__CoworkerRemoved *event = fl_answer(d, FL_MESSAGE_CoworkerRemoved);
    event->account_id = action->account_id;
    event->company_id = row->company_id;
    event->ended_share_ids = ended.share_ids;
    event->n_ended_share_ids = ended.share_count;
    event->owner_company_ids = ended.owner_ids;
    event->n_owner_company_ids = ended.owner_count;
    event->cancelled_command_ids = ended.cancelled.ids;
    event->n_cancelled_command_ids = ended.cancelled.count;
    return &event->base;
}

const ProtobufCMessage *fl_decide_close_account(struct fl_deciding *d)
{
    const Fleetlog__V1__CloseAccount *action = (const Fleetlog__V1__CloseAccount *)d->message;
    struct fl_ended ended = {0};
    if (strcmp(action->account_id, d->account->account_id) != 0)
        return fl_reject(d, FL_REJECT(DENIED), "An account is closed by itself only.");
    const char *reason = fl_stay_reason(d, d->account, true);
    if (reason != NULL)
        return fl_reject(d, FL_REJECT(WRONG_STATE), reason);
    if (!fl_everything_to_end(d, d->account, &ended))
        return NULL;
    Fleetlog__V1__AccountClosed *event = fl_answer(d, FL_MESSAGE_AccountClosed);
    event->account_id = action->account_id;
    event->company_id = d->account->company_id;
    event->ended_share_ids = ended.share_ids;
    event->n_ended_share_ids = ended.share_count;
    event->owner_company_ids = ended.owner_ids;
    event->n_owner_company_ids = ended.owner_count;
    event->cancelled_command_ids = ended.cancelled.ids;
    event->n_cancelled_command_ids = ended.cancelled.count;
    return &event->base;
}

const ProtobufCMessage *fl_decide_remove_shared_devices(struct fl_deciding *d)
{
    const Fleetlog__V1__RemoveSharedDevices *action =
        (const Fleetlog__V1__RemoveSharedDevices *)d->message;
    const char *account_id = d->account->account_id;
    struct fl_ended ended = {0};
    if (!fl_shares_to_end(d, account_id, action->company_id, true, &ended))
        return NULL;
    if (ended.share_count == 0)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "This owner shares no devices with you.");
    d->company_id = fl_slice_text(action->company_id);
    Fleetlog__V1__SharedDevicesRemoved *event = fl_answer(d, FL_MESSAGE_SharedDevicesRemoved);
    event->company_id = action->company_id;
    event->account_id = account_id;
    event->ended_share_ids = ended.share_ids;
    event->n_ended_share_ids = ended.share_count;
    event->device_ids = ended.device_ids;
    event->n_device_ids = ended.device_count;
    event->device_count = ended.device_count_all;
    event->cancelled_command_ids = ended.cancelled.ids;
    event->n_cancelled_command_ids = ended.cancelled.count;
    return &event->base;
}
