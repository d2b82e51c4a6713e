/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Overwrites what a view has deleted, so that no file of it gives it back.
 *
 * LMDB leaves deleted rows in free pages. The view's writer goes on meanwhile: no row is changed.
 * The version kept for a way back would hold them too, so it is removed.
 *
 * Threading: any thread that has no environment of this view open. Allocation: none.
 */
#include "core/error.h"

#include <stdint.h>

/* FL_BUSY: a reader holds old pages; try again. FL_NOT_FOUND: the view has no rows. */
enum fl_error fl_store_scrub(const char *views_directory, const char *view_name,
                             uint64_t map_size) FL_MUST_USE;
