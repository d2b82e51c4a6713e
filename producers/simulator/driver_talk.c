/* SPDX-License-Identifier: Apache-2.0 */
/* NUT's driver socket protocol, the driver's side (NUT, docs/sock-protocol.txt). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "producers/simulator/driver_internal.h"

enum { QUOTED_SIZE = 2 * FL_SCENARIO_VALUE_SIZE + 3 };

static void tell_value(struct connection *connection, const struct fl_ups_variable *variable)
{
    char quoted[QUOTED_SIZE];
    if (!variable->value)
        fl_driver_send(connection, "DELINFO %s\n", variable->name);
    else if (fl_words_quote(variable->value, quoted, sizeof(quoted)))
        fl_driver_send(connection, "SETINFO %s %s\n", variable->name, quoted);
}

static void tell_spec(struct connection *connection, const struct fl_ups_variable *variable)
{
    const struct fl_variable_spec *spec = variable->spec;
    char quoted[QUOTED_SIZE];
    if (!spec || !variable->value || spec->kind == FL_VARIABLE_FIXED)
        return;
    fl_driver_send(connection, "SETFLAGS %s RW %s\n", spec->name,
                   spec->kind == FL_VARIABLE_RANGE ? "NUMBER" : "STRING");
    /* upsd refuses to set a string without a greatest length, an enum too. */
    if (spec->kind != FL_VARIABLE_RANGE)
        fl_driver_send(connection, "SETAUX %s %ld\n", spec->name,
                       spec->kind == FL_VARIABLE_TEXT ? spec->length
                                                      : (long)sizeof(spec->choices[0]) - 1);
    if (spec->kind == FL_VARIABLE_RANGE)
        fl_driver_send(connection, "ADDRANGE %s %ld %ld\n", spec->name, spec->min, spec->max);
    for (unsigned i = 0; spec->kind == FL_VARIABLE_ENUM && i < spec->choice_count; i++)
        if (fl_words_quote(spec->choices[i], quoted, sizeof(quoted)))
            fl_driver_send(connection, "ADDENUM %s %s\n", spec->name, quoted);
}

static void tell_freshness(struct connection *connection)
{
    fl_driver_send(connection, "%s\n",
                   fl_ups_is_stale(connection->device->ups) ? "DATASTALE" : "DATAOK");
}

void fl_driver_dump(struct connection *connection)
{
    const struct fl_ups *ups = connection->device->ups;
    const struct fl_scenario *scenario = fl_ups_scenario(ups);
    struct fl_ups_variable variable;
    if (fl_ups_is_stale(ups))
        tell_freshness(connection);
    for (unsigned i = 0; fl_ups_variable(ups, i, &variable); i++) {
        if (!variable.value)
            continue;
        tell_value(connection, &variable);
        tell_spec(connection, &variable);
    }
    for (unsigned i = 0; i < scenario->command_count; i++)
        fl_driver_send(connection, "ADDCMD %s\n", scenario->commands[i]);
    tell_freshness(connection);
    fl_driver_send(connection, "DUMPDONE\n");
    connection->owes_dump = false;
}

static void broadcast_value(struct fl_driver *driver, struct device *device,
                            const struct fl_ups_variable *variable)
{
    for (struct connection *c = driver->connections; c; c = c->next)
        if (c->device == device && c->broadcast && !c->dead) {
            tell_value(c, variable);
            tell_spec(c, variable);
        }
}

void fl_driver_tell_changes(struct fl_driver *driver, struct device *device)
{
    struct fl_ups_variable variable;
    bool stale = fl_ups_is_stale(device->ups);
    if (fl_ups_is_silent(device->ups))
        return;
    while (!stale && fl_ups_take_change(device->ups, &variable))
        broadcast_value(driver, device, &variable);
    for (struct connection *c = driver->connections; c; c = c->next) {
        if (c->device != device || c->dead)
            continue;
        if (c->owes_dump)
            fl_driver_dump(c);
        else if (stale != device->told_stale && c->broadcast)
            tell_freshness(c);
    }
    device->told_stale = stale;
}

static void tell_tracking(struct connection *connection, const char *id, enum fl_ups_answer answer)
{
    char quoted[QUOTED_SIZE];
    if (id && strlen(id) <= FL_SCENARIO_NAME_SIZE && fl_words_quote(id, quoted, sizeof(quoted)))
        fl_driver_send(connection, "TRACKING %s %d\n", quoted, (int)answer);
}

/* INSTCMD name [param] [TRACKING id] */
static void instcmd(struct connection *connection, const struct fl_words *words)
{
    const char *id = NULL;
    const char *param = NULL;
    unsigned count = words->count;
    if (count < 2)
        return;
    if (count >= 4 && !strcasecmp(words->word[count - 2], "TRACKING")) {
        id = words->word[count - 1];
        count -= 2;
    }
    if (count == 3)
        param = words->word[2];
    enum fl_ups_answer answer =
        count > 3 || words->cut ? FL_UPS_INVALID
                                : fl_ups_command(connection->device->ups, words->word[1], param);
    tell_tracking(connection, id, answer);
    fl_driver_tell_changes(connection->driver, connection->device);
}

/* SET name "value" [TRACKING id] */
static void set(struct connection *connection, const struct fl_words *words)
{
    bool tracked = words->count == 5 && !strcasecmp(words->word[3], "TRACKING");
    if (words->count != 3 && !tracked)
        return;
    enum fl_ups_answer answer =
        words->cut ? FL_UPS_INVALID
                   : fl_ups_write(connection->device->ups, words->word[1], words->word[2]);
    tell_tracking(connection, tracked ? words->word[4] : NULL, answer);
    fl_driver_tell_changes(connection->driver, connection->device);
}

static void dump_value(struct connection *connection, const char *name)
{
    struct fl_ups_variable variable;
    for (unsigned i = 0; fl_ups_variable(connection->device->ups, i, &variable); i++)
        if (variable.value && !strcmp(variable.name, name)) {
            tell_value(connection, &variable);
            tell_spec(connection, &variable);
        }
    fl_driver_send(connection, "DUMPDONE\n");
}

void fl_driver_talk(struct connection *connection, const struct fl_words *words)
{
    const char *word = words->word[0];
    if (fl_ups_is_silent(connection->device->ups)) {
        connection->owes_dump = connection->owes_dump || !strcasecmp(word, "DUMPALL");
        return;
    }
    if (!strcasecmp(word, "PING"))
        fl_driver_send(connection, "PONG\n");
    else if (!strcasecmp(word, "DUMPALL"))
        fl_driver_dump(connection);
    else if (!strcasecmp(word, "INSTCMD"))
        instcmd(connection, words);
    else if (!strcasecmp(word, "SET"))
        set(connection, words);
    else if (!strcasecmp(word, "GETPID"))
        fl_driver_send(connection, "PID %ld\n", (long)getpid());
    else if (!strcasecmp(word, "NOBROADCAST"))
        connection->broadcast = false;
    else if (!strcasecmp(word, "BROADCAST"))
        connection->broadcast = words->count < 2 || strtol(words->word[1], NULL, 10) > 0;
    else if (!strcasecmp(word, "DUMPSTATUS"))
        dump_value(connection, "ups.status");
    else if (!strcasecmp(word, "DUMPVALUE") && words->count == 2)
        dump_value(connection, words->word[1]);
    else if (!strcasecmp(word, "LOGOUT"))
        fl_driver_send(connection, "OK Goodbye\n");
}
