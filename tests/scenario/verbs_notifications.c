/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about mail: what the mailer reports, what people choose, what is owed to whom. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/registry/outbox.h"
#include "projections/registry/recipients.h"
#include "tests/scenario/scenario.h"

static struct fl_kv *registry(struct scenario *s)
{
    return s->world.views[0].kv;
}

static int value_of(struct scenario *s, const ProtobufCEnumDescriptor *descriptor,
                    const char *prefix, const char *name)
{
    char full[WORD_SIZE_MAX + 32];
    snprintf(full, sizeof(full), "%s%s", prefix, name);
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value_by_name(descriptor, full);
    if (value == NULL)
        fail(s, "%s is none of %s", full, descriptor->name);
    return value->value;
}

static Fleetlog__V1__MailKind mail_kind(struct scenario *s, const char *name)
{
    return (Fleetlog__V1__MailKind)value_of(s, &fleetlog__v1__mail_kind__descriptor, "MAIL_KIND_",
                                            name);
}

static Fleetlog__V1__ConditionKind condition_kind(struct scenario *s, const char *name)
{
    return (Fleetlog__V1__ConditionKind)value_of(s, &fleetlog__v1__condition_kind__descriptor,
                                                 "CONDITION_KIND_", name);
}

/* What the mailer spoke of last: a repeated report names it again. */
static Fleetlog__V1__MailCause cause;
static char cause_event[FL_ID_TEXT_SIZE];

static void set_cause(Fleetlog__V1__MailKind kind, const char *event_id, uint64_t sequence,
                      const char *device_id, uint32_t condition)
{
    fleetlog__v1__mail_cause__init(&cause);
    snprintf(cause_event, sizeof(cause_event), "%s", event_id);
    cause.event_id = cause_event;
    cause.sequence = sequence;
    cause.kind = kind;
    cause.device_id = device_id;
    cause.condition = condition;
}

/* The oldest mail of the kind to the person; NULL: none is owed. */
static const fl_outbox_row *owed(struct scenario *s, Fleetlog__V1__MailKind kind,
                                 const char *person)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, registry(s), FL_TABLE_OUTBOX, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        const fl_outbox_row *row =
            fl_row_decode(registry(s), &s->world.other_arena, FL_TABLE_OUTBOX, walk.value);
        if (row != NULL && row->kind == kind &&
            strcmp(row->subject_id, id_of("subject", person)) == 0)
            return row;
    }
    return NULL;
}

static void send_report(struct scenario *s, const char *person, const char *failure)
{
    INIT(RecordNotificationSent, sent, record_notification_sent);
    INIT(RecordNotificationFailed, failed, record_notification_failed);
    sent.cause = failed.cause = &cause;
    sent.subject_id = failed.subject_id = id_of("subject", person);
    if (failure == NULL) {
        request(s, &sent.base);
        return;
    }
    failed.failure = (Fleetlog__V1__MailFailure)value_of(s, &fleetlog__v1__mail_failure__descriptor,
                                                         "MAIL_FAILURE_", failure);
    failed.reply = "550 5.1.1 no such user";
    request(s, &failed.base);
}

static void name_mail(struct scenario *s, const char *kind, const char *person)
{
    const fl_outbox_row *row = owed(s, mail_kind(s, kind), person);
    if (row != NULL)
        set_cause(row->kind, row->event_id, row->sequence, "", 0);
}

static void sent_mail(struct scenario *s, const struct arguments *a)
{
    name_mail(s, a->texts[0], a->texts[1]);
    send_report(s, a->texts[1], NULL);
}

static void failed_mail(struct scenario *s, const struct arguments *a)
{
    name_mail(s, a->texts[0], a->texts[1]);
    send_report(s, a->texts[1], a->texts[2]);
}

static const fl_alert_row *alert(struct scenario *s, const char *condition, const char *device)
{
    return fl_alert_get(registry(s), &s->world.other_arena, id_of("device", device),
                        (uint32_t)condition_kind(s, condition));
}

/* Names the alert's cause if it waits for a mail; else the one before stays. */
static void name_alert(struct scenario *s, const char *device, const char *condition, bool raised)
{
    const fl_alert_row *row = alert(s, condition, device);
    if (row != NULL && row->due_at_ms != 0)
        set_cause(raised ? FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED
                         : FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_CLEARED,
                  row->cause_event_id, row->cause_sequence, id_of("device", device),
                  (uint32_t)row->condition);
}

static void told_raise(struct scenario *s, const struct arguments *a)
{
    name_alert(s, a->texts[1], a->texts[2], true);
    send_report(s, a->texts[0], NULL);
}

static void failed_raise(struct scenario *s, const struct arguments *a)
{
    name_alert(s, a->texts[1], a->texts[2], true);
    send_report(s, a->texts[0], "REFUSED");
}

