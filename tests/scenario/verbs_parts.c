/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about the catalogue of UPSes and their parts. */
#include <stdlib.h>
#include <string.h>

#include "projections/registry/parts.h"
#include "tests/scenario/scenario.h"

#define KIND(name) FLEETLOG__V1__CATALOGUE_KIND__CATALOGUE_KIND_##name

static Fleetlog__V1__CatalogueEntry entry_of(const char *sku, Fleetlog__V1__CatalogueKind kind)
{
    Fleetlog__V1__CatalogueEntry entry = FLEETLOG__V1__CATALOGUE_ENTRY__INIT;
    entry.sku = sku;
    entry.kind = kind;
    entry.source = "a page";
    entry.strength = FLEETLOG__V1__CATALOGUE_STRENGTH__CATALOGUE_STRENGTH_MEDIUM;
    return entry;
}

static void import(struct scenario *s, Fleetlog__V1__CatalogueEntry *entry, size_t count)
{
    Fleetlog__V1__CatalogueEntry *entries[] = {entry, entry};
    INIT(ImportCatalogue, action, import_catalogue);
    action.name = "test";
    action.entries = entries;
    action.n_entries = count;
    request(s, &action.base);
}

static void import_battery(struct scenario *s, const struct arguments *a)
{
    Fleetlog__V1__CatalogueEntry entry = entry_of(a->texts[1], KIND(BATTERY));
    entry.part = a->texts[0];
    import(s, &entry, 1);
}

static void import_twice(struct scenario *s, const struct arguments *a)
{
    Fleetlog__V1__CatalogueEntry entry = entry_of(a->texts[1], KIND(BATTERY));
    entry.part = a->texts[0];
    import(s, &entry, 2);
}

static void import_rename(struct scenario *s, const struct arguments *a)
{
    Fleetlog__V1__CatalogueEntry entry = entry_of(a->texts[0], KIND(RENAME));
    entry.part = a->texts[1];
    import(s, &entry, 1);
}

static void import_warranty(struct scenario *s, const struct arguments *a)
{
    Fleetlog__V1__CatalogueEntry entry = entry_of(a->texts[0], KIND(WARRANTY));
    entry.months = (uint32_t)strtoul(a->texts[1], NULL, 10);
    entry.region = strcmp(a->texts[2], "nowhere") == 0 ? "" : a->texts[2];
    import(s, &entry, 1);
}

static void import_price(struct scenario *s, const struct arguments *a)
{
    Fleetlog__V1__CatalogueEntry entry = entry_of(a->texts[0], KIND(PRICE));
    entry.net_minor = strtol(a->texts[1], NULL, 10);
    entry.currency = a->texts[2];
    entry.region = a->texts[3];
    import(s, &entry, 1);
}

static void withdraw_battery(struct scenario *s, const struct arguments *a)
{
    Fleetlog__V1__CatalogueEntry entry = entry_of(a->texts[0], KIND(BATTERY));
    entry.part = "any";
    entry.withdrawn = true;
    import(s, &entry, 1);
}

const struct pattern parts_patterns[] = {
    {"imports the battery $w of $w", import_battery},
    {"imports the battery $w of $w twice", import_twice},
    {"imports that $w is called $w now", import_rename},
    {"imports the warranty of $w as $w months in $w", import_warranty},
    {"imports the price of $w as $w $w in $w", import_price},
    {"withdraws the battery of $w", withdraw_battery},
    {NULL, NULL},
};

static const char *known(const char *text)
{
    return text[0] == '\0' ? "unknown" : text;
}

static void expect_battery(struct scenario *s, const struct arguments *a)
{
    const char *part =
        known(fl_registry_battery_part(s->world.views[0].kv, &s->world.other_arena, a->texts[0]));
    if (strcmp(part, a->texts[1]) != 0)
        fail(s, "it is %s", part);
}

static void expect_price(struct scenario *s, const struct arguments *a)
{
    const char *text =
        known(fl_registry_price_text(s->world.views[0].kv, &s->world.other_arena, a->texts[0]));
    if (strcmp(text, a->texts[1]) != 0)
        fail(s, "it is %s", text);
}

static void expect_warranty(struct scenario *s, const struct arguments *a)
{
    uint32_t months = fl_registry_warranty_months(s->world.views[0].kv, &s->world.other_arena,
                                                  a->texts[0], a->texts[2]);
    if (months != strtoul(a->texts[1], NULL, 10))
        fail(s, "it has %u", months);
}

static void expect_version(struct scenario *s, const struct arguments *a)
{
    const fl_parts_row *row = fl_registry_catalogue(s->world.views[0].kv, &s->world.other_arena);
    uint32_t version = row == NULL ? 0 : row->version;
    if (version != strtoul(a->texts[0], NULL, 10))
        fail(s, "it has version %u", version);
}

static void expect_entry_version(struct scenario *s, const struct arguments *a)
{
    const fl_catalogue_entry_row *row = fl_registry_catalogue_entry(
        s->world.views[0].kv, &s->world.other_arena, a->texts[0], KIND(BATTERY), "", "");
    uint32_t version = row == NULL ? 0 : row->version;
    if (version != strtoul(a->texts[1], NULL, 10))
        fail(s, "it is of version %u", version);
}

const struct pattern parts_expectations[] = {
    {"the battery of $w is $w", expect_battery},
    {"the price of $w is $q", expect_price},
    {"the warranty of $w is $w months in $w", expect_warranty},
    {"the catalogue has version $w", expect_version},
    {"the entry of $w is of version $w", expect_entry_version},
    {NULL, NULL},
};
