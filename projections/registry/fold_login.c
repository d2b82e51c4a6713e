/* SPDX-License-Identifier: Apache-2.0 */
/* Sign-ups, sessions, API tokens, open links of accounts. */
#include "projections/registry/fold_login.h"

#include <string.h>

#include "core/bytes.h"
#include "fleetlog/v1/accounts.pb-c.h"
#include "projections/registry/sessions.h"

enum { SWEEP_COUNT_MAX = 2 };

static void del_row(struct fl_folding *f, enum fl_registry_table table, const char *id)
{
    struct fl_key key;
    fl_key_begin(&key);
    fl_key_id_text(&key, id);
    if (!key.bad)
        fl_kv_del(f->kv, table, fl_key_slice(&key));
}

static void drop_sign_up(struct fl_folding *f, const fl_sign_up_row *row)
{
    struct fl_key key;
    fl_key_sign_up_due(&key, row->expires_at_ms, row->sign_up_id);
    fl_index_del(f->kv, &key);
    del_row(f, FL_TABLE_SIGN_UPS, row->sign_up_id);
}

/* Visitors leave many sign-ups behind that nobody confirms. */
static void sweep_sign_ups(struct fl_folding *f)
{
    struct fl_key list;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_begin(&list);
    fl_key_u8(&list, FL_INDEX_SIGN_UP_DUE);
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&list));
    for (int i = 0; i < SWEEP_COUNT_MAX && fl_kv_walk_next(&walk); i++) {
        if (f->now_ms < (int64_t)fl_get_u64(walk.key.data + 1))
            return;
        fl_key_tail_id(walk.key, id);
        const fl_sign_up_row *row =
            fl_row_by_id(f->kv, f->arena, FL_TABLE_SIGN_UPS, fl_slice_text(id));
        if (row == NULL)
            fl_kv_fail(f->kv, FL_CORRUPT);
        else
            drop_sign_up(f, row);
    }
}

bool fl_fold_sign_up_requested(struct fl_folding *f)
{
    const Fleetlog__V1__SignUpRequested *event =
        (const Fleetlog__V1__SignUpRequested *)f->input->message;
    fl_sign_up_row row = FLEETLOG__ROWS__V1__SIGN_UP_ROW__INIT;
    struct fl_key key;
    sweep_sign_ups(f);
    if (event->has_account)
        return true;
    row.sign_up_id = event->sign_up_id;
    row.subject_id = event->subject_id;
    row.company_id = event->company_id;
    row.company_name = event->company_name;
    row.share_id = event->share_id;
    row.transfer_id = event->transfer_id;
    row.expires_at_ms = event->expires_at_ms;
    row.link_key_generation = event->link_key_generation;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_SIGN_UPS, row.sign_up_id, &row.base);
    fl_key_sign_up_due(&key, row.expires_at_ms, row.sign_up_id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    fl_fold_person(f, row.subject_id, event->revision, event->indexes, event->n_indexes);
    return true;
}

bool fl_fold_sign_up_confirmed(struct fl_folding *f)
{
    const Fleetlog__V1__SignUpConfirmed *event =
        (const Fleetlog__V1__SignUpConfirmed *)f->input->message;
    fl_account_row account = FLEETLOG__ROWS__V1__ACCOUNT_ROW__INIT;
    const fl_sign_up_row *row = fl_fold_row(f, FL_TABLE_SIGN_UPS, event->sign_up_id);
    if (row == NULL)
        return false;
    drop_sign_up(f, row);
    fl_fold_put_company(f, event->company_id, event->company_name);
    account.account_id = event->account_id;
    account.company_id = event->company_id;
    account.role = event->role;
    account.created_at_ms = f->now_ms;
    fl_fold_put_account(f, &account);
    fl_fold_person(f, event->account_id, event->revision, event->indexes, event->n_indexes);
    return true;
}

