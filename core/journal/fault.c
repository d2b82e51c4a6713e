/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/journal/memory.h"

/*
 * A client to which faults happen: each op asks whether one strikes, then passes on to a plain
 * client of the same log. Chance is splitmix64 from the seed (Steele, Lea, Flood 2014), one draw
 * per kind and call, so that setting one fault does not move the others.
 */
enum { LATE_CALLS_MAX = 8, TRUNCATED_RECORDS_MAX = 3 };

struct faulty {
    struct fl_journal base;
    struct fl_journal *inner;
    struct fl_memory_log *log;
    pthread_mutex_t mutex; /* guards what follows */
    uint64_t random[FL_FAULT_KIND_COUNT];
    struct fl_fault faults[FL_FAULT_KIND_COUNT];
    unsigned counts[FL_FAULT_KIND_COUNT];
    bool paused;
    atomic_bool crashed;
};

struct faulty_reader {
    struct fl_reader base;
    struct faulty *journal;
    struct fl_reader *inner;
};

struct faulty_group {
    struct fl_group base;
    struct faulty *journal;
    struct fl_group *inner;
};

static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t draw_below(struct faulty *journal, enum fl_fault_kind kind, uint64_t bound)
{
    pthread_mutex_lock(&journal->mutex);
    uint64_t value = draw(&journal->random[kind]) % bound;
    pthread_mutex_unlock(&journal->mutex);
    return value;
}

static bool strikes_locked(struct faulty *journal, enum fl_fault_kind kind)
{
    struct fl_fault *fault = &journal->faults[kind];
    bool by_chance = draw(&journal->random[kind]) % 1000 < fault->per_mille;
    bool by_count = false;
    if (journal->paused || fault->paused)
        return false;
    if (fault->countdown > 0) {
        fault->countdown--;
    } else if (fault->countdown == 0 && fault->repeat != 0) {
        by_count = true;
        fault->repeat -= fault->repeat > 0;
    }
    if (by_chance || by_count)
        journal->counts[kind]++;
    return by_chance || by_count;
}

static bool strikes(struct faulty *journal, enum fl_fault_kind kind)
{
    pthread_mutex_lock(&journal->mutex);
    bool struck = strikes_locked(journal, kind);
    pthread_mutex_unlock(&journal->mutex);
    return struck;
}

static bool dies(struct faulty *journal)
{
    if (!journal->crashed && strikes(journal, FL_FAULT_CRASH))
        journal->crashed = true;
    return journal->crashed;
}

static enum fl_error pass(struct faulty *journal, enum fl_error error)
{
    if (error == FL_OK)
        return FL_OK;
    pthread_mutex_lock(&journal->mutex);
    memcpy(journal->base.detail, journal->inner->detail, sizeof(journal->base.detail));
    pthread_mutex_unlock(&journal->mutex);
    return error;
}

static void clear_offsets(const struct fl_append *batches, size_t batch_count)
{
    for (size_t b = 0; b < batch_count; b++)
        for (uint32_t i = 0; i < batches[b].count; i++)
            batches[b].offsets[i] = FL_OFFSET_NONE;
}

/* Puts the records aside; they land in order when they are due, wherever the log stands then. */
static void defer(struct faulty *journal, const struct fl_append *batches, size_t batch_count)
{
    unsigned calls = (unsigned)draw_below(journal, FL_FAULT_ACK_LATE, LATE_CALLS_MAX);
    pthread_mutex_lock(&journal->log->mutex);
    struct fl_memory_pending **last = &journal->log->pending;
    while (*last != NULL)
        last = &(*last)->next;
    for (size_t b = 0; b < batch_count; b++)
        for (uint32_t i = 0; i < batches[b].count; i++) {
            struct fl_memory_pending *pending = calloc(1, sizeof(*pending));
            fl_assert(pending != NULL);
            pending->calls_left = calls;
            pending->partition = batches[b].partition;
            pending->record = fl_memory_copy(&batches[b].records[i]);
            snprintf(pending->topic, sizeof(pending->topic), "%s", batches[b].topic);
            *last = pending;
            last = &pending->next;
        }
    pthread_mutex_unlock(&journal->log->mutex);
}

