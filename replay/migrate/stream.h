/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One partition of a journal, record by record from its begin to the end that it had at opening,
 * each with its rank: the number of records before it.
 *
 * Threading: one thread. Allocation: that of a reader. Limits: FL_TIMEOUT when nothing comes for
 * FL_STREAM_WAIT_MS.
 */
#include "core/journal.h"

enum { FL_STREAM_WAIT_MS = 60000, FL_STREAM_POLL_MS = 500, FL_STREAM_POLL_SIZE = 1 << 20 };

struct fl_stream {
    struct fl_reader *reader; /* NULL: the partition is empty */
    struct fl_batch batch;
    size_t index;   /* of the next entry in the batch */
    uint64_t begin; /* at opening */
    uint64_t end;
    uint64_t next;       /* offset after the last record given */
    uint64_t rank;       /* of the next record */
    int64_t progress_ms; /* when something came last */
    bool (*stopped)(void *context);
    void *context;
};

/* `stopped` may be NULL. */
enum fl_error fl_stream_open(struct fl_stream *stream, struct fl_journal *journal,
                             const char *topic, uint32_t partition, bool (*stopped)(void *context),
                             void *context) FL_MUST_USE;

/* The next record without taking it; NULL at the end. It lives until the one after it is looked at.
 * FL_TIMEOUT, FL_INTERRUPTED and what a reader returns. */
enum fl_error fl_stream_peek(struct fl_stream *stream, const struct fl_entry **entry) FL_MUST_USE;

/* Takes `count` entries of the batch that the last peek stood in. */
void fl_stream_take(struct fl_stream *stream, size_t count);

/* How many entries stand in the batch from the next one on, and the first of them. */
size_t fl_stream_buffered(const struct fl_stream *stream, const struct fl_entry **entries);

/* Tolerates a zeroed one. */
void fl_stream_close(struct fl_stream *stream);
