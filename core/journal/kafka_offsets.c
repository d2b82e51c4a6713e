/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal/kafka_internal.h"

static enum fl_error fail(struct fl_kafka *kafka, rd_kafka_resp_err_t code, const char *full_name,
                          uint32_t partition)
{
    return fl_kafka_fail(kafka, fl_kafka_error(code), "topic %s, partition %u: %s", full_name,
                         partition, rd_kafka_err2str(code));
}

/* librdkafka waits out its time-out for a topic that is not there; the metadata answers at once. */
static enum fl_error check_partition(struct fl_kafka *kafka, const char *full_name,
                                     uint32_t partition)
{
    uint32_t count = 0;
    enum fl_error error = fl_kafka_partition_count(kafka, full_name, &count, NULL);
    if (error == FL_OK && partition >= count)
        return fl_kafka_fail(kafka, FL_NOT_FOUND, "topic %s has %u partitions, not number %u",
                             full_name, count, partition);
    return error;
}

/* A broker that has just become the leader, or is no longer, says so for a moment. */
static bool is_moving(rd_kafka_resp_err_t code)
{
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return true;
    default:
        return false;
    }
}

enum fl_error fl_kafka_offsets(struct fl_journal *journal, const char *topic, uint32_t partition,
                               uint64_t *begin, uint64_t *end)
{
    struct fl_kafka *kafka = fl_kafka_of(journal);
    char full_name[FL_KAFKA_NAME_SIZE_MAX];
    int64_t deadline_ms = fl_kafka_now_ms() + kafka->control_timeout_ms;
    int64_t low = -1;
    int64_t high = -1;
    rd_kafka_resp_err_t code;
    fl_kafka_full_name(kafka, topic, full_name);
    do {
        enum fl_error error = check_partition(kafka, full_name, partition);
        if (error != FL_OK)
            return error;
        code = rd_kafka_query_watermark_offsets(kafka->control, full_name, (int32_t)partition, &low,
                                                &high, kafka->control_timeout_ms);
    } while (is_moving(code) && fl_kafka_now_ms() < deadline_ms && fl_kafka_pause(kafka));
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail(kafka, code, full_name, partition);
    if (low < 0 || high < low)
        return fl_kafka_fail(kafka, FL_UNAVAILABLE,
                             "topic %s, partition %u: the broker does not know its offsets",
                             full_name, partition);
    *begin = (uint64_t)low;
    *end = (uint64_t)high;
    return FL_OK;
}

enum fl_error fl_kafka_offset_at(struct fl_journal *journal, const char *topic, uint32_t partition,
                                 int64_t time_ms, uint64_t *offset)
{
    struct fl_kafka *kafka = fl_kafka_of(journal);
    char full_name[FL_KAFKA_NAME_SIZE_MAX];
    uint64_t begin;
    uint64_t end;
    fl_kafka_full_name(kafka, topic, full_name);
    enum fl_error error = fl_kafka_offsets(journal, topic, partition, &begin, &end);
    if (error != FL_OK)
        return error;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *asked =
        rd_kafka_topic_partition_list_add(list, full_name, (int32_t)partition);
    asked->offset = time_ms < 0 ? 0 : time_ms; /* negative times are librdkafka's own words */
    rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(kafka->control, list, kafka->control_timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = asked->err;
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        *offset = asked->offset < 0 ? end : (uint64_t)asked->offset;
    rd_kafka_topic_partition_list_destroy(list);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? FL_OK : fail(kafka, code, full_name, partition);
}
