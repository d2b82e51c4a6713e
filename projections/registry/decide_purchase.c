/* SPDX-License-Identifier: Apache-2.0 */
/* Licenses bought online: the price list, purchases, and what their provider reports. */
#include <string.h>

#include "projections/registry/decide_due.h"
#include "projections/registry/decide_license.h"
#include "schemas/fields.h"

enum { BASIS_POINTS = 10000 };

static bool same_offer(const Fleetlog__V1__Price *a, const Fleetlog__V1__Price *b)
{
    return strcmp(a->region, b->region) == 0 && a->plan == b->plan && a->term_days == b->term_days;
}

/* The sentence that refuses a price list; NULL: good. */
static const char *list_refusal(struct fl_deciding *d, const Fleetlog__V1__SetPriceList *action)
{
    for (size_t i = 0; i < action->n_prices; i++) {
        const Fleetlog__V1__Price *price = action->prices[i];
        if (price->plan == FLEETLOG__V1__PLAN__PLAN_BASIC)
            return "The Basic plan has no price.";
        if (!fl_is_currency(price->currency))
            return "A currency is three capital letters, like EUR.";
        if (price->term_days > d->rules->limits.license_days_max)
            return fl_arena_printf(d->arena, "A term has at most %u days.",
                                   d->rules->limits.license_days_max);
        for (size_t k = 0; k < i; k++)
            if (same_offer(price, action->prices[k]))
                return fl_arena_printf(d->arena,
                                       "The list has two prices for %s, one plan and %u days.",
                                       price->region, price->term_days);
    }
    return NULL;
}

static const fl_price_list_row *price_list(struct fl_deciding *d)
{
    struct fl_key key;
    fl_key_price_list(&key);
    return fl_row_get(d->kv, d->arena, FL_TABLE_PRICE_LISTS, &key);
}

const ProtobufCMessage *fl_decide_set_price_list(struct fl_deciding *d)
{
    const Fleetlog__V1__SetPriceList *action = (const Fleetlog__V1__SetPriceList *)d->message;
    const fl_price_list_row *before = price_list(d);
    const char *refusal = list_refusal(d, action);
    if (refusal != NULL)
        return fl_reject(d, FL_REJECT(INVALID), refusal);
    Fleetlog__V1__PriceListSet *event = fl_answer(d, FL_MESSAGE_PriceListSet);
    event->version = before == NULL ? 1 : before->version + 1;
    event->prices = action->prices;
    event->n_prices = action->n_prices;
    return &event->base;
}

static fl_purchase_row *purchase_by_id(struct fl_deciding *d, const char *id)
{
    return fl_row_by_id(d->kv, d->arena, FL_TABLE_PURCHASES, fl_slice_text(id));
}

/* The price that a purchase is made by; NULL: rejected. */
static const fl_price_row *find_price(struct fl_deciding *d,
                                      const Fleetlog__V1__StartPurchase *action)
{
    const fl_price_list_row *list = price_list(d);
    if (list == NULL || list->version != action->price_list_version) {
        fl_reject(d, FL_REJECT(STALE), "The prices have changed; look at them again.");
        return NULL;
    }
    for (size_t i = 0; i < list->n_prices; i++)
        if (strcmp(list->prices[i]->region, action->region) == 0 &&
            list->prices[i]->plan == (uint32_t)action->plan &&
            list->prices[i]->term_days == action->term_days)
            return list->prices[i];
    fl_reject(d, FL_REJECT(NOT_FOUND), "The price list does not offer this.");
    return NULL;
}

static bool license_exists(struct fl_deciding *d, const char *id, ProtobufCBinaryData code_hash)
{
    struct fl_key key;
    struct fl_slice value;
    fl_key_license_code(&key, code_hash);
    return fl_row_by_id(d->kv, d->arena, FL_TABLE_LICENSES, fl_slice_text(id)) != NULL ||
           fl_kv_get(d->kv, FL_TABLE_INDEX, fl_key_slice(&key), &value);
}

const ProtobufCMessage *fl_decide_start_purchase(struct fl_deciding *d)
{
    const Fleetlog__V1__StartPurchase *action = (const Fleetlog__V1__StartPurchase *)d->message;
    struct fl_person person;
    if (!fl_company_right(d, FL_RIGHT_LICENSE))
        return d->answer;
    if (action->node_count > d->rules->limits.license_nodes_max)
        return fl_rejectf(d, FL_REJECT(INVALID), "A license has at most %u nodes.",
                          d->rules->limits.license_nodes_max);
    const fl_price_row *price = find_price(d, action);
    if (price == NULL || !fl_person_resolve(d, action->person, &person))
        return d->answer;
    if (purchase_by_id(d, action->purchase_id) != NULL ||
        license_exists(d, action->license_id, action->code_hash))
        return fl_reject(d, FL_REJECT(EXISTS), "There is a purchase with this id.");
    int64_t net_minor = price->net_minor * action->node_count;
    Fleetlog__V1__PurchaseStarted *event = fl_answer(d, FL_MESSAGE_PurchaseStarted);
    event->purchase_id = action->purchase_id;
    event->company_id = d->account->company_id;
    event->license_id = action->license_id;
    event->code_hash = action->code_hash;
    event->link_key_generation = action->link_key_generation;
    event->region = action->region;
    event->plan = action->plan;
    event->term_days = action->term_days;
    event->node_count = action->node_count;
    event->net_minor = net_minor;
    event->tax_minor = (net_minor * price->tax_basis_points + BASIS_POINTS / 2) / BASIS_POINTS;
    event->currency = price->currency;
    event->price_list_version = action->price_list_version;
    event->provider = action->provider;
    event->subject_id = person.subject_id;
    event->revision = person.revision;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    event->expires_at_ms = d->now_ms + d->rules->limits.purchase_ms;
    return &event->base;
}

