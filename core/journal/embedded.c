/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal/embedded.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/cursor.h"
#include "core/file.h"

enum { TOPIC_ROW_VERSION = 1, TOPIC_ROW_SIZE = 22, PARTITION_ROW_SIZE = 9 * 8 };

static const char *const table_names[FL_EMBEDDED_TABLE_COUNT] = {"meta", "partitions", "blocks",
                                                                 "keys"};

void fl_embedded_detail(struct fl_embedded *journal, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&journal->detail_mutex);
    vsnprintf(journal->base.detail, sizeof(journal->base.detail), format, args);
    pthread_mutex_unlock(&journal->detail_mutex);
    va_end(args);
}

enum fl_error fl_embedded_path(struct fl_embedded *journal, const char *name, const char *suffix,
                               char *out, size_t out_size)
{
    int size =
        snprintf(out, out_size, "%s/%s%s%s", journal->directory, journal->prefix, name, suffix);
    return size > 0 && (size_t)size < out_size ? FL_OK : FL_INVALID;
}

bool fl_embedded_name_is_valid(const struct fl_embedded *journal, const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return name[0] != '\0' && name[0] != '.' && name[strspn(name, allowed)] == '\0' &&
           strlen(name) + strlen(journal->prefix) < FL_TOPIC_NAME_SIZE_MAX;
}

bool fl_topic_row_get(struct fl_kv *kv, struct fl_topic_row *row)
{
    struct fl_slice value;
    struct fl_read_cursor cursor;
    if (!fl_kv_get(kv, FL_EMBEDDED_META, FL_SLICE_LITERAL("topic"), &value))
        return false;
    fl_read_init(&cursor, value);
    uint8_t version = fl_read_u8(&cursor);
    row->partition_count = fl_read_u32(&cursor);
    row->compacted = fl_read_u8(&cursor) != 0;
    row->retention_ms = (int64_t)fl_read_u64(&cursor);
    row->retention_bytes = (int64_t)fl_read_u64(&cursor);
    if (cursor.error == FL_OK && version == TOPIC_ROW_VERSION)
        return true;
    fl_kv_fail(kv, version > TOPIC_ROW_VERSION ? FL_VERSION : FL_CORRUPT);
    return false;
}

void fl_topic_row_put(struct fl_kv *kv, const struct fl_topic_row *row)
{
    uint8_t bytes[TOPIC_ROW_SIZE];
    struct fl_write_cursor cursor;
    fl_write_init(&cursor, bytes, sizeof(bytes));
    fl_write_u8(&cursor, TOPIC_ROW_VERSION);
    fl_write_u32(&cursor, row->partition_count);
    fl_write_u8(&cursor, row->compacted);
    fl_write_u64(&cursor, (uint64_t)row->retention_ms);
    fl_write_u64(&cursor, (uint64_t)row->retention_bytes);
    fl_assert(cursor.error == FL_OK);
    fl_kv_put(kv, FL_EMBEDDED_META, FL_SLICE_LITERAL("topic"), fl_written(&cursor));
}

bool fl_partition_row_get(struct fl_kv *kv, uint32_t partition, struct fl_partition_row *row)
{
    uint8_t key[2];
    struct fl_slice value = FL_SLICE_NULL;
    struct fl_read_cursor cursor;
    fl_put_u16(key, (uint16_t)partition);
    if (!fl_kv_get(kv, FL_EMBEDDED_PARTITIONS, fl_slice_of(key, sizeof(key)), &value) ||
        value.size != PARTITION_ROW_SIZE) {
        fl_kv_fail(kv, FL_CORRUPT);
        return false;
    }
    fl_read_init(&cursor, value);
    row->begin = fl_read_u64(&cursor);
    row->next = fl_read_u64(&cursor);
    row->running_ms = (int64_t)fl_read_u64(&cursor);
    row->size = fl_read_u64(&cursor);
    row->superseded = fl_read_u64(&cursor);
    row->tombstone_count = fl_read_u64(&cursor);
    row->tombstone_oldest_ms = (int64_t)fl_read_u64(&cursor);
    row->sweep_next = fl_read_u64(&cursor);
    row->sweep_end = fl_read_u64(&cursor);
    return true;
}

