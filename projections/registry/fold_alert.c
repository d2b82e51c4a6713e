/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions that people are told about: when, how often, and who was. */
#include <string.h>

#include "core/bytes.h"
#include "projections/registry/outbox.h"

static void put_alert(struct fl_folding *f, const fl_alert_row *row)
{
    struct fl_key key;
    fl_key_condition(&key, fl_slice_text(row->device_id), (uint32_t)row->condition);
    fl_row_put(f->kv, f->arena, FL_TABLE_ALERTS, &key, &row->base);
}

/* Moves the state; whoever waits for a time stands in the list by time, with `due_at_ms`. */
static bool move(struct fl_folding *f, fl_alert_row *row, enum fl_alert_state to, int64_t due_at_ms)
{
    struct fl_key key;
    if (row->due_at_ms != 0) {
        fl_key_alert_due(&key, row);
        fl_index_del(f->kv, &key);
    }
    if (!fl_fold_move(f, &fl_alert_machine, &row->state, to, row->device_id))
        return false;
    row->due_at_ms = due_at_ms;
    if (due_at_ms != 0) {
        fl_key_alert_due(&key, row);
        fl_index_put(f->kv, &key, FL_SLICE_LITERAL(""));
    }
    return true;
}

static bool wait_to_tell(struct fl_folding *f, fl_alert_row *row)
{
    row->cause_event_id = row->raised_event_id;
    row->cause_sequence = row->raised_sequence;
    return move(f, row, FL_ALERT_WAITING, f->now_ms + FL_ALERT_HOLD_MS);
}

/* From the last change on: what came more than once lately has to stay clear for longer. */
static bool settle(struct fl_folding *f, fl_alert_row *row)
{
    bool flaps = row->raise_count + row->recent_count > 1;
    row->cause_event_id = row->cleared_event_id;
    row->cause_sequence = row->cleared_sequence;
    return move(f, row, FL_ALERT_SETTLING,
                row->changed_at_ms + (flaps ? FL_ALERT_SETTLE_MS : FL_ALERT_HOLD_MS));
}

static void begin_run(struct fl_folding *f, fl_alert_row *row)
{
    bool recent =
        row->state == FL_ALERT_ENDED && f->now_ms - row->changed_at_ms < FL_ALERT_RECENT_MS;
    row->recent_count = recent ? row->recent_count + row->raise_count : 0;
    row->raise_count = 0;
    row->since_ms = f->now_ms;
}

static bool raise_alert(struct fl_folding *f, fl_alert_row *row, bool is_late)
{
    bool idle = row->state == FL_ALERT_NONE || row->state == FL_ALERT_ENDED;
    if (idle && is_late)
        return true;
    if (idle)
        begin_run(f, row);
    row->raise_count++;
    row->raised = true;
    row->changed_at_ms = f->now_ms;
    row->raised_event_id = fl_arena_text(f->arena, f->input->envelope->id);
    row->raised_sequence = f->sequence;
    bool moved = true;
    if (idle)
        moved = wait_to_tell(f, row);
    else if (row->state == FL_ALERT_SETTLING)
        moved = move(f, row, FL_ALERT_TOLD, 0);
    if (moved)
        put_alert(f, row);
    return moved;
}

static bool clear_alert(struct fl_folding *f, fl_alert_row *row)
{
    row->raised = false;
    row->changed_at_ms = f->now_ms;
    row->cleared_event_id = fl_arena_text(f->arena, f->input->envelope->id);
    row->cleared_sequence = f->sequence;
    if (row->state == FL_ALERT_TOLD && !settle(f, row))
        return false;
    put_alert(f, row);
    return true;
}

bool fl_fold_alert(struct fl_folding *f, const char *device_id, uint32_t condition, bool raised,
                   int64_t sampled_at_ms)
{
    fl_alert_row fresh = FLEETLOG__ROWS__V1__ALERT_ROW__INIT;
    fl_alert_row *row = fl_alert_get(f->kv, f->arena, device_id, condition);
    if (row == NULL && !raised)
        return true;
    if (row == NULL) {
        row = &fresh;
        row->device_id = device_id;
        row->condition = (Fleetlog__V1__ConditionKind)condition;
    }
    return raised ? raise_alert(f, row, f->now_ms - sampled_at_ms > FL_ALERT_LATE_MS)
                  : clear_alert(f, row);
}

