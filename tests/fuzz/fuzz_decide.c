/* SPDX-License-Identifier: Apache-2.0
 * Bent actions for the decider: whatever the bytes say, the answer is one event and every invariant
 * of the registry holds (tests/scenario/junk.h). */
#include "tests/fuzz/fuzz.h"
#include "tests/scenario/junk.h"

enum { STEP_SIZE = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    world_init(&world);
    size_t good_count = junk_begin(&world);
    for (size_t at = 0; at < size; at += STEP_SIZE)
        junk_step(&world, good_count, data + at, size - at < STEP_SIZE ? size - at : STEP_SIZE);
    world_refold(&world);
    world_fini(&world);
    return 0;
}
