/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A scratch directory for one test: made below $TMPDIR or /tmp, removed with all it holds.
 *
 * Threading: one thread. Limits: paths up to FL_SCRATCH_PATH_SIZE.
 */
enum { FL_SCRATCH_PATH_SIZE = 256 };

struct fl_scratch {
    char path[FL_SCRATCH_PATH_SIZE];
};

/* Makes it; a failure ends the test program with a sentence. */
void fl_scratch_make(struct fl_scratch *scratch);

/* Removes it; tolerates a zeroed one. */
void fl_scratch_remove(struct fl_scratch *scratch);
