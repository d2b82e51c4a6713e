/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/diag.h"
#include "core/journal_open.h"
#include "core/version.h"

enum global_action { ACTION_RUN, ACTION_HELP, ACTION_VERSION, ACTION_CHECK, ACTION_PRINT };

static const struct fl_option global_options[] = {
    {"data", 0, "DIR", "data directory (FLEETLOG_DATA)"},
    {"config", 0, "FILE", "configuration file (FLEETLOG_CONFIG)"},
    {"journal", 0, "URL", "embedded, or kafka://host:port,… (FLEETLOG_JOURNAL)"},
    {"as", 0, "ACCOUNT", "act on behalf of this account: address or id (FLEETLOG_AS)"},
    {"json", 'j', NULL, "print JSON, one object per line for streams"},
    {"quiet", 'q', NULL, "no progress, no remarks"},
    {"no-color", 0, NULL, "no colours"},
    {"help", 'h', NULL, "show help and end"},
    {"version", 0, NULL, "show the version and end"},
    {"check-config", 0, NULL, "check the configuration and end"},
    {"print-config", 0, NULL, "print every setting with its source and end"},
    {NULL, 0, NULL, NULL},
};

enum {
    GLOBAL_DATA,
    GLOBAL_CONFIG,
    GLOBAL_JOURNAL,
    GLOBAL_AS,
    GLOBAL_JSON,
    GLOBAL_QUIET,
    GLOBAL_NO_COLOR,
    GLOBAL_HELP,
    GLOBAL_VERSION,
    GLOBAL_CHECK,
    GLOBAL_PRINT,
    GLOBAL_COUNT
};

void fl_cli_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("fleetlog: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int fl_cli_usage(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("fleetlog: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\nTry 'fleetlog --help' or 'fleetlog COMMAND --help'.\n", stderr);
    va_end(args);
    return FL_EXIT_USAGE;
}

static size_t option_index(const struct fl_option *options, const char *name)
{
    size_t index = 0;
    while (options[index].name != NULL && strcmp(options[index].name, name) != 0)
        index++;
    fl_assert(options[index].name != NULL);
    return index;
}

const char *fl_argument(const struct fl_arguments *arguments, const char *name)
{
    return arguments->values[option_index(arguments->options, name)];
}

const char *fl_argument_at(const struct fl_arguments *arguments, const char *name, size_t index)
{
    size_t option = option_index(arguments->options, name);
    for (size_t i = 0; i < arguments->given_count; i++)
        if (arguments->given[i] == option && index-- == 0)
            return arguments->given_values[i];
    return NULL;
}

bool fl_argument_number(const struct fl_arguments *arguments, const char *name, uint64_t fallback,
                        uint64_t *value)
{
    const char *text = fl_argument(arguments, name);
    *value = fallback;
    if (text == NULL || fl_slice_to_u64(fl_slice_text(text), value))
        return true;
    fl_cli_usage("--%s: \"%s\" is not a whole number", name, text);
    return false;
}

/* The command whose words begin at argv[at]; the longest name wins. Sets how many words it took. */
static const struct fl_command *find_command(int count, char **words, size_t *taken)
{
    const struct fl_command *best = NULL;
    *taken = 0;
    for (size_t i = 0; fl_commands[i] != NULL; i++) {
        const char *name = fl_commands[i]->name;
        size_t word_count = 0;
        while (name != NULL && word_count < (size_t)count) {
            size_t size = strcspn(name, " ");
            if (strlen(words[word_count]) != size || memcmp(words[word_count], name, size) != 0)
                break;
            word_count++;
            name = name[size] == '\0' ? NULL : name + size + 1;
        }
        if (name == NULL && word_count > *taken) {
            best = fl_commands[i];
            *taken = word_count;
        }
    }
    return best;
}

static void print_options(const struct fl_option *options)
{
    for (size_t i = 0; options != NULL && options[i].name != NULL; i++) {
        char left[64];
        snprintf(left, sizeof(left), "%s%c%s--%s%s%s", options[i].short_name != 0 ? "-" : " ",
                 options[i].short_name != 0 ? options[i].short_name : ' ',
                 options[i].short_name != 0 ? ", " : "  ", options[i].name,
                 options[i].argument != NULL ? " " : "",
                 options[i].argument != NULL ? options[i].argument : "");
        printf("  %-30s %s\n", left, options[i].help);
    }
}

