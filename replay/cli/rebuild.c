/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/rebuild/rebuild.h"

#include <limits.h>
#include <unistd.h>

#include "replay/cli/commands.h"
#include "replay/cli/table.h"
#include "replay/rebuild/check.h"
#include "replay/views.h"

enum { BAR_WIDTH = 30 };

struct bar {
    struct fl_cli *cli;
    struct fl_duty *duty;
    const char *view;
    bool is_terminal;
    bool drawn;
    enum fl_rebuild_phase phase;
    bool started;
};

static const char *phase_text(enum fl_rebuild_phase phase)
{
    switch (phase) {
    case FL_REBUILD_COPYING:
        return "copying the current rows";
    case FL_REBUILD_FOLDING:
        return "folding";
    case FL_REBUILD_COMPARING:
        return "comparing";
    case FL_REBUILD_SWITCHING:
        return "waiting for the writer to switch";
    }
    return "";
}

static void draw(struct bar *bar, const struct fl_rebuild_progress *progress)
{
    char text[BAR_WIDTH + 1];
    double part = progress->total == 0 ? 1 : (double)progress->done / (double)progress->total;
    for (int i = 0; i < BAR_WIDTH; i++)
        text[i] = i < (int)(part * BAR_WIDTH) ? '#' : '.';
    text[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r\033[K%s: [%s] %3.0f %%  %llu of %llu records, %.0f/s", bar->view, text,
            part * 100, (unsigned long long)progress->done, (unsigned long long)progress->total,
            progress->rate);
    if (progress->eta_ms >= 0)
        fprintf(stderr, ", %lld s left", (long long)((progress->eta_ms + 999) / 1000));
    bar->drawn = true;
}

/* A bar on a terminal, a line per phase elsewhere. */
static bool on_progress(void *context, const struct fl_rebuild_progress *progress)
{
    struct bar *bar = context;
    bool is_new = !bar->started || progress->phase != bar->phase;
    bar->started = true;
    bar->phase = progress->phase;
    if (bar->cli->quiet)
        return !fl_duty_stopping(bar->duty);
    if (bar->is_terminal && progress->phase == FL_REBUILD_FOLDING) {
        draw(bar, progress);
    } else if (is_new) {
        if (bar->drawn)
            fprintf(stderr, "\n");
        bar->drawn = false;
        fprintf(stderr, "%s: %s\n", bar->view, phase_text(progress->phase));
    }
    return !fl_duty_stopping(bar->duty);
}

static void print_json(const char *view, const struct fl_rebuild_result *result)
{
    static const char *const outcomes[] = {
        [FL_REBUILD_SWITCHED] = "switched",
        [FL_REBUILD_DIFFERS] = "differs",
        [FL_REBUILD_NOT_ACCEPTED] = "notAccepted",
        [FL_REBUILD_WAITS] = "waits",
    };
    char digest[FL_HASH_TEXT_SIZE];
    fl_hex_encode(result->digest_after.total, FL_HASH_SIZE, digest);
    printf("{\"view\":\"%s\",\"outcome\":\"%s\",\"before\":\"%s\",\"after\":\"%s\","
           "\"sequence\":%llu,\"digest\":\"%s\"}\n",
           view, outcomes[result->outcome], result->before, result->after,
           (unsigned long long)result->sequence, digest);
}

/* What differs, per table. */
static void print_differences(const struct fl_cli *cli, const struct fl_view *view,
                              const struct fl_rebuild_result *result)
{
    static const char *const headings[] = {"TABLE", "SAME", "ONLY BEFORE", "ONLY AFTER", "CHANGED"};
    char key[2 * FL_KV_KEY_SIZE_MAX + 1];
    struct fl_table *table = fl_table_open(headings, 5);
    if (result->first.kind == FL_DIFFERENCE_NONE) {
        fl_table_close(&table);
        return;
    }
    for (unsigned i = 0; i <= view->table_count; i++) {
        const struct fl_difference_counts *counts = &result->counts[i];
        char text[4][24];
        snprintf(text[0], sizeof(text[0]), "%llu", (unsigned long long)counts->same);
        snprintf(text[1], sizeof(text[1]), "%llu", (unsigned long long)counts->missing);
        snprintf(text[2], sizeof(text[2]), "%llu", (unsigned long long)counts->added);
        snprintf(text[3], sizeof(text[3]), "%llu", (unsigned long long)counts->changed);
        const char *cells[] = {counts->table, text[0], text[1], text[2], text[3]};
        fl_table_add(table, cells);
    }
    fl_table_print(table, cli->color, stdout);
    fl_table_close(&table);
    fl_hex_encode(result->first.key, result->first.key_size, key);
    printf("first difference: table %s, key %s\n", result->first.table, key);
}

static int print_result(const struct fl_cli *cli, const struct fl_view *view,
                        const struct fl_rebuild_result *result)
{
    if (cli->json)
        print_json(view->name, result);
    else if (result->outcome != FL_REBUILD_SWITCHED)
        print_differences(cli, view, result);
    switch (result->outcome) {
    case FL_REBUILD_SWITCHED:
        if (!cli->json)
            printf("%s: version %s is in force, %s is kept for --rollback\n", view->name,
                   result->after, result->before[0] == '\0' ? "the one before" : result->before);
        return FL_EXIT_DONE;
    case FL_REBUILD_DIFFERS:
        fl_cli_error("%s: the rebuilt rows differ from those in force: nothing was switched",
                     view->name);
        return FL_EXIT_DIFFERENCE;
    case FL_REBUILD_NOT_ACCEPTED:
        fl_cli_error("%s: version %s is another fold of the log than %s; give --accept to switch",
                     view->name, result->after,
                     result->before[0] == '\0' ? "what is in force" : result->before);
        return FL_EXIT_FAILED;
    case FL_REBUILD_WAITS:
        if (!cli->json)
            printf("%s: version %s is ready; start this program's `fleetlog up` in place of the "
                   "running one, and it takes it over\n",
                   view->name, result->after);
        return FL_EXIT_DONE;
    }
    return FL_EXIT_FAILED;
}

static const struct fl_option rebuild_options[] = {
    {"accept", 0, NULL, "switch although another fold version makes other rows"},
    {"afresh", 0, NULL, "forget what a rebuild that was broken off has built"},
    {"rollback", 0, NULL, "go back to the version before the current one"},
    {NULL, 0, NULL, NULL},
};

static int rebuild(struct fl_cli *cli, const struct fl_arguments *arguments,
                   const struct fl_view *view, struct fl_journal *journal, struct fl_duty *duty)
{
    char views[PATH_MAX];
    char detail[FL_DETAIL_SIZE];
    struct fl_rebuild_result result;
    struct bar bar = {cli, duty, view->name, isatty(STDERR_FILENO) == 1};
    fl_datadir_path(&cli->datadir, "views", views);
    struct fl_rebuild_options options = {
        .view = view,
        .journal = journal,
        .views_directory = views,
        .port = cli->port,
        .map_size = fl_config_number(cli->config, FL_SETTING_VIEW_MAP),
        .memory_max = fl_config_number(cli->config, FL_SETTING_VIEW_MEMORY),
        .accept = fl_argument(arguments, "accept") != NULL,
        .afresh = fl_argument(arguments, "afresh") != NULL,
        .rollback = fl_argument(arguments, "rollback") != NULL,
        .progress = on_progress,
        .context = &bar,
    };
    enum fl_error error = fl_rebuild(&options, &result, detail);
    if (bar.drawn)
        fprintf(stderr, "\n");
    if (error == FL_OK)
        return print_result(cli, view, &result);
    if (fl_duty_stopping(duty)) {
        fl_cli_error("%s: broken off; the view is as it was, and the next rebuild goes on here",
                     view->name);
        return FL_EXIT_INTERRUPTED;
    }
    fl_cli_error("%s", detail);
    return fl_error_exit_code(error);
}

static int rebuild_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const struct fl_view *view = fl_views_find(arguments->positional[0]);
    struct fl_journal *journal = NULL;
    struct fl_duty duty;
    if (view == NULL) {
        fl_cli_error("there is no view \"%s\"", arguments->positional[0]);
        return FL_EXIT_NOT_FOUND;
    }
    int code = fl_cli_open_journal(cli, &journal);
    if (code != FL_EXIT_DONE)
        return code;
    enum fl_error error = fl_duty_init(&duty, "rebuild");
    duty.port = cli->port;
    code =
        error == FL_OK ? rebuild(cli, arguments, view, journal, &duty) : fl_error_exit_code(error);
    fl_duty_fini(&duty);
    fl_journal_close(&journal);
    return code;
}

