/* SPDX-License-Identifier: Apache-2.0 */
/* Who acts, on what: the look-ups that all families share. */
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "projections/registry/content.h"
#include "projections/registry/decide_login.h"
#include "projections/registry/decide_privacy.h"
#include "projections/registry/deciding.h"

static bool denied(struct fl_deciding *d, const char *sentence)
{
    fl_reject(d, FL_REJECT(DENIED), sentence);
    return false;
}

/* Who accepts an invitation need not have an account yet, himself or through the operator; nor need
 * somebody whom the operator erases. */
static bool may_be_new(const struct fl_deciding *d)
{
    return d->action.row->type == FL_MESSAGE_AcceptInvitation ||
           (d->action.row->type == FL_MESSAGE_ErasePerson && d->actor_kind == FL_ACTOR_OPERATOR &&
            d->action.on_behalf_of.data == NULL);
}

static bool resolve_account(struct fl_deciding *d, struct fl_slice account_id)
{
    d->account = fl_row_by_id(d->kv, d->arena, FL_TABLE_ACCOUNTS, account_id);
    if (d->account == NULL && !may_be_new(d))
        return denied(d, "There is no such account.");
    return true;
}

/* An enrolled agent acts for its company; one that enrols does not have one yet. */
static bool resolve_agent(struct fl_deciding *d)
{
    d->agent = fl_row_by_id(d->kv, d->arena, FL_TABLE_AGENTS, d->actor_id);
    if (d->agent != NULL)
        d->company_id = fl_slice_text(d->agent->company_id);
    else if (d->action.row->type != FL_MESSAGE_EnrolAgent)
        return denied(d, "This agent is not enrolled.");
    return true;
}

/* The action's company header, where it has one, is that of who acts. */
static bool check_company(struct fl_deciding *d)
{
    if (d->action.company_id.data == NULL || d->company_id.data == NULL ||
        fl_slice_equal(d->action.company_id, d->company_id))
        return true;
    return denied(d, "The actor does not belong to this company.");
}

bool fl_actor_resolve(struct fl_deciding *d)
{
    const struct fl_catalogue_row *row = d->action.row;
    bool for_account = d->action.on_behalf_of.data != NULL;
    if ((row->actors & d->actor_kind) == 0)
        return denied(d, "This kind of actor may not do this.");
    if (for_account && d->actor_kind != FL_ACTOR_OPERATOR)
        return denied(d, "Only an operator may act on behalf of an account.");
    switch ((enum fl_actor_kind)d->actor_kind) {
    case FL_ACTOR_ACCOUNT:
        if (!resolve_account(d, d->actor_id))
            return false;
        break;
    case FL_ACTOR_OPERATOR:
        if (for_account && !resolve_account(d, d->action.on_behalf_of))
            return false;
        if (d->account == NULL && (row->actors & FL_ACTOR_ACCOUNT) != 0 && !may_be_new(d))
            return denied(d, "An operator changes a company's things only on behalf of one of its "
                             "accounts.");
        break;
    case FL_ACTOR_AGENT:
        return resolve_agent(d) && check_company(d);
    case FL_ACTOR_DETECTOR:
    case FL_ACTOR_NODE:
    case FL_ACTOR_TIMEKEEPER:
    case FL_ACTOR_MAILER:
    case FL_ACTOR_KEEPER:
    case FL_ACTOR_CHECKOUT:
    case FL_ACTOR_VISITOR:
    case FL_ACTOR_LINK:
        return true;
    }
    /* What only an operator may do is his own business, on whomever's behalf he acts. */
    if (d->account == NULL || (row->actors & FL_ACTOR_ACCOUNT) == 0)
        return true;
    d->company_id = fl_slice_text(d->account->company_id);
    return check_company(d);
}

