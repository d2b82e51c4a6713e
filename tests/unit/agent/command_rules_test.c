/* SPDX-License-Identifier: Apache-2.0 */
/* What a command becomes in NUT's words, and when its effect counts as seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "producers/agent/command_rules.h"

static void set(struct fl_nut_list *list, const char *name, const char *value)
{
    assert_int_equal(fl_nut_list_add(list, fl_slice_text(name), fl_slice_text(value)), FL_OK);
    fl_nut_list_seal(list);
}

/* The request for a device that offers `command` and shows `name` = `value`. */
static const char *built(enum fl_agent_command_kind kind, const char *parameter,
                         const char *command, const char *name, const char *value)
{
    static char text[FL_NUT_LINE_SIZE_MAX + 1];
    struct fl_nut_request request;
    struct fl_nut_list offered;
    struct fl_nut_list values;
    fl_nut_list_init(&offered);
    fl_nut_list_init(&values);
    set(&offered, command, "");
    set(&values, name, value);
    bool good = fl_agent_command_build(kind, parameter, "u", &offered, &values, &request);
    fl_nut_list_fini(&offered);
    fl_nut_list_fini(&values);
    if (!good)
        return NULL;
    memcpy(text, request.text, request.size + 1);
    return text;
}

static void each_kind_has_its_request(void **state)
{
    (void)state;
    static const struct {
        enum fl_agent_command_kind kind;
        const char *parameter;
        const char *offered;
        const char *name;
        const char *value;
        const char *line;
    } rows[] = {
        {FL_AGENT_COMMAND_SELF_TEST, "", "test.battery.start.quick", "a", "b",
         "INSTCMD u test.battery.start.quick\n"},
        {FL_AGENT_COMMAND_SELF_TEST, "", "test.battery.start", "a", "b",
         "INSTCMD u test.battery.start\n"},
        {FL_AGENT_COMMAND_SELF_TEST, "", "test.battery.start.deep", "a", "b", NULL},
        {FL_AGENT_COMMAND_BEEPER, "mute", "beeper.mute", "a", "b", "INSTCMD u beeper.mute\n"},
        {FL_AGENT_COMMAND_BEEPER, "mute", "beeper.enable", "a", "b", NULL},
        {FL_AGENT_COMMAND_CALIBRATION, "", "calibrate.start", "a", "b",
         "INSTCMD u calibrate.start\n"},
        {FL_AGENT_COMMAND_CALIBRATION, "", "calibrate.stop", "a", "b", NULL},
        {FL_AGENT_COMMAND_SENSITIVITY, "very low", "x", "a", "b",
         "SET VAR u input.sensitivity \"very low\"\n"},
        {FL_AGENT_COMMAND_BATTERY_INSTALL_DATE, "2026-11-25", "x", "battery.date", "2023/06/12",
         "SET VAR u battery.date 2026/11/25\n"},
        {FL_AGENT_COMMAND_BATTERY_INSTALL_DATE, "2026-11-25", "x", "battery.date", "06/12/23",
         "SET VAR u battery.date 11/25/26\n"},
        {FL_AGENT_COMMAND_BATTERY_INSTALL_DATE, "2026-11-25", "x", "battery.date", "2021-04-15",
         "SET VAR u battery.date 2026-11-25\n"},
        {FL_AGENT_COMMAND_BATTERY_INSTALL_DATE, "2026-11-25", "x", "driver.name", "usbhid-ups",
         "SET VAR u battery.date 2026/11/25\n"},
        {FL_AGENT_COMMAND_BATTERY_INSTALL_DATE, "2026-11-25", "x", "driver.name", "apcsmart",
         "SET VAR u battery.date 11/25/26\n"},
        {FL_AGENT_COMMAND_BATTERY_INSTALL_DATE, "2026-11-25", "x", "battery.date", "CPS",
         "SET VAR u battery.date 2026-11-25\n"},
        {FL_AGENT_COMMAND_BATTERY_INSTALL_DATE, "soon", "x", "a", "b", NULL},
        {FL_AGENT_COMMAND_BATTERY_INSTALL_DATE, "2026-11-25", "x", "driver.name", "snmp-ups",
         "SET VAR u battery.date 11/25/26\n"},
        {FL_AGENT_COMMAND_SENSITIVITY, "low", "x", "input.sensitivity", "H",
         "SET VAR u input.sensitivity L\n"},
        {FL_AGENT_COMMAND_SENSITIVITY, "auto", "x", "driver.name", "apcsmart",
         "SET VAR u input.sensitivity A\n"},
        {FL_AGENT_COMMAND_SENSITIVITY, "M", "x", "input.sensitivity", "high",
         "SET VAR u input.sensitivity medium\n"},
        {FL_AGENT_COMMAND_SENSITIVITY, "reduced", "x", "input.sensitivity", "normal",
         "SET VAR u input.sensitivity reduced\n"},
        {FL_AGENT_COMMAND_OUTLET_REBOOT, "1", "outlet.1.load.cycle", "a", "b",
         "INSTCMD u outlet.1.load.cycle\n"},
        {FL_AGENT_COMMAND_OUTLET_REBOOT, "group.2", "outlet.group.2.load.cycle", "a", "b",
         "INSTCMD u outlet.group.2.load.cycle\n"},
        {FL_AGENT_COMMAND_OUTLET_REBOOT, "2", "outlet.1.load.cycle", "a", "b", NULL},
        {FL_AGENT_COMMAND_FIRMWARE_UPGRADE, "x", "x", "a", "b", NULL},
        {FL_AGENT_COMMAND_UNKNOWN, "", "x", "a", "b", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *line =
            built(rows[i].kind, rows[i].parameter, rows[i].offered, rows[i].name, rows[i].value);
        if (rows[i].line == NULL)
            assert_null(line);
        else
            assert_string_equal(line, rows[i].line);
    }
}

static void kinds_are_known_by_name(void **state)
{
    (void)state;
    assert_int_equal(fl_agent_command_kind_of("COMMAND_KIND_BEEPER"), FL_AGENT_COMMAND_BEEPER);
    assert_int_equal(fl_agent_command_kind_of("SELF_TEST"), FL_AGENT_COMMAND_SELF_TEST);
    assert_int_equal(fl_agent_command_kind_of("UNSPECIFIED"), FL_AGENT_COMMAND_UNKNOWN);
    assert_int_equal(fl_agent_command_kind_of("SELF_DESTRUCTION"), FL_AGENT_COMMAND_UNKNOWN);
    assert_int_equal(fl_agent_command_kind_of(""), FL_AGENT_COMMAND_UNKNOWN);
    for (unsigned kind = 1; kind < FL_AGENT_COMMAND_KIND_COUNT; kind++) {
        assert_int_equal(fl_agent_command_kind_of(fl_agent_command_name(kind)), kind);
        assert_true(fl_agent_command_watch_ms(kind) > 0);
        char variable[FL_COMMAND_WORD_SIZE];
        assert_true(fl_agent_command_variable(kind, "1", variable)[0] != '\0');
    }
}

/* Judges one variable that changed from `before` to `after`. */
static enum fl_agent_verdict judged(enum fl_agent_command_kind kind, const char *parameter,
                                    const char *name, const char *before, const char *after,
                                    char reason[FL_COMMAND_WORD_SIZE])
{
    struct fl_nut_list values;
    struct fl_agent_command_notes notes;
    fl_nut_list_init(&values);
    set(&values, name, before);
    fl_agent_command_note(&values, &notes);
    fl_nut_list_reset(&values);
    set(&values, name, after);
    reason[0] = '\0';
    enum fl_agent_verdict verdict =
        fl_agent_command_judge(kind, parameter, &notes, &values, reason);
    fl_nut_list_fini(&values);
    return verdict;
}

static void effects_are_recognised(void **state)
{
    (void)state;
    static const struct {
        enum fl_agent_command_kind kind;
        const char *parameter;
        const char *name;
        const char *before;
        const char *after;
        enum fl_agent_verdict verdict;
        const char *reason;
    } rows[] = {
        {FL_AGENT_COMMAND_SELF_TEST, "", "ups.test.result", "No test initiated", "Done and passed",
         FL_VERDICT_SUCCEEDED, ""},
        {FL_AGENT_COMMAND_SELF_TEST, "", "ups.test.result", "Done and passed", "Done and passed",
         FL_VERDICT_WAIT, ""},
        {FL_AGENT_COMMAND_SELF_TEST, "", "ups.test.result", "Done and passed", "Done and error",
         FL_VERDICT_FAILED, "TEST_FAILED"},
        {FL_AGENT_COMMAND_SELF_TEST, "", "ups.test.result", "", "Done and warning",
         FL_VERDICT_FAILED, "TEST_WARNING"},
        {FL_AGENT_COMMAND_SELF_TEST, "", "ups.test.result", "", "Aborted", FL_VERDICT_FAILED,
         "TEST_ABORTED"},
        {FL_AGENT_COMMAND_SELF_TEST, "", "ups.test.result", "NO", "OK", FL_VERDICT_SUCCEEDED, ""},
        {FL_AGENT_COMMAND_SELF_TEST, "", "ups.test.result", "OK", "BT", FL_VERDICT_FAILED,
         "TEST_FAILED"},
        {FL_AGENT_COMMAND_SELF_TEST, "", "ups.test.result", "Ok", "TestInProgress", FL_VERDICT_WAIT,
         ""},
        {FL_AGENT_COMMAND_SELF_TEST, "", "ups.test.result", "", "Passed, Source: Internal",
         FL_VERDICT_SUCCEEDED, ""},
        {FL_AGENT_COMMAND_SELF_TEST, "", "ups.test.result", "", "purple", FL_VERDICT_FAILED,
         "TEST_UNCLEAR"},
        {FL_AGENT_COMMAND_SELF_TEST, "", "ups.status", "OL", "OL", FL_VERDICT_WAIT, ""},
        {FL_AGENT_COMMAND_BEEPER, "enable", "ups.beeper.status", "disabled", "enabled",
         FL_VERDICT_SUCCEEDED, ""},
        {FL_AGENT_COMMAND_BEEPER, "mute", "ups.beeper.status", "enabled", "enabled",
         FL_VERDICT_WAIT, ""},
        {FL_AGENT_COMMAND_CALIBRATION, "", "ups.status", "OL", "OB CAL DISCHRG",
         FL_VERDICT_SUCCEEDED, ""},
        {FL_AGENT_COMMAND_CALIBRATION, "", "ups.status", "OL", "OL CALM", FL_VERDICT_WAIT, ""},
        {FL_AGENT_COMMAND_SENSITIVITY, "low", "input.sensitivity", "high", "low",
         FL_VERDICT_SUCCEEDED, ""},
        {FL_AGENT_COMMAND_SENSITIVITY, "low", "input.sensitivity", "H", "L", FL_VERDICT_SUCCEEDED,
         ""},
        {FL_AGENT_COMMAND_SENSITIVITY, "low", "input.sensitivity", "high", "medium",
         FL_VERDICT_WAIT, ""},
        {FL_AGENT_COMMAND_SENSITIVITY, "reduced", "input.sensitivity", "normal", "reduced",
         FL_VERDICT_SUCCEEDED, ""},
        {FL_AGENT_COMMAND_OUTLET_REBOOT, "1", "outlet.1.status", "on", "on", FL_VERDICT_WAIT, ""},
        {FL_AGENT_COMMAND_OUTLET_REBOOT, "1", "outlet.1.status", "on", "off", FL_VERDICT_WAIT, ""},
        {FL_AGENT_COMMAND_BATTERY_INSTALL_DATE, "2026-11-25", "battery.date", "2001/09/25",
         "11/25/26", FL_VERDICT_SUCCEEDED, ""},
        {FL_AGENT_COMMAND_BATTERY_INSTALL_DATE, "2026-11-25", "battery.date", "2001/09/25",
         "2026/25/11", FL_VERDICT_WAIT, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char reason[FL_COMMAND_WORD_SIZE];
        assert_int_equal(judged(rows[i].kind, rows[i].parameter, rows[i].name, rows[i].before,
                                rows[i].after, reason),
                         rows[i].verdict);
        assert_string_equal(reason, rows[i].reason);
    }
}

/* The same result as before counts once the test was seen to run, or its date moved. */
static void an_equal_result_needs_a_sign_of_its_own(void **state)
{
    (void)state;
    static const char *const results[] = {"Done and passed", "In progress", "Done and passed"};
    static const enum fl_agent_verdict verdicts[] = {FL_VERDICT_WAIT, FL_VERDICT_WAIT,
                                                     FL_VERDICT_SUCCEEDED};
    struct fl_agent_command_notes notes = {.result = "Done and passed", .date = "11/01/26"};
    char reason[FL_COMMAND_WORD_SIZE];
    struct fl_nut_list values;
    fl_nut_list_init(&values);
    for (size_t i = 0; i < 3; i++) {
        fl_nut_list_reset(&values);
        set(&values, "ups.test.result", results[i]);
        set(&values, "ups.test.date", "11/01/26");
        assert_int_equal(
            fl_agent_command_judge(FL_AGENT_COMMAND_SELF_TEST, "", &notes, &values, reason),
            verdicts[i]);
    }
    notes.running = false;
    set(&values, "ups.test.date", "11/25/26");
    assert_int_equal(
        fl_agent_command_judge(FL_AGENT_COMMAND_SELF_TEST, "", &notes, &values, reason),
        FL_VERDICT_SUCCEEDED);
    fl_nut_list_fini(&values);
}

/* An outlet has restarted when it was seen off and then on. */
static void an_outlet_goes_off_and_on(void **state)
{
    (void)state;
    static const char *const seen[] = {"on", "off", "off", "on"};
    struct fl_agent_command_notes notes = {.running = false};
    char reason[FL_COMMAND_WORD_SIZE];
    struct fl_nut_list values;
    fl_nut_list_init(&values);
    for (size_t i = 0; i < 4; i++) {
        fl_nut_list_reset(&values);
        set(&values, "outlet.2.status", seen[i]);
        assert_int_equal(
            fl_agent_command_judge(FL_AGENT_COMMAND_OUTLET_REBOOT, "2", &notes, &values, reason),
            i == 3 ? FL_VERDICT_SUCCEEDED : FL_VERDICT_WAIT);
    }
    fl_nut_list_fini(&values);
}

/* New firmware counts when the device shows the version, and the id if one is expected. */
static void firmware_is_read_back(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *seen;
        enum fl_agent_verdict verdict;
    } rows[] = {
        {"09.8/", "UPS 09.8 (ID18)", FL_VERDICT_SUCCEEDED},
        {"09.8/18", "UPS 09.8 / ID=18", FL_VERDICT_SUCCEEDED},
        {"09.8/1013", "UPS 09.8 (ID18)", FL_VERDICT_WAIT},
        {"09.8/", "UPS 09.3 (ID18)", FL_VERDICT_WAIT},
        {"09.8/", "", FL_VERDICT_WAIT},
        {"", "UPS 09.8", FL_VERDICT_WAIT},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fl_agent_command_notes notes = {.running = false};
        struct fl_nut_list values;
        char reason[FL_COMMAND_WORD_SIZE];
        fl_nut_list_init(&values);
        set(&values, "ups.firmware", rows[i].seen);
        snprintf(notes.result, sizeof(notes.result), "%s", rows[i].target);
        assert_int_equal(
            fl_agent_command_judge(FL_AGENT_COMMAND_FIRMWARE_UPGRADE, "", &notes, &values, reason),
            rows[i].verdict);
        fl_nut_list_fini(&values);
    }
}

/* A calibration waits for nothing: it is refused with a word for what is missing. */
static void a_calibration_has_preconditions(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        const char *charge;
        const char *load;
        const char *obstacle;
    } rows[] = {
        {"OL", "100", "10", NULL},
        {"OL CHRG", "100.0", "10.0", NULL},
        {"OL", "100", "9.99", "LOAD_BELOW_10"},
        {"OL", "100", "", "LOAD_BELOW_10"},
        {"OL", "100", "-12", "LOAD_BELOW_10"},
        {"OL", "100", "300", NULL},
        {"OL", "99.9", "20", "CHARGE_BELOW_100"},
        {"OL", "", "20", "CHARGE_BELOW_100"},
        {"OL", "full", "20", "CHARGE_BELOW_100"},
        {"OB DISCHRG", "100", "20", "NOT_ON_LINE"},
        {"OL OB", "100", "20", "NOT_ON_LINE"},
        {"", "100", "20", "NOT_ON_LINE"},
        {"OLD", "100", "20", "NOT_ON_LINE"},
        {"OL RB", "100", "20", "FAULT_RB"},
        {"ALARM OL", "100", "20", "FAULT_ALARM"},
        {"OL OVER", "100", "20", "FAULT_OVER"},
        {"OL BYPASS", "100", "20", "FAULT_BYPASS"},
        {"OL CAL", "100", "20", "CALIBRATING"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fl_nut_list values;
        fl_nut_list_init(&values);
        set(&values, "ups.status", rows[i].status);
        set(&values, "battery.charge", rows[i].charge);
        set(&values, "ups.load", rows[i].load);
        const char *word = fl_agent_command_obstacle(FL_AGENT_COMMAND_CALIBRATION, &values);
        if (rows[i].obstacle == NULL)
            assert_null(word);
        else
            assert_string_equal(word, rows[i].obstacle);
        assert_null(fl_agent_command_obstacle(FL_AGENT_COMMAND_SELF_TEST, &values));
        fl_nut_list_fini(&values);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_has_its_request),
        cmocka_unit_test(kinds_are_known_by_name),
        cmocka_unit_test(effects_are_recognised),
        cmocka_unit_test(an_outlet_goes_off_and_on),
        cmocka_unit_test(firmware_is_read_back),
        cmocka_unit_test(a_calibration_has_preconditions),
        cmocka_unit_test(an_equal_result_needs_a_sign_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
