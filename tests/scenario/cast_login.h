/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Ready-made requests about signing up and in, for tests in C; see cast.h.
 *
 * Threading: one thread. Allocation: the world's.
 */
#include "fleetlog/v1/accounts.pb-c.h"
#include "tests/scenario/cast.h"

enum fl_message_type cast_sign_up(struct world *world, unsigned person, unsigned company,
                                  unsigned sign_up);
enum fl_message_type cast_confirm_sign_up(struct world *world, unsigned person, unsigned sign_up);
enum fl_message_type cast_start_session(struct world *world, unsigned account, unsigned session,
                                        uint64_t totp_step);
enum fl_message_type cast_use_session(struct world *world, unsigned account, unsigned session);
enum fl_message_type cast_end_session(struct world *world, unsigned account, unsigned session);
enum fl_message_type cast_end_sessions(struct world *world, unsigned account);
enum fl_message_type cast_request_reset(struct world *world, unsigned person, unsigned reset);
enum fl_message_type cast_reset_password(struct world *world, unsigned person, unsigned reset);
enum fl_message_type cast_change_profile(struct world *world, unsigned account,
                                         Fleetlog__V1__ProfileChange change, uint64_t totp_step);
enum fl_message_type cast_request_address(struct world *world, unsigned account, unsigned person,
                                          unsigned change);
enum fl_message_type cast_confirm_address(struct world *world, unsigned account, unsigned person,
                                          unsigned change);
enum fl_message_type cast_create_token(struct world *world, unsigned account, unsigned token);
enum fl_message_type cast_revoke_token(struct world *world, unsigned account, unsigned token);

/* One accepted action of every kind of accounts.proto, about new people from `first` on, the first
 * of whom has that many revisions of his profile; their addresses are indexed under these epochs.
 */
enum { CAST_LOGIN_PEOPLE = 4, CAST_LOGIN_REVISIONS = 5 };
void cast_login_story(struct world *world, unsigned first, unsigned epochs);
