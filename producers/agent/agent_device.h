/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A UPS as the agent knows it: its row, what was last told about it, what it offers.
 *
 * Of a device the agent reports everything from time to time, changes in between, and that there is
 * no data when upsd has none; a device that does not change says so twice a minute, so that its
 * silence means something.
 *
 * Threading: the agent's one thread. Allocation: one block per device, until the end.
 */
#include "producers/agent/agent.h"
#include "producers/agent/agent_http.h"
#include "producers/agent/report.h"

struct fl_agent;

struct fl_agent_device {
    /* Its row. */
    uint32_t index;
    char upsd_address[FL_AGENT_PATH_SIZE];
    char ups_name[FL_NUT_TEXT_SIZE + 1];
    uint8_t id[FL_ID_SIZE];
    char id_text[FL_ID_TEXT_SIZE]; /* empty: not registered */
    uint32_t number;
    uint32_t generation;
    uint64_t counter;       /* of the last report */
    uint64_t thinned_count; /* dropped reports that no report names yet */
    bool removed;           /* its owner has removed it: it is left alone */
    uint8_t described[32];  /* hash of the capabilities that the gateway was told */
    /* Of this run. */
    struct fl_ups *ups; /* NULL: its upsd has not listed it yet */
    struct fl_upsd *upsd;
    struct fl_nut_list values; /* the newest, all of them reported if has_told */
    bool has_values;
    bool has_told;
    bool stale; /* the last report said so */
    bool full_due;
    int64_t full_at_ms;
    int64_t report_at_ms;
    int64_t describe_at_ms; /* not before */
    uint8_t offered[32];    /* hash of what it offers now */
    bool has_offered;
    bool installs; /* its agent can install firmware */
};

void fl_devices_load(struct fl_agent *agent);
void fl_devices_free(struct fl_agent *agent);
struct fl_agent_device *fl_devices_by_id(const struct fl_agent *agent, const char *id);
/* The device of a UPS, made if it is new; NULL: no memory. */
struct fl_agent_device *fl_devices_of(struct fl_agent *agent, struct fl_ups *ups);
void fl_device_save(struct fl_agent *agent, const struct fl_agent_device *device);
void fl_device_take_values(struct fl_agent *agent, struct fl_agent_device *device,
                           struct fl_nut_list *values);
void fl_device_take_stale(struct fl_agent *agent, struct fl_agent_device *device, const char *word);
/* Says stale for devices whose upsd has been away for too long. */
void fl_devices_look_after(struct fl_agent *agent, int64_t now_ms);

/* Takes note of what a device offers now. */
void fl_device_take_description(struct fl_agent *agent, struct fl_agent_device *device);
/* The JSON body, malloc'ed; NULL: no memory. */
char *fl_device_describe(const struct fl_agent_device *device);
