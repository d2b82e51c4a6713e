/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants of the registry:
 *  1. Every row stands under its own key, and its state is one of its machine.
 *  2. Numbers are dense: 1 to the log's count, each leads to the device that has it.
 *  3. An active device stands in its company's list, has capabilities, and is what its identity
 *     names; a removed one has neither grants nor conditions nor open commands.
 *  4. A grant belongs to a pending or accepted share that lists the device, and says whether it was
 *     accepted as the share does; it stands in the person's list exactly if it was.
 *  5. A share counts its devices; with none it has ended, and only then.
 *  6. An account has a company, a subject row, and stands in the company's list.
 *  7. An address leads to a subject that has it.
 *  8. A remembered id leads to an outcome of that id.
 *  9. An open command stands in the lists of its agent and its device.
 * 10. Every entry of a list leads to a row that belongs there.
 * 11. A claim's code leads to it.
 * 12. What still waits for an end or a date has its entry in the list of what falls due, and only
 *     that.
 * 13. A company's list of people names the person's invitation; one that is outstanding stands in
 *     the person's list.
 * 14. An open offer of ownership counts devices of its owner, none offered twice; a closed one
 * none.
 * 15. An alias stands under its device and the sequence that ended it.
 * 31. A mail that is owed goes to somebody.
 * 32. An alert stands in the list by time exactly if it waits; only open ones know who was told.
 * 33. A notification policy is an account's.
 * 16. Who is erased has no address, no account and an erasure, which is listed until it is done;
 *     nothing is shared with him or offered to him, and he is nobody's reseller.
 * 17. A living person stands in the list of his profile's epoch, which is open.
 * 50. A date is a day and belongs to an active device.
 * 51. A company has at most one reseller, offered or linked, and lists him; he lists the link.
 * 18. Epochs and link keys are numbered from 1; the open epochs are the newest.
 * 41. A session and an API token belong to an account that lists them, and are found by their hash.
 * 42. A sign-up that waits has a subject and stands in the list by time.
 * 43. A row of an account's sign-in has its account and names the open links, each of which it has.
 * 25 to 30: licenses (check_licenses.c).
 */
#include "projections/registry/check_outbox.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "projections/registry/due.h"

enum { CHECK_ARENA_SIZE = 16 * 1024 * 1024 };

bool fl_broken(struct fl_checking *c, int number, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(c->detail, FL_DETAIL_SIZE, "invariant %d: ", number);
    va_start(arguments, format);
    vsnprintf(c->detail + used, (size_t)(FL_DETAIL_SIZE - used), format, arguments);
    va_end(arguments);
    return false;
}

bool fl_has_entry(struct fl_checking *c, const struct fl_key *key)
{
    struct fl_slice value;
    return !key->bad && fl_kv_get(c->kv, FL_TABLE_INDEX, fl_key_slice(key), &value);
}

/* True if the key is this id's. */
static bool is_under(struct fl_slice stored, const char *id)
{
    char text[FL_ID_TEXT_SIZE];
    if (stored.size != FL_ID_SIZE)
        return false;
    fl_key_tail_id(stored, text);
    return strcmp(text, id) == 0;
}

bool fl_check_own(struct fl_checking *c, struct fl_slice key, enum fl_registry_table table,
                  const char *id)
{
    return is_under(key, id) ||
           fl_broken(c, 1, "%s %s stands under another key", fl_registry_tables[table], id);
}

bool fl_check_state(struct fl_checking *c, const struct fl_sm *machine, uint32_t state,
                    const char *id)
{
    return (state != 0 && state < machine->state_count) ||
           fl_broken(c, 1, "%s %s is in state %u", machine->name, id, state);
}

static bool check_node(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_node_row *row = opaque;
    return fl_check_own(c, key, FL_TABLE_NODES, row->node_id);
}

static bool check_company(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_company_row *row = opaque;
    return fl_check_own(c, key, FL_TABLE_COMPANIES, row->company_id);
}

