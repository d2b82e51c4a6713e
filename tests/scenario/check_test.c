/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's check finds each kind of damage, by its number; and rules version 1 writes the
 * bytes that it always wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "projections/registry/due.h"
#include "projections/registry/lifecycle.h"
#include "projections/registry/outbox.h"
#include "projections/registry/parts.h"
#include "projections/registry/rows.h"
#include "tests/scenario/cast_login.h"
#include "tests/scenario/cast_mail.h"
#include "tests/scenario/cast_reseller.h"
#include "tests/scenario/junk.h"

/* A log with one of everything that has an entry somewhere. */
static void fill(struct world *world)
{
    const unsigned devices[] = {1, 2};
    struct cast_person person;
    Fleetlog__V1__InviteCoworker invite = FLEETLOG__V1__INVITE_COWORKER__INIT;
    cast_begin(world);
    cast_issue_claim(world, 1, 2);
    cast_share(world, 1, devices, 1, 2, 1);
    cast_share(world, 1, devices + 1, 1, 2, 2);
    cast_accept(world, 2, 1);
    cast_request(world, 1, 1, 1, 600000);
    cast_condition(world, 1, FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY, true, 5);
    cast_offer(world, 1, 2, 60, 1);
    invite.invitation_id = cast_id("claim", 99);
    invite.person = cast_person(world, &person, 50, CAST_EPOCH_1);
    invite.link_key_generation = 1;
    cast_account(world, 1, NULL, &invite.base);
    cast_mint(world, 1, 1, 3, FLEETLOG__V1__PLAN__PLAN_STANDARD);
    cast_apply(world, 1, 1, devices, 2);
    cast_release(world, 1, 1, 2);
    cast_set_prices(world);
    cast_buy(world, 1, 1);
    cast_login_story(world, 60, CAST_EPOCH_1);
    cast_link_reseller(world, 1, 51, 1);
    cast_import(world, "SMC1500", "RBC7");
}

static void unlisted_session(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_pair(&key, FL_INDEX_ACCOUNT_SESSIONS, cast_id("subject", 60), cast_id("session", 62));
    fl_index_del(kv, &key);
}

static void unfound_token(struct fl_kv *kv, struct fl_arena *arena)
{
    const fl_api_token_row *row =
        fl_row_by_id(kv, arena, FL_TABLE_API_TOKENS, fl_slice_text(cast_id("token", 61)));
    struct fl_key key;
    fl_key_token_hash(&key, row->token_hash);
    fl_index_del(kv, &key);
}

static void endless_sign_up(struct fl_kv *kv, struct fl_arena *arena)
{
    const fl_sign_up_row *row =
        fl_registry_sign_up(kv, arena, fl_slice_text(cast_id("sign-up", 61)));
    struct fl_key key;
    fl_key_sign_up_due(&key, row->expires_at_ms, row->sign_up_id);
    fl_index_del(kv, &key);
}

static void second_reset(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_account_link_row *row =
        fl_row_by_id(kv, arena, FL_TABLE_PASSWORD_RESETS, fl_slice_text(cast_id("reset", 61)));
    row->link_id = cast_id("reset", 70);
    fl_row_put_by_id(kv, arena, FL_TABLE_PASSWORD_RESETS, row->link_id, &row->base);
}

static const char *company(void)
{
    return cast_id("company", 1);
}

static const char *device(unsigned number)
{
    return cast_id("device", number);
}

static void wrong_key(struct fl_kv *kv, struct fl_arena *arena)
{
    const fl_company_row *row = fl_registry_company(kv, arena, fl_slice_text(company()));
    fl_row_put_by_id(kv, arena, FL_TABLE_COMPANIES, device(1), &row->base);
}

static void wrong_state(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_command_row *row =
        fl_row_by_id(kv, arena, FL_TABLE_COMMANDS, fl_slice_text(cast_id("command", 1)));
    row->state = 77;
    fl_row_put_by_id(kv, arena, FL_TABLE_COMMANDS, row->command_id, &row->base);
}

static void no_number(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_begin(&key);
    fl_key_u32(&key, 2);
    fl_kv_del(kv, FL_TABLE_NUMBERS, fl_key_slice(&key));
}

static void unlisted_device(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_pair(&key, FL_INDEX_COMPANY_DEVICES, company(), device(1));
    fl_index_del(kv, &key);
}

