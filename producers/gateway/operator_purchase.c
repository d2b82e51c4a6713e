/* SPDX-License-Identifier: Apache-2.0 */
/* Licenses bought online: prices, purchases, and what the hosted checkout reports of them. */
#include <stdlib.h>
#include <string.h>

#include "core/license_code.h"
#include "fleetlog/v1/purchases.pb-c.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/public.h"
#include "producers/gateway/webhook.h"
#include "projections/registry/machines.h"
#include "projections/registry/plan.h"
#include "schemas/fields.h"

void fl_route_get_prices(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_price_list_row *list = fl_registry_prices(read.kv, &call->arena);
    json_t *items = json_array();
    for (size_t i = 0; list != NULL && i < list->n_prices; i++) {
        const fl_price_row *row = list->prices[i];
        json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "region",
                                               row->region, "currency", row->currency, "plan",
                                               fl_plan_name((enum fl_plan)row->plan), "termDays",
                                               (json_int_t)row->term_days, "netMinor",
                                               (json_int_t)row->net_minor, "taxBasisPoints",
                                               (json_int_t)row->tax_basis_points));
    }
    json_t *json = json_pack("{s:I, s:o}", "version",
                             (json_int_t)(list == NULL ? 0 : list->version), "items", items);
    if (fl_call_read_end(call, &read))
        fl_call_answer(call, 200, json);
    else
        json_decref(json);
}

static Fleetlog__V1__Plan plan_of(const char *text)
{
    if (text != NULL && strcasecmp(text, "standard") == 0)
        return FLEETLOG__V1__PLAN__PLAN_STANDARD;
    if (text != NULL && strcasecmp(text, "advanced") == 0)
        return FLEETLOG__V1__PLAN__PLAN_ADVANCED;
    return FLEETLOG__V1__PLAN__PLAN_UNSPECIFIED;
}

static uint32_t number_of(const json_t *object, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(object, name));
    return number > 0 && number < UINT32_MAX ? (uint32_t)number : 0;
}

/* One row of the body; what is missing or of another kind stays empty and fails the form. */
static bool read_price(const json_t *item, Fleetlog__V1__Price *price)
{
    const char *region = json_string_value(json_object_get(item, "region"));
    const char *currency = json_string_value(json_object_get(item, "currency"));
    const json_t *tax = json_object_get(item, "taxBasisPoints");
    fleetlog__v1__price__init(price);
    price->region = region == NULL ? "" : region;
    price->currency = currency == NULL ? "" : currency;
    price->plan = plan_of(json_string_value(json_object_get(item, "plan")));
    price->term_days = number_of(item, "termDays");
    price->net_minor = number_of(item, "netMinor");
    price->tax_basis_points = number_of(item, "taxBasisPoints");
    return json_is_integer(tax) && json_integer_value(tax) >= 0;
}

void fl_route_put_prices(struct call *call)
{
    Fleetlog__V1__SetPriceList action = FLEETLOG__V1__SET_PRICE_LIST__INIT;
    const json_t *items = json_object_get(call->body, "items");
    size_t count = json_array_size(items);
    if (count == 0 || count > FL_PRICE_COUNT_MAX) {
        fl_call_problem(call, 422, "items must name 1 to 1000 prices", NULL, "items");
        return;
    }
    action.prices = fl_arena_calloc(&call->arena, count, sizeof(*action.prices));
    Fleetlog__V1__Price *block = fl_arena_calloc(&call->arena, count, sizeof(*block));
    if (action.prices == NULL || block == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        action.prices[i] = &block[i];
        if (!read_price(json_array_get(items, i), &block[i])) {
            fl_call_problem(call, 422, "taxBasisPoints must be a whole number, 0 for no tax", NULL,
                            "taxBasisPoints");
            return;
        }
    }
    action.n_prices = count;
    fl_call_act_and_answer(call, &action.base, 200);
}

static json_t *purchase_json(const fl_purchase_row *row)
{
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "purchaseId", row->purchase_id,
        "companyId", row->company_id, "state", fl_sm_name(&fl_purchase_machine, row->state),
        "region", row->region, "plan", fl_plan_name((enum fl_plan)row->plan), "termDays",
        (json_int_t)row->term_days, "nodeCount", (json_int_t)row->node_count, "netMinor",
        (json_int_t)row->net_minor, "taxMinor", (json_int_t)row->tax_minor, "refundedMinor",
        (json_int_t)row->refunded_minor, "currency", row->currency);
    json_object_set_new(json, "startedAtMs", json_integer((json_int_t)row->started_at_ms));
    json_object_set_new(json, "expiresAtMs", json_integer((json_int_t)row->expires_at_ms));
    if (row->state == FL_PURCHASE_PAID)
        json_object_set_new(json, "licenseId", json_string(row->license_id));
    return json;
}

