/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that change hands. */
#include <string.h>

#include "core/timestamp.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

static void print_offered(const json_t *answer)
{
    char expires[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(answer, "expiresAtMs", expires);
    printf("transfer %s\ntoken    %s\nlink     %s\nexpires  %s\n",
           fl_json_member(answer, "transferId"), fl_json_member(answer, "token"),
           fl_json_member(answer, "link"), expires);
}

static int offer_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *to = fl_argument(arguments, "to");
    if (to == NULL)
        return fl_cli_usage("--to EMAIL is missing");
    json_t *devices = json_array();
    for (size_t i = 0; i < arguments->positional_count; i++)
        json_array_append_new(devices, json_string(arguments->positional[i]));
    return fl_client_change(cli, "POST", "/v1/transfers", NULL,
                            json_pack("{s:s, s:o}", "address", to, "devices", devices),
                            print_offered);
}

static const struct fl_option offer_options[] = {
    {"to", 't', "EMAIL", "an administrator of the company that is to own them"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_transfer_offer = {
    .name = "transfer offer",
    .operands = "DEVICE… --to EMAIL",
    .summary = "offer devices (names or ids) to another company; prints the token for accepting",
    .examples = "  fleetlog --as owner@example.org transfer offer rack-1 --to boss@example.net\n",
    .options = offer_options,
    .positional_min = 1,
    .positional_max = 1000,
    .run = offer_command,
};

static void add_transfer(void *table, const json_t *item)
{
    char count[32];
    char expires[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(item, "expiresAtMs", expires);
    const json_t *first = json_array_get(json_object_get(item, "devices"), 0);
    const char *cells[] = {fl_json_member(item, "transferId"),
                           fl_json_member(item, "state"),
                           fl_json_member(item, "owner"),
                           fl_json_person(item, "subjectId"),
                           fl_json_cell(item, "deviceCount", count, sizeof(count)),
                           first == NULL ? NULL : fl_json_member(first, "name"),
                           expires};
    fl_table_add(table, cells);
}

static int list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"TRANSFER", "STATE", "OWNER",  "TO",
                                           "DEVICES",  "FIRST", "EXPIRES"};
    bool received = fl_argument(arguments, "received") != NULL;
    return fl_client_table(cli, received ? "/v1/transfers?received=true" : "/v1/transfers",
                           headings, 7, add_transfer);
}

static const struct fl_option list_options[] = {
    {"received", 0, NULL, "offers to the account instead of those of its company"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_transfer_list = {
    .name = "transfer list",
    .operands = "",
    .summary = "list open offers of ownership",
    .options = list_options,
    .run = list_command,
};

static void print_taken(const json_t *answer)
{
    printf("Devices taken over: %zu. Shares ended: %zu. Pending commands cancelled: %zu.\n",
           json_array_size(json_object_get(answer, "deviceIds")),
           json_array_size(json_object_get(answer, "endedShareIds")),
           json_array_size(json_object_get(answer, "cancelledCommandIds")));
}

static int accept_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "POST", "/v1/transfers/accept", NULL,
                            json_pack("{s:s}", "token", arguments->positional[0]), print_taken);
}

const struct fl_command fl_command_transfer_accept = {
    .name = "transfer accept",
    .operands = "TOKEN",
    .summary = "take devices over for the account's company (--as)",
    .examples = "  fleetlog --as boss@example.net transfer accept 0198….kX3…\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = accept_command,
};

static void print_declined(const json_t *answer)
{
    printf("Declined transfer %s.\n", fl_json_member(answer, "transferId"));
}

static int decline_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "POST", "/v1/transfers/decline", NULL,
                            json_pack("{s:s}", "token", arguments->positional[0]), print_declined);
}

const struct fl_command fl_command_transfer_decline = {
    .name = "transfer decline",
    .operands = "TOKEN",
    .summary = "decline to take devices over, as the account (--as) or by the link alone",
    .examples = "  fleetlog transfer decline 0198….kX3…\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = decline_command,
};

static void print_cancelled(const json_t *answer)
{
    printf("Cancelled transfer %s.\n", fl_json_member(answer, "transferId"));
}

static int cancel_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "DELETE", "/v1/transfers/%s", arguments->positional[0],
                            json_null(), print_cancelled);
}

const struct fl_command fl_command_transfer_cancel = {
    .name = "transfer cancel",
    .operands = "TRANSFER",
    .summary = "take an offer of ownership back",
    .examples = "  fleetlog --as owner@example.org transfer cancel 0198…\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = cancel_command,
};
