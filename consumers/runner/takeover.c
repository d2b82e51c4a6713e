/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/runner/takeover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/runner/fold_store.h"
#include "core/diag.h"

static bool on_progress(void *context, const struct fl_fold_progress *progress)
{
    const struct fl_takeover *takeover = context;
    (void)progress;
    return takeover->may_go_on == NULL || takeover->may_go_on(takeover->context);
}

/* Folds `next` to where `store` stands. */
static enum fl_error catch_up(struct fl_takeover *takeover, struct fl_store *store,
                              struct fl_store *next, char detail[FL_DETAIL_SIZE])
{
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    struct fl_txn txn;
    enum fl_error error = fl_store_snapshot(store, &txn);
    if (error != FL_OK)
        return error;
    error = fl_fold_target_of(&txn.kv, takeover->view, takeover->journal, &targets, &count);
    if (error == FL_OK)
        error = txn.kv.error;
    fl_txn_abort(&txn);
    struct fl_fold_options options = {
        .view = takeover->view,
        .journal = takeover->journal,
        .sink = fl_fold_sink_store(next),
        .targets = targets,
        .target_count = count,
        .memory_max = takeover->memory_max,
        .progress = on_progress,
        .context = takeover,
        .detail = detail,
    };
    if (error == FL_OK)
        error = fl_fold_run(&options);
    free(targets);
    return error;
}

static enum fl_error refuse(struct fl_takeover *takeover, const struct fl_versions *versions,
                            const char *wanted, enum fl_error error, const char *detail)
{
    if (error == FL_INTERRUPTED) {
        takeover->answered = 0;
        return FL_OK;
    }
    fl_diag(REBUILD, FL_TEXT("view", takeover->view->name), FL_TEXT("version", wanted),
            FL_TEXT("state", "refused"), FL_TEXT("error", fl_error_name(error)),
            FL_TEXT("detail", detail));
    return fl_versions_clear(versions, FL_LINK_WANTED);
}

enum fl_error fl_takeover_try(struct fl_takeover *takeover, struct fl_store **store, bool *switched)
{
    const struct fl_versions *versions = fl_store_versions(*store);
    char wanted[FL_VERSION_NAME_SIZE];
    char detail[FL_DETAIL_SIZE] = "";
    struct fl_store *next = NULL;
    uint64_t stamp = fl_versions_stamp(versions, FL_LINK_WANTED);
    *switched = false;
    if (stamp == 0 || stamp == takeover->answered)
        return FL_OK;
    takeover->answered = stamp;
    if (fl_versions_read(versions, FL_LINK_WANTED, wanted) != FL_OK ||
        strcmp(wanted, fl_store_version(*store)) == 0)
        return FL_OK;
    struct fl_store_options options = {
        .views_directory = takeover->views_directory,
        .view = takeover->view,
        .version = wanted,
        .map_size = takeover->map_size,
        .port = takeover->port,
        .detail = detail,
    };
    enum fl_error error = fl_store_open_writer(&options, &next);
    if (error == FL_VERSION || error == FL_LOCKED)
        return FL_OK; /* it is for a newer program, or a rebuild works on it again */
    if (error == FL_OK)
        error = catch_up(takeover, *store, next, detail);
    if (error == FL_OK)
        error = fl_store_promote(next, store);
    if (error != FL_OK) {
        fl_store_close(&next);
        return refuse(takeover, versions, wanted, error, detail);
    }
    *store = next;
    *switched = true;
    fl_diag(REBUILD, FL_TEXT("view", takeover->view->name), FL_TEXT("version", wanted),
            FL_TEXT("state", "switched"));
    return FL_OK;
}

enum fl_error fl_takeover_open(const struct fl_store_options *options, struct fl_store **store)
{
    struct fl_versions versions;
    struct fl_store_options wanted_options = *options;
    char wanted[FL_VERSION_NAME_SIZE];
    uint32_t fold_version = 0;
    uint32_t build = 0;
    enum fl_error error = fl_store_open_writer(options, store);
    if (error != FL_VERSION)
        return error;
    if (fl_versions_open(&versions, options->views_directory, options->view->name, false) !=
            FL_OK ||
        fl_versions_read(&versions, FL_LINK_WANTED, wanted) != FL_OK ||
        !fl_version_parse(wanted, &fold_version, &build) ||
        fold_version != options->view->fold_version)
        return FL_VERSION;
    wanted_options.version = wanted;
    error = fl_store_open_writer(&wanted_options, store);
    if (error == FL_OK)
        error = fl_store_promote_alone(*store);
    if (error != FL_OK)
        fl_store_close(store);
    return error;
}
