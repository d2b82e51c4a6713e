/* SPDX-License-Identifier: Apache-2.0 */
/* Mails to owners: dates of their devices, ends of their licenses, the last mail to somebody. */
#include <string.h>

#include "consumers/mailer/about.h"
#include "projections/registry/lifecycle.h"
#include "projections/registry/plan.h"
#include "projections/registry/recipients.h"
#include "projections/registry/registry.h"

static const struct about nothing;

/* The company's name, as the line that says why somebody gets a mail needs it. */
static void add_why(const struct fl_composer *c, struct values *values, const char *who,
                    const char *company_id)
{
    const fl_company_row *company =
        fl_registry_company(c->registry, c->arena, fl_slice_text(company_id));
    fl_values_add(values, "why",
                  fl_arena_printf(c->arena, "You get this mail because you are %s of %s.", who,
                                  company == NULL ? "a company" : company->name));
}

/* Still his device, still that date, still an administrator who wants it. */
struct about fl_about_owner_notice(const struct fl_composer *c, const fl_outbox_row *row,
                                   struct values *values)
{
    const fl_device_row *device =
        fl_registry_device(c->registry, c->arena, fl_slice_text(row->thing_id));
    const fl_lifecycle_row *date = fl_registry_lifecycle(c->registry, c->arena, row->thing_id,
                                                         (Fleetlog__V1__LifecycleFact)row->fact);
    if (device == NULL || device->state != FL_DEVICE_ACTIVE ||
        strcmp(device->company_id, row->company_id) != 0 || date == NULL ||
        strcmp(date->due_date, row->due_date) != 0 ||
        !fl_notice_is_wanted(c->registry, c->arena, row->kind, row->company_id, row->thing_id,
                             row->subject_id))
        return nothing;
    fl_values_add(values, "what", fl_lifecycle_words(date->fact));
    fl_values_add(values, "date", date->due_date);
    fl_values_add(values, "device", device->name);
    fl_values_add(values, "location", device->location);
    fl_values_add(values, "link",
                  fl_arena_printf(c->arena, "%s/devices/%s", c->public_url, device->device_id));
    add_why(c, values, "an administrator", row->company_id);
    return (struct about){true, row->company_id, 0, 0};
}

/* What it was, and nothing of where it was applied: an installer need not see the devices. */
struct about fl_about_license_ended(const struct fl_composer *c, const fl_outbox_row *row,
                                    struct values *values)
{
    const fl_license_row *license =
        fl_row_by_id(c->registry, c->arena, FL_TABLE_LICENSES, fl_slice_text(row->thing_id));
    if (license == NULL || license->used_count != license->node_count)
        return nothing;
    bool is_installer = strcmp(license->subject_id, row->subject_id) == 0;
    if (!is_installer && !fl_notice_is_wanted(c->registry, c->arena, row->kind, row->company_id,
                                              NULL, row->subject_id))
        return nothing;
    fl_values_add(values, "plan", fl_plan_name((enum fl_plan)license->plan));
    fl_values_add(values, "count",
                  license->node_count == 1
                      ? "1 node"
                      : fl_arena_printf(c->arena, "%u nodes", license->node_count));
    fl_values_add(values, "days", fl_arena_printf(c->arena, "%u", license->term_days));
    fl_values_add(values, "since", fl_mail_time(c->arena, license->minted_at_ms));
    fl_values_add(values, "until", fl_mail_time(c->arena, row->at_ms));
    add_why(c, values, is_installer ? "the installer of a license" : "an administrator",
            license->company_id);
    return (struct about){true, license->company_id, 0, 0};
}

struct about fl_about_erasure(const struct fl_composer *c, const fl_outbox_row *row,
                              struct values *values)
{
    fl_values_add(values, "since", fl_mail_time(c->arena, row->at_ms));
    fl_values_add(values, "why", "This is the last mail that fleetlog sends to this address.");
    return (struct about){true, NULL, 0, 0};
}
