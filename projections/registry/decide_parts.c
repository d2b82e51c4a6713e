/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/decide_parts.h"

#include <stdlib.h>
#include <string.h>

#include "projections/registry/decide_license.h"
#include "projections/registry/parts.h"
#include "schemas/fields.h"

#define KIND(name) FLEETLOG__V1__CATALOGUE_KIND__CATALOGUE_KIND_##name

/* What a kind of entry says of a thing, and must say. */
struct shape {
    bool part;
    bool region;
    bool months;
    bool price;
};

static const struct shape shapes[] = {
    [KIND(BATTERY)] = {.part = true},
    [KIND(SPARE_PART)] = {.part = true},
    [KIND(WARRANTY)] = {.region = true, .months = true},
    [KIND(PRICE)] = {.region = true, .price = true},
    [KIND(RENAME)] = {.part = true},
};

/* Why an entry cannot be taken; NULL: it is good. */
static const char *entry_refusal(const Fleetlog__V1__CatalogueEntry *entry)
{
    if ((size_t)entry->kind >= sizeof(shapes) / sizeof(shapes[0]))
        return "its kind is unknown";
    const struct shape *shape = &shapes[entry->kind];
    if ((entry->part[0] != '\0') != shape->part)
        return shape->part ? "it names no part" : "its kind names no part";
    if ((entry->region[0] != '\0') != shape->region)
        return shape->region ? "it names no region" : "its kind names no region";
    if (entry->withdrawn)
        return NULL;
    if ((entry->months != 0) != shape->months)
        return shape->months ? "it names no months" : "its kind names no months";
    if ((entry->net_minor != 0) != shape->price ||
        (shape->price ? !fl_is_currency(entry->currency) : entry->currency[0] != '\0'))
        return shape->price ? "it names no price in a currency, like EUR" : "its kind has no price";
    if (entry->kind == KIND(RENAME) && strcmp(entry->sku, entry->part) == 0)
        return "it renames a part to itself";
    return NULL;
}

static int compare_keys(const void *a, const void *b)
{
    const struct fl_key *left = a;
    const struct fl_key *right = b;
    return fl_slice_compare(fl_key_slice(left), fl_key_slice(right));
}

/* True if two entries are of the same thing; the sooner one would be lost. */
static bool has_twins(struct fl_deciding *d, const Fleetlog__V1__ImportCatalogue *action,
                      bool *no_memory)
{
    struct fl_key *keys = fl_arena_calloc(d->arena, action->n_entries, sizeof(*keys));
    *no_memory = keys == NULL;
    if (keys == NULL)
        return false;
    for (size_t i = 0; i < action->n_entries; i++)
        fl_key_catalogue_entry(&keys[i], action->entries[i]);
    qsort(keys, action->n_entries, sizeof(*keys), compare_keys);
    for (size_t i = 1; i < action->n_entries; i++)
        if (compare_keys(&keys[i - 1], &keys[i]) == 0)
            return true;
    return false;
}

static uint32_t count_changed(struct fl_deciding *d, const Fleetlog__V1__ImportCatalogue *action)
{
    uint32_t changed = 0;
    for (size_t i = 0; i < action->n_entries; i++) {
        struct fl_key key;
        const Fleetlog__V1__CatalogueEntry *entry = action->entries[i];
        fl_key_catalogue_entry(&key, entry);
        const fl_catalogue_entry_row *row =
            fl_row_get(d->kv, d->arena, FL_TABLE_CATALOGUE_ENTRIES, &key);
        changed +=
            entry->withdrawn ? row != NULL : row == NULL || !fl_catalogue_same(row->entry, entry);
    }
    return changed;
}

const ProtobufCMessage *fl_decide_import_catalogue(struct fl_deciding *d)
{
    const Fleetlog__V1__ImportCatalogue *action = (const Fleetlog__V1__ImportCatalogue *)d->message;
    const fl_parts_row *before = fl_registry_catalogue(d->kv, d->arena);
    bool no_memory = false;
    for (size_t i = 0; i < action->n_entries; i++) {
        const char *why = entry_refusal(action->entries[i]);
        if (why != NULL)
            return fl_rejectf(d, FL_REJECT(INVALID), "Entry %zu (%s) cannot be taken: %s.", i + 1,
                              action->entries[i]->sku, why);
    }
    if (has_twins(d, action, &no_memory))
        return fl_reject(d, FL_REJECT(INVALID), "Two entries are of the same thing.");
    if (no_memory)
        return NULL;
    Fleetlog__V1__CatalogueImported *event = fl_answer(d, FL_MESSAGE_CatalogueImported);
    event->version = before == NULL ? 1 : before->version + 1;
    event->name = action->name;
    event->entries = action->entries;
    event->n_entries = action->n_entries;
    event->changed_count = count_changed(d, action);
    return &event->base;
}
