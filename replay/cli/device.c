/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: list, show, rename, locate, remove. */
#include <string.h>

#include "core/timestamp.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

enum { PATH_SIZE = 4096, SILENT_MS = 90000 };

/* A quantity of `device` with its unit, "?" behind it when it is not good. NULL: none. */
static const char *value_cell(const json_t *device, const char *name, char *out, size_t out_size)
{
    const json_t *value = json_object_get(json_object_get(device, "values"), name);
    const char *unit = json_string_value(json_object_get(value, "unit"));
    const char *quality = json_string_value(json_object_get(value, "quality"));
    if (unit == NULL || quality == NULL)
        return NULL;
    double number = json_number_value(json_object_get(value, "value"));
    bool is_seconds = strcmp(unit, "s") == 0;
    if (strcmp(quality, "unparsed") == 0)
        snprintf(out, out_size, "?");
    else if (is_seconds && number >= 60)
        snprintf(out, out_size, "%.0f min%s", number / 60, strcmp(quality, "ok") == 0 ? "" : " ?");
    else
        snprintf(out, out_size, "%.0f %s%s", number, unit, strcmp(quality, "ok") == 0 ? "" : " ?");
    return out;
}

/* Conditions by name, lower case, with commas. */
static const char *conditions_cell(const json_t *device, char *out, size_t out_size)
{
    const json_t *conditions = json_object_get(device, "conditions");
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(conditions); i++) {
        const char *kind =
            json_string_value(json_object_get(json_array_get(conditions, i), "kind"));
        if (kind == NULL)
            continue;
        int more = snprintf(out + used, out_size - used, "%s%s", i > 0 ? ", " : "", kind);
        if (more < 0 || (size_t)more >= out_size - used)
            break;
        for (char *c = out + used; *c != '\0'; c++)
            *c = *c == '_' ? ' ' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
        used += (size_t)more;
    }
    return out[0] == '\0' ? NULL : out;
}

static void add_device(struct fl_table *table, const json_t *device)
{
    char text[6][160];
    const char *status = fl_json_cell(device, "status", text[0], sizeof(text[0]));
    const json_t *silence = json_object_get(device, "silenceMs");
    bool is_silent = json_integer_value(silence) > SILENT_MS;
    bool is_lost = json_is_false(json_object_get(device, "reachable"));
    const char *cells[] = {
        fl_json_cell(device, "name", text[1], sizeof(text[1])),
        is_lost     ? "(no communication)"
        : is_silent ? "(silent)"
                    : status,
        value_cell(device, "battery.charge", text[2], sizeof(text[2])),
        value_cell(device, "battery.runtime", text[3], sizeof(text[3])),
        value_cell(device, "ups.load", text[4], sizeof(text[4])),
        conditions_cell(device, text[5], sizeof(text[5])),
        json_string_value(json_object_get(device, "owner")),
        json_string_value(json_object_get(device, "deviceId")),
    };
    fl_table_add(table, cells);
}

static void print_each(void *context, const json_t *item)
{
    (void)context;
    fl_print_json(item);
}

static void add_each(void *context, const json_t *item)
{
    add_device(context, item);
}

static int list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"NAME", "STATUS",     "CHARGE", "RUNTIME",
                                           "LOAD", "CONDITIONS", "OWNER",  "ID"};
    const char *path =
        fl_argument(arguments, "shared") != NULL ? "/v1/devices?shared=true" : "/v1/devices";
    if (cli->json)
        return fl_client_list(cli, path, print_each, NULL);
    struct fl_table *table = fl_table_open(headings, 8);
    int code = fl_client_list(cli, path, add_each, table);
    if (code == FL_EXIT_DONE)
        fl_table_print(table, cli->color, stdout);
    if (code == FL_EXIT_DONE && fl_table_row_count(table) == 0 && !cli->quiet)
        fprintf(stderr, "no devices\n");
    fl_table_close(&table);
    return code;
}

