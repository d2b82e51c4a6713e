/* SPDX-License-Identifier: Apache-2.0 */
/* A change: validated, appended, awaited, answered. */
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/diag.h"
#include "fleetlog/v1/events.pb-c.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/operator_names.h"
#include "producers/gateway/public.h"

enum { KEY_SIZE_MAX = 128 };

char *fl_call_mint(struct call *call)
{
    char *id = fl_arena_alloc(&call->arena, FL_ID_TEXT_SIZE);
    fl_assert(id != NULL);
    pthread_mutex_lock(&call->gateway->id_lock);
    fl_id_mint(&call->gateway->ids, id);
    pthread_mutex_unlock(&call->gateway->id_lock);
    return id;
}

/* The action's id: minted, or derived from the client's Idempotency-Key. NULL after answering. */
static const char *action_id(struct call *call)
{
    const char *key = fl_http_header(call->request, "Idempotency-Key");
    if (call->action_id[0] != '\0')
        return call->action_id;
    if (key == NULL)
        return fl_call_mint(call);
    size_t size = strlen(key);
    if (size == 0 || size > KEY_SIZE_MAX) {
        fl_call_problem(call, 400, "Idempotency-Key must have 1 to 128 characters", NULL,
                        "Idempotency-Key");
        return NULL;
    }
    /* Who is not known shares no keys with others who are not: his address is part of it. */
    bool is_visitor = call->door == FL_DOOR_PUBLIC && !call->identity.is_account;
    struct fl_slice parts[] = {call->identity.company_id, call->identity.actor,
                               call->identity.on_behalf_of, fl_slice_text(key),
                               is_visitor ? fl_slice_text(fl_call_client_address(call))
                                          : FL_SLICE_NULL};
    char *id = fl_arena_alloc(&call->arena, FL_ID_TEXT_SIZE);
    fl_assert(id != NULL);
    fl_id_derive("idempotency-key", parts, is_visitor ? 5 : 4, id);
    return id;
}

enum fl_error fl_gateway_wait(struct gateway *gateway, uint64_t offset, int64_t deadline_ms)
{
    /* One action, one event: the sequence of the answer is the offset of the action. */
    for (size_t i = 0; i < gateway->view_count; i++) {
        enum fl_error error = fl_store_wait(gateway->views[i], offset, deadline_ms);
        if (error != FL_OK)
            return error;
    }
    return FL_OK;
}

/* The event that answered the action at `action_offset`. */
static enum fl_error read_outcome(struct call *call, uint64_t action_offset,
                                  struct outcome *outcome)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_record record;
    const char *what = NULL;
    ProtobufCMessage *message = NULL;
    uint64_t event_offset = FL_OFFSET_NONE;
    *outcome = (struct outcome){.sequence = 0};
    enum fl_error error = fl_store_read_begin(call->gateway->registry, &read);
    if (error != FL_OK)
        return error;
    const fl_outcome_row *row = fl_registry_outcome(read.kv, &call->arena, action_offset);
    if (row != NULL)
        event_offset = row->event_offset;
    error = fl_store_read_end(&read);
    if (error == FL_OK && event_offset == FL_OFFSET_NONE)
        error = FL_NOT_FOUND;
    if (error == FL_OK)
        error = fl_outcomes_fetch(call->gateway->outcomes, event_offset, &call->arena, &record);
    if (error == FL_OK)
        error = fl_envelope_read(&record, &outcome->envelope, &what);
    if (error == FL_OK && outcome->envelope.row == NULL)
        error = FL_VERSION;
    if (error == FL_OK)
        error = fl_message_decode(&call->arena, outcome->envelope.row->descriptor, record.value,
                                  &message);
    outcome->event = message;
    outcome->sequence = outcome->envelope.sequence;
    return error;
}

static unsigned status_of(Fleetlog__V1__RejectionCode code)
{
    static const struct {
        Fleetlog__V1__RejectionCode code;
        unsigned status;
    } table[] = {
        {FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_DENIED, 403},
        {FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_NOT_FOUND, 404},
        {FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_EXPIRED, 410},
        {FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_TOO_LARGE, 413},
        {FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_INVALID, 422},
        {FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_UNSUPPORTED, 422},
        {FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_MALFORMED, 422},
        {FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_ID_REUSED, 422},
        {FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_INTERNAL, 500},
        {FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_LOG_MOVED, 503},
        {FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_NO_LOG, 503},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].code == code)
            return table[i].status;
    return 409;
}

static const char *code_name(Fleetlog__V1__RejectionCode code)
{
    static const char prefix[] = "REJECTION_CODE_";
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&fleetlog__v1__rejection_code__descriptor, (int)code);
    return value == NULL ? "UNKNOWN" : value->name + sizeof(prefix) - 1;
}

