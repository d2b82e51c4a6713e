/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The property that every view must have: how topics and partitions interleave, where commits fall,
 * and records that come twice change nothing.
 */
#include "core/journal.h"
#include "projections/view.h"

/* Folds the whole log `rounds` times, each time in another order between sources, with commits and
 * repeated records by chance, and compares the rows with those of a plain fold; runs the view's own
 * check each time. False with the first difference in `detail`. The seed is moved on. */
bool interleave_check(const struct fl_view *view, struct fl_journal *journal, uint64_t *seed,
                      unsigned rounds, char detail[FL_DETAIL_SIZE]);

/* FLEETLOG_SEED, or one from the clock; printed. */
uint64_t interleave_seed(void);

/* A number below `bound`. */
unsigned interleave_draw(uint64_t *seed, unsigned bound);
