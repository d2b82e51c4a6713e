/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that a node without the lease keeps until the registry has them. */
#include "consumers/detector/detector_internal.h"
#include "core/bytes.h"

enum { KEY_SIZE = 8, LOOK_COUNT = 1000 };

/* The sequence behind the last one kept. */
static uint64_t next_sequence(struct fl_kv *kv)
{
    static const uint8_t last[KEY_SIZE + 1] = {0xff, 0xff, 0xff, 0xff, 0xff,
                                               0xff, 0xff, 0xff, 0xff};
    struct fl_slice key;
    struct fl_slice value;
    return fl_kv_before(kv, FL_DETECTOR_WAITING, fl_slice_of(last, sizeof(last)), &key, &value)
               ? fl_first_u64(key) + 1
               : 0;
}

/* The oldest ones that the registry has; it stops at the first that it has not. */
static void let_go(struct detector *detector, struct fl_kv *kv)
{
    struct fl_store_read read;
    struct fl_kv_walk walk;
    struct fl_change change;
    if (fl_store_read_begin(detector->registry, &read) != FL_OK)
        return;
    fl_kv_walk_begin(&walk, kv, FL_DETECTOR_WAITING, FL_SLICE_NULL);
    for (unsigned i = 0; i < LOOK_COUNT && fl_kv_walk_next(&walk); i++) {
        if (!fl_change_decode(walk.value, &change)) {
            fl_kv_fail(kv, FL_CORRUPT);
            break;
        }
        if (!fl_detector_is_known(detector, read.kv, &change))
            break;
        fl_kv_del(kv, FL_DETECTOR_WAITING, walk.key);
        fl_arena_reset(&detector->arena);
    }
    enum fl_error ended = fl_store_read_end(&read);
    (void)ended; /* what was deleted is known all the same */
}

enum fl_error fl_detector_keep(struct detector *detector, struct fl_kv *kv,
                               const struct fl_changes *changes)
{
    uint8_t key[KEY_SIZE];
    uint8_t row[FL_CHANGE_SIZE_MAX];
    struct fl_slice first;
    struct fl_slice value;
    let_go(detector, kv);
    uint64_t next = next_sequence(kv);
    for (size_t i = 0; i < changes->count; i++)
        fl_kv_append(kv, FL_DETECTOR_WAITING, fl_u64_key(next++, key),
                     fl_change_encode(&changes->items[i], row));
    /* Bounded: what is dropped is found again by the comparison with the registry. */
    for (unsigned i = 0; i < LOOK_COUNT + FL_CHANGE_COUNT_MAX; i++) {
        if (!fl_kv_seek(kv, FL_DETECTOR_WAITING, FL_SLICE_LITERAL(""), &first, &value) ||
            next - fl_first_u64(first) <= DETECTOR_WAITING_COUNT_MAX)
            break;
        uint64_t oldest = fl_first_u64(first);
        fl_kv_del(kv, FL_DETECTOR_WAITING, fl_u64_key(oldest, key));
    }
    return kv->error;
}

enum fl_error fl_detector_report_kept(struct detector *detector, struct fl_kv *kv)
{
    struct fl_kv_walk walk;
    struct fl_change change;
    fl_kv_walk_begin(&walk, kv, FL_DETECTOR_WAITING, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        if (!fl_change_decode(walk.value, &change))
            return FL_CORRUPT;
        enum fl_error error = fl_detector_report(detector, &change);
        if (error != FL_OK)
            return error;
        fl_kv_del(kv, FL_DETECTOR_WAITING, walk.key);
    }
    return kv->error;
}
