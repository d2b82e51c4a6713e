/* SPDX-License-Identifier: Apache-2.0 */
/* Mails of resellers and installers. */
#include <string.h>

#include "consumers/mailer/about.h"
#include "core/license_code.h"
#include "projections/registry/plan.h"
#include "projections/registry/registry.h"
#include "projections/registry/reseller.h"

const char *fl_lifecycle_words(Fleetlog__V1__LifecycleFact fact)
{
    switch ((int)fact) {
    case FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT:
        return "Battery replacement due";
    case FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_WARRANTY_END:
        return "Warranty ends";
    case FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END:
        return "Plan ends";
    default:
        return "A date is near";
    }
}

static const char *or_ups(const char *model)
{
    return model[0] == '\0' ? "UPS" : model;
}

/* A line per date. */
static const char *list(struct fl_arena *arena, const struct fl_renewals *renewals)
{
    const char *lines = "";
    for (size_t i = 0; lines != NULL && i < renewals->count; i++) {
        const struct fl_renewal *one = &renewals->items[i];
        lines = fl_arena_printf(arena, "%s%s%s%s%s%s%s%s%s: %s %s", lines, i == 0 ? "" : "\n",
                                or_ups(one->model), one->sku[0] == '\0' ? "" : ", SKU ", one->sku,
                                one->part[0] == '\0' ? "" : ", part ", one->part,
                                one->price[0] == '\0' ? "" : ", ", one->price,
                                fl_lifecycle_words(one->fact), one->date);
    }
    if (lines != NULL && renewals->more)
        lines = fl_arena_printf(arena, "%s\nand more", lines);
    return renewals->count == 0 ? "No date is known." : lines;
}

/* Who linked the reseller, while he is of the company. */
static const char *contact_of(const struct fl_composer *c, const fl_reseller_link_row *link)
{
    const char *contact = "";
    if (!fl_id_is_valid(fl_slice_text(link->linked_by)))
        return "";
    const fl_account_row *account =
        fl_registry_account(c->registry, c->arena, fl_slice_text(link->linked_by));
    if (account == NULL || strcmp(account->company_id, link->company_id) != 0 ||
        fl_compose_address(c, link->linked_by, 0, &contact) != FL_COMPOSED)
        return "";
    return contact;
}

/* The date that a notice is about, as it still stands; NULL: it does not. */
static const struct fl_renewal *noticed(const struct fl_renewals *renewals,
                                        const fl_outbox_row *row)
{
    for (size_t i = 0; i < renewals->count; i++)
        if ((uint32_t)renewals->items[i].fact == row->fact &&
            strcmp(renewals->items[i].date, row->due_date) == 0)
            return &renewals->items[i];
    return NULL;
}

/* The words of a mail out of what a reseller may know; false: there is nothing to say any more. */
static bool add_renewals(const struct fl_composer *c, const fl_outbox_row *row,
                         const struct fl_renewals *renewals, struct values *values)
{
    bool is_report = row->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWALS_REPORT;
    fl_values_add(values, "contact", renewals->contact);
    if (row->kind != FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWAL_NOTICE) {
        fl_values_add(values, "dates", list(c->arena, renewals));
        return is_report || renewals->count != 0;
    }
    const struct fl_renewal *one = noticed(renewals, row);
    if (one == NULL)
        return false;
    fl_values_add(values, "what", fl_lifecycle_words(one->fact));
    fl_values_add(values, "date", one->date);
    fl_values_add(values, "model", or_ups(one->model));
    fl_values_add(values, "sku", one->sku);
    fl_values_add(values, "part", one->part);
    fl_values_add(values, "price", one->price);
    return true;
}

/* Reads what the mail is about: of the whole company for a report, else of the devices it names. */
static bool read_renewals(const struct fl_composer *c, const fl_outbox_row *row,
                          const fl_reseller_link_row *link, struct values *values)
{
    struct fl_renewals renewals = {.count = 0};
    struct fl_renewals_query query = {.company_id = link->company_id};
    if (row->kind != FLEETLOG__V1__MAIL_KIND__MAIL_KIND_RENEWALS_REPORT) {
        query.device_ids = row->device_ids;
        query.device_count = row->n_device_ids;
        if (query.device_count == 0)
            return false;
    }
    enum fl_error error = c->renewals->read(c->renewals->context, c->arena, &query, &renewals);
    if (error != FL_OK) {
        fl_kv_fail(c->registry, error);
        return false;
    }
    renewals.contact = contact_of(c, link);
    return add_renewals(c, row, &renewals, values);
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
        (!offer && !read_renewals(c, row, link, values)))
        return (struct about){false, NULL, 0, 0};
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
