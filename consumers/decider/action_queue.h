/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Actions read ahead of the decider: a thread copies them from the journal into a bounded queue, in
 * offset order and without gaps, hashes them, and wakes whoever waits.
 *
 * Why a thread: the decider waits for events; a new action must end that wait. An action stays in
 * the queue until it is released, so that after a lost race it is decided again without being read
 * again.
 *
 * Invariants: 1. the queue holds the offsets released … end without a gap. 2. a pointer handed out
 * lives until release passes its offset. Threading: one consumer; the reading thread is its own.
 * Allocation: chunks of one poll each, freed on release. Limits: FL_ACTION_QUEUE_SIZE_MAX bytes;
 * then reading pauses.
 */
#include "core/journal.h"
#include "core/port.h"

enum { FL_ACTION_QUEUE_SIZE_MAX = 16 * 1024 * 1024 };

struct fl_action_queue;

struct fl_action {
    struct fl_record record;
    uint8_t hash[FL_HASH_SIZE]; /* fl_record_hash */
};

/* Starts reading at `offset`. on_more is called by the reading thread whenever the queue stops
 * being empty, and when reading has failed for good. */
enum fl_error fl_action_queue_open(struct fl_journal *journal, uint64_t offset,
                                   void (*on_more)(void *context), void *context,
                                   struct fl_action_queue **queue) FL_MUST_USE;

/* The action at `offset`, waiting for it up to timeout_ms. FL_TIMEOUT: not there yet.
 * FL_LOG_CHANGED: the topic skips it. Otherwise why reading failed. */
enum fl_error fl_action_queue_get(struct fl_action_queue *queue, uint64_t offset, int timeout_ms,
                                  const struct fl_action **action) FL_MUST_USE;

/* Forgets everything below `offset`. */
void fl_action_queue_release(struct fl_action_queue *queue, uint64_t offset);

void fl_action_queue_close(struct fl_action_queue **queue);
