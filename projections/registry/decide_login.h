/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Signing up, signing in, profiles, API tokens: what their rules share; private to the rules.
 *
 * Passwords and codes were checked at the door, against the profile of the revision that the action
 * names; the rules see to it that this profile is still in force, that a code counts once and that
 * a link fits what it was made for.
 *
 * Threading: one decision at a time. Allocation: the arena.
 */
#include "projections/registry/deciding.h"

/* What is known of the account's sign-in; a row of nothing if there is none. NULL: no memory. */
const fl_login_row *fl_login_of(struct fl_deciding *d, const char *account_id);

/* False: rejected, the code of this step (or a later one) was taken already. 0: no code. */
bool fl_totp_step_is_new(struct fl_deciding *d, const fl_login_row *login, uint64_t totp_step);

/* True if the actor holds the link of this thing, or is no holder of a link. Else rejected. */
bool fl_link_fits_thing(struct fl_deciding *d, const char *id);

/* The person is this subject, and his new profile follows the one in force. False: rejected. */
bool fl_profile_follows(struct fl_deciding *d, const Fleetlog__V1__PersonRef *ref,
                        const char *subject_id, uint64_t revision_before);

/* Who has the address, by what the registry knows; NULL: nobody. False: rejected. */
bool fl_address_known(struct fl_deciding *d, const Fleetlog__V1__PersonRef *ref,
                      const char **known);

fl_decide_fn fl_decide_sign_up, fl_decide_confirm_sign_up, fl_decide_request_password_reset,
    fl_decide_reset_password, fl_decide_change_profile, fl_decide_request_address_change,
    fl_decide_confirm_address_change, fl_decide_start_session, fl_decide_record_session_use,
    fl_decide_end_session, fl_decide_end_sessions, fl_decide_create_api_token,
    fl_decide_revoke_api_token;
