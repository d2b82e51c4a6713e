/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's word on a clock that the gateway suspects. */
#include "replay/cli/client.h"
#include "replay/cli/commands.h"

static int clock_accept_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    char scratch[32];
    json_t *answer = NULL;
    (void)arguments;
    if (cli->as != NULL)
        return fl_cli_usage("the clock is the operator's affair: leave out --as");
    int code = fl_client_call(cli, "POST", "/v1/clock/accept", NULL, &answer);
    if (code != FL_EXIT_DONE)
        return code;
    const char *intake = fl_json_cell(answer, "intake", scratch, sizeof(scratch));
    if (cli->json)
        fl_print_json(answer);
    else if (!cli->quiet)
        printf("The clock is taken as right; intake: %s.\n", intake == NULL ? "unknown" : intake);
    json_decref(answer);
    return FL_EXIT_DONE;
}

const struct fl_command fl_command_clock_accept = {
    .name = "clock accept",
    .operands = "",
    .summary = "say that this node's clock is right when the gateway holds intake because of it",
    .examples = "  fleetlog clock accept\n",
    .run = clock_accept_command,
};
