/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/journal/kafka_internal.h"
#include "core/port.h"

enum {
    TOPIC_COUNT_MAX = 64,
    POLL_MS = 100,            /* one turn of whoever serves the delivery reports */
    REPORT_GRACE_MS = 5000,   /* past message.timeout.ms; then the messages are purged */
    VALUE_COUNT_PER_CALL = 8, /* arguments of one produce call */
};

struct topic {
    char *full_name;
    rd_kafka_topic_t *handle;
    uint32_t partition_count;
};

/* Appenders share it. The first who waits serves the delivery reports of all; the others sleep on
 * `changed` until theirs are complete or it is their turn to serve. */
struct fl_kafka_producer {
    rd_kafka_t *client;
    /* Under the journal's lock: appends at work, whether it may be taken, topics it has met. */
    unsigned references;
    bool retired;
    struct topic topics[TOPIC_COUNT_MAX];
    size_t topic_count;
    pthread_mutex_t enqueue_lock; /* one append's records stand together in the queue */
    pthread_mutex_t report_lock;
    pthread_cond_t changed;
    bool serving;
};

/* One append waiting for its reports; guarded by report_lock once records are queued. */
struct call {
    size_t outstanding;
    size_t acknowledged;
    size_t refused; /* certainly not on the log */
    size_t unknown;
    rd_kafka_resp_err_t first_code;
};

/* What a message carries through librdkafka. */
struct slot {
    struct fl_kafka_producer *producer;
    struct call *call;
    uint64_t *offset;
};

/* An append between its begin and its end. */
struct pending {
    struct fl_pending_append base;
    struct fl_kafka_producer *producer; /* referenced */
    struct call call;
    size_t count;
    bool queued; /* all of it */
    rd_kafka_topic_t **topics;
    struct slot slots[];
};

static void note(struct call *call, rd_kafka_resp_err_t code, rd_kafka_msg_status_t status)
{
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && call->first_code == RD_KAFKA_RESP_ERR_NO_ERROR)
        call->first_code = code;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && status == RD_KAFKA_MSG_STATUS_NOT_PERSISTED)
        call->refused++;
    else
        call->unknown++; /* or landed without an offset, as may be after a retry */
}

static void on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    struct slot *slot = message->_private;
    (void)client;
    (void)opaque;
    pthread_mutex_lock(&slot->producer->report_lock);
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && message->offset >= 0) {
        *slot->offset = (uint64_t)message->offset;
        slot->call->acknowledged++;
    } else {
        note(slot->call, message->err, rd_kafka_message_status(message));
    }
    if (--slot->call->outstanding == 0)
        pthread_cond_broadcast(&slot->producer->changed);
    pthread_mutex_unlock(&slot->producer->report_lock);
}

static void producer_free(struct fl_kafka_producer *producer)
{
    for (size_t i = 0; i < producer->topic_count; i++) {
        rd_kafka_topic_destroy(producer->topics[i].handle);
        free(producer->topics[i].full_name);
    }
    rd_kafka_destroy(producer->client);
    pthread_mutex_destroy(&producer->enqueue_lock);
    pthread_mutex_destroy(&producer->report_lock);
    pthread_cond_destroy(&producer->changed);
    free(producer);
}

