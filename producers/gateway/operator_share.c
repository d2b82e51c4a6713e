/* SPDX-License-Identifier: Apache-2.0 */
/* Sharing devices: offered by mail and link, accepted by an account, revoked by either side. */
#include <stdio.h>
#include <string.h>

#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/operator_names.h"
#include "projections/registry/machines.h"

static const char *share_state_name(uint32_t state)
{
    static const struct {
        uint32_t state;
        const char *name;
    } names[] = {{FL_SHARE_PENDING, "pending"}, {FL_SHARE_ACCEPTED, "accepted"}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].state == state)
            return names[i].name;
    return "ended";
}

void fl_route_get_shares(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    const char *held = fl_http_query(call->request, "held");
    bool is_held = held != NULL && strcmp(held, "true") == 0;
    if (call->identity.on_behalf_of.data == NULL) {
        fl_call_problem(call, 400, "Shares are those of an account: say on whose behalf", NULL,
                        "Fleetlog-As");
        return;
    }
    if (!fl_call_page(call, &page) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error = fl_registry_list(
        read.kv, &call->arena, is_held ? FL_LIST_PERSON_SHARES : FL_LIST_SHARES,
        is_held ? call->identity.on_behalf_of : call->identity.company_id, &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_share_row *row = rows.rows[i];
        json_array_append_new(
            items, json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:I}", "shareId", row->share_id,
                             "companyId", row->company_id, "subjectId", row->subject_id, "state",
                             share_state_name(row->state), "deviceCount", (int)row->device_count,
                             "sharedAtMs", (json_int_t)row->shared_at_ms, "expiresAtMs",
                             (json_int_t)row->expires_at_ms));
    }
    if (error == FL_OK)
        error = fl_call_add_persons(call, read.kv, items, "subjectId");
    fl_call_answer_list(call, &read, error, items, rows.next);
}

void fl_route_post_share(struct call *call)
{
    struct outcome outcome;
    size_t count = 0;
    Fleetlog__V1__ShareDevices action = FLEETLOG__V1__SHARE_DEVICES__INIT;
    const char *address = fl_body_text_or(call, "address", "");
    action.grant_expires_at_ms = fl_body_integer_or(call, "expiresAtMs", 0);
    action.device_ids = fl_call_body_devices(call, &count);
    action.n_device_ids = count;
    if (action.device_ids == NULL || !fl_call_person(call, address, &action.person))
        return;
    action.share_id = fl_call_mint(call);
    action.link_key_generation = fl_keyring_link_generation(call->gateway->keyring);
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__DevicesShared *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    fl_call_add_link(call, json, FL_LINK_SHARE, event->share_id, event->link_key_generation);
    fl_call_answer(call, 201, json);
}

static uint32_t share_generation(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    const fl_share_row *row = fl_registry_share(kv, arena, id);
    return row == NULL ? 0 : row->link_key_generation;
}

void fl_route_post_share_accept(struct call *call)
{
    Fleetlog__V1__AcceptShare action = FLEETLOG__V1__ACCEPT_SHARE__INIT;
    const char *token = fl_body_text(call, "token");
    if (!fl_call_body_is_good(call))
        return;
    action.share_id = fl_call_check_link(call, FL_LINK_SHARE, token, share_generation);
    if (action.share_id != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
}

/* ?devices=a,b: only these of the share; else all of it. */
void fl_route_delete_share(struct call *call)
{
    Fleetlog__V1__RevokeShare action = FLEETLOG__V1__REVOKE_SHARE__INIT;
    const char *list = fl_http_query(call->request, "devices");
    const char *names[FL_DEVICE_COUNT_PER_ACTION_MAX];
    size_t count = 0;
    char *rest = list == NULL ? NULL : fl_arena_text(&call->arena, fl_slice_text(list));
    for (char *name = strsep(&rest, ","); name != NULL; name = strsep(&rest, ",")) {
        if (count == FL_DEVICE_COUNT_PER_ACTION_MAX) {
            fl_call_problem(call, 422, "devices must name 1 to 1000 devices", NULL, "devices");
            return;
        }
        names[count++] = name;
    }
    action.share_id = call->parameters[0];
    action.device_ids = count == 0 ? NULL : fl_call_resolve_devices(call, names, count);
    action.n_device_ids = count;
    if (count == 0 || action.device_ids != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
}
