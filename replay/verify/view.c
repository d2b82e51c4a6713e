/* SPDX-License-Identifier: Apache-2.0 */
/* Each view against a fresh fold of the log to the position at which a copy of it stands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/runner/fold_store.h"
#include "projections/store/digest.h"
#include "projections/store/parked.h"
#include "replay/rebuild/snapshot.h"
#include "replay/verify/position.h"

struct compared {
    struct fl_verify_run *run;
    const struct fl_view *view;
    struct fl_verify_view_result *result;
    struct fl_snapshot copy;
    char fresh_directory[PATH_MAX];
    struct fl_store *fresh;
    double work_begun;
    double work;
};

static void report(struct compared *c, enum fl_verify_check check, const char *what,
                   const char *expected, const char *found)
{
    struct fl_verify_finding finding = {.check = check};
    snprintf(finding.where, sizeof(finding.where), "view %s%s%s", c->view->name,
             what[0] == '\0' ? "" : ", ", what);
    snprintf(finding.expected, sizeof(finding.expected), "%s", expected);
    snprintf(finding.found, sizeof(finding.found), "%s", found);
    fl_verify_report(c->run, FL_TOPIC_COUNT, &finding);
}

static enum fl_error not_compared(struct compared *c, enum fl_verify_view_state state,
                                  const char *reason)
{
    c->result->state = state;
    snprintf(c->result->reason, sizeof(c->result->reason), "%s", reason);
    return FL_OK;
}

/* A row that does not decode spoils the transaction: the comparison begins another. */
static enum fl_error check_rows(struct compared *c)
{
    struct fl_kv *kv = &c->copy.txn.kv;
    char reason[FL_DETAIL_SIZE] = "";
    bool good = fl_meta_check(kv, reason, sizeof(reason)) &&
                fl_parked_check(kv, reason, sizeof(reason)) &&
                (c->view->check == NULL || c->view->check(kv, reason));
    if (!good || kv->error != FL_OK)
        report(c, FL_VERIFY_INVARIANT, "", "rows that hold together",
               reason[0] != '\0' ? reason : fl_error_text(kv->error));
    if (kv->error == FL_OK)
        return FL_OK;
    fl_txn_abort(&c->copy.txn);
    return fl_txn_begin_read(&c->copy.txn, c->copy.env);
}

/* True if the log has findings in a topic that the view reads. */
static bool log_has_findings(const struct compared *c)
{
    const uint64_t *found = c->run->topic_findings;
    unsigned inputs = c->view->inputs;
    return ((inputs & FL_READS_EVENTS) != 0 &&
            found[FL_TOPIC_EVENTS] + found[FL_TOPIC_ACTIONS] != 0) ||
           ((inputs & FL_READS_TELEMETRY) != 0 && found[FL_TOPIC_TELEMETRY] != 0) ||
           ((inputs & FL_READS_SUBJECTS) != 0 && found[FL_TOPIC_SUBJECTS] != 0) ||
           ((inputs & FL_READS_HISTORY) != 0 && found[FL_TOPIC_HISTORY] != 0) ||
           found[FL_TOPIC_PARKED] != 0;
}

static bool on_fold(void *context, const struct fl_fold_progress *progress)
{
    struct compared *c = context;
    double part = progress->total == 0 ? 1 : (double)progress->done / (double)progress->total;
    c->run->progress.record_count = progress->done;
    c->run->work_done = c->work_begun + part * c->work;
    return fl_verify_step(c->run, 0) == FL_OK;
}

/* Folds `sink` to the targets. A log that cannot be folded is a finding, unless the log has some
 * already: then the view cannot be judged. */
