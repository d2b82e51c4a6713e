/* SPDX-License-Identifier: Apache-2.0 */
/* Is the log the one that was read before, and where does it begin now? */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/runner/feed_internal.h"
#include "core/diag.h"
#include "core/port.h"
#include "fleetlog/v1/events.pb-c.h"

enum { LOOK_TIMEOUT_MS = 10000, LOOK_EACH_MS = 1000, LOOK_SIZE_MAX = 64 * 1024 };

static const char *topic_name(enum fl_topic topic)
{
    return fl_topic_row(topic)->spec.name;
}

/* Retention went past the position: only telemetry (and subjects, where a removed record was
 * replaced or withdrawn) may go on. */
static enum fl_error step_over_gap(struct fl_feed *feed, struct fl_kv *kv, size_t index,
                                   uint64_t begin)
{
    struct fl_feed_source *source = &feed->sources[index];
    struct fl_meta_gap gap = {source->topic, source->partition, source->position.next, begin};
    if (source->topic != FL_TOPIC_TELEMETRY && source->topic != FL_TOPIC_SUBJECTS)
        return fl_feed_fail(feed, FL_LOG_BEHIND,
                            "%s-%u begins at %" PRIu64 ", %s has to read on from %" PRIu64,
                            topic_name(source->topic), source->partition, begin, feed->view->name,
                            source->position.next);
    fl_meta_add_gap(kv, &gap);
    if (source->topic == FL_TOPIC_TELEMETRY && feed->view->gap != NULL)
        feed->view->gap(feed->state, kv, gap.partition, gap.from, gap.to);
    fl_diag(LOG_GAP, FL_TEXT("view", feed->view->name), FL_TEXT("topic", topic_name(gap.topic)),
            FL_UINT("partition", gap.partition), FL_UINT("from", gap.from), FL_UINT("to", gap.to));
    fl_feed_skip_to(feed, index, begin);
    return kv->error;
}

/* Compares positions with the ends of the log; `check` receives which sources' last record can be
 * read again. */
static enum fl_error check_ends(struct fl_feed *feed, struct fl_kv *kv, bool *check)
{
    for (size_t i = 0; i < feed->source_count; i++) {
        const struct fl_feed_source *source = &feed->sources[i];
        uint64_t begin = 0;
        uint64_t end = 0;
        enum fl_error error = fl_journal_offsets(feed->journal, topic_name(source->topic),
                                                 source->partition, &begin, &end);
        if (error != FL_OK)
            return fl_feed_fail(feed, error, "%s: %s", topic_name(source->topic),
                                fl_journal_detail(feed->journal));
        if (end < source->position.next)
            return fl_feed_fail(feed, FL_LOG_CHANGED,
                                "%s-%u ends at %" PRIu64 ", but %s has read up to %" PRIu64,
                                topic_name(source->topic), source->partition, end, feed->view->name,
                                source->position.next);
        check[i] = source->position.last != FL_OFFSET_NONE && source->position.last >= begin;
        if (begin > source->position.next) {
            error = step_over_gap(feed, kv, i, begin);
            if (error != FL_OK)
                return error;
        }
    }
    return FL_OK;
}

static enum fl_error compare_last(struct fl_feed *feed, size_t index, uint64_t offset,
                                  const struct fl_record *record)
{
    const struct fl_feed_source *source = &feed->sources[index];
    uint8_t hash[FL_HASH_SIZE];
    bool same = offset == source->position.last;
    if (same) {
        fl_position_hash(source->topic, feed->sha, record, hash);
        same = memcmp(hash, source->position.last_hash, FL_HASH_SIZE) == 0;
    } else if (source->topic == FL_TOPIC_SUBJECTS) {
        return FL_OK; /* compaction removed it */
    }
    if (same)
        return FL_OK;
    return fl_feed_fail(
        feed, FL_LOG_CHANGED, "%s-%u@%" PRIu64 " is another record than the one that %s has read",
        topic_name(source->topic), source->partition, source->position.last, feed->view->name);
}

static bool only_subjects(const struct fl_feed *feed, const bool *check)
{
    for (size_t i = 0; i < feed->source_count; i++)
        if (check[i] && feed->sources[i].topic != FL_TOPIC_SUBJECTS)
            return false;
    return true;
}

