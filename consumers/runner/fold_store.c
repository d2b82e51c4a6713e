/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/runner/fold_store.h"

static enum fl_error store_begin(void *context, struct fl_kv **kv)
{
    enum fl_error error = fl_store_begin(context);
    if (error == FL_OK)
        *kv = fl_store_kv(context);
    return error;
}

static enum fl_error store_commit(void *context)
{
    return fl_store_commit(context);
}

static void store_abort(void *context)
{
    fl_store_abort(context);
}

struct fl_fold_sink fl_fold_sink_store(struct fl_store *store)
{
    return (struct fl_fold_sink){store, store_begin, store_commit, store_abort};
}
