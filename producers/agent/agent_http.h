/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Signed requests to the gateway (producers/agent_protocol.h) over libcurl's multi interface.
 *
 * A few lanes, each with at most one request under way, so that a long poll does not hold up
 * reports. It keeps the gateway's clock, as its Date header told, against the monotonic clock:
 * deadlines of commands count in the gateway's time. It does not try again; whoever asked does.
 *
 * Threading: one thread. Allocation: libcurl's own; bodies are copied.
 * Limits: FL_AGENT_ANSWER_SIZE_MAX bytes of an answer.
 */
#include <sys/types.h>

#include "core/port.h"
#include "core/slice.h"
#include "producers/agent/state.h"

enum { FL_AGENT_ANSWER_SIZE_MAX = 1024 * 1024, FL_AGENT_PATH_SIZE = 256 };

enum fl_agent_lane {
    FL_AGENT_LANE_CONTROL,
    FL_AGENT_LANE_REPORTS,
    FL_AGENT_LANE_COMMANDS,
    FL_AGENT_LANE_COUNT
};

/* status 0: no answer (`why`). The body lives during the call and ends with a NUL. */
typedef void fl_agent_on_answer(void *context, long status, struct fl_slice body, const char *why);

struct fl_agent_request {
    const char *method;
    const char *path; /* with query */
    const char *content_type;
    struct fl_slice body;
    const char *idempotency_key; /* NULL: none */
    bool is_signed;
    long timeout_ms;
    fl_agent_on_answer *on_answer;
    void *context;
};

struct fl_agent_http;

/* `url`: http(s)://host:port without a path. FL_USAGE: it is none. */
enum fl_error fl_agent_http_open(const char *url, const char *ca_path, struct fl_agent_state *state,
                                 const struct fl_port *port,
                                 struct fl_agent_http **client) FL_MUST_USE;
void fl_agent_http_close(struct fl_agent_http **client);

bool fl_agent_http_busy(const struct fl_agent_http *client, enum fl_agent_lane lane);

/* Starts a request on a lane that is not busy. */
enum fl_error fl_agent_http_start(struct fl_agent_http *client, enum fl_agent_lane lane,
                                  const struct fl_agent_request *request) FL_MUST_USE;

/* What the caller waits for besides. */
struct fl_agent_wait {
    int fd;
    short events;
};

/* Waits at most timeout_ms for any of it and moves the requests on; calls on_answer. */
enum fl_error fl_agent_http_step(struct fl_agent_http *client, const struct fl_agent_wait *waits,
                                 unsigned wait_count, int timeout_ms) FL_MUST_USE;

/* The gateway's clock as far as it is known; else this machine's. */
int64_t fl_agent_http_gateway_ms(const struct fl_agent_http *client);
