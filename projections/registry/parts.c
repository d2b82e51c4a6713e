/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "projections/registry/registry.h"
#include "schemas/fields.h"

#define KIND(name) FLEETLOG__V1__CATALOGUE_KIND__CATALOGUE_KIND_##name

enum { REGION_SIZE = 16, KEY_SIZE = FL_SKU_SIZE_MAX + 1 + REGION_SIZE + FL_PART_SIZE_MAX };
_Static_assert((int)KEY_SIZE <= (int)FL_KEY_BYTES_MAX, "an entry's parts fit into a key");

/* A text in so many bytes, zeros behind it. */
static void add_padded(struct fl_key *key, const char *text, size_t width)
{
    static const uint8_t zeros[FL_KEY_BYTES_MAX];
    size_t size = strlen(text);
    fl_assert(width <= sizeof(zeros));
    if (size > width) {
        key->bad = true;
        size = width;
    }
    fl_key_bytes(key, (const uint8_t *)text, size);
    fl_key_bytes(key, zeros, width - size);
}

void fl_key_catalogue(struct fl_key *key)
{
    fl_key_begin(key);
    fl_key_u8(key, 1);
}

void fl_key_catalogue_entry(struct fl_key *key, const Fleetlog__V1__CatalogueEntry *entry)
{
    bool has_region = entry->kind == KIND(WARRANTY) || entry->kind == KIND(PRICE);
    fl_key_begin(key);
    add_padded(key, entry->sku, FL_SKU_SIZE_MAX);
    fl_key_u8(key, (uint8_t)entry->kind);
    add_padded(key, has_region ? entry->region : "", REGION_SIZE);
    add_padded(key, entry->kind == KIND(SPARE_PART) ? entry->part : "", FL_PART_SIZE_MAX);
}

bool fl_catalogue_same(const Fleetlog__V1__CatalogueEntry *a, const Fleetlog__V1__CatalogueEntry *b)
{
    return strcmp(a->sku, b->sku) == 0 && a->kind == b->kind && strcmp(a->part, b->part) == 0 &&
           strcmp(a->region, b->region) == 0 && a->months == b->months &&
           a->net_minor == b->net_minor && strcmp(a->currency, b->currency) == 0 &&
           strcmp(a->firmware, b->firmware) == 0 && strcmp(a->source, b->source) == 0 &&
           a->strength == b->strength && a->withdrawn == b->withdrawn;
}

const fl_parts_row *fl_registry_catalogue(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    fl_key_catalogue(&key);
    return fl_row_get(kv, arena, FL_TABLE_CATALOGUE, &key);
}

const fl_catalogue_entry_row *fl_registry_catalogue_entry(struct fl_kv *kv, struct fl_arena *arena,
                                                          const char *sku,
                                                          Fleetlog__V1__CatalogueKind kind,
                                                          const char *region, const char *part)
{
    Fleetlog__V1__CatalogueEntry entry = FLEETLOG__V1__CATALOGUE_ENTRY__INIT;
    struct fl_key key;
    entry.sku = sku;
    entry.kind = kind;
    entry.region = region;
    entry.part = part;
    fl_key_catalogue_entry(&key, &entry);
    return fl_row_get(kv, arena, FL_TABLE_CATALOGUE_ENTRIES, &key);
}

