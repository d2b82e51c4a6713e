/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/recipients.h"

#include <string.h>

#include "fleetlog/v1/events.pb-c.h"
#include "projections/registry/machines.h"
#include "projections/registry/outbox.h"
#include "projections/registry/plan.h"
#include "projections/registry/rights.h"

static bool covers_device(const fl_policy_row *policy, enum fl_relation relation,
                          const char *device_id)
{
    switch ((int)policy->devices) {
    case FLEETLOG__V1__DEVICE_SET__DEVICE_SET_ALL:
        return true;
    case FLEETLOG__V1__DEVICE_SET__DEVICE_SET_OWN:
        return relation != FL_RELATION_SHARED;
    case FLEETLOG__V1__DEVICE_SET__DEVICE_SET_SHARED:
        return relation == FL_RELATION_SHARED;
    default:
        break;
    }
    for (size_t i = 0; i < policy->n_device_ids; i++)
        if (strcmp(policy->device_ids[i], device_id) == 0)
            return true;
    return false;
}

static bool covers_condition(const fl_policy_row *policy, Fleetlog__V1__ConditionKind condition)
{
    Fleetlog__V1__ConditionRaised event = FLEETLOG__V1__CONDITION_RAISED__INIT;
    event.kind = condition;
    if ((int)fl_event_severity(&event.base) < (int)policy->severity_min)
        return false;
    for (size_t i = 0; i < policy->n_conditions; i++)
        if (policy->conditions[i]->kind == condition)
            return true;
    return policy->n_conditions == 0;
}

struct asking {
    struct fl_kv *kv;
    struct fl_arena *arena;
    const fl_alert_row *alert;
    const fl_device_row *device;
    const struct fl_recipients *recipients;
};

/* False ends the walk. */
static bool ask(struct asking *a, const char *account_id)
{
    const fl_alert_row *alert = a->alert;
    bool waiting = alert->state == FL_ALERT_WAITING;
    const fl_account_row *account =
        fl_row_by_id(a->kv, a->arena, FL_TABLE_ACCOUNTS, fl_slice_text(account_id));
    enum fl_relation relation =
        fl_relation_to_device(a->kv, a->arena, account, a->device, a->recipients->now_ms);
    if (!fl_relation_may(relation, FL_RIGHT_VIEW))
        return true;
    const fl_policy_row *policy = fl_policy_of(a->kv, a->arena, account_id);
    if (policy == NULL || policy->paused)
        return true;
    if (waiting && (!covers_condition(policy, alert->condition) ||
                    !covers_device(policy, relation, alert->device_id) ||
                    fl_alert_told(a->kv, alert->device_id, (uint32_t)alert->condition,
                                  account_id) != FL_ALERT_TOLD_NOBODY))
        return true;
    return a->recipients->found(a->recipients->context, account_id);
}

/* Everybody whose id ends a key of the list. */
static bool ask_all(struct asking *a, enum fl_registry_table table, const struct fl_key *list,
                    bool sent_only)
{
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_kv_walk_begin(&walk, a->kv, table, fl_key_slice(list));
    while (fl_kv_walk_next(&walk)) {
        bool sent = walk.value.size == 1 && walk.value.data[0] == FL_ALERT_TOLD_SENT;
        fl_key_tail_id(walk.key, id);
        if ((!sent_only || sent) && !ask(a, id))
            return false;
    }
    return true;
}

bool fl_alert_recipients(struct fl_kv *kv, struct fl_arena *arena, const fl_alert_row *alert,
                         const struct fl_recipients *recipients)
{
    struct fl_key key;
    struct asking a = {.kv = kv, .arena = arena, .alert = alert, .recipients = recipients};
    a.device = fl_row_by_id(kv, arena, FL_TABLE_DEVICES, fl_slice_text(alert->device_id));
    if (a.device == NULL || a.device->state != FL_DEVICE_ACTIVE)
        return true;
    if (alert->state == FL_ALERT_SETTLING) {
        fl_key_alert_told(&key, alert->device_id, (uint32_t)alert->condition, NULL);
        return ask_all(&a, FL_TABLE_INDEX, &key, true);
    }
    enum fl_plan plan = fl_plan_of(kv, arena, fl_slice_text(alert->device_id), recipients->now_ms);
    if (alert->state != FL_ALERT_WAITING || !fl_plan_allows(plan, FL_FEATURE_MAIL))
        return true;
    fl_key_list(&key, FL_INDEX_COMPANY_ACCOUNTS, fl_slice_text(a.device->company_id));
    if (!ask_all(&a, FL_TABLE_INDEX, &key, false))
        return false;
    fl_key_begin(&key);
    fl_key_id_text(&key, alert->device_id);
    return ask_all(&a, FL_TABLE_GRANTS, &key, false);
}

bool fl_notice_is_wanted(struct fl_kv *kv, struct fl_arena *arena, Fleetlog__V1__MailKind kind,
                         const char *company_id, const char *device_id, const char *account_id)
{
    const fl_account_row *account =
        fl_row_by_id(kv, arena, FL_TABLE_ACCOUNTS, fl_slice_text(account_id));
    if (account == NULL || strcmp(account->company_id, company_id) != 0 ||
        account->role != FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR ||
        fl_mail_is_refused(kv, arena, kind, account_id))
        return false;
    const fl_policy_row *policy = fl_policy_of(kv, arena, account_id);
    return policy != NULL &&
           (device_id == NULL || covers_device(policy, FL_RELATION_MEMBER, device_id));
}

bool fl_notice_recipients(struct fl_kv *kv, struct fl_arena *arena, Fleetlog__V1__MailKind kind,
                          const char *company_id, const char *device_id,
                          const struct fl_recipients *recipients)
{
    struct fl_key list;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_list(&list, FL_INDEX_COMPANY_ACCOUNTS, fl_slice_text(company_id));
    fl_kv_walk_begin(&walk, kv, FL_TABLE_INDEX, fl_key_slice(&list));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        if (fl_notice_is_wanted(kv, arena, kind, company_id, device_id, id) &&
            !recipients->found(recipients->context, id))
            return false;
    }
    return kv->error == FL_OK;
}
