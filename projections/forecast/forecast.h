/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * When a battery wants to be replaced, and when a warranty ends: a pure function of what is known,
 * with the basis it rests on and how far it can be trusted, which are always shown along.
 *
 * The first that there is counts: the date that the device itself expects; the day its owner had
 * the battery installed; a battery date of the device that can be true; the battery's or the UPS's
 * day of manufacture, else the week in its serial number; else it is unknown, and nothing is
 * guessed. All but the first are a begin plus a service life.
 *
 * Service life (sources): lead-acid 4 years at 25 °C, half of it for every 8 °C more (APC FA158934:
 * 3 to 5 years; "4 years at 25 °C, 2 at 33"), never less than one year here; cold lengthens
 * nothing. Lithium-ion 8 years (SRTL manual: 8 to 10), whatever the temperature. The temperature is
 * the mean of the last year's readings; fewer than FL_FORECAST_TEMPERATURE_DAYS_MIN days of them
 * are none, and 25 °C is assumed, which costs confidence.
 *
 * Threading: pure. Allocation: none. Days are days since 1970-01-01 UTC.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/slice.h"

enum {
    FL_FORECAST_TEMPERATURE_DAYS_MIN = 30,
    FL_FORECAST_TEMPERATURE_DAYS = 365,
    FL_FORECAST_LIFE_DAYS = 1461, /* lead-acid at 25 °C */
    FL_FORECAST_LIFE_DAYS_MIN = 365,
    FL_FORECAST_LITHIUM_LIFE_DAYS = 2922,
    FL_FORECAST_CELSIUS = 25,
    FL_FORECAST_HALVING_CELSIUS = 8,
    FL_FORECAST_SHIFT_DAYS =
        30, /* a set date follows a forecast that lies further away than that */
    FL_FORECAST_TEXT_SIZE = 160,
};

#define FL_DAY_NONE INT32_MIN

enum fl_forecast_basis {
    FL_FORECAST_UNKNOWN,
    FL_FORECAST_OF_DEVICE,    /* battery.date.maintenance */
    FL_FORECAST_INSTALLED,    /* what the owner had set */
    FL_FORECAST_BATTERY_DATE, /* battery.date */
    FL_FORECAST_BATTERY_MADE, /* battery.mfr.date */
    FL_FORECAST_UPS_MADE,     /* ups.mfr.date */
    FL_FORECAST_SERIAL_WEEK,
    FL_FORECAST_BASIS_COUNT,
};

enum fl_forecast_confidence {
    FL_CONFIDENCE_NONE,
    FL_CONFIDENCE_LOW,
    FL_CONFIDENCE_MEDIUM,
    FL_CONFIDENCE_HIGH,
};

/* FL_DAY_NONE, "" and 0 where nothing is known. */
struct fl_forecast_input {
    int32_t today;
    int32_t expected_by_device;
    int32_t installed;
    int32_t battery_date;
    int32_t battery_made;
    int32_t ups_made;
    struct fl_slice manufacturer;
    struct fl_slice serial;
    int32_t temperature_days; /* days with readings among the last FL_FORECAST_TEMPERATURE_DAYS */
    int64_t temperature;      /* their mean, thousandths of °C */
    bool is_lithium;
};

struct fl_forecast {
    int32_t due; /* FL_DAY_NONE: unknown */
    enum fl_forecast_basis basis;
    enum fl_forecast_confidence confidence;
    int32_t begin;     /* FL_DAY_NONE for the device's own and for unknown */
    int32_t life_days; /* 0 for those */
    bool assumes_temperature;
    int32_t celsius;
};

struct fl_forecast fl_forecast_battery(const struct fl_forecast_input *input);

/* When a battery of that kind ends its service life. */
int32_t fl_forecast_life_days(int64_t temperature_thousandths, bool is_lithium);

/* Day on which the UPS was made, of its date or its serial number; FL_DAY_NONE. */
int32_t fl_forecast_ups_made(const struct fl_forecast_input *input);

/* Monday of the week in a serial number of the APC form (xxYYWW…); FL_DAY_NONE: there is none. */
int32_t fl_serial_day(struct fl_slice manufacturer, struct fl_slice serial, int32_t today);

/* "device", "installed", … and "low", …: the words of API and reports. */
const char *fl_forecast_basis_name(enum fl_forecast_basis basis);
const char *fl_forecast_confidence_name(enum fl_forecast_confidence confidence);

/* The basis as a sentence without a full stop: "installed 2023-06-12, 4.0 years at 25 °C". */
void fl_forecast_text(const struct fl_forecast *forecast, char out[FL_FORECAST_TEXT_SIZE]);

/* YYYY-MM-DD; "" for FL_DAY_NONE. */
enum { FL_DAY_TEXT_SIZE = 11 };
void fl_day_text(int32_t day, char out[FL_DAY_TEXT_SIZE]);
