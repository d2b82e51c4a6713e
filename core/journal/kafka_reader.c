/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/diag.h"
#include "core/journal/kafka_internal.h"

/*
 * A reader is librdkafka's simple consumer: explicit positions, no group, no coordinator. All its
 * partitions feed one queue, which is drained by the batch; entries point into the messages, which
 * are destroyed at the next poll. librdkafka writes to an eventfd when the queue gets something, so
 * one poll(2) waits for records and for fl_reader_wake alike.
 *
 * messages[0 .. handed) are with the caller, messages[handed .. count) wait for the next poll.
 */
enum {
    MESSAGE_COUNT_MAX = 4096,
    HEADER_ARENA_SIZE_MAX = MESSAGE_COUNT_MAX * FL_HEADER_COUNT_MAX * (int)sizeof(struct fl_header),
};

struct topic {
    char *full_name;
    rd_kafka_topic_t *handle;
    uint32_t *source_of_partition; /* UINT32_MAX: not read */
    uint32_t partition_count;
};

struct source {
    struct topic *topic;
    int32_t partition;
    bool started;
    bool skip_headers;
    uint64_t next;        /* offset after the last record handed out or skipped */
    uint64_t end_at_open; /* what at_end means at least */
    enum fl_error failed; /* stays until a seek */
};

struct kafka_reader {
    struct fl_reader base;
    rd_kafka_t *client;
    rd_kafka_queue_t *queue;
    int filled_fd; /* the queue has something */
    int wake_fd;
    atomic_bool woken;
    enum fl_error lost; /* a topic is gone or forbidden; stays */
    struct topic *topics;
    size_t topic_count;
    struct source *sources;
    size_t source_count;
    struct fl_arena headers;
    size_t count;
    size_t handed;
    rd_kafka_message_t *messages[MESSAGE_COUNT_MAX];
    struct fl_entry entries[MESSAGE_COUNT_MAX];
};

static struct fl_kafka *kafka_of(struct kafka_reader *reader)
{
    return fl_kafka_of(reader->base.journal);
}

/* The short name of a source's topic, as the port's callers know it. */
static const char *short_name(struct kafka_reader *reader, const struct source *source)
{
    return source->topic->full_name + strlen(kafka_of(reader)->prefix);
}

/* Whether a source may start at `offset`; learns its end. */
static enum fl_error check_position(struct kafka_reader *reader, struct source *source,
                                    uint64_t offset)
{
    uint64_t begin;
    uint64_t end;
    const char *name = short_name(reader, source);
    enum fl_error error =
        fl_kafka_offsets(reader->base.journal, name, (uint32_t)source->partition, &begin, &end);
    if (error != FL_OK)
        return error;
    if (offset < begin || offset > end)
        return fl_kafka_fail(kafka_of(reader), offset < begin ? FL_LOG_BEHIND : FL_LOG_CHANGED,
                             "topic %s, partition %d holds offsets %llu to %llu; %llu was wanted",
                             name, source->partition, (unsigned long long)begin,
                             (unsigned long long)end, (unsigned long long)offset);
    source->next = offset;
    source->end_at_open = end;
    return FL_OK;
}

static struct topic *topic_find(struct kafka_reader *reader, const char *full_name)
{
    for (size_t i = 0; i < reader->topic_count; i++)
        if (strcmp(reader->topics[i].full_name, full_name) == 0)
            return &reader->topics[i];
    return NULL;
}

