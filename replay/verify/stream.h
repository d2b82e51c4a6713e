/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Every record of one partition between two offsets, once and in order, past what cannot be read.
 *
 * What is missing or fails the engine's check becomes a finding and is stepped over; only a journal
 * that is away ends the reading. Where retention or compaction may remove records, gaps are none.
 *
 * Threading: one thread. Allocation: the reader's. Lifetime: an entry lives until the call of next
 * that is made while `left` says 0.
 */
#include "replay/verify/verify_internal.h"

struct fl_verify_stream {
    struct fl_verify_run *run;
    enum fl_topic topic;
    uint32_t partition;
    uint64_t next; /* first offset not handed out or stepped over */
    uint64_t end;
    bool silent;    /* reports nothing: looks at what somebody else reads as well */
    bool may_lack;  /* compaction removes records */
    bool may_begin; /* retention moves the beginning */
    struct fl_reader *reader;
    struct fl_batch batch;
    size_t at;
};

enum fl_error fl_verify_stream_open(struct fl_verify_stream *stream, struct fl_verify_run *run,
                                    enum fl_topic topic, uint32_t partition,
                                    struct fl_verify_range range) FL_MUST_USE;

/* NULL: nothing is left. */
enum fl_error fl_verify_stream_next(struct fl_verify_stream *stream,
                                    const struct fl_entry **entry) FL_MUST_USE;

/* Entries that next gives before it reads on. */
size_t fl_verify_stream_left(const struct fl_verify_stream *stream);

/* Tolerates a zeroed one. */
void fl_verify_stream_close(struct fl_verify_stream *stream);