/* Whether the command is one of a family: "device list" of "device". */
static bool is_of(const struct fl_command *command, const char *family)
{
    size_t size = strlen(family);
    return strncmp(command->name, family, size) == 0 && command->name[size] == ' ';
}

static bool is_family(const char *word)
{
    for (size_t i = 0; fl_commands[i] != NULL; i++)
        if (is_of(fl_commands[i], word))
            return true;
    return false;
}

static void print_commands(const char *family)
{
    for (size_t i = 0; fl_commands[i] != NULL; i++)
        if (!fl_commands[i]->hidden && (family == NULL || is_of(fl_commands[i], family)))
            printf("  %-30s %s\n", fl_commands[i]->name, fl_commands[i]->summary);
}

/* Of a command, of a family of them ("device"; NULL: none), or of all. */
static int print_help(const struct fl_command *command, const char *family)
{
    if (command != NULL) {
        printf("%s\n\nUsage: fleetlog %s%s%s%s\n", command->summary, command->name,
               command->options != NULL && command->options[0].name != NULL ? " [OPTION]…" : "",
               command->operands[0] != '\0' ? " " : "", command->operands);
        if (command->examples != NULL)
            printf("\nExamples:\n%s", command->examples);
        if (command->options != NULL && command->options[0].name != NULL)
            printf("\nOptions:\n");
        print_options(command->options);
    } else if (family != NULL) {
        printf("Usage: fleetlog [OPTION]… %s WORD [ARGUMENT]…\n\nCommands:\n", family);
        print_commands(family);
    } else {
        printf("fleetlog: the log of a fleet of connected UPSes\n\nUsage: fleetlog [OPTION]… "
               "COMMAND [ARGUMENT]…\n"
               "\nExamples:\n  fleetlog up                      start everything on this machine\n"
               "  fleetlog device list             what stands where, and how it is\n"
               "  fleetlog verify                  prove that the log and the views are "
               "true\n\nCommands:\n");
        print_commands(NULL);
    }
    printf("\nOptions of every command:\n");
    print_options(global_options);
    printf("\nExit codes: 0 done, 1 refused or failed, 2 usage, 3 not found, 4 a check found a "
           "difference,\n"
           "75 temporarily unavailable, 130 interrupted.\n");
    return FL_EXIT_DONE;
}

struct parse {
    int argc;
    char **argv;
    int at;
    const char *globals[GLOBAL_COUNT];
    char *words[FL_CLI_POSITIONAL_COUNT_MAX];
    int word_count;
    bool only_words; /* after "--" */
};

/* Finds `name` (size bytes) or the short form in a table; -1 if it is not there. */
static int find_option(const struct fl_option *options, const char *name, size_t size,
                       char short_name)
{
    for (int i = 0; options != NULL && options[i].name != NULL; i++) {
        if (short_name != 0
                ? options[i].short_name == short_name
                : strlen(options[i].name) == size && memcmp(options[i].name, name, size) == 0)
            return i;
    }
    return -1;
}

