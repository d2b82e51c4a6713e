/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: filled from the views of one moment, then written to a file that is sent and gone. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/diag.h"
#include "core/timestamp.h"
#include "producers/gateway/download.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/operator_names.h"
#include "projections/registry/machines.h"
#include "projections/registry/rights.h"
#include "projections/reports/render.h"
#include "projections/reports/source.h"

enum { DEVICE_COUNT_MAX = 1000, PROGRESS_ROWS = 20000 };

/* What was asked for. */
struct asked {
    enum fl_document_kind kind;
    enum fl_document_format format;
    const char *chart;
    struct fl_document_source source;
    struct call *call;
    struct fl_kv *people; /* NULL: names cannot be had at the moment */
};

struct reads {
    struct fl_store_read registry;
    struct fl_store_read devices;
    struct fl_store_read eventlog;
    struct fl_store_read people;
    struct fl_store_read history;
};

static const char *person_name(void *context, const char *subject_id)
{
    const struct asked *asked = context;
    return fl_call_person_name(asked->call, &asked->call->scratch, asked->source.registry,
                               asked->people, subject_id, asked->source.company_id);
}

static bool may_see(void *context, const fl_device_row *row)
{
    const struct asked *asked = context;
    struct call *call = asked->call;
    return !fl_call_is_for_account(call) ||
           fl_registry_may(asked->source.registry, &call->scratch, call->identity.on_behalf_of,
                           fl_slice_text(row->device_id), FL_RIGHT_VIEW,
                           fl_port_wall_ms(call->gateway->duty->port));
}

static bool go_on(void *context, size_t row_count)
{
    const struct call *call = context;
    if (row_count % PROGRESS_ROWS == 0)
        fl_diag(REPORT, FL_UINT("rows", row_count));
    return !call->gateway->stopping;
}

/* False after answering 400. */
static bool read_words(struct call *call, struct asked *asked)
{
    static const char *const severities[] = {"informational", "warning", "critical"};
    const char *format = fl_http_query(call->request, "format");
    const char *severity = fl_http_query(call->request, "severity");
    if (!fl_document_kind_of(call->parameters[0], &asked->kind)) {
        fl_call_problem(call, 404, "There is no such report", NULL, NULL);
        return false;
    }
    if (!fl_document_format_of(format == NULL ? "json" : format, &asked->format)) {
        fl_call_problem(call, 400, "format must be json, csv, xlsx, pdf or svg", NULL, "format");
        return false;
    }
    asked->chart = fl_http_query(call->request, "chart");
    asked->source.location = fl_http_query(call->request, "location");
    asked->source.region = fl_http_query(call->request, "region");
    for (size_t i = 0; severity != NULL && i < 3; i++)
        if (strcmp(severity, severities[i]) == 0)
            asked->source.severity_min = (enum fl_severity)(FL_SEVERITY_INFORMATIONAL + i);
    if (severity == NULL || asked->source.severity_min != FL_SEVERITY_NONE)
        return true;
    fl_call_problem(call, 400, "severity must be informational, warning or critical", NULL,
                    "severity");
    return false;
}

/* "a,b,c" as ids; false after answering. */
static bool read_devices(struct call *call, struct asked *asked, const char *text)
{
    char *list = fl_arena_text(&call->arena, fl_slice_text(text));
    const char **names = fl_arena_calloc(&call->arena, DEVICE_COUNT_MAX, sizeof(*names));
    size_t count = 0;
    if (list == NULL || names == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return false;
    }
    for (char *name = list; name != NULL;) {
        char *comma = strchr(name, ',');
        if (count == DEVICE_COUNT_MAX || comma == name || name[0] == '\0') {
            fl_call_problem(call, 400, "device must name 1 to 1000 devices", NULL, "device");
            return false;
        }
        if (comma != NULL)
            *comma++ = '\0';
        names[count++] = name;
        name = comma;
    }
    asked->source.scope = FL_DOCUMENT_OF_DEVICES;
    asked->source.device_ids = fl_call_resolve_devices(call, names, count);
    asked->source.device_count = count;
    return asked->source.device_ids != NULL;
}

