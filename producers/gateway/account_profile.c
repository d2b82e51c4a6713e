/* SPDX-License-Identifier: Apache-2.0 */
/* An account's own profile: name and language, password, second factor, address. What would give
 * the account to somebody else asks for the password again. */
#include <stdio.h>
#include <string.h>

#include "producers/gateway/account.h"
#include "producers/gateway/totp.h"

enum { ENROLMENT_MS = 10 * 60 * 1000, URI_SIZE = 640 };

static const char *own_id(struct call *call)
{
    return fl_arena_text(&call->arena, call->identity.on_behalf_of);
}

/* The profile of the account that asks; false after answering. */
static bool own_profile(struct call *call, const Fleetlog__V1__Profile **profile,
                        uint64_t *revision)
{
    if (!fl_call_is_for_account(call)) {
        fl_call_problem(call, 400, "This is an account's affair: say on whose behalf", NULL,
                        "Fleetlog-As");
        return false;
    }
    if (!fl_call_profile(call, own_id(call), profile, revision))
        return false;
    if (*profile == NULL)
        fl_call_problem(call, 410, "This person has been erased", NULL, NULL);
    return *profile != NULL;
}

void fl_route_get_own_account(struct call *call)
{
    const Fleetlog__V1__Profile *profile;
    uint64_t revision;
    if (!own_profile(call, &profile, &revision))
        return;
    fl_call_answer(call, 200,
                   json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:b, s:i}", "accountId", own_id(call),
                             "companyId", fl_arena_text(&call->arena, call->identity.company_id),
                             "address", fl_text_json(profile->address), "name",
                             fl_text_json(profile->name), "language",
                             fl_text_json(profile->language), "hasPassword",
                             (int)(profile->password_hash[0] != '\0'), "secondFactor",
                             (int)(profile->totp_secret.len != 0), "recoveryCodesLeft",
                             (int)(profile->recovery_code_hashes.len / FL_HASH_SIZE)));
}

/* Appends the changed profile and asks for the change; false after answering. */
static bool change(struct call *call, const Fleetlog__V1__Profile *next, uint64_t revision,
                   Fleetlog__V1__ProfileChange what, uint64_t totp_step, struct outcome *outcome)
{
    Fleetlog__V1__ChangeProfile action = FLEETLOG__V1__CHANGE_PROFILE__INIT;
    action.account_id = own_id(call);
    action.change = what;
    action.revision_before = revision;
    action.second_factor = next->totp_secret.len != 0;
    action.totp_step = totp_step;
    return fl_call_next_profile(call, action.account_id, revision, next, &action.person) &&
           fl_call_act(call, &action.base, outcome);
}

void fl_route_patch_own_account(struct call *call)
{
    const Fleetlog__V1__Profile *old;
    uint64_t revision;
    struct outcome outcome;
    if (!own_profile(call, &old, &revision))
        return;
    Fleetlog__V1__Profile next = *old;
    next.name = fl_body_text_or(call, "name", old->name);
    next.language = fl_body_text_or(call, "language", old->language);
    bool is_name = strcmp(next.name, old->name) != 0;
    char detail[FL_DETAIL_SIZE];
    if (fl_call_body_is_good(call) && fl_message_validate(&next.base, detail) != FL_OK)
        snprintf(call->problem, sizeof(call->problem), "%.200s", detail);
    if (fl_call_body_is_good(call) &&
        change(call, &next, revision,
               is_name ? FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_NAME
                       : FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_LANGUAGE,
               0, &outcome))
        fl_call_answer(call, 200, fl_outcome_json(call, &outcome));
}

/* All sessions have ended with the change: the browser that asked gets a new one. */
static void answer_changed(struct call *call, const struct outcome *outcome, bool second_factor,
                           json_t *take_more)
{
    const Fleetlog__V1__ProfileChanged *event = (const void *)outcome->event;
    uint64_t revision = event->revision;
    if (call->door != FL_DOOR_PUBLIC || call->identity.session_id.data == NULL) {
        json_t *json = fl_outcome_json(call, outcome);
        json_object_update(json, take_more);
        json_decref(take_more);
        fl_call_answer(call, 200, json);
        return;
    }
    fl_call_start_session(call, revision, second_factor, 0, take_more);
}

void fl_route_post_password(struct call *call)
{
    const Fleetlog__V1__Profile *old;
    uint64_t revision;
    struct outcome outcome;
    if (!fl_call_reauthenticate(call, &old, &revision))
        return;
    Fleetlog__V1__Profile next = *old;
    next.password_hash = fl_call_new_password(call, "newPassword", old->address, "");
    if (next.password_hash != NULL &&
        change(call, &next, revision, FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_PASSWORD, 0,
               &outcome))
        answer_changed(call, &outcome, old->totp_secret.len != 0, json_object());
}

