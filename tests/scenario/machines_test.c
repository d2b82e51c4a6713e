/* SPDX-License-Identifier: Apache-2.0 */
/* Every machine: its table is its diagram, and every input has an answer in every state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/scenario/cast_privacy.h"
#include "tests/scenario/cells.h"
#include "tests/unit/diagram.h"

#define SELF_TEST_TTL_MS 600000
#define WEEK_MS (INT64_C(7) * 86400000)

static void tables_and_diagrams_are_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < FL_MACHINE_COUNT; i++) {
        assert_true(fl_sm_check(fl_machines[i]));
        fl_diagram_compare(fl_machines[i], "ARCHITECTURE.md");
        fl_diagram_compare(fl_machines[i], "projections/registry/machines.c");
    }
}

static void bring_command(struct world *world, unsigned state)
{
    if (state == FL_COMMAND_NONE)
        return;
    cast_request(world, 1, 1, 1, SELF_TEST_TTL_MS);
    if (state == FL_COMMAND_CANCELLED)
        cast_cancel(world, 1, 1);
    if (state == FL_COMMAND_EXPIRED)
        cast_outcome(world, 1, 1, FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_EXPIRED);
    if (state == FL_COMMAND_FAILED)
        cast_outcome(world, 1, 1, FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_FAILED);
    if (state == FL_COMMAND_DELIVERED || state == FL_COMMAND_ACKNOWLEDGED ||
        state == FL_COMMAND_SUCCEEDED)
        cast_deliver(world, 1, 1);
    if (state == FL_COMMAND_ACKNOWLEDGED || state == FL_COMMAND_SUCCEEDED)
        cast_acknowledge(world, 1, 1);
    if (state == FL_COMMAND_SUCCEEDED)
        cast_outcome(world, 1, 1, FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_SUCCEEDED);
}

static void request(struct world *world)
{
    cast_request(world, 1, 1, 1, SELF_TEST_TTL_MS);
}

static void deliver(struct world *world)
{
    cast_deliver(world, 1, 1);
}

static void acknowledge(struct world *world)
{
    cast_acknowledge(world, 1, 1);
}

static void succeed(struct world *world)
{
    cast_outcome(world, 1, 1, FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_SUCCEEDED);
}

static void fail_it(struct world *world)
{
    cast_outcome(world, 1, 1, FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_FAILED);
}

static void expire(struct world *world)
{
    cast_outcome(world, 1, 1, FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_EXPIRED);
}

static void cancel(struct world *world)
{
    cast_cancel(world, 1, 1);
}

static void late_delivery(struct world *world)
{
    world->now_ms += SELF_TEST_TTL_MS;
    cast_deliver(world, 1, 1);
}

/* none, requested, delivered, acknowledged, succeeded, failed, expired, cancelled */
static void commands_answer_everything(void **state)
{
    (void)state;
    static const struct cell requested[] = {
        EVENT(CommandRequested), REFUSED(EXISTS), REFUSED(EXISTS), REFUSED(EXISTS),
        REFUSED(EXISTS),         REFUSED(EXISTS), REFUSED(EXISTS), REFUSED(EXISTS)};
    static const struct cell delivered[] = {GONE, EVENT(CommandDelivered), NO, NO, NO, NO, NO, NO};
    static const struct cell late[] = {GONE, EVENT(CommandExpired), NO, NO, NO, NO, NO, NO};
    static const struct cell acknowledged[] = {GONE, NO, EVENT(CommandAcknowledged), NO, NO, NO,
                                               NO,   NO};
    static const struct cell succeeded[] = {
        GONE, NO, EVENT(CommandSucceeded), EVENT(CommandSucceeded), NO, NO, NO, NO};
    static const struct cell failed[] = {
        GONE, EVENT(CommandFailed), EVENT(CommandFailed), EVENT(CommandFailed), NO, NO, NO, NO};
    static const struct cell expired[] = {
        GONE, EVENT(CommandExpired), EVENT(CommandExpired), NO, NO, NO, NO, NO};
    static const struct cell cancelled[] = {GONE, EVENT(CommandCancelled), NO, NO, NO, NO, NO, NO};
    const struct cell_row inputs[] = {
        {"request", request, requested}, {"deliver", deliver, delivered},
        {"late", late_delivery, late},   {"acknowledge", acknowledge, acknowledged},
        {"succeed", succeed, succeeded}, {"fail", fail_it, failed},
        {"expire", expire, expired},     {"cancel", cancel, cancelled},
    };
    cells_try(&fl_command_machine, bring_command, inputs, sizeof(inputs) / sizeof(inputs[0]));
}

