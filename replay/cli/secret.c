/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/cli/secret.h"

#include <sodium.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/file.h"

enum { CONTROL_C = 3 };

int fl_secrets_open(struct fl_secrets *secrets, const struct fl_arguments *arguments)
{
    const char *path = fl_argument(arguments, "password-file");
    secrets->lines = NULL;
    if (path == NULL || strcmp(path, "-") == 0) {
        if (path != NULL || !isatty(STDIN_FILENO))
            secrets->lines = stdin;
        return FL_EXIT_DONE;
    }
    enum fl_error error = fl_file_check_private(path);
    if (error == FL_OK)
        secrets->lines = fopen(path, "re");
    if (error == FL_DENIED)
        fl_cli_error("--password-file: others may read %s; chmod 600 it", path);
    else if (secrets->lines == NULL)
        fl_cli_error("--password-file: %s cannot be read", path);
    return secrets->lines == NULL ? FL_EXIT_USAGE : FL_EXIT_DONE;
}

void fl_secrets_close(struct fl_secrets *secrets)
{
    if (secrets->lines != NULL && secrets->lines != stdin)
        fclose(secrets->lines);
    secrets->lines = NULL;
}

/* A whole line without its end. */
static int take_line(FILE *lines, bool is_terminal, const char *what, char secret[FL_SECRET_SIZE])
{
    size_t size = 0;
    int c;
    while ((c = getc(lines)) != EOF && c != '\n') {
        if (c == CONTROL_C && is_terminal)
            return FL_EXIT_INTERRUPTED;
        if (c == '\0')
            return fl_cli_usage("%s: there is a zero byte in it", what);
        if (size == FL_SECRET_SIZE - 1)
            return fl_cli_usage("%s: it has more than %d bytes", what, FL_SECRET_SIZE - 1);
        secret[size++] = (char)c;
    }
    if (size != 0 && secret[size - 1] == '\r')
        size--;
    secret[size] = '\0';
    return size != 0 ? FL_EXIT_DONE : fl_cli_usage("%s: it is missing", what);
}

/* Control-C ends the line instead of the process, so that the terminal echoes again in any case. */
static int ask(const char *what, char secret[FL_SECRET_SIZE])
{
    struct termios before;
    FILE *terminal = fopen("/dev/tty", "r+e");
    if (terminal == NULL || tcgetattr(fileno(terminal), &before) != 0) {
        if (terminal != NULL)
            fclose(terminal);
        return fl_cli_usage("%s: there is no terminal to ask at; use --password-file", what);
    }
    setvbuf(terminal, NULL, _IONBF, 0);
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
    quiet.c_cc[VEOL] = CONTROL_C;
    tcsetattr(fileno(terminal), TCSAFLUSH, &quiet);
    fprintf(terminal, "%s: ", what);
    int code = take_line(terminal, true, what, secret);
    tcsetattr(fileno(terminal), TCSAFLUSH, &before);
    fprintf(terminal, "\n");
    fclose(terminal);
    return code;
}

int fl_secret_read(struct fl_secrets *secrets, const char *what, char secret[FL_SECRET_SIZE])
{
    return secrets->lines == NULL ? ask(what, secret)
                                  : take_line(secrets->lines, false, what, secret);
}

int fl_secret_choose(struct fl_secrets *secrets, const char *what, char secret[FL_SECRET_SIZE])
{
    char again[FL_SECRET_SIZE];
    int code = fl_secret_read(secrets, what, secret);
    if (code != FL_EXIT_DONE || secrets->lines != NULL)
        return code;
    code = ask("The same again", again);
    if (code == FL_EXIT_DONE && strcmp(secret, again) != 0)
        code = fl_cli_usage("%s: the two are not the same", what);
    sodium_memzero(again, sizeof(again));
    return code;
}
