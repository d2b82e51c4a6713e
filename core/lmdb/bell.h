/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The bell of an environment: how a commit wakes waiters in other processes without polling.
 *
 * inotify on data.mdb fires before a commit can be seen, so each environment has a file `bell`, and
 * one byte is written to it after the commit has returned (fl_txn_commit does it). Waiters watch
 * that file. A writer may die between commit and bell, hence the only timed look of fleetlog: a
 * wait ends after one second at the latest and the waiter looks once more.
 *
 * A waiter listens to several environments. Watch first, then look, then wait: a ring between look
 * and wait is kept by the kernel.
 *
 * Threading: a waiter belongs to one thread; fl_bell_wake may be called from any thread and from a
 * signal handler. Allocation: open allocates.
 * Limits: each waiter takes two descriptors (FL_FULL without) and one of the user's inotify
 * instances (fs.inotify.max_user_instances). Without one it says so (BELL_DEAF) and lives by the
 * timed look.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

enum { FL_BELL_LOOK_MS = 1000 };

struct fl_bell_waiter;

enum fl_error fl_bell_waiter_open(struct fl_bell_waiter **waiter) FL_MUST_USE;
void fl_bell_waiter_close(struct fl_bell_waiter **waiter);

/* Listens to the environment in `directory`. FL_NOT_FOUND if it has no bell. */
enum fl_error fl_bell_watch(struct fl_bell_waiter *waiter, const char *directory) FL_MUST_USE;

/* Waits until deadline_ms (CLOCK_MONOTONIC). FL_OK: rung, or a second is over: look. FL_TIMEOUT:
 * the deadline has passed. FL_INTERRUPTED: woken. FL_IO. */
enum fl_error fl_bell_wait(struct fl_bell_waiter *waiter, int64_t deadline_ms) FL_MUST_USE;

/* Makes the present or next wait return FL_INTERRUPTED. */
void fl_bell_wake(struct fl_bell_waiter *waiter);

/* True, once, if woken since the last wait or look at this. No system call when it was not. */
bool fl_bell_was_woken(struct fl_bell_waiter *waiter);

/* The bell file of an environment: opened (created and given its one byte) by its writer. The
 * descriptor is the caller's. */
enum fl_error fl_bell_open(const char *directory, int *descriptor) FL_MUST_USE;

/* Rings; a failure is ignored, because the timed look covers it. */
void fl_bell_ring(int descriptor);
