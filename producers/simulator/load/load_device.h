/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A simulated device small enough to have a million of: what it reads at a moment, as a report.
 *
 * Why not ups.h: that one plays scripts and obeys commands at 100 KiB apiece; load needs readings
 * only. All is a function of (seed, index, time, outage), so that a run can be repeated; the
 * counter alone comes from outside. The variables are those that a Smart-UPS shows through
 * usbhid-ups.
 *
 * Invariants: 1. counters go up by one per report. 2. the first report of a run is full, and at
 * least every FL_LOAD_FULL_EVERY-th.
 * Threading: one thread per device. Allocation: fl_load_report takes texts from the arena.
 */
#include "core/arena.h"
#include "fleetlog/v1/telemetry.pb-c.h"

enum { FL_LOAD_FULL_EVERY = 60, FL_LOAD_READING_COUNT_MAX = 40 };

struct fl_load_device {
    uint32_t number;     /* 0: not registered */
    uint32_t generation; /* of the enrolment */
    uint64_t counter;    /* of the last report */
    uint8_t charge_shown;
    uint8_t status_shown;
    uint8_t since_full; /* reports since the last full one */
    bool reported;
};

/* What happens to all of them: mains is out from begin to end (seconds of the run; begin == end:
 * never); `recharge_s` from empty to full. */
struct fl_load_plan {
    uint64_t seed;
    double outage_begin_s;
    double outage_end_s;
    double recharge_s;
};

/* The report of device `index` at `now_s` of the run, in a Report whose readings lie in the arena.
 * Moves the device on. False when the arena is exhausted. */
bool fl_load_report(struct fl_load_device *device, uint32_t index, const struct fl_load_plan *plan,
                    double now_s, struct fl_arena *arena, Fleetlog__V1__Report *report);

/* Charge in percent, 0 … 100; pure. */
double fl_load_charge(uint32_t index, const struct fl_load_plan *plan, double now_s);

/* Serial number ("AS19120000123") and name ("sim-0000123") of a device; NUL-terminated. */
void fl_load_serial(uint32_t index, char out[16]);
void fl_load_name(uint32_t index, char out[24]);
