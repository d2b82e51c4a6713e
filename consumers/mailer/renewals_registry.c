/* SPDX-License-Identifier: Apache-2.0 */
/* Renewals as the registry knows them: models and dates, and what the catalogue knows of exactly
 * that SKU. */
#include <string.h>

#include "consumers/mailer/renewals_source.h"
#include "projections/registry/lifecycle.h"
#include "projections/registry/parts.h"
#include "projections/registry/registry.h"

struct reading {
    struct fl_kv *kv;
    struct fl_arena *arena;
    const struct fl_renewals_query *query;
    struct fl_renewals *out;
};

static const Fleetlog__V1__LifecycleFact facts[] = {
    FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT,
    FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_WARRANTY_END,
    FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END,
};

/* What a device is, never what its owner calls it. */
static const char *model_of(const struct reading *r, const char *device_id)
{
    const fl_capabilities_row *row =
        fl_registry_capabilities(r->kv, r->arena, fl_slice_text(device_id));
    return row == NULL || row->identity == NULL ? "" : row->identity->model;
}

/* What the catalogue says of what ends: a battery has a part that replaces it. */
static struct fl_renewal renewal_of(const struct reading *r, const char *device_id,
                                    Fleetlog__V1__LifecycleFact fact, const char *date)
{
    const char *sku = fl_registry_sku(r->kv, r->arena, device_id);
    const char *part = "";
    if (fact == FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT)
        part = fl_registry_battery_part(r->kv, r->arena, sku);
    return (struct fl_renewal){
        .model = model_of(r, device_id),
        .sku = sku,
        .part = part,
        .price = fl_registry_price_text(r->kv, r->arena, part),
        .date = date,
        .fact = fact,
    };
}

static void read_device(const struct reading *r, const char *device_id)
{
    const fl_device_row *device = fl_registry_device(r->kv, r->arena, fl_slice_text(device_id));
    if (device == NULL || device->state != FL_DEVICE_ACTIVE ||
        strcmp(device->company_id, r->query->company_id) != 0)
        return;
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        const fl_lifecycle_row *row = fl_registry_lifecycle(r->kv, r->arena, device_id, facts[i]);
        if (row == NULL || row->due_date[0] == '\0')
            continue;
        if (r->out->count == FL_RENEWAL_COUNT_MAX) {
            r->out->more = true;
            return;
        }
        r->out->items[r->out->count++] = renewal_of(r, device_id, facts[i], row->due_date);
    }
}

static enum fl_error read_renewals(void *context, struct fl_arena *arena,
                                   const struct fl_renewals_query *query, struct fl_renewals *out)
{
    struct reading r = {context, arena, query, out};
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    for (size_t i = 0; i < query->device_count; i++)
        read_device(&r, query->device_ids[i]);
    if (query->device_count == 0) {
        fl_key_list(&key, FL_INDEX_COMPANY_DEVICES, fl_slice_text(query->company_id));
        fl_kv_walk_begin(&walk, r.kv, FL_TABLE_INDEX, fl_key_slice(&key));
        while (!out->more && fl_kv_walk_next(&walk)) {
            fl_key_tail_id(walk.key, id);
            read_device(&r, id);
        }
    }
    return arena->exhausted ? FL_NO_MEMORY : r.kv->error;
}

struct fl_renewals_source fl_renewals_of_registry(struct fl_kv *kv)
{
    return (struct fl_renewals_source){read_renewals, kv};
}
