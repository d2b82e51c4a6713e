/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/installer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { ENVIRONMENT_COUNT = 7, TEXT_SIZE = 640, EXIT_REFUSED = 10, STARTED_FD = 3 };

static enum fl_error error_of(int number)
{
    switch (number) {
    case 0:
        return FL_OK;
    case ENOENT:
        return FL_NOT_FOUND;
    case EACCES:
    case EPERM:
        return FL_DENIED;
    default:
        return FL_IO;
    }
}

enum fl_error fl_installer_start(const struct fl_installer_run *run, pid_t *pid)
{
    char texts[ENVIRONMENT_COUNT][TEXT_SIZE];
    char *environment[ENVIRONMENT_COUNT + 1] = {NULL};
    char *argv[] = {(char *)(uintptr_t)run->program, (char *)(uintptr_t)run->image, NULL};
    const char *path = getenv("PATH");
    const char *const pairs[ENVIRONMENT_COUNT][2] = {
        {"PATH", path != NULL ? path : "/usr/bin:/bin"},
        {"FLEETLOG_COMMAND", run->command_id},
        {"FLEETLOG_UPS", run->ups},
        {"FLEETLOG_MODEL", run->model},
        {"FLEETLOG_SERIAL", run->serial},
        {"FLEETLOG_FIRMWARE_BEFORE", run->firmware_before},
        {"FLEETLOG_FIRMWARE_VERSION", run->version},
    };
    for (size_t i = 0; i < ENVIRONMENT_COUNT; i++) {
        snprintf(texts[i], TEXT_SIZE, "%s=%s", pairs[i][0], pairs[i][1]);
        environment[i] = texts[i];
    }
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, 2, 1); /* standard output is nobody's */
    /* Open in the child alone, and closed again before the program begins. */
    posix_spawn_file_actions_addopen(&files, STARTED_FD, run->started_path,
                                     O_WRONLY | O_CREAT | O_EXCL, 0600);
    posix_spawn_file_actions_addclose(&files, STARTED_FD);
    enum fl_error error =
        error_of(posix_spawn(pid, run->program, &files, &attributes, argv, environment));
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return error;
}

const char *fl_installer_poll(pid_t pid, char out[32])
{
    int status = 0;
    pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == 0)
        return NULL;
    if (ended < 0 || WIFSIGNALED(status))
        snprintf(out, 32, "INSTALLER_KILLED");
    else if (WEXITSTATUS(status) == 0)
        out[0] = '\0';
    else if (WEXITSTATUS(status) == EXIT_REFUSED)
        snprintf(out, 32, "INSTALLER_REFUSED");
    else
        snprintf(out, 32, "INSTALLER_FAILED_%d", WEXITSTATUS(status));
    return out;
}

void fl_installer_kill(pid_t pid)
{
    int status;
    kill(-pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
}
