/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/decide_alias.h"

#include <stdio.h>
#include <string.h>

#include "fleetlog/v1/devices.pb-c.h"
#include "projections/registry/deciding.h"

static struct fl_slice trimmed(const char *text)
{
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == ' ')
        size--;
    while (size > 0 && text[0] == ' ')
        text++, size--;
    return fl_slice_of(text, size);
}

const char *fl_identity_changed(struct fl_deciding *d, const Fleetlog__V1__DeviceIdentity *before,
                                const Fleetlog__V1__DeviceIdentity *now)
{
    const struct {
        const char *name;
        const char *before;
        const char *now;
    } parts[] = {
        {"manufacturer", before->manufacturer, now->manufacturer},
        {"model", before->model, now->model},
        {"serial number", before->serial, now->serial},
        {"firmware", before->firmware, now->firmware},
        {"SKU", before->sku, now->sku},
    };
    char text[64] = "";
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct fl_slice was = trimmed(parts[i].before);
        if (was.size == 0 || fl_slice_equal(was, trimmed(parts[i].now)))
            continue;
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%s", used == 0 ? "" : ", ", parts[i].name);
    }
    return text[0] == '\0' ? NULL : fl_arena_text(d->arena, fl_slice_text(text));
}

/* An agent that may serve the device: its present one, or one of its owner. */
static bool may_serve(struct fl_deciding *d, const char *agent_id, const fl_device_row *device)
{
    const fl_agent_row *agent =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_AGENTS, fl_slice_text(agent_id));
    return agent != NULL && (strcmp(agent->company_id, device->company_id) == 0 ||
                             strcmp(agent->agent_id, device->agent_id) == 0);
}

const ProtobufCMessage *fl_decide_move_device(struct fl_deciding *d)
{
    const Fleetlog__V1__MoveDevice *action = (const Fleetlog__V1__MoveDevice *)d->message;
    struct fl_cancelled cancelled = {0};
    fl_device_row *device;
    struct fl_key key;
    if (!fl_device_resolve(d, action->device_id, FL_RIGHT_REGISTER, &device))
        return d->answer;
    if (!may_serve(d, action->agent_id, device))
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such agent.");
    fl_key_identity(&key, fl_slice_text(action->agent_id), action->upsd_address, action->ups_name);
    const fl_identity_row *identity = fl_row_get(d->kv, d->arena, FL_TABLE_IDENTITIES, &key);
    bool is_taken = identity != NULL && identity->device_id[0] != '\0';
    if (is_taken && strcmp(identity->device_id, device->device_id) == 0)
        return fl_reject(d, FL_REJECT(WRONG_STATE), "This device is reached there already.");
    if (is_taken) {
        const ProtobufCMessage *answer =
            fl_reject(d, FL_REJECT(EXISTS), "Another device is registered there; delete it first.");
        if (answer != NULL)
            d->rejection.original_id = identity->device_id;
        return answer;
    }
    if (!fl_commands_not_begun(d, action->device_id, &cancelled))
        return NULL;
    uint32_t used = identity == NULL ? 0 : identity->generation;
    Fleetlog__V1__DeviceMoved *event = fl_answer(d, FL_MESSAGE_DeviceMoved);
    event->device_id = action->device_id;
    event->device_number = device->device_number;
    event->generation = (used > device->generation ? used : device->generation) + 1;
    event->agent_id = action->agent_id;
    event->upsd_address = action->upsd_address;
    event->ups_name = action->ups_name;
    event->agent_id_before = device->agent_id;
    event->upsd_address_before = device->upsd_address;
    event->ups_name_before = device->ups_name;
    event->cancelled_command_ids = cancelled.ids;
    event->n_cancelled_command_ids = cancelled.count;
    return &event->base;
}
