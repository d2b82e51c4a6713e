/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/decide_reseller.h"

#include <string.h>

#include "projections/registry/decide_due.h"
#include "projections/registry/lifecycle.h"
#include "projections/registry/reseller.h"

static enum fl_reseller_link_state state_now(const struct fl_deciding *d,
                                             const fl_reseller_link_row *row)
{
    return fl_reseller_link_state_at(row->state, row->expires_at_ms, d->now_ms);
}

const ProtobufCMessage *fl_decide_link_reseller(struct fl_deciding *d)
{
    const Fleetlog__V1__LinkReseller *action = (const Fleetlog__V1__LinkReseller *)d->message;
    struct fl_person person;
    if (!fl_company_right(d, FL_RIGHT_RESELLER) || !fl_person_resolve(d, action->person, &person))
        return d->answer;
    if (fl_relation_to_company(person.account, d->account->company_id) != FL_RELATION_STRANGER)
        return fl_reject(d, FL_REJECT(SELF), "This person belongs to your company.");
    const fl_reseller_link_row *link =
        fl_registry_reseller_of(d->kv, d->arena, d->account->company_id);
    enum fl_reseller_link_state state = link == NULL ? FL_RESELLER_LINK_NONE : state_now(d, link);
    if (state == FL_RESELLER_LINK_OFFERED)
        return fl_reject(d, FL_REJECT(EXISTS),
                         "A reseller has been invited already; unlink him first.");
    if (state == FL_RESELLER_LINK_LINKED)
        return fl_reject(d, FL_REJECT(EXISTS),
                         "A reseller has been linked already; unlink him first.");
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_RESELLER_LINKS, fl_slice_text(action->link_id)) !=
        NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is a link with this id.");
    Fleetlog__V1__ResellerLinkOffered *event = fl_answer(d, FL_MESSAGE_ResellerLinkOffered);
    event->link_id = action->link_id;
    event->company_id = d->account->company_id;
    event->subject_id = person.subject_id;
    event->revision = person.revision;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    event->expires_at_ms = d->now_ms + d->rules->limits.reseller_offer_ms;
    event->link_key_generation = action->link_key_generation;
    event->report_period = action->report_period;
    return &event->base;
}

/* The link that the acting holder of a mail's link is about; false: rejected. */
static bool held_link(struct fl_deciding *d, const char *link_id, const fl_reseller_link_row **link)
{
    const fl_reseller_link_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_RESELLER_LINKS, fl_slice_text(link_id));
    if (row == NULL || !fl_slice_is(d->actor_id, link_id)) {
        fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such link.");
        return false;
    }
    d->company_id = fl_slice_text(row->company_id);
    *link = row;
    return true;
}

/* False: rejected, because it is no open offer. */
static bool is_offered(struct fl_deciding *d, const fl_reseller_link_row *row)
{
    switch (state_now(d, row)) {
    case FL_RESELLER_LINK_OFFERED:
        return true;
    case FL_RESELLER_LINK_EXPIRED:
        fl_reject(d, FL_REJECT(EXPIRED),
                  "This invitation has expired; ask the company for a new one.");
        return false;
    case FL_RESELLER_LINK_LINKED:
        fl_reject(d, FL_REJECT(WRONG_STATE), "This invitation has been accepted already.");
        return false;
    case FL_RESELLER_LINK_DECLINED:
        fl_reject(d, FL_REJECT(WRONG_STATE), "This invitation has been declined.");
        return false;
    case FL_RESELLER_LINK_DISCONNECTED:
    case FL_RESELLER_LINK_UNLINKED:
    case FL_RESELLER_LINK_NONE:
    case FL_RESELLER_LINK_STATE_COUNT:
        break;
    }
    fl_reject(d, FL_REJECT(WRONG_STATE), "This link has ended.");
    return false;
}

