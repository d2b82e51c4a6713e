/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal/memory.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/assert.h"

struct fl_memory_topic *fl_memory_find(struct fl_memory_log *log, const char *name)
{
    for (struct fl_memory_topic *topic = log->topics; topic != NULL; topic = topic->next)
        if (strcmp(topic->name, name) == 0)
            return topic;
    return NULL;
}

struct fl_memory_partition *fl_memory_partition_of(struct fl_memory_log *log, const char *topic,
                                                   uint32_t partition)
{
    struct fl_memory_topic *found = fl_memory_find(log, topic);
    if (found == NULL || partition >= found->spec.partition_count)
        return NULL;
    return &found->partitions[partition];
}

size_t fl_memory_lower_bound(const struct fl_memory_partition *partition, uint64_t offset)
{
    size_t low = 0;
    size_t high = partition->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (partition->records[middle]->offset < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint8_t *copy_bytes(struct fl_slice *slice, uint8_t *at)
{
    if (slice->data == NULL)
        return at;
    if (slice->size != 0)
        memcpy(at, slice->data, slice->size);
    slice->data = at;
    return at + slice->size;
}

struct fl_memory_record *fl_memory_copy(const struct fl_record *record)
{
    size_t headers_size = record->header_count * sizeof(struct fl_header);
    struct fl_memory_record *copy =
        malloc(sizeof(*copy) + headers_size + fl_record_size(record) + 1);
    fl_assert(copy != NULL);
    struct fl_header *headers = (struct fl_header *)(copy + 1);
    uint8_t *at = (uint8_t *)headers + headers_size;
    copy->offset = FL_OFFSET_NONE;
    copy->record = *record;
    copy->record.headers = headers;
    at = copy_bytes(&copy->record.key, at);
    at = copy_bytes(&copy->record.value, at);
    for (uint32_t i = 0; i < record->header_count; i++) {
        headers[i] = record->headers[i];
        at = copy_bytes(&headers[i].name, at);
        at = copy_bytes(&headers[i].value, at);
    }
    return copy;
}

void fl_memory_put(struct fl_memory_partition *partition, struct fl_memory_record *record)
{
    if (partition->count == partition->capacity) {
        partition->capacity = partition->capacity == 0 ? 16 : 2 * partition->capacity;
        partition->records =
            realloc(partition->records, partition->capacity * sizeof(*partition->records));
        fl_assert(partition->records != NULL);
    }
    record->offset = partition->next++;
    partition->size += fl_record_size(&record->record);
    partition->records[partition->count++] = record;
}

void fl_memory_drop(struct fl_memory_partition *partition, size_t first, size_t count)
{
    if (count == 0)
        return;
    for (size_t i = first; i < first + count; i++) {
        partition->size -= fl_record_size(&partition->records[i]->record);
        free(partition->records[i]);
    }
    memmove(&partition->records[first], &partition->records[first + count],
            (partition->count - first - count) * sizeof(*partition->records));
    partition->count -= count;
}

void fl_memory_notify(struct fl_memory_log *log)
{
    uint64_t one = 1;
    for (struct fl_memory_listener *l = log->listeners; l != NULL; l = l->next) {
        ssize_t written = write(l->event, &one, sizeof(one));
        (void)written; /* a full counter is as readable as one more */
    }
}

void fl_memory_listen(struct fl_memory_log *log, struct fl_memory_listener *listener)
{
    listener->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    fl_assert(listener->event >= 0);
    pthread_mutex_lock(&log->mutex);
    listener->next = log->listeners;
    log->listeners = listener;
    pthread_mutex_unlock(&log->mutex);
}

void fl_memory_unlisten(struct fl_memory_log *log, struct fl_memory_listener *listener)
{
    pthread_mutex_lock(&log->mutex);
    struct fl_memory_listener **link = &log->listeners;
    while (*link != listener)
        link = &(*link)->next;
    *link = listener->next;
    pthread_mutex_unlock(&log->mutex);
    close(listener->event);
}

bool fl_memory_wait(struct fl_memory_listener *listener, int64_t deadline_ms)
{
    uint64_t count = 0;
    struct pollfd event = {listener->event, POLLIN, 0};
    int64_t left_ms = deadline_ms - fl_port_monotonic_ms(fl_port_system());
    if (left_ms <= 0)
        return false;
    (void)poll(&event, 1, left_ms > 1000000 ? 1000000 : (int)left_ms);
    ssize_t taken = read(listener->event, &count, sizeof(count));
    (void)taken; /* nothing to take: the deadline or a signal; the caller looks again */
    return true;
}

void fl_memory_tick(struct fl_memory_log *log, bool all)
{
    struct fl_memory_pending **link = &log->pending;
    while (*link != NULL) {
        struct fl_memory_pending *pending = *link;
        if (!all && pending->calls_left-- > 0) {
            link = &pending->next;
            continue;
        }
        struct fl_memory_partition *partition =
            fl_memory_partition_of(log, pending->topic, pending->partition);
        if (partition != NULL)
            fl_memory_put(partition, pending->record);
        else
            free(pending->record);
        *link = pending->next;
        free(pending);
        fl_memory_notify(log);
    }
}

static bool is_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return name[0] != '\0' && name[0] != '.' && name[strspn(name, allowed)] == '\0';
}

static enum fl_error ensure_topic(struct fl_journal *base, const struct fl_topic_spec *spec)
{
    struct fl_memory_log *log = ((struct fl_memory_client *)base)->log;
    enum fl_error error = FL_OK;
    if (!is_name(spec->name))
        return FL_INVALID;
    pthread_mutex_lock(&log->mutex);
    struct fl_memory_topic *topic = fl_memory_find(log, spec->name);
    if (topic == NULL) {
        topic = calloc(1, sizeof(*topic));
        fl_assert(topic != NULL);
        snprintf(topic->name, sizeof(topic->name), "%s", spec->name);
        topic->spec = *spec;
        topic->spec.name = topic->name;
        topic->generation = ++log->generation;
        topic->partitions = calloc(spec->partition_count, sizeof(*topic->partitions));
        fl_assert(topic->partitions != NULL);
        topic->next = log->topics;
        log->topics = topic;
    } else if (topic->spec.partition_count != spec->partition_count ||
               topic->spec.compacted != spec->compacted) {
        snprintf(base->detail, sizeof(base->detail),
                 "topic %s exists with other partitions or another compaction", spec->name);
        error = FL_EXISTS;
    }
    if (error == FL_OK) {
        topic->spec.retention_ms = spec->retention_ms;
        topic->spec.retention_bytes = spec->retention_bytes;
    }
    pthread_mutex_unlock(&log->mutex);
    return error;
}

static enum fl_error describe_topic(struct fl_journal *base, const char *name,
                                    struct fl_topic_info *info)
{
    struct fl_memory_log *log = ((struct fl_memory_client *)base)->log;
    pthread_mutex_lock(&log->mutex);
    const struct fl_memory_topic *topic = fl_memory_find(log, name);
    if (topic != NULL) {
        info->partition_count = topic->spec.partition_count;
        info->compacted = topic->spec.compacted;
        info->retention_ms = topic->spec.retention_ms;
        info->retention_bytes = topic->spec.retention_bytes;
        info->replication_factor = 1;
    }
    pthread_mutex_unlock(&log->mutex);
    return topic == NULL ? FL_NOT_FOUND : FL_OK;
}

static void free_topic(struct fl_memory_topic *topic)
{
    for (uint32_t p = 0; p < topic->spec.partition_count; p++) {
        fl_memory_drop(&topic->partitions[p], 0, topic->partitions[p].count);
        free(topic->partitions[p].records);
    }
    free(topic->partitions);
    free(topic);
}

static enum fl_error delete_topic(struct fl_journal *base, const char *name)
{
    struct fl_memory_log *log = ((struct fl_memory_client *)base)->log;
    pthread_mutex_lock(&log->mutex);
    struct fl_memory_topic *topic = fl_memory_find(log, name);
    if (topic != NULL) {
        struct fl_memory_topic **link = &log->topics;
        while (*link != topic)
            link = &(*link)->next;
        *link = topic->next;
        free_topic(topic);
        fl_memory_notify(log);
    }
    pthread_mutex_unlock(&log->mutex);
    return topic == NULL ? FL_NOT_FOUND : FL_OK;
}

/* What a batch must satisfy besides the limits, as on the other engines. */
static enum fl_error check_batch(struct fl_memory_client *client, const struct fl_append *batch)
{
    const struct fl_memory_topic *topic = fl_memory_find(client->log, batch->topic);
    int64_t limit_ms = fl_port_wall_ms(client->log->port) + FL_ACTION_AHEAD_MS_MAX;
    if (topic == NULL || batch->partition >= topic->spec.partition_count) {
        snprintf(client->base.detail, sizeof(client->base.detail),
                 "there is no topic %s with a partition %u", batch->topic, batch->partition);
        return FL_NOT_FOUND;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->records[i].timestamp_ms > limit_ms ||
            (topic->spec.compacted && batch->records[i].key.data == NULL)) {
            snprintf(client->base.detail, sizeof(client->base.detail),
                     "topic %s: record %u lies more than 5 minutes in the future or needs a key",
                     batch->topic, i);
            return FL_INVALID;
        }
    }
    return FL_OK;
}

