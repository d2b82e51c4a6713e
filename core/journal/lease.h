/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A lease: at most one live process holds it, and the kernel ends it with its holder.
 *
 * It is an flock on a FIFO. A lock on a plain file cannot be waited for together with a deadline
 * (a blocked flock needs a thread that nothing can call off), and inotify tells of a close before
 * the lock is released. A FIFO tells after: the holder has it open for writing by the very
 * descriptor that is locked, so when it dies or lets go, the kernel first drops the lock, then the
 * last writer, and every waiter's poll() on the reading end reports the hang-up. A waiter tries the
 * lock on a writing descriptor of its own and closes that if it is refused, which again hangs up
 * the others: none sleeps through a release.
 *
 * Invariants: 1. who holds the lock has the FIFO open for writing. 2. a waiter's reading end is
 * open before its first try.
 * Threading: one thread. A child must not inherit the descriptors (they are close-on-exec).
 */
#include <stdbool.h>

#include "core/error.h"

struct fl_lease {
    int waiting; /* the reading end; -1: none */
    int held;    /* the locked writing end; -1: not held */
};

/* Makes the FIFO at `path` (0600) if it is missing and opens it; the lease is not held yet. */
enum fl_error fl_lease_open(struct fl_lease *lease, const char *path) FL_MUST_USE;

/* Tries to take the lease, waiting up to timeout_ms for a change: who holds it already waits the
 * time out. A signal ends the wait early. */
enum fl_error fl_lease_wait(struct fl_lease *lease, int timeout_ms, bool *held) FL_MUST_USE;

/* Lets go; tolerates a lease that is not open. */
void fl_lease_close(struct fl_lease *lease);
