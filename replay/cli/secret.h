/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Passwords and codes that a command asks for: from the terminal without echo, from a private file
 * or from standard input, one a line, in the order in which they are asked for. Never from the
 * command line, which every process of the machine can read.
 *
 * Threading: one thread. Allocation: none. Limits: FL_SECRET_SIZE with the NUL; a longer line is
 * refused, not cut.
 */
#include <stdio.h>

#include "replay/cli/cli.h"

enum { FL_SECRET_SIZE = 1025 };

/* The option of every command that asks: one row of its table. */
#define FL_SECRET_OPTION                                                                           \
    {                                                                                              \
        "password-file", 0, "FILE", "read what is asked for from this file, one a line; -: stdin"  \
    }

struct fl_secrets {
    FILE *lines; /* NULL: the terminal is asked */
};

/* Without the option: the terminal, or standard input if that is none. An exit code, after saying
 * why: the file cannot be read, or others may read it. */
int fl_secrets_open(struct fl_secrets *secrets, const struct fl_arguments *arguments);
void fl_secrets_close(struct fl_secrets *secrets);

/* The next one. FL_EXIT_USAGE after saying that it is missing or too long; FL_EXIT_INTERRUPTED. */
int fl_secret_read(struct fl_secrets *secrets, const char *what, char secret[FL_SECRET_SIZE]);

/* One that is chosen: at a terminal it is asked for twice. */
int fl_secret_choose(struct fl_secrets *secrets, const char *what, char secret[FL_SECRET_SIZE]);
