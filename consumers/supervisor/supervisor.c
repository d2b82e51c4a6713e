/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/diag.h"

/*   waiting ──start──► starting ──'R'──► ready
 *      ▲                  │                │
 *      └──── back-off ◄───┴──── death ─────┘        any ──stop──► stopping ──death──► ended */
enum child_state { CHILD_WAITING, CHILD_STARTING, CHILD_READY, CHILD_STOPPING, CHILD_ENDED };

struct child {
    const struct fl_child_spec *spec;
    enum child_state state;
    pid_t pid;
    int pid_fd;
    int pipe_fd;
    int64_t started_ms;
    int64_t heard_ms;
    int64_t start_at_ms; /* waiting: when to start */
    int backoff_ms;
    bool was_ready;
};

struct supervisor {
    struct fl_duty *duty;
    struct child children[FL_CHILD_COUNT_MAX];
    size_t count;
    bool stopping;
    int64_t kill_at_ms;
    enum fl_error error;
};

static int64_t now_ms(const struct supervisor *supervisor)
{
    return fl_port_monotonic_ms(supervisor->duty->port);
}

/* Between fork and exec: only async-signal-safe calls. */
_Noreturn static void become_child(const struct child *child, int write_fd, pid_t parent)
{
    char *argv[FL_CHILD_ARGUMENT_COUNT_MAX + 2] = {(char *)(uintptr_t) "fleetlog"};
    for (size_t i = 0; i < FL_CHILD_ARGUMENT_COUNT_MAX && child->spec->arguments[i] != NULL; i++)
        argv[i + 1] = (char *)(uintptr_t)child->spec->arguments[i];
    /* Not SIGTERM: a stopped orphan would keep its locks, and the next `up` would not start. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(FL_CHILD_COUNT_MAX);
    fcntl(write_fd, F_SETFD, 0);
    execv("/proc/self/exe", argv);
    _exit(127);
}

static enum fl_error start(struct supervisor *supervisor, struct child *child)
{
    int pipe_fds[2];
    char fd_text[16];
    pid_t parent = getpid();
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) != 0)
        return fl_error_from_errno(errno);
    snprintf(fd_text, sizeof(fd_text), "%d", pipe_fds[1]);
    setenv("FLEETLOG_SUPERVISOR_FD", fd_text, 1);
    pid_t pid = fork();
    if (pid == 0)
        become_child(child, pipe_fds[1], parent);
    unsetenv("FLEETLOG_SUPERVISOR_FD");
    close(pipe_fds[1]);
    if (pid < 0) {
        close(pipe_fds[0]);
        return fl_error_from_errno(errno);
    }
    child->pid = pid;
    child->pid_fd = pidfd_open(pid, 0);
    fl_assert(child->pid_fd >= 0);
    child->pipe_fd = pipe_fds[0];
    child->state = CHILD_STARTING;
    child->started_ms = child->heard_ms = now_ms(supervisor);
    fl_diag(CHILD_STARTED, FL_TEXT("child", child->spec->name), FL_INT("pid", pid));
    return FL_OK;
}

static void explain_death(const struct child *child, int status, char out[128])
{
    if (WIFSIGNALED(status))
        snprintf(out, 128, "killed by signal %d (%s)%s%s", WTERMSIG(status),
                 sigabbrev_np(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "",
                 WTERMSIG(status) == SIGBUS ? ": a data file is too short or cannot be read" : "");
    else
        snprintf(out, 128, "exit code %d%s", WEXITSTATUS(status),
                 WEXITSTATUS(status) == 75  ? " (temporarily unavailable)"
                 : WEXITSTATUS(status) == 4 ? " (its store or log failed a check)"
                 : WEXITSTATUS(status) == 2 ? " (it refuses to start)"
                                            : "");
    (void)child;
}

static void reap(struct supervisor *supervisor, struct child *child)
{
    int status = 0;
    char reason[128];
    pid_t pid = waitpid(child->pid, &status, 0);
    fl_assert(pid == child->pid);
    close(child->pid_fd);
    if (child->pipe_fd >= 0)
        close(child->pipe_fd);
    child->pid_fd = child->pipe_fd = -1;
    int64_t lived_ms = now_ms(supervisor) - child->started_ms;
    if (supervisor->stopping) {
        child->state = CHILD_ENDED;
        return;
    }
    if (lived_ms >= FL_CHILD_STABLE_MS)
        child->backoff_ms = FL_CHILD_BACKOFF_MS_MIN;
    explain_death(child, status, reason);
    fl_diag(CHILD_DIED, FL_TEXT("child", child->spec->name), FL_INT("pid", pid),
            FL_TEXT("reason", reason), FL_INT("lived_ms", lived_ms),
            FL_INT("backoff_ms", child->backoff_ms));
    child->state = CHILD_WAITING;
    child->start_at_ms = now_ms(supervisor) + child->backoff_ms;
    child->backoff_ms *= 2;
    if (child->backoff_ms > FL_CHILD_BACKOFF_MS_MAX)
        child->backoff_ms = FL_CHILD_BACKOFF_MS_MAX;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
        child->state = CHILD_ENDED;
        supervisor->error = FL_USAGE;
    }
}

static void listen_to(struct supervisor *supervisor, struct child *child)
{
    char bytes[64];
    ssize_t size = read(child->pipe_fd, bytes, sizeof(bytes));
    if (size <= 0)
        return;
    child->heard_ms = now_ms(supervisor);
    if (child->state == CHILD_STARTING && memchr(bytes, 'R', (size_t)size) != NULL) {
        child->state = CHILD_READY;
        child->was_ready = true;
    }
}

/* A closed pipe without a death: nothing more will be heard, so the silence limit decides. */
static void forget_pipe(struct child *child)
{
    close(child->pipe_fd);
    child->pipe_fd = -1;
}

static bool is_alive(const struct child *child)
{
    return child->pid_fd >= 0;
}

static void begin_stop(struct supervisor *supervisor)
{
    supervisor->stopping = true;
    supervisor->kill_at_ms = now_ms(supervisor) + FL_CHILD_STOP_MS_MAX;
    for (size_t i = 0; i < supervisor->count; i++) {
        struct child *child = &supervisor->children[i];
        if (is_alive(child)) {
            child->state = CHILD_STOPPING;
            kill(child->pid, SIGTERM);
        } else {
            child->state = CHILD_ENDED;
        }
    }
}

/* Starts who is due, kills who is silent or does not stop; returns how long to wait for the next
 * such moment. */
static int serve_timers(struct supervisor *supervisor)
{
    int64_t now = now_ms(supervisor);
    int64_t next = now + 1000;
    for (size_t i = 0; i < supervisor->count; i++) {
        struct child *child = &supervisor->children[i];
        if (child->state == CHILD_WAITING && child->start_at_ms <= now) {
            if (start(supervisor, child) != FL_OK)
                child->start_at_ms = now + FL_CHILD_BACKOFF_MS_MAX;
        } else if (child->state == CHILD_WAITING && child->start_at_ms < next) {
            next = child->start_at_ms;
        } else if (is_alive(child) && now - child->heard_ms > FL_DUTY_SILENCE_MS_MAX) {
            fl_diag(RETRY, FL_TEXT("child", child->spec->name),
                    FL_TEXT("reason", "no heartbeat: killed"),
                    FL_INT("silent_ms", now - child->heard_ms));
            child->heard_ms = now;
            kill(child->pid, SIGKILL);
        } else if (child->state == CHILD_STOPPING && now >= supervisor->kill_at_ms) {
            kill(child->pid, SIGKILL);
        }
    }
    return next > now ? (int)(next - now) : 0;
}

static bool all_were_ready(const struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->count; i++)
        if (!supervisor->children[i].was_ready)
            return false;
    return true;
}

