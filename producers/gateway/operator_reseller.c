/* SPDX-License-Identifier: Apache-2.0 */
/* Resellers, who come with the link of a mail, and the dates that they are told of. */
#include <string.h>

#include "fleetlog/v1/resellers.pb-c.h"
#include "producers/gateway/operator.h"
#include "producers/gateway/operator_names.h"
#include "projections/registry/lifecycle.h"
#include "projections/registry/reseller.h"

static const struct {
    const char *name;
    Fleetlog__V1__ReportPeriod period;
} periods[] = {
    {"monthly", FLEETLOG__V1__REPORT_PERIOD__REPORT_PERIOD_MONTHLY},
    {"quarterly", FLEETLOG__V1__REPORT_PERIOD__REPORT_PERIOD_QUARTERLY},
};

static const struct {
    const char *name;
    Fleetlog__V1__LifecycleFact fact;
} facts[] = {
    {"battery-replacement", FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT},
    {"warranty-end", FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_WARRANTY_END},
    {"plan-end", FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END},
};
enum { FACT_COUNT = sizeof(facts) / sizeof(facts[0]) };

static const char *basis_name(Fleetlog__V1__LifecycleBasis basis)
{
    static const char *const names[] = {"unknown", "owner", "license", "forecast"};
    return (unsigned)basis < sizeof(names) / sizeof(names[0]) ? names[basis] : names[0];
}

static json_t *link_json(const fl_reseller_link_row *row, int64_t now_ms)
{
    unsigned state = fl_reseller_link_state_at(row->state, row->expires_at_ms, now_ms);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "linkId", row->link_id, "subjectId", row->subject_id,
        "state", fl_sm_name(&fl_reseller_link_machine, state), "reportPeriod",
        periods[row->report_period == FLEETLOG__V1__REPORT_PERIOD__REPORT_PERIOD_QUARTERLY].name,
        "offeredAtMs", (json_int_t)row->offered_at_ms, "expiresAtMs",
        (json_int_t)row->expires_at_ms, "nextReportAtMs", (json_int_t)row->next_report_at_ms);
}

/* The company's reseller, invited or linked: one at most. */
void fl_route_get_reseller_links(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_is_for_account(call)) {
        fl_call_problem(call, 400, "Resellers are those of a company: say on whose behalf", NULL,
                        "Fleetlog-As");
        return;
    }
    const char *company_id = fl_arena_text(&call->arena, call->identity.company_id);
    if (company_id == NULL || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    json_t *items = json_array();
    const fl_reseller_link_row *row = fl_registry_reseller_of(read.kv, &call->arena, company_id);
    if (row != NULL)
        json_array_append_new(items, link_json(row, fl_port_wall_ms(call->gateway->duty->port)));
    enum fl_error error = fl_call_add_persons(call, read.kv, items, "subjectId");
    fl_call_answer_list(call, &read, error, items, "");
}

void fl_route_post_reseller_link(struct call *call)
{
    struct outcome outcome;
    Fleetlog__V1__LinkReseller action = FLEETLOG__V1__LINK_RESELLER__INIT;
    const char *address = fl_body_text_or(call, "address", "");
    const char *period = fl_body_text_or(call, "reportPeriod", periods[0].name);
    if (!fl_call_body_is_good(call))
        return;
    for (size_t i = 0; i < sizeof(periods) / sizeof(periods[0]); i++)
        if (strcmp(period, periods[i].name) == 0)
            action.report_period = periods[i].period;
    if (action.report_period == FLEETLOG__V1__REPORT_PERIOD__REPORT_PERIOD_UNSPECIFIED) {
        fl_call_problem(call, 422, "reportPeriod must be monthly or quarterly", NULL,
                        "reportPeriod");
        return;
    }
    if (!fl_call_person(call, address, &action.person))
        return;
    action.link_id = fl_call_mint(call);
    action.link_key_generation = fl_keyring_link_generation(call->gateway->keyring);
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__ResellerLinkOffered *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    fl_call_add_link(call, json, FL_LINK_RESELLER, event->link_id, event->link_key_generation);
    fl_call_answer(call, 201, json);
}

void fl_route_delete_reseller_link(struct call *call)
{
    Fleetlog__V1__UnlinkReseller action = FLEETLOG__V1__UNLINK_RESELLER__INIT;
    action.link_id = call->parameters[0];
    fl_call_act_and_answer(call, &action.base, 200);
}

void fl_route_post_reseller_resend(struct call *call)
{
    struct outcome outcome;
    Fleetlog__V1__ResendResellerOffer action = FLEETLOG__V1__RESEND_RESELLER_OFFER__INIT;
    action.link_id = call->parameters[0];
    action.link_key_generation = fl_keyring_link_generation(call->gateway->keyring);
    if (!fl_call_act(call, &action.base, &outcome))
        return;
    const Fleetlog__V1__ResellerOfferResent *event = (const void *)outcome.event;
    json_t *json = fl_outcome_json(call, &outcome);
    fl_call_add_link(call, json, FL_LINK_RESELLER, event->link_id, event->link_key_generation);
    fl_call_answer(call, 200, json);
}

