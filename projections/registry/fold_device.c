/* SPDX-License-Identifier: Apache-2.0 */
/* Claims, agents, devices, conditions. */
#include <string.h>

#include "projections/registry/due.h"
#include "projections/registry/fold.h"
#include "projections/registry/lifecycle.h"
#include "projections/registry/outbox.h"

bool fl_fold_claim_issued(struct fl_folding *f)
{
    const Fleetlog__V1__ClaimIssued *event = (const Fleetlog__V1__ClaimIssued *)f->input->message;
    fl_claim_row row = FLEETLOG__ROWS__V1__CLAIM_ROW__INIT;
    uint8_t id[FL_ID_SIZE];
    struct fl_key key;
    struct fl_due due;
    if (!fl_id_to_bytes(fl_slice_text(event->claim_id), id))
        return fl_fold_refuse(f, "claim_id is no id");
    if (!fl_fold_move(f, &fl_claim_machine, &row.state, FL_CLAIM_ISSUED, event->claim_id))
        return false;
    row.claim_id = event->claim_id;
    row.company_id = event->company_id;
    row.code_hash = event->code_hash;
    row.expires_at_ms = event->expires_at_ms;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_CLAIMS, row.claim_id, &row.base);
    fl_key_claim_code(&key, event->code_hash);
    fl_index_put(f->kv, &key, fl_slice_of(id, sizeof(id)));
    fl_due_init(&due, row.expires_at_ms, FL_DUE(CLAIM), row.claim_id, 0);
    fl_due_set(f->kv, &due);
    return true;
}

bool fl_fold_agent_enrolled(struct fl_folding *f)
{
    const Fleetlog__V1__AgentEnrolled *event =
        (const Fleetlog__V1__AgentEnrolled *)f->input->message;
    fl_agent_row row = FLEETLOG__ROWS__V1__AGENT_ROW__INIT;
    struct fl_key key;
    struct fl_due due;
    fl_claim_row *claim = fl_fold_row(f, FL_TABLE_CLAIMS, event->claim_id);
    if (claim == NULL ||
        !fl_fold_move(f, &fl_claim_machine, &claim->state, FL_CLAIM_USED, event->claim_id))
        return false;
    claim->agent_id = event->agent_id;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_CLAIMS, claim->claim_id, &claim->base);
    fl_due_init(&due, claim->expires_at_ms, FL_DUE(CLAIM), claim->claim_id, 0);
    fl_due_clear(f->kv, &due);
    row.agent_id = event->agent_id;
    row.company_id = event->company_id;
    row.claim_id = event->claim_id;
    row.public_key = event->public_key;
    row.enrolled_at_ms = f->now_ms;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_AGENTS, row.agent_id, &row.base);
    fl_key_pair(&key, FL_INDEX_COMPANY_AGENTS, row.company_id, row.agent_id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    return true;
}

void fl_fold_put_capabilities(struct fl_folding *f, const char *device_id,
                              Fleetlog__V1__DeviceIdentity *identity, const char **commands,
                              size_t command_count, const char **variables, size_t variable_count)
{
    fl_capabilities_row row = FLEETLOG__ROWS__V1__CAPABILITIES_ROW__INIT;
    row.device_id = device_id;
    row.identity = identity;
    row.commands = commands;
    row.n_commands = command_count;
    row.variables = variables;
    row.n_variables = variable_count;
    row.reported_at_ms = f->now_ms;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_CAPABILITIES, device_id, &row.base);
}

static void put_device(struct fl_folding *f, const fl_device_row *row)
{
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_DEVICES, row->device_id, &row->base);
}

void fl_fold_put_identity(struct fl_folding *f, const fl_device_row *device, const char *device_id)
{
    fl_identity_row row = FLEETLOG__ROWS__V1__IDENTITY_ROW__INIT;
    struct fl_key key;
    row.device_id = device_id;
    row.generation = device->generation;
    row.trial_ends_at_ms = device->trial_ends_at_ms;
    fl_key_identity(&key, fl_slice_text(device->agent_id), device->upsd_address, device->ups_name);
    fl_row_put(f->kv, f->arena, FL_TABLE_IDENTITIES, &key, &row.base);
}

