/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Following `events` and `actions` together: what the files that decide again share.
 *
 * The registry's fold and the head go from event to event. At each, the action is decided again.
 * Where the log cannot be right (a record changed, missing, put in) the decision itself says what
 * stood there, so that verification goes on behind it: an event is a function of the log before it.
 *
 * Threading: one thread. Allocation: two bounded arenas. Lifetime: a decision lives until the next
 * expect.
 */
#include "replay/verify/stream.h"

/* Void records that claimed a place ahead of the head while the chain went on behind them. */
enum { FL_VERIFY_SUSPECT_COUNT = 32 };
struct fl_verify_suspect {
    uint64_t offset;
    uint8_t hash[FL_HASH_SIZE];
};

struct fl_verify_deciding {
    struct fl_verify_run *run;
    const struct fl_view *view;
    void *fold;
    struct fl_kv *kv; /* of the transaction that is open; NULL: none */
    struct fl_verify_stream events;
    struct fl_verify_stream actions;
    const struct fl_entry *action; /* read last; NULL: none left */
    bool actions_begun;
    struct fl_chain_head head;
    struct fl_arena decide_arena;
    struct fl_arena decode_arena;
    uint8_t action_hash[FL_HASH_SIZE]; /* of the action that was decided last */
    uint64_t cleared_until;            /* void records below it: the chain goes on behind them */
    struct fl_verify_suspect suspects[FL_VERIFY_SUSPECT_COUNT]; /* a ring */
    uint32_t suspect_count;
    uint32_t pending_count; /* events folded since the last commit */
    bool broken;            /* nothing behind can be decided */
};

/* What must stand at `head`. */
struct fl_verify_expected {
    bool is_known; /* false: the action is not there */
    struct fl_decision decision;
    uint8_t hash[FL_HASH_SIZE];
};

/* Decides the action at the head again. `found`: the event that answers it in the log (an INTERNAL
 * answer is decided apart, see internal.c), NULL if there is none. FL_VERSION; errors of the store.
 */
enum fl_error fl_verify_expect(struct fl_verify_deciding *d, const struct fl_chain_head *head,
                               const struct fl_entry *found,
                               struct fl_verify_expected *expected) FL_MUST_USE;

/* The action at the offset, NULL if it is not there. Offsets go up from call to call. */
enum fl_error fl_verify_action(struct fl_verify_deciding *d, uint64_t offset,
                               const struct fl_record **action) FL_MUST_USE;

/* Folds the expected event and moves `head` over it, as if it stood at `offset`. */
enum fl_error fl_verify_adopt(struct fl_verify_deciding *d, struct fl_chain_head *head,
                              const struct fl_verify_expected *expected,
                              uint64_t offset) FL_MUST_USE;

/* A record that extends the head. */
enum fl_error fl_verify_take_valid(struct fl_verify_deciding *d, const struct fl_entry *entry,
                                   const uint8_t hash[FL_HASH_SIZE]) FL_MUST_USE;

/* A void record that claims `sequence`, not below the head's: harmless, or a sign that the events
 * from the head on were changed. `is_named`: a finding names it already. */
enum fl_error fl_verify_break(struct fl_verify_deciding *d, const struct fl_entry *entry,
                              uint64_t sequence, bool is_named) FL_MUST_USE;

/* Which of the heads a later record extends: its index, or `count` if none does soon. `offset`
 * receives where. */
enum fl_error fl_verify_probe(struct fl_verify_deciding *d, uint64_t from,
                              const struct fl_chain_head *heads, size_t count, size_t *which,
                              uint64_t *offset) FL_MUST_USE;

/* If `found` is an INTERNAL answer: decides in a child process and reports when that gives another
 * outcome. `build` receives the build that the answer names; NULL: it is no such answer. */
enum fl_error fl_verify_internal(struct fl_verify_deciding *d, const struct fl_chain_head *head,
                                 const struct fl_decide_input *input, const struct fl_entry *found,
                                 const char **build) FL_MUST_USE;
