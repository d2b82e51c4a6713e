/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the checks of the registry share; private to them.
 *
 * Threading: one check at a time. Allocation: an arena of the check's own, reset per row.
 */
#include "projections/registry/machines.h"
#include "projections/registry/registry.h"
#include "projections/registry/rows.h"

struct fl_checking {
    struct fl_kv *kv;
    struct fl_arena arena;
    char *detail;
};

/* Notes the broken invariant; returns false. */
bool fl_broken(struct fl_checking *c, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* True if INDEX has the entry. */
bool fl_has_entry(struct fl_checking *c, const struct fl_key *key);

/* Checks every entry of INDEX against the row that it stands for (invariants 10 to 13). */
bool fl_check_index(struct fl_checking *c);
