/* SPDX-License-Identifier: Apache-2.0 */
/* How the devices run, the worst first, and whether each fits its load. */
#include <inttypes.h>
#include <stdio.h>

#include "projections/reports/filling.h"

/* Up to 80 percent of load is what makers advise for the life of batteries; under 20 a smaller one
 * would do. Five minutes is what a shutdown of servers takes. All in thousandths. */
enum { LOAD_HIGH = 80000, LOAD_LOW = 20000, RUNTIME_SHORT_S = 300 };

enum column {
    NAME,
    LOCATION,
    MODEL,
    STATUS,
    CONDITIONS,
    CHARGE,
    RUNTIME,
    LOAD,
    TEMPERATURE,
    INPUT,
    REPORTED,
    HINT,
    BASIS,
    COLUMN_COUNT
};

static const struct fl_document_column columns[COLUMN_COUNT] = {
    [NAME] = {"name", "Device", FL_DOCUMENT_TEXT, "", 0, 20},
    [LOCATION] = {"location", "Location", FL_DOCUMENT_TEXT, "", 0, 13},
    [MODEL] = {"model", "Model", FL_DOCUMENT_TEXT, "", 0, 17},
    [STATUS] = {"status", "Status", FL_DOCUMENT_TEXT, "", 0, 14},
    [CONDITIONS] = {"conditions", "Conditions", FL_DOCUMENT_TEXT, "", 0, 15},
    [CHARGE] = {"charge", "Charge", FL_DOCUMENT_NUMBER, "%", 0, 11},
    [RUNTIME] = {"runtime", "Run time", FL_DOCUMENT_NUMBER, "min", 1, 12},
    [LOAD] = {"load", "Load", FL_DOCUMENT_NUMBER, "%", 0, 11},
    [TEMPERATURE] = {"temperature", "Temp.", FL_DOCUMENT_NUMBER, "°C", 1, 11},
    [INPUT] = {"inputVoltage", "Input", FL_DOCUMENT_NUMBER, "V", 0, 11},
    [REPORTED] = {"reportedAt", "Last report (UTC)", FL_DOCUMENT_TIME, "", 0, 13},
    [HINT] = {"sizing", "Sizing", FL_DOCUMENT_TEXT, "", 0, 17},
    [BASIS] = {"sizingBasis", "Basis", FL_DOCUMENT_TEXT, "", 0, 22},
};

struct operational {
    struct filling *f;
    size_t table;
    struct fl_document_chart *chart;
    uint64_t device_count;
    uint64_t silent_count;
    uint64_t severity_counts[FL_SEVERITY_CRITICAL + 1];
    uint64_t fit_counts[4]; /* enum fit */
};

enum fit { FIT_UNKNOWN, FIT_GOOD, FIT_TIGHT, FIT_ROOM };

/* A bypassed or switched off device carries nothing, one that runs on battery says another load
 * than the mains': neither tells whether it fits. */
static bool is_ordinary(const struct filling_device *device)
{
    uint32_t status = device->latest.status;
    return device->has_latest && (status & FL_STATUS_OL) != 0 &&
           (status & (FL_STATUS_BYPASS | FL_STATUS_OFF | FL_STATUS_OB | FL_STATUS_CAL)) == 0;
}

/* The run time at this load, when the battery is full: a charging one says less than it could. */
static bool full_runtime(const struct filling_device *device, int64_t *runtime)
{
    int64_t charge = 0;
    return fl_filling_reading(device, FL_QUANTITY_BATTERY_RUNTIME, runtime) &&
           fl_filling_reading(device, FL_QUANTITY_BATTERY_CHARGE, &charge) && charge >= 95000;
}

static enum fit judge(const struct filling_device *device, struct fl_arena *arena,
                      const char **hint, const char **basis)
{
    int64_t load = 0;
    int64_t runtime = 0;
    *hint = *basis = NULL;
    if (!is_ordinary(device) || !fl_filling_reading(device, FL_QUANTITY_LOAD, &load))
        return FIT_UNKNOWN;
    if (load > LOAD_HIGH) {
        *hint = "too small for its load";
        *basis = fl_arena_printf(arena, "load %" PRId64 " %%, above 80 %%", (load + 500) / 1000);
        return FIT_TIGHT;
    }
    if (!full_runtime(device, &runtime)) {
        *basis = fl_arena_printf(arena, "load %" PRId64 " %%; no run time of a full battery",
                                 (load + 500) / 1000);
        return FIT_UNKNOWN;
    }
    *basis = fl_arena_printf(arena, "load %" PRId64 " %%, run time %" PRId64 " min when charged",
                             (load + 500) / 1000, (runtime + 30000) / 60000);
    if (runtime < (int64_t)RUNTIME_SHORT_S * 1000) {
        *hint = "short run time: more battery or less load";
        return FIT_TIGHT;
    }
    *hint = load < LOAD_LOW ? "larger than its load needs" : "fits its load";
    return load < LOAD_LOW ? FIT_ROOM : FIT_GOOD;
}