const ProtobufCMessage *fl_decide_accept_reseller_link(struct fl_deciding *d)
{
    const Fleetlog__V1__AcceptResellerLink *action =
        (const Fleetlog__V1__AcceptResellerLink *)d->message;
    const fl_reseller_link_row *row;
    if (!held_link(d, action->link_id, &row) || !is_offered(d, row))
        return d->answer;
    Fleetlog__V1__ResellerLinkAccepted *event = fl_answer(d, FL_MESSAGE_ResellerLinkAccepted);
    event->link_id = row->link_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    event->next_report_at_ms = fl_report_next_ms(row->report_period, d->now_ms);
    return &event->base;
}

const ProtobufCMessage *fl_decide_decline_reseller_link(struct fl_deciding *d)
{
    const Fleetlog__V1__DeclineResellerLink *action =
        (const Fleetlog__V1__DeclineResellerLink *)d->message;
    const fl_reseller_link_row *row;
    if (!held_link(d, action->link_id, &row) || !is_offered(d, row))
        return d->answer;
    Fleetlog__V1__ResellerLinkDeclined *event = fl_answer(d, FL_MESSAGE_ResellerLinkDeclined);
    event->link_id = row->link_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_disconnect_reseller(struct fl_deciding *d)
{
    const Fleetlog__V1__DisconnectReseller *action =
        (const Fleetlog__V1__DisconnectReseller *)d->message;
    const fl_reseller_link_row *row;
    if (!held_link(d, action->link_id, &row))
        return d->answer;
    if (row->state != FL_RESELLER_LINK_LINKED)
        return fl_reject(d, FL_REJECT(WRONG_STATE), "You are not linked with this company.");
    Fleetlog__V1__ResellerDisconnected *event = fl_answer(d, FL_MESSAGE_ResellerDisconnected);
    event->link_id = row->link_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    return &event->base;
}

/* A link of the acting account's company that is offered or linked; false: rejected. */
static bool own_link(struct fl_deciding *d, const char *link_id, enum fl_right right,
                     const fl_reseller_link_row **link)
{
    const fl_reseller_link_row *row =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_RESELLER_LINKS, fl_slice_text(link_id));
    if (!fl_company_right(d, right))
        return false;
    if (row == NULL || strcmp(row->company_id, d->account->company_id) != 0) {
        fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such link.");
        return false;
    }
    *link = row;
    return true;
}

const ProtobufCMessage *fl_decide_unlink_reseller(struct fl_deciding *d)
{
    const Fleetlog__V1__UnlinkReseller *action = (const Fleetlog__V1__UnlinkReseller *)d->message;
    const fl_reseller_link_row *row;
    if (!own_link(d, action->link_id, FL_RIGHT_RESELLER, &row))
        return d->answer;
    enum fl_reseller_link_state state = state_now(d, row);
    if (state != FL_RESELLER_LINK_OFFERED && state != FL_RESELLER_LINK_LINKED)
        return fl_rejectf(d, FL_REJECT(WRONG_STATE), "This link has ended: %s.",
                          fl_sm_name(&fl_reseller_link_machine, state));
    Fleetlog__V1__ResellerUnlinked *event = fl_answer(d, FL_MESSAGE_ResellerUnlinked);
    event->link_id = row->link_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_resend_reseller_offer(struct fl_deciding *d)
{
    const Fleetlog__V1__ResendResellerOffer *action =
        (const Fleetlog__V1__ResendResellerOffer *)d->message;
    const fl_reseller_link_row *row;
    if (!own_link(d, action->link_id, FL_RIGHT_RESELLER, &row))
        return d->answer;
    enum fl_reseller_link_state state = state_now(d, row);
    if (state == FL_RESELLER_LINK_EXPIRED)
        return fl_reject(d, FL_REJECT(EXPIRED), "This invitation has expired; send a new one.");
    if (state != FL_RESELLER_LINK_OFFERED)
        return fl_rejectf(d, FL_REJECT(WRONG_STATE), "This invitation is not open any more: %s.",
                          fl_sm_name(&fl_reseller_link_machine, state));
    Fleetlog__V1__ResellerOfferResent *event = fl_answer(d, FL_MESSAGE_ResellerOfferResent);
    event->link_id = row->link_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    event->expires_at_ms = d->now_ms + d->rules->limits.reseller_offer_ms;
    event->link_key_generation = action->link_key_generation;
    return &event->base;
}

/* Why the reseller need not be reminded of a device; NULL: something of it is due. */
static const char *remind_refusal(struct fl_deciding *d, const char *device_id,
                                  Fleetlog__V1__RejectionCode *code)
{
    const fl_device_row *device =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, fl_slice_text(device_id));
    unsigned step;
    *code = FL_REJECT(NOT_FOUND);
    if (device == NULL || strcmp(device->company_id, d->account->company_id) != 0)
        return "There is no such device.";
    if (device->state != FL_DEVICE_ACTIVE)
        return "This device has been removed.";
    for (int fact = FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT;
         fact <= FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END; fact++) {
        const fl_lifecycle_row *row =
            fl_registry_lifecycle(d->kv, d->arena, device_id, (Fleetlog__V1__LifecycleFact)fact);
        if (row != NULL && row->date_ms != 0 &&
            fl_lifecycle_step_at(row->date_ms, d->now_ms, &step))
            return NULL;
    }
    *code = FL_REJECT(WRONG_STATE);
    return "Nothing of this device is due within 90 days, or has been for less.";
}

