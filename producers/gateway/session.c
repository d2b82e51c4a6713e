/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/gateway/session.h"

#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "producers/gateway/access.h"
#include "projections/registry/registry.h"
#include "projections/registry/sessions.h"

enum { SECRET_TEXT_SIZE = 43 };

_Static_assert((unsigned)FL_NEEDS_ALL == FL_SCOPES_ALL &&
                   FL_NEEDS_LICENSES == FL_SCOPE_BIT(FL_SCOPE_LICENSES),
               "a scope of the log is the bit that a route needs");

/* Whose it is; false: the account is no more. */
static bool take_account(struct fl_kv *kv, struct fl_arena *arena, struct fl_session *session)
{
    const fl_account_row *account =
        fl_registry_account(kv, arena, fl_slice_text(session->account_id));
    if (account == NULL)
        return false;
    session->company_id = account->company_id;
    session->is_administrator = account->role == FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR;
    return true;
}

static bool take_session(struct fl_kv *kv, struct fl_arena *arena, const fl_session_row *row,
                         int64_t now_ms, struct fl_session *session)
{
    *session = (struct fl_session){
        .session_id = row->session_id,
        .account_id = row->account_id,
        .scopes = FL_NEEDS_ALL,
        .expires_at_ms = row->expires_at_ms,
        .is_use_due = now_ms - row->used_at_ms >= FL_SESSION_USE_MS,
    };
    return take_account(kv, arena, session);
}

static bool take_token(struct fl_kv *kv, struct fl_arena *arena, const fl_api_token_row *row,
                       struct fl_session *session)
{
    enum fl_scope scope;
    *session = (struct fl_session){
        .session_id = row->token_id,
        .account_id = row->account_id,
        .is_token = true,
        .expires_at_ms = row->expires_at_ms,
    };
    for (size_t i = 0; i < row->n_scopes; i++)
        if (fl_scope_find(row->scopes[i], &scope))
            session->scopes |= FL_SCOPE_BIT(scope);
    return take_account(kv, arena, session);
}

bool fl_session_find(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice secret,
                     bool is_token, int64_t now_ms, struct fl_session *session)
{
    uint8_t hash[FL_HASH_SIZE];
    struct fl_token token;
    if (secret.size != SECRET_TEXT_SIZE)
        return false;
    fl_sha256(secret, hash);
    if (!fl_token_find(kv, arena, hash, now_ms, &token))
        return false;
    if (is_token)
        return token.api != NULL && take_token(kv, arena, token.api, session);
    return token.session != NULL && take_session(kv, arena, token.session, now_ms, session);
}

bool fl_session_by_id(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice session_id,
                      bool is_token, int64_t now_ms, struct fl_session *session)
{
    if (is_token) {
        const fl_api_token_row *row = fl_registry_api_token(kv, arena, session_id);
        return row != NULL && fl_api_token_is_live(row, now_ms) &&
               take_token(kv, arena, row, session);
    }
    const fl_session_row *row = fl_registry_session(kv, arena, session_id);
    return row != NULL && fl_session_is_live(row, now_ms) &&
           take_session(kv, arena, row, now_ms, session);
}