static bool any_alive(const struct supervisor *supervisor)
{
    for (size_t i = 0; i < supervisor->count; i++)
        if (is_alive(&supervisor->children[i]))
            return true;
    return false;
}

static void wait_and_serve(struct supervisor *supervisor, int timeout_ms)
{
    struct pollfd fds[1 + 2 * FL_CHILD_COUNT_MAX];
    struct child *children = supervisor->children;
    fds[0] = (struct pollfd){.fd = supervisor->stopping ? -1 : supervisor->duty->stop_fd,
                             .events = POLLIN};
    for (size_t i = 0; i < supervisor->count; i++) {
        fds[1 + 2 * i] = (struct pollfd){.fd = children[i].pipe_fd, .events = POLLIN};
        fds[2 + 2 * i] = (struct pollfd){.fd = children[i].pid_fd, .events = POLLIN};
    }
    int count = poll(fds, (nfds_t)(1 + 2 * supervisor->count), timeout_ms);
    if (count <= 0)
        return;
    for (size_t i = 0; i < supervisor->count; i++) {
        if ((fds[1 + 2 * i].revents & POLLIN) != 0)
            listen_to(supervisor, &children[i]);
        if ((fds[2 + 2 * i].revents & POLLIN) != 0)
            reap(supervisor, &children[i]);
        else if ((fds[1 + 2 * i].revents & (POLLHUP | POLLIN)) == POLLHUP)
            forget_pipe(&children[i]);
    }
}

enum fl_error fl_supervise(struct fl_duty *duty, const struct fl_child_spec *specs, size_t count,
                           void (*on_ready)(void *context), void *context)
{
    struct supervisor supervisor = {.duty = duty, .count = count};
    bool told = false;
    fl_assert(count > 0 && count <= FL_CHILD_COUNT_MAX);
    for (size_t i = 0; i < count; i++)
        supervisor.children[i] = (struct child){
            .spec = &specs[i], .pid_fd = -1, .pipe_fd = -1, .backoff_ms = FL_CHILD_BACKOFF_MS_MIN};
    while (!supervisor.stopping || any_alive(&supervisor)) {
        if (!supervisor.stopping && (supervisor.error != FL_OK || fl_duty_stopping(duty)))
            begin_stop(&supervisor);
        int timeout_ms = serve_timers(&supervisor);
        fl_duty_beat(duty);
        wait_and_serve(&supervisor, timeout_ms);
        if (!told && all_were_ready(&supervisor)) {
            told = true;
            on_ready(context);
        }
    }
    return supervisor.error;
}
