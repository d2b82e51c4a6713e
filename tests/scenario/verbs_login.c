/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about signing up and in, profiles and API tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleetlog/v1/accounts.pb-c.h"
#include "projections/registry/sessions.h"
#include "tests/scenario/scenario.h"

static struct fl_kv *registry(struct scenario *s)
{
    return s->world.views[0].kv;
}

static uint64_t revision_of(struct scenario *s, const char *name)
{
    const fl_subject_row *row = fl_registry_subject(registry(s), &s->world.other_arena,
                                                    fl_slice_text(id_of("subject", name)));
    return row == NULL ? 1 : row->revision;
}

/* The person with a profile that follows the one in force; its revision goes to `before`. */
static Fleetlog__V1__PersonRef *next_profile(struct scenario *s, const char *name,
                                             struct person *person, uint64_t *before)
{
    Fleetlog__V1__PersonRef *ref = person_ref(s, name, person);
    *before = revision_of(s, name) + (s->modifiers.late_profile ? 1 : 0);
    ref->revision = *before + 1;
    return ref;
}

static ProtobufCBinaryData hash_of(const char *name, uint8_t bytes[FL_HASH_SIZE])
{
    fl_sha256(fl_slice_text(name), bytes);
    return (ProtobufCBinaryData){FL_HASH_SIZE, bytes};
}

static const char *own_id(const struct scenario *s)
{
    static char id[FL_ID_TEXT_SIZE];
    const char *on_behalf_of = s->actor.on_behalf_of;
    snprintf(id, sizeof(id), "%s",
             on_behalf_of != NULL ? on_behalf_of : strchr(s->actor.actor, ':') + 1);
    return id;
}

static void sign_up_through(struct scenario *s, const struct arguments *a, const char *share_id,
                            const char *transfer_id)
{
    struct person who;
    INIT(SignUp, action, sign_up);
    action.sign_up_id = id_of("sign-up", a->texts[2]);
    action.company_id = id_of("company", a->texts[1]);
    action.company_name = a->texts[1];
    action.person = person_ref(s, a->texts[0], &who);
    action.link_key_generation = 1;
    action.share_id = share_id;
    action.transfer_id = transfer_id;
    request(s, &action.base);
}

static void sign_up(struct scenario *s, const struct arguments *a)
{
    sign_up_through(s, a, "", "");
}

static void sign_up_for_share(struct scenario *s, const struct arguments *a)
{
    sign_up_through(s, a, id_of("share", a->texts[3]), "");
}

static void sign_up_for_transfer(struct scenario *s, const struct arguments *a)
{
    sign_up_through(s, a, "", id_of("transfer", a->texts[3]));
}

static void sign_up_for_both(struct scenario *s, const struct arguments *a)
{
    sign_up_through(s, a, id_of("share", a->texts[4]), id_of("transfer", a->texts[3]));
}

static void confirm_sign_up(struct scenario *s, const struct arguments *a)
{
    struct person who;
    INIT(ConfirmSignUp, action, confirm_sign_up);
    action.sign_up_id = id_of("sign-up", a->texts[0]);
    action.person = next_profile(s, a->texts[1], &who, &action.revision_before);
    request(s, &action.base);
}

static void accept_with_password(struct scenario *s, const struct arguments *a)
{
    struct person who;
    uint64_t before;
    INIT(AcceptInvitation, action, accept_invitation);
    action.invitation_id = id_of("invitation", a->texts[0]);
    action.person = next_profile(s, a->texts[1], &who, &before);
    request(s, &action.base);
}

static void start_as(struct scenario *s, const char *session, uint64_t totp_step, bool second)
{
    uint8_t hash[FL_HASH_SIZE];
    INIT(StartSession, action, start_session);
    const char *id = own_id(s);
    const char *name = name_of(id);
    action.session_id = id_of("session", session);
    action.account_id = id;
    action.token_hash = hash_of(session, hash);
    action.revision = name == NULL ? 1 : revision_of(s, name);
    action.revision += s->modifiers.late_profile ? 1 : 0;
    action.second_factor = second;
    action.totp_step = totp_step;
    request(s, &action.base);
}

static void start_session(struct scenario *s, const struct arguments *a)
{
    start_as(s, a->texts[0], 0, false);
}

static void start_with_code(struct scenario *s, const struct arguments *a)
{
    start_as(s, a->texts[0], strtoull(a->texts[1], NULL, 10), true);
}

static void start_with_recovery_code(struct scenario *s, const struct arguments *a)
{
    start_as(s, a->texts[0], 0, true);
}

