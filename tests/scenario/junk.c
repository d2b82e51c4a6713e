/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/junk.h"

#include <stdio.h>
#include <string.h>

#include "tests/scenario/cast_login.h"
#include "tests/scenario/cast_mail.h"
#include "tests/scenario/cast_privacy.h"
#include "tests/scenario/cast_reseller.h"

enum { HEADER_COUNT_MAX = 40, LONG_SIZE = 600 * 1024 };

/* Sends what cast has no function for. */
static void say_the_rest(struct world *world)
{
    Fleetlog__V1__AnnounceNode announce = FLEETLOG__V1__ANNOUNCE_NODE__INIT;
    Fleetlog__V1__RemoveNode remove_node = FLEETLOG__V1__REMOVE_NODE__INIT;
    Fleetlog__V1__ActivateRules activate = FLEETLOG__V1__ACTIVATE_RULES__INIT;
    Fleetlog__V1__MoveLog move = FLEETLOG__V1__MOVE_LOG__INIT;
    Fleetlog__V1__InviteCoworker invite = FLEETLOG__V1__INVITE_COWORKER__INIT;
    Fleetlog__V1__LocateDevice locate = FLEETLOG__V1__LOCATE_DEVICE__INIT;
    Fleetlog__V1__ReportCapabilities report = FLEETLOG__V1__REPORT_CAPABILITIES__INIT;
    Fleetlog__V1__DeviceIdentity identity = FLEETLOG__V1__DEVICE_IDENTITY__INIT;
    struct cast_person person;
    announce.node_id = remove_node.node_id = cast_id("agent", 9);
    announce.rules_version_newest = activate.rules_version = 1;
    announce.software_version = "0.1.0";
    cast_operator(world, NULL, &announce.base);
    cast_operator(world, NULL, &remove_node.base);
    cast_operator(world, NULL, &activate.base);
    move.cluster_id = "cluster";
    cast_operator(world, NULL, &move.base);
    cast_open_epoch(world, 2);
    invite.invitation_id = cast_id("claim", 99);
    invite.person = cast_person(world, &person, 50, CAST_EPOCH_1 | CAST_EPOCH_2);
    invite.link_key_generation = 1;
    cast_account(world, 1, NULL, &invite.base);
    locate.device_id = report.device_id = cast_id("device", 1);
    locate.location = "Basement";
    cast_account(world, 1, NULL, &locate.base);
    report.identity = &identity;
    cast_agent(world, 1, NULL, &report.base);
}

static void say_mail(struct world *world)
{
    const Fleetlog__V1__ConditionKind overload =
        FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_OVERLOAD;
    cast_policy(world, 1);
    cast_mail_sent(world, 51);
    cast_mail_failed(world, 2);
    cast_condition(world, 1, overload, true, 7);
    cast_alert_sent(world, 1, 1, overload);
    cast_alert_close(world, 1, overload);
    cast_condition(world, 1, overload, false, 8);
    cast_unsubscribe(world, 1, FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWALS_REPORT);
}

size_t junk_begin(struct world *world)
{
    const unsigned devices[] = {1, 2};
    cast_begin(world);
    say_the_rest(world);
    cast_rename(world, 1, 1, "Rack");
    cast_share(world, 1, devices, 2, 2, 1);
    cast_accept(world, 2, 1);
    for (unsigned command = 1; command <= 3; command++)
        cast_request(world, 2, 1, command, 600000);
    cast_cancel(world, 1, 3);
    cast_deliver(world, 1, 1);
    cast_acknowledge(world, 1, 1);
    cast_outcome(world, 1, 1, FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_SUCCEEDED);
    cast_condition(world, 1, FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY, true, 5);
    cast_revoke(world, 1, 1);
    cast_remove(world, 1, 2);
    cast_invite(world, 1, 51, 51);
    cast_invite(world, 1, 52, 52);
    cast_resend_invitation(world, 1, 51);
    cast_accept_invitation(world, 51, 51, false);
    cast_cancel_invitation(world, 1, 52);
    cast_change_role(world, 1, 51, FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR);
    cast_share(world, 1, devices, 1, 2, 3);
    cast_accept(world, 2, 3);
    cast_remove_shared(world, 2, 1);
    cast_close_account(world, 51);
    cast_create_account(world, 53, 1, FLEETLOG__V1__ROLE__ROLE_MEMBER);
    cast_remove_coworker(world, 1, 53);
    say_mail(world);
    cast_publish(world, 1, "2.0");
    cast_withdraw(world, 1);
    cast_move(world, 1, 1, 1, 7);
    cast_describe(world, 1, 1, "AS1");
    cast_describe(world, 1, 1, "AS2");
    cast_reseller_story(world, 1, 70, 1);
    for (unsigned transfer = 1; transfer <= 3; transfer++) {
        cast_offer(world, 1, 1, 2, transfer);
        if (transfer == 1)
            cast_decline_offer(world, 2, 1);
        else if (transfer == 2)
            cast_cancel_offer(world, 1, 2);
    }
    cast_take_over(world, 2, 3);
    cast_mint(world, 2, 1, 2, FLEETLOG__V1__PLAN__PLAN_STANDARD);
    cast_apply(world, 2, 1, devices, 1);
    cast_release(world, 2, 1, 1);
    cast_apply(world, 2, 1, devices, 1);
    cast_withdraw_license(world, 1);
    cast_set_prices(world);
    cast_buy(world, 2, 1);
    cast_payment(world, 1, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_PAID);
    cast_issue_claim(world, 1, 54);
    world->now_ms += 2 * 3600 * 1000;
    cast_fire_all(world);
    cast_announce(world, 1);
    cast_confirm(world, 1, 2, true);
    cast_erase(world, 52, false);
    cast_reindex(world, 2, 1, 1, false);
    cast_reindex(world, 2, 2, 1, true);
    cast_login_story(world, 60, CAST_EPOCH_1 | CAST_EPOCH_2);
    cast_close_epoch(world, 1);
    cast_confirm(world, 1, 1, false);
    cast_finish_erasure(world, 52);
    cast_rotate_link(world, 2, 2);
    return world->entry_count;
}