/* Takes one option word at parse->at for either table. False after printing a usage error. */
static bool take_option(struct parse *parse, const struct fl_option *options,
                        struct fl_arguments *arguments, const struct fl_option *all_of_command)
{
    const char *word = parse->argv[parse->at];
    bool is_long = word[1] == '-';
    const char *name = is_long ? word + 2 : word + 1;
    const char *equals = is_long ? strchr(name, '=') : NULL;
    size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    char short_name = is_long ? 0 : name[0];
    int index = find_option(options, name, size, short_name);
    const struct fl_option *found = index >= 0 ? &options[index] : NULL;
    const char **value = index >= 0 ? &arguments->values[index] : NULL;
    bool of_command = index >= 0;
    if (found == NULL) {
        index = find_option(global_options, name, size, short_name);
        found = index >= 0 ? &global_options[index] : NULL;
        value = index >= 0 ? &parse->globals[index] : NULL;
    }
    if (found == NULL) {
        if (all_of_command != NULL || options != NULL)
            fl_cli_usage("unknown option %s", word);
        return false;
    }
    const char *given = equals != NULL ? equals + 1 : NULL;
    if (!is_long && name[1] != '\0')
        given = name + 1;
    if (found->argument == NULL && given != NULL) {
        fl_cli_usage("--%s takes no value", found->name);
        return false;
    }
    if (found->argument != NULL && given == NULL) {
        if (parse->at + 1 >= parse->argc) {
            fl_cli_usage("--%s wants %s", found->name, found->argument);
            return false;
        }
        given = parse->argv[++parse->at];
    }
    *value = found->argument == NULL ? "" : given;
    if (of_command && arguments->given_count == FL_CLI_GIVEN_COUNT_MAX) {
        fl_cli_usage("more than %d options", FL_CLI_GIVEN_COUNT_MAX);
        return false;
    }
    if (of_command) {
        arguments->given[arguments->given_count] = (size_t)index;
        arguments->given_values[arguments->given_count++] = *value;
    }
    return true;
}

static bool is_option(const struct parse *parse)
{
    const char *word = parse->argv[parse->at];
    bool negative_number = word[0] == '-' && word[1] >= '0' && word[1] <= '9';
    return !parse->only_words && word[0] == '-' && word[1] != '\0' && !negative_number;
}

/* Words in front of the first option of a command name the command: collected until an option of
 * its own appears. */
static const struct fl_command *parse_all(struct parse *parse, struct fl_arguments *arguments,
                                          bool *good)
{
    static const struct fl_option none[] = {{NULL, 0, NULL, NULL}};
    const struct fl_command *command = NULL;
    size_t taken = 0;
    *good = true;
    for (parse->at = 1; *good && parse->at < parse->argc; parse->at++) {
        if (!parse->only_words && strcmp(parse->argv[parse->at], "--") == 0) {
            parse->only_words = true;
        } else if (is_option(parse)) {
            command = find_command(parse->word_count, parse->words, &taken);
            arguments->options =
                command != NULL && command->options != NULL ? command->options : none;
            *good = take_option(parse, arguments->options, arguments, none);
        } else if (parse->word_count == FL_CLI_POSITIONAL_COUNT_MAX) {
            fl_cli_usage("more than %d words", FL_CLI_POSITIONAL_COUNT_MAX);
            *good = false;
        } else {
            parse->words[parse->word_count++] = parse->argv[parse->at];
        }
    }
    command = find_command(parse->word_count, parse->words, &taken);
    arguments->options = command != NULL && command->options != NULL ? command->options : none;
    for (size_t i = taken; i < (size_t)parse->word_count; i++)
        arguments->positional[arguments->positional_count++] = parse->words[i];
    return command;
}

