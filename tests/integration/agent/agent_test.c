/* SPDX-License-Identifier: Apache-2.0 */
/* The agent between a scripted upsd and a scripted gateway: reports, outages, kills, junk. */
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

struct fixture {
    struct fl_scratch scratch;
    struct fl_fake_upsd *upsd;
    struct fl_fake_gateway *gateway;
    struct fl_agent_process_options options;
    pid_t agent;
};

/* What a test waits for. */
struct wanted {
    size_t count;     /* reports */
    const char *ups;  /* of this UPS … */
    unsigned kind;    /* … of that kind, or any if 0 … */
    const char *name; /* … with this reading, if not NULL */
    const char *value;
};

static bool shows(const struct fl_fake_report *report, const char *name, const char *value)
{
    struct fl_report decoded;
    const char *what;
    if (fl_report_decode(report->bytes, &decoded, &what) != FL_OK)
        return false;
    struct fl_reading_walk walk = fl_readings(&decoded);
    while (fl_reading_next(&walk))
        if (fl_slice_is(walk.name, name))
            return fl_slice_is(walk.value, value);
    return false;
}

static bool is_there(struct fl_fake_gateway *gateway, void *context)
{
    const struct wanted *wanted = context;
    uint32_t number = wanted->ups != NULL ? fl_fake_gateway_device(gateway, wanted->ups) : 0;
    size_t found = 0;
    size_t count = fl_fake_gateway_report_count(gateway);
    for (size_t i = 0; i < count; i++) {
        struct fl_fake_report report = fl_fake_gateway_report(gateway, i);
        if ((wanted->ups == NULL || report.device_number == number) &&
            (wanted->kind == 0 || report.kind == wanted->kind) &&
            (wanted->name == NULL || shows(&report, wanted->name, wanted->value)))
            found++;
    }
    return found >= wanted->count;
}

static void wait_for(struct fixture *f, struct wanted wanted)
{
    assert_true(fl_fake_gateway_wait(f->gateway, is_there, &wanted));
}

/* Every device's counters go up by one, but for what the report itself says was dropped; times
 * never run backwards. */
static void check_order(struct fixture *f)
{
    uint64_t counters[8] = {0};
    int64_t times[8] = {0};
    size_t count = fl_fake_gateway_report_count(f->gateway);
    for (size_t i = 0; i < count; i++) {
        struct fl_fake_report report = fl_fake_gateway_report(f->gateway, i);
        assert_true(report.device_number < 8);
        assert_int_equal(report.counter, counters[report.device_number] + report.thinned_count + 1);
        assert_true(report.sampled_at_ms >= times[report.device_number]);
        counters[report.device_number] = report.counter;
        times[report.device_number] = report.sampled_at_ms;
    }
    assert_int_equal(fl_fake_gateway_bad_count(f->gateway), 0);
}

static void set(struct fixture *f, const char *ups, const char *name, const char *value)
{
    fl_fake_upsd_set(f->upsd, ups, name, fl_slice_text(value));
}

static void start(struct fixture *f)
{
    f->agent = fl_agent_process_start(&f->options);
}

static void full_then_changes_then_stale(void **state)
{
    struct fixture *f = *state;
    set(f, "alpha", "ups.model", "Smart-UPS \"1500\" \\ #1 ");
    start(f);
    wait_for(f,
             (struct wanted){1, "alpha", FL_REPORT_FULL, "ups.model", "Smart-UPS \"1500\" \\ #1 "});
    set(f, "alpha", "battery.charge", "42");
    wait_for(f, (struct wanted){1, "alpha", FL_REPORT_CHANGES, "battery.charge", "42"});
    fl_fake_upsd_fail(f->upsd, "alpha", "DATA-STALE");
    wait_for(f, (struct wanted){1, "alpha", FL_REPORT_STALE, NULL, NULL});
    fl_fake_upsd_fail(f->upsd, "alpha", NULL);
    wait_for(f, (struct wanted){2, "alpha", FL_REPORT_FULL, NULL, NULL});
    fl_fake_upsd_set(f->upsd, "alpha", "battery.charge", FL_SLICE_NULL);
    wait_for(f, (struct wanted){3, "alpha", FL_REPORT_FULL, NULL, NULL});
    assert_true(fl_agent_process_stop(f->agent));
    size_t count = fl_fake_gateway_report_count(f->gateway);
    struct fl_fake_report last = fl_fake_gateway_report(f->gateway, count - 1);
    assert_false(shows(&last, "battery.charge", "42"));
    for (size_t i = 0; i < count; i++) {
        struct fl_fake_report report = fl_fake_gateway_report(f->gateway, i);
        assert_false(report.kind == FL_REPORT_STALE && shows(&report, "ups.status", "OL"));
    }
    check_order(f);
}

