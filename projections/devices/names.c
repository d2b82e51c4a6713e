/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/devices/names.h"

#include <string.h>

#include "core/assert.h"

static const struct {
    uint16_t number;
    const char *text;
} table[] = {
#define FL_NUT_NAME(number, text) {number, text},
#include "projections/devices/names.def"
#undef FL_NUT_NAME
};

/* FNV-1a (the algorithm of draft-eastlake-fnv): short keys, no adversary, since only known names
 * are stored. */
static uint32_t hash(struct fl_slice name)
{
    /* First and last bytes tell names apart; what is equal by them is compared in full. */
    uint64_t first = 0;
    uint64_t last = 0;
    size_t some = name.size < sizeof(first) ? name.size : sizeof(first);
    memcpy(&first, name.data, some);
    memcpy(&last, name.data + (name.size - some), some);
    uint64_t mixed = (first ^ (last << 1 | last >> 63) ^ name.size) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(mixed >> 40);
}

void fl_names_init(struct fl_names *names)
{
    _Static_assert(2 * sizeof(table) / sizeof(table[0]) < FL_NAMES_SLOT_COUNT,
                   "half of it stays free");
    memset(names, 0, sizeof(*names));
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct fl_slice text = fl_slice_text(table[i].text);
        uint32_t slot = hash(text) % FL_NAMES_SLOT_COUNT;
        while (names->slots[slot].text != NULL)
            slot = (slot + 1) % FL_NAMES_SLOT_COUNT;
        names->slots[slot] = (struct fl_name){
            .text = table[i].text,
            .size = (uint16_t)text.size,
            .number = table[i].number,
            .quantity = fl_quantity_of(text),
            .is_status = fl_slice_is(text, "ups.status"),
        };
    }
}

const struct fl_name *fl_names_find(const struct fl_names *names, struct fl_slice name)
{
    uint32_t slot = hash(name) % FL_NAMES_SLOT_COUNT;
    for (; names->slots[slot].text != NULL; slot = (slot + 1) % FL_NAMES_SLOT_COUNT)
        if (names->slots[slot].size == name.size &&
            memcmp(names->slots[slot].text, name.data, name.size) == 0)
            return &names->slots[slot];
    return NULL;
}

const char *fl_name_text(uint16_t number)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].number == number)
            return table[i].text;
    return NULL;
}
