/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/simulator/load/simulate.h"

#include <math.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "producers/agent_protocol.h"
#include "producers/simulator/load/enrol.h"
#include "schemas/codec.h"

enum {
    PATIENCE_MS = 30000,
    ROUND_MS = 20,
    TICK_MS = 15000,
    RETRY_MS = 500,
    PROGRESS_MS = 2000,
    ROUND_REPORT_COUNT_MAX = 4000,
    ARENA_BOUND = 256 * 1024 * 1024,
};

struct run {
    const struct fl_simulate_options *options;
    struct fl_simulate_result *result;
    struct fl_enrol enrol;
    struct fl_follow *follow;
    struct fl_load_plan plan;
    struct fl_load_device *devices;
    struct fl_arena arena;
    struct fl_id_source ids;
    uint32_t partition_count;
    struct fl_record **records; /* per partition, ROUND_REPORT_COUNT_MAX */
    uint32_t *counts;
    struct fl_append *appends;
    uint64_t *offsets;
    uint32_t gateway_number;
    uint64_t tick_sequence;
    uint64_t boot;
    int64_t begin_ms;
    uint32_t next_device;
};

static double elapsed_s(const struct run *run)
{
    return (double)(fl_port_monotonic_ms(run->options->port) - run->begin_ms) / 1000;
}

static bool pause_ms(const struct run *run, int ms)
{
    struct pollfd stop = {.fd = run->options->stop_fd, .events = POLLIN};
    return poll(&stop, 1, ms) > 0; /* a negative descriptor is ignored */
}

static enum fl_error put(struct run *run, uint32_t partition, uint32_t number,
                         const Fleetlog__V1__Telemetry *telemetry, int64_t now_ms)
{
    struct fl_record *record = &run->records[partition][run->counts[partition]];
    char *id = fl_arena_alloc(&run->arena, FL_ID_TEXT_SIZE);
    uint8_t *key = fl_arena_alloc(&run->arena, 4);
    if (id == NULL || key == NULL)
        return FL_NO_MEMORY;
    fl_id_mint(&run->ids, id);
    enum fl_error error = fl_plain_encode(&run->arena, fl_slice_text(id), "fleetlog.v1.Telemetry",
                                          fl_slice_text(fl_follow_source(run->follow)), now_ms,
                                          number ? fl_u32_key(number, key) : FL_SLICE_LITERAL(""),
                                          &telemetry->base, record);
    if (!error)
        run->counts[partition]++;
    return error;
}

/* "label" and the report's bytes are what is signed; both lie one behind the other in the arena. */
static enum fl_error sign(struct run *run, struct fl_slice report, uint8_t signature[64])
{
    size_t label_size = sizeof(FL_AGENT_REPORT_LABEL) - 1;
    uint8_t *bytes = fl_arena_alloc(&run->arena, label_size + report.size);
    if (bytes == NULL)
        return FL_NO_MEMORY;
    memcpy(bytes, FL_AGENT_REPORT_LABEL, label_size);
    memcpy(bytes + label_size, report.data, report.size);
    if (crypto_sign_detached(signature, NULL, bytes, label_size + report.size,
                             run->enrol.agent_secret))
        return FL_INTERNAL;
    return FL_OK;
}

static enum fl_error report(struct run *run, uint32_t index, double now_s, int64_t now_ms)
{
    Fleetlog__V1__Report message;
    Fleetlog__V1__DeviceReport envelope = FLEETLOG__V1__DEVICE_REPORT__INIT;
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    uint8_t id[FL_ID_SIZE];
    struct fl_slice bytes;
    struct fl_load_device *device = &run->devices[index];
    uint8_t *signature = fl_arena_alloc(&run->arena, FL_SIGNATURE_SIZE);
    if (signature == NULL ||
        !fl_load_report(device, index, &run->plan, now_s, &run->arena, &message))
        return FL_NO_MEMORY;
    fl_enrol_device_id(run->options->seed, index, id);
    message.device_id.data = id;
    message.device_id.len = sizeof(id);
    message.sampled_at_ms = now_ms;
    message.clock_ms = now_ms;
    enum fl_error error = fl_message_encode(&run->arena, &message.base, &bytes);
    if (!error)
        error = sign(run, bytes, signature);
    if (error)
        return error;
    envelope.device_number = device->number;
    envelope.report.data = (uint8_t *)bytes.data;
    envelope.report.len = bytes.size;
    envelope.signature.data = signature;
    envelope.signature.len = FL_SIGNATURE_SIZE;
    envelope.received_at_ms = now_ms;
    envelope.gateway_number = run->gateway_number;
    telemetry.body_case = FLEETLOG__V1__TELEMETRY__BODY_REPORT;
    telemetry.report = &envelope;
    return put(run, device->number % run->partition_count, device->number, &telemetry, now_ms);
}

