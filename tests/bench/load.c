/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "producers/simulator/load/load_device.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"
#include "tests/bench/bench.h"

enum { DEVICE_KNOWN_MAX = 20000, SIGNATURE_SIZE = 64, APPEND_COUNT = 5000 };

struct known {
    char id[FL_ID_TEXT_SIZE];
};

struct fleet {
    const struct bench *bench;
    struct fl_load_device *devices;
    struct fl_load_plan plan;
    struct fl_id_source ids;
    struct fl_arena arena;
    uint64_t next;
    uint64_t step;
    struct known *known;
    size_t known_count;
    uint64_t action_next;
    char company_id[FL_ID_TEXT_SIZE];
    char account_id[FL_ID_TEXT_SIZE];
    char source[128];
};

void load_open(struct load *load, size_t capacity, size_t arena_size)
{
    *load = (struct load){.records = calloc(capacity, sizeof(*load->records)),
                          .partitions = calloc(capacity, sizeof(*load->partitions))};
    fl_arena_init(&load->arena, arena_size);
    if (load->records == NULL || load->partitions == NULL)
        bench_fail("no memory for %zu records", capacity);
}

void load_close(struct load *load)
{
    free(load->records);
    free(load->partitions);
    fl_arena_fini(&load->arena);
}

struct fleet *fleet_open(const struct bench *bench)
{
    struct fleet *fleet = calloc(1, sizeof(*fleet));
    if (fleet == NULL)
        bench_fail("no memory");
    fleet->bench = bench;
    fleet->devices = calloc(bench->device_count, sizeof(*fleet->devices));
    fleet->known = calloc(DEVICE_KNOWN_MAX, sizeof(*fleet->known));
    if (fleet->devices == NULL || fleet->known == NULL)
        bench_fail("no memory for %u devices", bench->device_count);
    for (uint32_t i = 0; i < bench->device_count; i++) {
        fleet->devices[i].number = i + 1;
        fleet->devices[i].generation = 1;
    }
    /* A stride without a common divisor visits every device once per round, in no order that a
     * cache could like. */
    fleet->step = bench->device_count > 7919 ? 7919 : 1;
    while (bench->device_count % fleet->step == 0 && fleet->step > 1)
        fleet->step += 2;
    fl_id_source_init(&fleet->ids, fl_port_system());
    fl_arena_init(&fleet->arena, 1 << 24);
    snprintf(fleet->source, sizeof(fleet->source), "/fleetlog/bench");
    return fleet;
}

void fleet_close(struct fleet **fleet)
{
    fl_arena_fini(&(*fleet)->arena);
    free((*fleet)->devices);
    free((*fleet)->known);
    free(*fleet);
    *fleet = NULL;
}

static struct fl_slice pack(struct fl_arena *arena, const ProtobufCMessage *message)
{
    struct fl_slice bytes;
    if (fl_message_encode(arena, message, &bytes) != FL_OK)
        bench_fail("a message does not fit");
    return bytes;
}

