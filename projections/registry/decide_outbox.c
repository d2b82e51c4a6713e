/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/decide_outbox.h"

#include <string.h>

#include "projections/registry/deciding.h"
#include "projections/registry/outbox.h"

/* True if the mail about the raise is to be sent and this person has not had it. */
static bool owes_raise(struct fl_deciding *d, const fl_alert_row *row,
                       const Fleetlog__V1__MailCause *cause, const char *subject_id)
{
    return row->state == FL_ALERT_WAITING && row->cause_sequence == cause->sequence &&
           strcmp(row->cause_event_id, cause->event_id) == 0 &&
           fl_alert_told(d->kv, cause->device_id, cause->condition, subject_id) ==
               FL_ALERT_TOLD_NOBODY;
}

/* True if this person was told of the raise and not of its end; it may have come again meanwhile.
 */
static bool owes_clear(struct fl_deciding *d, const fl_alert_row *row,
                       const Fleetlog__V1__MailCause *cause, const char *subject_id)
{
    return (row->state == FL_ALERT_SETTLING || row->state == FL_ALERT_TOLD) &&
           row->cleared_sequence == cause->sequence &&
           strcmp(row->cleared_event_id, cause->event_id) == 0 &&
           fl_alert_told(d->kv, cause->device_id, cause->condition, subject_id) ==
               FL_ALERT_TOLD_SENT;
}

/* True if this mail is owed to this person; finds out whose Event Log the answer stands in. */
static bool is_owed(struct fl_deciding *d, const Fleetlog__V1__MailCause *cause,
                    const char *subject_id)
{
    bool raised = cause->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED;
    if (!raised && cause->kind != FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_CLEARED) {
        const fl_outbox_row *row =
            fl_outbox_get(d->kv, d->arena, cause->sequence, (uint32_t)cause->kind, subject_id);
        if (row == NULL || strcmp(row->event_id, cause->event_id) != 0)
            return false;
        if (row->company_id[0] != '\0')
            d->company_id = fl_slice_text(row->company_id);
        return true;
    }
    const fl_alert_row *row = fl_alert_get(d->kv, d->arena, cause->device_id, cause->condition);
    const fl_account_row *account =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_ACCOUNTS, fl_slice_text(subject_id));
    if (row == NULL ||
        !(raised ? owes_raise(d, row, cause, subject_id) : owes_clear(d, row, cause, subject_id)))
        return false;
    if (account != NULL)
        d->company_id = fl_slice_text(account->company_id);
    return true;
}

static const ProtobufCMessage *not_owed(struct fl_deciding *d)
{
    return fl_reject(d, FL_REJECT(STALE), "This mail is not owed to this person (any more).");
}

const ProtobufCMessage *fl_decide_notification_sent(struct fl_deciding *d)
{
    const Fleetlog__V1__RecordNotificationSent *action =
        (const Fleetlog__V1__RecordNotificationSent *)d->message;
    if (!is_owed(d, action->cause, action->subject_id))
        return not_owed(d);
    Fleetlog__V1__NotificationSent *event = fl_answer(d, FL_MESSAGE_NotificationSent);
    event->cause = action->cause;
    event->subject_id = action->subject_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_notification_failed(struct fl_deciding *d)
{
    const Fleetlog__V1__RecordNotificationFailed *action =
        (const Fleetlog__V1__RecordNotificationFailed *)d->message;
    if (!is_owed(d, action->cause, action->subject_id))
        return not_owed(d);
    Fleetlog__V1__NotificationFailed *event = fl_answer(d, FL_MESSAGE_NotificationFailed);
    event->cause = action->cause;
    event->subject_id = action->subject_id;
    event->failure = action->failure;
    event->reply = action->reply;
    return &event->base;
}

static bool is_open(struct fl_deciding *d, const Fleetlog__V1__MailCause *cause)
{
    const fl_alert_row *row = fl_alert_get(d->kv, d->arena, cause->device_id, cause->condition);
    return row != NULL && row->due_at_ms != 0 && row->cause_sequence == cause->sequence &&
           strcmp(row->cause_event_id, cause->event_id) == 0;
}

static bool is_listed(Fleetlog__V1__MailCause *const *causes, size_t count,
                      const Fleetlog__V1__MailCause *cause)
{
    for (size_t i = 0; i < count; i++)
        if (causes[i]->condition == cause->condition &&
            strcmp(causes[i]->device_id, cause->device_id) == 0)
            return true;
    return false;
}

const ProtobufCMessage *fl_decide_close_alerts(struct fl_deciding *d)
{
    const Fleetlog__V1__CloseAlerts *action = (const Fleetlog__V1__CloseAlerts *)d->message;
    Fleetlog__V1__MailCause **open = fl_arena_calloc(d->arena, action->n_causes, sizeof(*open));
    size_t count = 0;
    if (open == NULL)
        return NULL;
    for (size_t i = 0; i < action->n_causes; i++)
        if (is_open(d, action->causes[i]) && !is_listed(open, count, action->causes[i]))
            open[count++] = action->causes[i];
    if (count == 0)
        return fl_reject(d, FL_REJECT(STALE), "None of these alerts is open (any more).");
    Fleetlog__V1__AlertsClosed *event = fl_answer(d, FL_MESSAGE_AlertsClosed);
    event->causes = open;
    event->n_causes = count;
    return &event->base;
}

/* Each listed device is one that the account sees; false: rejected. */
static bool check_listed(struct fl_deciding *d, const Fleetlog__V1__SetNotificationPolicy *action)
{
    struct fl_items items;
    if (!fl_items_begin(d, &items, action->n_device_ids))
        return false;
    for (size_t i = 0; i < action->n_device_ids; i++) {
        const fl_device_row *device =
            fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, fl_slice_text(action->device_ids[i]));
        if (device == NULL || device->state != FL_DEVICE_ACTIVE ||
            fl_relation_to_device(d->kv, d->arena, d->account, device, d->now_ms) ==
                FL_RELATION_STRANGER)
            fl_items_add(d, &items, action->device_ids[i], FL_REJECT(NOT_FOUND),
                         "There is no such device.");
    }
    if (items.count == 0)
        return !d->arena->exhausted;
    fl_reject_items(d, &items, action->n_device_ids, "listed");
    return false;
}

