/* SPDX-License-Identifier: Apache-2.0 */
#include "core/port.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock_guard.h"

int64_t fl_port_wall_ms(const struct fl_port *port)
{
    return port->wall_ms(port->context);
}

int64_t fl_port_monotonic_ms(const struct fl_port *port)
{
    return port->monotonic_ms(port->context);
}

void fl_port_random(const struct fl_port *port, void *out, size_t size)
{
    port->random(port->context, out, size);
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *context)
{
    (void)context;
#ifdef FL_TEST_BUILD
    const char *ahead_ms = getenv(FL_CLOCK_AHEAD_VARIABLE);
    if (ahead_ms != NULL)
        return clock_ms(CLOCK_REALTIME) + strtoll(ahead_ms, NULL, 10);
#endif
    return clock_ms(CLOCK_REALTIME);
}

static int64_t system_monotonic_ms(void *context)
{
    (void)context;
    return clock_ms(CLOCK_MONOTONIC);
}

static void system_random(void *context, void *out, size_t size)
{
    (void)context;
    randombytes_buf(out, size);
}

const struct fl_port *fl_port_system(void)
{
    static const struct fl_port port = {NULL, system_wall_ms, system_monotonic_ms, system_random};
    return &port;
}

static int64_t virtual_wall_ms(void *context)
{
    return ((struct fl_port_virtual *)context)->wall_ms;
}

static int64_t virtual_monotonic_ms(void *context)
{
    return ((struct fl_port_virtual *)context)->monotonic_ms;
}

static void virtual_random(void *context, void *out, size_t size)
{
    struct fl_port_virtual *port = context;
    unsigned char seed[randombytes_SEEDBYTES] = {0};
    memcpy(seed, &port->seed, sizeof(port->seed));
    memcpy(seed + sizeof(port->seed), &port->drawn, sizeof(port->drawn));
    port->drawn++;
    randombytes_buf_deterministic(out, size, seed);
}

void fl_port_virtual_init(struct fl_port_virtual *port, uint64_t seed, int64_t wall_ms)
{
    *port = (struct fl_port_virtual){
        .port = {port, virtual_wall_ms, virtual_monotonic_ms, virtual_random},
        .wall_ms = wall_ms,
        .seed = seed,
    };
}

void fl_port_virtual_step(struct fl_port_virtual *port, int64_t ms)
{
    port->wall_ms += ms;
    port->monotonic_ms += ms;
}
