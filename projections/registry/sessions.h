/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who a token speaks for: sessions of people and API tokens of their programs, found by hash.
 *
 * The registry holds the SHA-256 of a token and never the token. A session lives until its end or
 * until nobody has used it for its idle time, whichever comes first; uses are recorded from time to
 * time only (FL_SESSION_USE_MS), so that it may end that much earlier. Which scope a request needs
 * is the door's to say.
 *
 * Threading: one thread per kv. Allocation: the caller's arena.
 */
#include "core/arena.h"
#include "core/hash.h"
#include "core/kv.h"
#include "projections/registry/row_types.h"

enum fl_token_kind { FL_TOKEN_SESSION = 1, FL_TOKEN_API };

enum fl_scope {
#define FL_SCOPE(name, word, what) FL_SCOPE_##name,
#include "projections/registry/scopes.def"
#undef FL_SCOPE
    FL_SCOPE_COUNT
};

#define FL_SCOPE_BIT(scope) (1u << (unsigned)(scope))
#define FL_SCOPES_ALL ((1u << FL_SCOPE_COUNT) - 1)

/* A use is recorded when the last one on record is as old as this. */
#define FL_SESSION_USE_MS (INT64_C(6) * 60 * 60 * 1000)

const char *fl_scope_word(enum fl_scope scope);
const char *fl_scope_text(enum fl_scope scope);

/* False: no scope has this word. */
bool fl_scope_find(const char *word, enum fl_scope *scope);

/* False once it is over at that time. */
bool fl_session_is_live(const fl_session_row *session, int64_t now_ms);
bool fl_api_token_is_live(const fl_api_token_row *token, int64_t now_ms);

/* What a token is; one of the two rows, or none. */
struct fl_token {
    const fl_session_row *session;
    const fl_api_token_row *api;
};

/* The live session or API token with this hash (32 bytes); false: there is none. */
bool fl_token_find(struct fl_kv *kv, struct fl_arena *arena, const uint8_t hash[FL_HASH_SIZE],
                   int64_t now_ms, struct fl_token *token);
