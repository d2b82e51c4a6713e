/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants of history.h, by their numbers. */
#include <inttypes.h>
#include <stdio.h>

#include "core/bytes.h"
#include "projections/history/history.h"
#include "projections/history/seen.h"

struct checking {
    struct fl_kv *kv;
    char *detail;
};

static bool broken(struct checking *c, int number, const char *table, struct fl_slice key,
                   const char *what)
{
    snprintf(c->detail, FL_DETAIL_SIZE, "%d: %s of %" PRIu32 ", device %" PRIu32 ": %s", number,
             table, fl_first_u32(key), key.size < 8 ? 0 : fl_get_u32(key.data + 4), what);
    return false;
}

static bool check_cells(struct checking *c, unsigned table, const char *name, int64_t bucket_ms,
                        uint32_t first)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, c->kv, table, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        struct fl_history_cell cell;
        if (walk.key.size != FL_HISTORY_CELL_KEY_SIZE ||
            !fl_history_cell_decode(walk.value, &cell) ||
            walk.key.data[FL_HISTORY_BUCKET_KEY_SIZE] >= FL_QUANTITY_COUNT)
            return broken(c, 1, name, walk.key, "no cell");
        if (cell.min > cell.last || cell.last > cell.max ||
            cell.last_at_ms / bucket_ms != (int64_t)fl_first_u32(walk.key))
            return broken(c, 1, name, walk.key, "values that do not fit");
        if (fl_first_u32(walk.key) < first)
            return broken(c, 5, name, walk.key, "too old");
    }
    return true;
}

static bool check_points(struct checking *c, uint32_t first)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, c->kv, FL_HISTORY_POINTS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        if (walk.key.size != FL_HISTORY_POINT_KEY_SIZE || walk.value.size != FL_HISTORY_POINT_SIZE)
            return broken(c, 1, "points", walk.key, "no point");
        if (fl_first_u32(walk.key) < first)
            return broken(c, 5, "points", walk.key, "too old");
    }
    return true;
}

/* Readings in all hours of a day. */
static uint64_t count_hours(struct checking *c, uint32_t day, uint32_t number)
{
    uint8_t key[FL_HISTORY_BUCKET_KEY_SIZE];
    uint64_t sum = 0;
    for (uint32_t i = 0; i < FL_HISTORY_HOURS_PER_DAY; i++) {
        struct fl_kv_walk walk;
        struct fl_history_cell cell;
        fl_kv_walk_begin(&walk, c->kv, FL_HISTORY_HOURS,
                         fl_history_bucket_key(day * FL_HISTORY_HOURS_PER_DAY + i, number, key));
        while (fl_kv_walk_next(&walk))
            if (fl_history_cell_decode(walk.value, &cell))
                sum += cell.count;
    }
    return sum;
}

static bool check_counts(struct checking *c, uint32_t first)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, c->kv, FL_HISTORY_COUNTS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        struct fl_history_count count;
        struct fl_slice there;
        uint32_t day = fl_first_u32(walk.key);
        if (walk.key.size != FL_HISTORY_BUCKET_KEY_SIZE ||
            !fl_history_count_decode(walk.value, &count))
            return broken(c, 1, "counts", walk.key, "no count");
        uint32_t number = fl_get_u32(walk.key.data + 4);
        if (count_hours(c, day, number) != count.reading_count)
            return broken(c, 2, "counts", walk.key, "not the readings of its hours");
        if (fl_kv_get(c->kv, FL_HISTORY_OPEN, walk.key, &there) !=
            (count.reading_count > fl_history_revision(c->kv, day, number)))
            return broken(c, 3, "counts", walk.key, "open, or not, against its readings");
        if (day < first)
            return broken(c, 5, "counts", walk.key, "too old");
    }
    return true;
}

static bool check_open(struct checking *c)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, c->kv, FL_HISTORY_OPEN, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        struct fl_slice there;
        if (!fl_kv_get(c->kv, FL_HISTORY_COUNTS, walk.key, &there))
            return broken(c, 3, "open", walk.key, "no readings");
    }
    return true;
}

static bool check_closed(struct checking *c, uint32_t first)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, c->kv, FL_HISTORY_CLOSED, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        if (walk.key.size != FL_HISTORY_BUCKET_KEY_SIZE || walk.value.size != 8)
            return broken(c, 1, "closed", walk.key, "no revision");
        if (fl_first_u32(walk.key) < first)
            return broken(c, 5, "closed", walk.key, "too old");
    }
    fl_kv_walk_begin(&walk, c->kv, FL_HISTORY_DAYS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        struct fl_slice record = fl_slice_of(walk.key.data, FL_HISTORY_BUCKET_KEY_SIZE);
        struct fl_slice there;
        if (!fl_kv_get(c->kv, FL_HISTORY_CLOSED, record, &there))
            return broken(c, 4, "days", walk.key, "no record");
    }
    return true;
}

bool fl_history_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE])
{
    struct checking c = {kv, detail};
    int64_t now_ms = fl_history_now_ms(kv);
    uint32_t hour = fl_history_first_hour(now_ms);
    uint32_t day = fl_history_first_day(now_ms);
    return check_points(&c, fl_history_first_minute(now_ms)) &&
           check_cells(&c, FL_HISTORY_HOURS, "hours", FL_HISTORY_HOUR_MS, hour) &&
           check_cells(&c, FL_HISTORY_DAYS, "days", FL_HISTORY_DAY_MS, day) &&
           check_counts(&c, hour / FL_HISTORY_HOURS_PER_DAY) && check_open(&c) &&
           check_closed(&c, day);
}
