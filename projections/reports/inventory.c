/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: every device with its age, its parts, its status and the dates that are near. */
#include <inttypes.h>
#include <stdio.h>

#include "projections/registry/lifecycle.h"
#include "projections/registry/plan.h"
#include "projections/reports/filling.h"

enum { AGE_COUNT = 11 }; /* bars: under a year … ten years and more */
#define YEAR_MS (INT64_C(31557600) * 1000)

enum column {
    NAME,
    LOCATION,
    MAKER,
    MODEL,
    SKU,
    SERIAL,
    FIRMWARE,
    STATUS,
    REGISTERED,
    AGE,
    AGE_BASIS,
    RUNTIME,
    BATTERY_PART,
    OTHER_PARTS,
    BATTERY_AGE,
    BATTERY_DUE,
    BATTERY_BASIS,
    WARRANTY,
    PLAN,
    PLAN_END,
    COLUMN_COUNT
};

static const struct fl_document_column columns[COLUMN_COUNT] = {
    [NAME] = {"name", "Device", FL_DOCUMENT_TEXT, "", 0, 17},
    [LOCATION] = {"location", "Location", FL_DOCUMENT_TEXT, "", 0, 13},
    [MAKER] = {"manufacturer", "Maker", FL_DOCUMENT_TEXT, "", 0, 11, true},
    [MODEL] = {"model", "Model", FL_DOCUMENT_TEXT, "", 0, 15},
    [SKU] = {"sku", "SKU", FL_DOCUMENT_TEXT, "", 0, 12},
    [SERIAL] = {"serial", "Serial number", FL_DOCUMENT_TEXT, "", 0, 16},
    [FIRMWARE] = {"firmware", "Firmware", FL_DOCUMENT_TEXT, "", 0, 12, true},
    [STATUS] = {"status", "Status", FL_DOCUMENT_TEXT, "", 0, 13},
    [REGISTERED] = {"registered", "Registered", FL_DOCUMENT_DATE, "", 0, 13, true},
    [AGE] = {"age", "Age", FL_DOCUMENT_NUMBER, "years", 1, 11},
    [AGE_BASIS] = {"ageBasis", "Age by", FL_DOCUMENT_TEXT, "", 0, 10, true},
    [RUNTIME] = {"runtime", "Run time", FL_DOCUMENT_NUMBER, "min", 0, 11},
    [BATTERY_PART] = {"batteryPart", "Battery part", FL_DOCUMENT_TEXT, "", 0, 12},
    [OTHER_PARTS] = {"otherParts", "Other parts", FL_DOCUMENT_TEXT, "", 0, 11},
    [BATTERY_AGE] = {"batteryAge", "Battery age", FL_DOCUMENT_NUMBER, "years", 1, 11},
    [BATTERY_DUE] = {"batteryDue", "Replace battery by", FL_DOCUMENT_DATE, "", 0, 14},
    [BATTERY_BASIS] = {"batteryDueBasis", "Basis", FL_DOCUMENT_TEXT, "", 0, 15},
    [WARRANTY] = {"warrantyEnd", "Warranty ends", FL_DOCUMENT_DATE, "", 0, 14},
    [PLAN] = {"plan", "Plan", FL_DOCUMENT_TEXT, "", 0, 12},
    [PLAN_END] = {"planEnd", "Plan ends", FL_DOCUMENT_DATE, "", 0, 14},
};

struct inventory {
    struct filling *f;
    size_t table;
    struct fl_document_chart *ages;
    struct fl_document_chart *battery_ages;
    uint64_t device_count;
    uint64_t unknown_battery_count;
    uint64_t overdue_count;
};

static struct fl_document_chart *add_ages(struct filling *f, const char *name, const char *title)
{
    char label[FL_CHART_LABEL_SIZE];
    const struct fl_document_chart head = {
        .kind = FL_CHART_BARS,
        .name = name,
        .title = title,
        .x_title = "age, years",
        .y_title = "devices",
        .series_count = 1,
    };
    struct fl_document_chart *chart = fl_document_add_chart(f->report, &head);
    for (int year = 0; year < AGE_COUNT - 1; year++) {
        snprintf(label, sizeof(label), "%d-%d", year, year + 1);
        fl_chart_add_bar(chart, label);
    }
    fl_chart_add_bar(chart, "10+");
    fl_chart_add_bar(chart, "unknown");
    return chart;
}

