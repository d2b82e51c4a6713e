/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Makes messages of any type that keep every rule of fields.def, from a seed.
 *
 * Threading: one thread. Allocation: the arena given; a full arena fails the test.
 */
#include "core/arena.h"
#include "schemas/catalogue.h"

struct maker {
    struct fl_arena *arena;
    uint64_t state;
    bool plain; /* one fixed, readable value per rule instead of random ones */
};

/* FLEETLOG_SEED, or the clock; printed. */
uint64_t maker_seed(void);

uint64_t maker_random(struct maker *maker);

/* A number below `bound`. */
uint64_t maker_below(struct maker *maker, uint64_t bound);

ProtobufCMessage *maker_message(struct maker *maker, const ProtobufCMessageDescriptor *descriptor);