static void wrong_grant(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    fl_key_grant(&key, device(1), fl_slice_text(cast_id("subject", 2)));
    fl_grant_row *row = fl_row_get(kv, arena, FL_TABLE_GRANTS, &key);
    row->accepted = false;
    fl_row_put(kv, arena, FL_TABLE_GRANTS, &key, &row->base);
}

static void wrong_count(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_share_row *row =
        fl_row_by_id(kv, arena, FL_TABLE_SHARES, fl_slice_text(cast_id("share", 1)));
    row->device_count++;
    fl_row_put_by_id(kv, arena, FL_TABLE_SHARES, row->share_id, &row->base);
}

static void unlisted_account(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_pair(&key, FL_INDEX_COMPANY_ACCOUNTS, company(), cast_id("subject", 1));
    fl_index_del(kv, &key);
}

static void no_address(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    const fl_subject_row *row =
        fl_registry_subject(kv, arena, fl_slice_text(cast_id("subject", 1)));
    fl_key_address(&key, row->indexes[0]);
    fl_kv_del(kv, FL_TABLE_ADDRESSES, fl_key_slice(&key));
}

static void no_outcome(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_begin(&key);
    fl_key_u64(&key, 3);
    fl_kv_del(kv, FL_TABLE_OUTCOMES, fl_key_slice(&key));
}

static void unlisted_command(struct fl_kv *kv, struct fl_arena *arena)
{
    const fl_command_row *row =
        fl_registry_command(kv, arena, fl_slice_text(cast_id("command", 1)));
    struct fl_key key;
    fl_key_nth(&key, FL_INDEX_AGENT_PENDING, row->agent_id, row->sequence, row->command_id);
    fl_index_del(kv, &key);
}

static void stray_entry(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_pair(&key, FL_INDEX_COMPANY_AGENTS, company(), device(1));
    fl_index_put(kv, &key, FL_SLICE_LITERAL(""));
}

static void no_code(struct fl_kv *kv, struct fl_arena *arena)
{
    const fl_claim_row *row =
        fl_row_by_id(kv, arena, FL_TABLE_CLAIMS, fl_slice_text(cast_id("claim", 1)));
    struct fl_key key;
    fl_key_claim_code(&key, row->code_hash);
    fl_index_del(kv, &key);
}

static void no_due(struct fl_kv *kv, struct fl_arena *arena)
{
    const fl_share_row *row = fl_registry_share(kv, arena, fl_slice_text(cast_id("share", 2)));
    struct fl_due due;
    fl_due_of_share(row, &due);
    fl_due_clear(kv, &due);
}

static void wrong_invitation(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_pair(&key, FL_INDEX_COMPANY_PEOPLE, company(), cast_id("subject", 50));
    fl_index_put(kv, &key, FL_SLICE_LITERAL("0123456789abcdef"));
}

static void invited_by_nobody(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_pair(&key, FL_INDEX_PERSON_INVITATIONS, cast_id("subject", 50), cast_id("claim", 99));
    fl_index_del(kv, &key);
}

static void unlisted_link(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_pair(&key, FL_INDEX_PERSON_RESELLER_LINKS, cast_id("subject", 51), cast_id("link", 1));
    fl_index_del(kv, &key);
}

static void unlisted_reseller(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_pair(&key, FL_INDEX_COMPANY_RESELLERS, company(), cast_id("link", 1));
    fl_index_del(kv, &key);
}

/* Erased as it should be, but for the invitation that stands. */
static void erased_and_invited(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_erasure_row erasure = FLEETLOG__ROWS__V1__ERASURE_ROW__INIT;
    fl_subject_row *row =
        fl_row_by_id(kv, arena, FL_TABLE_SUBJECTS, fl_slice_text(cast_id("subject", 50)));
    erasure.subject_id = row->subject_id;
    fl_row_put_by_id(kv, arena, FL_TABLE_ERASURES, row->subject_id, &erasure.base);
    row->erased = true;
    row->n_indexes = 0;
    row->epoch = 0;
    fl_row_put_by_id(kv, arena, FL_TABLE_SUBJECTS, row->subject_id, &row->base);
}

static void stray_alias(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_alias_row row = FLEETLOG__ROWS__V1__ALIAS_ROW__INIT;
    struct fl_key key;
    row.device_id = device(1);
    row.sequence = 5;
    fl_key_alias(&key, device(1), 6);
    fl_row_put(kv, arena, FL_TABLE_ALIASES, &key, &row.base);
}