static enum fl_error tick(struct run *run, int64_t now_ms)
{
    Fleetlog__V1__Tick message = FLEETLOG__V1__TICK__INIT;
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    enum fl_error error = FL_OK;
    uint32_t partitions = run->partition_count;
    if (run->options->device_count < partitions)
        partitions = run->options->device_count;
    message.gateway_number = run->gateway_number;
    message.boot = run->boot;
    message.sequence = ++run->tick_sequence;
    message.time_ms = now_ms;
    message.gateway_id = run->options->node_id;
    telemetry.body_case = FLEETLOG__V1__TELEMETRY__BODY_TICK;
    telemetry.tick = &message;
    for (uint32_t i = 0; i < partitions && !error; i++)
        error = put(run, run->devices[i].number % run->partition_count, 0, &telemetry, now_ms);
    run->result->ticks += partitions;
    return error;
}

static int64_t patience_ms(const struct run *run)
{
    return run->options->patience_ms ? run->options->patience_ms : PATIENCE_MS;
}

/* Appends what was put; tries again while the journal is away or full, but not for ever once the
 * time is over. Records whose outcome is unknown may land twice: a report's counter makes the
 * second one void. */
static enum fl_error flush(struct run *run)
{
    size_t count = 0;
    size_t at = 0;
    for (uint32_t p = 0; p < run->partition_count; p++) {
        if (run->counts[p] == 0)
            continue;
        run->appends[count++] = (struct fl_append){.topic = "telemetry",
                                                   .partition = p,
                                                   .count = run->counts[p],
                                                   .records = run->records[p],
                                                   .expected_offset = FL_OFFSET_NONE,
                                                   .offsets = run->offsets + at};
        at += run->counts[p];
        run->counts[p] = 0;
    }
    while (count > 0) {
        enum fl_error error = fl_journal_append(run->options->journal, run->appends, count);
        enum fl_error_class class = fl_error_class(error);
        if (class == FL_CLASS_NONE)
            break;
        snprintf(run->result->detail, sizeof(run->result->detail), "appending telemetry: %s %s",
                 fl_error_text(error), fl_journal_detail(run->options->journal));
        if (class != FL_CLASS_RETRY && class != FL_CLASS_LIMIT)
            return error;
        double over_s = elapsed_s(run) - run->options->seconds;
        if (over_s * 1000 > (double)patience_ms(run))
            return error;
        run->result->retries++;
        if (pause_ms(run, RETRY_MS))
            return FL_INTERRUPTED;
    }
    fl_arena_reset(&run->arena);
    return FL_OK;
}

/* How many reports are due now, at most a round's worth. */
static uint32_t due(const struct run *run, double now_s)
{
    double rate = run->options->rate;
    if (rate <= 0)
        return ROUND_REPORT_COUNT_MAX;
    double behind = floor(rate * now_s) - (double)run->result->reports;
    return behind < 0 ? 0 : (uint32_t)fmin(behind, ROUND_REPORT_COUNT_MAX);
}

static enum fl_error one_round(struct run *run, double now_s)
{
    int64_t now_ms = fl_port_wall_ms(run->options->port);
    uint32_t count = due(run, now_s);
    enum fl_error error = FL_OK;
    for (uint32_t i = 0; i < count && !error; i++) {
        error = report(run, run->next_device, now_s, now_ms);
        run->next_device = (run->next_device + 1) % run->options->device_count;
    }
    if (!error)
        error = flush(run);
    if (!error)
        run->result->reports += count;
    return error;
}

static void progress(const struct run *run, double now_s)
{
    if (!run->options->quiet)
        fprintf(stderr, "%.0f s: %llu reports, %.0f per second\n", now_s,
                (unsigned long long)run->result->reports,
                (double)run->result->reports / fmax(now_s, 0.001));
}

