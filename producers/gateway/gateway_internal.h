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
#include "producers/gateway/access.h"
#include "producers/gateway/gateway.h"
#include "producers/gateway/http.h"
#include "producers/gateway/later.h"
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
struct fl_public;  /* public.c */
struct fl_live;    /* live.c */
struct fl_sign_in; /* account_session.c */

struct gateway {
    struct fl_duty *duty;
    struct fl_keyring *keyring;
    struct fl_later *later;
    struct fl_submitter *submitter;
    struct fl_http_server *agents_http;
    struct fl_http_server *operator_http;
    struct fl_http_server *public_http;  /* NULL: [gateway] api_listen is empty */
    struct fl_http_server *metrics_http; /* NULL: [gateway] metrics_listen is empty */
    struct fl_public *public;
    struct fl_live *live;
    struct fl_agents *agents;
    struct fl_sign_in *sign_in;
    /* Every view that a change waits for; the first is the registry. */
    struct fl_store_reader *views[FL_GATEWAY_VIEW_COUNT_MAX];
    size_t view_count;
    struct fl_store_reader *registry;
    struct fl_store_reader *devices;
    struct fl_store_reader *eventlog;
    struct fl_store_reader *people;
    struct fl_store_reader *history; /* no change waits for it */
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
    _Atomic unsigned report_count; /* being made just now: reports and ledgers */
};

enum fl_door { FL_DOOR_AGENTS, FL_DOOR_OPERATOR, FL_DOOR_PUBLIC, FL_DOOR_METRICS };

/* Who asks, as the action's envelope will say. */
struct identity {
    struct fl_slice actor;
    struct fl_slice on_behalf_of; /* the account whose rights apply: its id, or NULL */
    struct fl_slice company_id;   /* of that account or agent, or NULL */
    bool is_account;              /* the account is the actor itself: it is signed in */
    bool is_administrator;        /* the account, of its company */
    bool is_token;                /* signed in by an API token */
    unsigned scopes;              /* of the token: enum fl_needs */
    struct fl_slice session_id;   /* of the session or token, or NULL */
    int64_t expires_at_ms;        /* of it; 0: never */
};

struct call {
    struct gateway *gateway;
    const struct fl_http_request *request;
    struct fl_http_answer *answer;
    struct fl_arena arena; /* as long as the call */
    struct fl_arena
        scratch;         /* for rows that are looked at and dropped; whoever fills it resets it */
    int64_t deadline_ms; /* monotonic: then a change is answered, wherever it has got to */
    size_t name_look_count; /* rows looked at for names so far */
    enum fl_door door;
    struct identity identity;
    json_t *body;                    /* parsed, an object; NULL: none */
    const char *parameters[4];       /* of the route's path, in order */
    char action_id[FL_ID_TEXT_SIZE]; /* derived from its cause; "": the client's key, or minted */
    int same_as_done;                /* a rejection code that is an outcome here; 0: none is */
    char problem[FL_DETAIL_SIZE];    /* first thing wrong with the body: "field: rule" */
};

typedef void call_handler(struct call *call);

enum {
    FL_ROUTE_JSON = 1,    /* takes a JSON object */
    FL_ROUTE_READ = 2,    /* goes on while intake is held, as every GET does */
    FL_ROUTE_MEASURE = 4, /* also at the door for measurements */
    FL_ROUTE_LINK = 8, /* the link in it says who asks: from any page or program, without cookie */
};

struct route {
    const char *method;
    const char *pattern; /* "/v1/devices/{}": {} is one segment */
    call_handler *handler;
    unsigned flags;
    unsigned who;   /* enum fl_for: for whom it is; 0 is in no table (a test looks) */
    unsigned scope; /* enum fl_needs that an API token needs; 0: no token may */
};

extern const struct route fl_operator_routes[];
extern const struct route fl_agent_routes[];

#include "producers/gateway/call.h"
