/* SPDX-License-Identifier: Apache-2.0 */
/* An account's own affairs (--as): profile, password, second factor, address; and what somebody
 * does by the link of a mail. */
#include <sodium.h>
#include <string.h>

#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/secret.h"

enum { SECRET_COUNT_MAX = 2 };

/* What a command asks for, and as which member of the body it goes out. */
struct asked {
    const char *member;
    const char *what;
    bool is_chosen;
};

/* Adds what is asked for to `take_body` and sends it. */
static int send_with(struct fl_cli *cli, const struct fl_arguments *arguments, const char *path,
                     const struct asked *asked, size_t count, json_t *take_body,
                     void (*print)(const json_t *answer))
{
    char secret[FL_SECRET_SIZE];
    struct fl_secrets secrets;
    int code = take_body == NULL ? fl_cli_usage("an argument is no valid UTF-8")
                                 : fl_secrets_open(&secrets, arguments);
    if (code != FL_EXIT_DONE) {
        json_decref(take_body);
        return code;
    }
    for (size_t i = 0; code == FL_EXIT_DONE && i < count; i++) {
        code = asked[i].is_chosen ? fl_secret_choose(&secrets, asked[i].what, secret)
                                  : fl_secret_read(&secrets, asked[i].what, secret);
        if (code == FL_EXIT_DONE &&
            json_object_set_new(take_body, asked[i].member, json_string(secret)) != 0)
            code = fl_cli_usage("%s: it is no valid UTF-8", asked[i].what);
    }
    sodium_memzero(secret, sizeof(secret));
    fl_secrets_close(&secrets);
    if (code == FL_EXIT_DONE)
        return fl_client_change(cli, "POST", path, NULL, take_body, print);
    json_decref(take_body);
    return code;
}

static const struct asked own_password = {"password", "Password", false};
static const struct asked chosen_password = {"password", "New password", true};

static const struct fl_option secret_options[] = {
    FL_SECRET_OPTION,
    {NULL, 0, NULL, NULL},
};

/* --- by the link of a mail --- */

static void print_signed_up(const json_t *answer)
{
    printf("account %s\ncompany %s\n", fl_json_member(answer, "accountId"),
           fl_json_member(answer, "companyName"));
}

/* name and language, where they are given. */
static void add_profile(json_t *body, const struct fl_arguments *arguments)
{
    static const char *const names[] = {"name", "language"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (fl_argument(arguments, names[i]) != NULL)
            json_object_set_new(body, names[i], json_string(fl_argument(arguments, names[i])));
}

static int sign_up_confirm_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *body = json_pack("{s:s}", "token", arguments->positional[0]);
    add_profile(body, arguments);
    return send_with(cli, arguments, "/v1/sign-up/confirm", &chosen_password, 1, body,
                     print_signed_up);
}

static const struct fl_option confirm_options[] = {
    {"name", 0, "NAME", "what the person is called"},
    {"language", 0, "CODE", "of mails, as in en"},
    FL_SECRET_OPTION,
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_sign_up_confirm = {
    .name = "sign-up confirm",
    .operands = "TOKEN",
    .summary =
        "make the account and company of a sign-up, by its mail's token; asks for a password",
    .examples = "  fleetlog sign-up confirm 0198….kX3… --name Anna\n"
                "  fleetlog sign-up confirm 0198….kX3… --password-file secret\n",
    .options = confirm_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = sign_up_confirm_command,
};

static void print_password_set(const json_t *answer)
{
    (void)answer;
    printf("The password is set; every session has ended.\n");
}

static int password_confirm_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return send_with(cli, arguments, "/v1/password-reset/confirm", &chosen_password, 1,
                     json_pack("{s:s}", "token", arguments->positional[0]), print_password_set);
}

const struct fl_command fl_command_password_confirm = {
    .name = "password confirm",
    .operands = "TOKEN",
    .summary = "set the new password of a reset, by its mail's token",
    .examples = "  fleetlog password confirm 0198….kX3…\n",
    .options = secret_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = password_confirm_command,
};

static void print_address_set(const json_t *answer)
{
    (void)answer;
    printf("The account has its new address.\n");
}

static int address_confirm_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "POST", "/v1/account/address/confirm", NULL,
                            json_pack("{s:s}", "token", arguments->positional[0]),
                            print_address_set);
}

const struct fl_command fl_command_account_address_confirm = {
    .name = "account address confirm",
    .operands = "TOKEN",
    .summary = "give an account its new address, by the token of the mail to it",
    .examples = "  fleetlog account address confirm 0198….kX3…\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = address_confirm_command,
};

/* --- as the account --- */

static int account_show_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *answer = NULL;
    char left[32];
    (void)arguments;
    int code = fl_client_call(cli, "GET", "/v1/account", NULL, &answer);
    if (code != FL_EXIT_DONE)
        return code;
    if (cli->json)
        fl_print_json(answer);
    else
        printf("account  %s\naddress  %s\nname     %s\nlanguage %s\npassword %s\n"
               "second factor %s, %s recovery codes left\n",
               fl_json_member(answer, "accountId"), fl_json_member(answer, "address"),
               fl_json_member(answer, "name"), fl_json_member(answer, "language"),
               json_is_true(json_object_get(answer, "hasPassword")) ? "set" : "none",
               json_is_true(json_object_get(answer, "secondFactor")) ? "on" : "off",
               fl_json_cell(answer, "recoveryCodesLeft", left, sizeof(left)));
    json_decref(answer);
    return code;
}

