/* SPDX-License-Identifier: Apache-2.0 */
/* The demo driver behind a real upsd, seen over NUT's network protocol (RFC 9271). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/integration/upsd.h"

struct fixture {
    struct fl_test_upsd upsd;
    struct fl_test_upsd_client client;
};

enum { TRACKING_SIZE = 64 };

static void every_ups_is_listed_with_what_it_offers(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(fl_test_upsd_list(&f->client, "UPS", "UPS grid "), 5);
    assert_string_equal(f->client.line, "UPS grid \"grid\"");
    assert_true(fl_test_upsd_list(&f->client, "VAR alpha", "ups.model") > 30);
    assert_string_equal(f->client.line, "VAR alpha ups.model \"Smart-UPS 1500\"");
    assert_int_equal(fl_test_upsd_list(&f->client, "CMD alpha", "test.battery.start.quick"), 13);
    assert_string_equal(f->client.line, "CMD alpha test.battery.start.quick");
    assert_int_equal(fl_test_upsd_list(&f->client, "RW alpha", "battery.date"), 4);
    assert_string_equal(f->client.line, "RW alpha battery.date \"2023/06/12\"");
    assert_int_equal(fl_test_upsd_list(&f->client, "ENUM alpha input.sensitivity", "high"), 3);
    assert_int_equal(fl_test_upsd_list(&f->client, "RANGE alpha ups.delay.shutdown", "600"), 1);
    assert_string_equal(f->client.line, "RANGE alpha ups.delay.shutdown \"0\" \"600\"");
    assert_string_equal(fl_test_upsd_ask(&f->client, "GET TYPE alpha battery.date"),
                        "TYPE alpha battery.date RW STRING:10");
}

/* Sends a command with tracking and waits for the driver's answer. */
static const char *tracked(struct fixture *f, const char *line)
{
    char id[TRACKING_SIZE];
    assert_string_equal(fl_test_upsd_ask(&f->client, "SET TRACKING ON"), "OK");
    fl_test_upsd_ask(&f->client, "%s", line);
    if (strncmp(f->client.line, "OK TRACKING ", 12) || strlen(f->client.line) > 12 + 40)
        return f->client.line;
    memcpy(id, f->client.line + 12, strlen(f->client.line + 12) + 1);
    do
        fl_test_upsd_ask(&f->client, "GET TRACKING %s", id);
    while (!strcmp(f->client.line, "PENDING"));
    return f->client.line;
}

static void a_self_test_is_tracked_and_its_result_seen(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(tracked(f, "INSTCMD alpha test.battery.start.quick"), "SUCCESS");
    assert_string_equal(fl_test_upsd_ask(&f->client, "GET VAR alpha ups.test.result"),
                        "VAR alpha ups.test.result \"In progress\"");
    assert_string_equal(tracked(f, "INSTCMD alpha test.battery.start.quick"), "ERR FAILED");
    assert_true(fl_test_upsd_wait(&f->client, "alpha", "ups.test.result", "Done and passed"));
    assert_true(fl_test_upsd_wait(&f->client, "alpha", "ups.status", "OL CHRG"));
    assert_string_equal(tracked(f, "INSTCMD weak test.battery.start.quick"), "SUCCESS");
    assert_true(fl_test_upsd_wait(&f->client, "weak", "ups.test.result", "Done and error"));
    assert_string_equal(fl_test_upsd_ask(&f->client, "INSTCMD alpha no.such.command"),
                        "ERR CMD-NOT-SUPPORTED");
    assert_string_equal(tracked(f, "INSTCMD alpha beeper.mute 5"), "ERR INVALID-ARGUMENT");
}

static void values_are_written_and_read_back(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(tracked(f, "SET VAR alpha input.sensitivity low"), "SUCCESS");
    assert_true(fl_test_upsd_wait(&f->client, "alpha", "input.sensitivity", "low"));
    assert_string_equal(tracked(f, "SET VAR alpha battery.date \"2026/11/25\""), "SUCCESS");
    assert_true(fl_test_upsd_wait(&f->client, "alpha", "battery.date", "2026/11/25"));
    assert_string_equal(tracked(f, "SET VAR alpha ups.id \"a \\\"b\\\" \\\\\""), "SUCCESS");
    assert_true(fl_test_upsd_wait(&f->client, "alpha", "ups.id", "a \\\"b\\\" \\\\"));
    assert_string_equal(fl_test_upsd_ask(&f->client, "SET VAR alpha input.sensitivity extreme"),
                        "ERR INVALID-VALUE");
    assert_string_equal(fl_test_upsd_ask(&f->client, "SET VAR alpha ups.serial x"), "ERR READONLY");
}

