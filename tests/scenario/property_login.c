/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/property_login.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/port.h"

enum { ACCOUNT_COUNT = 8, COMPANY_FIRST = 10, LIST_LIMIT = 1000 };

static unsigned draw(struct login_source *source, unsigned below)
{
    uint32_t number;
    fl_port_random(source->port, &number, sizeof(number));
    return number % below;
}

static unsigned anybody(struct login_source *source)
{
    return 1 + draw(source, ACCOUNT_COUNT);
}

/* A thing that was made lately; now and then one that was not. */
static unsigned recent(struct login_source *source, unsigned count)
{
    unsigned back = draw(source, LOGIN_RECENT_COUNT);
    return count > back ? count - back : 1;
}

/* Mostly whose it is. */
static unsigned whose(struct login_source *source, const unsigned *people, unsigned thing)
{
    unsigned person = people[thing % LOGIN_RECENT_COUNT];
    return person == 0 || draw(source, 8) == 0 ? anybody(source) : person;
}

/* Of the code that is given: none, the newest, one again, one of before. */
static uint64_t draw_step(struct login_source *source)
{
    if (draw(source, 2) == 0)
        return 0;
    if (draw(source, 2) == 0)
        return ++source->totp_step;
    return source->totp_step > 3 ? source->totp_step - draw(source, 3) : 1;
}

static void sign_up(struct world *world, struct login_source *source)
{
    unsigned person = 1 + draw(source, LOGIN_PERSON_COUNT);
    source->sign_up_people[++source->sign_up_count % LOGIN_RECENT_COUNT] = person;
    cast_sign_up(world, person, COMPANY_FIRST + draw(source, source->sign_up_count),
                 source->sign_up_count);
}

static void request_reset(struct world *world, struct login_source *source)
{
    unsigned person = anybody(source);
    source->reset_people[++source->reset_count % LOGIN_RECENT_COUNT] = person;
    cast_request_reset(world, person, source->reset_count);
}

static void by_link(struct world *world, struct login_source *source)
{
    unsigned sign_up_id = recent(source, source->sign_up_count);
    unsigned reset =
        draw(source, 2) == 0 ? source->reset_count : recent(source, source->reset_count);
    switch (draw(source, 4)) {
    case 0:
        sign_up(world, source);
        break;
    case 1:
        cast_confirm_sign_up(world, whose(source, source->sign_up_people, sign_up_id), sign_up_id);
        break;
    case 2:
        request_reset(world, source);
        break;
    default:
        cast_reset_password(world, whose(source, source->reset_people, reset), reset);
    }
}

static void signed_in(struct world *world, struct login_source *source)
{
    unsigned who = anybody(source);
    unsigned session = recent(source, source->session_count);
    unsigned token = recent(source, source->token_count);
    switch (draw(source, 14)) {
    case 0:
        cast_use_session(world, whose(source, source->session_people, session), session);
        break;
    case 1:
        cast_end_session(world, whose(source, source->session_people, session), session);
        break;
    case 2:
        cast_end_sessions(world, who);
        break;
    case 3:
        source->token_people[++source->token_count % LOGIN_RECENT_COUNT] = who;
        cast_create_token(world, who, source->token_count);
        break;
    case 4:
        cast_revoke_token(world, whose(source, source->token_people, token), token);
        break;
    case 5:
        cast_change_profile(world, who, (Fleetlog__V1__ProfileChange)(1 + draw(source, 4)),
                            draw_step(source));
        break;
    case 6:
    case 7:
        cast_request_address(world, who, anybody(source), ++source->change_count);
        break;
    default:
        source->session_people[++source->session_count % LOGIN_RECENT_COUNT] = who;
        cast_start_session(world, who, source->session_count, draw_step(source));
    }
}

void login_act(struct world *world, struct login_source *source)
{
    if (draw(source, 2) == 0)
        by_link(world, source);
    else
        signed_in(world, source);
}

static const struct fl_rules_limits *limits(void)
{
    return &fl_rules_find(fl_rules_production(), 1)->limits;
}

static size_t count_list(struct world *world, enum fl_registry_list list, const char *account_id)
{
    struct fl_page page = {.limit = LIST_LIMIT};
    struct fl_rows rows = {.count = 0};
    fl_arena_reset(&world->other_arena);
    assert_int_equal(fl_registry_list(world->views[0].kv, &world->other_arena, list,
                                      fl_slice_text(account_id), &page, &rows),
                     FL_OK);
    return rows.count;
}

