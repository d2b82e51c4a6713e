/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Deadlines of connections: who sends a byte now and then never pauses, and would keep a thread for
 * ever.
 *
 * A thread sleeps until the earliest deadline and shuts the sockets that have passed theirs; the
 * server then sees the end of that connection. A connection without a deadline is let alone.
 *
 * Threading: any thread. Allocation: open and add. Limits: as many connections as the server takes;
 * each change looks at one of them, each firing at all.
 */
#include <stdint.h>

#include "core/error.h"

struct fl_http_watch;
struct fl_http_watched;

enum fl_error fl_http_watch_open(struct fl_http_watch **watch) FL_MUST_USE;

/* Every connection must have been removed. Tolerates NULL, clears the pointer. */
void fl_http_watch_close(struct fl_http_watch **watch);

/* A connection, without a deadline; NULL: no memory. */
struct fl_http_watched *fl_http_watch_add(struct fl_http_watch *watch, int fd);

/* Before the descriptor is closed. Tolerates NULL. */
void fl_http_watch_remove(struct fl_http_watch *watch, struct fl_http_watched *connection);

/* In so many milliseconds from now; 0: no deadline. Tolerates NULL. */
void fl_http_watch_set(struct fl_http_watch *watch, struct fl_http_watched *connection,
                       int64_t in_ms);
