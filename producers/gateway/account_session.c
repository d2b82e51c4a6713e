/* SPDX-License-Identifier: Apache-2.0 */
/* Signing in and out, sessions, API tokens. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/address.h"
#include "core/assert.h"
#include "core/diag.h"
#include "producers/gateway/account.h"
#include "producers/gateway/metrics.h"
#include "producers/gateway/public.h"
#include "producers/gateway/totp.h"
#include "projections/registry/sessions.h"

enum { SECRET_SIZE = 32, SECRET_TEXT_SIZE = 44, TOKEN_DAYS_DEFAULT = 90, DAY_S = 24 * 60 * 60 };

enum fl_error fl_sign_in_open(const struct fl_duty *duty, struct fl_sign_in **sign_in)
{
    char path[PATH_MAX];
    *sign_in = calloc(1, sizeof(**sign_in));
    if (*sign_in == NULL)
        return FL_NO_MEMORY;
    (*sign_in)->sign_ins = fl_throttle_open(duty->port);
    (*sign_in)->mails = fl_throttle_open(duty->port);
    fl_datadir_path(duty->datadir, "guesses", path);
    enum fl_error error = fl_guesses_open(path, duty->port, &(*sign_in)->guesses);
    return error != FL_OK ? error : fl_passwords_open(duty->port, &(*sign_in)->passwords);
}

void fl_sign_in_close(struct fl_sign_in **sign_in)
{
    if (*sign_in == NULL)
        return;
    fl_passwords_close(&(*sign_in)->passwords);
    fl_throttle_close(&(*sign_in)->sign_ins);
    fl_throttle_close(&(*sign_in)->mails);
    fl_guesses_close(&(*sign_in)->guesses);
    free(*sign_in);
    *sign_in = NULL;
}

void fl_call_act_as_visitor(struct call *call)
{
    call->identity = (struct identity){.actor = FL_SLICE_LITERAL("visitor")};
}

void fl_call_act_as_link(struct call *call, const char *id)
{
    call->identity =
        (struct identity){.actor = fl_slice_text(fl_arena_printf(&call->arena, "link:%s", id))};
}

void fl_call_act_as_account(struct call *call, const char *account_id, const char *company_id)
{
    call->identity = (struct identity){
        .actor = fl_slice_text(fl_arena_printf(&call->arena, "account:%s", account_id)),
        .on_behalf_of = fl_slice_text(account_id),
        .company_id = fl_slice_text(company_id),
        .is_account = true,
    };
}

struct fl_slice fl_call_source(struct call *call)
{
    return call->door == FL_DOOR_PUBLIC ? fl_call_client_network(call)
                                        : FL_SLICE_LITERAL("operator");
}

bool fl_call_is_slowed(struct call *call, struct fl_throttle *throttle, const char *name)
{
    unsigned wait_s = fl_throttle_wait_s(throttle, fl_slice_text(name), fl_call_source(call));
    if (wait_s == 0)
        return true;
    fl_call_problem(call, 429, "Too many attempts", "wait as long as Retry-After says", NULL);
    call->answer->retry_after_s = wait_s;
    return false;
}

bool fl_call_take_guess(struct call *call, const char *name, const Fleetlog__V1__Profile *profile,
                        struct fl_guess *guess)
{
    unsigned wait_s =
        fl_guesses_take(call->gateway->sign_in->guesses, fl_slice_text(name),
                        profile == NULL ? "" : profile->password_hash, fl_call_source(call), guess);
    if (wait_s == 0)
        return true;
    fl_call_problem(call, 429, "Too many wrong passwords in a row",
                    "set a new one by a password reset, or sign in from a network that this "
                    "account has signed in from before",
                    NULL);
    call->answer->retry_after_s = wait_s;
    return false;
}

static void give_back(struct call *call, const struct fl_guess *guess)
{
    fl_guesses_give_back(call->gateway->sign_in->guesses, guess);
}

char *fl_call_make_secret(struct call *call, uint8_t hash[FL_HASH_SIZE])
{
    uint8_t bytes[SECRET_SIZE];
    char *text = fl_arena_alloc(&call->arena, SECRET_TEXT_SIZE);
    fl_assert(text != NULL); /* the arena holds several requests */
    fl_port_random(call->gateway->duty->port, bytes, sizeof(bytes));
    sodium_bin2base64(text, SECRET_TEXT_SIZE, bytes, sizeof(bytes),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof(bytes));
    fl_sha256(fl_slice_text(text), hash);
    return text;
}

