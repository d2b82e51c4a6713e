/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/agent/fake_gateway.h"

#include <jansson.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/assert.h"
#include "core/cursor.h"
#include "core/hash.h"
#include "core/port.h"
#include "producers/agent_protocol.h"
#include "projections/telemetry/report.h"
#include "tests/integration/agent/fake_gateway_internal.h"

enum { LOOK_S = 1, REPORT_COUNT_MAX = 200000 };

static void note_bad(struct fl_fake_gateway *gateway, const char *what)
{
    fprintf(stderr, "fake gateway: %s\n", what);
    gateway->bad_count++;
}

static bool verify(struct fl_fake_gateway *gateway, const char *signature, const char *text,
                   size_t size)
{
    uint8_t bytes[crypto_sign_BYTES];
    size_t length = 0;
    return signature != NULL &&
           sodium_base642bin(bytes, sizeof(bytes), signature, strlen(signature), NULL, &length,
                             NULL, sodium_base64_VARIANT_ORIGINAL) == 0 &&
           length == sizeof(bytes) &&
           crypto_sign_verify_detached(bytes, (const uint8_t *)text, size, gateway->key) == 0;
}

/* The signature of a request, and that its nonce has grown; 401 is what overtaken ones get. */
static unsigned authenticate(struct fl_fake_gateway *gateway, struct fl_fake_call *call)
{
    const char *time =
        MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, FL_AGENT_HEADER_TIME);
    const char *nonce_text =
        MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, FL_AGENT_HEADER_NONCE);
    const char *signature =
        MHD_lookup_connection_value(call->connection, MHD_HEADER_KIND, FL_AGENT_HEADER_SIGNATURE);
    uint8_t hash[FL_HASH_SIZE];
    char hash_text[FL_HASH_TEXT_SIZE];
    char text[1024];
    uint64_t nonce;
    if (time == NULL || nonce_text == NULL || !fl_slice_to_u64(fl_slice_text(nonce_text), &nonce)) {
        note_bad(gateway, "a request without a signature");
        return 403;
    }
    fl_sha256(call->body.data != NULL ? call->body : FL_SLICE_LITERAL(""), hash);
    fl_hex_encode(hash, sizeof(hash), hash_text);
    int size = snprintf(text, sizeof(text), FL_AGENT_REQUEST_LABEL "%s\n%s\n%s\n%s\n%s",
                        call->method, call->target, time, nonce_text, hash_text);
    if (!verify(gateway, signature, text, (size_t)size)) {
        note_bad(gateway, "a request whose signature does not fit");
        return 403;
    }
    int64_t off_ms = strtoll(time, NULL, 10) - fl_port_wall_ms(fl_port_system());
    if (off_ms > FL_AGENT_CLOCK_MS_MAX || off_ms < -FL_AGENT_CLOCK_MS_MAX)
        return 401;
    if (nonce == gateway->nonce)
        note_bad(gateway, "a nonce twice");
    if (nonce <= gateway->nonce)
        return 401;
    gateway->nonce = nonce;
    return 200;
}