static void bring_share(struct world *world, unsigned state)
{
    const unsigned device = 1;
    if (state == FL_SHARE_NONE)
        return;
    cast_share(world, 1, &device, 1, 2, 1);
    if (state == FL_SHARE_ACCEPTED)
        cast_accept(world, 2, 1);
    if (state == FL_SHARE_REVOKED)
        cast_revoke(world, 1, 1);
    if (state == FL_SHARE_EXPIRED)
        world->now_ms += WEEK_MS;
}

static void share_again(struct world *world)
{
    const unsigned device = 1;
    cast_share(world, 1, &device, 1, 2, 2);
}

static void accept_it(struct world *world)
{
    cast_accept(world, 2, 1);
}

static void revoke(struct world *world)
{
    cast_revoke(world, 1, 1);
}

static void drop(struct world *world)
{
    cast_revoke(world, 2, 1);
}

static void use(struct world *world)
{
    cast_rename(world, 2, 1, "Mine");
}

/* none, pending, accepted, revoked, expired */
static void shares_answer_everything(void **state)
{
    (void)state;
    static const struct cell again[] = {EVENT(DevicesShared), REFUSED(EXISTS), REFUSED(EXISTS),
                                        EVENT(DevicesShared), EVENT(DevicesShared)};
    static const struct cell accepted[] = {GONE, EVENT(ShareAccepted), NO, NO, REFUSED(EXPIRED)};
    static const struct cell revoked[] = {GONE, EVENT(ShareRevoked), EVENT(ShareRevoked), NO, NO};
    static const struct cell used[] = {GONE, GONE, EVENT(DeviceRenamed), GONE, GONE};
    const struct cell_row inputs[] = {
        {"share again", share_again, again},
        {"accept", accept_it, accepted},
        {"revoke", revoke, revoked},
        {"drop", drop, revoked},
        {"use", use, used},
    };
    cells_try(&fl_share_machine, bring_share, inputs, sizeof(inputs) / sizeof(inputs[0]));
}

static void bring_claim(struct world *world, unsigned state)
{
    if (state == FL_CLAIM_NONE)
        return;
    cast_issue_claim(world, 1, 2);
    if (state == FL_CLAIM_USED)
        cast_enrol(world, 2, 2);
    if (state == FL_CLAIM_EXPIRED)
        world->now_ms += WEEK_MS;
}

static void enrol(struct world *world)
{
    cast_enrol(world, 3, 2);
}

static void issue_again(struct world *world)
{
    cast_issue_claim(world, 1, 2);
}

/* none, issued, used, expired */
static void claims_answer_everything(void **state)
{
    (void)state;
    static const struct cell enrolled[] = {GONE, EVENT(AgentEnrolled), NO, REFUSED(EXPIRED)};
    static const struct cell issued[] = {EVENT(ClaimIssued), REFUSED(EXISTS), REFUSED(EXISTS),
                                         REFUSED(EXISTS)};
    const struct cell_row inputs[] = {{"enrol", enrol, enrolled}, {"issue", issue_again, issued}};
    cells_try(&fl_claim_machine, bring_claim, inputs, 2);
}

static void accept_invitation(struct world *world)
{
    cast_accept_invitation(world, 9, 1, false);
}

static void cancel_invitation(struct world *world)
{
    cast_cancel_invitation(world, 1, 1);
}

static void resend_invitation(struct world *world)
{
    cast_resend_invitation(world, 1, 1);
}