static const ProtobufCMessage *wrong_state(struct fl_deciding *d, const fl_purchase_row *row)
{
    return fl_rejectf(d, FL_REJECT(WRONG_STATE), "This purchase is %s already.",
                      fl_sm_name(&fl_purchase_machine, row->state));
}

static const ProtobufCMessage *paid(struct fl_deciding *d, const fl_purchase_row *row,
                                    const Fleetlog__V1__ReportPayment *action)
{
    if (!fl_sm_may(&fl_purchase_machine, row->state, FL_PURCHASE_PAID))
        return wrong_state(d, row);
    if (license_exists(d, row->license_id, row->code_hash))
        return fl_reject(d, FL_REJECT(EXISTS), "There is a license with this id or code.");
    int64_t asked_minor = row->net_minor + row->tax_minor;
    if (action->amount_minor != asked_minor)
        return fl_rejectf(d, FL_REJECT(AMOUNT), "%lld was paid, %lld was asked for.",
                          (long long)action->amount_minor, (long long)asked_minor);
    Fleetlog__V1__PurchasePaid *event = fl_answer(d, FL_MESSAGE_PurchasePaid);
    event->purchase_id = row->purchase_id;
    event->company_id = row->company_id;
    event->license_id = row->license_id;
    event->plan = (Fleetlog__V1__Plan)row->plan;
    event->term_days = row->term_days;
    event->node_count = row->node_count;
    event->net_minor = row->net_minor;
    event->tax_minor = row->tax_minor;
    event->currency = row->currency;
    event->subject_id = row->subject_id;
    event->link_key_generation = row->link_key_generation;
    return &event->base;
}

static const ProtobufCMessage *failed(struct fl_deciding *d, const fl_purchase_row *row)
{
    if (!fl_sm_may(&fl_purchase_machine, row->state, FL_PURCHASE_FAILED))
        return wrong_state(d, row);
    Fleetlog__V1__PurchaseFailed *event = fl_answer(d, FL_MESSAGE_PurchaseFailed);
    event->purchase_id = row->purchase_id;
    event->company_id = row->company_id;
    return &event->base;
}

/* A refund may overtake the payment that it gives back: then nothing was ever issued. */
static const ProtobufCMessage *refunded(struct fl_deciding *d, const fl_purchase_row *row,
                                        const Fleetlog__V1__ReportPayment *action)
{
    int64_t total_minor = row->net_minor + row->tax_minor;
    bool is_whole = action->amount_minor == total_minor;
    struct fl_holders holders = {0};
    if (row->state == FL_PURCHASE_REFUNDED || (!is_whole && row->state != FL_PURCHASE_PAID))
        return wrong_state(d, row);
    if (action->amount_minor > total_minor || action->amount_minor <= row->refunded_minor)
        return fl_reject(d, FL_REJECT(AMOUNT),
                         "A refund is more than the ones before and at most what was paid.");
    const fl_license_row *license =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_LICENSES, fl_slice_text(row->license_id));
    bool ends = is_whole && license != NULL && license->state == FL_LICENSE_ACTIVE;
    if (ends && !fl_license_holders(d, row->license_id, &holders))
        return NULL;
    Fleetlog__V1__PurchaseRefunded *event = fl_answer(d, FL_MESSAGE_PurchaseRefunded);
    event->purchase_id = row->purchase_id;
    event->company_id = row->company_id;
    event->license_id = row->license_id;
    event->refunded_minor = action->amount_minor;
    event->currency = row->currency;
    event->is_whole = is_whole;
    event->owner_company_ids = holders.company_ids;
    event->n_owner_company_ids = holders.company_count;
    event->node_count = holders.node_count;
    return &event->base;
}

const ProtobufCMessage *fl_decide_due_purchase(struct fl_deciding *d,
                                               const Fleetlog__V1__FireDue *action)
{
    const fl_purchase_row *row = fl_due_row(d, FL_TABLE_PURCHASES, action->id);
    if (row == NULL)
        return NULL;
    d->company_id = fl_slice_text(row->company_id);
    Fleetlog__V1__PurchaseExpired *event = fl_answer(d, FL_MESSAGE_PurchaseExpired);
    event->purchase_id = row->purchase_id;
    event->company_id = row->company_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_report_payment(struct fl_deciding *d)
{
    const Fleetlog__V1__ReportPayment *action = (const Fleetlog__V1__ReportPayment *)d->message;
    const fl_purchase_row *row = purchase_by_id(d, action->purchase_id);
    if (row == NULL || !fl_slice_is(d->actor_id, row->provider))
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such purchase.");
    d->company_id = fl_slice_text(row->company_id);
    if (strcmp(action->currency, row->currency) != 0)
        return fl_rejectf(d, FL_REJECT(AMOUNT), "The currency is %s, not %s.", row->currency,
                          action->currency);
    if (action->state == FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_PAID)
        return paid(d, row, action);
    if (action->state == FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_FAILED)
        return failed(d, row);
    return refunded(d, row, action);
}
