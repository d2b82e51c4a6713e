/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a handler of the gateway calls. gateway_internal.h, which has the types, includes it alone.
 * A function that returns false (or NULL) has answered the call already, unless it says otherwise.
 */
#include "producers/gateway/gateway_internal.h"

/* --- answering (answer.c) --- */

/* Takes `body`. */
void fl_call_answer(struct call *call, unsigned status, json_t *take_body);

/* A text as JSON: bytes that are no UTF-8 (a reading, a text that was cut) become '?'. */
json_t *fl_text_json(const char *text);

/* A problem document (RFC 9457). detail and field may be NULL. */
void fl_call_problem(struct call *call, unsigned status, const char *title, const char *detail,
                     const char *field);

/* For an error of a library. */
void fl_call_error(struct call *call, enum fl_error error);

/* True if the body is an object (parsed here); answers 400, 415 otherwise. */
bool fl_call_parse_body(struct call *call);

/* Members of the body. A wrong or missing one is said in call->problem and returns "" or 0. */
const char *fl_body_text(struct call *call, const char *name);
const char *fl_body_text_or(struct call *call, const char *name, const char *fallback);
int64_t fl_body_integer_or(struct call *call, const char *name, int64_t fallback);
/* Texts of an array; count 0 if absent. */
const char **fl_body_texts(struct call *call, const char *name, size_t *count);
/* Bytes from base64 of exactly `size`; NULL with a problem. */
const uint8_t *fl_body_base64(struct call *call, const char *name, size_t size);

/* Answers 422 if call->problem holds something. True if the body was good. */
bool fl_call_body_is_good(struct call *call);

/* Of the last event that the registry has applied; false if it cannot be read. */
bool fl_call_sequence(struct call *call, uint64_t *sequence);

/* Gives a good answer its ETag, "<sequence>-<digest of the body>"; 304 if the client has it. */
void fl_call_tag(struct call *call, uint64_t sequence);

/* limit and cursor of the query; false after answering 400. A cursor is opaque: sealed for this
 * path and account. */
bool fl_call_page(struct call *call, struct fl_page *page);

/* Adds `next` to a list that goes on behind `place`; "": it ends here. */
void fl_call_add_next(struct call *call, json_t *list, const char *place);

/* True if the call is on behalf of an account: then its rights apply. */
bool fl_call_is_for_account(const struct call *call);
/* The same; false after answering 400. */
bool fl_call_needs_account(struct call *call);

/* --- intake (intake.c) --- */

/* Looks whether anything may be taken in just now; says so in a line when that changes. */
enum fl_intake fl_gateway_intake(struct gateway *gateway);
const char *fl_intake_name(enum fl_intake intake);
/* The clock's first look, once the registry can be read. */
void fl_gateway_intake_start(struct gateway *gateway);
/* The operator's word that the clock is right. */
void fl_gateway_accept_clock(struct gateway *gateway);
/* False after answering 503. */
bool fl_call_intake_is_open(struct call *call);

/* --- acting (act.c) --- */

struct outcome {
    uint64_t sequence;
    struct fl_envelope envelope;
    const ProtobufCMessage *event;
};

/* A new id in the call's arena. The arena holds a call's body several times over: there is room. */
char *fl_call_mint(struct call *call);

/* Validates, appends, waits, reads the outcome. False after it has answered (problem, rejection,
 * 202). */
bool fl_call_act(struct call *call, const ProtobufCMessage *message, struct outcome *outcome);

/* fl_call_act and the event as JSON with `status`; for routes that need nothing else. */
void fl_call_act_and_answer(struct call *call, const ProtobufCMessage *message, unsigned status);

/* The outcome's event as JSON; at the API without index, revision and id of a person's. */
json_t *fl_outcome_json(struct call *call, const struct outcome *outcome);

/* Waits until every view has applied the event that answers the action at `offset`. */
enum fl_error fl_gateway_wait(struct gateway *gateway, uint64_t offset,
                              int64_t deadline_ms) FL_MUST_USE;

/* --- people (people.c) --- */

/* Fills `ref` for an address: normalised, indexed, a sealed profile appended. False after
 * answering. */
bool fl_call_person(struct call *call, const char *address, Fleetlog__V1__PersonRef **ref);

/* Account of an address or id; NULL if there is none. */
const fl_account_row *fl_call_find_account(struct call *call, struct fl_kv *kv, const char *name);

/* --- links of mails (link.c) --- */

/* Adds "token" and "link" of a thing that waits for its link. */
void fl_call_add_link(struct call *call, json_t *json, enum fl_link link, const char *id,
                      uint32_t generation);

/* The link key generation of the thing with this id, in the registry; 0: there is none. */
typedef uint32_t fl_link_generation_fn(struct fl_kv *kv, struct fl_arena *arena,
                                       struct fl_slice id);

/* The id of "<id>.<token>" if that is what the thing's link carries; NULL after answering 403. */
const char *fl_call_check_link(struct call *call, enum fl_link link, const char *text,
                               fl_link_generation_fn *generation);

/* --- reading --- */

bool fl_call_read_begin(struct call *call, struct fl_store_reader *reader,
                        struct fl_store_read *read);
/* False after answering an error. */
bool fl_call_read_end(struct call *call, struct fl_store_read *read);

/* --- agents (agents.c, reports.c, ticks.c) --- */

struct fl_agents *fl_agents_open(void);
void fl_agents_close(struct fl_agents **agents);
/* False: not above the agent's last nonce, or its first one here and of a time before since_ms,
 * the start of this process, so that nobody replays what an earlier one has seen. */
bool fl_agents_take_nonce(struct fl_agents *agents, struct fl_slice agent_id, uint64_t nonce,
                          int64_t time_ms, int64_t since_ms);

/* The last report accepted from a device. */
struct fl_counter {
    uint32_t generation;
    uint64_t counter;
};
bool fl_agents_counter(struct fl_agents *agents, uint32_t device_number,
                       struct fl_counter *counter);
void fl_agents_set_counter(struct fl_agents *agents, uint32_t device_number,
                           struct fl_counter counter);

/* One request with reports per agent at a time: two copies of one request must not look at each
 * other's counters before it is known what became of the first. False: one is under way. */
bool fl_agents_begin_reports(struct fl_agents *agents, struct fl_slice agent_id);
void fl_agents_end_reports(struct fl_agents *agents, struct fl_slice agent_id);
/* Signature, time and nonce of a request by an agent; false after answering. Sets the identity. */
bool fl_call_authenticate_agent(struct call *call);
call_handler fl_route_post_reports;
enum fl_error fl_gateway_tick(struct gateway *gateway, uint64_t sequence) FL_MUST_USE;
