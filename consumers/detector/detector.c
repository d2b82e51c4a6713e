/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/detector/detector.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumers/detector/detector_internal.h"
#include "core/diag.h"
#include "projections/store/store.h"

enum { RETRY_MS = 1000 };

static const char live_note[] = "live";

static bool has_caught_up(const struct detector *detector, struct fl_kv *kv)
{
    for (uint32_t i = 0; i < detector->partition_count; i++)
        if (fl_meta_position(kv, FL_TOPIC_TELEMETRY, i).next < detector->targets[i])
            return false;
    return true;
}

static void go_live(struct detector *detector, void *state, struct fl_kv *kv)
{
    fl_kv_put(kv, FL_DETECTOR_NOTES, fl_slice_text(live_note), FL_SLICE_LITERAL("1"));
    detector->live = true;
    detector->compares = true;
    detector->settings.collects_changes = true;
    fl_detector_set(state, &detector->settings);
}

/* New or lost rows are silent until they stand where the log ended when they were begun. */
static enum fl_error loaded(void *context, void *state, struct fl_kv *kv)
{
    struct detector *detector = context;
    struct fl_journal *journal = detector->duty->journal;
    struct fl_topic_info info;
    struct fl_slice note;
    enum fl_error error = fl_journal_describe_topic(journal, "telemetry", &info);
    if (error != FL_OK)
        return error;
    free(detector->targets);
    detector->partition_count = info.partition_count;
    detector->targets = calloc(info.partition_count, sizeof(*detector->targets));
    if (detector->targets == NULL)
        return FL_NO_MEMORY;
    for (uint32_t i = 0; error == FL_OK && i < info.partition_count; i++) {
        uint64_t begin = 0;
        error = fl_journal_offsets(journal, "telemetry", i, &begin, &detector->targets[i]);
    }
    if (error != FL_OK)
        return error;
    if (fl_kv_get(kv, FL_DETECTOR_NOTES, fl_slice_text(live_note), &note))
        detector->live = true;
    detector->settings.collects_changes = detector->live;
    fl_detector_set(state, &detector->settings);
    if (!detector->live && has_caught_up(detector, kv))
        go_live(detector, state, kv);
    return kv->error;
}

/* What stands against the registry, once that has answered all that was appended. */
static enum fl_error compare(struct detector *detector, struct fl_kv *kv)
{
    enum fl_error error = fl_detector_await_registry(detector);
    if (error == FL_OK)
        error = fl_detector_compare(detector, kv);
    if (error == FL_OK)
        error = fl_detector_send(detector);
    detector->compares = error != FL_OK;
    /* No registry to ask: it is tried again behind the next batch. */
    return error == FL_INTERRUPTED || fl_error_class(error) != FL_CLASS_RETRY ? error : FL_OK;
}

/* Whoever has the lease appends; the batch is committed when all is acknowledged. */
static enum fl_error report(struct detector *detector, struct fl_kv *kv,
                            const struct fl_changes *changes)
{
    enum fl_error error = FL_OK;
    uint64_t before = detector->appended_count;
    detector->record_count = 0;
    fl_arena_reset(&detector->arena);
    /* What the one before had appended is answered first: it need not be said again. */
    if (!detector->settled && fl_detector_await_registry(detector) == FL_INTERRUPTED)
        return FL_INTERRUPTED;
    detector->settled = true;
    error = fl_detector_report_kept(detector, kv);
    for (size_t i = 0; error == FL_OK && i < changes->count; i++)
        error = fl_detector_report(detector, &changes->items[i]);
    if (error == FL_OK)
        error = fl_detector_send(detector);
    if (error == FL_OK && detector->compares && detector->appended_count == before)
        error = compare(detector, kv);
    return error;
}

static enum fl_error committing(void *context, void *state, struct fl_kv *kv)
{
    struct detector *detector = context;
    struct fl_changes *changes = fl_detector_changes(state);
    enum fl_error error = FL_OK;
    if (!detector->live) {
        if (has_caught_up(detector, kv))
            go_live(detector, state, kv);
        return kv->error;
    }
    if (detector->held)
        error = report(detector, kv, changes);
    else
        error = fl_detector_keep(detector, kv, changes);
    changes->count = 0;
    return error != FL_OK ? error : kv->error;
}

static enum fl_error serve_lease(void *context)
{
    struct detector *detector = context;
    bool held = false;
    enum fl_error error = fl_group_poll(detector->lease, 0, &held);
    enum fl_error_class class = fl_error_class(error);
    if (class != FL_CLASS_NONE && class != FL_CLASS_RETRY)
        return error;
    held = held && error == FL_OK;
    if (held && !detector->held) {
        detector->compares = true;
        detector->settled = false;
    }
    detector->held = held;
    return FL_OK;
}

