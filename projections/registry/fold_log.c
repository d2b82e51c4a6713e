/* SPDX-License-Identifier: Apache-2.0 */
/* The log itself, companies, accounts, people, invitations. */
#include <string.h>

#include "projections/registry/due.h"
#include "projections/registry/fold_login.h"
#include "projections/registry/outbox.h"

static fl_log_row *log_row(struct fl_folding *f)
{
    struct fl_key key;
    fl_key_log(&key);
    fl_log_row *row = fl_row_get(f->kv, f->arena, FL_TABLE_LOG, &key);
    if (row == NULL)
        fl_fold_refuse(f, "no log has been created");
    return row;
}

static void put_log(struct fl_folding *f, const fl_log_row *row)
{
    struct fl_key key;
    fl_key_log(&key);
    fl_row_put(f->kv, f->arena, FL_TABLE_LOG, &key, &row->base);
}

bool fl_fold_log_created(struct fl_folding *f)
{
    const Fleetlog__V1__LogCreated *event = (const Fleetlog__V1__LogCreated *)f->input->message;
    fl_log_row row = FLEETLOG__ROWS__V1__LOG_ROW__INIT;
    struct fl_slice value;
    struct fl_key key;
    fl_key_log(&key);
    if (fl_kv_get(f->kv, FL_TABLE_LOG, fl_key_slice(&key), &value))
        return fl_fold_refuse(f, "the log has been created before");
    row.log_id = event->log_id;
    row.format_version = event->format_version;
    row.telemetry_partition_count = event->telemetry_partition_count;
    row.keyring_fingerprint = event->keyring_fingerprint;
    row.checkpoint_key = event->checkpoint_key;
    row.rules_version = event->rules_version;
    row.created_at_ms = f->now_ms;
    put_log(f, &row);
    fl_fold_first_keys(f);
    return true;
}

bool fl_fold_node_announced(struct fl_folding *f)
{
    const Fleetlog__V1__NodeAnnounced *event =
        (const Fleetlog__V1__NodeAnnounced *)f->input->message;
    fl_node_row row = FLEETLOG__ROWS__V1__NODE_ROW__INIT;
    row.node_id = event->node_id;
    row.rules_version_newest = event->rules_version_newest;
    row.software_version = event->software_version;
    row.announced_at_ms = f->now_ms;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_NODES, event->node_id, &row.base);
    return true;
}

bool fl_fold_node_removed(struct fl_folding *f)
{
    const Fleetlog__V1__NodeRemoved *event = (const Fleetlog__V1__NodeRemoved *)f->input->message;
    struct fl_key key;
    fl_key_begin(&key);
    fl_key_id_text(&key, event->node_id);
    if (key.bad || !fl_kv_del(f->kv, FL_TABLE_NODES, fl_key_slice(&key)))
        return fl_fold_refuse(f, "no node %s", event->node_id);
    return fl_fold_destroyed_everywhere(f);
}

bool fl_fold_rules_activated(struct fl_folding *f)
{
    const Fleetlog__V1__RulesActivated *event =
        (const Fleetlog__V1__RulesActivated *)f->input->message;
    fl_log_row *row = log_row(f);
    if (row == NULL)
        return false;
    if (event->rules_version <= row->rules_version)
        return fl_fold_refuse(f, "rules go from %u to %u", row->rules_version,
                              event->rules_version);
    row->rules_version = event->rules_version;
    put_log(f, row);
    return true;
}

bool fl_fold_log_moved(struct fl_folding *f)
{
    const Fleetlog__V1__LogMoved *event = (const Fleetlog__V1__LogMoved *)f->input->message;
    fl_log_row *row = log_row(f);
    if (row == NULL)
        return false;
    row->cluster_id = event->cluster_id;
    put_log(f, row);
    return true;
}

void fl_fold_put_company(struct fl_folding *f, const char *company_id, const char *name)
{
    fl_company_row row = FLEETLOG__ROWS__V1__COMPANY_ROW__INIT;
    row.company_id = company_id;
    row.name = name;
    row.created_at_ms = f->now_ms;
    row.created_at = f->sequence;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_COMPANIES, company_id, &row.base);
}

