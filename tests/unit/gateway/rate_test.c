/* SPDX-License-Identifier: Apache-2.0 */
/* How much one of many may ask for: at the limit, above it, after a while, and beside others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "producers/gateway/rate.h"

enum { PER_MINUTE = 60, OTHERS = 4 * FL_RATE_ROW_COUNT * FL_RATE_ROW_SIZE };

static const struct fl_slice anna = FL_SLICE_LITERAL("anna");
static const struct fl_slice ben = FL_SLICE_LITERAL("ben");

static struct fl_port_virtual port;

static int begin(void **state)
{
    fl_port_virtual_init(&port, 1, 0);
    fl_port_virtual_step(&port, 1000);
    *state = fl_rate_open(&port.port, PER_MINUTE);
    return 0;
}

static int end(void **state)
{
    struct fl_rate *rate = *state;
    fl_rate_close(&rate);
    assert_null(rate);
    return 0;
}

static void take_all(struct fl_rate *rate, struct fl_slice key)
{
    for (int i = 0; i < PER_MINUTE; i++)
        assert_int_equal(fl_rate_take(rate, key, 1), 0);
}

static void a_minutes_worth_at_once_and_no_more(void **state)
{
    take_all(*state, anna);
    assert_int_equal(fl_rate_take(*state, anna, 1), 1);
    assert_int_equal(fl_rate_take(*state, ben, 1), 0);
}

static void it_comes_back_with_time(void **state)
{
    take_all(*state, anna);
    fl_port_virtual_step(&port, 999);
    assert_int_equal(fl_rate_take(*state, anna, 1), 1);
    fl_port_virtual_step(&port, 1);
    assert_int_equal(fl_rate_take(*state, anna, 1), 0);
    assert_int_equal(fl_rate_take(*state, anna, 1), 1);
    /* What is refused costs nothing. */
    fl_port_virtual_step(&port, 60 * 1000);
    take_all(*state, anna);
    assert_int_equal(fl_rate_take(*state, anna, 1), 1);
}

static void several_at_once(void **state)
{
    assert_int_equal(fl_rate_take(*state, anna, PER_MINUTE), 0);
    assert_int_equal(fl_rate_take(*state, anna, 10), 10);
    assert_int_equal(fl_rate_take(*state, ben, PER_MINUTE + 1), 1);
    assert_int_equal(fl_rate_take(*state, ben, PER_MINUTE), 0);
}

static void a_charge_never_costs_more_than_a_minute(void **state)
{
    fl_rate_charge(*state, anna, PER_MINUTE - 1);
    assert_int_equal(fl_rate_take(*state, anna, 1), 0);
    for (int i = 0; i < 10; i++)
        fl_rate_charge(*state, anna, PER_MINUTE);
    assert_int_equal(fl_rate_take(*state, anna, 1), 1);
    fl_port_virtual_step(&port, 60 * 1000);
    take_all(*state, anna);
}

static void none_is_no_limit(void **state)
{
    struct fl_rate *rate = fl_rate_open(&port.port, 0);
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(fl_rate_take(rate, anna, 1000), 0);
    fl_rate_close(&rate);
}

/* More keys than places: everybody new gets in, and who asks often is remembered longest. */
static void many_keys_keep_nobody_out(void **state)
{
    take_all(*state, anna);
    for (int i = 0; i < OTHERS; i++) {
        char name[32];
        snprintf(name, sizeof(name), "somebody %d", i);
        assert_int_equal(fl_rate_take(*state, fl_slice_text(name), 1), 0);
    }
    assert_int_equal(fl_rate_take(*state, anna, 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_minutes_worth_at_once_and_no_more, begin, end),
        cmocka_unit_test_setup_teardown(it_comes_back_with_time, begin, end),
        cmocka_unit_test_setup_teardown(several_at_once, begin, end),
        cmocka_unit_test_setup_teardown(a_charge_never_costs_more_than_a_minute, begin, end),
        cmocka_unit_test_setup_teardown(none_is_no_limit, begin, end),
        cmocka_unit_test_setup_teardown(many_keys_keep_nobody_out, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
