/* SPDX-License-Identifier: Apache-2.0 */
/* The control lane: enrolment, the states of commands, registration and description of devices. */
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/diag.h"
#include "core/fault_point.h"
#include "core/json.h"
#include "producers/agent/agent_internal.h"

enum { ANSWER_MS = 30000, BODY_SIZE = 4096, REFUSED_MS = 300000 };

static json_t *parse(struct fl_slice body)
{
    return json_loadb((const char *)body.data, body.size, 0, NULL);
}

/* The sentence of a problem document, for people. */
static void read_problem(struct fl_slice body, char *out, size_t size)
{
    json_t *problem = parse(body);
    const char *text = json_string_value(json_object_get(problem, "detail"));
    if (text == NULL)
        text = json_string_value(json_object_get(problem, "title"));
    snprintf(out, size, "%s", text != NULL ? text : "no reason given");
    json_decref(problem);
}

/* A refusal that names a code was decided and stands; one that names none came from the door, or
 * from something in between that is not the gateway (a proxy's 404): there only what the request's
 * form is blamed for is final. */
long fl_control_status(long status, struct fl_slice body)
{
    if (status < 400 || status == 401 || status == 503)
        return status;
    json_t *problem = parse(body);
    bool decided = json_is_string(json_object_get(problem, "code"));
    json_decref(problem);
    if (decided)
        return status < 500 ? status : 422;
    return status == 400 || status == 413 || status == 422 ? status : 503;
}

static bool read_number(const json_t *object, const char *name, uint64_t *number)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_string(value))
        return fl_slice_to_u64(fl_slice_text(json_string_value(value)), number);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *number = (uint64_t)json_integer_value(value);
    return true;
}

/* `key`: what is said once, however often it has to be sent; NULL: may be said again. */
static void post(struct fl_agent *agent, const char *path, const char *key, const char *body,
                 fl_agent_on_answer *on_answer)
{
    struct fl_agent_request request = {.method = "POST",
                                       .path = path,
                                       .content_type = "application/json",
                                       .body = fl_slice_text(body),
                                       .idempotency_key = key,
                                       .is_signed = strcmp(path, FL_AGENT_PATH_ENROL) != 0,
                                       .timeout_ms = ANSWER_MS,
                                       .on_answer = on_answer,
                                       .context = agent};
    if (fl_agent_http_start(agent->http, FL_AGENT_LANE_CONTROL, &request) != FL_OK)
        fl_agent_fail(agent, FL_NO_MEMORY, "a request cannot be made");
}

static void on_enrolled(void *context, long status, struct fl_slice body, const char *why)
{
    struct fl_agent *agent = context;
    char problem[160];
    /* A claim that is refused with 401 is refused for good: no nonce is involved here. */
    if (status != 401 && !fl_lane_settled(agent, FL_AGENT_LANE_CONTROL, status, why))
        return;
    json_t *answer = status == 200 ? parse(body) : NULL;
    const char *company = json_string_value(json_object_get(answer, "companyId"));
    if (company != NULL && fl_id_is_valid(fl_slice_text(company))) {
        fl_agent_state_enrolled(&agent->state, company);
        if (fl_agent_commit(agent))
            fl_duty_ready(agent->duty);
    } else {
        read_problem(body, problem, sizeof(problem));
        snprintf(agent->detail, sizeof(agent->detail),
                 "the gateway refuses to enrol this agent: %s", problem);
        fl_agent_fail(agent, FL_UNAUTHENTIC, agent->detail);
    }
    json_decref(answer);
}

static void enrol(struct fl_agent *agent)
{
    char body[BODY_SIZE];
    char message[512];
    uint8_t proof[crypto_sign_BYTES];
    struct fl_json json;
    int size = snprintf(message, sizeof(message), FL_AGENT_ENROL_LABEL "%s\n%s",
                        agent->options->claim, agent->state.agent_id);
    fl_assert(size > 0 && (size_t)size < sizeof(message)); /* fl_agent_run bounds the claim */
    crypto_sign_detached(proof, NULL, (const uint8_t *)message, (size_t)size,
                         agent->state.secret_key);
    fl_json_init(&json, body, sizeof(body));
    fl_json_object_begin(&json);
    fl_json_name(&json, "claim");
    fl_json_text(&json, agent->options->claim);
    fl_json_name(&json, "agentId");
    fl_json_text(&json, agent->state.agent_id);
    fl_json_name(&json, "publicKey");
    fl_json_base64(&json, fl_slice_of(agent->state.public_key, sizeof(agent->state.public_key)));
    fl_json_name(&json, "proof");
    fl_json_base64(&json, fl_slice_of(proof, sizeof(proof)));
    fl_json_object_end(&json);
    bool fits = fl_json_finish(&json);
    fl_assert(fits);
    post(agent, FL_AGENT_PATH_ENROL, NULL, body, on_enrolled);
}

