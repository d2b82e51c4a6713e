/* SPDX-License-Identifier: Apache-2.0 */
/* What people are told by mail: their choice, and the link in a mail that ends its kind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/link.h"
#include "fleetlog/v1/notifications.pb-c.h"
#include "producers/gateway/operator.h"
#include "projections/registry/outbox.h"

enum { CONDITION_COUNT_MAX = 16, PAGE_SIZE = 2048 };

/* The last words of an enum value's name, in lower case: SEVERITY_CRITICAL, "critical". */
static const char *word_of(struct call *call, const ProtobufCEnumDescriptor *descriptor,
                           const char *prefix, int value)
{
    const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(descriptor, value);
    char *word = found == NULL
                     ? NULL
                     : fl_arena_text(&call->arena, fl_slice_text(found->name + strlen(prefix)));
    for (char *at = word; at != NULL && *at != '\0'; at++)
        *at = *at == '_' ? '-' : (char)(*at >= 'A' && *at <= 'Z' ? *at + ('a' - 'A') : *at);
    return word == NULL ? "" : word;
}

/* The value of such a word; 0: none. */
static int value_of(struct call *call, const ProtobufCEnumDescriptor *descriptor,
                    const char *prefix, const char *word)
{
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        int value = descriptor->values[i].value;
        if (value != 0 && strcasecmp(word_of(call, descriptor, prefix, value), word) == 0)
            return value;
    }
    return 0;
}

static json_t *policy_json(struct call *call, const fl_policy_row *row)
{
    json_t *devices = json_array();
    json_t *conditions = json_array();
    for (size_t i = 0; i < row->n_device_ids; i++)
        json_array_append_new(devices, json_string(row->device_ids[i]));
    for (size_t i = 0; i < row->n_conditions; i++)
        json_array_append_new(
            conditions, json_string(word_of(call, &fleetlog__v1__condition_kind__descriptor,
                                            "CONDITION_KIND_", (int)row->conditions[i]->kind)));
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:o, s:b, s:b}", "accountId", row->account_id, "severity",
        word_of(call, &fleetlog__v1__severity__descriptor, "SEVERITY_", (int)row->severity_min),
        "set",
        word_of(call, &fleetlog__v1__device_set__descriptor, "DEVICE_SET_", (int)row->devices),
        "devices", devices, "conditions", conditions, "paused", row->paused != 0, "renewals",
        row->without_renewals == 0);
}

void fl_route_get_notifications(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_needs_account(call) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const char *id = fl_arena_text(&call->arena, call->identity.on_behalf_of);
    const fl_policy_row *row = id == NULL ? NULL : fl_policy_of(read.kv, &call->arena, id);
    json_t *json = row == NULL ? NULL : policy_json(call, row);
    if (!fl_call_read_end(call, &read))
        json_decref(json);
    else if (json == NULL)
        fl_call_error(call, FL_NO_MEMORY);
    else
        fl_call_answer(call, 200, json);
}

/* Conditions of the body; false after answering. */
static bool read_conditions(struct call *call, Fleetlog__V1__SetNotificationPolicy *action)
{
    size_t count = 0;
    const char **names = fl_body_texts(call, "conditions", &count);
    if (!fl_call_body_is_good(call))
        return false;
    action->conditions =
        fl_arena_calloc(&call->arena, CONDITION_COUNT_MAX, sizeof(*action->conditions));
    for (size_t i = 0; i < count; i++) {
        Fleetlog__V1__ChosenCondition *one = fl_arena_alloc(&call->arena, sizeof(*one));
        int kind =
            value_of(call, &fleetlog__v1__condition_kind__descriptor, "CONDITION_KIND_", names[i]);
        if (kind == 0 || i == CONDITION_COUNT_MAX || one == NULL || action->conditions == NULL) {
            fl_call_problem(call, 422, "conditions must name conditions, as devices show them",
                            NULL, "conditions");
            return false;
        }
        fleetlog__v1__chosen_condition__init(one);
        one->kind = (Fleetlog__V1__ConditionKind)kind;
        action->conditions[action->n_conditions++] = one;
    }
    return true;
}

/* Ids for names and ids of the body; false after answering. */
static bool read_devices(struct call *call, Fleetlog__V1__SetNotificationPolicy *action)
{
    size_t count = 0;
    const char **names = fl_body_texts(call, "devices", &count);
    if (!fl_call_body_is_good(call))
        return false;
    if (count > FL_DEVICE_COUNT_PER_ACTION_MAX) {
        fl_call_problem(call, 422, "devices must name at most 1000 devices", NULL, "devices");
        return false;
    }
    action->n_device_ids = count;
    action->device_ids = count == 0 ? NULL : fl_call_resolve_devices(call, names, count);
    return count == 0 || action->device_ids != NULL;
}