static enum fl_error producer_new(struct fl_kafka *kafka, struct fl_kafka_producer **made)
{
    char reason[FL_KAFKA_REASON_SIZE_MAX] = "";
    pthread_condattr_t attributes;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct fl_kafka_producer *producer = calloc(1, sizeof(*producer));
    if (producer == NULL) {
        rd_kafka_conf_destroy(conf);
        return fl_kafka_fail(kafka, FL_NO_MEMORY, "no memory for a producer");
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    enum fl_error error =
        fl_kafka_client_open(kafka, FL_KAFKA_PRODUCER, NULL, conf, &producer->client, reason);
    if (error != FL_OK) {
        free(producer);
        return fl_kafka_fail(kafka, error, "%s", reason);
    }
    pthread_mutex_init(&producer->enqueue_lock, NULL);
    pthread_mutex_init(&producer->report_lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&producer->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    *made = producer;
    return FL_OK;
}

static enum fl_error producer_acquire(struct fl_kafka *kafka, struct fl_kafka_producer **producer)
{
    struct fl_kafka_producer *spare = NULL;
    pthread_mutex_lock(&kafka->lock);
    if (kafka->producer == NULL) {
        pthread_mutex_unlock(&kafka->lock);
        enum fl_error error = producer_new(kafka, &spare);
        if (error != FL_OK)
            return error;
        pthread_mutex_lock(&kafka->lock);
        if (kafka->producer == NULL) {
            kafka->producer = spare;
            spare = NULL;
        }
    }
    *producer = kafka->producer;
    (*producer)->references++;
    pthread_mutex_unlock(&kafka->lock);
    if (spare != NULL) /* another thread was faster */
        producer_free(spare);
    return FL_OK;
}

/* Takes a producer whose outcome is in doubt out of use; appends at work keep it alive. */
static void producer_retire(struct fl_kafka *kafka, struct fl_kafka_producer *producer)
{
    pthread_mutex_lock(&kafka->lock);
    producer->retired = true;
    if (kafka->producer == producer)
        kafka->producer = NULL;
    pthread_mutex_unlock(&kafka->lock);
}

static void producer_release(struct fl_kafka *kafka, struct fl_kafka_producer *producer)
{
    pthread_mutex_lock(&kafka->lock);
    producer->references--;
    bool last = producer->retired && producer->references == 0;
    pthread_mutex_unlock(&kafka->lock);
    if (last)
        producer_free(producer);
}

static bool is_retired(struct fl_kafka *kafka, const struct fl_kafka_producer *producer)
{
    pthread_mutex_lock(&kafka->lock);
    bool retired = producer->retired;
    pthread_mutex_unlock(&kafka->lock);
    return retired;
}

static void purge(struct fl_kafka_producer *producer)
{
    rd_kafka_resp_err_t code =
        rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    fl_assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
}

void fl_kafka_producer_retire(struct fl_kafka *kafka)
{
    pthread_mutex_lock(&kafka->lock);
    struct fl_kafka_producer *producer = kafka->producer;
    if (producer != NULL)
        producer->references++;
    pthread_mutex_unlock(&kafka->lock);
    if (producer == NULL)
        return;
    producer_retire(kafka, producer);
    purge(producer);
    producer_release(kafka, producer);
}

static struct topic *topic_find(struct fl_kafka_producer *producer, const char *full_name)
{
    for (size_t i = 0; i < producer->topic_count; i++)
        if (strcmp(producer->topics[i].full_name, full_name) == 0)
            return &producer->topics[i];
    return NULL;
}

/* The producer asks for the topic's leaders before its first record: librdkafka 2.0.2 would
 * otherwise hold that record back for up to a second (its #5032). */
static enum fl_error topic_open(struct fl_kafka *kafka, struct fl_kafka_producer *producer,
                                const char *full_name, struct topic *opened)
{
    const struct rd_kafka_metadata *metadata;
    enum fl_error error =
        fl_kafka_partition_count(kafka, full_name, &opened->partition_count, NULL);
    if (error != FL_OK)
        return error;
    opened->handle = rd_kafka_topic_new(producer->client, full_name, NULL);
    if (opened->handle == NULL)
        return fl_kafka_fail(kafka, FL_INVALID, "topic %s: %s", full_name,
                             rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_resp_err_t code = rd_kafka_metadata(producer->client, 0, opened->handle, &metadata,
                                                 kafka->control_timeout_ms);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_metadata_destroy(metadata);
        opened->full_name = strdup(full_name);
        if (opened->full_name != NULL)
            return FL_OK;
        error = FL_NO_MEMORY;
    } else {
        error = fl_kafka_fail(kafka, fl_kafka_error(code), "topic %s: %s", full_name,
                              rd_kafka_err2str(code));
    }
    rd_kafka_topic_destroy(opened->handle);
    return error;
}

static enum fl_error topic_get(struct fl_kafka *kafka, struct fl_kafka_producer *producer,
                               const struct fl_append *batch, rd_kafka_topic_t **handle)
{
    char full_name[FL_KAFKA_NAME_SIZE_MAX];
    fl_kafka_full_name(kafka, batch->topic, full_name);
    pthread_mutex_lock(&kafka->lock);
    struct topic *topic = topic_find(producer, full_name);
    if (topic == NULL) {
        struct topic opened = {.full_name = NULL};
        pthread_mutex_unlock(&kafka->lock);
        enum fl_error error = topic_open(kafka, producer, full_name, &opened);
        if (error != FL_OK)
            return error;
        pthread_mutex_lock(&kafka->lock);
        topic = topic_find(producer, full_name);
        if (topic == NULL) {
            fl_assert(producer->topic_count < TOPIC_COUNT_MAX);
            topic = &producer->topics[producer->topic_count++];
            *topic = opened;
        } else {
            rd_kafka_topic_destroy(opened.handle);
            free(opened.full_name);
        }
    }
    *handle = topic->handle;
    uint32_t partition_count = topic->partition_count;
    pthread_mutex_unlock(&kafka->lock);
    if (batch->partition >= partition_count)
        return fl_kafka_fail(kafka, FL_NOT_FOUND, "topic %s has %u partitions, not number %u",
                             full_name, partition_count, batch->partition);
    return FL_OK;
}

/* What this engine cannot carry, found before anything is queued: one bad record would have the
 * broker refuse its neighbours of other appends with it. */
static enum fl_error check_records(struct fl_kafka *kafka, const struct fl_append *batch)
{
    int64_t limit_ms = fl_port_wall_ms(fl_port_system()) + FL_ACTION_AHEAD_MS_MAX;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct fl_record *record = &batch->records[i];
        if (record->timestamp_ms <= 0 || record->timestamp_ms > limit_ms)
            return fl_kafka_fail(
                kafka, FL_INVALID, "topic %s: record %u of the batch: its time is %s", batch->topic,
                i, record->timestamp_ms <= 0 ? "missing" : "too far ahead of the clock");
        for (uint32_t h = 0; h < record->header_count; h++)
            if (record->headers[h].name.size == 0 ||
                memchr(record->headers[h].name.data, 0, record->headers[h].name.size) != NULL)
                return fl_kafka_fail(kafka, FL_INVALID,
                                     "topic %s: record %u of the batch: a header's name is empty "
                                     "or holds a NUL",
                                     batch->topic, i);
    }
    return FL_OK;
}

/* One turn of waiting, report_lock held: serves everybody's reports, or sleeps while another does.
 */
static void wait_turn(struct fl_kafka_producer *producer)
{
    if (producer->serving) {
        int64_t until_ms = fl_kafka_now_ms() + POLL_MS;
        struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
        pthread_cond_timedwait(&producer->changed, &producer->report_lock, &until);
        return;
    }
    producer->serving = true;
    pthread_mutex_unlock(&producer->report_lock);
    rd_kafka_poll(producer->client, POLL_MS);
    pthread_mutex_lock(&producer->report_lock);
    producer->serving = false;
    pthread_cond_broadcast(&producer->changed);
}

static rd_kafka_headers_t *make_headers(const struct fl_record *record)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (uint32_t h = 0; h < record->header_count; h++) {
        const struct fl_header *header = &record->headers[h];
        rd_kafka_resp_err_t code = rd_kafka_header_add(
            headers, (const char *)header->name.data, (ssize_t)header->name.size,
            header->value.data, (ssize_t)header->value.size);
        fl_assert(code == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    return headers;
}

/* Hands one record to librdkafka, which borrows its value until the report. */
static rd_kafka_resp_err_t produce(struct fl_kafka_producer *producer, rd_kafka_topic_t *topic,
                                   uint32_t partition, const struct fl_record *record,
                                   struct slot *slot)
{
    rd_kafka_vu_t values[VALUE_COUNT_PER_CALL] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = (int32_t)partition},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {(void *)(uintptr_t)record->key.data, record->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)record->value.data, record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = record->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = slot},
    };
    size_t count = 6;
    rd_kafka_headers_t *headers = NULL;
    if (record->header_count > 0) {
        headers = make_headers(record);
        values[count].vtype = RD_KAFKA_VTYPE_HEADERS;
        values[count++].u.headers = headers;
    }
    rd_kafka_error_t *error = rd_kafka_produceva(producer->client, values, count);
    if (error == NULL)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers != NULL) /* ownership passes with success only */
        rd_kafka_headers_destroy(headers);
    return code;
}

