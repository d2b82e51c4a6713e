/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How the time of licenses runs on one device: arithmetic, without a store.
 *
 * A device holds nodes in a row, the highest plan first and in the order of their application
 * within a plan; one after the other is used up. So a further node of the same plan extends it, a
 * higher one comes first while the lower one's time stands still, and a lower one waits until the
 * higher ones are used up: no time that was paid for is ever lost. The trial costs nothing: a
 * Standard node's time stands still until it is over.
 *
 * Invariants: 1. plans do not rise along the row. 2. what has been used up stands in front. 3. a
 * rest is 0 exactly if the node's end is noted. Threading: pure. Allocation: the arena, for an
 * insertion.
 */
#include "core/arena.h"
#include "projections/registry/due.h"
#include "projections/registry/plan.h"
#include "projections/registry/row_types.h"

/* Moves the row's own time to now_ms (not back): rests shrink, ends are noted. */
void fl_coverage_settle(fl_coverage_row *row, int64_t trial_ends_at_ms, int64_t now_ms);

/* When the node at `index` is, or was, used up if nothing else happens. */
int64_t fl_coverage_end_ms(const fl_coverage_row *row, int64_t trial_ends_at_ms, size_t index);

/* When the plan that the nodes give at `now_ms` drops to a lower one; with all of them used up,
 * when the last was. There is at least one node. */
int64_t fl_coverage_drop_ms(const fl_coverage_row *row, int64_t trial_ends_at_ms, int64_t now_ms);

/* The plan at a time that is not before the row's own; `row` may be NULL. */
enum fl_plan fl_coverage_plan(const fl_coverage_row *row, int64_t trial_ends_at_ms, int64_t now_ms);

/* Nodes with time left. */
size_t fl_coverage_count(const fl_coverage_row *row);

/* Puts a node into its place; returns it, or SIZE_MAX without memory. The node is kept. */
size_t fl_coverage_insert(struct fl_arena *arena, fl_coverage_row *row, fl_covering_node *node);

/* Takes the node at `index` out. */
void fl_coverage_remove(fl_coverage_row *row, size_t index);

/* The entry of what falls due: the end of the front node; false: there is none. */
bool fl_coverage_due(const fl_coverage_row *row, int64_t trial_ends_at_ms, struct fl_due *due);

/* The invariants. */
bool fl_coverage_check(const fl_coverage_row *row);
