/* SPDX-License-Identifier: Apache-2.0 */
/* Which mails are owed, and which no more. */
#include <string.h>

#include "projections/registry/outbox.h"
#include "projections/registry/recipients.h"

/* More than one event puts in, so that rows do not pile up where nobody mails. */
enum {
    SWEEP_COUNT_MAX = FL_NOTICE_PEOPLE_MAX + 2,
    SWEEP_ALERT_COUNT_MAX = 2,
    LISTED_COUNT_MAX = 20
};

static const struct outbox_rule {
    enum fl_message_type type;
    Fleetlog__V1__MailKind kind;
    const char *thing_field;
    enum { ALWAYS, KNOWN, UNKNOWN, USED_UP } when;
    enum { PERSON, ADMINISTRATORS, BUYERS } whom;
} rules[] = {
#define FL_OUTBOX(event, kind, thing, when, whom)                                                  \
    {FL_MESSAGE_##event, FLEETLOG__V1__MAIL_KIND__MAIL_KIND_##kind, thing, when, whom},
#include "projections/registry/outbox.def"
#undef FL_OUTBOX
};

static const void *field_of(const ProtobufCMessage *message, const char *name,
                            ProtobufCType expected)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    return field == NULL || field->type != expected ? NULL : (const char *)message + field->offset;
}

static const char *text_of(const ProtobufCMessage *message, const char *name)
{
    const char *const *text = field_of(message, name, PROTOBUF_C_TYPE_STRING);
    return text == NULL ? "" : *text;
}

static uint64_t number_of(const ProtobufCMessage *message, const char *name)
{
    const uint64_t *number = field_of(message, name, PROTOBUF_C_TYPE_UINT64);
    return number == NULL ? 0 : *number;
}

static const fl_license_row *license_of(struct fl_folding *f)
{
    const char *id = text_of(f->input->message, "license_id");
    return fl_row_by_id(f->kv, f->arena, FL_TABLE_LICENSES, fl_slice_text(id));
}

static bool applies(struct fl_folding *f, const struct outbox_rule *rule)
{
    const protobuf_c_boolean *known =
        field_of(f->input->message, "has_account", PROTOBUF_C_TYPE_BOOL);
    if (rule->when == USED_UP) {
        const fl_license_row *license = license_of(f);
        return license != NULL && license->used_count == license->node_count;
    }
    return rule->when == ALWAYS || (known != NULL && (*known != 0) == (rule->when == KNOWN));
}

/* Devices that the mail is about: one, or the first of a list. */
static void take_devices(struct fl_folding *f, const ProtobufCMessage *message, fl_outbox_row *row)
{
    const char **one = fl_arena_calloc(f->arena, 1, sizeof(*one));
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "device_ids");
    if (one == NULL)
        return;
    one[0] = text_of(message, "device_id");
    row->device_ids = one;
    row->n_device_ids = row->device_count = one[0][0] != '\0';
    if (field == NULL || field->label != PROTOBUF_C_LABEL_REPEATED)
        return;
    row->device_ids = *(const char **const *)((const char *)message + field->offset);
    row->device_count =
        (uint32_t) * (const size_t *)((const char *)message + field->quantifier_offset);
    row->n_device_ids = row->device_count < LISTED_COUNT_MAX ? row->device_count : LISTED_COUNT_MAX;
}

/* What every mail of the rule has in common; false: no memory. */
static bool begin_outbox(struct fl_folding *f, const struct outbox_rule *rule, fl_outbox_row *row)
{
    const ProtobufCMessage *message = f->input->message;
    const struct fl_envelope *envelope = f->input->envelope;
    const uint32_t *generation = field_of(message, "link_key_generation", PROTOBUF_C_TYPE_UINT32);
    const uint32_t *fact = field_of(message, "fact", PROTOBUF_C_TYPE_ENUM);
    row->sequence = f->sequence;
    row->event_id = fl_arena_text(f->arena, envelope->id);
    row->kind = rule->kind;
    row->fact = fact == NULL ? 0 : *fact;
    row->due_date = text_of(message, "due_date");
    take_devices(f, message, row);
    row->thing_id = text_of(message, rule->thing_field);
    row->company_id =
        envelope->company_id.data == NULL ? "" : fl_arena_text(f->arena, envelope->company_id);
    row->at_ms = f->now_ms;
    row->link_key_generation = generation == NULL ? 0 : *generation;
    if (row->event_id == NULL || row->company_id == NULL)
        fl_kv_fail(f->kv, FL_NO_MEMORY);
    return f->kv->error == FL_OK;
}

