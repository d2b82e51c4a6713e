/* SPDX-License-Identifier: Apache-2.0 */
/* What time alone has ended: invitations, claims, shares. */
#include "projections/registry/due.h"
#include "projections/registry/fold.h"

bool fl_fold_invitation_expired(struct fl_folding *f)
{
    const Fleetlog__V1__InvitationExpired *event =
        (const Fleetlog__V1__InvitationExpired *)f->input->message;
    fl_invitation_row *row = fl_fold_row(f, FL_TABLE_INVITATIONS, event->invitation_id);
    return row != NULL && fl_fold_end_invitation(f, row, FL_INVITATION_EXPIRED);
}

bool fl_fold_claim_expired(struct fl_folding *f)
{
    const Fleetlog__V1__ClaimExpired *event = (const Fleetlog__V1__ClaimExpired *)f->input->message;
    struct fl_due due;
    fl_claim_row *row = fl_fold_row(f, FL_TABLE_CLAIMS, event->claim_id);
    if (row == NULL ||
        !fl_fold_move(f, &fl_claim_machine, &row->state, FL_CLAIM_EXPIRED, event->claim_id))
        return false;
    fl_due_init(&due, row->expires_at_ms, FL_DUE(CLAIM), row->claim_id, 0);
    fl_due_clear(f->kv, &due);
    fl_row_put_by_id(f->kv, f->arena, FL_TABLE_CLAIMS, row->claim_id, &row->base);
    return true;
}

bool fl_fold_share_expired(struct fl_folding *f)
{
    const Fleetlog__V1__ShareExpired *event = (const Fleetlog__V1__ShareExpired *)f->input->message;
    fl_share_row *share = fl_fold_row(f, FL_TABLE_SHARES, event->share_id);
    return share != NULL &&
           fl_fold_ungrant(f, share, event->device_ids, event->n_device_ids, FL_SHARE_EXPIRED) &&
           fl_fold_cancel(f, event->cancelled_command_ids, event->n_cancelled_command_ids);
}