const ProtobufCMessage *fl_decide_remind_reseller(struct fl_deciding *d)
{
    const Fleetlog__V1__RemindReseller *action = (const Fleetlog__V1__RemindReseller *)d->message;
    const fl_reseller_link_row *row;
    struct fl_items items;
    if (!own_link(d, action->link_id, FL_RIGHT_LIFECYCLE, &row))
        return d->answer;
    if (row->state != FL_RESELLER_LINK_LINKED)
        return fl_reject(d, FL_REJECT(WRONG_STATE), "The reseller has not accepted, or has left.");
    if (row->reminded_at_ms != 0 &&
        d->now_ms - row->reminded_at_ms < d->rules->limits.reminder_pause_ms)
        return fl_reject(d, FL_REJECT(LIMIT),
                         "The reseller has been reminded within the last 24 hours.");
    if (!fl_items_begin(d, &items, action->n_device_ids))
        return NULL;
    for (size_t i = 0; i < action->n_device_ids; i++) {
        Fleetlog__V1__RejectionCode code;
        const char *why = remind_refusal(d, action->device_ids[i], &code);
        if (why != NULL)
            fl_items_add(d, &items, action->device_ids[i], code, why);
    }
    if (items.count != 0)
        return fl_reject_items(d, &items, action->n_device_ids, "reminded of");
    Fleetlog__V1__ResellerReminded *event = fl_answer(d, FL_MESSAGE_ResellerReminded);
    event->link_id = row->link_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    event->device_ids = action->device_ids;
    event->n_device_ids = action->n_device_ids;
    event->link_key_generation = row->link_key_generation;
    return &event->base;
}

/* The device whose date the forecast sets: nobody's rights are asked for. False: rejected. */
static bool resolve_forecast(struct fl_deciding *d, const Fleetlog__V1__SetLifecycleFact *action)
{
    const fl_device_row *device =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, fl_slice_text(action->device_id));
    if (device == NULL) {
        fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such device.");
        return false;
    }
    d->company_id = fl_slice_text(device->company_id);
    if (device->state == FL_DEVICE_ACTIVE)
        return true;
    fl_reject(d, FL_REJECT(NOT_FOUND), "This device has been removed.");
    return false;
}

