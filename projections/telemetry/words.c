/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/telemetry/words.h"

#include <string.h>

#include "core/timestamp.h"

enum { YEAR_FIRST = 1985, YEAR_LAST = 2050, PART_COUNT_MAX = 3, PART_DIGITS_MAX = 4 };

struct numbers {
    uint32_t values[PART_COUNT_MAX];
    size_t digits[PART_COUNT_MAX];
    size_t count;
};

struct date {
    uint32_t year;
    uint32_t month;
    uint32_t day;
};

/* Days on which nothing was made: clocks and fields that nobody has set. */
static const struct date placeholders[] = {{2001, 9, 25}, {2001, 1, 1}, {2000, 1, 1},
                                           {1999, 1, 1},  {1980, 1, 1}, {1970, 1, 1}};

static const char *const nothings[] = {"",    "not set", "unknown", "none", "n/a",
                                       "n.a", "?",       "-",       "0",    "unset"};

struct fl_slice fl_text_trim(struct fl_slice text)
{
    while (text.size > 0) {
        const uint8_t *end = text.data + text.size;
        if (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
            text = fl_slice_of(text.data + 1, text.size - 1);
        } else if (text.size > 1 && text.data[0] == 0xc2 && text.data[1] == 0xa0) {
            text = fl_slice_of(text.data + 2, text.size - 2);
        } else if (text.size > 0 && (end[-1] == ' ' || end[-1] == '\t')) {
            text.size--;
        } else if (text.size > 1 && end[-2] == 0xc2 && end[-1] == 0xa0) {
            text.size -= 2;
        } else {
            break;
        }
    }
    return text;
}

/* ASCII only: strncasecmp() asks the locale. */
static bool is_same(const uint8_t *text, const char *word, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t a = text[i];
        uint8_t b = (uint8_t)word[i];
        a = a >= 'A' && a <= 'Z' ? (uint8_t)(a + ('a' - 'A')) : a;
        b = b >= 'A' && b <= 'Z' ? (uint8_t)(b + ('a' - 'A')) : b;
        if (a != b)
            return false;
    }
    return true;
}

bool fl_text_is_word(struct fl_slice text, const char *word)
{
    return text.size == strlen(word) && is_same(text.data, word, text.size);
}

bool fl_text_holds(struct fl_slice text, const char *words)
{
    size_t size = strlen(words);
    for (size_t i = 0; i + size <= text.size; i++)
        if (is_same(text.data + i, words, size))
            return true;
    return false;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* "12/10/06": numbers with one and the same separator between them, and nothing else. */
static bool split_numbers(struct fl_slice text, const char *separators, struct numbers *numbers)
{
    uint8_t separator = 0;
    *numbers = (struct numbers){.count = 1};
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        size_t at = numbers->count - 1;
        if (is_digit(c)) {
            if (++numbers->digits[at] > PART_DIGITS_MAX)
                return false;
            numbers->values[at] = numbers->values[at] * 10 + (uint32_t)(c - '0');
        } else if (numbers->digits[at] == 0 || numbers->count == PART_COUNT_MAX || c == 0 ||
                   strchr(separators, c) == NULL || (separator != 0 && c != separator)) {
            return false;
        } else {
            separator = c;
            numbers->count++;
        }
    }
    return numbers->digits[numbers->count - 1] > 0;
}

static uint32_t century(uint32_t year, size_t digits)
{
    return digits > 2 ? year : year + (year >= 80 ? 1900 : 2000);
}

static bool parse_separated(struct fl_slice text, struct date *date)
{
    struct numbers n;
    if (!split_numbers(text, "/-.", &n) || n.count != 3)
        return false;
    if (n.digits[0] == 4) {
        *date = (struct date){n.values[0], n.values[1], n.values[2]};
        return true;
    }
    if (n.digits[0] > 2 || n.digits[1] > 2 || n.digits[2] == 3)
        return false;
    uint32_t year = century(n.values[2], n.digits[2]);
    bool day_first = n.values[0] > 12 && n.values[1] <= 12;
    *date = day_first ? (struct date){year, n.values[1], n.values[0]}
                      : (struct date){year, n.values[0], n.values[1]};
    return true;
}

static uint32_t digits_at(struct fl_slice text, size_t from, size_t count)
{
    uint32_t value = 0;
    for (size_t i = from; i < from + count; i++)
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    return value;
}

