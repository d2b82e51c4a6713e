/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The positions that a view keeps, against the log: each lies within it, and the last record that
 * was applied is still the one whose hash was kept, where retention and compaction have left it.
 *
 * Threading: one thread. Allocation: none.
 */
#include "replay/verify/verify_internal.h"

/* Differences are findings. */
enum fl_error fl_verify_positions(struct fl_verify_run *run, const struct fl_view *view,
                                  struct fl_kv *kv) FL_MUST_USE;
