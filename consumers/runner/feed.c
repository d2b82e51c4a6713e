/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/runner/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/runner/feed_internal.h"
#include "core/assert.h"
#include "core/diag.h"
#include "fleetlog/v1/events.pb-c.h"

static enum fl_error fail_topic(struct fl_feed *feed, enum fl_error error, enum fl_topic topic)
{
    return fl_feed_fail(feed, error, "%s: %s", fl_topic_row(topic)->spec.name,
                        fl_journal_detail(feed->journal));
}

enum fl_error fl_feed_fail(struct fl_feed *feed, enum fl_error error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(feed->detail, sizeof(feed->detail), format, arguments);
    va_end(arguments);
    return error;
}

static void add_source(struct fl_feed *feed, enum fl_topic topic, uint32_t partition)
{
    struct fl_feed_source *source = &feed->sources[feed->source_count++];
    *source = (struct fl_feed_source){topic, partition, {.last = FL_OFFSET_NONE}};
}

static enum fl_error add_sources(struct fl_feed *feed)
{
    struct fl_topic_info info = {.partition_count = 0};
    unsigned inputs = feed->view->inputs;
    bool parks =
        (inputs & (FL_READS_TELEMETRY | FL_READS_SUBJECTS | FL_READS_PARKED | FL_READS_HISTORY)) !=
        0;
    if ((inputs & FL_READS_TELEMETRY) != 0) {
        enum fl_error error = fl_journal_describe_topic(feed->journal, "telemetry", &info);
        if (error != FL_OK)
            return fail_topic(feed, error, FL_TOPIC_TELEMETRY);
    }
    feed->sources = calloc(info.partition_count + FL_TOPIC_COUNT, sizeof(*feed->sources));
    feed->untaken = calloc(info.partition_count + FL_TOPIC_COUNT, sizeof(*feed->untaken));
    if (feed->sources == NULL || feed->untaken == NULL)
        return FL_NO_MEMORY;
    if ((inputs & FL_READS_EVENTS) != 0)
        add_source(feed, FL_TOPIC_EVENTS, 0);
    for (uint32_t i = 0; i < info.partition_count; i++)
        add_source(feed, FL_TOPIC_TELEMETRY, i);
    if ((inputs & FL_READS_SUBJECTS) != 0)
        add_source(feed, FL_TOPIC_SUBJECTS, 0);
    if ((inputs & FL_READS_HISTORY) != 0)
        add_source(feed, FL_TOPIC_HISTORY, 0);
    if (parks)
        add_source(feed, FL_TOPIC_PARKED, 0);
    return FL_OK;
}

enum fl_error fl_feed_open(const struct fl_feed_options *options, char *detail,
                           struct fl_feed **out)
{
    struct fl_feed *feed = calloc(1, sizeof(*feed));
    if (feed == NULL)
        return FL_NO_MEMORY;
    feed->view = options->view;
    feed->journal = options->journal;
    feed->sha = fl_sha256_open();
    fl_arena_init(&feed->arena, FL_FEED_ARENA_SIZE_MAX);
    fl_chain_init(&feed->head);
    enum fl_error error = add_sources(feed);
    if (error == FL_OK)
        error = feed->view->open(
            options->memory_max == 0 ? FL_FEED_MEMORY_DEFAULT : options->memory_max, &feed->state);
    if (error == FL_OK) {
        *out = feed;
        return FL_OK;
    }
    if (detail != NULL)
        snprintf(detail, FL_DETAIL_SIZE, "%s", feed->detail);
    fl_feed_close(&feed);
    return error;
}

void fl_feed_close(struct fl_feed **feed)
{
    if (*feed == NULL)
        return;
    if ((*feed)->state != NULL)
        (*feed)->view->close((*feed)->state);
    fl_chain_check_close(&(*feed)->chain);
    fl_arena_fini(&(*feed)->arena);
    fl_sha256_close(&(*feed)->sha);
    free((*feed)->sources);
    free((*feed)->untaken);
    free(*feed);
    *feed = NULL;
}

