/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/simulator/load/load_device.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LOW_CHARGE 20.0
#define RUNTIME_S 2400.0

enum status { STATUS_ONLINE, STATUS_CHARGING, STATUS_BATTERY, STATUS_LOW, STATUS_CHARGING_LOW };

static const char *const status_texts[] = {[STATUS_ONLINE] = "OL",
                                           [STATUS_CHARGING] = "OL CHRG",
                                           [STATUS_BATTERY] = "OB DISCHRG",
                                           [STATUS_LOW] = "OB DISCHRG LB",
                                           [STATUS_CHARGING_LOW] = "OL CHRG LB"};

/* What a full report says besides the readings that change. */
static const struct {
    const char *name;
    const char *value;
} fixed[] = {
    {"battery.charge.low", "20"},
    {"battery.date", "2023/06/12"},
    {"battery.mfr.date", "2023/04/03"},
    {"battery.runtime.low", "120"},
    {"battery.type", "PbAc"},
    {"battery.voltage.nominal", "24.0"},
    {"device.mfr", "American Power Conversion"},
    {"device.model", "Smart-UPS 1500"},
    {"device.type", "ups"},
    {"driver.name", "fleetlog-simulator"},
    {"input.sensitivity", "medium"},
    {"input.transfer.high", "253"},
    {"input.transfer.low", "208"},
    {"input.voltage.nominal", "230"},
    {"ups.beeper.status", "enabled"},
    {"ups.firmware", "UPS 09.3 / ID=18"},
    {"ups.mfr", "American Power Conversion"},
    {"ups.mfr.date", "2019/03/18"},
    {"ups.model", "Smart-UPS 1500"},
    {"ups.power.nominal", "1500"},
    {"ups.test.result", "No test initiated"},
};

/* splitmix64's finaliser: a hash of a small number. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* 0 … 1, its own for each device and purpose. */
static double fraction(const struct fl_load_plan *plan, uint32_t index, uint64_t purpose)
{
    return (double)(mix(plan->seed ^ mix(index ^ purpose << 32)) >> 11) / 9007199254740992.0;
}

void fl_load_serial(uint32_t index, char out[16])
{
    snprintf(out, 16, "AS1912%07u", index % 10000000);
}

void fl_load_name(uint32_t index, char out[24])
{
    snprintf(out, 24, "sim-%07u", index);
}

double fl_load_charge(uint32_t index, const struct fl_load_plan *plan, double now_s)
{
    double outage_s = plan->outage_end_s - plan->outage_begin_s;
    /* By the end of the outage the emptiest third has gone below the low battery threshold. */
    double drain = outage_s > 0 ? (20 + 90 * fraction(plan, index, 1)) / outage_s : 0;
    double out_s = fmin(now_s, plan->outage_end_s) - plan->outage_begin_s;
    double charge = out_s > 0 ? fmax(0, 100 - drain * out_s) : 100;
    if (now_s > plan->outage_end_s && plan->recharge_s > 0)
        charge += 100 * (now_s - plan->outage_end_s) / plan->recharge_s;
    return fmin(100, charge);
}

static enum status status_of(const struct fl_load_plan *plan, double now_s, double charge)
{
    bool on_battery = now_s >= plan->outage_begin_s && now_s < plan->outage_end_s;
    if (on_battery)
        return charge <= LOW_CHARGE ? STATUS_LOW : STATUS_BATTERY;
    if (charge <= LOW_CHARGE)
        return STATUS_CHARGING_LOW;
    return charge < 100 ? STATUS_CHARGING : STATUS_ONLINE;
}

struct readings {
    struct fl_arena *arena;
    Fleetlog__V1__Report *report;
    Fleetlog__V1__Reading *items;
    bool failed;
};

static void add(struct readings *readings, const char *name, const char *value)
{
    if (value == NULL) {
        readings->failed = true;
        return;
    }
    Fleetlog__V1__Reading *item = &readings->items[readings->report->n_readings];
    fleetlog__v1__reading__init(item);
    item->name = name;
    item->value.data = (uint8_t *)value;
    item->value.len = strlen(value);
    readings->report->readings[readings->report->n_readings++] = item;
}

static void add_changing(struct readings *readings, struct fl_load_device *device, uint32_t index,
                         const struct fl_load_plan *plan, double now_s, bool full)
{
    struct fl_arena *arena = readings->arena;
    double charge = fl_load_charge(index, plan, now_s);
    enum status status = status_of(plan, now_s, charge);
    bool on_battery = status == STATUS_BATTERY || status == STATUS_LOW;
    double wobble = fraction(plan, index, 100 + (uint64_t)now_s / 5) - 0.5;
    double load = 15 + 50 * fraction(plan, index, 2) + 2 * wobble;
    double volts = on_battery ? 0 : 230 + 6 * wobble;
    uint8_t rounded = (uint8_t)lround(charge);
    if (full || status != device->status_shown)
        add(readings, "ups.status", status_texts[status]);
    if (full || rounded != device->charge_shown) {
        add(readings, "battery.charge", fl_arena_printf(arena, "%u", rounded));
        add(readings, "battery.voltage",
            fl_arena_printf(arena, "%.1f", on_battery ? 21 + charge * 0.04 : 27.4));
    }
    add(readings, "battery.runtime",
        fl_arena_printf(arena, "%.0f", RUNTIME_S * charge / 100 * 40 / load));
    add(readings, "input.voltage", fl_arena_printf(arena, "%.1f", volts));
    add(readings, "output.voltage", fl_arena_printf(arena, "%.1f", on_battery ? 230.0 : volts));
    add(readings, "ups.load", fl_arena_printf(arena, "%.1f", load));
    device->status_shown = (uint8_t)status;
    device->charge_shown = rounded;
}

static void add_fixed(struct readings *readings, uint32_t index)
{
    char serial[16];
    fl_load_serial(index, serial);
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        add(readings, fixed[i].name, fixed[i].value);
    add(readings, "device.serial", fl_arena_printf(readings->arena, "%s", serial));
    add(readings, "ups.serial", fl_arena_printf(readings->arena, "%s", serial));
}

bool fl_load_report(struct fl_load_device *device, uint32_t index, const struct fl_load_plan *plan,
                    double now_s, struct fl_arena *arena, Fleetlog__V1__Report *report)
{
    bool full = !device->reported || device->since_full + 1 >= FL_LOAD_FULL_EVERY;
    size_t most = full ? FL_LOAD_READING_COUNT_MAX : 8;
    struct readings readings = {.arena = arena, .report = report};
    fleetlog__v1__report__init(report);
    report->readings = fl_arena_calloc(arena, most, sizeof(*report->readings));
    readings.items = fl_arena_calloc(arena, most, sizeof(*readings.items));
    if (report->readings == NULL || readings.items == NULL)
        return false;
    if (full)
        add_fixed(&readings, index);
    add_changing(&readings, device, index, plan, now_s, full);
    report->kind = full ? FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL
                        : FLEETLOG__V1__REPORT_KIND__REPORT_KIND_CHANGES;
    report->generation = device->generation;
    report->counter = ++device->counter;
    device->since_full = full ? 0 : (uint8_t)(device->since_full + 1);
    device->reported = true;
    return !readings.failed;
}
