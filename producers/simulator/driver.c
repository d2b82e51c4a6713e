/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/simulator/driver.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "producers/simulator/driver_internal.h"

enum { EVENT_COUNT = 64, READ_SIZE = 4096, LINE_SIZE = 2048, OUT_ROOM_FIRST = 4096 };

/* A clock that stood still (a suspended machine) is not made up for beyond this. */
#define CATCH_UP_S_MAX 3600.0

static enum fl_error watch(struct fl_driver *driver, struct source *source, uint32_t events,
                           int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(driver->epoll_fd, operation, source->fd, &event))
        return fl_error_from_errno(errno);
    return FL_OK;
}

/* A socket left behind by a killed driver is replaced; one with a listener is not. */
static enum fl_error listen_at(const char *path, int *fd_out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return FL_INVALID;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fl_error_from_errno(errno);
    if (!connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
        close(fd);
        return FL_EXISTS;
    }
    if (errno == ECONNREFUSED)
        unlink(path);
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) || chmod(path, 0660) ||
        listen(fd, 8)) {
        int saved = errno;
        close(fd);
        return fl_error_from_errno(saved);
    }
    *fd_out = fd;
    return FL_OK;
}

double fl_driver_now(const struct fl_driver *driver)
{
    int64_t ms = fl_port_monotonic_ms(driver->port) - driver->base_ms;
    return driver->base_s + (double)ms / 1000 * driver->speed;
}

void fl_driver_set_speed(struct fl_driver *driver, double speed)
{
    driver->base_s = fl_driver_now(driver);
    driver->base_ms = fl_port_monotonic_ms(driver->port);
    driver->speed = speed;
}

static enum fl_error open_tick(struct fl_driver *driver, unsigned tick_ms)
{
    struct timespec period = {.tv_sec = tick_ms / 1000, .tv_nsec = (tick_ms % 1000) * 1000000L};
    struct itimerspec timer = {.it_interval = period, .it_value = period};
    driver->tick.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (driver->tick.fd < 0 || timerfd_settime(driver->tick.fd, 0, &timer, NULL))
        return fl_error_from_errno(errno);
    return watch(driver, &driver->tick, EPOLLIN, EPOLL_CTL_ADD);
}

static enum fl_error open_control(struct fl_driver *driver, const char *path)
{
    enum fl_error error = listen_at(path, &driver->control.fd);
    if (error)
        return error;
    snprintf(driver->control_path, sizeof(driver->control_path), "%s", path);
    return watch(driver, &driver->control, EPOLLIN, EPOLL_CTL_ADD);
}

enum fl_error fl_driver_open(const struct fl_driver_options *options, struct fl_driver **driver)
{
    struct fl_driver *made = calloc(1, sizeof(*made));
    enum fl_error error = FL_OK;
    if (!made)
        return FL_NO_MEMORY;
    made->port = options->port;
    made->tick = (struct source){SOURCE_TICK, -1};
    made->control = (struct source){SOURCE_CONTROL, -1};
    made->stop = (struct source){SOURCE_STOP, -1};
    made->speed = options->speed;
    made->base_ms = fl_port_monotonic_ms(options->port);
    made->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (made->epoll_fd < 0)
        error = fl_error_from_errno(errno);
    if (!error && (strlen(options->directory) >= sizeof(made->directory) || !options->tick_ms))
        error = FL_INVALID;
    if (!error) {
        snprintf(made->directory, sizeof(made->directory), "%s", options->directory);
        error = open_tick(made, options->tick_ms);
    }
    if (!error && options->control)
        error = open_control(made, options->control);
    if (error)
        fl_driver_close(&made);
    else
        *driver = made;
    return error;
}

