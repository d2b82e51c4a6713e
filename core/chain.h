/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The chain rule (DESIGN.md section 2): which records of the events topic are valid.
 *
 * A record is valid iff its `ce_previous` is the hash of the head, and its `ce_sequence` and
 * `ce_action` are one above the head's. Everything else is void; a record that extends the head but
 * fails the second condition (or repeats a header name) is void with an alarm, because a faulty
 * decider wrote it. This module reads headers and hashes only; it does not know what an event
 * means.
 *
 * Invariants: 1. head.sequence is the number of valid events so far. 2. head.hash is 32 zero bytes
 * iff head.sequence is 0. 3. head.action is the number of actions answered so far, which equals
 * head.sequence. Threading: pure. Allocation: none.
 */
#include "core/record.h"

struct fl_chain_head {
    uint64_t sequence;          /* valid events so far = the next event's ce_sequence */
    uint64_t action;            /* actions answered so far = offset of the next action to answer */
    uint64_t offset;            /* offset of the head's record; FL_OFFSET_NONE before the first */
    int64_t time_ms;            /* ce_time of the head; 0 before the first */
    uint8_t hash[FL_HASH_SIZE]; /* hash of the head's record */
};

enum fl_chain_verdict {
    FL_CHAIN_VALID,
    FL_CHAIN_VOID,       /* does not extend the head: a duplicate, a zombie's record, junk */
    FL_CHAIN_VOID_ALARM, /* extends the head and breaks the rule: a faulty decider */
};

/* The head before the first event. */
void fl_chain_init(struct fl_chain_head *head);

/* Judges `record` at `offset` against `head` without moving it. `hash` receives the record's hash
 * (computed for every record, valid or not). */
enum fl_chain_verdict fl_chain_judge(const struct fl_chain_head *head, struct fl_sha256 *state,
                                     const struct fl_record *record, uint8_t hash[FL_HASH_SIZE]);

/* Moves the head over a record that was judged FL_CHAIN_VALID. */
void fl_chain_advance(struct fl_chain_head *head, const struct fl_record *record, uint64_t offset,
                      const uint8_t hash[FL_HASH_SIZE]);

enum { FL_CHAIN_HEAD_SIZE = 8 + 8 + 8 + 8 + FL_HASH_SIZE };

/* Stored form: four u64 big-endian and the hash. */
void fl_chain_encode(const struct fl_chain_head *head, uint8_t out[FL_CHAIN_HEAD_SIZE]);
bool fl_chain_decode(struct fl_slice bytes, struct fl_chain_head *head);
