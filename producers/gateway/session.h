/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who is signed in: a session or an API token, found by its secret or by its id.
 *
 * The log and the registry hold hashes of secrets only, and an answer is as new as the registry
 * that is asked: whoever was signed out, removed or closed there is not found any more. It knows no
 * cookies and no headers.
 *
 * Threading: one thread per kv. Allocation: the arena.
 */
#include "core/arena.h"
#include "core/kv.h"

struct fl_session {
    const char *session_id; /* of the session or the token */
    const char *account_id;
    const char *company_id;
    bool is_administrator;
    bool is_token;
    unsigned scopes; /* enum fl_needs; FL_NEEDS_ALL for a session */
    bool is_use_due; /* of a session: its use is to be recorded again */
    int64_t expires_at_ms;
};

/* A secret is 256 bits as base64url: 43 characters. Anything else is not found. False: nobody. */
bool fl_session_find(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice secret,
                     bool is_token, int64_t now_ms, struct fl_session *session);

/* The same by id: whether it still stands. */
bool fl_session_by_id(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice session_id,
                      bool is_token, int64_t now_ms, struct fl_session *session);
