/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What is known of a device's battery and warranty, out of registry, devices view and history.
 *
 * The owner's install date is the day that a command of his has set and seen taken. Every string of
 * the device is read as it stands now; what is no day is none.
 *
 * Threading: one thread per kv. Allocation: the arena. Effort: a look-up per day of temperature.
 */
#include "core/arena.h"
#include "projections/forecast/forecast.h"
#include "projections/registry/registry.h"

struct fl_forecast_sources {
    struct fl_kv *registry;
    struct fl_kv *devices; /* NULL: it cannot be read now, nor can what rests on it be known */
    struct fl_kv *history; /* NULL: the same */
};

/* Slices of the input live in the arena. False: a store's error. */
bool fl_forecast_gather(const struct fl_forecast_sources *sources, struct fl_arena *arena,
                        const fl_device_row *device, int64_t now_ms,
                        struct fl_forecast_input *input);

/* Last day of the warranty: the day of manufacture plus the months on which the catalogue's regions
 * agree for exactly the device's SKU; FL_DAY_NONE: unknown. */
int32_t fl_forecast_warranty(const struct fl_forecast_sources *sources, struct fl_arena *arena,
                             const fl_device_row *device, const struct fl_forecast_input *input);
