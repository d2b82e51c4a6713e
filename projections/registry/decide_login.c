/* SPDX-License-Identifier: Apache-2.0 */
/* How an account comes to be, and how its profile changes. */
#include "projections/registry/decide_login.h"

#include <string.h>

#include "fleetlog/v1/accounts.pb-c.h"

const fl_login_row *fl_login_of(struct fl_deciding *d, const char *account_id)
{
    fl_login_row *row = fl_row_by_id(d->kv, d->arena, FL_TABLE_LOGINS, fl_slice_text(account_id));
    if (row != NULL)
        return row;
    row = fl_arena_alloc(d->arena, sizeof(*row));
    if (row == NULL)
        return NULL;
    fleetlog__rows__v1__login_row__init(row);
    row->account_id = account_id;
    return row;
}

bool fl_totp_step_is_new(struct fl_deciding *d, const fl_login_row *login, uint64_t totp_step)
{
    if (totp_step == 0 || totp_step > login->totp_step)
        return true;
    fl_reject(d, FL_REJECT(WRONG_STATE), "This code has been used; wait for the next one.");
    return false;
}

bool fl_link_fits_thing(struct fl_deciding *d, const char *id)
{
    if (d->actor_kind != FL_ACTOR_LINK || fl_slice_is(d->actor_id, id))
        return true;
    fl_reject(d, FL_REJECT(DENIED), "This link is for something else.");
    return false;
}

static bool is_changed_meanwhile(struct fl_deciding *d, const Fleetlog__V1__PersonRef *ref,
                                 const char *subject_id, uint64_t revision_before)
{
    const fl_subject_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_SUBJECTS, fl_slice_text(subject_id));
    if (row != NULL && row->revision == revision_before && ref->revision > revision_before &&
        strcmp(ref->subject_id, subject_id) == 0)
        return false;
    fl_reject(d, FL_REJECT(STALE), "The profile has been changed meanwhile; try again.");
    return true;
}

bool fl_profile_follows(struct fl_deciding *d, const Fleetlog__V1__PersonRef *ref,
                        const char *subject_id, uint64_t revision_before)
{
    struct fl_person person;
    if (!fl_person_resolve(d, ref, &person))
        return false;
    if (strcmp(person.subject_id, subject_id) != 0) {
        fl_reject(d, FL_REJECT(DENIED), "This is for another address.");
        return false;
    }
    return !is_changed_meanwhile(d, ref, subject_id, revision_before);
}

/* What brings a person here. */
struct bringer {
    const char *id;         /* "": nothing */
    const char *subject_id; /* NULL: there is no such thing */
    bool is_open;
    bool is_expired;
    const char *missing;
    const char *elsewhere;
    const char *over;
};

static void find_share(struct fl_deciding *d, struct bringer *bringer)
{
    const fl_share_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_SHARES, fl_slice_text(bringer->id));
    bringer->missing = "There is no such share.";
    bringer->elsewhere = "This share is for another address.";
    bringer->over = "This share is no longer offered.";
    if (row == NULL)
        return;
    enum fl_share_state state =
        fl_share_state_at(row->state, row->expires_at_ms, row->grant_expires_at_ms, d->now_ms);
    bringer->subject_id = row->subject_id;
    bringer->is_open = state == FL_SHARE_PENDING;
    bringer->is_expired = state == FL_SHARE_EXPIRED;
}

static void find_transfer(struct fl_deciding *d, struct bringer *bringer)
{
    const fl_transfer_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_TRANSFERS, fl_slice_text(bringer->id));
    bringer->missing = "There is no such transfer.";
    bringer->elsewhere = "This transfer is for another address.";
    bringer->over = "This transfer is no longer offered.";
    if (row == NULL)
        return;
    enum fl_transfer_state state = fl_transfer_state_at(row->state, row->expires_at_ms, d->now_ms);
    bringer->subject_id = row->subject_id;
    bringer->is_open = state == FL_TRANSFER_OFFERED;
    bringer->is_expired = state == FL_TRANSFER_EXPIRED;
}

/* The offer that brings a person here: its address signs up, nobody else's. False: rejected. */
static bool fits_offer(struct fl_deciding *d, const Fleetlog__V1__SignUp *action,
                       const struct fl_person *person)
{
    bool is_transfer = action->transfer_id[0] != '\0';
    struct bringer bringer = {.id = is_transfer ? action->transfer_id : action->share_id};
    if (bringer.id[0] == '\0' && d->actor_kind != FL_ACTOR_LINK)
        return true;
    if (is_transfer)
        find_transfer(d, &bringer);
    else
        find_share(d, &bringer);
    if (is_transfer && action->share_id[0] != '\0')
        fl_reject(d, FL_REJECT(INVALID), "A share or a transfer brings somebody here, not both.");
    else if (d->actor_kind != FL_ACTOR_LINK || bringer.subject_id == NULL)
        fl_reject(d, FL_REJECT(NOT_FOUND), bringer.missing);
    else if (!fl_link_fits_thing(d, bringer.id))
        return false;
    else if (strcmp(bringer.subject_id, person->subject_id) != 0)
        fl_reject(d, FL_REJECT(DENIED), bringer.elsewhere);
    else if (bringer.is_expired)
        fl_reject(d, FL_REJECT(EXPIRED), "This offer has expired; ask for a new one.");
    else if (!bringer.is_open)
        fl_reject(d, FL_REJECT(WRONG_STATE), bringer.over);
    else
        return true;
    return false;
}

