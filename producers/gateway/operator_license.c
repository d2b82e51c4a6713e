/* SPDX-License-Identifier: Apache-2.0 */
/* Licenses: issued by operators, applied by whoever holds the code, and the buyer's ledger. */
#include <stdio.h>
#include <string.h>

#include "core/license_code.h"
#include "fleetlog/v1/licenses.pb-c.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/operator_names.h"
#include "producers/gateway/public.h"
#include "projections/registry/machines.h"
#include "projections/registry/plan.h"
#include "projections/registry/rights.h"

static json_t *license_json(const fl_license_row *row)
{
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s}", "licenseId", row->license_id,
        "companyId", row->company_id, "state", fl_sm_name(&fl_license_machine, row->state), "plan",
        fl_plan_name((enum fl_plan)row->plan), "nodeCount", (json_int_t)row->node_count, "unused",
        (json_int_t)row->fresh_count, "applied", (json_int_t)row->applied_count, "returned",
        (json_int_t)row->returned_count, "used", (json_int_t)row->used_count, "termDays",
        (json_int_t)row->term_days, "installerId", row->subject_id);
    json_t *cost =
        json_pack("{s:I, s:s, s:o, s:o, s:o, s:I}", "netMinor", (json_int_t)row->net_minor,
                  "currency", row->currency, "purchaseOrder", fl_text_json(row->purchase_order),
                  "paymentTerms", fl_text_json(row->payment_terms), "volumeTier",
                  fl_text_json(row->volume_tier), "mintedAtMs", (json_int_t)row->minted_at_ms);
    if (json != NULL && cost != NULL)
        json_object_update(json, cost);
    json_decref(cost);
    return json;
}