static void bring_invitation(struct world *world, unsigned state)
{
    if (state == FL_INVITATION_NONE)
        return;
    cast_invite(world, 1, 9, 1);
    if (state == FL_INVITATION_CANCELLED)
        cancel_invitation(world);
    if (state == FL_INVITATION_ACCEPTED)
        cast_create_account(world, 9, 1, FLEETLOG__V1__ROLE__ROLE_MEMBER);
    if (state == FL_INVITATION_EXPIRED)
        world->now_ms += WEEK_MS;
}

static void invite(struct world *world)
{
    cast_invite(world, 1, 9, 2);
}

static void create_account(struct world *world)
{
    cast_create_account(world, 9, 1, FLEETLOG__V1__ROLE__ROLE_MEMBER);
}

/* none, outstanding, accepted, expired, cancelled */
static void invitations_answer_everything(void **state)
{
    (void)state;
    static const struct cell invited[] = {EVENT(CoworkerInvited), REFUSED(EXISTS), REFUSED(EXISTS),
                                          EVENT(CoworkerInvited), EVENT(CoworkerInvited)};
    static const struct cell created[] = {EVENT(AccountCreated), EVENT(AccountCreated),
                                          REFUSED(EXISTS), EVENT(AccountCreated),
                                          EVENT(AccountCreated)};
    static const struct cell accepted[] = {GONE, EVENT(InvitationAccepted), NO, REFUSED(EXPIRED),
                                           NO};
    static const struct cell cancelled[] = {GONE, EVENT(InvitationCancelled), NO, REFUSED(EXPIRED),
                                            NO};
    static const struct cell resent[] = {GONE, EVENT(InvitationResent), NO, REFUSED(EXPIRED), NO};
    const struct cell_row inputs[] = {{"invite", invite, invited},
                                      {"create account", create_account, created},
                                      {"accept", accept_invitation, accepted},
                                      {"cancel", cancel_invitation, cancelled},
                                      {"send again", resend_invitation, resent}};
    cells_try(&fl_invitation_machine, bring_invitation, inputs, 5);
}

static void bring_device(struct world *world, unsigned state)
{
    if (state == FL_DEVICE_NONE)
        return;
    cast_register(world, 1, 3, 3);
    if (state == FL_DEVICE_REMOVED)
        cast_remove(world, 1, 3);
}

static void register_it(struct world *world)
{
    cast_register(world, 1, 3, 3);
}

static void rename_it(struct world *world)
{
    cast_rename(world, 1, 3, "Rack");
}

static void remove_it(struct world *world)
{
    cast_remove(world, 1, 3);
}

static void raise_it(struct world *world)
{
    cast_condition(world, 3, FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY, true, 5);
}

/* none, active, removed */
static void devices_answer_everything(void **state)
{
    (void)state;
    static const struct cell registered[] = {EVENT(DeviceRegistered), REFUSED(EXISTS),
                                             REFUSED(EXISTS)};
    static const struct cell renamed[] = {GONE, EVENT(DeviceRenamed), GONE};
    static const struct cell removed[] = {GONE, EVENT(DeviceRemoved), GONE};
    static const struct cell raised[] = {GONE, EVENT(ConditionRaised), GONE};
    const struct cell_row inputs[] = {{"register", register_it, registered},
                                      {"rename", rename_it, renamed},
                                      {"remove", remove_it, removed},
                                      {"raise", raise_it, raised}};
    cells_try(&fl_device_machine, bring_device, inputs, 4);
}

static void bring_transfer(struct world *world, unsigned state)
{
    if (state == FL_TRANSFER_NONE)
        return;
    cast_offer(world, 1, 1, 2, 1);
    if (state == FL_TRANSFER_ACCEPTED)
        cast_take_over(world, 2, 1);
    if (state == FL_TRANSFER_DECLINED)
        cast_decline_offer(world, 2, 1);
    if (state == FL_TRANSFER_CANCELLED)
        cast_cancel_offer(world, 1, 1);
    if (state == FL_TRANSFER_EXPIRED)
        world->now_ms += WEEK_MS;
}

static void offer_again(struct world *world)
{
    cast_offer(world, 1, 1, 2, 2);
}

