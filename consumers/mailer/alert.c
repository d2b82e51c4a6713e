/* SPDX-License-Identifier: Apache-2.0 */
/* Mails about conditions. */
#include <string.h>

#include "consumers/mailer/compose_internal.h"
#include "fleetlog/v1/events.pb-c.h"
#include "projections/registry/registry.h"

static const struct {
    Fleetlog__V1__ConditionKind condition;
    const char *raised;
    const char *cleared;
} words[] = {
#define FL_ALERT_WORDS(condition, raised, cleared)                                                 \
    {FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_##condition, raised, cleared},
#include "consumers/mailer/alerts.def"
#undef FL_ALERT_WORDS
};

static const char *words_of(const struct fl_composer *c, const fl_alert_row *alert, bool raised)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i].condition == alert->condition)
            return raised ? words[i].raised : words[i].cleared;
    return fl_arena_printf(
        c->arena, raised ? "Condition: %s" : "Condition ended: %s",
        fl_enum_label(&fleetlog__v1__condition_kind__descriptor, (int)alert->condition));
}

static const char *accent_of(const fl_alert_row *alert, bool raised)
{
    Fleetlog__V1__ConditionRaised event = FLEETLOG__V1__CONDITION_RAISED__INIT;
    event.kind = alert->condition;
    if (!raised)
        return "#15803d";
    return fl_event_severity(&event.base) == FL_SEVERITY_CRITICAL ? "#b91c1c" : "#b45309";
}

/* What the device reported when the condition last changed. */
static const char *evidence_of(const struct fl_composer *c, const fl_alert_row *alert)
{
    const fl_condition_row *row = fl_registry_condition(
        c->registry, c->arena, fl_slice_text(alert->device_id), (uint32_t)alert->condition);
    return row == NULL ? "" : row->evidence;
}

/* Whose device it is, for those whom it is shared with. */
static const char *owner_of(const struct fl_composer *c, const fl_device_row *device,
                            const char *account_id)
{
    const fl_account_row *account =
        fl_registry_account(c->registry, c->arena, fl_slice_text(account_id));
    if (account != NULL && strcmp(account->company_id, device->company_id) == 0)
        return "";
    const fl_company_row *owner =
        fl_registry_company(c->registry, c->arena, fl_slice_text(device->company_id));
    return owner == NULL ? "" : owner->name;
}

static void name_mail(const fl_alert_row *alert, const char *account_id, bool raised,
                      struct fl_mail *mail)
{
    memset(mail, 0, sizeof(*mail));
    fleetlog__v1__mail_cause__init(&mail->cause);
    mail->cause.event_id = alert->cause_event_id;
    mail->cause.sequence = alert->cause_sequence;
    mail->cause.kind = raised ? FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED
                              : FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_CLEARED;
    mail->cause.device_id = alert->device_id;
    mail->cause.condition = (uint32_t)alert->condition;
    mail->subject_id = account_id;
    fl_mail_id(alert->cause_event_id, account_id, mail->cause.kind, mail->id);
}

static void add_alert(const struct fl_composer *c, const fl_alert_row *alert, bool raised,
                      struct values *values)
{
    const char *count =
        alert->raise_count > 1 ? fl_arena_printf(c->arena, "%u", alert->raise_count) : "";
    const char *what = words_of(c, alert, raised);
    fl_values_add(values, "what", what);
    fl_values_add(values, "title", what);
    fl_values_add(values, "accent", accent_of(alert, raised));
    fl_values_add(values, "since", fl_mail_time(c->arena, alert->since_ms));
    fl_values_add(values, "until", fl_mail_time(c->arena, alert->changed_at_ms));
    fl_values_add(values, "count", count);
    fl_values_add(values, "now", alert->raised ? "it still stands" : "it is over");
    fl_values_add(values, "evidence", evidence_of(c, alert));
}

enum fl_composed fl_compose_alert(const struct fl_composer *c, const fl_alert_row *alert,
                                  const char *account_id, struct fl_mail *mail)
{
    struct values values = {.count = 0};
    bool raised = alert->state == FL_ALERT_WAITING;
    name_mail(alert, account_id, raised, mail);
    const fl_device_row *device =
        fl_registry_device(c->registry, c->arena, fl_slice_text(alert->device_id));
    if (device == NULL)
        return c->registry->error != FL_OK ? FL_COMPOSED_FAILED : FL_COMPOSED_WITHDRAWN;
    enum fl_composed composed = fl_compose_address(c, account_id, 0, &mail->to);
    if (composed != FL_COMPOSED)
        return composed;
    const char *unsubscribe = fl_compose_unsubscribe(c, account_id, mail->cause.kind);
    if (unsubscribe == NULL)
        return FL_COMPOSED_FAILED;
    add_alert(c, alert, raised, &values);
    fl_values_add(&values, "device", device->name);
    fl_values_add(&values, "location", device->location);
    fl_values_add(&values, "owner", owner_of(c, device, account_id));
    fl_values_add(&values, "link",
                  fl_arena_printf(c->arena, "%s/devices/%s", c->public_url, device->device_id));
    fl_values_add(&values, "unsubscribe", unsubscribe);
    fl_values_add(
        &values, "why",
        "You get this mail because of the notifications that you have chosen in fleetlog.");
    if (c->registry->error != FL_OK)
        return FL_COMPOSED_FAILED;
    return fl_compose_finish(c, raised ? "condition_raised" : "condition_cleared", &values,
                             unsubscribe, mail);
}
