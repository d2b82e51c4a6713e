/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/sessions.h"

#include <string.h>

#include "core/assert.h"
#include "projections/registry/rows.h"

static const struct {
    const char *word;
    const char *text;
} scopes[FL_SCOPE_COUNT] = {
#define FL_SCOPE(name, word, what) {word, what},
#include "projections/registry/scopes.def"
#undef FL_SCOPE
};

const char *fl_scope_word(enum fl_scope scope)
{
    fl_assert((unsigned)scope < FL_SCOPE_COUNT);
    return scopes[scope].word;
}

const char *fl_scope_text(enum fl_scope scope)
{
    fl_assert((unsigned)scope < FL_SCOPE_COUNT);
    return scopes[scope].text;
}

bool fl_scope_find(const char *word, enum fl_scope *scope)
{
    for (unsigned i = 0; i < FL_SCOPE_COUNT; i++)
        if (strcmp(scopes[i].word, word) == 0) {
            *scope = (enum fl_scope)i;
            return true;
        }
    return false;
}

bool fl_session_is_live(const fl_session_row *session, int64_t now_ms)
{
    return now_ms < session->expires_at_ms && now_ms - session->used_at_ms < session->idle_ms;
}

bool fl_api_token_is_live(const fl_api_token_row *token, int64_t now_ms)
{
    return now_ms < token->expires_at_ms;
}

bool fl_token_find(struct fl_kv *kv, struct fl_arena *arena, const uint8_t hash[FL_HASH_SIZE],
                   int64_t now_ms, struct fl_token *token)
{
    struct fl_key key;
    struct fl_slice value;
    char id[FL_ID_TEXT_SIZE];
    *token = (struct fl_token){.session = NULL};
    fl_key_token_hash(&key, (ProtobufCBinaryData){FL_HASH_SIZE, (uint8_t *)(uintptr_t)hash});
    if (!fl_kv_get(kv, FL_TABLE_INDEX, fl_key_slice(&key), &value))
        return false;
    if (value.size != 1 + FL_ID_SIZE) {
        fl_kv_fail(kv, FL_CORRUPT);
        return false;
    }
    fl_key_tail_id(value, id);
    if (value.data[0] == FL_TOKEN_SESSION)
        token->session = fl_row_by_id(kv, arena, FL_TABLE_SESSIONS, fl_slice_text(id));
    else
        token->api = fl_row_by_id(kv, arena, FL_TABLE_API_TOKENS, fl_slice_text(id));
    bool is_live = token->session != NULL
                       ? fl_session_is_live(token->session, now_ms)
                       : token->api != NULL && fl_api_token_is_live(token->api, now_ms);
    if (!is_live)
        *token = (struct fl_token){.session = NULL};
    return is_live;
}