static enum fl_error append_batch(struct fl_memory_client *client, const struct fl_append *batch)
{
    struct fl_memory_log *log = client->log;
    struct fl_memory_partition *partition =
        fl_memory_partition_of(log, batch->topic, batch->partition);
    fl_assert(partition != NULL); /* check_batch saw it under this lock */
    if (!log->ignore_expected && batch->expected_offset != FL_OFFSET_NONE &&
        batch->expected_offset != partition->next) {
        snprintf(client->base.detail, sizeof(client->base.detail),
                 "topic %s partition %u: the next offset is not the expected one", batch->topic,
                 batch->partition);
        return FL_CONFLICT;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        batch->offsets[i] = partition->next;
        fl_memory_put(partition, fl_memory_copy(&batch->records[i]));
    }
    return FL_OK;
}

static enum fl_error append(struct fl_journal *base, const struct fl_append *batches,
                            size_t batch_count)
{
    struct fl_memory_client *client = (struct fl_memory_client *)base;
    enum fl_error first_error = FL_OK;
    pthread_mutex_lock(&client->log->mutex);
    fl_memory_tick(client->log, false);
    for (size_t b = 0; first_error == FL_OK && b < batch_count; b++)
        first_error = check_batch(client, &batches[b]);
    for (size_t b = 0, count = first_error == FL_OK ? batch_count : 0; b < count; b++) {
        enum fl_error error = append_batch(client, &batches[b]);
        if (first_error == FL_OK)
            first_error = error;
    }
    fl_memory_notify(client->log);
    pthread_mutex_unlock(&client->log->mutex);
    return first_error;
}

