/* SPDX-License-Identifier: Apache-2.0 */
/* When a battery ends: which date counts, how heat shortens it, how far it can be trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/timestamp.h"
#include "projections/forecast/forecast.h"

static int32_t day(int year, unsigned month, unsigned of_month)
{
    return (int32_t)fl_days_from_civil(year, month, of_month);
}

static struct fl_forecast_input nothing(void)
{
    return (struct fl_forecast_input){
        .today = day(2026, 1, 1),
        .expected_by_device = FL_DAY_NONE,
        .installed = FL_DAY_NONE,
        .battery_date = FL_DAY_NONE,
        .battery_made = FL_DAY_NONE,
        .ups_made = FL_DAY_NONE,
        .manufacturer = FL_SLICE_LITERAL("American Power Conversion"),
        .serial = FL_SLICE_LITERAL("000000000"),
    };
}

static void expect(const struct fl_forecast_input *input, enum fl_forecast_basis basis,
                   enum fl_forecast_confidence confidence, int32_t due)
{
    struct fl_forecast forecast = fl_forecast_battery(input);
    assert_int_equal(forecast.basis, basis);
    assert_int_equal(forecast.confidence, confidence);
    assert_int_equal(forecast.due, due);
}

static void the_first_that_is_known_counts(void **state)
{
    (void)state;
    struct fl_forecast_input input = nothing();
    expect(&input, FL_FORECAST_UNKNOWN, FL_CONFIDENCE_NONE, FL_DAY_NONE);
    input.serial = FL_SLICE_LITERAL("AS2123456789  ");
    expect(&input, FL_FORECAST_SERIAL_WEEK, FL_CONFIDENCE_LOW,
           day(2021, 6, 7) + FL_FORECAST_LIFE_DAYS);
    input.ups_made = day(2021, 6, 9);
    expect(&input, FL_FORECAST_UPS_MADE, FL_CONFIDENCE_LOW,
           day(2021, 6, 9) + FL_FORECAST_LIFE_DAYS);
    input.battery_made = day(2021, 5, 1);
    expect(&input, FL_FORECAST_BATTERY_MADE, FL_CONFIDENCE_LOW,
           day(2021, 5, 1) + FL_FORECAST_LIFE_DAYS);
    input.battery_date = day(2023, 6, 12);
    expect(&input, FL_FORECAST_BATTERY_DATE, FL_CONFIDENCE_LOW, day(2027, 6, 12));
    input.installed = day(2024, 2, 1);
    expect(&input, FL_FORECAST_INSTALLED, FL_CONFIDENCE_LOW, day(2028, 2, 1));
    input.expected_by_device = day(2026, 9, 1);
    expect(&input, FL_FORECAST_OF_DEVICE, FL_CONFIDENCE_HIGH, day(2026, 9, 1));
}

static void dates_that_cannot_be_true_are_passed_over(void **state)
{
    (void)state;
    struct fl_forecast_input input = nothing();
    static const struct {
        int year;
        unsigned month;
        unsigned of_month;
    } bad[] = {{2001, 9, 25}, {2000, 1, 1},   {2001, 1, 1},
               {1980, 1, 1},  {1994, 12, 31}, {2026, 1, 3}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int32_t wrong = day(bad[i].year, bad[i].month, bad[i].of_month);
        input.installed = input.battery_date = input.battery_made = input.ups_made = wrong;
        expect(&input, FL_FORECAST_UNKNOWN, FL_CONFIDENCE_NONE, FL_DAY_NONE);
    }
    input = nothing();
    input.installed = day(2026, 1, 2); /* in another time zone */
    expect(&input, FL_FORECAST_INSTALLED, FL_CONFIDENCE_LOW, day(2030, 1, 2));
    input.installed = day(1995, 1, 1);
    expect(&input, FL_FORECAST_INSTALLED, FL_CONFIDENCE_LOW, day(1999, 1, 1));
    /* A battery from long before its UPS is another one's date. */
    input = nothing();
    input.ups_made = day(2020, 6, 1);
    input.battery_date = input.ups_made - 367;
    expect(&input, FL_FORECAST_UPS_MADE, FL_CONFIDENCE_LOW, day(2024, 6, 1));
    input.battery_date = input.ups_made - 366;
    expect(&input, FL_FORECAST_BATTERY_DATE, FL_CONFIDENCE_LOW, day(2023, 6, 1));
    /* What the device expects may be over, but not be another century's. */
    input.expected_by_device = day(2024, 10, 7);
    expect(&input, FL_FORECAST_OF_DEVICE, FL_CONFIDENCE_HIGH, day(2024, 10, 7));
    input.expected_by_device = input.today + 15 * 365 + 1;
    expect(&input, FL_FORECAST_BATTERY_DATE, FL_CONFIDENCE_LOW, day(2023, 6, 1));
}

