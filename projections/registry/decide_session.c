/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and API tokens. */
#include <string.h>

#include "core/assert.h"
#include "fleetlog/v1/accounts.pb-c.h"
#include "projections/registry/decide_login.h"
#include "projections/registry/sessions.h"
#include "schemas/fields.h"

struct ids {
    const char **ids;
    size_t count;
};

static bool begin_ids(struct fl_deciding *d, struct ids *ids)
{
    ids->count = 0;
    ids->ids = fl_arena_calloc(d->arena, FL_SESSION_COUNT_PER_EVENT_MAX, sizeof(*ids->ids));
    return ids->ids != NULL;
}

static bool is_taken(struct fl_deciding *d, enum fl_registry_table table, const char *id,
                     ProtobufCBinaryData token_hash)
{
    struct fl_key key;
    struct fl_slice value;
    fl_key_token_hash(&key, token_hash);
    return fl_row_by_id(d->kv, d->arena, table, fl_slice_text(id)) != NULL ||
           fl_kv_get(d->kv, FL_TABLE_INDEX, fl_key_slice(&key), &value);
}

/* Takes the oldest out of the list. */
static const char *take_oldest(const fl_session_row **live, size_t *count)
{
    size_t oldest = 0;
    fl_assert(*count != 0);
    for (size_t i = 1; i < *count; i++)
        if (live[i]->started_at_ms < live[oldest]->started_at_ms)
            oldest = i;
    const char *id = live[oldest]->session_id;
    live[oldest] = live[--*count];
    return id;
}

/* The sessions that end when one more begins: those over by now, and the oldest of too many. False:
 * no memory. */
static bool sessions_to_end(struct fl_deciding *d, const char *account_id, struct ids *ended)
{
    struct fl_key list;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    const fl_session_row *live[FL_SESSION_COUNT_PER_EVENT_MAX];
    size_t live_count = 0;
    if (!begin_ids(d, ended))
        return false;
    fl_key_list(&list, FL_INDEX_ACCOUNT_SESSIONS, fl_slice_text(account_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&list));
    while (ended->count + live_count < FL_SESSION_COUNT_PER_EVENT_MAX && fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        const fl_session_row *row =
            fl_row_by_id(d->kv, d->arena, FL_TABLE_SESSIONS, fl_slice_text(id));
        if (row == NULL)
            return false;
        if (fl_session_is_live(row, d->now_ms))
            live[live_count++] = row;
        else
            ended->ids[ended->count++] = row->session_id;
    }
    while (live_count >= d->rules->limits.sessions_per_account_max)
        ended->ids[ended->count++] = take_oldest(live, &live_count);
    return true;
}

const ProtobufCMessage *fl_decide_start_session(struct fl_deciding *d)
{
    const Fleetlog__V1__StartSession *action = (const Fleetlog__V1__StartSession *)d->message;
    const char *account_id = d->account->account_id;
    struct ids ended;
    const fl_login_row *login = fl_login_of(d, account_id);
    const fl_subject_row *subject =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_SUBJECTS, fl_slice_text(account_id));
    if (login == NULL || subject == NULL)
        return NULL;
    if (strcmp(action->account_id, account_id) != 0)
        return fl_reject(d, FL_REJECT(DENIED), "An account starts its own sessions only.");
    if (subject->revision != action->revision)
        return fl_reject(d, FL_REJECT(STALE), "The profile has been changed meanwhile; try again.");
    if (login->second_factor && !action->second_factor)
        return fl_reject(d, FL_REJECT(DENIED), "This account signs in with a second factor.");
    if (!fl_totp_step_is_new(d, login, action->totp_step))
        return d->answer;
    if (is_taken(d, FL_TABLE_SESSIONS, action->session_id, action->token_hash))
        return fl_reject(d, FL_REJECT(EXISTS), "There is a session with this id or token.");
    if (!sessions_to_end(d, account_id, &ended))
        return NULL;
    Fleetlog__V1__SessionStarted *event = fl_answer(d, FL_MESSAGE_SessionStarted);
    event->session_id = action->session_id;
    event->account_id = account_id;
    event->token_hash = action->token_hash;
    event->expires_at_ms = d->now_ms + d->rules->limits.session_ms;
    event->idle_ms = d->rules->limits.session_idle_ms;
    event->second_factor = action->second_factor;
    event->totp_step = action->totp_step;
    event->ended_session_ids = ended.ids;
    event->n_ended_session_ids = ended.count;
    return &event->base;
}

/* A session of the account that acts; NULL: rejected. */
static const fl_session_row *own_session(struct fl_deciding *d, const char *session_id)
{
    const fl_session_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_SESSIONS, fl_slice_text(session_id));
    if (row != NULL && strcmp(row->account_id, d->account->account_id) == 0)
        return row;
    fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such session.");
    return NULL;
}