static void assert_signed_out(struct world *world, const char *account_id, bool also_tokens)
{
    assert_int_equal(count_list(world, FL_LIST_SESSIONS, account_id), 0);
    if (also_tokens)
        assert_int_equal(count_list(world, FL_LIST_API_TOKENS, account_id), 0);
}

/* NULL: none of ours. */
static uint64_t *taken_step(struct login_source *source, const char *account_id)
{
    for (unsigned i = 1; i <= LOGIN_PERSON_COUNT; i++)
        if (strcmp(cast_id("subject", i), account_id) == 0)
            return &source->taken_steps[i];
    return NULL;
}

static void watch_step(struct login_source *source, const char *account_id, uint64_t step)
{
    uint64_t *taken = taken_step(source, account_id);
    assert_non_null(taken);
    if (step == 0)
        return;
    assert_true(step > *taken);
    *taken = step;
}

/* Whoever comes anew has used no code. */
static void forget_steps(struct login_source *source, const char *account_id)
{
    uint64_t *taken = taken_step(source, account_id);
    if (taken != NULL)
        *taken = 0;
}

static void watch_session(struct world *world, struct login_source *source)
{
    const Fleetlog__V1__SessionStarted *event = (const void *)world->last.message;
    size_t count = count_list(world, FL_LIST_SESSIONS, event->account_id);
    watch_step(source, event->account_id, event->totp_step);
    assert_in_range(count, 1, limits()->sessions_per_account_max);
}

static void watch_profile(struct world *world, struct login_source *source)
{
    const Fleetlog__V1__ProfileChanged *event = (const void *)world->last.message;
    watch_step(source, event->account_id, event->totp_step);
    if (event->change == FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_PASSWORD ||
        event->change == FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_SECOND_FACTOR)
        assert_signed_out(world, event->account_id, false);
}

void login_watch(struct world *world, struct login_source *source)
{
    const void *event = world->last.message;
    enum fl_message_type type = world_answer(world);
    if (world->entry_count == source->watched_count)
        return; /* chance sent nothing */
    source->watched_count = world->entry_count;
    source->seen[type]++;
    if (type == FL_MESSAGE_SessionStarted)
        watch_session(world, source);
    else if (type == FL_MESSAGE_ProfileChanged)
        watch_profile(world, source);
    else if (type == FL_MESSAGE_PasswordReset)
        assert_signed_out(world, ((const Fleetlog__V1__PasswordReset *)event)->account_id, false);
    else if (type == FL_MESSAGE_SessionsEnded)
        assert_signed_out(world, ((const Fleetlog__V1__SessionsEnded *)event)->account_id, false);
    else if (type == FL_MESSAGE_CoworkerRemoved)
        assert_signed_out(world, ((const Fleetlog__V1__CoworkerRemoved *)event)->account_id, true);
    else if (type == FL_MESSAGE_AccountClosed)
        assert_signed_out(world, ((const Fleetlog__V1__AccountClosed *)event)->account_id, true);
    else if (type == FL_MESSAGE_ApiTokenCreated)
        assert_in_range(count_list(world, FL_LIST_API_TOKENS,
                                   ((const Fleetlog__V1__ApiTokenCreated *)event)->account_id),
                        1, limits()->api_tokens_per_account_max);
    else if (type == FL_MESSAGE_SignUpConfirmed)
        forget_steps(source, ((const Fleetlog__V1__SignUpConfirmed *)event)->account_id);
    else if (type == FL_MESSAGE_AccountCreated)
        forget_steps(source, ((const Fleetlog__V1__AccountCreated *)event)->account_id);
    else if (type == FL_MESSAGE_InvitationAccepted)
        forget_steps(source, ((const Fleetlog__V1__InvitationAccepted *)event)->account_id);
}

void login_check_seen(const struct login_source *source)
{
    static const enum fl_message_type types[] = {
        FL_MESSAGE_SignUpRequested,        FL_MESSAGE_SignUpConfirmed,
        FL_MESSAGE_SessionStarted,         FL_MESSAGE_SessionEnded,
        FL_MESSAGE_SessionsEnded,          FL_MESSAGE_PasswordReset,
        FL_MESSAGE_PasswordResetRequested, FL_MESSAGE_ProfileChanged,
        FL_MESSAGE_AddressChangeRequested, FL_MESSAGE_ApiTokenCreated,
        FL_MESSAGE_ApiTokenRevoked};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (source->seen[types[i]] == 0)
            world_fail("no event of type %d in the whole run", types[i]);
}
