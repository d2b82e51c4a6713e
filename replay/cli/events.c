/* SPDX-License-Identifier: Apache-2.0 */
/* The Event Log for people. */
#include <string.h>

#include "core/timestamp.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

enum { PATH_SIZE = 4096, LIMIT_MAX = 1000 /* of GET /v1/events */ };

static void add_entry(struct fl_table *table, const json_t *entry)
{
    char time_text[FL_TIMESTAMP_TEXT_SIZE] = "";
    json_int_t time_ms = json_integer_value(json_object_get(entry, "timeMs"));
    if (time_ms >= 0 && time_ms <= FL_TIMESTAMP_MS_MAX)
        fl_timestamp_format(time_ms, time_text);
    const char *cells[] = {fl_json_member(entry, "severity"), time_text,
                           fl_json_member(entry, "text")};
    fl_table_add(table, cells);
}

/* Adds "&name=value" for an option that was given. */
static bool add_query(char *path, const struct fl_arguments *arguments, const char *name)
{
    char format[64];
    size_t used = strlen(path);
    const char *value[] = {fl_argument(arguments, name)};
    snprintf(format, sizeof(format), "&%s=%%s", name);
    return value[0] == NULL || fl_client_path(path + used, PATH_SIZE - used, format, value, 1);
}

static void add_count(struct fl_table *table, const json_t *row, const char *where)
{
    static const char *const names[] = {"critical", "warning", "informational", "total"};
    char scratch[4][32];
    const char *cells[5] = {fl_json_member(row, where)};
    for (size_t i = 0; i < 4; i++)
        cells[i + 1] = fl_json_cell(row, names[i], scratch[i], sizeof(scratch[i]));
    fl_table_add(table, cells);
}

/* Where the activity is: the counts of the Event Log report, by device, then by location. */
static void print_counts(struct fl_cli *cli, const json_t *report)
{
    static const char *const wheres[] = {"device", "location"};
    static const char *const titles[] = {"DEVICE", "LOCATION"};
    const json_t *tables = json_object_get(report, "tables");
    for (size_t t = 0; t < 2; t++) {
        const json_t *rows = json_object_get(json_array_get(tables, t + 1), "rows");
        if (cli->json) {
            fl_print_json(rows);
            continue;
        }
        const char *const headings[] = {titles[t], "CRITICAL", "WARNING", "INFORMATIONAL", "TOTAL"};
        struct fl_table *table = fl_table_open(headings, 5);
        for (size_t i = 0; i < json_array_size(rows); i++)
            add_count(table, json_array_get(rows, i), wheres[t]);
        if (t > 0)
            putchar('\n');
        fl_table_print(table, cli->color, stdout);
        fl_table_close(&table);
    }
}

static int events_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"SEVERITY", "TIME", "WHAT"};
    char path[PATH_SIZE];
    uint64_t limit = 0;
    json_t *answer = NULL;
    if (!fl_argument_number(arguments, "limit", 50, &limit))
        return FL_EXIT_USAGE;
    if (limit < 1 || limit > LIMIT_MAX)
        return fl_cli_usage("--limit: %llu is not from 1 to %d", (unsigned long long)limit,
                            LIMIT_MAX);
    bool counts = fl_argument(arguments, "counts") != NULL;
    if (counts)
        snprintf(path, sizeof(path), "/v1/reports/events?format=json");
    else
        snprintf(path, sizeof(path), "/v1/events?limit=%llu", (unsigned long long)limit);
    if (!add_query(path, arguments, "company") || !add_query(path, arguments, "device") ||
        !add_query(path, arguments, "location") || !add_query(path, arguments, "severity"))
        return fl_cli_usage("an argument is too long");
    int code = fl_client_call(cli, "GET", path, NULL, &answer);
    if (code != FL_EXIT_DONE)
        return code;
    const json_t *items = json_object_get(answer, "items");
    if (counts) {
        print_counts(cli, answer);
    } else if (cli->json) {
        fl_print_json(items);
    } else {
        struct fl_table *table = fl_table_open(headings, 3);
        for (size_t i = 0; i < json_array_size(items); i++)
            add_entry(table, json_array_get(items, i));
        fl_table_print(table, cli->color, stdout);
        fl_table_close(&table);
    }
    json_decref(answer);
    return FL_EXIT_DONE;
}

static const struct fl_option events_options[] = {
    {"company", 'c', "ID", "the Event Log of this company"},
    {"device", 'd', "DEVICE", "only what happened to this device"},
    {"location", 'l', "PLACE", "only what happened where this is the devices' location"},
    {"counts", 0, NULL, "how much happened to which device, and at which location"},
    {"severity", 's', "LEVEL", "informational, warning or critical, and above"},
    {"limit", 'n', "N", "at most N lines (default 50, at most 1000)"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_events = {
    .name = "events",
    .operands = "",
    .summary = "the Event Log of the last 30 days: by severity, then newest",
    .examples = "  fleetlog events\n  fleetlog --as owner@example.org events --severity warning\n"
                "  fleetlog events --device rack-7\n",
    .options = events_options,
    .run = events_command,
};