static enum fl_error loop(struct run *run)
{
    int64_t tick_ms = 0;
    int64_t progress_ms = PROGRESS_MS;
    enum fl_error error = FL_OK;
    run->begin_ms = fl_port_monotonic_ms(run->options->port);
    double now_s = 0;
    while (!error && now_s < run->options->seconds) {
        if (now_s * 1000 >= (double)tick_ms) {
            error = tick(run, fl_port_wall_ms(run->options->port));
            if (!error)
                error = flush(run);
            tick_ms += TICK_MS;
        }
        if (!error)
            error = one_round(run, now_s);
        if (now_s * 1000 >= (double)progress_ms) {
            progress(run, now_s);
            progress_ms += PROGRESS_MS;
        }
        if (!error && pause_ms(run, run->options->rate > 0 ? ROUND_MS : 0))
            error = FL_INTERRUPTED;
        now_s = elapsed_s(run);
    }
    run->result->seconds = now_s;
    return error;
}

static enum fl_error make_room(struct run *run)
{
    uint32_t partitions = run->partition_count;
    run->records = calloc(partitions, sizeof(struct fl_record *));
    run->counts = calloc(partitions, sizeof(*run->counts));
    run->appends = calloc(partitions, sizeof(*run->appends));
    run->offsets = calloc(ROUND_REPORT_COUNT_MAX + (size_t)partitions, sizeof(*run->offsets));
    if (run->records == NULL || run->counts == NULL || run->appends == NULL || run->offsets == NULL)
        return FL_NO_MEMORY;
    for (uint32_t p = 0; p < partitions; p++) {
        /* Numbers are dense, so a round spreads evenly unless there are fewer devices than
         * partitions; room for the worst case costs little. */
        run->records[p] = calloc(ROUND_REPORT_COUNT_MAX + 1, sizeof(struct fl_record));
        if (run->records[p] == NULL)
            return FL_NO_MEMORY;
    }
    return FL_OK;
}

static void give_back(struct run *run)
{
    for (uint32_t p = 0; run->records != NULL && p < run->partition_count; p++)
        free(run->records[p]);
    free(run->records);
    free(run->counts);
    free(run->appends);
    free(run->offsets);
    free(run->devices);
    fl_follow_close(&run->follow);
    fl_arena_fini(&run->arena);
    sodium_memzero(run->enrol.agent_secret, sizeof(run->enrol.agent_secret));
}

static enum fl_error enrol(struct run *run)
{
    const struct fl_simulate_options *options = run->options;
    run->devices = calloc(options->device_count, sizeof(*run->devices));
    if (run->devices == NULL)
        return FL_NO_MEMORY;
    run->enrol = (struct fl_enrol){.journal = options->journal,
                                   .port = options->port,
                                   .keyring = options->keyring,
                                   .node_id = options->node_id,
                                   .operator_name = options->operator_name,
                                   .seed = options->seed,
                                   .device_count = options->device_count,
                                   .patience_ms = patience_ms(run),
                                   .stop_fd = options->stop_fd,
                                   .quiet = options->quiet,
                                   .devices = run->devices};
    enum fl_error error = fl_enrol_run(&run->enrol, &run->follow);
    if (error) {
        snprintf(run->result->detail, sizeof(run->result->detail), "%s", run->enrol.detail);
        return error;
    }
    run->partition_count = fl_follow_partition_count(run->follow);
    memcpy(run->result->company_id, run->enrol.company_id, sizeof(run->result->company_id));
    for (uint32_t i = 0; i < options->device_count; i++)
        run->devices[i].counter = (uint64_t)fl_port_wall_ms(options->port);
    return make_room(run);
}

enum fl_error fl_simulate_run(const struct fl_simulate_options *options,
                              struct fl_simulate_result *result)
{
    struct run run = {.options = options, .result = result};
    *result = (struct fl_simulate_result){.reports = 0};
    if (options->device_count == 0 || options->device_count > FL_SIMULATE_DEVICE_COUNT_MAX ||
        options->seconds < 0 || options->rate < 0) {
        snprintf(result->detail, sizeof(result->detail),
                 "1 to %d devices, and neither rate nor seconds below 0",
                 FL_SIMULATE_DEVICE_COUNT_MAX);
        return FL_USAGE;
    }
    fl_arena_init(&run.arena, ARENA_BOUND);
    fl_id_source_init(&run.ids, options->port);
    fl_port_random(options->port, &run.gateway_number, sizeof(run.gateway_number));
    fl_port_random(options->port, &run.boot, sizeof(run.boot));
    run.gateway_number |= 1;
    run.plan = (struct fl_load_plan){.seed = options->seed, .recharge_s = options->seconds / 2};
    if (options->outage) {
        run.plan.outage_begin_s = options->seconds / 4;
        run.plan.outage_end_s = options->seconds * 3 / 4;
    }
    enum fl_error error = enrol(&run);
    if (!error)
        error = loop(&run);
    give_back(&run);
    return error;
}