const ProtobufCMessage *fl_decide_record_session_use(struct fl_deciding *d)
{
    const Fleetlog__V1__RecordSessionUse *action =
        (const Fleetlog__V1__RecordSessionUse *)d->message;
    const fl_session_row *row = own_session(d, action->session_id);
    if (row == NULL)
        return d->answer;
    if (!fl_session_is_live(row, d->now_ms))
        return fl_reject(d, FL_REJECT(EXPIRED), "This session has ended; sign in again.");
    Fleetlog__V1__SessionUsed *event = fl_answer(d, FL_MESSAGE_SessionUsed);
    event->session_id = action->session_id;
    event->account_id = row->account_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_end_session(struct fl_deciding *d)
{
    const Fleetlog__V1__EndSession *action = (const Fleetlog__V1__EndSession *)d->message;
    const fl_session_row *row = own_session(d, action->session_id);
    if (row == NULL)
        return d->answer;
    Fleetlog__V1__SessionEnded *event = fl_answer(d, FL_MESSAGE_SessionEnded);
    event->session_id = action->session_id;
    event->account_id = row->account_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_end_sessions(struct fl_deciding *d)
{
    const Fleetlog__V1__EndSessions *action = (const Fleetlog__V1__EndSessions *)d->message;
    struct ids ended;
    struct fl_key list;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    if (strcmp(action->account_id, d->account->account_id) != 0)
        return fl_reject(d, FL_REJECT(DENIED), "An account ends its own sessions only.");
    if (!begin_ids(d, &ended))
        return NULL;
    fl_key_list(&list, FL_INDEX_ACCOUNT_SESSIONS, fl_slice_text(action->account_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&list));
    while (ended.count < FL_SESSION_COUNT_PER_EVENT_MAX && fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        if (strcmp(id, action->kept_session_id) != 0)
            ended.ids[ended.count++] = fl_arena_text(d->arena, fl_slice_text(id));
    }
    Fleetlog__V1__SessionsEnded *event = fl_answer(d, FL_MESSAGE_SessionsEnded);
    event->account_id = action->account_id;
    event->session_ids = ended.ids;
    event->n_session_ids = ended.count;
    return &event->base;
}

/* Why these scopes and this end will not do; NULL: they do. */
static const char *token_refusal(struct fl_deciding *d, const Fleetlog__V1__CreateApiToken *action)
{
    enum fl_scope scope;
    for (size_t i = 0; i < action->n_scopes; i++)
        if (!fl_scope_find(action->scopes[i], &scope))
            return fl_arena_printf(d->arena, "There is no scope %s.", action->scopes[i]);
    if (action->expires_at_ms <= d->now_ms)
        return "The token would have ended already.";
    if (action->expires_at_ms - d->now_ms > d->rules->limits.api_token_ms_max)
        return "An API token lives for 366 days at most.";
    return NULL;
}

static size_t count_list(struct fl_deciding *d, enum fl_registry_index index, const char *owner_id)
{
    struct fl_key list;
    struct fl_kv_walk walk;
    size_t count = 0;
    fl_key_list(&list, index, fl_slice_text(owner_id));
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_INDEX, fl_key_slice(&list));
    while (fl_kv_walk_next(&walk))
        count++;
    return count;
}

const ProtobufCMessage *fl_decide_create_api_token(struct fl_deciding *d)
{
    const Fleetlog__V1__CreateApiToken *action = (const Fleetlog__V1__CreateApiToken *)d->message;
    const char *account_id = d->account->account_id;
    const char *why = token_refusal(d, action);
    if (why != NULL)
        return fl_reject(d, FL_REJECT(INVALID), why);
    if (count_list(d, FL_INDEX_ACCOUNT_TOKENS, account_id) >=
        d->rules->limits.api_tokens_per_account_max)
        return fl_rejectf(d, FL_REJECT(LIMIT),
                          "An account has %u API tokens at most; revoke one first.",
                          d->rules->limits.api_tokens_per_account_max);
    if (is_taken(d, FL_TABLE_API_TOKENS, action->token_id, action->token_hash))
        return fl_reject(d, FL_REJECT(EXISTS), "There is an API token with this id.");
    Fleetlog__V1__ApiTokenCreated *event = fl_answer(d, FL_MESSAGE_ApiTokenCreated);
    event->token_id = action->token_id;
    event->account_id = account_id;
    event->token_hash = action->token_hash;
    event->name = action->name;
    event->scopes = action->scopes;
    event->n_scopes = action->n_scopes;
    event->expires_at_ms = action->expires_at_ms;
    return &event->base;
}

const ProtobufCMessage *fl_decide_revoke_api_token(struct fl_deciding *d)
{
    const Fleetlog__V1__RevokeApiToken *action = (const Fleetlog__V1__RevokeApiToken *)d->message;
    const fl_api_token_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_API_TOKENS, fl_slice_text(action->token_id));
    if (row == NULL || strcmp(row->account_id, d->account->account_id) != 0)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such API token.");
    Fleetlog__V1__ApiTokenRevoked *event = fl_answer(d, FL_MESSAGE_ApiTokenRevoked);
    event->token_id = action->token_id;
    event->account_id = row->account_id;
    event->name = row->name;
    return &event->base;
}
