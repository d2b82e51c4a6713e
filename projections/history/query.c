/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/history/query.h"

#include "core/assert.h"
#include "core/bytes.h"

const char *fl_history_source_name(enum fl_history_source source)
{
    static const char *const names[] = {"readings", "hours", "days"};
    fl_assert(source <= FL_HISTORY_FROM_DAYS);
    return names[source];
}

/* Steps that people read well. */
static const int64_t steps_ms[] = {
    INT64_C(1000),
    INT64_C(10) * 1000,
    INT64_C(30) * 1000,
    FL_HISTORY_MINUTE_MS,
    INT64_C(5) * FL_HISTORY_MINUTE_MS,
    INT64_C(15) * FL_HISTORY_MINUTE_MS,
    FL_HISTORY_HOUR_MS,
    INT64_C(3) * FL_HISTORY_HOUR_MS,
    INT64_C(6) * FL_HISTORY_HOUR_MS,
    INT64_C(12) * FL_HISTORY_HOUR_MS,
    FL_HISTORY_DAY_MS,
    INT64_C(7) * FL_HISTORY_DAY_MS,
    INT64_C(30) * FL_HISTORY_DAY_MS,
    INT64_C(365) * FL_HISTORY_DAY_MS,
};
enum { STEP_COUNT = sizeof(steps_ms) / sizeof(steps_ms[0]) };

static uint64_t points_of(const struct fl_history_query *query, int64_t step_ms)
{
    int64_t first = query->from_ms / step_ms;
    int64_t last = (query->to_ms - 1) / step_ms;
    return (uint64_t)(last - first) + 1;
}

/* Down to the begin of a step, which is a multiple of the table's time. */
static int64_t coarsen(int64_t step_ms, int64_t unit_ms)
{
    return (step_ms + unit_ms - 1) / unit_ms * unit_ms;
}

static int64_t choose_step(const struct fl_history_query *query)
{
    for (unsigned i = 0; i < STEP_COUNT; i++)
        if (points_of(query, steps_ms[i]) <= query->point_count_max)
            return steps_ms[i];
    int64_t step_ms = coarsen((query->to_ms - query->from_ms) / (int64_t)query->point_count_max + 1,
                              FL_HISTORY_DAY_MS);
    /* Steps begin at multiples of themselves: a range may lie across one. */
    while (step_ms < INT64_MAX / 2 && points_of(query, step_ms) > query->point_count_max)
        step_ms *= 2;
    return step_ms;
}

/* The finest table that has the range; the step becomes a multiple of its time. */
static enum fl_history_source choose_source(int64_t now_ms, int64_t from_ms, int64_t *step_ms)
{
    if (*step_ms < FL_HISTORY_HOUR_MS &&
        from_ms / FL_HISTORY_MINUTE_MS >= (int64_t)fl_history_first_minute(now_ms))
        return FL_HISTORY_FROM_READINGS;
    if (*step_ms < FL_HISTORY_DAY_MS &&
        from_ms / FL_HISTORY_HOUR_MS >= (int64_t)fl_history_first_hour(now_ms)) {
        *step_ms = coarsen(*step_ms, FL_HISTORY_HOUR_MS);
        return FL_HISTORY_FROM_HOURS;
    }
    *step_ms = coarsen(*step_ms, FL_HISTORY_DAY_MS);
    return FL_HISTORY_FROM_DAYS;
}

static bool read_cell(struct fl_kv *kv, unsigned table, uint32_t bucket,
                      const struct fl_history_query *query, struct fl_history_cell *cell)
{
    uint8_t key[FL_HISTORY_CELL_KEY_SIZE];
    struct fl_slice value;
    if (!fl_kv_get(kv, table,
                   fl_history_cell_key(bucket, query->device_number, query->quantity, key), &value))
        return false;
    if (fl_history_cell_decode(value, cell))
        return true;
    fl_kv_fail(kv, FL_CORRUPT);
    return false;
}

/* Adds to the point of its step. */
static void add(const struct fl_history_query *query, struct fl_history_answer *answer,
                int64_t at_ms, const struct fl_history_cell *cell)
{
    int64_t begin_ms = at_ms / answer->step_ms * answer->step_ms;
    if (answer->count == 0 || answer->points[answer->count - 1].at_ms != begin_ms) {
        fl_assert(answer->count < query->point_count_max);
        answer->points[answer->count++] = (struct fl_history_point){.at_ms = begin_ms};
    }
    fl_history_cell_merge(&answer->points[answer->count - 1].cell, cell);
}

