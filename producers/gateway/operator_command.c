/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to devices: requested, watched, cancelled. */
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "producers/gateway/operator.h"
#include "projections/registry/machines.h"
#include "projections/registry/rights.h"

enum { TTL_MS_DEFAULT = 10 * 60 * 1000, WAIT_S_MAX = 50 };

static const struct {
    const char *name;
    Fleetlog__V1__CommandKind kind;
} kinds[] = {
    {"self-test", FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_SELF_TEST},
    {"beeper", FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_BEEPER},
    {"calibration", FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_CALIBRATION},
    {"sensitivity", FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_SENSITIVITY},
    {"firmware-upgrade", FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_FIRMWARE_UPGRADE},
    {"outlet-reboot", FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_OUTLET_REBOOT},
    {"battery-install-date", FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_BATTERY_INSTALL_DATE},
};

static const char *kind_name(int kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if ((int)kinds[i].kind == kind)
            return kinds[i].name;
    return "unknown";
}

static const char *state_name(uint32_t state)
{
    static const char *const names[] = {"none",      "requested", "delivered", "acknowledged",
                                        "succeeded", "failed",    "expired",   "cancelled"};
    _Static_assert(sizeof(names) / sizeof(names[0]) == FL_COMMAND_STATE_COUNT, "one per state");
    return state < FL_COMMAND_STATE_COUNT ? names[state] : "unknown";
}

void fl_route_post_command(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    Fleetlog__V1__RequestCommand action = FLEETLOG__V1__REQUEST_COMMAND__INIT;
    const char *kind = fl_body_text(call, "kind");
    const char *device = fl_body_text(call, "device");
    action.parameter = fl_body_text_or(call, "parameter", "");
    action.ttl_ms = fl_body_integer_or(call, "ttlMs", TTL_MS_DEFAULT);
    if (!fl_call_body_is_good(call))
        return;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].name, kind) == 0)
            action.kind = kinds[i].kind;
    if (action.kind == FLEETLOG__V1__COMMAND_KIND__COMMAND_KIND_UNSPECIFIED) {
        fl_call_problem(call, 422,
                        "kind must be self-test, beeper, calibration, sensitivity, "
                        "battery-install-date, firmware-upgrade or outlet-reboot",
                        NULL, "kind");
        return;
    }
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_device_row *row = fl_call_find_device(call, read.kv, device);
    enum fl_error error = fl_store_read_end(&read);
    if (row == NULL)
        return;
    if (error != FL_OK) {
        fl_call_error(call, error);
        return;
    }
    action.command_id = fl_call_mint(call);
    action.device_id = row->device_id;
    fl_call_act_and_answer(call, &action.base, 201);
}

static json_t *command_json(const fl_command_row *row, int64_t now_ms)
{
    /* An overdue command that nobody has answered shows as expired. */
    bool is_open = row->state >= FL_COMMAND_REQUESTED && row->state <= FL_COMMAND_ACKNOWLEDGED;
    bool is_overdue = row->state == FL_COMMAND_REQUESTED && now_ms > row->expires_at_ms;
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:o, s:s, s:b, s:I, s:I, s:I}", "commandId", row->command_id,
                  "deviceId", row->device_id, "kind", kind_name((int)row->kind), "parameter",
                  fl_text_json(row->parameter), "state",
                  is_overdue ? "expired" : state_name(row->state), "open", is_open && !is_overdue,
                  "requestedAtMs", (json_int_t)row->requested_at_ms, "expiresAtMs",
                  (json_int_t)row->expires_at_ms, "changedAtMs", (json_int_t)row->changed_at_ms);
    if (row->reason[0] != '\0')
        json_object_set_new(json, "reason", fl_text_json(row->reason));
    if (row->variable[0] != '\0') {
        json_object_set_new(json, "variable", fl_text_json(row->variable));
        json_object_set_new(json, "value", fl_text_json(row->value));
    }
    return json;
}

/* A command belongs to the time of the owner that it was requested in: his company goes on seeing
 * it, everybody else as long as the device is his. */
static bool may_see(struct call *call, struct fl_kv *kv, const fl_command_row *row)
{
    if (!fl_call_is_for_account(call) || fl_slice_is(call->identity.company_id, row->company_id))
        return true;
    const fl_device_row *device =
        fl_registry_device(kv, &call->scratch, fl_slice_text(row->device_id));
    return device != NULL && strcmp(device->company_id, row->company_id) == 0 &&
           fl_registry_may(kv, &call->scratch, call->identity.on_behalf_of,
                           fl_slice_text(row->device_id), FL_RIGHT_VIEW,
                           fl_port_wall_ms(call->gateway->duty->port));
}

/* One look at the command; NULL after answering. `sequence`: events applied when it was looked at.
 */
static json_t *look(struct call *call, uint64_t *sequence)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_chain_head head;
    json_t *json = NULL;
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return NULL;
    fl_arena_reset(&call->scratch);
    const fl_command_row *row =
        fl_registry_command(read.kv, &call->scratch, fl_slice_text(call->parameters[0]));
    fl_meta_head(read.kv, &head);
    *sequence = head.sequence;
    if (row != NULL && may_see(call, read.kv, row))
        json = command_json(row, head.time_ms);
    if (!fl_call_read_end(call, &read)) {
        json_decref(json);
        return NULL;
    }
    if (json == NULL)
        fl_call_problem(call, 404, "There is no such command", NULL, NULL);
    return json;
}

/* ?wait=SECONDS: answers when the command has come to its end, or after that time. */
void fl_route_get_command(struct call *call)
{
    uint64_t wait_s = 0;
    uint64_t sequence = 0;
    const struct fl_port *port = call->gateway->duty->port;
    const char *text = fl_http_query(call->request, "wait");
    if (text != NULL && (!fl_slice_to_u64(fl_slice_text(text), &wait_s) || wait_s > WAIT_S_MAX)) {
        fl_call_problem(call, 400, "wait must be 0 to 50 seconds", NULL, "wait");
        return;
    }
    int64_t deadline_ms = fl_port_monotonic_ms(port) + (int64_t)wait_s * 1000;
    json_t *json = look(call, &sequence);
    while (json != NULL && json_is_true(json_object_get(json, "open")) &&
           fl_store_wait(call->gateway->registry, sequence, deadline_ms) == FL_OK) {
        json_decref(json);
        json = look(call, &sequence);
    }
    if (json != NULL)
        fl_call_answer(call, 200, json);
}

void fl_route_post_command_cancel(struct call *call)
{
    Fleetlog__V1__CancelCommand action = FLEETLOG__V1__CANCEL_COMMAND__INIT;
    action.command_id = call->parameters[0];
    fl_call_act_and_answer(call, &action.base, 200);
}
