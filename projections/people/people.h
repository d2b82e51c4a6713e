/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The people view: for each subject the sealed profile that is in force.
 *
 * Events say which revision is in force; fleetlog.subjects brings the sealed profiles. The two
 * write different rows, so that the view does not depend on how they interleave: a profile that
 * nobody has named yet is stored and not shown, a named one that is gone (erased) leaves nothing to
 * show. It never opens a seal: that takes the keyring (core/keyring.h).
 *
 * Invariants: 1. keys have their size. 2. revisions are above 0. Threading: one thread per kv.
 * Allocation: one arena per state. Errors: a record of fleetlog.subjects whose key is not
 * "<subject id>/<revision>" or that is no sealed profile is FL_INVALID; the feed parks it.
 */
#include "fleetlog/v1/subjects.pb-c.h"
#include "projections/view.h"

const struct fl_view *fl_people_view(void);
bool fl_people_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE]);

/* Revision in force; 0: no event has named the subject. */
uint64_t fl_people_revision(struct fl_kv *kv, struct fl_slice subject_id);

/* The sealed profile in force (a SealedProfile as bytes, until the next put) and its revision;
 * false: there is none, or it is erased. */
bool fl_people_sealed(struct fl_kv *kv, struct fl_slice subject_id, uint64_t *revision,
                      struct fl_slice *sealed);

/* The sealed profile of one revision, in force or not; what the keeper looks at. */
bool fl_people_sealed_revision(struct fl_kv *kv, struct fl_slice subject_id, uint64_t revision,
                               struct fl_slice *sealed);

/* Reads the key of a fleetlog.subjects record; false: it is none. */
bool fl_people_key_parse(struct fl_slice key, struct fl_slice *subject_id, uint64_t *revision);
