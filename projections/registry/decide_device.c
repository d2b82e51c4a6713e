/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: registered and described by their agent, named and placed by people. */
#include "fleetlog/v1/devices.pb-c.h"
#include "projections/registry/decide_alias.h"
#include "projections/registry/deciding.h"

/* The id of a thing that is there already, told with the refusal. */
static const ProtobufCMessage *exists(struct fl_deciding *d, const char *sentence,
                                      const char *original_id)
{
    const ProtobufCMessage *answer = fl_reject(d, FL_REJECT(EXISTS), sentence);
    if (answer != NULL)
        d->rejection.original_id = original_id;
    return answer;
}

const ProtobufCMessage *fl_decide_register_device(struct fl_deciding *d)
{
    const Fleetlog__V1__RegisterDevice *action = (const Fleetlog__V1__RegisterDevice *)d->message;
    struct fl_slice id = fl_slice_text(action->device_id);
    struct fl_key key;
    fl_key_identity(&key, d->actor_id, action->upsd_address, action->ups_name);
    const fl_identity_row *identity = fl_row_get(d->kv, d->arena, FL_TABLE_IDENTITIES, &key);
    if (identity != NULL && identity->device_id[0] != '\0')
        return exists(d, "This agent has registered this UPS already.", identity->device_id);
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, id) != NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is a device with this id.");
    if (d->log->device_count == UINT32_MAX)
        return fl_reject(d, FL_REJECT(LIMIT), "This log has no device numbers left.");
    Fleetlog__V1__DeviceRegistered *event = fl_answer(d, FL_MESSAGE_DeviceRegistered);
    event->device_id = action->device_id;
    event->device_number = d->log->device_count + 1;
    event->generation = identity == NULL ? 1 : identity->generation + 1;
    event->company_id = d->agent->company_id;
    event->agent_id = d->agent->agent_id;
    event->upsd_address = action->upsd_address;
    event->ups_name = action->ups_name;
    event->name = action->name;
    event->identity = action->identity;
    event->commands = action->commands;
    event->n_commands = action->n_commands;
    event->variables = action->variables;
    event->n_variables = action->n_variables;
    event->trial_ends_at_ms =
        identity == NULL ? d->now_ms + d->rules->limits.trial_ms : identity->trial_ends_at_ms;
    return &event->base;
}

static const ProtobufCMessage *alias_recorded(struct fl_deciding *d,
                                              const Fleetlog__V1__ReportCapabilities *action,
                                              Fleetlog__V1__DeviceIdentity *before,
                                              const char *changed)
{
    Fleetlog__V1__DeviceAliasRecorded *event = fl_answer(d, FL_MESSAGE_DeviceAliasRecorded);
    event->device_id = action->device_id;
    event->identity = action->identity;
    event->identity_before = before;
    event->commands = action->commands;
    event->n_commands = action->n_commands;
    event->variables = action->variables;
    event->n_variables = action->n_variables;
    event->changed = changed;
    return &event->base;
}

const ProtobufCMessage *fl_decide_report_capabilities(struct fl_deciding *d)
{
    const Fleetlog__V1__ReportCapabilities *action =
        (const Fleetlog__V1__ReportCapabilities *)d->message;
    fl_device_row *device;
    if (!fl_agent_device(d, action->device_id, &device))
        return d->answer;
    const fl_capabilities_row *known =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_CAPABILITIES, fl_slice_text(action->device_id));
    const char *changed = known == NULL || known->identity == NULL
                              ? NULL
                              : fl_identity_changed(d, known->identity, action->identity);
    if (changed != NULL)
        return alias_recorded(d, action, known->identity, changed);
    Fleetlog__V1__CapabilitiesReported *event = fl_answer(d, FL_MESSAGE_CapabilitiesReported);
    event->device_id = action->device_id;
    event->identity = action->identity;
    event->commands = action->commands;
    event->n_commands = action->n_commands;
    event->variables = action->variables;
    event->n_variables = action->n_variables;
    return &event->base;
}

const ProtobufCMessage *fl_decide_rename_device(struct fl_deciding *d)
{
    const Fleetlog__V1__RenameDevice *action = (const Fleetlog__V1__RenameDevice *)d->message;
    fl_device_row *device;
    if (!fl_device_resolve(d, action->device_id, FL_RIGHT_CONFIGURE, &device))
        return d->answer;
    Fleetlog__V1__DeviceRenamed *event = fl_answer(d, FL_MESSAGE_DeviceRenamed);
    event->device_id = action->device_id;
    event->name = action->name;
    event->name_before = device->name;
    return &event->base;
}

const ProtobufCMessage *fl_decide_locate_device(struct fl_deciding *d)
{
    const Fleetlog__V1__LocateDevice *action = (const Fleetlog__V1__LocateDevice *)d->message;
    fl_device_row *device;
    if (!fl_device_resolve(d, action->device_id, FL_RIGHT_CONFIGURE, &device))
        return d->answer;
    Fleetlog__V1__DeviceLocated *event = fl_answer(d, FL_MESSAGE_DeviceLocated);
    event->device_id = action->device_id;
    event->location = action->location;
    event->location_before = device->location;
    return &event->base;
}

const ProtobufCMessage *fl_decide_remove_device(struct fl_deciding *d)
{
    const Fleetlog__V1__RemoveDevice *action = (const Fleetlog__V1__RemoveDevice *)d->message;
    struct fl_cancelled cancelled = {0};
    fl_device_row *device;
    if (!fl_device_resolve(d, action->device_id, FL_RIGHT_DELETE, &device) ||
        !fl_commands_to_cancel(d, action->device_id, NULL, &cancelled))
        return d->answer;
    Fleetlog__V1__DeviceRemoved *event = fl_answer(d, FL_MESSAGE_DeviceRemoved);
    event->device_id = action->device_id;
    event->device_number = device->device_number;
    event->cancelled_command_ids = cancelled.ids;
    event->n_cancelled_command_ids = cancelled.count;
    return &event->base;
}
