/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Numbers for the names of NUT variables: fixed by `names.def`, so that rows are the same on every
 * node and in whatever order reports arrive. Other names have no number and are stored as text.
 *
 * Threading: fl_names is read-only after init. Allocation: none.
 */
#include "core/slice.h"
#include "projections/telemetry/quantity.h"

enum { FL_NAME_NONE = 0xffff, FL_NAMES_SLOT_COUNT = 1024 };

/* What the fold wants to know of a name at once. */
struct fl_name {
    const char *text;
    uint16_t size;
    uint16_t number;
    enum fl_quantity quantity; /* FL_QUANTITY_COUNT: none */
    bool is_status;            /* ups.status */
};

struct fl_names {
    struct fl_name slots[FL_NAMES_SLOT_COUNT]; /* open addressing; text == NULL: free */
};

void fl_names_init(struct fl_names *names);

/* NULL if the name has no number. */
const struct fl_name *fl_names_find(const struct fl_names *names, struct fl_slice name);

/* Text of a number; NULL if there is none. */
const char *fl_name_text(uint16_t number);
