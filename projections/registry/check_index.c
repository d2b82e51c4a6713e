/* SPDX-License-Identifier: Apache-2.0 */
/* The other direction: every entry of a list leads to a row that belongs there. */
#include "projections/registry/check_outbox.h"

#include <string.h>

#include "projections/registry/due.h"

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool company_account(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_account_row *row = fl_registry_account(c->kv, &c->arena, fl_slice_text(entry->member));
    return row != NULL && same(row->company_id, entry->owner);
}

static bool company_person(struct fl_checking *c, const struct fl_index_entry *entry)
{
    char id[FL_ID_TEXT_SIZE];
    if (entry->value.size != FL_ID_SIZE)
        return false;
    fl_key_tail_id(entry->value, id);
    const fl_invitation_row *row = fl_registry_invitation(c->kv, &c->arena, fl_slice_text(id));
    return row != NULL && same(row->company_id, entry->owner) &&
           same(row->subject_id, entry->member);
}

static bool person_invitation(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_invitation_row *row =
        fl_registry_invitation(c->kv, &c->arena, fl_slice_text(entry->member));
    return row != NULL && row->state == FL_INVITATION_OUTSTANDING &&
           same(row->subject_id, entry->owner);
}

static bool company_agent(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_agent_row *row = fl_registry_agent(c->kv, &c->arena, fl_slice_text(entry->member));
    return row != NULL && same(row->company_id, entry->owner);
}

static bool company_device(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_device_row *row = fl_registry_device(c->kv, &c->arena, fl_slice_text(entry->member));
    return row != NULL && same(row->company_id, entry->owner) && row->state == FL_DEVICE_ACTIVE;
}

static bool is_live(const fl_share_row *row)
{
    return row != NULL && (row->state == FL_SHARE_PENDING || row->state == FL_SHARE_ACCEPTED);
}

static bool company_share(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_share_row *row = fl_registry_share(c->kv, &c->arena, fl_slice_text(entry->member));
    return is_live(row) && same(row->company_id, entry->owner);
}

static bool person_share(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_share_row *row = fl_registry_share(c->kv, &c->arena, fl_slice_text(entry->member));
    return is_live(row) && same(row->subject_id, entry->owner);
}

static const fl_grant_row *grant_of(struct fl_checking *c, const char *device_id,
                                    const char *subject_id)
{
    struct fl_key key;
    fl_key_grant(&key, device_id, fl_slice_text(subject_id));
    return fl_row_get(c->kv, &c->arena, FL_TABLE_GRANTS, &key);
}

static bool person_device(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_grant_row *row = grant_of(c, entry->member, entry->owner);
    return row != NULL && row->accepted;
}

static bool share_device(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_share_row *share = fl_registry_share(c->kv, &c->arena, fl_slice_text(entry->owner));
    if (share == NULL)
        return false;
    const fl_grant_row *row = grant_of(c, entry->member, share->subject_id);
    return row != NULL && same(row->share_id, entry->owner);
}

static const fl_command_row *command_of(struct fl_checking *c, const struct fl_index_entry *entry)
{
    return fl_registry_command(c->kv, &c->arena, fl_slice_text(entry->member));
}

static bool agent_pending(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_command_row *row = command_of(c, entry);
    return row != NULL && same(row->agent_id, entry->owner) && fl_command_is_open(row->state);
}

static bool device_pending(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_command_row *row = command_of(c, entry);
    return row != NULL && same(row->device_id, entry->owner) && fl_command_is_open(row->state);
}

static bool device_command(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_command_row *row = command_of(c, entry);
    return row != NULL && same(row->device_id, entry->owner);
}

static bool claim_code(struct fl_checking *c, const struct fl_index_entry *entry)
{
    struct fl_key key;
    if (entry->value.size != FL_ID_SIZE)
        return false;
    fl_key_begin(&key);
    fl_key_bytes(&key, entry->value.data, entry->value.size);
    return fl_row_get(c->kv, &c->arena, FL_TABLE_CLAIMS, &key) != NULL;
}

/* Whose end or date an entry of a kind is; the row's own check says whether it may stand. */
static const enum fl_registry_table due_tables[] = {
    [FL_DUE(INVITATION)] = FL_TABLE_INVITATIONS,
    [FL_DUE(SHARE_OFFER)] = FL_TABLE_SHARES,
    [FL_DUE(SHARE_GRANT)] = FL_TABLE_SHARES,
    [FL_DUE(COMMAND)] = FL_TABLE_COMMANDS,
    [FL_DUE(CLAIM)] = FL_TABLE_CLAIMS,
    [FL_DUE(TRANSFER_OFFER)] = FL_TABLE_TRANSFERS,
    [FL_DUE(LICENSE_TERM)] = FL_TABLE_COVERAGES,
    [FL_DUE(PURCHASE)] = FL_TABLE_PURCHASES,
    [FL_DUE(RESELLER_OFFER)] = FL_TABLE_RESELLER_LINKS,
    [FL_DUE(RENEWALS_REPORT)] = FL_TABLE_RESELLER_LINKS,
    [FL_DUE(RENEWAL_NOTICE)] = FL_TABLE_DEVICES,
};

static bool due_entry(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const unsigned kind = entry->key.data[1 + 8];
    return kind < sizeof(due_tables) / sizeof(due_tables[0]) && due_tables[kind] != FL_TABLE_LOG &&
           fl_row_by_id(c->kv, &c->arena, due_tables[kind], fl_slice_text(entry->member)) != NULL;
}

static bool alert_due(struct fl_checking *c, const struct fl_index_entry *entry)
{
    return fl_check_alert_due(c, entry->key);
}