void fl_call_start_session(struct call *call, uint64_t revision, bool second_factor,
                           uint64_t totp_step, json_t *take_more)
{
    uint8_t hash[FL_HASH_SIZE];
    struct outcome outcome;
    Fleetlog__V1__StartSession action = FLEETLOG__V1__START_SESSION__INIT;
    char *secret = fl_call_make_secret(call, hash);
    action.session_id = fl_call_mint(call);
    action.account_id = fl_arena_text(&call->arena, call->identity.on_behalf_of);
    action.token_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    action.revision = revision;
    action.second_factor = second_factor;
    action.totp_step = totp_step;
    bool is_started = fl_call_act(call, &action.base, &outcome);
    if (!is_started) {
        json_decref(take_more);
        return;
    }
    const Fleetlog__V1__SessionStarted *event = (const void *)outcome.event;
    int64_t rest_ms = event->expires_at_ms - fl_port_wall_ms(call->gateway->duty->port);
    /* A repeated request gets the first one's session, whose secret was shown then. */
    bool is_new = memcmp(event->token_hash.data, hash, sizeof(hash)) == 0;
    if (call->door == FL_DOOR_PUBLIC && is_new &&
        !fl_call_set_cookie(call, secret, rest_ms / 1000)) {
        json_decref(take_more);
        return;
    }
    json_t *json = json_pack("{s:s, s:s, s:I, s:b, s:I}", "sessionId", event->session_id,
                             "accountId", event->account_id, "expiresAtMs",
                             (json_int_t)event->expires_at_ms, "secondFactor",
                             (int)event->second_factor, "sequence", (json_int_t)outcome.sequence);
    if (call->door == FL_DOOR_OPERATOR && is_new)
        json_object_set_new(json, "token", json_string(secret));
    json_object_update(json, take_more);
    json_decref(take_more);
    fl_call_answer(call, 201, json);
}

void fl_call_record_use(struct call *call, const char *session_id)
{
    struct gateway *gateway = call->gateway;
    struct fl_record record;
    uint64_t offset;
    Fleetlog__V1__RecordSessionUse action = FLEETLOG__V1__RECORD_SESSION_USE__INIT;
    char *source = fl_arena_printf(&call->arena, "/fleetlog/%s/gateway/%s", gateway->log_id,
                                   gateway->duty->datadir->node_id);
    struct fl_envelope envelope = {
        .id = fl_slice_text(fl_call_mint(call)),
        .source = fl_slice_text(source),
        .actor = call->identity.actor,
        .company_id = call->identity.company_id,
        .time_ms = fl_port_wall_ms(gateway->duty->port),
    };
    envelope.correlation_id = envelope.id;
    action.session_id = session_id;
    if (fl_gateway_intake(gateway) != FL_INTAKE_OPEN)
        return;
    enum fl_error error = fl_action_encode(&call->arena, &envelope, &action.base, &record);
    struct fl_submission submission = {
        .topic = "actions", .records = &record, .count = 1, .offsets = &offset};
    if (error == FL_OK)
        error = fl_submit(gateway->submitter, &submission, 1);
    if (error != FL_OK)
        fl_diag(RETRY, FL_TEXT("what", "session use"), FL_TEXT("error", fl_error_name(error)));
}

/* What the address's account signs in with; all of it empty if there is none. */
struct candidate {
    const char *account_id; /* NULL: no account */
    const char *company_id;
    const Fleetlog__V1__Profile *profile; /* NULL: none */
    uint64_t revision;
};

