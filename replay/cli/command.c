/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to devices: `fleetlog command self-test DEVICE` and the like. */
#include <string.h>

#include "core/config.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

enum { PATH_SIZE = 512, WAIT_S = 50 };

static void print_state(const json_t *command)
{
    const char *variable = fl_json_member(command, "variable");
    printf("%s: %s", fl_json_member(command, "commandId"), fl_json_member(command, "state"));
    if (variable[0] != '\0') {
        printf(" (%s: ", variable);
        fl_print_safe(fl_json_member(command, "value"), strlen(fl_json_member(command, "value")),
                      stdout);
        printf(")");
    }
    if (fl_json_member(command, "reason")[0] != '\0')
        printf(" [%s]", fl_json_member(command, "reason"));
    printf("\n");
    fflush(stdout);
}

/* Follows the command to its end, a line per change. */
static int follow(struct fl_cli *cli, const char *id)
{
    char path[PATH_SIZE];
    char before[32] = "";
    const char *arguments[] = {id};
    for (;;) {
        json_t *command = NULL;
        bool is_first = before[0] == '\0';
        char format[64];
        snprintf(format, sizeof(format), "/v1/commands/%%s?wait=%d", is_first ? 0 : WAIT_S);
        if (!fl_client_path(path, sizeof(path), format, arguments, 1))
            return fl_cli_usage("the command's id is too long");
        int code = fl_client_call(cli, "GET", path, NULL, &command);
        if (code != FL_EXIT_DONE)
            return code;
        const char *state = fl_json_member(command, "state");
        bool is_open = json_is_true(json_object_get(command, "open"));
        bool succeeded = strcmp(state, "succeeded") == 0;
        if (strcmp(before, state) != 0 || !is_open) {
            if (cli->json)
                fl_print_json(command);
            else
                print_state(command);
        }
        snprintf(before, sizeof(before), "%s", state);
        json_decref(command);
        if (!is_open)
            return succeeded ? FL_EXIT_DONE : FL_EXIT_FAILED;
    }
}

static int request(struct fl_cli *cli, const struct fl_arguments *arguments, const char *kind)
{
    json_t *answer = NULL;
    uint64_t ttl_ms = 0;
    const char *ttl = fl_argument(arguments, "ttl");
    const char *parameter = arguments->positional_count > 1 ? arguments->positional[1] : "";
    if (ttl != NULL && !fl_parse_duration_ms(ttl, &ttl_ms))
        return fl_cli_usage("--ttl: \"%s\" is not a duration such as 90s or 10min", ttl);
    json_t *body = json_pack("{s:s, s:s, s:s}", "kind", kind, "device", arguments->positional[0],
                             "parameter", parameter);
    if (body == NULL)
        return fl_cli_usage("an argument is no valid UTF-8");
    if (ttl != NULL)
        json_object_set_new(body, "ttlMs", json_integer((json_int_t)ttl_ms));
    int code = fl_client_call(cli, "POST", "/v1/commands", body, &answer);
    json_decref(body);
    if (code == FL_EXIT_DONE && fl_argument(arguments, "no-wait") != NULL) {
        if (cli->json)
            fl_print_json(answer);
        else
            printf("%s: requested\n", fl_json_member(answer, "commandId"));
    } else if (code == FL_EXIT_DONE) {
        code = follow(cli, fl_json_member(answer, "commandId"));
    }
    json_decref(answer);
    return code;
}

static const struct fl_option command_options[] = {
    {"ttl", 't', "DURATION", "give up when it was not delivered by then (default 10min)"},
    {"no-wait", 'n', NULL, "do not wait for the outcome"},
    {NULL, 0, NULL, NULL},
};

static int self_test_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return request(cli, arguments, "self-test");
}

const struct fl_command fl_command_self_test = {
    .name = "command self-test",
    .operands = "DEVICE",
    .summary = "let a device test its battery; ends when the result was observed",
    .examples = "  fleetlog --as owner@example.org command self-test rack-1\n",
    .options = command_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = self_test_command,
};

static int beeper_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return request(cli, arguments, "beeper");
}

const struct fl_command fl_command_beeper = {
    .name = "command beeper",
    .operands = "DEVICE enable|disable|mute",
    .summary = "switch a device's beeper",
    .options = command_options,
    .positional_min = 2,
    .positional_max = 2,
    .run = beeper_command,
};

static int sensitivity_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return request(cli, arguments, "sensitivity");
}

const struct fl_command fl_command_sensitivity = {
    .name = "command sensitivity",
    .operands = "DEVICE VALUE",
    .summary = "set how sensitive a device is to bad input",
    .options = command_options,
    .positional_min = 2,
    .positional_max = 2,
    .run = sensitivity_command,
};

static int battery_date_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return request(cli, arguments, "battery-install-date");
}

const struct fl_command fl_command_battery_date = {
    .name = "command battery-install-date",
    .operands = "DEVICE YYYY-MM-DD",
    .summary = "store in a device when its battery was installed",
    .options = command_options,
    .positional_min = 2,
    .positional_max = 2,
    .run = battery_date_command,
};

static int calibration_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return request(cli, arguments, "calibration");
}

const struct fl_command fl_command_calibration = {
    .name = "command calibration",
    .operands = "DEVICE",
    .summary = "let a device measure its runtime anew (it runs on battery for a while)",
    .options = command_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = calibration_command,
};

static int outlet_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return request(cli, arguments, "outlet-reboot");
}

const struct fl_command fl_command_outlet_reboot = {
    .name = "command outlet-reboot",
    .operands = "DEVICE OUTLET",
    .summary = "switch an outlet (1) or outlet group (group.1) off and on again",
    .examples = "  fleetlog --as owner@example.org command outlet-reboot rack-1 1\n",
    .options = command_options,
    .positional_min = 2,
    .positional_max = 2,
    .run = outlet_command,
};

static int firmware_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return request(cli, arguments, "firmware-upgrade");
}

const struct fl_command fl_command_firmware_upgrade = {
    .name = "command firmware-upgrade",
    .operands = "DEVICE FIRMWARE",
    .summary =
        "install a published image (its id: see `firmware list`); ends when it was read back",
    .examples =
        "  fleetlog --as owner@example.org command firmware-upgrade rack-1 0198… --ttl 2h\n",
    .options = command_options,
    .positional_min = 2,
    .positional_max = 2,
    .run = firmware_command,
};

static int show_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    char path[PATH_SIZE];
    json_t *command = NULL;
    const char *id[] = {arguments->positional[0]};
    if (!fl_client_path(path, sizeof(path), "/v1/commands/%s", id, 1))
        return fl_cli_usage("the command's id is too long");
    int code = fl_client_call(cli, "GET", path, NULL, &command);
    if (code == FL_EXIT_DONE && cli->json)
        fl_print_json(command);
    else if (code == FL_EXIT_DONE)
        print_state(command);
    json_decref(command);
    return code;
}

const struct fl_command fl_command_command_show = {
    .name = "command show",
    .operands = "COMMAND",
    .summary = "show how far a command has come",
    .positional_min = 1,
    .positional_max = 1,
    .run = show_command,
};
