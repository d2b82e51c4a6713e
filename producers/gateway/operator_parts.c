/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of UPSes and their parts. */
#include <stdio.h>
#include <string.h>

#include "producers/gateway/operator.h"
#include "projections/forecast/gather.h"
#include "projections/registry/parts.h"
#include "schemas/fields.h"

static const char *label(const ProtobufCEnumDescriptor *descriptor, int value)
{
    const char *text = fl_enum_label(descriptor, value);
    return text == NULL ? "unknown" : text;
}

static json_t *entry_json(const fl_catalogue_entry_row *row)
{
    const Fleetlog__V1__CatalogueEntry *entry = row->entry;
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I}", "sku", entry->sku, "kind",
        label(&fleetlog__v1__catalogue_kind__descriptor, (int)entry->kind), "source", entry->source,
        "strength", label(&fleetlog__v1__catalogue_strength__descriptor, (int)entry->strength),
        "version", (json_int_t)row->version, "importedAtMs", (json_int_t)row->imported_at_ms);
    const struct {
        const char *name;
        const char *text;
    } texts[] = {{"part", entry->part},
                 {"region", entry->region},
                 {"currency", entry->currency},
                 {"firmware", entry->firmware}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i].text[0] != '\0')
            json_object_set_new(json, texts[i].name, fl_text_json(texts[i].text));
    if (entry->months != 0)
        json_object_set_new(json, "months", json_integer((json_int_t)entry->months));
    if (entry->net_minor != 0)
        json_object_set_new(json, "netMinor", json_integer((json_int_t)entry->net_minor));
    return json;
}

struct listing {
    struct call *call;
    json_t *items;
    size_t limit;
    char next[FL_CURSOR_SIZE];
    char last[FL_CURSOR_SIZE];
};

/* An entry as the place to go on behind: what identifies it, between blanks, of which it has none.
 */
static void write_place(const Fleetlog__V1__CatalogueEntry *entry, char out[FL_CURSOR_SIZE])
{
    snprintf(out, FL_CURSOR_SIZE, "%s %d %s %s", entry->sku, (int)entry->kind, entry->region,
             entry->part);
}

/* False: it is none. An empty one is the begin of the list. */
static bool read_place(struct call *call, struct fl_slice place, struct fl_key *key)
{
    Fleetlog__V1__CatalogueEntry entry = FLEETLOG__V1__CATALOGUE_ENTRY__INIT;
    char *words[4];
    uint64_t kind = 0;
    char *rest = (char *)(uintptr_t)fl_arena_text(&call->arena, place);
    fl_key_begin(key);
    if (place.size == 0)
        return true;
    for (size_t i = 0; i < 4; i++) {
        words[i] = strsep(&rest, " ");
        if (words[i] == NULL)
            return false;
    }
    entry.sku = words[0];
    if (!fl_slice_to_u64(fl_slice_text(words[1]), &kind) || kind > UINT8_MAX)
        return false;
    entry.kind = (Fleetlog__V1__CatalogueKind)kind;
    entry.region = words[2];
    entry.part = words[3];
    fl_key_catalogue_entry(key, &entry);
    return !key->bad;
}

static bool add_entry(void *context, struct fl_slice key, const fl_catalogue_entry_row *row)
{
    struct listing *listing = context;
    (void)key;
    if (json_array_size(listing->items) == listing->limit) {
        memcpy(listing->next, listing->last, sizeof(listing->next));
        return false;
    }
    json_array_append_new(listing->items, entry_json(row));
    write_place(row->entry, listing->last);
    fl_arena_reset(&listing->call->scratch);
    return true;
}

void fl_route_get_catalogue(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_key after;
    struct listing listing = {.call = call};
    const char *sku = fl_http_query(call->request, "sku");
    if (!fl_call_page(call, &page))
        return;
    if (!read_place(call, page.after, &after)) {
        fl_call_problem(call, 400, "cursor is none of this list", NULL, "cursor");
        return;
    }
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    listing.limit = page.limit;
    listing.items = json_array();
    fl_registry_each_entry(read.kv, &call->scratch, sku, fl_key_slice(&after), add_entry, &listing);
    fl_call_answer_list(call, &read, read.kv->error, listing.items, listing.next);
}

static const char *text_of(const json_t *item, const char *name)
{
    const char *text = json_string_value(json_object_get(item, name));
    return text == NULL ? "" : text;
}

/* The value of an enum by its word; 0, which fails the form, if it is none. */
static int value_of(const ProtobufCEnumDescriptor *descriptor, const char *word)
{
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        const char *text = fl_enum_label(descriptor, descriptor->values[i].value);
        if (text != NULL && descriptor->values[i].value != 0 && strcmp(text, word) == 0)
            return descriptor->values[i].value;
    }
    return 0;
}

