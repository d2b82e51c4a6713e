/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The keeper of personal data: removes profiles that are of no use, and carries erasures out.
 *
 * It runs inside `keep` on every node and looks at what registry and people view say; it remembers
 * nothing itself, so it may end anywhere and begin again.
 *
 *   each node: keys that the log brings into its keyring ─► ConfirmEpoch(stored)
 *              keys of closed epochs out of it, old pages overwritten ─► ConfirmEpoch(destroyed)
 *   who holds the lease: removals of profiles ─► subjects
 *              an erasure waits ─► OpenEpoch ─► ReindexPeople … ─► CloseEpoch ─► FinishErasure
 *
 * Threading: one thread. Allocation: open. Limits: a step removes KEEPER_REMOVAL_COUNT_MAX profiles
 * and moves KEEPER_PEOPLE_COUNT_MAX people at most.
 */
#include "core/duty.h"

struct fl_privacy;

/* FL_KEYRING, FL_NOT_FOUND … with a sentence: there is no keyring that opens. */
enum fl_error fl_privacy_open(struct fl_duty *duty, struct fl_privacy **keeper,
                              char *detail) FL_MUST_USE;
void fl_privacy_close(struct fl_privacy **keeper);

/* One step of each thing that is to be done. `more` says that there is more to do at once. */
enum fl_error fl_privacy_step(struct fl_privacy *keeper, bool *more) FL_MUST_USE;

/* What the last step waits for, for people; "" when nothing is under way. */
const char *fl_privacy_waits_for(const struct fl_privacy *keeper);
