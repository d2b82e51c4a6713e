/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/diag.h"
#include "core/journal/kafka_internal.h"

enum {
    CONFIG_COUNT_MAX = 14,
    COMPACTION_MS = 3600 * 1000,
};

/* One admin call: options and the queue that its answer comes to. */
struct call {
    struct fl_kafka *kafka;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *answer;
    int timeout_ms;
};

static void call_begin(struct call *call, struct fl_kafka *kafka, rd_kafka_admin_op_t op)
{
    char text[128];
    bool asks = op == RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS;
    *call = (struct call){
        .kafka = kafka,
        .timeout_ms = asks ? kafka->control_timeout_ms : FL_KAFKA_ADMIN_TIMEOUT_MS,
    };
    call->options = rd_kafka_AdminOptions_new(kafka->control, op);
    call->queue = rd_kafka_queue_new(kafka->control);
    rd_kafka_resp_err_t code = rd_kafka_AdminOptions_set_request_timeout(
        call->options, call->timeout_ms, text, sizeof(text));
    fl_assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
    if (op == RD_KAFKA_ADMIN_OP_CREATETOPICS || op == RD_KAFKA_ADMIN_OP_DELETETOPICS) {
        code = rd_kafka_AdminOptions_set_operation_timeout(call->options, call->timeout_ms / 2,
                                                           text, sizeof(text));
        fl_assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
}

/* Waits for the answer; what the call as a whole came to. */
static enum fl_error call_wait(struct call *call, const char *what)
{
    /* The library answers within the request's own time-out; the second is for its scheduling. */
    call->answer = rd_kafka_queue_poll(call->queue, call->timeout_ms + 1000);
    if (call->answer == NULL)
        return fl_kafka_fail(call->kafka, FL_UNAVAILABLE, "%s: no answer from the brokers", what);
    if (rd_kafka_event_error(call->answer) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fl_kafka_fail(call->kafka, fl_kafka_error(rd_kafka_event_error(call->answer)),
                             "%s: %s", what, rd_kafka_event_error_string(call->answer));
    return FL_OK;
}

static void call_end(struct call *call)
{
    if (call->answer != NULL)
        rd_kafka_event_destroy(call->answer);
    rd_kafka_queue_destroy(call->queue);
    rd_kafka_AdminOptions_destroy(call->options);
}

enum fl_error fl_kafka_partition_count(struct fl_kafka *kafka, const char *full_name,
                                       uint32_t *count, uint32_t *replicas)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(kafka->control, full_name, NULL);
    if (topic == NULL)
        return fl_kafka_fail(kafka, FL_INVALID, "topic %s: %s", full_name,
                             rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(kafka->control, 0, topic, &metadata, kafka->control_timeout_ms);
    rd_kafka_topic_destroy(topic);
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT || code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        return fl_kafka_fail(kafka, FL_UNAVAILABLE, "no Kafka broker answers at %s",
                             kafka->brokers);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fl_kafka_fail(kafka, fl_kafka_error(code), "topic %s: %s", full_name,
                             rd_kafka_err2str(code));
    enum fl_error error = FL_OK;
    if (metadata->topic_cnt != 1)
        error = fl_kafka_fail(kafka, FL_UNAVAILABLE, "topic %s: no metadata", full_name);
    else if (metadata->topics[0].err != RD_KAFKA_RESP_ERR_NO_ERROR)
        error = fl_kafka_fail(kafka, fl_kafka_error(metadata->topics[0].err), "topic %s: %s",
                              full_name, rd_kafka_err2str(metadata->topics[0].err));
    for (int i = 0; error == FL_OK && i < metadata->topics[0].partition_cnt; i++)
        if (metadata->topics[0].partitions[i].leader < 0)
            error = fl_kafka_fail(kafka, FL_UNAVAILABLE, "topic %s: partition %d has no leader",
                                  full_name, metadata->topics[0].partitions[i].id);
    if (error == FL_OK) {
        *count = (uint32_t)metadata->topics[0].partition_cnt;
        if (replicas != NULL)
            *replicas = (uint32_t)metadata->topics[0].partitions[0].replica_cnt;
    }
    rd_kafka_metadata_destroy(metadata);
    return error;
}

/* Waits until the cluster shows the topic with a leader for each partition, or shows it no more:
 * creation and deletion are answered before every broker knows. */
static enum fl_error await_topic(struct fl_kafka *kafka, const char *full_name, bool there)
{
    int64_t deadline_ms = fl_kafka_now_ms() + FL_KAFKA_ADMIN_TIMEOUT_MS;
    enum fl_error error;
    do {
        uint32_t count = 0;
        error = fl_kafka_partition_count(kafka, full_name, &count, NULL);
        if (error == (there ? FL_OK : FL_NOT_FOUND))
            return FL_OK;
    } while (fl_kafka_now_ms() < deadline_ms && fl_kafka_pause(kafka));
    return there ? FL_UNAVAILABLE
                 : fl_kafka_fail(kafka, FL_UNAVAILABLE, "topic %s: still there", full_name);
}

/* Given each setting of a topic that has a value. */
typedef void take_config_fn(void *context, const rd_kafka_ConfigEntry_t *entry);

static void take_config(void *context, const rd_kafka_ConfigEntry_t *entry)
{
    struct fl_topic_info *info = context;
    const char *name = rd_kafka_ConfigEntry_name(entry);
    const char *value = rd_kafka_ConfigEntry_value(entry);
    if (strcmp(name, "cleanup.policy") == 0)
        info->compacted = strstr(value, "compact") != NULL;
    else if (strcmp(name, "retention.ms") == 0)
        info->retention_ms = strtoll(value, NULL, 10);
    else if (strcmp(name, "retention.bytes") == 0)
        info->retention_bytes = strtoll(value, NULL, 10);
    else if (strcmp(name, "min.insync.replicas") == 0)
        info->min_insync_replicas = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(name, "unclean.leader.election.enable") == 0)
        info->unclean_leader_election = strcmp(value, "true") == 0;
}

static enum fl_error describe_configs(struct fl_kafka *kafka, const char *full_name,
                                      take_config_fn *take, void *context)
{
    struct call call;
    size_t count = 0;
    rd_kafka_ConfigResource_t *asked =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, full_name);
    call_begin(&call, kafka, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_DescribeConfigs(kafka->control, &asked, 1, call.options, call.queue);
    enum fl_error error = call_wait(&call, full_name);
    if (error == FL_OK) {
        const rd_kafka_ConfigResource_t **resources = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(call.answer), &count);
        fl_assert(count == 1);
        rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(resources[0]);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            error = fl_kafka_fail(kafka, fl_kafka_error(code), "topic %s: %s", full_name,
                                  rd_kafka_err2str(code));
        const rd_kafka_ConfigEntry_t **entries =
            rd_kafka_ConfigResource_configs(resources[0], &count);
        for (size_t i = 0; error == FL_OK && i < count; i++)
            if (rd_kafka_ConfigEntry_value(entries[i]) != NULL)
                take(context, entries[i]);
    }
    rd_kafka_ConfigResource_destroy(asked);
    call_end(&call);
    return error;
}

