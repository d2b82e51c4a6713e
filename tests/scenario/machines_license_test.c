/* SPDX-License-Identifier: Apache-2.0 */
/* The machines of licenses: every input has an answer in every state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/scenario/cells.h"

static void bring_license(struct world *world, unsigned state)
{
    if (state == FL_LICENSE_NONE)
        return;
    cast_mint(world, 1, 1, 3, FLEETLOG__V1__PLAN__PLAN_STANDARD);
    if (state == FL_LICENSE_WITHDRAWN)
        cast_withdraw_license(world, 1);
}

static void mint(struct world *world)
{
    cast_mint(world, 1, 1, 3, FLEETLOG__V1__PLAN__PLAN_STANDARD);
}

static void apply(struct world *world)
{
    const unsigned device = 1;
    cast_apply(world, 1, 1, &device, 1);
}

static void release(struct world *world)
{
    cast_release(world, 1, 1, 1);
}

static void withdraw(struct world *world)
{
    cast_withdraw_license(world, 1);
}

/* none, active, withdrawn */
static void licenses_answer_everything(void **state)
{
    (void)state;
    static const struct cell minted[] = {EVENT(LicenseMinted), REFUSED(EXISTS), REFUSED(EXISTS)};
    static const struct cell applied[] = {GONE, EVENT(LicenseApplied), NO};
    static const struct cell released[] = {GONE, GONE, GONE};
    static const struct cell withdrawn[] = {GONE, EVENT(LicenseWithdrawn), NO};
    const struct cell_row inputs[] = {{"mint", mint, minted},
                                      {"apply", apply, applied},
                                      {"release", release, released},
                                      {"withdraw", withdraw, withdrawn}};
    cells_try(&fl_license_machine, bring_license, inputs, sizeof(inputs) / sizeof(inputs[0]));
}

static void bring_purchase(struct world *world, unsigned state)
{
    cast_set_prices(world);
    if (state == FL_PURCHASE_NONE)
        return;
    cast_buy(world, 1, 1);
    if (state == FL_PURCHASE_EXPIRED) {
        world->now_ms += 24 * 3600000;
        cast_fire_all(world);
    }
    if (state == FL_PURCHASE_FAILED)
        cast_payment(world, 1, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_FAILED);
    if (state == FL_PURCHASE_PAID)
        cast_payment(world, 1, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_PAID);
    if (state == FL_PURCHASE_REFUNDED)
        cast_payment(world, 1, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_REFUNDED);
}

static void buy(struct world *world)
{
    cast_buy(world, 1, 1);
}

static void pay(struct world *world)
{
    cast_payment(world, 1, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_PAID);
}

static void fail_payment(struct world *world)
{
    cast_payment(world, 1, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_FAILED);
}

static void refund(struct world *world)
{
    cast_payment(world, 1, FLEETLOG__V1__PAYMENT_STATE__PAYMENT_STATE_REFUNDED);
}

/* none, started, failed, paid, refunded, expired */
static void purchases_answer_everything(void **state)
{
    (void)state;
    static const struct cell bought[] = {EVENT(PurchaseStarted), REFUSED(EXISTS), REFUSED(EXISTS),
                                         REFUSED(EXISTS),        REFUSED(EXISTS), REFUSED(EXISTS)};
    static const struct cell paid[] = {GONE, EVENT(PurchasePaid), EVENT(PurchasePaid), NO,
                                       NO,   EVENT(PurchasePaid)};
    static const struct cell failed[] = {GONE, EVENT(PurchaseFailed), NO, NO, NO, NO};
    static const struct cell refunded[] = {
        GONE, EVENT(PurchaseRefunded), EVENT(PurchaseRefunded), EVENT(PurchaseRefunded),
        NO,   EVENT(PurchaseRefunded)};
    const struct cell_row inputs[] = {{"buy", buy, bought},
                                      {"pay", pay, paid},
                                      {"fail", fail_payment, failed},
                                      {"refund", refund, refunded}};
    cells_try(&fl_purchase_machine, bring_purchase, inputs, sizeof(inputs) / sizeof(inputs[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(licenses_answer_everything),
        cmocka_unit_test(purchases_answer_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
