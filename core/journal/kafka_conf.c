/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/diag.h"
#include "core/journal/kafka_internal.h"

enum { LOG_LEVEL_WARNING = 4 }; /* syslog's numbers */

struct setting {
    unsigned roles; /* bits 1 << role */
    const char *name;
    const char *value;
};

#define ALL (1u << FL_KAFKA_CONTROL | 1u << FL_KAFKA_PRODUCER | 1u << FL_KAFKA_READER | GROUP)
#define PRODUCER (1u << FL_KAFKA_PRODUCER)
#define READER (1u << FL_KAFKA_READER)
#define GROUP (1u << FL_KAFKA_GROUP)

/* Ours first, then the operator's, so that his win where they may. */
static const struct setting settings[] = {
    {ALL, "client.id", "fleetlog"},
    {ALL, "socket.nagle.disable", "true"},
    {ALL, "reconnect.backoff.ms", "100"},
    {ALL, "reconnect.backoff.max.ms", "2000"},
    {ALL, "log.connection.close", "false"},
    {PRODUCER, "enable.idempotence", "true"},
    {PRODUCER, "acks", "all"},
    /* zstd alone is never sent uncompressed in silence by librdkafka 2.0.2 to a newer broker. */
    {PRODUCER, "compression.codec", "zstd"},
    /* An append waits for its acknowledgement, so it lingers just long enough to be one request.
     * In pieces, librdkafka 2.0.2 spins: its thread does not sleep while records wait behind a
     * request that the socket has not taken yet. */
    {PRODUCER, "linger.ms", "1"},
    {READER | GROUP, "auto.offset.reset", "error"},
    {READER | GROUP, "check.crcs", "true"},
    {READER | GROUP, "enable.auto.commit", "false"},
    {READER | GROUP, "enable.auto.offset.store", "false"},
    /* Nothing here is transactional; a stranger's open transaction must not hold a view back. */
    {READER | GROUP, "isolation.level", "read_uncommitted"},
    {READER, "enable.partition.eof", "true"},
    /* An idle fetch blocks a seek and the end-of-partition report for that long. */
    {READER, "fetch.wait.max.ms", "100"},
    {READER, "fetch.error.backoff.ms", "100"},
    /* librdkafka 2.0.2 looks at a full queue again after up to a second (its #2879), so the queue
     * holds what a fold takes in about that time; all partitions of a reader share it. */
    {READER, "queued.min.messages", "1000000"},
    {READER, "queued.max.messages.kbytes", "131072"},
    {GROUP, "partition.assignment.strategy", "range"},
};

/* What the log's safety rests on, and what the engine needs to be its own. */
static const char *const fixed_names[][2] = {
    {"enable.idempotence", "true: a retry must not append twice"},
    {"acks", "all: acknowledged means on every replica in sync"},
    {"request.required.acks", "all: acknowledged means on every replica in sync"},
    {"enable.auto.commit", "false: positions are kept in the views, not at the broker"},
    {"auto.commit.enable", "false: positions are kept in the views, not at the broker"},
    {"auto.offset.reset", "error: a gap in the log is an alarm and is never jumped over"},
    {"enable.auto.offset.store", "false: positions are kept in the views, not at the broker"},
    {"check.crcs", "true: a damaged record must not be folded"},
    {"transactional.id", "unset: the chain rule replaces transactions"},
    {"isolation.level", "read_uncommitted: nothing in the log is transactional"},
    {"enable.partition.eof", "what the engine needs"},
    {"group.id", "the topic prefix and the duty's name"},
    {"group.instance.id", "unset: a restarted duty is another member"},
    {"partition.assignment.strategy", "range: a lease is one whole partition"},
    {"bootstrap.servers", "the brokers of the journal's address (kafka://HOST:PORT)"},
    {"metadata.broker.list", "the brokers of the journal's address (kafka://HOST:PORT)"},
};

/* Called by librdkafka's threads. Its lines name brokers, topics and codes, never contents. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    /* A producer is made with properties for consumers too, and says so; a fresh cluster answers
     * the first request for a producer id with "load in progress" once. Neither is trouble. */
    bool harmless = strcmp(facility, "CONFWARN") == 0 || strcmp(facility, "GETPID") == 0;
    (void)client;
    if (level <= LOG_LEVEL_WARNING && !harmless)
        fl_diag(KAFKA_TROUBLE, FL_TEXT("facility", facility), FL_TEXT("text", text));
    else
        fl_diag(KAFKA_CLIENT, FL_TEXT("facility", facility), FL_TEXT("text", text));
}

static enum fl_error set(rd_kafka_conf_t *conf, const char *name, const char *value,
                         char reason[FL_KAFKA_REASON_SIZE_MAX])
{
    char text[FL_KAFKA_REASON_SIZE_MAX / 2];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return FL_OK;
    snprintf(reason, FL_KAFKA_REASON_SIZE_MAX, "[kafka] %.64s: %s", name, text);
    return FL_USAGE;
}

