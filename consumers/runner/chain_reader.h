/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reads `events` from a position on, each record judged and decoded (see chain_check.h): for those
 * who read events alone (the decider, verify, reactors). Projections read several topics at once
 * and use fl_feed.
 *
 * Threading: one thread; fl_chain_reader_wake from anywhere. Allocation: open. Lifetime: an item
 * lives until the next call.
 */
#include "consumers/runner/chain_check.h"

struct fl_chain_reader;

/* Starts at `next_offset`, which is above the head's record. Errors as fl_chain_check_open. */
enum fl_error fl_chain_reader_open(const struct fl_chain_options *options, uint64_t next_offset,
                                   char *detail, struct fl_chain_reader **reader) FL_MUST_USE;
void fl_chain_reader_close(struct fl_chain_reader **reader);

/* The next record, void ones too; `*got` is false when none came for timeout_ms (0: look once).
 * FL_INTERRUPTED after wake. A failed call may be repeated. */
enum fl_error fl_chain_reader_next(struct fl_chain_reader *reader, int timeout_ms,
                                   struct fl_chain_item *item, bool *got) FL_MUST_USE;

/* Goes to a head and the offset to read from: after an aborted transaction. */
enum fl_error fl_chain_reader_reset(struct fl_chain_reader *reader,
                                    const struct fl_chain_head *head,
                                    uint64_t next_offset) FL_MUST_USE;

/* Offset of the next record. */
uint64_t fl_chain_reader_offset(const struct fl_chain_reader *reader);
const struct fl_chain_head *fl_chain_reader_head(const struct fl_chain_reader *reader);
const char *fl_chain_reader_detail(const struct fl_chain_reader *reader);

/* Makes a next that waits return FL_INTERRUPTED; safe from another thread and a signal handler. */
void fl_chain_reader_wake(struct fl_chain_reader *reader);