static unsigned enrol(struct fl_fake_gateway *gateway, struct fl_fake_call *call)
{
    const char *claim = json_string_value(json_object_get(call->json, "claim"));
    const char *id = json_string_value(json_object_get(call->json, "agentId"));
    const char *key = json_string_value(json_object_get(call->json, "publicKey"));
    const char *proof = json_string_value(json_object_get(call->json, "proof"));
    char text[512];
    if (claim == NULL || id == NULL || key == NULL || strcmp(claim, "GOOD-CLAIM") != 0)
        return 404;
    if (sodium_base642bin(gateway->key, sizeof(gateway->key), key, strlen(key), NULL, NULL, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return 422;
    int size = snprintf(text, sizeof(text), FL_AGENT_ENROL_LABEL "%s\n%s", claim, id);
    if (!verify(gateway, proof, text, (size_t)size)) {
        note_bad(gateway, "an enrolment whose proof does not fit");
        return 401;
    }
    call->answer =
        json_pack("{s:s, s:s}", "agentId", id, "companyId", "00000000-0000-7000-8000-000000000001");
    return 200;
}

static struct fl_fake_device *device_by_id(struct fl_fake_gateway *gateway, const char *id)
{
    for (size_t i = 0; i < gateway->device_count; i++)
        if (strcmp(gateway->devices[i].id, id) == 0)
            return &gateway->devices[i];
    return NULL;
}

static struct fl_fake_device *device_by_name(struct fl_fake_gateway *gateway, const char *name)
{
    for (size_t i = 0; i < gateway->device_count; i++)
        if (!gateway->devices[i].removed && strcmp(gateway->devices[i].name, name) == 0)
            return &gateway->devices[i];
    return NULL;
}

static unsigned register_device(struct fl_fake_gateway *gateway, struct fl_fake_call *call)
{
    const char *name = json_string_value(json_object_get(call->json, "upsName"));
    struct fl_id_source ids;
    if (name == NULL || strlen(name) >= sizeof(gateway->devices[0].name) ||
        gateway->device_count == FL_FAKE_DEVICE_COUNT_MAX)
        return 422;
    struct fl_fake_device *device = device_by_name(gateway, name);
    if (device == NULL) {
        device = &gateway->devices[gateway->device_count++];
        snprintf(device->name, sizeof(device->name), "%s", name);
        fl_id_source_init(&ids, fl_port_system());
        fl_id_mint(&ids, device->id);
        device->number = (uint32_t)gateway->device_count;
    }
    call->answer = json_pack("{s:s, s:i, s:i}", "deviceId", device->id, "deviceNumber",
                             (int)device->number, "generation", 1);
    return 200;
}

static unsigned describe_device(struct fl_fake_gateway *gateway, const char *rest)
{
    char id[FL_ID_TEXT_SIZE];
    snprintf(id, sizeof(id), "%.36s", rest);
    const struct fl_fake_device *device = device_by_id(gateway, id);
    if (device != NULL && !device->removed)
        return 200;
    gateway->gone_count++;
    return 404;
}

/* One report of a batch: the reason why it is refused, "" accepted, NULL replayed. */
static const char *take_report(struct fl_fake_gateway *gateway, uint32_t number,
                               struct fl_slice bytes, struct fl_slice signature)
{
    uint8_t text[sizeof(FL_AGENT_REPORT_LABEL) - 1 + FL_AGENT_REPORT_SIZE_MAX];
    size_t label = sizeof(FL_AGENT_REPORT_LABEL) - 1;
    struct fl_report report;
    const char *what;
    memcpy(text, FL_AGENT_REPORT_LABEL, label);
    memcpy(text + label, bytes.data, bytes.size);
    if (crypto_sign_verify_detached(signature.data, text, label + bytes.size, gateway->key) != 0 ||
        fl_report_decode(bytes, &report, &what) != FL_OK) {
        note_bad(gateway, "a report that is not signed or not one");
        return "BAD_SIGNATURE";
    }
    if (number == 0 || number > gateway->device_count || gateway->devices[number - 1].removed)
        return FL_AGENT_REASON_UNKNOWN_DEVICE;
    struct fl_fake_device *device = &gateway->devices[number - 1];
    if (report.counter <= device->counter) {
        gateway->replayed_count++;
        return NULL;
    }
    device->counter = report.counter;
    fl_assert(gateway->report_count < REPORT_COUNT_MAX);
    if (gateway->report_count % 1024 == 0)
        gateway->reports =
            realloc(gateway->reports, (gateway->report_count + 1024) * sizeof(*gateway->reports));
    uint8_t *copy = malloc(bytes.size);
    memcpy(copy, bytes.data, bytes.size);
    gateway->reports[gateway->report_count++] =
        (struct fl_fake_report){.device_number = number,
                                .generation = report.generation,
                                .counter = report.counter,
                                .thinned_count = report.thinned_count,
                                .sampled_at_ms = report.sampled_at_ms,
                                .kind = (unsigned)report.kind,
                                .bytes = fl_slice_of(copy, bytes.size)};
    return "";
}

static unsigned take_reports(struct fl_fake_gateway *gateway, struct fl_fake_call *call)
{
    struct fl_read_cursor cursor;
    json_t *refused = json_array();
    int accepted = 0;
    int replayed = 0;
    fl_read_init(&cursor, call->body);
    uint32_t count = fl_read_u32(&cursor);
    if (gateway->mode == FL_FAKE_SIZE_LIMITED && count > 1) {
        json_decref(refused);
        return 413;
    }
    for (uint32_t i = 0; i < count && cursor.error == FL_OK; i++) {
        uint32_t number = fl_read_u32(&cursor);
        struct fl_slice bytes = fl_read_bytes(&cursor, fl_read_u32(&cursor));
        struct fl_slice signature = fl_read_bytes(&cursor, crypto_sign_BYTES);
        if (cursor.error != FL_OK || bytes.size > FL_AGENT_REPORT_SIZE_MAX)
            break;
        const char *reason = take_report(gateway, number, bytes, signature);
        if (reason == NULL)
            replayed++;
        else if (reason[0] == '\0')
            accepted++;
        else
            json_array_append_new(refused,
                                  json_pack("{s:i, s:s}", "index", (int)i, "reason", reason));
    }
    if (cursor.error != FL_OK || fl_read_left(&cursor) != 0 || count == 0 ||
        count > FL_AGENT_REPORT_COUNT_MAX || call->body.size > FL_AGENT_BODY_SIZE_MAX)
        note_bad(gateway, "a request with reports that breaks its form");
    call->answer = json_pack("{s:i, s:i, s:o}", "accepted", accepted, "replayed", replayed,
                             "refused", refused);
    return 200;
}

static bool is_pending(const struct fl_fake_command *command)
{
    return command->delivery_count == 0;
}

/* The long poll, with the lock held but while it waits. */
static unsigned hand_out_commands(struct fl_fake_gateway *gateway, struct fl_fake_call *call)
{
    const char *wait = strstr(call->target, "wait=");
    struct timespec deadline;
    json_t *list = json_array();
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += wait != NULL ? strtol(wait + strlen("wait="), NULL, 10) : 0;
    int code = 0;
    while (code == 0 && !gateway->leaving && json_array_size(list) == 0) {
        for (size_t i = 0; i < gateway->command_count; i++) {
            const struct fl_fake_command *command = &gateway->commands[i];
            if (is_pending(command))
                json_array_append_new(list,
                                      json_pack("{s:s, s:s, s:s, s:s, s:I}", "commandId",
                                                command->id, "deviceId", command->device_id, "kind",
                                                command->kind, "parameter", command->parameter,
                                                "expiresAtMs", (json_int_t)command->expires_at_ms));
        }
        if (json_array_size(list) == 0)
            code = pthread_cond_timedwait(&gateway->changed, &gateway->mutex, &deadline);
    }
    call->answer = json_pack("{s:o}", "commands", list);
    return 200;
}

static void copy_text(const json_t *object, const char *name, char *out, size_t size)
{
    const char *text = json_string_value(json_object_get(object, name));
    snprintf(out, size, "%s", text != NULL ? text : "");
}

static unsigned take_word(struct fl_fake_gateway *gateway, struct fl_fake_call *call,
                          const char *rest)
{
    struct fl_fake_command *command = NULL;
    for (size_t i = 0; i < gateway->command_count; i++)
        if (strncmp(gateway->commands[i].id, rest, FL_ID_TEXT_SIZE - 1) == 0)
            command = &gateway->commands[i];
    if (command == NULL)
        return 404;
    const char *tail = rest + FL_ID_TEXT_SIZE - 1;
    if (strcmp(tail, FL_AGENT_TAIL_DELIVERY) == 0) {
        command->delivery_count++;
        if (command->cancelled)
            return 409;
        call->answer = json_pack("{s:s}", "state", "delivered");
    } else if (strcmp(tail, FL_AGENT_TAIL_ACKNOWLEDGEMENT) == 0) {
        command->acknowledgement_count++;
    } else {
        command->outcome_count++;
        copy_text(call->json, "outcome", command->outcome, sizeof(command->outcome));
        copy_text(call->json, "reason", command->reason, sizeof(command->reason));
        copy_text(call->json, "variable", command->variable, sizeof(command->variable));
        copy_text(call->json, "value", command->value, sizeof(command->value));
        command->report_counter =
            (uint64_t)json_integer_value(json_object_get(call->json, "reportCounter"));
    }
    return 200;
}

unsigned fl_fake_gateway_serve(struct fl_fake_gateway *gateway, struct fl_fake_call *call)
{
    const char *commands = FL_AGENT_PATH_COMMANDS "/";
    const char *devices = FL_AGENT_PATH_DEVICES "/";
    if (strcmp(call->path, FL_AGENT_PATH_ENROL) == 0)
        return enrol(gateway, call);
    unsigned status = authenticate(gateway, call);
    if (status != 200)
        return status;
    if (strcmp(call->path, FL_AGENT_PATH_DEVICES) == 0)
        return register_device(gateway, call);
    if (strncmp(call->path, devices, strlen(devices)) == 0)
        return describe_device(gateway, call->path + strlen(devices));
    if (strcmp(call->path, FL_AGENT_PATH_REPORTS) == 0)
        return take_reports(gateway, call);
    if (strcmp(call->path, FL_AGENT_PATH_COMMANDS) == 0)
        return hand_out_commands(gateway, call);
    if (strncmp(call->path, commands, strlen(commands)) == 0)
        return take_word(gateway, call, call->path + strlen(commands));
    note_bad(gateway, "a request for nothing that there is");
    return 404;
}

/* What tests ask and tell. */
void fl_fake_gateway_set_mode(struct fl_fake_gateway *gateway, enum fl_fake_gateway_mode mode)
{
    pthread_mutex_lock(&gateway->mutex);
    gateway->mode = mode;
    pthread_mutex_unlock(&gateway->mutex);
}

void fl_fake_gateway_remove(struct fl_fake_gateway *gateway, const char *ups_name)
{
    pthread_mutex_lock(&gateway->mutex);
    device_by_name(gateway, ups_name)->removed = true;
    pthread_mutex_unlock(&gateway->mutex);
}

uint32_t fl_fake_gateway_device(struct fl_fake_gateway *gateway, const char *ups_name)
{
    pthread_mutex_lock(&gateway->mutex);
    const struct fl_fake_device *device = device_by_name(gateway, ups_name);
    uint32_t number = device != NULL ? device->number : 0;
    pthread_mutex_unlock(&gateway->mutex);
    return number;
}

size_t fl_fake_gateway_command(struct fl_fake_gateway *gateway, const char *ups_name,
                               const char *kind, const char *parameter, int64_t ttl_ms)
{
    struct fl_id_source ids;
    pthread_mutex_lock(&gateway->mutex);
    fl_assert(gateway->command_count < FL_FAKE_COMMAND_COUNT_MAX);
    size_t index = gateway->command_count++;
    struct fl_fake_command *command = &gateway->commands[index];
    fl_id_source_init(&ids, fl_port_system());
    fl_id_mint(&ids, command->id);
    memcpy(command->device_id, device_by_name(gateway, ups_name)->id, FL_ID_TEXT_SIZE);
    command->kind = kind;
    command->parameter = parameter;
    command->expires_at_ms = fl_port_wall_ms(fl_port_system()) + ttl_ms;
    pthread_cond_broadcast(&gateway->changed);
    pthread_mutex_unlock(&gateway->mutex);
    return index;
}

struct fl_fake_command fl_fake_gateway_command_at(struct fl_fake_gateway *gateway, size_t index)
{
    pthread_mutex_lock(&gateway->mutex);
    struct fl_fake_command command = gateway->commands[index];
    pthread_mutex_unlock(&gateway->mutex);
    return command;
}

void fl_fake_gateway_cancel(struct fl_fake_gateway *gateway, size_t index)
{
    pthread_mutex_lock(&gateway->mutex);
    gateway->commands[index].cancelled = true;
    pthread_mutex_unlock(&gateway->mutex);
}

size_t fl_fake_gateway_report_count(struct fl_fake_gateway *gateway)
{
    pthread_mutex_lock(&gateway->mutex);
    size_t count = gateway->report_count;
    pthread_mutex_unlock(&gateway->mutex);
    return count;
}

struct fl_fake_report fl_fake_gateway_report(struct fl_fake_gateway *gateway, size_t index)
{
    pthread_mutex_lock(&gateway->mutex);
    fl_assert(index < gateway->report_count);
    struct fl_fake_report report = gateway->reports[index];
    pthread_mutex_unlock(&gateway->mutex);
    return report;
}

unsigned fl_fake_gateway_replayed_count(struct fl_fake_gateway *gateway)
{
    pthread_mutex_lock(&gateway->mutex);
    unsigned count = gateway->replayed_count;
    pthread_mutex_unlock(&gateway->mutex);
    return count;
}

unsigned fl_fake_gateway_gone_count(struct fl_fake_gateway *gateway)
{
    pthread_mutex_lock(&gateway->mutex);
    unsigned count = gateway->gone_count;
    pthread_mutex_unlock(&gateway->mutex);
    return count;
}

unsigned fl_fake_gateway_bad_count(struct fl_fake_gateway *gateway)
{
    pthread_mutex_lock(&gateway->mutex);
    unsigned count = gateway->bad_count;
    pthread_mutex_unlock(&gateway->mutex);
    return count;
}

bool fl_fake_gateway_wait(struct fl_fake_gateway *gateway, fl_fake_condition *holds, void *context)
{
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + FL_FAKE_DEADLINE_S * 1000;
    for (;;) {
        struct timespec look;
        clock_gettime(CLOCK_REALTIME, &look);
        look.tv_sec += LOOK_S;
        pthread_mutex_lock(&gateway->mutex);
        uint64_t served = gateway->served_count;
        pthread_mutex_unlock(&gateway->mutex);
        if (holds(gateway, context))
            return true;
        if (fl_port_monotonic_ms(fl_port_system()) > deadline_ms)
            return false;
        pthread_mutex_lock(&gateway->mutex);
        int code = 0;
        while (gateway->served_count == served && code == 0)
            code = pthread_cond_timedwait(&gateway->changed, &gateway->mutex, &look);
        pthread_mutex_unlock(&gateway->mutex);
    }
}