enum fl_error fl_feed_load(struct fl_feed *feed, struct fl_kv *kv)
{
    feed->view->discard(feed->state);
    fl_meta_head(kv, &feed->head);
    for (size_t i = 0; i < feed->source_count; i++) {
        struct fl_feed_source *source = &feed->sources[i];
        source->position = fl_meta_position(kv, source->topic, source->partition);
        /* All rows are written by the next flush, so that lag sees what was never read. */
        feed->untaken[i] = (struct fl_feed_untaken){.moved = true};
    }
    feed->counts = (struct fl_meta_counts){0};
    feed->pending = (struct fl_feed_pending){0};
    feed->any_parked = fl_meta_counts(kv).parked != 0;
    fl_meta_log_id(kv, feed->log_id);
    feed->log_id_is_new = false;
    if (feed->chain != NULL)
        fl_chain_check_reset(feed->chain, &feed->head);
    return kv->error;
}

size_t fl_feed_source_count(const struct fl_feed *feed)
{
    return feed->source_count;
}

const struct fl_feed_source *fl_feed_source(const struct fl_feed *feed, size_t index)
{
    fl_assert(index < feed->source_count);
    return &feed->sources[index];
}

enum fl_error fl_feed_open_reader(struct fl_feed *feed, const bool *wanted, size_t *index_of,
                                  struct fl_reader **reader)
{
    struct fl_source *sources = calloc(feed->source_count, sizeof(*sources));
    size_t count = 0;
    if (sources == NULL)
        return FL_NO_MEMORY;
    for (size_t i = 0; i < feed->source_count; i++) {
        if (wanted != NULL && !wanted[i])
            continue;
        const struct fl_feed_source *source = &feed->sources[i];
        sources[count] = (struct fl_source){.topic = fl_topic_row(source->topic)->spec.name,
                                            .partition = source->partition,
                                            .offset = source->position.next};
        index_of[count++] = i;
    }
    enum fl_error error = fl_reader_open(feed->journal, sources, count, reader);
    if (error != FL_OK)
        error = fl_feed_fail(feed, error, "%s", fl_journal_detail(feed->journal));
    for (size_t i = 0; error == FL_OK && i < count; i++)
        if (feed->sources[index_of[i]].topic == FL_TOPIC_TELEMETRY)
            fl_reader_skip_headers(*reader, (uint32_t)i);
    free(sources);
    return error;
}

/* Learns the log's id from the event that opens it. */
static void note_log_id(struct fl_feed *feed, const struct fl_chain_item *item)
{
    if (item->envelope.row == NULL || item->envelope.row->type != FL_MESSAGE_LogCreated)
        return;
    const Fleetlog__V1__LogCreated *created = (const Fleetlog__V1__LogCreated *)item->message;
    struct fl_slice id = fl_slice_text(created->log_id);
    if (feed->log_id[0] == '\0' && fl_id_is_valid(id) &&
        fl_slice_to_text(id, feed->log_id, sizeof(feed->log_id)))
        feed->log_id_is_new = true;
}

static void count_void(struct fl_feed *feed, const struct fl_chain_item *item)
{
    feed->counts.voids++;
    if (item->repeats_head)
        feed->counts.duplicates++;
    if (item->verdict == FL_CHAIN_VOID_ALARM) {
        feed->counts.alarms++;
        fl_diag(CHAIN_ALARM, FL_TEXT("view", feed->view->name), FL_UINT("offset", item->offset));
    } else if (!feed->after_void) {
        fl_diag(CHAIN_VOID, FL_TEXT("view", feed->view->name), FL_UINT("offset", item->offset));
    }
}

