/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The clocks that silence is measured with: how long each gateway has been ticking, per partition.
 *
 * A gateway's clock moves by the time between two ticks of one boot that follow each other, and by
 * no more than a step; it stands still while the gateway, or the whole platform, is down. A
 * device's silence is what its gateway's clock moved since its last report. When a gateway has been
 * gone for FL_GATEWAY_GONE_MS of the partition's clock (which any gateway moves), that clock counts
 * from then on. Wall clocks are compared with nothing but themselves.
 *
 * Invariants: 1. no clock goes back. 2. a gateway's `seen_ms` is not above the partition's clock.
 * Threading: pure. Allocation: none.
 * Limits: FL_GATEWAY_COUNT_MAX gateways per partition; the one gone longest makes room.
 */
#include "core/slice.h"
#include "projections/telemetry/report.h"

enum {
    FL_GATEWAY_GONE_MS = 10 * 60 * 1000,
    FL_GATEWAY_COUNT_MAX = 32,
    FL_CLOCKS_SIZE_MAX = 20 + FL_GATEWAY_COUNT_MAX * 44, /* encoded */
};

struct fl_gateway_clock {
    uint32_t number;
    uint64_t boot;
    uint64_t sequence;
    int64_t time_ms;   /* of its last tick; 0: none came yet */
    uint64_t clock_ms; /* how long it has been ticking */
    uint64_t seen_ms;  /* the partition's clock at its last tick, or when it was first heard of */
};

struct fl_clocks {
    uint64_t clock_ms; /* how long any gateway has been ticking */
    int64_t time_ms;   /* of the newest tick */
    uint32_t count;
    struct fl_gateway_clock gateways[FL_GATEWAY_COUNT_MAX];
};

/* Takes a tick; true if a clock has moved. A repeated or late tick moves none. */
bool fl_clocks_tick(struct fl_clocks *clocks, const struct fl_tick *tick, int64_t step_ms_max);

/* What the clock of the gateway that delivers a report shows: kept with the device. */
uint64_t fl_clocks_hear(struct fl_clocks *clocks, uint32_t gateway_number);

/* How long a device has been silent that this gateway heard when its clock showed `heard_ms`. 0 if
 * the gateway is forgotten: nothing is known then. */
uint64_t fl_clocks_silence_ms(const struct fl_clocks *clocks, uint32_t gateway_number,
                              uint64_t heard_ms);

/* The row of a partition. */
struct fl_slice fl_clocks_encode(const struct fl_clocks *clocks, uint8_t out[FL_CLOCKS_SIZE_MAX]);
bool fl_clocks_decode(struct fl_slice bytes, struct fl_clocks *clocks);