static bool check_account(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_account_row *row = opaque;
    struct fl_key entry;
    fl_key_pair(&entry, FL_INDEX_COMPANY_ACCOUNTS, row->company_id, row->account_id);
    if (!fl_check_own(c, key, FL_TABLE_ACCOUNTS, row->account_id))
        return false;
    if (fl_registry_company(c->kv, &c->arena, fl_slice_text(row->company_id)) == NULL ||
        fl_registry_subject(c->kv, &c->arena, fl_slice_text(row->account_id)) == NULL ||
        !fl_has_entry(c, &entry))
        return fl_broken(c, 6, "account %s", row->account_id);
    return true;
}

static bool check_subject(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_subject_row *row = opaque;
    if (!fl_check_own(c, key, FL_TABLE_SUBJECTS, row->subject_id))
        return false;
    for (size_t i = 0; i < row->n_indexes; i++) {
        const Fleetlog__V1__AddressIndex *index = row->indexes[i];
        const fl_subject_row *found = fl_registry_subject_by_address(
            c->kv, &c->arena, index->epoch, fl_slice_of(index->index.data, index->index.len));
        if (found == NULL || strcmp(found->subject_id, row->subject_id) != 0)
            return fl_broken(c, 7, "subject %s", row->subject_id);
    }
    return fl_check_living(c, row);
}

static bool check_address(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_address_row *row = opaque;
    const fl_subject_row *subject =
        fl_registry_subject(c->kv, &c->arena, fl_slice_text(row->subject_id));
    for (size_t i = 0; subject != NULL && i < subject->n_indexes; i++) {
        struct fl_key own;
        fl_key_address(&own, subject->indexes[i]);
        if (fl_slice_equal(fl_key_slice(&own), key))
            return true;
    }
    return fl_broken(c, 7, "an address of subject %s", row->subject_id);
}

static bool check_invitation(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_invitation_row *row = opaque;
    struct fl_due due;
    struct fl_key entry;
    fl_due_init(&due, row->expires_at_ms, FL_DUE(INVITATION), row->invitation_id, 0);
    if (!fl_check_own(c, key, FL_TABLE_INVITATIONS, row->invitation_id) ||
        !fl_check_state(c, &fl_invitation_machine, row->state, row->invitation_id))
        return false;
    fl_key_pair(&entry, FL_INDEX_PERSON_INVITATIONS, row->subject_id, row->invitation_id);
    if (fl_has_entry(c, &entry) != (row->state == FL_INVITATION_OUTSTANDING))
        return fl_broken(c, 13, "invitation %s of its person", row->invitation_id);
    return fl_due_is_set(c->kv, &due) == (row->state == FL_INVITATION_OUTSTANDING) ||
           fl_broken(c, 12, "invitation %s", row->invitation_id);
}

static bool check_claim(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_claim_row *row = opaque;
    struct fl_key entry;
    struct fl_due due;
    if (!fl_check_own(c, key, FL_TABLE_CLAIMS, row->claim_id) ||
        !fl_check_state(c, &fl_claim_machine, row->state, row->claim_id))
        return false;
    fl_key_claim_code(&entry, row->code_hash);
    if (!fl_has_entry(c, &entry))
        return fl_broken(c, 11, "claim %s", row->claim_id);
    fl_due_init(&due, row->expires_at_ms, FL_DUE(CLAIM), row->claim_id, 0);
    return fl_due_is_set(c->kv, &due) == (row->state == FL_CLAIM_ISSUED) ||
           fl_broken(c, 12, "claim %s", row->claim_id);
}

static bool check_agent(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_agent_row *row = opaque;
    struct fl_key entry;
    fl_key_pair(&entry, FL_INDEX_COMPANY_AGENTS, row->company_id, row->agent_id);
    return fl_check_own(c, key, FL_TABLE_AGENTS, row->agent_id) &&
           (fl_has_entry(c, &entry) || fl_broken(c, 10, "agent %s", row->agent_id));
}

/* True if the list that begins with this key has an entry. */
static bool has_any(struct fl_checking *c, enum fl_registry_table table, const struct fl_key *key)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, c->kv, table, fl_key_slice(key));
    return fl_kv_walk_next(&walk);
}