bool fl_fold_company_created(struct fl_folding *f)
{
    const Fleetlog__V1__CompanyCreated *event =
        (const Fleetlog__V1__CompanyCreated *)f->input->message;
    fl_fold_put_company(f, event->company_id, event->name);
    return true;
}

static bool has_index(const fl_subject_row *row, const Fleetlog__V1__AddressIndex *index)
{
    for (size_t i = 0; i < row->n_indexes; i++)
        if (row->indexes[i]->epoch == index->epoch &&
            row->indexes[i]->index.len == index->index.len &&
            memcmp(row->indexes[i]->index.data, index->index.data, index->index.len) == 0)
            return true;
    return false;
}

void fl_fold_person(struct fl_folding *f, const char *subject_id, uint64_t revision,
                    Fleetlog__V1__AddressIndex **indexes, size_t index_count)
{
    fl_subject_row fresh = FLEETLOG__ROWS__V1__SUBJECT_ROW__INIT;
    fl_subject_row *row =
        fl_row_by_id(f->kv, f->arena, FL_TABLE_SUBJECTS, fl_slice_text(subject_id));
    if (row == NULL)
        row = &fresh;
    Fleetlog__V1__AddressIndex **all =
        fl_arena_calloc(f->arena, row->n_indexes + index_count + 1, sizeof(*all));
    if (all == NULL) {
        fl_kv_fail(f->kv, FL_NO_MEMORY);
        return;
    }
    if (row->n_indexes != 0)
        memcpy(all, row->indexes, row->n_indexes * sizeof(*all));
    row->indexes = all;
    row->subject_id = subject_id;
    if (index_count != 0 && revision != row->revision)
        fl_fold_epoch(f, row, indexes, index_count);
    row->revision = revision;
    for (size_t i = 0; i < index_count; i++) {
        fl_address_row address = FLEETLOG__ROWS__V1__ADDRESS_ROW__INIT;
        struct fl_key key;
        if (has_index(row, indexes[i]))
            continue;
        all[row->n_indexes++] = indexes[i];
        fl_key_address(&key, indexes[i]);
        address.subject_id = subject_id;
        fl_row_put(f->kv, f->arena, FL_TABLE_ADDRESSES, &key, &address.base);
    }
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_SUBJECTS, subject_id, &row->base);
}

/* The company's invitation of that person; NULL: none. */
static fl_invitation_row *invitation_of(struct fl_folding *f, const char *company_id,
                                        const char *subject_id)
{
    struct fl_key key;
    struct fl_slice value;
    fl_key_pair(&key, FL_INDEX_COMPANY_PEOPLE, company_id, subject_id);
    if (key.bad || !fl_kv_get(f->kv, FL_TABLE_INDEX, fl_key_slice(&key), &value))
        return NULL;
    fl_key_begin(&key);
    fl_key_bytes(&key, value.data, value.size);
    return fl_row_get(f->kv, f->arena, FL_TABLE_INVITATIONS, &key);
}

static void due_of(const fl_invitation_row *row, struct fl_due *due)
{
    fl_due_init(due, row->expires_at_ms, FL_DUE(INVITATION), row->invitation_id, 0);
}

bool fl_fold_end_invitation(struct fl_folding *f, fl_invitation_row *row,
                            enum fl_invitation_state end)
{
    struct fl_due due;
    struct fl_key key;
    if (row == NULL || row->state != FL_INVITATION_OUTSTANDING)
        return true;
    if (!fl_fold_move(f, &fl_invitation_machine, &row->state, end, row->invitation_id))
        return false;
    due_of(row, &due);
    fl_due_clear(f->kv, &due);
    fl_key_pair(&key, FL_INDEX_PERSON_INVITATIONS, row->subject_id, row->invitation_id);
    fl_index_del(f->kv, &key);
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_INVITATIONS, row->invitation_id, &row->base);
    return true;
}

bool fl_fold_end_invitations(struct fl_folding *f, const char *subject_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_list(&key, FL_INDEX_PERSON_INVITATIONS, fl_slice_text(subject_id));
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        fl_invitation_row *row = fl_fold_row(f, FL_TABLE_INVITATIONS, id);
        if (row == NULL || !fl_fold_end_invitation(f, row, FL_INVITATION_CANCELLED))
            return false;
    }
    return f->kv->error == FL_OK;
}

