/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Tables of what every input gives in every state of a machine.
 *
 * Threading: one thread. Allocation: a world of its own per cell.
 */
#include "tests/scenario/cast.h"

#define CODE(name) FLEETLOG__V1__REJECTION_CODE__REJECTION_CODE_##name

/* One cell: what an input gives in a state. */
struct cell {
    enum fl_message_type type;
    int code; /* of a rejection */
};
#define EVENT(name)                                                                                \
    {                                                                                              \
        FL_MESSAGE_##name, 0                                                                       \
    }
#define REFUSED(name)                                                                              \
    {                                                                                              \
        FL_MESSAGE_ActionRejected, CODE(name)                                                      \
    }

typedef void cells_bring_fn(struct world *world, unsigned state);
typedef void cells_input_fn(struct world *world);

struct cell_row {
    const char *name;
    cells_input_fn *send;
    const struct cell *answers; /* one per state */
};

#define GONE REFUSED(NOT_FOUND)
#define NO REFUSED(WRONG_STATE)

/* Brings the machine into each state, sends each input, compares the answer. */
void cells_try(const struct fl_sm *machine, cells_bring_fn *bring, const struct cell_row *inputs,
               size_t input_count);
