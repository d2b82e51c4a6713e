/* SPDX-License-Identifier: Apache-2.0 */
/* Companies, accounts, invitations. */
#include <string.h>

#include "projections/registry/deciding.h"

const ProtobufCMessage *fl_decide_create_company(struct fl_deciding *d)
{
    const Fleetlog__V1__CreateCompany *action = (const Fleetlog__V1__CreateCompany *)d->message;
    struct fl_slice id = fl_slice_text(action->company_id);
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_COMPANIES, id) != NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is a company with this id.");
    d->company_id = id;
    Fleetlog__V1__CompanyCreated *event = fl_answer(d, FL_MESSAGE_CompanyCreated);
    event->company_id = action->company_id;
    event->name = action->name;
    return &event->base;
}

const ProtobufCMessage *fl_decide_create_account(struct fl_deciding *d)
{
    const Fleetlog__V1__CreateAccount *action = (const Fleetlog__V1__CreateAccount *)d->message;
    struct fl_slice company_id = fl_slice_text(action->company_id);
    struct fl_person person;
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_COMPANIES, company_id) == NULL)
        return fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such company.");
    d->company_id = company_id;
    if (!fl_person_resolve(d, action->person, &person))
        return d->answer;
    if (person.account != NULL) {
        const ProtobufCMessage *answer =
            fl_reject(d, FL_REJECT(EXISTS), "This address has an account already.");
        if (answer != NULL)
            d->rejection.original_id = person.account->account_id;
        return answer;
    }
    Fleetlog__V1__AccountCreated *event = fl_answer(d, FL_MESSAGE_AccountCreated);
    event->account_id = person.subject_id;
    event->company_id = action->company_id;
    event->role = action->role;
    event->revision = person.revision;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    return &event->base;
}

/* True if the company has invited that person and the invitation is still open. */
static bool is_invited(struct fl_deciding *d, const char *company_id, const char *subject_id)
{
    struct fl_key key;
    struct fl_slice value;
    fl_key_pair(&key, FL_INDEX_COMPANY_PEOPLE, company_id, subject_id);
    if (key.bad || !fl_kv_get(d->kv, FL_TABLE_INDEX, fl_key_slice(&key), &value))
        return false;
    fl_key_begin(&key);
    fl_key_bytes(&key, value.data, value.size);
    const fl_invitation_row *row = fl_row_get(d->kv, d->arena, FL_TABLE_INVITATIONS, &key);
    return row != NULL && fl_invitation_state_at(row->state, row->expires_at_ms, d->now_ms) ==
                              FL_INVITATION_OUTSTANDING;
}

const ProtobufCMessage *fl_decide_invite_coworker(struct fl_deciding *d)
{
    const Fleetlog__V1__InviteCoworker *action = (const Fleetlog__V1__InviteCoworker *)d->message;
    const char *company_id = d->account->company_id;
    struct fl_slice id = fl_slice_text(action->invitation_id);
    struct fl_person person;
    if (!fl_company_right(d, FL_RIGHT_INVITE) || !fl_person_resolve(d, action->person, &person))
        return d->answer;
    bool is_coworker = fl_relation_to_company(person.account, company_id) != FL_RELATION_STRANGER;
    if (is_coworker || is_invited(d, company_id, person.subject_id))
        return fl_reject(d, FL_REJECT(EXISTS),
                         "This co-worker has already been invited to the Exchange portal. "
                         "Please invite another co-worker.");
    if (fl_row_by_id(d->kv, d->arena, FL_TABLE_INVITATIONS, id) != NULL)
        return fl_reject(d, FL_REJECT(EXISTS), "There is an invitation with this id.");
    Fleetlog__V1__CoworkerInvited *event = fl_answer(d, FL_MESSAGE_CoworkerInvited);
    event->invitation_id = action->invitation_id;
    event->company_id = company_id;
    event->subject_id = person.subject_id;
    event->revision = person.revision;
    event->indexes = action->person->indexes;
    event->n_indexes = action->person->n_indexes;
    event->expires_at_ms = d->now_ms + d->rules->limits.invitation_ms;
    event->link_key_generation = action->link_key_generation;
    return &event->base;
}
