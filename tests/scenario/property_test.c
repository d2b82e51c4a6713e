/* SPDX-License-Identifier: Apache-2.0 */
/* Random requests from a seed: whatever comes, every invariant holds after every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/port.h"
#include "projections/eventlog/eventlog.h"
#include "projections/people/people.h"
#include "projections/registry/rows.h"
#include "tests/scenario/cast.h"
#include "tests/scenario/cast_reseller.h"
#include "tests/scenario/property_login.h"

enum { STEP_COUNT = 2500, ACCOUNT_COUNT = 8, DEVICE_COUNT = 9, AGENT_COUNT = 3 };

struct source {
    struct fl_port_virtual port;
    unsigned share_count;
    unsigned command_count;
    unsigned claim_count;
    unsigned invitation_count;
    unsigned transfer_count;
    unsigned license_count;
    unsigned link_count;
    unsigned device_count;
};

static unsigned draw(struct source *source, unsigned below)
{
    uint32_t number;
    fl_port_random(&source->port.port, &number, sizeof(number));
    return number % below;
}

static unsigned one_of(struct source *source, unsigned count)
{
    return 1 + draw(source, count);
}

/* A thing that was made lately, or one that was not. */
static unsigned recent(struct source *source, unsigned count)
{
    unsigned back = draw(source, 12);
    return count > back ? count - back : 1;
}

static void share_some(struct world *world, struct source *source)
{
    unsigned devices[3];
    size_t count = one_of(source, 3);
    devices[0] = one_of(source, DEVICE_COUNT);
    for (size_t i = 1; i < count; i++)
        devices[i] = devices[i - 1] % DEVICE_COUNT + 1;
    cast_share(world, one_of(source, 2), devices, count, one_of(source, ACCOUNT_COUNT),
               ++source->share_count);
}

/* Who comes, changes and leaves. */
static void staff(struct world *world, struct source *source)
{
    unsigned who = one_of(source, ACCOUNT_COUNT);
    unsigned other = one_of(source, ACCOUNT_COUNT);
    switch (draw(source, 8)) {
    case 0:
    case 1:
        cast_invite(world, who, other, ++source->invitation_count);
        break;
    case 2:
        cast_accept_invitation(world, other, recent(source, source->invitation_count),
                               draw(source, 2) == 0);
        break;
    case 3:
        cast_resend_invitation(world, who, recent(source, source->invitation_count));
        break;
    case 4:
        cast_cancel_invitation(world, who, recent(source, source->invitation_count));
        break;
    case 5:
        cast_change_role(world, who, other, (Fleetlog__V1__Role)one_of(source, 2));
        break;
    case 6:
        cast_remove_shared(world, who, one_of(source, 3));
        break;
    default:
        if (draw(source, 2) == 0)
            cast_remove_coworker(world, who, other);
        else
            cast_close_account(world, who);
    }
}

static void invite_some(struct world *world, struct source *source)
{
    struct cast_person person;
    Fleetlog__V1__InviteCoworker action = FLEETLOG__V1__INVITE_COWORKER__INIT;
    char id[FL_ID_TEXT_SIZE];
    char name[16];
    snprintf(name, sizeof(name), "%zu", world->entry_count);
    world_id("invitation", name, id);
    action.invitation_id = id;
    action.person = cast_person(world, &person, one_of(source, ACCOUNT_COUNT), one_of(source, 3));
    action.link_key_generation = 1;
    cast_account(world, one_of(source, ACCOUNT_COUNT), NULL, &action.base);
}

static void agent_says(struct world *world, struct source *source)
{
    unsigned agent = one_of(source, AGENT_COUNT);
    unsigned command = recent(source, source->command_count);
    switch (draw(source, 4)) {
    case 0:
        cast_deliver(world, agent, command);
        break;
    case 1:
        cast_acknowledge(world, agent, command);
        break;
    default:
        cast_outcome(world, agent, command, (Fleetlog__V1__CommandOutcome)one_of(source, 3));
    }
}

static void manage(struct world *world, struct source *source)
{
    unsigned who = one_of(source, ACCOUNT_COUNT);
    switch (draw(source, 6)) {
    case 0:
        cast_create_company(world, one_of(source, 3));
        break;
    case 1:
        cast_create_account(world, who, one_of(source, 3), (Fleetlog__V1__Role)one_of(source, 2));
        break;
    case 2:
        cast_issue_claim(world, who, ++source->claim_count);
        break;
    case 3:
        cast_enrol(world, one_of(source, AGENT_COUNT), recent(source, source->claim_count));
        break;
    case 4:
        cast_register(world, one_of(source, AGENT_COUNT),
                      draw(source, 2) == 0 ? one_of(source, DEVICE_COUNT) : ++source->device_count,
                      one_of(source, DEVICE_COUNT));
        break;
    default:
        if (draw(source, 4) == 0)
            cast_remove(world, who, one_of(source, DEVICE_COUNT));
        else
            invite_some(world, source);
    }
}

