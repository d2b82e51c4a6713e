/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/rebuild/rebuild.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumers/runner/fold_store.h"
#include "core/fault_point.h"
#include "core/lmdb/bell.h"
#include "projections/store/parked.h"
#include "replay/rebuild/rebuild_internal.h"

enum {
    MEMORY_MAX = 512 * 1024 * 1024,
    PROGRESS_MS = 200,
    CLOSE_IN_COUNT_MAX = 8,
    CLOSE_IN_RECORD_COUNT = 50000,
};

enum fl_error fl_rebuild_fail(struct fl_rebuild_run *run, enum fl_error error, const char *format,
                              ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->detail, FL_DETAIL_SIZE, format, arguments);
    va_end(arguments);
    return error;
}

bool fl_rebuild_report(struct fl_rebuild_run *run, bool always)
{
    int64_t now_ms = fl_port_monotonic_ms(run->options->port);
    if (!always && now_ms - run->reported_ms < PROGRESS_MS)
        return true;
    run->reported_ms = now_ms;
    int64_t spent_ms = now_ms - run->started_ms;
    struct fl_rebuild_progress *progress = &run->progress;
    progress->rate = spent_ms > 0 ? (double)progress->done * 1000.0 / (double)spent_ms : 0;
    progress->eta_ms = -1;
    if (progress->rate > 0 && progress->total >= progress->done)
        progress->eta_ms =
            (int64_t)((double)(progress->total - progress->done) * 1000.0 / progress->rate);
    return run->options->progress == NULL ||
           run->options->progress(run->options->context, progress);
}

static bool on_fold(void *context, const struct fl_fold_progress *progress)
{
    struct fl_rebuild_run *run = context;
    run->progress.done = progress->done;
    run->progress.total = progress->total;
    return fl_rebuild_report(run, false);
}

static enum fl_error fold_to(struct fl_rebuild_run *run, const struct fl_fold_target *targets,
                             size_t count)
{
    const struct fl_rebuild_options *options = run->options;
    struct fl_fold_options fold = {
        .view = options->view,
        .journal = options->journal,
        .sink = fl_fold_sink_store(run->store),
        .targets = targets,
        .target_count = count,
        .memory_max = options->memory_max == 0 ? MEMORY_MAX : options->memory_max,
        .progress = on_fold,
        .context = run,
        .detail = run->detail,
    };
    run->progress = (struct fl_rebuild_progress){.phase = FL_REBUILD_FOLDING};
    run->started_ms = fl_port_monotonic_ms(options->port);
    enum fl_error error = fl_fold_run(&fold);
    if (error == FL_OK && !fl_rebuild_report(run, true))
        error = FL_INTERRUPTED;
    return error;
}

/* `txn`, which holds the rows, is ended as soon as they have been read. */
static enum fl_error fold_to_rows(struct fl_rebuild_run *run, struct fl_kv *rows,
                                  struct fl_txn *txn)
{
    const struct fl_rebuild_options *options = run->options;
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    enum fl_error error =
        rows == NULL ? fl_fold_target_end(options->view, options->journal, &targets, &count)
                     : fl_fold_target_of(rows, options->view, options->journal, &targets, &count);
    if (error == FL_OK && rows != NULL)
        error = rows->error;
    if (txn != NULL)
        fl_txn_abort(txn);
    if (error == FL_OK)
        error = fold_to(run, targets, count);
    else
        fl_rebuild_fail(run, error, "the position cannot be read: %s", fl_error_text(error));
    free(targets);
    return error;
}

enum fl_error fl_rebuild_fold_to(struct fl_rebuild_run *run, struct fl_txn *rows)
{
    return fold_to_rows(run, rows == NULL ? NULL : &rows->kv, rows);
}

/* While the new version was built and compared the current one went on: what is left for the
 * view's writer to fold in the switch should be seconds of work. A rollback does all its work
 * here. */
static enum fl_error close_in(struct fl_rebuild_run *run)
{
    enum fl_error error = FL_OK;
    for (int i = 0; error == FL_OK && i < CLOSE_IN_COUNT_MAX; i++) {
        error = fl_rebuild_catch_up(run);
        if (run->progress.total <= CLOSE_IN_RECORD_COUNT)
            break;
    }
    return error;
}

