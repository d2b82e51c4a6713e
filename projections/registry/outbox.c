/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and rows of what is owed, for rules, folds and the mailer. */
#include "projections/registry/outbox.h"

#include <string.h>

void fl_key_outbox(struct fl_key *key, uint64_t sequence, uint32_t kind, const char *subject_id)
{
    fl_key_begin(key);
    fl_key_u64(key, sequence);
    fl_key_u32(key, kind);
    fl_key_id_text(key, subject_id);
}

void fl_key_alert_due(struct fl_key *key, const fl_alert_row *row)
{
    fl_key_begin(key);
    fl_key_u8(key, FL_INDEX_ALERT_DUE);
    fl_key_u64(key, (uint64_t)row->due_at_ms);
    fl_key_u32(key, (uint32_t)row->condition);
    fl_key_id_text(key, row->device_id);
}

void fl_key_alert_told(struct fl_key *key, const char *device_id, uint32_t condition,
                       const char *subject_id)
{
    fl_key_list(key, FL_INDEX_ALERT_TOLD, fl_slice_text(device_id));
    fl_key_u32(key, condition);
    if (subject_id != NULL)
        fl_key_id_text(key, subject_id);
}

void fl_key_unsubscribed(struct fl_key *key, uint32_t kind, const char *subject_id)
{
    fl_key_begin(key);
    fl_key_u8(key, FL_INDEX_UNSUBSCRIBED);
    fl_key_u32(key, kind);
    fl_key_id_text(key, subject_id);
}

fl_alert_row *fl_alert_get(struct fl_kv *kv, struct fl_arena *arena, const char *device_id,
                           uint32_t condition)
{
    struct fl_key key;
    fl_key_condition(&key, fl_slice_text(device_id), condition);
    return fl_row_get(kv, arena, FL_TABLE_ALERTS, &key);
}

const fl_outbox_row *fl_outbox_get(struct fl_kv *kv, struct fl_arena *arena, uint64_t sequence,
                                   uint32_t kind, const char *subject_id)
{
    struct fl_key key;
    fl_key_outbox(&key, sequence, kind, subject_id);
    return fl_row_get(kv, arena, FL_TABLE_OUTBOX, &key);
}

enum fl_alert_told fl_alert_told(struct fl_kv *kv, const char *device_id, uint32_t condition,
                                 const char *subject_id)
{
    struct fl_key key;
    struct fl_slice value;
    fl_key_alert_told(&key, device_id, condition, subject_id);
    if (key.bad || !fl_kv_get(kv, FL_TABLE_INDEX, fl_key_slice(&key), &value) || value.size != 1)
        return FL_ALERT_TOLD_NOBODY;
    return (enum fl_alert_told)value.data[0];
}

bool fl_is_unsubscribed(struct fl_kv *kv, uint32_t kind, const char *subject_id)
{
    struct fl_key key;
    struct fl_slice value;
    fl_key_unsubscribed(&key, kind, subject_id);
    return !key.bad && fl_kv_get(kv, FL_TABLE_INDEX, fl_key_slice(&key), &value);
}

const fl_policy_row *fl_policy_of(struct fl_kv *kv, struct fl_arena *arena, const char *account_id)
{
    fl_policy_row *row = fl_row_by_id(kv, arena, FL_TABLE_POLICIES, fl_slice_text(account_id));
    if (row != NULL || kv->error != FL_OK)
        return row;
    row = fl_arena_alloc(arena, sizeof(*row));
    if (row == NULL)
        return NULL;
    fleetlog__rows__v1__policy_row__init(row);
    row->account_id = account_id;
    row->severity_min = FLEETLOG__V1__SEVERITY__SEVERITY_CRITICAL;
    row->devices = FLEETLOG__V1__DEVICE_SET__DEVICE_SET_ALL;
    return row;
}

bool fl_mail_may_be_refused(Fleetlog__V1__MailKind kind)
{
    switch ((int)kind) {
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWAL_NOTICE:
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RESELLER_REMINDER:
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWALS_REPORT:
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED:
    case FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_CLEARED:
        return true;
    default:
        return fl_mail_is_about_renewals(kind);
    }
}

bool fl_mail_is_about_renewals(Fleetlog__V1__MailKind kind)
{
    return kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_OWNER_NOTICE ||
           kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_LICENSE_ENDED;
}

bool fl_mail_is_refused(struct fl_kv *kv, struct fl_arena *arena, Fleetlog__V1__MailKind kind,
                        const char *subject_id)
{
    bool has_policy = fl_mail_is_about_renewals(kind) &&
                      fl_row_by_id(kv, arena, FL_TABLE_ACCOUNTS, fl_slice_text(subject_id)) != NULL;
    const fl_policy_row *policy = has_policy ? fl_policy_of(kv, arena, subject_id) : NULL;
    return policy != NULL ? policy->paused || policy->without_renewals
                          : fl_is_unsubscribed(kv, (uint32_t)kind, subject_id);
}