void fl_route_put_notifications(struct call *call)
{
    Fleetlog__V1__SetNotificationPolicy action = FLEETLOG__V1__SET_NOTIFICATION_POLICY__INIT;
    if (!fl_call_needs_account(call))
        return;
    const char *severity = fl_body_text(call, "severity");
    const char *set = fl_body_text(call, "set");
    const char *paused = fl_body_text_or(call, "paused", "no");
    const char *renewals = fl_body_text_or(call, "renewals", "yes");
    if (!fl_call_body_is_good(call))
        return;
    int severity_min = value_of(call, &fleetlog__v1__severity__descriptor, "SEVERITY_", severity);
    int devices = value_of(call, &fleetlog__v1__device_set__descriptor, "DEVICE_SET_", set);
    if (severity_min == 0)
        fl_call_problem(call, 422, "severity must be informational, warning or critical", NULL,
                        "severity");
    else if (devices == 0)
        fl_call_problem(call, 422, "set must be all, own, shared or listed", NULL, "set");
    else if (strcmp(paused, "yes") != 0 && strcmp(paused, "no") != 0)
        fl_call_problem(call, 422, "paused must be yes or no", NULL, "paused");
    else if (strcmp(renewals, "yes") != 0 && strcmp(renewals, "no") != 0)
        fl_call_problem(call, 422, "renewals must be yes or no", NULL, "renewals");
    if (call->answer->status != 0 || !read_conditions(call, &action) ||
        !read_devices(call, &action))
        return;
    action.account_id = fl_arena_text(&call->arena, call->identity.on_behalf_of);
    action.severity_min = (Fleetlog__V1__Severity)severity_min;
    action.devices = (Fleetlog__V1__DeviceSet)devices;
    action.paused = strcmp(paused, "yes") == 0;
    action.without_renewals = strcmp(renewals, "no") == 0;
    if (action.account_id == NULL)
        fl_call_error(call, FL_NO_MEMORY);
    else
        fl_call_act_and_answer(call, &action.base, 200);
}

/* A small page: the one place where the API speaks to a person's browser by itself. */
static void answer_page(struct call *call, const char *title, const char *body)
{
    char *page = malloc(PAGE_SIZE);
    if (page == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return;
    }
    int size = snprintf(page, PAGE_SIZE,
                        "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
                        "<meta name=\"viewport\" content=\"width=device-width\">"
                        "<title>fleetlog</title><h1>%s</h1>\n%s\n</html>\n",
                        title, body);
    call->answer->status = 200;
    call->answer->content_type = "text/html; charset=utf-8";
    call->answer->body = page;
    call->answer->body_size = (size_t)size;
    fl_http_add_field(call->answer, "Content-Security-Policy",
                      "default-src 'none'; base-uri 'none'; form-action 'self'; "
                      "frame-ancestors 'none'");
}

/* Whom the link is for and which mail it ends. */
struct refusal {
    const char *subject_id;
    Fleetlog__V1__MailKind kind;
    unsigned generation;
    const char *token;
};

/* False after answering. */
static bool read_link(struct call *call, struct refusal *refusal)
{
    const char *kind = fl_http_query(call->request, "kind");
    const char *generation = fl_http_query(call->request, "generation");
    refusal->token = fl_http_query(call->request, "token");
    bool complete = kind != NULL && generation != NULL && refusal->token != NULL;
    refusal->kind = (Fleetlog__V1__MailKind)(complete ? strtoul(kind, NULL, 10) : 0);
    refusal->generation = complete ? (unsigned)strtoul(generation, NULL, 10) : 0;
    if (complete && fl_mail_may_be_refused(refusal->kind) &&
        fl_link_fits(call->gateway->keyring, FL_LINK_UNSUBSCRIBE, refusal->generation,
                     fl_slice_text(refusal->token))) {
        refusal->subject_id =
            fl_arena_text(&call->arena, fl_link_id(fl_slice_text(refusal->token)));
        return refusal->subject_id != NULL;
    }
    fl_call_problem(call, 403, "This link is not valid", "it may have been cut on its way",
                    "token");
    return false;
}

/* Nothing changes by looking: programs that check mails open every link. */
void fl_route_get_unsubscribe(struct call *call)
{
    struct refusal refusal;
    if (!read_link(call, &refusal))
        return;
    char *form =
        fl_arena_printf(&call->arena,
                        "<p>You will get no more mail of this kind: %s.</p>\n"
                        "<form method=\"post\" action=\"?kind=%d&amp;generation=%u&amp;token=%s\">"
                        "<button>Stop this kind of mail</button></form>",
                        fl_enum_label(&fleetlog__v1__mail_kind__descriptor, (int)refusal.kind),
                        (int)refusal.kind, refusal.generation, refusal.token);
    if (form == NULL)
        fl_call_error(call, FL_NO_MEMORY);
    else
        answer_page(call, "Stop this kind of mail?", form);
}

static bool is_refused_already(struct call *call, struct fl_kv *kv, const struct refusal *refusal)
{
    bool conditions = refusal->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED ||
                      refusal->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_CLEARED;
    const fl_policy_row *policy = fl_policy_of(kv, &call->arena, refusal->subject_id);
    return conditions ? policy != NULL && policy->paused
                      : fl_mail_is_refused(kv, &call->arena, refusal->kind, refusal->subject_id);
}

/* One click (RFC 8058), from a mail program or the page above; again is as good as once. */
void fl_route_post_unsubscribe(struct call *call)
{
    static const char done[] = "<p>You can choose your notifications again in fleetlog.</p>";
    Fleetlog__V1__Unsubscribe action = FLEETLOG__V1__UNSUBSCRIBE__INIT;
    struct fl_store_read read = {.kv = NULL};
    struct outcome outcome;
    struct refusal refusal;
    if (!read_link(call, &refusal) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    bool already = is_refused_already(call, read.kv, &refusal);
    if (!fl_call_read_end(call, &read))
        return;
    action.subject_id = refusal.subject_id;
    action.kind = refusal.kind;
    call->identity = (struct identity){
        .actor = fl_slice_text(fl_arena_printf(&call->arena, "link:%s", refusal.subject_id))};
    if (already || fl_call_act(call, &action.base, &outcome))
        answer_page(call, "You get no more mail of this kind", done);
}
