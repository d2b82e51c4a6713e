/* SPDX-License-Identifier: Apache-2.0 */
/* The agent on a real upsd: its readings, its errors, its commands with tracking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "projections/telemetry/report.h"
#include "tests/integration/agent/agent_process.h"
#include "tests/integration/agent/fake_gateway.h"
#include "tests/integration/upsd.h"
#include "tests/unit/scratch.h"

enum { TTL_MS = 600000 };

struct fixture {
    struct fl_test_upsd upsd;
    struct fl_fake_gateway *gateway;
    struct fl_scratch scratch;
    pid_t agent;
};

struct wanted {
    const char *ups;
    unsigned kind; /* 0: any but STALE */
    const char *name;
    const char *value;
    size_t from; /* reports before this one do not count */
};

static bool holds(const struct fl_fake_report *report, const struct wanted *wanted)
{
    struct fl_report decoded;
    const char *what;
    if (wanted->name == NULL)
        return true;
    if (fl_report_decode(report->bytes, &decoded, &what) != FL_OK)
        return false;
    struct fl_reading_walk walk = fl_readings(&decoded);
    while (fl_reading_next(&walk))
        if (fl_slice_is(walk.name, wanted->name))
            return fl_slice_is(walk.value, wanted->value);
    return false;
}

static bool is_reported(struct fl_fake_gateway *gateway, void *context)
{
    const struct wanted *wanted = context;
    uint32_t number = fl_fake_gateway_device(gateway, wanted->ups);
    size_t count = fl_fake_gateway_report_count(gateway);
    for (size_t i = wanted->from; number != 0 && i < count; i++) {
        struct fl_fake_report report = fl_fake_gateway_report(gateway, i);
        bool kind_fits =
            wanted->kind == 0 ? report.kind != FL_REPORT_STALE : report.kind == wanted->kind;
        if (report.device_number == number && kind_fits && holds(&report, wanted))
            return true;
    }
    return false;
}

static void wait_for(struct fixture *f, const char *ups, unsigned kind, const char *name,
                     const char *value, size_t from)
{
    struct wanted wanted = {ups, kind, name, value, from};
    assert_true(fl_fake_gateway_wait(f->gateway, is_reported, &wanted));
}

static bool has_outcome(struct fl_fake_gateway *gateway, void *context)
{
    return fl_fake_gateway_command_at(gateway, *(const size_t *)context).outcome_count > 0;
}

static struct fl_fake_command run(struct fixture *f, const char *ups, const char *kind,
                                  const char *parameter)
{
    size_t index = fl_fake_gateway_command(f->gateway, ups, kind, parameter, TTL_MS);
    assert_true(fl_fake_gateway_wait(f->gateway, has_outcome, &index));
    return fl_fake_gateway_command_at(f->gateway, index);
}

static void readings_of_every_ups_arrive(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"alpha", "beta", "weak", "toggle", "grid"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        wait_for(f, names[i], FL_REPORT_FULL, NULL, NULL, 0);
    wait_for(f, "alpha", FL_REPORT_FULL, "ups.model", "Smart-UPS 1500", 0);
}

static void strings_arrive_as_they_are(void **state)
{
    struct fixture *f = *state;
    struct fl_test_upsd_client client;
    fl_test_upsd_client_open(&client, &f->upsd);
    fl_test_upsd_ask(&client, "SET VAR beta ups.id \"a \\\"b\\\" \\\\\"");
    fl_test_upsd_client_close(&client);
    wait_for(f, "beta", 0, "ups.id", "a \"b\" \\", 0);
}

static void an_outage_is_reported(void **state)
{
    struct fixture *f = *state;
    assert_true(fl_test_upsd_control(&f->upsd, "do beta charge 50"));
    assert_true(fl_test_upsd_control(&f->upsd, "outage begin beta"));
    wait_for(f, "beta", FL_REPORT_CHANGES, "ups.status", "OB DISCHRG", 0);
    size_t from = fl_fake_gateway_report_count(f->gateway);
    assert_true(fl_test_upsd_control(&f->upsd, "outage end beta"));
    wait_for(f, "beta", FL_REPORT_CHANGES, "ups.status", "OL CHRG", from);
}

