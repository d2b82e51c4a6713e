/* SPDX-License-Identifier: Apache-2.0 */
/* The Event Log: by severity, then newest; sentences made here, with the names that are still
 * known. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "producers/gateway/live.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/operator_names.h"
#include "projections/eventlog/eventlog.h"
#include "projections/registry/rights.h"

enum { COMPANY_COUNT_MAX = 1000 };

struct naming {
    struct call *call;
    struct fl_kv *registry;
    struct fl_kv *people; /* NULL: names cannot be had at the moment */
    struct fl_kv *eventlog;
    struct fl_slice company_id; /* whose log it is */
};

static const char *person_name(void *context, const char *subject_id)
{
    struct naming *naming = context;
    return fl_call_person_name(naming->call, &naming->call->arena, naming->registry, naming->people,
                               subject_id, naming->company_id);
}

/* Its name, or the one that it had when the company whose log it is handed it over. */
static const char *device_name(void *context, const char *device_id)
{
    struct naming *naming = context;
    struct fl_arena *arena = &naming->call->arena;
    struct fl_slice id = fl_slice_text(device_id);
    const fl_device_row *row = fl_registry_device(naming->registry, arena, id);
    if (row == NULL)
        return NULL;
    return fl_slice_is(naming->company_id, row->company_id)
               ? row->name
               : fl_eventlog_former_name(naming->eventlog, arena, naming->company_id, id);
}

static const char *company_name(void *context, const char *company_id)
{
    struct naming *naming = context;
    const fl_company_row *row =
        fl_registry_company(naming->registry, &naming->call->arena, fl_slice_text(company_id));
    return row == NULL ? NULL : row->name;
}

static const char *severity_name(uint32_t severity)
{
    static const char *const names[] = {"none", "informational", "warning", "critical"};
    return severity < sizeof(names) / sizeof(names[0]) ? names[severity] : "unknown";
}

static json_t *entry_json(struct naming *naming, const fl_entry_row *row)
{
    const struct fl_eventlog_names names = {naming, person_name, device_name, company_name};
    struct fl_arena *arena = &naming->call->arena;
    const char *text = fl_eventlog_text(arena, row, &names);
    const char *actor = fl_eventlog_actor(arena, row, &names);
    json_t *devices = json_array();
    for (size_t i = 0; i < row->n_device_ids; i++)
        json_array_append_new(devices, fl_text_json(row->device_ids[i]));
    return json_pack("{s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "sequence",
                     (json_int_t)row->sequence, "timeMs", (json_int_t)row->time_ms, "severity",
                     severity_name(row->severity), "event", fl_text_json(row->type), "companyId",
                     fl_text_json(row->company_id), "actor",
                     fl_text_json(actor == NULL ? "" : actor), "text",
                     fl_text_json(text == NULL ? "" : text), "deviceIds", devices);
}

json_t *fl_call_entry_json(struct call *call, const struct fl_entry_reads *reads,
                           const char *company_id, const fl_entry_row *row)
{
    struct naming naming = {
        .call = call,
        .registry = reads->registry,
        .people = reads->people,
        .eventlog = reads->eventlog,
        .company_id = fl_slice_text(company_id),
    };
    return entry_json(&naming, row);
}

/* severity=warning: that and above. False after answering 400. */
static bool read_severity(struct call *call, enum fl_severity *severity)
{
    const char *text = fl_http_query(call->request, "severity");
    *severity = FL_SEVERITY_NONE;
    for (uint32_t s = FL_SEVERITY_INFORMATIONAL; text != NULL && s <= FL_SEVERITY_CRITICAL; s++) {
        if (strcmp(text, severity_name(s)) == 0) {
            *severity = (enum fl_severity)s;
            return true;
        }
    }
    if (text != NULL)
        fl_call_problem(call, 400, "severity must be informational, warning or critical", NULL,
                        "severity");
    return text == NULL;
}

/* Severity first, then the newest. */
static int compare_entries(const void *a, const void *b)
{
    const fl_entry_row *x = *(const fl_entry_row *const *)a;
    const fl_entry_row *y = *(const fl_entry_row *const *)b;
    if (x->severity != y->severity)
        return x->severity < y->severity ? 1 : -1;
    return x->sequence < y->sequence ? 1 : x->sequence > y->sequence ? -1 : 0;
}

/* The first page of every company's log, merged: what an operator without an account sees.
 * FL_TOO_LARGE: there are too many companies for that. */
