/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/agent/agent_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/diag.h"
#include "producers/agent/agent.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

extern char **environ;

#define ROLE "--run-as-the-agent"
enum { DEADLINE_MS = 30000, TOO_LATE = -1000 };

/* The words after ROLE, in this order; "-" stands for NULL. */
enum {
    WORD_STATE = 2,
    WORD_GATEWAY,
    WORD_UPSD,
    WORD_CLAIM,
    WORD_USER,
    WORD_PASSWORD,
    WORD_TLS,
    WORD_CA,
    WORD_POLL,
    WORD_FULL,
    WORD_QUEUE,
    WORD_WATCH,
    WORD_SKEW,
    WORD_READMIT,
    WORD_COUNT
};

static const char *word(char **argv, int index)
{
    return strcmp(argv[index], "-") == 0 ? NULL : argv[index];
}

static int64_t number(char **argv, int index)
{
    return strtoll(argv[index], NULL, 10);
}

/* The system's port with another wall clock. */
static int64_t skewed_wall_ms(void *context)
{
    return fl_port_wall_ms(fl_port_system()) + *(const int64_t *)context;
}

static int run(char **argv)
{
    struct fl_duty duty;
    struct fl_agent_options *options = calloc(1, sizeof(*options));
    char detail[FL_AGENT_DETAIL_SIZE] = "";
    const char *tls = word(argv, WORD_TLS);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it never outlives its test */
    fl_diag_configure("agent", false, FL_LEVEL_WARNING);
    enum fl_error error = fl_duty_init(&duty, "agent");
    fl_assert(error == FL_OK && options != NULL);
    struct fl_port port = *fl_port_system();
    int64_t skew_ms = number(argv, WORD_SKEW);
    port.context = &skew_ms;
    port.wall_ms = skewed_wall_ms;
    duty.port = &port;
    options->state_directory = argv[WORD_STATE];
    options->gateway_url = argv[WORD_GATEWAY];
    options->claim = word(argv, WORD_CLAIM);
    options->full_interval_ms = number(argv, WORD_FULL);
    options->queue_size_max = (uint64_t)number(argv, WORD_QUEUE);
    options->watch_ms = number(argv, WORD_WATCH);
    options->readmit = number(argv, WORD_READMIT) != 0;
    options->upsd_count = 1;
    options->upsds[0] = (struct fl_upsd_options){.address = argv[WORD_UPSD],
                                                 .user = word(argv, WORD_USER),
                                                 .password = word(argv, WORD_PASSWORD),
                                                 .tls = FL_UPSD_TLS_OFF,
                                                 .ca_path = word(argv, WORD_CA),
                                                 .poll_ms = number(argv, WORD_POLL),
                                                 .describe_ms = 60000};
    if (tls != NULL && strcmp(tls, "off") != 0)
        options->upsds[0].tls =
            strcmp(tls, "required") == 0 ? FL_UPSD_TLS_REQUIRED : FL_UPSD_TLS_OFFERED;
    error = fl_agent_run(&duty, options, detail);
    if (error != FL_OK)
        fprintf(stderr, "agent: %s\n", detail);
    fl_duty_fini(&duty);
    free(options);
    return fl_error_exit_code(error);
}

bool fl_agent_process_main(int argc, char **argv, int *code)
{
    if (argc != WORD_COUNT || strcmp(argv[1], ROLE) != 0)
        return false;
    *code = run(argv);
    return true;
}

static const char *or_default(const char *given, const char *fallback)
{
    return given != NULL ? given : fallback;
}

pid_t fl_agent_process_start(const struct fl_agent_process_options *options)
{
    pid_t pid;
    const char *words[WORD_COUNT + 1] = {
        "agent",
        ROLE,
        options->state,
        options->gateway,
        options->upsd,
        or_default(options->claim, "-"),
        or_default(options->user, "-"),
        or_default(options->password, "-"),
        or_default(options->tls, "-"),
        or_default(options->ca, "-"),
        or_default(options->poll_ms, "50"),
        or_default(options->full_ms, "300000"),
        or_default(options->queue_size, "16777216"),
        or_default(options->watch_ms, "5000"),
        or_default(options->skew_ms, "0"),
        or_default(options->readmit, "0"),
        NULL,
    };
    if (options->fault != NULL)
        setenv("FLEETLOG_FAULT_POINT", options->fault, 1);
    int code =
        posix_spawn(&pid, "/proc/self/exe", NULL, NULL, (char *const *)(uintptr_t)words, environ);
    unsetenv("FLEETLOG_FAULT_POINT");
    fl_assert(code == 0);
    return pid;
}

int fl_agent_process_wait(pid_t pid)
{
    int status = 0;
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    fl_assert(fd >= 0);
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready = poll(&wait, 1, DEADLINE_MS);
    close(fd);
    if (ready <= 0)
        kill(pid, SIGKILL);
    pid_t ended = waitpid(pid, &status, 0);
    fl_assert(ended == pid);
    if (ready <= 0)
        return TOO_LATE;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

void fl_agent_process_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    (void)fl_agent_process_wait(pid);
}

bool fl_agent_process_stop(pid_t pid)
{
    kill(pid, SIGTERM);
    int code = fl_agent_process_wait(pid);
    return code == 0 || code == -SIGTERM; /* the latter: before it had asked for signals */
}
