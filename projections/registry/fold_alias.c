/* SPDX-License-Identifier: Apache-2.0 */
/* What a device was known by before. */
#include <string.h>

#include "fleetlog/v1/devices.pb-c.h"
#include "projections/registry/fold.h"

/* A device that says this and that by turns keeps the newest of it. */
enum { ALIAS_COUNT_MAX = 16 };

static void put_alias(struct fl_folding *f, const fl_device_row *device,
                      Fleetlog__V1__DeviceIdentity *identity)
{
    fl_alias_row row = FLEETLOG__ROWS__V1__ALIAS_ROW__INIT;
    struct fl_key key;
    struct fl_kv_walk walk;
    int count = 0;
    row.device_id = device->device_id;
    row.sequence = f->sequence;
    row.until_ms = f->now_ms;
    row.company_id = device->company_id;
    row.identity = identity;
    row.agent_id = identity == NULL ? device->agent_id : "";
    row.upsd_address = identity == NULL ? device->upsd_address : "";
    row.ups_name = identity == NULL ? device->ups_name : "";
    fl_key_alias(&key, device->device_id, f->sequence);
    fl_row_put(f->kv, f->arena, FL_TABLE_ALIASES, &key, &row.base);
    fl_key_begin(&key);
    fl_key_id_text(&key, device->device_id);
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_ALIASES, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk))
        count++;
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_ALIASES, fl_key_slice(&key));
    while (count > ALIAS_COUNT_MAX && fl_kv_walk_next(&walk)) {
        fl_kv_del(f->kv, FL_TABLE_ALIASES, walk.key);
        count--;
    }
}

bool fl_fold_device_alias_recorded(struct fl_folding *f)
{
    const Fleetlog__V1__DeviceAliasRecorded *event =
        (const Fleetlog__V1__DeviceAliasRecorded *)f->input->message;
    const fl_device_row *device = fl_fold_active_device(f, event->device_id);
    if (device == NULL)
        return false;
    put_alias(f, device, event->identity_before);
    fl_fold_put_capabilities(f, event->device_id, event->identity, event->commands,
                             event->n_commands, event->variables, event->n_variables);
    return true;
}

/* The way by which the device was reached is free again; generations go on. */
bool fl_fold_device_moved(struct fl_folding *f)
{
    const Fleetlog__V1__DeviceMoved *event = (const Fleetlog__V1__DeviceMoved *)f->input->message;
    fl_device_row *device = fl_fold_active_device(f, event->device_id);
    if (device == NULL || fl_fold_row(f, FL_TABLE_AGENTS, event->agent_id) == NULL ||
        !fl_fold_cancel(f, event->cancelled_command_ids, event->n_cancelled_command_ids))
        return false;
    if (event->generation <= device->generation)
        return fl_fold_refuse(f, "device %s cannot go back to generation %u", event->device_id,
                              event->generation);
    put_alias(f, device, NULL);
    fl_fold_put_identity(f, device, "");
    fl_fold_drop_conditions(f, event->device_id);
    device->agent_id = event->agent_id;
    device->upsd_address = event->upsd_address;
    device->ups_name = event->ups_name;
    device->generation = event->generation;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_DEVICES, event->device_id, &device->base);
    fl_fold_put_identity(f, device, event->device_id);
    return true;
}
