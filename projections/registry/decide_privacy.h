/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Deciding on personal data: erasures, epochs, link keys; private to the rules.
 *
 *   ErasePerson ─► ErasureRequested      the person is nobody's any more
 *   OpenEpoch ─► EpochOpened             new key and pepper; both epochs are open
 *   ConfirmEpoch ─► EpochConfirmed       by each node: stored
 *   ReindexPeople ─► PeopleReindexed     the living, under the new epoch
 *   CloseEpoch ─► EpochClosed            nothing living rests on the old one
 *   ConfirmEpoch ─► EpochConfirmed       by each node: destroyed
 *   FinishErasure ─► PersonErased
 *
 * An address is named by its index under every open epoch, the oldest of them at least, so that one
 * person is never two. The profile that an action names is sealed under the newest epoch of its
 * indexes.
 *
 * Threading: one decision at a time. Allocation: the arena.
 */
#include "projections/registry/deciding.h"
#include "projections/registry/privacy.h"

/* The indexes are of open epochs, and of the oldest; false: rejected. */
bool fl_epochs_fit(struct fl_deciding *d, const Fleetlog__V1__PersonRef *ref);

/* Why the account cannot leave its company, or be its administrator no more; NULL: it can. */
const char *fl_stay_reason(struct fl_deciding *d, const fl_account_row *account, bool leaves);

/* Every share that the account has accepted and every command of its; false: no memory. */
bool fl_everything_to_end(struct fl_deciding *d, const fl_account_row *account,
                          struct fl_ended *ended);

fl_decide_fn fl_decide_erase_person, fl_decide_open_epoch, fl_decide_reindex_people,
    fl_decide_confirm_epoch, fl_decide_close_epoch, fl_decide_finish_erasure,
    fl_decide_rotate_link_key;
