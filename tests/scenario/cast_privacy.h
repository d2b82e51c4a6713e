/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The cast's requests about personal data: erasures, epochs, link keys.
 *
 * Threading: one thread. Allocation: the world's.
 */
#include "tests/scenario/cast.h"

enum fl_message_type cast_announce(struct world *world, unsigned node);
enum fl_message_type cast_erase(struct world *world, unsigned person, bool force);
enum fl_message_type cast_open_epoch(struct world *world, uint32_t epoch);
enum fl_message_type cast_confirm(struct world *world, unsigned node, uint32_t epoch, bool stored);
/* Brings the person's profile from `before` to the next revision; lost: there was none. */
enum fl_message_type cast_reindex(struct world *world, uint32_t epoch, unsigned person,
                                  uint64_t before, bool lost);
enum fl_message_type cast_close_epoch(struct world *world, uint32_t epoch);
enum fl_message_type cast_finish_erasure(struct world *world, unsigned person);
enum fl_message_type cast_rotate_link(struct world *world, uint32_t generation, uint32_t epoch);
