/* SPDX-License-Identifier: Apache-2.0 */
/* `fleetlog agent run`: the one command that runs where the UPSes are, without journal or views. */
#include <stdlib.h>
#include <string.h>

#include "core/diag.h"
#include "core/file.h"
#include "producers/agent/agent.h"
#include "replay/cli/commands.h"

enum { PASSWORD_SIZE = 256, PATH_SIZE = 4096, DESCRIBE_S = 300 };

static const struct fl_option agent_options[] = {
    {"gateway", 0, "URL", "where the platform takes reports (default http://127.0.0.1:7700)"},
    {"gateway-ca", 0, "FILE", "certificates to trust instead of the system's"},
    {"claim", 0, "CODE", "claim code, needed once (`fleetlog claim issue`)"},
    {"upsd", 0, "HOST:PORT", "an upsd to read; may be repeated (default 127.0.0.1:3493)"},
    {"state", 0, "DIR", "key, queue and counters (default: agent/ beside the data directory)"},
    {"poll", 0, "SECONDS", "between two readings of a UPS (default 5)"},
    {"full-interval", 0, "SECONDS", "between two full reports (default 300)"},
    {"queue", 0, "MIB", "room for reports while the gateway is away (default 256)"},
    {"firmware-installer", 0, "PROGRAM", "puts firmware into a UPS (its contract: installer.h)"},
    {"firmware-key", 0, "KEY", "public key of the publisher whose images are installed"},
    {"firmware-timeout", 0, "SECONDS", "how long the installer may run (default 1800)"},
    {"readmit", 0, NULL, "register devices anew that were removed from the fleet"},
    {"user", 0, "NAME", "upsd user; without one upsd refuses commands"},
    {"password-file", 0, "FILE", "holds that user's password; for the owner's eyes only (0600)"},
    {"plain-password", 0, NULL, "send it to other machines without TLS, too"},
    {"tls", 0, "WHEN", "offered (default), required or off: TLS to upsd by STARTTLS"},
    {"upsd-ca", 0, "FILE", "certificates to check upsd's against; without it any is taken"},
    {NULL, 0, NULL, NULL},
};

static bool read_password(const char *path, char out[PASSWORD_SIZE])
{
    size_t size = 0;
    enum fl_error error = fl_file_check_private(path);
    if (error == FL_OK)
        error = fl_file_read(path, out, PASSWORD_SIZE - 1, &size);
    if (error == FL_DENIED)
        fl_cli_error("the password file %s must be readable by its owner alone (chmod 600)", path);
    else if (error != FL_OK)
        fl_cli_error("%s: %s", path, fl_error_text(error));
    if (error != FL_OK)
        return false;
    while (size > 0 && (out[size - 1] == '\n' || out[size - 1] == '\r'))
        size--;
    out[size] = '\0';
    return true;
}

static bool parse_tls(const char *word, enum fl_upsd_tls *tls)
{
    static const char *const words[] = {[FL_UPSD_TLS_OFFERED] = "offered",
                                        [FL_UPSD_TLS_REQUIRED] = "required",
                                        [FL_UPSD_TLS_OFF] = "off"};
    *tls = FL_UPSD_TLS_OFFERED;
    if (word == NULL)
        return true;
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(word, words[i]) == 0) {
            *tls = (enum fl_upsd_tls)i;
            return true;
        }
    fl_cli_usage("--tls: \"%s\" is none of offered, required, off", word);
    return false;
}

/* DIR of --state, else a sibling of what the data directory would be. */
static bool state_directory(struct fl_cli *cli, const char *given, char out[PATH_SIZE])
{
    const char *data = fl_config_text(cli->config, FL_SETTING_DATA);
    const char *home = getenv("XDG_DATA_HOME");
    int size;
    if (given != NULL)
        size = snprintf(out, PATH_SIZE, "%s", given);
    else if (data[0] != '\0')
        size = snprintf(out, PATH_SIZE, "%s/agent", data);
    else if (home != NULL && home[0] == '/')
        size = snprintf(out, PATH_SIZE, "%s/fleetlog-agent", home);
    else
        size = snprintf(out, PATH_SIZE, "/var/lib/fleetlog-agent");
    if (size > 0 && size < PATH_SIZE)
        return true;
    fl_cli_usage("the state directory's name is too long");
    return false;
}

/* Seconds or MiB, from 1 on. */
static bool positive(const struct fl_arguments *arguments, const char *name, uint64_t fallback,
                     uint64_t *value)
{
    if (!fl_argument_number(arguments, name, fallback, value))
        return false;
    if (*value > 0 && *value <= 1000000)
        return true;
    fl_cli_usage("--%s: from 1 to 1000000", name);
    return false;
}