static void add_point(struct operational *o, const struct filling_device *device)
{
    int64_t load = 0;
    int64_t runtime = 0;
    if (fl_filling_reading(device, FL_QUANTITY_LOAD, &load) &&
        fl_filling_reading(device, FL_QUANTITY_BATTERY_RUNTIME, &runtime))
        fl_chart_add_point(o->chart, load, runtime / 60);
    else
        o->chart->left_out_count++;
}

static void add_device(void *context, const struct filling_device *device)
{
    struct operational *o = context;
    struct fl_document_cell cells[COLUMN_COUNT];
    enum fl_severity severity = FL_SEVERITY_NONE;
    const char *hint = NULL;
    const char *basis = NULL;
    int64_t runtime = 0;
    cells[NAME] = fl_cell_text(device->row->name);
    cells[LOCATION] = fl_cell_text(device->row->location);
    cells[MODEL] = fl_filling_text_cell(device->identity.model);
    cells[STATUS] = fl_cell_text(fl_filling_status(o->f, device));
    cells[CONDITIONS] = fl_cell_text(fl_filling_conditions(o->f, device, &severity));
    cells[CHARGE] = fl_filling_reading_cell(device, FL_QUANTITY_BATTERY_CHARGE);
    cells[RUNTIME] = fl_filling_reading(device, FL_QUANTITY_BATTERY_RUNTIME, &runtime)
                         ? fl_cell_number(runtime / 60)
                         : fl_cell_unknown();
    cells[LOAD] = fl_filling_reading_cell(device, FL_QUANTITY_LOAD);
    cells[TEMPERATURE] = fl_filling_reading_cell(device, FL_QUANTITY_TEMPERATURE);
    cells[INPUT] = fl_filling_reading_cell(device, FL_QUANTITY_INPUT_VOLTAGE);
    cells[REPORTED] = device->has_latest && device->latest.received_at_ms > 0
                          ? fl_cell_number(device->latest.received_at_ms)
                          : fl_cell_unknown();
    enum fit fit = judge(device, o->f->source->arena, &hint, &basis);
    cells[HINT] = fl_cell_text(hint);
    cells[BASIS] = fl_cell_text(basis == NULL ? "" : basis);
    o->device_count++;
    o->silent_count += device->is_silent;
    o->severity_counts[severity]++;
    o->fit_counts[fit]++;
    add_point(o, device);
    fl_document_add_row(o->f->report, o->table, -(int64_t)severity, cells);
}

void fl_fill_operational(struct filling *f)
{
    static const struct fl_document_chart chart = {
        .kind = FL_CHART_SCATTER,
        .name = "runtime-load",
        .title = "Run time against load",
        .x_title = "load, %",
        .y_title = "run time, minutes (logarithmic)",
        .x_max = 120000,
        .y_min = 1000,
        .y_decades = 3,
    };
    struct operational o = {.f = f};
    o.table = fl_document_add_table(f->report, "devices", "Devices", columns, COLUMN_COUNT);
    o.chart = fl_document_add_chart(f->report, &chart);
    fl_filling_each(f, add_device, &o);
    fl_document_add_fact(f->report, "Devices", "%" PRIu64, o.device_count);
    fl_document_add_fact(f->report, "With a critical condition", "%" PRIu64,
                         o.severity_counts[FL_SEVERITY_CRITICAL]);
    fl_document_add_fact(f->report, "With a warning at most", "%" PRIu64,
                         o.severity_counts[FL_SEVERITY_WARNING]);
    fl_document_add_fact(f->report, "Without contact", "%" PRIu64, o.silent_count);
    fl_document_add_fact(f->report, "Too small or short run time", "%" PRIu64,
                         o.fit_counts[FIT_TIGHT]);
    fl_document_add_fact(f->report, "Larger than needed", "%" PRIu64, o.fit_counts[FIT_ROOM]);
    fl_document_add_fact(f->report, "Sizing", "%s",
                         "by the latest load and run time on mains: too small above 80 % load or "
                         "under 5 minutes when charged, larger than needed under 20 % load");
}
