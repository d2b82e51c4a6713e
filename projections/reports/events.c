/* SPDX-License-Identifier: Apache-2.0 */
/* The Event Log of thirty days, and where the activity is. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/timestamp.h"
#include "projections/reports/filling.h"
#include "schemas/catalogue.h"

enum { PAGE_LIMIT = 200, DAY_COUNT = 30, PLACE_COUNT_MAX = 4096, PLACE_NAME_SIZE = 256 };
enum { SEVERITY_SHIFT = 58 }; /* in a row's key, above any sequence */

enum column { SEVERITY, TIME, TEXT, ACTOR, ROLE, DEVICE, COLUMN_COUNT };
static const struct fl_document_column columns[COLUMN_COUNT] = {
    [SEVERITY] = {"severity", "Severity", FL_DOCUMENT_TEXT, "", 0, 11},
    [TIME] = {"time", "Time (UTC)", FL_DOCUMENT_TIME, "", 0, 16},
    [TEXT] = {"text", "What happened", FL_DOCUMENT_TEXT, "", 0, 62},
    [ACTOR] = {"actor", "By", FL_DOCUMENT_TEXT, "", 0, 20},
    [ROLE] = {"role", "Role", FL_DOCUMENT_TEXT, "", 0, 13},
    [DEVICE] = {"device", "Device", FL_DOCUMENT_TEXT, "", 0, 20},
};

enum count_column { WHERE, CRITICAL, WARNING, INFORMATIONAL, TOTAL, COUNT_COLUMN_COUNT };
#define COUNT_COLUMNS(name, title)                                                                 \
    {                                                                                              \
        [WHERE] = {name, title, FL_DOCUMENT_TEXT, "", 0, 60}, [CRITICAL] = {"critical",            \
                                                                            "Critical",            \
                                                                            FL_DOCUMENT_NUMBER,    \
                                                                            "",                    \
                                                                            0,                     \
                                                                            12},                   \
        [WARNING] = {"warning", "Warning", FL_DOCUMENT_NUMBER, "", 0, 12},                         \
        [INFORMATIONAL] = {"informational", "Informational", FL_DOCUMENT_NUMBER, "", 0, 14},       \
        [TOTAL] = {"total", "Total", FL_DOCUMENT_NUMBER, "", 0, 12},                               \
    }
static const struct fl_document_column device_columns[] = COUNT_COLUMNS("device", "Device");
static const struct fl_document_column location_columns[] = COUNT_COLUMNS("location", "Location");

struct place {
    char name[PLACE_NAME_SIZE];
    uint64_t counts[FL_SEVERITY_CRITICAL + 1];
};

struct events {
    struct filling *f;
    struct fl_slice company_id; /* whose log is being read */
    size_t table;
    size_t by_device;
    size_t by_location;
    struct place *places; /* where the devices stand, in the order in which they were met */
    size_t place_count;
};

static const char *person_name(void *context, const char *subject_id)
{
    const struct events *e = context;
    const struct fl_document_source *source = e->f->source;
    return source->person == NULL ? NULL : source->person(source->context, subject_id);
}

/* Its name, or the one that it had when the company whose log it is handed it over. */
static const char *device_name(void *context, const char *device_id)
{
    const struct events *e = context;
    const struct fl_document_source *source = e->f->source;
    struct fl_slice id = fl_slice_text(device_id);
    const fl_device_row *row = fl_registry_device(source->registry, source->arena, id);
    if (row == NULL)
        return NULL;
    return fl_slice_is(e->company_id, row->company_id)
               ? row->name
               : fl_eventlog_former_name(source->eventlog, source->arena, e->company_id, id);
}

static const char *company_name(void *context, const char *company_id)
{
    const struct events *e = context;
    const fl_company_row *row =
        fl_registry_company(e->f->source->registry, e->f->source->arena, fl_slice_text(company_id));
    return row == NULL ? NULL : row->name;
}

