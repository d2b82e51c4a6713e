/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/check_outbox.h"

#include "core/bytes.h"
#include "projections/registry/outbox.h"

bool fl_check_outbox(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_outbox_row *row = opaque;
    struct fl_key own;
    fl_key_outbox(&own, row->sequence, (uint32_t)row->kind, row->subject_id);
    if (!own.bad && !fl_slice_equal(fl_key_slice(&own), key))
        return fl_broken(c, 1, "mail for event %s", row->event_id);
    return fl_id_is_valid(fl_slice_text(row->subject_id)) ||
           fl_broken(c, 31, "mail for event %s goes to nobody", row->event_id);
}

bool fl_check_alert(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_alert_row *row = opaque;
    bool waits = row->state == FL_ALERT_WAITING || row->state == FL_ALERT_SETTLING;
    struct fl_key own;
    fl_key_condition(&own, fl_slice_text(row->device_id), (uint32_t)row->condition);
    if (!fl_slice_equal(fl_key_slice(&own), key) || row->state == FL_ALERT_NONE ||
        row->state >= FL_ALERT_STATE_COUNT)
        return fl_broken(c, 1, "alert of %s", row->device_id);
    const fl_device_row *device =
        fl_registry_device(c->kv, &c->arena, fl_slice_text(row->device_id));
    if (device == NULL || device->state != FL_DEVICE_ACTIVE)
        return fl_broken(c, 32, "alert of removed device %s", row->device_id);
    fl_key_alert_due(&own, row);
    return (waits == (row->due_at_ms != 0) && fl_has_entry(c, &own) == waits) ||
           fl_broken(c, 32, "alert of %s by time", row->device_id);
}

bool fl_check_policy(struct fl_checking *c, struct fl_slice key, const void *opaque)
{
    const fl_policy_row *row = opaque;
    struct fl_key own;
    fl_key_begin(&own);
    fl_key_id_text(&own, row->account_id);
    if (!fl_slice_equal(fl_key_slice(&own), key))
        return fl_broken(c, 1, "policy of %s", row->account_id);
    return fl_registry_account(c->kv, &c->arena, fl_slice_text(row->account_id)) != NULL ||
           fl_broken(c, 33, "policy of %s, who has no account", row->account_id);
}

/* (list, time u64, condition u32, device) */
bool fl_check_alert_due(struct fl_checking *c, struct fl_slice key)
{
    char device_id[FL_ID_TEXT_SIZE];
    fl_key_tail_id(key, device_id);
    const fl_alert_row *row =
        fl_alert_get(c->kv, &c->arena, device_id, fl_get_u32(key.data + 1 + 8));
    return row != NULL && (uint64_t)row->due_at_ms == fl_get_u64(key.data + 1);
}

/* (list, device, condition u32, subject): of an alert that has not ended. */
bool fl_check_alert_told(struct fl_checking *c, struct fl_slice key, struct fl_slice value)
{
    char device_id[FL_ID_TEXT_SIZE];
    fl_id_from_bytes(key.data + 1, device_id);
    const fl_alert_row *row =
        fl_alert_get(c->kv, &c->arena, device_id, fl_get_u32(key.data + 1 + FL_ID_SIZE));
    return row != NULL && row->state != FL_ALERT_ENDED && value.size == 1 &&
           (value.data[0] == FL_ALERT_TOLD_SENT || value.data[0] == FL_ALERT_TOLD_FAILED);
}