static enum fl_error offsets(struct fl_journal *base, const char *topic, uint32_t number,
                             uint64_t *begin, uint64_t *end)
{
    struct fl_memory_log *log = ((struct fl_memory_client *)base)->log;
    pthread_mutex_lock(&log->mutex);
    fl_memory_tick(log, false);
    const struct fl_memory_partition *partition = fl_memory_partition_of(log, topic, number);
    if (partition != NULL) {
        *begin = partition->begin;
        *end = partition->next;
    }
    pthread_mutex_unlock(&log->mutex);
    return partition == NULL ? FL_NOT_FOUND : FL_OK;
}

static enum fl_error offset_at(struct fl_journal *base, const char *topic, uint32_t number,
                               int64_t time_ms, uint64_t *offset)
{
    struct fl_memory_log *log = ((struct fl_memory_client *)base)->log;
    pthread_mutex_lock(&log->mutex);
    const struct fl_memory_partition *partition = fl_memory_partition_of(log, topic, number);
    if (partition != NULL) {
        size_t i = 0;
        while (i < partition->count && partition->records[i]->record.timestamp_ms < time_ms)
            i++;
        *offset = i < partition->count ? partition->records[i]->offset : partition->next;
    }
    pthread_mutex_unlock(&log->mutex);
    return partition == NULL ? FL_NOT_FOUND : FL_OK;
}

