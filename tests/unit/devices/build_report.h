/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Telemetry records for tests, made by the generated code: the hand-written decoder is held against
 * it. */
#include "core/arena.h"
#include "core/record.h"
#include "fleetlog/v1/telemetry.pb-c.h"

struct test_reading {
    const char *name;
    const char *value;
};

struct test_report {
    uint32_t number;
    uint32_t generation;
    uint64_t counter;
    Fleetlog__V1__ReportKind kind;
    int64_t sampled_at_ms;
    const struct test_reading *readings; /* ends with a NULL name */
};

/* The value of a telemetry record in the arena. */
static inline struct fl_slice test_report_value(struct fl_arena *arena, const struct test_report *r)
{
    static uint8_t id[16] = {1, 2, 3};
    static uint8_t signature[64];
    Fleetlog__V1__Report report = FLEETLOG__V1__REPORT__INIT;
    Fleetlog__V1__DeviceReport sent = FLEETLOG__V1__DEVICE_REPORT__INIT;
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    size_t count = 0;
    while (r->readings != NULL && r->readings[count].name != NULL)
        count++;
    Fleetlog__V1__Reading *readings = fl_arena_calloc(arena, count + 1, sizeof(*readings));
    Fleetlog__V1__Reading **pointers = fl_arena_calloc(arena, count + 1, sizeof(*pointers));
    for (size_t i = 0; i < count; i++) {
        fleetlog__v1__reading__init(&readings[i]);
        readings[i].name = (char *)(uintptr_t)r->readings[i].name;
        readings[i].value.data = (uint8_t *)(uintptr_t)r->readings[i].value;
        for (const char *c = r->readings[i].value; *c != '\0'; c++)
            readings[i].value.len++;
        pointers[i] = &readings[i];
    }
    report.device_id = (ProtobufCBinaryData){16, id};
    report.generation = r->generation;
    report.counter = r->counter;
    report.kind = r->kind;
    report.sampled_at_ms = r->sampled_at_ms;
    report.clock_ms = r->sampled_at_ms;
    report.n_readings = count;
    report.readings = pointers;
    size_t report_size = fleetlog__v1__report__get_packed_size(&report);
    uint8_t *report_bytes = fl_arena_alloc(arena, report_size);
    fleetlog__v1__report__pack(&report, report_bytes);
    sent.device_number = r->number;
    sent.report = (ProtobufCBinaryData){report_size, report_bytes};
    sent.signature = (ProtobufCBinaryData){64, signature};
    sent.received_at_ms = r->sampled_at_ms + 5;
    sent.clock_offset_ms = -7;
    sent.gateway_number = 1;
    telemetry.body_case = FLEETLOG__V1__TELEMETRY__BODY_REPORT;
    telemetry.report = &sent;
    size_t size = fleetlog__v1__telemetry__get_packed_size(&telemetry);
    uint8_t *bytes = fl_arena_alloc(arena, size);
    fleetlog__v1__telemetry__pack(&telemetry, bytes);
    return fl_slice_of(bytes, size);
}

static inline struct fl_slice test_tick_value(struct fl_arena *arena, uint32_t gateway,
                                              int64_t time_ms)
{
    Fleetlog__V1__Tick tick = FLEETLOG__V1__TICK__INIT;
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    tick.gateway_number = gateway;
    tick.boot = 3;
    tick.sequence = 9;
    tick.time_ms = time_ms;
    telemetry.body_case = FLEETLOG__V1__TELEMETRY__BODY_TICK;
    telemetry.tick = &tick;
    size_t size = fleetlog__v1__telemetry__get_packed_size(&telemetry);
    uint8_t *bytes = fl_arena_alloc(arena, size);
    fleetlog__v1__telemetry__pack(&telemetry, bytes);
    return fl_slice_of(bytes, size);
}
