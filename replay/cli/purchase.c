/* SPDX-License-Identifier: Apache-2.0 */
/* Licenses bought online: begun here, paid on the provider's page. */
#include <string.h>

#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

static void print_bought(const json_t *answer)
{
    const char *checkout = fl_json_member(answer, "checkout");
    printf("purchase %s\nnet      %s\ntax      %s %s, both in cents\n",
           fl_json_member(answer, "purchaseId"), fl_json_member(answer, "netMinor"),
           fl_json_member(answer, "taxMinor"), fl_json_member(answer, "currency"));
    if (checkout[0] != '\0')
        printf("pay at   %s\n", checkout);
}

/* The list in force, which the buyer has looked at (`fleetlog prices list`); false: usage. */
static int read_version(struct fl_cli *cli, const struct fl_arguments *arguments, uint64_t *version)
{
    json_t *prices = NULL;
    if (fl_argument(arguments, "list") != NULL)
        return fl_argument_number(arguments, "list", 0, version) ? FL_EXIT_DONE : FL_EXIT_USAGE;
    int code = fl_client_call(cli, "GET", "/v1/prices", NULL, &prices);
    *version = (uint64_t)json_integer_value(json_object_get(prices, "version"));
    json_decref(prices);
    return code;
}

static int buy_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const texts[] = {"region", "plan", "installer"};
    uint64_t version = 0;
    uint64_t nodes;
    uint64_t days;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (fl_argument(arguments, texts[i]) == NULL)
            return fl_cli_usage("--%s is missing", texts[i]);
    if (!fl_argument_number(arguments, "nodes", 1, &nodes) ||
        !fl_argument_number(arguments, "days", 365, &days))
        return FL_EXIT_USAGE;
    int code = read_version(cli, arguments, &version);
    if (code != FL_EXIT_DONE)
        return code;
    json_t *body = json_pack("{s:I, s:I, s:I}", "nodes", (json_int_t)nodes, "days",
                             (json_int_t)days, "priceListVersion", (json_int_t)version);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        json_object_set_new(body, texts[i], json_string(fl_argument(arguments, texts[i])));
    return fl_client_change(cli, "POST", "/v1/purchases", NULL, body, print_bought);
}

static const struct fl_option buy_options[] = {
    {"region", 'r', "REGION", "of the price list"},
    {"plan", 'p', "PLAN", "standard or advanced"},
    {"installer", 'i', "EMAIL", "to whom the code is mailed once it is paid"},
    {"nodes", 'n', "NUMBER", "devices that it is for (default 1)"},
    {"days", 'd', "NUMBER", "of each node's term (default 365)"},
    {"list", 0, "VERSION", "refuse if the price list is another one by now"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_license_buy = {
    .name = "license buy",
    .operands = "--region REGION --plan PLAN --installer EMAIL",
    .summary = "begin to buy a license by the price list; shows what it costs and where to pay",
    .examples = "  fleetlog --as owner@example.org license buy --region DE --plan standard \\\n"
                "      --nodes 20 --installer it@example.org\n",
    .options = buy_options,
    .run = buy_command,
};

static void add_purchase(void *table, const json_t *item)
{
    char scratch[4][24];
    char started[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(item, "startedAtMs", started);
    const char *cells[] = {fl_json_member(item, "purchaseId"),
                           fl_json_member(item, "state"),
                           fl_json_member(item, "plan"),
                           fl_json_cell(item, "nodeCount", scratch[0], sizeof(scratch[0])),
                           fl_json_cell(item, "termDays", scratch[1], sizeof(scratch[1])),
                           fl_json_cell(item, "netMinor", scratch[2], sizeof(scratch[2])),
                           fl_json_cell(item, "taxMinor", scratch[3], sizeof(scratch[3])),
                           fl_json_member(item, "currency"),
                           started,
                           fl_json_member(item, "licenseId")};
    fl_table_add(table, cells);
}

static int purchases_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"PURCHASE", "STATE", "PLAN",     "NODES",   "DAYS",
                                           "NET",      "TAX",   "CURRENCY", "STARTED", "LICENSE"};
    (void)arguments;
    return fl_client_table(cli, "/v1/purchases", headings, 10, add_purchase);
}

const struct fl_command fl_command_license_purchases = {
    .name = "license purchases",
    .operands = "",
    .summary = "list what the account's company began to buy, and what became of it",
    .examples = "  fleetlog --as owner@example.org license purchases\n",
    .run = purchases_command,
};
