/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Brings a simulated fleet into the log the way a real one comes: a company with an administrator,
 * a claim code, an agent with a key of its own, and its devices, each by an action that the decider
 * accepts.
 *
 * All ids and keys are derived from the seed, so that a second run with the same seed finds its
 * company and devices again and goes on.
 *
 * Threading: one thread. Allocation: the devices, by the caller.
 */
#include "core/keyring.h"
#include "producers/simulator/load/follow.h"
#include "producers/simulator/load/load_device.h"

struct fl_enrol {
    struct fl_journal *journal;
    const struct fl_port *port;
    const struct fl_keyring *keyring;
    const char *node_id;
    const char *operator_name; /* Unix user */
    uint64_t seed;
    uint32_t device_count;
    int64_t patience_ms;
    int stop_fd;
    bool quiet;
    /* Results: */
    struct fl_load_device *devices; /* device_count of them, zeroed by the caller */
    uint8_t agent_secret[64];       /* libsodium's form */
    char agent_id[FL_ID_TEXT_SIZE];
    char company_id[FL_ID_TEXT_SIZE];
    char account_id[FL_ID_TEXT_SIZE];
    uint32_t registered_count;
    char detail[FL_FOLLOW_DETAIL_SIZE];
};

/* Makes what is missing; then every device has its number. `follow` is what it read the log
 * through, for the caller to go on with and to close; NULL on failure. */
enum fl_error fl_enrol_run(struct fl_enrol *enrol, struct fl_follow **follow) FL_MUST_USE;

/* The id of device `index`, as bytes. */
void fl_enrol_device_id(uint64_t seed, uint32_t index, uint8_t out[FL_ID_SIZE]);
