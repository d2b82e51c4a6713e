/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * `fleetlog simulate`: load. Registers a fleet through actions, then appends its signed reports to
 * telemetry at a given rate, with ticks, as a gateway does.
 *
 * Why past the gateway: this is to load the log and what reads it. Reports are byte for byte what
 * an agent sends (signature and all); what the gateway adds is added here. The agent and the
 * gateway themselves are tried by the demo and their own tests.
 *
 * Counters begin at the Unix time in milliseconds, so that a second run with the same seed is above
 * the first; a device reports less than once per millisecond.
 *
 * Threading: one thread. Allocation: bounded by devices and by one batch. A journal that is full or
 * away slows the run down; nothing is dropped.
 */
#include "core/ids.h"
#include "core/journal.h"
#include "core/keyring.h"
#include "core/port.h"

enum { FL_SIMULATE_DETAIL_SIZE = 512, FL_SIMULATE_DEVICE_COUNT_MAX = 10000000 };

struct fl_simulate_options {
    struct fl_journal *journal;
    const struct fl_port *port;
    const struct fl_keyring *keyring;
    const char *node_id;
    const char *operator_name; /* Unix user, for the actions */
    uint32_t device_count;
    double rate; /* reports per second, of all; 0: as fast as it goes */
    double seconds;
    uint64_t seed;
    bool outage;         /* mains fails in the middle half of the run */
    bool quiet;          /* no progress on stderr */
    int stop_fd;         /* -1: none */
    int64_t patience_ms; /* without any answer of a decider; 0: 30 s */
};

struct fl_simulate_result {
    uint64_t reports;
    uint64_t ticks;
    double seconds;
    uint64_t retries; /* appends that had to be tried again */
    char company_id[FL_ID_TEXT_SIZE];
    char detail[FL_SIMULATE_DETAIL_SIZE]; /* why it failed */
};

/* FL_OK when it ran to its end; FL_INTERRUPTED when it was stopped (the result counts what was
 * done). */
enum fl_error fl_simulate_run(const struct fl_simulate_options *options,
                              struct fl_simulate_result *result) FL_MUST_USE;
