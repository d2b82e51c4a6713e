/* SPDX-License-Identifier: Apache-2.0 */
/* The price list, and purchases from their start to a license or none. */
#include <string.h>

#include "projections/registry/due.h"
#include "projections/registry/fold.h"

bool fl_fold_price_list_set(struct fl_folding *f)
{
    const Fleetlog__V1__PriceListSet *event = (const Fleetlog__V1__PriceListSet *)f->input->message;
    fl_price_list_row row = FLEETLOG__ROWS__V1__PRICE_LIST_ROW__INIT;
    struct fl_key key;
    fl_price_row **prices = fl_arena_calloc(f->arena, event->n_prices, sizeof(*prices));
    fl_price_row *block = fl_arena_calloc(f->arena, event->n_prices, sizeof(*block));
    if (prices == NULL || block == NULL)
        return false;
    for (size_t i = 0; i < event->n_prices; i++) {
        const Fleetlog__V1__Price *price = event->prices[i];
        prices[i] = &block[i];
        fleetlog__rows__v1__price_row__init(prices[i]);
        prices[i]->region = price->region;
        prices[i]->currency = price->currency;
        prices[i]->plan = price->plan;
        prices[i]->term_days = price->term_days;
        prices[i]->net_minor = price->net_minor;
        prices[i]->tax_basis_points = price->tax_basis_points;
    }
    row.version = event->version;
    row.set_at_ms = f->now_ms;
    row.set_by = f->actor;
    row.prices = prices;
    row.n_prices = event->n_prices;
    fl_key_price_list(&key);
    fl_row_put(f->kv, f->arena, FL_TABLE_PRICE_LISTS, &key, &row.base);
    return true;
}

static void put_purchase(struct fl_folding *f, const fl_purchase_row *row)
{
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_PURCHASES, row->purchase_id, &row->base);
}

static void due_of(const fl_purchase_row *row, struct fl_due *due)
{
    fl_due_init(due, row->expires_at_ms, FL_DUE(PURCHASE), row->purchase_id, 0);
}

bool fl_fold_purchase_started(struct fl_folding *f)
{
    const Fleetlog__V1__PurchaseStarted *event =
        (const Fleetlog__V1__PurchaseStarted *)f->input->message;
    fl_purchase_row row = FLEETLOG__ROWS__V1__PURCHASE_ROW__INIT;
    struct fl_key key;
    struct fl_due due;
    if (!fl_fold_move(f, &fl_purchase_machine, &row.state, FL_PURCHASE_STARTED, event->purchase_id))
        return false;
    row.purchase_id = event->purchase_id;
    row.company_id = event->company_id;
    row.license_id = event->license_id;
    row.code_hash = event->code_hash;
    row.link_key_generation = event->link_key_generation;
    row.region = event->region;
    row.plan = event->plan;
    row.term_days = event->term_days;
    row.node_count = event->node_count;
    row.net_minor = event->net_minor;
    row.tax_minor = event->tax_minor;
    row.currency = event->currency;
    row.price_list_version = event->price_list_version;
    row.provider = event->provider;
    row.subject_id = event->subject_id;
    row.started_at_ms = row.changed_at_ms = f->now_ms;
    row.account_id = f->account_id;
    row.expires_at_ms = event->expires_at_ms;
    put_purchase(f, &row);
    due_of(&row, &due);
    fl_due_set(f->kv, &due);
    fl_key_pair(&key, FL_INDEX_COMPANY_PURCHASES, row.company_id, row.purchase_id);
    fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    fl_fold_person(f, event->subject_id, event->revision, event->indexes, event->n_indexes);
    return true;
}

/* Whatever it moves to, it does not wait for its first payment any more. */
static fl_purchase_row *move_purchase(struct fl_folding *f, const char *id,
                                      enum fl_purchase_state to)
{
    struct fl_due due;
    fl_purchase_row *row = fl_fold_row(f, FL_TABLE_PURCHASES, id);
    if (row == NULL || !fl_fold_move(f, &fl_purchase_machine, &row->state, to, id))
        return NULL;
    due_of(row, &due);
    fl_due_clear(f->kv, &due);
    row->changed_at_ms = f->now_ms;
    return row;
}

bool fl_fold_purchase_paid(struct fl_folding *f)
{
    const Fleetlog__V1__PurchasePaid *event = (const Fleetlog__V1__PurchasePaid *)f->input->message;
    fl_license_row license = FLEETLOG__ROWS__V1__LICENSE_ROW__INIT;
    fl_purchase_row *row = move_purchase(f, event->purchase_id, FL_PURCHASE_PAID);
    if (row == NULL)
        return false;
    license.license_id = row->license_id;
    license.company_id = row->company_id;
    license.plan = row->plan;
    license.node_count = row->node_count;
    license.term_days = row->term_days;
    license.code_hash = row->code_hash;
    license.link_key_generation = row->link_key_generation;
    license.subject_id = row->subject_id;
    license.net_minor = row->net_minor;
    license.tax_minor = row->tax_minor;
    license.currency = row->currency;
    license.purchase_id = row->purchase_id;
    put_purchase(f, row);
    return fl_fold_mint(f, &license);
}

bool fl_fold_purchase_failed(struct fl_folding *f)
{
    const Fleetlog__V1__PurchaseFailed *event =
        (const Fleetlog__V1__PurchaseFailed *)f->input->message;
    fl_purchase_row *row = move_purchase(f, event->purchase_id, FL_PURCHASE_FAILED);
    if (row != NULL)
        put_purchase(f, row);
    return row != NULL;
}

bool fl_fold_purchase_expired(struct fl_folding *f)
{
    const Fleetlog__V1__PurchaseExpired *event =
        (const Fleetlog__V1__PurchaseExpired *)f->input->message;
    fl_purchase_row *row = move_purchase(f, event->purchase_id, FL_PURCHASE_EXPIRED);
    if (row != NULL)
        put_purchase(f, row);
    return row != NULL;
}

bool fl_fold_purchase_refunded(struct fl_folding *f)
{
    const Fleetlog__V1__PurchaseRefunded *event =
        (const Fleetlog__V1__PurchaseRefunded *)f->input->message;
    fl_purchase_row *row = event->is_whole
                               ? move_purchase(f, event->purchase_id, FL_PURCHASE_REFUNDED)
                               : fl_fold_row(f, FL_TABLE_PURCHASES, event->purchase_id);
    if (row == NULL)
        return false;
    row->refunded_minor = event->refunded_minor;
    put_purchase(f, row);
    const fl_license_row *license =
        fl_row_by_id(f->kv, f->arena, FL_TABLE_LICENSES, fl_slice_text(row->license_id));
    bool ends = event->is_whole && license != NULL && license->state == FL_LICENSE_ACTIVE;
    return !ends || fl_fold_withdraw(f, row->license_id);
}