static bool find_candidate(struct call *call, const char *address, struct candidate *candidate)
{
    struct fl_store_read read = {.kv = NULL};
    *candidate = (struct candidate){.account_id = NULL};
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return false;
    const fl_account_row *row = fl_call_find_account(call, read.kv, address);
    if (!fl_call_read_end(call, &read))
        return false;
    if (row != NULL) {
        candidate->account_id = row->account_id;
        candidate->company_id = row->company_id;
    }
    /* Nobody has the id that is asked for then: the same look-up, the same time. */
    return fl_call_profile(call, row != NULL ? row->account_id : fl_call_mint(call),
                           &candidate->profile, &candidate->revision);
}

static void refuse(struct call *call, const char *address, const char *reason, const char *title,
                   const char *field)
{
    fl_throttle_fail(call->gateway->sign_in->sign_ins, fl_slice_text(address),
                     fl_call_source(call));
    fl_metrics_count_sign_in(call->gateway->metrics, false);
    fl_diag(SIGN_IN_REFUSED, FL_TEXT("reason", reason));
    fl_call_problem(call, 403, title, NULL, field);
}

/* Uses a recovery code up: the profile without it is in force before the session begins. */
static bool use_recovery_code(struct call *call, struct candidate *candidate, int at)
{
    struct outcome outcome;
    Fleetlog__V1__Profile next = *candidate->profile;
    Fleetlog__V1__ChangeProfile action = FLEETLOG__V1__CHANGE_PROFILE__INIT;
    ProtobufCBinaryData *hashes = &next.recovery_code_hashes;
    uint8_t *rest = fl_arena_alloc(&call->arena, hashes->len + 1);
    if (rest == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return false;
    }
    size_t before = (size_t)at * FL_HASH_SIZE;
    memcpy(rest, hashes->data, before);
    memcpy(rest + before, hashes->data + before + FL_HASH_SIZE,
           hashes->len - before - FL_HASH_SIZE);
    *hashes = (ProtobufCBinaryData){hashes->len - FL_HASH_SIZE, rest};
    action.account_id = candidate->account_id;
    action.change = FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_SECOND_FACTOR;
    action.revision_before = candidate->revision;
    action.second_factor = true;
    if (!fl_call_next_profile(call, candidate->account_id, candidate->revision, &next,
                              &action.person) ||
        !fl_call_act(call, &action.base, &outcome))
        return false;
    candidate->revision = ((const Fleetlog__V1__ProfileChanged *)outcome.event)->revision;
    return true;
}

/* The second factor, where there is one; false after answering. A guess that was no wrong code is
 * given back. */
static bool check_code(struct call *call, const char *address, const char *code,
                       struct candidate *candidate, const struct fl_guess *guess,
                       uint64_t *totp_step)
{
    const Fleetlog__V1__Profile *profile = candidate->profile;
    *totp_step = 0;
    if (profile->totp_secret.len != FL_TOTP_SECRET_SIZE)
        return true;
    if (code[0] == '\0') {
        give_back(call, guess);
        fl_call_problem(call, 403, "A code of the second factor is needed",
                        "send the request again with it", "code");
        return false;
    }
    *totp_step = fl_totp_find(profile->totp_secret.data, fl_slice_text(code),
                              fl_port_wall_ms(call->gateway->duty->port));
    if (*totp_step != 0)
        return true;
    int at = fl_recovery_code_find(
        fl_slice_of(profile->recovery_code_hashes.data, profile->recovery_code_hashes.len),
        fl_slice_text(code));
    if (at >= 0) {
        bool is_used = use_recovery_code(call, candidate, at);
        if (!is_used)
            give_back(call, guess);
        return is_used;
    }
    refuse(call, address, "code", "This code is not right", "code");
    return false;
}

