/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/runner/heartbeat.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/file.h"

enum { LINE_SIZE = 48 };

enum fl_error fl_heartbeat_open(struct fl_heartbeat *heartbeat, const char *directory,
                                const struct fl_port *port)
{
    char path[PATH_MAX];
    heartbeat->descriptor = -1;
    if (snprintf(path, sizeof(path), "%s/heartbeat", directory) >= (int)sizeof(path))
        return FL_INVALID;
    heartbeat->descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (heartbeat->descriptor < 0)
        return fl_error_from_errno(errno);
    heartbeat->port = port;
    heartbeat->last_ms = INT64_MIN / 2;
    fl_heartbeat_beat(heartbeat);
    return FL_OK;
}

void fl_heartbeat_beat(struct fl_heartbeat *heartbeat)
{
    char line[LINE_SIZE];
    int64_t now_ms = fl_port_monotonic_ms(heartbeat->port);
    if (now_ms - heartbeat->last_ms < FL_HEARTBEAT_MS)
        return;
    heartbeat->last_ms = now_ms;
    int size = snprintf(line, sizeof(line), "%020" PRId64 " %10d\n",
                        fl_port_wall_ms(heartbeat->port), (int)getpid());
    ssize_t written = pwrite(heartbeat->descriptor, line, (size_t)size, 0);
    (void)written; /* a missed beat shows by itself */
}

void fl_heartbeat_close(struct fl_heartbeat *heartbeat)
{
    if (heartbeat->descriptor >= 0)
        close(heartbeat->descriptor);
    heartbeat->descriptor = -1;
}

bool fl_heartbeat_read(const char *directory, int64_t *time_ms, int *process)
{
    char path[PATH_MAX];
    char line[LINE_SIZE];
    size_t size = 0;
    if (snprintf(path, sizeof(path), "%s/heartbeat", directory) >= (int)sizeof(path) ||
        fl_file_read(path, line, sizeof(line) - 1, &size) != FL_OK)
        return false;
    line[size] = '\0';
    char *end = NULL;
    *time_ms = strtoll(line, &end, 10);
    if (end == line || *end != ' ')
        return false;
    *process = (int)strtol(end, NULL, 10);
    return true;
}
