/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "consumers/mailer/backoff.h"

static void waits_double_up_to_a_bound_with_chance(void **state)
{
    (void)state;
    struct fl_port_virtual clock;
    fl_port_virtual_init(&clock, 5, 1000);
    for (unsigned attempts = 1; attempts <= 40; attempts++) {
        int64_t full_ms = 1000;
        for (unsigned i = 1; i < attempts && full_ms < 60000; i++)
            full_ms *= 2;
        if (full_ms > 60000)
            full_ms = 60000;
        int64_t wait_ms = fl_backoff_wait_ms(&clock.port, attempts, 1000, 60000);
        assert_true(wait_ms >= full_ms - full_ms / 4 && wait_ms <= full_ms);
    }
    int64_t first_ms = fl_backoff_wait_ms(&clock.port, 9, 1000, 60000);
    bool differs = false;
    for (int i = 0; i < 20; i++)
        differs = differs || fl_backoff_wait_ms(&clock.port, 9, 1000, 60000) != first_ms;
    assert_true(differs);
}

static void a_mail_waits_until_its_time_or_is_forgotten(void **state)
{
    (void)state;
    static struct fl_backoff backoff;
    struct fl_port_virtual clock;
    fl_port_virtual_init(&clock, 5, 1000);
    assert_false(fl_backoff_waits(&backoff, "a", 0));
    assert_int_equal(fl_backoff_add(&backoff, &clock.port, "a", 0), 1);
    assert_true(fl_backoff_waits(&backoff, "a", FL_BACKOFF_MS_MIN / 2));
    assert_false(fl_backoff_waits(&backoff, "a", FL_BACKOFF_MS_MIN));
    assert_int_equal(fl_backoff_add(&backoff, &clock.port, "a", 0), 2);
    assert_true(fl_backoff_waits(&backoff, "a", FL_BACKOFF_MS_MIN));
    fl_backoff_forget(&backoff, "a");
    assert_false(fl_backoff_waits(&backoff, "a", 0));
    fl_backoff_forget(&backoff, "a");
    assert_int_equal(backoff.count, 0);
}

/* Memory is bounded: the one that would wait longest makes room. */
static void too_many_push_out_the_latest(void **state)
{
    (void)state;
    static struct fl_backoff backoff;
    struct fl_port_virtual clock;
    char id[FL_ID_TEXT_SIZE];
    fl_port_virtual_init(&clock, 5, 1000);
    for (int i = 0; i < FL_BACKOFF_COUNT_MAX; i++) {
        snprintf(id, sizeof(id), "%d", i);
        fl_backoff_add(&backoff, &clock.port, id, i == 77 ? 100000000 : 0);
    }
    assert_true(fl_backoff_waits(&backoff, "77", 0));
    fl_backoff_add(&backoff, &clock.port, "new", 0);
    assert_int_equal(backoff.count, FL_BACKOFF_COUNT_MAX);
    assert_true(fl_backoff_waits(&backoff, "new", 0));
    assert_false(fl_backoff_waits(&backoff, "77", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_a_bound_with_chance),
        cmocka_unit_test(a_mail_waits_until_its_time_or_is_forgotten),
        cmocka_unit_test(too_many_push_out_the_latest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