static enum fl_error fold(struct compared *c, struct fl_fold_sink sink,
                          const struct fl_fold_target *targets, size_t count)
{
    const struct fl_verify_options *options = c->run->options;
    char detail[FL_DETAIL_SIZE] = "";
    struct fl_fold_options fold = {
        .view = c->view,
        .journal = options->journal,
        .sink = sink,
        .targets = targets,
        .target_count = count,
        .memory_max = options->memory_max == 0 ? FL_VERIFY_MEMORY : options->memory_max,
        .progress = on_fold,
        .context = c,
        .detail = detail,
    };
    enum fl_error error = fl_fold_run(&fold);
    enum fl_error_class class = fl_error_class(error);
    /* Retention is past it: the view has not read for long. Or a record is missing at the end. */
    if (error == FL_CONFLICT || (error == FL_UNAVAILABLE && log_has_findings(c)))
        return not_compared(c, FL_VERIFY_VIEW_NOT_COMPARED, detail);
    if (class != FL_CLASS_REJECT && class != FL_CLASS_CORRUPT)
        return error == FL_OK || error == FL_INTERRUPTED
                   ? error
                   : fl_verify_fail(c->run, error, "view %s: %s: %.180s", c->view->name,
                                    fl_error_text(error), detail);
    if (!log_has_findings(c))
        report(c, FL_VERIFY_FOLD, "", "a log that folds to the view's position", detail);
    return not_compared(c, FL_VERIFY_VIEW_NOT_COMPARED, detail);
}

static void report_difference(struct compared *c, const struct fl_difference *first,
                              const struct fl_difference_counts *counts)
{
    static const char *const words[][2] = {
        [FL_DIFFERENCE_NONE] = {"", ""},
        [FL_DIFFERENCE_MISSING] = {"no such row", "a row"},
        [FL_DIFFERENCE_ADDED] = {"a row", "no such row"},
        [FL_DIFFERENCE_VALUE] = {"the row of a fresh fold", "another value"},
    };
    struct fl_verify_finding finding = {.check = FL_VERIFY_ROWS};
    char key[2 * FL_KV_KEY_SIZE_MAX + 1];
    uint64_t different = 0;
    for (unsigned i = 0; i <= c->view->table_count; i++)
        different += counts[i].missing + counts[i].added + counts[i].changed;
    fl_hex_encode(first->key, first->key_size, key);
    snprintf(finding.where, sizeof(finding.where), "view %s, table %s, key %s", c->view->name,
             first->table, key);
    snprintf(finding.expected, sizeof(finding.expected), "%s", words[first->kind][0]);
    snprintf(finding.found, sizeof(finding.found), "%s (%llu %s in all)", words[first->kind][1],
             (unsigned long long)different, different == 1 ? "row differs" : "rows differ");
    fl_verify_report(c->run, FL_TOPIC_COUNT, &finding);
}

/* Compares the copy with the fresh rows; `differs` without a finding. */
static enum fl_error compare(struct compared *c, struct fl_difference *first,
                             struct fl_difference_counts *counts, bool *differs)
{
    struct fl_txn txn;
    enum fl_error error = fl_store_snapshot(c->fresh, &txn);
    if (error != FL_OK)
        return error;
    memset(first, 0, sizeof(*first));
    fl_store_compare(&c->copy.txn.kv, &txn.kv, c->view, first, counts);
    error = c->copy.txn.kv.error != FL_OK ? c->copy.txn.kv.error : txn.kv.error;
    fl_txn_abort(&txn);
    *differs = first->kind != FL_DIFFERENCE_NONE;
    c->result->row_count = 0;
    for (unsigned i = 0; i <= c->view->table_count; i++)
        c->result->row_count += counts[i].same + counts[i].missing + counts[i].changed;
    return error;
}

static uint64_t count_different(const struct compared *c, const struct fl_difference_counts *counts)
{
    uint64_t different = 0;
    for (unsigned i = 0; i <= c->view->table_count; i++)
        different += counts[i].missing + counts[i].added + counts[i].changed;
    return different;
}