static const char *severity_words(uint32_t severity)
{
    static const char *const words[] = {"none", "informational", "warning", "critical"};
    return severity < sizeof(words) / sizeof(words[0]) ? words[severity] : "unknown";
}

/* What who did it is to the company at present. */
static const char *role_of(const struct events *e, const fl_entry_row *row)
{
    struct fl_slice id = FL_SLICE_NULL;
    switch (fl_actor_parse(fl_slice_text(row->actor), &id)) {
    case FL_ACTOR_ACCOUNT:
        break;
    case FL_ACTOR_OPERATOR:
        return "operator";
    case FL_ACTOR_VISITOR:
    case FL_ACTOR_LINK:
        return "by link";
    default:
        return "fleetlog";
    }
    const fl_account_row *account =
        fl_registry_account(e->f->source->registry, e->f->source->arena, id);
    if (account == NULL)
        return NULL;
    if (strcmp(account->company_id, row->company_id) != 0)
        return "shared with";
    return account->role == FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR ? "administrator" : "co-worker";
}

static void add_entry(struct events *e, const fl_entry_row *row)
{
    const struct fl_eventlog_names names = {e, person_name, device_name, company_name};
    struct fl_arena *arena = e->f->source->arena;
    struct fl_document_cell cells[COLUMN_COUNT];
    const char *device = row->n_device_ids == 0 ? "" : device_name(e, row->device_ids[0]);
    if (device != NULL && row->device_count > 1)
        device = fl_arena_printf(arena, "%s and %u more", device, row->device_count - 1);
    cells[SEVERITY] = fl_cell_text(severity_words(row->severity));
    cells[TIME] = fl_cell_number(row->time_ms);
    cells[TEXT] = fl_cell_text(fl_eventlog_text(arena, row, &names));
    cells[ACTOR] = fl_cell_text(fl_eventlog_actor(arena, row, &names));
    cells[ROLE] = fl_cell_text(role_of(e, row));
    cells[DEVICE] = fl_cell_text(device);
    int64_t key = (int64_t)((uint64_t)row->severity << SEVERITY_SHIFT | row->sequence);
    fl_document_add_row(e->f->report, e->table, -key, cells);
}

/* Every page of a log; the arena is reset between pages, so the query must not lie in it. */
static void add_log(struct events *e, struct fl_eventlog_query *query)
{
    struct fl_eventlog_page page = {.count = 0};
    char cursor[FL_EVENTLOG_CURSOR_SIZE];
    e->company_id = query->company_id;
    query->limit = PAGE_LIMIT;
    query->now_ms = e->f->now_ms;
    query->severity_min = e->f->source->severity_min;
    do {
        fl_arena_reset(e->f->source->arena);
        e->f->error = fl_eventlog_list(e->f->source->eventlog, e->f->source->arena, query, &page);
        for (size_t i = 0; e->f->error == FL_OK && i < page.count; i++)
            add_entry(e, page.rows[i]);
        memcpy(cursor, page.next, sizeof(cursor));
        query->after = fl_slice_text(cursor);
    } while (e->f->error == FL_OK && e->f->report->error == FL_OK && cursor[0] != '\0');
}

static bool sees_all(const struct events *e, const char *company_id)
{
    return e->f->source->is_operators || fl_slice_is(e->f->source->company_id, company_id);
}

