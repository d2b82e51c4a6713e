/* SPDX-License-Identifier: Apache-2.0 */
/* Licenses: issued, entered, taken off, and what became of each node. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

enum { PATH_SIZE = 256 };

static void add_license(void *table, const json_t *item)
{
    char scratch[6][24];
    char minted[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(item, "mintedAtMs", minted);
    const char *cells[] = {fl_json_member(item, "licenseId"),
                           fl_json_member(item, "state"),
                           fl_json_member(item, "plan"),
                           fl_json_cell(item, "nodeCount", scratch[0], sizeof(scratch[0])),
                           fl_json_cell(item, "unused", scratch[1], sizeof(scratch[1])),
                           fl_json_cell(item, "applied", scratch[2], sizeof(scratch[2])),
                           fl_json_cell(item, "returned", scratch[3], sizeof(scratch[3])),
                           fl_json_cell(item, "termDays", scratch[4], sizeof(scratch[4])),
                           fl_json_cell(item, "netMinor", scratch[5], sizeof(scratch[5])),
                           fl_json_member(item, "currency"),
                           fl_json_member(item, "purchaseOrder"),
                           minted};
    fl_table_add(table, cells);
}

static int list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"LICENSE", "STATE",    "PLAN",  "NODES",
                                           "UNUSED",  "APPLIED",  "BACK",  "DAYS",
                                           "NET",     "CURRENCY", "ORDER", "ISSUED"};
    (void)arguments;
    return fl_client_table(cli, "/v1/licenses", headings, 12, add_license);
}

const struct fl_command fl_command_license_list = {
    .name = "license list",
    .operands = "",
    .summary =
        "list the licenses that the account's company bought; an operator's own list has all",
    .run = list_command,
};

static void add_application(void *table, const json_t *item)
{
    char number[24];
    char applied[FL_TIMESTAMP_TEXT_SIZE];
    char ends[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(item, "appliedAtMs", applied);
    fl_json_time_cell(item, "endsAtMs", ends);
    const char *device = fl_json_member(item, "device");
    const char *account = fl_json_person(item, "accountId");
    const char *cells[] = {fl_json_member(item, "licenseId"),
                           fl_json_cell(item, "number", number, sizeof(number)),
                           fl_json_member(item, "owner"),
                           device[0] != '\0' ? device : fl_json_member(item, "deviceId"),
                           account != NULL ? account : fl_json_member(item, "appliedBy"),
                           applied,
                           ends,
                           fl_json_member(item, "end")};
    fl_table_add(table, cells);
}

static const char *const application_headings[] = {"LICENSE", "NODE", "OWNER", "DEVICE",
                                                   "BY",      "FROM", "UNTIL", "END"};

static int show_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    char path[PATH_SIZE];
    if (!fl_client_path(path, sizeof(path), "/v1/licenses/%s/applications",
                        &arguments->positional[0], 1))
        return fl_cli_usage("the id is too long");
    return fl_client_table(cli, path, application_headings, 8, add_application);
}

const struct fl_command fl_command_license_show = {
    .name = "license show",
    .operands = "LICENSE",
    .summary = "show where each node of a license was applied, by whom, and when it ends",
    .examples = "  fleetlog --as msp@example.net license show 0198…\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = show_command,
};

/* Ids of all licenses that the caller may see. */
struct ids {
    char (*texts)[40];
    size_t count;
    bool failed;
};

static void add_id(void *context, const json_t *item)
{
    struct ids *ids = context;
    void *more = realloc(ids->texts, (ids->count + 1) * sizeof(*ids->texts));
    if (more == NULL) {
        ids->failed = true;
        return;
    }
    ids->texts = more;
    snprintf(ids->texts[ids->count++], sizeof(*ids->texts), "%s",
             fl_json_member(item, "licenseId"));
}

static void print_line(void *context, const json_t *item)
{
    (void)context;
    fl_print_json(item);
}

