/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/migrate/migrate.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/journal_open.h"
#include "projections/detector/detector.h"
#include "replay/cli/commands.h"
#include "replay/migrate/seal.h"
#include "replay/migrate/views.h"
#include "replay/views.h"
#include "schemas/topics.h"

enum { ACTOR_SIZE = 64, TOPIC_COUNT_MAX = FL_TOPIC_COUNT + 1, VIEW_COUNT_MAX = 16 };

struct migration {
    struct fl_cli *cli;
    struct fl_duty *duty; /* its journal is the source */
    struct fl_journal *target;
    const char *url;
    char actor[ACTOR_SIZE];
    char identity[FL_JOURNAL_IDENTITY_SIZE]; /* of the target */
    char views_path[PATH_MAX];
    char detail[FL_MIGRATE_DETAIL_SIZE];
    bool shows_progress;
    struct fl_migrate_result result;
    unsigned views_moved;
};

static void show_progress(void *context, const struct fl_migrate_progress *progress)
{
    static const char *const words[] = {"checking", "copying", "comparing"};
    const struct migration *m = context;
    if (!m->shows_progress)
        return;
    unsigned percent =
        progress->total == 0 ? 100 : (unsigned)(100 * progress->done / progress->total);
    fprintf(stderr, "\r%s %s[%u] %3u %% of %llu records\033[K", words[progress->phase],
            progress->topic, progress->partition, percent, (unsigned long long)progress->total);
    fflush(stderr);
}

static bool stopped(void *context)
{
    const struct migration *m = context;
    return fl_duty_stopping(m->duty);
}

static enum fl_error seal(void *context, char detail[FL_MIGRATE_DETAIL_SIZE])
{
    const struct migration *m = context;
    return fl_migrate_seal(m->duty, m->actor, m->identity, detail);
}

static enum fl_error refuse_same(struct migration *m)
{
    char here[FL_JOURNAL_IDENTITY_SIZE];
    enum fl_error error = fl_journal_identity(m->duty->journal, here);
    if (error == FL_OK)
        error = fl_journal_identity(m->target, m->identity);
    if (error == FL_OK && strcmp(here, m->identity) == 0) {
        snprintf(m->detail, sizeof(m->detail), "source and target are the same journal (%s)", here);
        error = FL_USAGE;
    } else if (error != FL_OK) {
        snprintf(m->detail, sizeof(m->detail), "%s", fl_error_text(error));
    }
    return error;
}

/* There must be a log, or a mistyped source would be "moved" without a word. */
static enum fl_error find_log(struct migration *m)
{
    uint64_t begin;
    uint64_t end = 0;
    enum fl_error error = fl_journal_offsets(m->duty->journal, "actions", 0, &begin, &end);
    if (error == FL_NOT_FOUND || (error == FL_OK && end == 0)) {
        snprintf(m->detail, sizeof(m->detail), "there is no log in %s to move",
                 fl_config_text(m->cli->config, FL_SETTING_JOURNAL));
        return FL_NOT_FOUND;
    }
    if (error != FL_OK)
        snprintf(m->detail, sizeof(m->detail), "source: %s", fl_journal_detail(m->duty->journal));
    return error;
}

/* Everything below DATA/views: the projections, and the detector's own. */
static size_t collect_views(const struct fl_view *views[VIEW_COUNT_MAX])
{
    size_t count = 0;
    const struct fl_view *const *all = fl_views_all(&count);
    fl_assert(count < VIEW_COUNT_MAX);
    memcpy(views, all, count * sizeof(*views));
    if (fl_views_find(fl_detector_view()->name) == NULL)
        views[count++] = fl_detector_view();
    return count;
}

static enum fl_error run(struct migration *m)
{
    const struct fl_view *moved_views[VIEW_COUNT_MAX];
    const char *topics[TOPIC_COUNT_MAX] = {NULL};
    size_t count = 0;
    const struct fl_topic_row *rows = fl_topic_table(&count);
    for (size_t i = 0; i < count; i++)
        topics[i] = rows[i].spec.name;
    struct fl_migrate_options options = {
        .source = m->duty->journal,
        .target = m->target,
        .topics = topics,
        .context = m,
        .seal = seal,
        .progress = show_progress,
        .stopped = stopped,
    };
    struct fl_migrate_views views = {
        .directory = m->views_path,
        .views = moved_views,
        .view_count = collect_views(moved_views),
        .source = m->duty->journal,
        .target_identity = m->identity,
        .map_size = fl_config_number(m->cli->config, FL_SETTING_VIEW_MAP),
        .port = m->cli->port,
    };
    enum fl_error error = refuse_same(m);
    if (error == FL_OK)
        error = find_log(m);
    if (error == FL_OK)
        error = fl_migrate_views_check(&views, m->detail);
    if (error == FL_OK)
        error = fl_migrate_run(&options, &m->result, m->detail);
    if (m->shows_progress)
        fputs("\r\033[K", stderr);
    return error == FL_OK ? fl_migrate_views_move(&views, &m->views_moved, m->detail) : error;
}

