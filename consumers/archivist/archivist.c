/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/archivist/archivist.h"
#include "consumers/archivist/forecaster.h"

#include <limits.h>
#include <stdlib.h>

#include "core/diag.h"
#include "core/fault_point.h"
#include "projections/devices/devices.h"
#include "projections/store/store_reader.h"

enum {
    PAUSE_MS = 1000,
    ARENA_SIZE = 16 * 1024 * 1024,
};

struct archivist {
    struct fl_duty *duty;
    struct fl_store_reader *history;
    struct fl_store_reader *devices;
    struct fl_store_reader *registry;
    struct fl_forecaster forecaster;
    struct fl_record actions[FL_FORECASTER_ACTION_COUNT];
    uint64_t action_offsets[FL_FORECASTER_ACTION_COUNT];
    struct fl_group *lease;
    struct fl_arena arena;
    struct fl_record records[FL_ARCHIVE_COUNT_MAX];
    uint64_t offsets[FL_ARCHIVE_COUNT_MAX];
};

/* The days that are over, unless the view has not applied all that is on the topic yet. */
static enum fl_error gather(struct archivist *a, uint32_t *count)
{
    struct fl_store_read read;
    uint64_t begin = 0;
    uint64_t end = 0;
    *count = 0;
    enum fl_error error = fl_journal_offsets(a->duty->journal, "history", 0, &begin, &end);
    if (error == FL_OK)
        error = fl_store_read_begin(a->history, &read);
    if (error != FL_OK)
        return error;
    if (fl_meta_position(read.kv, FL_TOPIC_HISTORY, 0).next >= end)
        error = fl_archive_gather(read.kv, &a->arena, a->duty->datadir->node_id,
                                  fl_port_wall_ms(a->duty->port), a->records, count);
    enum fl_error ended = fl_store_read_end(&read);
    return error != FL_OK ? error : ended;
}

static enum fl_error append(struct archivist *a, uint32_t count)
{
    struct fl_append batch = {
        .topic = "history",
        .count = count,
        .records = a->records,
        .expected_offset = FL_OFFSET_NONE,
        .offsets = a->offsets,
    };
    fl_fault_point("archivist.before_append");
    enum fl_error error = fl_journal_append(a->duty->journal, &batch, 1);
    fl_fault_point("archivist.appended");
    return error;
}

static enum fl_error forecast_devices(struct archivist *a, struct fl_store_read *registry,
                                      uint32_t *count)
{
    struct fl_store_read devices = {.kv = NULL};
    struct fl_store_read history = {.kv = NULL};
    char log_id[FL_ID_TEXT_SIZE];
    enum fl_error error = fl_store_read_begin(a->devices, &devices);
    if (error == FL_OK)
        error = fl_store_read_begin(a->history, &history);
    if (error == FL_OK) {
        const struct fl_forecast_sources sources = {registry->kv, devices.kv, history.kv};
        fl_meta_log_id(registry->kv, log_id);
        error = fl_forecaster_step(&a->forecaster, &sources, &a->arena, log_id,
                                   a->duty->datadir->node_id, fl_port_wall_ms(a->duty->port),
                                   a->actions, count);
    }
    enum fl_error ended = history.kv == NULL ? FL_OK : fl_store_read_end(&history);
    error = error != FL_OK ? error : ended;
    ended = devices.kv == NULL ? FL_OK : fl_store_read_end(&devices);
    return error != FL_OK ? error : ended;
}

