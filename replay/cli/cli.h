/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The command line of the one binary: a table of commands, each with its options, from which
 * parsing and `--help` come.
 *
 * Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 refused or failed, 2 usage,
 * 3 not found, 4 a check found a difference, 75 temporarily unavailable, 130 interrupted. Global
 * options may stand before or behind the command: --data DIR --config FILE --journal URL --json
 * --as ACCOUNT
 * --quiet --no-color --help --version --check-config --print-config.
 *
 * Threading: one thread. Allocation: argv's strings are borrowed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/config.h"
#include "core/datadir.h"
#include "core/duty.h"
#include "core/port.h"

enum {
    FL_EXIT_DONE = 0,
    FL_EXIT_FAILED = 1,
    FL_EXIT_USAGE = 2,
    FL_EXIT_NOT_FOUND = 3,
    FL_EXIT_DIFFERENCE = 4,
    FL_EXIT_TEMPORARY = 75,
    FL_EXIT_INTERRUPTED = 130
};

enum {
    FL_CLI_OPTION_COUNT_MAX = 24,
    FL_CLI_POSITIONAL_COUNT_MAX = 1100,
    FL_CLI_GIVEN_COUNT_MAX = 256 /* options of a command, repeated ones counted */
};

struct fl_option {
    const char *name;     /* long form without dashes */
    char short_name;      /* 0: none */
    const char *argument; /* word for the help; NULL: a switch */
    const char *help;
};

/* Which options were given, in the order of the command's table. */
struct fl_arguments {
    const struct fl_option *options;
    const char *values[FL_CLI_OPTION_COUNT_MAX]; /* NULL: not given; "" for a switch that was given;
                                                    of a repeated one the last */
    size_t given[FL_CLI_GIVEN_COUNT_MAX]; /* the option's place in `options`, in order given … */
    const char *given_values[FL_CLI_GIVEN_COUNT_MAX]; /* … and its value */
    size_t given_count;
    const char *positional[FL_CLI_POSITIONAL_COUNT_MAX];
    size_t positional_count;
};

struct fl_cli {
    struct fl_config *config;
    struct fl_datadir datadir; /* opened by fl_cli_open_datadir */
    const struct fl_port *port;
    const char *config_path; /* NULL: none given */
    const char *as;          /* --as or FLEETLOG_AS; NULL: nobody */
    bool json;
    bool quiet;
    bool color; /* stdout is a terminal and neither NO_COLOR, TERM=dumb nor --no-color says
                   otherwise */
};

struct fl_command {
    const char *name;     /* "device list" */
    const char *operands; /* "[DEVICE]…" for the usage line; "" if none */
    const char *summary;
    const char *examples;            /* lines; shown first by --help */
    const struct fl_option *options; /* ends with a NULL name; may be NULL */
    size_t positional_min;
    size_t positional_max;
    bool hidden;
    int (*run)(struct fl_cli *cli, const struct fl_arguments *arguments);
};

/* All commands, in the order of the help. Ends with a NULL name. */
extern const struct fl_command *const fl_commands[];

/* Parses and runs; the process's exit code. */
int fl_cli_main(int argc, char **argv);

/* Value of an option ("" for a switch), NULL if it was not given. The name must be in the command's
 * table (asserted). */
const char *fl_argument(const struct fl_arguments *arguments, const char *name);

/* Value `index` (from 0) of an option that may be repeated; NULL behind the last. */
const char *fl_argument_at(const struct fl_arguments *arguments, const char *name, size_t index);

/* Number of an option; `fallback` if not given. False after printing a usage error. */
bool fl_argument_number(const struct fl_arguments *arguments, const char *name, uint64_t fallback,
                        uint64_t *value);

/* Prints "fleetlog: …" to stderr. */
void fl_cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same for a usage error; returns FL_EXIT_USAGE. */
int fl_cli_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Opens the data directory; prints why not and returns an exit code, or FL_EXIT_DONE. */
int fl_cli_open_datadir(struct fl_cli *cli, bool create);

/* Prepares a duty with data directory and journal; the same rule. fl_cli_close_duty gives both
 * back. */
int fl_cli_open_duty(struct fl_cli *cli, const char *name, struct fl_duty *duty);
void fl_cli_close_duty(struct fl_duty *duty);

/* Opens the configured journal for a command that only looks. */
int fl_cli_open_journal(struct fl_cli *cli, struct fl_journal **journal);

/* The unix user, as the log names an operator; a number if the system knows no name. */
void fl_cli_user_name(char *out, size_t out_size);