static enum fl_error apply_event(struct fl_feed *feed, struct fl_kv *kv, uint64_t offset,
                                 const struct fl_chain_item *item)
{
    const struct fl_envelope *envelope = &item->envelope;
    char type[FL_HEADER_NAME_SIZE_MAX * 2] = "";
    if (item->fault != NULL)
        return fl_feed_fail(feed, FL_INVALID, "events-0@%" PRIu64 ": %s does not decode", offset,
                            item->fault);
    (void)fl_slice_to_text(envelope->type, type, sizeof(type));
    if (feed->view->reader_version != 0 && envelope->min_reader > feed->view->reader_version)
        return fl_feed_fail(feed, FL_VERSION,
                            "events-0@%" PRIu64 ": %s asks for reader version %u, %s is version %u",
                            offset, type, envelope->min_reader, feed->view->name,
                            feed->view->reader_version);
    struct fl_view_input input = {
        .kind = FL_READS_EVENTS,
        .offset = offset,
        .record = item->record,
        .envelope = envelope,
        .message = item->message,
        .action = item->action,
        .action_envelope = item->action_envelope,
        .action_message = item->action_message,
    };
    char reason[FL_DETAIL_SIZE] = "";
    enum fl_error error = feed->view->apply(feed->state, kv, &input, reason);
    if (error != FL_OK)
        return fl_feed_fail(feed, error, "events-0@%" PRIu64 ": %.60s: %.160s", offset, type,
                            reason[0] == '\0' ? fl_error_text(error) : reason);
    if (item->message == NULL) {
        feed->counts.unknown++;
        fl_meta_count_unknown(kv, envelope->type);
    }
    return FL_OK;
}

static enum fl_error take_event(struct fl_feed *feed, struct fl_kv *kv, uint64_t offset,
                                const struct fl_record *record)
{
    struct fl_chain_item item;
    enum fl_error error = FL_OK;
    if (feed->chain == NULL) {
        struct fl_chain_options options = {
            .journal = feed->journal,
            .with_actions = feed->view->needs_actions,
            .head = feed->head,
        };
        error = fl_chain_check_open(&options, feed->detail, &feed->chain);
        if (error != FL_OK)
            return error;
    }
    error = fl_chain_check_take(feed->chain, offset, record, &item);
    if (error != FL_OK)
        return fl_feed_fail(feed, error, "%s", fl_chain_check_detail(feed->chain));
    if (item.verdict != FL_CHAIN_VALID) {
        count_void(feed, &item);
        feed->after_void = true;
        return FL_OK;
    }
    feed->after_void = false;
    error = apply_event(feed, kv, offset, &item);
    if (error != FL_OK) {
        fl_chain_check_reset(feed->chain, &feed->head);
        return error;
    }
    note_log_id(feed, &item);
    feed->head = *fl_chain_check_head(feed->chain);
    feed->counts.applied++;
    feed->pending.event_count++;
    return FL_OK;
}

static void advance(struct fl_feed *feed, size_t index, uint64_t offset,
                    const struct fl_record *record)
{
    struct fl_feed_source *source = &feed->sources[index];
    source->position.next = offset + 1;
    source->position.last = offset;
    source->position.last_time_ms = record->timestamp_ms;
    feed->untaken[index] = (struct fl_feed_untaken){true, true, *record};
    feed->pending.record_count++;
    feed->pending.size += record->key.size + record->value.size;
}

enum fl_error fl_feed_take(struct fl_feed *feed, struct fl_kv *kv, size_t source, uint64_t offset,
                           const struct fl_record *record)
{
    fl_assert(source < feed->source_count);
    enum fl_error error = FL_OK;
    if (offset < feed->sources[source].position.next)
        return FL_OK;
    if (kv->error != FL_OK)
        return fl_feed_fail(feed, kv->error, "%s: %s", feed->view->name, fl_error_text(kv->error));
    switch (feed->sources[source].topic) {
    case FL_TOPIC_EVENTS:
        error = take_event(feed, kv, offset, record);
        break;
    case FL_TOPIC_TELEMETRY:
    case FL_TOPIC_SUBJECTS:
    case FL_TOPIC_HISTORY:
        error = fl_feed_take_keyed(feed, kv, &feed->sources[source], offset, record);
        break;
    case FL_TOPIC_PARKED:
        error = fl_feed_take_decision(feed, kv, offset, record);
        break;
    case FL_TOPIC_ACTIONS:
    case FL_TOPIC_COUNT:
        fl_assert(!"a topic that is no source");
    }
    if (error == FL_OK)
        advance(feed, source, offset, record);
    return error;
}

