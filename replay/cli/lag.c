/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/runner/lag.h"

#include "replay/cli/commands.h"
#include "replay/cli/table.h"

struct lag_list {
    struct fl_cli *cli;
    struct fl_table *table;
    int code;
};

/* A view that reads telemetry alone has no sequence. */
static bool reads_events(const struct fl_lag *lag)
{
    for (size_t i = 0; i < lag->source_count; i++)
        if (lag->sources[i].topic == FL_TOPIC_EVENTS)
            return true;
    return false;
}

static void add_row(struct lag_list *list, const struct fl_lag *lag)
{
    char text[7][40];
    snprintf(text[0], sizeof(text[0]), "%llu", (unsigned long long)lag->sequence);
    snprintf(text[1], sizeof(text[1]), "%llu", (unsigned long long)lag->behind_count);
    snprintf(text[2], sizeof(text[2]), "%.1f s", (double)lag->behind_ms / 1000);
    snprintf(text[3], sizeof(text[3]), "%.1f s", (double)lag->heartbeat_age_ms / 1000);
    snprintf(text[4], sizeof(text[4]), "%llu", (unsigned long long)lag->counts.voids);
    snprintf(text[5], sizeof(text[5]), "%llu", (unsigned long long)lag->counts.parked);
    snprintf(text[6], sizeof(text[6]), "%llu", (unsigned long long)lag->gap_count);
    const char *cells[] = {lag->view,
                           reads_events(lag) ? text[0] : NULL,
                           text[1],
                           text[2],
                           lag->heartbeat_age_ms < 0 ? NULL : text[3],
                           text[4],
                           text[5],
                           text[6]};
    fl_table_add(list->table, cells);
}

static bool show(void *context, const struct fl_lag *lag, enum fl_error error)
{
    struct lag_list *list = context;
    if (error != FL_OK) {
        fl_cli_error("view %s: %s", lag->view, fl_error_text(error));
        list->code = fl_error_exit_code(error);
        return true;
    }
    if (!list->cli->json) {
        add_row(list, lag);
        return true;
    }
    printf("{\"view\":\"%s\",\"version\":\"%s\",\"logId\":\"%s\",\"sequence\":%llu,"
           "\"behindRecords\":%llu,\"behindMs\":%lld,\"heartbeatAgeMs\":%lld,\"process\":%d,"
           "\"voids\":%llu,\"alarms\":%llu,\"unknown\":%llu,\"parked\":%llu,\"gaps\":%llu}\n",
           lag->view, lag->version, lag->log_id, (unsigned long long)lag->sequence,
           (unsigned long long)lag->behind_count, (long long)lag->behind_ms,
           (long long)lag->heartbeat_age_ms, lag->process, (unsigned long long)lag->counts.voids,
           (unsigned long long)lag->counts.alarms, (unsigned long long)lag->counts.unknown,
           (unsigned long long)lag->counts.parked, (unsigned long long)lag->gap_count);
    return true;
}

static int lag_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    static const char *const headings[] = {"VIEW",      "SEQUENCE", "BEHIND", "OLDEST",
                                           "HEARTBEAT", "VOID",     "PARKED", "GAPS"};
    char views[PATH_MAX];
    struct fl_journal *journal = NULL;
    struct lag_list list = {.cli = cli};
    (void)arguments;
    int code = fl_cli_open_journal(cli, &journal);
    if (code != FL_EXIT_DONE)
        return code;
    fl_datadir_path(&cli->datadir, "views", views);
    list.table = fl_table_open(headings, 8);
    enum fl_error error = fl_lag_each(views, journal, cli->port, show, &list);
    if (error != FL_OK) {
        fl_cli_error("%s", fl_error_text(error));
        list.code = fl_error_exit_code(error);
    } else if (!cli->json) {
        fl_table_print(list.table, cli->color, stdout);
    }
    fl_table_close(&list.table);
    fl_journal_close(&journal);
    return list.code;
}

const struct fl_command fl_command_lag = {
    .name = "lag",
    .operands = "",
    .summary = "how far each view is behind the log: records, age, heartbeat",
    .examples = "  fleetlog lag\n  fleetlog lag --json\n",
    .run = lag_command,
};