static enum fl_error make_device(struct fl_driver *driver, const struct fl_scenario *scenario,
                                 const struct fl_ups_options *options, struct device **device)
{
    struct device *made = calloc(1, sizeof(*made));
    if (!made)
        return FL_NO_MEMORY;
    made->listener = (struct source){SOURCE_UPS, -1};
    enum fl_error error = fl_ups_open(scenario, options, &made->ups);
    int size = snprintf(made->path, sizeof(made->path), "%s/%s-%s", driver->directory,
                        FL_DRIVER_NAME, options->name);
    if (!error && (size_t)size >= sizeof(made->path))
        error = FL_TOO_LARGE;
    if (!error)
        error = listen_at(made->path, &made->listener.fd);
    if (!error)
        error = watch(driver, &made->listener, EPOLLIN, EPOLL_CTL_ADD);
    if (error) {
        if (made->listener.fd >= 0)
            close(made->listener.fd);
        if (made->ups)
            fl_ups_close(&made->ups);
        free(made);
        return error;
    }
    *device = made;
    return FL_OK;
}

enum fl_error fl_driver_add(struct fl_driver *driver, const struct fl_scenario *scenario,
                            const struct fl_ups_options *options)
{
    if (driver->device_count == FL_DRIVER_UPS_COUNT_MAX)
        return FL_FULL;
    for (unsigned i = 0; i < driver->device_count; i++)
        if (!strcmp(fl_ups_name(driver->devices[i]->ups), options->name))
            return FL_EXISTS;
    struct device *device = NULL;
    enum fl_error error = make_device(driver, scenario, options, &device);
    if (!error)
        driver->devices[driver->device_count++] = device;
    return error;
}

static void write_out(struct connection *connection)
{
    size_t done = 0;
    while (done < connection->out_size) {
        ssize_t put = send(connection->source.fd, connection->out + done,
                           connection->out_size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && errno != EAGAIN)
            connection->dead = true;
        if (put < 0)
            break;
        done += (size_t)put;
    }
    connection->out_size -= done;
    memmove(connection->out, connection->out + done, connection->out_size);
    bool waits = connection->out_size > 0;
    if (connection->dead || waits == connection->waits_for_room)
        return;
    connection->waits_for_room = waits;
    if (watch(connection->driver, &connection->source, EPOLLIN | (waits ? EPOLLOUT : 0U),
              EPOLL_CTL_MOD))
        connection->dead = true;
}

void fl_driver_send(struct connection *connection, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (connection->dead || size < 0 || (size_t)size >= sizeof(line))
        return;
    size_t needed = connection->out_size + (size_t)size;
    if (needed > connection->out_room) {
        size_t room = connection->out_room ? connection->out_room : OUT_ROOM_FIRST;
        while (room < needed)
            room *= 2;
        char *grown = room <= FL_DRIVER_OUT_SIZE_MAX ? realloc(connection->out, room) : NULL;
        if (!grown) { /* it does not read, or there is no memory: it will connect again */
            connection->dead = true;
            return;
        }
        connection->out = grown;
        connection->out_room = room;
    }
    memcpy(connection->out + connection->out_size, line, (size_t)size);
    connection->out_size = needed;
}

static struct device *device_of(struct source *source)
{
    return (struct device *)source; /* the listener is its first member */
}

static void accept_one(struct fl_driver *driver, struct source *listener)
{
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    struct connection *made =
        driver->connection_count < FL_DRIVER_CONNECTION_COUNT_MAX ? calloc(1, sizeof(*made)) : NULL;
    if (!made) {
        close(fd);
        return;
    }
    made->source = (struct source){SOURCE_CONNECTION, fd};
    made->driver = driver;
    made->device = listener->kind == SOURCE_UPS ? device_of(listener) : NULL;
    made->broadcast = true;
    fl_words_init(&made->words);
    if (watch(driver, &made->source, EPOLLIN, EPOLL_CTL_ADD)) {
        close(fd);
        free(made);
        return;
    }
    made->next = driver->connections;
    driver->connections = made;
    driver->connection_count++;
}

