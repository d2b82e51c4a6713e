/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/reports/source.h"

#include <stdio.h>
#include <string.h>

#include "fleetlog/v1/events.pb-c.h"
#include "projections/registry/machines.h"
#include "projections/reports/filling.h"
#include "projections/reports/text.h"
#include "projections/store/meta.h"
#include "schemas/catalogue.h"

enum { PAGE_LIMIT = 16, CONDITION_LIMIT = 64, WORDS_SIZE = 512 };

static const struct {
    const char *name;
    const char *title;
    void (*fill)(struct filling *f);
} kinds[FL_DOCUMENT_KIND_COUNT] = {
    [FL_DOCUMENT_INVENTORY] = {"inventory", "Inventory report", fl_fill_inventory},
    [FL_DOCUMENT_RENEWALS] = {"renewals", "Renewals report", fl_fill_renewals},
    [FL_DOCUMENT_OPERATIONAL] = {"operational", "Operational report", fl_fill_operational},
    [FL_DOCUMENT_EVENTS] = {"events", "Event Log report", fl_fill_events},
};

const char *fl_document_kind_name(enum fl_document_kind kind)
{
    return kinds[kind].name;
}

bool fl_document_kind_of(const char *name, enum fl_document_kind *kind)
{
    for (size_t i = 0; i < FL_DOCUMENT_KIND_COUNT; i++) {
        if (strcmp(name, kinds[i].name) != 0)
            continue;
        *kind = (enum fl_document_kind)i;
        return true;
    }
    return false;
}

/* Whose contact is lost stands in the registry; a stale report says the same of the last link. */
static bool is_silent(struct filling *f, const struct filling_device *device)
{
    const fl_condition_row *lost = fl_registry_condition(
        f->source->registry, f->source->arena, fl_slice_text(device->row->device_id),
        FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_COMMUNICATION_LOST);
    return (lost != NULL && lost->state == FL_CONDITION_RAISED) ||
           (device->has_latest && device->latest.kind == FL_REPORT_STALE);
}

static void visit(struct filling *f, const fl_device_row *row, filling_fn *each, void *context)
{
    const struct fl_document_source *source = f->source;
    struct filling_device device = {.row = row};
    Fleetlog__V1__DeviceIdentity unknown = FLEETLOG__V1__DEVICE_IDENTITY__INIT;
    if (row == NULL || row->state != FL_DEVICE_ACTIVE ||
        (source->location != NULL && strcmp(source->location, row->location) != 0) ||
        (source->may_see != NULL && !source->may_see(source->context, row)))
        return;
    const fl_capabilities_row *offers =
        fl_registry_capabilities(source->registry, source->arena, fl_slice_text(row->device_id));
    device.identity = offers != NULL && offers->identity != NULL ? *offers->identity : unknown;
    device.has_latest = source->devices != NULL &&
                        fl_devices_row(source->devices, row->device_number, &device.latest);
    device.is_silent = is_silent(f, &device);
    each(context, &device);
}

static void visit_list(struct filling *f, enum fl_registry_list list, struct fl_slice owner,
                       filling_fn *each, void *context)
{
    struct fl_page page = {.limit = PAGE_LIMIT};
    struct fl_rows rows = {.count = 0};
    char cursor[FL_CURSOR_SIZE];
    do {
        fl_arena_reset(f->source->arena);
        f->error =
            fl_registry_list(f->source->registry, f->source->arena, list, owner, &page, &rows);
        for (size_t i = 0; f->error == FL_OK && f->report->error == FL_OK && i < rows.count; i++)
            visit(f, rows.rows[i], each, context);
        memcpy(cursor, rows.next, sizeof(cursor));
        page.after = fl_slice_text(cursor);
    } while (f->error == FL_OK && f->report->error == FL_OK && cursor[0] != '\0');
}

void fl_filling_each(struct filling *f, filling_fn *each, void *context)
{
    const struct fl_document_source *source = f->source;
    if (source->scope == FL_DOCUMENT_OF_COMPANY)
        visit_list(f, FL_LIST_DEVICES, source->company_id, each, context);
    else if (source->scope == FL_DOCUMENT_OF_SHARED)
        visit_list(f, FL_LIST_SHARED_DEVICES, source->account_id, each, context);
    else
        for (size_t i = 0; i < source->device_count; i++) {
            fl_arena_reset(source->arena);
            visit(f,
                  fl_registry_device(source->registry, source->arena,
                                     fl_slice_text(source->device_ids[i])),
                  each, context);
        }
    if (f->error == FL_OK && source->arena->exhausted)
        f->error = FL_NO_MEMORY;
}

bool fl_filling_reading(const struct filling_device *device, enum fl_quantity quantity,
                        int64_t *thousandths)
{
    if (!device->has_latest || device->is_silent ||
        fl_latest_quality(&device->latest, quantity) != FL_QUALITY_OK)
        return false;
    *thousandths = device->latest.values[quantity].thousandths;
    return true;
}

struct fl_document_cell fl_filling_reading_cell(const struct filling_device *device,
                                                enum fl_quantity quantity)
{
    int64_t value = 0;
    return fl_filling_reading(device, quantity, &value) ? fl_cell_number(value) : fl_cell_unknown();
}

struct fl_document_cell fl_filling_text_cell(const char *text)
{
    return fl_cell_text(text == NULL || text[strspn(text, " \t")] == '\0' ? NULL : text);
}

static void append(char words[WORDS_SIZE], const char *more)
{
    size_t used = strlen(words);
    snprintf(words + used, WORDS_SIZE - used, "%s%s", used > 0 ? ", " : "", more);
}