enum fl_error fl_kafka_describe_topic(struct fl_journal *journal, const char *topic,
                                      struct fl_topic_info *info)
{
    struct fl_kafka *kafka = fl_kafka_of(journal);
    char full_name[FL_KAFKA_NAME_SIZE_MAX];
    fl_kafka_full_name(kafka, topic, full_name);
    enum fl_error error = fl_kafka_partition_count(kafka, full_name, &info->partition_count,
                                                   &info->replication_factor);
    return error == FL_OK ? describe_configs(kafka, full_name, take_config, info) : error;
}

struct config {
    const char *name;
    char value[32];
};

/* What a new topic is made with; returns how many. */
static size_t new_configs(const struct fl_kafka *kafka, const struct fl_topic_spec *spec,
                          struct config configs[CONFIG_COUNT_MAX])
{
    size_t count = 0;
#define CONFIG(config_name, ...)                                                                   \
    do {                                                                                           \
        configs[count].name = config_name;                                                         \
        snprintf(configs[count++].value, sizeof(configs[0].value), __VA_ARGS__);                   \
    } while (0)
    CONFIG("cleanup.policy", "%s", spec->compacted ? "compact" : "delete");
    CONFIG("retention.ms", "%" PRId64, spec->retention_ms);
    CONFIG("retention.bytes", "%" PRId64, spec->retention_bytes);
    CONFIG("unclean.leader.election.enable", "false");
    CONFIG("message.timestamp.type", "CreateTime");
    CONFIG("message.timestamp.after.max.ms", "%d", FL_ACTION_AHEAD_MS_MAX);
    CONFIG("max.message.bytes", "%d", 2 * FL_RECORD_SIZE_MAX);
    if (kafka->replication_factor > 0)
        CONFIG("min.insync.replicas", "%d", kafka->replication_factor >= 3 ? 2 : 1);
    /* What was erased must leave the disk within a day although the topic is quiet. */
    if (spec->compacted) {
        int64_t lag_ms = spec->compaction_ms > 0 ? spec->compaction_ms : COMPACTION_MS;
        /* The segment that is written to is never compacted: it has to end first. */
        CONFIG("max.compaction.lag.ms", "%" PRId64, lag_ms);
        CONFIG("segment.ms", "%" PRId64, lag_ms / 4 + 1);
        CONFIG("min.cleanable.dirty.ratio", "%s", "0.01");
        CONFIG("file.delete.delay.ms", "%" PRId64, lag_ms < 60000 ? lag_ms : 60000);
    }
#undef CONFIG
    return count;
}

