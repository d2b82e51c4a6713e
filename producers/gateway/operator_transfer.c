/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that change hands: offered by mail and link, taken over by another company. */
#include <string.h>

#include "fleetlog/v1/transfers.pb-c.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/operator_names.h"
#include "projections/registry/machines.h"

enum { SHOWN_DEVICE_COUNT = 20 };

/* What somebody may know of devices before he owns them: what they are called, and what they are.
 */
static json_t *devices_json(struct call *call, struct fl_kv *kv, const fl_transfer_row *transfer)
{
    struct fl_page page = {.limit = SHOWN_DEVICE_COUNT};
    struct fl_rows rows = {.count = 0};
    json_t *items = json_array();
    enum fl_error error = fl_registry_list(kv, &call->scratch, FL_LIST_TRANSFER_DEVICES,
                                           fl_slice_text(transfer->transfer_id), &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_device_row *row = rows.rows[i];
        const fl_capabilities_row *offers =
            fl_registry_capabilities(kv, &call->scratch, fl_slice_text(row->device_id));
        const Fleetlog__V1__DeviceIdentity *identity = offers == NULL ? NULL : offers->identity;
        json_array_append_new(
            items, json_pack("{s:s, s:o, s:o, s:o}", "deviceId", row->device_id, "name",
                             fl_text_json(row->name), "location", fl_text_json(row->location),
                             "model", fl_text_json(identity == NULL ? "" : identity->model)));
    }
    if (error != FL_OK && kv->error == FL_OK)
        fl_kv_fail(kv, error);
    return items;
}

static json_t *transfer_json(struct call *call, struct fl_kv *kv, const fl_transfer_row *row)
{
    const fl_company_row *owner =
        fl_registry_company(kv, &call->scratch, fl_slice_text(row->company_id));
    unsigned state = fl_transfer_state_at(row->state, row->expires_at_ms,
                                          fl_port_wall_ms(call->gateway->duty->port));
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:i, s:o, s:I, s:I}", "transferId",
                     row->transfer_id, "ownerId", row->company_id, "owner",
                     fl_text_json(owner == NULL ? "" : owner->name), "subjectId", row->subject_id,
                     "state", fl_sm_name(&fl_transfer_machine, state), "deviceCount",
                     (int)row->device_count, "devices", devices_json(call, kv, row), "offeredAtMs",
                     (json_int_t)row->offered_at_ms, "expiresAtMs", (json_int_t)row->expires_at_ms);
}

/* Open offers: those that the account's company made, or (?received=true) those made to it. */
void fl_route_get_transfers(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    const char *text = fl_http_query(call->request, "received");
    bool received = text != NULL && strcmp(text, "true") == 0;
    if (!fl_call_is_for_account(call)) {
        fl_call_problem(call, 400, "Offers are those of an account: say on whose behalf", NULL,
                        "Fleetlog-As");
        return;
    }
    if (!fl_call_page(call, &page) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error = fl_registry_list(
        read.kv, &call->arena, received ? FL_LIST_PERSON_TRANSFERS : FL_LIST_TRANSFERS,
        received ? call->identity.on_behalf_of : call->identity.company_id, &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        fl_arena_reset(&call->scratch);
        json_array_append_new(items, transfer_json(call, read.kv, rows.rows[i]));
    }
    if (error == FL_OK)
        error = fl_call_add_persons(call, read.kv, items, "subjectId");
    fl_call_answer_list(call, &read, error, items, rows.next);
}

void fl_route_post_transfer(struct call *call)
{
    struct outcome outcome;
    size_t count = 0;
    Fleetlog__V1__OfferTransfer action = FLEETLOG__V1__OFFER_TRANSFER__INIT;
    const char *address = fl_body_text_or(call, "address", "");
    action.device_ids = fl_call_body_devices(call, &count);
    action.n_device_ids = count;
    if (action.device_ids == NULL || !fl_call_person(call, address, &action.person))
        return;
    action.transfer_id = fl_call_mint(call);
    action.link_key_generation = fl_keyring_link_generation(call->gateway->keyring);
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__TransferOffered *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    fl_call_add_link(call, json, FL_LINK_TRANSFER, event->transfer_id, event->link_key_generation);
    fl_call_answer(call, 201, json);
}

static uint32_t transfer_generation(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    const fl_transfer_row *row = fl_registry_transfer(kv, arena, id);
    return row == NULL ? 0 : row->link_key_generation;
}

/* The transfer that the body's token is about; NULL after answering. */
static const char *transfer_of_token(struct call *call)
{
    const char *token = fl_body_text(call, "token");
    if (!fl_call_body_is_good(call))
        return NULL;
    return fl_call_check_link(call, FL_LINK_TRANSFER, token, transfer_generation);
}

void fl_route_post_transfer_accept(struct call *call)
{
    Fleetlog__V1__AcceptTransfer action = FLEETLOG__V1__ACCEPT_TRANSFER__INIT;
    action.transfer_id = transfer_of_token(call);
    if (action.transfer_id != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
}

/* Without an account it is the link that declines. */
void fl_route_post_transfer_decline(struct call *call)
{
    Fleetlog__V1__DeclineTransfer action = FLEETLOG__V1__DECLINE_TRANSFER__INIT;
    action.transfer_id = transfer_of_token(call);
    if (action.transfer_id == NULL)
        return;
    if (!fl_call_is_for_account(call))
        call->identity.actor =
            fl_slice_text(fl_arena_printf(&call->arena, "link:%s", action.transfer_id));
    fl_call_act_and_answer(call, &action.base, 200);
}

void fl_route_delete_transfer(struct call *call)
{
    Fleetlog__V1__CancelTransfer action = FLEETLOG__V1__CANCEL_TRANSFER__INIT;
    action.transfer_id = call->parameters[0];
    fl_call_act_and_answer(call, &action.base, 200);
}
