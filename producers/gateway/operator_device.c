/* SPDX-License-Identifier: Apache-2.0 */
/* Devices as operators and their accounts see them: registry facts joined with the latest readings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/operator_readings.h"
#include "projections/devices/devices.h"
#include "projections/registry/machines.h"
#include "projections/registry/parts.h"
#include "projections/registry/plan.h"
#include "projections/registry/rights.h"

void fl_call_answer_list(struct call *call, struct fl_store_read *read, enum fl_error error,
                         json_t *items, const char *next)
{
    if (error != FL_OK && read->kv->error == FL_OK)
        fl_kv_fail(read->kv, error);
    if (!fl_call_read_end(call, read)) {
        json_decref(items);
        return;
    }
    json_t *list = json_pack("{s:o}", "items", items);
    fl_call_add_next(call, list, next);
    fl_call_answer(call, 200, list);
}

static const char *status_text(struct fl_arena *arena, uint32_t status)
{
    char text[256] = "";
    if (status == 0)
        return NULL;
    for (unsigned bit = 0; bit < 30; bit++) {
        const char *name = fl_status_name((enum fl_status_token)(1u << bit));
        size_t used = strlen(text);
        if ((status & 1u << bit) != 0 && name != NULL)
            snprintf(text + used, sizeof(text) - used, "%s%s", used > 0 ? " " : "", name);
    }
    if ((status & FL_STATUS_UNKNOWN) != 0)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s?", text[0] ? " " : "");
    return fl_arena_text(arena, fl_slice_text(text));
}

static void add_values(json_t *device, const struct fl_latest *latest)
{
    json_t *values = json_object();
    for (unsigned q = 0; q < FL_QUANTITY_COUNT; q++) {
        enum fl_quality quality = fl_latest_quality(latest, (enum fl_quantity)q);
        if (quality == FL_QUALITY_NONE)
            continue;
        json_object_set_new(values, fl_quantity_name((enum fl_quantity)q),
                            json_pack("{s:f, s:s, s:s}", "value",
                                      (double)latest->values[q].thousandths / 1000.0, "unit",
                                      fl_quantity_unit((enum fl_quantity)q), "quality",
                                      fl_quality_name(quality)));
    }
    json_object_set_new(device, "values", values);
}

static void add_latest(struct call *call, json_t *device, struct fl_kv *devices, uint32_t number)
{
    struct fl_latest latest;
    if (devices == NULL || !fl_devices_row(devices, number, &latest))
        return;
    const char *status = status_text(&call->arena, latest.status);
    int64_t silence_ms = fl_devices_silence_ms(devices, &latest);
    if (status != NULL)
        json_object_set_new(device, "status", json_string(status));
    json_object_set_new(device, "reachable", json_boolean(latest.kind != FL_REPORT_STALE));
    json_object_set_new(device, "sampledAtMs", json_integer((json_int_t)latest.sampled_at_ms));
    json_object_set_new(device, "silenceMs", json_integer((json_int_t)silence_ms));
    json_object_set_new(device, "reportCounter", json_integer((json_int_t)latest.counter));
    if (latest.thinned_count > 0)
        json_object_set_new(device, "thinnedReports",
                            json_integer((json_int_t)latest.thinned_count));
    add_values(device, &latest);
}

static const char *condition_name(uint32_t kind)
{
    static const char prefix[] = "CONDITION_KIND_";
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&fleetlog__v1__condition_kind__descriptor, (int)kind);
    return value == NULL ? "UNKNOWN" : value->name + sizeof(prefix) - 1;
}

static enum fl_error add_conditions(struct call *call, json_t *device, struct fl_kv *kv,
                                    const char *device_id)
{
    struct fl_page page = {.limit = FL_PAGE_LIMIT_DEFAULT};
    struct fl_rows rows = {.count = 0};
    json_t *conditions = json_array();
    enum fl_error error = fl_registry_list(kv, &call->scratch, FL_LIST_CONDITIONS,
                                           fl_slice_text(device_id), &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_condition_row *row = rows.rows[i];
        if (row->state == FL_CONDITION_RAISED)
            json_array_append_new(conditions,
                                  json_pack("{s:s, s:I, s:o}", "kind", condition_name(row->kind),
                                            "sinceMs", (json_int_t)row->since_ms, "evidence",
                                            fl_text_json(row->evidence)));
    }
    json_object_set_new(device, "conditions", conditions);
    return error;
}

static void add_plan(struct call *call, json_t *device, struct fl_kv *registry,
                     const char *device_id)
{
    struct fl_slice id = fl_slice_text(device_id);
    int64_t now_ms = fl_port_wall_ms(call->gateway->duty->port);
    enum fl_plan plan = fl_plan_of(registry, &call->scratch, id, now_ms);
    int64_t ends_ms = fl_plan_ends_ms(registry, &call->scratch, id, now_ms);
    json_object_set_new(device, "plan", json_string(fl_plan_name(plan)));
    if (ends_ms != 0)
        json_object_set_new(device, "planEndsAtMs", json_integer((json_int_t)ends_ms));
}

/* Uses the scratch arena up to its next reset; `row` may live there too. */
static json_t *device_json(struct call *call, struct fl_kv *registry, struct fl_kv *devices,
                           const fl_device_row *row)
{
    struct fl_arena *arena = &call->scratch;
    const fl_capabilities_row *offers =
        fl_registry_capabilities(registry, arena, fl_slice_text(row->device_id));
    const fl_company_row *owner =
        fl_registry_company(registry, arena, fl_slice_text(row->company_id));
    json_t *device = json_pack(
        "{s:s, s:I, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:b}", "deviceId", row->device_id,
        "deviceNumber", (json_int_t)row->device_number, "name", fl_text_json(row->name), "location",
        fl_text_json(row->location), "ownerId", row->company_id, "owner",
        fl_text_json(owner == NULL ? "" : owner->name), "upsdAddress",
        fl_text_json(row->upsd_address), "upsName", fl_text_json(row->ups_name), "generation",
        (json_int_t)row->generation, "removed", row->state != FL_DEVICE_ACTIVE);
    if (device == NULL) {
        fl_kv_fail(registry, FL_NO_MEMORY);
        return NULL;
    }
    if (offers != NULL && offers->identity != NULL) {
        const Fleetlog__V1__DeviceIdentity *identity = offers->identity;
        json_object_set_new(device, "manufacturer", fl_text_json(identity->manufacturer));
        json_object_set_new(device, "model", fl_text_json(identity->model));
        json_object_set_new(device, "serial", fl_text_json(identity->serial));
        json_object_set_new(device, "firmware", fl_text_json(identity->firmware));
        json_object_set_new(device, "sku",
                            fl_text_json(fl_registry_sku(registry, arena, row->device_id)));
    }
    enum fl_error error = add_conditions(call, device, registry, row->device_id);
    if (error != FL_OK && registry->error == FL_OK)
        fl_kv_fail(registry, error);
    add_latest(call, device, devices, row->device_number);
    add_plan(call, device, registry, row->device_id);
    return device;
}