static bool check_device(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_device_row *row = opaque;
    struct fl_slice id = fl_slice_text(row->device_id);
    bool active = row->state == FL_DEVICE_ACTIVE;
    struct fl_key entry;
    if (!fl_check_own(c, key, FL_TABLE_DEVICES, row->device_id) ||
        !fl_check_state(c, &fl_device_machine, row->state, row->device_id))
        return false;
    const fl_device_row *numbered =
        fl_registry_device_by_number(c->kv, &c->arena, row->device_number);
    if (numbered == NULL || strcmp(numbered->device_id, row->device_id) != 0)
        return fl_broken(c, 2, "device %s", row->device_id);
    fl_key_pair(&entry, FL_INDEX_COMPANY_DEVICES, row->company_id, row->device_id);
    if (fl_has_entry(c, &entry) != active)
        return fl_broken(c, 3, "device %s in its company's list", row->device_id);
    fl_key_identity(&entry, fl_slice_text(row->agent_id), row->upsd_address, row->ups_name);
    const fl_identity_row *identity = fl_row_get(c->kv, &c->arena, FL_TABLE_IDENTITIES, &entry);
    if (identity == NULL || (strcmp(identity->device_id, row->device_id) == 0) != active)
        return fl_broken(c, 3, "identity of device %s", row->device_id);
    if (fl_registry_capabilities(c->kv, &c->arena, id) == NULL)
        return fl_broken(c, 3, "capabilities of device %s", row->device_id);
    if (active)
        return true;
    struct fl_key grants;
    struct fl_key pending;
    fl_key_begin(&grants);
    fl_key_id(&grants, id);
    fl_key_list(&pending, FL_INDEX_DEVICE_PENDING, id);
    if (has_any(c, FL_TABLE_GRANTS, &grants) || has_any(c, FL_TABLE_CONDITIONS, &grants) ||
        has_any(c, FL_TABLE_INDEX, &pending))
        return fl_broken(c, 3, "removed device %s", row->device_id);
    return true;
}

static bool check_number(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_device_number_row *row = opaque;
    struct fl_key own;
    const fl_device_row *device =
        fl_registry_device(c->kv, &c->arena, fl_slice_text(row->device_id));
    const fl_log_row *log = fl_registry_log(c->kv, &c->arena);
    fl_key_begin(&own);
    fl_key_u32(&own, device == NULL ? 0 : device->device_number);
    if (device == NULL || log == NULL || device->device_number > log->device_count ||
        !fl_slice_equal(fl_key_slice(&own), key))
        return fl_broken(c, 2, "number of device %s", row->device_id);
    return true;
}

static bool check_grant(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_grant_row *row = opaque;
    char device_id[FL_ID_TEXT_SIZE];
    char subject_id[FL_ID_TEXT_SIZE];
    struct fl_key entry;
    if (key.size != 2 * FL_ID_SIZE)
        return fl_broken(c, 1, "a grant of share %s", row->share_id);
    fl_id_from_bytes(key.data, device_id);
    fl_key_tail_id(key, subject_id);
    const fl_share_row *share = fl_registry_share(c->kv, &c->arena, fl_slice_text(row->share_id));
    if (share == NULL || strcmp(share->subject_id, subject_id) != 0 ||
        (share->state != FL_SHARE_PENDING && share->state != FL_SHARE_ACCEPTED) ||
        row->accepted != (share->state == FL_SHARE_ACCEPTED))
        return fl_broken(c, 4, "grant of %s, share %s", device_id, row->share_id);
    fl_key_pair(&entry, FL_INDEX_SHARE_DEVICES, row->share_id, device_id);
    if (!fl_has_entry(c, &entry))
        return fl_broken(c, 4, "share %s does not list %s", row->share_id, device_id);
    fl_key_pair(&entry, FL_INDEX_PERSON_DEVICES, subject_id, device_id);
    return fl_has_entry(c, &entry) == (row->accepted != 0) ||
           fl_broken(c, 4, "list of %s, device %s", subject_id, device_id);
}