static void answer_rejection(struct call *call, const struct outcome *outcome)
{
    const Fleetlog__V1__ActionRejected *rejected = (const void *)outcome->event;
    json_t *problem = json_pack(
        "{s:s, s:s, s:i, s:o, s:s, s:I}", "type", "about:blank", "title", "The action was refused",
        "status", (int)status_of(rejected->code), "detail", fl_text_json(rejected->sentence),
        "code", code_name(rejected->code), "sequence", (json_int_t)outcome->sequence);
    if (problem == NULL) {
        fl_call_error(call, FL_INTERNAL);
        return;
    }
    if (rejected->original_id[0] != '\0')
        json_object_set_new(problem, "originalId", fl_text_json(rejected->original_id));
    json_t *items = json_array();
    for (size_t i = 0; i < rejected->n_items; i++)
        json_array_append_new(items, json_pack("{s:o, s:s, s:o}", "id",
                                               fl_text_json(rejected->items[i]->id), "code",
                                               code_name(rejected->items[i]->code), "sentence",
                                               fl_text_json(rejected->items[i]->sentence)));
    if (rejected->n_items > 0)
        json_object_set(problem, "items", items);
    json_decref(items);
    fl_call_answer(call, status_of(rejected->code), problem);
    call->answer->content_type = "application/problem+json";
}

/* 202 with where to ask, in the words of what is known. */
static void answer_later(struct call *call, const char *id, enum fl_later_state state)
{
    char url[96];
    const char *title = state == FL_LATER_ON_ITS_WAY ? "The action is on its way to the log"
                        : state == FL_LATER_IN_DOUBT
                            ? "It is not known yet whether the action has come onto the log"
                            : "The action is on the log; its outcome is not known yet";
    snprintf(url, sizeof(url), "/v1/actions/%s", id);
    fl_http_add_field(call->answer, "Location", url);
    fl_call_answer(call, 202,
                   json_pack("{s:s, s:s, s:s}", "title", title, "actionId", id, "status", url));
}

/* Who may ask for the action later. */
static struct fl_later_key later_key(const struct call *call, const char *id)
{
    struct fl_later_key key = {.id = ""};
    snprintf(key.id, sizeof(key.id), "%s", id);
    if (!fl_slice_to_text(call->identity.on_behalf_of, key.account_id, sizeof(key.account_id)))
        key.account_id[0] = '\0';
    return key;
}

/* The append has ended; what came of the action is asked for later. */
static void answer_ended(struct call *call, const char *id, enum fl_error error, uint64_t offset)
{
    struct fl_later_key key = later_key(call, id);
    if (fl_later_begin(call->gateway->later, &key))
        fl_later_end(call->gateway->later, &key, error, offset);
    answer_later(call, id, error == FL_OK ? FL_LATER_ON_THE_LOG : FL_LATER_IN_DOUBT);
}

void fl_call_answer_undecided(struct call *call, const char *id)
{
    struct fl_slice account =
        fl_call_is_for_account(call) ? call->identity.on_behalf_of : FL_SLICE_NULL;
    uint64_t offset = FL_OFFSET_NONE;
    struct outcome outcome;
    enum fl_later_state state =
        fl_later_find(call->gateway->later, fl_slice_text(id), account, &offset);
    /* The registry does not remember the ids of actions that were refused for their form. */
    if (state == FL_LATER_ON_THE_LOG && read_outcome(call, offset, &outcome) != FL_NOT_FOUND)
        fl_call_answer_outcome(call, offset, &outcome);
    else if (state == FL_LATER_NONE)
        fl_call_problem(call, 404, "No action with this id has been decided", NULL, NULL);
    else if (state == FL_LATER_NOT_TAKEN)
        fl_call_problem(call, 503, "The action was not taken: nothing was changed",
                        "it could not be appended to the log and never will be; ask for it again",
                        NULL);
    else
        answer_later(call, id, state);
}

static bool is_rejection(const struct outcome *outcome)
{
    return outcome->envelope.row->type == FL_MESSAGE_ActionRejected;
}

/* A repeated request gets the outcome of the first one. */
static enum fl_error resolve_duplicate(struct call *call, struct outcome *outcome)
{
    const Fleetlog__V1__ActionRejected *rejected = (const void *)outcome->event;
    if (!is_rejection(outcome) ||
        rejected->code != FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_DUPLICATE)
        return FL_OK;
    enum fl_error error = read_outcome(call, rejected->original_sequence, outcome);
    return error == FL_NOT_FOUND ? FL_OK : error;
}