/* Whether a delivery's answer lets the command be carried out. */
static bool is_wanted(struct fl_slice body)
{
    json_t *answer = parse(body);
    const char *state = json_string_value(json_object_get(answer, "state"));
    bool wanted =
        state != NULL && (strcmp(state, "delivered") == 0 || strcmp(state, "acknowledged") == 0);
    json_decref(answer);
    return wanted;
}

static void on_command_posted(void *context, long status, struct fl_slice body, const char *why)
{
    struct fl_agent *agent = context;
    struct fl_agent_command *command = agent->posted;
    agent->posted = NULL;
    status = fl_control_status(status, body);
    if (!fl_lane_settled(agent, FL_AGENT_LANE_CONTROL, status, why) || command == NULL)
        return;
    if (status != 200) {
        char problem[160];
        read_problem(body, problem, sizeof(problem));
        fl_diag(AGENT_COMMAND, FL_TEXT("command", command->id), FL_INT("status", status),
                FL_TEXT("refused", problem));
    }
    if (agent->posted_state == FL_COMMAND_STORED) {
        bool wanted = status == 200 && is_wanted(body);
        fl_command_move(agent, command, wanted ? FL_COMMAND_READY : FL_COMMAND_TOLD);
        if (fl_agent_commit(agent))
            fl_fault_point("agent_delivered");
    } else if (agent->posted_state == FL_COMMAND_WATCHED) { /* the acknowledgement */
        command->owes_acknowledgement = false;
        fl_command_save(agent, command);
    } else {
        fl_command_move(agent, command, FL_COMMAND_TOLD);
        if (fl_agent_commit(agent))
            fl_fault_point("agent_told");
    }
}

static void post_outcome(struct fl_agent *agent, const struct fl_agent_command *command,
                         const char *path, const char *key)
{
    char body[BODY_SIZE];
    struct fl_json json;
    char variable[FL_COMMAND_WORD_SIZE];
    bool seen = command->report_counter != 0;
    fl_json_init(&json, body, sizeof(body));
    fl_json_object_begin(&json);
    fl_json_name(&json, "outcome");
    fl_json_text(&json, command->outcome);
    fl_json_name(&json, "variable");
    fl_json_text(&json, seen || command->value[0] != '\0'
                            ? fl_agent_command_variable(command->kind, command->parameter, variable)
                            : "");
    fl_json_name(&json, "value");
    fl_json_text(&json, command->value);
    fl_json_name(&json, "reportCounter");
    fl_json_uint(&json, command->report_counter);
    fl_json_name(&json, "reason");
    fl_json_text(&json, command->reason);
    fl_json_object_end(&json);
    bool fits = fl_json_finish(&json);
    fl_assert(fits); /* every part has its bound */
    post(agent, path, key, body, on_command_posted);
}

/* The next thing to say about a command; false: nothing. The outcome waits for the report that
 * shows it. */
static bool step_command(struct fl_agent *agent, struct fl_agent_command *command)
{
    const char *tail = NULL;
    char path[FL_AGENT_PATH_SIZE];
    char key[FL_ID_TEXT_SIZE + 32];
    if (command->state == FL_COMMAND_STORED)
        tail = FL_AGENT_TAIL_DELIVERY;
    else if (command->owes_acknowledgement)
        tail = FL_AGENT_TAIL_ACKNOWLEDGEMENT;
    else if (command->state == FL_COMMAND_ENDED && command->queue_number < agent->settled_until)
        tail = FL_AGENT_TAIL_OUTCOME;
    if (tail == NULL)
        return false;
    agent->posted = command;
    agent->posted_state = (enum fl_agent_command_state)command->state;
    snprintf(path, sizeof(path), FL_AGENT_PATH_COMMANDS "/%s%s", command->id, tail);
    snprintf(key, sizeof(key), "%s%s", command->id, tail);
    if (command->owes_acknowledgement) {
        agent->posted_state = FL_COMMAND_WATCHED;
        post(agent, path, key, "{}", on_command_posted);
    } else if (command->state == FL_COMMAND_STORED) {
        post(agent, path, key, "{}", on_command_posted);
    } else {
        post_outcome(agent, command, path, key);
    }
    return true;
}

