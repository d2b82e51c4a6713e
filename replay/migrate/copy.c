/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/migrate/copy.h"

#include <stdlib.h>
#include <string.h>

#include "core/fault_point.h"
#include "replay/migrate/stream.h"

enum {
    REMAKE_COUNT_MAX = 3, /* unknown outcomes that landed late, one after the other */
    TRY_COUNT_MAX = 20,   /* of one batch */
    APPEND_COUNT = 5000,  /* records of one append */
    PROGRESS_EVERY_COUNT = 4096,
};

/* One partition under way. */
struct part {
    const struct fl_migrate_job *job;
    const struct fl_topic_spec *spec;
    uint32_t partition;
    enum fl_migrate_phase phase;
    struct fl_stream source;
    struct fl_stream target;
};

static bool header_equal(const struct fl_header *a, const struct fl_header *b)
{
    return fl_slice_equal(a->name, b->name) && fl_slice_equal(a->value, b->value);
}

static bool record_equal(const struct fl_record *a, const struct fl_record *b)
{
    if (!fl_slice_equal(a->key, b->key) || !fl_slice_equal(a->value, b->value) ||
        a->timestamp_ms != b->timestamp_ms || a->header_count != b->header_count)
        return false;
    for (uint32_t i = 0; i < a->header_count; i++)
        if (!header_equal(&a->headers[i], &b->headers[i]))
            return false;
    return true;
}

static void show(const struct part *part, uint64_t done)
{
    const struct fl_migrate_options *options = part->job->options;
    if (options->progress == NULL)
        return;
    /* Of a compacted partition the offsets are an upper bound; that will do for a bar. */
    const struct fl_migrate_progress progress = {part->phase, part->spec->name, part->partition,
                                                 done, part->source.end - part->source.begin};
    options->progress(options->context, &progress);
}

static enum fl_error journal_failed(const struct part *part, enum fl_error error,
                                    struct fl_journal *journal)
{
    return fl_migrate_fail(part->job, error, "%s, topic %s, partition %u: %s",
                           journal == part->job->options->source ? "source" : "target",
                           part->spec->name, part->partition, fl_journal_detail(journal));
}

static enum fl_error part_open(struct part *part)
{
    const struct fl_migrate_options *options = part->job->options;
    part->source = (struct fl_stream){.reader = NULL};
    part->target = (struct fl_stream){.reader = NULL};
    enum fl_error error = fl_stream_open(&part->source, options->source, part->spec->name,
                                         part->partition, options->stopped, options->context);
    if (error != FL_OK)
        return journal_failed(part, error, options->source);
    /* What is kept for ever begins at 0, or its offsets could not stay. */
    if (!part->spec->compacted && part->spec->retention_ms < 0 && part->source.begin > 0)
        return fl_migrate_fail(part->job, FL_LOG_BEHIND,
                               "source, topic %s, partition %u begins at offset %llu, not at 0",
                               part->spec->name, part->partition,
                               (unsigned long long)part->source.begin);
    error = fl_stream_open(&part->target, options->target, part->spec->name, part->partition,
                           options->stopped, options->context);
    return error == FL_OK ? FL_OK : journal_failed(part, error, options->target);
}

static void part_close(struct part *part)
{
    fl_stream_close(&part->source);
    fl_stream_close(&part->target);
}

/* Takes source records until `rank` is the next one's. */
static enum fl_error source_forward(struct part *part, uint64_t rank, bool *reached)
{
    const struct fl_entry *entry = NULL;
    while (part->source.rank < rank) {
        enum fl_error error = fl_stream_peek(&part->source, &entry);
        if (error != FL_OK)
            return journal_failed(part, error, part->job->options->source);
        if (entry == NULL)
            break;
        fl_stream_take(&part->source, 1);
    }
    *reached = part->source.rank == rank;
    return FL_OK;
}