/* Takes back up to a few of the newest records of each partition that was appended to. */
static void lose_tail(struct faulty *journal, const struct fl_append *batches, size_t batch_count)
{
    for (size_t b = 0; b < batch_count; b++) {
        uint64_t begin = 0;
        uint64_t end = 0;
        uint64_t lost = 1 + draw_below(journal, FL_FAULT_TRUNCATE, TRUNCATED_RECORDS_MAX);
        enum fl_error error = fl_journal_offsets(journal->inner, batches[b].topic,
                                                 batches[b].partition, &begin, &end);
        if (error == FL_OK)
            fl_memory_log_truncate(journal->log, batches[b].topic, batches[b].partition,
                                   end - begin < lost ? begin : end - lost);
    }
}

/* The same batches again, without an expected offset and with offsets that nobody sees. */
static void append_again(struct faulty *journal, const struct fl_append *batches,
                         size_t batch_count)
{
    for (size_t b = 0; b < batch_count; b++) {
        struct fl_append again = batches[b];
        again.expected_offset = FL_OFFSET_NONE;
        again.offsets = calloc(again.count, sizeof(*again.offsets));
        fl_assert(again.offsets != NULL);
        enum fl_error error = fl_journal_append(journal->inner, &again, 1);
        fl_assert(error == FL_OK); /* the first time was, and nothing can be full */
        free(again.offsets);
    }
}

static bool is_refused(struct faulty *journal, enum fl_error *error)
{
    static const struct {
        enum fl_fault_kind kind;
        enum fl_error error;
    } refusals[] = {
        {FL_FAULT_CONFLICT, FL_CONFLICT},
        {FL_FAULT_UNAVAILABLE, FL_UNAVAILABLE},
        {FL_FAULT_FULL, FL_FULL},
        {FL_FAULT_APPEND_LOST, FL_UNKNOWN_OUTCOME},
    };
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        if (strikes(journal, refusals[i].kind)) {
            *error = refusals[i].error;
            return true;
        }
    return false;
}

static enum fl_error append(struct fl_journal *base, const struct fl_append *batches,
                            size_t batch_count)
{
    struct faulty *journal = (struct faulty *)base;
    enum fl_error error = FL_OK;
    if (dies(journal))
        return FL_INTERRUPTED;
    if (is_refused(journal, &error))
        return error;
    if (strikes(journal, FL_FAULT_ACK_LATE)) {
        defer(journal, batches, batch_count);
        return FL_UNKNOWN_OUTCOME;
    }
    error = fl_journal_append(journal->inner, batches, batch_count);
    if (error != FL_OK)
        return pass(journal, error);
    if (strikes(journal, FL_FAULT_DUPLICATE))
        append_again(journal, batches, batch_count);
    if (strikes(journal, FL_FAULT_TRUNCATE))
        lose_tail(journal, batches, batch_count);
    if (strikes(journal, FL_FAULT_CRASH_AFTER)) {
        journal->crashed = true;
        error = FL_INTERRUPTED;
    } else if (strikes(journal, FL_FAULT_ACK_LOST)) {
        error = FL_UNKNOWN_OUTCOME;
    } else if (!strikes(journal, FL_FAULT_OFFSET_UNKNOWN)) {
        return FL_OK;
    }
    clear_offsets(batches, batch_count);
    return error;
}

static enum fl_error ensure_topic(struct fl_journal *base, const struct fl_topic_spec *spec)
{
    struct faulty *journal = (struct faulty *)base;
    return dies(journal) ? FL_INTERRUPTED
                         : pass(journal, fl_journal_ensure_topic(journal->inner, spec));
}

static enum fl_error describe_topic(struct fl_journal *base, const char *topic,
                                    struct fl_topic_info *info)
{
    struct faulty *journal = (struct faulty *)base;
    return dies(journal) ? FL_INTERRUPTED
                         : pass(journal, fl_journal_describe_topic(journal->inner, topic, info));
}