static void take_registration(struct fl_agent *agent, struct fl_agent_device *device,
                              struct fl_slice body)
{
    json_t *answer = parse(body);
    uint64_t number = 0;
    uint64_t generation = 0;
    const char *id = json_string_value(json_object_get(answer, "deviceId"));
    uint8_t before[FL_ID_SIZE];
    memcpy(before, device->id, sizeof(before));
    if (id != NULL && fl_id_to_bytes(fl_slice_text(id), device->id) &&
        read_number(answer, "deviceNumber", &number) && number <= UINT32_MAX &&
        read_number(answer, "generation", &generation) && generation <= UINT32_MAX) {
        fl_id_from_bytes(device->id, device->id_text);
        if (device->generation != generation || memcmp(before, device->id, sizeof(before)) != 0)
            device->counter = device->thinned_count = 0;
        device->number = (uint32_t)number;
        device->generation = (uint32_t)generation;
        device->full_due = true;
        device->ups->poll_at_ms = 0;
        memcpy(device->described, device->offered, sizeof(device->described));
        fl_device_save(agent, device);
    } else {
        device->describe_at_ms = fl_port_monotonic_ms(agent->port) + REFUSED_MS;
        fl_diag(RETRY, FL_TEXT("ups", device->ups_name),
                FL_TEXT("why", "the gateway's answer to a registration makes no sense"));
    }
    json_decref(answer);
}

static void on_described(void *context, long status, struct fl_slice body, const char *why)
{
    struct fl_agent *agent = context;
    struct fl_agent_device *device = agent->described;
    bool was_registered = device->id_text[0] != '\0';
    agent->described = NULL;
    status = fl_control_status(status, body);
    if (!fl_lane_settled(agent, FL_AGENT_LANE_CONTROL, status, why))
        return;
    if (status == 200 && !was_registered) {
        take_registration(agent, device, body);
    } else if (status == 200) {
        memcpy(device->described, device->offered, sizeof(device->described));
        fl_device_save(agent, device);
    } else {
        char problem[160];
        read_problem(body, problem, sizeof(problem));
        fl_diag(RETRY, FL_TEXT("ups", device->ups_name), FL_INT("status", status),
                FL_TEXT("refused", problem));
        /* The log has decided that this device is not (any longer) ours. */
        device->removed = was_registered && (status == 403 || status == 404 || status == 410);
        device->describe_at_ms = fl_port_monotonic_ms(agent->port) + REFUSED_MS;
        fl_device_save(agent, device);
    }
}

static bool step_device(struct fl_agent *agent, struct fl_agent_device *device)
{
    bool registered = device->id_text[0] != '\0';
    char path[FL_AGENT_PATH_SIZE] = FL_AGENT_PATH_DEVICES;
    if (device->ups == NULL || device->removed || !device->has_values || !device->has_offered ||
        fl_port_monotonic_ms(agent->port) < device->describe_at_ms ||
        (registered && memcmp(device->offered, device->described, sizeof(device->offered)) == 0))
        return false;
    char *body = fl_device_describe(device);
    if (body == NULL) {
        fl_agent_fail(agent, FL_NO_MEMORY, "description");
        return true;
    }
    if (registered)
        snprintf(path, sizeof(path), FL_AGENT_PATH_DEVICES "/%s" FL_AGENT_TAIL_CAPABILITIES,
                 device->id_text);
    agent->described = device;
    post(agent, path, NULL, body, on_described);
    free(body);
    return true;
}

void fl_control_step(struct fl_agent *agent)
{
    if (agent->state.company_id[0] == '\0') {
        enrol(agent);
        return;
    }
    for (struct fl_agent_command *command = agent->commands; command != NULL;
         command = command->next)
        if (step_command(agent, command))
            return;
    for (size_t i = 0; i < agent->device_count; i++)
        if (step_device(agent, agent->devices[i]))
            return;
    (void)fl_firmware_ask(agent);
}