static enum fl_error topic_add(struct kafka_reader *reader, const char *full_name)
{
    const struct rd_kafka_metadata *metadata;
    struct topic *topic = &reader->topics[reader->topic_count];
    enum fl_error error =
        fl_kafka_partition_count(kafka_of(reader), full_name, &topic->partition_count, NULL);
    if (error != FL_OK)
        return error;
    topic->full_name = strdup(full_name);
    topic->source_of_partition = malloc(topic->partition_count * sizeof(uint32_t));
    reader->topic_count++; /* what it holds is freed at close from here on */
    if (topic->full_name == NULL || topic->source_of_partition == NULL)
        return FL_NO_MEMORY;
    memset(topic->source_of_partition, 0xff, topic->partition_count * sizeof(uint32_t));
    rd_kafka_topic_conf_t *conf = rd_kafka_default_topic_conf_dup(reader->client);
    rd_kafka_topic_conf_set_opaque(conf, topic);
    topic->handle = rd_kafka_topic_new(reader->client, full_name, conf);
    if (topic->handle == NULL) {
        rd_kafka_topic_conf_destroy(conf);
        return fl_kafka_fail(kafka_of(reader), FL_INVALID, "topic %s: %s", full_name,
                             rd_kafka_err2str(rd_kafka_last_error()));
    }
    /* With the leaders known beforehand the first fetch goes out at once. */
    rd_kafka_resp_err_t code = rd_kafka_metadata(reader->client, 0, topic->handle, &metadata,
                                                 kafka_of(reader)->control_timeout_ms);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fl_kafka_fail(kafka_of(reader), fl_kafka_error(code), "topic %s: %s", full_name,
                             rd_kafka_err2str(code));
    rd_kafka_metadata_destroy(metadata);
    return FL_OK;
}

static enum fl_error source_start(struct kafka_reader *reader, struct source *source)
{
    if (rd_kafka_consume_start_queue(source->topic->handle, source->partition,
                                     (int64_t)source->next, reader->queue) != 0)
        return fl_kafka_fail(kafka_of(reader), fl_kafka_error(rd_kafka_last_error()),
                             "topic %s, partition %d: %s", source->topic->full_name,
                             source->partition, rd_kafka_err2str(rd_kafka_last_error()));
    source->started = true;
    return FL_OK;
}

static enum fl_error source_open(struct kafka_reader *reader, const struct fl_source *wanted,
                                 uint32_t index)
{
    char full_name[FL_KAFKA_NAME_SIZE_MAX];
    struct source *source = &reader->sources[index];
    fl_kafka_full_name(kafka_of(reader), wanted->topic, full_name);
    enum fl_error error = FL_OK;
    if (topic_find(reader, full_name) == NULL)
        error = topic_add(reader, full_name);
    if (error != FL_OK)
        return error;
    source->topic = topic_find(reader, full_name);
    source->partition = (int32_t)wanted->partition;
    error = check_position(reader, source, wanted->offset);
    if (error != FL_OK)
        return error;
    fl_assert(source->topic->source_of_partition[source->partition] == UINT32_MAX);
    source->topic->source_of_partition[source->partition] = index;
    return FL_OK;
}

/* Runs inside the poll. librdkafka reports a vanished or forbidden topic here, without saying which
 * partition, and what concerns whole brokers, after which it goes on by itself. */
static void on_error(rd_kafka_t *client, int code, const char *text, void *opaque)
{
    struct kafka_reader *reader = opaque;
    enum fl_error error = fl_kafka_error((rd_kafka_resp_err_t)code);
    (void)client;
    if (error == FL_NOT_FOUND || error == FL_DENIED)
        reader->lost = fl_kafka_fail(kafka_of(reader), error, "%s", text);
    else
        fl_diag(KAFKA_TROUBLE, FL_TEXT("facility", "READER"), FL_TEXT("text", text));
}

static enum fl_error reader_alloc(struct fl_journal *journal, size_t source_count,
                                  struct kafka_reader **made)
{
    char reason[FL_KAFKA_REASON_SIZE_MAX] = "";
    const uint64_t one = 1;
    struct kafka_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return FL_NO_MEMORY;
    *made = reader; /* closed by the caller from here on, whatever comes */
    reader->base.journal = journal;
    fl_arena_init(&reader->headers, HEADER_ARENA_SIZE_MAX);
    reader->filled_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    reader->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    reader->topics = calloc(source_count, sizeof(*reader->topics));
    reader->sources = calloc(source_count, sizeof(*reader->sources));
    reader->source_count = source_count;
    if (reader->filled_fd < 0 || reader->wake_fd < 0)
        return fl_error_from_errno(errno);
    if (reader->topics == NULL || reader->sources == NULL)
        return FL_NO_MEMORY;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_opaque(conf, reader);
    enum fl_error error = fl_kafka_client_open(fl_kafka_of(journal), FL_KAFKA_READER, NULL, conf,
                                               &reader->client, reason);
    if (error != FL_OK)
        return fl_kafka_fail(fl_kafka_of(journal), error, "%s", reason);
    reader->queue = rd_kafka_queue_new(reader->client);
    rd_kafka_queue_io_event_enable(reader->queue, reader->filled_fd, &one, sizeof(one));
    return FL_OK;
}

