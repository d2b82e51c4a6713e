/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/telemetry/meaning.h"

#include "core/assert.h"
#include "projections/telemetry/words.h"

#define UNBOUNDED INT64_C(1000000000000)
#define NONE INT64_MIN
enum { PLACEHOLDER_COUNT = 2, THOUSAND = 1000 };

struct row {
    const char *pattern;
    const char *unit;
    enum fl_meaning_kind kind;
    int64_t low;
    int64_t high;
    int64_t placeholders[PLACEHOLDER_COUNT];
};

static const struct row table[] = {
#define MEANING(name, kind, unit, low, high, ...)                                                  \
    {name, unit, FL_MEANING_##kind, low, high, {__VA_ARGS__}},
#include "projections/telemetry/meaning.def"
#undef MEANING
};

/* `*` takes one or more characters, so that "a*" is not "a"; a final one also takes none. */
static bool matches(const char *pattern, const uint8_t *at, const uint8_t *end)
{
    for (; *pattern != '\0' && *pattern != '*'; pattern++, at++)
        if (at == end || *at != (uint8_t)*pattern)
            return false;
    if (*pattern == '\0')
        return at == end;
    if (pattern[1] == '\0')
        return true;
    for (at++; at < end; at++)
        if (matches(pattern + 1, at, end))
            return true;
    return false;
}

static const struct row *row_of(struct fl_slice name)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (matches(table[i].pattern, name.data, name.data + name.size))
            return &table[i];
    return NULL;
}

static void find_fault(struct fl_judged *v, enum fl_quality quality, const char *rule)
{
    v->quality = quality;
    v->rule = rule;
}

/* A decimal that no register holds: more digits than any of them has. */
static bool is_endless(struct fl_slice text)
{
    size_t digits = 0;
    text = fl_text_trim(text);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= '0' && c <= '9')
            digits++;
        else if (c != '.' && !(i == 0 && (c == '-' || c == '+')))
            return false;
    }
    return digits > 15;
}

static void judge_number(const struct row *row, struct fl_judged *v)
{
    struct fl_slice text = fl_text_trim(v->text);
    bool parsed = row->kind == FL_MEANING_DURATION ? fl_duration_parse(text, &v->value)
                                                   : fl_decimal_parse(text, &v->value);
    if (!parsed) {
        if (text.size == 0)
            find_fault(v, FL_QUALITY_SENTINEL, "empty");
        else if (is_endless(text))
            find_fault(v, FL_QUALITY_OUT_OF_RANGE, "endless number");
        else
            find_fault(v, FL_QUALITY_UNPARSED, "not a number");
        return;
    }
    for (size_t i = 0; i < PLACEHOLDER_COUNT; i++)
        if (row->placeholders[i] != NONE && v->value == row->placeholders[i] * THOUSAND) {
            find_fault(v, FL_QUALITY_SENTINEL, "placeholder number");
            return;
        }
    if (v->value < row->low * THOUSAND || v->value > row->high * THOUSAND)
        find_fault(v, FL_QUALITY_OUT_OF_RANGE, "outside its range");
}

static void judge_date(struct fl_judged *v)
{
    static const char *const rules[] = {
        [FL_QUALITY_SENTINEL] = "placeholder date",
        [FL_QUALITY_OUT_OF_RANGE] = "no such day",
        [FL_QUALITY_UNPARSED] = "not a date",
    };
    int32_t day = 0;
    enum fl_quality quality = fl_day_parse(v->text, &day);
    v->value = day;
    if (quality != FL_QUALITY_OK)
        find_fault(v, quality, rules[quality]);
}

static void judge_alone(struct fl_judged *v)
{
    const struct row *row = row_of(v->name);
    v->quality = FL_QUALITY_OK;
    v->rule = NULL;
    v->value = 0;
    v->kind = row == NULL ? FL_MEANING_TEXT : row->kind;
    v->unit = row == NULL ? "" : row->unit;
    switch (v->kind) {
    case FL_MEANING_NUMBER:
    case FL_MEANING_DURATION:
        judge_number(row, v);
        break;
    case FL_MEANING_DATE:
        judge_date(v);
        break;
    case FL_MEANING_STATUS:
        v->value = fl_status_parse(v->text);
        if (v->value == (int64_t)(uint32_t)FL_STATUS_KNOWN)
            find_fault(v, FL_QUALITY_SENTINEL, "empty");
        break;
    case FL_MEANING_TEXT:
    case FL_MEANING_COUNT:
        break;
    }
}

void fl_meaning_judge(struct fl_judged *values, size_t count, int32_t today)
{
    for (size_t i = 0; i < count; i++)
        judge_alone(&values[i]);
    fl_meaning_contradict(values, count, today);
}

const char *fl_meaning_kind_name(enum fl_meaning_kind kind)
{
    static const char *const names[FL_MEANING_COUNT] = {"text", "number", "duration", "date",
                                                        "status"};
    fl_assert(kind < FL_MEANING_COUNT);
    return names[kind];
}