/* Rows that only the old version can have: what they rest on is gone from the log. */
static enum fl_error carry(struct fl_rebuild_run *run)
{
    const struct fl_rebuild_options *options = run->options;
    struct fl_topic_info info = {0};
    if (options->view->carry == NULL || (options->view->inputs & FL_READS_TELEMETRY) == 0 ||
        run->snapshot.env == NULL)
        return FL_OK;
    enum fl_error error = fl_journal_describe_topic(options->journal, "telemetry", &info);
    uint64_t *begins = error == FL_OK ? calloc(info.partition_count, sizeof(*begins)) : NULL;
    if (error == FL_OK && begins == NULL)
        error = FL_NO_MEMORY;
    for (uint32_t i = 0; error == FL_OK && i < info.partition_count; i++) {
        uint64_t end = 0;
        error = fl_journal_offsets(options->journal, "telemetry", i, &begins[i], &end);
    }
    if (error == FL_OK)
        error = fl_store_begin(run->store);
    if (error == FL_OK) {
        options->view->carry(&run->snapshot.txn.kv, fl_store_kv(run->store), begins,
                             info.partition_count);
        error = fl_store_commit(run->store);
    }
    free(begins);
    return error;
}

/* Every invariant of the new rows. */
static enum fl_error check_rows(struct fl_rebuild_run *run, struct fl_kv *kv)
{
    const struct fl_view *view = run->options->view;
    char reason[FL_DETAIL_SIZE] = "";
    if (fl_meta_check(kv, reason, sizeof(reason)) && fl_parked_check(kv, reason, sizeof(reason)) &&
        (view->check == NULL || view->check(kv, reason)))
        return FL_OK;
    return fl_rebuild_fail(run, FL_CORRUPT, "the rebuilt rows fail their check: %.200s", reason);
}

static enum fl_error compare(struct fl_rebuild_run *run)
{
    const struct fl_view *view = run->options->view;
    struct fl_rebuild_result *result = run->result;
    struct fl_chain_head head;
    struct fl_txn txn;
    run->progress.phase = FL_REBUILD_COMPARING;
    if (!fl_rebuild_report(run, true))
        return FL_INTERRUPTED;
    enum fl_error error = fl_store_snapshot(run->store, &txn);
    if (error != FL_OK)
        return error;
    error = check_rows(run, &txn.kv);
    if (error == FL_OK) {
        fl_meta_head(&txn.kv, &head);
        result->sequence = head.sequence;
        fl_store_digest(&txn.kv, view, &result->digest_after);
        error = txn.kv.error;
    }
    if (error == FL_OK && run->snapshot.env != NULL) {
        struct fl_kv *before = &run->snapshot.txn.kv;
        fl_store_digest(before, view, &result->digest_before);
        result->first.kind = FL_DIFFERENCE_NONE;
        if (!fl_digest_equal(&result->digest_before, &result->digest_after))
            fl_store_compare(before, &txn.kv, view, &result->first, result->counts);
        error = before->error != FL_OK ? before->error : txn.kv.error;
    }
    fl_txn_abort(&txn);
    return error;
}

/* May the new version become the current one? */
static bool is_acceptable(struct fl_rebuild_run *run)
{
    struct fl_rebuild_result *result = run->result;
    uint32_t fold_version = 0;
    uint32_t build = 0;
    if (run->options->rollback)
        return true;
    if (run->snapshot.env != NULL && fl_digest_equal(&result->digest_before, &result->digest_after))
        return true;
    bool same_fold = run->snapshot.env != NULL &&
                     fl_version_parse(result->before, &fold_version, &build) &&
                     fold_version == run->options->view->fold_version;
    result->outcome = same_fold ? FL_REBUILD_DIFFERS : FL_REBUILD_NOT_ACCEPTED;
    return !same_fold && run->options->accept;
}

/* The version to fill: the one that was broken off, the one to go back to, or a new one. */
static enum fl_error choose_target(struct fl_rebuild_run *run)
{
    const struct fl_rebuild_options *options = run->options;
    char current[FL_VERSION_NAME_SIZE] = "";
    char *target = run->result->after;
    uint32_t fold_version = 0;
    uint32_t build = 0;
    enum fl_error error = fl_versions_read(&run->versions, FL_LINK_CURRENT, current);
    if (error == FL_CORRUPT)
        return fl_rebuild_fail(
            run, error, "%s/CURRENT names no version: remove it, and the view is folded anew",
            run->versions.path);
    if (error != FL_OK)
        return fl_rebuild_fail(run, error, "the view %s has no rows yet", options->view->name);
    if (options->rollback) {
        error = fl_versions_read(&run->versions, FL_LINK_PREVIOUS, target);
        if (error == FL_NOT_FOUND || (error == FL_OK && strcmp(current, target) == 0))
            return fl_rebuild_fail(run, FL_NOT_FOUND, "there is no version of %s before %s",
                                   options->view->name, current);
        return error;
    }
    error = fl_versions_read(&run->versions, FL_LINK_BUILDING, target);
    bool resumes = error == FL_OK && fl_version_parse(target, &fold_version, &build) &&
                   fold_version == options->view->fold_version && strcmp(target, current) != 0;
    if (resumes && !options->afresh)
        return FL_OK;
    if (error == FL_OK)
        error = fl_versions_clear(&run->versions, FL_LINK_BUILDING);
    else if (error == FL_NOT_FOUND || error == FL_CORRUPT)
        error = FL_OK;
    if (error == FL_OK)
        error = fl_versions_prune(&run->versions);
    if (error == FL_OK)
        error = fl_versions_next(&run->versions, options->view->fold_version, target);
    if (error == FL_OK)
        error = fl_versions_write(&run->versions, FL_LINK_BUILDING, target);
    return error;
}