/* Of which devices; false after answering. */
static bool aim(struct call *call, struct asked *asked)
{
    const char *company = fl_http_query(call->request, "company");
    const char *devices = fl_http_query(call->request, "device");
    const char *shared = fl_http_query(call->request, "shared");
    bool is_account = fl_call_is_for_account(call);
    asked->source.is_operators = !is_account;
    if (is_account) {
        asked->source.company_id = call->identity.company_id;
        asked->source.account_id = call->identity.on_behalf_of;
    }
    if (devices != NULL)
        return read_devices(call, asked, devices);
    if (shared != NULL && strcmp(shared, "true") == 0) {
        asked->source.scope = FL_DOCUMENT_OF_SHARED;
        return fl_call_needs_account(call);
    }
    asked->source.scope = FL_DOCUMENT_OF_COMPANY;
    if (is_account && company != NULL && !fl_slice_is(call->identity.company_id, company)) {
        fl_call_problem(call, 403,
                        "An account has reports of its own company, or of what is shared", NULL,
                        "company");
        return false;
    }
    if (is_account)
        return true;
    if (company == NULL) {
        fl_call_problem(call, 400, "Say of which company, or of which devices", NULL, "company");
        return false;
    }
    const char *id = fl_call_find_company(call, company);
    asked->source.company_id = id == NULL ? FL_SLICE_NULL : fl_slice_text(id);
    return id != NULL;
}

/* A device that may not be seen is no part of a report that names it. */
static bool sees_named(struct call *call, const struct asked *asked)
{
    for (size_t i = 0; i < asked->source.device_count; i++) {
        fl_arena_reset(&call->scratch);
        const fl_device_row *row = fl_registry_device(asked->source.registry, &call->scratch,
                                                      fl_slice_text(asked->source.device_ids[i]));
        if (row != NULL && row->state == FL_DEVICE_ACTIVE && may_see((void *)(uintptr_t)asked, row))
            continue;
        fl_call_problem(call, 404, "There is no such device", NULL, "device");
        return false;
    }
    return true;
}

static enum fl_error begin_reads(struct call *call, struct asked *asked, struct reads *reads)
{
    struct gateway *gateway = call->gateway;
    enum fl_error error = fl_store_read_begin(gateway->registry, &reads->registry);
    if (error != FL_OK)
        return error;
    asked->source.registry = reads->registry.kv;
    /* The devices view may be a moment behind or being rebuilt: readings are then unknown. */
    if (fl_store_read_begin(gateway->devices, &reads->devices) == FL_OK)
        asked->source.devices = reads->devices.kv;
    if (fl_store_read_begin(gateway->people, &reads->people) == FL_OK)
        asked->people = reads->people.kv;
    if (fl_store_read_begin(gateway->history, &reads->history) == FL_OK)
        asked->source.history = reads->history.kv;
    error = fl_store_read_begin(gateway->eventlog, &reads->eventlog);
    if (error == FL_OK)
        asked->source.eventlog = reads->eventlog.kv;
    return error;
}

static enum fl_error end_reads(struct reads *reads, enum fl_error error)
{
    struct fl_store_read *all[] = {&reads->history, &reads->eventlog, &reads->people,
                                   &reads->devices, &reads->registry};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        enum fl_error own = all[i]->kv == NULL ? FL_OK : fl_store_read_end(all[i]);
        error = error == FL_OK ? own : error;
    }
    return error;
}

/* False after answering. */
static bool fill(struct call *call, struct asked *asked, struct fl_document *document)
{
    struct reads reads = {.registry = {.kv = NULL}};
    enum fl_error error = begin_reads(call, asked, &reads);
    bool sees = error == FL_OK && sees_named(call, asked);
    if (sees)
        error = fl_document_fill(document, asked->kind, &asked->source);
    error = end_reads(&reads, error);
    if (error == FL_OK || (!sees && call->answer->status != 0))
        return sees;
    fl_call_error(call, error);
    return false;
}