void fl_partition_row_put(struct fl_kv *kv, uint32_t partition, const struct fl_partition_row *row)
{
    uint8_t key[2];
    uint8_t bytes[PARTITION_ROW_SIZE];
    struct fl_write_cursor cursor;
    fl_assert(row->begin <= row->next);
    fl_put_u16(key, (uint16_t)partition);
    fl_write_init(&cursor, bytes, sizeof(bytes));
    fl_write_u64(&cursor, row->begin);
    fl_write_u64(&cursor, row->next);
    fl_write_u64(&cursor, (uint64_t)row->running_ms);
    fl_write_u64(&cursor, row->size);
    fl_write_u64(&cursor, row->superseded);
    fl_write_u64(&cursor, row->tombstone_count);
    fl_write_u64(&cursor, (uint64_t)row->tombstone_oldest_ms);
    fl_write_u64(&cursor, row->sweep_next);
    fl_write_u64(&cursor, row->sweep_end);
    fl_assert(cursor.error == FL_OK);
    fl_kv_put(kv, FL_EMBEDDED_PARTITIONS, fl_slice_of(key, sizeof(key)), fl_written(&cursor));
}

/* Opens the environment of a topic; `create` makes it. */
static enum fl_error open_topic(struct fl_embedded *journal, const char *name, bool create,
                                struct fl_embedded_topic **out)
{
    char path[PATH_MAX];
    char data[PATH_MAX];
    enum fl_error error = fl_embedded_path(journal, name, "", path, sizeof(path));
    if (error == FL_OK)
        error = fl_embedded_path(journal, name, "/data.mdb", data, sizeof(data));
    if (error != FL_OK)
        return error;
    if (!create && access(data, F_OK) != 0)
        return errno == ENOENT || errno == ENOTDIR ? FL_NOT_FOUND : fl_error_from_errno(errno);
    struct fl_embedded_topic *topic = calloc(1, sizeof(*topic));
    if (topic == NULL)
        return FL_NO_MEMORY;
    snprintf(topic->name, sizeof(topic->name), "%s", name);
    struct fl_env_options options = {.directory = path,
                                     .tables = table_names,
                                     .table_count = FL_EMBEDDED_TABLE_COUNT,
                                     .map_size = journal->map_size,
                                     .read_only = journal->read_only};
    error = fl_env_open(&options, &topic->env);
    if (error != FL_OK) {
        fl_embedded_detail(journal, "topic %s in %.256s: %s", name, journal->directory,
                           fl_error_text(error));
        free(topic);
        return error;
    }
    *out = topic;
    return FL_OK;
}

static void close_topic(struct fl_embedded_topic *topic)
{
    fl_env_close(&topic->env);
    free(topic);
}

static void unlink_and_close(struct fl_embedded *journal, struct fl_embedded_topic *topic)
{
    struct fl_embedded_topic **link = &journal->topics;
    while (*link != topic)
        link = &(*link)->next;
    *link = topic->next;
    close_topic(topic);
}

static struct fl_embedded_topic *find_open(struct fl_embedded *journal, const char *name)
{
    for (struct fl_embedded_topic *topic = journal->topics; topic != NULL; topic = topic->next)
        if (!topic->gone && strcmp(topic->name, name) == 0)
            return topic;
    return NULL;
}

static enum fl_error read_topic_row(struct fl_embedded_topic *topic)
{
    struct fl_txn txn;
    struct fl_topic_row row;
    enum fl_error error = fl_txn_begin_read(&txn, topic->env);
    if (error == FL_OK && !fl_topic_row_get(&txn.kv, &row))
        error = txn.kv.error == FL_OK ? FL_NOT_FOUND : txn.kv.error;
    fl_txn_abort(&txn);
    if (error == FL_OK)
        topic->row = row;
    return error;
}

/* The first transaction of a topic: its row and one per partition. On an existing topic only what
 * may change does: how long records are kept. */
