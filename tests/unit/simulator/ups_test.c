/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/port.h"
#include "producers/simulator/ups.h"

#define SCENARIOS "producers/simulator/scenarios"

struct fixture {
    struct fl_scenario *scenario;
    struct fl_ups *ups;
};

static void make(struct fixture *fixture, const char *scenario, const char *name)
{
    char message[256];
    struct fl_ups_options options = {.name = name, .seed = 3, .wall_ms = INT64_C(1764028800000)};
    if (fl_scenario_load(SCENARIOS, scenario, &fixture->scenario, message, sizeof(message)))
        fail_msg("%s", message);
    assert_int_equal(fl_ups_open(fixture->scenario, &options, &fixture->ups), FL_OK);
}

static void unmake(struct fixture *fixture)
{
    fl_ups_close(&fixture->ups);
    fl_scenario_free(&fixture->scenario);
}

static void play(struct fl_ups *ups, double seconds)
{
    double until_s = fl_ups_time(ups) + seconds;
    while (fl_ups_step(ups, until_s) < until_s)
        fl_ups_check(ups);
    fl_ups_check(ups);
}

static double number(const struct fl_ups *ups, const char *variable)
{
    const char *value = fl_ups_value(ups, variable);
    assert_non_null(value);
    return strtod(value, NULL);
}

static bool has(const struct fl_ups *ups, const char *token)
{
    char status[512];
    char needle[64];
    snprintf(status, sizeof(status), " %s ", fl_ups_value(ups, "ups.status"));
    snprintf(needle, sizeof(needle), " %s ", token);
    return strstr(status, needle) != NULL;
}

static enum fl_ups_answer act(struct fl_ups *ups, enum fl_act_kind kind, double value)
{
    struct fl_act what = {.kind = kind, .number = value};
    return fl_ups_act(ups, &what);
}

/* mains -> on battery -> low -> dead -> charging -> mains: the diagram of ups.h */
static void an_outage_runs_its_course(void **state)
{
    struct fixture f;
    (void)state;
    make(&f, "smart-ups", "a");
    assert_string_equal(fl_ups_value(f.ups, "ups.status"), "OL");
    assert_int_equal(act(f.ups, FL_ACT_OUTAGE, 0), FL_UPS_HANDLED);
    assert_string_equal(fl_ups_value(f.ups, "ups.status"), "OB DISCHRG");
    assert_string_equal(fl_ups_value(f.ups, "input.voltage"), "0.0");
    assert_string_equal(fl_ups_value(f.ups, "input.transfer.reason"), "input voltage out of range");
    play(f.ups, 1200);
    assert_true(number(f.ups, "battery.charge") == 50);
    assert_true(number(f.ups, "battery.runtime") == 1200);
    assert_false(has(f.ups, "LB"));
    play(f.ups, 721);
    assert_true(has(f.ups, "LB") && has(f.ups, "OB"));
    play(f.ups, 600);
    assert_true(fl_ups_is_stale(f.ups)); /* nothing left to talk with */
    assert_int_equal(fl_ups_command(f.ups, "beeper.mute", NULL), FL_UPS_FAILED);
    assert_int_equal(act(f.ups, FL_ACT_RESTORE, 0), FL_UPS_HANDLED);
    assert_false(fl_ups_is_stale(f.ups));
    assert_string_equal(fl_ups_value(f.ups, "ups.status"), "OL CHRG LB");
    play(f.ups, 5400);
    assert_true(number(f.ups, "battery.charge") == 50);
    assert_string_equal(fl_ups_value(f.ups, "ups.status"), "OL CHRG");
    play(f.ups, 5401);
    assert_string_equal(fl_ups_value(f.ups, "ups.status"), "OL");
    unmake(&f);
}

static void low_is_seen_at_its_moment_however_large_the_step(void **state)
{
    struct fixture f;
    (void)state;
    make(&f, "smart-ups", "a");
    (void)act(f.ups, FL_ACT_OUTAGE, 0);
    bool seen = false;
    while (fl_ups_step(f.ups, 2300) < 2300)
        if (has(f.ups, "LB") && !seen) {
            seen = true;
            assert_true(number(f.ups, "battery.charge") == 20);
        }
    assert_true(seen);
    unmake(&f);
}

