/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A bump allocator with a hard bound: one per batch, reset in O(1), nothing freed one by one.
 *
 * Why: decoding a record must not call malloc, and hostile input must not take more than the bound.
 * It does not run destructors and never moves a block.
 *
 * Invariants: 1. used <= bound. 2. a returned block is aligned to 16 bytes and stays until reset.
 * Threading: one thread. Allocation: chunks of 64 KiB and more, as large as what is used already up
 * to 4 MiB (those of core/pages), kept over resets.
 * Limits: a request that would pass the bound returns NULL and sets `exhausted` until the next
 * reset.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/slice.h"

struct fl_arena_chunk;

struct fl_arena {
    struct fl_arena_chunk *first;
    struct fl_arena_chunk *current;
    size_t bound;
    size_t used;
    bool exhausted;
};

/* Cannot fail; takes no memory yet. */
void fl_arena_init(struct fl_arena *arena, size_t bound);

/* Gives all memory back; the arena may be initialised again. */
void fl_arena_fini(struct fl_arena *arena);

/* Forgets every block, keeps the chunks. */
void fl_arena_reset(struct fl_arena *arena);

/* `size` bytes, uninitialised (0xff in test builds), or NULL past the bound or without memory. */
void *fl_arena_alloc(struct fl_arena *arena, size_t size);

/* Makes the block that was allocated last longer where it stands; false if it is not the last or
 * there is no room behind it. `size`: what was asked for so far. */
bool fl_arena_extend(struct fl_arena *arena, const void *block, size_t size, size_t wanted);

/* The same as alloc, zeroed. */
void *fl_arena_calloc(struct fl_arena *arena, size_t count, size_t size);

/* Copies a slice; FL_SLICE_NULL stays NULL; {NULL, 0} with exhausted set when there is no room. */
struct fl_slice fl_arena_copy(struct fl_arena *arena, struct fl_slice slice);

/* Copies with a closing NUL; NULL when there is no room. */
char *fl_arena_text(struct fl_arena *arena, struct fl_slice slice);

/* printf into the arena; NULL when there is no room. */
char *fl_arena_printf(struct fl_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
