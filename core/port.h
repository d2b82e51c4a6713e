/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The outside world that is not the journal: clock and random, as one table of functions, so that
 * tests and simulations run the same code on virtual time and from a seed.
 *
 * Threading: the system port may be used from any thread; the virtual one from one.
 * Allocation: none.
 */
#include <stddef.h>
#include <stdint.h>

struct fl_port {
    void *context;
    int64_t (*wall_ms)(void *context);      /* Unix time; may jump */
    int64_t (*monotonic_ms)(void *context); /* never goes back; for all deadlines */
    void (*random)(void *context, void *out, size_t size);
};

int64_t fl_port_wall_ms(const struct fl_port *port);
int64_t fl_port_monotonic_ms(const struct fl_port *port);
void fl_port_random(const struct fl_port *port, void *out, size_t size);

/* CLOCK_REALTIME, CLOCK_MONOTONIC, libsodium's generator. */
const struct fl_port *fl_port_system(void);

/* A port of virtual time and seeded random. */
struct fl_port_virtual {
    struct fl_port port; /* hand out &virtual.port */
    int64_t wall_ms;
    int64_t monotonic_ms;
    uint64_t seed;
    uint64_t drawn;
};
void fl_port_virtual_init(struct fl_port_virtual *port, uint64_t seed, int64_t wall_ms);
void fl_port_virtual_step(struct fl_port_virtual *port, int64_t ms);