const ProtobufCMessage *fl_decide_sign_up(struct fl_deciding *d)
{
    const Fleetlog__V1__SignUp *action = (const Fleetlog__V1__SignUp *)d->message;
    struct fl_person person;
    if (!fl_person_resolve(d, action->person, &person) || !fits_offer(d, action, &person))
        return d->answer;
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_SIGN_UPS, fl_slice_text(action->sign_up_id)) !=
            NULL ||
        fl_row_by_id(d->kv, d->arena, FL_TABLE_COMPANIES, fl_slice_text(action->company_id)) !=
            NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is a sign-up or company with this id.");
    Fleetlog__V1__SignUpRequested *event = fl_answer(d, FL_MESSAGE_SignUpRequested);
    event->sign_up_id = action->sign_up_id;
    event->subject_id = person.subject_id;
    event->revision = person.revision;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    event->company_id = action->company_id;
    event->company_name = action->company_name;
    event->expires_at_ms = d->now_ms + d->rules->limits.sign_up_ms;
    event->link_key_generation = action->link_key_generation;
    event->has_account = person.account != NULL;
    event->share_id = action->share_id;
    event->transfer_id = action->transfer_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_confirm_sign_up(struct fl_deciding *d)
{
    const Fleetlog__V1__ConfirmSignUp *action = (const Fleetlog__V1__ConfirmSignUp *)d->message;
    const fl_sign_up_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_SIGN_UPS, fl_slice_text(action->sign_up_id));
    if (!fl_link_fits_thing(d, action->sign_up_id))
        return d->answer;
    if (row == NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such sign-up.");
    if (d->now_ms >= row->expires_at_ms)
        return fl_reject(d, FL_REJECT(EXPIRED), "This link has expired; sign up again.");
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_ACCOUNTS, fl_slice_text(row->subject_id)) != NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "This address has an account already.");
    if (!fl_profile_follows(d, action->person, row->subject_id, action->revision_before))
        return d->answer;
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_COMPANIES, fl_slice_text(row->company_id)) != NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is a company with this id.");
    d->company_id = fl_slice_text(row->company_id);
    Fleetlog__V1__SignUpConfirmed *event = fl_answer(d, FL_MESSAGE_SignUpConfirmed);
    event->sign_up_id = action->sign_up_id;
    event->account_id = row->subject_id;
    event->company_id = row->company_id;
    event->company_name = row->company_name;
    event->role = FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR;
    event->revision = action->person->revision;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    event->share_id = row->share_id;
    event->transfer_id = row->transfer_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_request_password_reset(struct fl_deciding *d)
{
    const Fleetlog__V1__RequestPasswordReset *action =
        (const Fleetlog__V1__RequestPasswordReset *)d->message;
    struct fl_person person;
    if (!fl_person_resolve(d, action->person, &person))
        return d->answer;
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_PASSWORD_RESETS, fl_slice_text(action->reset_id)) !=
        NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is a password reset with this id.");
    Fleetlog__V1__PasswordResetRequested *event = fl_answer(d, FL_MESSAGE_PasswordResetRequested);
    event->reset_id = action->reset_id;
    event->subject_id = person.subject_id;
    event->expires_at_ms = d->now_ms + d->rules->limits.password_reset_ms;
    event->link_key_generation = action->link_key_generation;
    event->has_account = person.account != NULL;
    return &event->base;
}

/* What waits for this link; false: rejected. */
static bool find_link(struct fl_deciding *d, enum fl_registry_table table, const char *id,
                      const fl_account_link_row **row)
{
    *row = fl_row_by_id(d->kv, d->arena, table, fl_slice_text(id));
    if (!fl_link_fits_thing(d, id))
        return false;
    if (*row == NULL)
        fl_reject(d, FL_REJECT(NOT_FOUND), "This link has been used, or replaced by a newer one.");
    else if (d->now_ms >= (*row)->expires_at_ms)
        fl_reject(d, FL_REJECT(EXPIRED), "This link has expired; ask for a new one.");
    else
        return true;
    return false;
}

