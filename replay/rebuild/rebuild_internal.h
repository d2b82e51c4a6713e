/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What rebuild.c (build, compare) and switch.c (hand over) share; nobody else includes this.
 */
#include <stdarg.h>

#include "projections/store/store.h"
#include "replay/rebuild/rebuild.h"
#include "replay/rebuild/snapshot.h"

struct fl_rebuild_run {
    const struct fl_rebuild_options *options;
    struct fl_rebuild_result *result;
    char *detail;
    struct fl_versions versions;
    struct fl_store *store; /* the version being built */
    struct fl_snapshot snapshot;
    struct fl_rebuild_progress progress;
    int64_t started_ms;
    int64_t reported_ms;
};

enum fl_error fl_rebuild_fail(struct fl_rebuild_run *run, enum fl_error error, const char *format,
                              ...) __attribute__((format(printf, 3, 4)));

/* Tells the caller how it goes, at most a few times a second; false: break off. */
bool fl_rebuild_report(struct fl_rebuild_run *run, bool always);

enum fl_error fl_rebuild_open_target(struct fl_rebuild_run *run) FL_MUST_USE;

/* Folds the new version to where the rows of a read transaction stand, which is ended once that is
 * known; NULL: to the log's end. */
enum fl_error fl_rebuild_fold_to(struct fl_rebuild_run *run, struct fl_txn *rows) FL_MUST_USE;

/* Folds the new version to where the current one stands now. */
enum fl_error fl_rebuild_catch_up(struct fl_rebuild_run *run) FL_MUST_USE;

/* Makes the built version the current one, through the view's writer or without it. */
enum fl_error fl_rebuild_switch(struct fl_rebuild_run *run) FL_MUST_USE;
