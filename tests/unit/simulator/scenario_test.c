/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "producers/simulator/fleet.h"
#include "producers/simulator/scenario.h"

#define SCENARIOS "producers/simulator/scenarios"

static void refuses_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"fly", "t.ups:1: no statement has this name"},
        {"\n\nvar a", "t.ups:3: a variable has a name and a value"},
        {"var \"\" b", "t.ups:1: the name is empty or too long"},
        {"writable a text 3", "t.ups:1: the variable must be declared before it is made writable"},
        {"var a b\nwritable a text 0\n",
         "t.ups:2: writable takes a variable and: text LENGTH, enum CHOICE…, or range MIN MAX"},
        {"var a b\nwritable a range 5 4",
         "t.ups:2: writable takes a variable and: text LENGTH, enum CHOICE…, or range MIN MAX"},
        {"model speed 3", "t.ups:1: the model has no number of this name"},
        {"model load -1", "t.ups:1: the number is out of range"},
        {"model load nan", "t.ups:1: the number is out of range"},
        {"model jitter 0.001", "t.ups:1: 0, or at least one second"},
        {"at x outage", "t.ups:1: at takes seconds and what happens then"},
        {"at 5 explode", "t.ups:1: nothing that can happen to a UPS has this name"},
        {"at 5 outage now", "t.ups:1: the number of words does not fit what is to happen"},
        {"at 5 battery dead", "t.ups:1: a battery is good, worn or bad"},
        {"at 5 charge 101", "t.ups:1: the number is out of range"},
        {"every 0.5 outage", "t.ups:1: every takes at least one second and what happens then"},
        {"every 5 from x outage", "t.ups:1: from takes seconds"},
        {"like other", "t.ups:1: there is no directory to look for other scenarios in"},
        {"without a", "t.ups:1: no variable or command has this name"},
        {"title \"a\nb", "t.ups:3: the file ends within quotes"},
        {"title \"a # b\"", "t.ups:1: the line is too long or has a bare # in quotes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fl_scenario *scenario = NULL;
        char message[256];
        assert_int_equal(fl_scenario_parse(cases[i].text, strlen(cases[i].text), "t", NULL,
                                           &scenario, message, sizeof(message)),
                         FL_INVALID);
        assert_string_equal(message, cases[i].message);
        assert_null(scenario);
    }
}

static void keeps_its_limits(void **state)
{
    struct fl_scenario *scenario = NULL;
    char message[256];
    char text[16384];
    size_t size = 0;
    (void)state;
    for (unsigned i = 0; i < FL_SCENARIO_STEP_COUNT_MAX; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "at %u outage\n", i);
    assert_int_equal(fl_scenario_parse(text, size, "t", NULL, &scenario, message, sizeof(message)),
                     FL_OK);
    assert_int_equal(scenario->step_count, FL_SCENARIO_STEP_COUNT_MAX);
    fl_scenario_free(&scenario);
    size += (size_t)snprintf(text + size, sizeof(text) - size, "at 1 outage\n");
    assert_int_equal(fl_scenario_parse(text, size, "t", NULL, &scenario, message, sizeof(message)),
                     FL_INVALID);
    assert_string_equal(message, "t.ups:65: too many steps");
}

static void reads_a_whole_one(void **state)
{
    static const char text[] = "title \"A title\" # and why\n"
                               "var input.sensitivity high\n"
                               "var input.sensitivity low\n"
                               "writable input.sensitivity enum low high\n"
                               "command a b a\n"
                               "model repeat 60\n"
                               "at 5 set x \"y z\"\n"
                               "every 7 from 3 run a\n"
                               "without b";
    struct fl_scenario *scenario = NULL;
    char message[256];
    (void)state;
    assert_int_equal(
        fl_scenario_parse(text, sizeof(text) - 1, "t", NULL, &scenario, message, sizeof(message)),
        FL_OK);
    assert_string_equal(scenario->title, "A title");
    assert_int_equal(scenario->variable_count, 1);
    const struct fl_variable_spec *spec = fl_scenario_variable(scenario, "input.sensitivity");
    assert_string_equal(spec->value, "low");
    assert_int_equal(spec->kind, FL_VARIABLE_ENUM);
    assert_int_equal(spec->choice_count, 2);
    assert_int_equal(scenario->command_count, 1);
    assert_int_equal(scenario->step_count, 2);
    assert_string_equal(scenario->steps[0].act.value, "y z");
    assert_true(scenario->steps[0].period_s == 60);
    assert_true(scenario->steps[1].next_s == 3 && scenario->steps[1].period_s == 7);
    fl_scenario_free(&scenario);
}