static void a_self_test_takes_time_and_has_an_outcome(void **state)
{
    static const struct {
        enum fl_battery_health health;
        const char *result;
        bool replace;
    } cases[] = {{FL_BATTERY_GOOD, "Done and passed", false},
                 {FL_BATTERY_WORN, "Done and warning", false},
                 {FL_BATTERY_BAD, "Done and error", true}};
    struct fixture f;
    (void)state;
    make(&f, "smart-ups", "a");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void)act(f.ups, FL_ACT_BATTERY, cases[i].health);
        (void)act(f.ups, FL_ACT_CHARGE, 100);
        assert_int_equal(fl_ups_command(f.ups, "test.battery.start.quick", NULL), FL_UPS_HANDLED);
        assert_string_equal(fl_ups_value(f.ups, "ups.test.result"), "In progress");
        assert_true(has(f.ups, "OL") && has(f.ups, "DISCHRG"));
        assert_int_equal(fl_ups_command(f.ups, "test.battery.start.deep", NULL), FL_UPS_FAILED);
        play(f.ups, 9);
        assert_string_equal(fl_ups_value(f.ups, "ups.test.result"), "In progress");
        play(f.ups, 1);
        assert_string_equal(fl_ups_value(f.ups, "ups.test.result"), cases[i].result);
        assert_string_equal(fl_ups_value(f.ups, "ups.test.date"), "2025/11/25");
        assert_int_equal(has(f.ups, "RB"), cases[i].replace);
    }
    (void)act(f.ups, FL_ACT_BATTERY, FL_BATTERY_GOOD); /* a new battery: RB stays until a test */
    play(f.ups, 100);
    assert_true(has(f.ups, "RB"));
    assert_int_equal(fl_ups_command(f.ups, "test.battery.start.quick", NULL), FL_UPS_HANDLED);
    play(f.ups, 11);
    assert_false(has(f.ups, "RB"));
    unmake(&f);
}

static void a_test_ends_early_when_stopped_or_when_mains_fails(void **state)
{
    struct fixture f;
    (void)state;
    make(&f, "smart-ups", "a");
    assert_int_equal(fl_ups_command(f.ups, "test.battery.stop", NULL), FL_UPS_FAILED);
    assert_int_equal(fl_ups_command(f.ups, "test.battery.start.deep", NULL), FL_UPS_HANDLED);
    assert_int_equal(fl_ups_command(f.ups, "test.battery.stop", NULL), FL_UPS_HANDLED);
    assert_string_equal(fl_ups_value(f.ups, "ups.test.result"), "Aborted");
    assert_int_equal(fl_ups_command(f.ups, "test.battery.start.deep", NULL), FL_UPS_HANDLED);
    (void)act(f.ups, FL_ACT_OUTAGE, 0);
    assert_string_equal(fl_ups_value(f.ups, "ups.test.result"), "Aborted");
    assert_int_equal(fl_ups_command(f.ups, "test.battery.start.quick", NULL), FL_UPS_FAILED);
    unmake(&f);
    make(&f, "old-toggle", "b");
    assert_int_equal(fl_ups_command(f.ups, "test.battery.start", NULL), FL_UPS_HANDLED);
    assert_int_equal(fl_ups_command(f.ups, "test.battery.start", NULL), FL_UPS_HANDLED);
    assert_string_equal(fl_ups_value(f.ups, "ups.test.result"), "Aborted");
    unmake(&f);
}

static void a_calibration_empties_the_battery_to_a_quarter(void **state)
{
    struct fixture f;
    (void)state;
    make(&f, "smart-ups", "a");
    assert_int_equal(fl_ups_command(f.ups, "calibrate.start", NULL), FL_UPS_HANDLED);
    assert_true(has(f.ups, "CAL") && has(f.ups, "OL"));
    play(f.ups, 1801);
    assert_false(has(f.ups, "CAL"));
    assert_true(number(f.ups, "battery.charge") == 25);
    assert_int_equal(fl_ups_command(f.ups, "calibrate.start", NULL), FL_UPS_FAILED);
    unmake(&f);
}