static enum fl_error write_topic_rows(struct fl_embedded_topic *topic,
                                      const struct fl_topic_spec *spec)
{
    struct fl_txn txn;
    struct fl_topic_row row;
    struct fl_partition_row partition = {.running_ms = INT64_MIN, .tombstone_oldest_ms = INT64_MAX};
    enum fl_error error = fl_txn_begin_write(&txn, topic->env);
    if (error != FL_OK)
        return error;
    bool exists = fl_topic_row_get(&txn.kv, &row);
    bool same = exists && row.retention_ms == spec->retention_ms &&
                row.retention_bytes == spec->retention_bytes;
    if (!exists) {
        row.partition_count = spec->partition_count;
        row.compacted = spec->compacted;
        for (uint32_t p = 0; p < spec->partition_count; p++)
            fl_partition_row_put(&txn.kv, p, &partition);
    }
    row.retention_ms = spec->retention_ms;
    row.retention_bytes = spec->retention_bytes;
    bool fits = row.partition_count == spec->partition_count && row.compacted == spec->compacted;
    if (same || !fits) {
        error = txn.kv.error;
        fl_txn_abort(&txn);
    } else {
        fl_topic_row_put(&txn.kv, &row);
        error = fl_txn_commit(&txn);
    }
    if (error == FL_OK && topic->row.partition_count == 0)
        topic->row = row;
    return error == FL_OK && !fits ? FL_EXISTS : error;
}

/* Finds or opens a topic; a `spec` creates what is missing. */
static enum fl_error get_locked(struct fl_embedded *journal, const char *name,
                                const struct fl_topic_spec *spec, struct fl_embedded_topic **out)
{
    struct fl_embedded_topic *topic = find_open(journal, name);
    enum fl_error error = FL_OK;
    if (topic == NULL) {
        error = open_topic(journal, name, spec != NULL, &topic);
        if (error != FL_OK)
            return error;
        topic->next = journal->topics;
        journal->topics = topic;
    }
    if (spec != NULL)
        error = write_topic_rows(topic, spec);
    else if (topic->row.partition_count == 0)
        error = read_topic_row(topic);
    if (error != FL_OK)
        return error;
    topic->reference_count++;
    *out = topic;
    return FL_OK;
}

/* A topic that was there when its environment was opened and is not any more must be opened anew:
 * somebody may have made it again in another directory of the same name. */
static void drop_if_gone(struct fl_embedded *journal, const char *name)
{
    struct fl_embedded_topic *topic = find_open(journal, name);
    struct fl_txn txn;
    struct fl_topic_row row;
    if (topic == NULL || topic->row.partition_count == 0)
        return;
    enum fl_error error = fl_txn_begin_read(&txn, topic->env);
    if (error == FL_OK && !fl_topic_row_get(&txn.kv, &row) && txn.kv.error == FL_OK)
        topic->gone = true;
    fl_txn_abort(&txn);
    if (topic->gone && topic->reference_count == 0)
        unlink_and_close(journal, topic);
}

enum fl_error fl_embedded_ensure_topic(struct fl_journal *base, const struct fl_topic_spec *spec)
{
    struct fl_embedded *journal = (struct fl_embedded *)base;
    struct fl_embedded_topic *topic = NULL;
    if (!fl_embedded_name_is_valid(journal, spec->name)) {
        fl_embedded_detail(journal, "'%s' cannot be the name of a topic", spec->name);
        return FL_INVALID;
    }
    pthread_mutex_lock(&journal->mutex);
    drop_if_gone(journal, spec->name);
    enum fl_error error = get_locked(journal, spec->name, journal->read_only ? NULL : spec, &topic);
    if (error == FL_OK) {
        topic->reference_count--;
        if (topic->row.partition_count != spec->partition_count ||
            topic->row.compacted != spec->compacted)
            error = FL_EXISTS;
    }
    if (error == FL_EXISTS)
        fl_embedded_detail(journal, "topic %s%s exists with other partitions or another compaction",
                           journal->prefix, spec->name);
    pthread_mutex_unlock(&journal->mutex);
    return error == FL_NOT_FOUND && journal->read_only ? FL_DENIED : error;
}

enum fl_error fl_embedded_get(struct fl_embedded *journal, const char *name,
                              struct fl_embedded_topic **topic)
{
    enum fl_error error = FL_NOT_FOUND;
    if (fl_embedded_name_is_valid(journal, name)) {
        pthread_mutex_lock(&journal->mutex);
        error = get_locked(journal, name, NULL, topic);
        if (error == FL_NOT_FOUND)
            fl_embedded_detail(journal, "there is no topic %s%s in %s", journal->prefix, name,
                               journal->directory);
        pthread_mutex_unlock(&journal->mutex);
    }
    return error;
}