enum fl_error fl_kafka_reader_open(struct fl_journal *journal, const struct fl_source *sources,
                                   size_t source_count, struct fl_reader **opened)
{
    struct kafka_reader *reader = NULL;
    enum fl_error error = reader_alloc(journal, source_count, &reader);
    for (size_t i = 0; error == FL_OK && i < source_count; i++)
        error = source_open(reader, &sources[i], (uint32_t)i);
    for (size_t i = 0; error == FL_OK && i < source_count; i++)
        error = source_start(reader, &reader->sources[i]);
    if (error != FL_OK) {
        if (reader != NULL)
            fl_kafka_reader_close(&reader->base);
        return error;
    }
    *opened = &reader->base;
    return FL_OK;
}

/* Gives back what the last poll handed out. */
static void release_handed(struct kafka_reader *reader)
{
    for (size_t i = 0; i < reader->handed; i++)
        rd_kafka_message_destroy(reader->messages[i]);
    memmove(reader->messages, reader->messages + reader->handed,
            (reader->count - reader->handed) * sizeof(reader->messages[0]));
    reader->count -= reader->handed;
    reader->handed = 0;
    fl_arena_reset(&reader->headers);
}

static void take_headers(struct kafka_reader *reader, rd_kafka_message_t *message,
                         struct fl_record *record)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return; /* it has none */
    size_t count = rd_kafka_header_cnt(headers);
    struct fl_header *taken = fl_arena_alloc(&reader->headers, count * sizeof(*taken));
    if (taken == NULL)
        return; /* a stranger's record with more headers than any limit: seen without them */
    for (size_t i = 0; i < count; i++) {
        if (rd_kafka_header_get_all(headers, i, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        taken[i].name = fl_slice_text(name);
        taken[i].value = value == NULL ? FL_SLICE_NULL : (struct fl_slice){value, size};
    }
    record->headers = taken;
    record->header_count = (uint32_t)count;
}

static void take_record(struct kafka_reader *reader, rd_kafka_message_t *message,
                        const struct source *source, struct fl_record *record)
{
    rd_kafka_timestamp_type_t type;
    *record = (struct fl_record){
        .key = {message->key, message->key == NULL ? 0 : message->key_len},
        .value = {message->payload, message->payload == NULL ? 0 : message->len},
        .timestamp_ms = rd_kafka_message_timestamp(message, &type),
    };
    if (!source->skip_headers)
        take_headers(reader, message, record);
}

/* What a message that is no record says. FL_OK: nothing that stops the reader. */
static enum fl_error take_error(struct kafka_reader *reader, const rd_kafka_message_t *message,
                                struct source *source)
{
    enum fl_error error = fl_kafka_error(message->err);
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        source->next = (uint64_t)message->offset;
        return FL_OK;
    }
    if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        error = check_position(reader, source, source->next);
        /* In range again: the log moved under the question. Only a seek makes that good. */
        if (error == FL_OK)
            error = fl_kafka_fail(kafka_of(reader), FL_LOG_CHANGED,
                                  "topic %s, partition %d: the broker does not have offset %llu",
                                  source->topic->full_name, source->partition,
                                  (unsigned long long)source->next);
        source->failed = error;
        return error;
    }
    if (fl_error_class(error) == FL_CLASS_RETRY)
        return FL_OK; /* librdkafka goes on by itself */
    if (error == FL_CORRUPT)
        source->failed = error; /* it would go on behind the damaged batch: a gap */
    return fl_kafka_fail(kafka_of(reader), error, "topic %s, partition %d, offset %lld: %s",
                         source->topic->full_name, source->partition, (long long)message->offset,
                         rd_kafka_message_errstr(message));
}

