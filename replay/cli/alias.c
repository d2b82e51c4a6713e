/* SPDX-License-Identifier: Apache-2.0 */
/* Agents, and the way by which a device is reached. */
#include <string.h>

#include "core/timestamp.h"
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

static void add_agent(void *table, const json_t *item)
{
    char since[FL_TIMESTAMP_TEXT_SIZE] = "";
    json_int_t since_ms = json_integer_value(json_object_get(item, "enrolledAtMs"));
    if (since_ms > 0 && since_ms <= FL_TIMESTAMP_MS_MAX)
        fl_timestamp_format(since_ms, since);
    const char *cells[] = {fl_json_member(item, "agentId"), since};
    fl_table_add(table, cells);
}

static int agent_list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"AGENT", "ENROLLED"};
    (void)arguments;
    return fl_client_table(cli, "/v1/agents", headings, 2, add_agent);
}

const struct fl_command fl_command_agent_list = {
    .name = "agent list",
    .operands = "",
    .summary = "list the agents of the account's company",
    .run = agent_list_command,
};

static void print_moved(const json_t *answer)
{
    printf("Device %s is reached as ", fl_json_member(answer, "deviceId"));
    fl_print_safe(fl_json_member(answer, "upsName"), strlen(fl_json_member(answer, "upsName")),
                  stdout);
    printf(" at ");
    fl_print_safe(fl_json_member(answer, "upsdAddress"),
                  strlen(fl_json_member(answer, "upsdAddress")), stdout);
    printf(" by agent %s.\n", fl_json_member(answer, "agentId"));
}

static int device_move_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const char *agent = fl_argument(arguments, "agent");
    const char *upsd = fl_argument(arguments, "upsd");
    const char *ups = fl_argument(arguments, "ups");
    if (agent == NULL || upsd == NULL || ups == NULL)
        return fl_cli_usage("--agent, --upsd and --ups say how the device is reached");
    return fl_client_change(
        cli, "POST", "/v1/devices/%s/move", arguments->positional[0],
        json_pack("{s:s, s:s, s:s}", "agent", agent, "upsdAddress", upsd, "upsName", ups),
        print_moved);
}

static const struct fl_option move_options[] = {
    {"agent", 'a', "AGENT", "id of the agent that reaches it (see `agent list`)"},
    {"upsd", 'u', "HOST:PORT", "the upsd as that agent is told to reach it"},
    {"ups", 'n', "NAME", "its name there"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_device_move = {
    .name = "device move",
    .operands = "DEVICE --agent AGENT --upsd HOST:PORT --ups NAME",
    .summary = "say that a UPS is reached another way: it stays the same device",
    .examples = "  fleetlog --as owner@example.org device move rack-1 --agent 0198… "
                "--upsd nas:3493 --ups rack\n",
    .options = move_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = device_move_command,
};