void fl_route_post_sign_in(struct call *call)
{
    char address[FL_ADDRESS_TEXT_SIZE];
    struct candidate candidate;
    struct fl_guess guess;
    bool is_right = false;
    uint64_t totp_step = 0;
    const char *given = fl_body_text(call, "address");
    const char *password = fl_body_text(call, "password");
    const char *code = fl_body_text_or(call, "code", "");
    if (!fl_call_body_is_good(call))
        return;
    if (fl_address_normalise(fl_slice_text(given), address) != FL_OK) {
        fl_call_problem(call, 422, "address: not an e-mail address", NULL, "address");
        return;
    }
    if (!fl_call_is_slowed(call, call->gateway->sign_in->sign_ins, address) ||
        !find_candidate(call, address, &candidate) ||
        !fl_call_take_guess(call, candidate.account_id == NULL ? address : candidate.account_id,
                            candidate.profile, &guess))
        return;
    const char *hash = candidate.profile == NULL ? "" : candidate.profile->password_hash;
    enum fl_error error =
        fl_password_check(call->gateway->sign_in->passwords, password, hash, &is_right);
    if (error != FL_OK) {
        give_back(call, &guess);
        fl_call_error(call, error == FL_FULL ? FL_UNAVAILABLE : error);
        return;
    }
    if (!is_right || candidate.account_id == NULL) {
        refuse(call, address, "password", "Address and password do not fit", NULL);
        return;
    }
    fl_call_act_as_account(call, candidate.account_id, candidate.company_id);
    if (!check_code(call, address, code, &candidate, &guess, &totp_step))
        return;
    bool has_second = candidate.profile->totp_secret.len == FL_TOTP_SECRET_SIZE;
    fl_throttle_succeed(call->gateway->sign_in->sign_ins, fl_slice_text(address),
                        fl_call_source(call));
    fl_guesses_succeed(call->gateway->sign_in->guesses, &guess);
    fl_metrics_count_sign_in(call->gateway->metrics, true);
    fl_call_start_session(call, candidate.revision, has_second, totp_step, json_object());
}

bool fl_call_reauthenticate(struct call *call, const Fleetlog__V1__Profile **profile,
                            uint64_t *revision)
{
    bool is_right = false;
    struct fl_guess guess;
    struct fl_throttle *throttle = call->gateway->sign_in->sign_ins;
    const char *password = fl_body_text(call, "password");
    if (!fl_call_needs_account(call) || !fl_call_body_is_good(call))
        return false;
    const char *account_id = fl_arena_text(&call->arena, call->identity.on_behalf_of);
    if (!fl_call_is_slowed(call, throttle, account_id) ||
        !fl_call_profile(call, account_id, profile, revision) ||
        !fl_call_take_guess(call, account_id, *profile, &guess))
        return false;
    enum fl_error error =
        fl_password_check(call->gateway->sign_in->passwords, password,
                          *profile == NULL ? "" : (*profile)->password_hash, &is_right);
    if (error != FL_OK || is_right)
        give_back(call, &guess);
    if (error != FL_OK)
        fl_call_error(call, error == FL_FULL ? FL_UNAVAILABLE : error);
    else if (!is_right) {
        fl_throttle_fail(throttle, fl_slice_text(account_id), fl_call_source(call));
        fl_call_problem(call, 403, "The password is not right", NULL, "password");
    }
    return error == FL_OK && is_right;
}

void fl_route_post_sign_out(struct call *call)
{
    struct outcome outcome;
    Fleetlog__V1__EndSession action = FLEETLOG__V1__END_SESSION__INIT;
    if (call->identity.session_id.data == NULL) {
        fl_call_problem(call, 400, "There is no session to end", NULL, NULL);
        return;
    }
    action.session_id = fl_arena_text(&call->arena, call->identity.session_id);
    if (fl_call_act(call, &action.base, &outcome) && fl_call_set_cookie(call, NULL, 0))
        fl_call_answer(call, 200, fl_outcome_json(call, &outcome));
}

