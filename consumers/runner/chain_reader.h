/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Reads `events` from a position on, each record judged and decoded (see chain_check.h): for those
 * who read events alone, as `migrate` when it waits for answers. Projections read several topics at
 * once and use fl_feed.
 *
 * Threading: one thread. Allocation: open. Lifetime: an item
 * lives until the next call.
 */
#include "consumers/runner/chain_check.h"

struct fl_chain_reader;

/* Starts at `next_offset`, which is above the head's record. Errors as fl_chain_check_open. */
enum fl_error fl_chain_reader_open(const struct fl_chain_options *options, uint64_t next_offset,
                                   char *detail, struct fl_chain_reader **reader) FL_MUST_USE;
void fl_chain_reader_close(struct fl_chain_reader **reader);

/* The next record, void ones too; `*got` is false when none came for timeout_ms (0: look once). A
 * failed call may be repeated. */
enum fl_error fl_chain_reader_next(struct fl_chain_reader *reader, int timeout_ms,
                                   struct fl_chain_item *item, bool *got) FL_MUST_USE;

const struct fl_chain_head *fl_chain_reader_head(const struct fl_chain_reader *reader);
const char *fl_chain_reader_detail(const struct fl_chain_reader *reader);
