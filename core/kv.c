/* SPDX-License-Identifier: Apache-2.0 */
#include "core/kv.h"

#include <string.h>

#include "core/assert.h"

bool fl_kv_get(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice *value)
{
    fl_assert(key.size > 0 && key.size <= FL_KV_KEY_SIZE_MAX);
    return kv->error == FL_OK && kv->ops->get(kv, table, key, value);
}

void fl_kv_put(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice value)
{
    fl_assert(key.size > 0 && key.size <= FL_KV_KEY_SIZE_MAX);
    if (kv->error == FL_OK)
        kv->ops->put(kv, table, key, value, false);
}

void fl_kv_append(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice value)
{
    fl_assert(key.size > 0 && key.size <= FL_KV_KEY_SIZE_MAX);
    if (kv->error == FL_OK)
        kv->ops->put(kv, table, key, value, true);
}

bool fl_kv_del(struct fl_kv *kv, unsigned table, struct fl_slice key)
{
    fl_assert(key.size > 0 && key.size <= FL_KV_KEY_SIZE_MAX);
    return kv->error == FL_OK && kv->ops->del(kv, table, key);
}

bool fl_kv_seek(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice *found_key,
                struct fl_slice *value)
{
    fl_assert(key.size <= FL_KV_KEY_SIZE_MAX);
    return kv->error == FL_OK && kv->ops->seek(kv, table, key, found_key, value);
}

bool fl_kv_before(struct fl_kv *kv, unsigned table, struct fl_slice key, struct fl_slice *found_key,
                  struct fl_slice *value)
{
    fl_assert(key.size <= FL_KV_KEY_SIZE_MAX + 1);
    return kv->error == FL_OK && kv->ops->before(kv, table, key, found_key, value);
}

void fl_kv_walk_begin(struct fl_kv_walk *walk, struct fl_kv *kv, unsigned table,
                      struct fl_slice prefix)
{
    fl_assert(prefix.size < FL_KV_KEY_SIZE_MAX);
    walk->kv = kv;
    walk->table = table;
    walk->prefix_size = prefix.size;
    walk->key_size = prefix.size;
    walk->started = false;
    walk->key = walk->value = FL_SLICE_NULL;
    if (prefix.size != 0)
        memcpy(walk->key_bytes, prefix.data, prefix.size);
}

bool fl_kv_walk_next(struct fl_kv_walk *walk)
{
    struct fl_slice key;
    struct fl_slice value;
    if (walk->started && walk->key_size == FL_KV_KEY_SIZE_MAX) {
        /* The smallest key above one of full length is not "key, 0": step over it by its value. */
        size_t i = walk->key_size;
        while (i > 0 && walk->key_bytes[i - 1] == 0xff)
            i--;
        if (i == 0)
            return false;
        walk->key_bytes[i - 1]++;
        walk->key_size = i;
    } else if (walk->started) {
        walk->key_bytes[walk->key_size++] = 0;
    }
    walk->started = true;
    struct fl_slice from = fl_slice_of(walk->key_bytes, walk->key_size);
    if (!fl_kv_seek(walk->kv, walk->table, from, &key, &value))
        return false;
    if (key.size < walk->prefix_size || memcmp(key.data, walk->key_bytes, walk->prefix_size) != 0)
        return false;
    memcpy(walk->key_bytes, key.data, key.size);
    walk->key_size = key.size;
    walk->key = fl_slice_of(walk->key_bytes, walk->key_size);
    walk->value = value;
    return true;
}

void fl_kv_fail(struct fl_kv *kv, enum fl_error error)
{
    if (kv->error == FL_OK)
        kv->error = error;
}
