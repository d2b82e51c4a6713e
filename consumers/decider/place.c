/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/decider/decider_internal.h"
#include "core/diag.h"
#include "projections/registry/registry.h"

enum { ARENA_BOUND = 64 * 1024 };

enum fl_error fl_decider_look_where(struct decider *decider)
{
    char here[FL_JOURNAL_IDENTITY_SIZE];
    struct fl_txn txn;
    struct fl_arena arena;
    fl_arena_init(&arena, ARENA_BOUND);
    enum fl_error error = fl_journal_identity(decider->duty->journal, here);
    if (error == FL_OK)
        error = fl_store_snapshot(decider->store, &txn);
    if (error == FL_OK) {
        const fl_log_row *row = fl_registry_log(&txn.kv, &arena);
        error = txn.kv.error;
        decider->elsewhere = row != NULL && row->cluster_id[0] != '\0' &&
                             !fl_slice_is(fl_slice_text(row->cluster_id), here);
        if (error == FL_OK && decider->elsewhere)
            fl_diag(LOG_MOVED, FL_TEXT("to", row->cluster_id), FL_TEXT("here", here));
        if (error == FL_OK)
            decider->moving = false;
        fl_txn_abort(&txn);
    }
    fl_arena_fini(&arena);
    return error;
}
