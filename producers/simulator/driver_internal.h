/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The driver's parts: driver.c (sockets, time), driver_talk.c (NUT's driver socket protocol),
 * driver_control.c (the control socket). Ownership: the driver owns devices and connections; a
 * connection that fails is marked dead and freed at the end of the round, because epoll may still
 * name it.
 */
#include "producers/simulator/driver.h"

enum source_kind { SOURCE_STOP, SOURCE_TICK, SOURCE_UPS, SOURCE_CONTROL, SOURCE_CONNECTION };

/* What epoll points at; first member of what it belongs to. */
struct source {
    enum source_kind kind;
    int fd;
};

struct device {
    struct source listener;
    struct fl_ups *ups;
    bool told_stale;
    char path[108];
};

struct connection {
    struct source source;
    struct fl_driver *driver;
    struct device *device; /* NULL: a control connection */
    struct connection *next;
    bool broadcast; /* wants changes unasked */
    bool owes_dump; /* was asked for a dump while silent */
    bool dead;
    bool waits_for_room; /* epoll watches for writing */
    char *out;
    size_t out_size;
    size_t out_room;
    struct fl_words words;
};

struct fl_driver {
    const struct fl_port *port;
    struct source tick;
    struct source control;
    struct source stop;
    int epoll_fd;
    double speed;
    double base_s; /* scenario time at base_ms */
    int64_t base_ms;
    unsigned device_count;
    unsigned connection_count;
    struct device *devices[FL_DRIVER_UPS_COUNT_MAX];
    struct connection *connections;
    char directory[108];
    char control_path[108];
};

/* driver.c */
void fl_driver_send(struct connection *connection, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void fl_driver_set_speed(struct fl_driver *driver, double speed);
double fl_driver_now(const struct fl_driver *driver); /* scenario time by the clock */

/* driver_talk.c: one line from upsd; everything about the device; what changed since. */
void fl_driver_talk(struct connection *connection, const struct fl_words *words);
void fl_driver_dump(struct connection *connection);
void fl_driver_tell_changes(struct fl_driver *driver, struct device *device);

/* driver_control.c: one line of the control protocol. */
void fl_driver_control(struct connection *connection, const struct fl_words *words);
