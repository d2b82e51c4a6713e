/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "consumers/archivist/archivist.h"
#include "consumers/decider/decider.h"
#include "consumers/detector/detector.h"
#include "consumers/keeper/keeper.h"
#include "consumers/mailer/mailer.h"
#include "consumers/mailer/smtp.h"
#include "consumers/runner/projector.h"
#include "consumers/supervisor/bootstrap.h"
#include "consumers/supervisor/supervisor.h"
#include "consumers/timekeeper/timekeeper.h"
#include "core/assert.h"
#include "core/diag.h"
#include "core/file.h"
#include "core/node_keyring.h"
#include "producers/gateway/gateway.h"
#include "replay/cli/commands.h"
#include "replay/views.h"

enum { KEEP_MS = 1000, KEEP_BUSY_MS = 100, KEEP_JOURNAL_MS = 10000 };

/* The global options that a child is started with: the same data, configuration and journal. */
struct child_options {
    const char *words[8];
    size_t count;
};

static void collect_options(const struct fl_cli *cli, struct child_options *options)
{
    options->count = 0;
    options->words[options->count++] = "--data";
    options->words[options->count++] = cli->datadir.path;
    if (cli->config_path != NULL) {
        options->words[options->count++] = "--config";
        options->words[options->count++] = cli->config_path;
    }
    if (fl_config_source(cli->config, FL_SETTING_JOURNAL) == FL_FROM_FLAG) {
        options->words[options->count++] = "--journal";
        options->words[options->count++] = fl_config_text(cli->config, FL_SETTING_JOURNAL);
    }
}

/* The processes of a node: these, and one projector per view. */
struct duties {
    struct child_options options;
    struct fl_child_spec specs[FL_CHILD_COUNT_MAX];
    size_t count;
};

static void add_duty(struct duties *duties, const char *name, const char *word, const char *operand)
{
    fl_assert(duties->count < FL_CHILD_COUNT_MAX);
    struct fl_child_spec *spec = &duties->specs[duties->count++];
    size_t count = 0;
    *spec = (struct fl_child_spec){.name = name};
    for (; count < duties->options.count; count++)
        spec->arguments[count] = duties->options.words[count];
    spec->arguments[count++] = word;
    spec->arguments[count] = operand;
}

/* Without one nothing is sent, which is said once. */
static bool has_mail_server(const struct fl_cli *cli)
{
    if (fl_config_text(cli->config, FL_SETTING_MAIL_SMTP)[0] != '\0')
        return true;
    fl_diag(MAIL_OFF, FL_TEXT("setting", "[mail] smtp"));
    return false;
}

static void list_duties(const struct fl_cli *cli, struct duties *duties)
{
    size_t view_count = 0;
    const struct fl_view *const *views = fl_views_all(&view_count);
    *duties = (struct duties){.count = 0};
    collect_options(cli, &duties->options);
    add_duty(duties, "decider", "decide", NULL);
    for (size_t i = 0; i < view_count; i++)
        if (fl_view_has_projector(views[i]))
            add_duty(duties, views[i]->name, "project", views[i]->name);
    add_duty(duties, "gateway", "serve", NULL);
    add_duty(duties, "detector", "detect", NULL);
    if (has_mail_server(cli))
        add_duty(duties, "mailer", "mail", NULL);
    add_duty(duties, "timekeeper", "timekeep", NULL);
    add_duty(duties, "archivist", "archive", NULL);
    add_duty(duties, "keep", "keep", NULL);
}

static void say_ready(const struct fl_cli *cli)
{
    char path[PATH_MAX];
    char address[160] = "";
    size_t size = 0;
    fl_datadir_path(&cli->datadir, "run/agents.address", path);
    if (fl_file_read(path, address, sizeof(address) - 1, &size) != FL_OK || size == 0)
        size = (size_t)snprintf(address, sizeof(address), "%.150s\n",
                                fl_config_text(cli->config, FL_SETTING_LISTEN));
    address[size - 1] = '\0';
    printf("fleetlog is ready: data in %s, agents at http://%s (stop with Ctrl-C)\n",
           cli->datadir.path, address);
    fflush(stdout);
}

struct up {
    struct fl_cli *cli;
    struct fl_duty *duty;
};