static void put_outbox(struct fl_folding *f, const fl_outbox_row *row)
{
    struct fl_key key;
    fl_key_outbox(&key, row->sequence, (uint32_t)row->kind, row->subject_id);
    fl_row_put(f->kv, f->arena, FL_TABLE_OUTBOX, &key, &row->base);
}

static void put_for_person(struct fl_folding *f, fl_outbox_row *row)
{
    const ProtobufCMessage *message = f->input->message;
    row->subject_id = text_of(message, "subject_id");
    if (row->subject_id[0] == '\0') {
        row->subject_id = text_of(message, "account_id");
        row->revision = number_of(message, "revision_before");
    }
    if (row->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_ERASURE_REQUESTED) {
        /* The profile that was in force until this event; without one there is nobody to tell. */
        const fl_subject_row *subject =
            fl_row_by_id(f->kv, f->arena, FL_TABLE_SUBJECTS, fl_slice_text(row->subject_id));
        row->revision = subject == NULL ? 0 : subject->revision;
        if (row->revision == 0)
            return;
    }
    if (row->subject_id[0] != '\0')
        put_outbox(f, row);
}

struct telling {
    struct fl_folding *f;
    fl_outbox_row *row;
    int count;
};

static bool put_for_administrator(void *context, const char *account_id)
{
    struct telling *telling = context;
    telling->row->subject_id = account_id;
    put_outbox(telling->f, telling->row);
    return ++telling->count < FL_NOTICE_PEOPLE_MAX;
}

static void put_for_administrators(struct fl_folding *f, fl_outbox_row *row, const char *device_id)
{
    struct telling telling = {f, row, 0};
    const struct fl_recipients recipients = {&telling, put_for_administrator, f->now_ms};
    (void)fl_notice_recipients(f->kv, f->arena, row->kind, row->company_id, device_id, &recipients);
}

/* An installer who is an administrator too has one row: the same key. */
static void put_for_buyers(struct fl_folding *f, fl_outbox_row *row)
{
    const fl_license_row *license = license_of(f);
    row->company_id = license->company_id;
    row->n_device_ids = row->device_count = 0;
    put_for_administrators(f, row, NULL);
    row->subject_id = license->subject_id;
    if (row->subject_id[0] != '\0' &&
        !fl_mail_is_refused(f->kv, f->arena, row->kind, row->subject_id))
        put_outbox(f, row);
}

static void follow(struct fl_folding *f, const struct outbox_rule *rule)
{
    fl_outbox_row row = FLEETLOG__ROWS__V1__OUTBOX_ROW__INIT;
    if (!begin_outbox(f, rule, &row))
        return;
    if (rule->whom == ADMINISTRATORS)
        put_for_administrators(f, &row, text_of(f->input->message, "device_id"));
    else if (rule->whom == BUYERS)
        put_for_buyers(f, &row);
    else
        put_for_person(f, &row);
}

void fl_fold_outbox(struct fl_folding *f)
{
    enum fl_message_type type = f->input->envelope->row->type;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].type == type && applies(f, &rules[i]))
            follow(f, &rules[i]);
}

static bool is_about_condition(const Fleetlog__V1__MailCause *cause)
{
    return cause->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED ||
           cause->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_CLEARED;
}

