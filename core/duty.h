/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What every duty (one small process of `fleetlog up`, or one started alone) is given, and how it
 * is stopped and watched.
 *
 * A duty runs until `stop_fd` becomes readable, calls fl_duty_ready once it works and fl_duty_beat
 * at least every few seconds: under `up` a duty that has not beaten for 30 s is killed, because a
 * stopped process must not hold a write lock.
 *
 * Threading: fl_duty_beat and fl_duty_stopping from any thread. Allocation: none.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/config.h"
#include "core/datadir.h"
#include "core/journal.h"
#include "core/port.h"

enum { FL_DUTY_SILENCE_MS_MAX = 30000, FL_DUTY_BEAT_MS = 1000 };

struct fl_duty {
    const char *name; /* "decider", "project devices" … */
    const struct fl_config *config;
    const struct fl_datadir *datadir;
    struct fl_journal *journal;
    const struct fl_port *port;
    int stop_fd;       /* eventfd, readable from the moment SIGTERM or SIGINT came */
    int supervisor_fd; /* -1, or where ready and beat bytes go */
    _Atomic int64_t last_beat_ms;
    /* The watch. */
    pthread_t watcher;
    int watch_fd; /* eventfd that ends it; -1: none */
    void (*on_stop)(void *context);
    void *on_stop_context;
};

/* Installs handlers for SIGTERM and SIGINT that write to stop_fd, ignores SIGPIPE, and finds the
 * supervisor's pipe in FLEETLOG_SUPERVISOR_FD. One duty per process. */
enum fl_error fl_duty_init(struct fl_duty *duty, const char *name) FL_MUST_USE;

/* True once a stop was asked for; never blocks, leaves stop_fd readable. */
bool fl_duty_stopping(const struct fl_duty *duty);

/* Waits on stop_fd for at most timeout_ms; true if a stop was asked for. For back-offs. */
bool fl_duty_wait(struct fl_duty *duty, int timeout_ms);

/* Says "ready" once: to the supervisor, to systemd (NOTIFY_SOCKET), and as a STARTED line. */
void fl_duty_ready(struct fl_duty *duty);

/* Says "alive"; cheap, sends at most one byte per FL_DUTY_BEAT_MS. */
void fl_duty_beat(struct fl_duty *duty);

/* Calls on_stop from a thread of its own once a stop is asked for: to wake a loop that waits
 * elsewhere. One watch per duty; fl_duty_unwatch ends it, called or not. */
enum fl_error fl_duty_watch(struct fl_duty *duty, void (*on_stop)(void *context),
                            void *context) FL_MUST_USE;
void fl_duty_unwatch(struct fl_duty *duty);

void fl_duty_fini(struct fl_duty *duty);
