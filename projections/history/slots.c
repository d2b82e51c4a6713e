/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/history/slots.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

enum { ROOM_MIN = 2 };

enum fl_error fl_slots_open(struct fl_slots *slots, size_t row_size, uint32_t count_max)
{
    uint32_t index_size = 1;
    while (index_size < 2 * count_max)
        index_size *= 2;
    *slots = (struct fl_slots){
        .rows = calloc(count_max, row_size),
        .keys = calloc(count_max, sizeof(*slots->keys)),
        .dirty = calloc(count_max, sizeof(*slots->dirty)),
        .index = calloc(index_size, sizeof(*slots->index)),
        .order = calloc(count_max, sizeof(*slots->order)),
        .row_size = row_size,
        .index_mask = index_size - 1,
        .count_max = count_max,
    };
    if (slots->rows != NULL && slots->keys != NULL && slots->dirty != NULL &&
        slots->index != NULL && slots->order != NULL)
        return FL_OK;
    fl_slots_close(slots);
    return FL_NO_MEMORY;
}

void fl_slots_close(struct fl_slots *slots)
{
    free(slots->rows);
    free(slots->keys);
    free(slots->dirty);
    free(slots->index);
    free(slots->order);
    *slots = (struct fl_slots){.rows = NULL};
}

/* The finalizer of MurmurHash3 (public domain): buckets and devices lie in different halves. */
static uint32_t hash(uint64_t key)
{
    key ^= key >> 33;
    key *= UINT64_C(0xff51afd7ed558ccd);
    key ^= key >> 33;
    return (uint32_t)key;
}

static uint32_t place_of(const struct fl_slots *slots, uint64_t key)
{
    uint32_t at = hash(key) & slots->index_mask;
    while (slots->index[at] != 0 && slots->keys[slots->index[at] - 1] != key)
        at = (at + 1) & slots->index_mask;
    return at;
}

void *fl_slots_look(struct fl_slots *slots, uint64_t key)
{
    uint32_t number = slots->index[place_of(slots, key)];
    return number == 0 ? NULL : slots->rows + (size_t)(number - 1) * slots->row_size;
}

void *fl_slots_find(struct fl_slots *slots, uint64_t key, bool *is_new)
{
    uint32_t at = place_of(slots, key);
    *is_new = slots->index[at] == 0;
    if (!*is_new)
        return slots->rows + (size_t)(slots->index[at] - 1) * slots->row_size;
    fl_assert(slots->count < slots->count_max);
    uint8_t *row = slots->rows + (size_t)slots->count * slots->row_size;
    memset(row, 0, slots->row_size);
    slots->keys[slots->count] = key;
    slots->dirty[slots->count] = false;
    slots->index[at] = ++slots->count;
    return row;
}

void fl_slots_mark(struct fl_slots *slots, const void *row)
{
    uint32_t number = (uint32_t)((size_t)((const uint8_t *)row - slots->rows) / slots->row_size);
    if (!slots->dirty[number])
        slots->order[slots->order_count++] = number;
    slots->dirty[number] = true;
}

static int compare(const void *a, const void *b, void *context)
{
    const struct fl_slots *slots = context;
    uint64_t left = slots->keys[*(const uint32_t *)a];
    uint64_t right = slots->keys[*(const uint32_t *)b];
    return (left > right) - (left < right);
}

void fl_slots_flush(struct fl_slots *slots, void (*write)(void *context, uint64_t key, void *row),
                    void *context)
{
    qsort_r(slots->order, slots->order_count, sizeof(*slots->order), compare, slots);
    for (uint32_t i = 0; i < slots->order_count; i++) {
        uint32_t number = slots->order[i];
        slots->dirty[number] = false;
        write(context, slots->keys[number], slots->rows + (size_t)number * slots->row_size);
    }
    slots->order_count = 0;
}

void fl_slots_clear(struct fl_slots *slots)
{
    memset(slots->index, 0, ((size_t)slots->index_mask + 1) * sizeof(*slots->index));
    slots->count = 0;
    slots->order_count = 0;
}

bool fl_slots_has_room(const struct fl_slots *slots)
{
    return slots->count + ROOM_MIN < slots->count_max;
}
