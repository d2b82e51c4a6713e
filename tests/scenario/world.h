/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A log with its decider and registry in memory: what scenarios and property tests run on.
 *
 * Every step is the real thing: the action as a record, decide, the event as a record, the chain
 * rule, the fold. After every step it checks all invariants of the registry, that a second decider
 * writes the same bytes, and that the chain takes the event. world_refold folds the whole log
 * again, from bytes alone, and compares every row. Failures end the test with a message.
 *
 * Threading: one thread. Allocation: grows with the log.
 */
#include "core/chain.h"
#include "core/ids.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "projections/registry/decide.h"
#include "projections/registry/machines.h"
#include "projections/registry/registry.h"
#include "projections/registry/rights.h"

struct world_entry {
    struct fl_record action;
    struct fl_record event;
};

struct world_view {
    const struct fl_view *view;
    struct fl_kv *kv;
    void *state;
};

enum { WORLD_VIEW_COUNT_MAX = 4 };

struct world {
    struct fl_arena log_arena;   /* the records */
    struct fl_arena arena;       /* one decision */
    struct fl_arena other_arena; /* the second decider's */
    struct fl_sha256 *sha;
    struct world_view views[WORLD_VIEW_COUNT_MAX]; /* [0]: the registry */
    size_t view_count;
    struct fl_chain_head head;
    int64_t now_ms;
    const struct fl_rules_set *rules;
    struct world_entry *entries;
    size_t entry_count;
    size_t entry_capacity;
    struct fl_decision last; /* the last answer; lives until the next step */
    enum fl_error last_error;
    bool skip_check; /* long property tests check now and then */
};

void world_init(struct world *world);
void world_fini(struct world *world);

/* One more view that is fed with every event. */
void world_add_view(struct world *world, const struct fl_view *view);

/* Who acts; slices of static or arena text. */
struct world_actor {
    const char *actor;
    const char *on_behalf_of; /* account id, or NULL */
    const char *company_id;   /* or NULL */
};

/* An action as a record at the world's time. `id` NULL: a fresh one. Lives in log_arena. */
struct fl_record world_action(struct world *world, const struct world_actor *actor, const char *id,
                              const ProtobufCMessage *message);

/* Appends the record, decides, folds. False: decide gave the error in last_error. */
bool world_step(struct world *world, const struct fl_record *action);

/* Folds the log again from bytes and compares all rows; then checks the views. */
void world_refold(struct world *world);

/* Type of the last answer. */
enum fl_message_type world_answer(const struct world *world);

/* The last answer if it is a rejection, else NULL. */
const Fleetlog__V1__ActionRejected *world_rejection(const struct world *world);

/* "why" and abort: the test has failed. */
_Noreturn void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A stable id for a name: the same in every run. 36 characters and NUL. */
void world_id(const char *kind, const char *name, char out[FL_ID_TEXT_SIZE]);