/* Whether the target may lack the source's next record: of a compacted topic any, elsewhere those
 * before the target's begin, where records go by age. */
static bool may_be_missing(const struct part *part)
{
    return part->spec->compacted || (part->spec->retention_ms >= 0 && part->target.rank == 0);
}

/* Compares all that stands on the target with the source's records of the same rank; leaves the
 * source's stream at the first one behind them. *different: the target's offset of the first record
 * that differs, FL_OFFSET_NONE if none does. */
static enum fl_error match(struct part *part, uint64_t *different)
{
    const struct fl_entry *found = NULL;
    const struct fl_entry *wanted = NULL;
    enum fl_error error;
    bool reached = true;
    *different = FL_OFFSET_NONE;
    while ((error = fl_stream_peek(&part->target, &found)) == FL_OK && found != NULL) {
        *different = found->offset;
        if (found->offset != part->source.rank && !may_be_missing(part))
            return FL_OK;
        error = source_forward(part, found->offset, &reached);
        if (error != FL_OK || !reached)
            return error;
        error = fl_stream_peek(&part->source, &wanted);
        if (error != FL_OK)
            return journal_failed(part, error, part->job->options->source);
        if (wanted == NULL || !record_equal(&wanted->record, &found->record))
            return FL_OK;
        *different = FL_OFFSET_NONE;
        fl_stream_take(&part->source, 1);
        fl_stream_take(&part->target, 1);
        if (part->source.rank % PROGRESS_EVERY_COUNT == 0)
            show(part, part->source.rank);
    }
    if (error != FL_OK)
        return journal_failed(part, error, part->job->options->target);
    error = source_forward(part, part->target.end, &reached);
    if (error == FL_OK && !reached)
        *different = part->target.end;
    return error;
}

/* Whether the target's record that differs stands somewhere on the source: then it is a copy that
 * this program made and lost track of, and not somebody else's. */
static enum fl_error is_ours(struct part *part, bool *ours)
{
    struct fl_stream all;
    const struct fl_migrate_options *options = part->job->options;
    const struct fl_entry *found = NULL;
    const struct fl_entry *entry = NULL;
    *ours = false;
    enum fl_error error = fl_stream_peek(&part->target, &found);
    if (error != FL_OK || found == NULL)
        return error;
    error = fl_stream_open(&all, options->source, part->spec->name, part->partition,
                           options->stopped, options->context);
    while (error == FL_OK && !*ours && (error = fl_stream_peek(&all, &entry)) == FL_OK &&
           entry != NULL) {
        *ours = record_equal(&entry->record, &found->record);
        fl_stream_take(&all, 1);
    }
    fl_stream_close(&all);
    return error;
}

/* FL_CONFLICT: the topic must be made anew. */
static enum fl_error check_present(struct part *part)
{
    uint64_t different;
    bool ours = false;
    part->phase = FL_MIGRATE_CHECK;
    enum fl_error error = match(part, &different);
    if (error != FL_OK || different == FL_OFFSET_NONE)
        return error;
    error = is_ours(part, &ours);
    if (error != FL_OK)
        return journal_failed(part, error, part->job->options->source);
    if (ours)
        return FL_CONFLICT;
    return fl_migrate_fail(part->job, FL_EXISTS,
                           "target, topic %s, partition %u: the record at offset %llu is not of "
                           "this log; use another topic prefix, or remove the topic if it may go",
                           part->spec->name, part->partition, (unsigned long long)different);
}

/* After an append without a clear outcome: how many of the batch's records stand on the target.
 * FL_CONFLICT: something else does. */