/* Changes made one by one while the gateway is away and the agent is killed in between. */
static void an_outage_and_kills_lose_nothing(void **state)
{
    struct fixture *f = *state;
    char value[16];
    start(f);
    wait_for(f, (struct wanted){.count = 1, .ups = "beta", .kind = FL_REPORT_FULL});
    fl_fake_gateway_leave(f->gateway);
    for (int i = 0; i < 12; i++) {
        snprintf(value, sizeof(value), "%d", i);
        set(f, "alpha", "battery.charge", value);
        assert_true(fl_fake_upsd_wait_polls(f->upsd, 12));
        if (i % 4 == 3) {
            fl_agent_process_kill(f->agent);
            start(f);
            assert_true(fl_fake_upsd_wait_polls(f->upsd, 12));
        }
    }
    fl_fake_gateway_return(f->gateway);
    for (int i = 0; i < 12; i++) {
        snprintf(value, sizeof(value), "%d", i);
        wait_for(f, (struct wanted){1, "alpha", 0, "battery.charge", value});
    }
    assert_true(fl_agent_process_stop(f->agent));
    check_order(f);
}

/* Killed at any moment, on a gateway in any mood. */
static void random_kills_lose_nothing(void **state)
{
    static const enum fl_fake_gateway_mode moods[] = {FL_FAKE_ANSWERS, FL_FAKE_OVERLOADED,
                                                      FL_FAKE_FORGETFUL, FL_FAKE_SIZE_LIMITED,
                                                      FL_FAKE_PROXY};
    struct fixture *f = *state;
    const char *given = getenv("FLEETLOG_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20261125;
    struct fl_port_virtual port;
    char value[16] = "";
    printf("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    fl_port_virtual_init(&port, seed, 0);
    start(f);
    wait_for(f, (struct wanted){.count = 1, .ups = "beta", .kind = FL_REPORT_FULL});
    for (int i = 0; i < 25; i++) {
        uint8_t random[3];
        fl_port_random(&port.port, random, sizeof(random));
        fl_fake_gateway_set_mode(f->gateway, moods[random[0] % 5]);
        snprintf(value, sizeof(value), "%d", i);
        set(f, random[1] % 2 == 0 ? "alpha" : "beta", "battery.charge", value);
        assert_true(fl_fake_upsd_wait_polls(f->upsd, 1 + random[2] % 12));
        fl_agent_process_kill(f->agent);
        start(f);
    }
    fl_fake_gateway_set_mode(f->gateway, FL_FAKE_ANSWERS);
    set(f, "alpha", "battery.charge", "last");
    wait_for(f, (struct wanted){1, "alpha", 0, "battery.charge", "last"});
    assert_true(fl_agent_process_stop(f->agent));
    check_order(f);
}

static void a_lost_answer_is_a_replay(void **state)
{
    struct fixture *f = *state;
    start(f);
    wait_for(f, (struct wanted){.count = 1, .ups = "beta", .kind = FL_REPORT_FULL});
    fl_fake_gateway_set_mode(f->gateway, FL_FAKE_FORGETFUL);
    set(f, "alpha", "battery.charge", "7");
    wait_for(f, (struct wanted){1, "alpha", 0, "battery.charge", "7"});
    fl_fake_gateway_set_mode(f->gateway, FL_FAKE_ANSWERS);
    set(f, "alpha", "battery.charge", "8");
    wait_for(f, (struct wanted){1, "alpha", 0, "battery.charge", "8"});
    assert_true(fl_fake_gateway_replayed_count(f->gateway) > 0);
    assert_true(fl_agent_process_stop(f->agent));
    check_order(f);
}

static void kills_around_a_request_use_no_counter_twice(void **state)
{
    struct fixture *f = *state;
    for (int round = 0; round < 4; round++) {
        char value[16];
        f->options.fault = round < 3 ? "agent_reported" : NULL;
        snprintf(value, sizeof(value), "%d", 50 + round);
        start(f);
        set(f, "alpha", "battery.charge", value);
        if (round < 3)
            assert_int_equal(fl_agent_process_wait(f->agent), -SIGKILL);
    }
    wait_for(f, (struct wanted){1, "alpha", 0, "battery.charge", "53"});
    assert_true(fl_agent_process_stop(f->agent));
    check_order(f);
}

static void overload_and_small_requests_are_waited_out(void **state)
{
    struct fixture *f = *state;
    start(f);
    wait_for(f, (struct wanted){.count = 1, .ups = "beta", .kind = FL_REPORT_FULL});
    fl_fake_gateway_set_mode(f->gateway, FL_FAKE_OVERLOADED);
    for (int i = 0; i < 5; i++) {
        set(f, "alpha", "ups.load", i % 2 == 0 ? "11" : "12");
        assert_true(fl_fake_upsd_wait_polls(f->upsd, 8));
    }
    fl_fake_gateway_set_mode(f->gateway, FL_FAKE_SIZE_LIMITED);
    wait_for(f, (struct wanted){3, "alpha", 0, "ups.load", "11"});
    wait_for(f, (struct wanted){2, "alpha", 0, "ups.load", "12"});
    assert_true(fl_agent_process_stop(f->agent));
    check_order(f);
}

static void a_full_queue_says_what_it_dropped(void **state)
{
    struct fixture *f = *state;
    char value[600];
    f->options.queue_size = "20000";
    start(f);
    wait_for(f, (struct wanted){.count = 1, .ups = "beta", .kind = FL_REPORT_FULL});
    fl_fake_gateway_leave(f->gateway);
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; i < 60; i++) {
        value[0] = (char)('!' + i);
        set(f, "alpha", "ups.id", value);
        assert_true(fl_fake_upsd_wait_polls(f->upsd, 4));
    }
    fl_fake_gateway_return(f->gateway);
    wait_for(f, (struct wanted){1, "alpha", 0, "ups.id", value});
    assert_true(fl_agent_process_stop(f->agent));
    uint64_t thinned = 0;
    size_t count = fl_fake_gateway_report_count(f->gateway);
    for (size_t i = 0; i < count; i++)
        thinned += fl_fake_gateway_report(f->gateway, i).thinned_count;
    assert_true(thinned > 10);
    check_order(f);
}

static void a_upsd_may_have_a_name(void **state)
{
    struct fixture *f = *state;
    char name[64];
    snprintf(name, sizeof(name), "localhost%s", strrchr(fl_fake_upsd_address(f->upsd), ':'));
    f->options.upsd = name;
    start(f);
    wait_for(f, (struct wanted){1, "alpha", FL_REPORT_FULL, "ups.status", "OL"});
    assert_true(fl_agent_process_stop(f->agent));
    f->options.upsd = "no-such-host.invalid";
    start(f);
    assert_true(fl_agent_process_stop(f->agent));
    check_order(f);
}

static void junk_does_not_disturb(void **state)
{
    struct fixture *f = *state;
    fl_fake_upsd_set_mode(f->upsd, FL_FAKE_JUNK);
    start(f);
    wait_for(f, (struct wanted){1, "alpha", FL_REPORT_FULL, "ups.status", "OL"});
    fl_fake_upsd_set_mode(f->upsd, FL_FAKE_BROKEN);
    set(f, "alpha", "battery.charge", "33");
    assert_int_equal(fl_fake_gateway_device(f->gateway, "nobody"), 0);
    fl_fake_upsd_set_mode(f->upsd, FL_FAKE_OBEYS);
    wait_for(f, (struct wanted){1, "alpha", 0, "battery.charge", "33"});
    assert_true(fl_agent_process_stop(f->agent));
    check_order(f);
}

static void a_big_device_is_told_in_parts(void **state)
{
    struct fixture *f = *state;
    static uint8_t value[900];
    char name[32];
    memset(value, 0xfe, sizeof(value)); /* no text: bytes */
    for (int i = 0; i < 120; i++) {
        snprintf(name, sizeof(name), "experimental.%03d", i);
        value[0] = (uint8_t)(0x80 + i);
        fl_fake_upsd_set(f->upsd, "alpha", name, fl_slice_of(value, sizeof(value)));
    }
    start(f);
    wait_for(f, (struct wanted){1, "alpha", FL_REPORT_FULL, NULL, NULL});
    wait_for(f, (struct wanted){1, "alpha", FL_REPORT_CHANGES, "ups.status", "OL"});
    assert_true(fl_agent_process_stop(f->agent));
    size_t seen = 0;
    for (size_t i = 0; i < fl_fake_gateway_report_count(f->gateway); i++) {
        struct fl_fake_report report = fl_fake_gateway_report(f->gateway, i);
        struct fl_report decoded;
        const char *what;
        assert_int_equal(fl_report_decode(report.bytes, &decoded, &what), FL_OK);
        struct fl_reading_walk walk = fl_readings(&decoded);
        while (fl_reading_next(&walk))
            seen += walk.value.size == sizeof(value) && walk.value.data[1] == 0xfe;
    }
    assert_int_equal(seen, 120);
    check_order(f);
}

static void a_removed_device_is_left_alone(void **state)
{
    struct fixture *f = *state;
    start(f);
    wait_for(f, (struct wanted){.count = 1, .ups = "alpha", .kind = FL_REPORT_FULL});
    wait_for(f, (struct wanted){.count = 1, .ups = "beta", .kind = FL_REPORT_FULL});
    fl_fake_gateway_remove(f->gateway, "alpha");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            char value[16];
            snprintf(value, sizeof(value), "%d", 10 * round + i);
            set(f, "alpha", "ups.load", value);
            set(f, "beta", "ups.load", value);
            wait_for(f, (struct wanted){1, "beta", 0, "ups.load", value});
        }
        assert_true(fl_agent_process_stop(f->agent)); /* it remembers */
        start(f);
    }
    wait_for(f, (struct wanted){.count = 3, .ups = "beta", .kind = FL_REPORT_FULL});
    assert_true(fl_agent_process_stop(f->agent));
    assert_int_equal(fl_fake_gateway_device(f->gateway, "alpha"), 0); /* not registered anew */
    check_order(f);
}

