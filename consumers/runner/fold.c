/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/runner/fold.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fault_point.h"

enum {
    POLL_MS = 1000,
    POLL_SIZE_MAX = 8 * 1024 * 1024,
    COMMIT_RECORD_COUNT = 200000,
    COMMIT_SIZE = 128 * 1024 * 1024,
};

static enum fl_error kv_begin(void *context, struct fl_kv **kv)
{
    *kv = context;
    return FL_OK;
}

static enum fl_error kv_commit(void *context)
{
    return ((struct fl_kv *)context)->error;
}

static void kv_abort(void *context)
{
    (void)context;
}

struct fl_fold_sink fl_fold_sink_kv(struct fl_kv *kv)
{
    return (struct fl_fold_sink){kv, kv_begin, kv_commit, kv_abort};
}

/* Targets of all sources of a view, each by `next_of`. */
static enum fl_error make_targets(const struct fl_view *view, struct fl_journal *journal,
                                  struct fl_kv *kv, struct fl_fold_target **targets, size_t *count)
{
    struct fl_feed_options options = {.view = view, .journal = journal};
    struct fl_feed *feed = NULL;
    enum fl_error error = fl_feed_open(&options, NULL, &feed);
    if (error != FL_OK)
        return error;
    size_t source_count = fl_feed_source_count(feed);
    struct fl_fold_target *made = calloc(source_count, sizeof(*made));
    if (made == NULL)
        error = FL_NO_MEMORY;
    for (size_t i = 0; error == FL_OK && i < source_count; i++) {
        const struct fl_feed_source *source = fl_feed_source(feed, i);
        uint64_t begin = 0;
        made[i] = (struct fl_fold_target){source->topic, source->partition, 0};
        if (kv != NULL)
            made[i].next = fl_meta_position(kv, source->topic, source->partition).next;
        else
            error = fl_journal_offsets(journal, fl_topic_row(source->topic)->spec.name,
                                       source->partition, &begin, &made[i].next);
    }
    fl_feed_close(&feed);
    if (error != FL_OK) {
        free(made);
        return error;
    }
    *targets = made;
    *count = source_count;
    return FL_OK;
}

enum fl_error fl_fold_target_of(struct fl_kv *kv, const struct fl_view *view,
                                struct fl_journal *journal, struct fl_fold_target **targets,
                                size_t *count)
{
    return make_targets(view, journal, kv, targets, count);
}

enum fl_error fl_fold_target_end(const struct fl_view *view, struct fl_journal *journal,
                                 struct fl_fold_target **targets, size_t *count)
{
    return make_targets(view, journal, NULL, targets, count);
}

struct fold {
    const struct fl_fold_options *options;
    struct fl_feed *feed;
    struct fl_kv *kv; /* NULL: no transaction is open */
    uint64_t *next;   /* target per source of the feed; 0: not read */
    bool *wanted;
    size_t *index_of;
    struct fl_fold_progress progress;
    char detail[FL_DETAIL_SIZE];
};

static enum fl_error begin(struct fold *fold)
{
    return fold->kv != NULL ? FL_OK
                            : fold->options->sink.begin(fold->options->sink.context, &fold->kv);
}

static enum fl_error commit(struct fold *fold)
{
    if (fold->kv == NULL)
        return FL_OK;
    enum fl_error error = fl_feed_flush(fold->feed, fold->kv);
    fold->kv = NULL;
    fl_fault_point("fold.before_commit");
    if (error == FL_OK)
        error = fold->options->sink.commit(fold->options->sink.context);
    else
        fold->options->sink.abort(fold->options->sink.context);
    fl_fault_point("fold.after_commit");
    return error;
}

/* Matches targets with the feed's sources. */
static enum fl_error match(struct fold *fold)
{
    size_t count = fl_feed_source_count(fold->feed);
    for (size_t i = 0; i < count; i++) {
        const struct fl_feed_source *source = fl_feed_source(fold->feed, i);
        for (size_t t = 0; t < fold->options->target_count; t++) {
            const struct fl_fold_target *target = &fold->options->targets[t];
            if (target->topic == source->topic && target->partition == source->partition)
                fold->next[i] = target->next;
        }
        if (source->position.next > fold->next[i] && fold->next[i] != 0) {
            snprintf(fold->detail, sizeof(fold->detail),
                     "%s-%u: the rows stand at %" PRIu64 ", past the target %" PRIu64,
                     fl_topic_row(source->topic)->spec.name, source->partition,
                     source->position.next, fold->next[i]);
            return FL_CONFLICT;
        }
        if (fold->next[i] > source->position.next)
            fold->progress.total += fold->next[i] - source->position.next;
    }
    return FL_OK;
}

static bool is_done(const struct fold *fold, size_t index)
{
    return fl_feed_source(fold->feed, index)->position.next >= fold->next[index];
}

/* True when every wanted source has reached its target. */
static bool all_done(const struct fold *fold)
{
    for (size_t i = 0; i < fl_feed_source_count(fold->feed); i++)
        if (fold->wanted[i] && !is_done(fold, i))
            return false;
    return true;
}

static enum fl_error take_batch(struct fold *fold, const struct fl_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        fl_feed_prefetch(fold->feed, batch, i);
        const struct fl_entry *entry = &batch->entries[i];
        size_t index = fold->index_of[entry->source];
        if (is_done(fold, index))
            continue;
        enum fl_error error = begin(fold);
        if (error == FL_OK && entry->offset >= fold->next[index])
            fl_feed_skip_to(fold->feed, index, fold->next[index]);
        else if (error == FL_OK)
            error = fl_feed_take(fold->feed, fold->kv, index, entry->offset, &entry->record);
        fold->progress.done++;
        struct fl_feed_pending pending = fl_feed_pending(fold->feed);
        if (error == FL_OK && (pending.record_count >= COMMIT_RECORD_COUNT ||
                               pending.size >= COMMIT_SIZE || fl_feed_is_full(fold->feed)))
            error = commit(fold);
        if (error != FL_OK)
            return error;
    }
    fl_feed_settle(fold->feed);
    return FL_OK;
}

