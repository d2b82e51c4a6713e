/* SPDX-License-Identifier: Apache-2.0 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/limits.h"
#include "tests/bench/bench.h"

enum { BATCH_COUNT = 10000, POLL_MS = 1000, FLUSH_MS = 120000, IDLE_COUNT_MAX = 60 };

static rd_kafka_t *producer;
static rd_kafka_topic_t *produced;

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char reason[256];
    if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) != RD_KAFKA_CONF_OK)
        bench_fail("librdkafka: %s", reason);
}

static rd_kafka_t *client(const struct bench *bench, rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char reason[256];
    set(conf, "bootstrap.servers", bench->brokers);
    set(conf, "log_level", "4");
    set(conf, "socket.nagle.disable", "true");
    rd_kafka_t *opened = rd_kafka_new(type, conf, reason, sizeof(reason));
    if (opened == NULL)
        bench_fail("librdkafka: %s", reason);
    return opened;
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    (void)rk;
    (void)opaque;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
        bench_fail("a record was not acknowledged: %s", rd_kafka_err2str(message->err));
}

void raw_produce_begin(const struct bench *bench, const char *topic)
{
    char name[FL_TOPIC_NAME_SIZE_MAX];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "compression.codec", "zstd");
    set(conf, "linger.ms", "5");
    set(conf, "queue.buffering.max.messages", "500000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    producer = client(bench, RD_KAFKA_PRODUCER, conf);
    snprintf(name, sizeof(name), "fleetlog.%s", topic);
    produced = rd_kafka_topic_new(producer, name, NULL);
    if (produced == NULL)
        bench_fail("librdkafka: no topic %s", name);
}

static rd_kafka_headers_t *headers_of(const struct fl_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (uint32_t i = 0; i < record->header_count; i++) {
        const struct fl_header *header = &record->headers[i];
        (void)rd_kafka_header_add(headers, (const char *)header->name.data,
                                  (ssize_t)header->name.size, header->value.data,
                                  (ssize_t)header->value.size);
    }
    return headers;
}

static void produce_one(const struct fl_record *record, uint32_t partition)
{
    rd_kafka_resp_err_t error;
    rd_kafka_headers_t *headers = headers_of(record);
    do {
        error = rd_kafka_producev(
            producer, RD_KAFKA_V_RKT(produced), RD_KAFKA_V_PARTITION((int32_t)partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY(record->key.data, record->key.size),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)record->value.data, record->value.size),
            RD_KAFKA_V_TIMESTAMP(record->timestamp_ms), RD_KAFKA_V_HEADERS(headers),
            RD_KAFKA_V_END);
        if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(producer, POLL_MS);
    } while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR)
        bench_fail("produce: %s", rd_kafka_err2str(error));
}

void raw_produce(const struct load *load)
{
    for (size_t i = 0; i < load->count; i++) {
        produce_one(&load->records[i], load->partitions[i]);
        if (i % 1000 == 0)
            rd_kafka_poll(producer, 0);
    }
}

void raw_produce_end(void)
{
    if (rd_kafka_flush(producer, FLUSH_MS) != RD_KAFKA_RESP_ERR_NO_ERROR)
        bench_fail("the producer does not come to an end");
    rd_kafka_topic_destroy(produced);
    rd_kafka_destroy(producer);
}

void raw_drop(const struct bench *bench, const char *topic, uint64_t count)
{
    static rd_kafka_message_t *messages[BATCH_COUNT];
    char name[FL_TOPIC_NAME_SIZE_MAX];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "check.crcs", "true");
    set(conf, "enable.auto.commit", "false");
    set(conf, "queued.min.messages", "1000000");
    set(conf, "queued.max.messages.kbytes", "131072");
    rd_kafka_t *consumer = client(bench, RD_KAFKA_CONSUMER, conf);
    snprintf(name, sizeof(name), "fleetlog.%s", topic);
    rd_kafka_topic_t *read = rd_kafka_topic_new(consumer, name, NULL);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(consumer);
    for (uint32_t p = 0; p < bench->partition_count; p++)
        if (rd_kafka_consume_start_queue(read, (int32_t)p, 0, queue) != 0)
            bench_fail("consume: %s", rd_kafka_err2str(rd_kafka_last_error()));
    unsigned idle = 0;
    for (uint64_t got = 0; got < count;) {
        ssize_t size = rd_kafka_consume_batch_queue(queue, POLL_MS, messages, BATCH_COUNT);
        for (ssize_t i = 0; i < size; i++) {
            got += messages[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR;
            rd_kafka_message_destroy(messages[i]);
        }
        idle = size > 0 ? 0 : idle + 1;
        if (idle > IDLE_COUNT_MAX)
            bench_fail("only %llu of %llu records came", (unsigned long long)got,
                       (unsigned long long)count);
    }
    for (uint32_t p = 0; p < bench->partition_count; p++)
        (void)rd_kafka_consume_stop(read, (int32_t)p);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(read);
    rd_kafka_destroy(consumer);
}
