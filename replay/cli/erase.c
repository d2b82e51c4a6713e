/* SPDX-License-Identifier: Apache-2.0 */
/* Erasing a person, and waiting until it is true. */
#include <inttypes.h>
#include <string.h>

#include "replay/cli/client.h"
#include "replay/cli/commands.h"

enum { PATH_SIZE = 256 };

static const struct fl_option erase_options[] = {
    {.name = "force", .help = "even if a company is left without an administrator"},
    {.name = "no-wait", .help = "return when the erasure is on the log"},
    {.name = NULL},
};

/* Tells each new stage once; FL_EXIT_DONE when nothing of the person can be read any more. */
static int wait_erased(struct fl_cli *cli, const char *subject_id, json_int_t sequence)
{
    char said[64] = "";
    for (;;) {
        char path[PATH_SIZE];
        json_t *answer = NULL;
        snprintf(path, sizeof(path), "/v1/erasures/%s?after=%" JSON_INTEGER_FORMAT, subject_id,
                 sequence);
        int code = fl_client_call(cli, "GET", path, NULL, &answer);
        if (code != FL_EXIT_DONE)
            return code;
        const char *stage = fl_json_member(answer, "stage");
        bool erased = json_is_true(json_object_get(answer, "erased"));
        sequence = json_integer_value(json_object_get(answer, "sequence"));
        if (!cli->quiet && !cli->json && strcmp(stage, said) != 0)
            printf("%s: %s\n", subject_id, stage);
        fflush(stdout);
        snprintf(said, sizeof(said), "%s", stage);
        if (erased && cli->json)
            fl_print_json(answer);
        json_decref(answer);
        if (erased)
            return FL_EXIT_DONE;
    }
}

static int erase_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *answer = NULL;
    json_t *body = json_pack("{s:s, s:s}", "person", arguments->positional[0], "force",
                             fl_argument(arguments, "force") != NULL ? "yes" : "no");
    if (body == NULL)
        return fl_cli_usage("an argument is no valid UTF-8");
    int code = fl_client_call(cli, "POST", "/v1/erasures", body, &answer);
    json_decref(body);
    if (code == FL_EXIT_DONE && fl_argument(arguments, "no-wait") != NULL) {
        if (cli->json)
            fl_print_json(answer);
        else
            printf("%s\n", fl_json_member(answer, "subjectId"));
    } else if (code == FL_EXIT_DONE) {
        code = wait_erased(cli, fl_json_member(answer, "subjectId"),
                           json_integer_value(json_object_get(answer, "sequence")));
    }
    json_decref(answer);
    return code;
}

const struct fl_command fl_command_erase = {
    .name = "erase",
    .operands = "PERSON",
    .summary = "erase a person for good: no account, and nothing of him readable anywhere",
    .examples =
        "  fleetlog erase someone@example.org     by address or id; waits until it is done\n",
    .options = erase_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = erase_command,
};
