/* SPDX-License-Identifier: Apache-2.0 */
/* What people without a session do: sign up, confirm, reset a password. */
#include <string.h>

#include "core/address.h"
#include "producers/gateway/account.h"

void fl_call_answer_mailed(struct call *call, bool is_operator, json_t *take_link)
{
    json_t *json = is_operator ? take_link : json_object();
    if (!is_operator)
        json_decref(take_link);
    json_object_set_new(json, "title", json_string("Check your mail"));
    json_object_set_new(json, "message",
                        json_string("If this address can be used, a mail with a link is on its "
                                    "way to it."));
    fl_call_answer(call, 200, json);
}

bool fl_call_may_mail(struct call *call, const char *given)
{
    char address[FL_ADDRESS_TEXT_SIZE];
    struct fl_throttle *mails = call->gateway->sign_in->mails;
    if (fl_address_normalise(fl_slice_text(given), address) != FL_OK) {
        fl_call_problem(call, 422, "address: not an e-mail address", NULL, "address");
        return false;
    }
    if (!fl_call_is_slowed(call, mails, address))
        return false;
    fl_throttle_fail(mails, fl_slice_text(address), fl_call_source(call));
    return true;
}

static uint32_t share_generation(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    const fl_share_row *row = fl_registry_share(kv, arena, id);
    return row == NULL ? 0 : row->link_key_generation;
}

static uint32_t transfer_generation(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    const fl_transfer_row *row = fl_registry_transfer(kv, arena, id);
    return row == NULL ? 0 : row->link_key_generation;
}

static const char *offered_to(struct call *call, struct fl_kv *kv, const char *id, bool is_transfer)
{
    if (is_transfer) {
        const fl_transfer_row *row = fl_registry_transfer(kv, &call->arena, fl_slice_text(id));
        return row == NULL ? "" : row->subject_id;
    }
    const fl_share_row *row = fl_registry_share(kv, &call->arena, fl_slice_text(id));
    return row == NULL ? "" : row->subject_id;
}

/* The address that a share or a transfer was offered to, by its link, who acts from here on; NULL
 * after answering. */
static const char *offered_address(struct call *call, const char *token, bool is_transfer,
                                   const char **id)
{
    struct fl_store_read read = {.kv = NULL};
    const Fleetlog__V1__Profile *profile = NULL;
    uint64_t revision;
    *id = is_transfer ? fl_call_check_link(call, FL_LINK_TRANSFER, token, transfer_generation)
                      : fl_call_check_link(call, FL_LINK_SHARE, token, share_generation);
    if (*id == NULL || !fl_call_read_begin(call, call->gateway->registry, &read))
        return NULL;
    const char *subject_id = offered_to(call, read.kv, *id, is_transfer);
    if (!fl_call_read_end(call, &read) || !fl_call_profile(call, subject_id, &profile, &revision))
        return NULL;
    if (profile == NULL) {
        fl_call_problem(call, 410, "This person has been erased", NULL,
                        is_transfer ? "transferToken" : "shareToken");
        return NULL;
    }
    fl_call_act_as_link(call, *id);
    return profile->address;
}

void fl_route_post_sign_up(struct call *call)
{
    struct outcome outcome;
    bool is_operator = call->door == FL_DOOR_OPERATOR;
    Fleetlog__V1__SignUp action = FLEETLOG__V1__SIGN_UP__INIT;
    const char *share_token = fl_body_text_or(call, "shareToken", "");
    const char *transfer_token = fl_body_text_or(call, "transferToken", "");
    const char *address = fl_body_text_or(call, "address", "");
    action.company_name = fl_body_text(call, "companyName");
    if (!fl_call_body_is_good(call))
        return;
    fl_call_act_as_visitor(call);
    if (share_token[0] != '\0' && transfer_token[0] != '\0') {
        fl_call_problem(call, 422, "transferToken: not beside shareToken", NULL, "transferToken");
        return;
    }
    if (share_token[0] != '\0')
        address = offered_address(call, share_token, false, &action.share_id);
    else if (transfer_token[0] != '\0')
        address = offered_address(call, transfer_token, true, &action.transfer_id);
    if (address == NULL || !fl_call_may_mail(call, address) ||
        !fl_call_person(call, address, &action.person))
        return;
    action.sign_up_id = fl_call_mint(call);
    action.company_id = fl_call_mint(call);
    action.link_key_generation = fl_keyring_link_generation(call->gateway->keyring);
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__SignUpRequested *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    if (!event->has_account)
        fl_call_add_link(call, json, FL_LINK_SIGN_UP, event->sign_up_id,
                         event->link_key_generation);
    fl_call_answer_mailed(call, is_operator, json);
}

static uint32_t sign_up_generation(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    const fl_sign_up_row *row = fl_registry_sign_up(kv, arena, id);
    return row == NULL ? 0 : row->link_key_generation;
}

