/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sm.h"

#include <stddef.h>

#include "core/assert.h"

bool fl_sm_may(const struct fl_sm *machine, unsigned from, unsigned to)
{
    return from < machine->state_count && to < machine->state_count &&
           (machine->states[from].successors & FL_SM_BIT(to)) != 0;
}

bool fl_sm_move(const struct fl_sm *machine, unsigned *state, unsigned to, const void *object)
{
    if (!fl_sm_may(machine, *state, to))
        return false;
    *state = to;
    fl_assert(machine->invariant == NULL || machine->invariant(object, to));
    return true;
}

bool fl_sm_is_final(const struct fl_sm *machine, unsigned state)
{
    return state < machine->state_count && (machine->states[state].flags & FL_SM_FINAL) != 0;
}

const char *fl_sm_name(const struct fl_sm *machine, unsigned state)
{
    return state < machine->state_count ? machine->states[state].name : "unknown";
}

bool fl_sm_check(const struct fl_sm *machine)
{
    if (machine->state_count == 0 || machine->state_count > 32)
        return false;
    uint32_t all = (uint32_t)((UINT64_C(1) << machine->state_count) - 1);
    for (unsigned i = 0; i < machine->state_count; i++) {
        const struct fl_sm_state *state = &machine->states[i];
        if (state->name == NULL || (state->successors & ~all) != 0)
            return false;
        if (((state->flags & FL_SM_FINAL) != 0) != (state->successors == 0))
            return false;
    }
    return true;
}
