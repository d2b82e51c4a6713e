/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The four reports, filled from the views of one moment.
 *
 *   inventory    what there is: identity, age, parts, status, dates, battery
 *   renewals     what has to be replaced or renewed, by quarter, and its price; nothing operational
 *   operational  how it runs: status, readings, and whether each device fits its load
 *   events       the Event Log of thirty days: by severity, then newest; counts
 *
 * Time is that of the newest event that the registry has applied, so that the same views make the
 * same report. What cannot be known is UNKNOWN; nothing is guessed. Whether the reader may see a
 * device is `may_see`'s answer.
 *
 * Threading: one thread. Allocation: the arena, which is reset between devices. Errors: those of
 * the views, FL_TOO_LARGE, and the report's own.
 */
#include "core/arena.h"
#include "projections/devices/devices.h"
#include "projections/eventlog/eventlog.h"
#include "projections/registry/registry.h"
#include "projections/reports/document.h"

enum fl_document_kind {
    FL_DOCUMENT_INVENTORY,
    FL_DOCUMENT_RENEWALS,
    FL_DOCUMENT_OPERATIONAL,
    FL_DOCUMENT_EVENTS,
    FL_DOCUMENT_KIND_COUNT
};

/* "inventory"; false: there is no such report. */
const char *fl_document_kind_name(enum fl_document_kind kind);
bool fl_document_kind_of(const char *name, enum fl_document_kind *kind);

/* Which devices. */
enum fl_document_scope {
    FL_DOCUMENT_OF_COMPANY, /* its own */
    FL_DOCUMENT_OF_SHARED,  /* what is shared with the account */
    FL_DOCUMENT_OF_DEVICES  /* those that are named */
};

/* What is expected of a device, and what it needs then: "" and 0 where nothing is known. Texts live
 * in the source's arena. */
struct fl_document_outlook {
    int64_t made_ms;
    const char *made_basis;
    int64_t battery_since_ms;
    int64_t battery_due_ms;
    int64_t warranty_ms;       /* by the catalogue's months */
    const char *battery_basis; /* what the date rests on, and how far it can be trusted */
    const char *sku;
    const char *battery_part;
    const char *other_parts;
    const char *currency; /* of the price of the battery part */
    int64_t price_minor;  /* in hundredths */
};

struct fl_document_source {
    struct fl_kv *registry;
    struct fl_kv *devices;  /* NULL: readings cannot be had at the moment */
    struct fl_kv *history;  /* NULL: the same for temperatures of the past */
    struct fl_kv *eventlog; /* for FL_DOCUMENT_EVENTS alone */
    struct fl_arena *arena;
    enum fl_document_scope scope;
    struct fl_slice company_id; /* of the reader, or that the operator named */
    struct fl_slice account_id; /* FL_DOCUMENT_OF_SHARED */
    const char *const *device_ids;
    size_t device_count;
    const char *region;   /* whose prices; NULL: where there is only one */
    const char *location; /* only devices that stand there; NULL: all */
    enum fl_severity severity_min;
    bool is_operators; /* asked for by an operator in his own name */
    bool (*may_see)(void *context, const fl_device_row *row);
    bool is_for_others; /* for a reseller: neither names nor places */
    /* Names for the Event Log of a company; results live in the arena. */
    const char *(*person)(void *context, const char *subject_id);
    void *context;
};

/* Fills a report that was just opened, and finishes it. */
enum fl_error fl_document_fill(struct fl_document *report, enum fl_document_kind kind,
                               const struct fl_document_source *source) FL_MUST_USE;
