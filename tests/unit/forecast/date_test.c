/* SPDX-License-Identifier: Apache-2.0 */
/* Days as devices write them; the forms are those of real dumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/timestamp.h"
#include "projections/forecast/date.h"

static void days_are_read_in_every_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int year;
        unsigned month;
        unsigned of_month;
    } good[] = {
        {"2014/05/23", 2014, 5, 23},
        {"2021-04-15", 2021, 4, 15},
        {"04/15/21", 2021, 4, 15},
        {"04/15/2021", 2021, 4, 15},
        {"11/6/03", 2003, 11, 6},
        {"28/09/2013", 2013, 9, 28},
        {"11172014", 2014, 11, 17},
        {"12OCT04", 2004, 10, 12},
        {"9mar99", 1999, 3, 9},
        {" 2012/02/29 ", 2012, 2, 29},
        {"2009/10/23 (2009)", 2009, 10, 23},
        {"01/01/70", 1970, 1, 1},
        {"12/31/69", 2069, 12, 31},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int32_t day = 0;
        assert_true(fl_device_day_parse(fl_slice_text(good[i].text), &day));
        assert_int_equal(day, fl_days_from_civil(good[i].year, good[i].month, good[i].of_month));
    }
}

static void what_is_no_day_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           " ",           "not set",    "CPS",          "?",
        "1",          "2001/00/00",  "00/00/00",   "2065/165/165", "4158/00/03",
        "2013/02/29", "2014/13/01",  "2014/05-23", "2014/05/",     "99999999",
        "9MR9",       "12OKT04",     "13/13/13",   "2014/05/23x",  "-1/02/2014",
        "1/2/3",      "123/01/2014", "2014/05/32", "00002014",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int32_t day = 77;
        if (fl_device_day_parse(fl_slice_text(bad[i]), &day))
            fail_msg("\"%s\" was read as a day", bad[i]);
        assert_int_equal(day, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_are_read_in_every_form),
        cmocka_unit_test(what_is_no_day_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