const struct fl_command fl_command_rebuild = {
    .name = "rebuild",
    .operands = "VIEW",
    .summary = "build a view anew beside the running one, compare, switch",
    .examples = "  fleetlog rebuild devices\n"
                "  fleetlog rebuild devices --accept       after an update of the program\n"
                "  fleetlog rebuild devices --rollback     back to the rows before\n",
    .options = rebuild_options,
    .positional_min = 1,
    .positional_max = 1,
    .run = rebuild_command,
};

static int check_view(struct fl_cli *cli, const struct fl_view *view)
{
    char views[PATH_MAX];
    char scratch[PATH_MAX];
    struct fl_check_result result;
    fl_datadir_path(&cli->datadir, "views", views);
    fl_datadir_path(&cli->datadir, "run", scratch);
    enum fl_error error = fl_check_view(views, view, scratch, &result);
    if (error == FL_NOT_FOUND) {
        fl_cli_error("%s: there are no rows yet", view->name);
        return FL_EXIT_NOT_FOUND;
    }
    if (error == FL_CORRUPT || (error == FL_OK && !result.good)) {
        fl_cli_error("%s: %s", view->name,
                     error == FL_OK ? result.broken : "the data file cannot be read");
        return FL_EXIT_DIFFERENCE;
    }
    if (error != FL_OK) {
        fl_cli_error("%s: %s", view->name, fl_error_text(error));
        return fl_error_exit_code(error);
    }
    if (cli->json)
        printf("{\"view\":\"%s\",\"version\":\"%s\",\"sequence\":%llu,\"parked\":%llu,"
               "\"good\":true}\n",
               view->name, result.version, (unsigned long long)result.sequence,
               (unsigned long long)result.parked);
    else if (!cli->quiet)
        printf("%s: good (version %s, %llu events, %llu parked records)\n", view->name,
               result.version, (unsigned long long)result.sequence,
               (unsigned long long)result.parked);
    return FL_EXIT_DONE;
}

static int check_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    size_t count = 0;
    const struct fl_view *const *all = fl_views_all(&count);
    int worst = fl_cli_open_datadir(cli, false);
    bool has_rows = false;
    if (worst != FL_EXIT_DONE)
        return worst;
    if (arguments->positional_count == 1) {
        const struct fl_view *view = fl_views_find(arguments->positional[0]);
        if (view != NULL)
            return check_view(cli, view);
        fl_cli_error("there is no view \"%s\"", arguments->positional[0]);
        return FL_EXIT_NOT_FOUND;
    }
    for (size_t i = 0; i < count; i++) {
        int code = check_view(cli, all[i]);
        has_rows = has_rows || code != FL_EXIT_NOT_FOUND;
        if (code != FL_EXIT_DONE && code != FL_EXIT_NOT_FOUND)
            worst = code;
    }
    return has_rows ? worst : FL_EXIT_NOT_FOUND;
}

const struct fl_command fl_command_check = {
    .name = "check",
    .operands = "[VIEW]",
    .summary = "check that the rows of the views hold together",
    .examples = "  fleetlog check\n  fleetlog check devices\n",
    .positional_max = 1,
    .run = check_command,
};