/* The log's count of numbers goes up by one: they are dense. */
static bool take_number(struct fl_folding *f, uint32_t number)
{
    struct fl_key key;
    fl_key_log(&key);
    fl_log_row *log = fl_row_get(f->kv, f->arena, FL_TABLE_LOG, &key);
    if (log == NULL || number != log->device_count + 1)
        return fl_fold_refuse(f, "device number %u is not the next one", number);
    log->device_count = number;
    fl_row_put(f->kv, f->arena, FL_TABLE_LOG, &key, &log->base);
    return true;
}

static void put_number(struct fl_folding *f, uint32_t number, const char *device_id)
{
    fl_device_number_row row = FLEETLOG__ROWS__V1__DEVICE_NUMBER_ROW__INIT;
    struct fl_key key;
    row.device_id = device_id;
    fl_key_begin(&key);
    fl_key_u32(&key, number);
    fl_row_put(f->kv, f->arena, FL_TABLE_NUMBERS, &key, &row.base);
}

bool fl_fold_device_registered(struct fl_folding *f)
{
    const Fleetlog__V1__DeviceRegistered *event =
        (const Fleetlog__V1__DeviceRegistered *)f->input->message;
    fl_device_row row = FLEETLOG__ROWS__V1__DEVICE_ROW__INIT;
    struct fl_key key;
    if (fl_fold_row(f, FL_TABLE_AGENTS, event->agent_id) == NULL ||
        !take_number(f, event->device_number) ||
        !fl_fold_move(f, &fl_device_machine, &row.state, FL_DEVICE_ACTIVE, event->device_id))
        return false;
    row.device_id = event->device_id;
    row.device_number = event->device_number;
    row.generation = event->generation;
    row.company_id = event->company_id;
    row.agent_id = event->agent_id;
    row.upsd_address = event->upsd_address;
    row.ups_name = event->ups_name;
    row.name = event->name;
    row.registered_at_ms = row.owned_since_ms = f->now_ms;
    row.trial_ends_at_ms = event->trial_ends_at_ms;
    put_device(f, &row);
    fl_fold_put_capabilities(f, event->device_id, event->identity, event->commands,
                             event->n_commands, event->variables, event->n_variables);
    fl_fold_put_identity(f, &row, row.device_id);
    put_number(f, row.device_number, row.device_id);
    fl_key_pair(&key, FL_INDEX_COMPANY_DEVICES, row.company_id, row.device_id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    return true;
}

fl_device_row *fl_fold_active_device(struct fl_folding *f, const char *device_id)
{
    fl_device_row *row = fl_fold_row(f, FL_TABLE_DEVICES, device_id);
    if (row != NULL && row->state != FL_DEVICE_ACTIVE) {
        fl_fold_refuse(f, "device %s is not active", device_id);
        return NULL;
    }
    return row;
}

bool fl_fold_capabilities_reported(struct fl_folding *f)
{
    const Fleetlog__V1__CapabilitiesReported *event =
        (const Fleetlog__V1__CapabilitiesReported *)f->input->message;
    if (fl_fold_active_device(f, event->device_id) == NULL)
        return false;
    fl_fold_put_capabilities(f, event->device_id, event->identity, event->commands,
                             event->n_commands, event->variables, event->n_variables);
    return true;
}

bool fl_fold_device_renamed(struct fl_folding *f)
{
    const Fleetlog__V1__DeviceRenamed *event =
        (const Fleetlog__V1__DeviceRenamed *)f->input->message;
    fl_device_row *row = fl_fold_active_device(f, event->device_id);
    if (row == NULL)
        return false;
    row->name = event->name;
    put_device(f, row);
    return true;
}

bool fl_fold_device_located(struct fl_folding *f)
{
    const Fleetlog__V1__DeviceLocated *event =
        (const Fleetlog__V1__DeviceLocated *)f->input->message;
    fl_device_row *row = fl_fold_active_device(f, event->device_id);
    if (row == NULL)
        return false;
    row->location = event->location;
    put_device(f, row);
    return true;
}

bool fl_fold_drop_grants(struct fl_folding *f, const char *device_id)
{
    const char *ids[1] = {device_id};
    struct fl_key key;
    struct fl_kv_walk walk;
    fl_key_begin(&key);
    fl_key_id_text(&key, device_id);
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_GRANTS, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        const fl_grant_row *grant = fl_row_decode(f->kv, f->arena, FL_TABLE_GRANTS, walk.value);
        fl_share_row *share =
            grant == NULL ? NULL : fl_fold_row(f, FL_TABLE_SHARES, grant->share_id);
        if (share == NULL || !fl_fold_ungrant(f, share, ids, 1, FL_SHARE_REVOKED))
            return false;
    }
    return true;
}