static enum fl_error create(struct fl_kafka *kafka, const char *full_name,
                            const struct fl_topic_spec *spec)
{
    struct config configs[CONFIG_COUNT_MAX];
    struct call call;
    char text[256];
    size_t count;
    int replicas = kafka->replication_factor == 0 ? -1 : (int)kafka->replication_factor;
    rd_kafka_NewTopic_t *asked =
        rd_kafka_NewTopic_new(full_name, (int)spec->partition_count, replicas, text, sizeof(text));
    if (asked == NULL)
        return fl_kafka_fail(kafka, FL_INVALID, "topic %s: %s", full_name, text);
    size_t config_count = new_configs(kafka, spec, configs);
    for (size_t i = 0; i < config_count; i++) {
        rd_kafka_resp_err_t code =
            rd_kafka_NewTopic_set_config(asked, configs[i].name, configs[i].value);
        fl_assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    call_begin(&call, kafka, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_CreateTopics(kafka->control, &asked, 1, call.options, call.queue);
    enum fl_error error = call_wait(&call, full_name);
    if (error == FL_OK) {
        const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(
            rd_kafka_event_CreateTopics_result(call.answer), &count);
        fl_assert(count == 1);
        if (rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
            error = fl_kafka_fail(kafka, fl_kafka_error(rd_kafka_topic_result_error(results[0])),
                                  "topic %s: %s", full_name,
                                  rd_kafka_topic_result_error_string(results[0]));
    }
    rd_kafka_NewTopic_destroy(asked);
    call_end(&call);
    return error;
}

/* Settings of how soon a compacted topic forgets: what is above ours forgets too late. */
static const char *const forgetting[] = {"max.compaction.lag.ms", "segment.ms",
                                         "min.cleanable.dirty.ratio", "file.delete.delay.ms"};

static const struct config *config_of(const struct config *configs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(configs[i].name, name) == 0)
            return &configs[i];
    return NULL;
}

static bool is_one_of_forgetting(const char *name)
{
    for (size_t i = 0; i < sizeof(forgetting) / sizeof(forgetting[0]); i++)
        if (strcmp(forgetting[i], name) == 0)
            return true;
    return false;
}

/* What differs, in words, and the topic's own settings, those that differ replaced: AlterConfigs
 * takes back whatever it is not given. */
struct late {
    struct config wanted[CONFIG_COUNT_MAX];
    size_t wanted_count;
    rd_kafka_ConfigResource_t *altered;
    size_t size;
    char text[256];
};

static void take_late(void *context, const rd_kafka_ConfigEntry_t *entry)
{
    struct late *late = context;
    const char *name = rd_kafka_ConfigEntry_name(entry);
    const char *value = rd_kafka_ConfigEntry_value(entry);
    const struct config *ours = config_of(late->wanted, late->wanted_count, name);
    bool is_own = rd_kafka_ConfigEntry_source(entry) == RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
    bool is_late = ours != NULL && is_one_of_forgetting(name) &&
                   strtod(value, NULL) > strtod(ours->value, NULL);
    if (is_own || is_late)
        (void)rd_kafka_ConfigResource_set_config(late->altered, name,
                                                 is_late ? ours->value : value);
    if (is_late && late->size < sizeof(late->text))
        late->size += (size_t)snprintf(late->text + late->size, sizeof(late->text) - late->size,
                                       "%s%s=%s (is %s)", late->size == 0 ? "" : ", ", name,
                                       ours->value, value);
}

static enum fl_error alter(struct fl_kafka *kafka, const char *full_name,
                           rd_kafka_ConfigResource_t *altered)
{
    struct call call;
    size_t count = 0;
    call_begin(&call, kafka, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_AlterConfigs(kafka->control, &altered, 1, call.options, call.queue);
    enum fl_error error = call_wait(&call, full_name);
    if (error == FL_OK) {
        const rd_kafka_ConfigResource_t **results = rd_kafka_AlterConfigs_result_resources(
            rd_kafka_event_AlterConfigs_result(call.answer), &count);
        rd_kafka_resp_err_t code =
            count == 1 ? rd_kafka_ConfigResource_error(results[0]) : RD_KAFKA_RESP_ERR_UNKNOWN;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            error = fl_kafka_fail(kafka, fl_kafka_error(code), "topic %s: %s", full_name,
                                  rd_kafka_err2str(code));
    }
    call_end(&call);
    return error;
}

/* A compacted topic that was made by others, or for another compaction, forgets as soon as a new
 * one would. Where we may not say so, the administrator is told what to say. */
static enum fl_error forget_in_time(struct fl_kafka *kafka, const char *full_name,
                                    const struct fl_topic_spec *spec)
{
    struct late late = {.altered = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, full_name)};
    late.wanted_count = new_configs(kafka, spec, late.wanted);
    enum fl_error error = describe_configs(kafka, full_name, take_late, &late);
    if (error == FL_OK && late.size != 0) {
        error = alter(kafka, full_name, late.altered);
        if (error == FL_OK)
            fl_diag(TOPIC_ALTERED, FL_TEXT("topic", full_name), FL_TEXT("set", late.text));
        else if (error == FL_DENIED)
            fl_diag(TOPIC_FORGETS_LATE, FL_TEXT("topic", full_name), FL_TEXT("set", late.text));
        error = error == FL_DENIED ? FL_OK : error;
    }
    rd_kafka_ConfigResource_destroy(late.altered);
    return error;
}

enum fl_error fl_kafka_ensure_topic(struct fl_journal *journal, const struct fl_topic_spec *spec)
{
    struct fl_kafka *kafka = fl_kafka_of(journal);
    struct fl_topic_info info = {.partition_count = 0};
    char full_name[FL_KAFKA_NAME_SIZE_MAX];
    fl_kafka_full_name(kafka, spec->name, full_name);
    enum fl_error error = fl_kafka_describe_topic(journal, spec->name, &info);
    if (error == FL_NOT_FOUND) {
        error = create(kafka, full_name, spec);
        if (error != FL_OK && error != FL_EXISTS) /* another process may have been faster */
            return error;
        error = await_topic(kafka, full_name, true);
        if (error == FL_OK)
            error = fl_kafka_describe_topic(journal, spec->name, &info);
    }
    if (error != FL_OK)
        return error;
    if (info.partition_count != spec->partition_count || info.compacted != spec->compacted)
        return fl_kafka_fail(
            kafka, FL_EXISTS, "topic %s is there with %u partitions and cleanup.policy=%s",
            full_name, info.partition_count, info.compacted ? "compact" : "delete");
    return spec->compacted ? forget_in_time(kafka, full_name, spec) : FL_OK;
}

enum fl_error fl_kafka_delete_topic(struct fl_journal *journal, const char *topic)
{
    struct fl_kafka *kafka = fl_kafka_of(journal);
    struct call call;
    size_t count;
    char full_name[FL_KAFKA_NAME_SIZE_MAX];
    fl_kafka_full_name(kafka, topic, full_name);
    rd_kafka_DeleteTopic_t *asked = rd_kafka_DeleteTopic_new(full_name);
    call_begin(&call, kafka, RD_KAFKA_ADMIN_OP_DELETETOPICS);
    rd_kafka_DeleteTopics(kafka->control, &asked, 1, call.options, call.queue);
    enum fl_error error = call_wait(&call, full_name);
    if (error == FL_OK) {
        const rd_kafka_topic_result_t **results = rd_kafka_DeleteTopics_result_topics(
            rd_kafka_event_DeleteTopics_result(call.answer), &count);
        fl_assert(count == 1);
        if (rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
            error = fl_kafka_fail(kafka, fl_kafka_error(rd_kafka_topic_result_error(results[0])),
                                  "topic %s: %s", full_name,
                                  rd_kafka_topic_result_error_string(results[0]));
    }
    rd_kafka_DeleteTopic_destroy(asked);
    call_end(&call);
    /* A topic made again under the same name knows nothing of the producer's sequence numbers. */
    if (error == FL_OK)
        fl_kafka_producer_retire(kafka);
    return error == FL_OK ? await_topic(kafka, full_name, false) : error;
}