/* Rows that rest on telemetry which retention has removed are taken over into the fresh ones. */
static enum fl_error carry(struct compared *c)
{
    struct fl_verify_run *run = c->run;
    uint64_t *begins = calloc(run->partition_count, sizeof(*begins));
    enum fl_error error = begins == NULL ? FL_NO_MEMORY : FL_OK;
    for (uint32_t i = 0; error == FL_OK && i < run->partition_count; i++) {
        uint64_t end = 0;
        error = fl_journal_offsets(run->options->journal, "telemetry", i, &begins[i], &end);
    }
    if (error == FL_OK)
        error = fl_store_begin(c->fresh);
    if (error == FL_OK) {
        c->view->carry(&c->copy.txn.kv, fl_store_kv(c->fresh), begins, run->partition_count);
        error = fl_store_commit(c->fresh);
    }
    free(begins);
    return error;
}

/* A write transaction on the copy, beside the read transaction that compares. */
struct copy_sink {
    struct compared *compared;
    struct fl_txn txn;
};

static enum fl_error copy_begin(void *context, struct fl_kv **kv)
{
    struct copy_sink *sink = context;
    enum fl_error error = fl_txn_begin_write(&sink->txn, sink->compared->copy.env);
    *kv = &sink->txn.kv;
    return error;
}

static enum fl_error copy_commit(void *context)
{
    return fl_txn_commit(&((struct copy_sink *)context)->txn);
}

static void copy_abort(void *context)
{
    fl_txn_abort(&((struct copy_sink *)context)->txn);
}

/* Compaction has removed records below the copy's position in favour of ones above it: both are
 * folded on to the end, where they must meet. */
static enum fl_error fold_on(struct compared *c)
{
    struct copy_sink sink = {.compared = c};
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    enum fl_error error = fl_fold_target_end(c->view, c->run->options->journal, &targets, &count);
    if (error == FL_OK)
        error = fold(c, fl_fold_sink_store(c->fresh), targets, count);
    if (error == FL_OK && c->result->state == FL_VERIFY_VIEW_COMPARED)
        error = fold(c, (struct fl_fold_sink){&sink, copy_begin, copy_commit, copy_abort}, targets,
                     count);
    free(targets);
    fl_txn_abort(&c->copy.txn);
    return error == FL_OK ? fl_txn_begin_read(&c->copy.txn, c->copy.env) : error;
}

/* True if the copy stands below the end of a compacted topic that it reads. */
static enum fl_error is_behind_compaction(struct compared *c, bool *behind)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    *behind = false;
    if ((c->view->inputs & FL_READS_SUBJECTS) == 0)
        return FL_OK;
    enum fl_error error = fl_journal_offsets(c->run->options->journal, "subjects", 0, &begin, &end);
    *behind = error == FL_OK && fl_meta_position(&c->copy.txn.kv, FL_TOPIC_SUBJECTS, 0).next < end;
    return error;
}

static enum fl_error compare_rows(struct compared *c)
{
    struct fl_difference first;
    struct fl_difference_counts counts[FL_STORE_VIEW_TABLE_COUNT_MAX + 1];
    bool differs = false;
    bool behind = false;
    enum fl_error error = compare(c, &first, counts, &differs);
    if (error == FL_OK && differs && c->view->carry != NULL &&
        (c->view->inputs & FL_READS_TELEMETRY) != 0) {
        c->result->carried_count = count_different(c, counts);
        error = carry(c);
        if (error == FL_OK)
            error = compare(c, &first, counts, &differs);
        if (error == FL_OK)
            c->result->carried_count -= count_different(c, counts);
    }
    if (error == FL_OK && differs)
        error = is_behind_compaction(c, &behind);
    if (error == FL_OK && behind) {
        error = fold_on(c);
        if (error == FL_OK && c->result->state == FL_VERIFY_VIEW_COMPARED)
            error = compare(c, &first, counts, &differs);
    }
    if (error == FL_OK && differs && c->result->state == FL_VERIFY_VIEW_COMPARED)
        report_difference(c, &first, counts);
    return error;
}

