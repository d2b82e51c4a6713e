/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/simulator/ups.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "producers/simulator/scenario_internal.h"
#include "producers/simulator/ups_internal.h"

static struct ups_value *find(const struct fl_ups *ups, const char *name)
{
    for (unsigned i = 0; i < ups->value_count; i++)
        if (!strcmp(ups->values[i].name, name))
            return (struct ups_value *)&ups->values[i];
    return NULL;
}

bool fl_ups_set(struct fl_ups *ups, const char *name, const char *value)
{
    struct ups_value *entry = find(ups, name);
    if (!entry) {
        if (ups->value_count == UPS_VARIABLE_COUNT_MAX)
            return false;
        entry = &ups->values[ups->value_count];
        memset(entry, 0, sizeof(*entry));
        if (!fl_scenario_copy(entry->name, sizeof(entry->name), name))
            return false;
        entry->spec = fl_scenario_variable(ups->scenario, name);
        ups->value_count++;
    }
    if (!fl_scenario_copy(entry->value, sizeof(entry->value), value))
        return false;
    entry->present = true;
    return true;
}

void fl_ups_update(struct fl_ups *ups, const char *name, const char *format, ...)
{
    struct ups_value *entry = find(ups, name);
    va_list arguments;
    if (!entry || !entry->present || !entry->spec)
        return;
    va_start(arguments, format);
    vsnprintf(entry->value, sizeof(entry->value), format, arguments);
    va_end(arguments);
}

void fl_ups_forget(struct fl_ups *ups, const char *name)
{
    struct ups_value *entry = find(ups, name);
    if (entry)
        entry->present = false;
}

const char *fl_ups_value(const struct fl_ups *ups, const char *variable)
{
    const struct ups_value *entry = find(ups, variable);
    return entry && entry->present ? entry->value : NULL;
}

double fl_ups_number(const struct fl_ups *ups, const char *name, double otherwise)
{
    const char *value = fl_ups_value(ups, name);
    double number = 0;
    return value && fl_scenario_number(value, 1e9, &number) ? number : otherwise;
}

bool fl_ups_later(struct fl_ups *ups, double seconds, const char *name, const char *value)
{
    if (ups->pending_count == UPS_PENDING_COUNT_MAX)
        return false;
    struct ups_pending *pending = &ups->pending[ups->pending_count];
    if (!fl_scenario_copy(pending->name, sizeof(pending->name), name) ||
        !fl_scenario_copy(pending->value, sizeof(pending->value), value))
        return false;
    pending->due_s = ups->now_s + seconds;
    ups->pending_count++;
    return true;
}

bool fl_ups_has_token(const struct fl_ups *ups, const char *token)
{
    for (unsigned i = 0; i < ups->token_count; i++)
        if (!strcmp(ups->tokens[i], token))
            return true;
    return false;
}

bool fl_ups_token_add(struct fl_ups *ups, const char *token)
{
    if (fl_ups_has_token(ups, token))
        return true;
    if (!*token || strchr(token, ' ') || ups->token_count == UPS_TOKEN_COUNT_MAX ||
        !fl_scenario_copy(ups->tokens[ups->token_count], sizeof(ups->tokens[0]), token))
        return false;
    ups->token_count++;
    return true;
}

void fl_ups_token_drop(struct fl_ups *ups, const char *token)
{
    for (unsigned i = 0; i < ups->token_count; i++)
        if (!strcmp(ups->tokens[i], token)) {
            ups->token_count--;
            memmove(ups->tokens[i], ups->tokens[ups->token_count], sizeof(ups->tokens[i]));
            return;
        }
}

static void alarm_text(struct fl_ups *ups, const char *text)
{
    if (!*text || !strcmp(text, "none"))
        fl_ups_forget(ups, "ups.alarm");
    else
        (void)fl_ups_set(ups, "ups.alarm", text);
}

