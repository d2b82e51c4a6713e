/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The only door to the log: topics, append, read, offsets, groups. Three engines stand behind it:
 * `embedded` (LMDB, one host), `kafka` (librdkafka) and `memory` (tests, with faults).
 *
 * It carries records and knows nothing of their meaning. Topic names here are the short ones
 * ("events"); the engine adds the configured prefix. What differs per engine is stated at the
 * function and tested by the conformance suite: on Kafka an expected offset is ignored and offsets
 * come back.
 *
 * Threading: one fl_journal may be used by several threads for append and describe; a reader or
 * group by one thread at a time. Allocation: open allocates; polling reuses the reader's buffers.
 * Limits: core/limits.h; `kafka://` and `embedded` refuse a record over FL_RECORD_SIZE_MAX with
 * FL_TOO_LARGE.
 */
#include "core/record.h"

struct fl_journal;

struct fl_topic_spec {
    const char *name; /* without prefix */
    uint32_t partition_count;
    int64_t retention_ms;    /* -1: for ever */
    int64_t retention_bytes; /* per partition; -1: unbounded */
    bool compacted;          /* newest record per key stays; a NULL value removes the key */
    int64_t compaction_ms;   /* a compacted topic made on Kafka: at most this late; 0: an hour */
};

struct fl_topic_info {
    uint32_t partition_count;
    bool compacted;
    int64_t retention_ms;
    int64_t retention_bytes;
    uint32_t replication_factor;  /* 1 on embedded and memory */
    uint32_t min_insync_replicas; /* 0: not a broker's topic (embedded and memory) */
    bool unclean_leader_election; /* true: a broker may lose what it acknowledged */
};

/* Creates the topic if it is missing; FL_EXISTS if it is there with other partitions or compaction.
 * Another retention of an existing topic is adopted (on Kafka it is the administrator's to change);
 * a compacted topic on Kafka that forgets later than a new one would is altered.
 */
enum fl_error fl_journal_ensure_topic(struct fl_journal *journal,
                                      const struct fl_topic_spec *spec) FL_MUST_USE;

/* FL_NOT_FOUND if there is no such topic. */
enum fl_error fl_journal_describe_topic(struct fl_journal *journal, const char *topic,
                                        struct fl_topic_info *info) FL_MUST_USE;

/* Checks at start what the chain rule rests on (DESIGN.md section 2): partitions and compaction as
 * in `spec`, and on a broker no unclean leader election and min.insync.replicas >= 2 where there
 * are 3 replicas. FL_USAGE with a sentence if the topic must not be used, FL_NOT_FOUND if it is not
 * there. A single replica is allowed and `warning` (may be NULL) then receives a static sentence,
 * else NULL. */
enum fl_error fl_journal_check_topic(struct fl_journal *journal, const struct fl_topic_spec *spec,
                                     const char **warning) FL_MUST_USE;

/* One batch for one partition. offsets: the caller's array of `count`, filled with each record's
 * offset, FL_OFFSET_NONE where the engine does not know it. expected_offset: FL_OFFSET_NONE, or the
 * offset that the first record must get; embedded and memory then append nothing and return
 * FL_CONFLICT if it differs; kafka ignores it. */
struct fl_append {
    const char *topic;
    uint32_t partition;
    uint32_t count;
    const struct fl_record *records;
    uint64_t expected_offset;
    uint64_t *offsets;
};

/* Appends every batch and waits until all are durable. FL_OK iff every record was acknowledged with
 * an offset. FL_UNKNOWN_OUTCOME: some may have landed (look at offsets, then read); the engine has
 * already thrown away its producer. FL_FULL: disk or reserve; nothing of the failing batch landed.
 * Batches of one call are independent: one may land while another fails (`offsets` tells). Blocks
 * when queues are full; drops nothing. FL_INVALID, with nothing of the call appended: a time before
 * 1970 or more than 5 minutes ahead, a header without a name, no key on a compacted topic. */
enum fl_error fl_journal_append(struct fl_journal *journal, const struct fl_append *batches,
                                size_t batch_count) FL_MUST_USE;

/* The same in two steps, so that the caller does something else while an engine works. Batches and
 * what they point to are borrowed until the end. Begun one after the other by one thread, appends
 * to a partition land in that order as far as they land; one that fails holds none back. begin: an
 * error means that nothing was sent and there is nothing to end. end: any thread; the result of
 * fl_journal_append. Kafka has several under way at once; embedded and memory append in begin. */
struct fl_pending_append;
enum fl_error fl_journal_append_begin(struct fl_journal *journal, const struct fl_append *batches,
                                      size_t batch_count,
                                      struct fl_pending_append **pending) FL_MUST_USE;
enum fl_error fl_journal_append_end(struct fl_pending_append **pending) FL_MUST_USE;

/* First offset still there and the offset that the next append gets (on Kafka the high watermark).
 */
enum fl_error fl_journal_offsets(struct fl_journal *journal, const char *topic, uint32_t partition,
                                 uint64_t *begin, uint64_t *end) FL_MUST_USE;

/* First offset whose record's timestamp is >= time_ms; the end offset if there is none. */
enum fl_error fl_journal_offset_at(struct fl_journal *journal, const char *topic,
                                   uint32_t partition, int64_t time_ms,
                                   uint64_t *offset) FL_MUST_USE;

/* Applies retention and compaction (embedded, memory; Kafka does it itself: FL_OK). Bounded work
 * per call. */
enum fl_error fl_journal_maintain(struct fl_journal *journal, int64_t now_ms) FL_MUST_USE;

/* Makes unreadable what retention and compaction have removed from a topic (embedded; elsewhere
 * FL_OK: Kafka deletes the files of old segments itself). FL_BUSY: a reader holds old pages. */
enum fl_error fl_journal_scrub(struct fl_journal *journal, const char *topic) FL_MUST_USE;

/* Removes a topic with all its records (migrate and tests). */
enum fl_error fl_journal_delete_topic(struct fl_journal *journal, const char *topic) FL_MUST_USE;

/* Last sentence about what went wrong, for people; lives until the next call on this journal. */
const char *fl_journal_detail(struct fl_journal *journal);

/* Which log server this is: the id of a Kafka cluster, else the engine's name. `LogMoved` names it,
 * so that no two go on with one log. */
enum { FL_JOURNAL_IDENTITY_SIZE = 128 };
enum fl_error fl_journal_identity(struct fl_journal *journal,
                                  char out[FL_JOURNAL_IDENTITY_SIZE]) FL_MUST_USE;

/* "embedded", "kafka" or "memory". */
const char *fl_journal_engine(const struct fl_journal *journal);

/* Tolerates NULL, clears the pointer. Readers and groups must be closed before. */
void fl_journal_close(struct fl_journal **journal);

/* Reading and groups. */
#include "core/journal_reader.h"
