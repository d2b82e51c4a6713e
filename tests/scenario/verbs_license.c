/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences about licenses and plans. */
#include <stdlib.h>
#include <string.h>

#include "fleetlog/v1/licenses.pb-c.h"
#include "fleetlog/v1/purchases.pb-c.h"
#include "projections/registry/plan.h"
#include "projections/registry/rows.h"
#include "tests/scenario/scenario.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* The code of a license has its name here. */
static ProtobufCBinaryData hash_of(const char *name, uint8_t bytes[FL_HASH_SIZE])
{
    fl_sha256(fl_slice_text(name), bytes);
    return (ProtobufCBinaryData){FL_HASH_SIZE, bytes};
}

static Fleetlog__V1__Plan plan_named(struct scenario *s, const char *name)
{
    for (enum fl_plan plan = FL_PLAN_BASIC; plan <= FL_PLAN_ADVANCED; plan++)
        if (strcmp(fl_plan_name(plan), name) == 0)
            return (Fleetlog__V1__Plan)plan;
    fail(s, "%s is no plan", name);
}

static void mint(struct scenario *s, const struct arguments *a, const char *currency)
{
    uint8_t hash[FL_HASH_SIZE];
    struct person who;
    INIT(MintLicense, action, mint_license);
    action.license_id = id_of("license", a->texts[0]);
    action.code_hash = hash_of(a->texts[0], hash);
    action.node_count = (uint32_t)strtoul(a->texts[1], NULL, 10);
    action.plan = plan_named(s, a->texts[2]);
    action.term_days = (uint32_t)(a->duration_ms / DAY_MS);
    action.company_id = id_of("company", a->texts[3]);
    action.person = person_ref(s, a->texts[4], &who);
    action.link_key_generation = 1;
    action.net_minor = 4900 * (int64_t)action.node_count;
    action.currency = currency;
    action.purchase_order = "PO-1";
    action.payment_terms = "30 days net";
    request(s, &action.base);
}

static void mint_license(struct scenario *s, const struct arguments *a)
{
    mint(s, a, "EUR");
}

static void mint_in_currency(struct scenario *s, const struct arguments *a)
{
    mint(s, a, a->texts[5]);
}

static void apply_code(struct scenario *s, const struct arguments *a)
{
    static const char *ids[LIST_COUNT_MAX];
    uint8_t hash[FL_HASH_SIZE];
    INIT(ApplyLicense, action, apply_license);
    action.code_hash = hash_of(a->texts[0], hash);
    action.n_device_ids = device_ids(s, a->texts[1], ids);
    action.device_ids = ids;
    request(s, &action.base);
}

static void apply_license(struct scenario *s, const struct arguments *a)
{
    static const char *ids[LIST_COUNT_MAX];
    INIT(ApplyLicense, action, apply_license);
    action.license_id = id_of("license", a->texts[0]);
    action.n_device_ids = device_ids(s, a->texts[1], ids);
    action.device_ids = ids;
    request(s, &action.base);
}

static void release_license(struct scenario *s, const struct arguments *a)
{
    static const char *ids[LIST_COUNT_MAX];
    INIT(ReleaseLicense, action, release_license);
    action.license_id = id_of("license", a->texts[0]);
    action.n_device_ids = device_ids(s, a->texts[1], ids);
    action.device_ids = ids;
    request(s, &action.base);
}

static void withdraw_license(struct scenario *s, const struct arguments *a)
{
    INIT(WithdrawLicense, action, withdraw_license);
    action.license_id = id_of("license", a->texts[0]);
    action.reason = a->texts[1];
    request(s, &action.base);
}

/* One node of a plan for so long, with its tax. */
static void set_price(struct scenario *s, const struct arguments *a)
{
    Fleetlog__V1__Price price = FLEETLOG__V1__PRICE__INIT;
    Fleetlog__V1__Price *prices[] = {&price};
    INIT(SetPriceList, action, set_price_list);
    price.net_minor = strtol(a->texts[0], NULL, 10);
    price.currency = a->texts[1];
    price.tax_basis_points = (uint32_t)strtoul(a->texts[2], NULL, 10) * 100;
    price.plan = plan_named(s, a->texts[3]);
    price.region = a->texts[4];
    price.term_days = (uint32_t)(a->duration_ms / DAY_MS);
    action.prices = prices;
    action.n_prices = 1;
    request(s, &action.base);
}

static void start_purchase(struct scenario *s, const struct arguments *a)
{
    uint8_t hash[FL_HASH_SIZE];
    struct person who;
    INIT(StartPurchase, action, start_purchase);
    action.node_count = (uint32_t)strtoul(a->texts[0], NULL, 10);
    action.plan = plan_named(s, a->texts[1]);
    action.term_days = (uint32_t)(a->duration_ms / DAY_MS);
    action.region = a->texts[2];
    action.price_list_version = (uint32_t)strtoul(a->texts[3], NULL, 10);
    action.purchase_id = id_of("purchase", a->texts[4]);
    action.license_id = id_of("license", a->texts[4]);
    action.code_hash = hash_of(a->texts[4], hash);
    action.link_key_generation = 1;
    action.person = person_ref(s, a->texts[5], &who);
    action.provider = "stand-in";
    request(s, &action.base);
}

