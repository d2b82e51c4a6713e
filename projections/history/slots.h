/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Rows in memory by a 64-bit key, each written once per batch, in the order of the keys: what turns
 * many reports of many devices into sorted puts.
 *
 * Rows stay behind a flush, because the view is their only writer, until the owner clears all.
 *
 * Threading: one thread. Allocation: open. Limits: the count given at open; the owner looks at
 * fl_slots_has_room before each find that may add one (asserted).
 */
#include "core/error.h"
#include "core/slice.h"

struct fl_slots {
    uint8_t *rows;
    uint64_t *keys;
    bool *dirty;
    uint32_t *index; /* open addressing: row number + 1, 0 free */
    uint32_t *order; /* dirty rows */
    size_t row_size;
    uint32_t index_mask;
    uint32_t order_count;
    uint32_t count;
    uint32_t count_max;
};

enum fl_error fl_slots_open(struct fl_slots *slots, size_t row_size,
                            uint32_t count_max) FL_MUST_USE;
void fl_slots_close(struct fl_slots *slots);

/* The row of a key; a new one is zeros, and `is_new` says so. */
void *fl_slots_find(struct fl_slots *slots, uint64_t key, bool *is_new);

/* The row if it is in memory, else NULL. */
void *fl_slots_look(struct fl_slots *slots, uint64_t key);

/* The next flush writes this row. */
void fl_slots_mark(struct fl_slots *slots, const void *row);

/* Calls `write` for each marked row in the order of the keys; none is marked afterwards. */
void fl_slots_flush(struct fl_slots *slots, void (*write)(void *context, uint64_t key, void *row),
                    void *context);

void fl_slots_clear(struct fl_slots *slots);
bool fl_slots_has_room(const struct fl_slots *slots);
