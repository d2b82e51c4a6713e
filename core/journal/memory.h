/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of the memory engine share (memory*.c, fault.c); nobody else includes this.
 *
 * Invariants of a partition: 1. records' offsets rise and lie in begin … next. 2. `size` is the sum
 * of their bytes.
 * Threading: everything of a log is guarded by its mutex.
 */
#include <pthread.h>

#include "core/journal_engine.h"
#include "core/journal_memory.h"

struct fl_memory_record {
    uint64_t offset;
    struct fl_record record; /* all bytes stand in the same allocation */
};

struct fl_memory_partition {
    struct fl_memory_record **records;
    size_t count;
    size_t capacity;
    uint64_t begin;
    uint64_t next;
    uint64_t size;
};

struct fl_memory_topic {
    struct fl_memory_topic *next;
    struct fl_topic_spec spec;
    uint64_t generation; /* tells a topic from a later one of the same name */
    struct fl_memory_partition *partitions;
    char name[FL_TOPIC_NAME_SIZE_MAX];
};

/* Somebody who waits: his eventfd is written whenever the log changes. */
struct fl_memory_listener {
    struct fl_memory_listener *next;
    int event;
};

/* An append that lands later. */
struct fl_memory_pending {
    struct fl_memory_pending *next;
    unsigned calls_left;
    uint32_t partition;
    struct fl_memory_record *record;
    char topic[FL_TOPIC_NAME_SIZE_MAX];
};

struct fl_memory_lease {
    struct fl_memory_lease *next;
    const void *holder;
    uint64_t *cursors; /* FL_OFFSET_NONE: none */
    size_t cursor_count;
    char name[2 * FL_TOPIC_NAME_SIZE_MAX + 2]; /* group, line feed, topic */
};

struct fl_memory_log {
    pthread_mutex_t mutex;
    const struct fl_port *port;
    struct fl_memory_topic *topics;
    struct fl_memory_listener *listeners;
    struct fl_memory_pending *pending;
    struct fl_memory_lease *leases;
    unsigned client_count;
    uint64_t generation;
    bool ignore_expected;
    bool private_to_client; /* closed with its only client */
};

struct fl_memory_client {
    struct fl_journal base;
    struct fl_memory_log *log;
};

/* With the mutex held: */
struct fl_memory_topic *fl_memory_find(struct fl_memory_log *log, const char *name);
struct fl_memory_partition *fl_memory_partition_of(struct fl_memory_log *log, const char *topic,
                                                   uint32_t partition);
size_t fl_memory_lower_bound(const struct fl_memory_partition *partition, uint64_t offset);
void fl_memory_put(struct fl_memory_partition *partition, struct fl_memory_record *record);
void fl_memory_drop(struct fl_memory_partition *partition, size_t first, size_t count);
void fl_memory_notify(struct fl_memory_log *log);

/* Counts a call and lands what is due. */
void fl_memory_tick(struct fl_memory_log *log, bool all);

/* A deep copy in one allocation. */
struct fl_memory_record *fl_memory_copy(const struct fl_record *record);

void fl_memory_listen(struct fl_memory_log *log, struct fl_memory_listener *listener);
void fl_memory_unlisten(struct fl_memory_log *log, struct fl_memory_listener *listener);

/* Waits, without the mutex, until the log has changed or the deadline has passed (then false). */
bool fl_memory_wait(struct fl_memory_listener *listener, int64_t deadline_ms);

/* The ops, by file. */
enum fl_error fl_memory_maintain(struct fl_journal *base, int64_t now_ms);
enum fl_error fl_memory_reader_open(struct fl_journal *base, const struct fl_source *sources,
                                    size_t source_count, struct fl_reader **reader);
enum fl_error fl_memory_reader_poll(struct fl_reader *base, int timeout_ms, size_t size_max,
                                    struct fl_batch *batch);
enum fl_error fl_memory_reader_seek(struct fl_reader *base, uint32_t source, uint64_t offset);
void fl_memory_reader_wake(struct fl_reader *base);
void fl_memory_reader_close(struct fl_reader *base);
enum fl_error fl_memory_group_join(struct fl_journal *base, const char *group, const char *topic,
                                   struct fl_group **member);
enum fl_error fl_memory_group_poll(struct fl_group *base, int timeout_ms, bool *held);
enum fl_error fl_memory_group_commit(struct fl_group *base, uint32_t partition, uint64_t offset);
enum fl_error fl_memory_group_cursor(struct fl_group *base, uint32_t partition, uint64_t *offset);
void fl_memory_group_leave(struct fl_group *base);
