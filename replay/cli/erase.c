/* SPDX-License-Identifier: Apache-2.0 */
/* Erasing a person, and waiting until it is true. */
#include <inttypes.h>
#include <string.h>

#include "replay/cli/client.h"
#include "replay/cli/commands.h"

enum { PATH_SIZE = 256, SAID_SIZE = 512 };

static const struct fl_option erase_options[] = {
    {.name = "force", .help = "even if a company is left without an administrator"},
    {.name = "no-wait", .help = "return when the erasure is on the log"},
    {.name = "timeout",
     .argument = "SECONDS",
     .help = "wait at most so long (exit code 75); it goes on by itself"},
    {.name = NULL},
};

enum { TIMEOUT_S_MAX = 1000000 };

/* Says each new stage, and whom it waits for, once. */
static void say(const struct fl_cli *cli, const char *subject_id, const json_t *answer,
                char said[SAID_SIZE])
{
    char now[SAID_SIZE];
    const char *waits_for = fl_json_member(answer, "waitsFor");
    snprintf(now, sizeof(now), "%s%s%s", fl_json_member(answer, "stage"),
             waits_for[0] == '\0' ? "" : "; waits for ", waits_for);
    if (!cli->quiet && !cli->json && strcmp(now, said) != 0)
        printf("%s: %s\n", subject_id, now);
    fflush(stdout);
    memcpy(said, now, sizeof(now));
}

/* FL_EXIT_DONE when nothing of the person can be read any more. */
static int wait_erased(struct fl_cli *cli, const char *subject_id, json_int_t sequence,
                       uint64_t timeout_s)
{
    char said[SAID_SIZE] = "";
    int64_t end_ms = fl_port_monotonic_ms(cli->port) + (int64_t)timeout_s * 1000;
    for (;;) {
        char path[PATH_SIZE];
        json_t *answer = NULL;
        snprintf(path, sizeof(path), "/v1/erasures/%s?after=%" JSON_INTEGER_FORMAT, subject_id,
                 sequence);
        int code = fl_client_call(cli, "GET", path, NULL, &answer);
        if (code != FL_EXIT_DONE)
            return code;
        bool erased = json_is_true(json_object_get(answer, "erased"));
        sequence = json_integer_value(json_object_get(answer, "sequence"));
        bool is_late = !erased && timeout_s != 0 && fl_port_monotonic_ms(cli->port) >= end_ms;
        say(cli, subject_id, answer, said);
        if ((erased || is_late) && cli->json)
            fl_print_json(answer);
        json_decref(answer);
        if (erased)
            return FL_EXIT_DONE;
        if (is_late) {
            fl_cli_error("not done within %" PRIu64 " s; it goes on by itself, and `fleetlog erase "
                         "%s` waits again",
                         timeout_s, subject_id);
            return FL_EXIT_TEMPORARY;
        }
    }
}

static int erase_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    json_t *answer = NULL;
    uint64_t timeout_s = 0;
    if (!fl_argument_number(arguments, "timeout", 0, &timeout_s))
        return FL_EXIT_USAGE;
    if (fl_argument(arguments, "timeout") != NULL && (timeout_s == 0 || timeout_s > TIMEOUT_S_MAX))
        return fl_cli_usage("--timeout: from 1 to %d", TIMEOUT_S_MAX);
    json_t *body = json_pack("{s:s, s:s}", "person", arguments->positional[0], "force",
                             fl_argument(arguments, "force") != NULL ? "yes" : "no");
    if (body == NULL)
        return fl_cli_usage("an argument is no valid UTF-8");
    int code = fl_client_call(cli, "POST", "/v1/erasures", body, &answer);
    json_decref(body);
    if (code == FL_EXIT_NOT_FOUND && cli->as != NULL)
        fl_cli_error("on behalf of %s only %s can be erased; an operator erases others without "
                     "--as and FLEETLOG_AS",
                     cli->as, cli->as);
    if (code == FL_EXIT_DONE && fl_argument(arguments, "no-wait") != NULL) {
        if (cli->json)
            fl_print_json(answer);
        else
            printf("%s\n", fl_json_member(answer, "subjectId"));
    } else if (code == FL_EXIT_DONE) {
        cli->as = NULL; /* who erased himself is nobody from here on: the operator looks */
        code = wait_erased(cli, fl_json_member(answer, "subjectId"),
                           json_integer_value(json_object_get(answer, "sequence")), timeout_s);
    }
    json_decref(answer);
    return code;
}

const struct fl_command fl_command_erase = {
    .name = "erase",
    .operands = "PERSON",
    .summary = "erase a person for good: no account, and nothing of him readable anywhere",
    .examples =
        "  fleetlog erase someone@example.org      by address or id; waits until it is done\n"
        "  fleetlog erase 0193f7a2-… --timeout 60   by the id: goes on waiting\n",
    .options = erase_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = erase_command,
};