static enum fl_error offsets(struct fl_journal *base, const char *topic, uint32_t partition,
                             uint64_t *begin, uint64_t *end)
{
    struct faulty *journal = (struct faulty *)base;
    return dies(journal)
               ? FL_INTERRUPTED
               : pass(journal, fl_journal_offsets(journal->inner, topic, partition, begin, end));
}

static enum fl_error offset_at(struct fl_journal *base, const char *topic, uint32_t partition,
                               int64_t time_ms, uint64_t *offset)
{
    struct faulty *journal = (struct faulty *)base;
    if (dies(journal))
        return FL_INTERRUPTED;
    return pass(journal, fl_journal_offset_at(journal->inner, topic, partition, time_ms, offset));
}

static enum fl_error maintain(struct fl_journal *base, int64_t now_ms)
{
    struct faulty *journal = (struct faulty *)base;
    return dies(journal) ? FL_INTERRUPTED
                         : pass(journal, fl_journal_maintain(journal->inner, now_ms));
}

static enum fl_error delete_topic(struct fl_journal *base, const char *topic)
{
    struct faulty *journal = (struct faulty *)base;
    return dies(journal) ? FL_INTERRUPTED
                         : pass(journal, fl_journal_delete_topic(journal->inner, topic));
}

static enum fl_error reader_open(struct fl_journal *base, const struct fl_source *sources,
                                 size_t source_count, struct fl_reader **out)
{
    struct faulty *journal = (struct faulty *)base;
    if (dies(journal))
        return FL_INTERRUPTED;
    struct faulty_reader *reader = calloc(1, sizeof(*reader));
    fl_assert(reader != NULL);
    reader->base.journal = base;
    reader->journal = journal;
    enum fl_error error = fl_reader_open(journal->inner, sources, source_count, &reader->inner);
    if (error != FL_OK) {
        free(reader);
        return pass(journal, error);
    }
    *out = &reader->base;
    return FL_OK;
}

static enum fl_error reader_poll(struct fl_reader *base, int timeout_ms, size_t size_max,
                                 struct fl_batch *batch)
{
    struct faulty_reader *reader = (struct faulty_reader *)base;
    if (dies(reader->journal))
        return FL_INTERRUPTED;
    if (strikes(reader->journal, FL_FAULT_READ_FAILED))
        return FL_UNAVAILABLE;
    if (strikes(reader->journal, FL_FAULT_READ_DELAYED))
        return FL_OK;
    return pass(reader->journal, fl_reader_poll(reader->inner, timeout_ms, size_max, batch));
}

static enum fl_error reader_seek(struct fl_reader *base, uint32_t source, uint64_t offset)
{
    struct faulty_reader *reader = (struct faulty_reader *)base;
    return dies(reader->journal)
               ? FL_INTERRUPTED
               : pass(reader->journal, fl_reader_seek(reader->inner, source, offset));
}

static void reader_wake(struct fl_reader *base)
{
    fl_reader_wake(((struct faulty_reader *)base)->inner);
}

static void reader_close(struct fl_reader *base)
{
    struct faulty_reader *reader = (struct faulty_reader *)base;
    fl_reader_close(&reader->inner);
    free(reader);
}

static enum fl_error group_join(struct fl_journal *base, const char *name, const char *topic,
                                struct fl_group **out)
{
    struct faulty *journal = (struct faulty *)base;
    if (dies(journal))
        return FL_INTERRUPTED;
    struct faulty_group *group = calloc(1, sizeof(*group));
    fl_assert(group != NULL);
    group->base.journal = base;
    group->journal = journal;
    enum fl_error error = fl_group_join(journal->inner, name, topic, &group->inner);
    if (error != FL_OK) {
        free(group);
        return pass(journal, error);
    }
    *out = &group->base;
    return FL_OK;
}

/* A dead process holds no lease: the first call after the crash lets go of it. */
static bool group_dies(struct faulty_group *group)
{
    if (!dies(group->journal))
        return false;
    fl_group_leave(&group->inner);
    return true;
}

