/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The duty `archive`: puts closed days of devices on topic `history`, and lets dates of devices
 * follow their forecast (forecaster.h).
 *
 * It reads the history view of its own node, which says which days are over and not on the topic
 * as they stand; it keeps nothing. Whoever holds the lease works, when its view has applied all
 * that is on the topic. Of two that put the same day there, whoever counted more readings is right
 * (projections/history), so that a killed one, or a second, does no harm.
 *
 * Threading: one thread. Allocation: an arena per batch.
 * Limits: FL_ARCHIVE_COUNT_MAX days in one append.
 */
#include "core/duty.h"
#include "projections/history/query.h"

enum { FL_ARCHIVE_COUNT_MAX = 500 };

enum fl_error fl_archivist_run(struct fl_duty *duty) FL_MUST_USE;

/* The record of a day in the arena; its id is derived from device, day and revision. */
enum fl_error fl_archive_encode(struct fl_arena *arena, const Fleetlog__V1__HistoryDay *day,
                                const char *log_id, const char *node_id, int64_t now_ms,
                                struct fl_record *record) FL_MUST_USE;

/* The records of the first days that are over, as many as an append takes. FL_NO_MEMORY, FL_CORRUPT
 * and the kv's own. */
enum fl_error fl_archive_gather(struct fl_kv *kv, struct fl_arena *arena, const char *node_id,
                                int64_t now_ms, struct fl_record records[FL_ARCHIVE_COUNT_MAX],
                                uint32_t *count) FL_MUST_USE;
