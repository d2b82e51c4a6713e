/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware images. */
#include "fleetlog/v1/firmware.pb-c.h"
#include "projections/registry/fold.h"

bool fl_fold_firmware_published(struct fl_folding *f)
{
    const Fleetlog__V1__FirmwarePublished *event =
        (const Fleetlog__V1__FirmwarePublished *)f->input->message;
    fl_firmware_row row = FLEETLOG__ROWS__V1__FIRMWARE_ROW__INIT;
    if (!fl_fold_move(f, &fl_firmware_machine, &row.state, FL_FIRMWARE_PUBLISHED,
                      event->firmware_id))
        return false;
    row.firmware_id = event->firmware_id;
    row.model = event->model;
    row.version = event->version;
    row.internal_id = event->internal_id;
    row.from_versions = event->from_versions;
    row.n_from_versions = event->n_from_versions;
    row.size = event->size;
    row.sha256 = event->sha256;
    row.signature = event->signature;
    row.published_at_ms = f->now_ms;
    row.published_by = f->actor;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_FIRMWARES, row.firmware_id, &row.base);
    return true;
}

bool fl_fold_firmware_withdrawn(struct fl_folding *f)
{
    const Fleetlog__V1__FirmwareWithdrawn *event =
        (const Fleetlog__V1__FirmwareWithdrawn *)f->input->message;
    fl_firmware_row *row = fl_fold_row(f, FL_TABLE_FIRMWARES, event->firmware_id);
    if (row == NULL || !fl_fold_move(f, &fl_firmware_machine, &row->state, FL_FIRMWARE_WITHDRAWN,
                                     event->firmware_id))
        return false;
    row->withdrawn_at_ms = f->now_ms;
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_FIRMWARES, row->firmware_id, &row->base);
    return true;
}
