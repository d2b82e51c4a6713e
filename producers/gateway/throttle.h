/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How long somebody waits after failed sign-ins: growing delays, never a lock-out.
 *
 * Counted are failures of a name (an address, known or not) from one source, and all failures of a
 * source, whatever the names: guessing many names from one place is slowed as guessing one name is.
 * Failures of a name from elsewhere delay nobody here: the owner always gets in from his own place.
 * A good sign-in forgets the failures of its name at that source. Failures that are older than
 * FL_THROTTLE_FORGET_MS count no more. Kept in memory: a restart forgets.
 *
 * Threading: any. Allocation: open. Limits: FL_THROTTLE_PLACES each; a full set of places forgets
 * the one that failed longest ago. What an account bears from everywhere: guesses.h.
 */
#include <stdint.h>

#include "core/port.h"
#include "core/slice.h"

enum {
    FL_THROTTLE_NAME_FREE = 5,    /* failures of a name from a source without a delay */
    FL_THROTTLE_SOURCE_FREE = 20, /* failures of a source without a delay */
    FL_THROTTLE_DELAY_S_MIN = 30, /* after the first that counts; then twice as long each time */
    FL_THROTTLE_DELAY_S_MAX = 3600,
    FL_THROTTLE_PLACES = 4096,
};
#define FL_THROTTLE_FORGET_MS (INT64_C(24) * 60 * 60 * 1000)

struct fl_throttle;

/* Never NULL. */
struct fl_throttle *fl_throttle_open(const struct fl_port *port);
void fl_throttle_close(struct fl_throttle **throttle);

/* Whole seconds to wait before the next attempt; 0: now. */
unsigned fl_throttle_wait_s(struct fl_throttle *throttle, struct fl_slice name,
                            struct fl_slice source);

void fl_throttle_fail(struct fl_throttle *throttle, struct fl_slice name, struct fl_slice source);
void fl_throttle_succeed(struct fl_throttle *throttle, struct fl_slice name,
                         struct fl_slice source);