/* Made by the gateway, whole or not at all. */
static int write_ledger(struct fl_cli *cli, const char *format)
{
    char path[PATH_SIZE];
    if (!fl_client_path(path, sizeof(path), "/v1/ledger?format=%s", &format, 1))
        return FL_EXIT_FAILED;
    if (strcmp(format, "csv") != 0 && isatty(STDOUT_FILENO) == 1)
        return fl_cli_usage("%s is not for a terminal", format);
    return fl_client_download(cli, path, stdout);
}

static int list_ledger(struct fl_cli *cli)
{
    struct ids ids = {.texts = NULL};
    struct fl_table *table = fl_table_open(application_headings, 8);
    int code = fl_client_list(cli, "/v1/licenses", add_id, &ids);
    if (code == FL_EXIT_DONE && ids.failed)
        code = FL_EXIT_TEMPORARY;
    for (size_t i = 0; code == FL_EXIT_DONE && i < ids.count; i++) {
        const char *id = ids.texts[i];
        char path[PATH_SIZE];
        if (!fl_client_path(path, sizeof(path), "/v1/licenses/%s/applications", &id, 1))
            code = FL_EXIT_FAILED;
        else
            code = fl_client_list(cli, path, cli->json ? print_line : add_application, table);
    }
    if (code == FL_EXIT_DONE && !cli->json)
        fl_table_print(table, cli->color, stdout);
    fl_table_close(&table);
    free(ids.texts);
    return code;
}

static int ledger_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const files[] = {"csv", "xlsx", "pdf"};
    const char *format = fl_argument(arguments, "format");
    for (size_t i = 0; format != NULL && i < sizeof(files) / sizeof(files[0]); i++)
        if (strcmp(format, files[i]) == 0)
            return write_ledger(cli, format);
    if (format != NULL)
        return fl_cli_usage("--format is csv, xlsx or pdf; --json for JSON");
    return list_ledger(cli);
}
static const struct fl_option ledger_options[] = {
    {"format", 'f', "FORMAT", "csv, xlsx or pdf: a file on stdout, with what each license cost"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_license_ledger = {
    .name = "license ledger",
    .operands = "",
    .summary = "every node of every license of the account's company: where, by whom, until when",
    .examples = "  fleetlog --as msp@example.net license ledger\n"
                "  fleetlog --as msp@example.net license ledger --format csv >ledger.csv\n",
    .options = ledger_options,
    .run = ledger_command,
};

static void print_minted(const json_t *answer)
{
    printf("license %s\ncode    %s\n", fl_json_member(answer, "licenseId"),
           fl_json_member(answer, "code"));
}

static int mint_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const texts[][2] = {{"company", "company"},     {"plan", "plan"},
                                           {"installer", "installer"}, {"currency", "currency"},
                                           {"order", "purchaseOrder"}, {"terms", "paymentTerms"},
                                           {"tier", "volumeTier"}};
    static const char *const numbers[][2] = {
        {"nodes", "nodes"}, {"days", "days"}, {"net", "netMinor"}};
    json_t *body = json_object();
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *value = fl_argument(arguments, texts[i][0]);
        if (value == NULL && i < 3) {
            json_decref(body);
            return fl_cli_usage("--%s is missing", texts[i][0]);
        }
        if (value != NULL)
            json_object_set_new(body, texts[i][1], json_string(value));
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uint64_t value;
        if (!fl_argument_number(arguments, numbers[i][0], i == 1 ? 365 : i == 0 ? 1 : 0, &value)) {
            json_decref(body);
            return FL_EXIT_USAGE;
        }
        json_object_set_new(body, numbers[i][1], json_integer((json_int_t)value));
    }
    return fl_client_change(cli, "POST", "/v1/licenses", NULL, body, print_minted);
}

