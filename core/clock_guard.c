/* SPDX-License-Identifier: Apache-2.0 */
#include "core/clock_guard.h"

#include <stdlib.h>
#include <sys/timex.h>

static bool is_ahead(const struct fl_clock_look *look)
{
    return look->head_ms != 0 && look->wall_ms - look->head_ms > FL_CLOCK_AHEAD_MS_MAX;
}

/* An event is never older than the head, and the log refuses what is that far ahead of its clock:
 * nothing could be decided, whatever anybody says. */
static bool is_behind(const struct fl_clock_look *look)
{
    return look->head_ms != 0 && look->head_ms - look->wall_ms > FL_CLOCK_BEHIND_MS_MAX;
}

void fl_clock_guard_accept(struct fl_clock_guard *guard, const struct fl_clock_look *look)
{
    *guard = (struct fl_clock_guard){look->wall_ms, look->monotonic_ms, false};
}

void fl_clock_guard_start(struct fl_clock_guard *guard, const struct fl_clock_look *look)
{
    fl_clock_guard_accept(guard, look);
    guard->held = is_ahead(look) && !look->is_synchronised();
}

bool fl_clock_guard_is_held(struct fl_clock_guard *guard, const struct fl_clock_look *look)
{
    int64_t jump_ms = (look->wall_ms - guard->wall_ms) - (look->monotonic_ms - guard->monotonic_ms);
    if (guard->held) {
        if (look->is_synchronised())
            fl_clock_guard_accept(guard, look);
    } else if (!is_ahead(look)) {
        fl_clock_guard_accept(guard, look);
    } else if (jump_ms > FL_CLOCK_JUMP_MS_MAX) {
        guard->held = !look->is_synchronised();
        if (!guard->held)
            fl_clock_guard_accept(guard, look);
    }
    return guard->held || is_behind(look);
}

bool fl_clock_is_synchronised(void)
{
    struct timex state = {.modes = 0};
#ifdef FL_TEST_BUILD
    if (getenv(FL_CLOCK_AHEAD_VARIABLE) != NULL)
        return false;
#endif
    return adjtimex(&state) != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}
