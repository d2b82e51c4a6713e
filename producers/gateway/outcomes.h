/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Events by their offset, for those who wait for what their action became.
 *
 * Why: on Kafka going to an offset costs tens of milliseconds, reading on costs nothing. So one
 * reader reads on behind the log's end, and what it passes is kept for a while: of many callers the
 * first one reads for all. What is older is read from its place.
 *
 * Invariants: 1. a kept record is that of its offset. Threading: any thread; one reads at a time.
 * Allocation: a copy per kept record. Limits: FL_OUTCOMES_KEPT_COUNT records of
 * FL_OUTCOMES_KEPT_SIZE_MAX bytes are kept.
 */
#include "core/arena.h"
#include "core/journal.h"

enum { FL_OUTCOMES_KEPT_COUNT = 1024, FL_OUTCOMES_KEPT_SIZE_MAX = 16 * 1024 };

struct fl_outcomes;

/* Begins at the end of events. The journal must outlive it. */
enum fl_error fl_outcomes_open(struct fl_journal *journal,
                               struct fl_outcomes **outcomes) FL_MUST_USE;
void fl_outcomes_close(struct fl_outcomes **outcomes);

/* The record at an offset, copied into the arena. FL_TIMEOUT: the journal does not answer;
 * FL_LOG_CHANGED: there is none. */
enum fl_error fl_outcomes_fetch(struct fl_outcomes *outcomes, uint64_t offset,
                                struct fl_arena *arena, struct fl_record *record) FL_MUST_USE;
