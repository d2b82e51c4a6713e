/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of devices: each checked by itself (signature, device, counter), then appended to its
 * partition; and ticks. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cursor.h"
#include "core/diag.h"
#include "core/fault_point.h"
#include "fleetlog/v1/telemetry.pb-c.h"
#include "producers/agent_protocol.h"
#include "producers/gateway/gateway_internal.h"
#include "projections/devices/devices.h"
#include "projections/registry/machines.h"
#include "projections/telemetry/report.h"

enum { TICK_WAIT_MS = 5000 };

struct item {
    uint32_t device_number;
    struct fl_slice bytes;
    struct fl_slice signature;
    struct fl_report report;
    const char *refused; /* NULL: good so far */
    bool replayed;
    bool sent;
    struct fl_counter counter;
};

struct batch {
    struct call *call;
    struct item *items;
    uint32_t count;
    const fl_agent_row *agent;
};

/* u32 count, then {u32 device number, u32 size, bytes, 64-byte signature}. */
static bool parse(struct batch *batch)
{
    struct fl_read_cursor in;
    struct call *call = batch->call;
    fl_read_init(&in, fl_http_body(call->request));
    batch->count = fl_read_u32(&in);
    if (in.error != FL_OK || batch->count == 0 || batch->count > FL_AGENT_REPORT_COUNT_MAX) {
        fl_call_problem(call, 400, "The body must hold 1 to 1000 reports", NULL, "count");
        return false;
    }
    batch->items = fl_arena_calloc(&call->arena, batch->count, sizeof(*batch->items));
    if (batch->items == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return false;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        item->device_number = fl_read_u32(&in);
        uint32_t size = fl_read_u32(&in);
        item->bytes = fl_read_bytes(&in, size);
        item->signature = fl_read_bytes(&in, crypto_sign_BYTES);
        if (in.error == FL_OK && size > FL_AGENT_REPORT_SIZE_MAX)
            item->refused = "TOO_LARGE";
    }
    if (in.error == FL_OK && fl_read_left(&in) == 0)
        return true;
    fl_call_problem(call, 400, "The body ends too early or too late", NULL, "reports");
    return false;
}

static void check_signature(struct batch *batch, struct item *item)
{
    size_t label_size = sizeof(FL_AGENT_REPORT_LABEL) - 1;
    uint8_t *text = fl_arena_alloc(&batch->call->arena, label_size + item->bytes.size);
    if (text == NULL) {
        item->refused = "NO_MEMORY";
        return;
    }
    memcpy(text, FL_AGENT_REPORT_LABEL, label_size);
    memcpy(text + label_size, item->bytes.data, item->bytes.size);
    if (crypto_sign_verify_detached(item->signature.data, text, label_size + item->bytes.size,
                                    batch->agent->public_key.data) != 0)
        item->refused = "BAD_SIGNATURE";
}

/* The number leads to an active device of this agent, and the report names that device and
 * generation. */
static void check_device(struct batch *batch, struct fl_kv *kv, struct item *item)
{
    uint8_t id[FL_ID_SIZE];
    const fl_device_row *row =
        fl_registry_device_by_number(kv, &batch->call->arena, item->device_number);
    if (row == NULL || row->state != FL_DEVICE_ACTIVE ||
        strcmp(row->agent_id, batch->agent->agent_id) != 0 ||
        !fl_id_to_bytes(fl_slice_text(row->device_id), id) ||
        memcmp(id, item->report.device_id.data, FL_ID_SIZE) != 0)
        item->refused = FL_AGENT_REASON_UNKNOWN_DEVICE;
    else if (item->report.generation != row->generation)
        item->refused = "WRONG_GENERATION";
}

/* The device's last report as far as this gateway knows; after a start, as the devices view has it.
 * None: {0, 0}. */
static struct fl_counter last_counter(struct batch *batch, struct fl_kv *devices, uint32_t number)
{
    struct fl_counter last = {0, 0};
    struct fl_latest row;
    if (!fl_agents_counter(batch->call->gateway->agents, number, &last) && devices != NULL &&
        fl_devices_row(devices, number, &row))
        last = (struct fl_counter){row.generation, row.counter};
    return last;
}

static bool is_above(struct fl_counter a, struct fl_counter b)
{
    return a.generation != b.generation ? a.generation > b.generation : a.counter > b.counter;
}

/* Marks what is not above the device's last report, be that accepted or earlier in this request.
 * Nothing is remembered yet: that comes with the append. */
