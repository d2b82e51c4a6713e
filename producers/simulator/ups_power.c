/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mains, battery, self-test and what `ups.status` says about them. The numbers follow what
 * line-interactive units do: they boost below 91 % of nominal voltage, trim above 109 %, and change
 * to battery below 70 % or above 117 %.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "producers/simulator/ups_internal.h"

#define BATTERY_BELOW 0.70
#define BOOST_BELOW 0.91
#define TRIM_ABOVE 1.09
#define BATTERY_ABOVE 1.17

enum { OVERLOAD_PERCENT = 105, CALIBRATION_PERCENT = 25, LOW_CHARGE = 20, LOW_RUNTIME_S = 120 };

static double ratio(const struct fl_ups *ups)
{
    return ups->scenario->model.mains > 0 ? ups->mains_v / ups->scenario->model.mains : 1;
}

bool fl_ups_is_on_battery(const struct fl_ups *ups)
{
    return ups->outage || ratio(ups) < BATTERY_BELOW || ratio(ups) > BATTERY_ABOVE;
}

static bool is_discharging(const struct fl_ups *ups)
{
    return (fl_ups_is_on_battery(ups) || ups->test) && !ups->dead;
}

/* Seconds from full to empty at the present load: in proportion to the load, but an idle unit still
 * uses a little. */
static double full_runtime(const struct fl_ups *ups)
{
    const struct fl_scenario_model *model = &ups->scenario->model;
    double load = ups->off ? 2 : fmax(ups->load, 2);
    double health = ups->health == FL_BATTERY_GOOD ? 1 : ups->health == FL_BATTERY_WORN ? 0.6 : 0.2;
    return model->runtime * health * fmax(model->load, 2) / load;
}

static double runtime(const struct fl_ups *ups)
{
    return full_runtime(ups) * ups->charge / 100;
}

void fl_ups_power_run(struct fl_ups *ups, double seconds)
{
    const struct fl_scenario_model *model = &ups->scenario->model;
    if (is_discharging(ups))
        ups->charge -= full_runtime(ups) > 0 ? 100 * seconds / full_runtime(ups) : 100;
    else if (!fl_ups_is_on_battery(ups))
        ups->charge += model->recharge > 0 ? 100 * seconds / model->recharge : 100;
    ups->charge = fmin(100, fmax(0, ups->charge));
}

/* When the battery is empty, full, or the calibration's floor is reached. */
static double battery_due(const struct fl_ups *ups)
{
    if (is_discharging(ups)) {
        double floor = ups->test == UPS_TEST_CALIBRATION ? CALIBRATION_PERCENT : 0;
        double low = fl_ups_number(ups, "battery.charge.low", LOW_CHARGE);
        if (!ups->low && ups->charge > low)
            floor = fmax(floor, low);
        return ups->now_s + fmax(0.001, (ups->charge - floor) / 100 * full_runtime(ups));
    }
    if (ups->charge < 100 && !fl_ups_is_on_battery(ups))
        return ups->now_s + (100 - ups->charge) / 100 * ups->scenario->model.recharge + 0.001;
    return INFINITY;
}

double fl_ups_power_due(const struct fl_ups *ups)
{
    double due_s = battery_due(ups);
    if (ups->test && ups->test != UPS_TEST_CALIBRATION)
        due_s = fmin(due_s, ups->test_end_s);
    if (ups->scenario->model.jitter > 0)
        due_s = fmin(due_s, ups->jitter_due_s);
    return due_s;
}

static void test_date(struct fl_ups *ups)
{
    time_t seconds = (time_t)(ups->wall_ms / 1000) + (time_t)ups->now_s;
    struct tm day;
    if (gmtime_r(&seconds, &day))
        fl_ups_update(ups, "ups.test.date", "%04d/%02d/%02d", (day.tm_year + 1900) % 10000,
                      day.tm_mon + 1, day.tm_mday);
}

void fl_ups_test_start(struct fl_ups *ups, enum ups_test test, double seconds)
{
    ups->test = test;
    ups->test_end_s = ups->now_s + seconds;
    if (test != UPS_TEST_CALIBRATION)
        fl_ups_update(ups, "ups.test.result", "In progress");
}

void fl_ups_test_abort(struct fl_ups *ups)
{
    if (ups->test != UPS_TEST_CALIBRATION && ups->test) {
        fl_ups_update(ups, "ups.test.result", "Aborted");
        test_date(ups);
    }
    ups->test = UPS_TEST_NONE;
}

static void end_test(struct fl_ups *ups)
{
    static const char *const results[] = {[FL_BATTERY_GOOD] = "Done and passed",
                                          [FL_BATTERY_WORN] = "Done and warning",
                                          [FL_BATTERY_BAD] = "Done and error"};
    ups->test = UPS_TEST_NONE;
    fl_ups_update(ups, "ups.test.result", "%s", results[ups->health]);
    ups->replace = ups->health == FL_BATTERY_BAD;
    test_date(ups);
}