static void the_plug_is_pulled_and_put_back(void **state)
{
    struct fixture *f = *state;
    assert_true(fl_test_upsd_control(&f->upsd, "do beta charge 50"));
    assert_true(fl_test_upsd_control(&f->upsd, "outage begin beta"));
    assert_true(fl_test_upsd_wait(&f->client, "beta", "ups.status", "OB DISCHRG"));
    assert_true(fl_test_upsd_control(&f->upsd, "do beta charge 21"));
    assert_true(fl_test_upsd_wait(&f->client, "beta", "ups.status", "OB DISCHRG LB"));
    assert_true(fl_test_upsd_control(&f->upsd, "outage end beta"));
    assert_true(fl_test_upsd_wait(&f->client, "beta", "ups.status", "OL CHRG LB"));
    assert_true(fl_test_upsd_control(&f->upsd, "do beta charge 100"));
    assert_true(fl_test_upsd_wait(&f->client, "beta", "ups.status", "OL"));
    assert_true(fl_test_upsd_control(&f->upsd, "set beta ups.alarm \"Replace battery!\""));
    assert_true(fl_test_upsd_wait(&f->client, "beta", "ups.status", "ALARM OL"));
    assert_true(fl_test_upsd_control(&f->upsd, "do beta forget ups.alarm"));
    assert_true(fl_test_upsd_wait(&f->client, "beta", "ups.alarm", ""));
    assert_string_equal(f->client.line, "ERR VAR-NOT-SUPPORTED");
}

static void stale_and_silent_are_seen_as_stale(void **state)
{
    struct fixture *f = *state;
    assert_true(fl_test_upsd_control(&f->upsd, "stale beta"));
    assert_true(fl_test_upsd_wait(&f->client, "beta", "ups.status", ""));
    assert_string_equal(f->client.line, "ERR DATA-STALE");
    assert_true(fl_test_upsd_control(&f->upsd, "set beta ups.id later"));
    assert_true(fl_test_upsd_control(&f->upsd, "fresh beta"));
    assert_true(fl_test_upsd_wait(&f->client, "beta", "ups.status", "OL"));
    assert_true(fl_test_upsd_wait(&f->client, "beta", "ups.id", "later"));
    assert_true(fl_test_upsd_control(&f->upsd, "do beta silent"));
    assert_true(fl_test_upsd_wait(&f->client, "beta", "ups.status", ""));
    assert_string_equal(f->client.line, "ERR DATA-STALE");
    assert_true(fl_test_upsd_control(&f->upsd, "do beta talking"));
    assert_true(fl_test_upsd_wait(&f->client, "beta", "ups.status", "OL"));
}

static void the_control_socket_refuses_with_a_sentence(void **state)
{
    struct fixture *f = *state;
    assert_true(fl_test_upsd_control(&f->upsd, "list"));
    assert_false(fl_test_upsd_control(&f->upsd, "outage"));
    assert_false(fl_test_upsd_control(&f->upsd, "outage begin beta nobody"));
    assert_string_equal(fl_test_upsd_ask(&f->client, "GET VAR beta ups.status"),
                        "VAR beta ups.status \"OL\"");
    assert_false(fl_test_upsd_control(&f->upsd, "do beta explode"));
    assert_false(fl_test_upsd_control(&f->upsd, "speed fast"));
    assert_false(fl_test_upsd_control(&f->upsd, "hello"));
    assert_false(fl_test_upsd_control(&f->upsd, "do beta run no.such.command"));
}

/* Junk on a driver's socket: the driver answers the next line and upsd notices nothing. */
static void junk_costs_its_sender_a_line(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char directory[128];
    char bytes[4096];
    char line[64] = "";
    snprintf(directory, sizeof(directory), "%s", f->upsd.control);
    *strrchr(directory, '/') = '\0';
    snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/fleetlog-demo-beta", directory);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i * 151 + i / 7);
    for (unsigned round = 0; round < 50; round++)
        assert_int_equal(send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
    static const char end[] = "x#\nNOBROADCAST\nINSTCMD\nSET a\nSET a b c d\nGETPID\n";
    assert_int_equal(send(fd, end, sizeof(end) - 1, MSG_NOSIGNAL), sizeof(end) - 1);
    FILE *stream = fdopen(fd, "r");
    assert_non_null(stream);
    bool answered = false;
    while (!answered && fgets(line, sizeof(line), stream))
        answered = !strncmp(line, "PID ", 4);
    assert_true(answered);
    fclose(stream);
    assert_string_equal(fl_test_upsd_ask(&f->client, "GET VAR beta ups.status"),
                        "VAR beta ups.status \"OL\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_ups_is_listed_with_what_it_offers),
        cmocka_unit_test(a_self_test_is_tracked_and_its_result_seen),
        cmocka_unit_test(values_are_written_and_read_back),
        cmocka_unit_test(the_plug_is_pulled_and_put_back),
        cmocka_unit_test(stale_and_silent_are_seen_as_stale),
        cmocka_unit_test(the_control_socket_refuses_with_a_sentence),
        cmocka_unit_test(junk_costs_its_sender_a_line),
    };
    struct fixture fixture;
    if (!fl_test_upsd_start(&fixture.upsd, "producers/simulator/fleets/test.fleet", "10", "4",
                            true)) {
        printf("skipped: there is no upsd on this machine (Debian package nut-server)\n");
        return 77;
    }
    fl_test_upsd_client_open(&fixture.client, &fixture.upsd);
    struct CMUnitTest with_state[sizeof(tests) / sizeof(tests[0])];
    memcpy(with_state, tests, sizeof(tests));
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        with_state[i].initial_state = &fixture;
    int failed = cmocka_run_group_tests(with_state, NULL, NULL);
    fl_test_upsd_client_close(&fixture.client);
    fl_test_upsd_stop(&fixture.upsd);
    return failed;
}