static enum fl_error list_everybodys(struct naming *naming, struct fl_kv *eventlog,
                                     struct fl_eventlog_query query, struct fl_eventlog_page *page)
{
    struct fl_arena *arena = &naming->call->scratch;
    struct fl_page companies_page = {.limit = COMPANY_COUNT_MAX};
    struct fl_rows companies = {.count = 0};
    const fl_entry_row **all = fl_arena_calloc(arena, 2 * query.limit, sizeof(*all));
    if (all == NULL)
        return FL_NO_MEMORY;
    page->rows = all;
    enum fl_error error = fl_registry_list(naming->registry, arena, FL_LIST_COMPANIES,
                                           FL_SLICE_NULL, &companies_page, &companies);
    if (error == FL_OK && companies.next[0] != '\0')
        error = FL_TOO_LARGE;
    for (size_t c = 0; error == FL_OK && c < companies.count; c++) {
        struct fl_eventlog_page one = {.count = 0};
        query.company_id = fl_slice_text(((const fl_company_row *)companies.rows[c])->company_id);
        error = fl_eventlog_list(eventlog, arena, &query, &one);
        for (size_t i = 0; error == FL_OK && i < one.count; i++)
            all[page->count++] = one.rows[i];
        qsort(all, page->count, sizeof(*all), compare_entries);
        if (page->count > query.limit)
            page->count = query.limit;
    }
    return error == FL_NO_MEMORY ? FL_TOO_LARGE : error;
}

/* Whose log: that of a device (?device=), of a company (?company=), of the account's company, or
 * all; of what happened at a place (?location=). */
static bool aim(struct call *call, struct fl_kv *registry, struct fl_eventlog_query *query)
{
    const char *device = fl_http_query(call->request, "device");
    const char *company = fl_http_query(call->request, "company");
    const char *location = fl_http_query(call->request, "location");
    bool has_account = call->identity.on_behalf_of.data != NULL;
    query->scope = location == NULL ? FL_EVENTLOG_COMPANY : FL_EVENTLOG_LOCATION;
    query->location = fl_slice_text(location == NULL ? "" : location);
    query->company_id = has_account ? call->identity.company_id : fl_slice_text(company);
    query->with_owner_only = true;
    if (device != NULL) {
        const fl_device_row *row = fl_call_find_device(call, registry, device);
        if (row == NULL)
            return false;
        query->scope = FL_EVENTLOG_DEVICE;
        query->company_id = fl_slice_text(row->company_id);
        query->device_id = fl_slice_text(row->device_id);
        query->with_owner_only = !has_account || fl_slice_equal(call->identity.company_id,
                                                                fl_slice_text(row->company_id));
    } else if (company != NULL && has_account &&
               !fl_slice_equal(fl_slice_text(company), call->identity.company_id)) {
        fl_call_problem(call, 403, "An account sees the Event Log of its own company", NULL,
                        "company");
        return false;
    }
    return true;
}

static void answer_page(struct naming *naming, struct fl_kv *eventlog,
                        struct fl_eventlog_query *query)
{
    struct call *call = naming->call;
    struct fl_eventlog_page page = {.count = 0};
    struct fl_chain_head head;
    fl_meta_head(eventlog, &head);
    query->now_ms = head.time_ms;
    enum fl_error error = query->company_id.data == NULL
                              ? list_everybodys(naming, eventlog, *query, &page)
                              : fl_eventlog_list(eventlog, &call->arena, query, &page);
    if (error == FL_INVALID) {
        fl_call_problem(call, 400, "cursor is none of this list", NULL, "cursor");
        return;
    }
    if (error == FL_TOO_LARGE) {
        fl_call_problem(call, 422, "There are too many companies to show all their logs as one",
                        "name a company or a device", "company");
        return;
    }
    if (error != FL_OK) {
        fl_call_error(call, error);
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < page.count; i++) {
        naming->company_id = query->company_id.data != NULL
                                 ? query->company_id
                                 : fl_slice_text(page.rows[i]->company_id);
        json_array_append_new(items, entry_json(naming, page.rows[i]));
    }
    json_t *list = json_pack("{s:o}", "items", items);
    fl_call_add_next(call, list, page.next);
    fl_call_answer(call, 200, list);
}

void fl_route_get_events(struct call *call)
{
    struct fl_page page;
    struct fl_store_read registry = {.kv = NULL};
    struct fl_store_read eventlog = {.kv = NULL};
    struct fl_store_read people = {.kv = NULL};
    struct fl_eventlog_query query = {.limit = 0};
    if (!fl_call_page(call, &page) || !read_severity(call, &query.severity_min) ||
        !fl_call_read_begin(call, call->gateway->registry, &registry))
        return;
    query.limit = page.limit;
    query.after = page.after;
    if (aim(call, registry.kv, &query) &&
        fl_call_read_begin(call, call->gateway->eventlog, &eventlog)) {
        bool has_people = fl_store_read_begin(call->gateway->people, &people) == FL_OK;
        struct naming naming = {
            .call = call,
            .registry = registry.kv,
            .people = has_people ? people.kv : NULL,
            .eventlog = eventlog.kv,
        };
        answer_page(&naming, eventlog.kv, &query);
        if (has_people && fl_store_read_end(&people) != FL_OK)
            fl_call_error(call, FL_CORRUPT);
        if (fl_store_read_end(&eventlog) != FL_OK)
            fl_call_error(call, FL_CORRUPT);
    }
    if (fl_store_read_end(&registry) != FL_OK)
        fl_call_error(call, FL_CORRUPT);
}
