/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

/* Groups, retention and compaction of the memory engine. */

static const int64_t tombstone_ms_min = 24 * 60 * 60 * 1000;

struct group {
    struct fl_group base;
    struct fl_memory_log *log;
    struct fl_memory_listener listener;
    struct fl_memory_lease *lease; /* lives as long as the log */
};

enum fl_error fl_memory_group_join(struct fl_journal *base, const char *name, const char *topic,
                                   struct fl_group **member)
{
    struct group *group = calloc(1, sizeof(*group));
    fl_assert(group != NULL);
    char lease_name[sizeof(group->lease->name)];
    snprintf(lease_name, sizeof(lease_name), "%.*s\n%.*s", FL_TOPIC_NAME_SIZE_MAX, name,
             FL_TOPIC_NAME_SIZE_MAX, topic);
    group->base.journal = base;
    group->log = ((struct fl_memory_client *)base)->log;
    fl_memory_listen(group->log, &group->listener);
    pthread_mutex_lock(&group->log->mutex);
    struct fl_memory_lease *lease = group->log->leases;
    while (lease != NULL && strcmp(lease->name, lease_name) != 0)
        lease = lease->next;
    if (lease == NULL) {
        lease = calloc(1, sizeof(*lease));
        fl_assert(lease != NULL);
        memcpy(lease->name, lease_name, sizeof(lease->name));
        lease->next = group->log->leases;
        group->log->leases = lease;
    }
    group->lease = lease;
    pthread_mutex_unlock(&group->log->mutex);
    *member = &group->base;
    return FL_OK;
}

enum fl_error fl_memory_group_poll(struct fl_group *base, int timeout_ms, bool *held)
{
    struct group *group = (struct group *)base;
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + timeout_ms;
    bool before = false;
    bool first = true;
    do {
        pthread_mutex_lock(&group->log->mutex);
        before = first ? group->lease->holder == group : before;
        first = false;
        if (group->lease->holder == NULL)
            group->lease->holder = group;
        *held = group->lease->holder == group;
        pthread_mutex_unlock(&group->log->mutex);
    } while (*held == before && fl_memory_wait(&group->listener, deadline_ms));
    return FL_OK;
}

enum fl_error fl_memory_group_commit(struct fl_group *base, uint32_t partition, uint64_t offset)
{
    struct group *group = (struct group *)base;
    enum fl_error error = FL_DENIED;
    pthread_mutex_lock(&group->log->mutex);
    struct fl_memory_lease *lease = group->lease;
    if (lease->holder == group) {
        if (partition >= lease->cursor_count) {
            lease->cursors = realloc(lease->cursors, (partition + 1) * sizeof(*lease->cursors));
            fl_assert(lease->cursors != NULL);
            while (lease->cursor_count <= partition)
                lease->cursors[lease->cursor_count++] = FL_OFFSET_NONE;
        }
        lease->cursors[partition] = offset;
        error = FL_OK;
    }
    pthread_mutex_unlock(&group->log->mutex);
    return error;
}

enum fl_error fl_memory_group_cursor(struct fl_group *base, uint32_t partition, uint64_t *offset)
{
    struct group *group = (struct group *)base;
    uint64_t found = FL_OFFSET_NONE;
    pthread_mutex_lock(&group->log->mutex);
    if (partition < group->lease->cursor_count)
        found = group->lease->cursors[partition];
    pthread_mutex_unlock(&group->log->mutex);
    if (found == FL_OFFSET_NONE)
        return FL_NOT_FOUND;
    *offset = found;
    return FL_OK;
}

void fl_memory_group_leave(struct fl_group *base)
{
    struct group *group = (struct group *)base;
    fl_memory_unlisten(group->log, &group->listener);
    pthread_mutex_lock(&group->log->mutex);
    if (group->lease->holder == group)
        group->lease->holder = NULL;
    fl_memory_notify(group->log);
    pthread_mutex_unlock(&group->log->mutex);
    free(group);
}

static void retain(const struct fl_topic_spec *spec, struct fl_memory_partition *partition,
                   int64_t now_ms)
{
    while (partition->count != 0) {
        const struct fl_memory_record *first = partition->records[0];
        bool is_old =
            spec->retention_ms >= 0 && first->record.timestamp_ms < now_ms - spec->retention_ms;
        bool is_over =
            spec->retention_bytes >= 0 &&
            partition->size - fl_record_size(&first->record) >= (uint64_t)spec->retention_bytes;
        if (!is_old && !is_over)
            return;
        partition->begin = first->offset + 1;
        fl_memory_drop(partition, 0, 1);
    }
}

static bool is_newest(const struct fl_memory_partition *partition, size_t index)
{
    struct fl_slice key = partition->records[index]->record.key;
    for (size_t i = index + 1; i < partition->count; i++)
        if (fl_slice_equal(partition->records[i]->record.key, key))
            return false;
    return true;
}

static void compact(struct fl_memory_partition *partition, int64_t now_ms)
{
    size_t i = 0;
    while (i < partition->count) {
        const struct fl_record *record = &partition->records[i]->record;
        bool is_done =
            record->value.data == NULL && record->timestamp_ms <= now_ms - tombstone_ms_min;
        if (is_done || !is_newest(partition, i))
            fl_memory_drop(partition, i, 1);
        else
            i++;
    }
}

enum fl_error fl_memory_maintain(struct fl_journal *base, int64_t now_ms)
{
    struct fl_memory_log *log = ((struct fl_memory_client *)base)->log;
    pthread_mutex_lock(&log->mutex);
    for (struct fl_memory_topic *topic = log->topics; topic != NULL; topic = topic->next)
        for (uint32_t p = 0; p < topic->spec.partition_count; p++) {
            if (topic->spec.compacted)
                compact(&topic->partitions[p], now_ms);
            else
                retain(&topic->spec, &topic->partitions[p], now_ms);
        }
    pthread_mutex_unlock(&log->mutex);
    return FL_OK;
}
