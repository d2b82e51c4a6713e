/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A fold whose rows go into a store (a rebuild, a version that catches up before a switch).
 *
 * Threading, allocation: those of the store.
 */
#include "consumers/runner/fold.h"
#include "projections/store/store.h"

/* The store must have no transaction open, and is the caller's. */
struct fl_fold_sink fl_fold_sink_store(struct fl_store *store);