const ProtobufCMessage *fl_decide_set_lifecycle_fact(struct fl_deciding *d)
{
    const Fleetlog__V1__SetLifecycleFact *action =
        (const Fleetlog__V1__SetLifecycleFact *)d->message;
    fl_device_row *device;
    int64_t date_ms = 0;
    bool is_forecast = d->actor_kind == FL_ACTOR_DETECTOR;
    if (is_forecast ? !resolve_forecast(d, action)
                    : !fl_device_resolve(d, action->device_id, FL_RIGHT_LIFECYCLE, &device))
        return d->answer;
    if (action->fact == FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END)
        return fl_reject(d, FL_REJECT(INVALID), "The end of a plan comes from its license.");
    if (action->due_date[0] != '\0' && !fl_date_parse(action->due_date, &date_ms))
        return fl_reject(d, FL_REJECT(INVALID), "The date must be a day, as YYYY-MM-DD.");
    const fl_lifecycle_row *row =
        fl_registry_lifecycle(d->kv, d->arena, action->device_id, action->fact);
    const char *before = row == NULL ? "" : row->due_date;
    if (is_forecast && before[0] != '\0' &&
        row->basis == FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_OWNER)
        return fl_reject(d, FL_REJECT(WRONG_STATE), "The owner has set this date.");
    if (strcmp(before, action->due_date) == 0)
        return fl_reject(d, FL_REJECT(WRONG_STATE),
                         before[0] == '\0' ? "There is no such date."
                                           : "This date has been set already.");
    Fleetlog__V1__LifecycleFactSet *event = fl_answer(d, FL_MESSAGE_LifecycleFactSet);
    event->device_id = action->device_id;
    event->fact = action->fact;
    event->due_date = action->due_date;
    event->due_date_before = before;
    event->basis = is_forecast ? FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_FORECAST
                               : FLEETLOG__V1__LIFECYCLE_BASIS__LIFECYCLE_BASIS_OWNER;
    return &event->base;
}

const ProtobufCMessage *fl_decide_due_reseller_offer(struct fl_deciding *d,
                                                     const Fleetlog__V1__FireDue *action)
{
    const fl_reseller_link_row *row = fl_due_row(d, FL_TABLE_RESELLER_LINKS, action->id);
    if (row == NULL)
        return NULL;
    d->company_id = fl_slice_text(row->company_id);
    Fleetlog__V1__ResellerLinkExpired *event = fl_answer(d, FL_MESSAGE_ResellerLinkExpired);
    event->link_id = row->link_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    return &event->base;
}

const ProtobufCMessage *fl_decide_due_renewals_report(struct fl_deciding *d,
                                                      const Fleetlog__V1__FireDue *action)
{
    const fl_reseller_link_row *row = fl_due_row(d, FL_TABLE_RESELLER_LINKS, action->id);
    if (row == NULL)
        return NULL;
    d->company_id = fl_slice_text(row->company_id);
    Fleetlog__V1__RenewalsReportDue *event = fl_answer(d, FL_MESSAGE_RenewalsReportDue);
    event->link_id = row->link_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    event->period = row->report_period;
    event->next_at_ms = fl_report_next_ms(row->report_period, d->now_ms);
    event->link_key_generation = row->link_key_generation;
    return &event->base;
}

/* One notice for the nearest step, however long nobody came by. */
const ProtobufCMessage *fl_decide_due_renewal_notice(struct fl_deciding *d,
                                                     const Fleetlog__V1__FireDue *action)
{
    const fl_device_row *device = fl_due_row(d, FL_TABLE_DEVICES, action->id);
    const fl_lifecycle_row *row =
        fl_registry_lifecycle(d->kv, d->arena, action->id, fl_lifecycle_fact_of_step(action->step));
    unsigned step = 0;
    if (device == NULL || row == NULL) {
        fl_kv_fail(d->kv, FL_CORRUPT);
        return NULL;
    }
    if (!fl_lifecycle_step_at(row->date_ms, d->now_ms, &step))
        step = FL_LIFECYCLE_STEP_COUNT - 1; /* nobody came by for long: at least once */
    const fl_reseller_link_row *link = fl_registry_reseller_of(d->kv, d->arena, device->company_id);
    bool is_linked = link != NULL && link->state == FL_RESELLER_LINK_LINKED;
    d->company_id = fl_slice_text(device->company_id);
    Fleetlog__V1__RenewalNoticeDue *event = fl_answer(d, FL_MESSAGE_RenewalNoticeDue);
    event->device_id = device->device_id;
    event->company_id = device->company_id;
    event->fact = row->fact;
    event->due_date = row->due_date;
    event->days_before = fl_lifecycle_steps[step];
    event->link_id = is_linked ? link->link_id : "";
    event->subject_id = is_linked ? link->subject_id : "";
    event->link_key_generation = is_linked ? link->link_key_generation : 0;
    return &event->base;
}
