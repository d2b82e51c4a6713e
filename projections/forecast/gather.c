/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/forecast/gather.h"

#include <string.h>

#include "projections/devices/devices.h"
#include "projections/history/query.h"
#include "projections/registry/machines.h"
#include "projections/registry/parts.h"
#include "projections/telemetry/words.h"

enum { COMMAND_COUNT = 100 };

/* A day that a string of the device tells. */
static void take_day(struct fl_slice value, int32_t *day)
{
    int32_t parsed = 0;
    *day = fl_day_parse(value, &parsed) == FL_QUALITY_OK ? parsed : FL_DAY_NONE;
}

static bool has_lithium(struct fl_slice type)
{
    for (size_t i = 0; i + 1 < type.size; i++)
        if ((type.data[i] == 'L' || type.data[i] == 'l') &&
            (type.data[i + 1] == 'I' || type.data[i + 1] == 'i'))
            return true;
    return false;
}

struct reading {
    struct fl_arena *arena;
    struct fl_forecast_input *input;
};

static void take_string(void *context, struct fl_slice name, struct fl_slice value, bool is_stale)
{
    struct reading *r = context;
    const struct {
        const char *name;
        int32_t *day;
    } days[] = {{"battery.date.maintenance", &r->input->expected_by_device},
                {"battery.date", &r->input->battery_date},
                {"battery.mfr.date", &r->input->battery_made},
                {"ups.mfr.date", &r->input->ups_made}};
    (void)is_stale; /* a date stays true while the device is away */
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++)
        if (fl_slice_is(name, days[i].name))
            take_day(value, days[i].day);
    if (fl_slice_is(name, "battery.type"))
        r->input->is_lithium = has_lithium(value);
}

/* The newest install date that the device was seen to take, among its latest commands. */
static void take_install_date(const struct fl_forecast_sources *sources, struct fl_arena *arena,
                              const char *device_id, struct fl_forecast_input *input)
{
    struct fl_page page = {.limit = COMMAND_COUNT, .descending = true};
    struct fl_rows rows = {.count = 0};
    int64_t changed_at_ms = 0;
    if (fl_registry_list(sources->registry, arena, FL_LIST_DEVICE_COMMANDS,
                         fl_slice_text(device_id), &page, &rows) != FL_OK)
        return;
    for (size_t i = 0; i < rows.count; i++) {
        const fl_command_row *row = rows.rows[i];
        if (row->kind != FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_BATTERY_INSTALL_DATE ||
            row->state != FL_COMMAND_SUCCEEDED || row->changed_at_ms < changed_at_ms)
            continue;
        changed_at_ms = row->changed_at_ms;
        take_day(fl_slice_text(row->parameter), &input->installed);
    }
}

/* The mean of the days' means, so that a day with many readings is one day. */
static void take_temperature(struct fl_kv *history, uint32_t device_number,
                             struct fl_forecast_input *input)
{
    int64_t sum = 0;
    int32_t first = input->today - FL_FORECAST_TEMPERATURE_DAYS;
    for (int32_t day = first < 0 ? 0 : first; day < input->today; day++) {
        struct fl_history_cell cell;
        fl_history_sum_days(history, device_number, FL_QUANTITY_TEMPERATURE, (uint32_t)day,
                            (uint32_t)day + 1, &cell);
        if (cell.count == 0)
            continue;
        sum += fl_history_cell_mean(&cell);
        input->temperature_days++;
    }
    if (input->temperature_days != 0)
        input->temperature = sum / input->temperature_days;
}

bool fl_forecast_gather(const struct fl_forecast_sources *sources, struct fl_arena *arena,
                        const fl_device_row *device, int64_t now_ms,
                        struct fl_forecast_input *input)
{
    *input = (struct fl_forecast_input){
        .today = (int32_t)(now_ms / FL_HISTORY_DAY_MS),
        .expected_by_device = FL_DAY_NONE,
        .installed = FL_DAY_NONE,
        .battery_date = FL_DAY_NONE,
        .battery_made = FL_DAY_NONE,
        .ups_made = FL_DAY_NONE,
        .manufacturer = FL_SLICE_LITERAL(""),
        .serial = FL_SLICE_LITERAL(""),
    };
    struct reading reading = {arena, input};
    const fl_capabilities_row *offers =
        fl_registry_capabilities(sources->registry, arena, fl_slice_text(device->device_id));
    if (offers != NULL && offers->identity != NULL) {
        input->manufacturer = fl_slice_text(offers->identity->manufacturer);
        input->serial = fl_slice_text(offers->identity->serial);
    }
    take_install_date(sources, arena, device->device_id, input);
    if (sources->devices != NULL)
        fl_devices_each_raw(sources->devices, device->device_number, take_string, &reading);
    if (sources->history != NULL)
        take_temperature(sources->history, device->device_number, input);
    return sources->registry->error == FL_OK &&
           (sources->devices == NULL || sources->devices->error == FL_OK) &&
           (sources->history == NULL || sources->history->error == FL_OK);
}

struct agreeing {
    uint32_t months;
    bool differs;
};

static bool agree(void *context, struct fl_slice key, const fl_catalogue_entry_row *row)
{
    struct agreeing *agreeing = context;
    (void)key;
    if (row->entry->kind != FLEETLOG__V1__CATALOGUE_KIND__CATALOGUE_KIND_WARRANTY)
        return true;
    agreeing->differs = agreeing->months != 0 && agreeing->months != row->entry->months;
    agreeing->months = row->entry->months;
    return !agreeing->differs;
}

int32_t fl_forecast_warranty(const struct fl_forecast_sources *sources, struct fl_arena *arena,
                             const fl_device_row *device, const struct fl_forecast_input *input)
{
    struct agreeing agreeing = {.months = 0};
    int32_t made = fl_forecast_ups_made(input);
    const char *sku = fl_registry_sku(sources->registry, arena, device->device_id);
    if (made == FL_DAY_NONE || sku[0] == '\0')
        return FL_DAY_NONE;
    fl_registry_each_entry(sources->registry, arena, sku, FL_SLICE_NULL, agree, &agreeing);
    if (agreeing.months == 0 || agreeing.differs)
        return FL_DAY_NONE;
    return made + (int32_t)((int64_t)agreeing.months * FL_FORECAST_LIFE_DAYS / 48);
}
