/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about resellers and the dates of devices. */
#include <stdlib.h>
#include <string.h>

#include "projections/registry/lifecycle.h"
#include "projections/registry/reseller.h"
#include "tests/scenario/scenario.h"

static void link_reseller(struct scenario *s, const struct arguments *a)
{
    struct person who;
    INIT(LinkReseller, action, link_reseller);
    action.link_id = id_of("link", a->texts[1]);
    action.person = person_ref(s, a->texts[0], &who);
    action.link_key_generation = 1;
    action.report_period = a->count > 2 && strcmp(a->texts[2], "quarterly") == 0
                               ? FLEETLOG__V1__REPORT_PERIOD__REPORT_PERIOD_QUARTERLY
                               : FLEETLOG__V1__REPORT_PERIOD__REPORT_PERIOD_MONTHLY;
    request(s, &action.base);
}

static void accept(struct scenario *s, const struct arguments *a)
{
    INIT(AcceptResellerLink, action, accept_reseller_link);
    action.link_id = id_of("link", a->texts[0]);
    request(s, &action.base);
}

static void decline(struct scenario *s, const struct arguments *a)
{
    INIT(DeclineResellerLink, action, decline_reseller_link);
    action.link_id = id_of("link", a->texts[0]);
    request(s, &action.base);
}

static void disconnect(struct scenario *s, const struct arguments *a)
{
    INIT(DisconnectReseller, action, disconnect_reseller);
    action.link_id = id_of("link", a->texts[0]);
    request(s, &action.base);
}

static void unlink_reseller(struct scenario *s, const struct arguments *a)
{
    INIT(UnlinkReseller, action, unlink_reseller);
    action.link_id = id_of("link", a->texts[0]);
    request(s, &action.base);
}

static void resend(struct scenario *s, const struct arguments *a)
{
    INIT(ResendResellerOffer, action, resend_reseller_offer);
    action.link_id = id_of("link", a->texts[0]);
    action.link_key_generation = 1;
    request(s, &action.base);
}

static void remind(struct scenario *s, const struct arguments *a)
{
    static const char *ids[LIST_COUNT_MAX];
    INIT(RemindReseller, action, remind_reseller);
    action.link_id = id_of("link", a->texts[0]);
    action.n_device_ids = device_ids(s, a->texts[1], ids);
    action.device_ids = ids;
    request(s, &action.base);
}

static void set_date(struct scenario *s, const char *device, Fleetlog__V1__LifecycleFact fact,
                     const char *date)
{
    INIT(SetLifecycleFact, action, set_lifecycle_fact);
    action.device_id = id_of("device", device);
    action.fact = fact;
    action.due_date = date;
    request(s, &action.base);
}

static void set_battery(struct scenario *s, const struct arguments *a)
{
    set_date(s, a->texts[0], FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_BATTERY_REPLACEMENT,
             a->texts[1]);
}

static void set_warranty(struct scenario *s, const struct arguments *a)
{
    set_date(s, a->texts[0], FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_WARRANTY_END,
             a->texts[1]);
}

static void set_plan(struct scenario *s, const struct arguments *a)
{
    set_date(s, a->texts[0], FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END, a->texts[1]);
}

static void expect_link(struct scenario *s, const struct arguments *a)
{
    const fl_reseller_link_row *row = fl_registry_reseller_link(
        s->world.views[0].kv, &s->world.other_arena, fl_slice_text(id_of("link", a->texts[0])));
    const char *state = row == NULL ? "missing" : fl_sm_name(&fl_reseller_link_machine, row->state);
    if (strcmp(state, a->texts[1]) != 0)
        fail(s, "link %s is %s", a->texts[0], state);
}

static const Fleetlog__V1__RenewalNoticeDue *notice(struct scenario *s)
{
    if (s->world.last.envelope.row->type != FL_MESSAGE_RenewalNoticeDue)
        fail(s, "%s", s->world.last.envelope.row->name);
    return (const Fleetlog__V1__RenewalNoticeDue *)s->world.last.message;
}

static void expect_days(struct scenario *s, const struct arguments *a)
{
    uint32_t days = notice(s)->days_before;
    if (days != strtoul(a->texts[0], NULL, 10))
        fail(s, "%u days before", days);
}

static void expect_for(struct scenario *s, const struct arguments *a)
{
    if (strcmp(notice(s)->subject_id, id_of("subject", a->texts[0])) != 0)
        fail(s, "it is for \"%s\"", notice(s)->subject_id);
}

static void expect_for_nobody(struct scenario *s, const struct arguments *a)
{
    (void)a;
    if (notice(s)->subject_id[0] != '\0' || notice(s)->link_id[0] != '\0')
        fail(s, "it is for \"%s\"", notice(s)->subject_id);
}

const struct pattern reseller_patterns[] = {
    {"links reseller $w as $w", link_reseller},
    {"links reseller $w as $w with $w reports", link_reseller},
    {"accepts link $w", accept},
    {"declines link $w", decline},
    {"disconnects link $w", disconnect},
    {"unlinks $w", unlink_reseller},
    {"sends the offer $w again", resend},
    {"reminds $w of $l", remind},
    {"sets the battery date of $w to $q", set_battery},
    {"sets the warranty end of $w to $q", set_warranty},
    {"sets the plan end of $w to $q", set_plan},
    {NULL, NULL},
};

static void expect_plan_date(struct scenario *s, const struct arguments *a)
{
    const fl_lifecycle_row *row = fl_registry_lifecycle(
        s->world.views[0].kv, &s->world.other_arena, id_of("device", a->texts[0]),
        FLEETLOG__V1__LIFECYCLE_FACT__LIFECYCLE_FACT_PLAN_END);
    const char *date = row == NULL || row->due_date[0] == '\0' ? "none" : row->due_date;
    if (strcmp(date, a->texts[1]) != 0)
        fail(s, "the plan of %s ends on %s", a->texts[0], date);
}

const struct pattern reseller_expectations[] = {
    {"link $w is $w", expect_link},
    {"the notice comes $w days before", expect_days},
    {"the notice is for $w", expect_for},
    {"the notice is for nobody outside", expect_for_nobody},
    {"the plan's date of $w is $w", expect_plan_date},
    {NULL, NULL},
};