static enum fl_error group_poll(struct fl_group *base, int timeout_ms, bool *held)
{
    struct faulty_group *group = (struct faulty_group *)base;
    return group_dies(group) ? FL_INTERRUPTED : fl_group_poll(group->inner, timeout_ms, held);
}

static enum fl_error group_commit(struct fl_group *base, uint32_t partition, uint64_t offset)
{
    struct faulty_group *group = (struct faulty_group *)base;
    return group_dies(group) ? FL_INTERRUPTED : fl_group_commit(group->inner, partition, offset);
}

static enum fl_error group_cursor(struct fl_group *base, uint32_t partition, uint64_t *offset)
{
    struct faulty_group *group = (struct faulty_group *)base;
    return group_dies(group) ? FL_INTERRUPTED : fl_group_cursor(group->inner, partition, offset);
}

static void group_leave(struct fl_group *base)
{
    struct faulty_group *group = (struct faulty_group *)base;
    fl_group_leave(&group->inner);
    free(group);
}

static void close_faulty(struct fl_journal *base)
{
    struct faulty *journal = (struct faulty *)base;
    fl_journal_close(&journal->inner);
    pthread_mutex_destroy(&journal->mutex);
    free(journal);
}

static const struct fl_journal_ops faulty_ops = {
    .name = "memory",
    .ensure_topic = ensure_topic,
    .describe_topic = describe_topic,
    .append = append,
    .offsets = offsets,
    .offset_at = offset_at,
    .maintain = maintain,
    .delete_topic = delete_topic,
    .reader_open = reader_open,
    .reader_poll = reader_poll,
    .reader_seek = reader_seek,
    .reader_wake = reader_wake,
    .reader_close = reader_close,
    .group_join = group_join,
    .group_poll = group_poll,
    .group_commit = group_commit,
    .group_cursor = group_cursor,
    .group_leave = group_leave,
    .close = close_faulty,
};

enum fl_error fl_memory_log_attach_faulty(struct fl_memory_log *log, uint64_t seed,
                                          struct fl_journal **out)
{
    struct faulty *journal = calloc(1, sizeof(*journal));
    fl_assert(journal != NULL);
    journal->base.ops = &faulty_ops;
    journal->log = log;
    pthread_mutex_init(&journal->mutex, NULL);
    for (unsigned kind = 0; kind < FL_FAULT_KIND_COUNT; kind++) {
        journal->random[kind] = draw(&seed);
        journal->faults[kind] = (struct fl_fault){.countdown = -1, .repeat = 1};
    }
    enum fl_error error = fl_memory_log_attach(log, &journal->inner);
    if (error != FL_OK) {
        pthread_mutex_destroy(&journal->mutex);
        free(journal);
        return error;
    }
    *out = &journal->base;
    return FL_OK;
}

static struct faulty *faulty_of(const struct fl_journal *journal)
{
    fl_assert(journal->ops == &faulty_ops);
    return (struct faulty *)journal;
}

struct fl_fault *fl_fault_of(struct fl_journal *journal, enum fl_fault_kind kind)
{
    fl_assert(kind < FL_FAULT_KIND_COUNT);
    return &faulty_of(journal)->faults[kind];
}

void fl_faults_pause(struct fl_journal *journal, bool paused)
{
    struct faulty *faulty = faulty_of(journal);
    pthread_mutex_lock(&faulty->mutex);
    faulty->paused = paused;
    pthread_mutex_unlock(&faulty->mutex);
}

unsigned fl_fault_count(const struct fl_journal *journal, enum fl_fault_kind kind)
{
    fl_assert(kind < FL_FAULT_KIND_COUNT);
    struct faulty *faulty = faulty_of(journal);
    pthread_mutex_lock(&faulty->mutex);
    unsigned count = faulty->counts[kind];
    pthread_mutex_unlock(&faulty->mutex);
    return count;
}

bool fl_fault_crashed(const struct fl_journal *journal)
{
    return faulty_of(journal)->crashed;
}
