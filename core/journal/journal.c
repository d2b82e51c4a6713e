/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/journal_engine.h"

/* Kafka's rule for topic names, held by every engine so that any log can be moved there. */
static bool is_topic_name(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return name[strspn(name, allowed)] == '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

enum fl_error fl_journal_ensure_topic(struct fl_journal *journal, const struct fl_topic_spec *spec)
{
    fl_assert(spec->name[0] != '\0' && strlen(spec->name) < FL_TOPIC_NAME_SIZE_MAX / 2);
    if (!is_topic_name(spec->name)) {
        snprintf(journal->detail, sizeof(journal->detail),
                 "a topic's name holds letters, digits, '.', '_' and '-' only");
        return FL_INVALID;
    }
    if (spec->partition_count == 0 || spec->partition_count > FL_PARTITION_COUNT_MAX) {
        snprintf(journal->detail, sizeof(journal->detail),
                 "topic %s: partitions must be 1 to %d, not %u", spec->name, FL_PARTITION_COUNT_MAX,
                 spec->partition_count);
        return FL_INVALID;
    }
    return journal->ops->ensure_topic(journal, spec);
}

enum fl_error fl_journal_describe_topic(struct fl_journal *journal, const char *topic,
                                        struct fl_topic_info *info)
{
    struct fl_topic_info found = {.replication_factor = 1};
    enum fl_error error = journal->ops->describe_topic(journal, topic, &found);
    if (error == FL_OK)
        *info = found;
    return error;
}

enum fl_error fl_journal_check_topic(struct fl_journal *journal, const struct fl_topic_spec *spec,
                                     const char **warning)
{
    struct fl_topic_info info;
    enum fl_error error = fl_journal_describe_topic(journal, spec->name, &info);
    if (error != FL_OK)
        return error;
    const char *sentence = NULL;
    error = FL_USAGE;
    if (info.partition_count != spec->partition_count)
        snprintf(journal->detail, sizeof(journal->detail),
                 "topic %s has %u partitions; this log was made with %u", spec->name,
                 info.partition_count, spec->partition_count);
    else if (info.compacted != spec->compacted)
        snprintf(journal->detail, sizeof(journal->detail),
                 spec->compacted ? "topic %s is not compacted and must be (cleanup.policy=compact)"
                                 : "topic %s is compacted and must not be (cleanup.policy=delete)",
                 spec->name);
    else if (info.unclean_leader_election)
        snprintf(journal->detail, sizeof(journal->detail),
                 "topic %s allows unclean leader election: the broker could lose records that it "
                 "acknowledged (set unclean.leader.election.enable=false)",
                 spec->name);
    else if (info.replication_factor >= 3 && info.min_insync_replicas < 2)
        snprintf(journal->detail, sizeof(journal->detail),
                 "topic %s has %u replicas, of which one alone may acknowledge (set "
                 "min.insync.replicas=2)",
                 spec->name, info.replication_factor);
    else
        error = FL_OK;
    if (error == FL_OK && info.min_insync_replicas > 0 && info.min_insync_replicas < 2)
        sentence = "one replica acknowledges alone: a power cut or a lost disk of that broker can "
                   "take records that were acknowledged";
    if (warning != NULL)
        *warning = sentence;
    return error;
}

static bool has_nameless_header(const struct fl_record *record)
{
    for (uint32_t i = 0; i < record->header_count; i++)
        if (record->headers[i].name.size == 0)
            return true;
    return false;
}

/* The limits every engine shares, checked before anything is sent. */
static enum fl_error check_batch(struct fl_journal *journal, const struct fl_append *batch)
{
    size_t size = 0;
    fl_assert(batch->count > 0);
    if (batch->count > FL_BATCH_RECORD_COUNT_MAX) {
        snprintf(journal->detail, sizeof(journal->detail),
                 "topic %s: %u records in one append, at most %d", batch->topic, batch->count,
                 FL_BATCH_RECORD_COUNT_MAX);
        return FL_TOO_LARGE;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        const char *what = NULL;
        enum fl_error error = fl_record_check_limits(&batch->records[i], &what);
        if (error != FL_OK) {
            snprintf(journal->detail, sizeof(journal->detail),
                     "topic %s: record %u of the batch: the %s is over its limit", batch->topic, i,
                     what);
            return error;
        }
        if (batch->records[i].timestamp_ms < 0 || has_nameless_header(&batch->records[i])) {
            snprintf(journal->detail, sizeof(journal->detail),
                     "topic %s: record %u of the batch has a time before 1970 or a header without "
                     "a name",
                     batch->topic, i);
            return FL_INVALID;
        }
        size += fl_record_size(&batch->records[i]);
    }
    if (size > FL_BATCH_SIZE_MAX) {
        snprintf(journal->detail, sizeof(journal->detail),
                 "topic %s: %zu bytes in one append, at most %d", batch->topic, size,
                 FL_BATCH_SIZE_MAX);
        return FL_TOO_LARGE;
    }
    return FL_OK;
}

static enum fl_error check_batches(struct fl_journal *journal, const struct fl_append *batches,
                                   size_t batch_count)
{
    for (size_t b = 0; b < batch_count; b++)
        for (uint32_t i = 0; i < batches[b].count; i++)
            batches[b].offsets[i] = FL_OFFSET_NONE;
    for (size_t b = 0; b < batch_count; b++) {
        enum fl_error error = check_batch(journal, &batches[b]);
        if (error != FL_OK)
            return error;
    }
    return FL_OK;
}

enum fl_error fl_journal_append(struct fl_journal *journal, const struct fl_append *batches,
                                size_t batch_count)
{
    enum fl_error error = check_batches(journal, batches, batch_count);
    return error != FL_OK || batch_count == 0 ? error
                                              : journal->ops->append(journal, batches, batch_count);
}

enum fl_error fl_journal_append_begin(struct fl_journal *journal, const struct fl_append *batches,
                                      size_t batch_count, struct fl_pending_append **pending)
{
    fl_assert(batch_count > 0);
    enum fl_error error = check_batches(journal, batches, batch_count);
    if (error != FL_OK)
        return error;
    if (journal->ops->append_begin != NULL)
        return journal->ops->append_begin(journal, batches, batch_count, pending);
    struct fl_pending_append *begun = malloc(sizeof(*begun));
    if (begun == NULL)
        return FL_NO_MEMORY;
    begun->journal = journal;
    begun->error = journal->ops->append(journal, batches, batch_count);
    *pending = begun;
    return FL_OK;
}

enum fl_error fl_journal_append_end(struct fl_pending_append **pending)
{
    struct fl_pending_append *ended = *pending;
    *pending = NULL;
    if (ended->journal->ops->append_end != NULL)
        return ended->journal->ops->append_end(ended);
    enum fl_error error = ended->error;
    free(ended);
    return error;
}

enum fl_error fl_journal_offsets(struct fl_journal *journal, const char *topic, uint32_t partition,
                                 uint64_t *begin, uint64_t *end)
{
    return journal->ops->offsets(journal, topic, partition, begin, end);
}

enum fl_error fl_journal_offset_at(struct fl_journal *journal, const char *topic,
                                   uint32_t partition, int64_t time_ms, uint64_t *offset)
{
    return journal->ops->offset_at(journal, topic, partition, time_ms, offset);
}

enum fl_error fl_journal_maintain(struct fl_journal *journal, int64_t now_ms)
{
    return journal->ops->maintain(journal, now_ms);
}

enum fl_error fl_journal_scrub(struct fl_journal *journal, const char *topic)
{
    return journal->ops->scrub == NULL ? FL_OK : journal->ops->scrub(journal, topic);
}

enum fl_error fl_journal_delete_topic(struct fl_journal *journal, const char *topic)
{
    return journal->ops->delete_topic(journal, topic);
}

const char *fl_journal_detail(struct fl_journal *journal)
{
    return journal->detail;
}

enum fl_error fl_journal_identity(struct fl_journal *journal, char out[FL_JOURNAL_IDENTITY_SIZE])
{
    if (journal->ops->identity != NULL)
        return journal->ops->identity(journal, out);
    snprintf(out, FL_JOURNAL_IDENTITY_SIZE, "%s", journal->ops->name);
    return FL_OK;
}

const char *fl_journal_engine(const struct fl_journal *journal)
{
    return journal->ops->name;
}

void fl_journal_close(struct fl_journal **journal)
{
    if (*journal == NULL)
        return;
    (*journal)->ops->close(*journal);
    *journal = NULL;
}

enum fl_error fl_reader_open(struct fl_journal *journal, const struct fl_source *sources,
                             size_t source_count, struct fl_reader **reader)
{
    fl_assert(source_count > 0);
    return journal->ops->reader_open(journal, sources, source_count, reader);
}

enum fl_error fl_reader_poll(struct fl_reader *reader, int timeout_ms, size_t size_max,
                             struct fl_batch *batch)
{
    *batch = (struct fl_batch){.entries = NULL};
    return reader->journal->ops->reader_poll(reader, timeout_ms, size_max, batch);
}

enum fl_error fl_reader_seek(struct fl_reader *reader, uint32_t source, uint64_t offset)
{
    return reader->journal->ops->reader_seek(reader, source, offset);
}

void fl_reader_skip_headers(struct fl_reader *reader, uint32_t source)
{
    if (reader->journal->ops->reader_skip_headers != NULL)
        reader->journal->ops->reader_skip_headers(reader, source);
}

void fl_reader_wake(struct fl_reader *reader)
{
    reader->journal->ops->reader_wake(reader);
}

void fl_reader_close(struct fl_reader **reader)
{
    if (*reader == NULL)
        return;
    (*reader)->journal->ops->reader_close(*reader);
    *reader = NULL;
}

enum fl_error fl_group_join(struct fl_journal *journal, const char *group, const char *topic,
                            struct fl_group **member)
{
    return journal->ops->group_join(journal, group, topic, member);
}

enum fl_error fl_group_poll(struct fl_group *member, int timeout_ms, bool *held)
{
    return member->journal->ops->group_poll(member, timeout_ms, held);
}

enum fl_error fl_group_commit(struct fl_group *member, uint32_t partition, uint64_t offset)
{
    return member->journal->ops->group_commit(member, partition, offset);
}

enum fl_error fl_group_cursor(struct fl_group *member, uint32_t partition, uint64_t *offset)
{
    return member->journal->ops->group_cursor(member, partition, offset);
}

void fl_group_leave(struct fl_group **member)
{
    if (*member == NULL)
        return;
    (*member)->journal->ops->group_leave(*member);
    *member = NULL;
}
