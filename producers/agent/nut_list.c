/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/nut_list.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "projections/telemetry/report.h"

struct fl_nut_list_item {
    uint32_t name_at;
    uint32_t value_at;
    uint16_t name_size;
    uint16_t value_size;
    uint32_t order; /* of arrival: the last of one name counts */
};

void fl_nut_list_init(struct fl_nut_list *readings)
{
    *readings = (struct fl_nut_list){0};
}

void fl_nut_list_fini(struct fl_nut_list *readings)
{
    free(readings->bytes);
    free(readings->items);
    fl_nut_list_init(readings);
}

void fl_nut_list_reset(struct fl_nut_list *readings)
{
    readings->size = 0;
    readings->count = 0;
}

static bool is_name(struct fl_slice name)
{
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] <= ' ' || name.data[i] >= 0x7f)
            return false;
    return name.size > 0;
}

static bool make_room(struct fl_nut_list *readings, size_t size)
{
    if (readings->room - readings->size < size) {
        size_t room = 2 * (readings->size + size) + 1024;
        uint8_t *bytes = realloc(readings->bytes, room);
        if (bytes == NULL)
            return false;
        readings->bytes = bytes;
        readings->room = room;
    }
    if (readings->count == readings->capacity) {
        size_t capacity = 2 * readings->capacity + 32;
        struct fl_nut_list_item *items = realloc(readings->items, capacity * sizeof(*items));
        if (items == NULL)
            return false;
        readings->items = items;
        readings->capacity = capacity;
    }
    return true;
}

static uint32_t copy(struct fl_nut_list *readings, struct fl_slice bytes)
{
    uint32_t at = (uint32_t)readings->size;
    if (bytes.size > 0)
        memcpy(readings->bytes + at, bytes.data, bytes.size);
    readings->size += bytes.size;
    return at;
}

enum fl_error fl_nut_list_add(struct fl_nut_list *readings, struct fl_slice name,
                              struct fl_slice value)
{
    if (!is_name(name))
        return FL_INVALID;
    if (name.size > FL_READING_NAME_SIZE_MAX || value.size > FL_READING_VALUE_SIZE_MAX ||
        readings->count == FL_READING_COUNT_MAX)
        return FL_TOO_LARGE;
    if (!make_room(readings, name.size + value.size))
        return FL_NO_MEMORY;
    struct fl_nut_list_item *item = &readings->items[readings->count];
    *item = (struct fl_nut_list_item){.name_size = (uint16_t)name.size,
                                      .value_size = (uint16_t)value.size,
                                      .order = (uint32_t)readings->count};
    item->name_at = copy(readings, name);
    item->value_at = copy(readings, value);
    readings->count++;
    return FL_OK;
}

struct fl_slice fl_nut_list_name(const struct fl_nut_list *readings, size_t index)
{
    fl_assert(index < readings->count);
    const struct fl_nut_list_item *item = &readings->items[index];
    return fl_slice_of(readings->bytes + item->name_at, item->name_size);
}

struct fl_slice fl_nut_list_value(const struct fl_nut_list *readings, size_t index)
{
    fl_assert(index < readings->count);
    const struct fl_nut_list_item *item = &readings->items[index];
    return fl_slice_of(readings->bytes + item->value_at, item->value_size);
}

static int compare_items(const void *a, const void *b, void *context)
{
    const struct fl_nut_list *readings = context;
    const struct fl_nut_list_item *left = a;
    const struct fl_nut_list_item *right = b;
    int order = fl_slice_compare(fl_slice_of(readings->bytes + left->name_at, left->name_size),
                                 fl_slice_of(readings->bytes + right->name_at, right->name_size));
    return order != 0 ? order : (left->order > right->order) - (left->order < right->order);
}

void fl_nut_list_seal(struct fl_nut_list *readings)
{
    size_t kept = 0;
    if (readings->count == 0)
        return;
    qsort_r(readings->items, readings->count, sizeof(*readings->items), compare_items, readings);
    for (size_t i = 1; i < readings->count; i++) {
        if (!fl_slice_equal(fl_nut_list_name(readings, i), fl_nut_list_name(readings, kept)))
            kept++;
        readings->items[kept] = readings->items[i];
    }
    readings->count = kept + 1;
}

struct fl_slice fl_nut_list_find(const struct fl_nut_list *readings, struct fl_slice name)
{
    size_t low = 0;
    size_t high = readings->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = fl_slice_compare(fl_nut_list_name(readings, middle), name);
        if (order == 0)
            return fl_nut_list_value(readings, middle);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return FL_SLICE_NULL;
}

bool fl_nut_list_equal(const struct fl_nut_list *a, const struct fl_nut_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!fl_slice_equal(fl_nut_list_name(a, i), fl_nut_list_name(b, i)) ||
            !fl_slice_equal(fl_nut_list_value(a, i), fl_nut_list_value(b, i)))
            return false;
    return true;
}

bool fl_nut_list_lost(const struct fl_nut_list *before, const struct fl_nut_list *after)
{
    for (size_t i = 0; i < before->count; i++)
        if (fl_nut_list_find(after, fl_nut_list_name(before, i)).data == NULL)
            return true;
    return false;
}

void fl_nut_list_swap(struct fl_nut_list *a, struct fl_nut_list *b)
{
    struct fl_nut_list kept = *a;
    *a = *b;
    *b = kept;
}