/* Those of the account's company; an operator in his own name sees all. */
void fl_route_get_licenses(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    bool own = fl_call_is_for_account(call);
    if (!fl_call_page(call, &page) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error =
        fl_registry_list(read.kv, &call->arena, own ? FL_LIST_LICENSES : FL_LIST_ALL_LICENSES,
                         own ? call->identity.company_id : FL_SLICE_NULL, &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++)
        json_array_append_new(items, license_json(rows.rows[i]));
    fl_call_answer_list(call, &read, error, items, rows.next);
}

/* The license of the path, if the asker may see it; else NULL. */
static const fl_license_row *visible_license(struct call *call, struct fl_kv *kv)
{
    const fl_license_row *row =
        fl_registry_license(kv, &call->arena, fl_slice_text(call->parameters[0]));
    bool own = row != NULL && fl_slice_is(call->identity.company_id, row->company_id);
    return row != NULL && (own || !fl_call_is_for_account(call)) ? row : NULL;
}

void fl_route_get_license(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_license_row *row = visible_license(call, read.kv);
    json_t *json = row == NULL ? NULL : license_json(row);
    if (!fl_call_read_end(call, &read))
        json_decref(json);
    else if (row == NULL)
        fl_call_problem(call, 404, "There is no such license", NULL, NULL);
    else
        fl_call_answer(call, 200, json);
}

/* The device's name is for those who may see the device; who bought the license need not. */
static json_t *application_json(struct call *call, struct fl_kv *kv, const fl_application_row *row)
{
    struct fl_arena *arena = &call->scratch;
    const fl_company_row *owner = fl_registry_company(kv, arena, fl_slice_text(row->company_id));
    const fl_device_row *device = fl_registry_device(kv, arena, fl_slice_text(row->device_id));
    int64_t now_ms = fl_port_wall_ms(call->gateway->duty->port);
    bool may_see = !fl_call_is_for_account(call) ||
                   fl_registry_may(kv, arena, call->identity.on_behalf_of,
                                   fl_slice_text(row->device_id), FL_RIGHT_VIEW, now_ms);
    json_t *json = json_pack(
        "{s:s, s:I, s:s, s:s, s:o, s:I, s:s, s:s, s:I, s:s, s:I}", "licenseId", row->license_id,
        "number", (json_int_t)row->number, "deviceId", row->device_id, "ownerId", row->company_id,
        "owner", fl_text_json(owner == NULL ? "" : owner->name), "appliedAtMs",
        (json_int_t)row->applied_at_ms, "appliedBy", row->applied_by, "accountId", row->account_id,
        "timeMs", (json_int_t)row->time_ms, "end", fl_application_end_name(row->end), "restMs",
        (json_int_t)row->rest_ms);
    if (json == NULL) {
        fl_kv_fail(kv, FL_NO_MEMORY);
        return NULL;
    }
    int64_t ends_ms =
        row->ended_at_ms != 0 ? row->ended_at_ms : fl_application_ends_ms(kv, arena, row);
    json_object_set_new(json, "endsAtMs", json_integer((json_int_t)ends_ms));
    if (device != NULL && may_see)
        json_object_set_new(json, "device", fl_text_json(device->name));
    return json;
}

/* The ledger of one license: every node that was ever applied, where, by whom, and its end. */
void fl_route_get_applications(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    if (!fl_call_page(call, &page) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    if (visible_license(call, read.kv) == NULL) {
        if (fl_call_read_end(call, &read))
            fl_call_problem(call, 404, "There is no such license", NULL, NULL);
        return;
    }
    json_t *items = json_array();
    enum fl_error error = fl_registry_list(read.kv, &call->arena, FL_LIST_APPLICATIONS,
                                           fl_slice_text(call->parameters[0]), &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        fl_arena_reset(&call->scratch);
        json_array_append_new(items, application_json(call, read.kv, rows.rows[i]));
    }
    if (error == FL_OK)
        error = fl_call_add_persons(call, read.kv, items, "accountId");
    fl_call_answer_list(call, &read, error, items, rows.next);
}

/* Plan of the body; false after answering. */
static bool body_plan(struct call *call, const char *text, Fleetlog__V1__Plan *plan)
{
    if (strcmp(text, "standard") == 0)
        *plan = FLEETLOG__V1__PLAN__PLAN_STANDARD;
    else if (strcmp(text, "advanced") == 0)
        *plan = FLEETLOG__V1__PLAN__PLAN_ADVANCED;
    else
        fl_call_problem(call, 422, "plan must be standard or advanced", NULL, "plan");
    return *plan != FLEETLOG__V1__PLAN__PLAN_UNSPECIFIED;
}

static uint32_t body_count(struct call *call, const char *name)
{
    int64_t number = fl_body_integer_or(call, name, 0);
    return number > 0 && number < UINT32_MAX ? (uint32_t)number : 0;
}

/* Adds the code, which is shown here and in the installer's mail and nowhere else. */
static void add_code(struct call *call, json_t *json, const Fleetlog__V1__LicenseMinted *event)
{
    char code[FL_LICENSE_CODE_TEXT_SIZE];
    uint8_t hash[FL_HASH_SIZE];
    json_object_del(json, "codeHash");
    if (fl_license_code(call->gateway->keyring, event->link_key_generation,
                        fl_slice_text(event->license_id), code) == FL_OK &&
        fl_license_code_hash(fl_slice_text(code), hash) && event->code_hash.len == sizeof(hash) &&
        memcmp(event->code_hash.data, hash, sizeof(hash)) == 0)
        json_object_set_new(json, "code", json_string(code));
}

void fl_route_post_license(struct call *call)
{
    struct outcome outcome;
    char code[FL_LICENSE_CODE_TEXT_SIZE];
    uint8_t hash[FL_HASH_SIZE];
    struct fl_keyring *keyring = call->gateway->keyring;
    Fleetlog__V1__MintLicense action = FLEETLOG__V1__MINT_LICENSE__INIT;
    const char *company = fl_body_text(call, "company");
    const char *plan = fl_body_text(call, "plan");
    const char *installer = fl_body_text(call, "installer");
    action.node_count = body_count(call, "nodes");
    action.term_days = body_count(call, "days");
    action.net_minor = fl_body_integer_or(call, "netMinor", 0);
    action.currency = fl_body_text_or(call, "currency", "EUR");
    action.purchase_order = fl_body_text_or(call, "purchaseOrder", "");
    action.payment_terms = fl_body_text_or(call, "paymentTerms", "");
    action.volume_tier = fl_body_text_or(call, "volumeTier", "");
    if (!fl_call_body_is_good(call) || !body_plan(call, plan, &action.plan))
        return;
    action.company_id = fl_call_find_company(call, company);
    if (action.company_id == NULL || !fl_call_person(call, installer, &action.person))
        return;
    action.license_id = fl_call_mint(call);
    action.link_key_generation = fl_keyring_link_generation(keyring);
    enum fl_error error = fl_license_code(keyring, action.link_key_generation,
                                          fl_slice_text(action.license_id), code);
    if (error != FL_OK || !fl_license_code_hash(fl_slice_text(code), hash)) {
        fl_call_error(call, error == FL_OK ? FL_INTERNAL : error);
        return;
    }
    action.code_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    json_t *json = fl_outcome_json(call, &outcome);
    add_code(call, json, (const void *)outcome.event);
    fl_call_answer(call, 201, json);
}

/* By code or by id. A code that cannot be one is told here, before anything looks for it; each code
 * that is none costs its sender's allowance. */
void fl_route_post_license_apply(struct call *call)
{
    struct outcome outcome;
    uint8_t hash[FL_HASH_SIZE];
    Fleetlog__V1__ApplyLicense action = FLEETLOG__V1__APPLY_LICENSE__INIT;
    const char *code = fl_body_text_or(call, "code", "");
    action.license_id = fl_body_text_or(call, "license", "");
    action.device_ids = fl_call_body_devices(call, &action.n_device_ids);
    if (action.device_ids == NULL)
        return;
    if (code[0] != '\0') {
        if (!fl_license_code_hash(fl_slice_text(code), hash)) {
            fl_call_charge_secret(call);
            fl_call_problem(call, 422, "This is no activation code",
                            "it has 28 letters and digits, without 0, 1, I and O", "code");
            return;
        }
        action.code_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    }
    if (fl_call_act(call, &action.base, &outcome))
        fl_call_answer(call, 200, fl_outcome_json(call, &outcome));
    else if (code[0] != '\0' && call->answer->status == 404)
        fl_call_charge_secret(call);
}

void fl_route_post_license_release(struct call *call)
{
    Fleetlog__V1__ReleaseLicense action = FLEETLOG__V1__RELEASE_LICENSE__INIT;
    action.license_id = call->parameters[0];
    action.device_ids = fl_call_body_devices(call, &action.n_device_ids);
    if (action.device_ids != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
}

void fl_route_post_license_withdraw(struct call *call)
{
    Fleetlog__V1__WithdrawLicense action = FLEETLOG__V1__WITHDRAW_LICENSE__INIT;
    action.license_id = call->parameters[0];
    action.reason = fl_body_text(call, "reason");
    if (fl_call_body_is_good(call))
        fl_call_act_and_answer(call, &action.base, 200);
}
