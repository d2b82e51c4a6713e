/* SPDX-License-Identifier: Apache-2.0 */
/* The buyer's ledger as a file: each license, what it cost, and where each of its nodes is. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/datadir.h"
#include "producers/gateway/download.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/operator_names.h"
#include "projections/registry/machines.h"
#include "projections/registry/plan.h"
#include "projections/registry/rights.h"
#include "projections/reports/render.h"

enum { COLUMN_COUNT = 19, LICENSE_COLUMN_COUNT = 11, LICENSES_AT_ONCE = 100, NODES_AT_ONCE = 1000 };

static const struct fl_document_column columns[COLUMN_COUNT] = {
    {"licenseId", "License", FL_DOCUMENT_TEXT, "", 0, 36, true},
    {"state", "State", FL_DOCUMENT_TEXT, "", 0, 9, false},
    {"plan", "Plan", FL_DOCUMENT_TEXT, "", 0, 9, false},
    {"nodeCount", "Nodes", FL_DOCUMENT_NUMBER, "", 0, 6, false},
    {"termDays", "Term", FL_DOCUMENT_NUMBER, "days", 0, 6, false},
    {"mintedAt", "Bought", FL_DOCUMENT_TIME, "", 0, 19, false},
    {"purchaseOrder", "Order", FL_DOCUMENT_TEXT, "", 0, 16, false},
    {"paymentTerms", "Payment", FL_DOCUMENT_TEXT, "", 0, 12, true},
    {"volumeTier", "Tier", FL_DOCUMENT_TEXT, "", 0, 6, true},
    {"netMinor", "Net of the license", FL_DOCUMENT_NUMBER, "smallest units", 0, 10, false},
    {"currency", "Currency", FL_DOCUMENT_TEXT, "", 0, 5, false},
    {"number", "Node", FL_DOCUMENT_NUMBER, "", 0, 5, false},
    {"device", "Device", FL_DOCUMENT_TEXT, "", 0, 16, false},
    {"deviceId", "Device id", FL_DOCUMENT_TEXT, "", 0, 36, true},
    {"owner", "Owner", FL_DOCUMENT_TEXT, "", 0, 16, false},
    {"appliedBy", "Applied by", FL_DOCUMENT_TEXT, "", 0, 16, false},
    {"appliedAt", "From", FL_DOCUMENT_TIME, "", 0, 19, false},
    {"endsAt", "Until", FL_DOCUMENT_TIME, "", 0, 19, false},
    {"end", "End", FL_DOCUMENT_TEXT, "", 0, 12, false},
};

struct ledger {
    struct call *call;
    struct fl_kv *registry;
    struct fl_kv *people; /* NULL: names are not known just now */
    struct fl_document *document;
    int64_t row_count;
};

static struct fl_document_cell count_cell(int64_t count)
{
    return fl_cell_number(count * 1000);
}

static void put_license(const fl_license_row *row, struct fl_document_cell *cells)
{
    cells[0] = fl_cell_text(row->license_id);
    cells[1] = fl_cell_text(fl_sm_name(&fl_license_machine, row->state));
    cells[2] = fl_cell_text(fl_plan_name((enum fl_plan)row->plan));
    cells[3] = count_cell(row->node_count);
    cells[4] = count_cell(row->term_days);
    cells[5] = fl_cell_number(row->minted_at_ms);
    cells[6] = fl_cell_text(row->purchase_order);
    cells[7] = fl_cell_text(row->payment_terms);
    cells[8] = fl_cell_text(row->volume_tier);
    cells[9] = count_cell(row->net_minor);
    cells[10] = fl_cell_text(row->currency);
    for (size_t i = LICENSE_COLUMN_COUNT; i < COLUMN_COUNT; i++)
        cells[i] = fl_cell_text("");
}

/* The device's name is for those who may see the device; who bought the license need not. */
static void put_node(const struct ledger *l, const fl_application_row *row,
                     struct fl_document_cell *cells)
{
    struct call *call = l->call;
    struct fl_arena *arena = &call->scratch;
    const fl_company_row *owner =
        fl_registry_company(l->registry, arena, fl_slice_text(row->company_id));
    const fl_device_row *device =
        fl_registry_device(l->registry, arena, fl_slice_text(row->device_id));
    bool may_see = !fl_call_is_for_account(call) ||
                   fl_registry_may(l->registry, arena, call->identity.on_behalf_of,
                                   fl_slice_text(row->device_id), FL_RIGHT_VIEW,
                                   fl_port_wall_ms(call->gateway->duty->port));
    const char *person = row->account_id[0] == '\0'
                             ? NULL
                             : fl_call_person_name(call, arena, l->registry, l->people,
                                                   row->account_id, FL_SLICE_NULL);
    cells[11] = count_cell(row->number);
    cells[12] = fl_cell_text(device != NULL && may_see ? device->name : "");
    cells[13] = fl_cell_text(row->device_id);
    cells[14] = fl_cell_text(owner == NULL ? NULL : owner->name);
    cells[15] = fl_cell_text(person != NULL ? person : row->applied_by);
    cells[16] = fl_cell_number(row->applied_at_ms);
    cells[17] = fl_cell_number(
        row->ended_at_ms != 0 ? row->ended_at_ms : fl_application_ends_ms(l->registry, arena, row));
    cells[18] = fl_cell_text(fl_application_end_name(row->end));
}

