/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the gateway share; nobody else includes it. */
#include <jansson.h>
#include <pthread.h>

#include "core/arena.h"
#include "core/clock_guard.h"
#include "core/ids.h"
#include "core/keyring.h"
#include "core/link.h"
#include "producers/gateway/gateway.h"
#include "producers/gateway/http.h"
#include "producers/gateway/outcomes.h"
#include "producers/gateway/submit.h"
#include "projections/registry/registry.h"
#include "projections/store/store_reader.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"

enum {
    FL_CALL_ARENA_SIZE = 16 * 1024 * 1024, /* and eight times the body */
    FL_CALL_SCRATCH_SIZE = 64 * 1024 * 1024,
    FL_NAME_LOOK_COUNT_MAX = 20000, /* rows that one call looks at to find devices by name */
    FL_PAGE_LIMIT_DEFAULT = 100,
    FL_PAGE_LIMIT_MAX = 1000,
    FL_GATEWAY_VIEW_COUNT_MAX = 4,
};

enum fl_intake { FL_INTAKE_OPEN, FL_INTAKE_DISK, FL_INTAKE_CLOCK };

struct fl_agents;  /* agents.c: nonces and counters */
struct fl_metrics; /* metrics.c */

struct gateway {
    struct fl_duty *duty;
    struct fl_keyring *keyring;
    struct fl_submitter *submitter;
    struct fl_http_server *agents_http;
    struct fl_http_server *operator_http;
    struct fl_agents *agents;
    /* Every view that a change waits for; the first is the registry. */
    struct fl_store_reader *views[FL_GATEWAY_VIEW_COUNT_MAX];
    size_t view_count;
    struct fl_store_reader *registry;
    struct fl_store_reader *devices;
    struct fl_store_reader *eventlog;
    struct fl_store_reader *people;
    char log_id[FL_ID_TEXT_SIZE];
    uint32_t partition_count; /* of telemetry, from genesis */
    uint32_t number;          /* short name of this process in telemetry */
    uint64_t boot;
    int64_t started_at_ms; /* Unix time */
    int64_t started_monotonic_ms;
    struct fl_metrics *metrics;
    pthread_mutex_t id_lock;
    struct fl_id_source ids;
    struct fl_outcomes *outcomes;
    pthread_mutex_t intake_lock;
    struct fl_clock_guard clock;
    enum fl_intake intake; /* as last seen */
    _Atomic bool stopping;
};

/* Who asks, as the action's envelope will say. */
struct identity {
    struct fl_slice actor;
    struct fl_slice on_behalf_of; /* account id or NULL */
    struct fl_slice company_id;   /* of that account or agent, or NULL */
};

struct call {
    struct gateway *gateway;
    const struct fl_http_request *request;
    struct fl_http_answer *answer;
    struct fl_arena arena; /* as long as the call */
    struct fl_arena
        scratch; /* for rows that are looked at and dropped; whoever fills it resets it */
    size_t name_look_count; /* rows looked at for names so far */
    struct identity identity;
    json_t *body;                 /* parsed, an object; NULL: none */
    const char *parameters[4];    /* of the route's path, in order */
    char problem[FL_DETAIL_SIZE]; /* first thing wrong with the body: "field: rule" */
};

typedef void call_handler(struct call *call);

enum {
    FL_ROUTE_JSON = 1,  /* takes a JSON object */
    FL_ROUTE_READ = 2,  /* goes on while intake is held, as every GET does */
    FL_ROUTE_LOCAL = 4, /* for peers on this machine only; others get 404 */
};

struct route {
    const char *method;
    const char *pattern; /* "/v1/devices/{}": {} is one segment */
    call_handler *handler;
    unsigned flags;
};

extern const struct route fl_operator_routes[];
extern const struct route fl_agent_routes[];

#include "producers/gateway/call.h"
