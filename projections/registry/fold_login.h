/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Folding what accounts sign in with; private to the fold.
 *
 * Threading: one event at a time. Allocation: the arena, reset per event.
 */
#include "projections/registry/fold.h"

/* Ends every session, API token and open link of an account that leaves its company, and with
 * `forgets` what is known of its sign-in: then the account is no more. */
bool fl_fold_end_login(struct fl_folding *f, const char *account_id, bool forgets);

fl_fold_fn fl_fold_sign_up_requested, fl_fold_sign_up_confirmed, fl_fold_session_started,
    fl_fold_session_used, fl_fold_session_ended, fl_fold_sessions_ended,
    fl_fold_password_reset_requested, fl_fold_password_reset, fl_fold_profile_changed,
    fl_fold_address_change_requested, fl_fold_address_changed, fl_fold_api_token_created,
    fl_fold_api_token_revoked;
