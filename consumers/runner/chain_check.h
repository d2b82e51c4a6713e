/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Takes the records of `events` one by one and says what each is: valid, with its envelope, message
 * and answered action decoded, or void.
 *
 * Projections read events through this, and whoever else believes them: the chain rule, the check
 * that the answered action is the one the event names, and the tests for a log that is not the one
 * read before:
 * - at open and at the first void record after a valid one the record at the head's offset is read
 *   again: missing or different is FL_LOG_CHANGED;
 * - so is a sequence further above the head than a batch can be, and an action that is not there.
 * Otherwise a log that was cut and grew again looks like an endless row of void records. The
 * decider and verify decide each action again instead; the load simulator judges by the chain rule
 * alone.
 *
 * Invariants: 1. the head moves over valid records only. 2. a failed call moves nothing and may be
 * repeated with the same record. 3. an item's actions are those at the offset it names, and their
 * hash is the one it carries.
 * Threading: one thread. Allocation: open; decoding in an arena of FL_CHAIN_ARENA_SIZE_MAX.
 * Lifetime: an item lives until the next take, reset or close.
 */
#include "core/chain.h"
#include "core/journal.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"

enum {
    FL_CHAIN_ARENA_SIZE_MAX = 16 * 1024 * 1024,
    FL_CHAIN_ACTION_WAIT_MS = 5000, /* for an action that its event has overtaken on the way */
};

struct fl_chain_check;

struct fl_chain_item {
    enum fl_chain_verdict verdict;
    bool repeats_head; /* a void record with the very bytes of the head */
    uint64_t offset;
    const struct fl_record *record;
    uint8_t hash[FL_HASH_SIZE];
    /* Valid ones only: */
    const char *fault;               /* what of it does not decode; NULL: nothing */
    struct fl_envelope envelope;     /* zeroed where it is the fault */
    const ProtobufCMessage *message; /* NULL: unknown type, or a fault */
    /* And only with actions: */
    const struct fl_record *action;
    const struct fl_envelope *action_envelope; /* NULL: does not decode */
    const ProtobufCMessage *action_message;    /* NULL: unknown type, or does not decode */
};

struct fl_chain_options {
    struct fl_journal *journal;
    bool with_actions;
    struct fl_chain_head head; /* where to go on; fl_chain_init for the beginning */
};

/* Checks the head against the log. FL_LOG_CHANGED, or what the journal answers. `detail` (may be
 * NULL, FL_DETAIL_SIZE) receives the sentence. */
enum fl_error fl_chain_check_open(const struct fl_chain_options *options, char *detail,
                                  struct fl_chain_check **check) FL_MUST_USE;
void fl_chain_check_close(struct fl_chain_check **check);

/* Judges the next record; a valid one moves the head. FL_LOG_CHANGED, FL_LOG_BEHIND (the action is
 * below retention), FL_UNAVAILABLE and other answers of the journal. */
enum fl_error fl_chain_check_take(struct fl_chain_check *check, uint64_t offset,
                                  const struct fl_record *record,
                                  struct fl_chain_item *item) FL_MUST_USE;

/* Goes back (or on) to a head, after an aborted transaction. Checks nothing. */
void fl_chain_check_reset(struct fl_chain_check *check, const struct fl_chain_head *head);

const struct fl_chain_head *fl_chain_check_head(const struct fl_chain_check *check);

/* The last failure, for people. */
const char *fl_chain_check_detail(const struct fl_chain_check *check);
