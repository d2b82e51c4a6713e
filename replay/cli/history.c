/* SPDX-License-Identifier: Apache-2.0 */
/* `fleetlog history`: a quantity of a device over time. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/timestamp.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

enum { OPTION_QUANTITY, OPTION_FROM, OPTION_TO, OPTION_STEP, OPTION_POINTS };

static const struct fl_option options[] = {
    {"quantity", 'q', "NAME", "battery.charge (default), battery.runtime, ups.load, …"},
    {"from", 0, "TIME", "a day, a time, or how long ago: 2026-01-31, 36h, 90d (default 24h)"},
    {"to", 0, "TIME", "the same, excluded (default: now)"},
    {"step", 0, "TIME", "30s, 15m, 1h, 7d (default: as fine as --points allows)"},
    {"points", 0, "NUMBER", "at most so many (default 500)"},
    {NULL, 0, NULL, NULL},
};

/* "90d" as ms; false: it is no length of time. */
static bool parse_length(const char *text, int64_t *ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {{'s', 1000}, {'m', 60000}, {'h', 3600000}, {'d', 86400000}};
    uint64_t number = 0;
    size_t size = strlen(text);
    if (size < 2 || !fl_slice_to_u64(fl_slice_of((const uint8_t *)text, size - 1), &number) ||
        number == 0 || number > 100000)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].unit != text[size - 1])
            continue;
        *ms = (int64_t)number * units[i].ms;
        return true;
    }
    return false;
}

/* A day, a time, or how long ago. */
static bool parse_time(const struct fl_cli *cli, const char *text, int64_t *ms)
{
    char midnight[FL_TIMESTAMP_TEXT_SIZE];
    int64_t ago_ms = 0;
    if (parse_length(text, &ago_ms)) {
        *ms = fl_port_wall_ms(cli->port) - ago_ms;
        return *ms >= 0;
    }
    if (strlen(text) == strlen("YYYY-MM-DD")) {
        snprintf(midnight, sizeof(midnight), "%sT00:00:00.000Z", text);
        return fl_timestamp_parse(fl_slice_text(midnight), ms);
    }
    if (strlen(text) == strlen("YYYY-MM-DDThh:mm:ssZ")) {
        snprintf(midnight, sizeof(midnight), "%.19s.000Z", text);
        return fl_timestamp_parse(fl_slice_text(midnight), ms);
    }
    return fl_timestamp_parse(fl_slice_text(text), ms);
}

static void add_parameter(char *path, size_t size, const char *name, int64_t value)
{
    size_t used = strlen(path);
    snprintf(path + used, size - used, "&%s=%" PRId64, name, value);
}

/* The options as a query; FL_EXIT_DONE, or a usage error that has been said. */
static int add_options(struct fl_cli *cli, const struct fl_arguments *arguments, char *path,
                       size_t size)
{
    static const struct {
        int option;
        const char *parameter;
    } times[] = {{OPTION_FROM, "fromMs"}, {OPTION_TO, "toMs"}};
    uint64_t points = 0;
    int64_t ms = 0;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        const char *text = arguments->values[times[i].option];
        if (text != NULL && !parse_time(cli, text, &ms))
            return fl_cli_usage("--%s: \"%s\" is neither a day, nor a time, nor a length of time",
                                options[times[i].option].name, text);
        if (text != NULL)
            add_parameter(path, size, times[i].parameter, ms);
    }
    const char *step = arguments->values[OPTION_STEP];
    if (step != NULL && !parse_length(step, &ms))
        return fl_cli_usage("--step: \"%s\" is no length of time, as 15m or 7d", step);
    if (step != NULL)
        add_parameter(path, size, "stepMs", ms);
    const char *text = arguments->values[OPTION_POINTS];
    if (text != NULL && !fl_slice_to_u64(fl_slice_text(text), &points))
        return fl_cli_usage("--points: \"%s\" is no number", text);
    if (text != NULL)
        add_parameter(path, size, "points", (int64_t)points);
    return FL_EXIT_DONE;
}

static void add_point(struct fl_table *table, const json_t *point, const char *unit)
{
    static const char *const names[] = {"min", "mean", "max", "last"};
    char texts[4][64];
    char time[FL_TIMESTAMP_TEXT_SIZE];
    char count[32];
    fl_json_time_cell(point, "atMs", time);
    for (size_t i = 0; i < 4; i++)
        snprintf(texts[i], sizeof(texts[i]), "%.10g %s",
                 json_number_value(json_object_get(point, names[i])), unit);
    snprintf(count, sizeof(count), "%" PRId64,
             (int64_t)json_integer_value(json_object_get(point, "count")));
    const char *cells[] = {time, texts[0], texts[1], texts[2], texts[3], count};
    fl_table_add(table, cells);
}

static void print_points(struct fl_cli *cli, const json_t *answer)
{
    static const char *const headings[] = {"FROM", "LOW", "MEAN", "HIGH", "LAST", "READINGS"};
    size_t i;
    json_t *point;
    int64_t step_s = json_integer_value(json_object_get(answer, "stepMs")) / 1000;
    struct fl_table *table = fl_table_open(headings, 6);
    json_array_foreach(json_object_get(answer, "points"), i, point)
        add_point(table, point, fl_json_member(answer, "unit"));
    fl_table_print(table, cli->color, stdout);
    if (!cli->quiet)
        fprintf(stderr, "%s in steps of %" PRId64 " s, from %s kept\n",
                fl_json_member(answer, "quantity"), step_s, fl_json_member(answer, "source"));
    fl_table_close(&table);
}

static int history_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    char path[2048];
    json_t *answer = NULL;
    const char *quantity = arguments->values[OPTION_QUANTITY];
    const char *names[] = {arguments->positional[0],
                           quantity == NULL ? "battery.charge" : quantity};
    if (!fl_client_path(path, sizeof(path) - 256, "/v1/devices/%s/history?quantity=%s", names, 2))
        return fl_cli_usage("\"%s\" is too long for a device", names[0]);
    int code = add_options(cli, arguments, path, sizeof(path));
    if (code == FL_EXIT_DONE)
        code = fl_client_call(cli, "GET", path, NULL, &answer);
    if (code != FL_EXIT_DONE)
        return code;
    if (cli->json)
        fl_print_json(answer);
    else
        print_points(cli, answer);
    json_decref(answer);
    return FL_EXIT_DONE;
}

const struct fl_command fl_command_history = {
    .name = "history",
    .operands = "DEVICE",
    .summary = "show a quantity of a device over time: readings of two days, hours of 13 months, "
               "days of ten years",
    .examples = "  fleetlog history rack-1 --quantity ups.load --from 7d --step 1h\n"
                "  fleetlog history rack-1 --from 2020-01-01 --step 30d --json\n",
    .options = options,
    .positional_min = 1,
    .positional_max = 1,
    .run = history_command,
};