/* Rows of another fold version are left behind: this one begins anew, and catches up in silence. */
static enum fl_error begin_anew(struct detector *detector, const char *views, char *detail)
{
    struct fl_versions versions;
    struct fl_store *store = NULL;
    char version[FL_VERSION_NAME_SIZE];
    struct fl_store_options options = {
        .views_directory = views,
        .view = fl_detector_view(),
        .version = version,
        .map_size = fl_config_number(detector->duty->config, FL_SETTING_VIEW_MAP),
        .port = detector->duty->port,
        .detail = detail,
    };
    enum fl_error error = fl_versions_open(&versions, views, options.view->name, true);
    if (error == FL_OK)
        error = fl_versions_next(&versions, options.view->fold_version, version);
    if (error == FL_OK)
        error = fl_store_open_writer(&options, &store);
    if (error == FL_OK)
        error = fl_store_promote_alone(store);
    fl_store_close(&store);
    return error;
}

static enum fl_error open_projector(struct detector *detector, const char *views,
                                    const struct fl_projector_hooks *hooks, char *detail)
{
    struct fl_duty *duty = detector->duty;
    struct fl_projector_options options = {
        .view = fl_detector_view(),
        .journal = duty->journal,
        .views_directory = views,
        .port = duty->port,
        .map_size = fl_config_number(duty->config, FL_SETTING_VIEW_MAP),
        .memory_max = (size_t)fl_config_number(duty->config, FL_SETTING_VIEW_MEMORY),
        .lock_wait_ms = FL_PROJECTOR_LOCK_MS,
        .duty = duty,
        .hooks = hooks,
    };
    enum fl_error error = fl_projector_open(&options, detail, &detector->projector);
    if (error != FL_VERSION)
        return error;
    error = begin_anew(detector, views, detail);
    return error == FL_OK ? fl_projector_open(&options, detail, &detector->projector) : error;
}

static enum fl_error open_all(struct detector *detector, const char *views,
                              const struct fl_projector_hooks *hooks, char *detail)
{
    struct fl_duty *duty = detector->duty;
    detector->records = calloc(DETECTOR_APPEND_COUNT_MAX, sizeof(*detector->records));
    detector->offsets = calloc(DETECTOR_APPEND_COUNT_MAX, sizeof(*detector->offsets));
    if (detector->records == NULL || detector->offsets == NULL)
        return FL_NO_MEMORY;
    enum fl_error error =
        fl_store_open_reader(views, fl_registry_view(), duty->port, &detector->registry);
    if (error == FL_OK)
        error = fl_group_join(duty->journal, "detector", "events", &detector->lease);
    while (fl_error_class(error) == FL_CLASS_RETRY && !fl_duty_wait(duty, RETRY_MS)) {
        fl_diag(RETRY, FL_TEXT("group", "detector"), FL_TEXT("error", fl_error_name(error)));
        error = fl_group_join(duty->journal, "detector", "events", &detector->lease);
    }
    if (error == FL_OK)
        error = open_projector(detector, views, hooks, detail);
    return error;
}

static void close_all(struct detector *detector)
{
    fl_projector_close(&detector->projector);
    fl_group_leave(&detector->lease);
    fl_store_reader_close(&detector->registry);
    fl_arena_fini(&detector->arena);
    free(detector->targets);
    free(detector->records);
    free(detector->offsets);
}

enum fl_error fl_detector_run(struct fl_duty *duty)
{
    char views[PATH_MAX];
    char detail[FL_DETAIL_SIZE] = "";
    struct detector detector = {
        .duty = duty,
        .settings = {.silence_ms = (int64_t)fl_config_number(duty->config, FL_SETTING_SILENCE),
                     .step_ms_max =
                         2 * (int64_t)fl_config_number(duty->config, FL_SETTING_TICK_INTERVAL)},
    };
    struct fl_projector_hooks hooks = {&detector, loaded, committing, serve_lease};
    fl_datadir_path(duty->datadir, "views", views);
    fl_arena_init(&detector.arena, DETECTOR_ARENA_SIZE);
    enum fl_error error = open_all(&detector, views, &hooks, detail);
    if (error == FL_OK) {
        error = fl_projector_run(detector.projector);
        (void)snprintf(detail, sizeof(detail), "%s", fl_projector_detail(detector.projector));
    }
    if (error == FL_INTERRUPTED && fl_duty_stopping(duty))
        error = FL_OK;
    if (error != FL_OK)
        fl_diag(FAILED, FL_TEXT("error", fl_error_name(error)), FL_TEXT("detail", detail));
    close_all(&detector);
    return error;
}
