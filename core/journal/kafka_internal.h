/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the files of the Kafka engine share: the journal object, its clients and small helpers.
 *
 * One journal owns a control client (metadata, admin calls, offsets; never produces) and at most
 * one current producer. A producer whose outcome is in doubt is retired: taken out of the journal,
 * purged, destroyed by the last append that uses it. Readers and groups own a client each.
 *
 * Invariants: 1. `producer` is NULL or not retired. 2. a producer lives while references > 0.
 * Threading: `lock` guards producer, sentence and what hangs on them; the control client is used by
 * any thread.
 */
#include <librdkafka/rdkafka.h>
#include <pthread.h>

#include "core/assert.h"
#include "core/journal_engine.h"

enum {
    FL_KAFKA_CONTROL_TIMEOUT_MS = 5000, /* one question for metadata or offsets, at most */
    FL_KAFKA_ADMIN_TIMEOUT_MS = 30000,  /* making or removing a topic, which all brokers must do */
    FL_KAFKA_CONTROL_TIMEOUT_MS_MIN = 1000,
    FL_KAFKA_PAUSE_MS = 20,           /* between two looks at the cluster */
    FL_KAFKA_GROUP_SESSION_MS = 8000, /* a dead member loses its lease after that */
    FL_KAFKA_GROUP_HEARTBEAT_MS = 1000,
    FL_KAFKA_NAME_SIZE_MAX = 256, /* topics and groups with prefix */
    FL_KAFKA_REASON_SIZE_MAX = 256,
};

struct fl_kafka_producer;

struct fl_kafka {
    struct fl_journal base;
    pthread_mutex_t lock;
    char *brokers;
    char *prefix;
    char **properties; /* names and values in turn, NULL-terminated */
    uint32_t replication_factor;
    int64_t message_timeout_ms;
    int64_t session_timeout_ms;
    int control_timeout_ms;
    rd_kafka_t *control;
    struct fl_kafka_producer *producer;
};

/* kafka_conf.c */

enum fl_kafka_role {
    FL_KAFKA_CONTROL,
    FL_KAFKA_PRODUCER,
    FL_KAFKA_READER,
    FL_KAFKA_GROUP,
};

/* A client for one role; group: its full id, or NULL. FL_USAGE with `reason` if a property is
 * wrong.
 */
enum fl_error fl_kafka_client_open(const struct fl_kafka *kafka, enum fl_kafka_role role,
                                   const char *group, rd_kafka_conf_t *take_callbacks,
                                   rd_kafka_t **client,
                                   char reason[FL_KAFKA_REASON_SIZE_MAX]) FL_MUST_USE;

/* Tries every role's properties without connecting; learns the time-outs that they set. */
enum fl_error fl_kafka_properties_check(struct fl_kafka *kafka,
                                        char reason[FL_KAFKA_REASON_SIZE_MAX]) FL_MUST_USE;

/* kafka_admin.c */
enum fl_error fl_kafka_ensure_topic(struct fl_journal *, const struct fl_topic_spec *);
enum fl_error fl_kafka_describe_topic(struct fl_journal *, const char *, struct fl_topic_info *);
enum fl_error fl_kafka_delete_topic(struct fl_journal *, const char *);

/* kafka_offsets.c */
enum fl_error fl_kafka_offsets(struct fl_journal *, const char *, uint32_t, uint64_t *, uint64_t *);
enum fl_error fl_kafka_offset_at(struct fl_journal *, const char *, uint32_t, int64_t, uint64_t *);

/* Partitions of a topic (full name) as the cluster sees it; FL_NOT_FOUND, FL_UNAVAILABLE.
 * `replicas` may be NULL. */
enum fl_error fl_kafka_partition_count(struct fl_kafka *kafka, const char *full_name,
                                       uint32_t *count, uint32_t *replicas) FL_MUST_USE;

/* kafka_producer.c */

/* Takes the current producer out of use; its messages are purged. Nothing if there is none. */
void fl_kafka_producer_retire(struct fl_kafka *kafka);
enum fl_error fl_kafka_append(struct fl_journal *, const struct fl_append *, size_t);
enum fl_error fl_kafka_append_begin(struct fl_journal *, const struct fl_append *, size_t,
                                    struct fl_pending_append **);
enum fl_error fl_kafka_append_end(struct fl_pending_append *);

/* kafka_reader.c */
enum fl_error fl_kafka_reader_open(struct fl_journal *, const struct fl_source *, size_t,
                                   struct fl_reader **);
enum fl_error fl_kafka_reader_poll(struct fl_reader *, int, size_t, struct fl_batch *);
enum fl_error fl_kafka_reader_seek(struct fl_reader *, uint32_t, uint64_t);
void fl_kafka_reader_skip_headers(struct fl_reader *, uint32_t);
void fl_kafka_reader_wake(struct fl_reader *);
void fl_kafka_reader_close(struct fl_reader *);

/* kafka_group.c */
enum fl_error fl_kafka_group_join(struct fl_journal *, const char *, const char *,
                                  struct fl_group **);
enum fl_error fl_kafka_group_poll(struct fl_group *, int, bool *);
enum fl_error fl_kafka_group_commit(struct fl_group *, uint32_t, uint64_t);
enum fl_error fl_kafka_group_cursor(struct fl_group *, uint32_t, uint64_t *);
void fl_kafka_group_leave(struct fl_group *);

/* kafka.c */

/* The journal behind the port's pointer. */
struct fl_kafka *fl_kafka_of(struct fl_journal *journal);

/* prefix + name. */
void fl_kafka_full_name(const struct fl_kafka *kafka, const char *name,
                        char out[FL_KAFKA_NAME_SIZE_MAX]);

/* Sets the journal's sentence; returns `error`. */
enum fl_error fl_kafka_fail(struct fl_kafka *kafka, enum fl_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The one translation of librdkafka's codes. */
enum fl_error fl_kafka_error(rd_kafka_resp_err_t code);

int64_t fl_kafka_now_ms(void);

/* A moment between two looks at what a cluster does not report by itself: whether a topic has come
 * or gone, whether a partition's leader has changed. True, so that it fits a loop's condition. */
bool fl_kafka_pause(struct fl_kafka *kafka);