static bool is_told_gone(struct fl_fake_gateway *gateway, void *context)
{
    (void)context;
    return fl_fake_gateway_gone_count(gateway) > 0;
}

static void a_removed_device_comes_back_when_asked_for(void **state)
{
    struct fixture *f = *state;
    start(f);
    wait_for(f, (struct wanted){.count = 1, .ups = "alpha", .kind = FL_REPORT_FULL});
    uint32_t before = fl_fake_gateway_device(f->gateway, "alpha");
    fl_fake_gateway_remove(f->gateway, "alpha");
    set(f, "alpha", "ups.load", "1");
    set(f, "beta", "ups.load", "1");
    assert_true(fl_fake_gateway_wait(f->gateway, is_told_gone, NULL));
    assert_true(fl_fake_upsd_wait_polls(f->upsd, 20));
    assert_true(fl_agent_process_stop(f->agent));
    f->options.readmit = "1";
    start(f);
    wait_for(f, (struct wanted){.count = 1, .ups = "alpha", .kind = FL_REPORT_FULL});
    assert_true(fl_agent_process_stop(f->agent));
    assert_int_not_equal(fl_fake_gateway_device(f->gateway, "alpha"), before);
    check_order(f);
}

/* A day off, as after a start without a clock: requests carry the gateway's time, reports the
 * agent's own. */