static bool alert_told(struct fl_checking *c, const struct fl_index_entry *entry)
{
    return fl_check_alert_told(c, entry->key, entry->value);
}

/* Whoever refuses mail may be anybody: nothing else need be known of him. */
static bool unsubscribed(struct fl_checking *c, const struct fl_index_entry *entry)
{
    (void)c;
    return entry->value.size == 0;
}

static bool epoch_person(struct fl_checking *c, const struct fl_index_entry *entry)
{
    return fl_check_epoch_entry(c, entry->key);
}

static bool erasure_open(struct fl_checking *c, const struct fl_index_entry *entry)
{
    return fl_check_erasure_entry(c, entry->key);
}

static const struct {
    const char *name;
    fl_check_entry_fn *check;
    size_t size; /* of the key */
    int number;  /* of the invariant */
} lists[FL_INDEX_COUNT] = {
    [FL_INDEX_COMPANY_ACCOUNTS] = {"accounts of a company", company_account, 33, 10},
    [FL_INDEX_COMPANY_PEOPLE] = {"people of a company", company_person, 33, 13},
    [FL_INDEX_COMPANY_AGENTS] = {"agents of a company", company_agent, 33, 10},
    [FL_INDEX_COMPANY_DEVICES] = {"devices of a company", company_device, 33, 10},
    [FL_INDEX_COMPANY_SHARES] = {"shares of a company", company_share, 33, 10},
    [FL_INDEX_PERSON_SHARES] = {"shares of a person", person_share, 33, 10},
    [FL_INDEX_PERSON_DEVICES] = {"devices of a person", person_device, 33, 4},
    [FL_INDEX_SHARE_DEVICES] = {"devices of a share", share_device, 33, 4},
    [FL_INDEX_AGENT_PENDING] = {"commands of an agent", agent_pending, 41, 9},
    [FL_INDEX_DEVICE_PENDING] = {"commands of a device", device_pending, 41, 9},
    [FL_INDEX_DEVICE_COMMANDS] = {"all commands of a device", device_command, 41, 9},
    [FL_INDEX_COMPANY_TRANSFERS] = {"transfers of a company", fl_check_company_transfer, 33, 14},
    [FL_INDEX_PERSON_TRANSFERS] = {"transfers to a person", fl_check_person_transfer, 33, 14},
    [FL_INDEX_TRANSFER_DEVICES] = {"devices of a transfer", fl_check_transfer_device, 33, 14},
    [FL_INDEX_DEVICE_TRANSFER] = {"transfer of a device", fl_check_device_transfer, 33, 14},
    [FL_INDEX_CLAIM_CODE] = {"claims by code", claim_code, 33, 11},
    [FL_INDEX_ALERT_DUE] = {"alerts by time", alert_due, 29, 32},
    [FL_INDEX_ALERT_TOLD] = {"who was told of an alert", alert_told, 37, 32},
    [FL_INDEX_UNSUBSCRIBED] = {"who refuses mail", unsubscribed, 21, 10},
    [FL_INDEX_COMPANY_RESELLERS] = {"reseller of a company", fl_check_company_reseller, 33, 51},
    [FL_INDEX_PERSON_INVITATIONS] = {"invitations of a person", person_invitation, 33, 13},
    [FL_INDEX_PERSON_RESELLER_LINKS] = {"links of a reseller", fl_check_person_link, 33, 51},
    [FL_INDEX_DUE] = {"what falls due", due_entry, 30, 12},
    [FL_INDEX_EPOCH_PEOPLE] = {"people by epoch", epoch_person, 21, 17},
    [FL_INDEX_ERASURES_OPEN] = {"erasures that are not done", erasure_open, 25, 16},
    [FL_INDEX_ACCOUNT_SESSIONS] = {"sessions of an account", fl_check_account_session, 33, 41},
    [FL_INDEX_ACCOUNT_TOKENS] = {"API tokens of an account", fl_check_account_token, 33, 41},
    [FL_INDEX_TOKEN_HASH] = {"tokens by hash", fl_check_token_hash, 33, 41},
    [FL_INDEX_SIGN_UP_DUE] = {"sign-ups by time", fl_check_sign_up_due, 25, 42},
    [FL_INDEX_COMPANY_LICENSES] = {"licenses of a company", fl_check_company_license, 33, 28},
    [FL_INDEX_LICENSE_CODE] = {"licenses by code", fl_check_license_code, 33, 28},
    [FL_INDEX_LICENSE_RETURNED] = {"nodes that came back", fl_check_license_returned, 29, 26},
    [FL_INDEX_DEVICE_LICENSES] = {"licenses of a device", fl_check_device_license, 41, 26},
    [FL_INDEX_COMPANY_PURCHASES] = {"purchases of a company", fl_check_company_purchase, 33, 29},
};

bool fl_check_index(struct fl_checking *c)
{
    struct fl_kv_walk walk;
    struct fl_index_entry entry;
    fl_kv_walk_begin(&walk, c->kv, FL_TABLE_INDEX, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        uint8_t list = walk.key.data[0];
        fl_arena_reset(&c->arena);
        if (list >= FL_INDEX_COUNT || lists[list].check == NULL ||
            walk.key.size != lists[list].size)
            return fl_broken(c, 10, "an entry of list %u with %zu bytes", list, walk.key.size);
        entry.key = walk.key;
        entry.value = walk.value;
        fl_id_from_bytes(walk.key.data + 1, entry.owner);
        fl_key_tail_id(walk.key, entry.member);
        if (!lists[list].check(c, &entry))
            return fl_broken(c, lists[list].number, "%s: %s", lists[list].name, entry.member);
    }
    return true;
}
