/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which dates of devices the forecast moves: a walk over the registry, a few devices at a time.
 *
 * A date that the owner has set stands. One of the forecast follows it when it lies more than
 * FL_FORECAST_SHIFT_DAYS away, so that a warm week tells nobody of another date; one that cannot be
 * forecast any more is taken back. The rules decide (SetLifecycleFact by the detector); the same
 * twice changes nothing, so that the walk remembers only where it is.
 *
 * Threading: one thread. Allocation: the caller's arena. Limits: FL_FORECASTER_DEVICE_COUNT devices
 * looked at and FL_FORECASTER_ACTION_COUNT actions made by one step.
 */
#include "core/record.h"
#include "projections/forecast/gather.h"

enum {
    FL_FORECASTER_DEVICE_COUNT = 50,
    FL_FORECASTER_ACTION_COUNT = 2 * FL_FORECASTER_DEVICE_COUNT,
    FL_FORECASTER_PAUSE_MS = 60 * 60 * 1000, /* from the begin of a walk to that of the next */
};

struct fl_forecaster {
    uint32_t next;    /* device number to go on with; 0: the walk is over */
    int64_t began_ms; /* monotonic */
    bool has_begun;
};

/* True if there is something to look at now: a walk under way, or one that begins. */
bool fl_forecaster_is_due(struct fl_forecaster *forecaster, int64_t monotonic_ms);

/* Looks at the next devices; `records` receives the actions that move dates. FL_NO_MEMORY and the
 * stores' errors: the same devices come again. */
enum fl_error fl_forecaster_step(struct fl_forecaster *forecaster,
                                 const struct fl_forecast_sources *sources, struct fl_arena *arena,
                                 const char *log_id, const char *node_id, int64_t now_ms,
                                 struct fl_record records[FL_FORECASTER_ACTION_COUNT],
                                 uint32_t *count) FL_MUST_USE;
