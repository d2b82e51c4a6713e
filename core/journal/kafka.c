/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal/kafka_internal.h"
#include "core/port.h"

struct fl_kafka *fl_kafka_of(struct fl_journal *journal)
{
    return (struct fl_kafka *)journal;
}

void fl_kafka_full_name(const struct fl_kafka *kafka, const char *name,
                        char out[FL_KAFKA_NAME_SIZE_MAX])
{
    int size = snprintf(out, FL_KAFKA_NAME_SIZE_MAX, "%s%s", kafka->prefix, name);
    fl_assert(size > 0 && size < FL_KAFKA_NAME_SIZE_MAX);
}

enum fl_error fl_kafka_fail(struct fl_kafka *kafka, enum fl_error error, const char *format, ...)
{
    char text[sizeof(kafka->base.detail)];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&kafka->lock);
    memcpy(kafka->base.detail, text, sizeof(text));
    pthread_mutex_unlock(&kafka->lock);
    return error;
}

/* A switch over librdkafka's hundreds of codes names only those that mean something to us. */
enum fl_error fl_kafka_error(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return FL_OK;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return FL_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
        return FL_EXISTS;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        return FL_TOO_LARGE;
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return FL_INVALID;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        return FL_DENIED;
    case RD_KAFKA_RESP_ERR__BAD_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
        return FL_CORRUPT;
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
        return FL_VERSION;
    default:
        return FL_UNAVAILABLE;
    }
}

int64_t fl_kafka_now_ms(void)
{
    return fl_port_monotonic_ms(fl_port_system());
}

bool fl_kafka_pause(struct fl_kafka *kafka)
{
    rd_kafka_queue_t *nothing = rd_kafka_queue_new(kafka->control);
    rd_kafka_event_t *event = rd_kafka_queue_poll(nothing, FL_KAFKA_PAUSE_MS);
    fl_assert(event == NULL);
    rd_kafka_queue_destroy(nothing);
    return true;
}

static enum fl_error identity(struct fl_journal *journal, char out[FL_JOURNAL_IDENTITY_SIZE])
{
    struct fl_kafka *kafka = fl_kafka_of(journal);
    char *id = rd_kafka_clusterid(kafka->control, kafka->control_timeout_ms);
    if (id == NULL)
        return fl_kafka_fail(kafka, FL_UNAVAILABLE, "the cluster does not say its id");
    snprintf(out, FL_JOURNAL_IDENTITY_SIZE, "%s", id);
    rd_kafka_mem_free(kafka->control, id);
    return FL_OK;
}

/* Kafka applies retention and compaction itself. */
static enum fl_error maintain(struct fl_journal *journal, int64_t now_ms)
{
    (void)journal;
    (void)now_ms;
    return FL_OK;
}

static void kafka_free(struct fl_kafka *kafka)
{
    for (char **text = kafka->properties; text != NULL && *text != NULL; text++)
        free(*text);
    free(kafka->properties);
    free(kafka->brokers);
    free(kafka->prefix);
    pthread_mutex_destroy(&kafka->lock);
    free(kafka);
}

static void kafka_close(struct fl_journal *journal)
{
    struct fl_kafka *kafka = fl_kafka_of(journal);
    fl_kafka_producer_retire(kafka);
    rd_kafka_destroy(kafka->control);
    kafka_free(kafka);
}

static const struct fl_journal_ops kafka_ops = {
    .name = "kafka",
    .ensure_topic = fl_kafka_ensure_topic,
    .describe_topic = fl_kafka_describe_topic,
    .append = fl_kafka_append,
    .append_begin = fl_kafka_append_begin,
    .append_end = fl_kafka_append_end,
    .offsets = fl_kafka_offsets,
    .offset_at = fl_kafka_offset_at,
    .maintain = maintain,
    .delete_topic = fl_kafka_delete_topic,
    .reader_open = fl_kafka_reader_open,
    .reader_poll = fl_kafka_reader_poll,
    .reader_seek = fl_kafka_reader_seek,
    .reader_skip_headers = fl_kafka_reader_skip_headers,
    .reader_wake = fl_kafka_reader_wake,
    .reader_close = fl_kafka_reader_close,
    .group_join = fl_kafka_group_join,
    .group_poll = fl_kafka_group_poll,
    .group_commit = fl_kafka_group_commit,
    .group_cursor = fl_kafka_group_cursor,
    .group_leave = fl_kafka_group_leave,
    .identity = identity,
    .close = kafka_close,
};

static bool copy_properties(struct fl_kafka *kafka, const char *const *properties)
{
    size_t count = 0;
    while (properties != NULL && properties[count] != NULL)
        count++;
    fl_assert(count % 2 == 0);
    kafka->properties = calloc(count + 1, sizeof(char *));
    if (kafka->properties == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        kafka->properties[i] = strdup(properties[i]);
        if (kafka->properties[i] == NULL)
            return false;
    }
    return true;
}

enum fl_error fl_journal_open_kafka(const struct fl_kafka_options *options,
                                    struct fl_journal **journal)
{
    char reason[FL_KAFKA_REASON_SIZE_MAX] = "";
    fl_assert(strlen(options->topic_prefix) < FL_TOPIC_NAME_SIZE_MAX / 2);
    struct fl_kafka *kafka = calloc(1, sizeof(*kafka));
    if (kafka == NULL)
        return FL_NO_MEMORY;
    kafka->base.ops = &kafka_ops;
    kafka->replication_factor = options->replication_factor;
    pthread_mutex_init(&kafka->lock, NULL);
    kafka->brokers = strdup(options->brokers);
    kafka->prefix = strdup(options->topic_prefix);
    enum fl_error error = FL_NO_MEMORY;
    if (copy_properties(kafka, options->properties) && kafka->brokers != NULL &&
        kafka->prefix != NULL)
        error = fl_kafka_properties_check(kafka, reason);
    if (error == FL_OK)
        error = fl_kafka_client_open(kafka, FL_KAFKA_CONTROL, NULL, NULL, &kafka->control, reason);
    if (error != FL_OK) {
        if (options->detail != NULL)
            snprintf(options->detail, options->detail_size, "%s", reason);
        kafka_free(kafka);
        return error;
    }
    *journal = &kafka->base;
    return FL_OK;
}
