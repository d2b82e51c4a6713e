/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/cast_login.h"

#include <stdio.h>

#include "projections/registry/registry.h"

#define INIT(type, name, descriptor)                                                               \
    Fleetlog__V1__##type name;                                                                     \
    protobuf_c_message_init(&fleetlog__v1__##descriptor##__descriptor, &name)

/* Under which the addresses are indexed. */
static unsigned used_epochs = CAST_EPOCH_1;

static enum fl_message_type as(struct world *world, const char *actor,
                               const ProtobufCMessage *message)
{
    const struct world_actor who = {.actor = actor};
    struct fl_record record = world_action(world, &who, NULL, message);
    if (!world_step(world, &record))
        world_fail("decide gave %s", fl_error_name(world->last_error));
    return world_answer(world);
}

static enum fl_message_type by_link(struct world *world, const char *id,
                                    const ProtobufCMessage *message)
{
    char actor[64];
    snprintf(actor, sizeof(actor), "link:%s", id);
    return as(world, actor, message);
}

static uint64_t revision_of(struct world *world, unsigned person)
{
    const fl_subject_row *row = fl_registry_subject(world->views[0].kv, &world->other_arena,
                                                    fl_slice_text(cast_id("subject", person)));
    return row == NULL ? 1 : row->revision;
}

/* A person whose profile follows the one in force. */
static Fleetlog__V1__PersonRef *next_profile(struct world *world, struct cast_person *who,
                                             unsigned person, uint64_t *before)
{
    Fleetlog__V1__PersonRef *ref = cast_person(world, who, person, used_epochs);
    *before = revision_of(world, person);
    ref->revision = *before + 1;
    return ref;
}

static ProtobufCBinaryData hash_of(const char *id, uint8_t bytes[FL_HASH_SIZE])
{
    fl_sha256(fl_slice_text(id), bytes);
    return (ProtobufCBinaryData){FL_HASH_SIZE, bytes};
}

enum fl_message_type cast_sign_up(struct world *world, unsigned person, unsigned company,
                                  unsigned sign_up)
{
    struct cast_person who;
    INIT(SignUp, action, sign_up);
    action.sign_up_id = cast_id("sign-up", sign_up);
    action.company_id = cast_id("company", company);
    action.company_name = "Acme";
    action.person = cast_person(world, &who, person, used_epochs);
    action.link_key_generation = 1;
    return as(world, "visitor", &action.base);
}

enum fl_message_type cast_confirm_sign_up(struct world *world, unsigned person, unsigned sign_up)
{
    struct cast_person who;
    INIT(ConfirmSignUp, action, confirm_sign_up);
    action.sign_up_id = cast_id("sign-up", sign_up);
    action.person = next_profile(world, &who, person, &action.revision_before);
    return by_link(world, action.sign_up_id, &action.base);
}

enum fl_message_type cast_start_session(struct world *world, unsigned account, unsigned session,
                                        uint64_t totp_step)
{
    uint8_t hash[FL_HASH_SIZE];
    INIT(StartSession, action, start_session);
    action.session_id = cast_id("session", session);
    action.account_id = cast_id("subject", account);
    action.token_hash = hash_of(action.session_id, hash);
    action.revision = revision_of(world, account);
    action.second_factor = totp_step != 0;
    action.totp_step = totp_step;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_use_session(struct world *world, unsigned account, unsigned session)
{
    INIT(RecordSessionUse, action, record_session_use);
    action.session_id = cast_id("session", session);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_end_session(struct world *world, unsigned account, unsigned session)
{
    INIT(EndSession, action, end_session);
    action.session_id = cast_id("session", session);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_end_sessions(struct world *world, unsigned account)
{
    INIT(EndSessions, action, end_sessions);
    action.account_id = cast_id("subject", account);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_request_reset(struct world *world, unsigned person, unsigned reset)
{
    struct cast_person who;
    INIT(RequestPasswordReset, action, request_password_reset);
    action.reset_id = cast_id("reset", reset);
    action.person = cast_person(world, &who, person, used_epochs);
    action.link_key_generation = 1;
    return as(world, "visitor", &action.base);
}

enum fl_message_type cast_reset_password(struct world *world, unsigned person, unsigned reset)
{
    struct cast_person who;
    INIT(ResetPassword, action, reset_password);
    action.reset_id = cast_id("reset", reset);
    action.person = next_profile(world, &who, person, &action.revision_before);
    return by_link(world, action.reset_id, &action.base);
}

enum fl_message_type cast_change_profile(struct world *world, unsigned account,
                                         Fleetlog__V1__ProfileChange change, uint64_t totp_step)
{
    struct cast_person who;
    INIT(ChangeProfile, action, change_profile);
    action.account_id = cast_id("subject", account);
    action.person = next_profile(world, &who, account, &action.revision_before);
    action.change = change;
    action.second_factor = totp_step != 0;
    action.totp_step = totp_step;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_request_address(struct world *world, unsigned account, unsigned person,
                                          unsigned change)
{
    struct cast_person who;
    INIT(RequestAddressChange, action, request_address_change);
    action.change_id = cast_id("change", change);
    action.account_id = cast_id("subject", account);
    action.person = cast_person(world, &who, person, used_epochs);
    action.link_key_generation = 1;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_confirm_address(struct world *world, unsigned account, unsigned person,
                                          unsigned change)
{
    struct cast_person who;
    INIT(ConfirmAddressChange, action, confirm_address_change);
    action.change_id = cast_id("change", change);
    action.person = cast_person(world, &who, person, used_epochs);
    action.person->subject_id = cast_id("subject", account);
    action.revision_before = revision_of(world, account);
    action.person->revision = action.revision_before + 1;
    return by_link(world, action.change_id, &action.base);
}

enum fl_message_type cast_create_token(struct world *world, unsigned account, unsigned token)
{
    static const char *scopes[] = {"read", "commands"};
    uint8_t hash[FL_HASH_SIZE];
    INIT(CreateApiToken, action, create_api_token);
    action.token_id = cast_id("token", token);
    action.token_hash = hash_of(action.token_id, hash);
    action.name = "nightly report";
    action.scopes = scopes;
    action.n_scopes = 2;
    action.expires_at_ms = world->now_ms + INT64_C(86400000);
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_revoke_token(struct world *world, unsigned account, unsigned token)
{
    INIT(RevokeApiToken, action, revoke_api_token);
    action.token_id = cast_id("token", token);
    return cast_account(world, account, NULL, &action.base);
}

void cast_login_story(struct world *world, unsigned first, unsigned epochs)
{
    used_epochs = epochs;
    const enum fl_message_type answers[] = {
        cast_sign_up(world, first, first, first),
        cast_confirm_sign_up(world, first, first),
        cast_start_session(world, first, first, 0),
        cast_use_session(world, first, first),
        cast_end_session(world, first, first),
        cast_start_session(world, first, first + 1, 0),
        cast_end_sessions(world, first),
        cast_request_reset(world, first, first),
        cast_reset_password(world, first, first),
        cast_change_profile(world, first,
                            FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_SECOND_FACTOR, 7),
        cast_start_session(world, first, first + 2, 8),
        cast_request_address(world, first, first + 1, first),
        cast_confirm_address(world, first, first + 1, first),
        cast_create_token(world, first, first),
        cast_create_token(world, first, first + 1),
        cast_revoke_token(world, first, first),
        cast_sign_up(world, first + 2, first + 1, first + 1),
        cast_request_reset(world, first + 1, first + 1),
        cast_request_address(world, first, first + 3, first + 1),
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        if (answers[i] == FL_MESSAGE_ActionRejected)
            world_fail("step %zu of the story was refused", i);
    used_epochs = CAST_EPOCH_1;
}
