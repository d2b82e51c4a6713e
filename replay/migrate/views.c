/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/migrate/views.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fault_point.h"
#include "projections/store/store.h"

enum { POSITION_COUNT_MAX = 2 * FL_PARTITION_COUNT_MAX };

struct position {
    enum fl_topic topic;
    uint32_t partition;
    struct fl_position old;
};

/* One view under way. */
struct moving {
    const struct fl_migrate_views *options;
    const struct fl_view *view;
    struct fl_kv *kv;
    size_t count;
    struct position positions[POSITION_COUNT_MAX];
};

static void collect(void *context, enum fl_topic topic, uint32_t partition,
                    const struct fl_position *position)
{
    struct moving *m = context;
    if (m->count < POSITION_COUNT_MAX)
        m->positions[m->count++] = (struct position){topic, partition, *position};
}

/* How far the offsets of a partition go down; a compacted one is not moved as a whole. */
static enum fl_error shift_of(const struct moving *m, const struct position *position,
                              uint64_t *shift)
{
    uint64_t end;
    return fl_journal_offsets(m->options->source, fl_topic_row(position->topic)->spec.name,
                              position->partition, shift, &end);
}

static enum fl_error move_position(struct moving *m, const struct position *position)
{
    struct fl_position moved = position->old;
    const char *topic = fl_topic_row(position->topic)->spec.name;
    bool there = false;
    uint64_t shift = 0;
    enum fl_error error = fl_migrate_rank(m->options->source, topic, position->partition,
                                          position->old.next, &moved.next, &there);
    if (error == FL_OK && position->old.last != FL_OFFSET_NONE)
        error = fl_migrate_rank(m->options->source, topic, position->partition, position->old.last,
                                &moved.last, &there);
    if (error == FL_OK)
        error = shift_of(m, position, &shift);
    if (error != FL_OK)
        return error;
    if (!there)
        moved.last = FL_OFFSET_NONE; /* retention or compaction took it: nothing to compare with */
    fl_meta_set_position(m->kv, position->topic, position->partition, &moved);
    if (position->topic == FL_TOPIC_TELEMETRY && shift > 0 && m->view->renumber != NULL)
        m->view->renumber(m->kv, position->partition, shift);
    return m->kv->error;
}

/* Parked records are stored under their offsets. */
static enum fl_error check_parked(struct moving *m, char detail[FL_MIGRATE_DETAIL_SIZE])
{
    uint64_t parked = fl_meta_counts(m->kv).parked;
    for (size_t i = 0; parked > 0 && i < m->count; i++) {
        uint64_t shift = 0;
        enum fl_error error = shift_of(m, &m->positions[i], &shift);
        if (error != FL_OK)
            return error;
        if (shift > 0 || m->positions[i].topic == FL_TOPIC_SUBJECTS) {
            snprintf(detail, FL_MIGRATE_DETAIL_SIZE,
                     "view %s: %llu parked records name offsets that the move would change; decide "
                     "on them first (retry or skip)",
                     m->view->name, (unsigned long long)parked);
            return FL_INVALID;
        }
    }
    return FL_OK;
}

/* FL_NOT_FOUND: this node has no rows of that view. */
static enum fl_error open_view(const struct fl_migrate_views *options, const struct fl_view *view,
                               struct fl_versions *versions, struct fl_store **store,
                               char detail[FL_MIGRATE_DETAIL_SIZE])
{
    char version[FL_VERSION_NAME_SIZE];
    char why[FL_DETAIL_SIZE] = "";
    struct fl_store_options store_options = {
        .views_directory = options->directory,
        .view = view,
        .map_size = options->map_size,
        .port = options->port,
        .detail = why,
    };
    enum fl_error error = fl_versions_open(versions, options->directory, view->name, false);
    if (error == FL_OK)
        error = fl_versions_read(versions, FL_LINK_CURRENT, version);
    if (error == FL_OK)
        error = fl_store_open_writer(&store_options, store);
    if (error != FL_OK && error != FL_NOT_FOUND)
        snprintf(detail, FL_MIGRATE_DETAIL_SIZE, "view %s: %s", view->name,
                 why[0] != '\0' ? why : fl_error_text(error));
    return error;
}

