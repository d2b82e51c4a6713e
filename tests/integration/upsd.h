/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A real upsd with simulated UPSes for one test program, and a plain client for it.
 *
 * It runs producers/simulator/upsd-run, which ends when this program does, however it ends.
 *
 * Threading: one thread. Limits: one answer line is at most FL_TEST_UPSD_LINE_SIZE.
 */
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

enum { FL_TEST_UPSD_LINE_SIZE = 1024, FL_TEST_UPSD_DEADLINE_MS = 20000 };

struct fl_test_upsd {
    pid_t pid;
    int input;          /* upsd-run ends when this closes */
    char host_port[64]; /* "127.0.0.1:PORT" */
    unsigned port;
    char control[128]; /* the demo driver's control socket */
    char user[32];
    char password[32];
};

/* Starts it with that fleet ("producers/simulator/fleets/test.fleet") and speed; `maxage` is upsd's
 * MAXAGE in seconds. False if there is no upsd on this machine; any other failure ends the program.
 */
bool fl_test_upsd_start(struct fl_test_upsd *upsd, const char *fleet, const char *speed,
                        const char *maxage, bool dummy);

/* Ends it and waits. Tolerates a zeroed one. */
void fl_test_upsd_stop(struct fl_test_upsd *upsd);

/* A line to the control socket; true if it was answered OK. Data lines are dropped. */
bool fl_test_upsd_control(struct fl_test_upsd *upsd, const char *line);

/* A connection that speaks NUT's network protocol, signed in as the user who may do everything. */
struct fl_test_upsd_client {
    FILE *stream;
    char line[FL_TEST_UPSD_LINE_SIZE]; /* the last answer, without its end of line */
};
void fl_test_upsd_client_open(struct fl_test_upsd_client *client, const struct fl_test_upsd *upsd);
void fl_test_upsd_client_close(struct fl_test_upsd_client *client);

/* Sends a line, reads one line of answer into client->line. */
const char *fl_test_upsd_ask(struct fl_test_upsd_client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Sends "LIST what", counts the lines between BEGIN and END; the last that holds `needle` (NULL:
 * none) stays in client->line. */
unsigned fl_test_upsd_list(struct fl_test_upsd_client *client, const char *what,
                           const char *needle);

/* Asks for a variable until its value is `value` ("" matches an error beginning with "ERR"), at
 * most FL_TEST_UPSD_DEADLINE_MS; true once it is. */
bool fl_test_upsd_wait(struct fl_test_upsd_client *client, const char *ups, const char *variable,
                       const char *value);
