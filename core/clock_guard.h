/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Notices a wall clock that cannot be right before it carries log time away for ever.
 *
 * An event's time never runs backwards, so one action of a wrong clock would move the time of the
 * whole log. The guard compares the wall clock with the head of the log and with the monotonic
 * clock. A clock that has run ahead stays held until the kernel says that it is synchronised, or
 * the operator that it is right; one that is behind the head until it has come up to it.
 *
 * Invariants: 1. while held, the reference does not move. Threading: one thread at a time.
 * Allocation: none.
 */
#include <stdbool.h>
#include <stdint.h>

#ifdef FL_TEST_BUILD
/* Moves the system port's wall clock, for tests of whole nodes; no such clock is synchronised. */
#define FL_CLOCK_AHEAD_VARIABLE "FLEETLOG_TEST_CLOCK_AHEAD_MS"
#endif

enum {
    FL_CLOCK_AHEAD_MS_MAX = 24 * 3600 * 1000, /* of the head */
    FL_CLOCK_BEHIND_MS_MAX = 5 * 60 * 1000,   /* of the head; FL_ACTION_AHEAD_MS_MAX turned round */
    FL_CLOCK_JUMP_MS_MAX = 5 * 60 * 1000      /* of the wall clock against the monotonic one */
};

/* One look at the clocks. head_ms: time of the log's head, 0 before the first event. */
struct fl_clock_look {
    int64_t wall_ms;
    int64_t monotonic_ms;
    int64_t head_ms;
    bool (*is_synchronised)(void); /* asked only when something is wrong */
};

struct fl_clock_guard {
    int64_t wall_ms; /* both clocks at the last look that found nothing wrong */
    int64_t monotonic_ms;
    bool held;
};

/* The first look, before anything is taken in: held if the clock is more than 24 h ahead of the
 * head. */
void fl_clock_guard_start(struct fl_clock_guard *guard, const struct fl_clock_look *look);

/* Any look; true while held: the clock went more than 24 h past the head and the monotonic clock
 * cannot account for it, or it is more than 5 min behind the head. */
bool fl_clock_guard_is_held(struct fl_clock_guard *guard, const struct fl_clock_look *look);

/* The operator says that the clock is right. */
void fl_clock_guard_accept(struct fl_clock_guard *guard, const struct fl_clock_look *look);

/* What the kernel knows (adjtimex(2)): whether some daemon keeps the clock to a reference. */
bool fl_clock_is_synchronised(void);