/* Queues every record of a batch, waiting while the local queue is full. False once one was
 * refused. */
static bool enqueue(struct fl_kafka *kafka, struct fl_kafka_producer *producer,
                    const struct fl_append *batch, rd_kafka_topic_t *topic, struct call *call,
                    struct slot *slots)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        slots[i] = (struct slot){producer, call, &batch->offsets[i]};
        pthread_mutex_lock(&producer->report_lock);
        call->outstanding++;
        pthread_mutex_unlock(&producer->report_lock);
        rd_kafka_resp_err_t code;
        while ((code = produce(producer, topic, batch->partition, &batch->records[i], &slots[i])) ==
                   RD_KAFKA_RESP_ERR__QUEUE_FULL &&
               !is_retired(kafka, producer)) {
            pthread_mutex_lock(&producer->report_lock);
            wait_turn(producer);
            pthread_mutex_unlock(&producer->report_lock);
        }
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            continue;
        pthread_mutex_lock(&producer->report_lock);
        call->outstanding--;
        note(call, code, RD_KAFKA_MSG_STATUS_NOT_PERSISTED);
        pthread_mutex_unlock(&producer->report_lock);
        return false;
    }
    return true;
}

/* Waits for every report. At the first bad one, at the deadline, or when another append found the
 * producer in doubt, what is left is purged: each message then gets its report at once. */
