/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which reports of a device have been counted: a sum must not count one twice, and a late one must
 * be counted once.
 *
 * Two windows: the present enrolment generation and the one before it, each with the highest
 * counter met and a bit for each of the FL_SEEN_WINDOW counters up to it. A report below its window
 * cannot be told from a repeated one and counts as that.
 *
 * Threading: pure. Allocation: none.
 */
#include "core/slice.h"

enum {
    FL_SEEN_WINDOW = 512,
    FL_SEEN_WORD_COUNT = FL_SEEN_WINDOW / 64,
    FL_SEEN_SIZE = 2 * (4 + 8 + 8 * FL_SEEN_WORD_COUNT),
};

struct fl_seen_window {
    uint32_t generation;               /* 0: none */
    uint64_t counter;                  /* the highest met */
    uint64_t bits[FL_SEEN_WORD_COUNT]; /* counter c at bit c % FL_SEEN_WINDOW */
};

struct fl_seen {
    struct fl_seen_window windows[2]; /* the newer generation first */
};

/* Notes a report; false: it was met before, or is too old to tell. */
bool fl_seen_note(struct fl_seen *seen, uint32_t generation, uint64_t counter);

void fl_seen_encode(const struct fl_seen *seen, uint8_t out[FL_SEEN_SIZE]);

/* False if it is none. */
bool fl_seen_decode(struct fl_slice bytes, struct fl_seen *seen);
