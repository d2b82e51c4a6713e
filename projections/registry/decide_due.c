/* SPDX-License-Identifier: Apache-2.0 */
/* What falls due: the timekeeper says that a time has come, the rules whether it still counts. */
#include "projections/registry/decide_due.h"

#include "core/limits.h"

const void *fl_due_row(struct fl_deciding *d, enum fl_registry_table table, const char *id)
{
    const void *row = fl_row_by_id(d->kv, d->arena, table, fl_slice_text(id));
    if (row == NULL)
        fl_kv_fail(d->kv, FL_CORRUPT);
    return row;
}

static const ProtobufCMessage *invitation(struct fl_deciding *d,
                                          const Fleetlog__V1__FireDue *action)
{
    const fl_invitation_row *row = fl_due_row(d, FL_TABLE_INVITATIONS, action->id);
    if (row == NULL)
        return NULL;
    d->company_id = fl_slice_text(row->company_id);
    Fleetlog__V1__InvitationExpired *event = fl_answer(d, FL_MESSAGE_InvitationExpired);
    event->invitation_id = row->invitation_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    return &event->base;
}

static const ProtobufCMessage *claim(struct fl_deciding *d, const Fleetlog__V1__FireDue *action)
{
    const fl_claim_row *row = fl_due_row(d, FL_TABLE_CLAIMS, action->id);
    if (row == NULL)
        return NULL;
    d->company_id = fl_slice_text(row->company_id);
    Fleetlog__V1__ClaimExpired *event = fl_answer(d, FL_MESSAGE_ClaimExpired);
    event->claim_id = row->claim_id;
    event->company_id = row->company_id;
    return &event->base;
}

/* An offer, or a share with an end of its own: then its holder's commands go with it. */
static const ProtobufCMessage *share(struct fl_deciding *d, const Fleetlog__V1__FireDue *action)
{
    const char **device_ids;
    size_t device_count;
    struct fl_cancelled cancelled = {0};
    const fl_share_row *row = fl_due_row(d, FL_TABLE_SHARES, action->id);
    if (row == NULL || !fl_devices_of_share(d, row, &device_ids, &device_count))
        return NULL;
    bool was_accepted = row->state == FL_SHARE_ACCEPTED;
    for (size_t i = 0; was_accepted && i < device_count; i++)
        if (!fl_commands_to_cancel(d, device_ids[i], row->subject_id, &cancelled))
            return NULL;
    d->company_id = fl_slice_text(row->company_id);
    Fleetlog__V1__ShareExpired *event = fl_answer(d, FL_MESSAGE_ShareExpired);
    event->share_id = row->share_id;
    event->company_id = row->company_id;
    event->subject_id = row->subject_id;
    event->device_ids = device_ids;
    event->n_device_ids = device_count;
    event->was_accepted = was_accepted;
    event->cancelled_command_ids = cancelled.ids;
    /* The rest is cancelled when the agent asks for it. */
    event->n_cancelled_command_ids = cancelled.count < FL_DEVICE_COUNT_PER_ACTION_MAX
                                         ? cancelled.count
                                         : FL_DEVICE_COUNT_PER_ACTION_MAX;
    return &event->base;
}

/* A kind without a function is none that anything can have set. */
static fl_decide_due_fn *const kinds[] = {
    [FL_DUE(INVITATION)] = invitation,
    [FL_DUE(SHARE_OFFER)] = share,
    [FL_DUE(SHARE_GRANT)] = share,
    [FL_DUE(COMMAND)] = fl_decide_due_command,
    [FL_DUE(TRANSFER_OFFER)] = fl_decide_due_transfer,
    [FL_DUE(LICENSE_TERM)] = fl_decide_due_license,
    [FL_DUE(PURCHASE)] = fl_decide_due_purchase,
    [FL_DUE(CLAIM)] = claim,
    [FL_DUE(RESELLER_OFFER)] = fl_decide_due_reseller_offer,
    [FL_DUE(RENEWALS_REPORT)] = fl_decide_due_renewals_report,
    [FL_DUE(RENEWAL_NOTICE)] = fl_decide_due_renewal_notice,
};

/* A refusal is nobody's business: the actor is a duty of ours, and only repeats what is over. */
const ProtobufCMessage *fl_decide_fire_due(struct fl_deciding *d)
{
    const Fleetlog__V1__FireDue *action = (const Fleetlog__V1__FireDue *)d->message;
    struct fl_due due;
    fl_due_init(&due, action->due_at_ms, action->kind, action->id, action->step);
    d->company_id = FL_SLICE_NULL;
    if (!fl_due_is_set(d->kv, &due) || (size_t)action->kind >= sizeof(kinds) / sizeof(kinds[0]) ||
        kinds[action->kind] == NULL)
        return fl_reject(d, FL_REJECT(STALE), "This is not outstanding any more.");
    if (d->now_ms < due.at_ms)
        return fl_reject(d, FL_REJECT(WRONG_STATE), "This is not due yet.");
    return kinds[action->kind](d, action);
}
