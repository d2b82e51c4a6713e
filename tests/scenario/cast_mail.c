/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/cast_mail.h"

#include <stdio.h>
#include <string.h>

#include "projections/registry/outbox.h"

static enum fl_message_type send(struct world *world, const char *actor,
                                 const ProtobufCMessage *message)
{
    const struct world_actor who = {.actor = actor};
    struct fl_record record = world_action(world, &who, NULL, message);
    if (!world_step(world, &record))
        world_fail("decide gave %s", fl_error_name(world->last_error));
    return world_answer(world);
}

enum fl_message_type cast_mailer(struct world *world, const ProtobufCMessage *message)
{
    return send(world, "mailer", message);
}

static void find_owed(struct world *world, unsigned person, Fleetlog__V1__MailCause *cause)
{
    struct fl_kv_walk walk;
    struct fl_kv *kv = world->views[0].kv;
    fl_kv_walk_begin(&walk, kv, FL_TABLE_OUTBOX, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        const fl_outbox_row *row =
            fl_row_decode(kv, &world->log_arena, FL_TABLE_OUTBOX, walk.value);
        if (row == NULL || strcmp(row->subject_id, cast_id("subject", person)) != 0)
            continue;
        cause->event_id = row->event_id;
        cause->sequence = row->sequence;
        cause->kind = row->kind;
        return;
    }
    world_fail("no mail is owed to person %u", person);
}

enum fl_message_type cast_mail_sent(struct world *world, unsigned person)
{
    Fleetlog__V1__MailCause cause = FLEETLOG__V1__MAIL_CAUSE__INIT;
    Fleetlog__V1__RecordNotificationSent action = FLEETLOG__V1__RECORD_NOTIFICATION_SENT__INIT;
    find_owed(world, person, &cause);
    action.cause = &cause;
    action.subject_id = cast_id("subject", person);
    return cast_mailer(world, &action.base);
}

enum fl_message_type cast_mail_failed(struct world *world, unsigned person)
{
    Fleetlog__V1__MailCause cause = FLEETLOG__V1__MAIL_CAUSE__INIT;
    Fleetlog__V1__RecordNotificationFailed action = FLEETLOG__V1__RECORD_NOTIFICATION_FAILED__INIT;
    find_owed(world, person, &cause);
    action.cause = &cause;
    action.subject_id = cast_id("subject", person);
    action.failure = FLEETLOG__V1__MAIL_FAILURE__MAIL_FAILURE_REFUSED;
    action.reply = "550 5.1.1 no such user";
    return cast_mailer(world, &action.base);
}

static void find_alert(struct world *world, unsigned device, Fleetlog__V1__ConditionKind condition,
                       Fleetlog__V1__MailCause *cause)
{
    const fl_alert_row *row = fl_alert_get(world->views[0].kv, &world->log_arena,
                                           cast_id("device", device), (uint32_t)condition);
    if (row == NULL || row->due_at_ms == 0)
        world_fail("no alert of device %u waits", device);
    cause->event_id = row->cause_event_id;
    cause->sequence = row->cause_sequence;
    cause->kind = row->state == FL_ALERT_WAITING
                      ? FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED
                      : FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_CLEARED;
    cause->device_id = row->device_id;
    cause->condition = (uint32_t)condition;
}

enum fl_message_type cast_alert_sent(struct world *world, unsigned person, unsigned device,
                                     Fleetlog__V1__ConditionKind condition)
{
    Fleetlog__V1__MailCause cause = FLEETLOG__V1__MAIL_CAUSE__INIT;
    Fleetlog__V1__RecordNotificationSent action = FLEETLOG__V1__RECORD_NOTIFICATION_SENT__INIT;
    find_alert(world, device, condition, &cause);
    action.cause = &cause;
    action.subject_id = cast_id("subject", person);
    return cast_mailer(world, &action.base);
}

enum fl_message_type cast_alert_close(struct world *world, unsigned device,
                                      Fleetlog__V1__ConditionKind condition)
{
    Fleetlog__V1__MailCause cause = FLEETLOG__V1__MAIL_CAUSE__INIT;
    Fleetlog__V1__MailCause *causes[] = {&cause};
    Fleetlog__V1__CloseAlerts action = FLEETLOG__V1__CLOSE_ALERTS__INIT;
    find_alert(world, device, condition, &cause);
    action.causes = causes;
    action.n_causes = 1;
    return cast_mailer(world, &action.base);
}

enum fl_message_type cast_policy(struct world *world, unsigned account)
{
    Fleetlog__V1__SetNotificationPolicy action = FLEETLOG__V1__SET_NOTIFICATION_POLICY__INIT;
    action.account_id = cast_id("subject", account);
    action.severity_min = FLEETLOG__V1__SEVERITY__SEVERITY_INFORMATIONAL;
    action.devices = FLEETLOG__V1__DEVICE_SET__DEVICE_SET_ALL;
    return cast_account(world, account, NULL, &action.base);
}

enum fl_message_type cast_unsubscribe(struct world *world, unsigned person,
                                      Fleetlog__V1__MailKind kind)
{
    char actor[64];
    Fleetlog__V1__Unsubscribe action = FLEETLOG__V1__UNSUBSCRIBE__INIT;
    snprintf(actor, sizeof(actor), "link:%s", cast_id("subject", person));
    action.subject_id = cast_id("subject", person);
    action.kind = kind;
    return send(world, actor, &action.base);
}
