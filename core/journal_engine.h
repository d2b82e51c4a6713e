/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What an engine implements, and how each is opened. Only core/journal/ and the place that reads
 * the configuration include this; everybody else uses core/journal.h.
 *
 * Each engine's object begins with a struct fl_journal (fl_reader, fl_group) and sets its `ops`.
 * The functions of core/journal.h check limits and arguments, then call these.
 */
#include "core/journal.h"

struct fl_journal_ops {
    const char *name;
    enum fl_error (*ensure_topic)(struct fl_journal *, const struct fl_topic_spec *);
    enum fl_error (*describe_topic)(struct fl_journal *, const char *, struct fl_topic_info *);
    enum fl_error (*append)(struct fl_journal *, const struct fl_append *, size_t);
    /* Both or none: without them an append is over when it has begun. */
    enum fl_error (*append_begin)(struct fl_journal *, const struct fl_append *, size_t,
                                  struct fl_pending_append **);
    enum fl_error (*append_end)(struct fl_pending_append *);
    enum fl_error (*offsets)(struct fl_journal *, const char *, uint32_t, uint64_t *, uint64_t *);
    enum fl_error (*offset_at)(struct fl_journal *, const char *, uint32_t, int64_t, uint64_t *);
    enum fl_error (*maintain)(struct fl_journal *, int64_t);
    enum fl_error (*scrub)(struct fl_journal *, const char *); /* NULL: there is nothing to do */
    enum fl_error (*delete_topic)(struct fl_journal *, const char *);
    enum fl_error (*reader_open)(struct fl_journal *, const struct fl_source *, size_t,
                                 struct fl_reader **);
    enum fl_error (*reader_poll)(struct fl_reader *, int, size_t, struct fl_batch *);
    enum fl_error (*reader_seek)(struct fl_reader *, uint32_t, uint64_t);
    void (*reader_skip_headers)(struct fl_reader *, uint32_t); /* NULL: headers are free here */
    void (*reader_wake)(struct fl_reader *);
    void (*reader_close)(struct fl_reader *);
    enum fl_error (*group_join)(struct fl_journal *, const char *, const char *,
                                struct fl_group **);
    enum fl_error (*group_poll)(struct fl_group *, int, bool *);
    enum fl_error (*group_commit)(struct fl_group *, uint32_t, uint64_t);
    enum fl_error (*group_cursor)(struct fl_group *, uint32_t, uint64_t *);
    void (*group_leave)(struct fl_group *);
    /* NULL: the engine's name will do. */
    enum fl_error (*identity)(struct fl_journal *, char out[FL_JOURNAL_IDENTITY_SIZE]);
    void (*close)(struct fl_journal *);
};

struct fl_journal {
    const struct fl_journal_ops *ops;
    char detail[512]; /* last sentence about a failure; written under the engine's own lock */
};

struct fl_reader {
    struct fl_journal *journal;
};

struct fl_pending_append {
    struct fl_journal *journal;
    enum fl_error error; /* of an engine that appends at once */
};

struct fl_group {
    struct fl_journal *journal;
};

/* Opens (and creates) the embedded journal below `directory` ("DATA/journal"). map_size: bytes of
 * address space per topic (0: 64 GiB). reserve_size: free bytes on the file system below which
 * appends answer FL_FULL (0: none), unless the topic's own file has room that retention has freed.
 * topic_prefix may be "". A process opens a directory once. */
struct fl_embedded_options {
    const char *directory;
    const char *topic_prefix;
    uint64_t map_size;
    uint64_t reserve_size;
    bool read_only;
};
enum fl_error fl_journal_open_embedded(const struct fl_embedded_options *options,
                                       struct fl_journal **journal) FL_MUST_USE;

/* Checks every invariant of an embedded topic (core/journal/embedded.h) in one read transaction:
 * CRCs, order, counts, the index of a compacted one. FL_CORRUPT with a sentence in the journal's
 * detail. Reads the whole topic. */
enum fl_error fl_journal_check_embedded(struct fl_journal *journal, const char *topic) FL_MUST_USE;

/* properties: librdkafka's names and values, pairs, NULL-terminated (NULL: none); brokers:
 * "host:port,host:port". Connects to nobody yet. FL_USAGE for a property that librdkafka does not
 * know, refuses, or that the log's safety fixes; `detail` (may be NULL) then receives the sentence,
 * which names it. */
struct fl_kafka_options {
    const char *brokers;
    const char *topic_prefix;
    const char *const *properties;
    uint32_t replication_factor; /* for topics that it creates; 0: the broker's default */
    char *detail;
    size_t detail_size;
};
enum fl_error fl_journal_open_kafka(const struct fl_kafka_options *options,
                                    struct fl_journal **journal) FL_MUST_USE;

/* In memory, for tests; faults come from core/journal_memory.h. */
enum fl_error fl_journal_open_memory(struct fl_journal **journal) FL_MUST_USE;
