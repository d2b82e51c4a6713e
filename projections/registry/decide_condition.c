/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of devices, as the detector reports them. */
#include "projections/registry/deciding.h"

/* True if the report is newer than what decided last. Silence has no report of its own: it begins
 * at the last report that came, which may be the very one that ended it the last time. */
static bool is_newer(const Fleetlog__V1__ReportCondition *action, const fl_condition_row *row)
{
    bool silence = action->raised &&
                   action->kind == FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_COMMUNICATION_LOST;
    if (silence && row->state == FL_CONDITION_CLEAR)
        return action->report_counter >= row->report_counter;
    return action->report_counter > row->report_counter;
}

static const ProtobufCMessage *raised(struct fl_deciding *d,
                                      const Fleetlog__V1__ReportCondition *action)
{
    Fleetlog__V1__ConditionRaised *event = fl_answer(d, FL_MESSAGE_ConditionRaised);
    event->device_id = action->device_id;
    event->generation = action->generation;
    event->kind = action->kind;
    event->report_counter = action->report_counter;
    event->sampled_at_ms = action->sampled_at_ms;
    event->evidence = action->evidence;
    return &event->base;
}

static const ProtobufCMessage *cleared(struct fl_deciding *d,
                                       const Fleetlog__V1__ReportCondition *action)
{
    Fleetlog__V1__ConditionCleared *event = fl_answer(d, FL_MESSAGE_ConditionCleared);
    event->device_id = action->device_id;
    event->generation = action->generation;
    event->kind = action->kind;
    event->report_counter = action->report_counter;
    event->sampled_at_ms = action->sampled_at_ms;
    event->evidence = action->evidence;
    return &event->base;
}

const ProtobufCMessage *fl_decide_report_condition(struct fl_deciding *d)
{
    const Fleetlog__V1__ReportCondition *action = (const Fleetlog__V1__ReportCondition *)d->message;
    struct fl_slice device_id = fl_slice_text(action->device_id);
    struct fl_key key;
    const fl_device_row *device = fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, device_id);
    if (device == NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such device.");
    d->company_id = fl_slice_text(device->company_id);
    if (device->state != FL_DEVICE_ACTIVE)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "This device has been removed.");
    if (action->generation != device->generation)
        return fl_reject(d, FL_REJECT(STALE), "The report belongs to another enrolment.");
    fl_key_condition(&key, device_id, (uint32_t)action->kind);
    const fl_condition_row *row = fl_row_get(d->kv, d->arena, FL_TABLE_CONDITIONS, &key);
    if (row != NULL && !is_newer(action, row))
        return fl_reject(d, FL_REJECT(STALE), "A newer report has decided this already.");
    enum fl_condition_state next = action->raised ? FL_CONDITION_RAISED : FL_CONDITION_CLEAR;
    unsigned state = row == NULL ? FL_CONDITION_CLEAR : row->state;
    if (!fl_sm_may(&fl_condition_machine, state, next))
        return fl_rejectf(d, FL_REJECT(WRONG_STATE), "This condition is %s already.",
                          fl_sm_name(&fl_condition_machine, state));
    return action->raised ? raised(d, action) : cleared(d, action);
}