static void use_session(struct scenario *s, const struct arguments *a)
{
    INIT(RecordSessionUse, action, record_session_use);
    action.session_id = id_of("session", a->texts[0]);
    request(s, &action.base);
}

static void end_session(struct scenario *s, const struct arguments *a)
{
    INIT(EndSession, action, end_session);
    action.session_id = id_of("session", a->texts[0]);
    request(s, &action.base);
}

static void end_others(struct scenario *s, const struct arguments *a)
{
    INIT(EndSessions, action, end_sessions);
    action.account_id = own_id(s);
    action.kept_session_id = a->count == 0 ? "" : id_of("session", a->texts[0]);
    request(s, &action.base);
}

static void end_sessions_of(struct scenario *s, const struct arguments *a)
{
    INIT(EndSessions, action, end_sessions);
    action.account_id = id_of("subject", a->texts[0]);
    request(s, &action.base);
}

static void request_reset(struct scenario *s, const struct arguments *a)
{
    struct person who;
    INIT(RequestPasswordReset, action, request_password_reset);
    action.reset_id = id_of("reset", a->texts[1]);
    action.person = person_ref(s, a->texts[0], &who);
    action.link_key_generation = 1;
    request(s, &action.base);
}

static void reset_password(struct scenario *s, const struct arguments *a)
{
    struct person who;
    INIT(ResetPassword, action, reset_password);
    action.reset_id = id_of("reset", a->texts[1]);
    action.person = next_profile(s, a->texts[0], &who, &action.revision_before);
    request(s, &action.base);
}

static void change_of(struct scenario *s, const char *name, Fleetlog__V1__ProfileChange change,
                      bool second_factor, uint64_t totp_step)
{
    struct person who;
    INIT(ChangeProfile, action, change_profile);
    action.account_id = id_of("subject", name);
    action.person = next_profile(s, name, &who, &action.revision_before);
    action.change = change;
    action.second_factor = second_factor;
    action.totp_step = totp_step;
    request(s, &action.base);
}

static void change_password(struct scenario *s, const struct arguments *a)
{
    change_of(s, a->texts[0], FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_PASSWORD, false, 0);
}

static void change_name(struct scenario *s, const struct arguments *a)
{
    change_of(s, a->texts[0], FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_NAME, false, 0);
}

static void add_second_factor(struct scenario *s, const struct arguments *a)
{
    change_of(s, a->texts[0], FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_SECOND_FACTOR, true,
              strtoull(a->texts[1], NULL, 10));
}

static void drop_second_factor(struct scenario *s, const struct arguments *a)
{
    change_of(s, a->texts[0], FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_SECOND_FACTOR, false,
              strtoull(a->texts[1], NULL, 10));
}

static void request_address(struct scenario *s, const struct arguments *a)
{
    struct person who;
    INIT(RequestAddressChange, action, request_address_change);
    action.change_id = id_of("change", a->texts[1]);
    action.account_id = own_id(s);
    action.person = person_ref(s, a->texts[0], &who);
    action.link_key_generation = 1;
    request(s, &action.base);
}

static void confirm_address(struct scenario *s, const struct arguments *a)
{
    struct person who;
    INIT(ConfirmAddressChange, action, confirm_address_change);
    action.change_id = id_of("change", a->texts[0]);
    action.person = person_ref(s, a->texts[2], &who);
    action.person->subject_id = id_of("subject", a->texts[1]);
    action.revision_before = revision_of(s, a->texts[1]);
    action.person->revision = action.revision_before + 1;
    request(s, &action.base);
}

static void create_token(struct scenario *s, const struct arguments *a)
{
    static char names[LIST_COUNT_MAX][32];
    const char *scopes[16];
    uint8_t hash[FL_HASH_SIZE];
    INIT(CreateApiToken, action, create_api_token);
    action.token_id = id_of("token", a->texts[0]);
    action.token_hash = hash_of(a->texts[0], hash);
    action.name = a->texts[0];
    action.n_scopes = split_list(s, a->texts[1], names);
    for (size_t i = 0; i < action.n_scopes; i++)
        scopes[i] = names[i];
    action.scopes = scopes;
    action.expires_at_ms = s->world.now_ms + a->duration_ms;
    request(s, &action.base);
}

static void create_tokens(struct scenario *s, const struct arguments *a)
{
    static char names[LIST_COUNT_MAX][32];
    struct arguments one = *a;
    size_t count = split_list(s, a->texts[0], names);
    snprintf(one.texts[1], sizeof(one.texts[1]), "read");
    for (size_t i = 0; i < count; i++) {
        snprintf(one.texts[0], sizeof(one.texts[0]), "%s", names[i]);
        create_token(s, &one);
    }
}