static void what_is_written_is_read_back_later(void **state)
{
    struct fixture f;
    (void)state;
    make(&f, "smart-ups", "a");
    assert_int_equal(fl_ups_write(f.ups, "input.sensitivity", "high"), FL_UPS_HANDLED);
    assert_string_equal(fl_ups_value(f.ups, "input.sensitivity"), "medium");
    play(f.ups, 2);
    assert_string_equal(fl_ups_value(f.ups, "input.sensitivity"), "high");
    assert_int_equal(fl_ups_write(f.ups, "input.sensitivity", "extreme"), FL_UPS_INVALID);
    assert_int_equal(fl_ups_write(f.ups, "battery.date", "2026/11/255"), FL_UPS_INVALID);
    assert_int_equal(fl_ups_write(f.ups, "battery.date", "2026/11/25"), FL_UPS_HANDLED);
    assert_int_equal(fl_ups_write(f.ups, "ups.delay.shutdown", "600"), FL_UPS_HANDLED);
    assert_int_equal(fl_ups_write(f.ups, "ups.delay.shutdown", "601"), FL_UPS_INVALID);
    assert_int_equal(fl_ups_write(f.ups, "ups.delay.shutdown", "6x"), FL_UPS_INVALID);
    assert_int_equal(fl_ups_write(f.ups, "ups.serial", "x"), FL_UPS_INVALID);
    assert_int_equal(fl_ups_write(f.ups, "no.such", "x"), FL_UPS_UNKNOWN);
    assert_int_equal(fl_ups_command(f.ups, "no.such", NULL), FL_UPS_UNKNOWN);
    assert_int_equal(fl_ups_command(f.ups, "beeper.mute", "5"), FL_UPS_INVALID);
    assert_int_equal(fl_ups_command(f.ups, "outlet.1.load.cycle", NULL), FL_UPS_HANDLED);
    play(f.ups, 2);
    assert_string_equal(fl_ups_value(f.ups, "outlet.1.status"), "off");
    play(f.ups, 10);
    assert_string_equal(fl_ups_value(f.ups, "outlet.1.status"), "on");
    assert_int_equal(fl_ups_command(f.ups, "load.off", NULL), FL_UPS_HANDLED);
    assert_true(has(f.ups, "OFF"));
    assert_string_equal(fl_ups_value(f.ups, "output.voltage"), "0.0");
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(fl_ups_write(f.ups, "ups.id", "x"), FL_UPS_HANDLED);
    assert_int_equal(fl_ups_write(f.ups, "ups.id", "x"), FL_UPS_FAILED);
    unmake(&f);
}

static void brownouts_are_corrected_and_overload_is_said(void **state)
{
    struct fixture f;
    (void)state;
    make(&f, "smart-ups", "a");
    (void)act(f.ups, FL_ACT_MAINS, 200);
    assert_string_equal(fl_ups_value(f.ups, "ups.status"), "OL BOOST");
    (void)act(f.ups, FL_ACT_MAINS, 256);
    assert_string_equal(fl_ups_value(f.ups, "ups.status"), "OL TRIM");
    (void)act(f.ups, FL_ACT_MAINS, 280);
    assert_string_equal(fl_ups_value(f.ups, "ups.status"), "OB DISCHRG");
    assert_string_equal(fl_ups_value(f.ups, "input.transfer.reason"), "high line voltage");
    (void)act(f.ups, FL_ACT_MAINS, 230);
    (void)act(f.ups, FL_ACT_LOAD, 105);
    assert_true(has(f.ups, "OVER"));
    (void)act(f.ups, FL_ACT_LOAD, 104);
    assert_false(has(f.ups, "OVER"));
    unmake(&f);
}

static void a_script_says_tokens_that_nobody_knows(void **state)
{
    struct fixture f;
    (void)state;
    make(&f, "bare-discharge", "a");
    play(f.ups, 210);
    assert_string_equal(fl_ups_value(f.ups, "ups.status"), "OL DISCHRG");
    assert_string_equal(fl_ups_value(f.ups, "input.voltage"), "0.0");
    play(f.ups, 60);
    assert_string_equal(fl_ups_value(f.ups, "ups.status"), "OL CHRG");
    struct fl_act add = {.kind = FL_ACT_TOKEN_ADD, .name = "OL"};
    assert_int_equal(fl_ups_act(f.ups, &add), FL_UPS_HANDLED);
    assert_string_equal(fl_ups_value(f.ups, "ups.status"), "OL CHRG");
    struct fl_act two = {.kind = FL_ACT_TOKEN_ADD, .name = "A B"};
    assert_int_equal(fl_ups_act(f.ups, &two), FL_UPS_INVALID);
    unmake(&f);
}

