/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * decide(): the rules. One action in, the one event that answers it out.
 *
 * Pure: it reads the registry, the head and the action, and nothing else; no clock, no random, no
 * telemetry. The event's bytes are a function of the log, so two deciders write the same ones. It
 * never fails for bad input: what cannot be done is answered by an ActionRejected with a code and a
 * sentence for people. It writes no rows: that is the fold's work on the event that it returns.
 *
 * Errors: FL_VERSION (the rules in force are not in the set: stand by), FL_CORRUPT or another error
 * of the kv, FL_NO_MEMORY (the arena's bound; 64 MiB hold every action). None of them depends on
 * what the action says. Threading: pure. Allocation: the arena; the decision lives in it.
 */
#include "core/arena.h"
#include "core/chain.h"
#include "core/kv.h"
#include "projections/registry/rules.h"
#include "projections/view.h"

enum { FL_DECIDE_ARENA_SIZE = 64 * 1024 * 1024 };

struct fl_decide_input {
    uint64_t offset; /* of the action; the head's next one (asserted) */
    const struct fl_record *record;
    const uint8_t *hash;              /* FL_HASH_SIZE bytes: fl_record_hash of the action */
    const struct fl_rules_set *rules; /* NULL: production */
};

/* The event as bytes and as what it was made of, so that the fold need not decode it again. */
struct fl_decision {
    struct fl_record event;
    struct fl_envelope envelope;
    const ProtobufCMessage *message;
    struct fl_envelope action_envelope; /* type.data == NULL: could not be read */
    const ProtobufCMessage *action_message;
    const struct fl_record *action;
};

/* Answers the action. `registry` is the fold of all events up to `head`. */
enum fl_error fl_decide(struct fl_kv *registry, const struct fl_chain_head *head,
                        const struct fl_decide_input *input, struct fl_arena *arena,
                        struct fl_decision *decision) FL_MUST_USE;

/* Answers an action on which fl_decide itself has crashed, without looking into it: INTERNAL, with
 * the build that crashed. */
enum fl_error fl_decide_internal(struct fl_kv *registry, const struct fl_chain_head *head,
                                 const struct fl_decide_input *input, const char *build,
                                 struct fl_arena *arena, struct fl_decision *decision) FL_MUST_USE;

/* The decision as the input of a fold; `offset` is where the event stands or will stand. Borrows
 * from the decision. */
void fl_decision_view_input(const struct fl_decision *decision, uint64_t offset,
                            struct fl_view_input *input);