static void report_payment(struct scenario *s, const struct arguments *a,
                           Fleetlog__V1__PaymentState state)
{
    INIT(ReportPayment, action, report_payment);
    s->actor = (struct world_actor){.actor = "checkout:stand-in"};
    action.purchase_id = id_of("purchase", a->texts[0]);
    action.provider_event_id = "evt_1";
    action.state = state;
    action.amount_minor = strtol(a->texts[1], NULL, 10);
    action.currency = a->texts[2];
    request(s, &action.base);
}

static void payment_done(struct scenario *s, const struct arguments *a)
{
    report_payment(s, a, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_PAID);
}

static void payment_failed(struct scenario *s, const struct arguments *a)
{
    report_payment(s, a, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_FAILED);
}

static void payment_refunded(struct scenario *s, const struct arguments *a)
{
    report_payment(s, a, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_REFUNDED);
}

const struct pattern payment_patterns[] = {
    {"the checkout reports $w paid with $w $w", payment_done},
    {"the checkout reports $w failed with $w $w", payment_failed},
    {"the checkout reports $w refunded with $w $w", payment_refunded},
    {NULL, NULL},
};

const struct pattern license_patterns[] = {
    {"sets the price of $w $w and $w percent tax for $w in $w for $t", set_price},
    {"buys $w $w nodes for $t in $w by list $w as $w installed by $w", start_purchase},
    {"mints license $w of $w $w nodes and $t for $w installed by $w", mint_license},
    {"mints license $w of $w $w nodes and $t for $w installed by $w in $w", mint_in_currency},
    {"applies code $w to $l", apply_code},
    {"applies license $w to $l", apply_license},
    {"takes license $w off $l", release_license},
    {"withdraws license $w because $q", withdraw_license},
    {NULL, NULL},
};

static void expect_plan(struct scenario *s, const struct arguments *a)
{
    enum fl_plan plan = fl_plan_of(s->world.views[0].kv, &s->world.other_arena,
                                   fl_slice_text(id_of("device", a->texts[0])), s->world.now_ms);
    if (plan != (enum fl_plan)plan_named(s, a->texts[1]))
        fail(s, "it has %s", fl_plan_name(plan));
}

static void expect_plan_end(struct scenario *s, const struct arguments *a)
{
    int64_t ends_ms =
        fl_plan_ends_ms(s->world.views[0].kv, &s->world.other_arena,
                        fl_slice_text(id_of("device", a->texts[0])), s->world.now_ms) -
        s->world.now_ms;
    if (ends_ms != a->duration_ms)
        fail(s, "it ends in %lld days and %lld ms", (long long)(ends_ms / DAY_MS),
             (long long)(ends_ms % DAY_MS));
}

static const fl_license_row *license(struct scenario *s, const char *name)
{
    const fl_license_row *row =
        fl_row_by_id(s->world.views[0].kv, &s->world.other_arena, FL_TABLE_LICENSES,
                     fl_slice_text(id_of("license", name)));
    if (row == NULL)
        fail(s, "there is no license %s", name);
    return row;
}

static void expect_nodes(struct scenario *s, const struct arguments *a)
{
    const fl_license_row *row = license(s, a->texts[0]);
    const uint32_t counts[] = {row->fresh_count, row->applied_count, row->returned_count,
                               row->used_count};
    for (size_t i = 0; i < 4; i++)
        if (counts[i] != strtoul(a->texts[1 + i], NULL, 10))
            fail(s, "%u unused, %u applied, %u returned, %u used", counts[0], counts[1], counts[2],
                 counts[3]);
}

static void expect_license_state(struct scenario *s, const struct arguments *a)
{
    const char *state = fl_sm_name(&fl_license_machine, license(s, a->texts[0])->state);
    if (strcmp(state, a->texts[1]) != 0)
        fail(s, "it is %s", state);
}

static const fl_purchase_row *purchase(struct scenario *s, const char *name)
{
    const fl_purchase_row *row =
        fl_row_by_id(s->world.views[0].kv, &s->world.other_arena, FL_TABLE_PURCHASES,
                     fl_slice_text(id_of("purchase", name)));
    if (row == NULL)
        fail(s, "there is no purchase %s", name);
    return row;
}

static void expect_purchase_state(struct scenario *s, const struct arguments *a)
{
    const char *state = fl_sm_name(&fl_purchase_machine, purchase(s, a->texts[0])->state);
    if (strcmp(state, a->texts[1]) != 0)
        fail(s, "it is %s", state);
}

static void expect_cost(struct scenario *s, const struct arguments *a)
{
    const fl_purchase_row *row = purchase(s, a->texts[0]);
    if (row->net_minor != strtol(a->texts[1], NULL, 10) ||
        row->tax_minor != strtol(a->texts[2], NULL, 10) || strcmp(row->currency, a->texts[3]) != 0)
        fail(s, "%lld and %lld %s", (long long)row->net_minor, (long long)row->tax_minor,
             row->currency);
}

const struct pattern license_expectations[] = {
    {"purchase $w is $w", expect_purchase_state},
    {"purchase $w costs $w and $w tax in $w", expect_cost},
    {"$w has the plan $w", expect_plan},
    {"the plan of $w ends in $t", expect_plan_end},
    {"license $w has $w unused $w applied $w returned $w used nodes", expect_nodes},
    {"license $w is $w", expect_license_state},
    {NULL, NULL},
};
