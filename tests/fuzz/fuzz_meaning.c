/* SPDX-License-Identifier: Apache-2.0
 * Whatever a device says, it is judged: nothing overflows, every fault names its rule, what is not
 * OK stays so when more is known, and the order of values changes nothing.
 *
 * Lines "name: value", as NUT's dumps have them. */
#include <string.h>

#include "core/assert.h"
#include "projections/telemetry/meaning.h"
#include "tests/fuzz/fuzz.h"

enum { COUNT_MAX = 128 };

static struct fl_judged values[COUNT_MAX];
static struct fl_judged back[COUNT_MAX];
static struct fl_judged one;

static size_t split(const uint8_t *data, size_t size)
{
    size_t count = 0;
    for (size_t from = 0; from < size && count < COUNT_MAX;) {
        const uint8_t *end = memchr(data + from, '\n', size - from);
        size_t line = end == NULL ? size - from : (size_t)(end - data) - from;
        const uint8_t *colon = memchr(data + from, ':', line);
        size_t name = colon == NULL ? line : (size_t)(colon - data) - from;
        size_t value = name + (name < line);
        values[count++] =
            (struct fl_judged){.name = fl_slice_of(data + from, name),
                               .text = fl_slice_of(data + from + value, line - value)};
        from += line + 1;
    }
    return count;
}

static bool has_twins(size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (fl_slice_compare(values[i].name, values[j].name) == 0)
                return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count = split(data, size);
    for (size_t i = 0; i < count; i++)
        back[count - 1 - i] = values[i];
    fl_meaning_judge(values, count, 20000);
    fl_meaning_judge(back, count, 20000);
    bool twins = has_twins(count); /* a device has each name once */
    for (size_t i = 0; i < count; i++) {
        const struct fl_judged *v = &values[i];
        one = (struct fl_judged){.name = v->name, .text = v->text};
        fl_meaning_judge(&one, 1, 20000);
        fl_assert(v->kind < FL_MEANING_COUNT && v->unit != NULL);
        fl_assert((v->rule == NULL) == (v->quality == FL_QUALITY_OK));
        fl_assert(twins || v->quality == back[count - 1 - i].quality);
        fl_assert(twins || one.quality == FL_QUALITY_OK || v->quality != FL_QUALITY_OK ||
                  one.quality == FL_QUALITY_CONFLICTING || one.quality == FL_QUALITY_IMPLAUSIBLE);
    }
    return 0;
}