void fl_registry_each_entry(struct fl_kv *kv, struct fl_arena *arena, const char *sku,
                            struct fl_slice after,
                            bool (*each)(void *context, struct fl_slice key,
                                         const fl_catalogue_entry_row *row),
                            void *context)
{
    struct fl_key prefix;
    struct fl_key behind;
    struct fl_slice key;
    struct fl_slice value;
    fl_key_begin(&prefix);
    if (sku != NULL)
        add_padded(&prefix, sku, FL_SKU_SIZE_MAX);
    behind = prefix;
    if (after.size != 0 && after.size < FL_KEY_BYTES_MAX) {
        fl_key_begin(&behind);
        fl_key_bytes(&behind, after.data, after.size);
        fl_key_u8(&behind, 0);
    }
    if (behind.size == 0)
        fl_key_u8(&behind, 0);
    bool more = !prefix.bad &&
                fl_kv_seek(kv, FL_TABLE_CATALOGUE_ENTRIES, fl_key_slice(&behind), &key, &value);
    while (more && key.size >= prefix.size && memcmp(key.data, prefix.bytes, prefix.size) == 0) {
        const fl_catalogue_entry_row *row =
            fl_row_decode(kv, arena, FL_TABLE_CATALOGUE_ENTRIES, value);
        if (row == NULL || !each(context, key, row))
            return;
        fl_key_begin(&behind);
        fl_key_bytes(&behind, key.data, key.size);
        fl_key_u8(&behind, 0);
        more = fl_kv_seek(kv, FL_TABLE_CATALOGUE_ENTRIES, fl_key_slice(&behind), &key, &value);
    }
}

bool fl_registry_knows_sku(struct fl_kv *kv, const char *sku)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    fl_key_begin(&key);
    add_padded(&key, sku, FL_SKU_SIZE_MAX);
    if (key.bad || sku[0] == '\0')
        return false;
    fl_kv_walk_begin(&walk, kv, FL_TABLE_CATALOGUE_ENTRIES, fl_key_slice(&key));
    return fl_kv_walk_next(&walk);
}

const char *fl_registry_sku(struct fl_kv *kv, struct fl_arena *arena, const char *device_id)
{
    const fl_capabilities_row *row = fl_registry_capabilities(kv, arena, fl_slice_text(device_id));
    if (row == NULL || row->identity == NULL)
        return "";
    if (row->identity->sku[0] != '\0')
        return row->identity->sku;
    return fl_registry_knows_sku(kv, row->identity->model) ? row->identity->model : "";
}

const char *fl_registry_battery_part(struct fl_kv *kv, struct fl_arena *arena, const char *sku)
{
    const fl_catalogue_entry_row *row =
        fl_registry_catalogue_entry(kv, arena, sku, KIND(BATTERY), "", "");
    const char *part = row == NULL ? "" : row->entry->part;
    for (unsigned i = 0; i < FL_RENAME_COUNT_MAX && part[0] != '\0'; i++) {
        row = fl_registry_catalogue_entry(kv, arena, part, KIND(RENAME), "", "");
        if (row == NULL)
            break;
        part = row->entry->part;
    }
    return part;
}

struct pricing {
    struct fl_arena *arena;
    const char *text;
};

static bool add_price(void *context, struct fl_slice key, const fl_catalogue_entry_row *row)
{
    struct pricing *pricing = context;
    const Fleetlog__V1__CatalogueEntry *entry = row->entry;
    (void)key;
    if (entry->kind != KIND(PRICE))
        return true;
    const char *text =
        fl_arena_printf(pricing->arena, "%s%s%s %" PRId64 ".%02d (%s)", pricing->text,
                        pricing->text[0] == '\0' ? "" : ", ", entry->currency,
                        entry->net_minor / 100, (int)(entry->net_minor % 100), entry->region);
    if (text == NULL)
        return false;
    pricing->text = text;
    return true;
}

const char *fl_registry_price_text(struct fl_kv *kv, struct fl_arena *arena, const char *part)
{
    struct pricing pricing = {arena, ""};
    if (part[0] != '\0')
        fl_registry_each_entry(kv, arena, part, FL_SLICE_NULL, add_price, &pricing);
    return pricing.text;
}

uint32_t fl_registry_warranty_months(struct fl_kv *kv, struct fl_arena *arena, const char *sku,
                                     const char *region)
{
    const fl_catalogue_entry_row *row =
        fl_registry_catalogue_entry(kv, arena, sku, KIND(WARRANTY), region, "");
    return row == NULL ? 0 : row->entry->months;
}