static void await_reports(struct fl_kafka *kafka, struct fl_kafka_producer *producer,
                          struct call *call, bool good)
{
    int64_t deadline_ms = fl_kafka_now_ms() + kafka->message_timeout_ms + REPORT_GRACE_MS;
    bool purged = false;
    pthread_mutex_lock(&producer->report_lock);
    while (call->outstanding > 0) {
        bool bad = !good || call->refused + call->unknown > 0 || fl_kafka_now_ms() > deadline_ms ||
                   is_retired(kafka, producer);
        if (bad && !purged) {
            purged = true;
            pthread_mutex_unlock(&producer->report_lock);
            producer_retire(kafka, producer);
            purge(producer);
            pthread_mutex_lock(&producer->report_lock);
        } else {
            wait_turn(producer);
        }
    }
    pthread_mutex_unlock(&producer->report_lock);
}

static enum fl_error judge(struct fl_kafka *kafka, const struct call *call, size_t count)
{
    if (call->acknowledged == count)
        return FL_OK;
    const char *why = call->first_code == RD_KAFKA_RESP_ERR_NO_ERROR
                          ? "a record landed without an offset"
                          : rd_kafka_err2str(call->first_code);
    if (call->unknown > 0 || call->acknowledged > 0)
        return fl_kafka_fail(kafka, FL_UNKNOWN_OUTCOME,
                             "%zu of %zu records acknowledged, %zu refused, the rest unknown: %s",
                             call->acknowledged, count, count - call->acknowledged - call->unknown,
                             why);
    enum fl_error error = fl_kafka_error(call->first_code);
    if (fl_error_class(error) != FL_CLASS_REJECT)
        error = FL_UNAVAILABLE;
    return fl_kafka_fail(kafka, error, "nothing was appended: %s", why);
}

static void queue_all(struct fl_kafka *kafka, struct pending *pending,
                      const struct fl_append *batches, size_t batch_count)
{
    size_t at = 0;
    pending->queued = true;
    pthread_mutex_lock(&pending->producer->enqueue_lock);
    for (size_t b = 0; pending->queued && b < batch_count; b++) {
        pending->queued = enqueue(kafka, pending->producer, &batches[b], pending->topics[b],
                                  &pending->call, pending->slots + at);
        at += batches[b].count;
    }
    pthread_mutex_unlock(&pending->producer->enqueue_lock);
}

static void pending_free(struct fl_kafka *kafka, struct pending *pending)
{
    if (pending == NULL)
        return;
    if (pending->producer != NULL)
        producer_release(kafka, pending->producer);
    free(pending->topics);
    free(pending);
}

static enum fl_error pending_new(struct fl_kafka *kafka, const struct fl_append *batches,
                                 size_t batch_count, struct pending **made)
{
    size_t count = 0;
    for (size_t b = 0; b < batch_count; b++)
        count += batches[b].count;
    struct pending *pending = malloc(sizeof(*pending) + count * sizeof(pending->slots[0]));
    if (pending == NULL)
        return fl_kafka_fail(kafka, FL_NO_MEMORY, "no memory for %zu records", count);
    *pending = (struct pending){.count = count, .topics = calloc(batch_count, sizeof(void *))};
    *made = pending;
    if (pending->topics == NULL)
        return fl_kafka_fail(kafka, FL_NO_MEMORY, "no memory for %zu records", count);
    return producer_acquire(kafka, &pending->producer);
}

enum fl_error fl_kafka_append_begin(struct fl_journal *journal, const struct fl_append *batches,
                                    size_t batch_count, struct fl_pending_append **begun)
{
    struct fl_kafka *kafka = fl_kafka_of(journal);
    struct pending *pending = NULL;
    enum fl_error error = FL_OK;
    for (size_t b = 0; error == FL_OK && b < batch_count; b++)
        error = check_records(kafka, &batches[b]);
    if (error == FL_OK)
        error = pending_new(kafka, batches, batch_count, &pending);
    for (size_t b = 0; error == FL_OK && b < batch_count; b++)
        error = topic_get(kafka, pending->producer, &batches[b], &pending->topics[b]);
    if (error != FL_OK) {
        pending_free(kafka, pending);
        return error;
    }
    pending->base.journal = journal;
    queue_all(kafka, pending, batches, batch_count);
    *begun = &pending->base;
    return FL_OK;
}

enum fl_error fl_kafka_append_end(struct fl_pending_append *begun)
{
    struct fl_kafka *kafka = fl_kafka_of(begun->journal);
    struct pending *pending = (struct pending *)begun;
    await_reports(kafka, pending->producer, &pending->call, pending->queued);
    enum fl_error error = judge(kafka, &pending->call, pending->count);
    if (error != FL_OK)
        producer_retire(kafka, pending->producer);
    pending_free(kafka, pending);
    return error;
}

enum fl_error fl_kafka_append(struct fl_journal *journal, const struct fl_append *batches,
                              size_t batch_count)
{
    struct fl_pending_append *pending = NULL;
    enum fl_error error = fl_kafka_append_begin(journal, batches, batch_count, &pending);
    return error == FL_OK ? fl_kafka_append_end(pending) : error;
}
