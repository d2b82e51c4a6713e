/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * State machines as const tables: the only writer of a state.
 *
 * A machine is a list of states, each with a name and the set of states that may follow. Whoever
 * owns the object keeps the state as a number; fl_sm_move is the one way to change it. It does not
 * know inputs: which input asks for which move is the business of the rules, whether the move
 * exists is the business of the table. The diagram of every machine stands beside its table and in
 * ARCHITECTURE.md; a test compares all three.
 *
 * Invariants: 1. the initial state is number 0. 2. a final state has no successors, every other has
 * one. 3. every successor is a state of the machine. Threading: constant data. Allocation: none.
 * Limits: 32 states per machine.
 */
#include <stdbool.h>
#include <stdint.h>

enum fl_sm_flags {
    FL_SM_FINAL = 1, /* nothing follows */
};

struct fl_sm_state {
    const char *name;    /* as in the diagram */
    uint32_t successors; /* set of FL_SM_BIT(state) */
    unsigned flags;      /* set of fl_sm_flags */
};

#define FL_SM_BIT(state) (UINT32_C(1) << (unsigned)(state))

struct fl_sm {
    const char *name; /* as in the diagram */
    const struct fl_sm_state *states;
    unsigned state_count;
    /* True if `object` may be in `state`; NULL: nothing to check. Asserted after every move. */
    bool (*invariant)(const void *object, unsigned state);
};

/* True if the table has the move; false for a number that is no state. */
bool fl_sm_may(const struct fl_sm *machine, unsigned from, unsigned to);

/* Moves `*state` to `to`; false and nothing changed if the table has no such move. */
bool fl_sm_move(const struct fl_sm *machine, unsigned *state, unsigned to, const void *object);

/* True if nothing follows. */
bool fl_sm_is_final(const struct fl_sm *machine, unsigned state);

/* Name of a state, "unknown" for a number that is none. Static storage. */
const char *fl_sm_name(const struct fl_sm *machine, unsigned state);

/* Checks invariants 1 to 3 of the table itself. */
bool fl_sm_check(const struct fl_sm *machine);
