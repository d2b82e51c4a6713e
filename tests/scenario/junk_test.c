/* SPDX-License-Identifier: Apache-2.0 */
/* Actions bent at random: each gets one answer, and nothing else happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/port.h"
#include "projections/eventlog/eventlog.h"
#include "projections/people/people.h"
#include "tests/scenario/junk.h"

enum { ROUND_COUNT = 12, STEP_COUNT = 250, SIZE_MAX_OF_STEP = 13 };

static uint64_t seed_of(void)
{
    const char *text = getenv("FLEETLOG_SEED");
    uint64_t seed = 20260102;
    if (text != NULL)
        seed = strtoull(text, NULL, 10);
    printf("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static void every_bent_action_has_one_answer(void **state)
{
    (void)state;
    static struct world world;
    struct fl_port_virtual port;
    size_t codes[64] = {0};
    fl_port_virtual_init(&port, seed_of(), 0);
    for (int round = 0; round < ROUND_COUNT; round++) {
        world_init(&world);
        world_add_view(&world, fl_eventlog_view());
        world_add_view(&world, fl_people_view());
        size_t good_count = junk_begin(&world);
        for (int i = 0; i < STEP_COUNT; i++) {
            uint8_t data[SIZE_MAX_OF_STEP];
            fl_port_random(&port.port, data, sizeof(data));
            world.now_ms += data[3] * 100;
            junk_step(&world, good_count, data, 3 + 3 * (size_t)(data[4] % 4));
            const Fleetlog__V1__ActionRejected *rejection = world_rejection(&world);
            codes[rejection == NULL ? 0 : rejection->code % 64]++;
        }
        world_refold(&world);
        world_fini(&world);
    }
    /* The bending reaches what it is meant to reach. */
    assert_true(codes[0] > 0);
    assert_true(codes[FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_MALFORMED] > 0);
    assert_true(codes[FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_UNSUPPORTED] > 0);
    assert_true(codes[FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_INVALID] > 0);
    assert_true(codes[FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_DUPLICATE] > 0);
    assert_true(codes[FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_ID_REUSED] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bent_action_has_one_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