static enum fl_error count_landed(struct part *part, const struct fl_append *batch, uint64_t from,
                                  uint32_t *landed)
{
    const struct fl_migrate_options *options = part->job->options;
    uint64_t begin;
    uint64_t end;
    uint32_t count = 0;
    const struct fl_entry *entry = NULL;
    struct fl_reader *reader = NULL;
    struct fl_batch found = {.count = 0};
    enum fl_error error =
        fl_journal_offsets(options->target, batch->topic, batch->partition, &begin, &end);
    if (error != FL_OK)
        return journal_failed(part, error, options->target);
    if (end < from || end - from > batch->count)
        return FL_CONFLICT;
    struct fl_source source = {batch->topic, batch->partition, from};
    if (end > from)
        error = fl_reader_open(options->target, &source, 1, &reader);
    while (error == FL_OK && from + count < end) {
        error = fl_reader_poll(reader, FL_STREAM_POLL_MS, FL_STREAM_POLL_SIZE, &found);
        for (size_t i = 0; error == FL_OK && i < found.count && from + count < end; i++) {
            entry = &found.entries[i];
            if (entry->offset != from + count ||
                !record_equal(&entry->record, &batch->records[count++]))
                error = FL_CONFLICT;
        }
        if (error == FL_OK && options->stopped != NULL && options->stopped(options->context))
            error = FL_INTERRUPTED;
    }
    fl_reader_close(&reader);
    if (error == FL_OK)
        *landed = count;
    else if (error != FL_CONFLICT)
        error = journal_failed(part, error, options->target);
    return error;
}

enum offsets_kind { OFFSETS_RIGHT, OFFSETS_WRONG, OFFSETS_UNKNOWN };

static enum offsets_kind look_at_offsets(const struct fl_append *batch, uint64_t from)
{
    enum offsets_kind kind = OFFSETS_RIGHT;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (batch->offsets[i] == FL_OFFSET_NONE)
            kind = OFFSETS_UNKNOWN;
        else if (batch->offsets[i] != from + i)
            return OFFSETS_WRONG;
    }
    return kind;
}

/* Appends a batch that must begin at offset `from`, as often as it takes. */
static enum fl_error append_exactly(struct part *part, struct fl_append *batch, uint64_t from)
{
    struct fl_journal *target = part->job->options->target;
    for (int attempt = 0; attempt < TRY_COUNT_MAX; attempt++) {
        uint32_t landed = 0;
        batch->expected_offset = from;
        fl_fault_point("migrate.append");
        enum fl_error error = fl_journal_append(target, batch, 1);
        fl_fault_point("migrate.appended");
        enum offsets_kind offsets = error == FL_OK ? look_at_offsets(batch, from) : OFFSETS_UNKNOWN;
        if (offsets != OFFSETS_UNKNOWN)
            return offsets == OFFSETS_RIGHT ? FL_OK : FL_CONFLICT;
        if (error != FL_OK && fl_error_class(error) != FL_CLASS_RETRY)
            return journal_failed(part, error, target);
        error = count_landed(part, batch, from, &landed);
        if (error != FL_OK && (error == FL_CONFLICT || error == FL_INTERRUPTED ||
                               fl_error_class(error) != FL_CLASS_RETRY))
            return error;
        from += landed;
        batch->records += landed;
        batch->offsets += landed;
        batch->count -= landed;
        if (batch->count == 0)
            return FL_OK;
    }
    return journal_failed(part, FL_UNAVAILABLE, target);
}

/* Appends what the target lacks. */
static enum fl_error copy_rest(struct part *part)
{
    uint32_t wanted = part->job->options->append_count_max;
    size_t count_max = wanted == 0 ? APPEND_COUNT : wanted;
    struct fl_record *records = malloc(count_max * sizeof(*records));
    uint64_t *offsets = malloc(count_max * sizeof(*offsets));
    const struct fl_entry *entry = NULL;
    enum fl_error error = records == NULL || offsets == NULL ? FL_NO_MEMORY : FL_OK;
    part->phase = FL_MIGRATE_COPY;
    while (error == FL_OK) {
        error = fl_stream_peek(&part->source, &entry);
        if (error != FL_OK)
            error = journal_failed(part, error, part->job->options->source);
        if (error != FL_OK || entry == NULL)
            break;
        size_t count = fl_stream_buffered(&part->source, &entry);
        if (count > count_max)
            count = count_max;
        for (size_t i = 0; i < count; i++)
            records[i] = entry[i].record;
        struct fl_append batch = {
            .topic = part->spec->name,
            .partition = part->partition,
            .count = (uint32_t)count,
            .records = records,
            .offsets = offsets,
        };
        error = append_exactly(part, &batch, part->source.rank);
        if (error == FL_OK) {
            fl_stream_take(&part->source, count);
            part->job->result->copied += count;
            show(part, part->source.rank);
        }
    }
    free(records);
    free(offsets);
    return error;
}

