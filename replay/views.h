/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The views of this build by name: what `project`, `rebuild`, `check`, `verify`, `lag` and
 * `migrate` walk.
 *
 * Threading: constant data. Allocation: none.
 */
#include "projections/view.h"

/* NULL if there is none of that name. */
const struct fl_view *fl_views_find(const char *name);

/* True if `project` keeps it: all but the registry, which the decider keeps. */
bool fl_view_has_projector(const struct fl_view *view);

/* All of them; count receives how many. */
const struct fl_view *const *fl_views_all(size_t *count);
