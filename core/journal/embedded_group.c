/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal/embedded.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/cursor.h"
#include "core/file.h"
#include "core/journal/lease.h"

enum { CURSORS, GROUP_TABLE_COUNT, CURSOR_KEY_SIZE_MAX = 2 * FL_TOPIC_NAME_SIZE_MAX + 4 };

static const char *const group_tables[GROUP_TABLE_COUNT] = {"cursors"};

struct group {
    struct fl_group base;
    struct fl_embedded *journal;
    struct fl_lease lease;
    char group[FL_TOPIC_NAME_SIZE_MAX];
    char topic[FL_TOPIC_NAME_SIZE_MAX];
};

/* Opens the environment of the cursors at its first use. */
static enum fl_error open_cursors(struct fl_embedded *journal)
{
    char path[PATH_MAX];
    enum fl_error error = FL_OK;
    int size = snprintf(path, sizeof(path), "%s/.groups", journal->directory);
    if (size < 0 || (size_t)size >= sizeof(path))
        return FL_INVALID;
    struct fl_env_options options = {
        .directory = path, .tables = group_tables, .table_count = GROUP_TABLE_COUNT};
    pthread_mutex_lock(&journal->mutex);
    if (journal->groups == NULL)
        error = fl_env_open(&options, &journal->groups);
    pthread_mutex_unlock(&journal->mutex);
    if (error != FL_OK)
        fl_embedded_detail(journal, "%s: %s", path, fl_error_text(error));
    return error;
}

enum fl_error fl_embedded_group_join(struct fl_journal *base, const char *name, const char *topic,
                                     struct fl_group **member)
{
    struct fl_embedded *journal = (struct fl_embedded *)base;
    char path[PATH_MAX];
    if (journal->read_only)
        return FL_DENIED;
    if (!fl_embedded_name_is_valid(journal, name) || !fl_embedded_name_is_valid(journal, topic))
        return FL_INVALID;
    enum fl_error error = open_cursors(journal);
    if (error != FL_OK)
        return error;
    int size = snprintf(path, sizeof(path), "%s/.groups/%s%s@%s.lease", journal->directory,
                        journal->prefix, name, topic);
    if (size < 0 || (size_t)size >= sizeof(path))
        return FL_INVALID;
    struct group *group = calloc(1, sizeof(*group));
    if (group == NULL)
        return FL_NO_MEMORY;
    group->base.journal = base;
    group->journal = journal;
    snprintf(group->group, sizeof(group->group), "%s", name);
    snprintf(group->topic, sizeof(group->topic), "%s", topic);
    error = fl_lease_open(&group->lease, path);
    if (error != FL_OK) {
        fl_embedded_detail(journal, "%s: %s", path, fl_error_text(error));
        fl_embedded_group_leave(&group->base);
        return error;
    }
    *member = &group->base;
    return FL_OK;
}

enum fl_error fl_embedded_group_poll(struct fl_group *base, int timeout_ms, bool *held)
{
    return fl_lease_wait(&((struct group *)base)->lease, timeout_ms, held);
}

/* prefix and group, 0, topic, 0, partition u16: names hold no 0. */
static struct fl_slice cursor_key(const struct group *group, uint32_t partition,
                                  uint8_t out[CURSOR_KEY_SIZE_MAX])
{
    struct fl_write_cursor cursor;
    fl_write_init(&cursor, out, CURSOR_KEY_SIZE_MAX);
    fl_write_bytes(&cursor, fl_slice_text(group->journal->prefix));
    fl_write_bytes(&cursor, fl_slice_text(group->group));
    fl_write_u8(&cursor, 0);
    fl_write_bytes(&cursor, fl_slice_text(group->topic));
    fl_write_u8(&cursor, 0);
    fl_write_u16(&cursor, (uint16_t)partition);
    fl_assert(cursor.error == FL_OK);
    return fl_written(&cursor);
}

enum fl_error fl_embedded_group_commit(struct fl_group *base, uint32_t partition, uint64_t offset)
{
    struct group *group = (struct group *)base;
    uint8_t key[CURSOR_KEY_SIZE_MAX];
    uint8_t value[8];
    struct fl_write_cursor cursor;
    struct fl_txn txn;
    if (group->lease.held < 0)
        return FL_DENIED;
    fl_write_init(&cursor, value, sizeof(value));
    fl_write_u64(&cursor, offset);
    enum fl_error error = fl_txn_begin_write(&txn, group->journal->groups);
    if (error != FL_OK)
        return error;
    fl_kv_put(&txn.kv, CURSORS, cursor_key(group, partition, key), fl_written(&cursor));
    return fl_txn_commit(&txn);
}

enum fl_error fl_embedded_group_cursor(struct fl_group *base, uint32_t partition, uint64_t *offset)
{
    struct group *group = (struct group *)base;
    uint8_t key[CURSOR_KEY_SIZE_MAX];
    struct fl_slice value;
    struct fl_read_cursor cursor;
    struct fl_txn txn;
    enum fl_error error = fl_txn_begin_read(&txn, group->journal->groups);
    if (error != FL_OK)
        return error;
    bool found = fl_kv_get(&txn.kv, CURSORS, cursor_key(group, partition, key), &value);
    if (found) {
        fl_read_init(&cursor, value);
        *offset = fl_read_u64(&cursor);
        error = cursor.error == FL_OK ? FL_OK : FL_CORRUPT;
    } else {
        error = txn.kv.error == FL_OK ? FL_NOT_FOUND : txn.kv.error;
    }
    fl_txn_abort(&txn);
    return error;
}

void fl_embedded_group_leave(struct fl_group *base)
{
    struct group *group = (struct group *)base;
    fl_lease_close(&group->lease);
    free(group);
}