void fl_route_get_purchases(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    bool own = fl_call_is_for_account(call);
    if (!fl_call_page(call, &page) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error =
        fl_registry_list(read.kv, &call->arena, own ? FL_LIST_PURCHASES : FL_LIST_ALL_PURCHASES,
                         own ? call->identity.company_id : FL_SLICE_NULL, &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++)
        json_array_append_new(items, purchase_json(rows.rows[i]));
    fl_call_answer_list(call, &read, error, items, rows.next);
}

/* What is to be paid, and where. */
void fl_route_post_purchase(struct call *call)
{
    struct outcome outcome;
    char code[FL_LICENSE_CODE_TEXT_SIZE];
    uint8_t hash[FL_HASH_SIZE];
    struct fl_keyring *keyring = call->gateway->keyring;
    const struct fl_config *config = call->gateway->duty->config;
    const struct fl_checkout *checkout = fl_checkout_of(config);
    Fleetlog__V1__StartPurchase action = FLEETLOG__V1__START_PURCHASE__INIT;
    const char *plan = fl_body_text(call, "plan");
    const char *installer = fl_body_text(call, "installer");
    action.region = fl_body_text(call, "region");
    if (!fl_call_body_is_good(call))
        return;
    action.plan = plan_of(plan);
    action.node_count = number_of(call->body, "nodes");
    action.term_days = number_of(call->body, "days");
    action.price_list_version = number_of(call->body, "priceListVersion");
    action.provider = checkout->provider;
    if (!fl_call_person(call, installer, &action.person))
        return;
    action.purchase_id = fl_call_mint(call);
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
    const Fleetlog__V1__PurchaseStarted *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    const char *address =
        checkout->start(&(struct fl_checkout_order){config, keyring, event->purchase_id,
                                                    event->link_key_generation},
                        &call->arena);
    json_object_del(json, "codeHash");
    if (address != NULL)
        json_object_set_new(json, "checkout", json_string(address));
    fl_call_answer(call, 201, json);
}

/* Whether the body comes from the provider; false after answering. */
static bool is_signed(struct call *call, const struct fl_checkout *checkout, const char *signature,
                      struct fl_slice body)
{
    char secret[FL_CHECKOUT_SECRET_MAX];
    enum fl_error error =
        fl_checkout_verify(fl_checkout_secret(call->gateway->duty->config, secret), signature, body,
                           fl_port_wall_ms(call->gateway->duty->port));
    if (error == FL_OK)
        return true;
    fl_call_charge_secret(call);
    fl_call_problem(call, 403,
                    error == FL_DENIED ? "This signature is too old, or ahead of the clock"
                                       : "This is not signed by the checkout",
                    NULL, checkout->header);
    return false;
}

/* Delivered twice, an event has the id that it had, and the log answers it once. What the rules
 * refuse stands in the log, and is not worth another delivery. */
const char *fl_call_take_webhook(struct call *call, const struct fl_checkout *checkout,
                                 const char *signature, struct fl_slice body)
{
    struct outcome outcome;
    struct fl_checkout_event event;
    Fleetlog__V1__ReportPayment action = FLEETLOG__V1__REPORT_PAYMENT__INIT;
    if (!is_signed(call, checkout, signature, body))
        return NULL;
    if (checkout->read(body, &event) != FL_OK) {
        fl_call_problem(call, 422, "This event of the checkout cannot be read", NULL, NULL);
        return NULL;
    }
    if (event.state == FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_UNSPECIFIED)
        return "ignored";
    struct fl_slice parts[] = {fl_slice_text(checkout->provider), fl_slice_text(event.id)};
    fl_id_derive("checkout-event", parts, 2, call->action_id);
    call->identity.actor =
        fl_slice_text(fl_arena_printf(&call->arena, "checkout:%s", checkout->provider));
    action.purchase_id = event.purchase_id;
    action.provider_event_id = event.id;
    action.state = event.state;
    action.amount_minor = event.amount_minor;
    action.currency = event.currency;
    if (fl_call_act(call, &action.base, &outcome))
        return "recorded";
    return call->answer->status == 409 || call->answer->status == 404 ? "refused" : NULL;
}

void fl_route_post_checkout(struct call *call)
{
    const struct fl_checkout *checkout = fl_checkout_of(call->gateway->duty->config);
    if (strcmp(call->parameters[0], checkout->provider) != 0) {
        fl_call_problem(call, 404, "There is no such checkout", NULL, "provider");
        return;
    }
    const char *result =
        fl_call_take_webhook(call, checkout, fl_http_header(call->request, checkout->header),
                             fl_http_body(call->request));
    if (result != NULL)
        fl_call_answer(call, 200, json_pack("{s:s}", "result", result));
}