/* The account's row; a new one if there is none. NULL: no memory. */
static fl_login_row *login_of(struct fl_folding *f, const char *account_id)
{
    fl_login_row *row = fl_row_by_id(f->kv, f->arena, FL_TABLE_LOGINS, fl_slice_text(account_id));
    if (row != NULL)
        return row;
    row = fl_arena_alloc(f->arena, sizeof(*row));
    if (row == NULL) {
        fl_kv_fail(f->kv, FL_NO_MEMORY);
        return NULL;
    }
    fleetlog__rows__v1__login_row__init(row);
    row->account_id = account_id;
    return row;
}

static void put_login(struct fl_folding *f, const fl_login_row *row)
{
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_LOGINS, row->account_id, &row->base);
}

/* Notes the step of a code that was taken. */
static bool take_step(struct fl_folding *f, const char *account_id, uint64_t totp_step)
{
    fl_login_row *login = totp_step == 0 ? NULL : login_of(f, account_id);
    if (login == NULL)
        return totp_step == 0;
    login->totp_step = totp_step;
    put_login(f, login);
    return true;
}

static void put_token(struct fl_folding *f, enum fl_token_kind kind, const char *account_id,
                      const char *id, ProtobufCBinaryData token_hash)
{
    struct fl_key key;
    uint8_t value[1 + FL_ID_SIZE] = {(uint8_t)kind};
    if (!fl_id_to_bytes(fl_slice_text(id), value + 1)) {
        fl_kv_fail(f->kv, FL_CORRUPT);
        return;
    }
    fl_key_token_hash(&key, token_hash);
    fl_index_put(f->kv, &key, fl_slice_of(value, sizeof(value)));
    fl_key_pair(&key,
                kind == FL_TOKEN_SESSION ? FL_INDEX_ACCOUNT_SESSIONS : FL_INDEX_ACCOUNT_TOKENS,
                account_id, id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
}

static bool drop_session(struct fl_folding *f, const char *id)
{
    struct fl_key key;
    const fl_session_row *row = fl_fold_row(f, FL_TABLE_SESSIONS, id);
    if (row == NULL)
        return false;
    fl_key_token_hash(&key, row->token_hash);
    fl_index_del(f->kv, &key);
    fl_key_pair(&key, FL_INDEX_ACCOUNT_SESSIONS, row->account_id, id);
    fl_index_del(f->kv, &key);
    del_row(f, FL_TABLE_SESSIONS, id);
    return true;
}

static bool drop_api_token(struct fl_folding *f, const char *id)
{
    struct fl_key key;
    const fl_api_token_row *row = fl_fold_row(f, FL_TABLE_API_TOKENS, id);
    if (row == NULL)
        return false;
    fl_key_token_hash(&key, row->token_hash);
    fl_index_del(f->kv, &key);
    fl_key_pair(&key, FL_INDEX_ACCOUNT_TOKENS, row->account_id, id);
    fl_index_del(f->kv, &key);
    del_row(f, FL_TABLE_API_TOKENS, id);
    return true;
}

static bool drop_all(struct fl_folding *f, enum fl_registry_index list, const char *account_id,
                     bool (*drop)(struct fl_folding *f, const char *id))
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_list(&key, list, fl_slice_text(account_id));
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        if (!drop(f, id))
            return false;
    }
    return true;
}

bool fl_fold_end_login(struct fl_folding *f, const char *account_id, bool forgets)
{
    fl_login_row *login = fl_row_by_id(f->kv, f->arena, FL_TABLE_LOGINS, fl_slice_text(account_id));
    if (login != NULL) {
        del_row(f, FL_TABLE_PASSWORD_RESETS, login->reset_id);
        del_row(f, FL_TABLE_ADDRESS_CHANGES, login->address_change_id);
        login->reset_id = "";
        login->address_change_id = "";
        if (forgets)
            del_row(f, FL_TABLE_LOGINS, account_id);
        else
            put_login(f, login);
    }
    return drop_all(f, FL_INDEX_ACCOUNT_SESSIONS, account_id, drop_session) &&
           drop_all(f, FL_INDEX_ACCOUNT_TOKENS, account_id, drop_api_token);
}

