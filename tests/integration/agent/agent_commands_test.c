/* SPDX-License-Identifier: Apache-2.0 */
/* Commands: each reaches the UPS at most once, whenever the agent dies, and has one outcome. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "projections/telemetry/report.h"
#include "tests/integration/agent/agent_process.h"
#include "tests/integration/agent/fake_gateway.h"
#include "tests/integration/agent/fake_upsd.h"
#include "tests/unit/scratch.h"

enum { TTL_MS = 600000 };

struct fixture {
    struct fl_scratch scratch;
    struct fl_fake_upsd *upsd;
    struct fl_fake_gateway *gateway;
    struct fl_agent_process_options options;
    pid_t agent;
};

static bool is_registered(struct fl_fake_gateway *gateway, void *context)
{
    (void)context;
    return fl_fake_gateway_device(gateway, "alpha") != 0;
}

static bool has_outcome(struct fl_fake_gateway *gateway, void *context)
{
    return fl_fake_gateway_command_at(gateway, *(const size_t *)context).outcome_count > 0;
}

static bool is_delivered(struct fl_fake_gateway *gateway, void *context)
{
    return fl_fake_gateway_command_at(gateway, *(const size_t *)context).delivery_count > 0;
}

static bool is_delivered_twice(struct fl_fake_gateway *gateway, void *context)
{
    return fl_fake_gateway_command_at(gateway, *(const size_t *)context).delivery_count > 1;
}

/* Starts the agent without a fault and waits until the device is known. */
static void start(struct fixture *f)
{
    f->options.fault = NULL;
    f->agent = fl_agent_process_start(&f->options);
    assert_true(fl_fake_gateway_wait(f->gateway, is_registered, NULL));
}

static struct fl_fake_command outcome_of(struct fixture *f, size_t index)
{
    assert_true(fl_fake_gateway_wait(f->gateway, has_outcome, &index));
    return fl_fake_gateway_command_at(f->gateway, index);
}

static void assert_failed(const struct fl_fake_command *command, const char *reason)
{
    assert_string_equal(command->outcome, "FAILED");
    assert_string_equal(command->reason, reason);
}

/* The report with that counter was accepted and has that reading. */
static void assert_shown(struct fixture *f, const struct fl_fake_command *command)
{
    bool found = false;
    size_t count = fl_fake_gateway_report_count(f->gateway);
    for (size_t i = 0; i < count && !found; i++) {
        struct fl_fake_report report = fl_fake_gateway_report(f->gateway, i);
        struct fl_report decoded;
        const char *what;
        if (report.counter != command->report_counter ||
            fl_report_decode(report.bytes, &decoded, &what) != FL_OK)
            continue;
        struct fl_reading_walk walk = fl_readings(&decoded);
        while (fl_reading_next(&walk))
            found |= fl_slice_is(walk.name, command->variable) &&
                     fl_slice_is(walk.value, command->value);
    }
    assert_true(found);
}

static void success_is_what_a_report_shows(void **state)
{
    static const struct {
        const char *kind;
        const char *parameter;
        const char *variable;
        const char *value;
    } rows[] = {
        {"COMMAND_KIND_SELF_TEST", "", "ups.test.result", "Done and passed"},
        {"COMMAND_KIND_BEEPER", "mute", "ups.beeper.status", "muted"},
        {"COMMAND_KIND_SENSITIVITY", "low", "input.sensitivity", "low"},
        {"COMMAND_KIND_BATTERY_INSTALL_DATE", "2026-11-25", "battery.date", "2026/11/25"},
        {"COMMAND_KIND_SENSITIVITY", "low", "input.sensitivity", "low"}, /* nothing changes */
    };
    struct fixture *f = *state;
    start(f);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t index =
            fl_fake_gateway_command(f->gateway, "alpha", rows[i].kind, rows[i].parameter, TTL_MS);
        struct fl_fake_command command = outcome_of(f, index);
        assert_string_equal(command.outcome, "SUCCEEDED");
        assert_string_equal(command.variable, rows[i].variable);
        assert_string_equal(command.value, rows[i].value);
        assert_int_equal(command.delivery_count, 1);
        assert_int_equal(command.acknowledgement_count, 1);
        assert_shown(f, &command);
        assert_int_equal(fl_fake_upsd_command_count(f->upsd), i + 1);
    }
    assert_true(fl_agent_process_stop(f->agent));
}

