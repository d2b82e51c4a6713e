/* SPDX-License-Identifier: Apache-2.0 */
/* Mails of resellers and installers. */
#include <string.h>

#include "consumers/mailer/about.h"
#include "core/license_code.h"
#include "projections/registry/lifecycle.h"
#include "projections/registry/plan.h"
#include "projections/registry/registry.h"
#include "projections/registry/reseller.h"

enum { LISTED_COUNT_MAX = 100, FACT_COUNT = 3 };

static const struct {
    Fleetlog__V1__LifecycleFact fact;
    const char *words;
} facts[FACT_COUNT] = {
    {FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT, "Battery replacement due"},
    {FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_WARRANTY_END, "Warranty ends"},
    {FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END, "Plan ends"},
};

static const char *words_of(uint32_t fact)
{
    for (size_t i = 0; i < FACT_COUNT; i++)
        if ((uint32_t)facts[i].fact == fact)
            return facts[i].words;
    return "A date is near";
}

/* What a device is, never what its owner calls it. */
static const char *model_of(const struct fl_composer *c, const char *device_id)
{
    const fl_capabilities_row *row =
        fl_registry_capabilities(c->registry, c->arena, fl_slice_text(device_id));
    return row == NULL || row->identity == NULL || row->identity->model[0] == '\0'
               ? "UPS"
               : row->identity->model;
}

struct listing {
    const char *lines;
    uint32_t count;
};

/* A line per date of the device. */
static void list_device(const struct fl_composer *c, const char *device_id, struct listing *listing)
{
    for (size_t i = 0; i < FACT_COUNT && listing->lines != NULL; i++) {
        const fl_lifecycle_row *row =
            fl_registry_lifecycle(c->registry, c->arena, device_id, facts[i].fact);
        if (row == NULL || row->due_date[0] == '\0' || listing->count++ >= LISTED_COUNT_MAX)
            continue;
        listing->lines = fl_arena_printf(c->arena, "%s%s%s: %s %s", listing->lines,
                                         listing->lines[0] == '\0' ? "" : "\n",
                                         model_of(c, device_id), facts[i].words, row->due_date);
    }
}

static void list_company(const struct fl_composer *c, const char *company_id,
                         struct listing *listing)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    fl_key_list(&key, FL_INDEX_COMPANY_DEVICES, fl_slice_text(company_id));
    fl_kv_walk_begin(&walk, c->registry, FL_TABLE_INDEX, fl_key_slice(&key));
    while (listing->count <= LISTED_COUNT_MAX && fl_kv_walk_next(&walk)) {
        fl_key_tail_id(walk.key, id);
        list_device(c, id, listing);
    }
}

/* The date that the notice is about still stands. */
static bool still_due(const struct fl_composer *c, const fl_outbox_row *row)
{
    if (row->n_device_ids == 0)
        return false;
    const fl_lifecycle_row *date = fl_registry_lifecycle(c->registry, c->arena, row->device_ids[0],
                                                         (Fleetlog__V1__LifecycleFact)row->fact);
    return date != NULL && strcmp(date->due_date, row->due_date) == 0;
}

static void add_reseller_values(const struct fl_composer *c, const fl_outbox_row *row,
                                const fl_reseller_link_row *link, struct values *values)
{
    struct listing listing = {"", 0};
    const char *contact = "";
    bool report = row->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWALS_REPORT;
    if (report)
        list_company(c, link->company_id, &listing);
    for (size_t i = 0; !report && i < row->n_device_ids; i++)
        list_device(c, row->device_ids[i], &listing);
    if (listing.lines != NULL && listing.lines[0] == '\0')
        listing.lines = "No date is known.";
    if (fl_id_is_valid(fl_slice_text(link->linked_by)) &&
        fl_compose_address(c, link->linked_by, 0, &contact) != FL_COMPOSED)
        contact = "";
    fl_values_add(values, "dates", listing.lines);
    fl_values_add(values, "contact", contact);
    fl_values_add(values, "what", words_of(row->fact));
    fl_values_add(values, "date", row->due_date);
    fl_values_add(values, "model",
                  row->n_device_ids == 0 ? "UPS" : model_of(c, row->device_ids[0]));
}

struct about fl_about_reseller(const struct fl_composer *c, const fl_outbox_row *row,
                               struct values *values)
{
    const fl_reseller_link_row *link =
        fl_registry_reseller_link(c->registry, c->arena, fl_slice_text(row->thing_id));
    bool offer = row->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RESELLER_OFFER;
    if (link == NULL)
        return (struct about){false, NULL, 0, 0};
    unsigned state = fl_reseller_link_state_at(link->state, link->expires_at_ms, c->now_ms);
    if (state != (offer ? FL_RESELLER_LINK_OFFERED : FL_RESELLER_LINK_LINKED) ||
        (row->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWAL_NOTICE && !still_due(c, row)))
        return (struct about){false, NULL, 0, 0};
    if (!offer)
        add_reseller_values(c, row, link, values);
    return (struct about){true, link->company_id, offer ? link->expires_at_ms : 0,
                          link->link_key_generation};
}

struct about fl_about_license(const struct fl_composer *c, const fl_outbox_row *row,
                              struct values *values)
{
    char code[FL_LICENSE_CODE_TEXT_SIZE];
    const fl_license_row *license =
        fl_row_by_id(c->registry, c->arena, FL_TABLE_LICENSES, fl_slice_text(row->thing_id));
    if (license == NULL || license->ended_at_ms != 0 ||
        fl_license_code(c->keyring, license->link_key_generation, fl_slice_text(row->thing_id),
                        code) != FL_OK)
        return (struct about){false, NULL, 0, 0};
    fl_values_add(values, "code", fl_arena_text(c->arena, fl_slice_text(code)));
    fl_values_add(values, "plan", fl_plan_name((enum fl_plan)license->plan));
    fl_values_add(values, "count", fl_arena_printf(c->arena, "%u", license->node_count));
    fl_values_add(values, "days", fl_arena_printf(c->arena, "%u", license->term_days));
    return (struct about){true, license->company_id, 0, license->link_key_generation};
}
