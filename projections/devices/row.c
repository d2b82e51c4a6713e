/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/devices/row.h"

#include "core/assert.h"
#include "core/bytes.h"
#include "core/cursor.h"
#include "core/limits.h"

void fl_latest_init(struct fl_latest *row)
{
    *row = (struct fl_latest){.full_offset = FL_OFFSET_NONE, .last_offset = FL_OFFSET_NONE};
}

void fl_latest_encode(const struct fl_latest *row, uint8_t out[FL_LATEST_SIZE])
{
    uint8_t *at = fl_put_u32(out, row->generation);
    at = fl_put_u64(at, row->counter);
    *at++ = (uint8_t)row->kind;
    at = fl_put_u32(at, row->partition);
    at = fl_put_u32(at, row->gateway_number);
    at = fl_put_u64(at, (uint64_t)row->sampled_at_ms);
    at = fl_put_u64(at, (uint64_t)row->received_at_ms);
    at = fl_put_u64(at, (uint64_t)row->clock_offset_ms);
    at = fl_put_u64(at, (uint64_t)row->readings_at_ms);
    at = fl_put_u64(at, row->full_offset);
    at = fl_put_u64(at, row->last_offset);
    at = fl_put_u64(at, row->full_counter);
    at = fl_put_u64(at, row->gap_counter);
    at = fl_put_u64(at, row->thinned_count);
    at = fl_put_u32(at, row->status);
    at = fl_put_u32(at, row->chunk_mask);
    at = fl_put_u16(at, row->other_count);
    for (size_t q = 0; q < FL_QUANTITY_COUNT; q++) {
        at = fl_put_u64(at, (uint64_t)row->values[q].thousandths);
        at = fl_put_u32(at, row->values[q].counter);
        *at++ = (uint8_t)row->values[q].quality;
    }
    fl_assert(at == out + FL_LATEST_SIZE);
}

bool fl_latest_decode(struct fl_slice bytes, struct fl_latest *row)
{
    struct fl_read_cursor in;
    if (bytes.size != FL_LATEST_SIZE)
        return false;
    fl_read_init(&in, bytes);
    row->generation = fl_read_u32(&in);
    row->counter = fl_read_u64(&in);
    row->kind = (enum fl_report_kind)fl_read_u8(&in);
    row->partition = fl_read_u32(&in);
    row->gateway_number = fl_read_u32(&in);
    row->sampled_at_ms = (int64_t)fl_read_u64(&in);
    row->received_at_ms = (int64_t)fl_read_u64(&in);
    row->clock_offset_ms = (int64_t)fl_read_u64(&in);
    row->readings_at_ms = (int64_t)fl_read_u64(&in);
    row->full_offset = fl_read_u64(&in);
    row->last_offset = fl_read_u64(&in);
    row->full_counter = fl_read_u64(&in);
    row->gap_counter = fl_read_u64(&in);
    row->thinned_count = fl_read_u64(&in);
    row->status = fl_read_u32(&in);
    row->chunk_mask = fl_read_u32(&in);
    row->other_count = fl_read_u16(&in);
    for (size_t q = 0; q < FL_QUANTITY_COUNT; q++) {
        row->values[q].thousandths = (int64_t)fl_read_u64(&in);
        row->values[q].counter = fl_read_u32(&in);
        row->values[q].quality = (enum fl_quality)fl_read_u8(&in);
        if (row->values[q].quality > FL_QUALITY_STALE)
            return false;
    }
    return in.error == FL_OK && row->kind <= FL_REPORT_STALE;
}

enum fl_quality fl_latest_quality(const struct fl_latest *row, enum fl_quantity quantity)
{
    const struct fl_latest_value *value = &row->values[quantity];
    bool is_older = (int32_t)(value->counter - (uint32_t)row->gap_counter) < 0;
    if (value->quality == FL_QUALITY_OK && row->gap_counter != 0 && is_older)
        return FL_QUALITY_STALE;
    return value->quality;
}