static enum fl_error migrate_partition(const struct fl_migrate_job *job,
                                       const struct fl_topic_spec *spec, uint32_t partition,
                                       uint64_t *present)
{
    struct part part = {.job = job, .spec = spec, .partition = partition};
    enum fl_error error = part_open(&part);
    if (error == FL_OK)
        error = check_present(&part);
    if (error == FL_OK) {
        *present += part.source.rank;
        error = copy_rest(&part);
    }
    part_close(&part);
    return error;
}

enum fl_error fl_migrate_topic(const struct fl_migrate_job *job, const struct fl_topic_spec *spec)
{
    struct fl_journal *target = job->options->target;
    for (int attempt = 0; attempt <= REMAKE_COUNT_MAX; attempt++) {
        uint64_t present = 0;
        uint64_t copied_before = job->result->copied;
        enum fl_error error = fl_journal_ensure_topic(target, spec);
        if (error != FL_OK)
            return fl_migrate_fail(job, error, "target: %s", fl_journal_detail(target));
        for (uint32_t p = 0; error == FL_OK && p < spec->partition_count; p++)
            error = migrate_partition(job, spec, p, &present);
        if (error != FL_CONFLICT) {
            if (!job->tail)
                job->result->present += present;
            return error;
        }
        /* Deleting comes first: a kill between the two leaves an empty prefix. */
        job->result->remade++;
        job->result->copied = copied_before;
        error = fl_journal_delete_topic(target, spec->name);
        if (error != FL_OK && error != FL_NOT_FOUND)
            return fl_migrate_fail(job, error, "target: %s", fl_journal_detail(target));
        fl_fault_point("migrate.remade");
    }
    return fl_migrate_fail(job, FL_UNAVAILABLE,
                           "target, topic %s: appends went wrong again and again", spec->name);
}

static enum fl_error compare_partition(const struct fl_migrate_job *job,
                                       const struct fl_topic_spec *spec, uint32_t partition)
{
    struct part part = {
        .job = job, .spec = spec, .partition = partition, .phase = FL_MIGRATE_COMPARE};
    uint64_t different = FL_OFFSET_NONE;
    const struct fl_entry *rest = NULL;
    enum fl_error error = part_open(&part);
    if (error == FL_OK)
        error = match(&part, &different);
    if (error == FL_OK && different == FL_OFFSET_NONE) {
        error = fl_stream_peek(&part.source, &rest);
        if (error == FL_OK && rest != NULL)
            different = part.source.rank;
    }
    if (error == FL_OK && different != FL_OFFSET_NONE)
        error = fl_migrate_fail(job, FL_CORRUPT,
                                "topic %s, partition %u: source and target differ at the target's "
                                "offset %llu",
                                spec->name, partition, (unsigned long long)different);
    if (error == FL_OK)
        job->result->compared += part.source.rank;
    part_close(&part);
    return error;
}

enum fl_error fl_migrate_compare(const struct fl_migrate_job *job, const struct fl_topic_spec *spec)
{
    enum fl_error error = FL_OK;
    for (uint32_t p = 0; error == FL_OK && p < spec->partition_count; p++)
        error = compare_partition(job, spec, p);
    return error;
}
