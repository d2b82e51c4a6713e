/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the gateway share; nobody else includes it. */
#include <jansson.h>
#include <pthread.h>

#include "core/arena.h"
#include "core/ids.h"
#include "core/keyring.h"
#include "producers/gateway/gateway.h"
#include "producers/gateway/http.h"
#include "producers/gateway/submit.h"
#include "projections/registry/registry.h"
#include "projections/store/store_reader.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"

enum {
    FL_CALL_ARENA_SIZE = 16 * 1024 * 1024,
    FL_PAGE_LIMIT_DEFAULT = 100,
    FL_PAGE_LIMIT_MAX = 1000,
    FL_GATEWAY_VIEW_COUNT_MAX = 4,
};

struct fl_agents; /* agents.c: nonces and counters */

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
    pthread_mutex_t lock; /* ids and the events reader */
    struct fl_id_source ids;
    struct fl_reader *events;
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
    struct fl_arena arena;
    struct identity identity;
    json_t *body;                 /* parsed, an object; NULL: none */
    const char *parameters[4];    /* of the route's path, in order */
    char problem[FL_DETAIL_SIZE]; /* first thing wrong with the body: "field: rule" */
};

typedef void call_handler(struct call *call);

struct route {
    const char *method;
    const char *pattern; /* "/v1/devices/{}": {} is one segment */
    call_handler *handler;
    bool takes_body;
};

extern const struct route operator_routes[];
extern const struct route agent_routes[];

/* --- answering (answer.c) --- */

/* Takes `body`. */
void call_answer(struct call *call, unsigned status, json_t *take_body);

/* A problem document (RFC 9457). detail and field may be NULL. */
void call_problem(struct call *call, unsigned status, const char *title, const char *detail,
                  const char *field);

/* The same for an error of a library. */
void call_error(struct call *call, enum fl_error error);

/* True if the body is an object (parsed here); answers 400, 415 otherwise. */
bool call_parse_body(struct call *call);

/* Members of the body. A wrong or missing one leaves its problem in call->problem and returns "" or
 * 0. */
const char *body_text(struct call *call, const char *name);
const char *body_text_or(struct call *call, const char *name, const char *fallback);
int64_t body_integer_or(struct call *call, const char *name, int64_t fallback);
/* Texts of an array; count 0 if absent. */
const char **body_texts(struct call *call, const char *name, size_t *count);
/* Bytes from base64 of exactly `size`; NULL with a problem. */
const uint8_t *body_base64(struct call *call, const char *name, size_t size);

/* Answers 422 if call->problem holds something. True if the body was good. */
bool call_body_is_good(struct call *call);

/* limit and cursor of the query; false after answering 400. */
bool call_page(struct call *call, struct fl_page *page);

/* --- acting (act.c) --- */

struct outcome {
    uint64_t sequence;
    struct fl_envelope envelope;
    const ProtobufCMessage *event;
};

/* A new id in the call's arena. */
char *call_mint(struct call *call);

/* Validates, appends, waits, reads the outcome. False after it has answered (problem, rejection,
 * 202). */
bool call_act(struct call *call, const ProtobufCMessage *message, struct outcome *outcome);

/* call_act and the event as JSON with `status`; for routes that need nothing else. */
void call_act_and_answer(struct call *call, const ProtobufCMessage *message, unsigned status);

/* The outcome's event as JSON with sequence and type. */
json_t *outcome_json(struct call *call, const struct outcome *outcome);

/* Waits until every view has applied the event that answers the action at `offset`. */
enum fl_error gateway_wait(struct gateway *gateway, uint64_t offset,
                           int64_t deadline_ms) FL_MUST_USE;

/* --- people (people.c) --- */

/* Fills `ref` for an address: normalised, indexed, a sealed profile appended. False after
 * answering. */
bool call_person(struct call *call, const char *address, Fleetlog__V1__PersonRef **ref);

/* Account of an address or id; NULL if there is none. */
const fl_account_row *find_account(struct call *call, struct fl_kv *kv, const char *name);

/* --- reading --- */

bool call_read_begin(struct call *call, struct fl_store_reader *reader, struct fl_store_read *read);
/* False after answering an error. */
bool call_read_end(struct call *call, struct fl_store_read *read);

/* --- agents (agents.c, reports.c, ticks.c) --- */

struct fl_agents *fl_agents_open(void);
void fl_agents_close(struct fl_agents **agents);
bool agents_take_nonce(struct fl_agents *agents, struct fl_slice agent_id, uint64_t nonce);
/* True if the report is above the last one accepted; remembers it. */
bool agents_take_counter(struct fl_agents *agents, uint32_t device_number, uint32_t generation,
                         uint64_t counter);
/* Undoes that, when the append failed. */
void agents_return_counter(struct fl_agents *agents, uint32_t device_number, uint32_t generation,
                           uint64_t counter);
/* Signature, time and nonce of a request by an agent; false after answering. Sets the identity. */
bool call_authenticate_agent(struct call *call);
call_handler handle_reports;
enum fl_error gateway_tick(struct gateway *gateway, uint64_t sequence) FL_MUST_USE;
