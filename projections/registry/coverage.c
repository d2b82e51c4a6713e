/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/coverage.h"

#include <string.h>

#include "core/assert.h"

/* When a node that follows at `at_ms` begins to be used. */
static int64_t start_ms(const fl_covering_node *node, int64_t trial_ends_at_ms, int64_t at_ms)
{
    bool waits = node->plan <= FL_PLAN_STANDARD && at_ms < trial_ends_at_ms;
    return waits ? trial_ends_at_ms : at_ms;
}

void fl_coverage_settle(fl_coverage_row *row, int64_t trial_ends_at_ms, int64_t now_ms)
{
    int64_t at_ms = row->as_of_ms;
    if (now_ms <= at_ms)
        return;
    for (size_t i = 0; i < row->n_nodes; i++) {
        fl_covering_node *node = row->nodes[i];
        if (node->ended_at_ms != 0)
            continue;
        at_ms = start_ms(node, trial_ends_at_ms, at_ms);
        if (at_ms >= now_ms)
            break;
        int64_t used_ms = node->rest_ms < now_ms - at_ms ? node->rest_ms : now_ms - at_ms;
        node->rest_ms -= used_ms;
        at_ms += used_ms;
        if (node->rest_ms == 0)
            node->ended_at_ms = at_ms;
    }
    row->as_of_ms = now_ms;
}

int64_t fl_coverage_end_ms(const fl_coverage_row *row, int64_t trial_ends_at_ms, size_t index)
{
    int64_t at_ms = row->as_of_ms;
    fl_assert(index < row->n_nodes);
    if (row->nodes[index]->ended_at_ms != 0)
        return row->nodes[index]->ended_at_ms;
    for (size_t i = 0; i <= index; i++)
        if (row->nodes[i]->ended_at_ms == 0)
            at_ms = start_ms(row->nodes[i], trial_ends_at_ms, at_ms) + row->nodes[i]->rest_ms;
    return at_ms;
}

int64_t fl_coverage_drop_ms(const fl_coverage_row *row, int64_t trial_ends_at_ms, int64_t now_ms)
{
    int64_t drop_ms = 0;
    uint32_t plan = 0;
    fl_assert(row->n_nodes != 0);
    for (size_t i = 0; i < row->n_nodes; i++) {
        int64_t end_ms = fl_coverage_end_ms(row, trial_ends_at_ms, i);
        if (end_ms > now_ms && plan != 0 && row->nodes[i]->plan != plan)
            break; /* plans do not rise along the row */
        if (end_ms > now_ms)
            plan = row->nodes[i]->plan;
        drop_ms = end_ms;
    }
    return drop_ms;
}

enum fl_plan fl_coverage_plan(const fl_coverage_row *row, int64_t trial_ends_at_ms, int64_t now_ms)
{
    for (size_t i = 0; row != NULL && i < row->n_nodes; i++)
        if (fl_coverage_end_ms(row, trial_ends_at_ms, i) > now_ms)
            return (enum fl_plan)row->nodes[i]->plan;
    return now_ms < trial_ends_at_ms ? FL_PLAN_STANDARD : FL_PLAN_BASIC;
}

size_t fl_coverage_count(const fl_coverage_row *row)
{
    size_t count = 0;
    for (size_t i = 0; i < row->n_nodes; i++)
        if (row->nodes[i]->ended_at_ms == 0)
            count++;
    return count;
}

size_t fl_coverage_insert(struct fl_arena *arena, fl_coverage_row *row, fl_covering_node *node)
{
    size_t at = row->n_nodes;
    while (at > 0 && row->nodes[at - 1]->ended_at_ms == 0 && row->nodes[at - 1]->plan < node->plan)
        at--;
    fl_covering_node **nodes = fl_arena_calloc(arena, row->n_nodes + 1, sizeof(node));
    if (nodes == NULL)
        return SIZE_MAX;
    for (size_t i = 0; i < row->n_nodes; i++)
        nodes[i < at ? i : i + 1] = row->nodes[i];
    nodes[at] = node;
    row->nodes = nodes;
    row->n_nodes++;
    return at;
}

void fl_coverage_remove(fl_coverage_row *row, size_t index)
{
    fl_assert(index < row->n_nodes);
    memmove(&row->nodes[index], &row->nodes[index + 1],
            (row->n_nodes - index - 1) * sizeof(row->nodes[0]));
    row->n_nodes--;
}

bool fl_coverage_due(const fl_coverage_row *row, int64_t trial_ends_at_ms, struct fl_due *due)
{
    if (row->n_nodes == 0)
        return false;
    fl_due_init(due, fl_coverage_end_ms(row, trial_ends_at_ms, 0), FL_DUE(LICENSE_TERM),
                row->device_id, 0);
    return true;
}

bool fl_coverage_check(const fl_coverage_row *row)
{
    for (size_t i = 0; i < row->n_nodes; i++) {
        const fl_covering_node *node = row->nodes[i];
        const fl_covering_node *before = i == 0 ? NULL : row->nodes[i - 1];
        bool ended = node->ended_at_ms != 0;
        if ((node->rest_ms == 0) != ended || node->rest_ms < 0 ||
            (ended && node->ended_at_ms > row->as_of_ms))
            return false;
        if (before != NULL && ended && before->ended_at_ms == 0)
            return false;
        if (before != NULL && !ended && before->ended_at_ms == 0 && before->plan < node->plan)
            return false;
    }
    return row->n_nodes != 0;
}
