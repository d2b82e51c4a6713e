/* SPDX-License-Identifier: Apache-2.0 */
/* Signing up, password resets, sessions, API tokens: for an account (--as), or for somebody new. */
#include <stdlib.h>
#include <string.h>

#include "core/timestamp.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

/* There is no link for who cannot use one: nothing is said about why. */
static void print_link(const json_t *answer)
{
    if (fl_json_member(answer, "token")[0] == '\0')
        printf("A mail says the rest; there is no link for this address.\n");
    else
        printf("token %s\nlink  %s\n", fl_json_member(answer, "token"),
               fl_json_member(answer, "link"));
}

static int sign_up_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *company = fl_argument(arguments, "company");
    const char *share = fl_argument(arguments, "share");
    const char *transfer = fl_argument(arguments, "transfer");
    if (company == NULL)
        return fl_cli_usage("--company NAME is missing");
    if ((share != NULL) + (transfer != NULL) + (int)arguments->positional_count != 1)
        return fl_cli_usage("give an address, --share or --transfer");
    json_t *body = share != NULL      ? json_pack("{s:s}", "shareToken", share)
                   : transfer != NULL ? json_pack("{s:s}", "transferToken", transfer)
                                      : json_pack("{s:s}", "address", arguments->positional[0]);
    if (json_object_set_new(body, "companyName", json_string(company)) != 0) {
        json_decref(body);
        body = NULL;
    }
    return fl_client_change(cli, "POST", "/v1/sign-up", NULL, body, print_link);
}

static const struct fl_option sign_up_options[] = {
    {"company", 'c', "NAME", "the new company's name"},
    {"share", 0, "TOKEN", "who was offered this share, instead of an address"},
    {"transfer", 0, "TOKEN", "who was offered devices by this, instead of an address"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_sign_up = {
    .name = "sign-up",
    .operands = "[ADDRESS]",
    .summary = "let somebody sign up with a company of his own; prints the mail's link",
    .examples = "  fleetlog sign-up anna@example.org --company Acme\n",
    .options = sign_up_options,
    .positional_max = 1,
    .run = sign_up_command,
};

static int password_reset_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *body = json_pack("{s:s}", "address", arguments->positional[0]);
    return fl_client_change(cli, "POST", "/v1/password-reset", NULL, body, print_link);
}

const struct fl_command fl_command_password_reset = {
    .name = "password reset",
    .operands = "ADDRESS",
    .summary = "let an account set a new password; prints the mail's link, good for half an hour",
    .examples = "  fleetlog password reset anna@example.org\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = password_reset_command,
};

static void add_session(void *table, const json_t *item)
{
    char started[FL_TIMESTAMP_TEXT_SIZE];
    char used[FL_TIMESTAMP_TEXT_SIZE];
    char ends[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(item, "startedAtMs", started);
    fl_json_time_cell(item, "usedAtMs", used);
    fl_json_time_cell(item, "expiresAtMs", ends);
    const char *cells[] = {fl_json_member(item, "sessionId"), started, used, ends};
    fl_table_add(table, cells);
}

static int session_list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"SESSION", "SINCE", "USED", "EXPIRES"};
    (void)arguments;
    return fl_client_table(cli, "/v1/sessions", headings, 4, add_session);
}

const struct fl_command fl_command_session_list = {
    .name = "session list",
    .operands = "",
    .summary = "list the account's sessions",
    .examples = "  fleetlog --as owner@example.org session list\n",
    .run = session_list_command,
};

static void print_ended(const json_t *answer)
{
    (void)answer;
    printf("Ended.\n");
}

static int session_end_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    bool is_all = fl_argument(arguments, "all") != NULL;
    if (is_all == (arguments->positional_count == 1))
        return fl_cli_usage("name a session, or give --all");
    if (is_all)
        return fl_client_change(cli, "DELETE", "/v1/sessions", NULL, json_null(), print_ended);
    return fl_client_change(cli, "DELETE", "/v1/sessions/%s", arguments->positional[0], json_null(),
                            print_ended);
}

static const struct fl_option session_end_options[] = {
    {"all", 0, NULL, "every session of the account"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_session_end = {
    .name = "session end",
    .operands = "[SESSION]",
    .summary = "end one session of the account, or all",
    .examples = "  fleetlog --as owner@example.org session end --all\n",
    .options = session_end_options,
    .positional_max = 1,
    .run = session_end_command,
};

static void add_token(void *table, const json_t *item)
{
    char scopes[128] = "";
    char ends[FL_TIMESTAMP_TEXT_SIZE];
    const json_t *list = json_object_get(item, "scopes");
    for (size_t i = 0; i < json_array_size(list); i++) {
        size_t used = strlen(scopes);
        snprintf(scopes + used, sizeof(scopes) - used, "%s%s", i == 0 ? "" : ",",
                 json_string_value(json_array_get(list, i)));
    }
    fl_json_time_cell(item, "expiresAtMs", ends);
    const char *cells[] = {fl_json_member(item, "tokenId"), fl_json_member(item, "name"), scopes,
                           ends};
    fl_table_add(table, cells);
}

static int token_list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"TOKEN", "NAME", "SCOPES", "EXPIRES"};
    (void)arguments;
    return fl_client_table(cli, "/v1/api-tokens", headings, 4, add_token);
}

const struct fl_command fl_command_token_list = {
    .name = "token list",
    .operands = "",
    .summary = "list the account's API tokens",
    .examples = "  fleetlog --as owner@example.org token list\n",
    .run = token_list_command,
};

static void print_token(const json_t *answer)
{
    printf("id    %s\ntoken %s\nIt is shown this once.\n", fl_json_member(answer, "tokenId"),
           fl_json_member(answer, "token"));
}

static int token_create_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *scopes = fl_argument(arguments, "scopes");
    const char *days = fl_argument(arguments, "days");
    char *end = NULL;
    json_t *list = json_array();
    json_t *body = json_pack("{s:s, s:o}", "name", arguments->positional[0], "scopes", list);
    for (const char *word = scopes == NULL ? "read" : scopes; *word != '\0';) {
        size_t size = strcspn(word, ",");
        json_array_append_new(list, json_stringn(word, size));
        word += size + (word[size] == ',');
    }
    if (days != NULL) {
        long long number = strtoll(days, &end, 10);
        if (*days == '\0' || *end != '\0') {
            json_decref(body);
            return fl_cli_usage("--days takes a number");
        }
        json_object_set_new(body, "days", json_integer(number));
    }
    return fl_client_change(cli, "POST", "/v1/api-tokens", NULL, body, print_token);
}

static const struct fl_option token_create_options[] = {
    {"scopes", 0, "LIST", "read, write, commands, people, licenses; by commas; read if left out"},
    {"days", 0, "N", "how long it lives, 1 to 366; 90 if left out"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_token_create = {
    .name = "token create",
    .operands = "NAME",
    .summary = "make an API token of the account; it is shown once",
    .examples = "  fleetlog --as owner@example.org token create nightly --scopes read,commands\n",
    .options = token_create_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = token_create_command,
};

static void print_revoked(const json_t *answer)
{
    printf("Revoked %s.\n", fl_json_member(answer, "name"));
}

static int token_revoke_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "DELETE", "/v1/api-tokens/%s", arguments->positional[0],
                            json_null(), print_revoked);
}

const struct fl_command fl_command_token_revoke = {
    .name = "token revoke",
    .operands = "TOKEN",
    .summary = "revoke an API token of the account, by its id",
    .examples = "  fleetlog --as owner@example.org token revoke 0198…\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = token_revoke_command,
};