static void end_what_is_due(struct fl_ups *ups)
{
    if (ups->test == UPS_TEST_CALIBRATION) {
        if (ups->charge <= CALIBRATION_PERCENT + 0.001)
            ups->test = UPS_TEST_NONE;
    } else if (ups->test && ups->now_s >= ups->test_end_s) {
        end_test(ups);
    }
    if (ups->charge <= 0 && ups->test)
        fl_ups_test_abort(ups);
    ups->dead = ups->charge <= 0 && fl_ups_is_on_battery(ups);
}

static void jitter(struct fl_ups *ups)
{
    if (ups->scenario->model.jitter <= 0 || ups->now_s < ups->jitter_due_s)
        return;
    ups->random = ups->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    ups->jitter = (double)(ups->random >> 33) / (double)(UINT64_C(1) << 30) - 1;
    ups->jitter_due_s = ups->now_s + ups->scenario->model.jitter;
}

struct status {
    char text[FL_SCENARIO_VALUE_SIZE];
    size_t size;
};

static void token(struct status *status, bool shown, const char *text)
{
    size_t size = strlen(text);
    if (!shown || status->size + size + 2 > sizeof(status->text))
        return;
    for (const char *at = status->text; (at = strstr(at, text)); at += size)
        if ((at == status->text || at[-1] == ' ') && (at[size] == ' ' || !at[size]))
            return; /* it is there already */
    if (status->size)
        status->text[status->size++] = ' ';
    memcpy(status->text + status->size, text, size + 1);
    status->size += size;
}

static void own_tokens(const struct fl_ups *ups, struct status *status)
{
    bool on_battery = fl_ups_is_on_battery(ups);
    double volts = ratio(ups);
    token(status, fl_ups_value(ups, "ups.alarm") != NULL, "ALARM");
    token(status, !on_battery, "OL");
    token(status, on_battery, "OB");
    token(status, ups->test == UPS_TEST_CALIBRATION, "CAL");
    token(status, is_discharging(ups), "DISCHRG");
    token(status, !on_battery && !ups->test && ups->charge < 99.95, "CHRG");
    token(status, ups->low, "LB");
    token(status, ups->replace, "RB");
    token(status, ups->load >= OVERLOAD_PERCENT && !ups->off, "OVER");
    token(status, !on_battery && volts < BOOST_BELOW, "BOOST");
    token(status, !on_battery && volts > TRIM_ABOVE, "TRIM");
    token(status, ups->off, "OFF");
}

/* With the token "!" the script alone says what the status is. */
static void show_status(struct fl_ups *ups)
{
    struct status status = {.size = 0};
    if (!fl_ups_has_token(ups, "!"))
        own_tokens(ups, &status);
    for (unsigned i = 0; i < ups->token_count; i++)
        token(&status, strcmp(ups->tokens[i], "!") != 0, ups->tokens[i]);
    (void)fl_ups_set(ups, "ups.status", status.text);
}

static void show_readings(struct fl_ups *ups)
{
    const struct fl_scenario_model *model = &ups->scenario->model;
    bool on_battery = fl_ups_is_on_battery(ups);
    double in = ups->outage ? 0 : ups->mains_v * (1 + 0.01 * ups->jitter);
    double out = on_battery || ups->test ? model->mains : in;
    double load = ups->off || ups->dead ? 0 : ups->load * (1 + 0.02 * ups->jitter);
    double cells = model->cells * (is_discharging(ups) ? 0.875 + ups->charge * 0.00175 : 1.14);
    if (ratio(ups) < BOOST_BELOW && !on_battery)
        out = in * 1.12;
    if (ratio(ups) > TRIM_ABOVE && !on_battery)
        out = in * 0.89;
    fl_ups_update(ups, "battery.charge", "%.0f", ups->charge);
    fl_ups_update(ups, "battery.runtime", "%.0f", runtime(ups));
    fl_ups_update(ups, "battery.voltage", "%.1f", cells);
    fl_ups_update(ups, "input.voltage", "%.1f", in);
    fl_ups_update(ups, "output.voltage", "%.1f", ups->off || ups->dead ? 0.0 : out);
    fl_ups_update(ups, "ups.load", "%.1f", load);
}

static void show_transfer_reason(struct fl_ups *ups, bool was_on_battery)
{
    if (fl_ups_is_on_battery(ups) && !was_on_battery)
        fl_ups_update(ups, "input.transfer.reason", "%s",
                      ratio(ups) > BATTERY_ABOVE ? "high line voltage"
                                                 : "input voltage out of range");
    else if (ups->test && ups->now_s < ups->test_end_s)
        fl_ups_update(ups, "input.transfer.reason", "self test");
}

void fl_ups_power_settle(struct fl_ups *ups)
{
    double low_charge = fl_ups_number(ups, "battery.charge.low", LOW_CHARGE);
    double low_runtime = fl_ups_number(ups, "battery.runtime.low", LOW_RUNTIME_S);
    const char *status = fl_ups_value(ups, "ups.status");
    bool was_on_battery = status && !strncmp(status, "OB", 2);
    end_what_is_due(ups);
    if (ups->charge <= low_charge + 0.001)
        ups->low = true;
    else
        ups->low = is_discharging(ups) && runtime(ups) <= low_runtime;
    jitter(ups);
    if (!ups->dead) {
        show_readings(ups);
        show_transfer_reason(ups, was_on_battery);
        show_status(ups);
    }
}