void fl_route_post_reseller_remind(struct call *call)
{
    size_t count = 0;
    Fleetlog__V1__RemindReseller action = FLEETLOG__V1__REMIND_RESELLER__INIT;
    action.device_ids = fl_call_body_devices(call, &count);
    action.n_device_ids = count;
    action.link_id = call->parameters[0];
    if (action.device_ids != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
}

static uint32_t link_generation(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    const fl_reseller_link_row *row = fl_registry_reseller_link(kv, arena, id);
    return row == NULL ? 0 : row->link_key_generation;
}

/* The link that the body's token is about; NULL after answering. */
static const char *link_of_token(struct call *call)
{
    const char *token = fl_body_text(call, "token");
    if (!fl_call_body_is_good(call))
        return NULL;
    return fl_call_check_link(call, FL_LINK_RESELLER, token, link_generation);
}

/* What who holds the link may know before he acts: the company's name, and how the link stands. */
void fl_route_post_reseller_show(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    const char *link_id = link_of_token(call);
    if (link_id == NULL || !fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_reseller_link_row *row =
        fl_registry_reseller_link(read.kv, &call->arena, fl_slice_text(link_id));
    const fl_company_row *company =
        row == NULL ? NULL
                    : fl_registry_company(read.kv, &call->arena, fl_slice_text(row->company_id));
    if (!fl_call_read_end(call, &read))
        return;
    if (company == NULL) {
        fl_call_problem(call, 404, "There is no such link", NULL, NULL);
        return;
    }
    unsigned state = fl_reseller_link_state_at(row->state, row->expires_at_ms,
                                               fl_port_wall_ms(call->gateway->duty->port));
    fl_call_answer(call, 200,
                   json_pack("{s:o, s:s}", "company", fl_text_json(company->name), "state",
                             fl_sm_name(&fl_reseller_link_machine, state)));
}

/* Whoever is signed in, it is the link that acts. */
static const char *act_as_link(struct call *call)
{
    const char *link_id = link_of_token(call);
    if (link_id == NULL)
        return NULL;
    call->identity.actor = fl_slice_text(fl_arena_printf(&call->arena, "link:%s", link_id));
    call->identity.on_behalf_of = FL_SLICE_NULL;
    call->identity.company_id = FL_SLICE_NULL;
    return link_id;
}

void fl_route_post_reseller_accept(struct call *call)
{
    Fleetlog__V1__AcceptResellerLink action = FLEETLOG__V1__ACCEPT_RESELLER_LINK__INIT;
    action.link_id = act_as_link(call);
    if (action.link_id != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
}

void fl_route_post_reseller_decline(struct call *call)
{
    Fleetlog__V1__DeclineResellerLink action = FLEETLOG__V1__DECLINE_RESELLER_LINK__INIT;
    action.link_id = act_as_link(call);
    if (action.link_id != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
}

void fl_route_post_reseller_disconnect(struct call *call)
{
    Fleetlog__V1__DisconnectReseller action = FLEETLOG__V1__DISCONNECT_RESELLER__INIT;
    action.link_id = act_as_link(call);
    if (action.link_id != NULL)
        fl_call_act_and_answer(call, &action.base, 200);
}

void fl_route_get_lifecycle(struct call *call)
{
    struct fl_store_read read = {.kv = NULL};
    if (!fl_call_read_begin(call, call->gateway->registry, &read))
        return;
    const fl_device_row *device = fl_call_find_device(call, read.kv, call->parameters[0]);
    if (device == NULL) {
        enum fl_error ended = fl_store_read_end(&read);
        (void)ended; /* it has been answered */
        return;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < FACT_COUNT; i++) {
        const fl_lifecycle_row *row =
            fl_registry_lifecycle(read.kv, &call->arena, device->device_id, facts[i].fact);
        if (row == NULL || row->due_date[0] == '\0')
            continue;
        json_array_append_new(items,
                              json_pack("{s:s, s:s, s:s, s:I, s:I}", "fact", facts[i].name,
                                        "dueDate", row->due_date, "basis", basis_name(row->basis),
                                        "setAtMs", (json_int_t)row->set_at_ms, "nextNoticeAtMs",
                                        (json_int_t)row->next_at_ms));
    }
    fl_call_answer_list(call, &read, FL_OK, items, "");
}

void fl_route_put_lifecycle(struct call *call)
{
    Fleetlog__V1__SetLifecycleFact action = FLEETLOG__V1__SET_LIFECYCLE_FACT__INIT;
    const char *names[1] = {call->parameters[0]};
    const char *fact = fl_body_text(call, "fact");
    action.due_date = fl_body_text_or(call, "dueDate", "");
    if (!fl_call_body_is_good(call))
        return;
    for (size_t i = 0; i < FACT_COUNT; i++)
        if (strcmp(fact, facts[i].name) == 0)
            action.fact = facts[i].fact;
    if (action.fact == FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_UNSPECIFIED) {
        fl_call_problem(call, 422, "fact must be battery-replacement, warranty-end or plan-end",
                        NULL, "fact");
        return;
    }
    const char **ids = fl_call_resolve_devices(call, names, 1);
    if (ids == NULL)
        return;
    action.device_id = ids[0];
    fl_call_act_and_answer(call, &action.base, 200);
}
