/* SPDX-License-Identifier: Apache-2.0 */
/* Invariant 60: an entry of the catalogue stands under its own key, and came with an import. */
#include "projections/registry/check.h"
#include "projections/registry/parts.h"

bool fl_check_catalogue_entry(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_catalogue_entry_row *row = opaque;
    const fl_parts_row *all = fl_registry_catalogue(c->kv, &c->arena);
    struct fl_key own;
    if (row->entry == NULL)
        return fl_broken(c, 60, "an entry of the catalogue without content");
    fl_key_catalogue_entry(&own, row->entry);
    return (!row->entry->withdrawn && fl_slice_equal(fl_key_slice(&own), key) && all != NULL &&
            row->version >= 1 && row->version <= all->version) ||
           fl_broken(c, 60, "the catalogue's entry of %s", row->entry->sku);
}
