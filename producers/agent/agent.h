/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The agent of a site: reads UPSes from upsd servers, reports them signed to a gateway, carries out
 * commands.
 *
 * One process, one thread, one loop over the sockets of all upsds and of the gateway. It keeps
 * reading while the gateway is away and sends everything in order when it is back. It holds no
 * opinion about values; what it concludes itself is only whether a command's effect was seen.
 *
 * Limits: FL_AGENT_UPSD_COUNT_MAX upsds; those of upsd.h, queue.h and agent_protocol.h.
 */
#include "core/duty.h"
#include "producers/agent/upsd.h"
#include "producers/firmware_manifest.h"

enum { FL_AGENT_UPSD_COUNT_MAX = 128, FL_AGENT_DETAIL_SIZE = 320 };

struct fl_agent_options {
    const char *state_directory;
    const char *gateway_url;
    const char *gateway_ca; /* NULL: the system's certificates */
    const char *claim;      /* needed once, to enrol; may be NULL afterwards */
    struct fl_upsd_options upsds[FL_AGENT_UPSD_COUNT_MAX];
    size_t upsd_count;
    int64_t full_interval_ms;
    uint64_t queue_size_max;
    bool readmit;          /* devices that their owner removed are registered anew */
    const char *installer; /* program for firmware (installer.h); NULL: this agent installs none */
    uint8_t firmware_key[FL_FIRMWARE_KEY_SIZE]; /* of the publisher, if there is an installer */
    int64_t installer_ms;                       /* how long it may run */
    int64_t watch_ms;                           /* 0: as long as each kind of command may take */
};

/* Runs until duty->stop_fd is readable. FL_USAGE, FL_LOCKED, FL_DENIED, FL_UNAUTHENTIC (the gateway
 * refuses to enrol it): `detail` says why. FL_IO: its store failed, start it again. */
enum fl_error fl_agent_run(struct fl_duty *duty, const struct fl_agent_options *options,
                           char detail[FL_AGENT_DETAIL_SIZE]) FL_MUST_USE;