/* True if somebody has been sent the mail about the raise; with `forgets` nobody has any more. */
static bool was_told(struct fl_folding *f, const fl_alert_row *row, bool forgets)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    bool told = false;
    fl_key_alert_told(&key, row->device_id, (uint32_t)row->condition, NULL);
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        told = told || (walk.value.size == 1 && walk.value.data[0] == FL_ALERT_TOLD_SENT);
        if (forgets)
            fl_kv_del(f->kv, FL_TABLE_INDEX, walk.key);
    }
    return told;
}

static bool end_alert(struct fl_folding *f, fl_alert_row *row)
{
    was_told(f, row, true);
    if (!move(f, row, FL_ALERT_ENDED, 0))
        return false;
    put_alert(f, row);
    return true;
}

/* Nobody else is to be told of this cause. */
static bool close_alert(struct fl_folding *f, fl_alert_row *row)
{
    if (row->state == FL_ALERT_SETTLING || !was_told(f, row, false))
        return end_alert(f, row);
    if (row->raised ? !move(f, row, FL_ALERT_TOLD, 0) : !settle(f, row))
        return false;
    put_alert(f, row);
    return true;
}

bool fl_fold_alerts_closed(struct fl_folding *f)
{
    const Fleetlog__V1__AlertsClosed *event = (const Fleetlog__V1__AlertsClosed *)f->input->message;
    for (size_t i = 0; i < event->n_causes; i++) {
        const Fleetlog__V1__MailCause *cause = event->causes[i];
        fl_alert_row *row = fl_alert_get(f->kv, f->arena, cause->device_id, cause->condition);
        if (row == NULL || row->due_at_ms == 0)
            return fl_fold_refuse(f, "no alert %u of device %s is open", cause->condition,
                                  cause->device_id);
        if (!close_alert(f, row))
            return false;
    }
    return true;
}

bool fl_fold_alert_told(struct fl_folding *f, const Fleetlog__V1__MailCause *cause,
                        const char *subject_id, enum fl_alert_told told)
{
    const uint8_t value = (uint8_t)told;
    struct fl_key key;
    fl_alert_row *row = fl_alert_get(f->kv, f->arena, cause->device_id, cause->condition);
    if (row == NULL)
        return fl_fold_refuse(f, "no alert %u of device %s", cause->condition, cause->device_id);
    fl_key_alert_told(&key, cause->device_id, cause->condition, subject_id);
    if (cause->kind == FLEETLOG__V1__MAIL_KIND__MAIL_KIND_CONDITION_RAISED) {
        fl_index_put(f->kv, &key, fl_slice_of(&value, 1));
        return true;
    }
    fl_index_del(f->kv, &key);
    /* It was raised again while this mail was on its way: he has to be told once more. */
    if (row->state != FL_ALERT_TOLD || told != FL_ALERT_TOLD_SENT)
        return true;
    if (!wait_to_tell(f, row))
        return false;
    put_alert(f, row);
    return true;
}

void fl_fold_drop_alerts(struct fl_folding *f, const char *device_id)
{
    struct fl_key key;
    struct fl_kv_walk walk;
    fl_key_begin(&key);
    fl_key_id_text(&key, device_id);
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_ALERTS, fl_key_slice(&key));
    while (fl_kv_walk_next(&walk)) {
        const fl_alert_row *row = fl_row_decode(f->kv, f->arena, FL_TABLE_ALERTS, walk.value);
        if (row == NULL)
            return;
        was_told(f, row, true);
        if (row->due_at_ms != 0) {
            fl_key_alert_due(&key, row);
            fl_index_del(f->kv, &key);
        }
        fl_kv_del(f->kv, FL_TABLE_ALERTS, walk.key);
    }
}

void fl_fold_sweep_alerts(struct fl_folding *f, int count_max)
{
    struct fl_key list;
    struct fl_kv_walk walk;
    char device_id[FL_ID_TEXT_SIZE];
    fl_key_begin(&list);
    fl_key_u8(&list, FL_INDEX_ALERT_DUE);
    fl_kv_walk_begin(&walk, f->kv, FL_TABLE_INDEX, fl_key_slice(&list));
    for (int i = 0; i < count_max && fl_kv_walk_next(&walk); i++) {
        if (f->now_ms < (int64_t)fl_get_u64(walk.key.data + 1) + FL_ALERT_KEEP_MS)
            return;
        uint32_t condition = fl_get_u32(walk.key.data + 9);
        fl_key_tail_id(walk.key, device_id);
        fl_alert_row *row = fl_alert_get(f->kv, f->arena, device_id, condition);
        if (row == NULL || !end_alert(f, row))
            fl_kv_fail(f->kv, FL_CORRUPT);
    }
}