static void take_over(struct world *world)
{
    cast_take_over(world, 2, 1);
}

static void decline_offer(struct world *world)
{
    cast_decline_offer(world, 2, 1);
}

static void cancel_offer(struct world *world)
{
    cast_cancel_offer(world, 1, 1);
}

static void use_it(struct world *world)
{
    cast_rename(world, 2, 1, "Mine");
}

static void publish_it(struct world *world)
{
    cast_publish(world, 1, "2.0");
}

static void withdraw_it(struct world *world)
{
    cast_withdraw(world, 1);
}

static void bring_firmware(struct world *world, unsigned state)
{
    if (state != FL_FIRMWARE_NONE)
        publish_it(world);
    if (state == FL_FIRMWARE_WITHDRAWN)
        withdraw_it(world);
}

/* none, published, withdrawn */
static void firmware_answers_everything(void **state)
{
    (void)state;
    static const struct cell published[] = {EVENT(FirmwarePublished), REFUSED(EXISTS),
                                            REFUSED(EXISTS)};
    static const struct cell withdrawn[] = {GONE, EVENT(FirmwareWithdrawn), NO};
    const struct cell_row inputs[] = {{"publish", publish_it, published},
                                      {"withdraw", withdraw_it, withdrawn}};
    cells_try(&fl_firmware_machine, bring_firmware, inputs, 2);
}

/* none, offered, accepted, declined, cancelled, expired */
static void transfers_answer_everything(void **state)
{
    (void)state;
    static const struct cell again[] = {
        EVENT(TransferOffered), REFUSED(EXISTS),        GONE,
        EVENT(TransferOffered), EVENT(TransferOffered), EVENT(TransferOffered)};
    static const struct cell accepted[] = {GONE, EVENT(TransferAccepted), NO, NO,
                                           NO,   REFUSED(EXPIRED)};
    static const struct cell declined[] = {GONE, EVENT(TransferDeclined), NO, NO,
                                           NO,   REFUSED(EXPIRED)};
    static const struct cell cancelled[] = {GONE, EVENT(TransferCancelled), NO, NO,
                                            NO,   REFUSED(EXPIRED)};
    static const struct cell used[] = {GONE, GONE, EVENT(DeviceRenamed), GONE, GONE, GONE};
    const struct cell_row inputs[] = {
        {"offer again", offer_again, again},
        {"accept", take_over, accepted},
        {"decline", decline_offer, declined},
        {"cancel", cancel_offer, cancelled},
        {"use", use_it, used},
    };
    cells_try(&fl_transfer_machine, bring_transfer, inputs, sizeof(inputs) / sizeof(inputs[0]));
}

static void bring_condition(struct world *world, unsigned state)
{
    if (state == FL_CONDITION_RAISED)
        cast_condition(world, 1, FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY, true, 5);
}

static void raise_newer(struct world *world)
{
    cast_condition(world, 1, FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY, true, 6);
}

static void clear_newer(struct world *world)
{
    cast_condition(world, 1, FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY, false, 6);
}

/* clear, raised */
static void conditions_answer_everything(void **state)
{
    (void)state;
    static const struct cell raised[] = {EVENT(ConditionRaised), NO};
    static const struct cell cleared[] = {NO, EVENT(ConditionCleared)};
    const struct cell_row inputs[] = {{"raise", raise_newer, raised},
                                      {"clear", clear_newer, cleared}};
    cells_try(&fl_condition_machine, bring_condition, inputs, 2);
}

/* Epoch 2: the one before it is destroyed first, then epoch 3 takes its place. */
static void bring_epoch(struct world *world, unsigned state)
{
    cast_announce(world, 1);
    if (state == FL_EPOCH_NONE)
        return;
    cast_open_epoch(world, 2);
    if (state == FL_EPOCH_OPEN)
        return;
    cast_confirm(world, 1, 2, true);
    for (unsigned person = 1; person <= 2; person++)
        cast_reindex(world, 2, person, 1, true);
    cast_close_epoch(world, 1);
    cast_confirm(world, 1, 1, false);
    cast_open_epoch(world, 3);
    cast_confirm(world, 1, 3, true);
    cast_close_epoch(world, 2);
    if (state == FL_EPOCH_DESTROYED)
        cast_confirm(world, 1, 2, false);
}