struct fl_memory_log *fl_memory_log_open(const struct fl_port *port)
{
    struct fl_memory_log *log = calloc(1, sizeof(*log));
    fl_assert(log != NULL);
    log->port = port == NULL ? fl_port_system() : port;
    pthread_mutex_init(&log->mutex, NULL);
    return log;
}

void fl_memory_log_close(struct fl_memory_log **closed)
{
    struct fl_memory_log *log = *closed;
    if (log == NULL)
        return;
    fl_assert(log->client_count == 0 && log->listeners == NULL);
    fl_memory_tick(log, true);
    while (log->topics != NULL) {
        struct fl_memory_topic *topic = log->topics;
        log->topics = topic->next;
        free_topic(topic);
    }
    while (log->leases != NULL) {
        struct fl_memory_lease *lease = log->leases;
        log->leases = lease->next;
        free(lease->cursors);
        free(lease);
    }
    pthread_mutex_destroy(&log->mutex);
    free(log);
    *closed = NULL;
}

static void close_client(struct fl_journal *base)
{
    struct fl_memory_client *client = (struct fl_memory_client *)base;
    struct fl_memory_log *log = client->log;
    pthread_mutex_lock(&log->mutex);
    fl_assert(log->client_count > 0);
    log->client_count--;
    pthread_mutex_unlock(&log->mutex);
    if (log->private_to_client)
        fl_memory_log_close(&log);
    free(client);
}

static const struct fl_journal_ops memory_ops = {
    .name = "memory",
    .ensure_topic = ensure_topic,
    .describe_topic = describe_topic,
    .append = append,
    .offsets = offsets,
    .offset_at = offset_at,
    .maintain = fl_memory_maintain,
    .delete_topic = delete_topic,
    .reader_open = fl_memory_reader_open,
    .reader_poll = fl_memory_reader_poll,
    .reader_seek = fl_memory_reader_seek,
    .reader_wake = fl_memory_reader_wake,
    .reader_close = fl_memory_reader_close,
    .group_join = fl_memory_group_join,
    .group_poll = fl_memory_group_poll,
    .group_commit = fl_memory_group_commit,
    .group_cursor = fl_memory_group_cursor,
    .group_leave = fl_memory_group_leave,
    .close = close_client,
};

enum fl_error fl_memory_log_attach(struct fl_memory_log *log, struct fl_journal **journal)
{
    struct fl_memory_client *client = calloc(1, sizeof(*client));
    if (client == NULL)
        return FL_NO_MEMORY;
    client->base.ops = &memory_ops;
    client->log = log;
    pthread_mutex_lock(&log->mutex);
    log->client_count++;
    pthread_mutex_unlock(&log->mutex);
    *journal = &client->base;
    return FL_OK;
}

enum fl_error fl_journal_open_memory(struct fl_journal **journal)
{
    struct fl_memory_log *log = fl_memory_log_open(NULL);
    log->private_to_client = true;
    return fl_memory_log_attach(log, journal);
}

void fl_memory_log_ignore_expected(struct fl_memory_log *log, bool ignore)
{
    pthread_mutex_lock(&log->mutex);
    log->ignore_expected = ignore;
    pthread_mutex_unlock(&log->mutex);
}

void fl_memory_log_truncate(struct fl_memory_log *log, const char *topic, uint32_t number,
                            uint64_t end)
{
    pthread_mutex_lock(&log->mutex);
    struct fl_memory_partition *partition = fl_memory_partition_of(log, topic, number);
    fl_assert(partition != NULL && end >= partition->begin && end <= partition->next);
    size_t first = fl_memory_lower_bound(partition, end);
    fl_memory_drop(partition, first, partition->count - first);
    partition->next = end;
    fl_memory_notify(log);
    pthread_mutex_unlock(&log->mutex);
}

void fl_memory_log_settle(struct fl_memory_log *log)
{
    pthread_mutex_lock(&log->mutex);
    fl_memory_tick(log, true);
    pthread_mutex_unlock(&log->mutex);
}