/* Own devices and those shared with the account; without an account those of every company. */
static enum fl_error list_devices(struct call *call, struct fl_kv *kv, bool shared,
                                  const struct fl_page *page, struct fl_rows *rows)
{
    if (shared)
        return fl_registry_list(kv, &call->arena, FL_LIST_SHARED_DEVICES,
                                call->identity.on_behalf_of, page, rows);
    return fl_registry_list(kv, &call->arena, FL_LIST_DEVICES, call->identity.company_id, page,
                            rows);
}

/* Pages over all devices by number: the cursor is the number to go on from. A page may be short of
 * its limit where many devices were removed. */
static enum fl_error list_everybodys(struct call *call, struct fl_kv *registry,
                                     struct fl_kv *devices, const struct fl_page *page,
                                     json_t *items, char next[FL_CURSOR_SIZE])
{
    uint64_t number = 1;
    const fl_log_row *log = fl_registry_log(registry, &call->arena);
    if (page->after.data != NULL &&
        (!fl_slice_to_u64(page->after, &number) || number == 0 || number > UINT32_MAX))
        return FL_INVALID;
    uint64_t end = number + FL_NAME_LOOK_COUNT_MAX;
    for (; log != NULL && number <= log->device_count && number < end &&
           json_array_size(items) < page->limit;
         number++) {
        fl_arena_reset(&call->scratch);
        const fl_device_row *row =
            fl_registry_device_by_number(registry, &call->scratch, (uint32_t)number);
        if (row != NULL && row->state == FL_DEVICE_ACTIVE)
            json_array_append_new(items, device_json(call, registry, devices, row));
    }
    if (log != NULL && number <= log->device_count)
        snprintf(next, FL_CURSOR_SIZE, "%llu", (unsigned long long)number);
    return FL_OK;
}

