/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/history/history.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/arena.h"
#include "core/bytes.h"
#include "core/cursor.h"
#include "core/limits.h"
#include "fleetlog/v1/history.pb-c.h"
#include "projections/history/seen.h"
#include "projections/history/slots.h"
#include "projections/telemetry/report.h"

enum {
    SLOT_COUNT_MIN = 256,
    POINT_COUNT_MIN = 4096,
    SLOT_SIZE_OVERHEAD = 32, /* key, index, order */
    ARENA_SIZE_MAX = 4 * 1024 * 1024,
};

/* An hour of a device. */
struct hour {
    uint64_t dirty; /* set of quantities */
    struct fl_history_cell cells[FL_QUANTITY_COUNT];
};
_Static_assert(FL_QUANTITY_COUNT <= 64, "a set of quantities is one word");

struct day {
    struct fl_history_count count;
    uint64_t revision;
    bool counted; /* the count is to be written */
};

struct point {
    uint32_t device_number;
    uint8_t quantity;
    int64_t at_ms;
    int64_t value;
};

struct state {
    struct fl_slots hours; /* hour, device */
    struct fl_slots days;  /* day, device */
    struct fl_slots seen;  /* device */
    struct point *points;
    uint32_t point_count;
    uint32_t point_count_max;
    int64_t now_ms;
    int64_t stored_ms; /* as the store has it; what is older was removed by it */
    bool has_now;
    struct fl_arena arena; /* of one record of topic `history` */
};

/* The kv goes along into the callbacks of a flush. */
struct flushing {
    struct fl_kv *kv;
};

static const char *const table_names[FL_HISTORY_TABLE_COUNT] = {"points", "hours", "days", "counts",
                                                                "closed", "open",  "seen", "now"};
static const char now_name[] = "now";

static uint64_t slot_key(uint32_t bucket, uint32_t device_number)
{
    return (uint64_t)bucket << 32 | device_number;
}

static void history_close(void *state)
{
    struct state *s = state;
    fl_slots_close(&s->hours);
    fl_slots_close(&s->days);
    fl_slots_close(&s->seen);
    fl_arena_fini(&s->arena);
    free(s->points);
    free(s);
}

static enum fl_error history_open(size_t memory_max, void **state)
{
    size_t per_device =
        sizeof(struct hour) + sizeof(struct day) + sizeof(struct fl_seen) + 3 * SLOT_SIZE_OVERHEAD;
    uint32_t slot_count = (uint32_t)(memory_max / 4 * 3 / per_device);
    uint32_t point_count = (uint32_t)(memory_max / 4 / sizeof(struct point));
    struct state *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return FL_NO_MEMORY;
    slot_count = slot_count < SLOT_COUNT_MIN ? SLOT_COUNT_MIN : slot_count;
    s->point_count_max = point_count < POINT_COUNT_MIN ? POINT_COUNT_MIN : point_count;
    s->points = calloc(s->point_count_max, sizeof(*s->points));
    fl_arena_init(&s->arena, ARENA_SIZE_MAX);
    if (s->points == NULL || fl_slots_open(&s->hours, sizeof(struct hour), slot_count) != FL_OK ||
        fl_slots_open(&s->days, sizeof(struct day), slot_count) != FL_OK ||
        fl_slots_open(&s->seen, sizeof(struct fl_seen), slot_count) != FL_OK) {
        history_close(s);
        return FL_NO_MEMORY;
    }
    *state = s;
    return FL_OK;
}

static void history_discard(void *state)
{
    struct state *s = state;
    fl_slots_clear(&s->hours);
    fl_slots_clear(&s->days);
    fl_slots_clear(&s->seen);
    s->point_count = 0;
    s->has_now = false;
}

static bool history_is_full(const void *state)
{
    const struct state *s = state;
    return !fl_slots_has_room(&s->hours) || !fl_slots_has_room(&s->days) ||
           !fl_slots_has_room(&s->seen) || s->point_count + FL_QUANTITY_COUNT >= s->point_count_max;
}

