/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The devices view: the latest of every device, by its dense number.
 *
 * Telemetry writes rows, raw strings and ticks; events write facts. The two never touch the same
 * row, so that the view does not depend on how topics and partitions interleave. A removed device
 * keeps its rows; its fact says removed, and readers do not show it: late telemetry never brings it
 * back. A report counts only if (generation, counter) is above the last one; others change nothing
 * here.
 *
 * Invariants: 1. a row decodes, its values' qualities are known. 2. each bit of a row's chunk mask
 * has its raw row, and each raw row its bit. 3. facts and ids name each other one to one.
 * Threading: one thread per state. Allocation: one arena and a slot table at open; per record none.
 */
#include "core/ids.h"
#include "projections/devices/raw.h"
#include "projections/devices/row.h"
#include "projections/view.h"

enum fl_devices_table {
    FL_DEVICES_ROWS,  /* device number u32 -> fl_latest */
    FL_DEVICES_RAW,   /* chunk u8, device number u32 -> raw strings */
    FL_DEVICES_TICKS, /* partition u32, gateway u32 -> boot u64, sequence u64, time u64 */
    FL_DEVICES_FACTS, /* device number u32 -> id 16, generation u32, removed u8 */
    FL_DEVICES_IDS,   /* id 16 -> device number u32 */
    FL_DEVICES_TABLE_COUNT,
};

const struct fl_view *fl_devices_view(void);

struct fl_device_fact {
    uint8_t id[FL_ID_SIZE];
    uint32_t generation;
    bool removed;
};

/* False: no such device, or the row does not decode (then kv->error is set). */
bool fl_devices_fact(struct fl_kv *kv, uint32_t device_number, struct fl_device_fact *fact);
bool fl_devices_number(struct fl_kv *kv, struct fl_slice device_id_text, uint32_t *device_number);

/* False: nothing was reported yet. */
bool fl_devices_row(struct fl_kv *kv, uint32_t device_number, struct fl_latest *row);

/* Calls `each` for every raw string, by number, then by name. The slices live as long as the read.
 */
void fl_devices_each_raw(struct fl_kv *kv, uint32_t device_number,
                         void (*each)(void *context, struct fl_slice name, struct fl_slice value,
                                      bool is_stale),
                         void *context);

/* How long a device has been silent, in time of the gateway that took its last report (its last
 * tick minus that report); after FL_GATEWAY_SILENCE_MS of silence of that gateway another's ticks
 * count. Own downtime is no silence. */
enum { FL_GATEWAY_SILENCE_MS = 10 * 60 * 1000 };
int64_t fl_devices_silence_ms(struct fl_kv *kv, const struct fl_latest *row);

/* The view's renumber. */
void fl_devices_renumber(struct fl_kv *kv, uint32_t partition, uint64_t subtract);

/* True if the row rests on a report that the log no longer has (begins: first offset there, by
 * partition): a fold of what is left cannot make it. */
bool fl_devices_is_carried(const struct fl_latest *row, const uint64_t *begins,
                           uint32_t partition_count);

/* The view's carry. */
void fl_devices_carry(struct fl_kv *before, struct fl_kv *after, const uint64_t *begins,
                      uint32_t partition_count);

/* The view's check: all invariants above. */
bool fl_devices_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE]);
