/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lmdb/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/diag.h"
#include "core/port.h"

enum { BELL_MODE = 0600 };

struct fl_bell_waiter {
    int inotify; /* -1: none was to be had, the timed look does its work */
    int event;
    atomic_int
        woken; /* set before the eventfd is written, so that who looks needs no system call */
};

static bool bell_path(const char *directory, char out[PATH_MAX])
{
    return snprintf(out, PATH_MAX, "%s/bell", directory) < PATH_MAX;
}

enum fl_error fl_bell_open(const char *directory, int *descriptor)
{
    char path[PATH_MAX];
    if (!bell_path(directory, path))
        return FL_INVALID;
    int bell = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, BELL_MODE);
    if (bell < 0)
        return fl_error_from_errno(errno);
    /* Its one byte is allocated now, so that ringing works on a full disk. */
    if (pwrite(bell, "!", 1, 0) != 1) {
        int code = errno;
        close(bell);
        return fl_error_from_errno(code);
    }
    *descriptor = bell;
    return FL_OK;
}

void fl_bell_ring(int descriptor)
{
    ssize_t written = pwrite(descriptor, "!", 1, 0);
    (void)written;
}

/* Other programs of the same user may have taken all of inotify: the timed look remains. */
static void say_deaf(const char *limit)
{
    fl_diag(BELL_DEAF, FL_TEXT("limit", limit));
}

enum fl_error fl_bell_waiter_open(struct fl_bell_waiter **out)
{
    struct fl_bell_waiter *waiter = calloc(1, sizeof(*waiter));
    if (waiter == NULL)
        return FL_NO_MEMORY;
    waiter->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (waiter->event < 0) {
        waiter->inotify = -1;
        fl_bell_waiter_close(&waiter);
        return FL_FULL; /* descriptors */
    }
    waiter->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (waiter->inotify < 0)
        say_deaf("max_user_instances");
    *out = waiter;
    return FL_OK;
}

void fl_bell_waiter_close(struct fl_bell_waiter **waiter)
{
    if (*waiter == NULL)
        return;
    if ((*waiter)->inotify >= 0)
        close((*waiter)->inotify);
    if ((*waiter)->event >= 0)
        close((*waiter)->event);
    free(*waiter);
    *waiter = NULL;
}

enum fl_error fl_bell_watch(struct fl_bell_waiter *waiter, const char *directory)
{
    char path[PATH_MAX];
    if (!bell_path(directory, path))
        return FL_INVALID;
    if (waiter->inotify < 0)
        return access(path, F_OK) == 0 ? FL_OK : fl_error_from_errno(errno);
    if (inotify_add_watch(waiter->inotify, path, IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF) >= 0)
        return FL_OK;
    if (errno != ENOSPC)
        return fl_error_from_errno(errno);
    say_deaf("max_user_watches");
    return FL_OK;
}

static int64_t monotonic_ms(void)
{
    return fl_port_monotonic_ms(fl_port_system());
}

/* Which bell rang does not matter: whoever waits looks at all of its environments. */
static void drain(int descriptor)
{
    char events[4096];
    while (read(descriptor, events, sizeof(events)) > 0)
        continue;
}

bool fl_bell_was_woken(struct fl_bell_waiter *waiter)
{
    if (atomic_load_explicit(&waiter->woken, memory_order_relaxed) == 0)
        return false;
    drain(waiter->event);
    return atomic_exchange(&waiter->woken, 0) != 0;
}

enum fl_error fl_bell_wait(struct fl_bell_waiter *waiter, int64_t deadline_ms)
{
    int64_t look_ms = monotonic_ms() + FL_BELL_LOOK_MS;
    bool last = deadline_ms <= look_ms;
    int64_t until_ms = last ? deadline_ms : look_ms;
    struct pollfd events[2] = {{waiter->inotify, POLLIN, 0}, {waiter->event, POLLIN, 0}};
    for (;;) {
        int64_t left_ms = until_ms - monotonic_ms();
        int ready = poll(events, 2, left_ms > 0 ? (int)left_ms : 0);
        if (ready < 0 && errno != EINTR)
            return FL_IO;
        if (fl_bell_was_woken(waiter))
            return FL_INTERRUPTED;
        if (ready > 0 && events[0].revents != 0) {
            drain(waiter->inotify);
            return FL_OK;
        }
        if (ready > 0)
            drain(waiter->event); /* the rest of a wake that was seen already */
        if (until_ms <= monotonic_ms())
            return last ? FL_TIMEOUT : FL_OK;
    }
}

void fl_bell_wake(struct fl_bell_waiter *waiter)
{
    uint64_t one = 1;
    atomic_store(&waiter->woken, 1);
    ssize_t written = write(waiter->event, &one, sizeof(one));
    (void)written; /* a full counter is as readable as one more */
}