int64_t fl_history_now_ms(struct fl_kv *kv)
{
    struct fl_slice value;
    if (!fl_kv_get(kv, FL_HISTORY_NOW, fl_slice_text(now_name), &value))
        return 0;
    return (int64_t)fl_first_u64(value);
}

uint32_t fl_history_first_minute(int64_t now_ms)
{
    int64_t hour = now_ms / FL_HISTORY_HOUR_MS - FL_HISTORY_POINT_HOURS;
    return hour < 0 ? 0 : (uint32_t)(hour * FL_HISTORY_HOUR_MS / FL_HISTORY_MINUTE_MS);
}

uint32_t fl_history_first_hour(int64_t now_ms)
{
    int64_t day = now_ms / FL_HISTORY_DAY_MS - FL_HISTORY_HOUR_DAYS;
    return day < 0 ? 0 : (uint32_t)(day * FL_HISTORY_HOURS_PER_DAY);
}

uint32_t fl_history_first_day(int64_t now_ms)
{
    int64_t day = now_ms / FL_HISTORY_DAY_MS - FL_HISTORY_DAY_DAYS;
    return day < 0 ? 0 : (uint32_t)day;
}

static void know_now(struct state *s, struct fl_kv *kv, int64_t time_ms)
{
    if (!s->has_now)
        s->now_ms = s->stored_ms = fl_history_now_ms(kv);
    s->has_now = true;
    if (time_ms > s->now_ms)
        s->now_ms = time_ms;
}

static struct hour *hour_of(struct state *s, struct fl_kv *kv, uint32_t hour, uint32_t number)
{
    uint8_t key[FL_HISTORY_BUCKET_KEY_SIZE];
    struct fl_kv_walk walk;
    bool is_new = false;
    struct hour *row = fl_slots_find(&s->hours, slot_key(hour, number), &is_new);
    if (!is_new)
        return row;
    fl_kv_walk_begin(&walk, kv, FL_HISTORY_HOURS, fl_history_bucket_key(hour, number, key));
    while (fl_kv_walk_next(&walk)) {
        unsigned quantity = walk.key.size == FL_HISTORY_CELL_KEY_SIZE
                                ? walk.key.data[FL_HISTORY_BUCKET_KEY_SIZE]
                                : FL_QUANTITY_COUNT;
        if (quantity >= FL_QUANTITY_COUNT ||
            !fl_history_cell_decode(walk.value, &row->cells[quantity]))
            fl_kv_fail(kv, FL_CORRUPT);
    }
    return row;
}

static struct day *day_of(struct state *s, struct fl_kv *kv, uint32_t day, uint32_t number)
{
    uint8_t key[FL_HISTORY_BUCKET_KEY_SIZE];
    struct fl_slice value;
    bool is_new = false;
    struct day *row = fl_slots_find(&s->days, slot_key(day, number), &is_new);
    if (!is_new)
        return row;
    row->count.first_offset = FL_OFFSET_NONE;
    row->revision = fl_history_revision(kv, day, number);
    if (fl_kv_get(kv, FL_HISTORY_COUNTS, fl_history_bucket_key(day, number, key), &value) &&
        !fl_history_count_decode(value, &row->count))
        fl_kv_fail(kv, FL_CORRUPT);
    return row;
}

static struct fl_seen *seen_of(struct state *s, struct fl_kv *kv, uint32_t number)
{
    uint8_t key[4];
    struct fl_slice value;
    bool is_new = false;
    struct fl_seen *row = fl_slots_find(&s->seen, number, &is_new);
    if (is_new && fl_kv_get(kv, FL_HISTORY_SEEN, fl_u32_key(number, key), &value) &&
        !fl_seen_decode(value, row))
        fl_kv_fail(kv, FL_CORRUPT);
    return row;
}