static void find_replays(struct batch *batch)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_kv *devices =
        fl_store_read_begin(batch->call->gateway->devices, &read) == FL_OK ? read.kv : NULL;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (item->refused != NULL)
            continue;
        item->counter = (struct fl_counter){item->report.generation, item->report.counter};
        struct fl_counter last = last_counter(batch, devices, item->device_number);
        for (uint32_t k = 0; k < i; k++) {
            const struct item *before = &batch->items[k];
            if (before->device_number == item->device_number && before->refused == NULL &&
                is_above(before->counter, last))
                last = before->counter;
        }
        item->replayed = !is_above(item->counter, last);
    }
    /* A view that cannot be read filters nothing; the fold's rule stands behind it. */
    if (devices != NULL && fl_store_read_end(&read) != FL_OK)
        fl_diag(RETRY, FL_TEXT("what", "last reports"), FL_TEXT("view", "devices"));
}

static bool check_all(struct batch *batch)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_slice agent_id;
    fl_actor_parse(batch->call->identity.actor, &agent_id);
    if (!fl_call_read_begin(batch->call, batch->call->gateway->registry, &read))
        return false;
    batch->agent = fl_registry_agent(read.kv, &batch->call->arena, agent_id);
    for (uint32_t i = 0; batch->agent != NULL && i < batch->count; i++) {
        struct item *item = &batch->items[i];
        const char *what = NULL;
        if (item->refused == NULL && fl_report_decode(item->bytes, &item->report, &what) != FL_OK)
            item->refused = "MALFORMED";
        if (item->refused == NULL)
            check_device(batch, read.kv, item);
    }
    if (!fl_call_read_end(batch->call, &read))
        return false;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (item->refused == NULL)
            check_signature(batch, item);
    }
    find_replays(batch);
    return true;
}

static char *telemetry_source(struct gateway *gateway, struct fl_arena *arena)
{
    return fl_arena_printf(arena, "/fleetlog/%s/gateway/%s", gateway->log_id,
                           gateway->duty->datadir->node_id);
}

static enum fl_error encode_report(struct call *call, const struct item *item, const char *source,
                                   int64_t now_ms, struct fl_record *record)
{
    Fleetlog__V1__DeviceReport report = FLEETLOG__V1__DEVICE_REPORT__INIT;
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    uint8_t *key = fl_arena_alloc(&call->arena, sizeof(uint32_t));
    struct fl_write_cursor to;
    if (key == NULL)
        return FL_NO_MEMORY;
    fl_write_init(&to, key, sizeof(uint32_t));
    fl_write_u32(&to, item->device_number);
    report.device_number = item->device_number;
    report.report = (ProtobufCBinaryData){item->bytes.size, (uint8_t *)(uintptr_t)item->bytes.data};
    report.signature =
        (ProtobufCBinaryData){item->signature.size, (uint8_t *)(uintptr_t)item->signature.data};
    report.received_at_ms = now_ms;
    if (__builtin_sub_overflow(now_ms, item->report.clock_ms, &report.clock_offset_ms))
        report.clock_offset_ms = 0; /* a clock that is none */
    report.gateway_number = call->gateway->number;
    telemetry.body_case = FLEETLOG__V1__TELEMETRY__BODY_REPORT;
    telemetry.report = &report;
    return fl_plain_encode(&call->arena, fl_slice_text(fl_call_mint(call)), "fleetlog.v1.Telemetry",
                           fl_slice_text(source), now_ms, fl_written(&to), &telemetry.base, record);
}

/* One submission per partition, each in the order of the request. */
static enum fl_error send_all(struct batch *batch)
{
    struct call *call = batch->call;
    struct gateway *gateway = call->gateway;
    uint32_t partitions = gateway->partition_count;
    char *source = telemetry_source(gateway, &call->arena);
    int64_t now_ms = fl_port_wall_ms(gateway->duty->port);
    struct fl_submission *submissions =
        fl_arena_calloc(&call->arena, partitions, sizeof(*submissions));
    size_t used = 0;
    if (source == NULL || submissions == NULL)
        return FL_NO_MEMORY;
    for (uint32_t p = 0; p < partitions; p++) {
        struct fl_record *records = NULL;
        uint32_t count = 0;
        for (uint32_t i = 0; i < batch->count; i++) {
            struct item *item = &batch->items[i];
            if (item->refused != NULL || item->replayed || item->device_number % partitions != p)
                continue;
            if (records == NULL)
                records = fl_arena_calloc(&call->arena, batch->count, sizeof(*records));
            if (records == NULL)
                return FL_NO_MEMORY;
            enum fl_error error = encode_report(call, item, source, now_ms, &records[count++]);
            if (error != FL_OK)
                return error;
        }
        if (count > 0)
            submissions[used++] = (struct fl_submission){
                .topic = "telemetry", .partition = p, .records = records, .count = count};
    }
    if (used == 0)
        return FL_OK;
    enum fl_error error = fl_submit(gateway->submitter, submissions, used);
    for (size_t s = 0; s < used; s++)
        for (uint32_t i = 0; i < batch->count; i++)
            if (batch->items[i].refused == NULL && !batch->items[i].replayed &&
                batch->items[i].device_number % partitions == submissions[s].partition)
                batch->items[i].sent = submissions[s].error == FL_OK;
    return error;
}

