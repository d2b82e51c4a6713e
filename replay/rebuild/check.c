/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/rebuild/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "projections/store/parked.h"
#include "replay/rebuild/snapshot.h"

static bool fits_the_view(const struct fl_view *view, const struct fl_meta_identity *identity,
                          char broken[FL_DETAIL_SIZE])
{
    if (strcmp(identity->view, view->name) == 0 && identity->fold_version == view->fold_version)
        return true;
    snprintf(broken, FL_DETAIL_SIZE, "the rows are of %s, fold version %u; this program makes %u",
             identity->view, identity->fold_version, view->fold_version);
    return false;
}

static bool check_rows(const struct fl_view *view, struct fl_kv *kv, char broken[FL_DETAIL_SIZE])
{
    struct fl_meta_identity identity = {0};
    return fl_meta_check(kv, broken, FL_DETAIL_SIZE) && fl_meta_identity(kv, &identity) &&
           fits_the_view(view, &identity, broken) && fl_parked_check(kv, broken, FL_DETAIL_SIZE) &&
           (view->check == NULL || view->check(kv, broken));
}

enum fl_error fl_check_view(const char *views_directory, const struct fl_view *view,
                            const char *scratch, struct fl_check_result *result)
{
    struct fl_versions versions;
    struct fl_snapshot snapshot;
    struct fl_chain_head head;
    char directory[PATH_MAX];
    memset(result, 0, sizeof(*result));
    if (snprintf(directory, sizeof(directory), "%s/check-%s-%d", scratch, view->name,
                 (int)getpid()) >= (int)sizeof(directory))
        return FL_INVALID;
    enum fl_error error = fl_versions_open(&versions, views_directory, view->name, false);
    if (error == FL_OK)
        error = fl_snapshot_take(&versions, view, directory, &snapshot);
    if (error != FL_OK)
        return error;
    struct fl_kv *kv = &snapshot.txn.kv;
    result->good = check_rows(view, kv, result->broken);
    fl_meta_head(kv, &head);
    result->sequence = head.sequence;
    result->parked = fl_meta_counts(kv).parked;
    memcpy(result->version, snapshot.version, sizeof(snapshot.version));
    if (result->good && kv->error != FL_OK) {
        result->good = false;
        snprintf(result->broken, sizeof(result->broken), "a row cannot be read: %s",
                 fl_error_text(kv->error));
    }
    fl_snapshot_drop(&snapshot);
    return FL_OK;
}