static void report(const struct migration *m)
{
    const struct fl_migrate_result *result = &m->result;
    if (m->cli->json) {
        printf("{\"cluster\":\"%s\",\"copied\":%llu,\"present\":%llu,\"compared\":%llu,"
               "\"topicsMadeAnew\":%u,\"viewsMoved\":%u}\n",
               m->identity, (unsigned long long)result->copied, (unsigned long long)result->present,
               (unsigned long long)result->compared, result->remade, m->views_moved);
        return;
    }
    printf("the log has moved to %s (cluster %s): %llu records copied, %llu were there, %llu "
           "compared, %u views moved\n",
           m->url, m->identity, (unsigned long long)result->copied,
           (unsigned long long)result->present, (unsigned long long)result->compared,
           m->views_moved);
    printf("go on there: set `engine = %s` in [journal] of the configuration, then `fleetlog up`\n",
           m->url);
}

static int lock_directory(struct fl_cli *cli)
{
    int holder = 0;
    enum fl_error error = fl_datadir_lock(&cli->datadir, &holder);
    if (error == FL_LOCKED)
        fl_cli_error(
            "another process (%d: `fleetlog up`, or a move under way) works on %s; stop it "
            "first",
            holder, cli->datadir.path);
    else if (error != FL_OK)
        fl_cli_error("%s/lock: %s", cli->datadir.path, fl_error_text(error));
    return fl_error_exit_code(error);
}

static void name_actor(char out[ACTOR_SIZE])
{
    const struct passwd *user = getpwuid(geteuid());
    if (user != NULL && strlen(user->pw_name) < ACTOR_SIZE - sizeof("operator:"))
        snprintf(out, ACTOR_SIZE, "operator:%s", user->pw_name);
    else
        snprintf(out, ACTOR_SIZE, "operator:%u", (unsigned)geteuid());
}

static int migrate_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    struct fl_duty duty;
    char detail[FL_CONFIG_DETAIL_SIZE] = "";
    struct migration m = {.cli = cli, .duty = &duty, .url = fl_argument(arguments, "to")};
    if (m.url == NULL)
        return fl_cli_usage("migrate: where to? --to kafka://HOST:PORT");
    m.shows_progress = !cli->quiet && !cli->json && isatty(STDERR_FILENO);
    name_actor(m.actor);
    int code = fl_cli_open_datadir(cli, false);
    if (code == FL_EXIT_DONE)
        code = lock_directory(cli);
    if (code == FL_EXIT_DONE)
        code = fl_cli_open_duty(cli, "migrate", &duty);
    if (code != FL_EXIT_DONE)
        return code;
    fl_datadir_path(&cli->datadir, "views", m.views_path);
    enum fl_error error =
        fl_journal_open(cli->config, &cli->datadir, m.url, "operator", false, &m.target, detail);
    if (error == FL_OK) {
        error = run(&m);
        snprintf(detail, sizeof(detail), "%s", m.detail);
    }
    if (error == FL_OK)
        report(&m);
    else
        fl_cli_error("migrate: %s%s", detail[0] != '\0' ? detail : fl_error_text(error),
                     fl_error_class(error) == FL_CLASS_RETRY ? "; run it again" : "");
    fl_journal_close(&m.target);
    fl_cli_close_duty(&duty);
    return fl_error_exit_code(error);
}

static const struct fl_option options[] = {
    {"to", 0, "URL", "the journal to move to: kafka://HOST:PORT,… or embedded"},
    {NULL},
};

const struct fl_command fl_command_migrate = {
    .name = "migrate",
    .operands = "",
    .summary = "move the log to another journal; run it again if it was interrupted",
    .examples = "  fleetlog migrate --to kafka://db1:9092     from the configured journal; `up` is "
                "stopped\n",
    .options = options,
    .run = migrate_command,
};