/* What landed is remembered, in the order of the request. What did not may be sent again; a record
 * that landed after all is then in the log twice, and the fold counts the first. */
static void remember(struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->items[i].sent)
            fl_agents_set_counter(batch->call->gateway->agents, batch->items[i].device_number,
                                  batch->items[i].counter);
}

static void take_reports(struct call *call)
{
    struct batch batch = {.call = call};
    if (!parse(&batch) || !check_all(&batch))
        return;
    enum fl_error error = send_all(&batch);
    fl_fault_point("gateway-reports-appended");
    remember(&batch);
    if (error != FL_OK) {
        fl_call_error(call, error);
        return;
    }
    uint32_t accepted = 0;
    uint32_t replayed = 0;
    json_t *refused = json_array();
    for (uint32_t i = 0; i < batch.count; i++) {
        if (batch.items[i].refused != NULL)
            json_array_append_new(refused, json_pack("{s:i, s:s}", "index", (int)i, "reason",
                                                     batch.items[i].refused));
        else if (batch.items[i].replayed)
            replayed++;
        else
            accepted++;
    }
    fl_call_answer(call, 200,
                   json_pack("{s:i, s:i, s:o}", "accepted", (int)accepted, "replayed",
                             (int)replayed, "refused", refused));
}

void fl_route_post_reports(struct call *call)
{
    struct fl_slice agent_id;
    if (!fl_call_authenticate_agent(call))
        return;
    fl_actor_parse(call->identity.actor, &agent_id);
    if (!fl_agents_begin_reports(call->gateway->agents, agent_id)) {
        fl_call_problem(call, 503, "Reports of this agent are being taken", NULL, NULL);
        return;
    }
    take_reports(call);
    fl_agents_end_reports(call->gateway->agents, agent_id);
}

/* Partitions that have devices: numbers are dense, so the first device_count residues. */
static uint32_t ticked_partitions(struct gateway *gateway, struct fl_arena *arena)
{
    struct fl_store_read read = {.kv = NULL};
    uint32_t count = 0;
    if (fl_store_read_begin(gateway->registry, &read) != FL_OK)
        return 0;
    const fl_log_row *log = fl_registry_log(read.kv, arena);
    if (log != NULL)
        count = log->device_count;
    return fl_store_read_end(&read) == FL_OK ? count : 0;
}

enum fl_error fl_gateway_tick(struct gateway *gateway, uint64_t sequence)
{
    struct fl_arena arena;
    struct call call = {.gateway = gateway};
    Fleetlog__V1__Tick tick = FLEETLOG__V1__TICK__INIT;
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    enum fl_error error = FL_OK;
    /* What is held is no silence of the devices: no time passes for them. */
    if (fl_gateway_intake(gateway) != FL_INTAKE_OPEN)
        return FL_OK;
    fl_arena_init(&call.arena, FL_CALL_ARENA_SIZE);
    fl_arena_init(&arena, FL_CALL_ARENA_SIZE);
    uint32_t devices = ticked_partitions(gateway, &arena);
    char *source = telemetry_source(gateway, &arena);
    tick.gateway_number = gateway->number;
    tick.gateway_id = gateway->duty->datadir->node_id;
    tick.boot = gateway->boot;
    tick.sequence = sequence;
    tick.time_ms = fl_port_wall_ms(gateway->duty->port);
    telemetry.body_case = FLEETLOG__V1__TELEMETRY__BODY_TICK;
    telemetry.tick = &tick;
    struct fl_submission *submissions =
        fl_arena_calloc(&arena, gateway->partition_count, sizeof(*submissions));
    struct fl_record *records = fl_arena_calloc(&arena, gateway->partition_count, sizeof(*records));
    uint32_t used = 0;
    if (source == NULL || submissions == NULL || records == NULL)
        error = FL_NO_MEMORY;
    for (uint32_t p = 0; error == FL_OK && p < gateway->partition_count; p++) {
        /* Device number n lies in partition n mod count; numbers begin with 1. */
        uint32_t first = p == 0 ? gateway->partition_count : p;
        if (first > devices)
            continue;
        error = fl_plain_encode(&arena, fl_slice_text(fl_call_mint(&call)), "fleetlog.v1.Telemetry",
                                fl_slice_text(source), tick.time_ms, FL_SLICE_LITERAL(""),
                                &telemetry.base, &records[used]);
        submissions[used] = (struct fl_submission){
            .topic = "telemetry", .partition = p, .records = &records[used], .count = 1};
        used++;
    }
    /* The thread that ticks also says that this process lives: it does not wait for long. */
    if (error == FL_OK && used > 0)
        error = fl_submit_until(gateway->submitter, submissions, used, NULL,
                                fl_port_monotonic_ms(gateway->duty->port) + TICK_WAIT_MS);
    fl_arena_fini(&arena);
    fl_arena_fini(&call.arena);
    return error;
}