static int load_config(struct fl_cli *cli, const char *const *globals)
{
    char detail[FL_CONFIG_DETAIL_SIZE] = "";
    enum fl_error error = FL_OK;
    /* An unset variable in a script must not become "the default". */
    static const struct {
        int global;
        const char *name;
    } texts[] = {{GLOBAL_DATA, "--data"},
                 {GLOBAL_CONFIG, "--config"},
                 {GLOBAL_JOURNAL, "--journal"},
                 {GLOBAL_AS, "--as"}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (globals[texts[i].global] != NULL && globals[texts[i].global][0] == '\0')
            return fl_cli_usage("%s is empty", texts[i].name);
    cli->config_path =
        globals[GLOBAL_CONFIG] != NULL ? globals[GLOBAL_CONFIG] : getenv("FLEETLOG_CONFIG");
    if (cli->config_path != NULL)
        error = fl_config_load_file(cli->config, cli->config_path, detail);
    if (error == FL_OK)
        error = fl_config_load_environment(cli->config, detail);
    if (error == FL_OK && globals[GLOBAL_DATA] != NULL)
        error =
            fl_config_set(cli->config, FL_SETTING_DATA, globals[GLOBAL_DATA], FL_FROM_FLAG, detail);
    if (error == FL_OK && globals[GLOBAL_JOURNAL] != NULL)
        error = fl_config_set(cli->config, FL_SETTING_JOURNAL, globals[GLOBAL_JOURNAL],
                              FL_FROM_FLAG, detail);
    if (error == FL_OK)
        return FL_EXIT_DONE;
    fl_cli_error("%s", detail);
    return FL_EXIT_USAGE;
}

static int configure_log(struct fl_cli *cli, const char *name)
{
    static const char *const levels[] = {"debug", "info", "warning", "error", "critical"};
    const char *format = fl_config_text(cli->config, FL_SETTING_LOG_FORMAT);
    const char *level = fl_config_text(cli->config, FL_SETTING_LOG_LEVEL);
    size_t index = 0;
    while (index < 5 && strcmp(levels[index], level) != 0)
        index++;
    if (index == 5)
        return fl_cli_usage("[log] level: \"%s\" is none of debug, info, warning, error, critical",
                            level);
    if (strcmp(format, "logfmt") != 0 && strcmp(format, "json") != 0)
        return fl_cli_usage("[log] format: \"%s\" is neither logfmt nor json", format);
    fl_diag_configure(name, strcmp(format, "json") == 0, (enum fl_level)index);
    return FL_EXIT_DONE;
}

static int run(struct fl_cli *cli, const struct parse *parse, const struct fl_command *command,
               const struct fl_arguments *arguments)
{
    int code = load_config(cli, parse->globals);
    if (code == FL_EXIT_DONE)
        code = configure_log(cli, command != NULL ? command->name : "fleetlog");
    if (code != FL_EXIT_DONE)
        return code;
    if (parse->globals[GLOBAL_PRINT] != NULL) {
        fl_config_print(cli->config, stdout);
        return FL_EXIT_DONE;
    }
    if (parse->globals[GLOBAL_CHECK] != NULL) {
        printf("configuration is good\n");
        return FL_EXIT_DONE;
    }
    if (command == NULL && parse->word_count > 0)
        return is_family(parse->words[0])
                   ? fl_cli_usage("%s wants one more word (fleetlog %s --help)", parse->words[0],
                                  parse->words[0])
                   : fl_cli_usage("unknown command: %s", parse->words[0]);
    if (command == NULL)
        return fl_cli_usage("no command given");
    if (arguments->positional_count < command->positional_min ||
        arguments->positional_count > command->positional_max)
        return fl_cli_usage("usage: fleetlog %s %s", command->name, command->operands);
    return command->run(cli, arguments);
}

int fl_cli_main(int argc, char **argv)
{
    bool good = true;
    struct parse parse = {.argc = argc, .argv = argv};
    struct fl_arguments arguments = {.options = NULL};
    const struct fl_command *command = parse_all(&parse, &arguments, &good);
    if (!good)
        return FL_EXIT_USAGE;
    if (parse.globals[GLOBAL_HELP] != NULL ||
        (parse.word_count == 1 && strcmp(parse.words[0], "help") == 0))
        return print_help(
            command, parse.word_count > 0 && is_family(parse.words[0]) ? parse.words[0] : NULL);
    if (parse.globals[GLOBAL_VERSION] != NULL) {
        printf("fleetlog %s\n", FL_VERSION_TEXT);
        return FL_EXIT_DONE;
    }
    struct fl_cli cli = {
        .config = fl_config_open(),
        .port = fl_port_system(),
        .datadir = {.lock_fd = -1},
        .as = parse.globals[GLOBAL_AS] != NULL ? parse.globals[GLOBAL_AS] : getenv("FLEETLOG_AS"),
        .json = parse.globals[GLOBAL_JSON] != NULL,
        .quiet = parse.globals[GLOBAL_QUIET] != NULL,
    };
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    cli.color = isatty(STDOUT_FILENO) && parse.globals[GLOBAL_NO_COLOR] == NULL &&
                (no_color == NULL || no_color[0] == '\0') &&
                (term == NULL || strcmp(term, "dumb") != 0);
    int code = run(&cli, &parse, command, &arguments);
    fl_datadir_close(&cli.datadir);
    fl_config_close(&cli.config);
    if (fflush(stdout) != 0 && code == FL_EXIT_DONE)
        code = FL_EXIT_FAILED;
    return code;
}