const struct fl_command fl_command_account_show = {
    .name = "account show",
    .operands = "",
    .summary = "show the account's own profile",
    .examples = "  fleetlog --as owner@example.org account show\n",
    .run = account_show_command,
};

static void print_changed(const json_t *answer)
{
    (void)answer;
    printf("Changed.\n");
}

static int account_change_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *body = json_object();
    add_profile(body, arguments);
    if (json_object_size(body) == 0) {
        json_decref(body);
        return fl_cli_usage("give --name, --language or both");
    }
    return fl_client_change(cli, "PATCH", "/v1/account", NULL, body, print_changed);
}

static const struct fl_option change_options[] = {
    {"name", 0, "NAME", "what the person is called"},
    {"language", 0, "CODE", "of mails, as in en"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_account_change = {
    .name = "account change",
    .operands = "",
    .summary = "change the account's name or language",
    .examples = "  fleetlog --as owner@example.org account change --name 'Olga Owner'\n",
    .options = change_options,
    .run = account_change_command,
};

static void print_mailed(const json_t *answer)
{
    if (fl_json_member(answer, "token")[0] == '\0')
        printf("A mail says the rest; there is no link for this address.\n");
    else
        printf("token %s\nlink  %s\n", fl_json_member(answer, "token"),
               fl_json_member(answer, "link"));
}

static int account_address_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return send_with(cli, arguments, "/v1/account/address", &own_password, 1,
                     json_pack("{s:s}", "address", arguments->positional[0]), print_mailed);
}

const struct fl_command fl_command_account_address = {
    .name = "account address",
    .operands = "ADDRESS",
    .summary = "ask for another address; asks for the password, prints the link of the mail to it",
    .examples = "  fleetlog --as owner@example.org account address owner@example.net\n",
    .options = secret_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = account_address_command,
};

static int password_change_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const struct asked both[SECRET_COUNT_MAX] = {{"password", "Password", false},
                                                        {"newPassword", "New password", true}};
    return send_with(cli, arguments, "/v1/account/password", both, 2, json_object(),
                     print_password_set);
}

const struct fl_command fl_command_password_change = {
    .name = "password change",
    .operands = "",
    .summary = "change the account's password; asks for the old and the new one",
    .examples = "  fleetlog --as owner@example.org password change\n",
    .options = secret_options,
    .run = password_change_command,
};

static void print_enrolment(const json_t *answer)
{
    printf("enrolment %s\nsecret    %s\nuri       %s\nGive the secret to an authenticator, then "
           "`totp confirm` within ten minutes.\n",
           fl_json_member(answer, "enrolmentId"), fl_json_member(answer, "secret"),
           fl_json_member(answer, "uri"));
}

static int totp_enable_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return send_with(cli, arguments, "/v1/account/totp", &own_password, 1, json_object(),
                     print_enrolment);
}

const struct fl_command fl_command_totp_enable = {
    .name = "totp enable",
    .operands = "",
    .summary = "begin a second factor of the account; prints the secret for an authenticator",
    .examples = "  fleetlog --as owner@example.org totp enable\n",
    .options = secret_options,
    .run = totp_enable_command,
};

static void print_recovery_codes(const json_t *answer)
{
    const json_t *codes = json_object_get(answer, "recoveryCodes");
    for (size_t i = 0; i < json_array_size(codes); i++)
        printf("%s\n", json_string_value(json_array_get(codes, i)));
    printf("The second factor is on. Each recovery code is good once; they are shown this once.\n");
}

static const struct asked password_and_code[SECRET_COUNT_MAX] = {{"password", "Password", false},
                                                                 {"code", "Code", false}};

static int totp_confirm_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return send_with(cli, arguments, "/v1/account/totp/confirm", password_and_code, 2,
                     json_pack("{s:s}", "enrolmentId", arguments->positional[0]),
                     print_recovery_codes);
}

const struct fl_command fl_command_totp_confirm = {
    .name = "totp confirm",
    .operands = "ENROLMENT",
    .summary = "turn the second factor on with its first code; prints the recovery codes",
    .examples = "  fleetlog --as owner@example.org totp confirm 0198…\n",
    .options = secret_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = totp_confirm_command,
};

static void print_disabled(const json_t *answer)
{
    (void)answer;
    printf("The second factor is off; every session has ended.\n");
}

static int totp_disable_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return send_with(cli, arguments, "/v1/account/totp/disable", password_and_code, 2,
                     json_object(), print_disabled);
}

const struct fl_command fl_command_totp_disable = {
    .name = "totp disable",
    .operands = "",
    .summary = "turn the second factor off; asks for the password and a code, or a recovery code",
    .examples = "  fleetlog --as owner@example.org totp disable\n",
    .options = secret_options,
    .run = totp_disable_command,
};