/* A license of which no node was ever applied has a line of its own: it was bought, too. */
static enum fl_error add_license(struct ledger *l, const fl_license_row *license)
{
    struct fl_document_cell cells[COLUMN_COUNT];
    struct fl_page page = {.limit = NODES_AT_ONCE};
    struct fl_rows rows = {.count = 0};
    char next[FL_CURSOR_SIZE];
    put_license(license, cells);
    if (license->application_count == 0)
        fl_document_add_row(l->document, 0, l->row_count++, cells);
    do {
        fl_arena_reset(&l->call->scratch);
        enum fl_error error = fl_registry_list(l->registry, &l->call->scratch, FL_LIST_APPLICATIONS,
                                               fl_slice_text(license->license_id), &page, &rows);
        if (error != FL_OK)
            return error;
        for (size_t i = 0; i < rows.count; i++) {
            put_node(l, rows.rows[i], cells);
            fl_document_add_row(l->document, 0, l->row_count++, cells);
        }
        memcpy(next, rows.next, sizeof(next));
        page.after = fl_slice_text(next);
    } while (next[0] != '\0');
    return l->document->error;
}

static enum fl_error add_licenses(struct ledger *l)
{
    bool own = fl_call_is_for_account(l->call);
    struct fl_page page = {.limit = LICENSES_AT_ONCE};
    struct fl_rows rows = {.count = 0};
    char next[sizeof(rows.next)] = "";
    do {
        enum fl_error error = fl_registry_list(
            l->registry, &l->call->arena, own ? FL_LIST_LICENSES : FL_LIST_ALL_LICENSES,
            own ? l->call->identity.company_id : FL_SLICE_NULL, &page, &rows);
        for (size_t i = 0; error == FL_OK && i < rows.count; i++)
            error = add_license(l, rows.rows[i]);
        if (error != FL_OK)
            return error;
        memcpy(next, rows.next, sizeof(next)); /* the next list begins with empty rows */
        page.after = fl_slice_text(next);
    } while (next[0] != '\0');
    return FL_OK;
}

static enum fl_error fill(struct call *call, struct fl_document *document)
{
    struct fl_store_read registry = {.kv = NULL};
    struct fl_store_read people = {.kv = NULL};
    struct ledger ledger = {.call = call, .document = document};
    uint64_t sequence = 0;
    document->name = "ledger";
    document->title = "Ledger of licenses";
    document->as_of_ms = fl_port_wall_ms(call->gateway->duty->port);
    if (fl_call_sequence(call, &sequence))
        document->sequence = sequence;
    fl_document_add_table(document, "nodes", "Nodes of licenses", columns, COLUMN_COUNT);
    enum fl_error error = fl_store_read_begin(call->gateway->registry, &registry);
    if (error != FL_OK)
        return error;
    ledger.registry = registry.kv;
    if (fl_store_read_begin(call->gateway->people, &people) == FL_OK)
        ledger.people = people.kv;
    error = add_licenses(&ledger);
    if (people.kv != NULL && fl_store_read_end(&people) != FL_OK && error == FL_OK)
        error = FL_UNAVAILABLE;
    enum fl_error end = fl_store_read_end(&registry);
    error = error == FL_OK ? end : error;
    return error == FL_OK ? fl_document_finish(document) : error;
}

/* ?format=csv (also json, xlsx, pdf): whatever it is called there, it is saved under a name. */
void fl_route_get_ledger(struct call *call)
{
    char directory[PATH_MAX];
    char name[FL_DOWNLOAD_NAME_SIZE];
    enum fl_document_format format = FL_DOCUMENT_CSV;
    const char *word = fl_http_query(call->request, "format");
    if (word != NULL && (!fl_document_format_of(word, &format) || format == FL_DOCUMENT_SVG)) {
        fl_call_problem(call, 400, "format must be csv, json, xlsx or pdf", NULL, "format");
        return;
    }
    if (!fl_call_begin_report(call))
        return;
    struct fl_document *document = calloc(1, sizeof(*document));
    fl_datadir_path(call->gateway->duty->datadir, "run", directory);
    snprintf(name, sizeof(name), "fleetlog-ledger.%s", fl_document_format_name(format));
    enum fl_error error = document == NULL ? FL_NO_MEMORY : fl_document_open(directory, document);
    if (error == FL_OK)
        error = fill(call, document);
    if (error == FL_OK)
        fl_call_send_document(call, document, format, 0, directory, name);
    else
        fl_call_error(call, error);
    if (document != NULL)
        fl_document_close(document);
    free(document);
    fl_call_end_report(call);
}
