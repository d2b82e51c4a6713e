/* SPDX-License-Identifier: Apache-2.0 */
/* The last step of a rebuild: the view's writer goes on with the new version. */
#include <string.h>
#include <unistd.h>

#include "core/fault_point.h"
#include "core/lmdb/bell.h"
#include "replay/rebuild/rebuild_internal.h"

enum fl_error fl_rebuild_catch_up(struct fl_rebuild_run *run)
{
    struct fl_store_peek peek;
    enum fl_error error = fl_store_peek(&run->versions, &peek, NULL);
    if (error == FL_CORRUPT && run->options->accept)
        return FL_OK; /* nobody can tell where it stood */
    if (error != FL_OK)
        return error;
    error = fl_rebuild_fold_to(run, &peek.txn);
    fl_store_peek_end(&peek);
    return error;
}

/* Nobody writes the view: folds the new version to where the current one stands and switches.
 * FL_LOCKED: a writer has come meanwhile. */
static enum fl_error switch_alone(struct fl_rebuild_run *run)
{
    enum fl_error error = fl_rebuild_open_target(run);
    if (error == FL_OK)
        error = fl_rebuild_catch_up(run);
    if (error == FL_OK)
        error = fl_store_promote_alone(run->store);
    fl_store_close(&run->store);
    return error;
}

/* True when the view's lock is free: no writer runs. */
static bool is_unwritten(struct fl_rebuild_run *run)
{
    int descriptor = -1;
    if (fl_versions_lock(&run->versions, "lock", 0, &descriptor, NULL) != FL_OK)
        return false;
    close(descriptor);
    return true;
}

static bool is_current(struct fl_rebuild_run *run)
{
    char current[FL_VERSION_NAME_SIZE];
    return fl_versions_read(&run->versions, FL_LINK_CURRENT, current) == FL_OK &&
           strcmp(current, run->result->after) == 0;
}

/* Withdraws the request; the writer may have carried it out meanwhile. */
static enum fl_error give_up(struct fl_rebuild_run *run, enum fl_error error)
{
    enum fl_error opened = fl_rebuild_open_target(run);
    if (opened == FL_OK) {
        /* It is ours again: nobody can be switching to it. */
        enum fl_error cleared = fl_versions_clear(&run->versions, FL_LINK_WANTED);
        fl_store_close(&run->store);
        if (cleared != FL_OK)
            return cleared;
    } else if (is_current(run)) {
        run->result->outcome = FL_REBUILD_SWITCHED;
        return FL_OK;
    } else {
        return fl_rebuild_fail(run, FL_BUSY, "the writer of %s is switching at this moment",
                               run->options->view->name);
    }
    return error;
}

static enum fl_error wait_for_writer(struct fl_rebuild_run *run, struct fl_bell_waiter *waiter,
                                     int64_t deadline_ms)
{
    for (;;) {
        if (is_current(run))
            return FL_OK;
        if (fl_versions_stamp(&run->versions, FL_LINK_WANTED) == 0 && !is_current(run))
            return fl_rebuild_fail(run, FL_CONFLICT,
                                   "the writer of %s refused version %s: its log says why",
                                   run->options->view->name, run->result->after);
        if (is_unwritten(run)) {
            enum fl_error error = switch_alone(run);
            if (error != FL_LOCKED)
                return error;
        }
        if (!fl_rebuild_report(run, true))
            return give_up(run, FL_INTERRUPTED);
        int64_t now_ms = fl_port_monotonic_ms(run->options->port);
        if (now_ms >= deadline_ms)
            return give_up(run, fl_rebuild_fail(run, FL_TIMEOUT,
                                                "the writer of %s did not answer in time",
                                                run->options->view->name));
        enum fl_error error = fl_bell_wait(waiter, deadline_ms);
        if (error != FL_OK && error != FL_TIMEOUT)
            return error;
    }
}

/* The writer makes rows of another fold version: it cannot go on with these. */
static bool is_for_another_program(const struct fl_rebuild_run *run)
{
    uint32_t fold_version = 0;
    uint32_t build = 0;
    return run->result->before[0] != '\0' &&
           fl_version_parse(run->result->before, &fold_version, &build) &&
           fold_version != run->options->view->fold_version;
}

enum fl_error fl_rebuild_switch(struct fl_rebuild_run *run)
{
    struct fl_bell_waiter *waiter = NULL;
    char current[FL_VERSION_NAME_SIZE];
    char directory[PATH_MAX];
    int64_t wait_ms =
        run->options->switch_ms_max == 0 ? FL_REBUILD_SWITCH_MS_MAX : run->options->switch_ms_max;
    run->progress.phase = FL_REBUILD_SWITCHING;
    fl_store_close(&run->store);
    enum fl_error error = fl_versions_read(&run->versions, FL_LINK_CURRENT, current);
    if (error == FL_OK)
        error = fl_versions_path(&run->versions, current, directory);
    if (error == FL_OK)
        error = fl_bell_waiter_open(&waiter);
    if (error == FL_OK)
        error = fl_bell_watch(waiter, directory);
    if (error == FL_OK)
        error = fl_versions_write(&run->versions, FL_LINK_WANTED, run->result->after);
    fl_fault_point("rebuild.asked");
    if (error == FL_OK && is_for_another_program(run) && !is_unwritten(run)) {
        run->result->outcome = FL_REBUILD_WAITS;
        fl_bell_waiter_close(&waiter);
        return FL_OK;
    }
    run->result->outcome = FL_REBUILD_SWITCHED;
    if (error == FL_OK)
        error = wait_for_writer(run, waiter, fl_port_monotonic_ms(run->options->port) + wait_ms);
    fl_bell_waiter_close(&waiter);
    return error;
}
