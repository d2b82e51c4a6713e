/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/node_keyring.h"
#include "producers/simulator/load/simulate.h"
#include "replay/cli/commands.h"

static const struct fl_option simulate_options[] = {
    {"devices", 'n', "N", "how many devices (default 1000)"},
    {"rate", 'r', "R", "reports per second, of all of them (default 1000; 0: as fast as it goes)"},
    {"seed", 's', "S", "the same seed is the same fleet (default 1)"},
    {"seconds", 't', "T", "how long (default 60)"},
    {"scenario", 0, "NAME", "steady (default), or outage: mains fails in the middle half"},
    {NULL, 0, NULL, NULL},
};

static bool read_options(const struct fl_arguments *arguments, struct fl_simulate_options *options)
{
    uint64_t devices = 0;
    uint64_t rate = 0;
    uint64_t seconds = 0;
    const char *scenario = fl_argument(arguments, "scenario");
    if (!fl_argument_number(arguments, "devices", 1000, &devices) ||
        !fl_argument_number(arguments, "rate", 1000, &rate) ||
        !fl_argument_number(arguments, "seed", 1, &options->seed) ||
        !fl_argument_number(arguments, "seconds", 60, &seconds))
        return false;
    if (devices == 0 || devices > FL_SIMULATE_DEVICE_COUNT_MAX) {
        fl_cli_usage("--devices takes 1 to %d", FL_SIMULATE_DEVICE_COUNT_MAX);
        return false;
    }
    if (scenario != NULL && strcmp(scenario, "steady") != 0 && strcmp(scenario, "outage") != 0) {
        fl_cli_usage("--scenario takes steady or outage");
        return false;
    }
    options->device_count = (uint32_t)devices;
    options->rate = (double)rate;
    options->seconds = (double)seconds;
    options->outage = scenario != NULL && strcmp(scenario, "outage") == 0;
    return true;
}

static void print_result(const struct fl_cli *cli, const struct fl_simulate_options *options,
                         const struct fl_simulate_result *result)
{
    double rate = result->seconds > 0 ? (double)result->reports / result->seconds : 0;
    if (cli->json)
        printf("{\"devices\":%u,\"reports\":%llu,\"ticks\":%llu,\"seconds\":%.1f,\"rate\":%.0f,"
               "\"retries\":%llu,\"companyId\":\"%s\"}\n",
               options->device_count, (unsigned long long)result->reports,
               (unsigned long long)result->ticks, result->seconds, rate,
               (unsigned long long)result->retries, result->company_id);
    else
        printf("%u devices of company %s: %llu reports in %.1f s, %.0f per second\n",
               options->device_count, result->company_id, (unsigned long long)result->reports,
               result->seconds, rate);
}

static int simulate_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    struct fl_duty duty;
    struct fl_simulate_options options = {.seed = 1};
    struct fl_simulate_result result = {.reports = 0};
    struct fl_keyring *keyring = NULL;
    char detail[FL_KEYRING_DETAIL_SIZE] = "";
    char user[64];
    if (!read_options(arguments, &options))
        return FL_EXIT_USAGE;
    int code = fl_cli_open_datadir(cli, false);
    if (code == FL_EXIT_DONE)
        code = fl_cli_open_duty(cli, "simulate", &duty);
    if (code != FL_EXIT_DONE)
        return code;
    fl_cli_user_name(user, sizeof(user));
    enum fl_error error = fl_node_keyring_load(cli->config, &cli->datadir, &keyring, detail);
    if (error == FL_OK) {
        options.journal = duty.journal;
        options.port = cli->port;
        options.keyring = keyring;
        options.node_id = cli->datadir.node_id;
        options.operator_name = user;
        options.quiet = cli->quiet;
        options.stop_fd = duty.stop_fd;
        error = fl_simulate_run(&options, &result);
    }
    if (error == FL_OK || (error == FL_INTERRUPTED && result.seconds > 0))
        print_result(cli, &options, &result);
    else
        fl_cli_error("%s", result.detail[0] != '\0' ? result.detail
                           : detail[0] != '\0'      ? detail
                                                    : fl_error_text(error));
    fl_keyring_close(&keyring);
    fl_cli_close_duty(&duty);
    return fl_error_exit_code(error);
}

const struct fl_command fl_command_simulate = {
    .name = "simulate",
    .operands = "",
    .summary = "put load on the log: a fleet of simulated devices that report",
    .examples = "  fleetlog simulate --devices 1000 --rate 500 --seconds 60\n"
                "  fleetlog simulate --devices 10000 --rate 0 --scenario outage\n",
    .options = simulate_options,
    .run = simulate_command,
};
