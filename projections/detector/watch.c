/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/detector/watch.h"

#include <string.h>

#include "core/assert.h"
#include "core/cursor.h"

void fl_watch_encode(const struct fl_watch *watch, uint8_t out[FL_WATCH_SIZE])
{
    struct fl_write_cursor to;
    fl_write_init(&to, out, FL_WATCH_SIZE);
    fl_write_u32(&to, watch->partition);
    fl_write_u32(&to, watch->gateway_number);
    fl_write_u64(&to, watch->heard_ms);
    fl_write_u32(&to, watch->conditions);
    fl_write_u32(&to, watch->generation);
    fl_write_u64(&to, watch->counter);
    fl_write_u64(&to, (uint64_t)watch->sampled_at_ms);
    fl_write_bytes(&to, fl_slice_of(watch->device_id, FL_ID_SIZE));
    fl_write_u32(&to, watch->known);
    fl_write_u32(&to, watch->status);
    fl_write_u64(&to, (uint64_t)watch->input_voltage);
    fl_write_u64(&to, (uint64_t)watch->transfer_low);
    fl_write_u64(&to, (uint64_t)watch->charge);
    fl_write_u64(&to, (uint64_t)watch->discharge_from);
    fl_write_u64(&to, (uint64_t)watch->alarm_at_ms);
    fl_write_u64(&to, (uint64_t)watch->temperature);
    fl_write_u64(&to, (uint64_t)watch->off_at_ms);
    fl_write_u64(&to, (uint64_t)watch->adjust_at_ms);
    fl_assert(to.error == FL_OK && to.at == to.end);
}

bool fl_watch_decode(struct fl_slice bytes, struct fl_watch *watch)
{
    struct fl_read_cursor in;
    uint32_t possible = ((UINT32_C(1) << FL_CONDITION_END) - 1) & ~UINT32_C(1);
    if (bytes.size != FL_WATCH_SIZE)
        return false;
    fl_read_init(&in, bytes);
    watch->partition = fl_read_u32(&in);
    watch->gateway_number = fl_read_u32(&in);
    watch->heard_ms = fl_read_u64(&in);
    watch->conditions = fl_read_u32(&in);
    watch->generation = fl_read_u32(&in);
    watch->counter = fl_read_u64(&in);
    watch->sampled_at_ms = (int64_t)fl_read_u64(&in);
    memcpy(watch->device_id, fl_read_bytes(&in, FL_ID_SIZE).data, FL_ID_SIZE);
    watch->known = fl_read_u32(&in);
    watch->status = fl_read_u32(&in);
    watch->input_voltage = (int64_t)fl_read_u64(&in);
    watch->transfer_low = (int64_t)fl_read_u64(&in);
    watch->charge = (int64_t)fl_read_u64(&in);
    watch->discharge_from = (int64_t)fl_read_u64(&in);
    watch->alarm_at_ms = (int64_t)fl_read_u64(&in);
    watch->temperature = (int64_t)fl_read_u64(&in);
    watch->off_at_ms = (int64_t)fl_read_u64(&in);
    watch->adjust_at_ms = (int64_t)fl_read_u64(&in);
    return (watch->conditions & ~possible) == 0 && watch->counter != 0;
}