void fl_route_get_sessions(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    int64_t now_ms = fl_port_wall_ms(call->gateway->duty->port);
    if (!fl_call_needs_account(call) || !fl_call_page(call, &page) ||
        !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error = fl_registry_list(read.kv, &call->arena, FL_LIST_SESSIONS,
                                           call->identity.on_behalf_of, &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_session_row *row = rows.rows[i];
        if (fl_session_is_live(row, now_ms))
            json_array_append_new(
                items,
                json_pack("{s:s, s:I, s:I, s:I, s:b, s:b}", "sessionId", row->session_id,
                          "startedAtMs", (json_int_t)row->started_at_ms, "usedAtMs",
                          (json_int_t)row->used_at_ms, "expiresAtMs",
                          (json_int_t)row->expires_at_ms, "secondFactor", (int)row->second_factor,
                          "current", fl_slice_is(call->identity.session_id, row->session_id)));
    }
    fl_call_answer_list(call, &read, error, items, rows.next);
}

void fl_route_delete_session(struct call *call)
{
    Fleetlog__V1__EndSession action = FLEETLOG__V1__END_SESSION__INIT;
    action.session_id = call->parameters[0];
    if (fl_call_needs_account(call))
        fl_call_act_and_answer(call, &action.base, 200);
}

/* ?keep=current: all but the one that asks. */
void fl_route_delete_sessions(struct call *call)
{
    Fleetlog__V1__EndSessions action = FLEETLOG__V1__END_SESSIONS__INIT;
    const char *keep = fl_http_query(call->request, "keep");
    if (!fl_call_needs_account(call))
        return;
    action.account_id = fl_arena_text(&call->arena, call->identity.on_behalf_of);
    if (keep != NULL && strcmp(keep, "current") == 0 && call->identity.session_id.data != NULL)
        action.kept_session_id = fl_arena_text(&call->arena, call->identity.session_id);
    fl_call_act_and_answer(call, &action.base, 200);
}

static json_t *scopes_json(const char *const *scopes, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(scopes[i]));
    return list;
}

void fl_route_get_api_tokens(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    if (!fl_call_needs_account(call) || !fl_call_page(call, &page) ||
        !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error = fl_registry_list(read.kv, &call->arena, FL_LIST_API_TOKENS,
                                           call->identity.on_behalf_of, &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_api_token_row *row = rows.rows[i];
        json_array_append_new(items, json_pack("{s:s, s:o, s:o, s:I, s:I}", "tokenId",
                                               row->token_id, "name", fl_text_json(row->name),
                                               "scopes", scopes_json(row->scopes, row->n_scopes),
                                               "createdAtMs", (json_int_t)row->created_at_ms,
                                               "expiresAtMs", (json_int_t)row->expires_at_ms));
    }
    fl_call_answer_list(call, &read, error, items, rows.next);
}

/* The token is shown once: the log holds its hash only. */
void fl_route_post_api_token(struct call *call)
{
    uint8_t hash[FL_HASH_SIZE];
    struct outcome outcome;
    Fleetlog__V1__CreateApiToken action = FLEETLOG__V1__CREATE_API_TOKEN__INIT;
    action.name = fl_body_text(call, "name");
    action.scopes = fl_body_texts(call, "scopes", &action.n_scopes);
    int64_t days = fl_body_integer_or(call, "days", TOKEN_DAYS_DEFAULT);
    if (!fl_call_needs_account(call) || !fl_call_body_is_good(call))
        return;
    if (days < 1 || days > 366) {
        fl_call_problem(call, 422, "days must be 1 to 366", NULL, "days");
        return;
    }
    char *secret = fl_call_make_secret(call, hash);
    action.token_id = fl_call_mint(call);
    action.token_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    action.expires_at_ms = fl_port_wall_ms(call->gateway->duty->port) + days * DAY_S * 1000;
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__ApiTokenCreated *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    json_object_del(json, "tokenHash");
    if (memcmp(event->token_hash.data, hash, sizeof(hash)) == 0)
        json_object_set_new(json, "token", json_string(secret));
    fl_call_answer(call, 201, json);
}

void fl_route_delete_api_token(struct call *call)
{
    Fleetlog__V1__RevokeApiToken action = FLEETLOG__V1__REVOKE_API_TOKEN__INIT;
    action.token_id = call->parameters[0];
    if (fl_call_needs_account(call))
        fl_call_act_and_answer(call, &action.base, 200);
}