static enum fl_ups_answer act(struct fl_ups *ups, const struct fl_act *act)
{
    switch (act->kind) {
    case FL_ACT_OUTAGE:
    case FL_ACT_RESTORE:
        ups->outage = act->kind == FL_ACT_OUTAGE;
        if (ups->outage && ups->test)
            fl_ups_test_abort(ups);
        return FL_UPS_HANDLED;
    case FL_ACT_STALE:
    case FL_ACT_FRESH:
        ups->stale = act->kind == FL_ACT_STALE;
        return FL_UPS_HANDLED;
    case FL_ACT_SILENT:
    case FL_ACT_TALKING:
        ups->silent = act->kind == FL_ACT_SILENT;
        return FL_UPS_HANDLED;
    case FL_ACT_MAINS:
        ups->mains_v = act->number;
        return FL_UPS_HANDLED;
    case FL_ACT_LOAD:
        ups->load = act->number;
        return FL_UPS_HANDLED;
    case FL_ACT_CHARGE:
        ups->charge = act->number;
        return FL_UPS_HANDLED;
    case FL_ACT_BATTERY:
        ups->health = (enum fl_battery_health)act->number;
        return FL_UPS_HANDLED;
    case FL_ACT_TOKEN_ADD:
        return fl_ups_token_add(ups, act->name) ? FL_UPS_HANDLED : FL_UPS_INVALID;
    case FL_ACT_TOKEN_DROP:
        fl_ups_token_drop(ups, act->name);
        return FL_UPS_HANDLED;
    case FL_ACT_ALARM:
        alarm_text(ups, act->value);
        return FL_UPS_HANDLED;
    case FL_ACT_SET:
        return fl_ups_set(ups, act->name, act->value) ? FL_UPS_HANDLED : FL_UPS_INVALID;
    case FL_ACT_FORGET:
        fl_ups_forget(ups, act->name);
        return FL_UPS_HANDLED;
    case FL_ACT_RUN:
        return fl_ups_command(ups, act->name, NULL);
    case FL_ACT_WRITE:
        return fl_ups_write(ups, act->name, act->value);
    case FL_ACT_COUNT:
        break;
    }
    return FL_UPS_UNKNOWN;
}

enum fl_ups_answer fl_ups_act(struct fl_ups *ups, const struct fl_act *what)
{
    enum fl_ups_answer answer = act(ups, what);
    fl_ups_power_settle(ups);
    return answer;
}

static double next_due(const struct fl_ups *ups)
{
    double due_s = fl_ups_power_due(ups);
    for (unsigned i = 0; i < ups->scenario->step_count; i++)
        due_s = fmin(due_s, ups->steps[i].next_s);
    for (unsigned i = 0; i < ups->pending_count; i++)
        due_s = fmin(due_s, ups->pending[i].due_s);
    return due_s;
}

static void run_pending(struct fl_ups *ups)
{
    for (unsigned i = 0; i < ups->pending_count;) {
        if (ups->pending[i].due_s > ups->now_s) {
            i++;
            continue;
        }
        (void)fl_ups_set(ups, ups->pending[i].name, ups->pending[i].value);
        ups->pending_count--;
        memmove(&ups->pending[i], &ups->pending[i + 1],
                (ups->pending_count - i) * sizeof(ups->pending[0]));
    }
}

static void run_script(struct fl_ups *ups)
{
    for (unsigned i = 0; i < ups->scenario->step_count; i++) {
        struct fl_scenario_step *step = &ups->steps[i];
        if (step->next_s > ups->now_s)
            continue;
        (void)act(ups, &step->act);
        step->next_s = step->period_s > 0 ? step->next_s + step->period_s : INFINITY;
    }
}

double fl_ups_step(struct fl_ups *ups, double until_s)
{
    double reached_s = fmin(until_s, fmax(next_due(ups), ups->now_s));
    if (reached_s > ups->now_s)
        fl_ups_power_run(ups, reached_s - ups->now_s);
    ups->now_s = fmax(reached_s, ups->now_s);
    run_pending(ups);
    run_script(ups);
    fl_ups_power_settle(ups);
    return ups->now_s;
}

