/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/decide_firmware.h"

#include <string.h>

#include "fleetlog/v1/firmware.pb-c.h"
#include "projections/registry/deciding.h"
#include "projections/telemetry/firmware.h"

static struct fl_slice trimmed(const char *text)
{
    size_t size = strlen(text);
    while (size > 0 && text[size - 1] == ' ')
        size--;
    return fl_slice_of(text, size);
}

/* The next published image of a walk over all of them; NULL: no more. */
static const fl_firmware_row *next_published(struct fl_deciding *d, struct fl_kv_walk *walk)
{
    while (fl_kv_walk_next(walk)) {
        const fl_firmware_row *row =
            fl_row_decode(d->kv, d->arena, FL_TABLE_FIRMWARES, walk->value);
        if (row != NULL && row->state == FL_FIRMWARE_PUBLISHED)
            return row;
    }
    return NULL;
}

const ProtobufCMessage *fl_decide_publish_firmware(struct fl_deciding *d)
{
    const Fleetlog__V1__PublishFirmware *action = (const Fleetlog__V1__PublishFirmware *)d->message;
    struct fl_kv_walk walk;
    const fl_firmware_row *row;
    uint32_t count = 0;
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_FIRMWARES, fl_slice_text(action->firmware_id)) !=
        NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is an image with this id.");
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_FIRMWARES, FL_SLICE_NULL);
    while ((row = next_published(d, &walk)) != NULL) {
        count++;
        if (strcmp(row->model, action->model) == 0 && strcmp(row->version, action->version) == 0 &&
            strcmp(row->internal_id, action->internal_id) == 0)
            return fl_reject(
                d, FL_REJECT(EXISTS),
                "This version is published for this model already; withdraw it first.");
    }
    if (count >= d->rules->limits.firmware_count_max)
        return fl_rejectf(d, FL_REJECT(LIMIT), "%u images are published; withdraw some first.",
                          count);
    Fleetlog__V1__FirmwarePublished *event = fl_answer(d, FL_MESSAGE_FirmwarePublished);
    event->firmware_id = action->firmware_id;
    event->model = action->model;
    event->version = action->version;
    event->internal_id = action->internal_id;
    event->from_versions = action->from_versions;
    event->n_from_versions = action->n_from_versions;
    event->size = action->size;
    event->sha256 = action->sha256;
    event->signature = action->signature;
    return &event->base;
}

const ProtobufCMessage *fl_decide_withdraw_firmware(struct fl_deciding *d)
{
    const Fleetlog__V1__WithdrawFirmware *action =
        (const Fleetlog__V1__WithdrawFirmware *)d->message;
    const fl_firmware_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_FIRMWARES, fl_slice_text(action->firmware_id));
    if (row == NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such image.");
    if (row->state != FL_FIRMWARE_PUBLISHED)
        return fl_reject(d, FL_REJECT(WRONG_STATE), "This image has been withdrawn already.");
    Fleetlog__V1__FirmwareWithdrawn *event = fl_answer(d, FL_MESSAGE_FirmwareWithdrawn);
    event->firmware_id = row->firmware_id;
    event->model = row->model;
    event->version = row->version;
    return &event->base;
}

static bool has_stone(const fl_firmware_row *row, const struct fl_firmware_version *present)
{
    for (size_t i = 0; i < row->n_from_versions; i++)
        if (fl_firmware_is_stone(present, row->from_versions[i]))
            return true;
    return false;
}

/* The image that leads on from the present version; NULL: none. */
static const fl_firmware_row *next_stone(struct fl_deciding *d, struct fl_slice model,
                                         const struct fl_firmware_version *present)
{
    struct fl_kv_walk walk;
    const fl_firmware_row *row;
    fl_kv_walk_begin(&walk, d->kv, FL_TABLE_FIRMWARES, FL_SLICE_NULL);
    while ((row = next_published(d, &walk)) != NULL)
        if (fl_slice_is(model, row->model) && has_stone(row, present))
            return row;
    return NULL;
}

bool fl_firmware_is_offered(struct fl_deciding *d, const char *firmware_id)
{
    const fl_firmware_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_FIRMWARES, fl_slice_text(firmware_id));
    return row != NULL && row->state == FL_FIRMWARE_PUBLISHED;
}

const char *fl_firmware_refusal(struct fl_deciding *d, const char *firmware_id,
                                const fl_capabilities_row *device)
{
    struct fl_firmware_version present;
    const fl_firmware_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_FIRMWARES, fl_slice_text(firmware_id));
    if (row == NULL || row->state != FL_FIRMWARE_PUBLISHED)
        return "There is no such image, or it has been withdrawn.";
    struct fl_slice model = trimmed(device->identity == NULL ? "" : device->identity->model);
    if (!fl_slice_is(model, row->model))
        return fl_arena_printf(d->arena, "This image is for the model %s.", row->model);
    if (!fl_firmware_parse(fl_slice_text(device->identity->firmware), &present))
        return "It is not known which firmware this device has.";
    if (fl_firmware_is(&present, row->version, row->internal_id))
        return "This device has this firmware already.";
    if (has_stone(row, &present))
        return NULL;
    const fl_firmware_row *stone = next_stone(d, model, &present);
    return stone == NULL
               ? fl_arena_printf(d->arena, "No image leads on from the firmware %s of this device.",
                                 present.version)
               : fl_arena_printf(d->arena,
                                 "This image cannot be installed over %s; install %s first.",
                                 present.version, stone->version);
}