/* YYYYMMDD if the front can be a year of ours, else MMDDYYYY. */
static bool parse_glued(struct fl_slice text, struct date *date)
{
    if (text.size != 8)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (!is_digit(text.data[i]))
            return false;
    uint32_t year = digits_at(text, 0, 4);
    uint32_t month = digits_at(text, 4, 2);
    if (year >= YEAR_FIRST && year <= YEAR_LAST && month <= 12)
        *date = (struct date){year, month, digits_at(text, 6, 2)};
    else
        *date = (struct date){digits_at(text, 4, 4), digits_at(text, 0, 2), digits_at(text, 2, 2)};
    return true;
}

/* 12OCT04, as some firmware prints it. */
static bool parse_named_month(struct fl_slice text, struct date *date)
{
    static const char months[] = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC";
    if (text.size != 7 || !is_digit(text.data[0]) || !is_digit(text.data[1]) ||
        !is_digit(text.data[5]) || !is_digit(text.data[6]))
        return false;
    for (uint32_t m = 0; m < 12; m++)
        if (is_same(text.data + 2, months + (size_t)3 * m, 3)) {
            *date = (struct date){century(digits_at(text, 5, 2), 2), m + 1, digits_at(text, 0, 2)};
            return true;
        }
    return false;
}

static bool is_placeholder(const struct date *date)
{
    if ((date->month == 0 && date->day <= 1) || (date->year == 1980 && date->month <= 1))
        return true;
    for (size_t i = 0; i < sizeof(placeholders) / sizeof(placeholders[0]); i++)
        if (date->year == placeholders[i].year && date->month == placeholders[i].month &&
            date->day == placeholders[i].day)
            return true;
    return false;
}

static bool is_in_calendar(const struct date *date)
{
    static const uint8_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date->year < YEAR_FIRST || date->year > YEAR_LAST || date->month == 0 || date->month > 12)
        return false;
    bool leap = date->year % 4 == 0; /* none of those years is a century but 2000 */
    uint32_t length = date->month == 2 && !leap ? 28 : lengths[date->month - 1];
    return date->day >= 1 && date->day <= length;
}

enum fl_quality fl_day_parse(struct fl_slice text, int32_t *day)
{
    struct date date;
    *day = 0;
    text = fl_text_trim(text);
    for (size_t i = 0; i < sizeof(nothings) / sizeof(nothings[0]); i++)
        if (fl_text_is_word(text, nothings[i]))
            return FL_QUALITY_SENTINEL;
    if (!parse_separated(text, &date) && !parse_glued(text, &date) &&
        !parse_named_month(text, &date))
        return FL_QUALITY_UNPARSED;
    if (is_placeholder(&date))
        return FL_QUALITY_SENTINEL;
    if (!is_in_calendar(&date))
        return FL_QUALITY_OUT_OF_RANGE;
    *day = (int32_t)fl_days_from_civil((int)date.year, date.month, date.day);
    return FL_QUALITY_OK;
}

static int64_t unit_seconds(struct fl_slice unit)
{
    static const struct {
        const char *word;
        int64_t seconds;
    } units[] = {{"s", 1},    {"sec", 1},   {"secs", 1},   {"second", 1},  {"seconds", 1},
                 {"m", 60},   {"min", 60},  {"mins", 60},  {"minute", 60}, {"minutes", 60},
                 {"h", 3600}, {"hr", 3600}, {"hrs", 3600}, {"hour", 3600}, {"hours", 3600}};
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (fl_text_is_word(unit, units[i].word))
            return units[i].seconds;
    return 0;
}

static bool parse_clock(struct fl_slice text, int64_t *thousandths)
{
    struct numbers n;
    if (!split_numbers(text, ":", &n) || n.count < 2 || n.digits[n.count - 1] != 2 ||
        n.values[n.count - 1] > 59)
        return false;
    if (n.count == 3 && (n.digits[1] != 2 || n.values[1] > 59))
        return false;
    int64_t seconds = n.values[0];
    for (size_t i = 1; i < n.count; i++)
        seconds = seconds * 60 + n.values[i];
    *thousandths = seconds * 1000;
    return true;
}

bool fl_duration_parse(struct fl_slice text, int64_t *thousandths)
{
    int64_t value = 0;
    text = fl_text_trim(text);
    size_t size = text.size;
    while (size > 0 && !is_digit(text.data[size - 1]) && text.data[size - 1] != '.')
        size--;
    if (size == text.size)
        return fl_decimal_parse(text, thousandths) || parse_clock(text, thousandths);
    struct fl_slice unit = fl_text_trim(fl_slice_of(text.data + size, text.size - size));
    int64_t seconds = unit_seconds(unit);
    if (seconds == 0 || !fl_decimal_parse(fl_slice_of(text.data, size), &value) ||
        value > INT64_MAX / 3600 || value < INT64_MIN / 3600)
        return false;
    *thousandths = value * seconds;
    return true;
}
