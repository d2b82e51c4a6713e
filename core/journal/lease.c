/* SPDX-License-Identifier: Apache-2.0 */
#include "core/journal/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/port.h"

enum { FIFO_MODE = 0600 };

enum fl_error fl_lease_open(struct fl_lease *lease, const char *path)
{
    *lease = (struct fl_lease){-1, -1};
    if (mkfifo(path, FIFO_MODE) != 0 && errno != EEXIST)
        return fl_error_from_errno(errno);
    lease->waiting = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return lease->waiting >= 0 ? FL_OK : fl_error_from_errno(errno);
}

/* /proc names the FIFO behind the reading end, so that a file made again at the path in between is
 * not locked instead. */
static enum fl_error try_lock(struct fl_lease *lease)
{
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", lease->waiting);
    int writing = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (writing < 0)
        return fl_error_from_errno(errno);
    if (flock(writing, LOCK_EX | LOCK_NB) == 0) {
        lease->held = writing;
        return FL_OK;
    }
    int code = errno;
    close(writing);
    return code == EWOULDBLOCK || code == EINTR ? FL_OK : fl_error_from_errno(code);
}

enum fl_error fl_lease_wait(struct fl_lease *lease, int timeout_ms, bool *held)
{
    int64_t deadline_ms = fl_port_monotonic_ms(fl_port_system()) + timeout_ms;
    bool before = lease->held >= 0;
    for (;;) {
        enum fl_error error = before ? FL_OK : try_lock(lease);
        *held = lease->held >= 0;
        if (error != FL_OK || *held != before)
            return error;
        int64_t left_ms = deadline_ms - fl_port_monotonic_ms(fl_port_system());
        if (left_ms <= 0)
            return FL_OK;
        /* The holder waits on nothing: nobody can take the lease from it. */
        struct pollfd hang_up = {before ? -1 : lease->waiting, 0, 0};
        if (poll(&hang_up, 1, (int)left_ms) < 0)
            return errno == EINTR ? FL_OK : FL_IO;
    }
}

void fl_lease_close(struct fl_lease *lease)
{
    if (lease->held >= 0)
        close(lease->held);
    if (lease->waiting >= 0)
        close(lease->waiting);
    *lease = (struct fl_lease){-1, -1};
}