static void add_counts(struct events *e, size_t table, const char *where,
                       const uint64_t counts[FL_SEVERITY_CRITICAL + 1])
{
    struct fl_document_cell cells[COUNT_COLUMN_COUNT];
    uint64_t critical = counts[FL_SEVERITY_CRITICAL];
    uint64_t warning = counts[FL_SEVERITY_WARNING];
    uint64_t informational = counts[FL_SEVERITY_INFORMATIONAL];
    uint64_t total = critical + warning + informational;
    const uint64_t most = (1 << 20) - 1;
    if (total == 0)
        return;
    cells[WHERE] = fl_cell_text(where[0] == '\0' ? "(none given)" : where);
    cells[CRITICAL] = fl_cell_number((int64_t)critical * 1000);
    cells[WARNING] = fl_cell_number((int64_t)warning * 1000);
    cells[INFORMATIONAL] = fl_cell_number((int64_t)informational * 1000);
    cells[TOTAL] = fl_cell_number((int64_t)total * 1000);
    int64_t key = (int64_t)((critical < most ? critical : most) << 40 |
                            (warning < most ? warning : most) << 20 |
                            (informational < most ? informational : most));
    fl_document_add_row(e->f->report, table, -key, cells);
}

static struct place *place_of(struct events *e, const char *name)
{
    for (size_t i = 0; i < e->place_count; i++)
        if (strncmp(e->places[i].name, name, PLACE_NAME_SIZE - 1) == 0)
            return &e->places[i];
    if (e->place_count == PLACE_COUNT_MAX)
        return NULL;
    snprintf(e->places[e->place_count].name, PLACE_NAME_SIZE, "%s", name);
    return &e->places[e->place_count++];
}

/* How much stands in the log of a device, and with it of the place where it stands now. */
static void count_device(void *context, const struct filling_device *device)
{
    struct events *e = context;
    const fl_device_row *row = device->row;
    uint64_t counts[FL_SEVERITY_CRITICAL + 1] = {0};
    struct fl_eventlog_query query = {
        .scope = FL_EVENTLOG_DEVICE,
        .company_id = fl_slice_text(row->company_id),
        .device_id = fl_slice_text(row->device_id),
        .with_owner_only = sees_all(e, row->company_id),
        .severity_min = e->f->source->severity_min,
        .now_ms = e->f->now_ms,
    };
    enum fl_error error =
        fl_eventlog_count(e->f->source->eventlog, e->f->source->arena, &query, counts);
    if (error != FL_OK)
        e->f->error = error;
    struct place *place = place_of(e, row->location);
    for (size_t s = 0; place != NULL && s <= FL_SEVERITY_CRITICAL; s++)
        place->counts[s] += counts[s];
    add_counts(e, e->by_device, row->name, counts);
}

struct device_list {
    struct device_ref {
        char device_id[FL_ID_TEXT_SIZE];
        char company_id[FL_ID_TEXT_SIZE];
    } * devices;
    size_t count;
    size_t room;
    bool is_short; /* no memory for all of them */
};

/* Reading a log resets the arena in which the devices' rows lie, so their ids are kept. */
static void keep_device(void *context, const struct filling_device *device)
{
    struct device_list *list = context;
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : 2 * list->room;
        struct device_ref *grown = realloc(list->devices, room * sizeof(*grown));
        list->is_short = list->is_short || grown == NULL;
        if (grown == NULL)
            return;
        list->devices = grown;
        list->room = room;
    }
    struct device_ref *ref = &list->devices[list->count++];
    snprintf(ref->device_id, sizeof(ref->device_id), "%s", device->row->device_id);
    snprintf(ref->company_id, sizeof(ref->company_id), "%s", device->row->company_id);
}

/* What stands in the log of several devices is listed once. */
static void add_device_logs(struct events *e)
{
    struct device_list list = {NULL, 0, 0, false};
    fl_filling_each(e->f, keep_device, &list);
    if (list.is_short)
        e->f->error = FL_NO_MEMORY;
    for (size_t i = 0; i < list.count && e->f->error == FL_OK; i++) {
        struct fl_eventlog_query query = {
            .scope = FL_EVENTLOG_DEVICE,
            .company_id = fl_slice_text(list.devices[i].company_id),
            .device_id = fl_slice_text(list.devices[i].device_id),
            .with_owner_only = sees_all(e, list.devices[i].company_id),
        };
        add_log(e, &query);
    }
    free(list.devices);
}