/* Turns waiting messages into entries until size_max; whatever was looked at counts as handed. */
static enum fl_error fill(struct kafka_reader *reader, size_t size_max, struct fl_batch *batch)
{
    size_t size = 0;
    while (reader->handed < reader->count) {
        rd_kafka_message_t *message = reader->messages[reader->handed];
        const struct topic *topic = rd_kafka_topic_opaque(message->rkt);
        uint32_t index = topic->source_of_partition[message->partition];
        struct source *source = &reader->sources[index];
        if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
            if (batch->count > 0 && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
                break; /* the records before it first */
            reader->handed++;
            enum fl_error error = take_error(reader, message, source);
            if (error != FL_OK)
                return error;
            continue;
        }
        size += message->len + message->key_len;
        if (batch->count > 0 && size > size_max)
            break;
        reader->handed++;
        if ((uint64_t)message->offset < source->next)
            continue;
        struct fl_entry *entry = &reader->entries[batch->count++];
        entry->source = index;
        entry->offset = (uint64_t)message->offset;
        take_record(reader, message, source, &entry->record);
        source->next = entry->offset + 1;
    }
    return FL_OK;
}

/* True if every source stands at the end that its last fetch saw. */
static bool all_at_end(struct kafka_reader *reader)
{
    if (reader->handed < reader->count)
        return false;
    for (size_t i = 0; i < reader->source_count; i++) {
        const struct source *source = &reader->sources[i];
        int64_t low = -1;
        int64_t high = -1;
        rd_kafka_resp_err_t code = rd_kafka_get_watermark_offsets(
            reader->client, source->topic->full_name, source->partition, &low, &high);
        if (source->next < source->end_at_open)
            return false;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR && high > 0 && source->next < (uint64_t)high)
            return false;
    }
    return true;
}

/* Waits for records or a wake; false at the deadline. */
static bool await(struct kafka_reader *reader, int64_t deadline_ms)
{
    struct pollfd fds[] = {{.fd = reader->filled_fd, .events = POLLIN},
                           {.fd = reader->wake_fd, .events = POLLIN}};
    int64_t left_ms = deadline_ms - fl_kafka_now_ms();
    if (left_ms <= 0)
        return false;
    if (poll(fds, 2, (int)left_ms) < 0)
        fl_assert(errno == EINTR); /* the handler may have woken us; look */
    return true;
}

/* Empties an eventfd; whether it held something does not matter. */
static void drain(int fd)
{
    uint64_t value;
    if (read(fd, &value, sizeof(value)) < 0)
        fl_assert(errno == EAGAIN || errno == EINTR);
}

static enum fl_error first_failure(struct kafka_reader *reader)
{
    if (reader->lost != FL_OK)
        return reader->lost;
    for (size_t i = 0; i < reader->source_count; i++)
        if (reader->sources[i].failed != FL_OK)
            return reader->sources[i].failed;
    return FL_OK;
}

enum fl_error fl_kafka_reader_poll(struct fl_reader *base, int timeout_ms, size_t size_max,
                                   struct fl_batch *batch)
{
    struct kafka_reader *reader = (struct kafka_reader *)base;
    int64_t deadline_ms = fl_kafka_now_ms() + timeout_ms;
    enum fl_error error = FL_OK;
    release_handed(reader);
    batch->entries = reader->entries;
    for (;;) {
        if (atomic_exchange(&reader->woken, false)) {
            drain(reader->wake_fd);
            return FL_INTERRUPTED;
        }
        error = first_failure(reader);
        if (error != FL_OK)
            return error;
        if (reader->count == 0) {
            drain(reader->filled_fd); /* before the look, so that nothing is missed after it */
            ssize_t got =
                rd_kafka_consume_batch_queue(reader->queue, 0, reader->messages, MESSAGE_COUNT_MAX);
            reader->count = got > 0 ? (size_t)got : 0;
        }
        error = fill(reader, size_max, batch);
        if (error != FL_OK || batch->count > 0)
            break;
        if (reader->count > 0) { /* nothing but ends of partitions */
            release_handed(reader);
            continue;
        }
        rd_kafka_poll(reader->client, 0); /* what concerns no partition must not pile up */
        if (!await(reader, deadline_ms))
            break;
    }
    batch->at_end = error == FL_OK && all_at_end(reader);
    return error;
}

