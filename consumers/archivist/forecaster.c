/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/archivist/forecaster.h"

#include <stdlib.h>

#include "projections/devices/devices.h"
#include "projections/registry/lifecycle.h"
#include "projections/registry/machines.h"
#include "schemas/envelope.h"

#define FACT(name) FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_##name

struct step {
    const struct fl_forecast_sources *sources;
    struct fl_arena *arena;
    const char *source;
    int64_t now_ms;
    struct fl_record *records;
    uint32_t count;
};

bool fl_forecaster_is_due(struct fl_forecaster *forecaster, int64_t monotonic_ms)
{
    if (forecaster->next != 0)
        return true;
    if (forecaster->has_begun && monotonic_ms - forecaster->began_ms < FL_FORECASTER_PAUSE_MS)
        return false;
    forecaster->has_begun = true;
    forecaster->began_ms = monotonic_ms;
    forecaster->next = 1;
    return true;
}

/* Whether the date that stands gives way to `due`. */
static bool moves(const fl_lifecycle_row *row, int32_t due)
{
    bool has_date = row != NULL && row->due_date[0] != '\0';
    if (!has_date)
        return due != FL_DAY_NONE;
    if (row->basis != FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_FORECAST)
        return false;
    return due == FL_DAY_NONE ||
           llabs((long long)due - row->date_ms / FL_DAY_MS) > FL_FORECAST_SHIFT_DAYS;
}

static enum fl_error set_date(struct step *s, const fl_device_row *device,
                              Fleetlog__V1__LifecycleFact fact, int32_t due)
{
    Fleetlog__V1__SetLifecycleFact action = FLEETLOG__V1__SET_LIFECYCLE_FACT__INIT;
    const fl_lifecycle_row *row =
        fl_registry_lifecycle(s->sources->registry, s->arena, device->device_id, fact);
    char date[FL_DAY_TEXT_SIZE];
    char *id = fl_arena_alloc(s->arena, FL_ID_TEXT_SIZE);
    if (!moves(row, due))
        return FL_OK;
    fl_day_text(due, date);
    const char *before = row == NULL ? "" : row->due_date;
    const char *key =
        fl_arena_printf(s->arena, "%s %d %s %s", device->device_id, (int)fact, before, date);
    action.device_id = device->device_id;
    action.fact = fact;
    action.due_date = fl_arena_text(s->arena, fl_slice_text(date));
    if (id == NULL || key == NULL || action.due_date == NULL)
        return FL_NO_MEMORY;
    const struct fl_slice parts[] = {fl_slice_text(key)};
    fl_id_derive("forecast", parts, 1, id);
    struct fl_envelope envelope = {
        .id = fl_slice_text(id),
        .source = fl_slice_text(s->source),
        .actor = FL_SLICE_LITERAL("detector"),
        .correlation_id = fl_slice_text(id),
        .time_ms = s->now_ms,
    };
    return fl_action_encode(s->arena, &envelope, &action.base, &s->records[s->count++]);
}

static enum fl_error first_error(const struct fl_forecast_sources *sources)
{
    if (sources->registry->error != FL_OK)
        return sources->registry->error;
    if (sources->devices != NULL && sources->devices->error != FL_OK)
        return sources->devices->error;
    return sources->history != NULL && sources->history->error != FL_OK ? sources->history->error
                                                                        : FL_CORRUPT;
}

static enum fl_error look_at(struct step *s, const fl_device_row *device)
{
    struct fl_forecast_input input;
    struct fl_latest row;
    /* Of a device that the view does not have yet nothing is known: dates that stand stay. */
    if (s->sources->devices != NULL &&
        !fl_devices_row(s->sources->devices, device->device_number, &row))
        return s->sources->devices->error;
    if (!fl_forecast_gather(s->sources, s->arena, device, s->now_ms, &input))
        return first_error(s->sources);
    enum fl_error error =
        set_date(s, device, FACT(BATTERY_REPLACEMENT), fl_forecast_battery(&input).due);
    if (error == FL_OK)
        error = set_date(s, device, FACT(WARRANTY_END),
                         fl_forecast_warranty(s->sources, s->arena, device, &input));
    return error;
}

enum fl_error fl_forecaster_step(struct fl_forecaster *forecaster,
                                 const struct fl_forecast_sources *sources, struct fl_arena *arena,
                                 const char *log_id, const char *node_id, int64_t now_ms,
                                 struct fl_record records[FL_FORECASTER_ACTION_COUNT],
                                 uint32_t *count)
{
    struct step step = {.sources = sources, .arena = arena, .now_ms = now_ms, .records = records};
    const fl_log_row *log = fl_registry_log(sources->registry, arena);
    uint32_t device_count = log == NULL ? 0 : log->device_count;
    uint32_t number = forecaster->next;
    enum fl_error error = FL_OK;
    step.source = fl_arena_printf(arena, "/fleetlog/%s/archivist/%s", log_id, node_id);
    if (step.source == NULL)
        return FL_NO_MEMORY;
    for (; error == FL_OK && number <= device_count &&
           number < forecaster->next + FL_FORECASTER_DEVICE_COUNT;
         number++) {
        const fl_device_row *device =
            fl_registry_device_by_number(sources->registry, arena, number);
        if (device != NULL && device->state == FL_DEVICE_ACTIVE)
            error = look_at(&step, device);
    }
    *count = step.count;
    if (error == FL_OK)
        forecaster->next = number > device_count ? 0 : number;
    return error != FL_OK ? error : sources->registry->error;
}
