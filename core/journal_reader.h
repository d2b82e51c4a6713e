/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The journal port's second half: reading from explicit positions, and groups (who works). Included
 * by core/journal.h, which says what the port is and does not do.
 *
 * Threading: a reader or a group is used by one thread at a time; fl_reader_wake from anywhere.
 * Allocation: open allocates; polling reuses the reader's buffers.
 */
#include "core/record.h"

struct fl_journal;
struct fl_reader;
struct fl_group;

struct fl_source {
    const char *topic;
    uint32_t partition;
    uint64_t offset; /* first offset wanted */
};

struct fl_entry {
    uint32_t source; /* index into the sources of the reader */
    uint64_t offset;
    struct fl_record record;
};

struct fl_batch {
    const struct fl_entry *entries; /* live until the next poll or close of the reader */
    size_t count;
    bool at_end; /* every source stood at its end when this was filled */
};

/* Reads from explicit positions; no group, nothing committed. FL_LOG_BEHIND if an offset is below
 * the first one there, FL_LOG_CHANGED if it is above the end. */
enum fl_error fl_reader_open(struct fl_journal *journal, const struct fl_source *sources,
                             size_t source_count, struct fl_reader **reader) FL_MUST_USE;

/* Waits until there is something, at most timeout_ms (0: look once). FL_OK with count 0 after the
 * deadline. Each source's records come in offset order; between sources no order is promised.
 * size_max: stop filling past that many bytes (at least one record comes). Returns FL_INTERRUPTED
 * after fl_reader_wake. */
enum fl_error fl_reader_poll(struct fl_reader *reader, int timeout_ms, size_t size_max,
                             struct fl_batch *batch) FL_MUST_USE;

/* Moves one source; buffered records of it are dropped. */
enum fl_error fl_reader_seek(struct fl_reader *reader, uint32_t source,
                             uint64_t offset) FL_MUST_USE;

/* A hint, given before the first poll: the caller never looks at the headers of this source, so its
 * records may come with header_count 0. On Kafka headers cost an allocation each; the others have
 * them for free and ignore the hint. */
void fl_reader_skip_headers(struct fl_reader *reader, uint32_t source);

/* Makes a poll that waits (now or next) return FL_INTERRUPTED; safe from another thread and from a
 * signal handler. */
void fl_reader_wake(struct fl_reader *reader);

void fl_reader_close(struct fl_reader **reader);

/* Group membership = a lease on partition 0 of `topic`: at most one live member holds it (embedded:
 * a file lock; kafka: a consumer group). It decides who works, never what is true. */
enum fl_error fl_group_join(struct fl_journal *journal, const char *group, const char *topic,
                            struct fl_group **member) FL_MUST_USE;

/* Serves the membership and says whether this member holds the lease now; waits up to timeout_ms
 * for a change. */
enum fl_error fl_group_poll(struct fl_group *member, int timeout_ms, bool *held) FL_MUST_USE;

/* Stores the group's cursor (next offset) for (topic, partition); FL_DENIED if the lease is not
 * held. */
enum fl_error fl_group_commit(struct fl_group *member, uint32_t partition,
                              uint64_t offset) FL_MUST_USE;

/* Reads it; FL_NOT_FOUND if nothing was stored. */
enum fl_error fl_group_cursor(struct fl_group *member, uint32_t partition,
                              uint64_t *offset) FL_MUST_USE;

void fl_group_leave(struct fl_group **member);