static void make_report(struct fleet *fleet, struct load *load, uint32_t index, int64_t now_ms)
{
    static uint8_t signature[SIGNATURE_SIZE];
    Fleetlog__V1__Report report;
    Fleetlog__V1__DeviceReport sent = FLEETLOG__V1__DEVICE_REPORT__INIT;
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    uint8_t id[FL_ID_SIZE] = {(uint8_t)index, (uint8_t)(index >> 8), (uint8_t)(index >> 16), 1};
    struct fl_load_device *device = &fleet->devices[index];
    double now_s = (double)fleet->next / fleet->bench->device_count * 5;
    fl_arena_reset(&fleet->arena);
    if (!fl_load_report(device, index, &fleet->plan, now_s, &fleet->arena, &report))
        bench_fail("a report does not fit");
    report.device_id = (ProtobufCBinaryData){sizeof(id), id};
    report.sampled_at_ms = report.clock_ms = now_ms;
    struct fl_slice bytes = pack(&fleet->arena, &report.base);
    fl_port_random(fl_port_system(), signature, 8);
    sent.device_number = device->number;
    sent.report = (ProtobufCBinaryData){bytes.size, (uint8_t *)(uintptr_t)bytes.data};
    sent.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
    sent.received_at_ms = now_ms;
    sent.gateway_number = 1;
    telemetry.body_case = FLEETLOG__V1__TELEMETRY__BODY_REPORT;
    telemetry.report = &sent;
    char *record_id = fl_arena_alloc(&load->arena, FL_ID_TEXT_SIZE);
    uint8_t *key = fl_arena_alloc(&load->arena, 4);
    if (record_id == NULL || key == NULL)
        bench_fail("no memory for a record");
    fl_id_mint(&fleet->ids, record_id);
    for (unsigned i = 0; i < 4; i++)
        key[i] = (uint8_t)(device->number >> (24 - 8 * i));
    if (fl_plain_encode(&load->arena, fl_slice_text(record_id), "fleetlog.v1.Telemetry",
                        fl_slice_text(fleet->source), now_ms, fl_slice_of(key, 4), &telemetry.base,
                        &load->records[load->count]) != FL_OK)
        bench_fail("no memory for a record");
    load->partitions[load->count++] = device->number % fleet->bench->partition_count;
}

void fleet_reports(struct fleet *fleet, struct load *load, size_t count)
{
    int64_t now_ms = fl_port_wall_ms(fl_port_system());
    load->count = 0;
    fl_arena_reset(&load->arena);
    for (size_t i = 0; i < count; i++) {
        uint64_t at = fleet->next * fleet->step % fleet->bench->device_count;
        make_report(fleet, load, (uint32_t)at, now_ms);
        fleet->next++;
    }
}

static void learn(struct fleet *fleet, const struct fl_envelope *envelope,
                  const ProtobufCMessage *message)
{
    if (envelope->row->type == FL_MESSAGE_AccountCreated) {
        const Fleetlog__V1__AccountCreated *event = (const void *)message;
        snprintf(fleet->company_id, sizeof(fleet->company_id), "%s", event->company_id);
        snprintf(fleet->account_id, sizeof(fleet->account_id), "%s", event->account_id);
    } else if (envelope->row->type == FL_MESSAGE_DeviceRegistered &&
               fleet->known_count < DEVICE_KNOWN_MAX) {
        const Fleetlog__V1__DeviceRegistered *event = (const void *)message;
        snprintf(fleet->known[fleet->known_count++].id, FL_ID_TEXT_SIZE, "%s", event->device_id);
    }
}

void fleet_learn(struct fleet *fleet)
{
    struct fl_source source = {.topic = "events"};
    struct fl_reader *reader = NULL;
    struct fl_batch batch = {.at_end = false};
    struct fl_envelope envelope;
    ProtobufCMessage *message = NULL;
    const char *what = NULL;
    if (fl_reader_open(fleet->bench->log, &source, 1, &reader) != FL_OK)
        bench_fail("the events cannot be read");
    do {
        if (fl_reader_poll(reader, 1000, 1 << 20, &batch) != FL_OK)
            bench_fail("the events cannot be read");
        for (size_t i = 0; i < batch.count; i++) {
            fl_arena_reset(&fleet->arena);
            if (fl_envelope_read(&batch.entries[i].record, &envelope, &what) == FL_OK &&
                fl_message_decode(&fleet->arena, envelope.row->descriptor,
                                  batch.entries[i].record.value, &message) == FL_OK)
                learn(fleet, &envelope, message);
        }
    } while (batch.count != 0 || !batch.at_end);
    fl_reader_close(&reader);
    if (fleet->known_count == 0 || fleet->account_id[0] == '\0')
        bench_fail("no device was registered");
}