static bool check_share(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_share_row *row = opaque;
    bool live = row->state == FL_SHARE_PENDING || row->state == FL_SHARE_ACCEPTED;
    struct fl_kv_walk walk;
    struct fl_key entry;
    struct fl_due due;
    uint32_t count = 0;
    if (!fl_check_own(c, key, FL_TABLE_SHARES, row->share_id) ||
        !fl_check_state(c, &fl_share_machine, row->state, row->share_id))
        return false;
    fl_key_list(&entry, FL_INDEX_SHARE_DEVICES, fl_slice_text(row->share_id));
    fl_kv_walk_begin(&walk, c->kv, FL_TABLE_INDEX, fl_key_slice(&entry));
    while (fl_kv_walk_next(&walk))
        count++;
    if (count != row->device_count || (count != 0) != live)
        return fl_broken(c, 5, "share %s counts %u devices and lists %u", row->share_id,
                         row->device_count, count);
    fl_key_pair(&entry, FL_INDEX_COMPANY_SHARES, row->company_id, row->share_id);
    if (fl_has_entry(c, &entry) != live)
        return fl_broken(c, 10, "share %s in its company's list", row->share_id);
    fl_key_pair(&entry, FL_INDEX_PERSON_SHARES, row->subject_id, row->share_id);
    if (fl_has_entry(c, &entry) != live)
        return fl_broken(c, 10, "share %s in its person's list", row->share_id);
    fl_due_of_share(row, &due);
    return fl_due_is_set(c->kv, &due) == (live && due.at_ms != 0) ||
           fl_broken(c, 12, "share %s", row->share_id);
}

static bool check_command(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_command_row *row = opaque;
    bool open = fl_command_is_open(row->state);
    struct fl_key entries[2];
    struct fl_key all;
    struct fl_due due;
    if (!fl_check_own(c, key, FL_TABLE_COMMANDS, row->command_id) ||
        !fl_check_state(c, &fl_command_machine, row->state, row->command_id))
        return false;
    fl_key_nth(&entries[0], FL_INDEX_AGENT_PENDING, row->agent_id, row->sequence, row->command_id);
    fl_key_nth(&entries[1], FL_INDEX_DEVICE_PENDING, row->device_id, row->sequence,
               row->command_id);
    for (size_t i = 0; i < 2; i++)
        if (fl_has_entry(c, &entries[i]) != open)
            return fl_broken(c, 9, "command %s is %s", row->command_id,
                             fl_sm_name(&fl_command_machine, row->state));
    fl_due_init(&due, row->expires_at_ms, FL_DUE(COMMAND), row->command_id, 0);
    if (fl_due_is_set(c->kv, &due) != (row->state == FL_COMMAND_REQUESTED))
        return fl_broken(c, 12, "command %s", row->command_id);
    fl_key_nth(&all, FL_INDEX_DEVICE_COMMANDS, row->device_id, row->sequence, row->command_id);
    return fl_has_entry(c, &all) || fl_broken(c, 9, "command %s", row->command_id);
}

static bool check_condition(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_condition_row *row = opaque;
    struct fl_key own;
    fl_key_condition(&own, fl_slice_text(row->device_id), (uint32_t)row->kind);
    if (!fl_slice_equal(fl_key_slice(&own), key) || row->state >= FL_CONDITION_STATE_COUNT)
        return fl_broken(c, 1, "condition of %s", row->device_id);
    return true;
}

static bool check_outcome(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_outcome_row *row = opaque;
    return (key.size == 8 && row->event_id[0] != '\0') || fl_broken(c, 1, "an outcome");
}

static bool check_firmware(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_firmware_row *row = opaque;
    return fl_check_own(c, key, FL_TABLE_FIRMWARES, row->firmware_id) &&
           fl_check_state(c, &fl_firmware_machine, row->state, row->firmware_id);
}

static bool check_alias(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_alias_row *row = opaque;
    struct fl_key own;
    fl_key_alias(&own, row->device_id, row->sequence);
    return (fl_slice_equal(fl_key_slice(&own), key) &&
            fl_registry_device(c->kv, &c->arena, fl_slice_text(row->device_id)) != NULL) ||
           fl_broken(c, 15, "an alias of device %s", row->device_id);
}