static void offered_twice(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_pair(&key, FL_INDEX_DEVICE_TRANSFER, device(2), cast_id("transfer", 2));
    fl_index_put(kv, &key, FL_SLICE_LITERAL(""));
}

static void wrong_offer_count(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_transfer_row *row =
        fl_row_by_id(kv, arena, FL_TABLE_TRANSFERS, fl_slice_text(cast_id("transfer", 1)));
    row->device_count = 2;
    fl_row_put_by_id(kv, arena, FL_TABLE_TRANSFERS, row->transfer_id, &row->base);
}

static void mail_for_nobody(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_outbox_row row = FLEETLOG__ROWS__V1__OUTBOX_ROW__INIT;
    struct fl_key key;
    row.sequence = 7;
    fl_key_outbox(&key, row.sequence, 1, cast_id("subject", 1));
    fl_row_put(kv, arena, FL_TABLE_OUTBOX, &key, &row.base);
}

static void no_alert_by_time(struct fl_kv *kv, struct fl_arena *arena)
{
    const fl_alert_row *row =
        fl_alert_get(kv, arena, device(1), FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY);
    struct fl_key key;
    fl_key_alert_due(&key, row);
    fl_index_del(kv, &key);
}

static void told_of_nothing(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_alert_told(&key, device(2), 1, cast_id("subject", 1));
    fl_index_put(kv, &key, FL_SLICE_LITERAL("\x01"));
}

static void stray_policy(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_policy_row row = FLEETLOG__ROWS__V1__POLICY_ROW__INIT;
    row.account_id = cast_id("subject", 50);
    fl_row_put_by_id(kv, arena, FL_TABLE_POLICIES, row.account_id, &row.base);
}

static void unlisted_epoch(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_epoch_person(&key, 1, cast_id("subject", 1));
    fl_index_del(kv, &key);
}

static void erased_with_account(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_subject_row *row =
        fl_row_by_id(kv, arena, FL_TABLE_SUBJECTS, fl_slice_text(cast_id("subject", 1)));
    row->erased = true;
    fl_row_put_by_id(kv, arena, FL_TABLE_SUBJECTS, row->subject_id, &row->base);
}

static void closed_while_newest(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    fl_key_number(&key, 1);
    fl_epoch_row *row = fl_row_get(kv, arena, FL_TABLE_EPOCHS, &key);
    row->state = FL_EPOCH_STATE_COUNT;
    fl_row_put(kv, arena, FL_TABLE_EPOCHS, &key, &row->base);
}

static fl_license_row *license(struct fl_kv *kv, struct fl_arena *arena)
{
    return fl_row_by_id(kv, arena, FL_TABLE_LICENSES, fl_slice_text(cast_id("license", 1)));
}

static void wrong_node_count(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_license_row *row = license(kv, arena);
    row->fresh_count++;
    fl_row_put_by_id(kv, arena, FL_TABLE_LICENSES, row->license_id, &row->base);
}

static void lost_rest(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    (void)arena;
    fl_key_returned(&key, cast_id("license", 1), INT64_C(100) * 86400000, 2);
    fl_index_del(kv, &key);
}

static void wrong_order(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_coverage_row *row = fl_row_by_id(kv, arena, FL_TABLE_COVERAGES, fl_slice_text(device(1)));
    row->nodes[0]->ended_at_ms = row->as_of_ms;
    fl_row_put_by_id(kv, arena, FL_TABLE_COVERAGES, row->device_id, &row->base);
}

static void paid_for_nothing(struct fl_kv *kv, struct fl_arena *arena)
{
    fl_purchase_row *row =
        fl_row_by_id(kv, arena, FL_TABLE_PURCHASES, fl_slice_text(cast_id("purchase", 1)));
    row->state = FL_PURCHASE_PAID;
    fl_row_put_by_id(kv, arena, FL_TABLE_PURCHASES, row->purchase_id, &row->base);
}

static void endless_purchase(struct fl_kv *kv, struct fl_arena *arena)
{
    const fl_purchase_row *row =
        fl_row_by_id(kv, arena, FL_TABLE_PURCHASES, fl_slice_text(cast_id("purchase", 1)));
    struct fl_due due;
    fl_due_init(&due, row->expires_at_ms, FL_DUE(PURCHASE), row->purchase_id, 0);
    fl_due_clear(kv, &due);
}