static void read_readings(struct fl_kv *kv, const struct fl_history_query *query,
                          struct fl_history_answer *answer)
{
    int64_t minute = query->from_ms / FL_HISTORY_MINUTE_MS;
    for (; minute * FL_HISTORY_MINUTE_MS < query->to_ms; minute++) {
        uint8_t key[FL_HISTORY_CELL_KEY_SIZE];
        struct fl_kv_walk walk;
        fl_kv_walk_begin(
            &walk, kv, FL_HISTORY_POINTS,
            fl_history_cell_key((uint32_t)minute, query->device_number, query->quantity, key));
        while (fl_kv_walk_next(&walk)) {
            struct fl_history_cell cell = {.count = 0};
            if (walk.key.size != FL_HISTORY_POINT_KEY_SIZE ||
                walk.value.size != FL_HISTORY_POINT_SIZE) {
                fl_kv_fail(kv, FL_CORRUPT);
                return;
            }
            const uint8_t *ms = walk.key.data + FL_HISTORY_CELL_KEY_SIZE;
            int64_t at_ms = minute * FL_HISTORY_MINUTE_MS + (ms[0] << 8 | ms[1]);
            if (at_ms < query->from_ms || at_ms >= query->to_ms)
                continue;
            fl_history_cell_add(&cell, (int64_t)fl_get_u64(walk.value.data), at_ms);
            add(query, answer, at_ms, &cell);
        }
    }
}

/* The first time of a table that holds no reading before `since_ms`. */
static int64_t first_bucket(const struct fl_history_query *query, int64_t unit_ms)
{
    int64_t allowed = (query->since_ms + unit_ms - 1) / unit_ms;
    int64_t asked = query->from_ms / unit_ms;
    return asked < allowed ? allowed : asked;
}

static void read_hours(struct fl_kv *kv, const struct fl_history_query *query,
                       struct fl_history_answer *answer)
{
    struct fl_history_cell cell;
    int64_t hour = first_bucket(query, FL_HISTORY_HOUR_MS);
    for (; hour * FL_HISTORY_HOUR_MS < query->to_ms; hour++)
        if (read_cell(kv, FL_HISTORY_HOURS, (uint32_t)hour, query, &cell))
            add(query, answer, hour * FL_HISTORY_HOUR_MS, &cell);
}

/* Hours of a day from `first` on. */
static bool read_hours_of_day(struct fl_kv *kv, const struct fl_history_query *query, uint32_t day,
                              uint32_t first, struct fl_history_cell *cell)
{
    cell->count = 0;
    for (uint32_t i = first; i < FL_HISTORY_HOURS_PER_DAY; i++) {
        struct fl_history_cell hour;
        if (read_cell(kv, FL_HISTORY_HOURS, day * FL_HISTORY_HOURS_PER_DAY + i, query, &hour))
            fl_history_cell_merge(cell, &hour);
    }
    return cell->count != 0;
}

/* A day that is not closed, or to which late readings have come since, is its hours; so is one of
 * which a part only may be told. */
static bool read_day(struct fl_kv *kv, const struct fl_history_query *query, uint32_t day,
                     struct fl_history_cell *cell)
{
    uint8_t key[FL_HISTORY_BUCKET_KEY_SIZE];
    struct fl_slice open;
    int64_t begin_ms = (int64_t)day * FL_HISTORY_DAY_MS;
    if (begin_ms < query->since_ms)
        return read_hours_of_day(
            kv, query, day,
            (uint32_t)(first_bucket(query, FL_HISTORY_HOUR_MS) - begin_ms / FL_HISTORY_HOUR_MS),
            cell);
    if (!fl_kv_get(kv, FL_HISTORY_OPEN, fl_history_bucket_key(day, query->device_number, key),
                   &open))
        return read_cell(kv, FL_HISTORY_DAYS, day, query, cell);
    return read_hours_of_day(kv, query, day, 0, cell);
}

static void read_days(struct fl_kv *kv, const struct fl_history_query *query,
                      struct fl_history_answer *answer)
{
    struct fl_history_cell cell;
    int64_t day = query->from_ms / FL_HISTORY_DAY_MS;
    for (; day * FL_HISTORY_DAY_MS < query->to_ms; day++)
        if (read_day(kv, query, (uint32_t)day, &cell))
            add(query, answer, day * FL_HISTORY_DAY_MS, &cell);
}