enum fl_error fl_kafka_reader_seek(struct fl_reader *base, uint32_t index, uint64_t offset)
{
    struct kafka_reader *reader = (struct kafka_reader *)base;
    fl_assert(index < reader->source_count);
    struct source *source = &reader->sources[index];
    enum fl_error error = check_position(reader, source, offset);
    if (error != FL_OK)
        return error;
    source->failed = FL_OK;
    size_t kept = reader->handed;
    for (size_t i = reader->handed; i < reader->count; i++) {
        rd_kafka_message_t *message = reader->messages[i];
        const struct topic *topic = rd_kafka_topic_opaque(message->rkt);
        if (topic->source_of_partition[message->partition] == index)
            rd_kafka_message_destroy(message);
        else
            reader->messages[kept++] = message;
    }
    reader->count = kept;
    rd_kafka_resp_err_t code = rd_kafka_seek(source->topic->handle, source->partition,
                                             (int64_t)offset, kafka_of(reader)->control_timeout_ms);
    if (code == RD_KAFKA_RESP_ERR__STATE) { /* it stopped itself after an error */
        rd_kafka_consume_stop(source->topic->handle, source->partition);
        return source_start(reader, source);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fl_kafka_fail(kafka_of(reader), fl_kafka_error(code),
                             "topic %s, partition %d: cannot seek: %s", source->topic->full_name,
                             source->partition, rd_kafka_err2str(code));
    return FL_OK;
}

void fl_kafka_reader_skip_headers(struct fl_reader *base, uint32_t index)
{
    struct kafka_reader *reader = (struct kafka_reader *)base;
    fl_assert(index < reader->source_count);
    reader->sources[index].skip_headers = true;
}

/* A store and a write: both may be done in a signal handler. */
void fl_kafka_reader_wake(struct fl_reader *base)
{
    struct kafka_reader *reader = (struct kafka_reader *)base;
    const uint64_t one = 1;
    int saved_errno = errno;
    atomic_store(&reader->woken, true);
    if (write(reader->wake_fd, &one, sizeof(one)) < 0)
        fl_assert(errno == EAGAIN); /* it is full of wakes already */
    errno = saved_errno;
}

void fl_kafka_reader_close(struct fl_reader *base)
{
    struct kafka_reader *reader = (struct kafka_reader *)base;
    reader->handed = reader->count;
    release_handed(reader);
    for (size_t i = 0; reader->sources != NULL && i < reader->source_count; i++)
        if (reader->sources[i].started)
            rd_kafka_consume_stop(reader->sources[i].topic->handle, reader->sources[i].partition);
    if (reader->queue != NULL) {
        rd_kafka_queue_io_event_enable(reader->queue, -1, NULL, 0);
        rd_kafka_queue_destroy(reader->queue);
    }
    for (size_t i = 0; i < reader->topic_count; i++) {
        if (reader->topics[i].handle != NULL)
            rd_kafka_topic_destroy(reader->topics[i].handle);
        free(reader->topics[i].full_name);
        free(reader->topics[i].source_of_partition);
    }
    if (reader->client != NULL)
        rd_kafka_destroy(reader->client);
    if (reader->filled_fd >= 0)
        close(reader->filled_fd);
    if (reader->wake_fd >= 0)
        close(reader->wake_fd);
    fl_arena_fini(&reader->headers);
    free(reader->topics);
    free(reader->sources);
    free(reader);
}
