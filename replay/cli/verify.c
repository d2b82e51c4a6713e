/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/verify/verify.h"

#include <string.h>
#include <unistd.h>

#include "core/diag.h"
#include "core/journal_engine.h"
#include "core/json.h"
#include "replay/cli/commands.h"
#include "replay/cli/table.h"
#include "replay/views.h"

enum { BAR_WIDTH = 30, LINE_MS = 10000, JSON_SIZE = 8 * 1024 };

struct verifying {
    struct fl_cli *cli;
    struct fl_duty duty;
    bool is_terminal;
    bool drawn;
    int64_t line_ms; /* when the last line was written */
};

static void clear_bar(struct verifying *v)
{
    if (v->drawn)
        fprintf(stderr, "\r\033[K");
    v->drawn = false;
}

static void draw(struct verifying *v, const struct fl_verify_progress *progress)
{
    char bar[BAR_WIDTH + 1];
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < (int)(progress->part * BAR_WIDTH) ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r\033[K[%s] %3.0f %%  %s", bar, progress->part * 100, progress->what);
    if (progress->record_count != 0)
        fprintf(stderr, ", record %llu", (unsigned long long)progress->record_count);
    if (progress->eta_ms >= 0)
        fprintf(stderr, ", %lld s left", (long long)((progress->eta_ms + 999) / 1000));
    v->drawn = true;
}

static bool on_progress(void *context, const struct fl_verify_progress *progress)
{
    struct verifying *v = context;
    int64_t now_ms = fl_port_monotonic_ms(v->cli->port);
    if (!v->cli->quiet && v->is_terminal) {
        draw(v, progress);
    } else if (!v->cli->quiet && now_ms - v->line_ms >= LINE_MS) {
        v->line_ms = now_ms;
        fprintf(stderr, "verify: %.0f %%, %s, record %llu, %lld s left\n", progress->part * 100,
                progress->what, (unsigned long long)progress->record_count,
                (long long)((progress->eta_ms + 999) / 1000));
    }
    return !fl_duty_stopping(&v->duty);
}

static void print_finding_json(const struct fl_verify_finding *finding)
{
    char text[JSON_SIZE];
    struct fl_json json;
    fl_json_init(&json, text, sizeof(text));
    fl_json_object_begin(&json);
    fl_json_name(&json, "where");
    fl_json_text(&json, finding->where);
    fl_json_name(&json, "check");
    fl_json_text(&json, fl_verify_check_word(finding->check));
    fl_json_name(&json, "meaning");
    fl_json_text(&json, fl_verify_check_explanation(finding->check));
    fl_json_name(&json, "expected");
    fl_json_text(&json, finding->expected);
    fl_json_name(&json, "found");
    fl_json_text(&json, finding->found);
    fl_json_object_end(&json);
    if (fl_json_finish(&json))
        puts(text);
}

static void on_finding(void *context, const struct fl_verify_finding *finding)
{
    struct verifying *v = context;
    clear_bar(v);
    if (v->cli->json) {
        print_finding_json(finding);
        return;
    }
    const char *texts[] = {finding->where, fl_verify_check_word(finding->check), finding->expected,
                           finding->found};
    static const char *const before[] = {"", "  ", "  expected ", "  found "};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        fputs(before[i], stdout);
        fl_print_safe(texts[i], strlen(texts[i]), stdout);
    }
    fputc('\n', stdout);
    fflush(stdout);
}

static const char *state_word(enum fl_verify_view_state state)
{
    switch (state) {
    case FL_VERIFY_VIEW_COMPARED:
        return "compared";
    case FL_VERIFY_VIEW_NO_ROWS:
        return "noRows";
    case FL_VERIFY_VIEW_OTHER_VERSION:
        return "otherVersion";
    case FL_VERIFY_VIEW_NOT_COMPARED:
        return "notCompared";
    }
    return "";
}

static void print_view_json(struct fl_json *json, const struct fl_verify_view_result *view)
{
    fl_json_object_begin(json);
    fl_json_name(json, "view");
    fl_json_text(json, view->view->name);
    fl_json_name(json, "state");
    fl_json_text(json, state_word(view->state));
    fl_json_name(json, "sequence");
    fl_json_uint(json, view->sequence);
    fl_json_name(json, "rows");
    fl_json_uint(json, view->row_count);
    fl_json_name(json, "carried");
    fl_json_uint(json, view->carried_count);
    if (view->reason[0] != '\0') {
        fl_json_name(json, "reason");
        fl_json_text(json, view->reason);
    }
    fl_json_object_end(json);
}

static void print_summary_json(const struct fl_verify_result *result)
{
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {
        {"findings", result->finding_count},
        {"events", result->event_count},
        {"unanswered", result->unanswered_count},
        {"unverified", result->unverified_count},
        {"voids", result->void_count},
        {"internal", result->internal_count},
        {"reports", result->report_count},
        {"signatures", result->signature_count},
        {"repeated", result->repeated_count},
        {"late", result->late_count},
        {"ticks", result->tick_count},
        {"profiles", result->profile_count},
        {"erased", result->erased_count},
        {"days", result->day_count},
        {"decisions", result->decision_count},
        {"malformed", result->malformed_count},
    };
    char text[JSON_SIZE];
    struct fl_json json;
    fl_json_init(&json, text, sizeof(text));
    fl_json_object_begin(&json);
    fl_json_name(&json, "summary");
    fl_json_bool(&json, true);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        fl_json_name(&json, counts[i].name);
        fl_json_uint(&json, counts[i].count);
    }
    fl_json_name(&json, "views");
    fl_json_array_begin(&json);
    for (size_t i = 0; i < result->view_count; i++)
        print_view_json(&json, &result->views[i]);
    fl_json_array_end(&json);
    fl_json_object_end(&json);
    if (fl_json_finish(&json))
        puts(text);
}

