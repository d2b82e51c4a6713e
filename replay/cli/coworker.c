/* SPDX-License-Identifier: Apache-2.0 */
/* Co-workers: invitations answered, roles, leaving; a holder's whole view of one owner. */
#include <string.h>

#include "core/timestamp.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

enum { PATH_SIZE = 1024 };

static void add_invitation(void *table, const json_t *item)
{
    char time_text[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(item, "expiresAtMs", time_text);
    const char *cells[] = {fl_json_member(item, "invitationId"), fl_json_member(item, "state"),
                           fl_json_person(item, "subjectId"), time_text};
    fl_table_add(table, cells);
}

static int invitation_list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"INVITATION", "STATE", "PERSON", "EXPIRES"};
    (void)arguments;
    return fl_client_table(cli, "/v1/invitations", headings, 4, add_invitation);
}

const struct fl_command fl_command_invitation_list = {
    .name = "invitation list",
    .operands = "",
    .summary = "list the invitations of the account's company, the latest of each person",
    .run = invitation_list_command,
};

static void print_cancelled(const json_t *answer)
{
    printf("Cancelled invitation %s.\n", fl_json_member(answer, "invitationId"));
}

static int invitation_cancel_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "DELETE", "/v1/invitations/%s", arguments->positional[0],
                            json_null(), print_cancelled);
}

const struct fl_command fl_command_invitation_cancel = {
    .name = "invitation cancel",
    .operands = "INVITATION",
    .summary = "cancel an invitation; its link is worth nothing any more",
    .examples = "  fleetlog --as owner@example.org invitation cancel 0198…\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = invitation_cancel_command,
};

static void print_resent(const json_t *answer)
{
    char time_text[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(answer, "expiresAtMs", time_text);
    printf("token   %s\nlink    %s\nexpires %s\n", fl_json_member(answer, "token"),
           fl_json_member(answer, "link"), time_text);
}

static int invitation_resend_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "POST", "/v1/invitations/%s/resend", arguments->positional[0],
                            json_null(), print_resent);
}

const struct fl_command fl_command_invitation_resend = {
    .name = "invitation resend",
    .operands = "INVITATION",
    .summary = "send an invitation again: good for another seven days; prints its token",
    .examples = "  fleetlog --as owner@example.org invitation resend 0198…\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = invitation_resend_command,
};

static void print_joined(const json_t *answer)
{
    printf("Account %s belongs to company %s.\n", fl_json_member(answer, "accountId"),
           fl_json_member(answer, "companyId"));
}

static int invitation_accept_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *move = fl_argument(arguments, "move") != NULL ? "yes" : "no";
    json_t *body = json_pack("{s:s, s:s}", "token", arguments->positional[0], "move", move);
    if (body == NULL)
        return fl_cli_usage("the token is no valid UTF-8");
    return fl_client_change(cli, "POST", "/v1/invitations/accept", NULL, body, print_joined);
}

static const struct fl_option accept_options[] = {
    {"move", 0, NULL, "leave the company that the account belongs to"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_invitation_accept = {
    .name = "invitation accept",
    .operands = "TOKEN",
    .summary = "accept an invitation: as the account (--as), or for somebody who has none yet",
    .examples = "  fleetlog invitation accept 0198….kX3…\n"
                "  fleetlog --as msp@example.net invitation accept --move 0198….kX3…\n",
    .options = accept_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = invitation_accept_command,
};

static void add_account(void *table, const json_t *item)
{
    char time_text[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(item, "createdAtMs", time_text);
    const char *cells[] = {fl_json_member(item, "accountId"), fl_json_cell(item, "person", NULL, 0),
                           fl_json_member(item, "role"), time_text};
    fl_table_add(table, cells);
}

static int account_list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"ACCOUNT", "PERSON", "ROLE", "SINCE"};
    const char *company = fl_argument(arguments, "company");
    char path[PATH_SIZE] = "/v1/accounts";
    if (company != NULL &&
        !fl_client_path(path, sizeof(path), "/v1/accounts?company=%s", &company, 1))
        return fl_cli_usage("the company's name is too long");
    return fl_client_table(cli, path, headings, 4, add_account);
}

static const struct fl_option account_list_options[] = {
    {"company", 'c', "NAME", "the company, by name or id; the account's own if left out"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_account_list = {
    .name = "account list",
    .operands = "",
    .summary = "list the accounts of a company",
    .options = account_list_options,
    .run = account_list_command,
};

static void print_role(const json_t *answer)
{
    printf("Account %s has a new role.\n", fl_json_member(answer, "accountId"));
}

static int account_role_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *body = json_pack("{s:s}", "role", arguments->positional[1]);
    if (body == NULL)
        return fl_cli_usage("the role is no valid UTF-8");
    return fl_client_change(cli, "PATCH", "/v1/accounts/%s", arguments->positional[0], body,
                            print_role);
}

const struct fl_command fl_command_account_role = {
    .name = "account role",
    .operands = "ACCOUNT ROLE",
    .summary = "make a co-worker administrator or member",
    .examples = "  fleetlog --as owner@example.org account role colleague@example.org member\n",
    .positional_min = 2,
    .positional_max = 2,
    .run = account_role_command,
};

static void print_left(const json_t *answer)
{
    printf("%zu shares ended; %zu pending commands cancelled.\n",
           json_array_size(json_object_get(answer, "endedShareIds")),
           json_array_size(json_object_get(answer, "cancelledCommandIds")));
}

static int account_remove_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "DELETE", "/v1/accounts/%s", arguments->positional[0], json_null(),
                            print_left);
}

const struct fl_command fl_command_account_remove = {
    .name = "account remove",
    .operands = "ACCOUNT",
    .summary = "remove a co-worker, with all that was shared with him",
    .examples = "  fleetlog --as owner@example.org account remove colleague@example.org\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = account_remove_command,
};

static int account_close_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    (void)arguments;
    return fl_client_change(cli, "POST", "/v1/account/close", NULL, json_null(), print_left);
}

const struct fl_command fl_command_account_close = {
    .name = "account close",
    .operands = "",
    .summary = "close the account (--as); a company keeps an administrator",
    .examples = "  fleetlog --as colleague@example.org account close\n",
    .run = account_close_command,
};

static int share_clear_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "DELETE", "/v1/shared-devices?owner=%s", arguments->positional[0],
                            json_null(), print_left);
}

const struct fl_command fl_command_share_clear = {
    .name = "share clear",
    .operands = "OWNER",
    .summary = "drop every device of one owner (name or id) from the account's shared devices",
    .examples = "  fleetlog --as msp@example.net share clear 'Example Ltd'\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = share_clear_command,
};
