/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The timekeeper's process: what falls due in the registry becomes actions, in the order of time.
 *
 * It waits for the next due time and for changes of the registry (its bell), and appends FireDue in
 * bounded batches, the next one when the registry has answered the one before: after an outage it
 * catches up in order. The holder of the lease fires; whoever takes the lease first lets the
 * registry answer all that is on the log. What is said twice all the same (a crash, a late append
 * of the holder before) is refused, because the entry does not stand any more: it keeps nothing of
 * its own.
 *
 * A clock that cannot be right fires nothing (core/clock_guard, the rules of the gateway's intake);
 * it goes on when the kernel calls the clock synchronised, or when the log's own time has come to
 * it, as it does once an operator has accepted the clock at a gateway.
 *
 * Threading: one thread and the duty's watcher. Allocation: at open; per batch an arena.
 */
#include "core/duty.h"

/* The duty `timekeep`: runs until a stop is asked for. */
enum fl_error fl_timekeeper_run(struct fl_duty *duty) FL_MUST_USE;
