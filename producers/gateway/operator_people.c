/* SPDX-License-Identifier: Apache-2.0 */
/* Co-workers: invitations answered, roles, leaving; a holder's whole view of one owner. */
#include <string.h>

#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "producers/gateway/account.h"
#include "producers/gateway/operator_names.h"
#include "projections/registry/machines.h"

void fl_route_get_invitations(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_page page;
    struct fl_rows rows = {.count = 0};
    int64_t now_ms = fl_port_wall_ms(call->gateway->duty->port);
    if (!fl_call_needs_account(call) || !fl_call_page(call, &page) ||
        !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    enum fl_error error = fl_registry_list(read.kv, &call->arena, FL_LIST_INVITATIONS,
                                           call->identity.company_id, &page, &rows);
    for (size_t i = 0; error == FL_OK && i < rows.count; i++) {
        const fl_invitation_row *row = rows.rows[i];
        unsigned state = fl_invitation_state_at(row->state, row->expires_at_ms, now_ms);
        json_array_append_new(items, json_pack("{s:s, s:s, s:s, s:I, s:I}", "invitationId",
                                               row->invitation_id, "subjectId", row->subject_id,
                                               "state", fl_sm_name(&fl_invitation_machine, state),
                                               "invitedAtMs", (json_int_t)row->invited_at_ms,
                                               "expiresAtMs", (json_int_t)row->expires_at_ms));
    }
    if (error == FL_OK)
        error = fl_call_add_persons(call, read.kv, items, "subjectId");
    fl_call_answer_list(call, &read, error, items, rows.next);
}

void fl_route_delete_invitation(struct call *call)
{
    Fleetlog__V1__CancelInvitation action = FLEETLOG__V1__CANCEL_INVITATION__INIT;
    action.invitation_id = call->parameters[0];
    fl_call_act_and_answer(call, &action.base, 200);
}

void fl_route_post_invitation_resend(struct call *call)
{
    struct outcome outcome;
    Fleetlog__V1__ResendInvitation action = FLEETLOG__V1__RESEND_INVITATION__INIT;
    action.invitation_id = call->parameters[0];
    action.link_key_generation = fl_keyring_link_generation(call->gateway->keyring);
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__InvitationResent *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    fl_call_add_link(call, json, FL_LINK_INVITATION, event->invitation_id,
                     event->link_key_generation);
    fl_call_answer(call, 200, json);
}

static uint32_t invitation_generation(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    const fl_invitation_row *row = fl_registry_invitation(kv, arena, id);
    return row == NULL ? 0 : row->link_key_generation;
}

/* Without an account: somebody new, whom the token names. */
void fl_route_post_invitation_accept(struct call *call)
{
    Fleetlog__V1__AcceptInvitation action = FLEETLOG__V1__ACCEPT_INVITATION__INIT;
    const char *token = fl_body_text(call, "token");
    const char *move = fl_body_text_or(call, "move", "no");
    if (!fl_call_body_is_good(call))
        return;
    if (strcmp(move, "yes") != 0 && strcmp(move, "no") != 0) {
        fl_call_problem(call, 422, "move must be yes or no", NULL, "move");
        return;
    }
    action.move = strcmp(move, "yes") == 0;
    action.invitation_id =
        fl_call_check_link(call, FL_LINK_INVITATION, token, invitation_generation);
    if (action.invitation_id == NULL)
        return;
    if (json_object_get(call->body, "password") != NULL && !fl_call_is_for_account(call))
        fl_call_accept_as_new(call, action.invitation_id);
    else
        fl_call_act_and_answer(call, &action.base, 200);
}

/* A co-worker's id by id or address; NULL after answering. Nobody learns here who else has an
 * account. */
static const char *find_coworker(struct call *call, const char *name)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_needs_account(call) || !fl_call_read_begin(call, call->gateway->registry, &read))
        return NULL;
    const fl_account_row *row = fl_call_find_account(call, read.kv, name);
    if (!fl_call_read_end(call, &read))
        return NULL;
    if (row != NULL && fl_slice_is(call->identity.company_id, row->company_id))
        return row->account_id;
    fl_call_problem(call, 404, "There is no such co-worker", NULL, "account");
    return NULL;
}

void fl_route_patch_account(struct call *call)
{
    Fleetlog__V1__ChangeRole action = FLEETLOG__V1__CHANGE_ROLE__INIT;
    const char *role = fl_body_text(call, "role");
    if (!fl_call_body_is_good(call))
        return;
    action.role = strcmp(role, "administrator") == 0 ? FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR
                                                     : FLEETLOG__V1__ROLE__ROLE_MEMBER;
    if (strcmp(role, "administrator") != 0 && strcmp(role, "member") != 0) {
        fl_call_problem(call, 422, "role must be administrator or member", NULL, "role");
        return;
    }
    action.account_id = find_coworker(call, call->parameters[0]);
    if (action.account_id != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
}

void fl_route_delete_account(struct call *call)
{
    Fleetlog__V1__RemoveCoworker action = FLEETLOG__V1__REMOVE_COWORKER__INIT;
    action.account_id = find_coworker(call, call->parameters[0]);
    if (action.account_id != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
}

void fl_route_post_account_close(struct call *call)
{
    Fleetlog__V1__CloseAccount action = FLEETLOG__V1__CLOSE_ACCOUNT__INIT;
    if (!fl_call_needs_account(call))
        return;
    action.account_id = fl_arena_text(&call->arena, call->identity.on_behalf_of);
    if (action.account_id != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
    else
        fl_call_error(call, FL_NO_MEMORY);
}

/* An owner by id, or by name among those that share with the account; NULL: none. */
static const char *search_owner(struct call *call, struct fl_kv *kv, const char *name)
{
    struct fl_page page = {.limit = FL_PAGE_LIMIT_MAX};
    struct fl_rows rows = {.count = 0};
    char cursor[FL_CURSOR_SIZE];
    do {
        fl_arena_reset(&call->scratch);
        if (fl_registry_list(kv, &call->scratch, FL_LIST_PERSON_SHARES, call->identity.on_behalf_of,
                             &page, &rows) != FL_OK)
            return NULL;
        for (size_t i = 0; i < rows.count; i++) {
            const fl_share_row *share = rows.rows[i];
            const fl_company_row *owner =
                fl_registry_company(kv, &call->scratch, fl_slice_text(share->company_id));
            if (owner != NULL &&
                (strcmp(owner->name, name) == 0 || strcmp(owner->company_id, name) == 0))
                return fl_arena_text(&call->arena, fl_slice_text(owner->company_id));
        }
        memcpy(cursor, rows.next, sizeof(cursor));
        page.after = fl_slice_text(cursor);
    } while (rows.next[0] != '\0');
    return NULL;
}

/* ?owner=COMPANY: everything of it leaves the account's view. */
void fl_route_delete_shared_devices(struct call *call)
{
    Fleetlog__V1__RemoveSharedDevices action = FLEETLOG__V1__REMOVE_SHARED_DEVICES__INIT;
    struct fl_store_read read = {.kv = NULL};
    const char *owner = fl_http_query(call->request, "owner");
    if (!fl_call_needs_account(call))
        return;
    if (owner == NULL) {
        fl_call_problem(call, 400, "owner is missing", NULL, "owner");
        return;
    }
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    action.company_id = search_owner(call, read.kv, owner);
    if (!fl_call_read_end(call, &read))
        return;
    if (action.company_id == NULL)
        fl_call_problem(call, 404, "This owner shares no devices with you", NULL, "owner");
    else
        fl_call_act_and_answer(call, &action.base, 200);
}