static void silence_is_stale_and_never_a_value(void **state)
{
    struct fixture *f = *state;
    size_t from = fl_fake_gateway_report_count(f->gateway);
    assert_true(fl_test_upsd_control(&f->upsd, "stale toggle"));
    wait_for(f, "toggle", FL_REPORT_STALE, NULL, NULL, from);
    from = fl_fake_gateway_report_count(f->gateway);
    assert_true(fl_test_upsd_control(&f->upsd, "fresh toggle"));
    wait_for(f, "toggle", FL_REPORT_FULL, NULL, NULL, from);
}

static void commands_have_their_observed_outcome(void **state)
{
    struct fixture *f = *state;
    struct fl_fake_command command = run(f, "alpha", "COMMAND_KIND_SELF_TEST", "");
    assert_string_equal(command.outcome, "SUCCEEDED");
    assert_string_equal(command.value, "Done and passed");
    assert_int_equal(command.acknowledgement_count, 1);
    command = run(f, "weak", "COMMAND_KIND_SELF_TEST", "");
    assert_string_equal(command.outcome, "FAILED");
    assert_string_equal(command.reason, "TEST_FAILED");
    command = run(f, "alpha", "COMMAND_KIND_SENSITIVITY", "low");
    assert_string_equal(command.outcome, "SUCCEEDED");
    command = run(f, "alpha", "COMMAND_KIND_SENSITIVITY", "extreme");
    assert_string_equal(command.outcome, "FAILED");
    assert_string_equal(command.reason, "REFUSED_INVALID_VALUE");
    command = run(f, "alpha", "COMMAND_KIND_BATTERY_INSTALL_DATE", "2026-11-25");
    assert_string_equal(command.outcome, "SUCCEEDED");
    assert_string_equal(command.value, "2026/11/25");
    command = run(f, "alpha", "COMMAND_KIND_BEEPER", "disable");
    assert_string_equal(command.outcome, "SUCCEEDED");
    assert_int_equal(fl_fake_gateway_bad_count(f->gateway), 0);
}

static void open_all(struct fixture *f)
{
    fl_scratch_make(&f->scratch);
    f->gateway = fl_fake_gateway_open();
    struct fl_agent_process_options options = {.state = f->scratch.path,
                                               .gateway = fl_fake_gateway_url(f->gateway),
                                               .upsd = f->upsd.host_port,
                                               .claim = "GOOD-CLAIM",
                                               .user = f->upsd.user,
                                               .password = f->upsd.password,
                                               .tls = "offered",
                                               .poll_ms = "200",
                                               .watch_ms = "20000"};
    f->agent = fl_agent_process_start(&options);
}

int main(int argc, char **argv)
{
    int code;
    struct fixture f = {.agent = 0};
    if (fl_agent_process_main(argc, argv, &code))
        return code;
    if (!fl_test_upsd_start(&f.upsd, "producers/simulator/fleets/test.fleet", "10", "4", true)) {
        printf("skipped: there is no upsd on this machine (Debian package nut-server)\n");
        return 77;
    }
    open_all(&f);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(readings_of_every_ups_arrive, &f),
        cmocka_unit_test_prestate(strings_arrive_as_they_are, &f),
        cmocka_unit_test_prestate(an_outage_is_reported, &f),
        cmocka_unit_test_prestate(silence_is_stale_and_never_a_value, &f),
        cmocka_unit_test_prestate(commands_have_their_observed_outcome, &f),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    failed += fl_agent_process_stop(f.agent) ? 0 : 1;
    fl_test_upsd_stop(&f.upsd);
    fl_fake_gateway_close(&f.gateway);
    fl_scratch_remove(&f.scratch);
    return failed;
}
