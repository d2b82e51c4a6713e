/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Condition variables with a deadline, on the monotonic clock.
 *
 * Threading: as pthread's. Allocation: none. Errors: a broken mutex or condition is a programmer
 * error (asserted).
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum { FL_WAIT_LOOK_MS = 1000 };

/* A condition whose deadlines are monotonic. */
void fl_condition_init(pthread_cond_t *condition);

/* Waits for a signal, at most until deadline_ms (monotonic); false after it. Spurious returns are
 * possible: look again. */
bool fl_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline_ms);

/* Waits for a signal, at most FL_WAIT_LOOK_MS: for loops that look again, so that a lost signal
 * costs a second, no more. */
void fl_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock);
