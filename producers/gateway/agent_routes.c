/* SPDX-License-Identifier: Apache-2.0 */
/* The agents' API (producers/agent_protocol.h): enrolment, devices, commands. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "producers/agent_protocol.h"
#include "producers/gateway/health.h"
#include "producers/gateway/operator.h"
#include "projections/registry/machines.h"

struct enrolment {
    const char *claim;
    const char *agent_id;
    const uint8_t *key;
};

/* Possession of the key is proved here, at the door, before anything is said about the agent;
 * whether the claim is good is the decider's to say. False after answering. */
static bool prove(struct call *call, struct enrolment *enrolment)
{
    enrolment->claim = fl_body_text(call, "claim");
    enrolment->agent_id = fl_body_text(call, "agentId");
    enrolment->key = fl_body_base64(call, "publicKey", crypto_sign_PUBLICKEYBYTES);
    const uint8_t *proof = fl_body_base64(call, "proof", crypto_sign_BYTES);
    if (!fl_call_body_is_good(call))
        return false;
    char *text = fl_arena_printf(&call->arena, FL_AGENT_ENROL_LABEL "%s\n%s", enrolment->claim,
                                 enrolment->agent_id);
    if (text != NULL && fl_id_is_valid(fl_slice_text(enrolment->agent_id)) &&
        crypto_sign_verify_detached(proof, (const uint8_t *)text, strlen(text), enrolment->key) ==
            0)
        return true;
    fl_call_problem(call, 401, "The proof does not fit the key", NULL, "proof");
    return false;
}

/* An agent that enrols again with the key it has enrolled with is told so; true after answering. */
static bool is_enrolled_already(struct call *call, const struct enrolment *enrolment)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return true;
    const fl_agent_row *agent =
        fl_registry_agent(read.kv, &call->arena, fl_slice_text(enrolment->agent_id));
    bool same = agent != NULL && agent->public_key.len == crypto_sign_PUBLICKEYBYTES &&
                memcmp(agent->public_key.data, enrolment->key, crypto_sign_PUBLICKEYBYTES) == 0;
    if (!fl_call_read_end(call, &read))
        return true;
    if (same)
        fl_call_answer(
            call, 200,
            json_pack("{s:s, s:s}", "agentId", agent->agent_id, "companyId", agent->company_id));
    return same;
}

static void enrol(struct call *call)
{
    struct outcome outcome;
    struct enrolment enrolment;
    uint8_t hash[FL_HASH_SIZE];
    Fleetlog__V1__EnrolAgent action = FLEETLOG__V1__ENROL_AGENT__INIT;
    if (!prove(call, &enrolment) || is_enrolled_already(call, &enrolment))
        return;
    fl_sha256(fl_slice_text(enrolment.claim), hash);
    action.agent_id = enrolment.agent_id;
    action.code_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    action.public_key =
        (ProtobufCBinaryData){crypto_sign_PUBLICKEYBYTES, (uint8_t *)(uintptr_t)enrolment.key};
    call->identity.actor =
        fl_slice_text(fl_arena_printf(&call->arena, "agent:%s", enrolment.agent_id));
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__AgentEnrolled *event = (const void *)outcome.event;
    fl_call_answer(
        call, 200,
        json_pack("{s:s, s:s}", "agentId", event->agent_id, "companyId", event->company_id));
}

static Fleetlog__V1__DeviceIdentity *read_identity(struct call *call)
{
    Fleetlog__V1__DeviceIdentity *identity = fl_arena_calloc(&call->arena, 1, sizeof(*identity));
    json_t *body = call->body;
    json_t *member = json_object_get(body, "identity");
    fleetlog__v1__device_identity__init(identity);
    if (!json_is_object(member))
        return identity;
    call->body = member;
    identity->manufacturer = fl_body_text_or(call, "manufacturer", "");
    identity->model = fl_body_text_or(call, "model", "");
    identity->serial = fl_body_text_or(call, "serial", "");
    identity->firmware = fl_body_text_or(call, "firmware", "");
    identity->sku = fl_body_text_or(call, "sku", "");
    call->body = body;
    return identity;
}

static void answer_device(struct call *call, const char *device_id)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_device_row *row = fl_registry_device(read.kv, &call->arena, fl_slice_text(device_id));
    if (!fl_call_read_end(call, &read))
        return;
    if (row == NULL)
        fl_call_problem(call, 404, "There is no such device", NULL, NULL);
    else
        fl_call_answer(call, 200,
                       json_pack("{s:s, s:I, s:I}", "deviceId", row->device_id, "deviceNumber",
                                 (json_int_t)row->device_number, "generation",
                                 (json_int_t)row->generation));
}

