/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/clock_guard.h"

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };

#define HEAD_MS INT64_C(1800000000000)

static bool yes(void)
{
    return true;
}

static bool no(void)
{
    return false;
}

/* The wall clock that far from the head, the monotonic clock at that. */
static struct fl_clock_look at(int64_t ahead_ms, int64_t monotonic_ms, bool (*synchronised)(void))
{
    return (struct fl_clock_look){HEAD_MS + ahead_ms, monotonic_ms, HEAD_MS, synchronised};
}

static bool starts_held(int64_t ahead_ms, int64_t head_ms, bool (*synchronised)(void))
{
    struct fl_clock_guard guard;
    struct fl_clock_look look = {HEAD_MS + ahead_ms, 0, head_ms, synchronised};
    fl_clock_guard_start(&guard, &look);
    return fl_clock_guard_is_held(&guard, &look);
}

static void a_start_far_from_the_head_is_held(void **state)
{
    (void)state;
    assert_false(starts_held(DAY_MS, HEAD_MS, no));
    assert_true(starts_held(DAY_MS + 1, HEAD_MS, no));
    assert_false(starts_held(DAY_MS + 1, HEAD_MS, yes));
    assert_false(starts_held(-5 * MINUTE_MS, HEAD_MS, no));
    assert_true(starts_held(-5 * MINUTE_MS - 1, HEAD_MS, no));
    assert_true(starts_held(-5 * MINUTE_MS - 1, HEAD_MS, yes));
    /* An empty log has no time to compare with. */
    assert_false(starts_held(DAY_MS + 1, 0, no));
}

static void a_jump_past_a_day_is_held(void **state)
{
    struct fl_clock_guard guard;
    struct fl_clock_look look = at(0, 0, no);
    (void)state;
    fl_clock_guard_start(&guard, &look);
    look = at(DAY_MS, 0, no);
    assert_false(fl_clock_guard_is_held(&guard, &look));
    look = at(DAY_MS + 6 * MINUTE_MS, MINUTE_MS, no);
    assert_false(fl_clock_guard_is_held(&guard, &look));
    look = at(DAY_MS + 6 * MINUTE_MS + 1, MINUTE_MS, no);
    assert_true(fl_clock_guard_is_held(&guard, &look));
    /* It stays held, however the clock goes on, until somebody vouches for it. */
    look = at(0, 2 * MINUTE_MS, no);
    assert_true(fl_clock_guard_is_held(&guard, &look));
    look = at(0, 2 * MINUTE_MS, yes);
    assert_false(fl_clock_guard_is_held(&guard, &look));
}

static void an_idle_log_is_not_held(void **state)
{
    struct fl_clock_guard guard;
    struct fl_clock_look look = at(0, 0, no);
    (void)state;
    fl_clock_guard_start(&guard, &look);
    for (int day = 1; day <= 30; day++) {
        look = at(day * INT64_C(1) * DAY_MS, day * INT64_C(1) * DAY_MS, no);
        assert_false(fl_clock_guard_is_held(&guard, &look));
    }
}

static void a_synchronised_clock_may_jump(void **state)
{
    struct fl_clock_guard guard;
    struct fl_clock_look look = at(0, 0, yes);
    (void)state;
    fl_clock_guard_start(&guard, &look);
    look = at(INT64_C(400) * DAY_MS, MINUTE_MS, yes);
    assert_false(fl_clock_guard_is_held(&guard, &look));
    /* From there on it has not jumped. */
    look = at(INT64_C(400) * DAY_MS + MINUTE_MS, 2 * MINUTE_MS, no);
    assert_false(fl_clock_guard_is_held(&guard, &look));
}

static void the_operator_lets_it_go_on(void **state)
{
    struct fl_clock_guard guard;
    struct fl_clock_look look = at(2 * DAY_MS, 0, no);
    (void)state;
    fl_clock_guard_start(&guard, &look);
    assert_true(fl_clock_guard_is_held(&guard, &look));
    fl_clock_guard_accept(&guard, &look);
    assert_false(fl_clock_guard_is_held(&guard, &look));
    look = at(2 * DAY_MS + 6 * MINUTE_MS, MINUTE_MS - 1, no);
    assert_true(fl_clock_guard_is_held(&guard, &look));
}

static void a_clock_behind_the_head_has_to_come_up_to_it(void **state)
{
    struct fl_clock_guard guard;
    struct fl_clock_look look = at(0, 0, yes);
    (void)state;
    fl_clock_guard_start(&guard, &look);
    look = at(-6 * MINUTE_MS, MINUTE_MS, yes);
    assert_true(fl_clock_guard_is_held(&guard, &look));
    fl_clock_guard_accept(&guard, &look);
    assert_true(fl_clock_guard_is_held(&guard, &look));
    look = at(-5 * MINUTE_MS, 2 * MINUTE_MS, no);
    assert_false(fl_clock_guard_is_held(&guard, &look));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_start_far_from_the_head_is_held),
        cmocka_unit_test(a_jump_past_a_day_is_held),
        cmocka_unit_test(an_idle_log_is_not_held),
        cmocka_unit_test(a_synchronised_clock_may_jump),
        cmocka_unit_test(the_operator_lets_it_go_on),
        cmocka_unit_test(a_clock_behind_the_head_has_to_come_up_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