enum fl_error fl_rebuild_open_target(struct fl_rebuild_run *run)
{
    const struct fl_rebuild_options *options = run->options;
    struct fl_store_options store = {
        .views_directory = options->views_directory,
        .view = options->view,
        .version = run->result->after,
        .map_size = options->map_size,
        .port = options->port,
        .detail = run->detail,
    };
    return fl_store_open_writer(&store, &run->store);
}

static enum fl_error take_snapshot(struct fl_rebuild_run *run)
{
    char directory[PATH_MAX];
    if (run->options->rollback)
        return FL_OK; /* nothing to compare: it was compared when it was left */
    run->progress.phase = FL_REBUILD_COPYING;
    if (!fl_rebuild_report(run, true))
        return FL_INTERRUPTED;
    if (snprintf(directory, sizeof(directory), "%s/snapshot", run->versions.path) >=
        (int)sizeof(directory))
        return FL_INVALID;
    enum fl_error error =
        fl_snapshot_take(&run->versions, run->options->view, directory, &run->snapshot);
    if (error == FL_OK)
        memcpy(run->result->before, run->snapshot.version, sizeof(run->result->before));
    if (error == FL_CORRUPT && run->options->accept)
        return FL_OK; /* the very reason to rebuild; there is nothing to compare with */
    if (error != FL_OK)
        return fl_rebuild_fail(run, error, "the current rows of %s cannot be copied: %s%s",
                               run->options->view->name, fl_error_text(error),
                               error == FL_CORRUPT ? "; --accept does without them" : "");
    return FL_OK;
}

static enum fl_error build_and_switch(struct fl_rebuild_run *run)
{
    enum fl_error error = choose_target(run);
    if (error == FL_OK)
        error = fl_rebuild_open_target(run);
    /* A request of a run before this one: its version is in our hands now. */
    if (error == FL_OK)
        error = fl_versions_clear(&run->versions, FL_LINK_WANTED);
    if (error == FL_OK)
        error = take_snapshot(run);
    if (error == FL_OK && !run->options->rollback)
        error = fold_to_rows(run, run->snapshot.env == NULL ? NULL : &run->snapshot.txn.kv, NULL);
    if (error == FL_OK)
        error = carry(run);
    fl_fault_point("rebuild.folded");
    if (error == FL_OK && !run->options->rollback)
        error = compare(run);
    if (error != FL_OK || !is_acceptable(run))
        return error;
    fl_snapshot_drop(&run->snapshot);
    fl_fault_point("rebuild.compared");
    error = close_in(run);
    return error == FL_OK ? fl_rebuild_switch(run) : error;
}

enum fl_error fl_rebuild(const struct fl_rebuild_options *options, struct fl_rebuild_result *result,
                         char *detail)
{
    struct fl_rebuild_run run = {.options = options, .result = result, .detail = detail};
    int lock = -1;
    int holder = 0;
    detail[0] = '\0';
    memset(result, 0, sizeof(*result));
    enum fl_error error =
        fl_versions_open(&run.versions, options->views_directory, options->view->name, false);
    if (error != FL_OK)
        return fl_rebuild_fail(&run, error, "the view %s has no rows yet", options->view->name);
    error = fl_versions_lock(&run.versions, "rebuild.lock", 0, &lock, &holder);
    if (error == FL_LOCKED)
        return fl_rebuild_fail(&run, error, "process %d rebuilds %s already", holder,
                               options->view->name);
    if (error == FL_OK)
        error = build_and_switch(&run);
    fl_store_close(&run.store);
    fl_snapshot_drop(&run.snapshot);
    if (error == FL_OK && result->outcome == FL_REBUILD_SWITCHED)
        error = fl_versions_prune(&run.versions);
    if (error != FL_OK && detail[0] == '\0')
        fl_rebuild_fail(&run, error, "%s: %s", options->view->name, fl_error_text(error));
    if (lock >= 0)
        close(lock);
    return error;
}
