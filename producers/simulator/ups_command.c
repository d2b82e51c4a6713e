/* SPDX-License-Identifier: Apache-2.0 */
/* What INSTCMD and SET do to a simulated UPS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producers/simulator/ups_internal.h"

enum { CALIBRATION_LOAD = 10, TEST_CHARGE = 30, REBOOT_S = 10 };

static enum fl_ups_answer start_test(struct fl_ups *ups, enum ups_test test, double seconds)
{
    if (ups->test) {
        if (ups->scenario->model.toggle <= 0)
            return FL_UPS_FAILED;
        fl_ups_test_abort(ups); /* such units know one byte for start and stop */
        return FL_UPS_HANDLED;
    }
    if (fl_ups_is_on_battery(ups) || ups->off || ups->charge < TEST_CHARGE)
        return FL_UPS_FAILED;
    fl_ups_test_start(ups, test, seconds);
    return FL_UPS_HANDLED;
}

static enum fl_ups_answer start_calibration(struct fl_ups *ups)
{
    if (ups->test || fl_ups_is_on_battery(ups) || ups->charge < 99.5 ||
        ups->load < CALIBRATION_LOAD)
        return FL_UPS_FAILED;
    fl_ups_test_start(ups, UPS_TEST_CALIBRATION, 0);
    return FL_UPS_HANDLED;
}

static enum fl_ups_answer stop(struct fl_ups *ups, bool calibration)
{
    if (!ups->test || calibration != (ups->test == UPS_TEST_CALIBRATION))
        return FL_UPS_FAILED;
    fl_ups_test_abort(ups);
    return FL_UPS_HANDLED;
}

static enum fl_ups_answer later(struct fl_ups *ups, double seconds, const char *name,
                                const char *value)
{
    return fl_ups_later(ups, seconds, name, value) ? FL_UPS_HANDLED : FL_UPS_FAILED;
}

/* outlet.N.load.on | off | cycle */
static enum fl_ups_answer outlet(struct fl_ups *ups, const char *command)
{
    char variable[FL_SCENARIO_NAME_SIZE];
    const char *rest = strstr(command, ".load.");
    double settle = ups->scenario->model.settle;
    if (!rest || (size_t)snprintf(variable, sizeof(variable), "%.*s.status", (int)(rest - command),
                                  command) >= sizeof(variable))
        return FL_UPS_UNKNOWN;
    rest += strlen(".load.");
    if (!strcmp(rest, "on") || !strcmp(rest, "off"))
        return later(ups, settle, variable, rest);
    if (strcmp(rest, "cycle"))
        return FL_UPS_UNKNOWN;
    if (ups->pending_count + 2 > UPS_PENDING_COUNT_MAX)
        return FL_UPS_FAILED;
    (void)later(ups, settle, variable, "off");
    return later(ups, settle + REBOOT_S, variable, "on");
}

static bool offers(const struct fl_ups *ups, const char *command)
{
    for (unsigned i = 0; i < ups->scenario->command_count; i++)
        if (!strcmp(ups->scenario->commands[i], command))
            return true;
    return false;
}

static enum fl_ups_answer obey(struct fl_ups *ups, const char *command, const char *param)
{
    const struct fl_scenario_model *model = &ups->scenario->model;
    if (!offers(ups, command))
        return FL_UPS_UNKNOWN;
    if (ups->stale || ups->dead)
        return FL_UPS_FAILED;
    if (param && *param && strcmp(command, "load.off") && strcmp(command, "load.on"))
        return FL_UPS_INVALID;
    if (!strcmp(command, "test.battery.start") || !strcmp(command, "test.battery.start.quick"))
        return start_test(ups, UPS_TEST_QUICK, model->quick);
    if (!strcmp(command, "test.battery.start.deep"))
        return start_test(ups, UPS_TEST_DEEP, model->deep);
    if (!strcmp(command, "test.battery.stop"))
        return stop(ups, false);
    if (!strcmp(command, "calibrate.start"))
        return start_calibration(ups);
    if (!strcmp(command, "calibrate.stop"))
        return stop(ups, true);
    if (!strcmp(command, "beeper.enable"))
        return later(ups, model->settle, "ups.beeper.status", "enabled");
    if (!strcmp(command, "beeper.disable"))
        return later(ups, model->settle, "ups.beeper.status", "disabled");
    if (!strcmp(command, "beeper.mute"))
        return later(ups, model->settle, "ups.beeper.status", "muted");
    if (!strcmp(command, "load.off") || !strcmp(command, "load.on")) {
        ups->off = !strcmp(command, "load.off");
        return FL_UPS_HANDLED;
    }
    if (!strncmp(command, "outlet.", strlen("outlet.")))
        return outlet(ups, command);
    return FL_UPS_UNKNOWN;
}

enum fl_ups_answer fl_ups_command(struct fl_ups *ups, const char *command, const char *param)
{
    enum fl_ups_answer answer = obey(ups, command, param);
    fl_ups_power_settle(ups);
    return answer;
}

static bool is_choice(const struct fl_variable_spec *spec, const char *value)
{
    for (unsigned i = 0; i < spec->choice_count; i++)
        if (!strcmp(spec->choices[i], value))
            return true;
    return false;
}

static bool fits(const struct fl_variable_spec *spec, const char *value)
{
    char *end = NULL;
    long number = 0;
    switch (spec->kind) {
    case FL_VARIABLE_FIXED:
        return false;
    case FL_VARIABLE_TEXT:
        return strlen(value) <= (size_t)spec->length;
    case FL_VARIABLE_ENUM:
        return is_choice(spec, value);
    case FL_VARIABLE_RANGE:
        number = strtol(value, &end, 10);
        return end != value && !*end && number >= spec->min && number <= spec->max;
    }
    return false;
}

enum fl_ups_answer fl_ups_write(struct fl_ups *ups, const char *variable, const char *value)
{
    const struct fl_variable_spec *spec = fl_scenario_variable(ups->scenario, variable);
    if (!spec || !fl_ups_value(ups, variable))
        return FL_UPS_UNKNOWN;
    if (!fits(spec, value))
        return FL_UPS_INVALID;
    if (ups->stale || ups->dead)
        return FL_UPS_FAILED;
    return later(ups, ups->scenario->model.settle, variable, value);
}