const ProtobufCMessage *fl_decide_reset_password(struct fl_deciding *d)
{
    const Fleetlog__V1__ResetPassword *action = (const Fleetlog__V1__ResetPassword *)d->message;
    const fl_account_link_row *row;
    if (!find_link(d, FL_TABLE_PASSWORD_RESETS, action->reset_id, &row) ||
        !fl_profile_follows(d, action->person, row->account_id, action->revision_before))
        return d->answer;
    Fleetlog__V1__PasswordReset *event = fl_answer(d, FL_MESSAGE_PasswordReset);
    event->reset_id = action->reset_id;
    event->account_id = row->account_id;
    event->revision = action->person->revision;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    return &event->base;
}

/* Nobody changes another's profile or sessions. False: rejected. */
static bool is_own(struct fl_deciding *d, const char *account_id)
{
    if (strcmp(account_id, d->account->account_id) == 0)
        return true;
    fl_reject(d, FL_REJECT(DENIED), "A profile is changed by its own account only.");
    return false;
}

const ProtobufCMessage *fl_decide_change_profile(struct fl_deciding *d)
{
    const Fleetlog__V1__ChangeProfile *action = (const Fleetlog__V1__ChangeProfile *)d->message;
    const fl_login_row *login = fl_login_of(d, d->account->account_id);
    if (login == NULL)
        return NULL;
    if (!is_own(d, action->account_id) || !fl_totp_step_is_new(d, login, action->totp_step) ||
        !fl_profile_follows(d, action->person, action->account_id, action->revision_before))
        return d->answer;
    bool is_second_factor =
        action->change == FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_SECOND_FACTOR;
    Fleetlog__V1__ProfileChanged *event = fl_answer(d, FL_MESSAGE_ProfileChanged);
    event->account_id = action->account_id;
    event->revision = action->person->revision;
    event->change = action->change;
    event->second_factor = is_second_factor ? action->second_factor : login->second_factor;
    event->totp_step = action->totp_step;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    return &event->base;
}

const ProtobufCMessage *fl_decide_request_address_change(struct fl_deciding *d)
{
    const Fleetlog__V1__RequestAddressChange *action =
        (const Fleetlog__V1__RequestAddressChange *)d->message;
    struct fl_person person;
    if (!is_own(d, action->account_id) || !fl_person_resolve(d, action->person, &person))
        return d->answer;
    if (strcmp(person.subject_id, action->account_id) == 0)
        return fl_reject(d, FL_REJECT(SELF), "This is your address already.");
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_ADDRESS_CHANGES, fl_slice_text(action->change_id)) !=
        NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is a change with this id.");
    /* Nobody learns here who has an account. */
    Fleetlog__V1__AddressChangeRequested *event = fl_answer(d, FL_MESSAGE_AddressChangeRequested);
    event->change_id = action->change_id;
    event->account_id = action->account_id;
    /* The profile that the gateway wrote, even if the address is known: the account is not he. */
    event->subject_id = action->person->subject_id;
    event->revision = action->person->revision;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    event->expires_at_ms = d->now_ms + d->rules->limits.address_change_ms;
    event->link_key_generation = action->link_key_generation;
    event->has_account = person.account != NULL;
    return &event->base;
}

/* One of the indexes is the same. */
static bool is_address(const fl_account_link_row *row, const Fleetlog__V1__PersonRef *ref)
{
    for (size_t i = 0; i < row->n_indexes; i++)
        for (size_t k = 0; k < ref->n_indexes; k++)
            if (row->indexes[i]->epoch == ref->indexes[k]->epoch &&
                row->indexes[i]->index.len == ref->indexes[k]->index.len &&
                memcmp(row->indexes[i]->index.data, ref->indexes[k]->index.data,
                       ref->indexes[k]->index.len) == 0)
                return true;
    return false;
}

const ProtobufCMessage *fl_decide_confirm_address_change(struct fl_deciding *d)
{
    const Fleetlog__V1__ConfirmAddressChange *action =
        (const Fleetlog__V1__ConfirmAddressChange *)d->message;
    const fl_account_link_row *row;
    const char *known;
    if (!find_link(d, FL_TABLE_ADDRESS_CHANGES, action->change_id, &row) ||
        !fl_address_known(d, action->person, &known))
        return d->answer;
    if (!is_address(row, action->person))
        return fl_reject(d, FL_REJECT(DENIED), "This is for another address.");
    if (known != NULL)
        return fl_reject(d, FL_REJECT(EXISTS),
                         "This address has an account, or has been invited or offered something, "
                         "which an account of its own accepts.");
    if (is_changed_meanwhile(d, action->person, row->account_id, action->revision_before))
        return d->answer;
    Fleetlog__V1__AddressChanged *event = fl_answer(d, FL_MESSAGE_AddressChanged);
    event->change_id = action->change_id;
    event->account_id = row->account_id;
    event->revision = action->person->revision;
    event->revision_before = action->revision_before;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    return &event->base;
}