/* The head and the log that the copy names are those of the fresh fold. */
static enum fl_error compare_head(struct compared *c)
{
    struct fl_chain_head heads[2];
    char ids[2][FL_ID_TEXT_SIZE];
    struct fl_txn txn;
    char texts[2][FL_HASH_TEXT_SIZE + 32];
    enum fl_error error = fl_store_snapshot(c->fresh, &txn);
    if (error != FL_OK)
        return error;
    fl_meta_head(&txn.kv, &heads[0]);
    fl_meta_log_id(&txn.kv, ids[0]);
    error = txn.kv.error;
    fl_txn_abort(&txn);
    fl_meta_head(&c->copy.txn.kv, &heads[1]);
    fl_meta_log_id(&c->copy.txn.kv, ids[1]);
    /* A view of telemetry alone learns which log it reads with the first thing that it is given. */
    bool is_new = ids[1][0] == '\0' && (c->view->inputs & FL_READS_EVENTS) == 0 &&
                  fl_meta_counts(&c->copy.txn.kv).applied == 0;
    if (strcmp(ids[0], ids[1]) != 0 && !is_new)
        report(c, FL_VERIFY_POSITION, "log id", ids[0], ids[1][0] == '\0' ? "none" : ids[1]);
    if (memcmp(heads[0].hash, heads[1].hash, FL_HASH_SIZE) != 0 ||
        heads[0].sequence != heads[1].sequence || heads[0].offset != heads[1].offset ||
        heads[0].action != heads[1].action || heads[0].time_ms != heads[1].time_ms) {
        for (int i = 0; i < 2; i++) {
            int used = snprintf(texts[i], sizeof(texts[i]), "%llu events, ",
                                (unsigned long long)heads[i].sequence);
            fl_hex_encode(heads[i].hash, FL_HASH_SIZE, texts[i] + used);
        }
        report(c, FL_VERIFY_POSITION, "head", texts[0],
               strcmp(texts[0], texts[1]) == 0 ? "another offset, action or time" : texts[1]);
    }
    return error;
}

static enum fl_error fold_fresh(struct compared *c)
{
    struct fl_verify_run *run = c->run;
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    struct fl_store_options store = {
        .views_directory = c->fresh_directory,
        .view = c->view,
        .map_size = run->options->map_size,
        .port = run->options->port,
        .detail = run->detail,
    };
    enum fl_error error = fl_store_open_writer(&store, &c->fresh);
    if (error == FL_OK)
        error =
            fl_fold_target_of(&c->copy.txn.kv, c->view, run->options->journal, &targets, &count);
    if (error == FL_OK)
        error = fold(c, fl_fold_sink_store(c->fresh), targets, count);
    free(targets);
    return error;
}

static enum fl_error compare_view(struct compared *c)
{
    struct fl_meta_identity identity = {0};
    struct fl_chain_head head;
    struct fl_kv *kv = &c->copy.txn.kv;
    char reason[FL_DETAIL_SIZE];
    if (!fl_meta_identity(kv, &identity) || strcmp(identity.view, c->view->name) != 0) {
        report(c, FL_VERIFY_INVARIANT, "identity", c->view->name,
               identity.view[0] == '\0' ? "none" : identity.view);
        return not_compared(c, FL_VERIFY_VIEW_NOT_COMPARED, "these are not its rows");
    }
    if (identity.fold_version != c->view->fold_version || identity.format != FL_STORE_FORMAT) {
        snprintf(reason, sizeof(reason), "its rows are of fold version %u, this program's is %u",
                 identity.fold_version, c->view->fold_version);
        return not_compared(c, FL_VERIFY_VIEW_OTHER_VERSION, reason);
    }
    fl_meta_head(kv, &head);
    c->result->sequence = head.sequence;
    enum fl_error error = check_rows(c);
    if (error == FL_OK)
        error = fl_verify_positions(c->run, c->view, kv);
    if (error == FL_OK)
        error = fold_fresh(c);
    if (error != FL_OK || c->result->state != FL_VERIFY_VIEW_COMPARED)
        return error;
    error = compare_head(c);
    return error == FL_OK ? compare_rows(c) : error;
}