static enum fl_error set_operators(rd_kafka_conf_t *conf, char **properties,
                                   char reason[FL_KAFKA_REASON_SIZE_MAX])
{
    for (size_t i = 0; properties[i] != NULL; i += 2) {
        for (size_t f = 0; f < sizeof(fixed_names) / sizeof(fixed_names[0]); f++) {
            if (strcmp(properties[i], fixed_names[f][0]) == 0) {
                snprintf(reason, FL_KAFKA_REASON_SIZE_MAX,
                         "[kafka] %s cannot be set: it is fixed to %s", fixed_names[f][0],
                         fixed_names[f][1]);
                return FL_USAGE;
            }
        }
        enum fl_error error = set(conf, properties[i], properties[i + 1], reason);
        if (error != FL_OK)
            return error;
    }
    return FL_OK;
}

static enum fl_error set_all(const struct fl_kafka *kafka, enum fl_kafka_role role,
                             const char *group, rd_kafka_conf_t *conf,
                             char reason[FL_KAFKA_REASON_SIZE_MAX])
{
    char number[32];
    enum fl_error error = FL_OK;
    for (size_t i = 0; error == FL_OK && i < sizeof(settings) / sizeof(settings[0]); i++)
        if (settings[i].roles & 1u << role)
            error = set(conf, settings[i].name, settings[i].value, reason);
    snprintf(number, sizeof(number), "%d", FL_KAFKA_GROUP_SESSION_MS);
    if (error == FL_OK && role == FL_KAFKA_GROUP)
        error = set(conf, "session.timeout.ms", number, reason);
    snprintf(number, sizeof(number), "%d", FL_KAFKA_GROUP_HEARTBEAT_MS);
    if (error == FL_OK && role == FL_KAFKA_GROUP)
        error = set(conf, "heartbeat.interval.ms", number, reason);
    if (error == FL_OK)
        error = set(conf, "message.timeout.ms", "30000", reason);
    if (error == FL_OK && kafka->brokers != NULL)
        error = set(conf, "bootstrap.servers", kafka->brokers, reason);
    if (error == FL_OK && group != NULL)
        error = set(conf, "group.id", group, reason);
    if (error == FL_OK)
        error = set_operators(conf, kafka->properties, reason);
    return error;
}

enum fl_error fl_kafka_client_open(const struct fl_kafka *kafka, enum fl_kafka_role role,
                                   const char *group, rd_kafka_conf_t *take_callbacks,
                                   rd_kafka_t **client, char reason[FL_KAFKA_REASON_SIZE_MAX])
{
    /* The control client is a consumer too: a producer would have the broker create what it asks
     * for. */
    bool consumer = role != FL_KAFKA_PRODUCER;
    char text[FL_KAFKA_REASON_SIZE_MAX / 2];
    rd_kafka_conf_t *conf = take_callbacks != NULL ? take_callbacks : rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    enum fl_error error = set_all(kafka, role, group, conf, reason);
    if (error == FL_OK) {
        rd_kafka_t *made = rd_kafka_new(consumer ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf,
                                        text, sizeof(text));
        if (made != NULL) {
            *client = made; /* which owns conf now */
            return FL_OK;
        }
        snprintf(reason, FL_KAFKA_REASON_SIZE_MAX, "[kafka] %s", text);
        error = rd_kafka_last_error() == RD_KAFKA_RESP_ERR__INVALID_ARG ? FL_USAGE : FL_NO_MEMORY;
    }
    rd_kafka_conf_destroy(conf);
    return error;
}

static int64_t get_number(rd_kafka_t *client, const char *name, int64_t otherwise)
{
    char value[32];
    size_t size = sizeof(value);
    if (rd_kafka_conf_get(rd_kafka_conf(client), name, value, &size) != RD_KAFKA_CONF_OK)
        return otherwise;
    return strtoll(value, NULL, 10);
}

enum fl_error fl_kafka_properties_check(struct fl_kafka *kafka,
                                        char reason[FL_KAFKA_REASON_SIZE_MAX])
{
    struct fl_kafka nowhere = *kafka;
    rd_kafka_t *client = NULL;
    nowhere.brokers = NULL;
    enum fl_error error =
        fl_kafka_client_open(&nowhere, FL_KAFKA_PRODUCER, NULL, NULL, &client, reason);
    if (error != FL_OK)
        return error;
    kafka->message_timeout_ms = get_number(client, "message.timeout.ms", 30000);
    if (kafka->message_timeout_ms == 0) {
        snprintf(reason, FL_KAFKA_REASON_SIZE_MAX,
                 "[kafka] message.timeout.ms=0 would wait for ever: an append must end");
        error = FL_USAGE;
    }
    kafka->control_timeout_ms = kafka->message_timeout_ms > FL_KAFKA_CONTROL_TIMEOUT_MS
                                    ? FL_KAFKA_CONTROL_TIMEOUT_MS
                                : kafka->message_timeout_ms < FL_KAFKA_CONTROL_TIMEOUT_MS_MIN
                                    ? FL_KAFKA_CONTROL_TIMEOUT_MS_MIN
                                    : (int)kafka->message_timeout_ms;
    rd_kafka_destroy(client);
    if (error != FL_OK)
        return error;
    error = fl_kafka_client_open(&nowhere, FL_KAFKA_GROUP, "check", NULL, &client, reason);
    if (error != FL_OK)
        return error;
    kafka->session_timeout_ms = get_number(client, "session.timeout.ms", FL_KAFKA_GROUP_SESSION_MS);
    rd_kafka_destroy(client);
    return FL_OK;
}
