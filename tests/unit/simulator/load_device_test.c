/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "producers/simulator/load/load_device.h"

static const struct fl_load_plan steady = {.seed = 7};
static const struct fl_load_plan outage = {
    .seed = 7, .outage_begin_s = 100, .outage_end_s = 300, .recharge_s = 200};

static const char *value(const Fleetlog__V1__Report *report, const char *name, char out[64])
{
    for (size_t i = 0; i < report->n_readings; i++)
        if (!strcmp(report->readings[i]->name, name)) {
            assert_true(report->readings[i]->value.len < 64);
            memcpy(out, report->readings[i]->value.data, report->readings[i]->value.len);
            out[report->readings[i]->value.len] = '\0';
            return out;
        }
    return NULL;
}

static void the_first_is_full_and_then_every_sixtieth(void **state)
{
    struct fl_load_device device = {.number = 1, .generation = 1, .counter = 40};
    struct fl_arena arena;
    Fleetlog__V1__Report report;
    (void)state;
    fl_arena_init(&arena, 1024 * 1024);
    for (unsigned i = 0; i < 3 * FL_LOAD_FULL_EVERY; i++) {
        fl_arena_reset(&arena);
        assert_true(fl_load_report(&device, 5, &steady, i, &arena, &report));
        assert_int_equal(report.counter, 41 + i);
        assert_int_equal(report.kind == FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL,
                         i % FL_LOAD_FULL_EVERY == 0);
        if (i % FL_LOAD_FULL_EVERY == 0)
            assert_true(report.n_readings > 25 && report.n_readings <= FL_LOAD_READING_COUNT_MAX);
        else
            assert_true(report.n_readings >= 4 && report.n_readings <= 8);
    }
    fl_arena_fini(&arena);
}

static void names_of_a_report_are_unique(void **state)
{
    struct fl_load_device device = {.number = 1};
    struct fl_arena arena;
    Fleetlog__V1__Report report;
    (void)state;
    fl_arena_init(&arena, 1024 * 1024);
    assert_true(fl_load_report(&device, 5, &steady, 0, &arena, &report));
    for (size_t i = 0; i < report.n_readings; i++)
        for (size_t k = i + 1; k < report.n_readings; k++)
            assert_string_not_equal(report.readings[i]->name, report.readings[k]->name);
    fl_arena_fini(&arena);
}

static void an_outage_empties_some_to_low_and_fills_all_again(void **state)
{
    unsigned low = 0;
    (void)state;
    for (uint32_t index = 0; index < 1000; index++) {
        assert_true(fl_load_charge(index, &outage, 99) == 100);
        assert_true(fl_load_charge(index, &outage, 200) < 100);
        double emptiest = fl_load_charge(index, &outage, 300);
        low += emptiest <= 20;
        assert_true(emptiest >= 0 && emptiest < fl_load_charge(index, &outage, 250) + 0.001);
        assert_true(fl_load_charge(index, &outage, 500) == 100);
    }
    assert_true(low > 250 && low < 450);
}

static void status_follows_the_outage(void **state)
{
    static const struct {
        double at_s;
        const char *status;
    } moments[] = {{0, "OL"},           {100, "OB DISCHRG"}, {299, "OB DISCHRG LB"},
                   {301, "OL CHRG LB"}, {400, "OL CHRG"},    {501, "OL"}};
    uint32_t index = 0;
    struct fl_load_device device = {.number = 1};
    struct fl_arena arena;
    Fleetlog__V1__Report report;
    char text[64];
    (void)state;
    while (fl_load_charge(index, &outage, 299) > 10)
        index++;
    fl_arena_init(&arena, 1024 * 1024);
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        assert_true(fl_load_report(&device, index, &outage, moments[i].at_s, &arena, &report));
        assert_string_equal(value(&report, "ups.status", text), moments[i].status);
        assert_string_equal(value(&report, "input.voltage", text)[0] == '0' ? "out" : "in",
                            moments[i].status[1] == 'B' ? "out" : "in");
    }
    fl_arena_fini(&arena);
}

static void the_same_seed_reads_the_same_and_another_does_not(void **state)
{
    struct fl_load_plan other = {.seed = 8};
    struct fl_arena arena;
    (void)state;
    fl_arena_init(&arena, 1024 * 1024);
    const struct fl_load_plan *plans[] = {&steady, &steady, &other};
    char loads[3][64];
    for (unsigned i = 0; i < 3; i++) {
        struct fl_load_device device = {.number = 1};
        Fleetlog__V1__Report report;
        assert_true(fl_load_report(&device, 3, plans[i], 12, &arena, &report));
        assert_non_null(value(&report, "ups.load", loads[i]));
    }
    assert_string_equal(loads[0], loads[1]);
    assert_string_not_equal(loads[0], loads[2]);
    fl_arena_fini(&arena);
}

static void says_when_there_is_no_room(void **state)
{
    struct fl_load_device device = {.number = 1};
    struct fl_arena arena;
    Fleetlog__V1__Report report;
    (void)state;
    fl_arena_init(&arena, 512);
    assert_false(fl_load_report(&device, 3, &steady, 12, &arena, &report));
    fl_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_is_full_and_then_every_sixtieth),
        cmocka_unit_test(names_of_a_report_are_unique),
        cmocka_unit_test(an_outage_empties_some_to_low_and_fills_all_again),
        cmocka_unit_test(status_follows_the_outage),
        cmocka_unit_test(the_same_seed_reads_the_same_and_another_does_not),
        cmocka_unit_test(says_when_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
