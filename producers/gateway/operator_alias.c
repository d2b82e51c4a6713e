/* SPDX-License-Identifier: Apache-2.0 */
/* Agents, what devices were known by before, and moving a device to another way of reaching it. */
#include <string.h>

#include "fleetlog/v1/devices.pb-c.h"
#include "producers/gateway/operator.h"

static json_t *alias_json(const fl_alias_row *row, bool with_way)
{
    json_t *json = json_pack("{s:I}", "untilMs", (json_int_t)row->until_ms);
    const Fleetlog__V1__DeviceIdentity *identity = row->identity;
    if (identity != NULL) {
        json_object_set_new(json, "manufacturer", fl_text_json(identity->manufacturer));
        json_object_set_new(json, "model", fl_text_json(identity->model));
        json_object_set_new(json, "serial", fl_text_json(identity->serial));
        json_object_set_new(json, "firmware", fl_text_json(identity->firmware));
    } else if (with_way) {
        json_object_set_new(json, "agentId", json_string(row->agent_id));
        json_object_set_new(json, "upsdAddress", fl_text_json(row->upsd_address));
        json_object_set_new(json, "upsName", fl_text_json(row->ups_name));
    }
    return json;
}

/* What it said of itself belongs to the device; how it was reached, to the owner of that time. */
enum fl_error fl_call_add_aliases(struct call *call, json_t *device, struct fl_kv *kv,
                                  const fl_device_row *row)
{
    struct fl_page page = {.limit = FL_PAGE_LIMIT_DEFAULT, .descending = true};
    struct fl_rows rows = {.count = 0};
    json_t *aliases = json_array();
    enum fl_error error = fl_registry_list(kv, &call->arena, FL_LIST_DEVICE_ALIASES,
                                           fl_slice_text(row->device_id), &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_alias_row *alias = rows.rows[i];
        bool is_own = strcmp(alias->company_id, row->company_id) == 0;
        if (alias->identity != NULL || is_own)
            json_array_append_new(aliases, alias_json(alias, is_own));
    }
    json_object_set_new(device, "agentId", json_string(row->agent_id));
    json_object_set_new(device, "ownedSinceMs", json_integer((json_int_t)row->owned_since_ms));
    json_object_set_new(device, "aliases", aliases);
    return error;
}

void fl_route_get_agents(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    if (!fl_call_is_for_account(call)) {
        fl_call_problem(call, 400, "Agents are those of a company: say on whose behalf", NULL,
                        "Fleetlog-As");
        return;
    }
    if (!fl_call_page(call, &page) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error = fl_registry_list(read.kv, &call->arena, FL_LIST_AGENTS,
                                           call->identity.company_id, &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_agent_row *row = rows.rows[i];
        json_array_append_new(items, json_pack("{s:s, s:s, s:I}", "agentId", row->agent_id,
                                               "companyId", row->company_id, "enrolledAtMs",
                                               (json_int_t)row->enrolled_at_ms));
    }
    fl_call_answer_list(call, &read, error, items, rows.next);
}

void fl_route_post_device_move(struct call *call)
{
    Fleetlog__V1__MoveDevice action = FLEETLOG__V1__MOVE_DEVICE__INIT;
    action.agent_id = fl_body_text(call, "agent");
    action.upsd_address = fl_body_text(call, "upsdAddress");
    action.ups_name = fl_body_text(call, "upsName");
    if (!fl_call_body_is_good(call))
        return;
    const char **ids = fl_call_resolve_devices(call, call->parameters, 1);
    if (ids == NULL)
        return;
    action.device_id = ids[0];
    fl_call_act_and_answer(call, &action.base, 200);
}
