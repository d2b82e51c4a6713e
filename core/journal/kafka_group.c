/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/journal/kafka_internal.h"

/*
 * A member subscribes to the topic, and holds the lease while partition 0 is assigned to it. It
 * takes part in the group and fetches nothing: what it reads, it reads through a reader.
 *
 * A process that was stopped (SIGSTOP, a suspended machine) for longer than the session wakes up
 * without knowing that another member holds the lease by now. Its next heartbeat tells it, so after
 * such a gap it does not call itself the holder until one heartbeat has had time to be answered.
 */
struct kafka_group {
    struct fl_group base;
    rd_kafka_t *client;
    char topic[FL_KAFKA_NAME_SIZE_MAX];
    bool assigned;
    int64_t polled_ms;
    int64_t doubt_until_ms;
};

static struct fl_kafka *kafka_of(struct kafka_group *group)
{
    return fl_kafka_of(group->base.journal);
}

/* Runs inside fl_group_poll. The assignment is answered with an empty list: no fetching. */
static void on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct kafka_group *group = opaque;
    bool assigned = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS &&
                    rd_kafka_topic_partition_list_find(partitions, group->topic, 0) != NULL;
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);
    rd_kafka_assign(client, code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? none : NULL);
    rd_kafka_topic_partition_list_destroy(none);
    group->assigned = assigned;
    rd_kafka_yield(client); /* the poll that called us returns at once */
}

static enum fl_error subscribe(struct kafka_group *group)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, group->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(group->client, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? FL_OK
               : fl_kafka_fail(kafka_of(group), fl_kafka_error(code), "group on %s: %s",
                               group->topic, rd_kafka_err2str(code));
}

enum fl_error fl_kafka_group_join(struct fl_journal *journal, const char *name, const char *topic,
                                  struct fl_group **member)
{
    char full_name[FL_KAFKA_NAME_SIZE_MAX];
    char reason[FL_KAFKA_REASON_SIZE_MAX] = "";
    struct fl_kafka *kafka = fl_kafka_of(journal);
    uint32_t count;
    struct kafka_group *group = calloc(1, sizeof(*group));
    if (group == NULL)
        return FL_NO_MEMORY;
    group->base.journal = journal;
    fl_kafka_full_name(kafka, name, full_name);
    fl_kafka_full_name(kafka, topic, group->topic);
    enum fl_error error = fl_kafka_partition_count(kafka, group->topic, &count, NULL);
    if (error == FL_OK) {
        rd_kafka_conf_t *conf = rd_kafka_conf_new();
        rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
        rd_kafka_conf_set_opaque(conf, group);
        error =
            fl_kafka_client_open(kafka, FL_KAFKA_GROUP, full_name, conf, &group->client, reason);
        if (error != FL_OK)
            error = fl_kafka_fail(kafka, error, "%s", reason);
    }
    if (error == FL_OK) {
        rd_kafka_poll_set_consumer(group->client);
        error = subscribe(group);
        if (error != FL_OK)
            rd_kafka_destroy(group->client);
    }
    if (error != FL_OK) {
        free(group);
        return error;
    }
    group->polled_ms = fl_kafka_now_ms();
    *member = &group->base;
    return FL_OK;
}

static bool holds(const struct kafka_group *group)
{
    return group->assigned && fl_kafka_now_ms() >= group->doubt_until_ms;
}

enum fl_error fl_kafka_group_poll(struct fl_group *base, int timeout_ms, bool *held)
{
    struct kafka_group *group = (struct kafka_group *)base;
    int64_t now_ms = fl_kafka_now_ms();
    int64_t deadline_ms = now_ms + timeout_ms;
    bool before = holds(group);
    if (now_ms - group->polled_ms > kafka_of(group)->session_timeout_ms)
        group->doubt_until_ms = now_ms + 2 * FL_KAFKA_GROUP_HEARTBEAT_MS;
    do {
        int64_t until_ms = group->assigned && !holds(group) && group->doubt_until_ms < deadline_ms
                               ? group->doubt_until_ms
                               : deadline_ms;
        int64_t left_ms = until_ms - fl_kafka_now_ms();
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(group->client, left_ms < 0 ? 0 : (int)left_ms);
        if (message != NULL) /* errors that librdkafka retries by itself; its log has them */
            rd_kafka_message_destroy(message);
    } while (holds(group) == before && fl_kafka_now_ms() < deadline_ms);
    group->polled_ms = fl_kafka_now_ms();
    *held = holds(group);
    return FL_OK;
}

enum fl_error fl_kafka_group_commit(struct fl_group *base, uint32_t partition, uint64_t offset)
{
    struct kafka_group *group = (struct kafka_group *)base;
    if (!holds(group))
        return fl_kafka_fail(kafka_of(group), FL_DENIED, "group on %s: the lease is not held",
                             group->topic);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *cursor =
        rd_kafka_topic_partition_list_add(list, group->topic, (int32_t)partition);
    cursor->offset = (int64_t)offset;
    rd_kafka_resp_err_t code = rd_kafka_commit(group->client, list, 0);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = cursor->err;
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR
               ? FL_OK
               : fl_kafka_fail(kafka_of(group), fl_kafka_error(code), "group on %s: %s",
                               group->topic, rd_kafka_err2str(code));
}

enum fl_error fl_kafka_group_cursor(struct fl_group *base, uint32_t partition, uint64_t *offset)
{
    struct kafka_group *group = (struct kafka_group *)base;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *cursor =
        rd_kafka_topic_partition_list_add(list, group->topic, (int32_t)partition);
    rd_kafka_resp_err_t code =
        rd_kafka_committed(group->client, list, kafka_of(group)->control_timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = cursor->err;
    int64_t found = cursor->offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fl_kafka_fail(kafka_of(group), fl_kafka_error(code), "group on %s: %s", group->topic,
                             rd_kafka_err2str(code));
    if (found < 0)
        return FL_NOT_FOUND;
    *offset = (uint64_t)found;
    return FL_OK;
}

void fl_kafka_group_leave(struct fl_group *base)
{
    struct kafka_group *group = (struct kafka_group *)base;
    rd_kafka_consumer_close(group->client);
    rd_kafka_destroy(group->client);
    free(group);
}
