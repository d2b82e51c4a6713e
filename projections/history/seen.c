/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/history/seen.h"

#include <string.h>

#include "core/bytes.h"
#include "core/cursor.h"

static uint64_t *word_of(struct fl_seen_window *window, uint64_t counter)
{
    return &window->bits[counter % FL_SEEN_WINDOW / 64];
}

static uint64_t bit_of(uint64_t counter)
{
    return UINT64_C(1) << counter % 64;
}

static bool note(struct fl_seen_window *window, uint64_t counter)
{
    if (counter > window->counter) {
        if (counter - window->counter >= FL_SEEN_WINDOW)
            memset(window->bits, 0, sizeof(window->bits));
        else
            for (uint64_t c = window->counter + 1; c < counter; c++)
                *word_of(window, c) &= ~bit_of(c);
        window->counter = counter;
    } else if (window->counter - counter >= FL_SEEN_WINDOW ||
               (*word_of(window, counter) & bit_of(counter)) != 0) {
        return false;
    }
    *word_of(window, counter) |= bit_of(counter);
    return true;
}

bool fl_seen_note(struct fl_seen *seen, uint32_t generation, uint64_t counter)
{
    if (generation > seen->windows[0].generation) {
        seen->windows[1] = seen->windows[0];
        seen->windows[0] = (struct fl_seen_window){.generation = generation};
    }
    for (unsigned i = 0; i < 2; i++)
        if (seen->windows[i].generation == generation)
            return note(&seen->windows[i], counter);
    return false;
}

void fl_seen_encode(const struct fl_seen *seen, uint8_t out[FL_SEEN_SIZE])
{
    for (unsigned i = 0; i < 2; i++) {
        out = fl_put_u32(out, seen->windows[i].generation);
        out = fl_put_u64(out, seen->windows[i].counter);
        for (unsigned w = 0; w < FL_SEEN_WORD_COUNT; w++)
            out = fl_put_u64(out, seen->windows[i].bits[w]);
    }
}

bool fl_seen_decode(struct fl_slice bytes, struct fl_seen *seen)
{
    struct fl_read_cursor in;
    if (bytes.size != FL_SEEN_SIZE)
        return false;
    fl_read_init(&in, bytes);
    for (unsigned i = 0; i < 2; i++) {
        seen->windows[i].generation = fl_read_u32(&in);
        seen->windows[i].counter = fl_read_u64(&in);
        for (unsigned w = 0; w < FL_SEEN_WORD_COUNT; w++)
            seen->windows[i].bits[w] = fl_read_u64(&in);
    }
    return true;
}
