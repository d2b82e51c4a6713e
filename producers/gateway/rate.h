/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How much one of many may ask for: so much in a minute, all of it at once if he likes.
 *
 * Each key has the time at which its allowance is whole again (the generic cell rate algorithm);
 * asking moves it on, and who would move it more than a minute ahead waits. Keys are kept by a
 * secret hash in places of fixed number. A full row of places forgets the key that is nearest to
 * its whole allowance: whoever asks with many keys frees others, and keeps nobody out.
 *
 * Threading: any thread. Allocation: open. Limits: FL_RATE_ROW_COUNT rows of FL_RATE_ROW_SIZE keys.
 */
#include <stdint.h>

#include "core/port.h"
#include "core/slice.h"

enum { FL_RATE_ROW_COUNT = 1024, FL_RATE_ROW_SIZE = 8 };

struct fl_rate;

/* So much per minute for each key; 0: everybody gets everything. Never NULL. */
struct fl_rate *fl_rate_open(const struct fl_port *port, uint64_t per_minute);
void fl_rate_close(struct fl_rate **rate);

/* Takes `count`. 0: granted; otherwise whole seconds until it would be, and nothing is taken. */
unsigned fl_rate_take(struct fl_rate *rate, struct fl_slice key, unsigned count);

/* Takes it in any case: what somebody has cost already. */
void fl_rate_charge(struct fl_rate *rate, struct fl_slice key, unsigned count);