bool fl_duplicate_check(struct fl_deciding *d)
{
    struct fl_key key;
    struct fl_slice value;
    if ((d->actor_kind & FL_ACTORS_WITH_CAUSE) != 0)
        return true;
    fl_key_begin(&key);
    fl_key_id(&key, d->action.id);
    fl_assert(!key.bad); /* the envelope's form */
    if (!fl_kv_get(d->kv, FL_TABLE_ACTION_IDS, fl_key_slice(&key), &value))
        return true;
    fl_key_begin(&key);
    fl_key_bytes(&key, value.data, value.size);
    const fl_outcome_row *outcome = fl_row_get(d->kv, d->arena, FL_TABLE_OUTCOMES, &key);
    if (outcome == NULL) {
        fl_kv_fail(d->kv, FL_CORRUPT);
        return false;
    }
    if (d->now_ms - outcome->time_ms >= d->rules->limits.action_id_ms)
        return true;
    struct fl_content content;
    fl_content_of(&d->action, d->message, &content);
    if (!fl_content_is(&content, outcome)) {
        fl_reject(d, FL_REJECT(ID_REUSED),
                  "This id has been used for another request; use a new one.");
        return false;
    }
    if (fl_reject(d, FL_REJECT(DUPLICATE), "This request has been answered before.") == NULL)
        return false;
    d->rejection.original_sequence = fl_first_u64(fl_key_slice(&key));
    d->rejection.original_id = outcome->event_id;
    return false;
}

bool fl_company_right(struct fl_deciding *d, enum fl_right right)
{
    if (fl_relation_may(fl_relation_to_company(d->account, d->account->company_id), right))
        return true;
    fl_rejectf(d, FL_REJECT(DENIED), "Your role does not allow you to %s.", fl_right_text(right));
    return false;
}

/* The subject that the registry knows by one of the indexes; NULL: none. False: rejected. */
static bool find_subject(struct fl_deciding *d, const Fleetlog__V1__PersonRef *ref,
                         const char **known)
{
    *known = NULL;
    for (size_t i = 0; i < ref->n_indexes; i++) {
        struct fl_key key;
        fl_key_address(&key, ref->indexes[i]);
        const fl_address_row *address = fl_row_get(d->kv, d->arena, FL_TABLE_ADDRESSES, &key);
        if (address == NULL)
            continue;
        if (*known != NULL && strcmp(*known, address->subject_id) != 0) {
            fl_reject(d, FL_REJECT(INVALID), "The address indexes name two people.");
            return false;
        }
        *known = address->subject_id;
    }
    return true;
}

static bool check_profile_time(struct fl_deciding *d, int64_t profile_time_ms)
{
    int64_t age_ms = d->action.time_ms - profile_time_ms;
    if (age_ms > d->rules->limits.profile_age_ms_max) {
        fl_reject(d, FL_REJECT(EXPIRED), "The profile was written too long before the request.");
        return false;
    }
    if (-age_ms > d->rules->limits.profile_ahead_ms_max) {
        fl_reject(d, FL_REJECT(INVALID), "The profile was written after the request.");
        return false;
    }
    if (d->now_ms - profile_time_ms >= d->rules->limits.profile_unnamed_ms_max) {
        fl_reject(d, FL_REJECT(EXPIRED), "The profile was written too long ago.");
        return false;
    }
    return true;
}

bool fl_address_known(struct fl_deciding *d, const Fleetlog__V1__PersonRef *ref, const char **known)
{
    return check_profile_time(d, ref->profile_time_ms) && fl_epochs_fit(d, ref) &&
           find_subject(d, ref, known);
}