const char *fl_filling_status(struct filling *f, const struct filling_device *device)
{
    static const struct {
        uint32_t bit;
        const char *words;
    } words_of[] = {
        {FL_STATUS_OL, "on line"},          {FL_STATUS_OB, "on battery"},
        {FL_STATUS_LB, "battery low"},      {FL_STATUS_HB, "battery high"},
        {FL_STATUS_RB, "replace battery"},  {FL_STATUS_CHRG, "charging"},
        {FL_STATUS_DISCHRG, "discharging"}, {FL_STATUS_BYPASS, "bypass"},
        {FL_STATUS_CAL, "calibrating"},     {FL_STATUS_OFF, "off"},
        {FL_STATUS_OVER, "overload"},       {FL_STATUS_TRIM, "trimming"},
        {FL_STATUS_BOOST, "boosting"},      {FL_STATUS_FSD, "shutting down"},
        {FL_STATUS_ALARM, "alarm"},         {FL_STATUS_WAIT, "waiting for its driver"},
        {FL_STATUS_ECO, "economy mode"},    {FL_STATUS_UNKNOWN, "a word that is not known"},
    };
    char words[WORDS_SIZE] = "";
    if (device->is_silent)
        return "no contact";
    if (!device->has_latest || (device->latest.status & FL_STATUS_KNOWN) == 0)
        return NULL;
    for (size_t i = 0; i < sizeof(words_of) / sizeof(words_of[0]); i++)
        if ((device->latest.status & words_of[i].bit) != 0)
            append(words, words_of[i].words);
    return words[0] == '\0' ? NULL : fl_arena_text(f->source->arena, fl_slice_text(words));
}

static enum fl_severity severity_of(uint32_t kind)
{
    Fleetlog__V1__ConditionRaised raised = FLEETLOG__V1__CONDITION_RAISED__INIT;
    raised.kind = (Fleetlog__V1__ConditionKind)kind;
    return fl_event_severity(&raised.base);
}

const char *fl_filling_conditions(struct filling *f, const struct filling_device *device,
                                  enum fl_severity *severity)
{
    struct fl_page page = {.limit = CONDITION_LIMIT};
    struct fl_rows rows = {.count = 0};
    char words[WORDS_SIZE] = "";
    *severity = FL_SEVERITY_NONE;
    enum fl_error error =
        fl_registry_list(f->source->registry, f->source->arena, FL_LIST_CONDITIONS,
                         fl_slice_text(device->row->device_id), &page, &rows);
    if (error != FL_OK)
        f->error = error;
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_condition_row *row = rows.rows[i];
        if (row->state != FL_CONDITION_RAISED)
            continue;
        append(words, fl_enum_label(&fleetlog__v1__condition_kind__descriptor, (int)row->kind));
        if (severity_of(row->kind) > *severity)
            *severity = severity_of(row->kind);
    }
    return fl_arena_text(f->source->arena, fl_slice_text(words));
}

struct raw_search {
    struct fl_arena *arena;
    const char *name;
    const char *found;
};

static void look_at_raw(void *context, struct fl_slice name, struct fl_slice value, bool is_stale)
{
    struct raw_search *search = context;
    if (!is_stale && fl_slice_is(name, search->name))
        search->found = fl_arena_text(search->arena, value);
}

const char *fl_filling_raw(struct filling *f, const struct filling_device *device, const char *name)
{
    struct raw_search search = {f->source->arena, name, NULL};
    if (device->has_latest)
        fl_devices_each_raw(f->source->devices, device->row->device_number, look_at_raw, &search);
    return search.found;
}

/* Whose report it is, in a line. */
static void name_subject(struct filling *f)
{
    const struct fl_document_source *source = f->source;
    const fl_company_row *company =
        source->company_id.data == NULL
            ? NULL
            : fl_registry_company(source->registry, source->arena, source->company_id);
    const char *name = company == NULL ? "" : company->name;
    char *out = f->report->subject;
    if (source->scope == FL_DOCUMENT_OF_SHARED)
        snprintf(out, FL_DOCUMENT_LINE_SIZE, "Devices shared with an account of %.180s", name);
    else if (source->scope == FL_DOCUMENT_OF_DEVICES)
        snprintf(out, FL_DOCUMENT_LINE_SIZE, "%zu selected devices%s%.180s", source->device_count,
                 name[0] == '\0' ? "" : ", ", name);
    else
        snprintf(out, FL_DOCUMENT_LINE_SIZE, "%.180s", name);
}

enum fl_error fl_document_fill(struct fl_document *report, enum fl_document_kind kind,
                               const struct fl_document_source *source)
{
    struct filling f = {.report = report, .source = source};
    struct fl_chain_head head;
    char subject[FL_DOCUMENT_LINE_SIZE];
    fl_meta_head(source->registry, &head);
    f.now_ms = report->as_of_ms = head.time_ms;
    report->sequence = head.sequence;
    report->name = kinds[kind].name;
    report->title = kinds[kind].title;
    name_subject(&f);
    kinds[kind].fill(&f);
    memcpy(subject, report->subject, sizeof(subject));
    subject[sizeof(subject) - 1] = '\0';
    fl_document_clean(subject, report->subject, sizeof(report->subject));
    if (source->location != NULL)
        fl_document_add_fact(report, "Location", "%s", source->location);
    if (f.error != FL_OK)
        return f.error;
    struct fl_kv *read[] = {source->registry, source->devices, source->eventlog};
    for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++)
        if (read[i] != NULL && read[i]->error != FL_OK)
            return read[i]->error;
    return fl_document_finish(report);
}
