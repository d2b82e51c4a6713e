/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/cells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void cells_try(const struct fl_sm *machine, cells_bring_fn *bring, const struct cell_row *inputs,
               size_t input_count)
{
    static struct world world;
    for (size_t i = 0; i < input_count; i++) {
        for (unsigned state = 0; state < machine->state_count; state++) {
            const struct cell *expected = &inputs[i].answers[state];
            world_init(&world);
            cast_begin(&world);
            bring(&world, state);
            inputs[i].send(&world);
            if (world_answer(&world) != expected->type || cast_code(&world) != expected->code)
                fail_msg("%s %s, %s: answered %s %d", machine->name, machine->states[state].name,
                         inputs[i].name, world.last.envelope.row->name, cast_code(&world));
            world_fini(&world);
        }
    }
}