bool fl_fold_account_created(struct fl_folding *f)
{
    const Fleetlog__V1__AccountCreated *event =
        (const Fleetlog__V1__AccountCreated *)f->input->message;
    fl_account_row row = FLEETLOG__ROWS__V1__ACCOUNT_ROW__INIT;
    struct fl_key key;
    if (fl_fold_row(f, FL_TABLE_COMPANIES, event->company_id) == NULL)
        return false;
    row.account_id = event->account_id;
    row.company_id = event->company_id;
    row.role = event->role;
    row.created_at_ms = f->now_ms;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_ACCOUNTS, event->account_id, &row.base);
    fl_key_pair(&key, FL_INDEX_COMPANY_ACCOUNTS, event->company_id, event->account_id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    fl_fold_person(f, event->account_id, event->revision, event->indexes, event->n_indexes);
    fl_invitation_row *invitation = invitation_of(f, event->company_id, event->account_id);
    bool in_time = invitation != NULL && f->now_ms < invitation->expires_at_ms;
    return fl_fold_end_invitation(f, invitation,
                                  in_time ? FL_INVITATION_ACCEPTED : FL_INVITATION_EXPIRED);
}

void fl_fold_put_account(struct fl_folding *f, const fl_account_row *row)
{
    struct fl_key key;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_ACCOUNTS, row->account_id, &row->base);
    fl_key_pair(&key, FL_INDEX_COMPANY_ACCOUNTS, row->company_id, row->account_id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
}

/* `forgets`: there will be no such account, not even in another company. */
static bool drop_account(struct fl_folding *f, const char *account_id, const char *company_id,
                         bool forgets)
{
    struct fl_key key;
    fl_fold_drop_policy(f, account_id);
    if (!fl_fold_end_login(f, account_id, forgets))
        return false;
    fl_key_pair(&key, FL_INDEX_COMPANY_ACCOUNTS, company_id, account_id);
    if (key.bad || !fl_kv_del(f->kv, FL_TABLE_INDEX, fl_key_slice(&key)))
        return fl_fold_refuse(f, "company %s has no account %s", company_id, account_id);
    fl_key_begin(&key);
    fl_key_id_text(&key, account_id);
    return fl_kv_del(f->kv, FL_TABLE_ACCOUNTS, fl_key_slice(&key)) ||
           fl_fold_refuse(f, "no account %s", account_id);
}

bool fl_fold_drop_account(struct fl_folding *f, const char *account_id, const char *company_id)
{
    return drop_account(f, account_id, company_id, true);
}

bool fl_fold_invitation_accepted(struct fl_folding *f)
{
    const Fleetlog__V1__InvitationAccepted *event =
        (const Fleetlog__V1__InvitationAccepted *)f->input->message;
    fl_account_row row = FLEETLOG__ROWS__V1__ACCOUNT_ROW__INIT;
    fl_invitation_row *invitation = fl_fold_row(f, FL_TABLE_INVITATIONS, event->invitation_id);
    if (invitation == NULL)
        return false;
    if (invitation->state != FL_INVITATION_OUTSTANDING)
        return fl_fold_refuse(f, "invitation %s is not outstanding", event->invitation_id);
    if (!fl_fold_end_invitation(f, invitation, FL_INVITATION_ACCEPTED))
        return false;
    if (event->company_id_before[0] != '\0' &&
        (!drop_account(f, event->account_id, event->company_id_before, false) ||
         !fl_fold_end_shares(f, event->account_id, event->company_id)))
        return false;
    row.account_id = event->account_id;
    row.company_id = event->company_id;
    row.role = event->role;
    row.created_at_ms = f->now_ms;
    fl_fold_put_account(f, &row);
    fl_fold_person(f, event->account_id, event->revision, event->indexes, event->n_indexes);
    return fl_fold_cancel(f, event->cancelled_command_ids, event->n_cancelled_command_ids);
}

bool fl_fold_role_changed(struct fl_folding *f)
{
    const Fleetlog__V1__RoleChanged *event = (const Fleetlog__V1__RoleChanged *)f->input->message;
    fl_account_row *row = fl_fold_row(f, FL_TABLE_ACCOUNTS, event->account_id);
    if (row == NULL)
        return false;
    row->role = event->role;
    fl_fold_put_account(f, row);
    return true;
}