/* The time of a reading by the gateway's clock. */
static int64_t time_of(const struct fl_report *report)
{
    int64_t at_ms = 0; /* an agent's numbers may be any */
    if (__builtin_add_overflow(report->sampled_at_ms, report->clock_offset_ms, &at_ms) ||
        at_ms > report->received_at_ms)
        at_ms = report->received_at_ms;
    return at_ms < 0 ? 0 : at_ms;
}

/* The good values of a report, by quantity; of one that comes twice the last. Returns their set. */
static uint64_t read_values(const struct fl_report *report, int64_t values[FL_QUANTITY_COUNT])
{
    uint64_t found = 0;
    struct fl_reading_walk walk = fl_readings(report);
    while (fl_reading_next(&walk)) {
        enum fl_quantity quantity = fl_quantity_of(walk.name);
        int64_t thousandths = 0;
        if (quantity == FL_QUANTITY_COUNT ||
            fl_quantity_parse(quantity, walk.value, &thousandths) != FL_QUALITY_OK)
            continue;
        values[quantity] = thousandths;
        found |= UINT64_C(1) << quantity;
    }
    return found;
}

static void add_point(struct state *s, uint32_t number, unsigned quantity, int64_t at_ms,
                      int64_t value)
{
    if (at_ms / FL_HISTORY_MINUTE_MS < fl_history_first_minute(s->now_ms))
        return;
    s->points[s->point_count++] = (struct point){number, (uint8_t)quantity, at_ms, value};
}

static void count_report(struct day *day, const struct fl_report *report,
                         const struct fl_view_input *input, unsigned reading_count)
{
    struct fl_history_count *count = &day->count;
    count->reading_count += reading_count;
    if (report->generation > count->generation ||
        (report->generation == count->generation && report->counter > count->counter)) {
        count->generation = report->generation;
        count->counter = report->counter;
    }
    if (count->first_offset == FL_OFFSET_NONE || input->offset < count->first_offset)
        count->first_offset = input->offset;
    count->partition = input->partition;
    day->counted = true;
}

static void apply_report(struct state *s, struct fl_kv *kv, const struct fl_view_input *input,
                         const struct fl_report *report)
{
    int64_t values[FL_QUANTITY_COUNT];
    uint32_t number = report->device_number;
    know_now(s, kv, report->received_at_ms);
    struct fl_seen *seen = seen_of(s, kv, number);
    if (!fl_seen_note(seen, report->generation, report->counter))
        return;
    fl_slots_mark(&s->seen, seen);
    int64_t at_ms = time_of(report);
    uint32_t hour = (uint32_t)(at_ms / FL_HISTORY_HOUR_MS);
    uint64_t found = read_values(report, values);
    if (found == 0 || hour < fl_history_first_hour(s->now_ms))
        return;
    struct hour *cells = hour_of(s, kv, hour, number);
    struct day *day = day_of(s, kv, hour / FL_HISTORY_HOURS_PER_DAY, number);
    unsigned reading_count = 0;
    for (unsigned quantity = 0; quantity < FL_QUANTITY_COUNT; quantity++) {
        if ((found >> quantity & 1) == 0)
            continue;
        fl_history_cell_add(&cells->cells[quantity], values[quantity], at_ms);
        add_point(s, number, quantity, at_ms, values[quantity]);
        reading_count++;
    }
    cells->dirty |= found;
    count_report(day, report, input, reading_count);
    fl_slots_mark(&s->hours, cells);
    fl_slots_mark(&s->days, day);
}

static enum fl_error apply_telemetry(struct state *s, struct fl_kv *kv,
                                     const struct fl_view_input *input, char detail[FL_DETAIL_SIZE])
{
    struct fl_report report;
    struct fl_tick tick;
    enum fl_telemetry_kind kind;
    const char *what = NULL;
    enum fl_error error = fl_telemetry_decode(input->record->value, &kind, &report, &tick, &what);
    if (error != FL_OK) {
        snprintf(detail, FL_DETAIL_SIZE, "%s", what != NULL ? what : fl_error_text(error));
        return error;
    }
    if (kind == FL_TELEMETRY_REPORT)
        apply_report(s, kv, input, &report);
    else if (kind == FL_TELEMETRY_TICK)
        know_now(s, kv, tick.time_ms);
    return kv->error;
}