static void on_ready(void *context)
{
    struct up *up = context;
    fl_duty_ready(up->duty);
    say_ready(up->cli);
}

static int lock(struct fl_cli *cli)
{
    int holder = 0;
    enum fl_error error = fl_datadir_lock(&cli->datadir, &holder);
    if (error == FL_LOCKED)
        fl_cli_error("another `fleetlog up` (process %d) works on %s; stop it, or give --data DIR",
                     holder, cli->datadir.path);
    else if (error != FL_OK)
        fl_cli_error("%s/lock: %s", cli->datadir.path, fl_error_text(error));
    return fl_error_exit_code(error);
}

static int up_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    struct fl_duty duty;
    struct duties duties;
    char detail[FL_BOOTSTRAP_DETAIL_SIZE] = "";
    (void)arguments;
    int code = fl_cli_open_datadir(cli, true);
    if (code == FL_EXIT_DONE)
        code = lock(cli);
    if (code == FL_EXIT_DONE)
        code = fl_cli_open_duty(cli, "up", &duty);
    if (code != FL_EXIT_DONE)
        return code;
    enum fl_error error = fl_bootstrap(&duty, detail);
    fl_journal_close(&duty.journal);
    if (error == FL_OK) {
        struct up up = {cli, &duty};
        list_duties(cli, &duties);
        error = fl_supervise(&duty, duties.specs, duties.count, on_ready, &up);
    } else if (error != FL_INTERRUPTED) {
        fl_cli_error("%s", detail);
    }
    fl_duty_fini(&duty);
    return fl_error_exit_code(error);
}

const struct fl_command fl_command_up = {
    .name = "up",
    .operands = "",
    .summary = "start everything on this machine: one process per duty",
    .examples =
        "  fleetlog up                               the default data directory, embedded journal\n"
        "  fleetlog --journal kafka://db1:9092 up    the same on Kafka\n",
    .run = up_command,
};

/* Runs one duty under the name of its command. */
static int run_duty(struct fl_cli *cli, const char *name,
                    enum fl_error (*run)(struct fl_duty *, const void *), const void *context)
{
    struct fl_duty duty;
    int code = fl_cli_open_duty(cli, name, &duty);
    if (code != FL_EXIT_DONE)
        return code;
    enum fl_error error = run(&duty, context);
    if (error == FL_OK)
        fl_diag(STOPPED, FL_TEXT("name", name));
    fl_cli_close_duty(&duty);
    return fl_error_exit_code(error);
}

static enum fl_error decide(struct fl_duty *duty, const void *context)
{
    (void)context;
    return fl_decider_run(duty, NULL);
}

static int decide_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    (void)arguments;
    return run_duty(cli, "decider", decide, NULL);
}

const struct fl_command fl_command_decide = {
    .name = "decide",
    .operands = "",
    .summary = "run the decider alone: it answers actions and keeps the registry",
    .run = decide_command,
};

static enum fl_error detect(struct fl_duty *duty, const void *context)
{
    (void)context;
    return fl_detector_run(duty);
}

static int detect_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    (void)arguments;
    return run_duty(cli, "detector", detect, NULL);
}

const struct fl_command fl_command_detect = {
    .name = "detect",
    .operands = "",
    .summary = "run the detector alone: it reports what telemetry says of conditions",
    .run = detect_command,
};

static enum fl_error mail(struct fl_duty *duty, const void *context)
{
    (void)context;
    return fl_mailer_run(duty);
}

static int mail_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    char detail[FL_CONFIG_DETAIL_SIZE];
    (void)arguments;
    if (fl_smtp_check(cli->config, detail) != FL_OK)
        return fl_cli_usage("%s", detail);
    return run_duty(cli, "mailer", mail, NULL);
}

const struct fl_command fl_command_mail = {
    .name = "mail",
    .operands = "",
    .summary = "run the mailer alone: it sends what is owed to the mail server of [mail] smtp",
    .run = mail_command,
};

static enum fl_error timekeep(struct fl_duty *duty, const void *context)
{
    (void)context;
    return fl_timekeeper_run(duty);
}

static int timekeep_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    (void)arguments;
    return run_duty(cli, "timekeeper", timekeep, NULL);
}

const struct fl_command fl_command_timekeep = {
    .name = "timekeep",
    .operands = "",
    .summary = "run the timekeeper alone: it says when what falls due has come",
    .run = timekeep_command,
};