/* Tells how far it is; what was folded is kept when the answer is to break off. */
static enum fl_error report(struct fold *fold)
{
    if (fold->options->progress == NULL ||
        fold->options->progress(fold->options->context, &fold->progress))
        return FL_OK;
    enum fl_error error = commit(fold);
    return error == FL_OK ? FL_INTERRUPTED : error;
}

/* The log has no more records now: what is missing was compacted away, or the log was cut. */
static enum fl_error end_of_log(struct fold *fold)
{
    for (size_t i = 0; i < fl_feed_source_count(fold->feed); i++) {
        const struct fl_feed_source *source = fl_feed_source(fold->feed, i);
        const char *topic = fl_topic_row(source->topic)->spec.name;
        uint64_t first = 0;
        uint64_t end = 0;
        if (!fold->wanted[i] || is_done(fold, i))
            continue;
        enum fl_error error =
            fl_journal_offsets(fold->options->journal, topic, source->partition, &first, &end);
        if (error != FL_OK)
            return error;
        if (end < fold->next[i]) {
            snprintf(fold->detail, sizeof(fold->detail),
                     "%s-%u ends at %" PRIu64 ", below the target %" PRIu64, topic,
                     source->partition, end, fold->next[i]);
            return FL_LOG_CHANGED;
        }
        if (!fl_topic_row(source->topic)->spec.compacted) {
            snprintf(fold->detail, sizeof(fold->detail),
                     "%s-%u holds no record from %" PRIu64 " to %" PRIu64, topic, source->partition,
                     source->position.next, fold->next[i] - 1);
            return FL_LOG_CHANGED;
        }
        error = begin(fold);
        if (error != FL_OK)
            return error;
        fl_feed_skip_to(fold->feed, i, fold->next[i]);
    }
    return FL_OK;
}

/* Retention went past a position meanwhile: notes the hole and reads on behind it. */
static enum fl_error step_over_gap(struct fold *fold, struct fl_reader **reader)
{
    fl_reader_close(reader);
    enum fl_error error = begin(fold);
    if (error == FL_OK)
        error = fl_feed_check_log(fold->feed, fold->kv);
    if (error == FL_OK && !all_done(fold))
        error = fl_feed_open_reader(fold->feed, fold->wanted, fold->index_of, reader);
    return error;
}

/* Reads the wanted sources to their targets. */
static enum fl_error fold_wanted(struct fold *fold)
{
    struct fl_reader *reader = NULL;
    enum fl_error error = FL_OK;
    if (all_done(fold))
        return FL_OK;
    error = fl_feed_open_reader(fold->feed, fold->wanted, fold->index_of, &reader);
    while (error == FL_OK && !all_done(fold)) {
        struct fl_batch batch;
        error = fl_reader_poll(reader, POLL_MS, POLL_SIZE_MAX, &batch);
        if (error == FL_LOG_BEHIND) {
            error = step_over_gap(fold, &reader);
            continue;
        }
        if (error == FL_OK)
            error = take_batch(fold, &batch);
        if (error == FL_OK)
            error = report(fold);
        if (error == FL_OK && batch.count == 0 && batch.at_end)
            error = end_of_log(fold);
    }
    fl_reader_close(&reader);
    return error;
}

/* `parked` to its target, then all the rest. */
static enum fl_error fold_all(struct fold *fold)
{
    size_t count = fl_feed_source_count(fold->feed);
    enum fl_error error = begin(fold);
    if (error == FL_OK)
        error = fl_feed_load(fold->feed, fold->kv);
    if (error == FL_OK)
        error = fl_feed_check_log(fold->feed, fold->kv);
    if (error == FL_OK)
        error = match(fold);
    if (error == FL_OK)
        error = commit(fold);
    for (int decisions = 1; error == FL_OK && decisions >= 0; decisions--) {
        for (size_t i = 0; i < count; i++) {
            bool is_parked = fl_feed_source(fold->feed, i)->topic == FL_TOPIC_PARKED;
            fold->wanted[i] = fold->next[i] != 0 && is_parked == (decisions == 1);
        }
        error = fold_wanted(fold);
        if (error == FL_OK)
            error = commit(fold);
    }
    return error;
}

enum fl_error fl_fold_run(const struct fl_fold_options *options)
{
    struct fold fold = {.options = options};
    struct fl_feed_options feed_options = {options->view, options->journal, options->memory_max};
    enum fl_error error = fl_feed_open(&feed_options, fold.detail, &fold.feed);
    if (error == FL_OK) {
        size_t count = fl_feed_source_count(fold.feed);
        fold.next = calloc(count, sizeof(*fold.next));
        fold.wanted = calloc(count, sizeof(*fold.wanted));
        fold.index_of = calloc(count, sizeof(*fold.index_of));
        error = fold.next == NULL || fold.wanted == NULL || fold.index_of == NULL ? FL_NO_MEMORY
                                                                                  : fold_all(&fold);
        if (error != FL_OK && fold.detail[0] == '\0')
            snprintf(fold.detail, sizeof(fold.detail), "%s", fl_feed_detail(fold.feed));
    }
    if (fold.kv != NULL)
        options->sink.abort(options->sink.context);
    if (options->detail != NULL)
        snprintf(options->detail, FL_DETAIL_SIZE, "%s", fold.detail);
    free(fold.next);
    free(fold.wanted);
    free(fold.index_of);
    fl_feed_close(&fold.feed);
    return error;
}