/* Reads the last record applied of every source again. */
static enum fl_error check_last(struct fl_feed *feed, bool *check)
{
    struct fl_source *sources = calloc(feed->source_count, sizeof(*sources));
    size_t *index_of = calloc(feed->source_count, sizeof(*index_of));
    struct fl_reader *reader = NULL;
    size_t count = 0;
    enum fl_error error = sources == NULL || index_of == NULL ? FL_NO_MEMORY : FL_OK;
    for (size_t i = 0; error == FL_OK && i < feed->source_count; i++) {
        if (!check[i])
            continue;
        sources[count] = (struct fl_source){.topic = topic_name(feed->sources[i].topic),
                                            .partition = feed->sources[i].partition,
                                            .offset = feed->sources[i].position.last};
        index_of[count++] = i;
    }
    if (error == FL_OK && count != 0)
        error = fl_reader_open(feed->journal, sources, count, &reader);
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + LOOK_TIMEOUT_MS;
    for (size_t left = count; error == FL_OK && left != 0;) {
        struct fl_batch batch;
        error = fl_reader_poll(reader, LOOK_EACH_MS, LOOK_SIZE_MAX, &batch);
        for (size_t i = 0; error == FL_OK && i < batch.count; i++) {
            size_t index = index_of[batch.entries[i].source];
            if (!check[index])
                continue;
            check[index] = false;
            left--;
            error = compare_last(feed, index, batch.entries[i].offset, &batch.entries[i].record);
        }
        if (error == FL_OK && batch.at_end && batch.count == 0 && only_subjects(feed, check))
            break; /* compaction removed all that is left to look at */
        if (error == FL_OK && fl_port_monotonic_ms(fl_port_system()) > deadline_ms)
            error = fl_feed_fail(feed, FL_UNAVAILABLE, "the last records read cannot be read now");
    }
    if (error != FL_OK && feed->detail[0] == '\0')
        error = fl_feed_fail(feed, error, "%s", fl_journal_detail(feed->journal));
    fl_reader_close(&reader);
    free(sources);
    free(index_of);
    return error;
}

/* Reads the event that opens the log and compares or learns the log's id. */
static enum fl_error check_log_id(struct fl_feed *feed)
{
    struct fl_source source = {.topic = "events", .partition = 0, .offset = 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch = {0};
    struct fl_envelope envelope;
    const char *what = NULL;
    ProtobufCMessage *message = NULL;
    uint64_t begin = 0;
    uint64_t end = 0;
    enum fl_error error = fl_journal_offsets(feed->journal, source.topic, 0, &begin, &end);
    if (error != FL_OK || end == 0 || begin > 0)
        return error == FL_NOT_FOUND ? FL_OK : error;
    error = fl_reader_open(feed->journal, &source, 1, &reader);
    if (error == FL_OK)
        error = fl_reader_poll(reader, LOOK_TIMEOUT_MS, 1, &batch);
    fl_arena_reset(&feed->arena);
    if (error == FL_OK && batch.count != 0 &&
        fl_envelope_read(&batch.entries[0].record, &envelope, &what) == FL_OK &&
        envelope.row != NULL && envelope.row->type == FL_MESSAGE_LogCreated &&
        fl_message_decode(&feed->arena, envelope.row->descriptor, batch.entries[0].record.value,
                          &message) == FL_OK) {
        struct fl_slice id = fl_slice_text(((Fleetlog__V1__LogCreated *)message)->log_id);
        if (feed->log_id[0] == '\0')
            feed->log_id_is_new =
                fl_id_is_valid(id) && fl_slice_to_text(id, feed->log_id, sizeof(feed->log_id));
        else if (!fl_slice_is(id, feed->log_id))
            error = fl_feed_fail(feed, FL_LOG_CHANGED, "this is log %s, but %s has read log %s",
                                 ((Fleetlog__V1__LogCreated *)message)->log_id, feed->view->name,
                                 feed->log_id);
    }
    fl_reader_close(&reader);
    return error;
}

void fl_feed_learn_log_id(struct fl_feed *feed)
{
    if (feed->log_id[0] == '\0' && (feed->view->inputs & FL_READS_EVENTS) == 0)
        (void)check_log_id(feed); /* else with the next commit */
}

enum fl_error fl_feed_check_log(struct fl_feed *feed, struct fl_kv *kv)
{
    bool *check = calloc(feed->source_count, sizeof(*check));
    if (check == NULL)
        return FL_NO_MEMORY;
    feed->detail[0] = '\0';
    enum fl_error error = check_ends(feed, kv, check);
    if (error == FL_OK)
        error = check_log_id(feed);
    if (error == FL_OK)
        error = check_last(feed, check);
    free(check);
    if (error == FL_LOG_CHANGED)
        fl_diag(LOG_CHANGED, FL_TEXT("view", feed->view->name), FL_TEXT("detail", feed->detail));
    return error;
}
