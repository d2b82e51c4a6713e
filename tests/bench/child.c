/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

extern char **environ;

enum { WORD_COUNT_MAX = 24, READY_MS = 120000, PIPE_FD = 3 };

void child_start(const struct bench *bench, struct child *child, const char *const words[])
{
    const char *arguments[WORD_COUNT_MAX] = {bench->binary, "--data", bench->directory, "--journal",
                                             bench->journal};
    posix_spawn_file_actions_t actions;
    char log[128];
    int ready[2];
    size_t count = 5;
    for (size_t i = 0; words[i] != NULL && count < WORD_COUNT_MAX - 1; i++)
        arguments[count++] = words[i];
    if (pipe2(ready, O_CLOEXEC) != 0)
        bench_fail("pipe: %s", strerror(errno));
    snprintf(log, sizeof(log), "%s/bench.log", bench->directory);
    setenv("FLEETLOG_SUPERVISOR_FD", "3", 1);
    setenv("FLEETLOG_GATEWAY_LISTEN", "127.0.0.1:0", 1);
    setenv("FLEETLOG_GATEWAY_API_LISTEN", "", 1);
    setenv("FLEETLOG_GATEWAY_METRICS_LISTEN", "", 1);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ready[1], PIPE_FD);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    if (posix_spawn(&child->process, bench->binary, &actions, NULL,
                    (char *const *)(uintptr_t)arguments, environ) != 0)
        bench_fail("%s cannot be started", bench->binary);
    posix_spawn_file_actions_destroy(&actions);
    unsetenv("FLEETLOG_SUPERVISOR_FD");
    close(ready[1]);
    child->ready = ready[0];
}

void child_await_ready(struct child *child)
{
    struct pollfd fd = {child->ready, POLLIN, 0};
    char byte = 0;
    while (byte != 'R') {
        if (poll(&fd, 1, READY_MS) != 1 || read(child->ready, &byte, 1) != 1)
            bench_fail("a duty ended before it was ready");
    }
}

static int join(struct child *child)
{
    int status = 0;
    while (waitpid(child->process, &status, 0) < 0)
        if (errno != EINTR)
            bench_fail("wait: %s", strerror(errno));
    close(child->ready);
    return status;
}

void child_run(const struct bench *bench, const char *const words[])
{
    struct child child;
    child_start(bench, &child, words);
    if (join(&child) != 0)
        bench_fail("`fleetlog %s` failed", words[0]);
}

void child_stop(struct child *child)
{
    kill(child->process, SIGTERM);
    (void)join(child);
}

double child_memory_mib(const struct child *child)
{
    char path[64];
    char line[256];
    long kib = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)child->process);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "RssAnon:", 8) == 0)
            kib = strtol(line + 8, NULL, 10);
    if (file != NULL)
        fclose(file);
    return (double)kib / 1024;
}