/* The secret of an enrolment comes from the link key and the two ids: nothing is kept until the
 * authenticator has shown that it knows it. */
static enum fl_error enrolment_secret(struct call *call, const char *enrolment_id,
                                      uint8_t secret[FL_TOTP_SECRET_SIZE])
{
    char token[FL_LINK_TOKEN_TEXT_SIZE];
    uint8_t hash[FL_HASH_SIZE];
    const struct fl_keyring *keyring = call->gateway->keyring;
    char *name = fl_arena_printf(&call->arena, "%s/%s", own_id(call), enrolment_id);
    if (name == NULL)
        return FL_NO_MEMORY;
    enum fl_error error = fl_keyring_link_token(keyring, fl_keyring_link_generation(keyring),
                                                "totp", fl_slice_text(name), token);
    fl_sha256(fl_slice_text(token), hash);
    memcpy(secret, hash, FL_TOTP_SECRET_SIZE);
    return error;
}

void fl_route_post_totp(struct call *call)
{
    const Fleetlog__V1__Profile *old;
    uint64_t revision;
    uint8_t secret[FL_TOTP_SECRET_SIZE];
    char text[FL_TOTP_SECRET_TEXT_SIZE];
    char uri[URI_SIZE];
    if (!fl_call_reauthenticate(call, &old, &revision))
        return;
    if (old->totp_secret.len != 0) {
        fl_call_problem(call, 409, "This account has a second factor; disable it first", NULL,
                        NULL);
        return;
    }
    char *id = fl_call_mint(call);
    enum fl_error error = enrolment_secret(call, id, secret);
    if (error != FL_OK) {
        fl_call_error(call, error);
        return;
    }
    fl_totp_secret_text(secret, text);
    snprintf(uri, sizeof(uri), "otpauth://totp/fleetlog:%s?secret=%s&issuer=fleetlog", own_id(call),
             text);
    fl_call_answer(
        call, 200,
        json_pack("{s:s, s:s, s:s, s:I}", "enrolmentId", id, "secret", text, "uri", uri,
                  "expiresAtMs",
                  (json_int_t)fl_port_wall_ms(call->gateway->duty->port) + ENROLMENT_MS));
}

/* When an id of ours was minted (UUIDv7); 0: it is none. */
static int64_t minted_at_ms(const char *id)
{
    uint8_t bytes[FL_ID_SIZE];
    int64_t time_ms = 0;
    if (!fl_id_to_bytes(fl_slice_text(id), bytes) || bytes[6] >> 4 != 7)
        return 0;
    for (int i = 0; i < 6; i++)
        time_ms = time_ms << 8 | bytes[i];
    return time_ms;
}

/* Ten new recovery codes: their texts, and their hashes in the profile. */
static json_t *make_recovery_codes(struct call *call, Fleetlog__V1__Profile *profile)
{
    const size_t size = (size_t)FL_RECOVERY_CODE_COUNT * FL_HASH_SIZE;
    char code[FL_RECOVERY_CODE_SIZE];
    uint8_t *hashes = fl_arena_alloc(&call->arena, size);
    if (hashes == NULL)
        return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < FL_RECOVERY_CODE_COUNT; i++) {
        fl_recovery_code_make(call->gateway->duty->port, code, hashes + i * FL_HASH_SIZE);
        json_array_append_new(list, json_string(code));
    }
    profile->recovery_code_hashes = (ProtobufCBinaryData){size, hashes};
    return list;
}

void fl_route_post_totp_confirm(struct call *call)
{
    const Fleetlog__V1__Profile *old;
    uint64_t revision;
    struct outcome outcome;
    uint8_t secret[FL_TOTP_SECRET_SIZE];
    int64_t now_ms = fl_port_wall_ms(call->gateway->duty->port);
    const char *id = fl_body_text(call, "enrolmentId");
    const char *code = fl_body_text(call, "code");
    if (!fl_call_reauthenticate(call, &old, &revision))
        return;
    int64_t age_ms = now_ms - minted_at_ms(id);
    if (age_ms < -60000 || age_ms >= ENROLMENT_MS || old->totp_secret.len != 0 ||
        enrolment_secret(call, id, secret) != FL_OK) {
        fl_call_problem(call, 410, "This enrolment is over; begin again", NULL, "enrolmentId");
        return;
    }
    uint64_t step = fl_totp_find(secret, fl_slice_text(code), now_ms);
    if (step == 0) {
        fl_call_problem(call, 403, "This code is not right", NULL, "code");
        return;
    }
    Fleetlog__V1__Profile next = *old;
    next.totp_secret = (ProtobufCBinaryData){sizeof(secret), secret};
    json_t *codes = make_recovery_codes(call, &next);
    if (codes == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return;
    }
    if (change(call, &next, revision, FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_SECOND_FACTOR,
               step, &outcome))
        answer_changed(call, &outcome, true, json_pack("{s:O}", "recoveryCodes", codes));
    json_decref(codes);
}