bool fl_fold_session_started(struct fl_folding *f)
{
    const Fleetlog__V1__SessionStarted *event =
        (const Fleetlog__V1__SessionStarted *)f->input->message;
    fl_session_row row = FLEETLOG__ROWS__V1__SESSION_ROW__INIT;
    if (fl_fold_row(f, FL_TABLE_ACCOUNTS, event->account_id) == NULL)
        return false;
    for (size_t i = 0; i < event->n_ended_session_ids; i++)
        if (!drop_session(f, event->ended_session_ids[i]))
            return false;
    row.session_id = event->session_id;
    row.account_id = event->account_id;
    row.token_hash = event->token_hash;
    row.started_at_ms = row.used_at_ms = f->now_ms;
    row.expires_at_ms = event->expires_at_ms;
    row.idle_ms = event->idle_ms;
    row.second_factor = event->second_factor;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_SESSIONS, row.session_id, &row.base);
    put_token(f, FL_TOKEN_SESSION, row.account_id, row.session_id, row.token_hash);
    return take_step(f, event->account_id, event->totp_step);
}

bool fl_fold_session_used(struct fl_folding *f)
{
    const Fleetlog__V1__SessionUsed *event = (const Fleetlog__V1__SessionUsed *)f->input->message;
    fl_session_row *row = fl_fold_row(f, FL_TABLE_SESSIONS, event->session_id);
    if (row == NULL)
        return false;
    row->used_at_ms = f->now_ms;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_SESSIONS, event->session_id, &row->base);
    return true;
}

bool fl_fold_session_ended(struct fl_folding *f)
{
    const Fleetlog__V1__SessionEnded *event = (const Fleetlog__V1__SessionEnded *)f->input->message;
    return drop_session(f, event->session_id);
}

bool fl_fold_sessions_ended(struct fl_folding *f)
{
    const Fleetlog__V1__SessionsEnded *event =
        (const Fleetlog__V1__SessionsEnded *)f->input->message;
    for (size_t i = 0; i < event->n_session_ids; i++)
        if (!drop_session(f, event->session_ids[i]))
            return false;
    return true;
}

static void put_link(struct fl_folding *f, enum fl_registry_table table,
                     const fl_account_link_row *row, const char *replaced_id)
{
    del_row(f, table, replaced_id);
    fl_row_put_by_id(f->kv, f->arena, table, row->link_id, &row->base);
}

bool fl_fold_password_reset_requested(struct fl_folding *f)
{
    const Fleetlog__V1__PasswordResetRequested *event =
        (const Fleetlog__V1__PasswordResetRequested *)f->input->message;
    fl_account_link_row row = FLEETLOG__ROWS__V1__ACCOUNT_LINK_ROW__INIT;
    if (!event->has_account)
        return true;
    fl_login_row *login = login_of(f, event->subject_id);
    if (login == NULL)
        return false;
    row.link_id = event->reset_id;
    row.account_id = event->subject_id;
    row.expires_at_ms = event->expires_at_ms;
    row.link_key_generation = event->link_key_generation;
    put_link(f, FL_TABLE_PASSWORD_RESETS, &row, login->reset_id);
    login->reset_id = event->reset_id;
    put_login(f, login);
    return true;
}

/* A new password: every session ends, and who asked for a reset before it asks again. */
static bool end_sessions(struct fl_folding *f, const char *account_id)
{
    fl_login_row *login = login_of(f, account_id);
    if (login == NULL)
        return false;
    if (login->reset_id[0] != '\0') {
        del_row(f, FL_TABLE_PASSWORD_RESETS, login->reset_id);
        login->reset_id = "";
        put_login(f, login);
    }
    return drop_all(f, FL_INDEX_ACCOUNT_SESSIONS, account_id, drop_session);
}

bool fl_fold_password_reset(struct fl_folding *f)
{
    const Fleetlog__V1__PasswordReset *event =
        (const Fleetlog__V1__PasswordReset *)f->input->message;
    if (fl_fold_row(f, FL_TABLE_PASSWORD_RESETS, event->reset_id) == NULL)
        return false;
    fl_fold_person(f, event->account_id, event->revision, event->indexes, event->n_indexes);
    return end_sessions(f, event->account_id);
}

