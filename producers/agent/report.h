/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Bytes of a report (message Report of schemas/proto/fleetlog/v1/telemetry.proto), written by hand:
 * the readings are encoded when they are seen, the rest when they are sent, because a report states
 * the agent's clock at that moment.
 *
 * Threading: pure. Allocation: none. Limits: FL_AGENT_REPORT_SIZE_MAX bytes of a report.
 */
#include "core/cursor.h"
#include "core/ids.h"
#include "producers/agent_protocol.h"

enum {
    FL_AGENT_REPORT_HEAD_SIZE_MAX = 96,
    FL_AGENT_READINGS_SIZE_MAX = FL_AGENT_REPORT_SIZE_MAX - FL_AGENT_REPORT_HEAD_SIZE_MAX,
    FL_AGENT_SIGNATURE_SIZE = 64,
};

struct fl_agent_report {
    uint8_t device_id[FL_ID_SIZE];
    uint32_t generation;
    uint64_t counter;
    int64_t sampled_at_ms;
    int64_t clock_ms;
    uint8_t kind;             /* enum fl_report_kind */
    uint64_t thinned_count;   /* */
    struct fl_slice readings; /* as fl_agent_report_reading wrote them */
};

/* Bytes that a reading takes. */
size_t fl_agent_report_reading_size(struct fl_slice name, struct fl_slice value);

/* Appends one reading. */
void fl_agent_report_reading(struct fl_write_cursor *cursor, struct fl_slice name,
                             struct fl_slice value);

/* Appends the whole report. */
void fl_agent_report_write(struct fl_write_cursor *cursor, const struct fl_agent_report *report);

/* Signs `bytes` as a report with libsodium's form of the key. */
void fl_agent_report_sign(struct fl_slice bytes, const uint8_t secret[64],
                          uint8_t signature[FL_AGENT_SIGNATURE_SIZE]);
