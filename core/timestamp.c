/* SPDX-License-Identifier: Apache-2.0 */
#include "core/timestamp.h"

#include "core/assert.h"

enum { MS_PER_DAY = 86400000 };

/* Day counts run from 1 March, so that the leap day is the last day of its year; eras of 400 years
 * have 146097 days. */
int64_t fl_days_from_civil(int year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int *year, unsigned *month, unsigned *day)
{
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t shifted = (5 * doy + 2) / 153;
    *day = (unsigned)(doy - (153 * shifted + 2) / 5 + 1);
    *month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(yoe + era * 400 + (*month <= 2));
}

/* `count` digits and what follows them. */
static char *put_digits(char *out, unsigned value, int count, char behind)
{
    for (int i = count - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    out[count] = behind;
    return out + count + 1;
}

void fl_timestamp_format(int64_t time_ms, char out[FL_TIMESTAMP_TEXT_SIZE])
{
    fl_assert(time_ms >= 0 && time_ms <= FL_TIMESTAMP_MS_MAX);
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    civil_from_days(time_ms / MS_PER_DAY, &year, &month, &day);
    unsigned rest = (unsigned)(time_ms % MS_PER_DAY);
    out = put_digits(out, (unsigned)year, 4, '-');
    out = put_digits(out, month, 2, '-');
    out = put_digits(out, day, 2, 'T');
    out = put_digits(out, rest / 3600000, 2, ':');
    out = put_digits(out, rest / 60000 % 60, 2, ':');
    out = put_digits(out, rest / 1000 % 60, 2, '.');
    out = put_digits(out, rest % 1000, 3, 'Z');
    *out = '\0';
}

static bool digits(const uint8_t *text, int count, unsigned *value)
{
    *value = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *value = *value * 10 + (text[i] - '0');
    }
    return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool fl_timestamp_parse(struct fl_slice text, int64_t *time_ms)
{
    unsigned year = 0;
    unsigned month = 0;
    unsigned day = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    unsigned ms = 0;
    const uint8_t *t = text.data;
    if (text.size != FL_TIMESTAMP_SIZE || t[4] != '-' || t[7] != '-' || t[10] != 'T' ||
        t[13] != ':' || t[16] != ':' || t[19] != '.' || t[23] != 'Z')
        return false;
    if (!digits(t, 4, &year) || !digits(t + 5, 2, &month) || !digits(t + 8, 2, &day) ||
        !digits(t + 11, 2, &hour) || !digits(t + 14, 2, &minute) || !digits(t + 17, 2, &second) ||
        !digits(t + 20, 3, &ms))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
        hour > 23 || minute > 59 || second > 59)
        return false;
    *time_ms = fl_days_from_civil((int)year, month, day) * MS_PER_DAY +
               (int64_t)(hour * 3600 + minute * 60 + second) * 1000 + ms;
    return true;
}