/* A bar per day of thirty, the last one that of the report's time. */
static struct fl_document_chart *add_days(struct filling *f)
{
    static const struct fl_document_chart head = {
        .kind = FL_CHART_BARS,
        .name = "events-per-day",
        .title = "Events per day",
        .x_title = "day (UTC)",
        .y_title = "events",
        .series = {"informational", "warning", "critical"},
        .series_count = 3,
    };
    char stamp[FL_TIMESTAMP_TEXT_SIZE];
    struct fl_document_chart *chart = fl_document_add_chart(f->report, &head);
    for (int day = DAY_COUNT - 1; day >= 0; day--) {
        int64_t time_ms = f->now_ms - day * FL_DOCUMENT_DAY_MS;
        fl_timestamp_format(time_ms < 0 ? 0 : time_ms, stamp);
        stamp[10] = '\0';
        fl_chart_add_bar(chart, stamp + 5);
    }
    return chart;
}

static void count_rows(struct events *e, struct fl_document_chart *chart)
{
    struct fl_document *report = e->f->report;
    const struct fl_document_table *table = &report->tables[e->table];
    struct fl_document_cell cells[COLUMN_COUNT];
    uint64_t counts[FL_SEVERITY_CRITICAL + 1] = {0};
    for (size_t r = 0; r < table->row_count && fl_document_read(report, e->table, r, cells); r++) {
        uint64_t severity = (uint64_t)-table->places[r].key >> SEVERITY_SHIFT;
        int64_t days = e->f->now_ms / FL_DOCUMENT_DAY_MS - cells[TIME].number / FL_DOCUMENT_DAY_MS;
        if (severity < FL_SEVERITY_INFORMATIONAL || severity > FL_SEVERITY_CRITICAL)
            continue;
        counts[severity]++;
        if (days >= 0 && days < DAY_COUNT)
            chart->bars[DAY_COUNT - 1 - days].values[severity - FL_SEVERITY_INFORMATIONAL]++;
    }
    fl_document_add_fact(report, "Critical", "%" PRIu64, counts[FL_SEVERITY_CRITICAL]);
    fl_document_add_fact(report, "Warnings", "%" PRIu64, counts[FL_SEVERITY_WARNING]);
    fl_document_add_fact(report, "Informational", "%" PRIu64, counts[FL_SEVERITY_INFORMATIONAL]);
    fl_document_add_fact(report, "Period", "%s", "the last thirty days");
    fl_document_add_fact(report, "Roles", "%s", "as they are at the time of this report");
}

void fl_fill_events(struct filling *f)
{
    const struct fl_document_source *source = f->source;
    struct events e = {.f = f};
    e.table = fl_document_add_table(f->report, "events", "Events", columns, COLUMN_COUNT);
    e.by_device = fl_document_add_table(f->report, "byDevice", "By device", device_columns,
                                        COUNT_COLUMN_COUNT);
    e.by_location = fl_document_add_table(f->report, "byLocation", "By location", location_columns,
                                          COUNT_COLUMN_COUNT);
    e.places = calloc(PLACE_COUNT_MAX, sizeof(*e.places));
    if (e.places == NULL) {
        f->error = FL_NO_MEMORY;
        return;
    }
    if (source->scope == FL_DOCUMENT_OF_COMPANY) {
        struct fl_eventlog_query query = {
            .scope = source->location == NULL ? FL_EVENTLOG_COMPANY : FL_EVENTLOG_LOCATION,
            .company_id = source->company_id,
            .location = fl_slice_text(source->location == NULL ? "" : source->location),
            .with_owner_only = true,
        };
        add_log(&e, &query);
    } else {
        add_device_logs(&e);
    }
    if (f->error == FL_OK)
        fl_filling_each(f, count_device, &e);
    for (size_t i = 0; i < e.place_count; i++)
        add_counts(&e, e.by_location, e.places[i].name, e.places[i].counts);
    free(e.places);
    fl_document_sort(f->report, e.table, true);
    count_rows(&e, add_days(f));
}
