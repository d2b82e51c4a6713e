/* SPDX-License-Identifier: Apache-2.0 */
/* What is expected of a device: dates that somebody set or that are forecast, parts and prices of
 * the catalogue. */
#include <string.h>

#include "projections/forecast/gather.h"
#include "projections/registry/lifecycle.h"
#include "projections/registry/parts.h"
#include "projections/reports/filling.h"

int64_t fl_filling_date(struct filling *f, const struct filling_device *device, int fact,
                        const char **basis)
{
    const fl_lifecycle_row *row =
        fl_registry_lifecycle(f->source->registry, f->source->arena, device->row->device_id,
                              (Fleetlog__V1__LifecycleFact)fact);
    *basis = "";
    if (row == NULL || row->due_date[0] == '\0')
        return 0;
    *basis = row->basis == FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_OWNER     ? "set by hand"
             : row->basis == FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_LICENSE ? "license"
                                                                                    : "forecast";
    return row->date_ms;
}

struct fl_document_cell fl_filling_date_cell(int64_t ms)
{
    return ms == 0 ? fl_cell_unknown() : fl_cell_number(ms);
}

static int64_t ms_of_day(int32_t day)
{
    return day == FL_DAY_NONE ? 0 : (int64_t)day * FL_DOCUMENT_DAY_MS;
}

/* A part number that the device itself reports; "" if it reports none. */
static const char *reported_part(struct filling *f, const struct filling_device *device)
{
    static const char *const names[] = {"battery.sku", "experimental.battery.sku"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = fl_filling_raw(f, device, names[i]);
        if (value != NULL && value[strspn(value, " \t")] != '\0')
            return value;
    }
    return "";
}

struct looking {
    struct fl_arena *arena;
    const char *region; /* NULL: that of the only price there is */
    const char *parts;
    const Fleetlog__V1__CatalogueEntry *price;
    size_t price_count;
};

static bool add_part(void *context, struct fl_slice key, const fl_catalogue_entry_row *row)
{
    struct looking *looking = context;
    (void)key;
    if (row->entry->kind == FLEETLOG__V1__CATALOGUE_KIND__CATALOGUE_KIND_SPARE_PART)
        looking->parts = fl_arena_printf(looking->arena, "%s%s%s", looking->parts,
                                         looking->parts[0] == '\0' ? "" : ", ", row->entry->part);
    return looking->parts != NULL;
}

static bool add_price(void *context, struct fl_slice key, const fl_catalogue_entry_row *row)
{
    struct looking *looking = context;
    (void)key;
    if (row->entry->kind != FLEETLOG__V1__CATALOGUE_KIND__CATALOGUE_KIND_PRICE ||
        (looking->region != NULL && strcmp(looking->region, row->entry->region) != 0))
        return true;
    looking->price = row->entry;
    looking->price_count++;
    return true;
}

/* Of exactly this SKU; a price only where it is clear which region's. */
static void add_catalogue(struct filling *f, struct fl_document_outlook *out)
{
    struct fl_kv *kv = f->source->registry;
    struct looking looking = {.arena = f->source->arena, .region = f->source->region, .parts = ""};
    if (out->sku[0] != '\0')
        fl_registry_each_entry(kv, f->source->arena, out->sku, FL_SLICE_NULL, add_part, &looking);
    out->other_parts = looking.parts == NULL ? "" : looking.parts;
    if (out->battery_part[0] != '\0')
        fl_registry_each_entry(kv, f->source->arena, out->battery_part, FL_SLICE_NULL, add_price,
                               &looking);
    if (looking.price_count != 1)
        return;
    out->currency = looking.price->currency;
    out->price_minor = looking.price->net_minor;
}

/* The forecast from all that is known now. A reseller is told the date that stands in the registry:
 * what it rests on (temperatures, install dates) is operational. */
static void add_forecast(struct filling *f, const struct filling_device *device,
                         struct fl_document_outlook *out)
{
    const struct fl_forecast_sources sources = {f->source->registry, f->source->devices,
                                                f->source->history};
    struct fl_forecast_input input;
    char text[FL_FORECAST_TEXT_SIZE];
    if (f->source->devices == NULL ||
        !fl_forecast_gather(&sources, f->source->arena, device->row, f->now_ms, &input))
        return;
    int32_t made = fl_forecast_ups_made(&input);
    struct fl_forecast forecast = fl_forecast_battery(&input);
    out->made_ms = ms_of_day(made);
    out->made_basis = made == FL_DAY_NONE      ? ""
                      : made == input.ups_made ? "ups.mfr.date"
                                               : "serial number";
    out->warranty_ms =
        ms_of_day(fl_forecast_warranty(&sources, f->source->arena, device->row, &input));
    /* The day on which the UPS was made says nothing of a battery that may have been replaced. */
    if (forecast.basis == FL_FORECAST_INSTALLED || forecast.basis == FL_FORECAST_BATTERY_DATE ||
        forecast.basis == FL_FORECAST_BATTERY_MADE)
        out->battery_since_ms = ms_of_day(forecast.begin);
    if (forecast.basis == FL_FORECAST_UNKNOWN)
        return;
    fl_forecast_text(&forecast, text);
    out->battery_due_ms = ms_of_day(forecast.due);
    out->battery_basis = fl_arena_printf(f->source->arena, "%s; confidence %s", text,
                                         fl_forecast_confidence_name(forecast.confidence));
}

void fl_filling_outlook(struct filling *f, const struct filling_device *device,
                        struct fl_document_outlook *out)
{
    const char *basis = "";
    *out = (struct fl_document_outlook){.made_basis = "",
                                        .battery_basis = "",
                                        .battery_part = "",
                                        .other_parts = "",
                                        .currency = ""};
    add_forecast(f, device, out);
    int64_t set_ms = fl_filling_date(
        f, device, FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT, &basis);
    bool is_by_hand = strcmp(basis, "set by hand") == 0;
    /* What the owner has set goes before what was computed. */
    if (set_ms != 0 && (out->battery_due_ms == 0 || is_by_hand || f->source->is_for_others)) {
        out->battery_due_ms = set_ms;
        out->battery_basis = basis;
    }
    out->sku = fl_registry_sku(f->source->registry, f->source->arena, device->row->device_id);
    out->battery_part = reported_part(f, device);
    if (out->battery_part[0] == '\0')
        out->battery_part =
            fl_registry_battery_part(f->source->registry, f->source->arena, out->sku);
    if (out->battery_part == NULL)
        out->battery_part = "";
    add_catalogue(f, out);
}