/* The chart's number; false after answering 400. */
static bool find_chart(struct call *call, const struct asked *asked,
                       const struct fl_document *document, size_t *chart)
{
    *chart = 0;
    if (asked->format != FL_DOCUMENT_SVG)
        return true;
    for (; asked->chart != NULL && *chart < document->chart_count; ++*chart)
        if (strcmp(document->charts[*chart].name, asked->chart) == 0)
            return true;
    if (asked->chart == NULL && document->chart_count > 0)
        return true;
    fl_call_problem(call, 400, "The report has no chart of this name", NULL, "chart");
    return false;
}

void fl_call_send_document(struct call *call, struct fl_document *document,
                           enum fl_document_format format, size_t chart, const char *directory,
                           const char *name)
{
    FILE *out = NULL;
    enum fl_error error = fl_document_open_file(directory, &out);
    if (error == FL_OK)
        error = fl_document_render(document, format, chart, directory, out);
    int fd = error == FL_OK ? dup(fileno(out)) : -1;
    if (out != NULL)
        fclose(out);
    if (error != FL_OK || fd < 0) {
        fl_call_error(call, error != FL_OK ? error : FL_IO);
        return;
    }
    const struct fl_download download = {name, fl_document_media_type(format), document->sequence};
    fl_call_download(call, fd, &download);
}

static void send_report(struct call *call, const struct asked *asked, struct fl_document *document,
                        const char *directory)
{
    char name[FL_DOWNLOAD_NAME_SIZE];
    char stamp[FL_TIMESTAMP_TEXT_SIZE];
    size_t chart = 0;
    if (!find_chart(call, asked, document, &chart))
        return;
    fl_timestamp_format(document->as_of_ms, stamp);
    snprintf(name, sizeof(name), "fleetlog-%s-%.10s%s%s.%s", fl_document_kind_name(asked->kind),
             stamp, asked->format == FL_DOCUMENT_SVG ? "-" : "",
             asked->format == FL_DOCUMENT_SVG ? document->charts[chart].name : "",
             fl_document_format_name(asked->format));
    fl_call_send_document(call, document, asked->format, chart, directory, name);
}

static void make(struct call *call, struct asked *asked)
{
    char directory[PATH_MAX];
    struct fl_document *document = calloc(1, sizeof(*document));
    fl_datadir_path(call->gateway->duty->datadir, "run", directory);
    enum fl_error error = document == NULL ? FL_NO_MEMORY : fl_document_open(directory, document);
    if (error != FL_OK) {
        fl_call_error(call, error);
    } else {
        document->go_on = go_on;
        document->context = call;
        if (fill(call, asked, document))
            send_report(call, asked, document, directory);
    }
    if (document != NULL)
        fl_document_close(document);
    free(document);
}

bool fl_call_begin_report(struct call *call)
{
    enum { UNDER_WAY_MAX = 2 };
    if (atomic_fetch_add(&call->gateway->report_count, 1) < UNDER_WAY_MAX)
        return true;
    fl_call_end_report(call);
    call->answer->retry_after_s = 5;
    fl_call_problem(call, 503, "Other reports are being made", "try again in a few seconds", NULL);
    return false;
}

void fl_call_end_report(struct call *call)
{
    atomic_fetch_sub(&call->gateway->report_count, 1);
}

void fl_route_get_report(struct call *call)
{
    struct asked asked = {.call = call};
    asked.source.arena = &call->scratch;
    asked.source.person = person_name;
    asked.source.may_see = may_see;
    asked.source.context = &asked;
    if (!read_words(call, &asked) || !aim(call, &asked))
        return;
    if (!fl_call_begin_report(call))
        return;
    make(call, &asked);
    fl_call_end_report(call);
}
