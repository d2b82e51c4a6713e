/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The rows of history in bytes: what a quantity was in one hour or one day, what was read at one
 * moment, and the keys that both stand under.
 *
 * Keys begin with the time, then comes the device: what is read now goes behind everything older,
 * and what retention removes stands in front. So a batch touches the pages of the present hour and
 * appends the rest, however many devices there are, and removing is emptying whole pages. A reader
 * of one device pays one look-up per point instead (about a microsecond).
 *
 * Threading: pure. Allocation: none. Units: thousandths of the quantity's unit, Unix time in ms.
 */
#include "core/slice.h"
#include "projections/telemetry/quantity.h"

enum {
    FL_HISTORY_BUCKET_KEY_SIZE = 4 + 4,                        /* bucket, device */
    FL_HISTORY_CELL_KEY_SIZE = FL_HISTORY_BUCKET_KEY_SIZE + 1, /* and quantity */
    FL_HISTORY_POINT_KEY_SIZE = FL_HISTORY_CELL_KEY_SIZE + 2,  /* and ms within the minute */
    FL_HISTORY_CELL_SIZE = 5 * 8 + 4,
    FL_HISTORY_POINT_SIZE = 8,
    FL_HISTORY_MINUTE_MS = 60 * 1000,
    FL_HISTORY_HOUR_MS = 60 * FL_HISTORY_MINUTE_MS,
    FL_HISTORY_DAY_MS = 24 * FL_HISTORY_HOUR_MS,
    FL_HISTORY_HOURS_PER_DAY = 24,
};

struct fl_history_cell {
    int64_t min;
    int64_t max;
    int64_t sum; /* the mean is sum / count */
    int64_t last;
    int64_t last_at_ms;
    uint32_t count; /* readings; 0: none, and nothing else counts */
};

void fl_history_cell_add(struct fl_history_cell *cell, int64_t value, int64_t at_ms);

/* Adds all readings of another cell. */
void fl_history_cell_merge(struct fl_history_cell *cell, const struct fl_history_cell *other);

/* The mean, rounded to the nearest thousandth; the cell must not be empty (asserted). */
int64_t fl_history_cell_mean(const struct fl_history_cell *cell);

void fl_history_cell_encode(const struct fl_history_cell *cell, uint8_t out[FL_HISTORY_CELL_SIZE]);

/* False if it is none. */
bool fl_history_cell_decode(struct fl_slice bytes, struct fl_history_cell *cell);

/* Key of a cell, or (the first FL_HISTORY_BUCKET_KEY_SIZE bytes) of all of that device and time. */
struct fl_slice fl_history_cell_key(uint32_t bucket, uint32_t device_number, unsigned quantity,
                                    uint8_t out[FL_HISTORY_CELL_KEY_SIZE]);
struct fl_slice fl_history_bucket_key(uint32_t bucket, uint32_t device_number,
                                      uint8_t out[FL_HISTORY_BUCKET_KEY_SIZE]);
struct fl_slice fl_history_point_key(uint32_t device_number, unsigned quantity, int64_t at_ms,
                                     uint8_t out[FL_HISTORY_POINT_KEY_SIZE]);