static void post_device(struct call *call)
{
    struct outcome outcome;
    Fleetlog__V1__RegisterDevice action = FLEETLOG__V1__REGISTER_DEVICE__INIT;
    if (!fl_call_authenticate_agent(call))
        return;
    action.device_id = fl_call_mint(call);
    action.upsd_address = fl_body_text(call, "upsdAddress");
    action.ups_name = fl_body_text(call, "upsName");
    action.name = fl_body_text_or(call, "name", action.ups_name);
    action.identity = read_identity(call);
    action.commands = fl_body_texts(call, "commands", &action.n_commands);
    action.variables = fl_body_texts(call, "variables", &action.n_variables);
    if (!fl_call_body_is_good(call))
        return;
    if (fl_call_act(call, &action.base, &outcome)) {
        const Fleetlog__V1__DeviceRegistered *event = (const void *)outcome.event;
        answer_device(call, event->device_id);
        return;
    }
    /* The same UPS again: EXISTS names the device that it is. */
    json_t *problem = json_loadb(call->answer->body, call->answer->body_size, 0, NULL);
    const char *code = json_string_value(json_object_get(problem, "code"));
    const char *original = json_string_value(json_object_get(problem, "originalId"));
    if (code != NULL && strcmp(code, "EXISTS") == 0 && original != NULL) {
        call->answer->content_type = "application/json";
        answer_device(call, original);
    }
    json_decref(problem);
}

static void post_capabilities(struct call *call)
{
    Fleetlog__V1__ReportCapabilities action = FLEETLOG__V1__REPORT_CAPABILITIES__INIT;
    if (!fl_call_authenticate_agent(call))
        return;
    action.device_id = call->parameters[0];
    action.identity = read_identity(call);
    action.commands = fl_body_texts(call, "commands", &action.n_commands);
    action.variables = fl_body_texts(call, "variables", &action.n_variables);
    if (fl_call_body_is_good(call))
        fl_call_act_and_answer(call, &action.base, 200);
}

static const char *command_kind_name(int kind)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&fleetlog__v1__command_kind__descriptor, kind);
    return value == NULL ? "COMMAND_KIND_UNSPECIFIED" : value->name;
}

/* Commands of this agent that nobody has confirmed; `sequence`: events applied when it was looked
 * at. */
static json_t *pending_commands(struct call *call, uint64_t *sequence)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page = {.limit = FL_PAGE_LIMIT_MAX};
    struct fl_rows rows = {.count = 0};
    struct fl_chain_head head;
    struct fl_slice agent_id;
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return NULL;
    fl_meta_head(read.kv, &head);
    *sequence = head.sequence;
    fl_actor_parse(call->identity.actor, &agent_id);
    fl_arena_reset(&call->scratch);
    json_t *commands = json_array();
    enum fl_error error =
        fl_registry_list(read.kv, &call->scratch, FL_LIST_AGENT_PENDING, agent_id, &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_command_row *row = rows.rows[i];
        if (row->state == FL_COMMAND_REQUESTED)
            json_array_append_new(commands,
                                  json_pack("{s:s, s:s, s:s, s:o, s:I}", "commandId",
                                            row->command_id, "deviceId", row->device_id, "kind",
                                            command_kind_name((int)row->kind), "parameter",
                                            fl_text_json(row->parameter), "expiresAtMs",
                                            (json_int_t)row->expires_at_ms));
    }
    if (error != FL_OK && read.kv->error == FL_OK)
        fl_kv_fail(read.kv, error);
    if (fl_call_read_end(call, &read))
        return commands;
    json_decref(commands);
    return NULL;
}

/* Long poll: answers as soon as there is a command, or empty after `wait` seconds. */
static void get_commands(struct call *call)
{
    uint64_t wait_s = 0;
    uint64_t sequence = 0;
    const struct fl_port *port = call->gateway->duty->port;
    const char *text = fl_http_query(call->request, "wait");
    if (!fl_call_authenticate_agent(call))
        return;
    if (text != NULL &&
        (!fl_slice_to_u64(fl_slice_text(text), &wait_s) || wait_s > FL_AGENT_WAIT_S_MAX)) {
        fl_call_problem(call, 400, "wait must be 0 to 60 seconds", NULL, "wait");
        return;
    }
    int64_t deadline_ms = fl_port_monotonic_ms(port) + (int64_t)wait_s * 1000;
    json_t *commands = pending_commands(call, &sequence);
    while (commands != NULL && json_array_size(commands) == 0 && !call->gateway->stopping &&
           fl_store_wait(call->gateway->registry, sequence, deadline_ms) == FL_OK) {
        json_decref(commands);
        commands = pending_commands(call, &sequence);
    }
    if (commands != NULL)
        fl_call_answer(call, 200, json_pack("{s:o}", "commands", commands));
}

