/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The history view: what each quantity of each device was, reading by reading for two days, by hour
 * for 13 months, by day for ten years.
 *
 * Telemetry writes points, hours and days' counts; topic `history` writes days (closed ones, put
 * there by consumers/archivist out of this very view). The two never write the same row, so that
 * the view does not depend on how topics interleave, and a rebuild after telemetry's retention has
 * the same days. Only readings of quality `ok` count. A report counts once (seen.h), late ones too:
 * they go to the time at which they were sampled, by the gateway's clock, never later than it was
 * received. What is too old for a table is left out of it; "now" is the newest time that a gateway
 * has put into telemetry. A change of the quantities' numbers or rules is a new fold_version.
 *
 * Invariants: 1. a cell decodes, min <= last <= max, its last reading lies in its time. 2. the
 * readings of a day are those of its hours. 3. a day is open exactly if it has more readings than
 * its record on the topic. 4. a day's cells and its record go together. 5. nothing is older than
 * its table reaches back.
 * Threading: one thread per state. Allocation: at open; per record none.
 */
#include "projections/history/cell.h"
#include "projections/view.h"

enum fl_history_table {
    FL_HISTORY_POINTS, /* minute, device, quantity, ms -> thousandths */
    FL_HISTORY_HOURS,  /* hour, device, quantity -> cell */
    FL_HISTORY_DAYS,   /* day, device, quantity -> cell; from topic `history` */
    FL_HISTORY_COUNTS, /* day, device -> struct fl_history_count; from telemetry */
    FL_HISTORY_CLOSED, /* day, device -> revision u64; from topic `history` */
    FL_HISTORY_OPEN,   /* day, device -> nothing: readings wait to be put on the topic */
    FL_HISTORY_SEEN,   /* device -> struct fl_seen; not compared */
    FL_HISTORY_NOW,    /* "now" -> ms u64 */
    FL_HISTORY_TABLE_COUNT,
};

enum {
    FL_HISTORY_POINT_HOURS = 48,
    FL_HISTORY_HOUR_DAYS = 396, /* 13 months: less than telemetry's retention by default */
    FL_HISTORY_DAY_DAYS = 3653,
    FL_HISTORY_GRACE_MS = 60 * 60 * 1000, /* a day is closed so long after its end */
};

const struct fl_view *fl_history_view(void);

/* What telemetry has said of a day of a device. */
struct fl_history_count {
    uint64_t reading_count;
    uint32_t generation; /* with the counter: the last report among them */
    uint64_t counter;
    uint64_t first_offset; /* the lowest that counts; FL_OFFSET_NONE: it is gone */
    uint32_t partition;
};
enum { FL_HISTORY_COUNT_SIZE = 8 + 4 + 8 + 8 + 4 };
void fl_history_count_encode(const struct fl_history_count *count,
                             uint8_t out[FL_HISTORY_COUNT_SIZE]);
bool fl_history_count_decode(struct fl_slice bytes, struct fl_history_count *count);

/* Revision of the day's record on the topic; 0: there is none. */
uint64_t fl_history_revision(struct fl_kv *kv, uint32_t day, uint32_t device_number);

/* Newest time of a gateway; 0: none yet. */
int64_t fl_history_now_ms(struct fl_kv *kv);

/* Moves it on, and removes what is too old by it. */
void fl_history_set_now(struct fl_kv *kv, int64_t before_ms, int64_t now_ms);

/* Begin of the tables at that time: the first minute, hour, day that they keep. */
uint32_t fl_history_first_minute(int64_t now_ms);
uint32_t fl_history_first_hour(int64_t now_ms);
uint32_t fl_history_first_day(int64_t now_ms);

/* Whether the day of a device is open is what its two rows say. */
void fl_history_settle_open(struct fl_kv *kv, uint32_t day, uint32_t device_number,
                            uint64_t reading_count, uint64_t revision);

/* The view's check, renumber and carry. */
bool fl_history_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE]);
void fl_history_renumber(struct fl_kv *kv, uint32_t partition, uint64_t subtract);
void fl_history_carry(struct fl_kv *before, struct fl_kv *after, const uint64_t *begins,
                      uint32_t partition_count);
