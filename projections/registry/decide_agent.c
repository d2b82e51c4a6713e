/* SPDX-License-Identifier: Apache-2.0 */
/* Claims and agents. */
#include <string.h>

#include "projections/registry/deciding.h"

/* The claim that belongs to a code; NULL: none. */
static const fl_claim_row *find_claim(struct fl_deciding *d, ProtobufCBinaryData code_hash)
{
    struct fl_key key;
    struct fl_slice value;
    fl_key_claim_code(&key, code_hash);
    if (key.bad || !fl_kv_get(d->kv, FL_TABLE_INDEX, fl_key_slice(&key), &value))
        return NULL;
    fl_key_begin(&key);
    fl_key_bytes(&key, value.data, value.size);
    return fl_row_get(d->kv, d->arena, FL_TABLE_CLAIMS, &key);
}

const ProtobufCMessage *fl_decide_issue_claim(struct fl_deciding *d)
{
    const Fleetlog__V1__IssueClaim *action = (const Fleetlog__V1__IssueClaim *)d->message;
    struct fl_slice id = fl_slice_text(action->claim_id);
    if (!fl_company_right(d, FL_RIGHT_REGISTER))
        return d->answer;
    if (action->expires_at_ms <= d->now_ms)
        return fl_reject(d, FL_REJECT(EXPIRED), "The claim code would have ended already.");
    if (action->expires_at_ms - d->now_ms > d->rules->limits.claim_ms_max)
        return fl_rejectf(d, FL_REJECT(LIMIT), "A claim code may live for %d minutes at most.",
                          (int)(d->rules->limits.claim_ms_max / 60000));
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_CLAIMS, id) != NULL ||
        find_claim(d, action->code_hash) != NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is a claim with this id or code.");
    Fleetlog__V1__ClaimIssued *event = fl_answer(d, FL_MESSAGE_ClaimIssued);
    event->claim_id = action->claim_id;
    event->company_id = d->account->company_id;
    event->code_hash = action->code_hash;
    event->expires_at_ms = action->expires_at_ms;
    return &event->base;
}

const ProtobufCMessage *fl_decide_enrol_agent(struct fl_deciding *d)
{
    const Fleetlog__V1__EnrolAgent *action = (const Fleetlog__V1__EnrolAgent *)d->message;
    if (!fl_slice_is(d->actor_id, action->agent_id))
        return fl_reject(d, FL_REJECT(DENIED), "An agent enrols itself only.");
    if (d->agent != NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "This agent is enrolled already.");
    const fl_claim_row *claim = find_claim(d, action->code_hash);
    if (claim == NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "This claim code is not known.");
    switch (fl_claim_state_at(claim->state, claim->expires_at_ms, d->now_ms)) {
    case FL_CLAIM_ISSUED:
        break;
    case FL_CLAIM_EXPIRED:
        return fl_reject(d, FL_REJECT(EXPIRED), "This claim code has expired; issue a new one.");
    case FL_CLAIM_USED:
    case FL_CLAIM_NONE:
    case FL_CLAIM_STATE_COUNT:
        return fl_reject(d, FL_REJECT(WRONG_STATE),
                         "This claim code has been used; issue a new one.");
    }
    d->company_id = fl_slice_text(claim->company_id);
    Fleetlog__V1__AgentEnrolled *event = fl_answer(d, FL_MESSAGE_AgentEnrolled);
    event->agent_id = action->agent_id;
    event->company_id = claim->company_id;
    event->claim_id = claim->claim_id;
    event->public_key = action->public_key;
    return &event->base;
}
