/* SPDX-License-Identifier: Apache-2.0 */
/* Companies, accounts, claims, invitations, shares. */
#include <string.h>

#include "core/timestamp.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

enum { PATH_SIZE = 4096 };

static void print_company(const json_t *answer)
{
    printf("%s\n", fl_json_member(answer, "companyId"));
}

static int company_create_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "POST", "/v1/companies", NULL,
                            json_pack("{s:s}", "name", arguments->positional[0]), print_company);
}

const struct fl_command fl_command_company_create = {
    .name = "company create",
    .operands = "NAME",
    .summary = "create a company; prints its id",
    .examples = "  fleetlog company create 'Example Ltd'\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = company_create_command,
};

static void add_company(void *table, const json_t *item)
{
    const char *cells[] = {fl_json_member(item, "name"), fl_json_member(item, "companyId")};
    fl_table_add(table, cells);
}

static int company_list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"NAME", "ID"};
    (void)arguments;
    return fl_client_table(cli, "/v1/companies", headings, 2, add_company);
}

const struct fl_command fl_command_company_list = {
    .name = "company list",
    .operands = "",
    .summary = "list companies",
    .run = company_list_command,
};

static void print_account(const json_t *answer)
{
    printf("%s\n", fl_json_member(answer, "accountId"));
}

static int account_create_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *company = fl_argument(arguments, "company");
    const char *role = fl_argument(arguments, "role");
    if (company == NULL)
        return fl_cli_usage("--company NAME-OR-ID is missing");
    return fl_client_change(cli, "POST", "/v1/accounts", NULL,
                            json_pack("{s:s, s:s, s:s}", "address", arguments->positional[0],
                                      "company", company, "role",
                                      role != NULL ? role : "administrator"),
                            print_account);
}

static const struct fl_option account_options[] = {
    {"company", 'c', "NAME", "the company, by name or id"},
    {"role", 'r', "ROLE", "administrator (default) or member"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_account_create = {
    .name = "account create",
    .operands = "EMAIL",
    .summary = "create an account in a company; prints its id",
    .examples = "  fleetlog account create owner@example.org --company 'Example Ltd'\n",
    .options = account_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = account_create_command,
};

static void print_claim(const json_t *answer)
{
    printf("%s\n", fl_json_member(answer, "code"));
}

static int claim_issue_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    (void)arguments;
    return fl_client_change(cli, "POST", "/v1/claims", NULL, json_object(), print_claim);
}

const struct fl_command fl_command_claim_issue = {
    .name = "claim issue",
    .operands = "",
    .summary = "issue a claim code for an agent; prints it once, it lives for ten minutes",
    .examples = "  fleetlog --as owner@example.org claim issue\n",
    .run = claim_issue_command,
};

static void print_invitation(const json_t *answer)
{
    printf("%s\n%s\n", fl_json_member(answer, "title"), fl_json_member(answer, "message"));
}

static int invite_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *address = arguments->positional_count > 0 ? arguments->positional[0] : "";
    return fl_client_change(cli, "POST", "/v1/invitations", NULL,
                            json_pack("{s:s}", "address", address), print_invitation);
}

const struct fl_command fl_command_invite = {
    .name = "invite",
    .operands = "EMAIL",
    .summary = "invite a co-worker into the account's company",
    .examples = "  fleetlog --as owner@example.org invite colleague@example.org\n",
    .positional_max = 1,
    .run = invite_command,
};

static void print_share(const json_t *answer)
{
    printf("share %s\ntoken %s\nlink  %s\n", fl_json_member(answer, "shareId"),
           fl_json_member(answer, "token"), fl_json_member(answer, "link"));
}

static int share_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *with = fl_argument(arguments, "with");
    const char *until = fl_argument(arguments, "until");
    int64_t until_ms = 0;
    json_t *devices = json_array();
    for (size_t i = 0; i < arguments->positional_count; i++)
        json_array_append_new(devices, json_string(arguments->positional[i]));
    if (with == NULL) {
        json_decref(devices);
        return fl_cli_usage("--with EMAIL is missing");
    }
    if (until != NULL && !fl_timestamp_parse(fl_slice_text(until), &until_ms)) {
        json_decref(devices);
        return fl_cli_usage("--until takes a time as 2027-01-31T00:00:00.000Z");
    }
    return fl_client_change(cli, "POST", "/v1/shares", NULL,
                            json_pack("{s:s, s:o, s:I}", "address", with, "devices", devices,
                                      "expiresAtMs", (json_int_t)until_ms),
                            print_share);
}