/* The age since a day, and its bar. */
static struct fl_document_cell age_cell(const struct inventory *i, int64_t since_ms,
                                        struct fl_document_chart *chart)
{
    int64_t age_ms = i->f->now_ms - since_ms;
    if (since_ms == 0 || age_ms < 0) {
        chart->bars[AGE_COUNT].values[0]++;
        return fl_cell_unknown();
    }
    int64_t years = age_ms / YEAR_MS;
    chart->bars[years < AGE_COUNT - 1 ? years : AGE_COUNT - 1].values[0]++;
    return fl_cell_number(age_ms / (YEAR_MS / 1000));
}

static void add_plan(struct inventory *i, const struct filling_device *device,
                     struct fl_document_cell *cells)
{
    const struct fl_document_source *source = i->f->source;
    struct fl_slice id = fl_slice_text(device->row->device_id);
    int64_t ends_ms = fl_plan_ends_ms(source->registry, source->arena, id, i->f->now_ms);
    cells[PLAN] =
        fl_cell_text(fl_plan_name(fl_plan_of(source->registry, source->arena, id, i->f->now_ms)));
    /* Basic has no end. */
    cells[PLAN_END] = ends_ms == 0 ? fl_cell_text("") : fl_cell_number(ends_ms);
}

static void add_outlook(struct inventory *i, const struct filling_device *device,
                        struct fl_document_cell *cells)
{
    struct fl_document_outlook outlook;
    const char *basis = "";
    fl_filling_outlook(i->f, device, &outlook);
    cells[SKU] = fl_filling_text_cell(outlook.sku);
    cells[AGE] = age_cell(i, outlook.made_ms, i->ages);
    cells[AGE_BASIS] = fl_cell_text(outlook.made_basis);
    cells[BATTERY_PART] = fl_filling_text_cell(outlook.battery_part);
    cells[OTHER_PARTS] = fl_filling_text_cell(outlook.other_parts);
    cells[BATTERY_AGE] = age_cell(i, outlook.battery_since_ms, i->battery_ages);
    cells[BATTERY_DUE] = fl_filling_date_cell(outlook.battery_due_ms);
    cells[BATTERY_BASIS] = fl_cell_text(outlook.battery_basis);
    int64_t warranty_ms = fl_filling_date(
        i->f, device, FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_WARRANTY_END, &basis);
    cells[WARRANTY] = fl_filling_date_cell(warranty_ms == 0 ? outlook.warranty_ms : warranty_ms);
    i->unknown_battery_count += outlook.battery_due_ms == 0;
    i->overdue_count += outlook.battery_due_ms != 0 && outlook.battery_due_ms <= i->f->now_ms;
}

static void add_device(void *context, const struct filling_device *device)
{
    struct inventory *i = context;
    struct fl_document_cell cells[COLUMN_COUNT];
    int64_t runtime = 0;
    cells[NAME] = fl_cell_text(device->row->name);
    cells[LOCATION] = fl_cell_text(device->row->location);
    cells[MAKER] = fl_filling_text_cell(device->identity.manufacturer);
    cells[MODEL] = fl_filling_text_cell(device->identity.model);
    cells[SERIAL] = fl_filling_text_cell(device->identity.serial);
    cells[FIRMWARE] = fl_filling_text_cell(device->identity.firmware);
    cells[STATUS] = fl_cell_text(fl_filling_status(i->f, device));
    cells[REGISTERED] = fl_filling_date_cell(device->row->registered_at_ms);
    cells[RUNTIME] = fl_filling_reading(device, FL_QUANTITY_BATTERY_RUNTIME, &runtime)
                         ? fl_cell_number(runtime / 60)
                         : fl_cell_unknown();
    add_outlook(i, device, cells);
    add_plan(i, device, cells);
    i->device_count++;
    fl_document_add_row(i->f->report, i->table, 0, cells);
}

void fl_fill_inventory(struct filling *f)
{
    struct inventory i = {.f = f};
    i.table = fl_document_add_table(f->report, "devices", "Devices", columns, COLUMN_COUNT);
    i.ages = add_ages(f, "age", "Age of the devices");
    i.battery_ages = add_ages(f, "battery-age", "Age of their batteries");
    fl_filling_each(f, add_device, &i);
    fl_document_add_fact(f->report, "Devices", "%" PRIu64, i.device_count);
    fl_document_add_fact(f->report, "Batteries overdue", "%" PRIu64, i.overdue_count);
    fl_document_add_fact(f->report, "Battery date not known", "%" PRIu64, i.unknown_battery_count);
}
