/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What history answers: a quantity of a device as points for a chart, and days to be closed.
 *
 * A query names a range and a step; each point is a step of time in which there was a reading. The
 * finest table that reaches back to the range and fits the step is read, one look-up per row of it,
 * so the effort goes with the points. Who may ask for which range is the caller's to decide
 * (registry: a company sees a device since it has owned it).
 *
 * Threading: pure reads on one kv. Allocation: none; points are the caller's.
 * Limits: FL_HISTORY_POINT_COUNT_MAX points.
 */
#include "core/arena.h"
#include "fleetlog/v1/history.pb-c.h"
#include "projections/history/history.h"

enum { FL_HISTORY_POINT_COUNT_MAX = 5000, FL_HISTORY_STEP_MS_MIN = 1000 };

enum fl_history_source { FL_HISTORY_FROM_READINGS, FL_HISTORY_FROM_HOURS, FL_HISTORY_FROM_DAYS };

/* "readings", "hours", "days". */
const char *fl_history_source_name(enum fl_history_source source);

struct fl_history_point {
    int64_t at_ms; /* begin of the step, a multiple of it */
    struct fl_history_cell cell;
};

struct fl_history_query {
    uint32_t device_number;
    enum fl_quantity quantity;
    int64_t from_ms;
    int64_t to_ms;    /* excluded */
    int64_t since_ms; /* no reading before it is told of, nor any cell that holds one; 0: all */
    int64_t step_ms;  /* 0: the finest that gives at most point_count_max points */
    size_t point_count_max; /* 1 … FL_HISTORY_POINT_COUNT_MAX */
};

struct fl_history_answer {
    enum fl_history_source source;
    int64_t step_ms; /* coarser than asked for where the finer table does not reach back so far */
    struct fl_history_point *points; /* the caller's, room for the query's point_count_max */
    size_t count;
};

/* FL_INVALID: a range that ends before it begins, or a step below FL_HISTORY_STEP_MS_MIN.
 * FL_TOO_LARGE: the step gives more points than are allowed. FL_CORRUPT. */
enum fl_error fl_history_read(struct fl_kv *kv, const struct fl_history_query *query,
                              struct fl_history_answer *answer) FL_MUST_USE;

/* All readings of a quantity in whole days [from, to), as one cell: a closed day's record, else its
 * hours. The count is 0 if there was none. For forecasts and reports. */
void fl_history_sum_days(struct fl_kv *kv, uint32_t device_number, enum fl_quantity quantity,
                         uint32_t from_day, uint32_t to_day, struct fl_history_cell *cell);

struct fl_history_open_day {
    uint32_t day;
    uint32_t device_number;
};

/* The first day that is over (by the view's now) and open, in the order of day and device, behind
 * `after` (NULL: from the begin). False: there is none. */
bool fl_history_next_closed(struct fl_kv *kv, const struct fl_history_open_day *after,
                            struct fl_history_open_day *next);

/* The record that closes a day, in the arena; NULL: no memory, no such day, or the kv's error. */
Fleetlog__V1__HistoryDay *fl_history_day(struct fl_kv *kv, struct fl_arena *arena,
                                         const struct fl_history_open_day *day);