enum fl_error fl_history_read(struct fl_kv *kv, const struct fl_history_query *query,
                              struct fl_history_answer *answer)
{
    struct fl_history_query range = *query;
    int64_t now_ms = fl_history_now_ms(kv);
    fl_assert(query->quantity < FL_QUANTITY_COUNT && query->point_count_max > 0 &&
              query->point_count_max <= FL_HISTORY_POINT_COUNT_MAX);
    answer->count = 0;
    answer->step_ms = query->step_ms;
    if (query->from_ms < 0 || query->to_ms <= query->from_ms || query->to_ms > INT64_MAX / 2 ||
        (query->step_ms != 0 && query->step_ms < FL_HISTORY_STEP_MS_MIN))
        return FL_INVALID;
    /* There is nothing outside: what is asked for costs nothing there. */
    int64_t oldest_ms = fl_history_first_day(now_ms) * (int64_t)FL_HISTORY_DAY_MS;
    if (range.from_ms < oldest_ms)
        range.from_ms = oldest_ms;
    if (range.from_ms < range.since_ms)
        range.from_ms = range.since_ms;
    if (range.to_ms > now_ms + 1)
        range.to_ms = now_ms + 1;
    if (range.to_ms <= range.from_ms) {
        answer->source = FL_HISTORY_FROM_READINGS;
        answer->step_ms = query->step_ms == 0 ? FL_HISTORY_STEP_MS_MIN : query->step_ms;
        return kv->error;
    }
    if (answer->step_ms == 0)
        answer->step_ms = choose_step(&range);
    answer->source = choose_source(now_ms, range.from_ms, &answer->step_ms);
    if (points_of(&range, answer->step_ms) > query->point_count_max)
        return FL_TOO_LARGE;
    if (answer->source == FL_HISTORY_FROM_READINGS)
        read_readings(kv, &range, answer);
    else if (answer->source == FL_HISTORY_FROM_HOURS)
        read_hours(kv, &range, answer);
    else
        read_days(kv, &range, answer);
    return kv->error;
}

void fl_history_sum_days(struct fl_kv *kv, uint32_t device_number, enum fl_quantity quantity,
                         uint32_t from_day, uint32_t to_day, struct fl_history_cell *cell)
{
    const struct fl_history_query query = {.device_number = device_number, .quantity = quantity};
    *cell = (struct fl_history_cell){.count = 0};
    for (uint32_t day = from_day; day < to_day; day++) {
        struct fl_history_cell one;
        if (read_day(kv, &query, day, &one))
            fl_history_cell_merge(cell, &one);
    }
}

bool fl_history_next_closed(struct fl_kv *kv, const struct fl_history_open_day *after,
                            struct fl_history_open_day *next)
{
    uint8_t bytes[FL_HISTORY_BUCKET_KEY_SIZE + 1] = {0};
    struct fl_slice key = fl_slice_of(bytes, 1);
    struct fl_slice found;
    struct fl_slice value;
    if (after != NULL) {
        /* One byte more sorts right behind. */
        fl_history_bucket_key(after->day, after->device_number, bytes);
        key.size = sizeof(bytes);
    }
    if (!fl_kv_seek(kv, FL_HISTORY_OPEN, key, &found, &value) ||
        found.size != FL_HISTORY_BUCKET_KEY_SIZE)
        return false;
    next->day = fl_get_u32(found.data);
    next->device_number = fl_get_u32(found.data + 4);
    int64_t over_ms = ((int64_t)next->day + 1) * FL_HISTORY_DAY_MS + FL_HISTORY_GRACE_MS;
    return over_ms <= fl_history_now_ms(kv);
}

static Fleetlog__V1__HistoryQuantity *
new_quantity(struct fl_arena *arena, enum fl_quantity quantity, const struct fl_history_cell *cell)
{
    Fleetlog__V1__HistoryQuantity *out = fl_arena_alloc(arena, sizeof(*out));
    if (out == NULL)
        return NULL;
    fleetlog__v1__history_quantity__init(out);
    out->name = fl_quantity_name(quantity);
    out->min = cell->min;
    out->max = cell->max;
    out->sum = cell->sum;
    out->last = cell->last;
    out->last_at_ms = cell->last_at_ms;
    out->count = cell->count;
    return out;
}

Fleetlog__V1__HistoryDay *fl_history_day(struct fl_kv *kv, struct fl_arena *arena,
                                         const struct fl_history_open_day *day)
{
    uint8_t key[FL_HISTORY_BUCKET_KEY_SIZE];
    struct fl_slice value;
    struct fl_history_count count;
    if (!fl_kv_get(kv, FL_HISTORY_COUNTS, fl_history_bucket_key(day->day, day->device_number, key),
                   &value) ||
        !fl_history_count_decode(value, &count))
        return NULL;
    Fleetlog__V1__HistoryDay *out = fl_arena_alloc(arena, sizeof(*out));
    Fleetlog__V1__HistoryQuantity **quantities =
        fl_arena_calloc(arena, FL_QUANTITY_COUNT, sizeof(*quantities));
    if (out == NULL || quantities == NULL)
        return NULL;
    fleetlog__v1__history_day__init(out);
    out->device_number = day->device_number;
    out->day = day->day;
    out->revision = count.reading_count;
    out->generation = count.generation;
    out->counter = count.counter;
    out->quantities = quantities;
    for (unsigned q = 0; q < FL_QUANTITY_COUNT; q++) {
        struct fl_history_query query = {.device_number = day->device_number,
                                         .quantity = (enum fl_quantity)q};
        struct fl_history_cell sum;
        if (!read_hours_of_day(kv, &query, day->day, 0, &sum))
            continue;
        quantities[out->n_quantities] = new_quantity(arena, (enum fl_quantity)q, &sum);
        if (quantities[out->n_quantities++] == NULL)
            return NULL;
    }
    return kv->error == FL_OK ? out : NULL;
}
