/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * `fleetlog up`: one process per duty, started again when it dies, stopped together.
 *
 * A child says 'R' (ready) and 'B' (alive) on a pipe. One that is silent for FL_DUTY_SILENCE_MS_MAX
 * is killed, because a stopped process may hold a write lock. A dead one is started again after a
 * back-off of 0.1 s doubling to 10 s, which begins anew once it has lived for a minute. Exit code 2
 * (usage) is not curable by starting again: it ends everything. Children die with the supervisor
 * (PR_SET_PDEATHSIG).
 *
 * Threading: one thread. Allocation: none after start. Limits: FL_CHILD_COUNT_MAX children.
 */
#include "core/duty.h"

enum {
    FL_CHILD_COUNT_MAX = 16,
    FL_CHILD_ARGUMENT_COUNT_MAX = 16,
    FL_CHILD_BACKOFF_MS_MIN = 100,
    FL_CHILD_BACKOFF_MS_MAX = 10000,
    FL_CHILD_STABLE_MS = 60000,
    FL_CHILD_STOP_MS_MAX = 20000,
};

struct fl_child_spec {
    const char *name;                                   /* for the log */
    const char *arguments[FL_CHILD_ARGUMENT_COUNT_MAX]; /* argv[1]…; NULL-terminated */
};

/* Runs the children of `specs` as this very program until the duty is asked to stop, then stops
 * them (SIGTERM, after FL_CHILD_STOP_MS_MAX SIGKILL). on_ready is called once, when every child has
 * said "ready" at least once. FL_USAGE if a child ended with exit code 2. */
enum fl_error fl_supervise(struct fl_duty *duty, const struct fl_child_spec *specs, size_t count,
                           void (*on_ready)(void *context), void *context) FL_MUST_USE;
