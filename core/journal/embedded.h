/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of the embedded engine share (embedded*.c); nobody else includes this.
 *
 * A topic is an LMDB environment `directory/<prefix><topic>/` with the tables below; the cursors of
 * groups are another, `directory/.groups/`, beside the groups' lease files. One fl_journal opens
 * each at most once and keeps it; a process must have only one fl_journal per directory (env.h).
 *
 * Invariants of a partition: 1. begin <= next. 2. no block holds an offset outside begin … next.
 * 3. blocks do not overlap. 4. `running_ms` is the greatest timestamp ever appended. 5. on a
 * compacted topic KEYS names the newest record of each key. 6. `size` is the sum of its rows.
 * Threading: `mutex` guards the topic list and is never taken inside a transaction (opening a topic
 * begins one under it); `detail_mutex` guards `detail` and is taken last.
 */
#include <pthread.h>

#include "core/journal/block.h"
#include "core/journal_engine.h"
#include "core/lmdb/txn.h"

enum {
    FL_EMBEDDED_META, /* "topic": version u8, partitions u32, compacted u8, retention ms, bytes */
    FL_EMBEDDED_PARTITIONS, /* partition u16: struct fl_partition_row as u64s */
    FL_EMBEDDED_BLOCKS,     /* block.h */
    FL_EMBEDDED_KEYS,       /* compacted topics: partition u16, record key: offset u64 */
    FL_EMBEDDED_TABLE_COUNT
};

struct fl_topic_row {
    uint32_t partition_count;
    bool compacted;
    int64_t retention_ms;
    int64_t retention_bytes;
};

struct fl_partition_row {
    uint64_t begin;
    uint64_t next;
    int64_t running_ms;
    uint64_t size;
    uint64_t superseded;         /* records that a compaction would remove now */
    uint64_t tombstone_count;    /* tombstones that are the newest of their key */
    int64_t tombstone_oldest_ms; /* the oldest timestamp among them */
    uint64_t sweep_next;         /* compaction: next offset to look at */
    uint64_t sweep_end;          /* and where this pass ends; 0: no pass is under way */
};

struct fl_embedded_topic {
    struct fl_embedded_topic *next;
    struct fl_env *env;
    struct fl_topic_row row;
    unsigned reference_count;
    bool gone; /* deleted by somebody: no longer found, closed with its last reference */
    char name[FL_TOPIC_NAME_SIZE_MAX];
};

struct fl_embedded {
    struct fl_journal base;
    pthread_mutex_t mutex;
    pthread_mutex_t detail_mutex; /* innermost: a detail is also written in a write transaction */
    struct fl_embedded_topic *topics;
    struct fl_env *groups; /* opened at the first join */
    uint64_t map_size;
    uint64_t reserve_size;
    bool read_only;
    const char *prefix;
    char *directory; /* both in one allocation behind the struct */
};

/* Writes the sentence that fl_journal_detail shows. */
void fl_embedded_detail(struct fl_embedded *journal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Path below the directory; FL_INVALID if it gets too long. */
enum fl_error fl_embedded_path(struct fl_embedded *journal, const char *name, const char *suffix,
                               char *out, size_t out_size) FL_MUST_USE;

/* Letters, digits, `.`, `_`, `-`, not starting with a dot; the prefix and it within
 * FL_TOPIC_NAME_SIZE_MAX. */
bool fl_embedded_name_is_valid(const struct fl_embedded *journal, const char *name);

/* The topic, opened at its first use; give it back with _put. */
enum fl_error fl_embedded_get(struct fl_embedded *journal, const char *name,
                              struct fl_embedded_topic **topic) FL_MUST_USE;
void fl_embedded_put(struct fl_embedded *journal, struct fl_embedded_topic *topic);

/* Begins a transaction and makes sure that the topic has not been deleted meanwhile (FL_NOT_FOUND
 * then, and the transaction has ended). */
enum fl_error fl_embedded_begin(struct fl_embedded *journal, struct fl_embedded_topic *topic,
                                bool write, struct fl_txn *txn) FL_MUST_USE;

/* Rows; a missing or short one of an existing topic is sticky FL_CORRUPT and false. */
bool fl_partition_row_get(struct fl_kv *kv, uint32_t partition, struct fl_partition_row *row);
void fl_partition_row_put(struct fl_kv *kv, uint32_t partition, const struct fl_partition_row *row);
bool fl_topic_row_get(struct fl_kv *kv, struct fl_topic_row *row);
void fl_topic_row_put(struct fl_kv *kv, const struct fl_topic_row *row);

/* The ops, by file. */
enum fl_error fl_embedded_ensure_topic(struct fl_journal *base, const struct fl_topic_spec *spec);
enum fl_error fl_embedded_describe_topic(struct fl_journal *base, const char *name,
                                         struct fl_topic_info *info);
enum fl_error fl_embedded_delete_topic(struct fl_journal *base, const char *name);
enum fl_error fl_embedded_append(struct fl_journal *base, const struct fl_append *batches,
                                 size_t batch_count);
enum fl_error fl_embedded_offsets(struct fl_journal *base, const char *name, uint32_t partition,
                                  uint64_t *begin, uint64_t *end);
enum fl_error fl_embedded_offset_at(struct fl_journal *base, const char *name, uint32_t partition,
                                    int64_t time_ms, uint64_t *offset);
enum fl_error fl_embedded_maintain(struct fl_journal *base, int64_t now_ms);
enum fl_error fl_embedded_scrub(struct fl_journal *journal, const char *topic);
enum fl_error fl_embedded_reader_open(struct fl_journal *base, const struct fl_source *sources,
                                      size_t source_count, struct fl_reader **reader);
enum fl_error fl_embedded_reader_poll(struct fl_reader *base, int timeout_ms, size_t size_max,
                                      struct fl_batch *batch);
enum fl_error fl_embedded_reader_seek(struct fl_reader *base, uint32_t source, uint64_t offset);
void fl_embedded_reader_wake(struct fl_reader *base);
void fl_embedded_reader_close(struct fl_reader *base);
enum fl_error fl_embedded_group_join(struct fl_journal *base, const char *group, const char *topic,
                                     struct fl_group **member);
enum fl_error fl_embedded_group_poll(struct fl_group *base, int timeout_ms, bool *held);
enum fl_error fl_embedded_group_commit(struct fl_group *base, uint32_t partition, uint64_t offset);
enum fl_error fl_embedded_group_cursor(struct fl_group *base, uint32_t partition, uint64_t *offset);
void fl_embedded_group_leave(struct fl_group *base);

/* A block found for a position: the row that holds `position`, or the next one behind a gap. */
struct fl_block_row {
    uint8_t key[FL_BLOCK_KEY_SIZE];
    uint64_t base;
    uint64_t last;         /* offset of its last record */
    struct fl_slice value; /* lives as the transaction says */
};

/* False if no block of the partition ends at or above `position`, or on a sticky error. */
bool fl_embedded_find(struct fl_kv *kv, uint32_t partition, uint64_t position,
                      struct fl_block_row *row);
