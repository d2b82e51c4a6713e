/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/devices/devices.h"

static uint64_t moved(uint64_t offset, uint64_t subtract)
{
    return offset == FL_OFFSET_NONE || offset < subtract ? FL_OFFSET_NONE : offset - subtract;
}

void fl_devices_renumber(struct fl_kv *kv, uint32_t partition, uint64_t subtract)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, kv, FL_DEVICES_ROWS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        struct fl_latest row;
        uint8_t bytes[FL_LATEST_SIZE];
        if (!fl_latest_decode(walk.value, &row)) {
            fl_kv_fail(kv, FL_CORRUPT);
            return;
        }
        if (row.partition != partition)
            continue;
        row.full_offset = moved(row.full_offset, subtract);
        row.last_offset = moved(row.last_offset, subtract);
        fl_latest_encode(&row, bytes);
        fl_kv_put(kv, FL_DEVICES_ROWS, walk.key, fl_slice_of(bytes, sizeof(bytes)));
    }
}