/* Raised, and the next time round cleared, by reports that go up. */
static void make_action(struct fleet *fleet, struct load *load, int64_t now_ms)
{
    Fleetlog__V1__ReportCondition condition = FLEETLOG__V1__REPORT_CONDITION__INIT;
    Fleetlog__V1__RenameDevice rename = FLEETLOG__V1__RENAME_DEVICE__INIT;
    uint64_t at = fleet->action_next++;
    uint64_t round = at / 2 / fleet->known_count + 1;
    const char *device_id = fleet->known[at / 2 % fleet->known_count].id;
    bool reports = at % 2 == 0;
    char name[32];
    char actor[64];
    char *id = fl_arena_alloc(&load->arena, FL_ID_TEXT_SIZE);
    if (id == NULL)
        bench_fail("no memory for a record");
    fl_id_mint(&fleet->ids, id);
    snprintf(name, sizeof(name), "UPS %llu", (unsigned long long)at);
    snprintf(actor, sizeof(actor), "account:%s", fleet->account_id);
    condition.device_id = rename.device_id = device_id;
    condition.generation = 1;
    condition.kind = FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY;
    condition.raised = round % 2 == 1;
    condition.report_counter = round;
    condition.sampled_at_ms = now_ms;
    condition.evidence = "ups.status OB DISCHRG; input.voltage 0.0 V; battery.charge 97.0 %";
    rename.name = name;
    struct fl_envelope envelope = {
        .id = fl_slice_text(id),
        .source = fl_slice_text(fleet->source),
        .correlation_id = fl_slice_text(id),
        .actor = reports ? FL_SLICE_LITERAL("detector")
                         : fl_arena_copy(&load->arena, fl_slice_text(actor)),
        .company_id = fl_slice_text(fleet->company_id),
        .time_ms = now_ms,
    };
    const ProtobufCMessage *message = reports ? &condition.base : &rename.base;
    if (fl_action_encode(&load->arena, &envelope, message, &load->records[load->count]) != FL_OK)
        bench_fail("no memory for a record");
    load->partitions[load->count++] = 0;
}

void fleet_actions(struct fleet *fleet, struct load *load, size_t count)
{
    int64_t now_ms = fl_port_wall_ms(fl_port_system());
    load->count = 0;
    fl_arena_reset(&load->arena);
    for (size_t i = 0; i < count; i++)
        make_action(fleet, load, now_ms);
}

void load_read(const struct bench *bench, struct load *load, const char *topic, uint64_t offset,
               uint64_t count)
{
    struct fl_source source = {.topic = topic, .offset = offset};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    load->count = 0;
    fl_arena_reset(&load->arena);
    if (fl_reader_open(bench->log, &source, 1, &reader) != FL_OK)
        bench_fail("%s cannot be read", topic);
    while (load->count < count) {
        if (fl_reader_poll(reader, 1000, 1 << 20, &batch) != FL_OK)
            bench_fail("%s cannot be read", topic);
        for (size_t i = 0; i < batch.count && load->count < count; i++) {
            load->partitions[load->count] = 0;
            if (!fl_record_copy(&load->arena, &batch.entries[i].record,
                                &load->records[load->count++]))
                bench_fail("no memory for a record");
        }
    }
    fl_reader_close(&reader);
}

size_t load_size(const struct load *load)
{
    size_t size = 0;
    for (size_t i = 0; i < load->count; i++)
        size += fl_record_size(&load->records[i]);
    return size;
}

void load_append(const struct bench *bench, const struct load *load, const char *topic,
                 uint32_t partition_count)
{
    struct fl_record *records = calloc(load->count, sizeof(*records));
    uint64_t *offsets = calloc(load->count, sizeof(*offsets));
    if (records == NULL || offsets == NULL)
        bench_fail("no memory");
    for (uint32_t p = 0; p < partition_count; p++) {
        size_t count = 0;
        for (size_t i = 0; i < load->count; i++)
            if (load->partitions[i] == p)
                records[count++] = load->records[i];
        for (size_t i = 0; i < count; i += APPEND_COUNT) {
            struct fl_append append = {
                .topic = topic,
                .partition = p,
                .count = (uint32_t)(count - i > APPEND_COUNT ? APPEND_COUNT : count - i),
                .records = records + i,
                .expected_offset = FL_OFFSET_NONE,
                .offsets = offsets,
            };
            if (fl_journal_append(bench->log, &append, 1) != FL_OK)
                bench_fail("append: %s", fl_journal_detail(bench->log));
        }
    }
    free(records);
    free(offsets);
}