enum fl_error fl_ups_open(const struct fl_scenario *scenario, const struct fl_ups_options *options,
                          struct fl_ups **ups)
{
    struct fl_ups *made = calloc(1, sizeof(*made));
    if (!made)
        return FL_NO_MEMORY;
    made->scenario = scenario;
    if (!fl_scenario_copy(made->name, sizeof(made->name), options->name)) {
        free(made);
        return FL_INVALID;
    }
    made->wall_ms = options->wall_ms;
    made->random = options->seed;
    for (const char *c = options->name; *c; c++)
        made->random = (made->random ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
    made->mains_v = scenario->model.mains;
    made->load = scenario->model.load;
    made->charge = 100;
    memcpy(made->steps, scenario->steps, sizeof(made->steps));
    for (unsigned i = 0; i < scenario->step_count; i++)
        made->steps[i].next_s += options->delay_s;
    for (unsigned i = 0; i < scenario->variable_count; i++)
        (void)fl_ups_set(made, scenario->variables[i].name, scenario->variables[i].value);
    made->charge = fmin(100, fl_ups_number(made, "battery.charge", 100));
    if (!fl_scenario_variable(scenario, "ups.status"))
        (void)fl_ups_set(made, "ups.status", "");
    fl_ups_power_settle(made);
    *ups = made;
    return FL_OK;
}

void fl_ups_close(struct fl_ups **ups)
{
    free(*ups);
    *ups = NULL;
}

const char *fl_ups_name(const struct fl_ups *ups)
{
    return ups->name;
}

const struct fl_scenario *fl_ups_scenario(const struct fl_ups *ups)
{
    return ups->scenario;
}

double fl_ups_time(const struct fl_ups *ups)
{
    return ups->now_s;
}

bool fl_ups_is_stale(const struct fl_ups *ups)
{
    return ups->stale || ups->dead;
}

bool fl_ups_is_silent(const struct fl_ups *ups)
{
    return ups->silent;
}

static struct fl_ups_variable as_variable(const struct ups_value *value)
{
    return (struct fl_ups_variable){
        .name = value->name, .value = value->present ? value->value : NULL, .spec = value->spec};
}

bool fl_ups_variable(const struct fl_ups *ups, unsigned index, struct fl_ups_variable *variable)
{
    if (index >= ups->value_count)
        return false;
    *variable = as_variable(&ups->values[index]);
    return true;
}

bool fl_ups_take_change(struct fl_ups *ups, struct fl_ups_variable *variable)
{
    for (; ups->next_change < ups->value_count; ups->next_change++) {
        struct ups_value *value = &ups->values[ups->next_change];
        bool same = value->present == value->told_present &&
                    (!value->present || !strcmp(value->value, value->told));
        if (same)
            continue;
        value->told_present = value->present;
        memcpy(value->told, value->value, sizeof(value->told));
        *variable = as_variable(value);
        ups->next_change++;
        return true;
    }
    ups->next_change = 0;
    return false;
}

void fl_ups_check(const struct fl_ups *ups)
{
    fl_assert(ups->charge >= 0 && ups->charge <= 100);
    fl_assert(ups->value_count <= UPS_VARIABLE_COUNT_MAX);
    fl_assert(ups->pending_count <= UPS_PENDING_COUNT_MAX);
    char status[FL_SCENARIO_VALUE_SIZE + 2];
    snprintf(status, sizeof(status), " %s ", fl_ups_value(ups, "ups.status"));
    for (char *token = strchr(status, ' '); token && token[1];) {
        char *end = strchr(token + 1, ' ');
        char needle[FL_SCENARIO_VALUE_SIZE + 2];
        if (!end)
            break;
        snprintf(needle, sizeof(needle), "%.*s", (int)(end - token + 1), token);
        fl_assert(!strstr(end, needle));
        token = end;
    }
}