static void what_cannot_be_done_says_why(void **state)
{
    struct fixture *f = *state;
    f->options.watch_ms = "400";
    start(f);
    size_t index =
        fl_fake_gateway_command(f->gateway, "alpha", "COMMAND_KIND_CALIBRATION", "", TTL_MS);
    struct fl_fake_command command = outcome_of(f, index);
    assert_failed(&command, "NOT_CAPABLE");
    index = fl_fake_gateway_command(f->gateway, "alpha", "COMMAND_KIND_FROM_TOMORROW", "", TTL_MS);
    command = outcome_of(f, index);
    assert_failed(&command, "NOT_CAPABLE");
    assert_int_equal(fl_fake_upsd_command_count(f->upsd), 0);
    fl_fake_upsd_set_mode(f->upsd, FL_FAKE_REFUSES);
    index = fl_fake_gateway_command(f->gateway, "alpha", "COMMAND_KIND_SELF_TEST", "", TTL_MS);
    command = outcome_of(f, index);
    assert_failed(&command, "REFUSED_ACCESS_DENIED");
    assert_int_equal(command.acknowledgement_count, 0);
    fl_fake_upsd_set_mode(f->upsd, FL_FAKE_DISOBEYS);
    index = fl_fake_gateway_command(f->gateway, "alpha", "COMMAND_KIND_SENSITIVITY", "low", TTL_MS);
    command = outcome_of(f, index);
    assert_failed(&command, "NOT_OBSERVED");
    assert_string_equal(command.value, "high");
    assert_int_equal(command.acknowledgement_count, 1);
    assert_int_equal(fl_fake_upsd_command_count(f->upsd), 2);
    assert_true(fl_agent_process_stop(f->agent));
}

static void an_unanswered_command_is_not_sent_again(void **state)
{
    struct fixture *f = *state;
    start(f);
    fl_fake_upsd_set_mode(f->upsd, FL_FAKE_HANGS_UP);
    size_t index =
        fl_fake_gateway_command(f->gateway, "alpha", "COMMAND_KIND_SELF_TEST", "", TTL_MS);
    struct fl_fake_command command = outcome_of(f, index);
    assert_failed(&command, "OUTCOME_UNKNOWN");
    assert_true(fl_fake_upsd_wait_polls(f->upsd, 10));
    assert_int_equal(fl_fake_upsd_command_count(f->upsd), 1);
    assert_true(fl_agent_process_stop(f->agent));
}

static void late_and_cancelled_commands_do_not_run(void **state)
{
    struct fixture *f = *state;
    start(f);
    fl_fake_upsd_fail(f->upsd, "alpha", "DRIVER-NOT-CONNECTED");
    assert_true(fl_fake_upsd_wait_polls(f->upsd, 3));
    size_t index = fl_fake_gateway_command(f->gateway, "alpha", "COMMAND_KIND_SELF_TEST", "", 1500);
    struct fl_fake_command command = outcome_of(f, index);
    assert_string_equal(command.outcome, "EXPIRED");
    assert_int_equal(command.acknowledgement_count, 0);
    fl_fake_upsd_fail(f->upsd, "alpha", NULL);
    assert_true(fl_fake_upsd_wait_polls(f->upsd, 3));
    /* Cancelled before it was fetched, in the gateway's eyes: the confirmation is refused. */
    fl_fake_gateway_leave(f->gateway);
    index = fl_fake_gateway_command(f->gateway, "alpha", "COMMAND_KIND_SELF_TEST", "", TTL_MS);
    fl_fake_gateway_cancel(f->gateway, index);
    fl_fake_gateway_return(f->gateway);
    assert_true(fl_fake_gateway_wait(f->gateway, is_delivered, &index));
    size_t next =
        fl_fake_gateway_command(f->gateway, "alpha", "COMMAND_KIND_BEEPER", "mute", TTL_MS);
    command = outcome_of(f, next);
    assert_string_equal(command.outcome, "SUCCEEDED");
    assert_int_equal(fl_fake_upsd_command_count(f->upsd), 1);
    assert_true(fl_agent_process_stop(f->agent));
    assert_int_equal(fl_fake_gateway_command_at(f->gateway, index).outcome_count, 0);
}