static void hand_over(struct world *world, struct source *source)
{
    unsigned who = one_of(source, ACCOUNT_COUNT);
    unsigned transfer = recent(source, source->transfer_count);
    switch (draw(source, 10)) {
    case 8:
        cast_move(world, who, one_of(source, DEVICE_COUNT), one_of(source, AGENT_COUNT),
                  one_of(source, 2 * DEVICE_COUNT));
        break;
    case 9:
        cast_describe(world, one_of(source, AGENT_COUNT), one_of(source, DEVICE_COUNT),
                      draw(source, 2) == 0 ? "AS1" : "AS2");
        break;
    case 0:
        cast_decline_offer(world, who, transfer);
        break;
    case 1:
        cast_cancel_offer(world, who, transfer);
        break;
    case 2:
    case 3:
    case 4:
        cast_take_over(world, who, transfer);
        break;
    default:
        cast_offer(world, who, one_of(source, DEVICE_COUNT), one_of(source, ACCOUNT_COUNT),
                   ++source->transfer_count);
    }
}

static void license_some(struct world *world, struct source *source)
{
    unsigned who = one_of(source, ACCOUNT_COUNT);
    unsigned license = recent(source, source->license_count);
    const unsigned devices[] = {one_of(source, DEVICE_COUNT - 1), DEVICE_COUNT};
    switch (draw(source, 8)) {
    case 0:
        cast_mint(world, one_of(source, 2), ++source->license_count, one_of(source, 6),
                  (Fleetlog__V1__Plan)(1 + one_of(source, 2)));
        break;
    case 1:
    case 2:
        cast_release(world, who, license, one_of(source, DEVICE_COUNT));
        break;
    case 3:
        if (draw(source, 4) == 0)
            cast_withdraw_license(world, license);
        break;
    default:
        cast_apply(world, who, license, devices, one_of(source, 2));
    }
}

static void act(struct world *world, struct source *source)
{
    unsigned who = one_of(source, ACCOUNT_COUNT);
    switch (draw(source, 12)) {
    case 11:
        license_some(world, source);
        break;
    case 9:
        hand_over(world, source);
        break;
    case 0:
        share_some(world, source);
        break;
    case 1:
        cast_accept(world, who, recent(source, source->share_count));
        break;
    case 2:
        cast_revoke(world, who, recent(source, source->share_count));
        break;
    case 3:
        cast_request(world, who, one_of(source, DEVICE_COUNT), ++source->command_count,
                     10000 * (int64_t)one_of(source, 100));
        break;
    case 4:
        cast_cancel(world, who, recent(source, source->command_count));
        break;
    case 5:
        agent_says(world, source);
        break;
    case 6:
        cast_condition(world, one_of(source, DEVICE_COUNT),
                       (Fleetlog__V1__ConditionKind)one_of(source, 5), draw(source, 2) == 0,
                       world->entry_count / 3 + one_of(source, 3));
        break;
    case 7:
        cast_rename(world, who, one_of(source, DEVICE_COUNT), "Rack");
        break;
    case 8:
        staff(world, source);
        break;
    default:
        manage(world, source);
    }
}

/* What no refusal touches. */
static uint64_t rows_digest(struct fl_kv *kv)
{
    static const enum fl_registry_table tables[] = {
        FL_TABLE_COMPANIES, FL_TABLE_ACCOUNTS, FL_TABLE_SUBJECTS,   FL_TABLE_AGENTS,
        FL_TABLE_DEVICES,   FL_TABLE_COMMANDS, FL_TABLE_CONDITIONS, FL_TABLE_NUMBERS};
    uint64_t digest = 14695981039346656037ULL;
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        struct fl_kv_walk walk;
        fl_kv_walk_begin(&walk, kv, tables[t], FL_SLICE_NULL);
        while (fl_kv_walk_next(&walk))
            for (size_t i = 0; i < walk.value.size; i++)
                digest = (digest ^ walk.value.data[i]) * 1099511628211ULL;
    }
    return digest;
}

/* Resellers and dates. */
static void renewals(struct world *world, struct source *source)
{
    static const char *const dates[] = {"2026-01-20", "2026-02-10", "2026-04-01", "2025-12-01", ""};
    unsigned who = one_of(source, ACCOUNT_COUNT);
    unsigned link = recent(source, source->link_count);
    switch (draw(source, 8)) {
    case 0:
        cast_link_reseller(world, who, one_of(source, ACCOUNT_COUNT), ++source->link_count);
        break;
    case 1:
        cast_accept_link(world, link);
        break;
    case 2:
        cast_decline_link(world, link);
        break;
    case 3:
        cast_disconnect(world, link);
        break;
    case 4:
        cast_unlink(world, who, link);
        break;
    case 5:
        cast_remind(world, who, link, one_of(source, DEVICE_COUNT));
        break;
    default:
        cast_date(world, one_of(source, 2), one_of(source, DEVICE_COUNT), dates[draw(source, 5)]);
    }
}

