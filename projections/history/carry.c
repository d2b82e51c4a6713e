/* SPDX-License-Identifier: Apache-2.0 */
/* What rests on reports that retention has removed: days whose first report is gone. A rebuild
 * takes their hours over as they are; closed days need no carrying, they come from their topic. */
#include "core/bytes.h"
#include "core/cursor.h"
#include "core/limits.h"
#include "projections/history/history.h"

void fl_history_count_encode(const struct fl_history_count *count,
                             uint8_t out[FL_HISTORY_COUNT_SIZE])
{
    out = fl_put_u64(out, count->reading_count);
    out = fl_put_u32(out, count->generation);
    out = fl_put_u64(out, count->counter);
    out = fl_put_u64(out, count->first_offset);
    fl_put_u32(out, count->partition);
}

bool fl_history_count_decode(struct fl_slice bytes, struct fl_history_count *count)
{
    struct fl_read_cursor in;
    if (bytes.size != FL_HISTORY_COUNT_SIZE)
        return false;
    fl_read_init(&in, bytes);
    count->reading_count = fl_read_u64(&in);
    count->generation = fl_read_u32(&in);
    count->counter = fl_read_u64(&in);
    count->first_offset = fl_read_u64(&in);
    count->partition = fl_read_u32(&in);
    return true;
}

void fl_history_renumber(struct fl_kv *kv, uint32_t partition, uint64_t subtract)
{
    struct fl_kv_walk walk;
    uint8_t bytes[FL_HISTORY_COUNT_SIZE];
    fl_kv_walk_begin(&walk, kv, FL_HISTORY_COUNTS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        struct fl_history_count count;
        if (!fl_history_count_decode(walk.value, &count)) {
            fl_kv_fail(kv, FL_CORRUPT);
            return;
        }
        if (count.partition != partition || count.first_offset == FL_OFFSET_NONE)
            continue;
        count.first_offset =
            count.first_offset < subtract ? FL_OFFSET_NONE : count.first_offset - subtract;
        fl_history_count_encode(&count, bytes);
        fl_kv_put(kv, FL_HISTORY_COUNTS, walk.key, fl_slice_of(bytes, sizeof(bytes)));
    }
}

/* Replaces all rows of `after` whose key begins so. */
static void carry_prefix(struct fl_kv *before, struct fl_kv *after, unsigned table,
                         struct fl_slice prefix)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, after, table, prefix);
    while (fl_kv_walk_next(&walk))
        fl_kv_del(after, table, walk.key);
    fl_kv_walk_begin(&walk, before, table, prefix);
    while (fl_kv_walk_next(&walk))
        fl_kv_put(after, table, walk.key, walk.value);
}

static void carry_day(struct fl_kv *before, struct fl_kv *after, uint32_t day, uint32_t number)
{
    enum { MINUTES_PER_DAY = FL_HISTORY_DAY_MS / FL_HISTORY_MINUTE_MS };
    uint8_t key[FL_HISTORY_BUCKET_KEY_SIZE];
    uint32_t first = fl_history_first_minute(fl_history_now_ms(before));
    for (uint32_t i = 0; i < FL_HISTORY_HOURS_PER_DAY; i++)
        carry_prefix(before, after, FL_HISTORY_HOURS,
                     fl_history_bucket_key(day * FL_HISTORY_HOURS_PER_DAY + i, number, key));
    for (uint32_t i = 0; i < MINUTES_PER_DAY && (day + 1) * MINUTES_PER_DAY > first; i++)
        carry_prefix(before, after, FL_HISTORY_POINTS,
                     fl_history_bucket_key(day * MINUTES_PER_DAY + i, number, key));
}

void fl_history_carry(struct fl_kv *before, struct fl_kv *after, const uint64_t *begins,
                      uint32_t partition_count)
{
    struct fl_kv_walk walk;
    int64_t now_ms = fl_history_now_ms(before);
    bool any_gone = false;
    for (uint32_t i = 0; i < partition_count; i++)
        any_gone = any_gone || begins[i] != 0;
    if (any_gone && now_ms > fl_history_now_ms(after))
        fl_history_set_now(after, fl_history_now_ms(after), now_ms);
    fl_kv_walk_begin(&walk, before, FL_HISTORY_COUNTS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        struct fl_history_count count;
        if (walk.key.size != FL_HISTORY_BUCKET_KEY_SIZE ||
            !fl_history_count_decode(walk.value, &count)) {
            fl_kv_fail(before, FL_CORRUPT);
            return;
        }
        if (count.partition >= partition_count || begins[count.partition] == 0 ||
            (count.first_offset != FL_OFFSET_NONE && count.first_offset >= begins[count.partition]))
            continue;
        uint32_t day = fl_get_u32(walk.key.data);
        uint32_t number = fl_get_u32(walk.key.data + 4);
        fl_kv_put(after, FL_HISTORY_COUNTS, walk.key, walk.value);
        carry_day(before, after, day, number);
        fl_history_settle_open(after, day, number, count.reading_count,
                               fl_history_revision(after, day, number));
    }
}
