/* SPDX-License-Identifier: Apache-2.0 */
/* What is expected of a device: dates that somebody set or forecast, parts that are known. */
#include <string.h>

#include "projections/registry/lifecycle.h"
#include "projections/reports/filling.h"

int64_t fl_filling_date(struct filling *f, const struct filling_device *device, int fact,
                        const char **basis)
{
    const fl_lifecycle_row *row =
        fl_registry_lifecycle(f->source->registry, f->source->arena, device->row->device_id,
                              (Fleetlog__V1__LifecycleFact)fact);
    *basis = "";
    if (row == NULL || row->due_date[0] == '\0')
        return 0;
    *basis = row->basis == FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_OWNER     ? "set by hand"
             : row->basis == FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_LICENSE ? "license"
                                                                                    : "forecast";
    return row->date_ms;
}

struct fl_document_cell fl_filling_date_cell(int64_t ms)
{
    return ms == 0 ? fl_cell_unknown() : fl_cell_number(ms);
}

/* A part number that the device itself reports; "" if it reports none. */
static const char *reported(struct filling *f, const struct filling_device *device,
                            const char *const *names)
{
    for (; *names != NULL; names++) {
        const char *value = fl_filling_raw(f, device, *names);
        if (value != NULL && value[strspn(value, " \t")] != '\0')
            return value;
    }
    return "";
}

void fl_filling_outlook(struct filling *f, const struct filling_device *device,
                        struct fl_document_outlook *out)
{
    static const char *const sku_names[] = {"device.sku", "experimental.device.sku", NULL};
    static const char *const part_names[] = {"battery.sku", "experimental.battery.sku", NULL};
    const char *basis = "";
    *out = (struct fl_document_outlook){.made_basis = "",
                                        .battery_basis = "",
                                        .sku = "",
                                        .battery_part = "",
                                        .other_parts = "",
                                        .currency = ""};
    if (f->source->outlook != NULL)
        f->source->outlook(f->source->context, device->row, out);
    int64_t set_ms = fl_filling_date(
        f, device, FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT, &basis);
    /* What the owner has set or accepted goes before what was computed since. */
    if (set_ms != 0 && (out->battery_due_ms == 0 || strcmp(basis, "set by hand") == 0)) {
        out->battery_due_ms = set_ms;
        out->battery_basis = basis;
    }
    if (out->sku[0] == '\0')
        out->sku = reported(f, device, sku_names);
    if (out->battery_part[0] == '\0')
        out->battery_part = reported(f, device, part_names);
}