/* A profile with nothing of the one before but its address. */
static bool fresh_profile(struct call *call, const Fleetlog__V1__Profile *old, const char *company,
                          Fleetlog__V1__Profile *next)
{
    fleetlog__v1__profile__init(next);
    if (old == NULL) {
        fl_call_problem(call, 410, "This person has been erased", NULL, "token");
        return false;
    }
    next->address = old->address;
    next->name = fl_body_text_or(call, "name", old->name);
    next->language = fl_body_text_or(call, "language", old->language);
    next->password_hash = fl_call_new_password(call, "password", old->address, company);
    return next->password_hash != NULL;
}

void fl_route_post_sign_up_confirm(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    const Fleetlog__V1__Profile *old = NULL;
    Fleetlog__V1__Profile next;
    Fleetlog__V1__ConfirmSignUp action = FLEETLOG__V1__CONFIRM_SIGN_UP__INIT;
    const char *token = fl_body_text(call, "token");
    if (!fl_call_body_is_good(call))
        return;
    action.sign_up_id = fl_call_check_link(call, FL_LINK_SIGN_UP, token, sign_up_generation);
    if (action.sign_up_id == NULL || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_sign_up_row *row =
        fl_registry_sign_up(read.kv, &call->arena, fl_slice_text(action.sign_up_id));
    if (!fl_call_read_end(call, &read) ||
        !fl_call_profile(call, row == NULL ? "" : row->subject_id, &old, &action.revision_before) ||
        !fresh_profile(call, old, row == NULL ? "" : row->company_name, &next) ||
        !fl_call_next_profile(call, row == NULL ? "" : row->subject_id, action.revision_before,
                              &next, &action.person))
        return;
    fl_call_act_as_link(call, action.sign_up_id);
    fl_call_act_and_answer(call, &action.base, 201);
}

void fl_call_accept_as_new(struct call *call, const char *invitation_id)
{
    struct fl_store_read read = {.kv = NULL};
    const Fleetlog__V1__Profile *old = NULL;
    uint64_t revision;
    Fleetlog__V1__Profile next;
    Fleetlog__V1__AcceptInvitation action = FLEETLOG__V1__ACCEPT_INVITATION__INIT;
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_invitation_row *row =
        fl_registry_invitation(read.kv, &call->arena, fl_slice_text(invitation_id));
    if (!fl_call_read_end(call, &read) ||
        !fl_call_profile(call, row == NULL ? "" : row->subject_id, &old, &revision) ||
        !fresh_profile(call, old, "", &next) ||
        !fl_call_next_profile(call, row == NULL ? "" : row->subject_id, revision, &next,
                              &action.person))
        return;
    action.invitation_id = invitation_id;
    fl_call_act_as_link(call, invitation_id);
    fl_call_act_and_answer(call, &action.base, 200);
}

void fl_route_post_password_reset(struct call *call)
{
    struct outcome outcome;
    bool is_operator = call->door == FL_DOOR_OPERATOR;
    Fleetlog__V1__RequestPasswordReset action = FLEETLOG__V1__REQUEST_PASSWORD_RESET__INIT;
    const char *address = fl_body_text(call, "address");
    if (!fl_call_body_is_good(call) || !fl_call_may_mail(call, address))
        return;
    fl_call_act_as_visitor(call);
    if (!fl_call_person(call, address, &action.person))
        return;
    action.reset_id = fl_call_mint(call);
    action.link_key_generation = fl_keyring_link_generation(call->gateway->keyring);
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__PasswordResetRequested *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    if (event->has_account)
        fl_call_add_link(call, json, FL_LINK_PASSWORD_RESET, event->reset_id,
                         event->link_key_generation);
    fl_call_answer_mailed(call, is_operator, json);
}

static uint32_t reset_generation(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    const fl_account_link_row *row = fl_registry_password_reset(kv, arena, id);
    return row == NULL ? 0 : row->link_key_generation;
}

/* Keeps the second factor: who has the mailbox alone does not have the account. Nobody is signed in
 * by it. */
void fl_route_post_password_reset_confirm(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    const Fleetlog__V1__Profile *old = NULL;
    Fleetlog__V1__ResetPassword action = FLEETLOG__V1__RESET_PASSWORD__INIT;
    const char *token = fl_body_text(call, "token");
    if (!fl_call_body_is_good(call))
        return;
    action.reset_id = fl_call_check_link(call, FL_LINK_PASSWORD_RESET, token, reset_generation);
    if (action.reset_id == NULL || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_account_link_row *row =
        fl_registry_password_reset(read.kv, &call->arena, fl_slice_text(action.reset_id));
    if (!fl_call_read_end(call, &read) ||
        !fl_call_profile(call, row == NULL ? "" : row->account_id, &old, &action.revision_before))
        return;
    if (old == NULL || row == NULL) {
        fl_call_problem(call, 410, "This person has been erased", NULL, "token");
        return;
    }
    Fleetlog__V1__Profile next = *old;
    next.password_hash = fl_call_new_password(call, "password", old->address, "");
    if (next.password_hash == NULL ||
        !fl_call_next_profile(call, row->account_id, action.revision_before, &next, &action.person))
        return;
    fl_call_act_as_link(call, action.reset_id);
    fl_call_act_and_answer(call, &action.base, 200);
}
