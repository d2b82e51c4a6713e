/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the detector knows of one device: the few readings that decide, and the conditions that
 * stand.
 *
 * A reading counts while it is known: after a gap of the counter what was not repeated is unknown
 * until it comes again, because the lost reports may have changed it.
 *
 * Invariants: 1. a condition stands only if its bit is one of fl_condition. 2. a device that was
 * never heard has no row.
 * Threading: pure. Allocation: none.
 */
#include "projections/detector/change.h"
#include "projections/telemetry/quantity.h"

enum fl_watch_known {
    FL_KNOWS_STATUS = 1,
    FL_KNOWS_INPUT_VOLTAGE = 2,
    FL_KNOWS_TRANSFER_LOW = 4,
    FL_KNOWS_CHARGE = 8,
    FL_KNOWS_TEMPERATURE = 16,
    FL_KNOWS_TEST_FAILED = 32,
    FL_KNOWS_TEST_PASSED = 64,
    FL_KNOWS_ALARM = 128, /* ups.alarm says something */
    FL_KNOWS_HOT = 256,   /* and that it is too hot */
};

#define FL_CHARGE_NONE INT64_C(-1)

struct fl_watch {
    /* For silence: read alone by the walk over all devices. */
    uint32_t partition;
    uint32_t gateway_number;
    uint64_t heard_ms;   /* the gateway's clock at the last report */
    uint32_t conditions; /* set of 1 << fl_condition */
    /* The last report. */
    uint32_t generation;
    uint64_t counter; /* 0: none yet */
    int64_t sampled_at_ms;
    uint8_t device_id[FL_ID_SIZE];
    /* What decides; thousandths. */
    uint32_t known;  /* set of fl_watch_known */
    uint32_t status; /* set of fl_status_token */
    int64_t input_voltage;
    int64_t transfer_low;
    int64_t charge;
    int64_t discharge_from; /* charge when DISCHRG beside OL began; FL_CHARGE_NONE: it has not */
    int64_t
        alarm_at_ms; /* sampling time since which ups.alarm asks for a battery; 0: it does not */
    int64_t temperature;
    int64_t off_at_ms;    /* sampling time since which OFF stands; 0: it does not */
    int64_t adjust_at_ms; /* the same of TRIM or BOOST */
};

enum { FL_WATCH_SIZE = 4 + 4 + 8 + 4 + 4 + 8 + 8 + FL_ID_SIZE + 4 + 4 + 8 * 8 };

void fl_watch_encode(const struct fl_watch *watch, uint8_t out[FL_WATCH_SIZE]);
bool fl_watch_decode(struct fl_slice bytes, struct fl_watch *watch);

static inline bool fl_watch_stands(const struct fl_watch *watch, enum fl_condition condition)
{
    return (watch->conditions >> condition & 1) != 0;
}
