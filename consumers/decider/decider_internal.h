/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the decider share; nobody else includes it. */
#include "consumers/decider/action_queue.h"
#include "consumers/decider/appender.h"
#include "consumers/decider/crash_guard.h"
#include "consumers/decider/decider.h"
#include "consumers/runner/heartbeat.h"
#include "consumers/runner/takeover.h"
#include "core/arena.h"
#include "core/chain.h"
#include "projections/registry/decide.h"
#include "projections/store/store.h"

/* Hashes of own records that were committed and not yet read back. */
enum { UNREAD_COUNT_MAX = 262144 };

struct decider {
    struct fl_duty *duty;
    struct fl_decider_options options;
    const struct fl_view *view;
    void *fold;
    struct fl_store *store;
    struct fl_reader *events;
    struct fl_action_queue *actions;
    struct fl_appender *appender;
    struct fl_group *lease;
    struct fl_crash_guard *guard;
    struct fl_takeover takeover; /* of a rebuilt registry */
    struct fl_heartbeat heartbeat;
    struct fl_sha256 *sha;
    struct fl_arena arena;
    /* The committed state, as in the store. */
    struct fl_chain_head head;
    struct fl_position position; /* of events */
    uint64_t read_next;          /* next offset wanted from the events reader */
    bool must_seek;              /* the reader has gone past it: what it gave was not applied */
    uint64_t target;  /* no deciding before the position is here: the end offset after a conflict */
    bool standing_by; /* the rules in force are newer than ours */
    bool moving;      /* LogMoved was folded, committed or not: look before deciding on */
    bool elsewhere;   /* the log goes on at another journal than this one */
    uint8_t (*unread)[FL_HASH_SIZE]; /* ring: index = offset % UNREAD_COUNT_MAX, for read_next <=
                                        offset < position.next */
    uint8_t (*hashes)[FL_HASH_SIZE];
    char detail[FL_DETAIL_SIZE];
};

/* Tells whoever asked for it. */
void fl_decider_committed(struct decider *decider);

/* Folds a batch read from events in one transaction: own records are compared, others judged. */
enum fl_error fl_decider_follow(struct decider *decider, const struct fl_batch *batch) FL_MUST_USE;

/* Decides what the queue holds, appends, commits iff every record is where it must be. `count`:
 * actions answered; FL_OK with 0: nothing to do, or the race was lost and must be read first. */
enum fl_error fl_decider_decide(struct decider *decider, size_t *count) FL_MUST_USE;

/* decide() under the crash guard, INTERNAL after three crashes. The decision lives in the arena. */
enum fl_error fl_decider_answer(struct decider *decider, const struct fl_chain_head *head,
                                uint64_t offset, const struct fl_action *action,
                                struct fl_decision *decision) FL_MUST_USE;

/* Finds out from the committed registry whether the log goes on here; FL_OK with `elsewhere` set
 * if not. */
enum fl_error fl_decider_look_where(struct decider *decider) FL_MUST_USE;

/* Gives one valid event to the fold and sets the log id with the first. */
enum fl_error fl_decider_fold(struct decider *decider, struct fl_kv *kv,
                              const struct fl_view_input *input) FL_MUST_USE;