static void heat_halves_a_life_every_eight_degrees(void **state)
{
    (void)state;
    assert_int_equal(fl_forecast_life_days(25000, false), 1461);
    assert_int_equal(fl_forecast_life_days(-40000, false), 1461);
    assert_int_equal(fl_forecast_life_days(25499, false), 1461);
    assert_int_equal(fl_forecast_life_days(25500, false), 1339);
    assert_int_equal(fl_forecast_life_days(33000, false), 730);
    assert_int_equal(fl_forecast_life_days(41000, false), FL_FORECAST_LIFE_DAYS_MIN);
    assert_int_equal(fl_forecast_life_days(120000, false), FL_FORECAST_LIFE_DAYS_MIN);
    assert_int_equal(fl_forecast_life_days(33000, true), FL_FORECAST_LITHIUM_LIFE_DAYS);
    int32_t before = FL_FORECAST_LIFE_DAYS;
    for (int64_t t = 20000; t < 60000; t += 100) {
        int32_t days = fl_forecast_life_days(t, false);
        assert_true(days <= before && days >= FL_FORECAST_LIFE_DAYS_MIN);
        before = days;
    }
}

static void temperature_counts_from_thirty_days_on(void **state)
{
    (void)state;
    char text[FL_FORECAST_TEXT_SIZE];
    struct fl_forecast_input input = nothing();
    input.installed = day(2024, 1, 1);
    input.temperature = 33000;
    input.temperature_days = FL_FORECAST_TEMPERATURE_DAYS_MIN - 1;
    struct fl_forecast forecast = fl_forecast_battery(&input);
    expect(&input, FL_FORECAST_INSTALLED, FL_CONFIDENCE_LOW, day(2028, 1, 1));
    fl_forecast_text(&forecast, text);
    assert_string_equal(text, "installed 2024-01-01, 4.0 years at an assumed 25 °C");
    input.temperature_days = FL_FORECAST_TEMPERATURE_DAYS_MIN;
    expect(&input, FL_FORECAST_INSTALLED, FL_CONFIDENCE_MEDIUM, day(2024, 1, 1) + 730);
    forecast = fl_forecast_battery(&input);
    fl_forecast_text(&forecast, text);
    assert_string_equal(text, "installed 2024-01-01, 2.0 years at 33 °C");
    /* Heat tells nothing of a battery that may have been replaced. */
    input.installed = FL_DAY_NONE;
    input.ups_made = day(2024, 1, 1);
    expect(&input, FL_FORECAST_UPS_MADE, FL_CONFIDENCE_LOW, day(2024, 1, 1) + 730);
    input.is_lithium = true;
    expect(&input, FL_FORECAST_UPS_MADE, FL_CONFIDENCE_LOW, day(2032, 1, 1));
    input = nothing();
    forecast = fl_forecast_battery(&input);
    fl_forecast_text(&forecast, text);
    assert_string_equal(text, "no date is known");
}

static int32_t week_of(const char *manufacturer, const char *serial)
{
    return fl_serial_day(fl_slice_text(manufacturer), fl_slice_text(serial), day(2026, 1, 1));
}

static void serial_numbers_tell_a_week(void **state)
{
    (void)state;
    assert_int_equal(week_of("APC", "AS1421234567"), day(2014, 5, 19));
    assert_int_equal(week_of("American Power Conversion ", "3B0001X12345"), FL_DAY_NONE);
    assert_int_equal(week_of("Schneider Electric", "QB9853123456"), day(1998, 12, 28));
    assert_int_equal(week_of("APC", "AS2101234567"), day(2021, 1, 4));
    assert_int_equal(week_of("APC", "AS2653234567"), FL_DAY_NONE); /* still to come */
    assert_int_equal(week_of("APC", "AS1400123456"), FL_DAY_NONE);
    assert_int_equal(week_of("APC", "AS1454123456"), FL_DAY_NONE);
    assert_int_equal(week_of("APC", "AS9401123456"), FL_DAY_NONE);
    assert_int_equal(week_of("APC", "AS14211"), FL_DAY_NONE);
    assert_int_equal(week_of("APC", "0000000000"), FL_DAY_NONE);
    assert_int_equal(week_of("EATON", "AS1421234567"), FL_DAY_NONE);
    assert_int_equal(week_of("", ""), FL_DAY_NONE);
}

static void every_basis_and_confidence_has_words(void **state)
{
    (void)state;
    char text[FL_FORECAST_TEXT_SIZE];
    char date[FL_DAY_TEXT_SIZE];
    for (int basis = 0; basis < FL_FORECAST_BASIS_COUNT; basis++) {
        struct fl_forecast forecast = {.basis = (enum fl_forecast_basis)basis,
                                       .begin = day(2024, 2, 29)};
        fl_forecast_text(&forecast, text);
        assert_non_null(fl_forecast_basis_name((enum fl_forecast_basis)basis));
        assert_true(text[0] != '\0');
    }
    assert_string_equal(fl_forecast_confidence_name(FL_CONFIDENCE_HIGH), "high");
    fl_day_text(day(2024, 2, 29), date);
    assert_string_equal(date, "2024-02-29");
    fl_day_text(FL_DAY_NONE, date);
    assert_string_equal(date, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_is_known_counts),
        cmocka_unit_test(dates_that_cannot_be_true_are_passed_over),
        cmocka_unit_test(heat_halves_a_life_every_eight_degrees),
        cmocka_unit_test(temperature_counts_from_thirty_days_on),
        cmocka_unit_test(serial_numbers_tell_a_week),
        cmocka_unit_test(every_basis_and_confidence_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
