/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Actions bent out of shape: one good action of each kind, changed as a string of bytes says, sent
 * to the decider. Whatever comes out, it is one event, and every invariant holds.
 *
 * Threading: one thread. Allocation: the world's.
 */
#include "tests/scenario/world.h"

/* A log in which every kind of action has been answered; returns how many actions that took. */
size_t junk_begin(struct world *world);

/* Sends one of the first `good_count` actions, bent. */
void junk_step(struct world *world, size_t good_count, const uint8_t *data, size_t size);
