/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes on record: whose word an epoch's change waits for. */
#include "replay/cli/client.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"

static void add_node(void *context, const json_t *item)
{
    char scratch[2][32];
    char time[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_time_cell(item, "announcedAtMs", time);
    const char *cells[] = {
        fl_json_cell(item, "nodeId", scratch[0], sizeof(scratch[0])),
        fl_json_cell(item, "softwareVersion", scratch[1], sizeof(scratch[1])),
        time,
    };
    fl_table_add(context, cells);
}

static int list_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"NODE", "VERSION", "ON RECORD SINCE"};
    (void)arguments;
    return fl_client_table(cli, "/v1/nodes", headings, sizeof(headings) / sizeof(headings[0]),
                           add_node);
}

const struct fl_command fl_command_node_list = {
    .name = "node list",
    .operands = "",
    .summary = "the nodes on record: an erasure waits for each of them",
    .run = list_command,
};

static void print_removed(const json_t *answer)
{
    (void)answer;
    printf("It is off the record, and nothing waits for it any more. Its disk still opens what it "
           "held: destroy that.\n");
}

static int remove_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    return fl_client_change(cli, "DELETE", "/v1/nodes/%s", arguments->positional[0], json_null(),
                            print_removed);
}

const struct fl_command fl_command_node_remove = {
    .name = "node remove",
    .operands = "NODE",
    .summary = "take a node that is gone for good off the record; destroy its data first",
    .examples = "  fleetlog node remove 01890a5d-ac96-774b-bcce-b302099a8057\n",
    .positional_min = 1,
    .positional_max = 1,
    .run = remove_command,
};