bool fl_fold_coworker_removed(struct fl_folding *f)
{
    const Fleetlog__V1__CoworkerRemoved *event =
        (const Fleetlog__V1__CoworkerRemoved *)f->input->message;
    return fl_fold_cancel(f, event->cancelled_command_ids, event->n_cancelled_command_ids) &&
           fl_fold_end_shares(f, event->account_id, NULL) &&
           fl_fold_drop_account(f, event->account_id, event->company_id);
}

bool fl_fold_account_closed(struct fl_folding *f)
{
    const Fleetlog__V1__AccountClosed *event =
        (const Fleetlog__V1__AccountClosed *)f->input->message;
    return fl_fold_cancel(f, event->cancelled_command_ids, event->n_cancelled_command_ids) &&
           fl_fold_end_shares(f, event->account_id, NULL) &&
           fl_fold_drop_account(f, event->account_id, event->company_id);
}

bool fl_fold_invitation_cancelled(struct fl_folding *f)
{
    const Fleetlog__V1__InvitationCancelled *event =
        (const Fleetlog__V1__InvitationCancelled *)f->input->message;
    fl_invitation_row *row = fl_fold_row(f, FL_TABLE_INVITATIONS, event->invitation_id);
    return row != NULL && fl_fold_end_invitation(f, row, FL_INVITATION_CANCELLED);
}

bool fl_fold_invitation_resent(struct fl_folding *f)
{
    const Fleetlog__V1__InvitationResent *event =
        (const Fleetlog__V1__InvitationResent *)f->input->message;
    struct fl_due due;
    fl_invitation_row *row = fl_fold_row(f, FL_TABLE_INVITATIONS, event->invitation_id);
    if (row == NULL)
        return false;
    if (row->state != FL_INVITATION_OUTSTANDING)
        return fl_fold_refuse(f, "invitation %s is not outstanding", event->invitation_id);
    due_of(row, &due);
    fl_due_clear(f->kv, &due);
    row->expires_at_ms = event->expires_at_ms;
    row->link_key_generation = event->link_key_generation;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_INVITATIONS, row->invitation_id, &row->base);
    due_of(row, &due);
    fl_due_set(f->kv, &due);
    return true;
}

bool fl_fold_coworker_invited(struct fl_folding *f)
{
    const Fleetlog__V1__CoworkerInvited *event =
        (const Fleetlog__V1__CoworkerInvited *)f->input->message;
    fl_invitation_row row = FLEETLOG__ROWS__V1__INVITATION_ROW__INIT;
    uint8_t id[FL_ID_SIZE];
    struct fl_key key;
    struct fl_due due;
    if (!fl_id_to_bytes(fl_slice_text(event->invitation_id), id))
        return fl_fold_refuse(f, "invitation_id is no id");
    /* One that this one replaces has run out, or the rules would have refused. */
    if (!fl_fold_end_invitation(f, invitation_of(f, event->company_id, event->subject_id),
                                FL_INVITATION_EXPIRED) ||
        !fl_fold_move(f, &fl_invitation_machine, &row.state, FL_INVITATION_OUTSTANDING,
                      event->invitation_id))
        return false;
    row.invitation_id = event->invitation_id;
    row.company_id = event->company_id;
    row.subject_id = event->subject_id;
    row.invited_at_ms = f->now_ms;
    row.expires_at_ms = event->expires_at_ms;
    row.link_key_generation = event->link_key_generation;
    row.invited_by = f->actor;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_INVITATIONS, row.invitation_id, &row.base);
    fl_key_pair(&key, FL_INDEX_COMPANY_PEOPLE, row.company_id, row.subject_id);
    fl_index_put(f->kv, &key, fl_slice_of(id, sizeof(id)));
    fl_key_pair(&key, FL_INDEX_PERSON_INVITATIONS, row.subject_id, row.invitation_id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    due_of(&row, &due);
    fl_due_set(f->kv, &due);
    fl_fold_person(f, row.subject_id, event->revision, event->indexes, event->n_indexes);
    return true;
}
