/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/telemetry/meaning.h"

#include <locale.h>
#include <string.h>

#include "core/timestamp.h"
#include "projections/telemetry/words.h"
#include "tests/unit/node/test.h"

struct date_case {
    const char *text;
    enum fl_quality quality;
    int year, month, day;
};

static void test_dates(void **state)
{
    static const struct date_case cases[] = {
        {"2014/05/23", FL_QUALITY_OK, 2014, 5, 23},
        {" 2021-04-15 ", FL_QUALITY_OK, 2021, 4, 15},
        {"12/14/99", FL_QUALITY_OK, 1999, 12, 14},
        {"11/6/03", FL_QUALITY_OK, 2003, 11, 6},
        {"04/18/2015", FL_QUALITY_OK, 2015, 4, 18},
        {"28/09/2013", FL_QUALITY_OK, 2013, 9, 28},
        {"11172014", FL_QUALITY_OK, 2014, 11, 17},
        {"20141117", FL_QUALITY_OK, 2014, 11, 17},
        {"12OCT04", FL_QUALITY_OK, 2004, 10, 12},
        {"2024/02/29", FL_QUALITY_OK, 2024, 2, 29},
        {"1985/01/01", FL_QUALITY_OK, 1985, 1, 1},
        {"2050/12/31", FL_QUALITY_OK, 2050, 12, 31},
        {"2001/09/25", FL_QUALITY_SENTINEL, 0, 0, 0},
        {"09/25/2001", FL_QUALITY_SENTINEL, 0, 0, 0},
        {"2001/01/01", FL_QUALITY_SENTINEL, 0, 0, 0},
        {"2001/00/00", FL_QUALITY_SENTINEL, 0, 0, 0},
        {"1980/00/01", FL_QUALITY_SENTINEL, 0, 0, 0},
        {"1980/01/01", FL_QUALITY_SENTINEL, 0, 0, 0},
        {"2000-01-01", FL_QUALITY_SENTINEL, 0, 0, 0},
        {"00/00/00", FL_QUALITY_SENTINEL, 0, 0, 0},
        {"not set", FL_QUALITY_SENTINEL, 0, 0, 0},
        {"", FL_QUALITY_SENTINEL, 0, 0, 0},
        {"?", FL_QUALITY_SENTINEL, 0, 0, 0},
        {"2065/165/165", FL_QUALITY_OUT_OF_RANGE, 0, 0, 0},
        {"4158/00/03", FL_QUALITY_OUT_OF_RANGE, 0, 0, 0},
        {"3150/08/01", FL_QUALITY_OUT_OF_RANGE, 0, 0, 0},
        {"2052/00/36", FL_QUALITY_OUT_OF_RANGE, 0, 0, 0},
        {"2624/00/02", FL_QUALITY_OUT_OF_RANGE, 0, 0, 0},
        {"2035/00/35", FL_QUALITY_OUT_OF_RANGE, 0, 0, 0},
        {"2023/02/29", FL_QUALITY_OUT_OF_RANGE, 0, 0, 0},
        {"1984/12/31", FL_QUALITY_OUT_OF_RANGE, 0, 0, 0},
        {"2051/01/01", FL_QUALITY_OUT_OF_RANGE, 0, 0, 0},
        {"CPS", FL_QUALITY_UNPARSED, 0, 0, 0},
        {"9MR9", FL_QUALITY_UNPARSED, 0, 0, 0},
        {"1", FL_QUALITY_UNPARSED, 0, 0, 0},
        {"2014/05-23", FL_QUALITY_UNPARSED, 0, 0, 0},
        {"2014/05/23/1", FL_QUALITY_UNPARSED, 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct date_case *c = &cases[i];
        int32_t day = -1;
        enum fl_quality quality = fl_day_parse(fl_slice_of(c->text, strlen(c->text)), &day);
        if (quality != c->quality)
            print_error("%s: %s\n", c->text, fl_quality_name(quality));
        assert_int_equal(quality, c->quality);
        assert_int_equal(
            day,
            c->year == 0 ? 0 : fl_days_from_civil(c->year, (unsigned)c->month, (unsigned)c->day));
    }
}

static void expect_day(const char *text, int32_t day)
{
    int32_t read = 0;
    enum fl_quality quality = fl_day_parse(fl_slice_text(text), &read);
    if (quality != FL_QUALITY_SENTINEL) {
        assert_int_equal(quality, FL_QUALITY_OK);
        assert_int_equal(read, day);
    }
}

/* parse(format(day)) is the day, in every form that says the century, so days stay in order. */
static void test_every_day_comes_back(void **state)
{
    (void)state;
    for (unsigned year = 1985; year <= 2050; year++)
        for (unsigned month = 1; month <= 12; month++)
            for (unsigned day = 1; day <= 28; day++) {
                char text[40];
                int32_t days = (int32_t)fl_days_from_civil((int)year, month, day);
                snprintf(text, sizeof(text), "%04u/%02u/%02u", year, month, day);
                expect_day(text, days);
                snprintf(text, sizeof(text), "%04u-%02u-%02u", year, month, day);
                expect_day(text, days);
                snprintf(text, sizeof(text), "%02u/%02u/%04u", month, day, year);
                expect_day(text, days);
                snprintf(text, sizeof(text), "%04u%02u%02u", year, month, day);
                expect_day(text, days);
            }
}

static int64_t duration(const char *text)
{
    int64_t thousandths = 0;
    return fl_duration_parse(fl_slice_of(text, strlen(text)), &thousandths) ? thousandths : -1;
}

static void test_durations(void **state)
{
    (void)state;
    assert_int_equal(duration("16200"), 16200000);
    assert_int_equal(duration("1740.00"), 1740000);
    assert_int_equal(duration("6.0 Minutes"), 360000); /* field case 16 */
    assert_int_equal(duration("90s"), 90000);
    assert_int_equal(duration("2 h"), 7200000);
    assert_int_equal(duration("36:00"), 2160000);
    assert_int_equal(duration(" 1:57"), 117000);
    assert_int_equal(duration("64:41"), 3881000);
    assert_int_equal(duration("01:02:03"), 3723000);
    assert_int_equal(duration("1:60"), -1);
    assert_int_equal(duration("1:5"), -1);
    assert_int_equal(duration(":30"), -1);
    assert_int_equal(duration("5 parsecs"), -1);
    assert_int_equal(duration(""), -1);
    assert_int_equal(duration("999999999999999 hours"), -1); /* does not fit */
    for (unsigned seconds = 0; seconds < 6000; seconds++) {
        char text[40];
        snprintf(text, sizeof(text), "%u:%02u", seconds / 60, seconds % 60);
        assert_int_equal(duration(text), seconds * INT64_C(1000));
    }
}

struct given {
    const char *name;
    const char *text;
    enum fl_quality quality;
};

static void expect(const struct given *given, int32_t today)
{
    struct fl_judged values[16];
    size_t count = 0;
    for (; given[count].name != NULL; count++)
        values[count] =
            (struct fl_judged){.name = fl_slice_text(given[count].name),
                               .text = fl_slice_of(given[count].text, strlen(given[count].text))};
    fl_meaning_judge(values, count, today);
    for (size_t i = 0; i < count; i++) {
        if (values[i].quality != given[i].quality)
            print_error("%s: %s is %s (%s)\n", given[i].name, given[i].text,
                        fl_quality_name(values[i].quality),
                        values[i].rule != NULL ? values[i].rule : "no rule");
        assert_int_equal(values[i].quality, given[i].quality);
        assert_int_equal(values[i].rule == NULL, values[i].quality == FL_QUALITY_OK);
    }
    /* 1. the order does not matter */
    struct fl_judged back[16];
    for (size_t i = 0; i < count; i++)
        back[i] = (struct fl_judged){.name = values[count - 1 - i].name,
                                     .text = values[count - 1 - i].text};
    fl_meaning_judge(back, count, today);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(back[count - 1 - i].quality, values[i].quality);
}

/* Each value at, below and above its bounds, and the placeholders. */
static void test_values_alone(void **state)
{
    static const struct given rows[] = {
        {"battery.charge", "100", FL_QUALITY_OK},
        {"battery.charge", "089.0", FL_QUALITY_OK},
        {"battery.charge", "100.1", FL_QUALITY_OUT_OF_RANGE},
        {"battery.charge", "-0.1", FL_QUALITY_OUT_OF_RANGE},
        {"battery.charge", "255", FL_QUALITY_SENTINEL},
        {"battery.charge", "", FL_QUALITY_SENTINEL},
        {"battery.charge", "full", FL_QUALITY_UNPARSED},
        {"battery.runtime", "65535", FL_QUALITY_SENTINEL},
        {"battery.runtime", "3932100", FL_QUALITY_SENTINEL},
        {"battery.runtime", "36:00", FL_QUALITY_OK},
        {"battery.runtime", "-60.0", FL_QUALITY_OUT_OF_RANGE},
        {"ups.temperature", "3022999999999998800", FL_QUALITY_OUT_OF_RANGE},
        {"battery.temperature", "-272", FL_QUALITY_OUT_OF_RANGE},
        {"input.bypass.frequency", "409.50", FL_QUALITY_OUT_OF_RANGE},
        {"input.L1-N.voltage", "231", FL_QUALITY_OK},
        {NULL, NULL, FL_QUALITY_OK},
    };
    (void)state;
    for (size_t i = 0; rows[i].name != NULL; i++) {
        const struct given one[] = {rows[i], {NULL, NULL, FL_QUALITY_OK}};
        expect(one, 0);
    }
    const struct given unknown[] = {{"ups.debug.V", "31 30 XX", FL_QUALITY_OK},
                                    {"input.transfer.reason", "R", FL_QUALITY_OK},
                                    {"ups.beeper.status", "enabled", FL_QUALITY_OK},
                                    {NULL, NULL, FL_QUALITY_OK}};
    expect(unknown, 0);
}

static void test_contradictions(void **state)
{
    /* Field case 1: mains is there, and the battery cannot be older than its UPS. */
    static const struct given hovering[] = {{"ups.status", "OL DISCHRG", FL_QUALITY_OK},
                                            {"battery.charge", "100", FL_QUALITY_OK},
                                            {"input.voltage", "232.0", FL_QUALITY_OK},
                                            {"battery.mfr.date", "2001/01/01", FL_QUALITY_SENTINEL},
                                            {"ups.mfr.date", "2020/05/08", FL_QUALITY_OK},
                                            {NULL, NULL, FL_QUALITY_OK}};
    static const struct given old[] = {{"battery.mfr.date", "2010/06/01", FL_QUALITY_IMPLAUSIBLE},
                                       {"ups.mfr.date", "2020/05/08", FL_QUALITY_OK},
                                       {NULL, NULL, FL_QUALITY_OK}};
    static const struct given future[] = {{"battery.date", "2026/01/01", FL_QUALITY_IMPLAUSIBLE},
                                          {"battery.date.maintenance", "2026/01/01", FL_QUALITY_OK},
                                          {NULL, NULL, FL_QUALITY_OK}};
    static const struct given both[] = {{"ups.status", "OL DISCHRG OB", FL_QUALITY_CONFLICTING},
                                        {NULL, NULL, FL_QUALITY_OK}};
    static const struct given three[] = {{"input.voltage", "400", FL_QUALITY_OK},
                                         {"input.phases", "3", FL_QUALITY_OK},
                                         {NULL, NULL, FL_QUALITY_OK}};
    static const struct given scale[] = {{"output.voltage", "308", FL_QUALITY_IMPLAUSIBLE},
                                         {"input.frequency", "005.9", FL_QUALITY_IMPLAUSIBLE},
                                         {"ups.load", "150", FL_QUALITY_CONFLICTING},
                                         {"battery.voltage", "8.1", FL_QUALITY_IMPLAUSIBLE},
                                         {NULL, NULL, FL_QUALITY_OK}};
    static const struct given over[] = {{"ups.load", "150", FL_QUALITY_OK},
                                        {"ups.status", "OL OVER", FL_QUALITY_OK},
                                        {NULL, NULL, FL_QUALITY_OK}};
    static const struct given zeros[] = {{"output.current", "0.8", FL_QUALITY_OK},
                                         {"ups.load", "0", FL_QUALITY_SENTINEL},
                                         {"ups.power", "0", FL_QUALITY_SENTINEL},
                                         {"ups.realpower", "0.0", FL_QUALITY_SENTINEL},
                                         {NULL, NULL, FL_QUALITY_OK}};
    static const struct given idle[] = {{"output.current", "0.0", FL_QUALITY_OK},
                                        {"ups.load", "0", FL_QUALITY_OK},
                                        {"ups.power", "0", FL_QUALITY_OK},
                                        {"ups.realpower", "0", FL_QUALITY_OK},
                                        {NULL, NULL, FL_QUALITY_OK}};
    static const struct given constant[] = {{"driver.name", "blazer_usb", FL_QUALITY_OK},
                                            {"ups.temperature", "25.0", FL_QUALITY_IMPLAUSIBLE},
                                            {NULL, NULL, FL_QUALITY_OK}};
    static const struct given measured[] = {{"driver.name", "usbhid-ups", FL_QUALITY_OK},
                                            {"ups.temperature", "25.0", FL_QUALITY_OK},
                                            {NULL, NULL, FL_QUALITY_OK}};
    static const struct given *const all[] = {hovering, old,   both,     three,    scale,
                                              over,     zeros, constant, measured, idle};
    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        expect(all[i], 0);
    expect(future, (int32_t)fl_days_from_civil(2025, 6, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),          cmocka_unit_test(test_every_day_comes_back),
        cmocka_unit_test(test_durations),      cmocka_unit_test(test_values_alone),
        cmocka_unit_test(test_contradictions),
    };
    /* A locale with a comma as decimal point, where there is one, must change nothing. */
    (void)setlocale(LC_ALL, "de_DE.UTF-8");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
