/* SPDX-License-Identifier: Apache-2.0 */
/* `fleetlog catalogue`: SKUs, their parts, warranties and prices, each with its source. */
#include <inttypes.h>
#include <stdio.h>

#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"
#include "schemas/fields.h"

static const char *const headings[] = {"SKU", "KIND", "IS", "REGION", "VERSION", "SOURCE"};
enum { HEADING_COUNT = sizeof(headings) / sizeof(headings[0]) };

/* What an entry says, in one cell. */
static void say(const json_t *item, char *out, size_t size)
{
    int64_t months = json_integer_value(json_object_get(item, "months"));
    int64_t minor = json_integer_value(json_object_get(item, "netMinor"));
    const char *firmware = fl_json_member(item, "firmware");
    if (months != 0)
        snprintf(out, size, "%" PRId64 " months", months);
    else if (minor != 0)
        snprintf(out, size, "%s %" PRId64 ".%02d", fl_json_member(item, "currency"), minor / 100,
                 (int)(minor % 100));
    else
        snprintf(out, size, "%s%s%s%s", fl_json_member(item, "part"),
                 firmware[0] == '\0' ? "" : " (", firmware, firmware[0] == '\0' ? "" : ")");
}

static void add_entry(void *table, const json_t *item)
{
    char is[160];
    char version[24];
    char source[512];
    say(item, is, sizeof(is));
    snprintf(source, sizeof(source), "%s (%s)", fl_json_member(item, "source"),
             fl_json_member(item, "strength"));
    const char *cells[] = {fl_json_member(item, "sku"),
                           fl_json_member(item, "kind"),
                           is,
                           fl_json_member(item, "region"),
                           fl_json_cell(item, "version", version, sizeof(version)),
                           source};
    fl_table_add(table, cells);
}

static int list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    (void)arguments;
    return fl_client_table(cli, "/v1/catalogue", headings, HEADING_COUNT, add_entry);
}

const struct fl_command fl_command_catalogue_list = {
    .name = "catalogue list",
    .operands = "",
    .summary = "list what the catalogue knows, and from where",
    .run = list_command,
};

static int show_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    char path[512];
    json_t *answer = NULL;
    const char *sku = arguments->positional[0];
    if (!fl_client_path(path, sizeof(path), "/v1/catalogue?sku=%s", &sku, 1))
        return fl_cli_usage("\"%s\" is too long for a SKU", sku);
    int code = fl_client_call(cli, "GET", path, NULL, &answer);
    if (code != FL_EXIT_DONE)
        return code;
    bool is_known = json_array_size(json_object_get(answer, "items")) != 0;
    json_decref(answer);
    if (is_known)
        return fl_client_table(cli, path, headings, HEADING_COUNT, add_entry);
    fl_cli_error("%s is unknown to the catalogue; only the exact SKU is looked up", sku);
    return FL_EXIT_NOT_FOUND;
}

const struct fl_command fl_command_catalogue_show = {
    .name = "catalogue show",
    .operands = "SKU",
    .summary = "show what is known of exactly this SKU or part",
    .positional_min = 1,
    .positional_max = 1,
    .run = show_command,
};

static void print_imported(const json_t *answer)
{
    char cells[2][24];
    printf("Version %s of the catalogue: %s entries changed.\n",
           fl_json_cell(answer, "version", cells[0], sizeof(cells[0])),
           fl_json_cell(answer, "changedCount", cells[1], sizeof(cells[1])));
}

/* So many entries of the file from `begin` on, as one action. */
static int import_part(struct fl_cli *cli, const json_t *file, size_t begin)
{
    const json_t *entries = json_object_get(file, "entries");
    json_t *part = json_array();
    for (size_t i = begin; i < json_array_size(entries) && i < begin + FL_CATALOGUE_COUNT_MAX; i++)
        json_array_append(part, json_array_get(entries, i));
    return fl_client_change(
        cli, "POST", "/v1/catalogue", NULL,
        json_pack("{s:O, s:o}", "name", json_object_get(file, "name"), "entries", part),
        print_imported);
}

static int import_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_error_t error;
    const char *path = arguments->positional[0];
    json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (file == NULL)
        return fl_cli_usage("%s: line %d: %s", path, error.line, error.text);
    size_t count = json_array_size(json_object_get(file, "entries"));
    int code = FL_EXIT_DONE;
    if (!json_is_string(json_object_get(file, "name")) || count == 0)
        code = fl_cli_usage("%s: it must be an object with a name and entries", path);
    for (size_t begin = 0; code == FL_EXIT_DONE && begin < count; begin += FL_CATALOGUE_COUNT_MAX)
        code = import_part(cli, file, begin);
    json_decref(file);
    return code;
}

const struct fl_command fl_command_catalogue_import = {
    .name = "catalogue import",
    .operands = "FILE",
    .summary = "add or replace entries of the catalogue from a JSON file (docs/catalogue.md)",
    .examples = "  fleetlog catalogue import docs/catalogue.json\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = import_command,
};
