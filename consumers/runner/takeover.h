/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How a view's writer goes on with a version that a rebuild has made (the WANTED link).
 *
 * The writer itself does the switch, between two of its commits: it folds the wanted version to its
 * own position, makes it the current one and writes on there. So there is no moment with two
 * writers, and none in which a reader sees the view go back. What goes wrong before the switch
 * leaves the writer where it is, and the request is withdrawn.
 *
 * Used by the projector and by the decider (registry). Threading: the writer's thread.
 * Allocation: while it folds.
 */
#include "core/journal.h"
#include "core/port.h"
#include "projections/store/store.h"

struct fl_takeover {
    const struct fl_view *view;
    struct fl_journal *journal;
    const char *views_directory;
    const struct fl_port *port;
    uint64_t map_size;
    size_t memory_max;
    /* Called now and then while folding: beat; false gives up for now. May be NULL. */
    bool (*may_go_on)(void *context);
    void *context;
    uint64_t answered; /* the request seen last; begin with 0 */
};

/* Call with no transaction open; costs one stat when nobody asks. On a switch `*store` is another
 * one at the same position, and the caller reloads what it holds in memory (`*switched`). Errors:
 * only what leaves the writer unable to go on. */
enum fl_error fl_takeover_try(struct fl_takeover *takeover, struct fl_store **store,
                              bool *switched) FL_MUST_USE;

/* Opens the view's writer; where the current rows are of another fold version, but a rebuild has
 * left a wanted one of this program's version, that one. Errors as fl_store_open_writer. */
enum fl_error fl_takeover_open(const struct fl_store_options *options,
                               struct fl_store **store) FL_MUST_USE;
