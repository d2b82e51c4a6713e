/* SPDX-License-Identifier: Apache-2.0 */
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "core/diag.h"
#include "core/journal_open.h"
#include "replay/cli/cli.h"
#include "replay/views.h"

int fl_cli_open_datadir(struct fl_cli *cli, bool create)
{
    const char *configured = fl_config_text(cli->config, FL_SETTING_DATA);
    enum fl_error error = fl_datadir_open(&cli->datadir, configured, create, cli->port);
    if (error == FL_OK)
        return FL_EXIT_DONE;
    if (error == FL_NOT_FOUND)
        fl_cli_error("there is no data directory %s: has `fleetlog up` ever run here?",
                     cli->datadir.path);
    else
        fl_cli_error("data directory %s: %s", cli->datadir.path, fl_error_text(error));
    return fl_error_exit_code(error);
}

static int open_journal(struct fl_cli *cli, const char *role, bool read_only,
                        struct fl_journal **journal)
{
    char detail[FL_CONFIG_DETAIL_SIZE] = "";
    enum fl_error error =
        fl_journal_open(cli->config, &cli->datadir, NULL, role, read_only, journal, detail);
    if (error == FL_OK)
        return FL_EXIT_DONE;
    fl_cli_error("the journal cannot be opened: %s",
                 detail[0] != '\0' ? detail : fl_error_text(error));
    return fl_error_exit_code(error);
}

int fl_cli_open_journal(struct fl_cli *cli, struct fl_journal **journal)
{
    int code = cli->datadir.path[0] == '\0' ? fl_cli_open_datadir(cli, false) : FL_EXIT_DONE;
    return code == FL_EXIT_DONE ? open_journal(cli, "operator", true, journal) : code;
}

/* As whom a duty speaks to Kafka: a projector's name is that of its view. */
static const char *role_of(const char *duty_name)
{
    if (fl_config_is_kafka_role(duty_name))
        return duty_name;
    return fl_views_find(duty_name) != NULL ? "projector" : "operator";
}

int fl_cli_open_duty(struct fl_cli *cli, const char *name, struct fl_duty *duty)
{
    int code = fl_cli_open_datadir(cli, true);
    if (code != FL_EXIT_DONE)
        return code;
    enum fl_error error = fl_duty_init(duty, name);
    if (error != FL_OK) {
        fl_cli_error("%s: %s", name, fl_error_text(error));
        return fl_error_exit_code(error);
    }
    duty->config = cli->config;
    duty->datadir = &cli->datadir;
    duty->port = cli->port;
    code = open_journal(cli, role_of(name), false, &duty->journal);
    if (code != FL_EXIT_DONE)
        fl_duty_fini(duty);
    return code;
}

void fl_cli_close_duty(struct fl_duty *duty)
{
    fl_journal_close(&duty->journal);
    fl_duty_fini(duty);
}

void fl_cli_user_name(char *out, size_t out_size)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char room[4096];
    if (getpwuid_r(getuid(), &entry, room, sizeof(room), &found) == 0 && found != NULL)
        snprintf(out, out_size, "%s", entry.pw_name);
    else
        snprintf(out, out_size, "%u", (unsigned)getuid());
}
