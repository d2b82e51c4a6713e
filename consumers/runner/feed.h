/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Feeds a view: the one path by which records reach a fold, live, in a rebuild, in verify and in
 * tests.
 *
 * It applies the chain rule, gives each event with its action, parks what cannot be folded with all
 * that follows of the same key, carries out the decisions of `parked`, and keeps positions, head
 * and counts beside the view's rows. It owns no transaction and reads no topic by itself (but the
 * actions): whoever feeds it begins and commits.
 *
 *   begin; fl_feed_load; for each record fl_feed_take; (fl_feed_settle before the reader's next
 *   poll); fl_feed_flush; commit. After an abort: fl_feed_load again.
 *
 * Invariants: 1. every record moves its source's position, whatever became of it. 2. a failed take
 * moves nothing. 3. nothing of a batch is in the kv but what take and flush wrote: after flush the
 * kv holds all of it. 4. an event is never parked.
 * Threading: one thread. Allocation: open; per record only what the view and a parked record take.
 * Limits: FL_FEED_SOURCE_COUNT_MAX sources.
 */
#include "consumers/runner/chain_check.h"
#include "projections/store/meta.h"
#include "projections/view.h"

enum {
    FL_FEED_SOURCE_COUNT_MAX = FL_PARTITION_COUNT_MAX + 8,
    FL_FEED_MEMORY_DEFAULT = 64 * 1024 * 1024,
};

struct fl_feed;

struct fl_feed_options {
    const struct fl_view *view;
    struct fl_journal *journal;
    size_t memory_max; /* for the view's own memory; 0: the default above */
};

/* Learns the sources from the journal. FL_NOT_FOUND: a topic is missing. `detail` (may be NULL,
 * FL_DETAIL_SIZE) receives the sentence. */
enum fl_error fl_feed_open(const struct fl_feed_options *options, char *detail,
                           struct fl_feed **feed) FL_MUST_USE;
void fl_feed_close(struct fl_feed **feed);

/* Takes positions, head and counts from the rows; the view forgets what it held. */
enum fl_error fl_feed_load(struct fl_feed *feed, struct fl_kv *kv) FL_MUST_USE;

/* Compares the positions with the log: at start, and after a reader's FL_LOG_BEHIND.
 * FL_LOG_CHANGED: not the log that was read. FL_LOG_BEHIND: events or decisions were removed before
 * they were read. Telemetry that was removed is noted as a gap, and reading goes on behind it. */
enum fl_error fl_feed_check_log(struct fl_feed *feed, struct fl_kv *kv) FL_MUST_USE;

struct fl_feed_source {
    enum fl_topic topic;
    uint32_t partition;
    struct fl_position position;
};

/* The sources: events, telemetry by partition, subjects, history, parked, as far as the view reads
 * them. */
size_t fl_feed_source_count(const struct fl_feed *feed);
const struct fl_feed_source *fl_feed_source(const struct fl_feed *feed, size_t index);

/* A reader of the sources that `wanted` names (NULL: all), at their positions; entry.source is an
 * index into the wanted ones, given back by `index_of` (room for the source count). */
enum fl_error fl_feed_open_reader(struct fl_feed *feed, const bool *wanted, size_t *index_of,
                                  struct fl_reader **reader) FL_MUST_USE;

/* Applies one record. One below the source's position changes nothing. The record must live until
 * the next settle or flush. REJECT classes: an event that cannot be folded. FL_VERSION: an event
 * that this fold must understand and does not. FL_LOG_CHANGED; store errors; the journal's. */
enum fl_error fl_feed_take(struct fl_feed *feed, struct fl_kv *kv, size_t source, uint64_t offset,
                           const struct fl_record *record) FL_MUST_USE;

/* Tells the view of a batch's records that come soon, when record `at` is about to be taken. */
void fl_feed_prefetch(struct fl_feed *feed, const struct fl_batch *batch, size_t at);

/* Moves a source on over records that are not there (compaction), to at most `next`. */
void fl_feed_skip_to(struct fl_feed *feed, size_t source, uint64_t next);

/* Lets go of the records taken: they may be overwritten now. */
void fl_feed_settle(struct fl_feed *feed);

/* Writes what view and feed hold back; the kv is ready to be committed. */
enum fl_error fl_feed_flush(struct fl_feed *feed, struct fl_kv *kv) FL_MUST_USE;

/* Since the last load or flush. */
struct fl_feed_pending {
    uint64_t record_count;
    uint64_t size;        /* bytes */
    uint64_t event_count; /* valid events and decisions: somebody may wait for them */
};
struct fl_feed_pending fl_feed_pending(const struct fl_feed *feed);

/* True when the view asks for a commit. */
bool fl_feed_is_full(const struct fl_feed *feed);

/* The state that the view has opened: for whoever knows the view. */
void *fl_feed_state(struct fl_feed *feed);

const struct fl_chain_head *fl_feed_head(const struct fl_feed *feed);
const char *fl_feed_detail(const struct fl_feed *feed);
