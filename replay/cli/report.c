/* SPDX-License-Identifier: Apache-2.0 */
/* Reports, fetched as files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/report_at.h"

enum { PATH_SIZE = 4096 };

/* Adds "&name=value"; false: it does not fit. */
static bool add(char *path, const char *name, const char *value)
{
    char format[64];
    size_t used = strlen(path);
    snprintf(format, sizeof(format), "%c%s=%%s", strchr(path, '?') == NULL ? '?' : '&', name);
    return fl_client_path(path + used, PATH_SIZE - used, format, &value, 1);
}

/* Devices become one list. A name with a comma in it must be given as its id. */
static bool add_devices(char *path, const struct fl_arguments *arguments)
{
    char list[PATH_SIZE] = "";
    const char *device;
    for (size_t i = 0; (device = fl_argument_at(arguments, "device", i)) != NULL; i++) {
        size_t used = strlen(list);
        int size = snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : ",", device);
        if (size < 0 || (size_t)size >= sizeof(list) - used)
            return false;
    }
    return list[0] == '\0' || add(path, "device", list);
}

static bool make_path(char path[PATH_SIZE], const struct fl_arguments *arguments)
{
    static const char *const names[] = {"format", "company",  "location",
                                        "region", "severity", "chart"};
    if (!fl_client_path(path, PATH_SIZE, "/v1/reports/%s", arguments->positional, 1))
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = fl_argument(arguments, names[i]);
        if (value != NULL && !add(path, names[i], value))
            return false;
    }
    return (fl_argument(arguments, "shared") == NULL || add(path, "shared", "true")) &&
           add_devices(path, arguments);
}

/* From the gateway, or made here of the past. */
static int fetch(struct fl_cli *cli, const struct fl_arguments *arguments, const char *path,
                 FILE *out)
{
    const char *at = fl_argument(arguments, "at");
    return at != NULL ? fl_report_at(cli, arguments, at, out) : fl_client_download(cli, path, out);
}

/* Beside the file first, so that who has it has all of it. */
static int write_file(struct fl_cli *cli, const struct fl_arguments *arguments, const char *path,
                      const char *name)
{
    char part[PATH_SIZE];
    int size = snprintf(part, sizeof(part), "%s.part", name);
    FILE *out = size < (int)sizeof(part) ? fopen(part, "wx") : NULL;
    if (out == NULL) {
        fl_cli_error("%s.part: %s", name, strerror(errno));
        return FL_EXIT_FAILED;
    }
    int code = fetch(cli, arguments, path, out);
    bool is_written = fclose(out) == 0;
    if (code == FL_EXIT_DONE && is_written && rename(part, name) == 0)
        return FL_EXIT_DONE;
    if (code == FL_EXIT_DONE) {
        fl_cli_error("%s: %s", name, strerror(errno));
        code = FL_EXIT_FAILED;
    }
    unlink(part);
    return code;
}

static int report_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    char path[PATH_SIZE];
    const char *output = fl_argument(arguments, "output");
    const char *format = fl_argument(arguments, "format");
    bool is_binary = format != NULL && (strcmp(format, "pdf") == 0 || strcmp(format, "xlsx") == 0);
    if (!make_path(path, arguments))
        return fl_cli_usage("an argument is too long");
    if (output != NULL && strcmp(output, "-") != 0)
        return write_file(cli, arguments, path, output);
    if (output == NULL && is_binary && isatty(STDOUT_FILENO) == 1)
        return fl_cli_usage("%s is not for a terminal: give --output FILE", format);
    return fetch(cli, arguments, path, stdout);
}

static const struct fl_option report_options[] = {
    {"format", 'f', "FORMAT", "json (default), csv, xlsx, pdf, or svg for a chart"},
    {"company", 'c', "COMPANY", "of this company; an account's own without it"},
    {"device", 'd', "DEVICE", "only this device; may be repeated"},
    {"location", 'l', "PLACE", "only devices that stand there"},
    {"region", 'r', "REGION", "prices of this region of the catalogue"},
    {"shared", 0, NULL, "of the devices that are shared with the account"},
    {"severity", 's', "LEVEL", "events: informational, warning or critical, and above"},
    {"chart", 0, "NAME",
     "with svg: age, battery-age, due-by-quarter, runtime-load, events-per-day"},
    {"at", 0, "WHEN", "as it was after the event of this sequence, or at this day or time"},
    {"output", 'o', "FILE", "write to this file instead of stdout"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_report = {
    .name = "report",
    .operands = "inventory|renewals|operational|events",
    .summary = "a report as JSON, CSV, XLSX or PDF",
    .examples = "  fleetlog report inventory --company Acme --format pdf --output inventory.pdf\n"
                "  fleetlog report renewals --company Acme --at 2026-01-01 --format csv\n"
                "  fleetlog --as owner@example.org report operational --format csv\n"
                "  fleetlog --as owner@example.org report events --format svg "
                "--chart events-per-day\n",
    .options = report_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = report_command,
};
