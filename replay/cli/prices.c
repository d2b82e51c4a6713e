/* SPDX-License-Identifier: Apache-2.0 */
/* The price list by which licenses are bought. */
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

static void add_price(void *table, const json_t *item)
{
    char scratch[3][24];
    const char *cells[] = {fl_json_member(item, "region"),
                           fl_json_member(item, "plan"),
                           fl_json_cell(item, "termDays", scratch[0], sizeof(scratch[0])),
                           fl_json_cell(item, "netMinor", scratch[1], sizeof(scratch[1])),
                           fl_json_member(item, "currency"),
                           fl_json_cell(item, "taxBasisPoints", scratch[2], sizeof(scratch[2]))};
    fl_table_add(table, cells);
}

static int list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"REGION", "PLAN", "DAYS", "NET", "CURRENCY", "TAX"};
    (void)arguments;
    return fl_client_table(cli, "/v1/prices", headings, 6, add_price);
}

const struct fl_command fl_command_prices_list = {
    .name = "prices list",
    .operands = "",
    .summary = "list the prices of one node, in cents, and the tax in hundredths of a percent",
    .run = list_command,
};

static void print_set(const json_t *answer)
{
    char version[24];
    printf("Price list %s is in force.\n",
           fl_json_cell(answer, "version", version, sizeof(version)));
}

static int set_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_error_t error;
    json_t *items = json_load_file(arguments->positional[0], JSON_REJECT_DUPLICATES, &error);
    if (items == NULL)
        return fl_cli_usage("%s: line %d: %s", arguments->positional[0], error.line, error.text);
    return fl_client_change(cli, "PUT", "/v1/prices", NULL, json_pack("{s:o}", "items", items),
                            print_set);
}

const struct fl_command fl_command_prices_set = {
    .name = "prices set",
    .operands = "FILE",
    .summary = "replace the price list by a JSON array of {region, currency, plan, termDays, "
               "netMinor, taxBasisPoints}",
    .examples = "  fleetlog prices set prices.json\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = set_command,
};