/* Gives the disk back before the next view. */
static void drop_fresh(struct compared *c)
{
    char version[FL_VERSION_NAME_SIZE];
    struct fl_versions versions;
    if (c->fresh == NULL)
        return;
    versions = *fl_store_versions(c->fresh);
    snprintf(version, sizeof(version), "%s", fl_store_version(c->fresh));
    fl_store_close(&c->fresh);
    (void)!fl_versions_remove(&versions, version);
}

static enum fl_error verify_view(struct compared *c)
{
    struct fl_verify_run *run = c->run;
    struct fl_versions versions;
    char directory[PATH_MAX];
    if (snprintf(directory, sizeof(directory), "%s/copy-%s", run->scratch, c->view->name) >=
            (int)sizeof(directory) ||
        snprintf(c->fresh_directory, sizeof(c->fresh_directory), "%s/fresh", run->scratch) >=
            (int)sizeof(c->fresh_directory))
        return FL_INVALID;
    enum fl_error error =
        fl_versions_open(&versions, run->options->views_directory, c->view->name, false);
    if (error == FL_OK)
        error = fl_snapshot_take(&versions, c->view, directory, &c->copy);
    if (error == FL_NOT_FOUND)
        return not_compared(c, FL_VERIFY_VIEW_NO_ROWS, "there are no rows");
    if (error == FL_CORRUPT) {
        report(c, FL_VERIFY_INVARIANT, "", "rows that can be read", fl_error_text(error));
        return not_compared(c, FL_VERIFY_VIEW_NOT_COMPARED, "it cannot be read");
    }
    if (error != FL_OK)
        return fl_verify_fail(run, error, "view %s: %s", c->view->name, fl_error_text(error));
    error = compare_view(c);
    drop_fresh(c);
    fl_snapshot_drop(&c->copy);
    return error;
}

/* What verifying a view is expected to take. */
static double work_of(const struct fl_verify_run *run, const struct fl_view *view)
{
    double work = 0;
    const struct fl_verify_range *events = &run->ranges[FL_TOPIC_EVENTS];
    if ((view->inputs & FL_READS_EVENTS) != 0)
        work += (double)(events->end - events->begin) * FL_VERIFY_WORK_FOLD_EVENT;
    for (uint32_t i = 0; (view->inputs & FL_READS_TELEMETRY) != 0 && i < run->partition_count; i++)
        work +=
            (double)(run->telemetry[i].end - run->telemetry[i].begin) * FL_VERIFY_WORK_FOLD_REPORT;
    return work;
}

enum fl_error fl_verify_views(struct fl_verify_run *run)
{
    const struct fl_verify_options *options = run->options;
    enum fl_error error = FL_OK;
    char what[FL_VIEW_NAME_SIZE_MAX + 8];
    for (size_t i = 0; error == FL_OK && i < options->view_count && i < FL_VERIFY_VIEW_COUNT_MAX;
         i++) {
        struct compared c = {.run = run,
                             .view = options->views[i],
                             .result = &run->result->views[run->result->view_count++],
                             .work_begun = run->work_done,
                             .work = work_of(run, options->views[i])};
        c.result->view = c.view;
        snprintf(what, sizeof(what), "view %s", c.view->name);
        run->progress.what = what;
        run->progress.record_count = 0;
        error = verify_view(&c);
        run->work_done = c.work_begun + c.work;
        if (error == FL_OK)
            error = fl_verify_step(run, 0);
    }
    run->progress.what = "done";
    return error;
}
