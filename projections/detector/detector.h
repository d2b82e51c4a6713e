/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The detector's fold: telemetry in, what is known of each device and of the gateways' clocks out,
 * and beside the rows the list of changes that are to be reported.
 *
 * It reads no events: what was reported already is the registry's to say. Changes are collected
 * between two flushes and belong to the rows that the flush writes; whoever commits those must have
 * reported or kept the changes. Silence is looked for at each flush behind which a clock has moved,
 * and when a report ends it, so that it is found in a backlog too.
 *
 * Invariants: 1. a device's row decodes, and its partition is that of its number. 2. a partition's
 * row of clocks decodes. 3. a waiting change decodes.
 * Threading: one thread per state. Allocation: at open; per record none.
 * Limits: FL_CHANGE_COUNT_MAX changes per batch; the rest of a silence is found at the next flush.
 */
#include "projections/detector/clocks.h"
#include "projections/detector/conditions.h"
#include "projections/view.h"

enum fl_detector_table {
    FL_DETECTOR_DEVICES, /* device number u32 -> fl_watch */
    FL_DETECTOR_CLOCKS,  /* partition u32 -> fl_clocks */
    FL_DETECTOR_WAITING, /* sequence u64 -> fl_change: kept by a node that does not report */
    FL_DETECTOR_NOTES,   /* "live": the rows have caught up once */
    FL_DETECTOR_TABLE_COUNT,
};

enum { FL_CHANGE_COUNT_MAX = 65536 };

const struct fl_view *fl_detector_view(void);

struct fl_detector_settings {
    int64_t silence_ms;    /* [detector] silence */
    int64_t step_ms_max;   /* what one tick may move a clock: two intervals */
    bool collects_changes; /* false: catching up in silence */
};

/* Of a state that the view has opened; before, it collects nothing. */
void fl_detector_set(void *state, const struct fl_detector_settings *settings);

/* The changes since the last flush or clear, oldest first; the owner clears them by count = 0. */
struct fl_changes *fl_detector_changes(void *state);

/* One device's row; false: none (or FL_CORRUPT in the kv). */
bool fl_detector_watch(struct fl_kv *kv, uint32_t device_number, struct fl_watch *watch);

/* Checks every invariant; false with the number of the broken one in `detail`. */
bool fl_detector_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE]);
