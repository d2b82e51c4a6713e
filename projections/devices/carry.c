/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that rest on reports which retention has removed: a rebuild takes them over as they are.
 * That such a row is carried shows by itself: its full report's offset is below the log's first. */
#include "core/bytes.h"
#include "projections/devices/devices.h"

enum { NUMBER_SIZE = 4, TICK_KEY_SIZE = 8 };

bool fl_devices_is_carried(const struct fl_latest *row, const uint64_t *begins,
                           uint32_t partition_count)
{
    if (row->partition >= partition_count || begins[row->partition] == 0)
        return false;
    return row->full_offset == FL_OFFSET_NONE || row->full_offset < begins[row->partition];
}

/* Replaces the raw strings of one device. */
static void carry_raw(struct fl_kv *before, struct fl_kv *after, uint32_t device_number)
{
    for (unsigned index = 0; index < FL_RAW_CHUNK_COUNT; index++) {
        uint8_t bytes[FL_RAW_KEY_SIZE];
        struct fl_slice value;
        fl_raw_key(device_number, (uint8_t)index, bytes);
        struct fl_slice key = fl_slice_of(bytes, sizeof(bytes));
        if (fl_kv_get(before, FL_DEVICES_RAW, key, &value))
            fl_kv_put(after, FL_DEVICES_RAW, key, value);
        else
            fl_kv_del(after, FL_DEVICES_RAW, key);
    }
}

static void carry_rows(struct fl_kv *before, struct fl_kv *after, const uint64_t *begins,
                       uint32_t partition_count)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, before, FL_DEVICES_ROWS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        struct fl_latest row;
        if (walk.key.size != NUMBER_SIZE || !fl_latest_decode(walk.value, &row)) {
            fl_kv_fail(before, FL_CORRUPT);
            return;
        }
        if (!fl_devices_is_carried(&row, begins, partition_count))
            continue;
        fl_kv_put(after, FL_DEVICES_ROWS, walk.key, walk.value);
        carry_raw(before, after, fl_first_u32(walk.key));
    }
}

/* The last tick of a gateway that has been gone for longer than the log reaches back. */
static void carry_ticks(struct fl_kv *before, struct fl_kv *after, const uint64_t *begins,
                        uint32_t partition_count)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, before, FL_DEVICES_TICKS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        struct fl_slice there;
        if (walk.key.size != TICK_KEY_SIZE) {
            fl_kv_fail(before, FL_CORRUPT);
            return;
        }
        uint32_t partition = fl_first_u32(walk.key);
        if (partition < partition_count && begins[partition] != 0 &&
            !fl_kv_get(after, FL_DEVICES_TICKS, walk.key, &there))
            fl_kv_put(after, FL_DEVICES_TICKS, walk.key, walk.value);
    }
}

void fl_devices_carry(struct fl_kv *before, struct fl_kv *after, const uint64_t *begins,
                      uint32_t partition_count)
{
    carry_rows(before, after, begins, partition_count);
    carry_ticks(before, after, begins, partition_count);
}
