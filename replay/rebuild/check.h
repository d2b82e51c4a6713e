/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Does a view's data hold together? Runs the view's own invariants and those of the store on a copy
 * of the rows, so that a long check does not hold the live environment's pages.
 *
 * Threading: one thread. Allocation: the copy, on the disk, removed afterwards.
 */
#include "projections/view.h"

struct fl_check_result {
    bool good;
    char broken[FL_DETAIL_SIZE]; /* the first invariant that does not hold */
    char version[32];
    uint64_t sequence; /* events applied */
    uint64_t parked;   /* records that wait for a decision */
};

/* scratch: an existing directory for the copy (DATA/run). FL_OK: look at the result. FL_NOT_FOUND:
 * the view has no rows. FL_CORRUPT: it cannot even be read. */
enum fl_error fl_check_view(const char *views_directory, const struct fl_view *view,
                            const char *scratch, struct fl_check_result *result) FL_MUST_USE;