static const struct {
    enum fl_registry_table table;
    fl_check_row_fn *check;
} row_checks[] = {
    {FL_TABLE_NODES, check_node},
    {FL_TABLE_COMPANIES, check_company},
    {FL_TABLE_ACCOUNTS, check_account},
    {FL_TABLE_SUBJECTS, check_subject},
    {FL_TABLE_ADDRESSES, check_address},
    {FL_TABLE_INVITATIONS, check_invitation},
    {FL_TABLE_CLAIMS, check_claim},
    {FL_TABLE_AGENTS, check_agent},
    {FL_TABLE_DEVICES, check_device},
    {FL_TABLE_NUMBERS, check_number},
    {FL_TABLE_SHARES, check_share},
    {FL_TABLE_GRANTS, check_grant},
    {FL_TABLE_COMMANDS, check_command},
    {FL_TABLE_CONDITIONS, check_condition},
    {FL_TABLE_OUTCOMES, check_outcome},
    {FL_TABLE_TRANSFERS, fl_check_transfer},
    {FL_TABLE_RESELLER_LINKS, fl_check_reseller_link},
    {FL_TABLE_LIFECYCLE, fl_check_lifecycle},
    {FL_TABLE_CATALOGUE_ENTRIES, fl_check_catalogue_entry},
    {FL_TABLE_ALIASES, check_alias},
    {FL_TABLE_OUTBOX, fl_check_outbox},
    {FL_TABLE_ALERTS, fl_check_alert},
    {FL_TABLE_POLICIES, fl_check_policy},
    {FL_TABLE_FIRMWARES, check_firmware},
    {FL_TABLE_EPOCHS, fl_check_epoch},
    {FL_TABLE_LINK_KEYS, fl_check_link_key},
    {FL_TABLE_ERASURES, fl_check_erasure},
    {FL_TABLE_LOGINS, fl_check_login},
    {FL_TABLE_SESSIONS, fl_check_session},
    {FL_TABLE_API_TOKENS, fl_check_api_token},
    {FL_TABLE_SIGN_UPS, fl_check_sign_up},
    {FL_TABLE_PASSWORD_RESETS, fl_check_password_reset},
    {FL_TABLE_ADDRESS_CHANGES, fl_check_address_change},
    {FL_TABLE_LICENSES, fl_check_license},
    {FL_TABLE_APPLICATIONS, fl_check_application},
    {FL_TABLE_COVERAGES, fl_check_coverage},
    {FL_TABLE_PURCHASES, fl_check_purchase},
};

static bool check_rows(struct fl_checking *c, enum fl_registry_table table, fl_check_row_fn *check)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, c->kv, table, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        fl_arena_reset(&c->arena);
        const void *row = fl_row_decode(c->kv, &c->arena, table, walk.value);
        if (row == NULL)
            return fl_broken(c, 1, "a row of %s does not decode", fl_registry_tables[table]);
        if (!check(c, walk.key, row))
            return false;
    }
    return true;
}

static bool check_action_ids(struct fl_checking *c)
{
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    uint64_t offset;
    fl_kv_walk_begin(&walk, c->kv, FL_TABLE_ACTION_IDS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        fl_arena_reset(&c->arena);
        if (walk.key.size != FL_ID_SIZE)
            return fl_broken(c, 8, "a key of %zu bytes", walk.key.size);
        fl_key_tail_id(walk.key, id);
        if (!fl_registry_action_offset(c->kv, fl_slice_text(id), &offset))
            return fl_broken(c, 8, "action id %s", id);
        const fl_outcome_row *row = fl_registry_outcome(c->kv, &c->arena, offset);
        if (row == NULL || strcmp(row->action_id, id) != 0)
            return fl_broken(c, 8, "action id %s", id);
    }
    return true;
}

static bool check_count(struct fl_checking *c)
{
    struct fl_kv_walk walk;
    uint32_t count = 0;
    fl_arena_reset(&c->arena);
    const fl_log_row *log = fl_registry_log(c->kv, &c->arena);
    fl_kv_walk_begin(&walk, c->kv, FL_TABLE_NUMBERS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        count++;
    return count == (log == NULL ? 0 : log->device_count) || fl_broken(c, 2, "%u numbers", count);
}

bool fl_registry_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE])
{
    struct fl_checking c = {.kv = kv, .detail = detail};
    bool good = true;
    detail[0] = '\0';
    fl_arena_init(&c.arena, CHECK_ARENA_SIZE);
    for (size_t i = 0; good && i < sizeof(row_checks) / sizeof(row_checks[0]); i++)
        good = check_rows(&c, row_checks[i].table, row_checks[i].check);
    good = good && check_count(&c) && check_action_ids(&c) && fl_check_index(&c);
    fl_arena_fini(&c.arena);
    if (good && kv->error != FL_OK)
        good = fl_broken(&c, 1, "the store fails: %s", fl_error_name(kv->error));
    return good;
}
