/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The hot row of a device: what lists, charts and conditions ask for, in a fixed number of bytes.
 *
 * Written by telemetry alone. It holds no running total and no first-seen value, so that it can be
 * made again from what retention has left (DETAILS.md section 4).
 *
 * Threading: pure. Allocation: none.
 */
#include "projections/telemetry/quantity.h"
#include "projections/telemetry/report.h"

struct fl_latest_value {
    int64_t thousandths;
    uint32_t counter; /* low 32 bits of the report that brought it */
    enum fl_quality quality;
};

struct fl_latest {
    uint32_t generation;
    uint64_t counter; /* of the last report applied; 0: none */
    enum fl_report_kind kind;
    uint32_t partition;
    uint32_t gateway_number;
    int64_t sampled_at_ms;
    int64_t received_at_ms;
    int64_t clock_offset_ms;
    int64_t readings_at_ms; /* sampled_at of the last report that had readings; 0: none */
    uint64_t full_offset;   /* of the full report that the row rests on; FL_OFFSET_NONE: none yet */
    uint64_t last_offset;   /* of the last report applied */
    uint64_t full_counter;  /* counter of that full report */
    uint64_t
        gap_counter; /* values with a counter below are stale; 0: no gap since the full report */
    uint64_t thinned_count; /* what the last report said it is missing */
    uint32_t status;        /* set of fl_status_token; 0: never received */
    uint32_t chunk_mask;    /* which rows of raw strings there are */
    uint16_t other_count;   /* variables without a number among them */
    struct fl_latest_value values[FL_QUANTITY_COUNT];
};

enum { FL_LATEST_SIZE = 4 + 8 + 1 + 4 + 4 + 9 * 8 + 4 + 4 + 2 + FL_QUANTITY_COUNT * (8 + 4 + 1) };

void fl_latest_init(struct fl_latest *row);
void fl_latest_encode(const struct fl_latest *row, uint8_t out[FL_LATEST_SIZE]);

/* False if it is none. */
bool fl_latest_decode(struct fl_slice bytes, struct fl_latest *row);

/* Quality as a reader should see it: stale after a gap. Silence is the reader's to judge. */
enum fl_quality fl_latest_quality(const struct fl_latest *row, enum fl_quantity quantity);