void fl_embedded_put(struct fl_embedded *journal, struct fl_embedded_topic *topic)
{
    pthread_mutex_lock(&journal->mutex);
    fl_assert(topic->reference_count > 0);
    topic->reference_count--;
    if (topic->gone && topic->reference_count == 0)
        unlink_and_close(journal, topic);
    pthread_mutex_unlock(&journal->mutex);
}

enum fl_error fl_embedded_begin(struct fl_embedded *journal, struct fl_embedded_topic *topic,
                                bool write, struct fl_txn *txn)
{
    struct fl_topic_row row;
    enum fl_error error =
        write ? fl_txn_begin_write(txn, topic->env) : fl_txn_begin_read(txn, topic->env);
    bool gone = false;
    if (error == FL_OK && !fl_topic_row_get(&txn->kv, &row)) {
        gone = txn->kv.error == FL_OK;
        error = gone ? FL_NOT_FOUND : txn->kv.error;
    }
    if (error == FL_OK)
        return FL_OK;
    /* The transaction ends first: whoever opens a topic begins one under the mutex. */
    fl_txn_abort(txn);
    if (gone) {
        pthread_mutex_lock(&journal->mutex);
        topic->gone = true;
        pthread_mutex_unlock(&journal->mutex);
    }
    fl_embedded_detail(journal, "topic %s: %s (%s)", topic->name, fl_error_text(error),
                       fl_env_detail(topic->env));
    return error;
}

static const struct fl_journal_ops embedded_ops;

static void embedded_close(struct fl_journal *base)
{
    struct fl_embedded *journal = (struct fl_embedded *)base;
    while (journal->topics != NULL) {
        struct fl_embedded_topic *topic = journal->topics;
        fl_assert(topic->reference_count == 0);
        journal->topics = topic->next;
        close_topic(topic);
    }
    fl_env_close(&journal->groups);
    pthread_mutex_destroy(&journal->mutex);
    pthread_mutex_destroy(&journal->detail_mutex);
    free(journal);
}

static const struct fl_journal_ops embedded_ops = {
    .name = "embedded",
    .ensure_topic = fl_embedded_ensure_topic,
    .describe_topic = fl_embedded_describe_topic,
    .append = fl_embedded_append,
    .offsets = fl_embedded_offsets,
    .offset_at = fl_embedded_offset_at,
    .maintain = fl_embedded_maintain,
    .scrub = fl_embedded_scrub,
    .delete_topic = fl_embedded_delete_topic,
    .reader_open = fl_embedded_reader_open,
    .reader_poll = fl_embedded_reader_poll,
    .reader_seek = fl_embedded_reader_seek,
    .reader_wake = fl_embedded_reader_wake,
    .reader_close = fl_embedded_reader_close,
    .group_join = fl_embedded_group_join,
    .group_poll = fl_embedded_group_poll,
    .group_commit = fl_embedded_group_commit,
    .group_cursor = fl_embedded_group_cursor,
    .group_leave = fl_embedded_group_leave,
    .close = embedded_close,
};

enum fl_error fl_journal_open_embedded(const struct fl_embedded_options *options,
                                       struct fl_journal **out)
{
    const char *prefix = options->topic_prefix == NULL ? "" : options->topic_prefix;
    size_t prefix_size = strlen(prefix) + 1;
    size_t directory_size = strlen(options->directory) + 1;
    enum fl_error error =
        options->read_only ? FL_OK : fl_directory_ensure(options->directory, 0700);
    if (error == FL_OK && !options->read_only)
        error = fl_directory_sync_of(options->directory);
    if (error == FL_OK && access(options->directory, R_OK | X_OK) != 0)
        error = fl_error_from_errno(errno);
    if (error != FL_OK)
        return error;
    struct fl_embedded *journal = calloc(1, sizeof(*journal) + prefix_size + directory_size);
    if (journal == NULL)
        return FL_NO_MEMORY;
    char *names = (char *)(journal + 1);
    memcpy(names, prefix, prefix_size);
    memcpy(names + prefix_size, options->directory, directory_size);
    journal->base.ops = &embedded_ops;
    journal->prefix = names;
    journal->directory = names + prefix_size;
    journal->map_size = options->map_size;
    journal->reserve_size = options->reserve_size;
    journal->read_only = options->read_only;
    pthread_mutex_init(&journal->mutex, NULL);
    pthread_mutex_init(&journal->detail_mutex, NULL);
    *out = &journal->base;
    return FL_OK;
}