/* The end of the plan of a device, which its notices keep to. */
static void set_plan_end(struct fl_kv *kv, struct fl_arena *arena, unsigned number,
                         const char *date)
{
    const Fleetlog__V1__LifecycleFact fact = FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END;
    struct fl_key key;
    fl_key_lifecycle(&key, device(number), fact);
    fl_lifecycle_row *row = fl_row_get(kv, arena, FL_TABLE_LIFECYCLE, &key);
    row->due_date = date;
    row->date_ms = 0;
    if (date[0] != '\0')
        assert_true(fl_date_parse(date, &row->date_ms));
    fl_row_put(kv, arena, FL_TABLE_LIFECYCLE, &key, &row->base);
}

static void plan_ends_too_soon(struct fl_kv *kv, struct fl_arena *arena)
{
    set_plan_end(kv, arena, 1, "2026-02-01");
}

static void plan_ends_without_license(struct fl_kv *kv, struct fl_arena *arena)
{
    set_plan_end(kv, arena, 2, "2026-02-01");
}

static void no_plan_end(struct fl_kv *kv, struct fl_arena *arena)
{
    set_plan_end(kv, arena, 1, "");
}

static void no_license_code(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    fl_key_license_code(&key, license(kv, arena)->code_hash);
    fl_index_del(kv, &key);
}

static void entry_of_no_import(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    fl_catalogue_entry_row row = *fl_registry_catalogue_entry(
        kv, arena, "SMC1500", FLEETLOG__V1__CATALOGUE_KIND__CATALOGUE_KIND_BATTERY, "", "");
    row.version = 2;
    fl_key_catalogue_entry(&key, row.entry);
    fl_row_put(kv, arena, FL_TABLE_CATALOGUE_ENTRIES, &key, &row.base);
}

static void the_check_finds_each_kind_of_damage(void **state)
{
    (void)state;
    static const struct {
        int number;
        void (*damage)(struct fl_kv *kv, struct fl_arena *arena);
    } rows[] = {
        {1, wrong_key},         {1, wrong_state},          {2, no_number},
        {3, unlisted_device},   {4, wrong_grant},          {5, wrong_count},
        {6, unlisted_account},  {7, no_address},           {8, no_outcome},
        {9, unlisted_command},  {10, stray_entry},         {11, no_code},
        {12, no_due},           {13, wrong_invitation},    {15, stray_alias},
        {14, offered_twice},    {14, wrong_offer_count},   {31, mail_for_nobody},
        {32, no_alert_by_time}, {32, told_of_nothing},     {33, stray_policy},
        {17, unlisted_epoch},   {16, erased_with_account}, {18, closed_while_newest},
        {41, unlisted_session}, {41, unfound_token},       {42, endless_sign_up},
        {43, second_reset},     {25, wrong_node_count},    {26, lost_rest},
        {27, wrong_order},      {28, no_license_code},     {29, paid_for_nothing},
        {12, endless_purchase}, {30, plan_ends_too_soon},  {30, plan_ends_without_license},
        {30, no_plan_end},      {13, invited_by_nobody},   {16, erased_and_invited},
        {51, unlisted_link},    {51, unlisted_reseller},   {60, entry_of_no_import},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static struct world world;
        char detail[FL_DETAIL_SIZE];
        char expected[32];
        world_init(&world);
        fill(&world);
        assert_true(fl_registry_check(world.views[0].kv, detail));
        rows[i].damage(world.views[0].kv, &world.other_arena);
        assert_int_equal(world.views[0].kv->error, FL_OK);
        assert_false(fl_registry_check(world.views[0].kv, detail));
        snprintf(expected, sizeof(expected), "invariant %d:", rows[i].number);
        if (strncmp(detail, expected, strlen(expected)) != 0)
            fail_msg("damage %zu: \"%s\" instead of %s", i, detail, expected);
        world_fini(&world);
    }
}

/* One action of every kind, answered by version 1. The hash of the last event covers all of them.
 * If it differs, version 1 decides or writes something else than before: no log that exists could
 * be verified any more. After the first release a change needs a new version (ARCHITECTURE.md). */
static void version_1_writes_the_bytes_that_it_wrote(void **state)
{
    (void)state;
    static struct world world;
    char hash[FL_HASH_TEXT_SIZE];
    world_init(&world);
    junk_begin(&world);
    fl_hex_encode(world.head.hash, FL_HASH_SIZE, hash);
    assert_string_equal(hash, "76ce012f5eb0721b33794d6b77a9c1297de9c6fcde3e3713dfbca5169c508a0c");
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_finds_each_kind_of_damage),
        cmocka_unit_test(version_1_writes_the_bytes_that_it_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