/* The devices view may be a moment behind or being rebuilt: then readings are left out. */
static struct fl_kv *begin_devices(struct call *call, struct fl_store_read *read)
{
    return fl_store_read_begin(call->gateway->devices, read) == FL_OK ? read->kv : NULL;
}

static bool may_see(struct call *call, struct fl_kv *kv, const fl_device_row *row)
{
    return call->identity.on_behalf_of.data == NULL ||
           fl_registry_may(kv, &call->scratch, call->identity.on_behalf_of,
                           fl_slice_text(row->device_id), FL_RIGHT_VIEW,
                           fl_port_wall_ms(call->gateway->duty->port));
}

void fl_route_get_devices(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_store_read devices_read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    const char *shared_text = fl_http_query(call->request, "shared");
    bool shared = shared_text != NULL && strcmp(shared_text, "true") == 0;
    if (shared && call->identity.on_behalf_of.data == NULL) {
        fl_call_problem(call, 400, "shared devices are those of an account: say on whose behalf",
                        NULL, "Fleetlog-As");
        return;
    }
    if (!fl_call_page(call, &page) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    struct fl_kv *devices = begin_devices(call, &devices_read);
    json_t *items = json_array();
    enum fl_error error = FL_OK;
    if (call->identity.on_behalf_of.data == NULL) {
        error = list_everybodys(call, read.kv, devices, &page, items, rows.next);
    } else {
        error = list_devices(call, read.kv, shared, &page, &rows);
        for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
            fl_arena_reset(&call->scratch);
            /* A share that is over by time is so before an event has taken it from the list. */
            if (!shared || may_see(call, read.kv, rows.rows[i]))
                json_array_append_new(items, device_json(call, read.kv, devices, rows.rows[i]));
        }
    }
    if (devices != NULL && fl_store_read_end(&devices_read) != FL_OK)
        error = FL_CORRUPT;
    fl_call_answer_list(call, &read, error, items, rows.next);
}

json_t *fl_call_device_json(struct call *call, struct fl_kv *registry, struct fl_kv *devices,
                            const char *device_id)
{
    const fl_device_row *row = fl_registry_device(registry, &call->arena, fl_slice_text(device_id));
    return row == NULL || !may_see(call, registry, row) ? NULL
                                                        : device_json(call, registry, devices, row);
}

/* A name that is looked for. */
struct named {
    const char *name;
    const char *found; /* id, in the call's arena */
    bool is_twice;
};

