/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A copy of a view at one of its commits, to be compared and digested at leisure: a long read
 * transaction on the live environment would keep old pages from being used again.
 *
 * Threading: one thread. Allocation: the struct's own environment. The process must not have the
 * view open.
 */
#include <limits.h>

#include "core/lmdb/txn.h"
#include "projections/store/versions.h"
#include "projections/view.h"

struct fl_snapshot {
    struct fl_env *env;
    struct fl_txn txn;                  /* a read transaction on the copy: use &txn.kv */
    char version[FL_VERSION_NAME_SIZE]; /* that was copied */
    char directory[PATH_MAX];           /* of the copy */
};

/* Copies the current version of a view into `directory`, which is made (and emptied of an older
 * copy). FL_NOT_FOUND: the view has no rows; FL_CORRUPT, FL_FULL, FL_IO. Rows of another fold
 * version are copied too: tables that they do not have are empty. */
enum fl_error fl_snapshot_take(const struct fl_versions *versions, const struct fl_view *view,
                               const char *directory, struct fl_snapshot *snapshot) FL_MUST_USE;

/* Removes the copy. Tolerates a zeroed one. */
void fl_snapshot_drop(struct fl_snapshot *snapshot);
