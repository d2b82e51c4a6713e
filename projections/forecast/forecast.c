/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/forecast/forecast.h"

#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/timestamp.h"

enum {
    DAYS_PER_YEAR_4 = 1461, /* of four years */
    YEAR_MIN = 1995,        /* no battery in service is older */
    AHEAD_DAYS_MAX = 1,     /* another time zone's today */
    EXPECTED_DAYS_MAX = 15 * 365,
    MADE_BEFORE_DAYS_MAX = 366, /* a battery that lay in stock before its UPS was made */
};

#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

/* Dates that devices tell when they have none (nut-ddl: 14 Back-UPS say 2001/09/25). */
static const struct {
    int year;
    unsigned month;
    unsigned day;
} sentinels[] = {{2001, 9, 25}, {2001, 1, 1}, {2000, 1, 1}, {1980, 1, 1}};

static bool is_sentinel(int32_t day)
{
    for (size_t i = 0; i < sizeof(sentinels) / sizeof(sentinels[0]); i++)
        if (fl_days_from_civil(sentinels[i].year, sentinels[i].month, sentinels[i].day) == day)
            return true;
    return false;
}

/* A day that lies behind us and not too far. */
static bool is_past(const struct fl_forecast_input *input, int32_t day)
{
    return day != FL_DAY_NONE && day >= fl_days_from_civil(YEAR_MIN, 1, 1) &&
           day <= input->today + AHEAD_DAYS_MAX && !is_sentinel(day);
}

/* 2^(-k/8) in thousandths (k degrees). */
static int64_t eighth_power(int32_t k)
{
    static const int64_t thousandths[FL_FORECAST_HALVING_CELSIUS] = {1000, 917, 841, 771,
                                                                     707,  648, 595, 545};
    return thousandths[k];
}

static int32_t celsius_of(int64_t thousandths)
{
    return (int32_t)((thousandths + (thousandths < 0 ? -500 : 500)) / 1000);
}

int32_t fl_forecast_life_days(int64_t temperature_thousandths, bool is_lithium)
{
    int32_t over = celsius_of(temperature_thousandths) - FL_FORECAST_CELSIUS;
    int64_t days = FL_FORECAST_LIFE_DAYS;
    if (is_lithium)
        return FL_FORECAST_LITHIUM_LIFE_DAYS;
    if (over <= 0)
        return FL_FORECAST_LIFE_DAYS;
    for (; over >= FL_FORECAST_HALVING_CELSIUS && days > FL_FORECAST_LIFE_DAYS_MIN;
         over -= FL_FORECAST_HALVING_CELSIUS)
        days /= 2;
    if (over < FL_FORECAST_HALVING_CELSIUS)
        days = days * eighth_power(over) / 1000;
    return days < FL_FORECAST_LIFE_DAYS_MIN ? FL_FORECAST_LIFE_DAYS_MIN : (int32_t)days;
}