/* Names in order, so that one look at the rows finds all of them. */
struct device_search {
    struct named *names;
    size_t count;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static struct named *find_name(const struct device_search *search, const char *name)
{
    struct named key = {.name = name};
    return search->count == 0
               ? NULL
               : bsearch(&key, search->names, search->count, sizeof(key), compare_names);
}

static void consider(struct call *call, struct device_search *search, const fl_device_row *row)
{
    struct named *named = row->state == FL_DEVICE_ACTIVE ? find_name(search, row->name) : NULL;
    if (named == NULL || (named->found != NULL && strcmp(named->found, row->device_id) == 0))
        return;
    named->is_twice = named->found != NULL;
    named->found = fl_arena_text(&call->arena, fl_slice_text(row->device_id));
}

/* Names are no index: the rows are looked at, FL_NAME_LOOK_COUNT_MAX by one call at most
 * (FL_TOO_LARGE behind that). */
static enum fl_error search_list(struct call *call, struct fl_kv *kv, enum fl_registry_list list,
                                 struct fl_slice owner, struct device_search *search)
{
    struct fl_page page = {.limit = FL_PAGE_LIMIT_MAX};
    struct fl_rows rows = {.count = 0};
    char cursor[FL_CURSOR_SIZE];
    do {
        fl_arena_reset(&call->scratch);
        enum fl_error error = fl_registry_list(kv, &call->scratch, list, owner, &page, &rows);
        if (error != FL_OK)
            return error;
        for (size_t i = 0; i < rows.count; i++)
            consider(call, search, rows.rows[i]);
        call->name_look_count += rows.count;
        if (rows.next[0] != '\0' && call->name_look_count >= FL_NAME_LOOK_COUNT_MAX)
            return FL_TOO_LARGE;
        memcpy(cursor, rows.next, sizeof(cursor));
        page.after = fl_slice_text(cursor);
    } while (rows.next[0] != '\0');
    return FL_OK;
}

static enum fl_error search_all(struct call *call, struct fl_kv *kv, struct device_search *search)
{
    const fl_log_row *log = fl_registry_log(kv, &call->arena);
    for (uint32_t number = 1; log != NULL && number <= log->device_count; number++) {
        if (call->name_look_count++ >= FL_NAME_LOOK_COUNT_MAX)
            return FL_TOO_LARGE;
        fl_arena_reset(&call->scratch);
        const fl_device_row *row = fl_registry_device_by_number(kv, &call->scratch, number);
        if (row != NULL)
            consider(call, search, row);
    }
    return FL_OK;
}

/* Among the own and the shared devices of the account, or all. False after answering. */
static bool search_names(struct call *call, struct fl_kv *kv, struct device_search *search)
{
    enum fl_error error = FL_OK;
    qsort(search->names, search->count, sizeof(search->names[0]), compare_names);
    if (search->count > 0 && fl_call_is_for_account(call)) {
        error = search_list(call, kv, FL_LIST_DEVICES, call->identity.company_id, search);
        if (error == FL_OK)
            error =
                search_list(call, kv, FL_LIST_SHARED_DEVICES, call->identity.on_behalf_of, search);
    } else if (search->count > 0) {
        error = search_all(call, kv, search);
    }
    if (error == FL_TOO_LARGE)
        fl_call_problem(call, 422,
                        "There are too many devices to find one by its name; give its id", NULL,
                        "device");
    else if (error != FL_OK)
        fl_call_error(call, error);
    return error == FL_OK;
}

/* The id behind a name, which must be that of one device only; NULL after answering. */
static const char *found_id(struct call *call, const struct device_search *search, const char *name)
{
    const struct named *named = find_name(search, name);
    fl_assert(named != NULL); /* every name of the call is in the search */
    if (named->found != NULL && !named->is_twice)
        return named->found;
    if (named->is_twice)
        fl_call_problem(call, 409, "Several devices have this name; give the device's id", name,
                        "device");
    else
        fl_call_problem(call, 404, "There is no such device", NULL, "device");
    return NULL;
}

const fl_device_row *fl_call_find_device(struct call *call, struct fl_kv *kv, const char *name)
{
    struct named named = {.name = name};
    struct device_search search = {&named, 1};
    const char *id = name;
    if (!fl_id_is_valid(fl_slice_text(name)))
        id = search_names(call, kv, &search) ? found_id(call, &search, name) : NULL;
    if (id == NULL)
        return NULL;
    const fl_device_row *row = fl_registry_device(kv, &call->arena, fl_slice_text(id));
    if (row != NULL && may_see(call, kv, row))
        return row;
    fl_call_problem(call, 404, "There is no such device", NULL, "device");
    return NULL;
}

const char **fl_call_find_devices(struct call *call, struct fl_kv *kv, const char **names,
                                  size_t count)
{
    struct device_search search = {NULL, 0};
    const char **ids = fl_arena_calloc(&call->arena, count + 1, sizeof(*ids));
    search.names = fl_arena_calloc(&call->arena, count + 1, sizeof(*search.names));
    if (ids == NULL || search.names == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (!fl_id_is_valid(fl_slice_text(names[i])))
            search.names[search.count++].name = names[i];
    if (!search_names(call, kv, &search))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        /* An id goes to the decider as it is: it says for each device why not. */
        bool is_id = fl_id_is_valid(fl_slice_text(names[i]));
        ids[i] = is_id ? names[i] : found_id(call, &search, names[i]);
        if (ids[i] == NULL)
            return NULL;
    }
    return ids;
}

void fl_route_get_device(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_store_read devices_read = {.kv = NULL};
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_device_row *row = fl_call_find_device(call, read.kv, call->parameters[0]);
    json_t *device = NULL;
    if (row != NULL) {
        struct fl_kv *devices = begin_devices(call, &devices_read);
        device = device_json(call, read.kv, devices, row);
        json_object_set_new(device, "raw", fl_call_raw_json(call, devices, row->device_number));
        fl_call_add_forecast(call, device, read.kv, devices, row);
        if (devices != NULL && fl_store_read_end(&devices_read) != FL_OK)
            fl_kv_fail(read.kv, FL_CORRUPT);
        const fl_capabilities_row *offers =
            fl_registry_capabilities(read.kv, &call->arena, fl_slice_text(row->device_id));
        json_t *commands = json_array();
        for (size_t i = 0; offers != NULL && i < offers->n_commands; i++)
            json_array_append_new(commands, fl_text_json(offers->commands[i]));
        json_object_set_new(device, "commands", commands);
        enum fl_error aliases_error = fl_call_add_aliases(call, device, read.kv, row);
        if (aliases_error != FL_OK && read.kv->error == FL_OK)
            fl_kv_fail(read.kv, aliases_error);
    }
    enum fl_error error = fl_store_read_end(&read);
    if (row == NULL)
        return;
    if (error == FL_OK) {
        fl_call_answer(call, 200, device);
    } else {
        json_decref(device);
        fl_call_error(call, error);
    }
}

/* The device's id by id or name; NULL after answering. */
static const char *resolve_id(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return NULL;
    const fl_device_row *row = fl_call_find_device(call, read.kv, call->parameters[0]);
    enum fl_error error = fl_store_read_end(&read);
    if (row != NULL && error != FL_OK)
        fl_call_error(call, error);
    return row == NULL || error != FL_OK ? NULL : row->device_id;
}

/* One change per action: a name or a location. */
void fl_route_patch_device(struct call *call)
{
    Fleetlog__V1__RenameDevice rename = FLEETLOG__V1__RENAME_DEVICE__INIT;
    Fleetlog__V1__LocateDevice locate = FLEETLOG__V1__LOCATE_DEVICE__INIT;
    const char *name = fl_body_text_or(call, "name", NULL);
    const char *location = fl_body_text_or(call, "location", NULL);
    if (!fl_call_body_is_good(call))
        return;
    if ((name == NULL) == (location == NULL)) {
        fl_call_problem(call, 422, "Give either name or location", NULL, NULL);
        return;
    }
    const char *id = resolve_id(call);
    if (id == NULL)
        return;
    rename.device_id = locate.device_id = id;
    rename.name = name;
    locate.location = location;
    fl_call_act_and_answer(call, name != NULL ? &rename.base : &locate.base, 200);
}

void fl_route_delete_device(struct call *call)
{
    Fleetlog__V1__RemoveDevice action = FLEETLOG__V1__REMOVE_DEVICE__INIT;
    action.device_id = resolve_id(call);
    if (action.device_id != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
}

const char **fl_call_resolve_devices(struct call *call, const char **names, size_t count)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return NULL;
    const char **ids = fl_call_find_devices(call, read.kv, names, count);
    enum fl_error error = fl_store_read_end(&read);
    if (ids != NULL && error != FL_OK)
        fl_call_error(call, error);
    return error == FL_OK ? ids : NULL;
}

const char **fl_call_body_devices(struct call *call, size_t *count)
{
    const char **names = fl_body_texts(call, "devices", count);
    if (!fl_call_body_is_good(call))
        return NULL;
    if (*count == 0 || *count > FL_DEVICE_COUNT_PER_ACTION_MAX) {
        fl_call_problem(call, 422, "devices must name 1 to 1000 devices", NULL, "devices");
        return NULL;
    }
    return fl_call_resolve_devices(call, names, *count);
}