void fl_fold_drop_conditions(struct fl_folding *f, const char *device_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    fl_key_begin(&key);
    fl_key_id_text(&key, device_id);
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_CONDITIONS, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk))
        fl_kv_del(f->kv, FL_TABLE_CONDITIONS, walk.key);
    fl_fold_drop_alerts(f, device_id);
}

/* The row and the number stay: late telemetry must find that the device is gone. */
bool fl_fold_device_removed(struct fl_folding *f)
{
    const Fleetlog__V1__DeviceRemoved *event =
        (const Fleetlog__V1__DeviceRemoved *)f->input->message;
    struct fl_key key;
    fl_device_row *row = fl_fold_active_device(f, event->device_id);
    if (row == NULL ||
        !fl_fold_cancel(f, event->cancelled_command_ids, event->n_cancelled_command_ids) ||
        !fl_fold_drop_grants(f, event->device_id) || !fl_fold_drop_offer(f, event->device_id) ||
        !fl_fold_uncover(f, row) ||
        !fl_fold_move(f, &fl_device_machine, &row->state, FL_DEVICE_REMOVED, event->device_id))
        return false;
    fl_fold_drop_conditions(f, event->device_id);
    fl_lifecycle_drop(f, event->device_id);
    row->removed_at_ms = f->now_ms;
    put_device(f, row);
    fl_fold_put_identity(f, row, "");
    fl_key_pair(&key, FL_INDEX_COMPANY_DEVICES, row->company_id, row->device_id);
    fl_index_del(f->kv, &key);
    return true;
}

static bool fold_condition(struct fl_folding *f, const Fleetlog__V1__ConditionRaised *event,
                           enum fl_condition_state to)
{
    fl_condition_row fresh = FLEETLOG__ROWS__V1__CONDITION_ROW__INIT;
    struct fl_key key;
    if (fl_fold_active_device(f, event->device_id) == NULL)
        return false;
    fl_key_condition(&key, fl_slice_text(event->device_id), (uint32_t)event->kind);
    fl_condition_row *row = fl_row_get(f->kv, f->arena, FL_TABLE_CONDITIONS, &key);
    if (row == NULL)
        row = &fresh;
    if (!fl_fold_move(f, &fl_condition_machine, &row->state, to, event->device_id))
        return false;
    row->device_id = event->device_id;
    row->kind = event->kind;
    row->report_counter = event->report_counter;
    row->since_ms = f->now_ms;
    row->sampled_at_ms = event->sampled_at_ms;
    row->evidence = event->evidence;
    fl_row_put(f->kv, f->arena, FL_TABLE_CONDITIONS, &key, &row->base);
    return fl_fold_alert(f, event->device_id, (uint32_t)event->kind, to == FL_CONDITION_RAISED,
                         event->sampled_at_ms);
}

bool fl_fold_condition_raised(struct fl_folding *f)
{
    return fold_condition(f, (const Fleetlog__V1__ConditionRaised *)f->input->message,
                          FL_CONDITION_RAISED);
}

bool fl_fold_condition_cleared(struct fl_folding *f)
{
    const Fleetlog__V1__ConditionCleared *event =
        (const Fleetlog__V1__ConditionCleared *)f->input->message;
    Fleetlog__V1__ConditionRaised same = FLEETLOG__V1__CONDITION_RAISED__INIT;
    same.device_id = event->device_id;
    same.kind = event->kind;
    same.report_counter = event->report_counter;
    same.sampled_at_ms = event->sampled_at_ms;
    same.evidence = event->evidence;
    return fold_condition(f, &same, FL_CONDITION_CLEAR);
}