/* The bytes of a record were written by another processor. */
static void prefetch_bytes(const struct fl_record *record)
{
    enum { LINE = 64, SIZE_MAX_AHEAD = 6 * LINE };
    size_t size = record->value.size < SIZE_MAX_AHEAD ? record->value.size : SIZE_MAX_AHEAD;
    __builtin_prefetch(record->key.data);
    for (size_t line = 0; line < size; line += LINE)
        __builtin_prefetch(record->value.data + line);
}

void fl_feed_prefetch(struct fl_feed *feed, const struct fl_batch *batch, size_t at)
{
    /* So many records ahead, by step: a record takes about as long as memory takes to answer. */
    enum { BYTES_AHEAD = 20 };
    static const unsigned ahead[FL_PREFETCH_STEPS] = {14, 9, 4};
    if (feed->view->prefetch == NULL)
        return;
    if (at + BYTES_AHEAD < batch->count)
        prefetch_bytes(&batch->entries[at + BYTES_AHEAD].record);
    for (unsigned step = 0; step < FL_PREFETCH_STEPS; step++)
        if (at + ahead[step] < batch->count)
            feed->view->prefetch(feed->state, &batch->entries[at + ahead[step]].record, step);
}

void fl_feed_skip_to(struct fl_feed *feed, size_t source, uint64_t next)
{
    fl_assert(source < feed->source_count);
    if (next <= feed->sources[source].position.next)
        return;
    feed->sources[source].position.next = next;
    feed->untaken[source].moved = true;
}

void fl_feed_settle(struct fl_feed *feed)
{
    for (size_t i = 0; i < feed->source_count; i++) {
        struct fl_feed_source *source = &feed->sources[i];
        if (!feed->untaken[i].has_record)
            continue;
        feed->untaken[i].has_record = false;
        fl_position_hash(source->topic, feed->sha, &feed->untaken[i].record,
                         source->position.last_hash);
    }
}

static void add_counts(struct fl_feed *feed, struct fl_kv *kv)
{
    struct fl_meta_counts counts = fl_meta_counts(kv);
    counts.applied += feed->counts.applied;
    counts.voids += feed->counts.voids;
    counts.alarms += feed->counts.alarms;
    counts.duplicates += feed->counts.duplicates;
    counts.unknown += feed->counts.unknown;
    counts.skipped += feed->counts.skipped;
    counts.malformed += feed->counts.malformed;
    fl_meta_set_counts(kv, &counts);
    feed->counts = (struct fl_meta_counts){0};
}

enum fl_error fl_feed_flush(struct fl_feed *feed, struct fl_kv *kv)
{
    fl_feed_settle(feed);
    if (feed->pending.record_count != 0)
        fl_feed_learn_log_id(feed);
    feed->view->flush(feed->state, kv);
    for (size_t i = 0; i < feed->source_count; i++) {
        struct fl_feed_source *source = &feed->sources[i];
        if (!feed->untaken[i].moved)
            continue;
        feed->untaken[i].moved = false;
        fl_meta_set_position(kv, source->topic, source->partition, &source->position);
    }
    if ((feed->view->inputs & FL_READS_EVENTS) != 0)
        fl_meta_set_head(kv, &feed->head);
    if (feed->log_id_is_new)
        fl_meta_set_log_id(kv, feed->log_id);
    feed->log_id_is_new = false;
    add_counts(feed, kv);
    feed->pending = (struct fl_feed_pending){0};
    if (kv->error != FL_OK)
        return fl_feed_fail(feed, kv->error, "%s: %s", feed->view->name, fl_error_text(kv->error));
    return FL_OK;
}

struct fl_feed_pending fl_feed_pending(const struct fl_feed *feed)
{
    return feed->pending;
}

bool fl_feed_is_full(const struct fl_feed *feed)
{
    return feed->view->is_full(feed->state);
}

void *fl_feed_state(struct fl_feed *feed)
{
    return feed->state;
}

const struct fl_chain_head *fl_feed_head(const struct fl_feed *feed)
{
    return &feed->head;
}

const char *fl_feed_detail(const struct fl_feed *feed)
{
    return feed->detail;
}