uint64_t fl_history_revision(struct fl_kv *kv, uint32_t day, uint32_t device_number)
{
    uint8_t key[FL_HISTORY_BUCKET_KEY_SIZE];
    struct fl_slice value;
    if (!fl_kv_get(kv, FL_HISTORY_CLOSED, fl_history_bucket_key(day, device_number, key), &value))
        return 0;
    return fl_first_u64(value);
}

/* Replaces the day's cells. */
static void put_day(struct fl_kv *kv, const Fleetlog__V1__HistoryDay *day)
{
    uint8_t key[FL_HISTORY_CELL_KEY_SIZE];
    uint8_t bytes[FL_HISTORY_CELL_SIZE];
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, kv, FL_HISTORY_DAYS,
                     fl_history_bucket_key(day->day, day->device_number, key));
    while (fl_kv_walk_next(&walk))
        fl_kv_del(kv, FL_HISTORY_DAYS, walk.key);
    for (size_t i = 0; i < day->n_quantities; i++) {
        const Fleetlog__V1__HistoryQuantity *from = day->quantities[i];
        enum fl_quantity quantity = fl_quantity_of(fl_slice_text(from->name));
        if (quantity == FL_QUANTITY_COUNT)
            continue; /* of a program that knows more: it stays on the topic */
        const struct fl_history_cell cell = {from->min,  from->max,        from->sum,
                                             from->last, from->last_at_ms, (uint32_t)from->count};
        fl_history_cell_encode(&cell, bytes);
        fl_kv_put(kv, FL_HISTORY_DAYS,
                  fl_history_cell_key(day->day, day->device_number, quantity, key),
                  fl_slice_of(bytes, sizeof(bytes)));
    }
    fl_put_u64(bytes, day->revision);
    fl_kv_put(kv, FL_HISTORY_CLOSED, fl_history_bucket_key(day->day, day->device_number, key),
              fl_slice_of(bytes, 8));
}

/* Values that cannot be of one day are nobody's readings. */
static bool is_good(const Fleetlog__V1__HistoryDay *day)
{
    for (size_t i = 0; i < day->n_quantities; i++) {
        const Fleetlog__V1__HistoryQuantity *quantity = day->quantities[i];
        if (quantity->min > quantity->last || quantity->last > quantity->max ||
            quantity->count > UINT32_MAX ||
            quantity->last_at_ms / FL_HISTORY_DAY_MS != (int64_t)day->day)
            return false;
    }
    return true;
}

static enum fl_error apply_day(struct state *s, struct fl_kv *kv, const struct fl_view_input *input,
                               char detail[FL_DETAIL_SIZE])
{
    ProtobufCMessage *message = NULL;
    fl_arena_reset(&s->arena);
    enum fl_error error = fl_message_decode(&s->arena, &fleetlog__v1__history_day__descriptor,
                                            input->record->value, &message);
    if (error == FL_OK)
        error = fl_message_validate(message, detail);
    else
        snprintf(detail, FL_DETAIL_SIZE, "no HistoryDay: %s", fl_error_text(error));
    if (error != FL_OK)
        return error;
    const Fleetlog__V1__HistoryDay *day = (const Fleetlog__V1__HistoryDay *)message;
    if (!is_good(day)) {
        snprintf(detail, FL_DETAIL_SIZE, "values that are not of one day");
        return FL_INVALID;
    }
    know_now(s, kv, 0);
    if (day->day < fl_history_first_day(s->now_ms))
        return kv->error;
    struct day *row = day_of(s, kv, day->day, day->device_number);
    if (day->revision <= row->revision)
        return kv->error;
    row->revision = day->revision;
    fl_slots_mark(&s->days, row);
    put_day(kv, day);
    return kv->error;
}

