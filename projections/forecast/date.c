/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/forecast/date.h"

#include <string.h>

#include "core/timestamp.h"

enum { MONTH_COUNT = 12, FORM_SIZE_MAX = 10 };

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool set_day(int year, unsigned month, unsigned of_month, int32_t *day)
{
    static const uint8_t days[MONTH_COUNT] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > MONTH_COUNT || of_month < 1 || year < 1970 || year > 2199 ||
        of_month > days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u))
        return false;
    *day = (int32_t)fl_days_from_civil(year, month, of_month);
    return true;
}

static int full_year(unsigned year, size_t digits)
{
    if (digits > 2)
        return (int)year;
    return (int)(year < 70 ? 2000 + year : 1900 + year);
}

/* Digits from `at` on, 8 at most; their count is 0 if there are none. */
static unsigned number_at(struct fl_slice text, size_t *at, size_t *digits)
{
    unsigned number = 0;
    *digits = 0;
    while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9' && *digits < 8) {
        number = number * 10 + (unsigned)(text.data[*at] - '0');
        (*at)++;
        (*digits)++;
    }
    return number;
}

static bool parse_three(struct fl_slice text, int32_t *day)
{
    unsigned numbers[3];
    size_t digits[3];
    size_t at = 0;
    uint8_t separator = 0;
    for (unsigned i = 0; i < 3; i++) {
        numbers[i] = number_at(text, &at, &digits[i]);
        if (digits[i] == 0 || digits[i] > 4)
            return false;
        if (i == 2)
            break;
        if (at >= text.size || (text.data[at] != '/' && text.data[at] != '-') ||
            (i == 1 && text.data[at] != separator))
            return false;
        separator = text.data[at++];
    }
    if (at != text.size || digits[1] > 2)
        return false;
    if (digits[0] == 4)
        return digits[2] <= 2 && set_day((int)numbers[0], numbers[1], numbers[2], day);
    if (digits[0] > 2 || (digits[2] != 2 && digits[2] != 4))
        return false;
    int year = full_year(numbers[2], digits[2]);
    return numbers[0] > MONTH_COUNT ? set_day(year, numbers[1], numbers[0], day)
                                    : set_day(year, numbers[0], numbers[1], day);
}

static bool parse_word(struct fl_slice text, int32_t *day)
{
    static const char months[] = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
    size_t at = 0;
    size_t digits[2];
    char name[3];
    unsigned first = number_at(text, &at, &digits[0]);
    if (digits[0] == 8 && at == text.size)
        return set_day((int)(first % 10000), first / 1000000, first / 10000 % 100, day);
    if (digits[0] == 0 || digits[0] > 2 || at + sizeof(name) >= text.size)
        return false;
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = (char)(text.data[at + i] & ~0x20); /* a capital */
    at += sizeof(name);
    unsigned year = number_at(text, &at, &digits[1]);
    if (digits[1] != 2 || at != text.size)
        return false;
    for (unsigned month = 1; month <= MONTH_COUNT; month++)
        if (memcmp(months + (size_t)(month - 1) * sizeof(name), name, sizeof(name)) == 0)
            return set_day(full_year(year, 2), month, first, day);
    return false;
}

bool fl_device_day_parse(struct fl_slice text, int32_t *day)
{
    while (text.size > 0 && text.data[0] == ' ')
        text = fl_slice_of(text.data + 1, text.size - 1);
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == ' ' || text.data[i] == '\t')
            text.size = i;
    if (text.size == 0 || text.size > FORM_SIZE_MAX)
        return false;
    return parse_three(text, day) || parse_word(text, day);
}