/* The timekeeper: in time, once more, or with what it saw long ago. Whatever it says late or early
 * changes nothing and stands in nobody's log. */
static void fire(struct world *world, struct source *source)
{
    static struct fl_due seen[16];
    static unsigned seen_count;
    struct fl_due due;
    if (draw(source, 3) == 0) {
        cast_fire_all(world);
        assert_false(fl_due_next(world->views[0].kv, NULL, &due) && due.at_ms <= world->now_ms);
        return;
    }
    if (seen_count == 0 || draw(source, 2) == 0) {
        if (!fl_due_next(world->views[0].kv, NULL, &due))
            return;
        seen[seen_count++ % 16] = due;
    }
    due = seen[draw(source, seen_count < 16 ? seen_count : 16)];
    bool stands = fl_due_is_set(world->views[0].kv, &due);
    bool is_late = due.at_ms <= world->now_ms || due.at_ms <= world->head.time_ms;
    uint64_t digest = rows_digest(world->views[0].kv);
    cast_fire(world, &due);
    assert_int_equal(world_rejection(world) == NULL, stands && is_late);
    if (world_rejection(world) != NULL) {
        assert_null(world->last.envelope.company_id.data);
        assert_true(rows_digest(world->views[0].kv) == digest);
    }
    assert_int_equal(fl_due_is_set(world->views[0].kv, &due), stands && !is_late);
}

/* Mostly seconds, now and then days; sometimes the clock of another gateway. */
static void pass(struct world *world, struct source *source)
{
    static const int64_t steps_ms[] = {1, 1000, 60000, 3600000, 86400000};
    unsigned kind = draw(source, 40);
    if (kind == 39)
        world->now_ms -= 120000;
    else
        world->now_ms += steps_ms[kind < 20   ? 0
                                  : kind < 30 ? 1
                                  : kind < 36 ? 2
                                  : kind < 38 ? 3
                                              : 4] *
                         one_of(source, 3);
}

/* A repeated request changes nothing and points to the first answer. */
static void repeat(struct world *world)
{
    struct world_entry entry = world->entries[world->entry_count - 1];
    const Fleetlog__V1__ActionRejected *before = world_rejection(world);
    int code = before == NULL ? 0 : (int)before->code;
    bool remembered = code != FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_INVALID;
    bool has_cause = fl_slice_is(world->last.envelope.actor, "detector") ||
                     fl_slice_is(world->last.envelope.actor, "timekeeper");
    uint64_t digest = rows_digest(world->views[0].kv);
    if (!world_step(world, &entry.action))
        world_fail("decide gave %s", fl_error_name(world->last_error));
    const Fleetlog__V1__ActionRejected *again = world_rejection(world);
    assert_non_null(again);
    if (remembered && !has_cause) {
        assert_int_equal(again->code, FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_DUPLICATE);
        assert_int_equal(again->original_sequence, world->entry_count - 2);
    }
    assert_true(rows_digest(world->views[0].kv) == digest);
}

static uint64_t seed_of(void)
{
    const char *text = getenv("FLEETLOG_SEED");
    uint64_t seed = 20260101;
    if (text != NULL)
        seed = strtoull(text, NULL, 10);
    printf("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static void invariants_hold_after_every_request(void **state)
{
    (void)state;
    static struct world world;
    struct source source = {.share_count = 1,
                            .command_count = 1,
                            .claim_count = 1,
                            .transfer_count = 1,
                            .license_count = 1,
                            .link_count = 1,
                            .device_count = DEVICE_COUNT};
    struct login_source logins = {.port = &source.port.port};
    fl_port_virtual_init(&source.port, seed_of(), 0);
    world_init(&world);
    world_add_view(&world, fl_eventlog_view());
    world_add_view(&world, fl_people_view());
    cast_begin(&world);
    for (int i = 0; i < STEP_COUNT; i++) {
        size_t count = world.entry_count;
        pass(&world, &source);
        if (draw(&source, 5) == 0)
            login_act(&world, &logins);
        else if (draw(&source, 8) == 0)
            renewals(&world, &source);
        else
            act(&world, &source);
        login_watch(&world, &logins);
        if (draw(&source, 12) == 0)
            fire(&world, &source);
        else if (draw(&source, 8) == 0 && world.entry_count != count)
            repeat(&world);
    }
    login_check_seen(&logins);
    world_refold(&world);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invariants_hold_after_every_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