/* Removes what else there is of the view. */
static enum fl_error drop_other_versions(const struct fl_versions *versions)
{
    static const enum fl_version_link links[] = {FL_LINK_PREVIOUS, FL_LINK_BUILDING,
                                                 FL_LINK_WANTED};
    enum fl_error error = FL_OK;
    for (size_t i = 0; error == FL_OK && i < sizeof(links) / sizeof(links[0]); i++)
        error = fl_versions_clear(versions, links[i]);
    return error == FL_OK ? fl_versions_prune(versions) : error;
}

/* Inside the open transaction. `done`: it was moved before. */
static enum fl_error move_rows(struct moving *m, bool only_check, bool *done,
                               char detail[FL_MIGRATE_DETAIL_SIZE])
{
    char identity[FL_JOURNAL_IDENTITY_SIZE];
    *done = fl_meta_moved_to(m->kv, identity) && strcmp(identity, m->options->target_identity) == 0;
    if (*done)
        return FL_OK;
    fl_meta_each_position(m->kv, collect, m);
    enum fl_error error = check_parked(m, detail);
    for (size_t i = 0; error == FL_OK && !only_check && i < m->count; i++)
        error = move_position(m, &m->positions[i]);
    if (error == FL_OK && !only_check)
        fl_meta_set_moved_to(m->kv, m->options->target_identity);
    if (error != FL_OK && detail[0] == '\0')
        snprintf(detail, FL_MIGRATE_DETAIL_SIZE, "view %s: %s", m->view->name,
                 fl_error_text(error));
    return error != FL_OK ? error : m->kv->error;
}

static enum fl_error move_view(struct moving *m, bool only_check, unsigned *moved,
                               char detail[FL_MIGRATE_DETAIL_SIZE])
{
    struct fl_versions versions;
    struct fl_store *store = NULL;
    bool done = false;
    enum fl_error error = open_view(m->options, m->view, &versions, &store, detail);
    if (error != FL_OK)
        return error == FL_NOT_FOUND ? FL_OK : error;
    error = fl_store_begin(store);
    if (error == FL_OK) {
        m->kv = fl_store_kv(store);
        m->count = 0;
        error = move_rows(m, only_check, &done, detail);
        if (!only_check)
            fl_fault_point("migrate.view");
        if (error == FL_OK && !only_check && !done) {
            error = fl_store_commit(store);
            *moved += error == FL_OK;
        } else {
            fl_store_abort(store);
        }
        if (!only_check)
            fl_fault_point("migrate.viewed");
    }
    if (error == FL_OK && !only_check)
        error = drop_other_versions(&versions);
    fl_store_close(&store);
    return error;
}

static enum fl_error each_view(const struct fl_migrate_views *options, bool only_check,
                               unsigned *moved, char detail[FL_MIGRATE_DETAIL_SIZE])
{
    enum fl_error error = FL_OK;
    struct moving *m = calloc(1, sizeof(*m));
    detail[0] = '\0';
    if (m == NULL)
        return FL_NO_MEMORY;
    for (size_t i = 0; error == FL_OK && i < options->view_count; i++) {
        m->options = options;
        m->view = options->views[i];
        error = move_view(m, only_check, moved, detail);
    }
    free(m);
    return error;
}

enum fl_error fl_migrate_views_check(const struct fl_migrate_views *options,
                                     char detail[FL_MIGRATE_DETAIL_SIZE])
{
    unsigned moved = 0;
    return each_view(options, true, &moved, detail);
}

enum fl_error fl_migrate_views_move(const struct fl_migrate_views *options, unsigned *moved,
                                    char detail[FL_MIGRATE_DETAIL_SIZE])
{
    *moved = 0;
    return each_view(options, false, moved, detail);
}