static void told_clear(struct scenario *s, const struct arguments *a)
{
    name_alert(s, a->texts[1], a->texts[2], false);
    send_report(s, a->texts[0], NULL);
}

static void close_alert(struct scenario *s, const struct arguments *a)
{
    Fleetlog__V1__MailCause *causes[] = {&cause};
    INIT(CloseAlerts, action, close_alerts);
    name_alert(s, a->texts[1], a->texts[0], true);
    action.causes = causes;
    action.n_causes = 1;
    request(s, &action.base);
}

static void raise_late(struct scenario *s, const struct arguments *a)
{
    INIT(ReportCondition, action, report_condition);
    action.device_id = id_of("device", a->texts[0]);
    action.generation = 1;
    action.kind = condition_kind(s, a->texts[1]);
    action.raised = true;
    action.report_counter = strtoul(a->texts[2], NULL, 10);
    action.sampled_at_ms = s->world.now_ms - a->duration_ms;
    action.evidence = "ups.status: OB LB";
    request(s, &action.base);
}

static void set_policy(struct scenario *s, const char *severity, const char *set,
                       const char *devices, const char *conditions, bool paused,
                       bool without_renewals)
{
    static char names[LIST_COUNT_MAX][32];
    static char ids[LIST_COUNT_MAX][FL_ID_TEXT_SIZE];
    static const char *pointers[LIST_COUNT_MAX];
    static Fleetlog__V1__ChosenCondition chosen[16];
    Fleetlog__V1__ChosenCondition *pointers_to[16];
    INIT(SetNotificationPolicy, action, set_notification_policy);
    const char *actor =
        s->actor.on_behalf_of != NULL ? s->actor.on_behalf_of : s->actor.actor + strlen("account:");
    action.account_id = actor;
    action.severity_min = (Fleetlog__V1__Severity)value_of(s, &fleetlog__v1__severity__descriptor,
                                                           "SEVERITY_", severity);
    action.devices = (Fleetlog__V1__DeviceSet)value_of(s, &fleetlog__v1__device_set__descriptor,
                                                       "DEVICE_SET_", set);
    action.n_device_ids = split_list(s, devices, names);
    for (size_t i = 0; i < action.n_device_ids; i++) {
        world_id("device", names[i], ids[i]);
        pointers[i] = ids[i];
    }
    action.device_ids = pointers;
    action.n_conditions = split_list(s, conditions, names);
    for (size_t i = 0; i < action.n_conditions; i++) {
        fleetlog__v1__chosen_condition__init(&chosen[i]);
        chosen[i].kind = condition_kind(s, names[i]);
        pointers_to[i] = &chosen[i];
    }
    action.conditions = pointers_to;
    action.paused = paused;
    action.without_renewals = without_renewals;
    request(s, &action.base);
}

static void want_all(struct scenario *s, const struct arguments *a)
{
    set_policy(s, a->texts[0], a->texts[1], "", "", false, false);
}

static void want_listed(struct scenario *s, const struct arguments *a)
{
    set_policy(s, a->texts[0], "LISTED", a->texts[1], "", false, false);
}

static void want_conditions(struct scenario *s, const struct arguments *a)
{
    set_policy(s, a->texts[1], "ALL", "", a->texts[0], false, false);
}

static void want_nothing(struct scenario *s, const struct arguments *a)
{
    (void)a;
    set_policy(s, "CRITICAL", "ALL", "", "", true, false);
}

static void want_no_renewals(struct scenario *s, const struct arguments *a)
{
    (void)a;
    set_policy(s, "CRITICAL", "ALL", "", "", false, true);
}

static void want_odd(struct scenario *s, const struct arguments *a)
{
    set_policy(s, "CRITICAL", a->texts[1], a->texts[0], "", false, false);
}

static void choose_for(struct scenario *s, const struct arguments *a)
{
    INIT(SetNotificationPolicy, action, set_notification_policy);
    action.account_id = id_of("subject", a->texts[0]);
    action.severity_min = FLEETLOG__V1__SEVERITY__SEVERITY_WARNING;
    action.devices = FLEETLOG__V1__DEVICE_SET__DEVICE_SET_ALL;
    request(s, &action.base);
}

static void unsubscribe_for(struct scenario *s, const char *person, const char *kind)
{
    INIT(Unsubscribe, action, unsubscribe);
    action.subject_id = id_of("subject", person);
    action.kind = mail_kind(s, kind);
    request(s, &action.base);
}

static void unsubscribe(struct scenario *s, const struct arguments *a)
{
    unsubscribe_for(s, name_of(s->actor.actor + strlen("link:")), a->texts[0]);
}

static void unsubscribe_other(struct scenario *s, const struct arguments *a)
{
    unsubscribe_for(s, a->texts[0], a->texts[1]);
}