static const struct fl_option list_options[] = {
    {"shared", 's', NULL, "those that others share with the account (--as)"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_device_list = {
    .name = "device list",
    .operands = "",
    .summary = "list devices with status, readings and conditions",
    .examples = "  fleetlog device list\n  fleetlog device list --as owner@example.org\n"
                "  fleetlog device list --as msp@example.org --shared\n",
    .options = list_options,
    .run = list_command,
};

static void print_line(const char *name, const char *value)
{
    if (value == NULL)
        return;
    printf("%-16s ", name);
    fl_print_safe(value, strlen(value), stdout);
    fputc('\n', stdout);
}

/* What it said of itself before, or where it was, the newest first. */
static void print_aliases(const json_t *device)
{
    static const char *const fields[] = {"serial", "model", "firmware", "upsName", "upsdAddress"};
    const json_t *aliases = json_object_get(device, "aliases");
    for (size_t i = 0; i < json_array_size(aliases); i++) {
        const json_t *alias = json_array_get(aliases, i);
        char until[FL_TIMESTAMP_TEXT_SIZE] = "";
        json_int_t until_ms = json_integer_value(json_object_get(alias, "untilMs"));
        if (until_ms > 0 && until_ms <= FL_TIMESTAMP_MS_MAX)
            fl_timestamp_format(until_ms, until);
        printf("%-16s until %s:", "formerly", until);
        for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
            const char *value = json_string_value(json_object_get(alias, fields[k]));
            if (value == NULL || value[0] == '\0')
                continue;
            printf(" %s ", fields[k]);
            fl_print_safe(value, strlen(value), stdout);
        }
        fputc('\n', stdout);
    }
}

static void print_device(const json_t *device)
{
    static const char *const fields[] = {"deviceId", "name",         "location", "owner",
                                         "status",   "manufacturer", "model",    "serial",
                                         "firmware", "upsdAddress",  "upsName",  "silenceMs"};
    char text[256];
    char time_text[FL_TIMESTAMP_TEXT_SIZE];
    const char *name = NULL;
    json_t *raw = NULL;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        print_line(fields[i], fl_json_cell(device, fields[i], text, sizeof(text)));
    json_int_t sampled_ms = json_integer_value(json_object_get(device, "sampledAtMs"));
    if (sampled_ms > 0 && sampled_ms <= FL_TIMESTAMP_MS_MAX) {
        fl_timestamp_format(sampled_ms, time_text);
        print_line("sampledAt", time_text);
    }
    print_line("conditions", conditions_cell(device, text, sizeof(text)));
    print_aliases(device);
    printf("\nAs received:\n");
    json_object_foreach(json_object_get(device, "raw"), name, raw)
    {
        const char *value = json_string_value(json_object_get(raw, "text"));
        const char *hex = json_string_value(json_object_get(raw, "hex"));
        bool is_stale = json_is_true(json_object_get(raw, "stale"));
        printf("  ");
        fl_print_safe(name, strlen(name), stdout);
        printf("%*s ", strlen(name) < 32 ? (int)(32 - strlen(name)) : 0, "");
        if (value != NULL)
            fl_print_safe(value, strlen(value), stdout);
        else
            printf("(bytes) %s", hex != NULL ? hex : "");
        const char *rule = json_string_value(json_object_get(raw, "rule"));
        const char *quality = json_string_value(json_object_get(raw, "quality"));
        if (rule != NULL && quality != NULL)
            printf("  (%s: %s)", quality, rule);
        printf("%s\n", is_stale ? "  (stale)" : "");
    }
}

/* Sends a request about one device, named by id or name. */
static int call_device(struct fl_cli *cli, const char *method, const char *device,
                       json_t *take_body, json_t **answer)
{
    char path[PATH_SIZE];
    const char *arguments[] = {device};
    int code = FL_EXIT_FAILED;
    if (fl_client_path(path, sizeof(path), "/v1/devices/%s", arguments, 1))
        code = fl_client_call(cli, method, path, take_body, answer);
    else
        fl_cli_error("the device's name is too long");
    json_decref(take_body);
    return code;
}

static int show_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *answer = NULL;
    int code = call_device(cli, "GET", arguments->positional[0], NULL, &answer);
    if (code != FL_EXIT_DONE)
        return code;
    if (cli->json)
        fl_print_json(answer);
    else
        print_device(answer);
    json_decref(answer);
    return FL_EXIT_DONE;
}

const struct fl_command fl_command_device_show = {
    .name = "device show",
    .operands = "DEVICE",
    .summary = "show one device: facts, readings, every string as received",
    .examples = "  fleetlog device show rack-7\n  fleetlog device show 0198… --json\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = show_command,
};

/* Prints the event that a change became. */
static int finish_change(struct fl_cli *cli, int code, json_t *answer, const char *sentence)
{
    if (code == FL_EXIT_DONE && cli->json)
        fl_print_json(answer);
    else if (code == FL_EXIT_DONE)
        printf("%s\n", sentence);
    json_decref(answer);
    return code;
}

static int rename_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *answer = NULL;
    json_t *body = json_pack("{s:s}", "name", arguments->positional[1]);
    if (body == NULL)
        return fl_cli_usage("the name is no valid UTF-8");
    int code = call_device(cli, "PATCH", arguments->positional[0], body, &answer);
    return finish_change(cli, code, answer, "Renamed.");
}

const struct fl_command fl_command_device_rename = {
    .name = "device rename",
    .operands = "DEVICE NAME",
    .summary = "give a device another name",
    .examples = "  fleetlog --as owner@example.org device rename rack-7 'Rack 7, left'\n",
    .positional_min = 2,
    .positional_max = 2,
    .run = rename_command,
};

static int locate_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *answer = NULL;
    json_t *body = json_pack("{s:s}", "location", arguments->positional[1]);
    if (body == NULL)
        return fl_cli_usage("the location is no valid UTF-8");
    int code = call_device(cli, "PATCH", arguments->positional[0], body, &answer);
    return finish_change(cli, code, answer, "Located.");
}

const struct fl_command fl_command_device_locate = {
    .name = "device locate",
    .operands = "DEVICE PLACE",
    .summary = "say where a device stands; an empty place takes it back",
    .positional_min = 2,
    .positional_max = 2,
    .run = locate_command,
};

static int remove_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *answer = NULL;
    int code = call_device(cli, "DELETE", arguments->positional[0], NULL, &answer);
    return finish_change(cli, code, answer, "Removed. Its history stays in the log.");
}

const struct fl_command fl_command_device_remove = {
    .name = "device remove",
    .operands = "DEVICE",
    .summary = "remove a device (administrators of the owner company)",
    .positional_min = 1,
    .positional_max = 1,
    .run = remove_command,
};
