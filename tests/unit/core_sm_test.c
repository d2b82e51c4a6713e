/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sm.h"

enum { OFF, ON, BROKEN, STATE_COUNT };

static bool never_broken_when_guarded(const void *object, unsigned state)
{
    return object == NULL || state != BROKEN;
}

static const struct fl_sm_state states[STATE_COUNT] = {
    [OFF] = {"off", FL_SM_BIT(ON), 0},
    [ON] = {"on", FL_SM_BIT(OFF) | FL_SM_BIT(BROKEN), 0},
    [BROKEN] = {"broken", 0, FL_SM_FINAL},
};
static const struct fl_sm machine = {"lamp", states, STATE_COUNT, never_broken_when_guarded};

static void only_moves_of_the_table_are_made(void **state)
{
    (void)state;
    unsigned now = OFF;
    assert_false(fl_sm_move(&machine, &now, BROKEN, NULL));
    assert_int_equal(now, OFF);
    assert_false(fl_sm_move(&machine, &now, OFF, NULL));
    assert_true(fl_sm_move(&machine, &now, ON, NULL));
    assert_true(fl_sm_move(&machine, &now, BROKEN, NULL));
    assert_int_equal(now, BROKEN);
    for (unsigned to = 0; to < 40; to++)
        assert_false(fl_sm_move(&machine, &now, to, NULL));
    now = 77;
    assert_false(fl_sm_move(&machine, &now, ON, NULL));
    assert_int_equal(now, 77);
}

static void names_and_ends_are_known(void **state)
{
    (void)state;
    assert_string_equal(fl_sm_name(&machine, ON), "on");
    assert_string_equal(fl_sm_name(&machine, STATE_COUNT), "unknown");
    assert_true(fl_sm_is_final(&machine, BROKEN));
    assert_false(fl_sm_is_final(&machine, ON));
    assert_false(fl_sm_is_final(&machine, STATE_COUNT));
}

static void a_table_that_breaks_its_rules_is_found(void **state)
{
    (void)state;
    struct fl_sm_state bad[2] = {{"a", FL_SM_BIT(1), 0}, {"b", 0, FL_SM_FINAL}};
    const struct fl_sm two = {"two", bad, 2, NULL};
    assert_true(fl_sm_check(&machine));
    assert_true(fl_sm_check(&two));
    bad[1].flags = 0;
    assert_false(fl_sm_check(&two));
    bad[1] = (struct fl_sm_state){"b", FL_SM_BIT(2), 0};
    assert_false(fl_sm_check(&two));
    bad[1] = (struct fl_sm_state){"b", FL_SM_BIT(0), FL_SM_FINAL};
    assert_false(fl_sm_check(&two));
    bad[1] = (struct fl_sm_state){NULL, 0, FL_SM_FINAL};
    assert_false(fl_sm_check(&two));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_moves_of_the_table_are_made),
        cmocka_unit_test(names_and_ends_are_known),
        cmocka_unit_test(a_table_that_breaks_its_rules_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