/* Killed at each marked point on a command's way, then started again. */
static void a_kill_anywhere_leaves_at_most_one_try(void **state)
{
    static const struct {
        const char *point;
        const char *outcome;
        const char *reason;
        unsigned tries;
    } rows[] = {
        {"agent_stored", "SUCCEEDED", "", 1},
        {"agent_delivered", "SUCCEEDED", "", 1},
        {"agent_intended", "FAILED", "OUTCOME_UNKNOWN", 0},
        {"agent_answered", "FAILED", "OUTCOME_UNKNOWN", 1},
        {"agent_watched", "SUCCEEDED", "", 1},
        {"agent_ended", "SUCCEEDED", "", 1},
        {"agent_told", "SUCCEEDED", "", 1},
    };
    struct fixture *f = *state;
    start(f);
    assert_true(fl_agent_process_stop(f->agent));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *parameter = i % 2 == 0 ? "low" : "medium";
        unsigned before = fl_fake_upsd_command_count(f->upsd);
        size_t index = fl_fake_gateway_command(f->gateway, "alpha", "COMMAND_KIND_SENSITIVITY",
                                               parameter, TTL_MS);
        f->options.fault = rows[i].point;
        f->agent = fl_agent_process_start(&f->options);
        assert_int_equal(fl_agent_process_wait(f->agent), -SIGKILL);
        start(f);
        struct fl_fake_command command = outcome_of(f, index);
        assert_true(fl_agent_process_stop(f->agent));
        assert_string_equal(command.outcome, rows[i].outcome);
        assert_string_equal(command.reason, rows[i].reason);
        assert_int_equal(fl_fake_upsd_command_count(f->upsd) - before, rows[i].tries);
    }
    assert_int_equal(fl_fake_gateway_bad_count(f->gateway), 0);
}

/* The gateway does what it is told and loses every answer for a while. */
static void lost_answers_do_not_repeat_a_command(void **state)
{
    struct fixture *f = *state;
    start(f);
    fl_fake_gateway_set_mode(f->gateway, FL_FAKE_FORGETFUL);
    size_t index =
        fl_fake_gateway_command(f->gateway, "alpha", "COMMAND_KIND_BEEPER", "mute", TTL_MS);
    assert_true(fl_fake_gateway_wait(f->gateway, is_delivered_twice, &index));
    assert_int_equal(fl_fake_upsd_command_count(f->upsd), 0);
    fl_fake_gateway_set_mode(f->gateway, FL_FAKE_ANSWERS);
    struct fl_fake_command command = outcome_of(f, index);
    assert_string_equal(command.outcome, "SUCCEEDED");
    assert_int_equal(fl_fake_upsd_command_count(f->upsd), 1);
    assert_true(fl_agent_process_stop(f->agent));
}

static int open_fixture(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    fl_scratch_make(&f->scratch);
    f->upsd = fl_fake_upsd_open();
    f->gateway = fl_fake_gateway_open();
    f->options = (struct fl_agent_process_options){.state = f->scratch.path,
                                                   .gateway = fl_fake_gateway_url(f->gateway),
                                                   .upsd = fl_fake_upsd_address(f->upsd),
                                                   .claim = "GOOD-CLAIM",
                                                   .user = "u",
                                                   .password = "p"};
    fl_fake_upsd_set(f->upsd, "alpha", "ups.status", FL_SLICE_LITERAL("OL"));
    fl_fake_upsd_set(f->upsd, "alpha", "ups.test.result", FL_SLICE_LITERAL("No test initiated"));
    fl_fake_upsd_set(f->upsd, "alpha", "ups.beeper.status", FL_SLICE_LITERAL("enabled"));
    fl_fake_upsd_set(f->upsd, "alpha", "input.sensitivity", FL_SLICE_LITERAL("high"));
    fl_fake_upsd_set(f->upsd, "alpha", "battery.date", FL_SLICE_LITERAL("2001/09/25"));
    fl_fake_upsd_offer(f->upsd, "alpha", "test.battery.start.quick");
    fl_fake_upsd_offer(f->upsd, "alpha", "beeper.mute");
    fl_fake_upsd_let_write(f->upsd, "alpha", "input.sensitivity");
    fl_fake_upsd_let_write(f->upsd, "alpha", "battery.date");
    *state = f;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *f = *state;
    fl_fake_upsd_close(&f->upsd);
    fl_fake_gateway_close(&f->gateway);
    fl_scratch_remove(&f->scratch);
    free(f);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(int argc, char **argv)
{
    int code;
    if (fl_agent_process_main(argc, argv, &code))
        return code;
    const struct CMUnitTest tests[] = {
        TEST(success_is_what_a_report_shows),          TEST(what_cannot_be_done_says_why),
        TEST(an_unanswered_command_is_not_sent_again), TEST(late_and_cancelled_commands_do_not_run),
        TEST(a_kill_anywhere_leaves_at_most_one_try),  TEST(lost_answers_do_not_repeat_a_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