/* The next devices' dates, behind what the registry has answered. */
static enum fl_error forecast(struct archivist *a, bool *busy)
{
    struct fl_store_read read;
    uint32_t count = 0;
    uint32_t first = 0;
    if (!fl_forecaster_is_due(&a->forecaster, fl_port_monotonic_ms(a->duty->port)))
        return FL_OK;
    fl_arena_reset(&a->arena);
    first = a->forecaster.next;
    enum fl_error error = fl_store_read_begin(a->registry, &read);
    if (error != FL_OK)
        return error;
    error = forecast_devices(a, &read, &count);
    enum fl_error ended = fl_store_read_end(&read);
    error = error != FL_OK ? error : ended;
    *busy = *busy || a->forecaster.next != 0;
    if (error != FL_OK || count == 0)
        return error;
    struct fl_append batch = {
        .topic = "actions",
        .count = count,
        .records = a->actions,
        .expected_offset = FL_OFFSET_NONE,
        .offsets = a->action_offsets,
    };
    error = fl_journal_append(a->duty->journal, &batch, 1);
    if (error != FL_OK)
        a->forecaster.next = first; /* they are looked at again; what landed is a duplicate then */
    return error;
}

/* One turn; `busy` when there may be more to do at once. */
static enum fl_error turn(struct archivist *a, bool *busy)
{
    bool held = false;
    uint32_t count = 0;
    fl_arena_reset(&a->arena);
    *busy = false;
    enum fl_error error = fl_group_poll(a->lease, 0, &held);
    if (error != FL_OK || !held)
        return error;
    error = gather(a, &count);
    *busy = count == FL_ARCHIVE_COUNT_MAX;
    if (error == FL_OK && count != 0)
        error = append(a, count);
    return error == FL_OK ? forecast(a, busy) : error;
}

static enum fl_error open_all(struct archivist *a)
{
    struct fl_duty *duty = a->duty;
    char views[PATH_MAX];
    fl_arena_init(&a->arena, ARENA_SIZE);
    fl_datadir_path(duty->datadir, "views", views);
    enum fl_error error = fl_store_open_reader(views, fl_history_view(), duty->port, &a->history);
    if (error == FL_OK)
        error = fl_store_open_reader(views, fl_devices_view(), duty->port, &a->devices);
    if (error == FL_OK)
        error = fl_store_open_reader(views, fl_registry_view(), duty->port, &a->registry);
    if (error == FL_OK)
        error = fl_group_join(duty->journal, "archivist", "events", &a->lease);
    while (fl_error_class(error) == FL_CLASS_RETRY && !fl_duty_wait(duty, PAUSE_MS)) {
        fl_diag(RETRY, FL_TEXT("group", "archivist"), FL_TEXT("error", fl_error_name(error)));
        error = fl_group_join(duty->journal, "archivist", "events", &a->lease);
    }
    return error;
}

static void close_all(struct archivist *a)
{
    fl_group_leave(&a->lease);
    fl_store_reader_close(&a->registry);
    fl_store_reader_close(&a->devices);
    fl_store_reader_close(&a->history);
    fl_arena_fini(&a->arena);
}

/* What may pass is said, unless it is only the view that is not there yet. */
static bool may_pass(struct archivist *a, enum fl_error error)
{
    enum fl_error_class class = fl_error_class(error);
    if (class != FL_CLASS_RETRY && class != FL_CLASS_LIMIT)
        return false;
    if (error != FL_UNAVAILABLE)
        fl_diag(RETRY, FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", fl_journal_detail(a->duty->journal)));
    return true;
}

enum fl_error fl_archivist_run(struct fl_duty *duty)
{
    struct archivist *a = calloc(1, sizeof(*a));
    if (a == NULL)
        return FL_NO_MEMORY;
    a->duty = duty;
    enum fl_error error = open_all(a);
    if (error == FL_OK)
        fl_duty_ready(duty);
    while (error == FL_OK) {
        bool busy = false;
        fl_duty_beat(duty);
        error = turn(a, &busy);
        if (error != FL_OK && may_pass(a, error))
            error = FL_OK;
        /* A batch that is not applied yet is waited for like the end of the next day. */
        if (fl_duty_wait(duty, busy ? PAUSE_MS / 10 : PAUSE_MS))
            break;
    }
    if (error == FL_INTERRUPTED && fl_duty_stopping(duty))
        error = FL_OK;
    if (error != FL_OK)
        fl_diag(FAILED, FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", fl_journal_detail(duty->journal)));
    close_all(a);
    free(a);
    return error;
}
