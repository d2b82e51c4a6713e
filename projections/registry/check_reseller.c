/* SPDX-License-Identifier: Apache-2.0 */
/* Invariants of links with resellers and of the dates of devices. */
#include <string.h>

#include "projections/registry/check.h"
#include "projections/registry/lifecycle.h"
#include "projections/registry/reseller.h"

bool fl_check_reseller_link(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_reseller_link_row *row = opaque;
    struct fl_due due;
    struct fl_key entry;
    bool lives = row->state == FL_RESELLER_LINK_OFFERED || row->state == FL_RESELLER_LINK_LINKED;
    if (!fl_check_own(c, key, FL_TABLE_RESELLER_LINKS, row->link_id) ||
        !fl_check_state(c, &fl_reseller_link_machine, row->state, row->link_id))
        return false;
    const fl_reseller_link_row *listed = fl_registry_reseller_of(c->kv, &c->arena, row->company_id);
    if ((listed != NULL && strcmp(listed->link_id, row->link_id) == 0) != lives)
        return fl_broken(c, 51, "link %s of its company", row->link_id);
    fl_key_pair(&entry, FL_INDEX_PERSON_RESELLER_LINKS, row->subject_id, row->link_id);
    if (fl_has_entry(c, &entry) != lives)
        return fl_broken(c, 51, "link %s of its reseller", row->link_id);
    fl_due_of_reseller_link(row, &due);
    return !lives || fl_due_is_set(c->kv, &due) || fl_broken(c, 12, "link %s", row->link_id);
}

bool fl_check_company_reseller(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_reseller_link_row *row =
        fl_registry_reseller_link(c->kv, &c->arena, fl_slice_text(entry->member));
    return row != NULL && strcmp(row->company_id, entry->owner) == 0;
}

bool fl_check_person_link(struct fl_checking *c, const struct fl_index_entry *entry)
{
    const fl_reseller_link_row *row =
        fl_registry_reseller_link(c->kv, &c->arena, fl_slice_text(entry->member));
    return row != NULL && strcmp(row->subject_id, entry->owner) == 0;
}

bool fl_check_lifecycle(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_lifecycle_row *row = opaque;
    struct fl_key own;
    struct fl_due due;
    int64_t date_ms = 0;
    fl_key_lifecycle(&own, row->device_id, row->fact);
    if (!fl_slice_equal(fl_key_slice(&own), key))
        return fl_broken(c, 1, "a date of %s", row->device_id);
    const fl_device_row *device =
        fl_registry_device(c->kv, &c->arena, fl_slice_text(row->device_id));
    (void)fl_date_parse(row->due_date, &date_ms);
    if (device == NULL || device->state != FL_DEVICE_ACTIVE || date_ms != row->date_ms ||
        row->n_told > FL_LIFECYCLE_DATE_COUNT_MAX)
        return fl_broken(c, 50, "a date of %s", row->device_id);
    fl_due_of_lifecycle(row, &due);
    if (due.at_ms != 0 && !fl_due_is_set(c->kv, &due))
        return fl_broken(c, 12, "a date of %s", row->device_id);
    return row->fact != FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END ||
           fl_check_plan_end(c, row);
}