const struct pattern notification_patterns[] = {
    {"has sent the $w to $w", sent_mail},
    {"could not send the $w to $w because $w", failed_mail},
    {"has told $w that $w has $w", told_raise},
    {"could not tell $w that $w has $w", failed_raise},
    {"has told $w that $w is past $w", told_clear},
    {"closes $w of $w", close_alert},
    {"reports $w $w raised in report $w taken $t ago", raise_late},
    {"wants mail from $w on for $w devices", want_all},
    {"wants mail from $w on for the devices $l", want_listed},
    {"wants mail about $l from $w on", want_conditions},
    {"wants mail for the devices $l of the set $w", want_odd},
    {"wants no mail", want_nothing},
    {"wants no mail about renewals", want_no_renewals},
    {"chooses for $w", choose_for},
    {"unsubscribes from $w", unsubscribe},
    {"unsubscribes $w from $w", unsubscribe_other},
    {NULL, NULL},
};

static void expect_owed(struct scenario *s, const struct arguments *a)
{
    if (owed(s, mail_kind(s, a->texts[0]), a->texts[1]) == NULL)
        fail(s, "none is owed");
}

static void expect_not_owed(struct scenario *s, const struct arguments *a)
{
    if (owed(s, mail_kind(s, a->texts[0]), a->texts[1]) != NULL)
        fail(s, "one is owed");
}

static void expect_alert(struct scenario *s, const struct arguments *a)
{
    const fl_alert_row *row = alert(s, a->texts[0], a->texts[1]);
    const char *state = fl_sm_name(&fl_alert_machine, row == NULL ? 0 : row->state);
    if (strcmp(state, a->texts[2]) != 0)
        fail(s, "it is %s", state);
}

static void expect_due(struct scenario *s, const struct arguments *a)
{
    const fl_alert_row *row = alert(s, a->texts[0], a->texts[1]);
    if (row == NULL || row->due_at_ms - s->world.now_ms != a->duration_ms)
        fail(s, "it is due in %lld ms",
             row == NULL ? -1 : (long long)(row->due_at_ms - s->world.now_ms));
}

static void expect_count(struct scenario *s, const struct arguments *a)
{
    const fl_alert_row *row = alert(s, a->texts[0], a->texts[1]);
    if (row == NULL || row->raise_count != strtoul(a->texts[2], NULL, 10))
        fail(s, "%u times", row == NULL ? 0 : row->raise_count);
}

struct recipients {
    char text[WORD_SIZE_MAX];
};

static bool add_recipient(void *context, const char *account_id)
{
    struct recipients *r = context;
    const char *name = name_of(account_id);
    size_t used = strlen(r->text);
    snprintf(r->text + used, sizeof(r->text) - used, "%s%s", used == 0 ? "" : ",", name);
    return true;
}

static void find_recipients(struct scenario *s, const struct arguments *a, struct recipients *r)
{
    const struct fl_recipients recipients = {r, add_recipient, s->world.now_ms};
    const fl_alert_row *row = alert(s, a->texts[0], a->texts[1]);
    r->text[0] = '\0';
    if (row != NULL && !fl_alert_recipients(registry(s), &s->world.other_arena, row, &recipients))
        fail(s, "the walk did not come to its end");
}

static bool holds(const char *list, const char *name)
{
    const char *found = strstr(list, name);
    return found != NULL && (found[strlen(name)] == '\0' || found[strlen(name)] == ',') &&
           (found == list || found[-1] == ',');
}

static void expect_tells(struct scenario *s, const struct arguments *a)
{
    static char names[LIST_COUNT_MAX][32];
    struct recipients r;
    size_t count = split_list(s, a->texts[2], names);
    size_t commas = 0;
    find_recipients(s, a, &r);
    for (size_t i = 0; i < count; i++)
        if (!holds(r.text, names[i]))
            fail(s, "%s is not told, but: %s", names[i], r.text);
    for (const char *at = r.text; *at != '\0'; at++)
        commas += *at == ',';
    if (commas + 1 != count)
        fail(s, "told are: %s", r.text);
}

static void expect_tells_nobody(struct scenario *s, const struct arguments *a)
{
    struct recipients r;
    find_recipients(s, a, &r);
    if (r.text[0] != '\0')
        fail(s, "told are: %s", r.text);
}

const struct pattern mail_patterns[] = {
    {"the $w to $w is owed", expect_owed},
    {"no $w to $w is owed", expect_not_owed},
    {"the alert $w of $w is $w", expect_alert},
    {"the alert $w of $w is due in $t", expect_due},
    {"the alert $w of $w counts $w", expect_count},
    {"the alert $w of $w tells nobody", expect_tells_nobody},
    {"the alert $w of $w tells $l", expect_tells},
    {NULL, NULL},
};