static void scripts_repeat(void **state)
{
    struct fixture f;
    unsigned outages = 0;
    bool was = false;
    (void)state;
    make(&f, "flapping", "a");
    while (fl_ups_step(f.ups, 3599) < 3599) {
        outages += has(f.ups, "OB") && !was;
        was = has(f.ups, "OB");
    }
    assert_int_equal(outages, 30);
    unmake(&f);
}

/* Changes are given once, and a gone variable as gone. */
static void changes_are_taken_once(void **state)
{
    struct fixture f;
    struct fl_ups_variable variable;
    unsigned count = 0;
    (void)state;
    make(&f, "steady", "a");
    while (fl_ups_take_change(f.ups, &variable))
        count++;
    assert_true(count >= f.scenario->variable_count);
    assert_false(fl_ups_take_change(f.ups, &variable));
    struct fl_act forget = {.kind = FL_ACT_FORGET, .name = "ups.load"};
    assert_int_equal(fl_ups_act(f.ups, &forget), FL_UPS_HANDLED);
    assert_true(fl_ups_take_change(f.ups, &variable));
    assert_string_equal(variable.name, "ups.load");
    assert_null(variable.value);
    assert_false(fl_ups_take_change(f.ups, &variable));
    unmake(&f);
}

/* The invariants hold whatever happens in whatever order, and the same seed gives the same UPS. */
static void anything_may_happen(void **state)
{
    const char *text = getenv("FLEETLOG_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20261125;
    struct fixture f[2];
    struct fl_port_virtual port;
    (void)state;
    print_message("seed %llu\n", (unsigned long long)seed);
    fl_port_virtual_init(&port, seed, 0);
    make(&f[0], "flapping", "a");
    make(&f[1], "flapping", "a");
    for (unsigned round = 0; round < 3000; round++) {
        uint8_t dice[3];
        fl_port_random(&port.port, dice, sizeof(dice));
        static const char *const commands[] = {"calibrate.start", "test.battery.start.deep",
                                               "load.off", "load.on", "test.battery.stop"};
        struct fl_act what = {.kind = dice[0] % FL_ACT_COUNT,
                              .number = dice[0] % FL_ACT_COUNT == FL_ACT_BATTERY  ? dice[1] % 3
                                        : dice[0] % FL_ACT_COUNT == FL_ACT_CHARGE ? dice[1] % 101
                                                                                  : dice[1]};
        snprintf(what.name, sizeof(what.name), "%s", commands[dice[1] % 5]);
        snprintf(what.value, sizeof(what.value), "%u", dice[2]);
        for (unsigned i = 0; i < 2; i++) {
            (void)fl_ups_act(f[i].ups, &what);
            fl_ups_check(f[i].ups);
            play(f[i].ups, dice[2]);
        }
        struct fl_ups_variable a;
        struct fl_ups_variable b;
        for (unsigned k = 0; fl_ups_variable(f[0].ups, k, &a); k++) {
            assert_true(fl_ups_variable(f[1].ups, k, &b));
            assert_true(!a.value == !b.value && (!a.value || !strcmp(a.value, b.value)));
        }
    }
    unmake(&f[0]);
    unmake(&f[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_outage_runs_its_course),
        cmocka_unit_test(low_is_seen_at_its_moment_however_large_the_step),
        cmocka_unit_test(a_self_test_takes_time_and_has_an_outcome),
        cmocka_unit_test(a_test_ends_early_when_stopped_or_when_mains_fails),
        cmocka_unit_test(a_calibration_empties_the_battery_to_a_quarter),
        cmocka_unit_test(what_is_written_is_read_back_later),
        cmocka_unit_test(brownouts_are_corrected_and_overload_is_said),
        cmocka_unit_test(a_script_says_tokens_that_nobody_knows),
        cmocka_unit_test(scripts_repeat),
        cmocka_unit_test(changes_are_taken_once),
        cmocka_unit_test(anything_may_happen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
