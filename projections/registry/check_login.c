/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants 41 to 43: sessions, API tokens, what waits for a link (numbers in check.c). */
#include <string.h>

#include "projections/registry/check.h"
#include "projections/registry/sessions.h"

/* INDEX leads from the hash to this row. */
static bool is_found(struct fl_checking *c, ProtobufCBinaryData hash, enum fl_token_kind kind,
                     const char *id)
{
    struct fl_key key;
    struct fl_slice value;
    char found[FL_ID_TEXT_SIZE];
    fl_key_token_hash(&key, hash);
    if (key.bad || !fl_kv_get(c->kv, FL_TABLE_INDEX, fl_key_slice(&key), &value) ||
        value.size != 1 + FL_ID_SIZE || value.data[0] != kind)
        return false;
    fl_key_tail_id(value, found);
    return strcmp(found, id) == 0;
}

static bool has_account(struct fl_checking *c, enum fl_registry_index list, const char *account_id,
                        const char *id)
{
    struct fl_key key;
    fl_key_pair(&key, list, account_id, id);
    return fl_has_entry(c, &key) &&
           fl_registry_account(c->kv, &c->arena, fl_slice_text(account_id)) != NULL;
}

bool fl_check_session(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_session_row *row = opaque;
    (void)key;
    return (has_account(c, FL_INDEX_ACCOUNT_SESSIONS, row->account_id, row->session_id) &&
            is_found(c, row->token_hash, FL_TOKEN_SESSION, row->session_id)) ||
           fl_broken(c, 41, "session %s", row->session_id);
}

bool fl_check_api_token(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_api_token_row *row = opaque;
    (void)key;
    return (has_account(c, FL_INDEX_ACCOUNT_TOKENS, row->account_id, row->token_id) &&
            is_found(c, row->token_hash, FL_TOKEN_API, row->token_id)) ||
           fl_broken(c, 41, "API token %s", row->token_id);
}

bool fl_check_sign_up(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_sign_up_row *row = opaque;
    struct fl_key due;
    (void)key;
    fl_key_sign_up_due(&due, row->expires_at_ms, row->sign_up_id);
    return (fl_has_entry(c, &due) &&
            fl_registry_subject(c->kv, &c->arena, fl_slice_text(row->subject_id)) != NULL) ||
           fl_broken(c, 42, "sign-up %s", row->sign_up_id);
}

static const fl_login_row *login_of(struct fl_checking *c, const fl_account_link_row *row)
{
    return fl_registry_account(c->kv, &c->arena, fl_slice_text(row->account_id)) == NULL
               ? NULL
               : fl_row_by_id(c->kv, &c->arena, FL_TABLE_LOGINS, fl_slice_text(row->account_id));
}

bool fl_check_password_reset(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_account_link_row *row = opaque;
    const fl_login_row *login = login_of(c, row);
    (void)key;
    return (login != NULL && strcmp(login->reset_id, row->link_id) == 0) ||
           fl_broken(c, 43, "password reset %s", row->link_id);
}

bool fl_check_address_change(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_account_link_row *row = opaque;
    const fl_login_row *login = login_of(c, row);
    (void)key;
    return (login != NULL && strcmp(login->address_change_id, row->link_id) == 0) ||
           fl_broken(c, 43, "change of address %s", row->link_id);
}

bool fl_check_login(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_login_row *row = opaque;
    (void)key;
    return fl_registry_account(c->kv, &c->arena, fl_slice_text(row->account_id)) != NULL ||
           fl_broken(c, 43, "sign-in of %s", row->account_id);
}

bool fl_check_account_session(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_session_row *row =
        fl_row_by_id(c->kv, &c->arena, FL_TABLE_SESSIONS, fl_slice_text(entry->member));
    return row != NULL && strcmp(row->account_id, entry->owner) == 0;
}

bool fl_check_account_token(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_api_token_row *row =
        fl_row_by_id(c->kv, &c->arena, FL_TABLE_API_TOKENS, fl_slice_text(entry->member));
    return row != NULL && strcmp(row->account_id, entry->owner) == 0;
}

bool fl_check_token_hash(struct fl_checking *c, const struct fl_index_entry *entry)
{
    char id[FL_ID_TEXT_SIZE];
    if (entry->value.size != 1 + FL_ID_SIZE)
        return false;
    fl_key_tail_id(entry->value, id);
    return fl_row_by_id(c->kv, &c->arena,
                        entry->value.data[0] == FL_TOKEN_SESSION ? FL_TABLE_SESSIONS
                                                                 : FL_TABLE_API_TOKENS,
                        fl_slice_text(id)) != NULL;
}

bool fl_check_sign_up_due(struct fl_checking *c, const struct fl_index_entry *entry)
{
    return fl_row_by_id(c->kv, &c->arena, FL_TABLE_SIGN_UPS, fl_slice_text(entry->member)) != NULL;
}
