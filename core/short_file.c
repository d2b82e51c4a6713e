/* SPDX-License-Identifier: Apache-2.0 */
#include "core/short_file.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"

/* Only calls that are safe in a signal handler, and no memory but the stack. */
struct map_line {
    char text[PATH_MAX + 128];
    size_t size;
};

static void say(const char *text, size_t size)
{
    ssize_t written = write(STDERR_FILENO, text, size);
    (void)written; /* nothing is left to be done about it */
}

/* The next line of /proc/self/maps, byte by byte: this happens once in a process's life. */
static bool read_line(int fd, struct map_line *line)
{
    char c;
    line->size = 0;
    while (read(fd, &c, 1) == 1) {
        if (c == '\n')
            return true;
        if (line->size + 1 < sizeof(line->text))
            line->text[line->size++] = c;
    }
    return false;
}

static uintptr_t read_hex(const char **at)
{
    uintptr_t value = 0;
    for (;; ++*at) {
        char c = **at;
        if (c >= '0' && c <= '9')
            value = value * 16 + (uintptr_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + (uintptr_t)(c - 'a' + 10);
        else
            return value;
    }
}

/* "from-to perms offset device inode   path" (proc(5)). */
static bool holds(struct map_line *line, uintptr_t address, const char **path)
{
    line->text[line->size] = '\0';
    const char *at = line->text;
    uintptr_t from = read_hex(&at);
    if (*at != '-')
        return false;
    ++at;
    uintptr_t to = read_hex(&at);
    *path = strchr(at, '/');
    return *path != NULL && address >= from && address < to;
}

static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    static const char about[] = "fleetlog: a file is shorter than its pages, or cannot be read: ";
    struct map_line line;
    const char *path = NULL;
    bool found = false;
    (void)signal_number;
    (void)context;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (!found && fd >= 0 && read_line(fd, &line))
        found = holds(&line, (uintptr_t)info->si_addr, &path);
    say(about, sizeof(about) - 1);
    if (found)
        say(path, strlen(path));
    else
        say("its name is not known", 21);
    say("\n", 1);
    _exit(fl_error_exit_code(FL_CORRUPT));
}

void fl_short_file_watch(void)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}