bool fl_person_resolve(struct fl_deciding *d, const Fleetlog__V1__PersonRef *ref,
                       struct fl_person *person)
{
    const char *known;
    if (ref == NULL || ref->n_indexes == 0) {
        fl_reject(d, FL_REJECT(INVALID), "The request names no person.");
        return false;
    }
    if (!check_profile_time(d, ref->profile_time_ms) || !fl_epochs_fit(d, ref) ||
        !find_subject(d, ref, &known))
        return false;
    const fl_subject_row *row = fl_row_by_id(
        d->kv, d->arena, FL_TABLE_SUBJECTS, fl_slice_text(known != NULL ? known : ref->subject_id));
    if (known == NULL && row != NULL) {
        fl_reject(d, FL_REJECT(INVALID), "The subject belongs to another address.");
        return false;
    }
    if (known != NULL && row == NULL) {
        fl_kv_fail(d->kv, FL_CORRUPT);
        return false;
    }
    *person = (struct fl_person){.subject_id = ref->subject_id, .revision = ref->revision};
    if (row == NULL)
        return true;
    /* A profile sealed for another subject cannot be named for this one. */
    bool same = strcmp(ref->subject_id, row->subject_id) == 0;
    person->subject_id = row->subject_id;
    person->revision = same && ref->revision > row->revision ? ref->revision : row->revision;
    person->account =
        fl_row_by_id(d->kv, d->arena, FL_TABLE_ACCOUNTS, fl_slice_text(row->subject_id));
    return true;
}

bool fl_device_resolve(struct fl_deciding *d, const char *device_id, enum fl_right right,
                       fl_device_row **device)
{
    fl_device_row *row = fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, fl_slice_text(device_id));
    enum fl_relation relation = fl_relation_to_device(d->kv, d->arena, d->account, row, d->now_ms);
    if (row == NULL || relation == FL_RELATION_STRANGER) {
        fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such device.");
        return false;
    }
    d->company_id = fl_slice_text(row->company_id);
    if (row->state != FL_DEVICE_ACTIVE) {
        fl_reject(d, FL_REJECT(NOT_FOUND), "This device has been removed.");
        return false;
    }
    if (!fl_relation_may(relation, right)) {
        fl_rejectf(d, FL_REJECT(DENIED), "Your role does not allow you to %s.",
                   fl_right_text(right));
        return false;
    }
    *device = row;
    return true;
}

bool fl_agent_device(struct fl_deciding *d, const char *device_id, fl_device_row **device)
{
    fl_device_row *row = fl_row_by_id(d->kv, d->arena, FL_TABLE_DEVICES, fl_slice_text(device_id));
    if (row == NULL || row->state != FL_DEVICE_ACTIVE) {
        fl_reject(d, FL_REJECT(NOT_FOUND), "There is no such device.");
        return false;
    }
    if (strcmp(row->agent_id, d->agent->agent_id) != 0) {
        fl_reject(d, FL_REJECT(DENIED), "An agent answers for its own devices only.");
        return false;
    }
    d->company_id = fl_slice_text(row->company_id); /* which need not be the agent's */
    *device = row;
    return true;
}

bool fl_items_begin(struct fl_deciding *d, struct fl_items *items, size_t capacity)
{
    *items = (struct fl_items){.capacity = capacity};
    items->items = fl_arena_calloc(d->arena, capacity + 1, sizeof(*items->items));
    return items->items != NULL;
}

void fl_items_add(struct fl_deciding *d, struct fl_items *items, const char *id,
                  Fleetlog__V1__RejectionCode code, const char *sentence)
{
    Fleetlog__V1__RejectedItem *item = fl_arena_alloc(d->arena, sizeof(*item));
    fl_assert(items->count < items->capacity);
    if (item == NULL)
        return; /* the arena is exhausted: the decision fails */
    fleetlog__v1__rejected_item__init(item);
    item->id = id;
    item->code = code;
    item->sentence = sentence;
    items->items[items->count++] = item;
}

const ProtobufCMessage *fl_reject_items(struct fl_deciding *d, const struct fl_items *items,
                                        size_t of_count, const char *what)
{
    if (items->count == 0)
        return NULL; /* no memory */
    const Fleetlog__V1__RejectedItem *first = items->items[0];
    const ProtobufCMessage *answer =
        of_count == 1 ? fl_reject(d, first->code, first->sentence)
                      : fl_rejectf(d, first->code, "%zu of %zu devices cannot be %s; none was.",
                                   items->count, of_count, what);
    if (answer != NULL) {
        d->rejection.items = items->items;
        d->rejection.n_items = items->count;
    }
    return answer;
}
