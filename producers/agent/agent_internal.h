/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The agent's parts: agent.c (options, loop), device.c (what is told about a UPS), commands.c (what
 * is asked of it), uplink.c (what goes to the gateway when). Everything belongs to one thread and
 * hangs on struct fl_agent.
 */
#include "producers/agent/agent_command.h"
#include "producers/agent/agent_device.h"
#include "producers/agent/agent_http.h"
#include "producers/agent/firmware.h"
#include "producers/agent/report.h"
#include "producers/agent/state.h"

enum {
    FL_AGENT_HEARTBEAT_MS = 30000, /* a device that does not change says so */
    FL_AGENT_LOST_MS = 15000,      /* without its upsd a device is stale after this */
    FL_AGENT_COMMIT_MS = 100,      /* changes gather this long before a commit */
    FL_AGENT_LOOK_MS = 500,        /* between two looks for devices without an upsd */
};

struct fl_agent_lane_state {
    int64_t at_ms; /* not before */
    unsigned failure_count;
    bool warned;
    unsigned nonce_count; /* 401 in a row */
};

struct fl_agent {
    const struct fl_agent_options *options;
    const struct fl_port *port;
    struct fl_duty *duty;
    struct fl_agent_state state;
    struct fl_agent_http *http;
    struct fl_upsd *upsds;            /* options->upsd_count of them */
    struct fl_agent_device **devices; /* by index */
    size_t device_count;
    struct fl_agent_command *commands;
    size_t command_count;
    struct fl_firmware_job *firmware; /* the upgrade under way; NULL: none */
    int64_t look_at_ms;               /* the next look for devices without an upsd */
    int64_t forget_at_ms;             /* the next look for rows of old commands */
    uint8_t *scratch;                 /* FL_AGENT_BODY_SIZE_MAX: the next report or request */
    /* uplink.c */
    struct fl_agent_lane_state lanes[FL_AGENT_LANE_COUNT];
    struct fl_agent_command *posted;          /* whom the control request is about */
    enum fl_agent_command_state posted_state; /* when it was sent */
    struct fl_agent_device *described;
    uint64_t sent_from; /* rows of the queue in the request under way: [sent_from, sent_until) */
    uint64_t sent_until;
    uint64_t settled_until; /* rows below are settled */
    uint32_t batch_count_max;
    enum fl_error error; /* the first that ends the agent */
    char detail[FL_AGENT_DETAIL_SIZE];
};

/* agent.c */
void fl_agent_fail(struct fl_agent *agent, enum fl_error error, const char *why);
/* Commits now; true if it is durable. */
bool fl_agent_commit(struct fl_agent *agent);
/* Copies what is fit to be text for people: cut to size, and without what upsd may have sent as
 * bytes. */
void fl_agent_text(struct fl_slice value, char *out, size_t out_size);

/* control.c: one small request at a time: enrol, commands' states, devices */
void fl_control_step(struct fl_agent *agent);
/* The status that an answer amounts to: 503 for what is no answer of the gateway's. */
long fl_control_status(long status, struct fl_slice body);

/* uplink.c: lanes, reports, the long poll */
/* Takes note of how a lane's request went: true if it is settled (2xx, or a refusal for good);
 * false: wait and try again, which this has arranged. */
bool fl_lane_settled(struct fl_agent *agent, enum fl_agent_lane lane, long status, const char *why);
void fl_uplink_init(struct fl_agent *agent);
void fl_uplink_step(struct fl_agent *agent);
/* When to step again if nothing happens; monotonic ms. */
int64_t fl_uplink_next_ms(const struct fl_agent *agent);