static void take_line(struct connection *connection)
{
    if (!connection->words.count)
        return;
    if (connection->device)
        fl_driver_talk(connection, &connection->words);
    else
        fl_driver_control(connection, &connection->words);
}

static void read_in(struct connection *connection)
{
    char bytes[READ_SIZE];
    ssize_t got = recv(connection->source.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        connection->dead = true;
        return;
    }
    for (ssize_t i = 0; i < got && !connection->dead; i++)
        if (fl_words_feed(&connection->words, bytes[i]) == FL_WORDS_LINE)
            take_line(connection);
}

static void move_on(struct fl_driver *driver)
{
    uint64_t ticks = 0;
    if (read(driver->tick.fd, &ticks, sizeof(ticks)) != sizeof(ticks))
        return;
    double until_s = fl_driver_now(driver);
    for (unsigned i = 0; i < driver->device_count; i++) {
        struct device *device = driver->devices[i];
        if (until_s - fl_ups_time(device->ups) > CATCH_UP_S_MAX) {
            driver->base_s -= until_s - fl_ups_time(device->ups) - CATCH_UP_S_MAX;
            until_s = fl_driver_now(driver);
        }
        while (fl_ups_step(device->ups, until_s) < until_s)
            fl_driver_tell_changes(driver, device);
        fl_driver_tell_changes(driver, device);
    }
}

static void reap(struct fl_driver *driver)
{
    struct connection **link = &driver->connections;
    while (*link) {
        struct connection *connection = *link;
        if (!connection->dead && connection->out_size && !connection->waits_for_room)
            write_out(connection);
        if (!connection->dead) {
            link = &connection->next;
            continue;
        }
        *link = connection->next;
        close(connection->source.fd);
        free(connection->out);
        free(connection);
        driver->connection_count--;
    }
}

static void serve(struct fl_driver *driver, const struct epoll_event *event)
{
    struct source *source = event->data.ptr;
    struct connection *connection = NULL;
    switch (source->kind) {
    case SOURCE_STOP:
        break;
    case SOURCE_TICK:
        move_on(driver);
        break;
    case SOURCE_UPS:
    case SOURCE_CONTROL:
        accept_one(driver, source);
        break;
    case SOURCE_CONNECTION:
        connection = (struct connection *)source;
        if (event->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            read_in(connection);
        if (event->events & EPOLLOUT && !connection->dead)
            write_out(connection);
        break;
    }
}

enum fl_error fl_driver_run(struct fl_driver *driver, int stop_fd)
{
    struct epoll_event events[EVENT_COUNT];
    bool stop = false;
    driver->stop.fd = stop_fd;
    enum fl_error error = watch(driver, &driver->stop, EPOLLIN, EPOLL_CTL_ADD);
    while (!error && !stop) {
        int count = epoll_wait(driver->epoll_fd, events, EVENT_COUNT, -1);
        if (count < 0 && errno != EINTR)
            error = fl_error_from_errno(errno);
        for (int i = 0; i < count; i++) {
            stop = stop || ((struct source *)events[i].data.ptr)->kind == SOURCE_STOP;
            serve(driver, &events[i]);
        }
        reap(driver);
    }
    return error;
}

void fl_driver_close(struct fl_driver **driver_in)
{
    struct fl_driver *driver = *driver_in;
    *driver_in = NULL;
    if (!driver)
        return;
    for (struct connection *c = driver->connections; c; c = c->next)
        c->dead = true;
    reap(driver);
    for (unsigned i = 0; i < driver->device_count; i++) {
        struct device *device = driver->devices[i];
        close(device->listener.fd);
        unlink(device->path);
        fl_ups_close(&device->ups);
        free(device);
    }
    if (driver->control.fd >= 0) {
        close(driver->control.fd);
        unlink(driver->control_path);
    }
    if (driver->tick.fd >= 0)
        close(driver->tick.fd);
    if (driver->epoll_fd >= 0)
        close(driver->epoll_fd);
    free(driver);
}
