/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: one line in, data lines and `OK` or `ERR sentence` out. For people at the
 * demo and for tests; whoever may open the socket may do everything.
 */
#include <string.h>

#include "producers/simulator/driver_internal.h"
#include "producers/simulator/scenario_internal.h"

#define SPEED_MAX 100000.0

static bool is_all(const char *name)
{
    return !strcmp(name, "all");
}

static struct device *find(struct fl_driver *driver, const char *name)
{
    for (unsigned i = 0; i < driver->device_count; i++)
        if (!strcmp(fl_ups_name(driver->devices[i]->ups), name))
            return driver->devices[i];
    return NULL;
}

/* Every name must be known before anything happens. */
static const char *unknown_name(struct fl_driver *driver, const struct fl_words *words,
                                unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        if (!is_all(words->word[i]) && !find(driver, words->word[i]))
            return words->word[i];
    return NULL;
}

static enum fl_ups_answer act_on(struct fl_driver *driver, struct device *device,
                                 const struct fl_act *act)
{
    enum fl_ups_answer answer = fl_ups_act(device->ups, act);
    fl_driver_tell_changes(driver, device);
    return answer;
}

static enum fl_ups_answer act_on_named(struct fl_driver *driver, const char *name,
                                       const struct fl_act *act)
{
    enum fl_ups_answer worst = FL_UPS_HANDLED;
    for (unsigned i = 0; i < driver->device_count; i++) {
        if (!is_all(name) && strcmp(name, fl_ups_name(driver->devices[i]->ups)))
            continue;
        enum fl_ups_answer answer = act_on(driver, driver->devices[i], act);
        worst = answer > worst ? answer : worst;
    }
    return worst;
}

static void answer_with(struct connection *connection, enum fl_ups_answer answer)
{
    static const char *const sentences[] = {
        [FL_UPS_HANDLED] = "OK",
        [FL_UPS_UNKNOWN] = "ERR the UPS has nothing of this name",
        [FL_UPS_INVALID] = "ERR the UPS does not take this value",
        [FL_UPS_FAILED] = "ERR the UPS cannot do this now",
    };
    fl_driver_send(connection, "%s\n", sentences[answer]);
}

static void list(struct connection *connection)
{
    struct fl_driver *driver = connection->driver;
    for (unsigned i = 0; i < driver->device_count; i++) {
        const struct fl_ups *ups = driver->devices[i]->ups;
        const char *charge = fl_ups_value(ups, "battery.charge");
        const char *runtime = fl_ups_value(ups, "battery.runtime");
        char status[2 * FL_SCENARIO_VALUE_SIZE + 3];
        (void)fl_words_quote(fl_ups_value(ups, "ups.status"), status, sizeof(status));
        fl_driver_send(connection, "%s %s %s charge %s runtime %s time %.0f %s\n", fl_ups_name(ups),
                       fl_ups_scenario(ups)->name, status, charge ? charge : "-",
                       runtime ? runtime : "-", fl_ups_time(ups),
                       fl_ups_is_silent(ups)  ? "silent"
                       : fl_ups_is_stale(ups) ? "stale"
                                              : "fresh");
    }
    fl_driver_send(connection, "OK\n");
}

/* outage begin|end [UPS…] */
static void outage(struct connection *connection, const struct fl_words *words)
{
    struct fl_act act = {.kind = FL_ACT_COUNT};
    if (words->count >= 2 && !strcmp(words->word[1], "begin"))
        act.kind = FL_ACT_OUTAGE;
    if (words->count >= 2 && !strcmp(words->word[1], "end"))
        act.kind = FL_ACT_RESTORE;
    if (act.kind == FL_ACT_COUNT) {
        fl_driver_send(connection, "ERR outage takes begin or end\n");
        return;
    }
    const char *unknown = unknown_name(connection->driver, words, 2, words->count);
    if (unknown) {
        fl_driver_send(connection, "ERR no UPS of this name\n");
        return;
    }
    if (words->count == 2)
        (void)act_on_named(connection->driver, "all", &act);
    for (unsigned i = 2; i < words->count; i++)
        (void)act_on_named(connection->driver, words->word[i], &act);
    fl_driver_send(connection, "OK\n");
}

/* do UPS|all ACT… */
static void act_line(struct connection *connection, const struct fl_words *words)
{
    struct fl_act act;
    const char *wrong = fl_act_parse(words, 2, &act);
    if (wrong)
        fl_driver_send(connection, "ERR %s\n", wrong);
    else if (unknown_name(connection->driver, words, 1, 2))
        fl_driver_send(connection, "ERR no UPS of this name\n");
    else
        answer_with(connection, act_on_named(connection->driver, words->word[1], &act));
}

static void set(struct connection *connection, const struct fl_words *words)
{
    struct fl_act act = {.kind = FL_ACT_SET};
    if (words->count != 4 || !fl_scenario_copy(act.name, sizeof(act.name), words->word[2]) ||
        !fl_scenario_copy(act.value, sizeof(act.value), words->word[3]))
        fl_driver_send(connection, "ERR set takes a UPS, a variable and a value\n");
    else if (unknown_name(connection->driver, words, 1, 2))
        fl_driver_send(connection, "ERR no UPS of this name\n");
    else
        answer_with(connection, act_on_named(connection->driver, words->word[1], &act));
}

static void freshness(struct connection *connection, const struct fl_words *words)
{
    struct fl_act act = {.kind = !strcmp(words->word[0], "stale") ? FL_ACT_STALE : FL_ACT_FRESH};
    if (words->count != 2 || unknown_name(connection->driver, words, 1, 2))
        fl_driver_send(connection, "ERR no UPS of this name\n");
    else
        answer_with(connection, act_on_named(connection->driver, words->word[1], &act));
}

static void speed(struct connection *connection, const struct fl_words *words)
{
    double factor = 0;
    if (words->count != 2 || !fl_scenario_number(words->word[1], SPEED_MAX, &factor)) {
        fl_driver_send(connection, "ERR speed takes a factor\n");
        return;
    }
    fl_driver_set_speed(connection->driver, factor);
    fl_driver_send(connection, "OK\n");
}

void fl_driver_control(struct connection *connection, const struct fl_words *words)
{
    const char *word = words->word[0];
    if (words->cut)
        fl_driver_send(connection, "ERR the line is too long\n");
    else if (!strcmp(word, "list"))
        list(connection);
    else if (!strcmp(word, "outage"))
        outage(connection, words);
    else if (!strcmp(word, "do"))
        act_line(connection, words);
    else if (!strcmp(word, "set"))
        set(connection, words);
    else if (!strcmp(word, "stale") || !strcmp(word, "fresh"))
        freshness(connection, words);
    else if (!strcmp(word, "speed"))
        speed(connection, words);
    else
        fl_driver_send(connection, "ERR list, outage, do, set, stale, fresh or speed\n");
}