static void print_view(const struct fl_verify_view_result *view)
{
    printf("view %s: ", view->view->name);
    if (view->state != FL_VERIFY_VIEW_COMPARED)
        printf("not compared: %s", view->reason);
    else if (view->sequence == 0) /* it reads no events */
        printf("compared, %llu rows", (unsigned long long)view->row_count);
    else
        printf("compared at %llu events, %llu rows", (unsigned long long)view->sequence,
               (unsigned long long)view->row_count);
    if (view->carried_count != 0)
        printf(", %llu of them rest on telemetry that retention has removed",
               (unsigned long long)view->carried_count);
    fputc('\n', stdout);
}

static void print_summary(const struct fl_verify_result *result)
{
    printf("%llu events decided again, %llu void records, %llu actions not answered yet",
           (unsigned long long)result->event_count, (unsigned long long)result->void_count,
           (unsigned long long)result->unanswered_count);
    if (result->internal_count != 0)
        printf(", %llu INTERNAL answers", (unsigned long long)result->internal_count);
    if (result->unverified_count != 0)
        printf(", %llu records NOT verified", (unsigned long long)result->unverified_count);
    printf("\n%llu reports, %llu signatures verified, %llu repeated, %llu late; %llu ticks; "
           "%llu records of profiles\n",
           (unsigned long long)result->report_count, (unsigned long long)result->signature_count,
           (unsigned long long)result->repeated_count, (unsigned long long)result->late_count,
           (unsigned long long)result->tick_count, (unsigned long long)result->profile_count);
    for (size_t i = 0; i < result->view_count; i++)
        print_view(&result->views[i]);
    if (result->finding_count == 0)
        printf("no difference\n");
    else
        printf("%llu %s\n", (unsigned long long)result->finding_count,
               result->finding_count == 1 ? "difference" : "differences");
}

static int verify(struct verifying *v, const struct fl_arguments *arguments,
                  struct fl_journal *journal)
{
    struct fl_cli *cli = v->cli;
    char views[PATH_MAX];
    char scratch[PATH_MAX];
    char detail[FL_DETAIL_SIZE];
    struct fl_verify_result result;
    fl_datadir_path(&cli->datadir, "views", views);
    fl_datadir_path(&cli->datadir, "run/verify", scratch);
    struct fl_verify_options options = {
        .journal = journal,
        .views_directory = fl_argument(arguments, "no-views") == NULL ? views : NULL,
        .scratch = scratch,
        .port = cli->port,
        .map_size = fl_config_number(cli->config, FL_SETTING_VIEW_MAP),
        .memory_max = (size_t)fl_config_number(cli->config, FL_SETTING_VIEW_MEMORY),
        .without_signatures = fl_argument(arguments, "no-signatures") != NULL,
        .finding = on_finding,
        .progress = on_progress,
        .context = v,
    };
    if (strcmp(fl_journal_engine(journal), "embedded") == 0)
        options.check_topic = fl_journal_check_embedded;
    options.views = fl_views_all(&options.view_count);
    enum fl_error error = fl_verify(&options, &result, detail);
    clear_bar(v);
    if (error != FL_OK) {
        fl_cli_error("verify: %s", detail);
        return fl_duty_stopping(&v->duty) ? FL_EXIT_INTERRUPTED : fl_error_exit_code(error);
    }
    if (cli->json)
        print_summary_json(&result);
    else if (!cli->quiet)
        print_summary(&result);
    return result.finding_count == 0 ? FL_EXIT_DONE : FL_EXIT_DIFFERENCE;
}

static int verify_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    struct verifying v = {.cli = cli, .is_terminal = isatty(STDERR_FILENO) == 1};
    struct fl_journal *journal = NULL;
    int code = fl_cli_open_journal(cli, &journal);
    if (code != FL_EXIT_DONE)
        return code;
    enum fl_error error = fl_duty_init(&v.duty, "verify");
    v.duty.port = cli->port;
    v.line_ms = fl_port_monotonic_ms(cli->port);
    /* Void records are counted, and what is wrong becomes a finding: not both in the log. */
    fl_diag_configure("verify", cli->json, FL_LEVEL_CRITICAL);
    code = error == FL_OK ? verify(&v, arguments, journal) : fl_error_exit_code(error);
    fl_duty_fini(&v.duty);
    fl_journal_close(&journal);
    return code;
}

static const struct fl_option verify_options[] = {
    {"no-views", 0, NULL, "only the log: leave the views out"},
    {"no-signatures", 0, NULL, "do not verify the signatures of reports (most of the time)"},
    {NULL, 0, NULL, NULL},
};

const struct fl_command fl_command_verify = {
    .name = "verify",
    .operands = "",
    .summary = "prove the log and the views: read, decide and fold everything again, compare",
    .examples = "  fleetlog verify                    exit code 4 and a line for each difference\n"
                "  fleetlog verify --no-views --json\n",
    .options = verify_options,
    .run = verify_command,
};
