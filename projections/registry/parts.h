/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The catalogue of UPSes and their parts: what is known of exactly this SKU, and from where.
 *
 * Nothing is derived from similar names: public tables that do so contradict each other. A row says
 * in which import it came; an import of the same thing replaces it, and the log keeps what was
 * before. What is not in it is unknown, and readers say so.
 *
 * Invariants: 60 (check_parts.c). Threading: one thread per kv. Allocation: the arena; rows live as
 * long as it. Limits: FL_SKU_SIZE_MAX, FL_PART_SIZE_MAX; FL_RENAME_COUNT_MAX renames are followed.
 */
#include "fleetlog/v1/parts.pb-c.h"
#include "projections/registry/fold.h"
#include "projections/registry/rows.h"

enum { FL_RENAME_COUNT_MAX = 8 };

/* The entry under the parts of its key that its kind has; NULL: there is none. */
const fl_catalogue_entry_row *fl_registry_catalogue_entry(struct fl_kv *kv, struct fl_arena *arena,
                                                          const char *sku,
                                                          Fleetlog__V1__CatalogueKind kind,
                                                          const char *region, const char *part);

/* The imports so far; NULL: none. */
const fl_parts_row *fl_registry_catalogue(struct fl_kv *kv, struct fl_arena *arena);

/* Walks the entries of a SKU (NULL: all) in the order of SKU, kind, region, part; false from `each`
 * ends it. `after` is a key, or FL_SLICE_NULL. */
void fl_registry_each_entry(struct fl_kv *kv, struct fl_arena *arena, const char *sku,
                            struct fl_slice after,
                            bool (*each)(void *context, struct fl_slice key,
                                         const fl_catalogue_entry_row *row),
                            void *context);

/* True if anything is known of exactly this SKU. */
bool fl_registry_knows_sku(struct fl_kv *kv, const char *sku);

/* The SKU of a device: what it says itself, else its model where that is exactly a SKU of the
 * catalogue; "": unknown. */
const char *fl_registry_sku(struct fl_kv *kv, struct fl_arena *arena, const char *device_id);

/* The cartridge of a SKU as it is called now; "": unknown. */
const char *fl_registry_battery_part(struct fl_kv *kv, struct fl_arena *arena, const char *sku);

/* Prices of a part by region, as "EUR 129.00 (DE), USD 119.00 (US)"; "": unknown. */
const char *fl_registry_price_text(struct fl_kv *kv, struct fl_arena *arena, const char *part);

/* Months of warranty of a SKU in a region; 0: unknown. */
uint32_t fl_registry_warranty_months(struct fl_kv *kv, struct fl_arena *arena, const char *sku,
                                     const char *region);

fl_fold_fn fl_fold_catalogue_imported;

/* For decide, fold and check: an entry's key; what its kind does not have is left out. */
void fl_key_catalogue(struct fl_key *key);
void fl_key_catalogue_entry(struct fl_key *key, const Fleetlog__V1__CatalogueEntry *entry);

/* True if both say the same. */
bool fl_catalogue_same(const Fleetlog__V1__CatalogueEntry *a,
                       const Fleetlog__V1__CatalogueEntry *b);