static const struct fl_option mint_options[] = {
    {"company", 'c', "COMPANY", "who bought it, by name or id"},
    {"plan", 'p', "PLAN", "standard or advanced"},
    {"installer", 'i', "EMAIL", "to whom the code is mailed"},
    {"nodes", 'n', "NUMBER", "devices that it is for (default 1)"},
    {"days", 'd', "NUMBER", "of each node's term (default 365)"},
    {"net", 0, "MINOR", "price of the whole license without tax, in cents (default 0)"},
    {"currency", 0, "CODE", "of the price (default EUR)"},
    {"order", 'o', "TEXT", "the purchase order"},
    {"terms", 0, "TEXT", "terms of payment"},
    {"tier", 0, "TEXT", "volume tier"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_license_mint = {
    .name = "license mint",
    .operands = "--company COMPANY --plan PLAN --installer EMAIL",
    .summary = "issue a license from a purchase order; shows its activation code, once",
    .examples = "  fleetlog license mint --company 'Example Ltd' --plan standard --nodes 20 \\\n"
                "      --installer it@example.org --net 98000 --order PO-4711\n",
    .options = mint_options,
    .run = mint_command,
};

/* The devices behind the first operand. */
static json_t *devices_body(const struct fl_arguments *arguments)
{
    json_t *devices = json_array();
    for (size_t i = 1; i < arguments->positional_count; i++)
        json_array_append_new(devices, json_string(arguments->positional[i]));
    return json_pack("{s:o}", "devices", devices);
}

/* The event names devices in the order of the request: the words are shown as they were typed. */
static void print_applied(const json_t *answer, const struct fl_arguments *arguments)
{
    const json_t *nodes = json_object_get(answer, "nodes");
    for (size_t i = 0; i < json_array_size(nodes) && i + 1 < arguments->positional_count; i++) {
        char ends[FL_TIMESTAMP_TEXT_SIZE];
        fl_json_time_cell(json_array_get(nodes, i), "endsAtMs", ends);
        printf("%s until %s\n", arguments->positional[i + 1], ends);
    }
}

static int apply_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    bool by_id = strlen(arguments->positional[0]) == 36;
    json_t *body = devices_body(arguments);
    json_object_set_new(body, by_id ? "license" : "code", json_string(arguments->positional[0]));
    json_t *answer = NULL;
    int code = fl_client_call(cli, "POST", "/v1/licenses/apply", body, &answer);
    json_decref(body);
    if (code == FL_EXIT_DONE && cli->json)
        fl_print_json(answer);
    else if (code == FL_EXIT_DONE)
        print_applied(answer, arguments);
    json_decref(answer);
    return code;
}

const struct fl_command fl_command_license_apply = {
    .name = "license apply",
    .operands = "CODE|LICENSE DEVICE…",
    .summary = "apply a license to devices of one owner, all or none; once more extends it",
    .examples = "  fleetlog --as it@example.org license apply ABCD-EFGH-… rack-1 rack-2\n",
    .positional_min = 2,
    .positional_max = 1001,
    .run = apply_command,
};

static void print_released(const json_t *answer)
{
    printf("%zu nodes came back.\n", json_array_size(json_object_get(answer, "nodes")));
}

static int release_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "POST", "/v1/licenses/%s/release", arguments->positional[0],
                            devices_body(arguments), print_released);
}

const struct fl_command fl_command_license_release = {
    .name = "license release",
    .operands = "LICENSE DEVICE…",
    .summary = "take a license off devices; its nodes come back with the rest of their terms",
    .examples = "  fleetlog --as it@example.org license release 0198… rack-1\n",
    .positional_min = 2,
    .positional_max = 1001,
    .run = release_command,
};

static void print_withdrawn(const json_t *answer)
{
    printf("License %s is withdrawn.\n", fl_json_member(answer, "licenseId"));
}

static int withdraw_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "POST", "/v1/licenses/%s/withdraw", arguments->positional[0],
                            json_pack("{s:s}", "reason", arguments->positional[1]),
                            print_withdrawn);
}

const struct fl_command fl_command_license_withdraw = {
    .name = "license withdraw",
    .operands = "LICENSE REASON",
    .summary = "end a license at once, on every device",
    .examples = "  fleetlog license withdraw 0198… 'PO-4711 was never paid'\n",
    .positional_min = 2,
    .positional_max = 2,
    .run = withdraw_command,
};