static enum fl_error history_apply(void *state, struct fl_kv *kv, const struct fl_view_input *input,
                                   char detail[FL_DETAIL_SIZE])
{
    if (input->kind == FL_READS_TELEMETRY)
        return apply_telemetry(state, kv, input, detail);
    return apply_day(state, kv, input, detail);
}

static void write_hour(void *context, uint64_t key, void *row)
{
    struct fl_kv *kv = ((struct flushing *)context)->kv;
    struct hour *hour = row;
    uint8_t bytes[FL_HISTORY_CELL_KEY_SIZE];
    uint8_t cell[FL_HISTORY_CELL_SIZE];
    for (unsigned quantity = 0; quantity < FL_QUANTITY_COUNT; quantity++) {
        if ((hour->dirty >> quantity & 1) == 0)
            continue;
        fl_history_cell_encode(&hour->cells[quantity], cell);
        fl_kv_put(kv, FL_HISTORY_HOURS,
                  fl_history_cell_key((uint32_t)(key >> 32), (uint32_t)key, quantity, bytes),
                  fl_slice_of(cell, sizeof(cell)));
    }
    hour->dirty = 0;
}

void fl_history_settle_open(struct fl_kv *kv, uint32_t day, uint32_t device_number,
                            uint64_t reading_count, uint64_t revision)
{
    uint8_t bytes[FL_HISTORY_BUCKET_KEY_SIZE];
    struct fl_slice key = fl_history_bucket_key(day, device_number, bytes);
    struct fl_slice value;
    bool is_open = fl_kv_get(kv, FL_HISTORY_OPEN, key, &value);
    if (is_open && reading_count <= revision)
        fl_kv_del(kv, FL_HISTORY_OPEN, key);
    else if (!is_open && reading_count > revision)
        fl_kv_put(kv, FL_HISTORY_OPEN, key, fl_slice_text(""));
}

static void write_day(void *context, uint64_t key, void *row)
{
    struct fl_kv *kv = ((struct flushing *)context)->kv;
    struct day *day = row;
    uint8_t bytes[FL_HISTORY_BUCKET_KEY_SIZE];
    uint8_t count[FL_HISTORY_COUNT_SIZE];
    if (day->counted) {
        fl_history_count_encode(&day->count, count);
        fl_kv_put(kv, FL_HISTORY_COUNTS,
                  fl_history_bucket_key((uint32_t)(key >> 32), (uint32_t)key, bytes),
                  fl_slice_of(count, sizeof(count)));
    }
    day->counted = false;
    fl_history_settle_open(kv, (uint32_t)(key >> 32), (uint32_t)key, day->count.reading_count,
                           day->revision);
}

static void write_seen(void *context, uint64_t key, void *row)
{
    uint8_t bytes[FL_SEEN_SIZE];
    uint8_t number[4];
    fl_seen_encode(row, bytes);
    fl_kv_put(((struct flushing *)context)->kv, FL_HISTORY_SEEN, fl_u32_key((uint32_t)key, number),
              fl_slice_of(bytes, sizeof(bytes)));
}

static int compare_points(const void *a, const void *b)
{
    const struct point *left = a;
    const struct point *right = b;
    int64_t minutes = left->at_ms / FL_HISTORY_MINUTE_MS - right->at_ms / FL_HISTORY_MINUTE_MS;
    if (minutes != 0)
        return minutes < 0 ? -1 : 1;
    if (left->device_number != right->device_number)
        return left->device_number < right->device_number ? -1 : 1;
    if (left->quantity != right->quantity)
        return left->quantity < right->quantity ? -1 : 1;
    if (left->at_ms != right->at_ms)
        return left->at_ms < right->at_ms ? -1 : 1;
    return (left->value > right->value) - (left->value < right->value);
}