void fl_route_post_totp_disable(struct call *call)
{
    const Fleetlog__V1__Profile *old;
    uint64_t revision;
    struct outcome outcome;
    struct fl_guess guess;
    const char *code = fl_body_text(call, "code");
    if (!fl_call_reauthenticate(call, &old, &revision))
        return;
    if (old->totp_secret.len != FL_TOTP_SECRET_SIZE) {
        fl_call_problem(call, 409, "This account has no second factor", NULL, NULL);
        return;
    }
    if (!fl_call_take_guess(call, own_id(call), old, &guess))
        return;
    uint64_t step = fl_totp_find(old->totp_secret.data, fl_slice_text(code),
                                 fl_port_wall_ms(call->gateway->duty->port));
    bool is_recovery = fl_recovery_code_find(fl_slice_of(old->recovery_code_hashes.data,
                                                         old->recovery_code_hashes.len),
                                             fl_slice_text(code)) >= 0;
    if (step == 0 && !is_recovery) {
        fl_throttle_fail(call->gateway->sign_in->sign_ins, call->identity.on_behalf_of,
                         fl_call_source(call));
        fl_call_problem(call, 403, "This code is not right", NULL, "code");
        return;
    }
    fl_guesses_give_back(call->gateway->sign_in->guesses, &guess);
    Fleetlog__V1__Profile next = *old;
    next.totp_secret = (ProtobufCBinaryData){0, NULL};
    next.recovery_code_hashes = (ProtobufCBinaryData){0, NULL};
    if (change(call, &next, revision, FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_SECOND_FACTOR,
               step, &outcome))
        answer_changed(call, &outcome, false, json_object());
}

void fl_route_post_address(struct call *call)
{
    const Fleetlog__V1__Profile *old;
    uint64_t revision;
    struct outcome outcome;
    Fleetlog__V1__RequestAddressChange action = FLEETLOG__V1__REQUEST_ADDRESS_CHANGE__INIT;
    const char *address = fl_body_text(call, "address");
    if (!fl_call_reauthenticate(call, &old, &revision) || !fl_call_may_mail(call, address) ||
        !fl_call_person(call, address, &action.person))
        return;
    action.change_id = fl_call_mint(call);
    action.account_id = own_id(call);
    action.link_key_generation = fl_keyring_link_generation(call->gateway->keyring);
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__AddressChangeRequested *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    if (!event->has_account)
        fl_call_add_link(call, json, FL_LINK_ADDRESS_CHANGE, event->change_id,
                         event->link_key_generation);
    fl_call_answer_mailed(call, call->door == FL_DOOR_OPERATOR, json);
}

static uint32_t change_generation(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    const fl_account_link_row *row = fl_registry_address_change(kv, arena, id);
    return row == NULL ? 0 : row->link_key_generation;
}

/* Possession of the link proves the new address; the rest of the profile stays. */
void fl_route_post_address_confirm(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    const Fleetlog__V1__Profile *old = NULL;
    const Fleetlog__V1__Profile *fresh = NULL;
    uint64_t ignored;
    Fleetlog__V1__ConfirmAddressChange action = FLEETLOG__V1__CONFIRM_ADDRESS_CHANGE__INIT;
    const char *token = fl_body_text(call, "token");
    if (!fl_call_body_is_good(call))
        return;
    action.change_id = fl_call_check_link(call, FL_LINK_ADDRESS_CHANGE, token, change_generation);
    if (action.change_id == NULL || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_account_link_row *row =
        fl_registry_address_change(read.kv, &call->arena, fl_slice_text(action.change_id));
    if (!fl_call_read_end(call, &read) ||
        !fl_call_profile(call, row == NULL ? "" : row->account_id, &old, &action.revision_before) ||
        !fl_call_profile(call, row == NULL ? "" : row->subject_id, &fresh, &ignored))
        return;
    if (row == NULL || old == NULL || fresh == NULL) {
        fl_call_problem(call, 410, "This person has been erased", NULL, "token");
        return;
    }
    Fleetlog__V1__Profile next = *old;
    next.address = fresh->address;
    if (!fl_call_next_profile(call, row->account_id, action.revision_before, &next, &action.person))
        return;
    fl_call_act_as_link(call, action.change_id);
    fl_call_act_and_answer(call, &action.base, 200);
}
