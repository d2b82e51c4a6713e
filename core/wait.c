/* SPDX-License-Identifier: Apache-2.0 */
#include "core/wait.h"

#include <errno.h>
#include <time.h>

#include "core/assert.h"
#include "core/port.h"

void fl_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int failed = pthread_cond_init(condition, &attributes);
    fl_assert(failed == 0);
    pthread_condattr_destroy(&attributes);
}

bool fl_condition_wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t deadline_ms)
{
    struct timespec at = {.tv_sec = deadline_ms / 1000,
                          .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
    int code = pthread_cond_timedwait(condition, lock, &at);
    fl_assert(code == 0 || code == ETIMEDOUT);
    return code == 0;
}

void fl_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    int64_t now_ms = fl_port_monotonic_ms(fl_port_system());
    bool signalled = fl_condition_wait_until(condition, lock, now_ms + FL_WAIT_LOOK_MS);
    (void)signalled; /* the caller looks again either way */
}
