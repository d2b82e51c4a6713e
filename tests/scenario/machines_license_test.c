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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(licenses_answer_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
