/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/kv.h"

/* A sorted array per table: tests hold thousands of rows, not millions. */
struct entry {
    uint8_t *key;
    uint8_t *value;
    size_t key_size;
    size_t value_size;
};

struct table {
    struct entry *entries;
    size_t count;
    size_t capacity;
};

struct memory {
    struct fl_kv base;
    struct table tables[FL_KV_TABLE_COUNT_MAX];
};

static struct table *table_of(struct fl_kv *kv, unsigned table)
{
    fl_assert(table < FL_KV_TABLE_COUNT_MAX);
    return &((struct memory *)kv)->tables[table];
}

static struct fl_slice entry_key(const struct entry *entry)
{
    return fl_slice_of(entry->key, entry->key_size);
}

/* Index of the first entry whose key is >= `key`. */
static size_t lower_bound(const struct table *table, struct fl_slice key)
{
    size_t low = 0;
    size_t high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (fl_slice_compare(entry_key(&table->entries[middle]), key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct table *table, size_t index, struct fl_slice key)
{
    return index < table->count && fl_slice_compare(entry_key(&table->entries[index]), key) == 0;
}

static bool give(const struct table *table, size_t index, struct fl_slice *key,
                 struct fl_slice *value)
{
    if (index >= table->count)
        return false;
    *key = entry_key(&table->entries[index]);
    *value = fl_slice_of(table->entries[index].value, table->entries[index].value_size);
    return true;
}

static bool memory_get(struct fl_kv *kv, unsigned number, struct fl_slice key,
                       struct fl_slice *value)
{
    struct table *table = table_of(kv, number);
    struct fl_slice found;
    size_t index = lower_bound(table, key);
    return is_at(table, index, key) && give(table, index, &found, value);
}

static uint8_t *copy_of(struct fl_slice bytes)
{
    uint8_t *copy = malloc(bytes.size + 1);
    fl_assert(copy != NULL);
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    return copy;
}

static void memory_put(struct fl_kv *kv, unsigned number, struct fl_slice key,
                       struct fl_slice value, bool append)
{
    (void)append;
    struct table *table = table_of(kv, number);
    size_t index = lower_bound(table, key);
    uint8_t *value_copy = copy_of(value);
    if (is_at(table, index, key)) {
        free(table->entries[index].value);
        table->entries[index].value = value_copy;
        table->entries[index].value_size = value.size;
        return;
    }
    if (table->count == table->capacity) {
        table->capacity = table->capacity == 0 ? 16 : 2 * table->capacity;
        table->entries = realloc(table->entries, table->capacity * sizeof(*table->entries));
        fl_assert(table->entries != NULL);
    }
    memmove(&table->entries[index + 1], &table->entries[index],
            (table->count - index) * sizeof(*table->entries));
    table->entries[index] = (struct entry){copy_of(key), value_copy, key.size, value.size};
    table->count++;
}

static bool memory_del(struct fl_kv *kv, unsigned number, struct fl_slice key)
{
    struct table *table = table_of(kv, number);
    size_t index = lower_bound(table, key);
    if (!is_at(table, index, key))
        return false;
    free(table->entries[index].key);
    free(table->entries[index].value);
    table->count--;
    memmove(&table->entries[index], &table->entries[index + 1],
            (table->count - index) * sizeof(*table->entries));
    return true;
}

static bool memory_seek(struct fl_kv *kv, unsigned number, struct fl_slice key,
                        struct fl_slice *found_key, struct fl_slice *value)
{
    struct table *table = table_of(kv, number);
    return give(table, lower_bound(table, key), found_key, value);
}

static bool memory_before(struct fl_kv *kv, unsigned number, struct fl_slice key,
                          struct fl_slice *found_key, struct fl_slice *value)
{
    struct table *table = table_of(kv, number);
    size_t index = lower_bound(table, key);
    return index > 0 && give(table, index - 1, found_key, value);
}

static const struct fl_kv_ops memory_ops = {memory_get, memory_put, memory_del, memory_seek,
                                            memory_before};

struct fl_kv *fl_kv_memory_open(void)
{
    struct memory *memory = calloc(1, sizeof(*memory));
    fl_assert(memory != NULL);
    memory->base.ops = &memory_ops;
    return &memory->base;
}

void fl_kv_memory_close(struct fl_kv **kv)
{
    if (*kv == NULL)
        return;
    struct memory *memory = (struct memory *)*kv;
    for (size_t t = 0; t < FL_KV_TABLE_COUNT_MAX; t++) {
        for (size_t i = 0; i < memory->tables[t].count; i++) {
            free(memory->tables[t].entries[i].key);
            free(memory->tables[t].entries[i].value);
        }
        free(memory->tables[t].entries);
    }
    free(memory);
    *kv = NULL;
}