static void open_it(struct world *world)
{
    cast_open_epoch(world, 2);
}

static void confirm_stored(struct world *world)
{
    cast_confirm(world, 1, 2, true);
}

static void confirm_destroyed(struct world *world)
{
    cast_confirm(world, 1, 2, false);
}

static void close_it(struct world *world)
{
    cast_close_epoch(world, 2);
}

/* none, open, closed, destroyed */
static void epochs_answer_everything(void **state)
{
    (void)state;
    static const struct cell opened[] = {EVENT(EpochOpened), REFUSED(EPOCH), REFUSED(EPOCH),
                                         REFUSED(EPOCH)};
    static const struct cell stored[] = {REFUSED(EPOCH), EVENT(EpochConfirmed), REFUSED(EPOCH),
                                         REFUSED(EPOCH)};
    static const struct cell destroyed[] = {REFUSED(EPOCH), REFUSED(EPOCH), EVENT(EpochConfirmed),
                                            REFUSED(EPOCH)};
    /* An open one is closed when a newer one is open: then it is the state `closed` above. */
    static const struct cell closed[] = {REFUSED(EPOCH), REFUSED(EPOCH), REFUSED(EPOCH),
                                         REFUSED(EPOCH)};
    const struct cell_row inputs[] = {{"open", open_it, opened},
                                      {"confirm stored", confirm_stored, stored},
                                      {"confirm destroyed", confirm_destroyed, destroyed},
                                      {"close", close_it, closed}};
    cells_try(&fl_epoch_machine, bring_epoch, inputs, 4);
}

/* The table of roles, as the product's description has it. */
static void rights_are_as_described(void **state)
{
    (void)state;
    static const struct {
        enum fl_right right;
        bool administrator, member, shared;
    } rows[] = {
        {FL_RIGHT_INVITE, true, false, false},   {FL_RIGHT_REGISTER, true, true, false},
        {FL_RIGHT_CONFIGURE, true, true, true},  {FL_RIGHT_DELETE, true, false, false},
        {FL_RIGHT_SHARE, true, true, false},     {FL_RIGHT_VIEW, true, true, true},
        {FL_RIGHT_COMMAND, true, true, true},    {FL_RIGHT_DROP, false, false, true},
        {FL_RIGHT_MANAGE, true, false, false},   {FL_RIGHT_TRANSFER, true, false, false},
        {FL_RIGHT_LICENSE, true, true, true},    {FL_RIGHT_RESELLER, true, false, false},
        {FL_RIGHT_LIFECYCLE, true, true, false},
    };
    assert_int_equal(sizeof(rows) / sizeof(rows[0]), FL_RIGHT_COUNT);
    for (size_t i = 0; i < FL_RIGHT_COUNT; i++) {
        assert_false(fl_relation_may(FL_RELATION_STRANGER, rows[i].right));
        assert_int_equal(fl_relation_may(FL_RELATION_ADMINISTRATOR, rows[i].right),
                         rows[i].administrator);
        assert_int_equal(fl_relation_may(FL_RELATION_MEMBER, rows[i].right), rows[i].member);
        assert_int_equal(fl_relation_may(FL_RELATION_SHARED, rows[i].right), rows[i].shared);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_and_diagrams_are_the_same),
        cmocka_unit_test(commands_answer_everything),
        cmocka_unit_test(shares_answer_everything),
        cmocka_unit_test(claims_answer_everything),
        cmocka_unit_test(invitations_answer_everything),
        cmocka_unit_test(devices_answer_everything),
        cmocka_unit_test(firmware_answers_everything),
        cmocka_unit_test(transfers_answer_everything),
        cmocka_unit_test(conditions_answer_everything),
        cmocka_unit_test(epochs_answer_everything),
        cmocka_unit_test(rights_are_as_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