bool fl_fold_profile_changed(struct fl_folding *f)
{
    const Fleetlog__V1__ProfileChanged *event =
        (const Fleetlog__V1__ProfileChanged *)f->input->message;
    if (fl_fold_row(f, FL_TABLE_ACCOUNTS, event->account_id) == NULL)
        return false;
    fl_fold_person(f, event->account_id, event->revision, event->indexes, event->n_indexes);
    if (!take_step(f, event->account_id, event->totp_step))
        return false;
    if (event->change == FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_SECOND_FACTOR) {
        fl_login_row *login = login_of(f, event->account_id);
        if (login == NULL)
            return false;
        login->second_factor = event->second_factor;
        put_login(f, login);
        return end_sessions(f, event->account_id);
    }
    return event->change != FLEETLOG__V1__PROFILE_CHANGE__PROFILE_CHANGE_PASSWORD ||
           end_sessions(f, event->account_id);
}

bool fl_fold_address_change_requested(struct fl_folding *f)
{
    const Fleetlog__V1__AddressChangeRequested *event =
        (const Fleetlog__V1__AddressChangeRequested *)f->input->message;
    fl_account_link_row row = FLEETLOG__ROWS__V1__ACCOUNT_LINK_ROW__INIT;
    if (event->has_account)
        return true;
    fl_login_row *login = login_of(f, event->account_id);
    if (login == NULL)
        return false;
    row.link_id = event->change_id;
    row.account_id = event->account_id;
    row.subject_id = event->subject_id;
    row.indexes = event->indexes;
    row.n_indexes = event->n_indexes;
    row.expires_at_ms = event->expires_at_ms;
    row.link_key_generation = event->link_key_generation;
    put_link(f, FL_TABLE_ADDRESS_CHANGES, &row, login->address_change_id);
    login->address_change_id = event->change_id;
    put_login(f, login);
    return true;
}

/* Nobody is known by the account's addresses any more. */
static bool drop_addresses(struct fl_folding *f, const char *subject_id)
{
    fl_subject_row *row = fl_fold_row(f, FL_TABLE_SUBJECTS, subject_id);
    if (row == NULL)
        return false;
    for (size_t i = 0; i < row->n_indexes; i++) {
        struct fl_key key;
        fl_key_address(&key, row->indexes[i]);
        if (!key.bad)
            fl_kv_del(f->kv, FL_TABLE_ADDRESSES, fl_key_slice(&key));
    }
    row->n_indexes = 0;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_SUBJECTS, subject_id, &row->base);
    return true;
}

bool fl_fold_address_changed(struct fl_folding *f)
{
    const Fleetlog__V1__AddressChanged *event =
        (const Fleetlog__V1__AddressChanged *)f->input->message;
    fl_login_row *login = login_of(f, event->account_id);
    if (login == NULL || !drop_addresses(f, event->account_id))
        return false;
    fl_fold_person(f, event->account_id, event->revision, event->indexes, event->n_indexes);
    del_row(f, FL_TABLE_ADDRESS_CHANGES, event->change_id);
    login->address_change_id = "";
    put_login(f, login);
    return true;
}

bool fl_fold_api_token_created(struct fl_folding *f)
{
    const Fleetlog__V1__ApiTokenCreated *event =
        (const Fleetlog__V1__ApiTokenCreated *)f->input->message;
    fl_api_token_row row = FLEETLOG__ROWS__V1__API_TOKEN_ROW__INIT;
    if (fl_fold_row(f, FL_TABLE_ACCOUNTS, event->account_id) == NULL)
        return false;
    row.token_id = event->token_id;
    row.account_id = event->account_id;
    row.token_hash = event->token_hash;
    row.name = event->name;
    row.scopes = event->scopes;
    row.n_scopes = event->n_scopes;
    row.created_at_ms = f->now_ms;
    row.expires_at_ms = event->expires_at_ms;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_API_TOKENS, row.token_id, &row.base);
    put_token(f, FL_TOKEN_API, row.account_id, row.token_id, row.token_hash);
    return true;
}

bool fl_fold_api_token_revoked(struct fl_folding *f)
{
    const Fleetlog__V1__ApiTokenRevoked *event =
        (const Fleetlog__V1__ApiTokenRevoked *)f->input->message;
    return drop_api_token(f, event->token_id);
}
