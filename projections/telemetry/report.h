/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Telemetry records read in place: the hot path's decoder of
 * schemas/proto/fleetlog/v1/telemetry.proto.
 *
 * It does what the generated code would, without copying or allocating: slices point into the
 * record. Unknown fields are skipped, so that newer agents may say more. A property test holds it
 * against protobuf-c.
 *
 * Threading: pure. Allocation: none. Lifetime: that of the record.
 * Limits: FL_READING_COUNT_MAX readings, names of FL_READING_NAME_SIZE_MAX and values of
 * FL_READING_VALUE_SIZE_MAX bytes.
 */
#include "core/error.h"
#include "core/ids.h"
#include "core/slice.h"

enum {
    FL_READING_COUNT_MAX = 1024,
    FL_READING_NAME_SIZE_MAX = 128,
    FL_READING_VALUE_SIZE_MAX = 1024,
};

enum fl_report_kind { FL_REPORT_FULL = 1, FL_REPORT_CHANGES = 2, FL_REPORT_STALE = 3 };

struct fl_report {
    /* What the gateway added. */
    uint32_t device_number;
    uint32_t gateway_number;
    int64_t received_at_ms;
    int64_t clock_offset_ms;
    struct fl_slice signed_bytes; /* the Report as sent */
    struct fl_slice signature;
    /* The report. */
    const uint8_t *first_reading; /* where the walk over them begins */
    struct fl_slice device_id;    /* 16 bytes */
    uint32_t generation;
    uint64_t counter;
    int64_t sampled_at_ms;
    int64_t clock_ms;
    uint64_t thinned_count;
    uint32_t reading_count;
    enum fl_report_kind kind;
};

struct fl_tick {
    uint32_t gateway_number;
    uint64_t boot;
    uint64_t sequence;
    int64_t time_ms;
};

enum fl_telemetry_kind { FL_TELEMETRY_REPORT, FL_TELEMETRY_TICK, FL_TELEMETRY_UNKNOWN };

/* Decodes the value of a telemetry record. FL_INVALID: `what` names the rule it breaks (static
 * text). */
enum fl_error fl_telemetry_decode(struct fl_slice value, enum fl_telemetry_kind *kind,
                                  struct fl_report *report, struct fl_tick *tick,
                                  const char **what) FL_MUST_USE;

/* Decodes the signed bytes alone into the second half of `report`: what the gateway does before it
 * adds its own. */
enum fl_error fl_report_decode(struct fl_slice signed_bytes, struct fl_report *report,
                               const char **what) FL_MUST_USE;

/* Walks the readings in the order sent.
 *     struct fl_reading_walk walk = fl_readings(&report);
 *     while (fl_reading_next(&walk)) … walk.name, walk.value */
struct fl_reading_walk {
    const uint8_t *at;
    const uint8_t *end;
    struct fl_slice name;
    struct fl_slice value; /* never NULL */
};
struct fl_reading_walk fl_readings(const struct fl_report *report);
bool fl_reading_next(struct fl_reading_walk *walk);