static bool is_number_or_absent(const json_t *item, const char *name, json_int_t max,
                                json_int_t *number)
{
    const json_t *value = json_object_get(item, name);
    *number = json_integer_value(value);
    return value == NULL || (json_is_integer(value) && *number >= 0 && *number <= max);
}

/* What is no text or number where one belongs is refused; the rest the form says. */
static bool read_entry(const json_t *item, Fleetlog__V1__CatalogueEntry *entry)
{
    static const char *const texts[] = {"sku",      "kind",     "part",   "region",
                                        "currency", "firmware", "source", "strength"};
    const json_t *withdrawn = json_object_get(item, "withdrawn");
    json_int_t months = 0;
    json_int_t net_minor = 0;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const json_t *value = json_object_get(item, texts[i]);
        if (value != NULL && !json_is_string(value))
            return false;
    }
    fleetlog__v1__catalogue_entry__init(entry);
    entry->sku = text_of(item, "sku");
    entry->kind = (Fleetlog__V1__CatalogueKind)value_of(&fleetlog__v1__catalogue_kind__descriptor,
                                                        text_of(item, "kind"));
    entry->part = text_of(item, "part");
    entry->region = text_of(item, "region");
    entry->currency = text_of(item, "currency");
    entry->firmware = text_of(item, "firmware");
    entry->source = text_of(item, "source");
    entry->strength = (Fleetlog__V1__CatalogueStrength)value_of(
        &fleetlog__v1__catalogue_strength__descriptor, text_of(item, "strength"));
    entry->withdrawn = json_is_true(withdrawn);
    bool good = json_is_object(item) && (withdrawn == NULL || json_is_boolean(withdrawn)) &&
                is_number_or_absent(item, "months", UINT16_MAX, &months) &&
                is_number_or_absent(item, "netMinor", INT32_MAX, &net_minor);
    entry->months = (uint32_t)months;
    entry->net_minor = net_minor;
    return good;
}

void fl_route_post_catalogue(struct call *call)
{
    Fleetlog__V1__ImportCatalogue action = FLEETLOG__V1__IMPORT_CATALOGUE__INIT;
    const json_t *items = json_object_get(call->body, "entries");
    size_t count = json_array_size(items);
    action.name = fl_body_text(call, "name");
    if (!fl_call_body_is_good(call))
        return;
    if (count == 0 || count > FL_CATALOGUE_COUNT_MAX) {
        fl_call_problem(call, 422, "entries must name 1 to 300 entries", NULL, "entries");
        return;
    }
    Fleetlog__V1__CatalogueEntry *entries = fl_arena_calloc(&call->arena, count, sizeof(*entries));
    action.entries = fl_arena_calloc(&call->arena, count, sizeof(*action.entries));
    if (entries == NULL || action.entries == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        action.entries[i] = &entries[i];
        if (read_entry(json_array_get(items, i), &entries[i]))
            continue;
        fl_call_problem(call, 422, "A member of an entry is of the wrong type or out of its range",
                        fl_arena_printf(&call->arena, "entries[%zu]", i), "entries");
        return;
    }
    action.n_entries = count;
    fl_call_act_and_answer(call, &action.base, 200);
}

void fl_call_add_forecast(struct call *call, json_t *device, struct fl_kv *registry,
                          struct fl_kv *devices, const fl_device_row *row)
{
    struct fl_store_read history = {.kv = NULL};
    struct fl_forecast_input input;
    char date[FL_DAY_TEXT_SIZE];
    char text[FL_FORECAST_TEXT_SIZE];
    if (fl_store_read_begin(call->gateway->history, &history) != FL_OK)
        history.kv = NULL;
    const struct fl_forecast_sources sources = {registry, devices, history.kv};
    bool known = fl_forecast_gather(&sources, &call->arena, row,
                                    fl_port_wall_ms(call->gateway->duty->port), &input);
    if (history.kv != NULL)
        known = fl_store_read_end(&history) == FL_OK && known;
    if (!known)
        return;
    struct fl_forecast forecast = fl_forecast_battery(&input);
    fl_day_text(forecast.due, date);
    fl_forecast_text(&forecast, text);
    const char *sku = fl_registry_sku(registry, &call->arena, row->device_id);
    json_object_set_new(device, "battery",
                        json_pack("{s:s, s:s, s:s, s:s, s:s}", "due", date, "basis",
                                  fl_forecast_basis_name(forecast.basis), "confidence",
                                  fl_forecast_confidence_name(forecast.confidence), "because", text,
                                  "part", fl_registry_battery_part(registry, &call->arena, sku)));
}