/* A record that may be written to. */
struct bent {
    struct fl_record record;
    struct fl_header headers[HEADER_COUNT_MAX];
};

static struct fl_slice flip(struct world *world, struct fl_slice bytes, size_t at, uint8_t mask)
{
    if (bytes.size == 0)
        return bytes;
    struct fl_slice copy = fl_arena_copy(&world->log_arena, bytes);
    ((uint8_t *)copy.data)[at % copy.size] ^= (uint8_t)(mask | 1);
    return copy;
}

/* Bytes behind the payload: an unknown field, or nonsense. */
static struct fl_slice append(struct world *world, struct fl_slice bytes, uint8_t tag,
                              uint8_t value)
{
    uint8_t *longer = fl_arena_alloc(&world->log_arena, bytes.size + 3);
    if (longer == NULL)
        world_fail("no memory");
    if (bytes.size != 0)
        memcpy(longer, bytes.data, bytes.size);
    longer[bytes.size] = tag;
    longer[bytes.size + 1] = value;
    longer[bytes.size + 2] = value;
    return fl_slice_of(longer, bytes.size + 3);
}

static void drop_header(struct bent *bent, size_t at)
{
    uint32_t count = bent->record.header_count;
    memmove(&bent->headers[at], &bent->headers[at + 1],
            (count - at - 1) * sizeof(bent->headers[0]));
    bent->record.header_count = count - 1;
}

static void bend(struct world *world, struct bent *bent, const uint8_t *step)
{
    static const uint8_t huge[LONG_SIZE];
    uint32_t count = bent->record.header_count;
    size_t header = count == 0 ? 0 : step[1] % count;
    size_t at = (size_t)step[1] << 4 | step[2];
    switch (step[0] % 10) {
    case 0:
    case 1:
    case 2:
        bent->record.value = flip(world, bent->record.value, at, step[2]);
        return;
    case 3:
        if (bent->record.value.size != 0)
            bent->record.value.size = at % bent->record.value.size;
        return;
    case 4:
        bent->record.value = append(world, bent->record.value, step[1], step[2]);
        return;
    case 5:
        if (count != 0)
            bent->headers[header].value = flip(world, bent->headers[header].value, step[2], 0x20);
        return;
    case 6:
        if (count != 0)
            drop_header(bent, header);
        return;
    case 7:
        if (count != 0 && count < HEADER_COUNT_MAX)
            bent->headers[bent->record.header_count++] = bent->headers[header];
        return;
    case 8:
        if (count != 0)
            bent->headers[header].value = FL_SLICE_NULL;
        return;
    default:
        bent->record.value = step[1] < 128 ? FL_SLICE_NULL : fl_slice_of(huge, sizeof(huge));
    }
}

/* Another id, so that the action is not only a repeated one. */
static void renew_id(struct world *world, struct bent *bent)
{
    static char id[FL_ID_TEXT_SIZE];
    char name[32];
    snprintf(name, sizeof(name), "%zu", world->entry_count);
    world_id("junk", name, id);
    for (uint32_t i = 0; i < bent->record.header_count; i++)
        if (fl_slice_is(bent->headers[i].name, "ce_id"))
            bent->headers[i].value = fl_slice_text(id);
}

void junk_step(struct world *world, size_t good_count, const uint8_t *data, size_t size)
{
    struct bent bent;
    if (size < 4)
        return;
    const struct fl_record *base =
        &world->entries[(size_t)(data[0] | data[1] << 8) % good_count].action;
    bent.record = *base;
    if (base->header_count != 0)
        memcpy(bent.headers, base->headers, base->header_count * sizeof(bent.headers[0]));
    bent.record.headers = bent.headers;
    if (data[2] % 2 == 0)
        renew_id(world, &bent);
    for (size_t at = 3; at + 3 <= size; at += 3)
        bend(world, &bent, data + at);
    if (!world_step(world, &bent.record))
        world_fail("decide gave %s", fl_error_name(world->last_error));
}
