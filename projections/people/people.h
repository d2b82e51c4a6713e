/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The people view: for each subject the sealed profile that is in force.
 *
 * Events say which revision is in force; fleetlog.subjects brings the sealed profiles. The two
 * write different rows, so that the view does not depend on how they interleave: a profile that
 * nobody has named yet is stored and not shown, a named one that is gone leaves nothing to show,
 * and of somebody who asked for his erasure nothing is shown from that event on. It never opens a
 * seal: that takes the keyring (core/keyring.h).
 *
 * Invariants: 1. keys have their size. 2. revisions are above 0, or the subject is erased.
 * Threading: one thread per kv. Allocation: one arena per state. Errors: a record of
 * fleetlog.subjects whose key is not
 * "<subject id>/<revision>" or that is no sealed profile is FL_INVALID; the feed parks it.
 */
#include "core/ids.h"
#include "fleetlog/v1/subjects.pb-c.h"
#include "projections/view.h"

const struct fl_view *fl_people_view(void);
bool fl_people_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE]);

/* True from the event that asked for the erasure on: show *erased*, never an empty text. */
bool fl_people_is_erased(struct fl_kv *kv, struct fl_slice subject_id);

/* Revision in force; 0: no event has named the subject, or it is erased. */
uint64_t fl_people_revision(struct fl_kv *kv, struct fl_slice subject_id);

/* The sealed profile in force (a SealedProfile as bytes, until the next put) and its revision;
 * false: there is none, or it is erased. */
bool fl_people_sealed(struct fl_kv *kv, struct fl_slice subject_id, uint64_t *revision,
                      struct fl_slice *sealed);

/* The sealed profile of one revision, in force or not; what the keeper looks at. */
bool fl_people_sealed_revision(struct fl_kv *kv, struct fl_slice subject_id, uint64_t revision,
                               struct fl_slice *sealed);

/* Which stored profiles may go at the log time `head_ms` of this very snapshot: those of erased
 * people; those superseded by an event FL_PROFILE_UNNAMED_MS ago; those that no event has named
 * and that are as old. No later event can name one: the rules refuse profiles of that age, by the
 * event's own time. */
enum { FL_PEOPLE_KEY_SIZE = FL_ID_SIZE + 8 };
struct fl_people_walk {
    size_t look_count; /* rows that may still be looked at; the caller sets it */
    bool done;         /* all have been looked at */
    uint8_t key[FL_PEOPLE_KEY_SIZE + 1];
    size_t key_size;
};

/* The next one from where the walk stands (zeroed: the first); false: none within look_count. */
bool fl_people_next_due(struct fl_kv *kv, struct fl_people_walk *walk, int64_t head_ms,
                        char subject_id[FL_ID_TEXT_SIZE], uint64_t *revision);

/* Reads the key of a fleetlog.subjects record; false: it is none. */
bool fl_people_key_parse(struct fl_slice key, struct fl_slice *subject_id, uint64_t *revision);
