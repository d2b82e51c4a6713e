/* SPDX-License-Identifier: Apache-2.0 */
#include "core/duty.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/assert.h"
#include "core/diag.h"

/* A signal handler has no argument: the one fd it writes to. */
static volatile sig_atomic_t handler_fd = -1;

static void on_stop_signal(int signal_number)
{
    (void)signal_number;
    int saved = errno;
    uint64_t one = 1;
    ssize_t written = write(handler_fd, &one, sizeof(one));
    (void)written; /* the counter cannot overflow by signals */
    errno = saved;
}

enum fl_error fl_duty_init(struct fl_duty *duty, const char *name)
{
    *duty = (struct fl_duty){.name = name, .supervisor_fd = -1, .watch_fd = -1};
    duty->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (duty->stop_fd < 0)
        return fl_error_from_errno(errno);
    handler_fd = duty->stop_fd;
    struct sigaction stop = {.sa_handler = on_stop_signal, .sa_flags = SA_RESTART};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&stop.sa_mask);
    sigemptyset(&ignore.sa_mask);
    if (sigaction(SIGTERM, &stop, NULL) != 0 || sigaction(SIGINT, &stop, NULL) != 0 ||
        sigaction(SIGPIPE, &ignore, NULL) != 0)
        return FL_IO;
    const char *fd_text = getenv("FLEETLOG_SUPERVISOR_FD");
    uint64_t fd = 0;
    if (fd_text != NULL && fl_slice_to_u64(fl_slice_text(fd_text), &fd) && fd < 1024)
        duty->supervisor_fd = (int)fd;
    return FL_OK;
}

bool fl_duty_stopping(const struct fl_duty *duty)
{
    struct pollfd fd = {.fd = duty->stop_fd, .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

bool fl_duty_wait(struct fl_duty *duty, int timeout_ms)
{
    int64_t deadline_ms = fl_port_monotonic_ms(duty->port) + timeout_ms;
    for (;;) {
        int64_t left_ms = deadline_ms - fl_port_monotonic_ms(duty->port);
        struct pollfd fd = {.fd = duty->stop_fd, .events = POLLIN};
        fl_duty_beat(duty);
        if (left_ms <= 0)
            return fl_duty_stopping(duty);
        if (poll(&fd, 1, (int)(left_ms < FL_DUTY_BEAT_MS ? left_ms : FL_DUTY_BEAT_MS)) > 0)
            return true;
    }
}

static void tell_supervisor(const struct fl_duty *duty, char byte)
{
    if (duty->supervisor_fd < 0)
        return;
    ssize_t written = write(duty->supervisor_fd, &byte, 1);
    (void)written; /* without a supervisor there is nobody to tell */
}

/* The sd_notify protocol (systemd's documentation of NOTIFY_SOCKET): one datagram; '@' is an
 * abstract name. */
static void tell_systemd(const char *message)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = path == NULL ? 0 : strlen(path);
    if (size == 0 || size >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, size);
    if (address.sun_path[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    ssize_t sent = sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
    (void)sent; /* systemd times the start out by itself */
    close(fd);
}

void fl_duty_ready(struct fl_duty *duty)
{
    tell_supervisor(duty, 'R');
    if (duty->supervisor_fd < 0)
        tell_systemd("READY=1\n");
    fl_diag(STARTED, FL_TEXT("name", duty->name), FL_UINT("pid", (uint64_t)getpid()));
}

void fl_duty_beat(struct fl_duty *duty)
{
    int64_t now_ms = fl_port_monotonic_ms(duty->port);
    int64_t last_ms = atomic_load(&duty->last_beat_ms);
    if (last_ms != 0 && now_ms - last_ms < FL_DUTY_BEAT_MS)
        return;
    if (atomic_compare_exchange_strong(&duty->last_beat_ms, &last_ms, now_ms))
        tell_supervisor(duty, 'B');
}

static void *watch(void *context)
{
    struct fl_duty *duty = context;
    struct pollfd fds[] = {{.fd = duty->stop_fd, .events = POLLIN},
                           {.fd = duty->watch_fd, .events = POLLIN}};
    while (poll(fds, 2, -1) <= 0)
        ;
    if ((fds[0].revents & POLLIN) != 0)
        duty->on_stop(duty->on_stop_context);
    return NULL;
}

enum fl_error fl_duty_watch(struct fl_duty *duty, void (*on_stop)(void *context), void *context)
{
    fl_assert(duty->watch_fd < 0);
    duty->watch_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (duty->watch_fd < 0)
        return fl_error_from_errno(errno);
    duty->on_stop = on_stop;
    duty->on_stop_context = context;
    int failed = pthread_create(&duty->watcher, NULL, watch, duty);
    if (failed == 0)
        return FL_OK;
    close(duty->watch_fd);
    duty->watch_fd = -1;
    return fl_error_from_errno(failed);
}

void fl_duty_unwatch(struct fl_duty *duty)
{
    uint64_t one = 1;
    if (duty->watch_fd < 0)
        return;
    ssize_t written = write(duty->watch_fd, &one, sizeof(one));
    fl_assert(written == sizeof(one));
    pthread_join(duty->watcher, NULL);
    close(duty->watch_fd);
    duty->watch_fd = -1;
}

void fl_duty_fini(struct fl_duty *duty)
{
    close(duty->stop_fd);
    duty->stop_fd = -1;
}