static bool is_apc(struct fl_slice manufacturer)
{
    static const char *const words[] = {"APC", "American Power", "Schneider"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (manufacturer.size >= strlen(words[i]) &&
            memcmp(manufacturer.data, words[i], strlen(words[i])) == 0)
            return true;
    return false;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

int32_t fl_serial_day(struct fl_slice manufacturer, struct fl_slice serial, int32_t today)
{
    enum { SIZE_MIN = 10, YEAR_2000_BELOW = 90, WEEK_COUNT = 53 };
    const uint8_t *c = serial.data;
    if (!is_apc(manufacturer) || serial.size < SIZE_MIN || c[1] < 'A' || c[1] > 'Z')
        return FL_DAY_NONE;
    for (size_t i = 2; i < SIZE_MIN; i++)
        if (!is_digit(c[i]))
            return FL_DAY_NONE;
    int year = (c[2] - '0') * 10 + (c[3] - '0');
    int week = (c[4] - '0') * 10 + (c[5] - '0');
    year += year < YEAR_2000_BELOW ? 2000 : 1900;
    if (week < 1 || week > WEEK_COUNT)
        return FL_DAY_NONE;
    /* Week 1 has January 4 in it (ISO 8601); 1970-01-01 was a Thursday. */
    int32_t fourth = (int32_t)fl_days_from_civil(year, 1, 4);
    int32_t monday = fourth - (fourth + 3) % 7;
    int32_t day = monday + 7 * (week - 1);
    return day > today || year < YEAR_MIN ? FL_DAY_NONE : day;
}

int32_t fl_forecast_ups_made(const struct fl_forecast_input *input)
{
    return is_past(input, input->ups_made)
               ? input->ups_made
               : fl_serial_day(input->manufacturer, input->serial, input->today);
}

/* A battery is hardly older than its UPS. */
static bool is_battery_day(const struct fl_forecast_input *input, int32_t day)
{
    int32_t made = fl_forecast_ups_made(input);
    return is_past(input, day) && (made == FL_DAY_NONE || day >= made - MADE_BEFORE_DAYS_MAX);
}

static int32_t begin_of(const struct fl_forecast_input *input, enum fl_forecast_basis *basis)
{
    *basis = FL_FORECAST_INSTALLED;
    if (is_past(input, input->installed))
        return input->installed;
    *basis = FL_FORECAST_BATTERY_DATE;
    if (is_battery_day(input, input->battery_date))
        return input->battery_date;
    *basis = FL_FORECAST_BATTERY_MADE;
    if (is_battery_day(input, input->battery_made))
        return input->battery_made;
    *basis = FL_FORECAST_UPS_MADE;
    if (is_past(input, input->ups_made))
        return input->ups_made;
    *basis = FL_FORECAST_SERIAL_WEEK;
    return fl_serial_day(input->manufacturer, input->serial, input->today);
}

struct fl_forecast fl_forecast_battery(const struct fl_forecast_input *input)
{
    struct fl_forecast forecast = {
        .due = FL_DAY_NONE, .begin = FL_DAY_NONE, .celsius = FL_FORECAST_CELSIUS};
    int32_t expected = input->expected_by_device;
    int32_t first = (int32_t)fl_days_from_civil(YEAR_MIN, 1, 1);
    if (expected != FL_DAY_NONE && expected >= first &&
        expected <= input->today + EXPECTED_DAYS_MAX && !is_sentinel(expected)) {
        forecast.due = expected;
        forecast.basis = FL_FORECAST_OF_DEVICE;
        forecast.confidence = FL_CONFIDENCE_HIGH;
        return forecast;
    }
    forecast.begin = begin_of(input, &forecast.basis);
    if (forecast.begin == FL_DAY_NONE) {
        forecast.basis = FL_FORECAST_UNKNOWN;
        return forecast;
    }
    bool knows_temperature = input->temperature_days >= FL_FORECAST_TEMPERATURE_DAYS_MIN;
    int64_t temperature = knows_temperature ? input->temperature : FL_FORECAST_CELSIUS * 1000;
    forecast.assumes_temperature = !knows_temperature && !input->is_lithium;
    forecast.celsius = celsius_of(temperature);
    forecast.life_days = fl_forecast_life_days(temperature, input->is_lithium);
    forecast.due = forecast.begin + forecast.life_days;
    /* A day of manufacture says nothing of a battery that was replaced since. */
    bool is_of_battery =
        forecast.basis == FL_FORECAST_INSTALLED || forecast.basis == FL_FORECAST_BATTERY_DATE;
    forecast.confidence =
        is_of_battery && !forecast.assumes_temperature ? FL_CONFIDENCE_MEDIUM : FL_CONFIDENCE_LOW;
    return forecast;
}

const char *fl_forecast_basis_name(enum fl_forecast_basis basis)
{
    static const char *const names[FL_FORECAST_BASIS_COUNT] = {
        "unknown",      "device",   "installed",  "battery-date",
        "battery-made", "ups-made", "serial-week"};
    fl_assert(basis < FL_FORECAST_BASIS_COUNT);
    return names[basis];
}

const char *fl_forecast_confidence_name(enum fl_forecast_confidence confidence)
{
    static const char *const names[] = {"none", "low", "medium", "high"};
    fl_assert(confidence <= FL_CONFIDENCE_HIGH);
    return names[confidence];
}

void fl_day_text(int32_t day, char out[FL_DAY_TEXT_SIZE])
{
    char time[FL_TIMESTAMP_TEXT_SIZE];
    out[0] = '\0';
    if (day < 0 || day > FL_TIMESTAMP_MS_MAX / DAY_MS)
        return;
    fl_timestamp_format((int64_t)day * DAY_MS, time);
    memcpy(out, time, FL_DAY_TEXT_SIZE - 1);
    out[FL_DAY_TEXT_SIZE - 1] = '\0';
}

void fl_forecast_text(const struct fl_forecast *forecast, char out[FL_FORECAST_TEXT_SIZE])
{
    static const char *const begins[FL_FORECAST_BASIS_COUNT] = {
        [FL_FORECAST_UNKNOWN] = "no date is known",
        [FL_FORECAST_OF_DEVICE] = "the device's own forecast",
        [FL_FORECAST_INSTALLED] = "installed",
        [FL_FORECAST_BATTERY_DATE] = "battery dated",
        [FL_FORECAST_BATTERY_MADE] = "battery made",
        [FL_FORECAST_UPS_MADE] = "UPS made",
        [FL_FORECAST_SERIAL_WEEK] = "UPS made (its serial number) in the week of",
    };
    char day[FL_DAY_TEXT_SIZE];
    fl_assert(forecast->basis < FL_FORECAST_BASIS_COUNT);
    fl_day_text(forecast->begin, day);
    if (forecast->begin == FL_DAY_NONE) {
        snprintf(out, FL_FORECAST_TEXT_SIZE, "%s", begins[forecast->basis]);
        return;
    }
    int tenths = (int)(((int64_t)forecast->life_days * 40 + DAYS_PER_YEAR_4 / 2) / DAYS_PER_YEAR_4);
    snprintf(out, FL_FORECAST_TEXT_SIZE, "%s %s, %d.%d years at %s%d °C", begins[forecast->basis],
             day, tenths / 10, tenths % 10, forecast->assumes_temperature ? "an assumed " : "",
             (int)forecast->celsius);
}