static bool append_action(struct call *call, const ProtobufCMessage *message, const char *id,
                          uint64_t *offset)
{
    struct gateway *gateway = call->gateway;
    struct fl_record record;
    char *source = fl_arena_printf(&call->arena, "/fleetlog/%s/gateway/%s", gateway->log_id,
                                   gateway->duty->datadir->node_id);
    struct fl_envelope envelope = {
        .id = fl_slice_text(id),
        .source = fl_slice_text(source),
        .actor = call->identity.actor,
        .on_behalf_of = call->identity.is_account ? FL_SLICE_NULL : call->identity.on_behalf_of,
        .company_id = call->identity.company_id,
        .correlation_id = fl_slice_text(id),
        .time_ms = fl_port_wall_ms(gateway->duty->port),
    };
    enum fl_error error = fl_action_encode(&call->arena, &envelope, message, &record);
    struct fl_submission submission = {
        .topic = "actions", .records = &record, .count = 1, .offsets = offset};
    struct fl_later_key key = later_key(call, id);
    if (error == FL_OK)
        error = fl_submit_until(gateway->submitter, &submission, 1, &key, call->deadline_ms);
    if (error == FL_OK)
        return true;
    if (error == FL_TIMEOUT)
        answer_later(call, id, FL_LATER_ON_ITS_WAY);
    else if (error == FL_UNKNOWN_OUTCOME)
        answer_ended(call, id, error, FL_OFFSET_NONE);
    else
        fl_call_error(call, error);
    return false;
}

bool fl_call_act(struct call *call, const ProtobufCMessage *message, struct outcome *outcome)
{
    char detail[FL_DETAIL_SIZE] = "";
    uint64_t offset = FL_OFFSET_NONE;
    if (fl_message_validate(message, detail) != FL_OK) {
        snprintf(call->problem, sizeof(call->problem), "%.200s", detail);
        fl_call_body_is_good(call);
        return false;
    }
    const char *id = action_id(call);
    if (id == NULL || !append_action(call, message, id, &offset))
        return false;
    enum fl_error error = fl_gateway_wait(call->gateway, offset, call->deadline_ms);
    if (error == FL_TIMEOUT || error == FL_INTERRUPTED || error == FL_UNAVAILABLE) {
        answer_ended(call, id, FL_OK, offset);
        return false;
    }
    if (error == FL_OK)
        error = read_outcome(call, offset, outcome);
    if (error == FL_OK)
        error = resolve_duplicate(call, outcome);
    if (error != FL_OK) {
        fl_call_error(call, error);
        return false;
    }
    if (!is_rejection(outcome) ||
        (call->same_as_done != 0 && ((const Fleetlog__V1__ActionRejected *)outcome->event)->code ==
                                        (unsigned)call->same_as_done))
        return true;
    answer_rejection(call, outcome);
    return false;
}

json_t *fl_outcome_json(struct call *call, const struct outcome *outcome)
{
    char *text = NULL;
    json_t *json = NULL;
    if (fl_message_to_json(&call->arena, outcome->event, &text) == FL_OK)
        json = json_loads(text, 0, NULL);
    if (json == NULL)
        json = json_object();
    /* When whoever has the address was last changed, since when it is known, and what it is known
     * as: his affair alone. */
    if (call->door == FL_DOOR_PUBLIC) {
        json_object_del(json, "revision");
        json_object_del(json, "indexes");
    }
    fl_call_hide_subject(call, json);
    json_object_set_new(json, "event", json_string(outcome->envelope.row->name));
    json_object_set_new(json, "sequence", json_integer((json_int_t)outcome->sequence));
    return json;
}

void fl_call_act_and_answer(struct call *call, const ProtobufCMessage *message, unsigned status)
{
    struct outcome outcome;
    if (fl_call_act(call, message, &outcome))
        fl_call_answer(call, status, fl_outcome_json(call, &outcome));
}

/* The account whose action it was: its own, or an operator's on its behalf. */
static bool is_own_outcome(const struct call *call, const struct fl_envelope *envelope)
{
    struct fl_slice account = call->identity.on_behalf_of;
    static const struct fl_slice prefix = FL_SLICE_LITERAL("account:");
    if (fl_slice_starts_with(envelope->actor, prefix))
        return fl_slice_equal(account, fl_slice_of(envelope->actor.data + prefix.size,
                                                   envelope->actor.size - prefix.size));
    return fl_slice_equal(account, envelope->on_behalf_of);
}

void fl_call_answer_outcome(struct call *call, uint64_t action_offset, struct outcome *outcome)
{
    enum fl_error error = read_outcome(call, action_offset, outcome);
    if (error == FL_NOT_FOUND || (error == FL_OK && fl_call_is_for_account(call) &&
                                  !is_own_outcome(call, &outcome->envelope)))
        fl_call_problem(call, 404, "No action with this id has been decided", NULL, NULL);
    else if (error != FL_OK)
        fl_call_error(call, error);
    else if (is_rejection(outcome))
        answer_rejection(call, outcome);
    else
        fl_call_answer(call, 200, fl_outcome_json(call, outcome));
}
