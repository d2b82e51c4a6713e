/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The demo driver: takes the place of NUT's drivers, one process for any number of simulated UPSes.
 *
 * Why: a real `upsd` must serve UPSes that take commands and misbehave on demand, without hardware.
 * It listens on DIRECTORY/fleetlog-demo-NAME for each UPS, where `upsd` looks for its driver, and
 * speaks NUT's driver socket protocol (NUT, docs/sock-protocol.txt); and on a control socket, where
 * tests and `./dev demo --outage` make things happen. SCENARIOS.md describes that protocol.
 *
 * Junk on a socket costs its sender that line; a peer that does not read is disconnected.
 *
 * Threading: one thread. Allocation: per connection, bounded. Limits: below.
 */
#include "core/port.h"
#include "producers/simulator/ups.h"

#define FL_DRIVER_NAME "fleetlog-demo"

enum {
    FL_DRIVER_UPS_COUNT_MAX = 1024,
    FL_DRIVER_CONNECTION_COUNT_MAX = 2048,
    FL_DRIVER_OUT_SIZE_MAX = 256 * 1024,
};

struct fl_driver;

struct fl_driver_options {
    const char *directory; /* upsd's state directory */
    const char *control;   /* path of the control socket; NULL: none */
    double speed;          /* scenario seconds per second */
    unsigned tick_ms;      /* how often the UPSes are moved on */
    const struct fl_port *port;
};

/* FL_INVALID for options out of range, else what the operating system says. */
enum fl_error fl_driver_open(const struct fl_driver_options *options,
                             struct fl_driver **driver) FL_MUST_USE;

/* Adds a UPS and listens for it. Borrows the scenario. FL_EXISTS for a name taken, FL_FULL. */
enum fl_error fl_driver_add(struct fl_driver *driver, const struct fl_scenario *scenario,
                            const struct fl_ups_options *options) FL_MUST_USE;

/* Serves until `stop_fd` can be read. */
enum fl_error fl_driver_run(struct fl_driver *driver, int stop_fd) FL_MUST_USE;

/* Closes all and removes the sockets. */
void fl_driver_close(struct fl_driver **driver);