static void post_delivery(struct call *call)
{
    struct outcome outcome;
    Fleetlog__V1__ReportCommandDelivery action = FLEETLOG__V1__REPORT_COMMAND_DELIVERY__INIT;
    if (!fl_call_authenticate_agent(call))
        return;
    action.command_id = call->parameters[0];
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    bool delivered = outcome.envelope.row->type == FL_MESSAGE_CommandDelivered;
    fl_call_answer(call, 200, json_pack("{s:s}", "state", delivered ? "delivered" : "expired"));
}

static void post_acknowledgement(struct call *call)
{
    Fleetlog__V1__ReportCommandAcknowledgement action =
        FLEETLOG__V1__REPORT_COMMAND_ACKNOWLEDGEMENT__INIT;
    if (!fl_call_authenticate_agent(call))
        return;
    action.command_id = call->parameters[0];
    fl_call_act_and_answer(call, &action.base, 200);
}

static void post_outcome(struct call *call)
{
    static const struct {
        const char *name;
        Fleetlog__V1__CommandOutcome outcome;
    } names[] = {{"SUCCEEDED", FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_SUCCEEDED},
                 {"FAILED", FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_FAILED},
                 {"EXPIRED", FLEETLOG__V1__COMMAND_OUTCOME__COMMAND_OUTCOME_EXPIRED}};
    Fleetlog__V1__ReportCommandOutcome action = FLEETLOG__V1__REPORT_COMMAND_OUTCOME__INIT;
    if (!fl_call_authenticate_agent(call))
        return;
    const char *name = fl_body_text(call, "outcome");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i].name, name) == 0)
            action.outcome = names[i].outcome;
    action.command_id = call->parameters[0];
    action.variable = fl_body_text_or(call, "variable", "");
    action.value = fl_body_text_or(call, "value", "");
    action.reason = fl_body_text_or(call, "reason", "");
    int64_t counter = fl_body_integer_or(call, "reportCounter", 0);
    action.report_counter = counter > 0 ? (uint64_t)counter : 0;
    if (fl_call_body_is_good(call))
        fl_call_act_and_answer(call, &action.base, 200);
}

const struct route fl_agent_routes[] = {
    {"POST", FL_AGENT_PATH_ENROL, enrol, FL_ROUTE_JSON, FL_FOR_AGENT, 0},
    {"POST", FL_AGENT_PATH_DEVICES, post_device, FL_ROUTE_JSON, FL_FOR_AGENT, 0},
    {"POST", FL_AGENT_PATH_DEVICES "/{}" FL_AGENT_TAIL_CAPABILITIES, post_capabilities,
     FL_ROUTE_JSON, FL_FOR_AGENT, 0},
    {"POST", FL_AGENT_PATH_REPORTS, fl_route_post_reports, 0, FL_FOR_AGENT, 0},
    {"GET", FL_AGENT_PATH_FIRMWARE "/{}", fl_route_get_agent_firmware, 0, FL_FOR_AGENT, 0},
    {"GET", FL_AGENT_PATH_FIRMWARE "/{}" FL_AGENT_TAIL_IMAGE, fl_route_get_agent_image, 0,
     FL_FOR_AGENT, 0},
    {"GET", FL_AGENT_PATH_COMMANDS, get_commands, 0, FL_FOR_AGENT, 0},
    {"POST", FL_AGENT_PATH_COMMANDS "/{}" FL_AGENT_TAIL_DELIVERY, post_delivery, 0, FL_FOR_AGENT,
     0},
    {"POST", FL_AGENT_PATH_COMMANDS "/{}" FL_AGENT_TAIL_ACKNOWLEDGEMENT, post_acknowledgement, 0,
     FL_FOR_AGENT, 0},
    {"POST", FL_AGENT_PATH_COMMANDS "/{}" FL_AGENT_TAIL_OUTCOME, post_outcome, FL_ROUTE_JSON,
     FL_FOR_AGENT, 0},
    {"GET", "/healthz", fl_route_get_health, 0, FL_FOR_ANYONE, 0},
    {"GET", "/readyz", fl_route_get_ready, 0, FL_FOR_ANYONE, 0},
    {NULL, NULL, NULL, 0, 0, 0},
};
