/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/history/cell.h"

#include "core/assert.h"
#include "core/bytes.h"
#include "core/cursor.h"

void fl_history_cell_add(struct fl_history_cell *cell, int64_t value, int64_t at_ms)
{
    const struct fl_history_cell one = {value, value, value, value, at_ms, 1};
    fl_history_cell_merge(cell, &one);
}

void fl_history_cell_merge(struct fl_history_cell *cell, const struct fl_history_cell *other)
{
    if (other->count == 0)
        return;
    if (cell->count == 0) {
        *cell = *other;
        return;
    }
    cell->min = other->min < cell->min ? other->min : cell->min;
    cell->max = other->max > cell->max ? other->max : cell->max;
    cell->sum += other->sum;
    cell->count += other->count;
    if (other->last_at_ms < cell->last_at_ms)
        return;
    cell->last = other->last;
    cell->last_at_ms = other->last_at_ms;
}

int64_t fl_history_cell_mean(const struct fl_history_cell *cell)
{
    fl_assert(cell->count != 0);
    int64_t half = cell->count / 2;
    return (cell->sum + (cell->sum < 0 ? -half : half)) / (int64_t)cell->count;
}

void fl_history_cell_encode(const struct fl_history_cell *cell, uint8_t out[FL_HISTORY_CELL_SIZE])
{
    out = fl_put_u64(out, (uint64_t)cell->min);
    out = fl_put_u64(out, (uint64_t)cell->max);
    out = fl_put_u64(out, (uint64_t)cell->sum);
    out = fl_put_u64(out, (uint64_t)cell->last);
    out = fl_put_u64(out, (uint64_t)cell->last_at_ms);
    fl_put_u32(out, cell->count);
}

bool fl_history_cell_decode(struct fl_slice bytes, struct fl_history_cell *cell)
{
    struct fl_read_cursor in;
    if (bytes.size != FL_HISTORY_CELL_SIZE)
        return false;
    fl_read_init(&in, bytes);
    cell->min = (int64_t)fl_read_u64(&in);
    cell->max = (int64_t)fl_read_u64(&in);
    cell->sum = (int64_t)fl_read_u64(&in);
    cell->last = (int64_t)fl_read_u64(&in);
    cell->last_at_ms = (int64_t)fl_read_u64(&in);
    cell->count = fl_read_u32(&in);
    return cell->count != 0;
}

struct fl_slice fl_history_bucket_key(uint32_t bucket, uint32_t device_number,
                                      uint8_t out[FL_HISTORY_BUCKET_KEY_SIZE])
{
    fl_put_u32(fl_put_u32(out, bucket), device_number);
    return fl_slice_of(out, FL_HISTORY_BUCKET_KEY_SIZE);
}

struct fl_slice fl_history_cell_key(uint32_t bucket, uint32_t device_number, unsigned quantity,
                                    uint8_t out[FL_HISTORY_CELL_KEY_SIZE])
{
    fl_history_bucket_key(bucket, device_number, out);
    out[FL_HISTORY_BUCKET_KEY_SIZE] = (uint8_t)quantity;
    return fl_slice_of(out, FL_HISTORY_CELL_KEY_SIZE);
}

struct fl_slice fl_history_point_key(uint32_t device_number, unsigned quantity, int64_t at_ms,
                                     uint8_t out[FL_HISTORY_POINT_KEY_SIZE])
{
    fl_history_cell_key((uint32_t)(at_ms / FL_HISTORY_MINUTE_MS), device_number, quantity, out);
    fl_put_u16(out + FL_HISTORY_CELL_KEY_SIZE, (uint16_t)(at_ms % FL_HISTORY_MINUTE_MS));
    return fl_slice_of(out, FL_HISTORY_POINT_KEY_SIZE);
}