static enum fl_error archive(struct fl_duty *duty, const void *context)
{
    (void)context;
    return fl_archivist_run(duty);
}

static int archive_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    (void)arguments;
    return run_duty(cli, "archivist", archive, NULL);
}

const struct fl_command fl_command_archive = {
    .name = "archive",
    .operands = "",
    .summary = "run the archivist alone: it puts closed days of readings on the log",
    .run = archive_command,
};

static enum fl_error project(struct fl_duty *duty, const void *context)
{
    return fl_project(duty, context, fl_config_number(duty->config, FL_SETTING_VIEW_MAP),
                      (size_t)fl_config_number(duty->config, FL_SETTING_VIEW_MEMORY));
}

static int project_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    const struct fl_view *view = fl_views_find(arguments->positional[0]);
    if (view == NULL || !fl_view_has_projector(view)) {
        fl_cli_error("there is no projection \"%s\" to run; the decider keeps the registry",
                     arguments->positional[0]);
        return FL_EXIT_NOT_FOUND;
    }
    return run_duty(cli, view->name, project, view);
}

const struct fl_command fl_command_project = {
    .name = "project",
    .operands = "VIEW",
    .summary = "run one projection alone: devices, eventlog, history or people",
    .positional_min = 1,
    .positional_max = 1,
    .run = project_command,
};

static enum fl_error serve(struct fl_duty *duty, const void *context)
{
    (void)context;
    return fl_gateway_run(duty);
}

static int serve_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    (void)arguments;
    return run_duty(cli, "gateway", serve, NULL);
}

const struct fl_command fl_command_serve = {
    .name = "serve",
    .operands = "",
    .summary = "run the gateway alone: agents by HTTP, operators by a socket",
    .run = serve_command,
};

/* Retention and compaction of the embedded journal, in bounded steps. */
static enum fl_error keep_journal(struct fl_duty *duty)
{
    enum fl_error error = fl_journal_maintain(duty->journal, fl_port_wall_ms(duty->port));
    enum fl_error_class class = fl_error_class(error);
    if (class == FL_CLASS_NONE || class == FL_CLASS_RETRY || class == FL_CLASS_LIMIT)
        return FL_OK;
    fl_diag(FAILED, FL_TEXT("error", fl_error_name(error)),
            FL_TEXT("detail", fl_journal_detail(duty->journal)));
    return error;
}

/* Personal data. A node that cannot keep it now keeps its journal all the same. */
static void keep_people(struct fl_duty *duty, struct fl_privacy **keeper, bool *more)
{
    char detail[FL_KEYRING_DETAIL_SIZE] = "";
    enum fl_error error = FL_OK;
    *more = false;
    if (*keeper == NULL)
        error = fl_privacy_open(duty, keeper, detail);
    if (error == FL_OK)
        error = fl_privacy_step(*keeper, more);
    /* The views are not there yet. */
    if (error == FL_UNAVAILABLE || error == FL_TIMEOUT)
        return;
    if (error != FL_OK)
        fl_diag(RETRY, FL_TEXT("what", "keeper"), FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", *keeper == NULL ? detail : fl_privacy_waits_for(*keeper)));
}

static enum fl_error keep(struct fl_duty *duty, const void *context)
{
    struct fl_privacy *keeper = NULL;
    bool more = true;
    int64_t kept_ms = 0;
    (void)context;
    fl_duty_ready(duty);
    enum fl_error error = FL_OK;
    do {
        int64_t now_ms = fl_port_monotonic_ms(duty->port);
        if (more || now_ms >= kept_ms + KEEP_JOURNAL_MS) {
            error = keep_journal(duty);
            kept_ms = now_ms;
        }
        keep_people(duty, &keeper, &more);
    } while (error == FL_OK && !fl_duty_wait(duty, more ? KEEP_BUSY_MS : KEEP_MS));
    fl_privacy_close(&keeper);
    return error;
}

static int keep_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    (void)arguments;
    return run_duty(cli, "keep", keep, NULL);
}

const struct fl_command fl_command_keep = {
    .name = "keep",
    .operands = "",
    .summary = "run the housekeeping alone: retention, compaction, profiles, erasures",
    .run = keep_command,
};