static bool fill_upsds(const struct fl_arguments *arguments, const struct fl_upsd_options *common,
                       struct fl_agent_options *options)
{
    const char *address;
    while ((address = fl_argument_at(arguments, "upsd", options->upsd_count)) != NULL) {
        if (options->upsd_count == FL_AGENT_UPSD_COUNT_MAX) {
            fl_cli_usage("more than %d upsds", FL_AGENT_UPSD_COUNT_MAX);
            return false;
        }
        options->upsds[options->upsd_count] = *common;
        options->upsds[options->upsd_count++].address = address;
    }
    if (options->upsd_count == 0) {
        options->upsds[0] = *common;
        options->upsds[options->upsd_count++].address = "127.0.0.1:3493";
    }
    return true;
}

static bool fill_options(struct fl_cli *cli, const struct fl_arguments *arguments,
                         struct fl_agent_options *options, char state[PATH_SIZE],
                         char password[PASSWORD_SIZE])
{
    const char *password_file = fl_argument(arguments, "password-file");
    const char *gateway = fl_argument(arguments, "gateway");
    struct fl_upsd_options upsd = {.user = fl_argument(arguments, "user"),
                                   .plain_password =
                                       fl_argument(arguments, "plain-password") != NULL,
                                   .ca_path = fl_argument(arguments, "upsd-ca"),
                                   .describe_ms = DESCRIBE_S * 1000};
    uint64_t poll_s;
    uint64_t full_s;
    uint64_t queue_mib;
    uint64_t installer_s;
    if (!positive(arguments, "firmware-timeout", 1800, &installer_s))
        return false;
    if (!positive(arguments, "poll", 5, &poll_s) ||
        !positive(arguments, "full-interval", 300, &full_s) ||
        !positive(arguments, "queue", 256, &queue_mib) ||
        !parse_tls(fl_argument(arguments, "tls"), &upsd.tls) ||
        !state_directory(cli, fl_argument(arguments, "state"), state) ||
        (password_file != NULL && !read_password(password_file, password)))
        return false;
    if ((upsd.user == NULL) != (password_file == NULL)) {
        fl_cli_usage("--user and --password-file belong together");
        return false;
    }
    upsd.password = password_file != NULL ? password : NULL;
    upsd.poll_ms = (int64_t)poll_s * 1000;
    *options = (struct fl_agent_options){.state_directory = state,
                                         .gateway_url =
                                             gateway != NULL ? gateway : "http://127.0.0.1:7700",
                                         .gateway_ca = fl_argument(arguments, "gateway-ca"),
                                         .claim = fl_argument(arguments, "claim"),
                                         .readmit = fl_argument(arguments, "readmit") != NULL,
                                         .full_interval_ms = (int64_t)full_s * 1000,
                                         .queue_size_max = queue_mib << 20,
                                         .installer = fl_argument(arguments, "firmware-installer"),
                                         .installer_ms = (int64_t)installer_s * 1000};
    const char *key = fl_argument(arguments, "firmware-key");
    if ((options->installer == NULL) != (key == NULL) ||
        (key != NULL && !fl_firmware_read_key(key, options->firmware_key))) {
        fl_cli_usage("--firmware-installer and --firmware-key (32 bytes, base64) belong together");
        return false;
    }
    return fill_upsds(arguments, &upsd, options);
}

static int agent_command(struct fl_cli *cli, const struct fl_arguments *arguments)
{
    struct fl_duty duty;
    struct fl_agent_options options;
    char state[PATH_SIZE];
    char password[PASSWORD_SIZE];
    char detail[FL_AGENT_DETAIL_SIZE] = "";
    if (!fill_options(cli, arguments, &options, state, password))
        return FL_EXIT_USAGE;
    enum fl_error error = fl_duty_init(&duty, "agent");
    if (error != FL_OK) {
        fl_cli_error("agent: %s", fl_error_text(error));
        return fl_error_exit_code(error);
    }
    duty.config = cli->config;
    duty.port = cli->port;
    error = fl_agent_run(&duty, &options, detail);
    if (error == FL_OK)
        fl_diag(STOPPED, FL_TEXT("name", "agent"));
    else
        fl_cli_error("%s", detail[0] != '\0' ? detail : fl_error_text(error));
    fl_duty_fini(&duty);
    return fl_error_exit_code(error);
}

const struct fl_command fl_command_agent_run = {
    .name = "agent run",
    .operands = "",
    .summary = "read UPSes from upsd, report them, carry out commands",
    .examples = "  fleetlog agent run --claim CODE --upsd 127.0.0.1:3493 --state ./agent\n"
                "  fleetlog agent run --upsd nut1:3493 --upsd nut2:3493 --user fleetlog "
                "--password-file ./upsd.password\n",
    .options = agent_options,
    .run = agent_command,
};
