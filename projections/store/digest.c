/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/store/digest.h"

#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"

/* The i-th compared table: the view's own, then the parked one. */
static const char *table_name(const struct fl_view *view, unsigned i)
{
    return i < view->table_count ? view->tables[i] : "parked";
}

static unsigned table_number(const struct fl_view *view, unsigned i)
{
    return i < view->table_count ? i : (unsigned)FL_STORE_TABLE_PARKED;
}

static bool is_compared(const struct fl_view *view, unsigned i)
{
    return i >= view->table_count || (view->tables_not_compared >> i & 1) == 0;
}

static void add_sized(struct fl_sha256 *state, const void *data, size_t size)
{
    uint8_t length[4];
    fl_put_u32(length, (uint32_t)size);
    fl_sha256_update(state, length, sizeof(length));
    if (size != 0)
        fl_sha256_update(state, data, size);
}

static void digest_table(struct fl_kv *kv, unsigned number, struct fl_sha256 *state,
                         struct fl_digest_table *table)
{
    struct fl_kv_walk walk;
    table->row_count = 0;
    fl_sha256_begin(state);
    fl_kv_walk_begin(&walk, kv, number, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        add_sized(state, walk.key.data, walk.key.size);
        add_sized(state, walk.value.data, walk.value.size);
        table->row_count++;
    }
    fl_sha256_end(state, table->hash);
}

void fl_store_digest(struct fl_kv *kv, const struct fl_view *view, struct fl_digest *digest)
{
    fl_assert(view->table_count <= FL_STORE_VIEW_TABLE_COUNT_MAX);
    struct fl_sha256 *state = fl_sha256_open();
    digest->table_count = 0;
    for (unsigned i = 0; i <= view->table_count; i++) {
        if (!is_compared(view, i))
            continue;
        struct fl_digest_table *table = &digest->tables[digest->table_count++];
        table->name = table_name(view, i);
        digest_table(kv, table_number(view, i), state, table);
    }
    fl_sha256_begin(state);
    for (unsigned i = 0; i < digest->table_count; i++) {
        const struct fl_digest_table *table = &digest->tables[i];
        uint8_t count[8];
        fl_put_u64(count, table->row_count);
        add_sized(state, table->name, strlen(table->name));
        fl_sha256_update(state, count, sizeof(count));
        fl_sha256_update(state, table->hash, sizeof(table->hash));
    }
    fl_sha256_end(state, digest->total);
    fl_sha256_close(&state);
}

bool fl_digest_equal(const struct fl_digest *a, const struct fl_digest *b)
{
    return memcmp(a->total, b->total, sizeof(a->total)) == 0;
}

static void note(struct fl_difference *first, enum fl_difference_kind kind, const char *table,
                 struct fl_slice key)
{
    if (first->kind != FL_DIFFERENCE_NONE)
        return;
    first->kind = kind;
    first->table = table;
    first->key_size = key.size;
    memcpy(first->key, key.data, key.size);
}

/* A merge of two ordered tables. */
static void compare_table(struct fl_kv *before, struct fl_kv *after, unsigned number,
                          struct fl_difference *first, struct fl_difference_counts *counts)
{
    struct fl_kv_walk old;
    struct fl_kv_walk new;
    fl_kv_walk_begin(&old, before, number, FL_SLICE_NULL);
    fl_kv_walk_begin(&new, after, number, FL_SLICE_NULL);
    bool has_old = fl_kv_walk_next(&old);
    bool has_new = fl_kv_walk_next(&new);
    while (has_old || has_new) {
        int order = !has_old ? 1 : !has_new ? -1 : fl_slice_compare(old.key, new.key);
        if (order < 0) {
            note(first, FL_DIFFERENCE_MISSING, counts->table, old.key);
            counts->missing++;
        } else if (order > 0) {
            note(first, FL_DIFFERENCE_ADDED, counts->table, new.key);
            counts->added++;
        } else if (fl_slice_compare(old.value, new.value) != 0) {
            note(first, FL_DIFFERENCE_VALUE, counts->table, old.key);
            counts->changed++;
        } else {
            counts->same++;
        }
        if (order <= 0)
            has_old = fl_kv_walk_next(&old);
        if (order >= 0)
            has_new = fl_kv_walk_next(&new);
    }
}

void fl_store_compare(struct fl_kv *before, struct fl_kv *after, const struct fl_view *view,
                      struct fl_difference *first, struct fl_difference_counts *counts)
{
    *first = (struct fl_difference){.kind = FL_DIFFERENCE_NONE};
    for (unsigned i = 0; i <= view->table_count; i++) {
        struct fl_difference_counts table = {.table = table_name(view, i)};
        if (is_compared(view, i))
            compare_table(before, after, table_number(view, i), first, &table);
        if (counts != NULL)
            counts[i] = table;
    }
}