const ProtobufCMessage *fl_decide_set_notification_policy(struct fl_deciding *d)
{
    const Fleetlog__V1__SetNotificationPolicy *action =
        (const Fleetlog__V1__SetNotificationPolicy *)d->message;
    bool is_listed_set = action->devices == FLEETLOG__V1__DEVICE_SET__DEVICE_SET_LISTED;
    if (strcmp(action->account_id, d->account->account_id) != 0)
        return fl_reject(d, FL_REJECT(DENIED), "Each person chooses his own notifications only.");
    if (is_listed_set != (action->n_device_ids != 0))
        return fl_reject(d, FL_REJECT(INVALID),
                         is_listed_set ? "A list of devices names at least one."
                                       : "Devices are named for the set of listed ones only.");
    if (!check_listed(d, action))
        return d->answer;
    Fleetlog__V1__NotificationPolicySet *event = fl_answer(d, FL_MESSAGE_NotificationPolicySet);
    event->account_id = action->account_id;
    event->severity_min = action->severity_min;
    event->devices = action->devices;
    event->device_ids = action->device_ids;
    event->n_device_ids = action->n_device_ids;
    event->conditions = action->conditions;
    event->n_conditions = action->n_conditions;
    event->paused = action->paused;
    event->without_renewals = action->without_renewals;
    return &event->base;
}

const ProtobufCMessage *fl_decide_unsubscribe(struct fl_deciding *d)
{
    const Fleetlog__V1__Unsubscribe *action = (const Fleetlog__V1__Unsubscribe *)d->message;
    struct fl_slice id = fl_slice_text(action->subject_id);
    const fl_account_row *account = fl_row_by_id(d->kv, d->arena, FL_TABLE_ACCOUNTS, id);
    bool conditions = action->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED ||
                      action->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_CLEARED;
    if (!fl_slice_equal(d->actor_id, id))
        return fl_reject(d, FL_REJECT(DENIED), "This link is another person's.");
    if (!fl_mail_may_be_refused(action->kind))
        return fl_reject(d, FL_REJECT(INVALID),
                         "Mail of this kind is sent because somebody asked for it.");
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_SUBJECTS, id) == NULL ||
        (conditions && account == NULL))
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is nobody to unsubscribe.");
    if (account != NULL)
        d->company_id = fl_slice_text(account->company_id);
    const fl_policy_row *policy = fl_policy_of(d->kv, d->arena, action->subject_id);
    if (policy == NULL)
        return NULL;
    if (conditions ? policy->paused
                   : fl_mail_is_refused(d->kv, d->arena, action->kind, action->subject_id))
        return fl_reject(d, FL_REJECT(WRONG_STATE), "You get no such mail already.");
    Fleetlog__V1__Unsubscribed *event = fl_answer(d, FL_MESSAGE_Unsubscribed);
    event->subject_id = action->subject_id;
    event->kind = conditions ? FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED : action->kind;
    return &event->base;
}
