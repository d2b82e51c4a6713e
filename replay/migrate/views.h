/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Moves a node's views to the journal that their log was migrated to: positions become the ranks
 * that their records have there, in one transaction per view that also notes the move, so that it
 * happens once however often it is asked for.
 *
 * Versions kept for a way back, and a rebuild that was under way, are removed: their positions are
 * of the old journal. Parked records name offsets; where those change, somebody has to decide on
 * the parked records first.
 *
 * Threading: one thread; no writer of any view may run. Allocation: freed before return.
 */
#include "core/port.h"
#include "projections/view.h"
#include "replay/migrate/migrate.h"

struct fl_migrate_views {
    const char *directory; /* DATA/views; may be missing */
    const struct fl_view *const *views;
    size_t view_count;
    struct fl_journal *source;
    const char *target_identity; /* fl_journal_identity of the target */
    uint64_t map_size;
    const struct fl_port *port;
};

/* Changes nothing: FL_INVALID with a sentence if a view could not be moved. Before the log is
 * copied, so that nobody learns it at the end. */
enum fl_error fl_migrate_views_check(const struct fl_migrate_views *options,
                                     char detail[FL_MIGRATE_DETAIL_SIZE]) FL_MUST_USE;

/* `moved`: views that were moved now. FL_LOCKED: a writer runs. FL_VERSION: made by another fold
 * version: rebuild first. */
enum fl_error fl_migrate_views_move(const struct fl_migrate_views *options, unsigned *moved,
                                    char detail[FL_MIGRATE_DETAIL_SIZE]) FL_MUST_USE;