/* Of two readings of one moment the greater stays, whichever batch it came in. */
static void write_points(struct state *s, struct fl_kv *kv)
{
    uint8_t key[FL_HISTORY_POINT_KEY_SIZE];
    uint8_t value[FL_HISTORY_POINT_SIZE];
    struct fl_slice there;
    qsort(s->points, s->point_count, sizeof(*s->points), compare_points);
    for (uint32_t i = 0; i < s->point_count; i++) {
        const struct point *point = &s->points[i];
        struct fl_slice at =
            fl_history_point_key(point->device_number, point->quantity, point->at_ms, key);
        if (point->at_ms / FL_HISTORY_MINUTE_MS < fl_history_first_minute(s->now_ms) ||
            (fl_kv_get(kv, FL_HISTORY_POINTS, at, &there) &&
             (int64_t)fl_first_u64(there) >= point->value))
            continue;
        fl_put_u64(value, (uint64_t)point->value);
        fl_kv_append(kv, FL_HISTORY_POINTS, at, fl_slice_of(value, sizeof(value)));
    }
    s->point_count = 0;
}

/* Removes all rows whose time is below; they stand in front. */
static void remove_before(struct fl_kv *kv, unsigned table, uint32_t first)
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, kv, table, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk) && fl_first_u32(walk.key) < first)
        fl_kv_del(kv, table, walk.key);
}

/* Points go as often as the hour changes, the rest as the day does: as much goes as has come. */
void fl_history_set_now(struct fl_kv *kv, int64_t before_ms, int64_t now_ms)
{
    uint8_t bytes[8];
    uint32_t hour = fl_history_first_hour(now_ms);
    fl_kv_put(kv, FL_HISTORY_NOW, fl_slice_text(now_name), fl_u64_key((uint64_t)now_ms, bytes));
    if (fl_history_first_minute(now_ms) != fl_history_first_minute(before_ms))
        remove_before(kv, FL_HISTORY_POINTS, fl_history_first_minute(now_ms));
    if (hour == fl_history_first_hour(before_ms))
        return;
    remove_before(kv, FL_HISTORY_HOURS, hour);
    remove_before(kv, FL_HISTORY_COUNTS, hour / FL_HISTORY_HOURS_PER_DAY);
    remove_before(kv, FL_HISTORY_OPEN, hour / FL_HISTORY_HOURS_PER_DAY);
    remove_before(kv, FL_HISTORY_DAYS, fl_history_first_day(now_ms));
    remove_before(kv, FL_HISTORY_CLOSED, fl_history_first_day(now_ms));
}

static void keep_time(struct state *s, struct fl_kv *kv)
{
    if (!s->has_now || s->now_ms == s->stored_ms)
        return;
    fl_history_set_now(kv, s->stored_ms, s->now_ms);
    if (fl_history_first_hour(s->now_ms) != fl_history_first_hour(s->stored_ms)) {
        /* Rows in memory may be of the time that is gone. */
        fl_slots_clear(&s->hours);
        fl_slots_clear(&s->days);
    }
    s->stored_ms = s->now_ms;
}

static void history_flush(void *state, struct fl_kv *kv)
{
    struct state *s = state;
    struct flushing context = {kv};
    bool was_full = history_is_full(s);
    write_points(s, kv);
    fl_slots_flush(&s->hours, write_hour, &context);
    fl_slots_flush(&s->days, write_day, &context);
    fl_slots_flush(&s->seen, write_seen, &context);
    keep_time(s, kv);
    if (was_full)
        history_discard(s);
}

const struct fl_view *fl_history_view(void)
{
    static const struct fl_view view = {
        .name = "history",
        .fold_version = 1,
        .inputs = FL_READS_TELEMETRY | FL_READS_HISTORY,
        .tables = table_names,
        .table_count = FL_HISTORY_TABLE_COUNT,
        .open = history_open,
        .close = history_close,
        .apply = history_apply,
        .flush = history_flush,
        .discard = history_discard,
        .is_full = history_is_full,
        .check = fl_history_check,
        .tables_not_compared = 1u << FL_HISTORY_SEEN,
        .renumber = fl_history_renumber,
        .carry = fl_history_carry,
    };
    return &view;
}
