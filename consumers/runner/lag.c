/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/runner/lag.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/runner/heartbeat.h"
#include "projections/store/store.h"

enum { OLDEST_TIMEOUT_MS = 2000, OLDEST_SIZE_MAX = 64 * 1024 };

struct taking {
    struct fl_lag *lag;
    bool no_memory;
};

static void take_position(void *context, enum fl_topic topic, uint32_t partition,
                          const struct fl_position *position)
{
    struct taking *taking = context;
    struct fl_lag *lag = taking->lag;
    struct fl_lag_source *sources =
        realloc(lag->sources, (lag->source_count + 1) * sizeof(*sources));
    if (sources == NULL) {
        taking->no_memory = true;
        return;
    }
    lag->sources = sources;
    sources[lag->source_count++] =
        (struct fl_lag_source){.topic = topic, .partition = partition, .next = position->next};
}

static void count_gap(void *context, const struct fl_meta_gap *gap)
{
    (void)gap;
    ((struct fl_lag *)context)->gap_count++;
}

enum fl_error fl_lag_take(struct fl_kv *kv, struct fl_lag *lag)
{
    struct fl_meta_identity identity = {0};
    struct fl_chain_head head;
    struct taking taking = {.lag = lag};
    *lag = (struct fl_lag){.heartbeat_age_ms = -1};
    fl_meta_identity(kv, &identity);
    snprintf(lag->view, sizeof(lag->view), "%s", identity.view);
    fl_meta_log_id(kv, lag->log_id);
    fl_meta_head(kv, &head);
    lag->sequence = head.sequence;
    lag->counts = fl_meta_counts(kv);
    lag->commit_time_ms = fl_meta_commit_time(kv);
    fl_meta_each_gap(kv, count_gap, lag);
    fl_meta_each_position(kv, take_position, &taking);
    if (kv->error == FL_OK && !taking.no_memory)
        return FL_OK;
    fl_lag_fini(lag);
    return taking.no_memory ? FL_NO_MEMORY : kv->error;
}

void fl_lag_fini(struct fl_lag *lag)
{
    free(lag->sources);
    lag->sources = NULL;
    lag->source_count = 0;
}

/* Reads the first record not applied of each source that is behind; the oldest time of all. */
static enum fl_error find_oldest(struct fl_journal *journal, const struct fl_source *sources,
                                 size_t count, int64_t *oldest_ms)
{
    struct fl_reader *reader = NULL;
    bool *seen = calloc(count, sizeof(*seen));
    if (seen == NULL)
        return FL_NO_MEMORY;
    enum fl_error error = fl_reader_open(journal, sources, count, &reader);
    for (size_t left = count; error == FL_OK && left != 0;) {
        struct fl_batch batch;
        error = fl_reader_poll(reader, OLDEST_TIMEOUT_MS, OLDEST_SIZE_MAX, &batch);
        for (size_t i = 0; error == FL_OK && i < batch.count; i++) {
            const struct fl_entry *entry = &batch.entries[i];
            if (seen[entry->source])
                continue;
            seen[entry->source] = true;
            left--;
            if (entry->record.timestamp_ms < *oldest_ms)
                *oldest_ms = entry->record.timestamp_ms;
        }
        if (error == FL_OK && batch.count == 0)
            break; /* compacted away, or the broker is slow: what was seen has to do */
    }
    fl_reader_close(&reader);
    free(seen);
    return error;
}

enum fl_error fl_lag_measure(struct fl_lag *lag, struct fl_journal *journal, int64_t wall_ms)
{
    struct fl_source *behind = calloc(lag->source_count + 1, sizeof(*behind));
    size_t behind_count = 0;
    int64_t oldest_ms = INT64_MAX;
    enum fl_error error = behind == NULL ? FL_NO_MEMORY : FL_OK;
    for (size_t i = 0; error == FL_OK && i < lag->source_count; i++) {
        struct fl_lag_source *source = &lag->sources[i];
        const char *topic = fl_topic_row(source->topic)->spec.name;
        uint64_t begin = 0;
        error = fl_journal_offsets(journal, topic, source->partition, &begin, &source->end);
        uint64_t from = source->next > begin ? source->next : begin;
        if (error != FL_OK || source->end <= from)
            continue;
        source->behind_count = source->end - from;
        lag->behind_count += source->behind_count;
        behind[behind_count++] =
            (struct fl_source){.topic = topic, .partition = source->partition, .offset = from};
    }
    if (error == FL_OK && behind_count != 0)
        error = find_oldest(journal, behind, behind_count, &oldest_ms);
    if (error == FL_OK && oldest_ms != INT64_MAX)
        lag->behind_ms = wall_ms > oldest_ms ? wall_ms - oldest_ms : 0;
    free(behind);
    return error;
}

/* Reads the current version's own rows, whatever view it is. */
static enum fl_error read_rows(const struct fl_versions *versions, struct fl_lag *lag)
{
    char version[FL_VERSION_NAME_SIZE];
    struct fl_store_peek peek;
    enum fl_error error = fl_store_peek(versions, &peek, version);
    if (error != FL_OK)
        return error;
    error = fl_lag_take(&peek.txn.kv, lag);
    fl_store_peek_end(&peek);
    if (error == FL_OK)
        memcpy(lag->version, version, sizeof(version));
    return error;
}

static int is_view(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && strlen(entry->d_name) < FL_VIEW_NAME_SIZE_MAX;
}

static bool show(const char *views_directory, const char *name, struct fl_journal *journal,
                 const struct fl_port *port,
                 bool (*each)(void *context, const struct fl_lag *lag, enum fl_error error),
                 void *context)
{
    struct fl_versions versions;
    struct fl_lag lag = {.heartbeat_age_ms = -1};
    int64_t wall_ms = fl_port_wall_ms(port);
    int64_t beat_ms = 0;
    enum fl_error error = fl_versions_open(&versions, views_directory, name, false);
    if (error == FL_OK)
        error = read_rows(&versions, &lag);
    if (error == FL_OK)
        error = fl_lag_measure(&lag, journal, wall_ms);
    snprintf(lag.view, sizeof(lag.view), "%s", name);
    if (fl_heartbeat_read(versions.path, &beat_ms, &lag.process))
        lag.heartbeat_age_ms = wall_ms > beat_ms ? wall_ms - beat_ms : 0;
    bool more = each(context, &lag, error);
    fl_lag_fini(&lag);
    return more;
}

enum fl_error
fl_lag_each(const char *views_directory, struct fl_journal *journal, const struct fl_port *port,
            bool (*each)(void *context, const struct fl_lag *lag, enum fl_error error),
            void *context)
{
    struct dirent **entries = NULL;
    int count = scandir(views_directory, &entries, is_view, alphasort);
    if (count < 0)
        return fl_error_from_errno(errno);
    bool more = true;
    for (int i = 0; i < count; i++) {
        more = more && show(views_directory, entries[i]->d_name, journal, port, each, context);
        free(entries[i]);
    }
    free(entries);
    return FL_OK;
}