/* Once the mail was sent, or never will be, it is owed no more. */
static bool settle(struct fl_folding *f, const Fleetlog__V1__MailCause *cause,
                   const char *subject_id, enum fl_alert_told told)
{
    struct fl_key key;
    if (is_about_condition(cause))
        return fl_fold_alert_told(f, cause, subject_id, told);
    fl_key_outbox(&key, cause->sequence, (uint32_t)cause->kind, subject_id);
    return fl_kv_del(f->kv, FL_TABLE_OUTBOX, fl_key_slice(&key)) ||
           fl_fold_refuse(f, "no mail is owed for event %s", cause->event_id);
}

bool fl_fold_notification_sent(struct fl_folding *f)
{
    const Fleetlog__V1__NotificationSent *event =
        (const Fleetlog__V1__NotificationSent *)f->input->message;
    return settle(f, event->cause, event->subject_id, FL_ALERT_TOLD_SENT);
}

bool fl_fold_notification_failed(struct fl_folding *f)
{
    const Fleetlog__V1__NotificationFailed *event =
        (const Fleetlog__V1__NotificationFailed *)f->input->message;
    return settle(f, event->cause, event->subject_id, FL_ALERT_TOLD_FAILED);
}

static void put_policy(struct fl_folding *f, const fl_policy_row *row)
{
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_POLICIES, row->account_id, &row->base);
}

bool fl_fold_notification_policy_set(struct fl_folding *f)
{
    const Fleetlog__V1__NotificationPolicySet *event =
        (const Fleetlog__V1__NotificationPolicySet *)f->input->message;
    fl_policy_row row = FLEETLOG__ROWS__V1__POLICY_ROW__INIT;
    row.account_id = event->account_id;
    row.severity_min = event->severity_min;
    row.devices = event->devices;
    row.device_ids = event->device_ids;
    row.n_device_ids = event->n_device_ids;
    row.conditions = event->conditions;
    row.n_conditions = event->n_conditions;
    row.paused = event->paused;
    row.without_renewals = event->without_renewals;
    put_policy(f, &row);
    return true;
}

/* Notices of conditions go to accounts: that is their policy's pause. So is what an account hears
 * of renewals. */
bool fl_fold_unsubscribed(struct fl_folding *f)
{
    const Fleetlog__V1__Unsubscribed *event = (const Fleetlog__V1__Unsubscribed *)f->input->message;
    struct fl_key key;
    bool renewals = fl_mail_is_about_renewals(event->kind);
    bool has_policy = event->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED ||
                      (renewals && fl_row_by_id(f->kv, f->arena, FL_TABLE_ACCOUNTS,
                                                fl_slice_text(event->subject_id)) != NULL);
    if (!has_policy) {
        fl_key_unsubscribed(&key, (uint32_t)event->kind, event->subject_id);
        fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
        return true;
    }
    const fl_policy_row *found = fl_policy_of(f->kv, f->arena, event->subject_id);
    if (found == NULL)
        return fl_fold_refuse(f, "no memory");
    fl_policy_row row = *found;
    if (renewals)
        row.without_renewals = true;
    else
        row.paused = true;
    put_policy(f, &row);
    return true;
}

void fl_fold_drop_policy(struct fl_folding *f, const char *account_id)
{
    struct fl_key key;
    fl_key_begin(&key);
    fl_key_id_text(&key, account_id);
    if (!key.bad)
        fl_kv_del(f->kv, FL_TABLE_POLICIES, fl_key_slice(&key));
}

void fl_fold_sweep_mail(struct fl_folding *f)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_OUTBOX, FL_SLICE_NULL);
    for (int i = 0; i < SWEEP_COUNT_MAX && fl_kv_walk_next(&walk); i++) {
        const fl_outbox_row *row = fl_row_decode(f->kv, f->arena, FL_TABLE_OUTBOX, walk.value);
        if (row == NULL || f->now_ms < row->at_ms + FL_OUTBOX_KEEP_MS)
            break;
        fl_kv_del(f->kv, FL_TABLE_OUTBOX, walk.key);
    }
    fl_fold_sweep_alerts(f, SWEEP_ALERT_COUNT_MAX);
}