static void a_wrong_clock_does_not_lock_out(void **state)
{
    struct fixture *f = *state;
    f->options.skew_ms = "-86400000";
    start(f);
    wait_for(f, (struct wanted){.count = 1, .ups = "alpha", .kind = FL_REPORT_FULL});
    assert_true(fl_agent_process_stop(f->agent));
    start(f);
    wait_for(f, (struct wanted){.count = 2, .ups = "alpha", .kind = FL_REPORT_FULL});
    assert_true(fl_agent_process_stop(f->agent));
    struct fl_fake_report report = fl_fake_gateway_report(f->gateway, 0);
    int64_t off_ms = fl_port_wall_ms(fl_port_system()) - report.sampled_at_ms;
    assert_true(off_ms > 86000000);
    check_order(f);
}

static void one_agent_works_on_a_state(void **state)
{
    struct fixture *f = *state;
    start(f);
    wait_for(f, (struct wanted){.count = 1, .ups = "alpha", .kind = FL_REPORT_FULL});
    assert_int_equal(fl_agent_process_wait(fl_agent_process_start(&f->options)),
                     fl_error_exit_code(FL_LOCKED));
    assert_true(fl_agent_process_stop(f->agent));
}

static void a_wrong_claim_ends_it_with_a_word(void **state)
{
    struct fixture *f = *state;
    f->options.claim = "BAD-CLAIM";
    start(f);
    assert_int_equal(fl_agent_process_wait(f->agent), fl_error_exit_code(FL_UNAUTHENTIC));
    f->options.claim = NULL;
    start(f);
    assert_int_equal(fl_agent_process_wait(f->agent), fl_error_exit_code(FL_USAGE));
    f->options.claim = "GOOD-CLAIM";
    start(f);
    wait_for(f, (struct wanted){.count = 1, .ups = "alpha", .kind = FL_REPORT_FULL});
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
                                                   .claim = "GOOD-CLAIM"};
    set(f, "alpha", "ups.status", "OL");
    set(f, "beta", "ups.status", "OL");
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
        TEST(full_then_changes_then_stale),
        TEST(an_outage_and_kills_lose_nothing),
        TEST(random_kills_lose_nothing),
        TEST(a_lost_answer_is_a_replay),
        TEST(kills_around_a_request_use_no_counter_twice),
        TEST(overload_and_small_requests_are_waited_out),
        TEST(a_full_queue_says_what_it_dropped),
        TEST(a_upsd_may_have_a_name),
        TEST(junk_does_not_disturb),
        TEST(a_big_device_is_told_in_parts),
        TEST(a_removed_device_is_left_alone),
        TEST(a_removed_device_comes_back_when_asked_for),
        TEST(a_wrong_clock_does_not_lock_out),
        TEST(one_agent_works_on_a_state),
        TEST(a_wrong_claim_ends_it_with_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
