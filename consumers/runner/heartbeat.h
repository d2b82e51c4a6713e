/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * "This view's writer is alive": a small file beside its versions, rewritten in place at most once
 * a second, so that an idle projection needs no commit to show it.
 *
 * Threading: one thread. Allocation: none. It is not synced: it tells about processes, not data.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/port.h"

enum { FL_HEARTBEAT_MS = 1000 };

struct fl_heartbeat {
    int descriptor; /* -1: closed */
    int64_t last_ms;
    const struct fl_port *port;
};

/* Opens `directory`/heartbeat and beats once. */
enum fl_error fl_heartbeat_open(struct fl_heartbeat *heartbeat, const char *directory,
                                const struct fl_port *port) FL_MUST_USE;
void fl_heartbeat_beat(struct fl_heartbeat *heartbeat);
void fl_heartbeat_close(struct fl_heartbeat *heartbeat);

/* Wall time of the last beat, Unix ms, and the writer's process id; false if there is none. */
bool fl_heartbeat_read(const char *directory, int64_t *time_ms, int *process);
