/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Accounts at the door: signing up and in, profiles, sessions, API tokens. Only the account_*.c
 * files, profile.c and gateway.c include this.
 *
 * Whoever asks about an address is answered the same, in the same time, whether it has an account
 * or not; the mail says the rest. Operators see the link that a mail carries; nobody else does.
 *
 * Threading: any. Allocation: the call's arena; fl_sign_in_open.
 */
#include "fleetlog/v1/accounts.pb-c.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/subjects.pb-c.h"
#include "producers/gateway/guesses.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/password.h"
#include "producers/gateway/throttle.h"

/* What signing in takes beside the log. */
struct fl_sign_in {
    struct fl_passwords *passwords;
    struct fl_throttle *sign_ins; /* failures */
    struct fl_throttle *mails;    /* requests that send one to an address */
    struct fl_guesses *guesses;   /* in a row, of an account */
};

/* Errors of fl_guesses_open. */
enum fl_error fl_sign_in_open(const struct fl_duty *duty, struct fl_sign_in **sign_in) FL_MUST_USE;
void fl_sign_in_close(struct fl_sign_in **sign_in);

/* --- profile.c --- */

/* The profile in force of a person; NULL: there is none (any more). False after answering. */
bool fl_call_profile(struct call *call, const char *subject_id,
                     const Fleetlog__V1__Profile **profile, uint64_t *revision);

/* Appends the profile as the one that follows, and names it. False after answering. */
bool fl_call_next_profile(struct call *call, const char *subject_id, uint64_t revision_before,
                          const Fleetlog__V1__Profile *profile, Fleetlog__V1__PersonRef **person);

/* The body's `name` as a new password of that profile, hashed; NULL after answering. */
const char *fl_call_new_password(struct call *call, const char *name, const char *address,
                                 const char *company);

/* --- account_session.c --- */

/* Who acts from here on. */
void fl_call_act_as_visitor(struct call *call);
void fl_call_act_as_link(struct call *call, const char *id);
void fl_call_act_as_account(struct call *call, const char *account_id, const char *company_id);

/* Waits for nobody: false after answering 429. */
bool fl_call_is_slowed(struct call *call, struct fl_throttle *throttle, const char *name);

/* Counts an attempt at a password or code; false after answering 429: there were too many. */
bool fl_call_take_guess(struct call *call, const char *name, const Fleetlog__V1__Profile *profile,
                        struct fl_guess *guess);

/* 32 random bytes as base64url, and their hash. */
char *fl_call_make_secret(struct call *call, uint8_t hash[FL_HASH_SIZE]);

/* Starts a session of the account that acts; answers with it and with `take_more` (taken). */
void fl_call_start_session(struct call *call, uint64_t revision, bool second_factor,
                           uint64_t totp_step, json_t *take_more);

/* Puts on the log that the session is in use, and waits for nothing: what fails is tried again with
 * the next request. */
void fl_call_record_use(struct call *call, const char *session_id);

/* The signed-in account's profile, once the body's `password` is its. False after answering. */
bool fl_call_reauthenticate(struct call *call, const Fleetlog__V1__Profile **profile,
                            uint64_t *revision);

/* The same source counts as one: an address (IPv6: its /64), or this machine. */
struct fl_slice fl_call_source(struct call *call);

call_handler fl_route_post_sign_in;
call_handler fl_route_post_sign_out;
call_handler fl_route_get_sessions;
call_handler fl_route_delete_session;
call_handler fl_route_delete_sessions;
call_handler fl_route_get_api_tokens;
call_handler fl_route_post_api_token;
call_handler fl_route_delete_api_token;

/* --- account_sign_up.c --- */
call_handler fl_route_post_sign_up;
call_handler fl_route_post_sign_up_confirm;
call_handler fl_route_post_password_reset;
call_handler fl_route_post_password_reset_confirm;

/* False after answering: an address in good form that is not sent mail too often from here. */
bool fl_call_may_mail(struct call *call, const char *given);

/* The same answer for every address; operators see the link that the mail carries. */
void fl_call_answer_mailed(struct call *call, bool is_operator, json_t *take_link);

/* Somebody new accepts an invitation by its link, with a password. */
void fl_call_accept_as_new(struct call *call, const char *invitation_id);

/* --- account_profile.c --- */
call_handler fl_route_get_own_account;
call_handler fl_route_patch_own_account;
call_handler fl_route_post_password;
call_handler fl_route_post_totp;
call_handler fl_route_post_totp_confirm;
call_handler fl_route_post_totp_disable;
call_handler fl_route_post_address;
call_handler fl_route_post_address_confirm;