static void start_sessions(struct scenario *s, const struct arguments *a)
{
    static char names[LIST_COUNT_MAX][32];
    size_t count = split_list(s, a->texts[0], names);
    for (size_t i = 0; i < count; i++)
        start_as(s, names[i], 0, false);
}

static void revoke_token(struct scenario *s, const struct arguments *a)
{
    INIT(RevokeApiToken, action, revoke_api_token);
    action.token_id = id_of("token", a->texts[0]);
    request(s, &action.base);
}

static bool counts(struct scenario *s, const char *name)
{
    uint8_t hash[FL_HASH_SIZE];
    struct fl_token token;
    fl_sha256(fl_slice_text(name), hash);
    return fl_token_find(registry(s), &s->world.other_arena, hash, s->world.now_ms, &token);
}

static void expect_counts(struct scenario *s, const struct arguments *a)
{
    if (!counts(s, a->texts[0]))
        fail(s, "%s does not count", a->texts[0]);
}

static void expect_counts_not(struct scenario *s, const struct arguments *a)
{
    if (counts(s, a->texts[0]))
        fail(s, "%s counts", a->texts[0]);
}

static bool event_flag(struct scenario *s, const char *name)
{
    const ProtobufCMessage *message = s->world.last.message;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    if (field == NULL)
        fail(s, "%s has no %s", s->world.last.envelope.row->name, name);
    return *(const protobuf_c_boolean *)((const char *)message + field->offset) != 0;
}

static void expect_account(struct scenario *s, const struct arguments *a)
{
    (void)a;
    if (!event_flag(s, "has_account"))
        fail(s, "it is about nobody's account");
}

static void expect_no_account(struct scenario *s, const struct arguments *a)
{
    (void)a;
    if (event_flag(s, "has_account"))
        fail(s, "it is about an account");
}

static void expect_subject(struct scenario *s, const struct arguments *a)
{
    struct fl_arena *arena = &s->world.other_arena;
    uint8_t bytes[FL_ID_SIZE];
    if (!fl_id_to_bytes(fl_slice_text(id_of("address", a->texts[0])), bytes))
        fail(s, "no address");
    const fl_subject_row *row =
        fl_registry_subject_by_address(registry(s), arena, 1, fl_slice_of(bytes, sizeof(bytes)));
    const char *known = row == NULL ? NULL : name_of(row->subject_id);
    if (known == NULL ? strcmp(a->texts[1], "nobody") != 0 : strcmp(known, a->texts[1]) != 0)
        fail(s, "it is the address of %s", known == NULL ? "nobody" : known);
}

const struct pattern login_patterns[] = {
    {"signs up $w with company $w as sign-up $w", sign_up},
    {"signs up $w with company $w as sign-up $w through share $w", sign_up_for_share},
    {"signs up $w with company $w as sign-up $w through transfer $w", sign_up_for_transfer},
    {"signs up $w with company $w as sign-up $w through transfer $w and share $w",
     sign_up_for_both},
    {"confirms sign-up $w as $w", confirm_sign_up},
    {"accepts invitation $w with a password as $w", accept_with_password},
    {"starts session $w", start_session},
    {"starts sessions $l", start_sessions},
    {"starts session $w with code $w", start_with_code},
    {"starts session $w with a recovery code", start_with_recovery_code},
    {"uses session $w", use_session},
    {"ends session $w", end_session},
    {"ends all sessions", end_others},
    {"ends all sessions but $w", end_others},
    {"ends all sessions of $w", end_sessions_of},
    {"asks to reset the password of $w as reset $w", request_reset},
    {"resets the password of $w by reset $w", reset_password},
    {"changes the password of $w", change_password},
    {"changes the name of $w", change_name},
    {"adds a second factor to $w with code $w", add_second_factor},
    {"drops the second factor of $w with code $w", drop_second_factor},
    {"asks for the address of $w as change $w", request_address},
    {"confirms change $w of $w to the address of $w", confirm_address},
    {"creates API token $w for $l living $t", create_token},
    {"creates API tokens $l living $t", create_tokens},
    {"revokes API token $w", revoke_token},
    {NULL, NULL},
};

const struct pattern login_expectations[] = {
    {"session $w counts", expect_counts},
    {"session $w does not count", expect_counts_not},
    {"API token $w counts", expect_counts},
    {"API token $w does not count", expect_counts_not},
    {"it is about an account", expect_account},
    {"it is about no account", expect_no_account},
    {"the address of $w is that of $w", expect_subject},
    {NULL, NULL},
};