static const struct fl_option share_options[] = {
    {"with", 'w', "EMAIL", "the person to share with"},
    {"until", 'u', "TIME", "when the share ends, as 2027-01-31T00:00:00.000Z; never if left out"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_share = {
    .name = "share",
    .operands = "DEVICE… --with EMAIL",
    .summary = "share devices (names or ids) with a person; prints the token for accepting",
    .examples = "  fleetlog --as owner@example.org share rack-1 rack-2 --with msp@example.net\n",
    .options = share_options,
    .positional_min = 1,
    .positional_max = 1000,
    .run = share_command,
};

static void print_accepted(const json_t *answer)
{
    printf("Accepted share %s: %zu devices.\n", fl_json_member(answer, "shareId"),
           json_array_size(json_object_get(answer, "deviceIds")));
}

static int share_accept_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "POST", "/v1/shares/accept", NULL,
                            json_pack("{s:s}", "token", arguments->positional[0]), print_accepted);
}

const struct fl_command fl_command_share_accept = {
    .name = "share accept",
    .operands = "TOKEN",
    .summary = "accept a share for the account (--as)",
    .examples = "  fleetlog --as msp@example.net share accept 0198….kX3…\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = share_accept_command,
};

static void add_share(void *table, const json_t *item)
{
    char count[32];
    char time_text[FL_TIMESTAMP_TEXT_SIZE] = "";
    json_int_t expires_ms = json_integer_value(json_object_get(item, "expiresAtMs"));
    if (expires_ms > 0 && expires_ms <= FL_TIMESTAMP_MS_MAX &&
        strcmp(fl_json_member(item, "state"), "pending") == 0)
        fl_timestamp_format(expires_ms, time_text);
    const char *cells[] = {fl_json_member(item, "shareId"), fl_json_member(item, "state"),
                           fl_json_cell(item, "deviceCount", count, sizeof(count)),
                           fl_json_person(item, "subjectId"),
                           time_text[0] != '\0' ? time_text : NULL};
    fl_table_add(table, cells);
}

static int share_list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"SHARE", "STATE", "DEVICES", "WITH", "EXPIRES"};
    bool is_held = fl_argument(arguments, "held") != NULL;
    return fl_client_table(cli, is_held ? "/v1/shares?held=true" : "/v1/shares", headings, 5,
                           add_share);
}

static const struct fl_option share_list_options[] = {
    {"held", 0, NULL, "those that the account holds instead of those its company gave"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_share_list = {
    .name = "share list",
    .operands = "",
    .summary = "list shares, pending and accepted",
    .options = share_list_options,
    .run = share_list_command,
};

/* unshare SHARE [DEVICE…]: the whole share, or some devices of it. */
static int unshare_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    char path[PATH_SIZE];
    json_t *answer = NULL;
    const char *share[] = {arguments->positional[0]};
    if (!fl_client_path(path, sizeof(path), "/v1/shares/%s", share, 1))
        return fl_cli_usage("the share's id is too long");
    for (size_t i = 1; i < arguments->positional_count; i++) {
        size_t used = strlen(path);
        const char *device[] = {arguments->positional[i]};
        if (!fl_client_path(path + used, sizeof(path) - used, i == 1 ? "?devices=%s" : ",%s",
                            device, 1))
            return fl_cli_usage("too many devices for one command");
    }
    int code = fl_client_call(cli, "DELETE", path, NULL, &answer);
    if (code == FL_EXIT_DONE && cli->json)
        fl_print_json(answer);
    else if (code == FL_EXIT_DONE)
        printf("Devices revoked: %zu. Pending commands cancelled: %zu.\n",
               json_array_size(json_object_get(answer, "deviceIds")),
               json_array_size(json_object_get(answer, "cancelledCommandIds")));
    json_decref(answer);
    return code;
}

const struct fl_command fl_command_unshare = {
    .name = "unshare",
    .operands = "SHARE [DEVICE]…",
    .summary = "revoke a share, or drop one that the account holds",
    .examples = "  fleetlog --as owner@example.org unshare 0198…\n"
                "  fleetlog --as owner@example.org unshare 0198… rack-2\n",
    .positional_min = 1,
    .positional_max = 1001,
    .run = unshare_command,
};
