/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/parts.h"

static bool fold_entry(struct fl_folding *f, Fleetlog__V1__CatalogueEntry *entry, uint32_t version)
{
    fl_catalogue_entry_row row = FLEETLOG__ROWS__V1__CATALOGUE_ENTRY_ROW__INIT;
    struct fl_key key;
    fl_key_catalogue_entry(&key, entry);
    if (key.bad)
        return fl_fold_refuse(f, "SKU %s has no key", entry->sku);
    if (entry->withdrawn) {
        fl_kv_del(f->kv, FL_TABLE_CATALOGUE_ENTRIES, fl_key_slice(&key));
        return true;
    }
    const fl_catalogue_entry_row *before =
        fl_row_get(f->kv, f->arena, FL_TABLE_CATALOGUE_ENTRIES, &key);
    if (before != NULL && fl_catalogue_same(before->entry, entry))
        return true; /* it keeps the version in which it came */
    row.entry = entry;
    row.version = version;
    row.imported_at_ms = f->now_ms;
    fl_row_put(f->kv, f->arena, FL_TABLE_CATALOGUE_ENTRIES, &key, &row.base);
    return true;
}

bool fl_fold_catalogue_imported(struct fl_folding *f)
{
    const Fleetlog__V1__CatalogueImported *event =
        (const Fleetlog__V1__CatalogueImported *)f->input->message;
    fl_parts_row row = FLEETLOG__ROWS__V1__PARTS_ROW__INIT;
    struct fl_key key;
    for (size_t i = 0; i < event->n_entries; i++)
        if (!fold_entry(f, event->entries[i], event->version))
            return false;
    row.version = event->version;
    row.name = event->name;
    row.imported_at_ms = f->now_ms;
    row.imported_by = f->actor;
    fl_key_catalogue(&key);
    fl_row_put(f->kv, f->arena, FL_TABLE_CATALOGUE, &key, &row.base);
    return true;
}