static void reads_every_file_that_is_shipped(void **state)
{
    DIR *directory = opendir(SCENARIOS);
    unsigned count = 0;
    (void)state;
    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        char name[256];
        char message[256];
        struct fl_scenario *scenario = NULL;
        char *dot = strstr(entry->d_name, ".ups");
        if (!dot)
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)(dot - entry->d_name), entry->d_name);
        if (fl_scenario_load(SCENARIOS, name, &scenario, message, sizeof(message)))
            fail_msg("%s", message);
        assert_true(scenario->title[0] != '\0');
        fl_scenario_free(&scenario);
        count++;
    }
    closedir(directory);
    assert_true(count >= 20);
    struct fl_scenario *missing = NULL;
    char message[256];
    assert_int_equal(fl_scenario_load(SCENARIOS, "no-such", &missing, message, sizeof(message)),
                     FL_NOT_FOUND);
}

static void fleets_give_each_ups_its_own_values(void **state)
{
    static const char text[] = "# two\nups a steady ups.serial = S1\n"
                               "ups b steady delay 4 ups.serial = \"S 2\" extra.name = x\n";
    struct fl_fleet *fleet = NULL;
    char message[256];
    (void)state;
    assert_int_equal(
        fl_fleet_parse(text, sizeof(text) - 1, "t", SCENARIOS, &fleet, message, sizeof(message)),
        FL_OK);
    assert_int_equal(fleet->count, 2);
    assert_string_equal(fl_scenario_variable(fleet->members[0].scenario, "ups.serial")->value,
                        "S1");
    assert_string_equal(fl_scenario_variable(fleet->members[1].scenario, "ups.serial")->value,
                        "S 2");
    assert_string_equal(fl_scenario_variable(fleet->members[1].scenario, "extra.name")->value, "x");
    assert_null(fl_scenario_variable(fleet->members[0].scenario, "extra.name"));
    assert_true(fleet->members[1].delay_s == 4);
    fl_fleet_free(&fleet);
}

static void fleets_refuse_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"ups a", "t:1: a line is: ups NAME SCENARIO [delay SECONDS] [VARIABLE = VALUE]..."},
        {"ups a/b steady", "t:1: a name is made of letters, digits, - and _"},
        {"ups a ../x", "t:1: the scenario's name is none"},
        {"ups a steady\nups a steady", "t:2: the name is taken"},
        {"ups a steady delay x", "t:1: delay takes seconds"},
        {"ups a steady x y", "t:1: behind the scenario stand: delay SECONDS, VARIABLE = VALUE"},
        {"ups a \"", "t:2: the file ends within quotes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fl_fleet *fleet = NULL;
        char message[256];
        assert_int_equal(fl_fleet_parse(cases[i].text, strlen(cases[i].text), "t", SCENARIOS,
                                        &fleet, message, sizeof(message)),
                         FL_INVALID);
        assert_string_equal(message, cases[i].message);
        assert_null(fleet);
    }
}

static void the_demo_has_twenty_and_more(void **state)
{
    struct fl_fleet *fleet = NULL;
    char message[256];
    (void)state;
    assert_int_equal(fl_fleet_load("producers/simulator/fleets/demo.fleet", SCENARIOS, &fleet,
                                   message, sizeof(message)),
                     FL_OK);
    assert_true(fleet->count >= 20);
    fl_fleet_free(&fleet);
    assert_int_equal(fl_fleet_load("no/such.fleet", SCENARIOS, &fleet, message, sizeof(message)),
                     FL_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_wrong),
        cmocka_unit_test(keeps_its_limits),
        cmocka_unit_test(reads_a_whole_one),
        cmocka_unit_test(reads_every_file_that_is_shipped),
        cmocka_unit_test(fleets_give_each_ups_its_own_values),
        cmocka_unit_test(fleets_refuse_what_is_wrong),
        cmocka_unit_test(the_demo_has_twenty_and_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
