/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Appends the events of a batch while the rest of it is still being decided.
 *
 * Why: the broker's time and the decider's are spent side by side. What has gathered is sent by a
 * thread while another waits for the answers, in order. Behind a part that failed nothing more is
 * sent; what is on the log by then is what anybody would have written, or void (DESIGN.md section
 * 2). Whether the batch may be committed is for the caller to say, from the offsets.
 *
 * Invariants: 1. records are appended in the order of fl_appender_add. 2. events are copied; a copy
 * lives until its part is acknowledged. Threading: one caller; the two threads are its own, and a
 * batch that fits into one part is appended by the caller. Allocation: a ring of arenas, whose
 * memory goes round while it is warm; adding waits when all of it is on its way. Limits:
 * FL_DECIDE_BATCH_COUNT_MAX records in a batch, FL_APPENDER_PART_COUNT parts of memory.
 */
#include "consumers/decider/decider.h"

enum { FL_APPENDER_PART_COUNT = 8, FL_APPENDER_PART_SIZE = 1024 * 1024 };

struct fl_appender;

/* part_size: bytes after which the threads are told to begin; 0: FL_APPENDER_PART_SIZE. */
enum fl_error fl_appender_open(struct fl_journal *journal, size_t part_size,
                               struct fl_appender **appender) FL_MUST_USE;
void fl_appender_close(struct fl_appender **appender);

/* The first record of the new batch has to get the offset `next`. What a batch before it gave up
 * must have been finished. */
void fl_appender_begin(struct fl_appender *appender, uint64_t next);

/* Copies an event as the next record of the batch. An error of the journal when a part could not be
 * appended: to decide on is in vain. */
enum fl_error fl_appender_add(struct fl_appender *appender,
                              const struct fl_record *event) FL_MUST_USE;

/* Sends nothing more; returns when nothing is on its way. True: something was handed to the
 * journal since begin. */
bool fl_appender_cancel(struct fl_appender *appender);

/* Appends the rest and waits. FL_OK: every record was acknowledged with an offset. */
enum fl_error fl_appender_finish(struct fl_appender *appender) FL_MUST_USE;

/* What became of each record, after finish or cancel: its offset, FL_OFFSET_NONE where unknown or
 * never sent. */
const uint64_t *fl_appender_offsets(const struct fl_appender *appender, uint32_t *count);
