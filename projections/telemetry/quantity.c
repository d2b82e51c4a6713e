/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/telemetry/quantity.h"

#include <string.h>

#include "core/assert.h"

struct rule {
    const char *name;
    const char *unit;
    int64_t low; /* thousandths; what is below or above cannot be */
    int64_t high;
    int64_t sentinels[4]; /* 0 ends the list */
};

static const struct rule rules[FL_QUANTITY_COUNT] = {
    [FL_QUANTITY_BATTERY_CHARGE] = {"battery.charge", "%", 0, 100000, {255000}},
    /* 16 bits full, and the same times 60: saturated registers. */
    [FL_QUANTITY_BATTERY_RUNTIME] =
        {"battery.runtime", "s", 0, INT64_C(1000000000), {65535000, INT64_C(3932100000)}},
    [FL_QUANTITY_BATTERY_VOLTAGE] = {"battery.voltage", "V", 0, 1000000, {0}},
    [FL_QUANTITY_LOAD] = {"ups.load", "%", 0, 300000, {0}},
    [FL_QUANTITY_INPUT_VOLTAGE] = {"input.voltage", "V", 0, 1000000, {0}},
    [FL_QUANTITY_INPUT_TRANSFER_LOW] = {"input.transfer.low", "V", 1, 1000000, {0}},
    [FL_QUANTITY_OUTPUT_VOLTAGE] = {"output.voltage", "V", 0, 1000000, {0}},
    [FL_QUANTITY_TEMPERATURE] = {"ups.temperature", "°C", -40000, 120000, {255000}},
};

static const char battery_temperature[] = "battery.temperature";

static const struct {
    const char *name;
    uint32_t bit;
} tokens[] = {
    {"OL", FL_STATUS_OL},           {"OB", FL_STATUS_OB},         {"LB", FL_STATUS_LB},
    {"HB", FL_STATUS_HB},           {"RB", FL_STATUS_RB},         {"CHRG", FL_STATUS_CHRG},
    {"DISCHRG", FL_STATUS_DISCHRG}, {"BYPASS", FL_STATUS_BYPASS}, {"CAL", FL_STATUS_CAL},
    {"OFF", FL_STATUS_OFF},         {"OVER", FL_STATUS_OVER},     {"TRIM", FL_STATUS_TRIM},
    {"BOOST", FL_STATUS_BOOST},     {"FSD", FL_STATUS_FSD},       {"ALARM", FL_STATUS_ALARM},
    {"WAIT", FL_STATUS_WAIT},       {"ECO", FL_STATUS_ECO},       {"HE", FL_STATUS_ECO},
};

enum fl_quantity fl_quantity_of(struct fl_slice name)
{
    for (size_t q = 0; q < FL_QUANTITY_COUNT; q++)
        if (fl_slice_is(name, rules[q].name))
            return (enum fl_quantity)q;
    return fl_slice_is(name, battery_temperature) ? FL_QUANTITY_TEMPERATURE : FL_QUANTITY_COUNT;
}

const char *fl_quantity_name(enum fl_quantity quantity)
{
    fl_assert(quantity < FL_QUANTITY_COUNT);
    return rules[quantity].name;
}

const char *fl_quantity_unit(enum fl_quantity quantity)
{
    fl_assert(quantity < FL_QUANTITY_COUNT);
    return rules[quantity].unit;
}

const char *fl_quality_name(enum fl_quality quality)
{
    static const char *const names[] = {"none",     "ok",    "sentinel",    "out_of_range",
                                        "unparsed", "stale", "implausible", "conflicting"};
    fl_assert(quality <= FL_QUALITY_CONFLICTING);
    return names[quality];
}

static struct fl_slice trim(struct fl_slice text)
{
    while (text.size > 0 && text.data[0] == ' ') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

bool fl_decimal_parse(struct fl_slice text, int64_t *thousandths)
{
    int64_t sum = 0;
    unsigned digits = 0;
    int fraction = -1; /* digits behind the point so far; -1: no point yet */
    text = trim(text);
    bool negative = text.size > 0 && text.data[0] == '-';
    size_t i = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    for (; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '.' && fraction < 0) {
            fraction = 0;
            continue;
        }
        if (c < '0' || c > '9' || ++digits > 15)
            return false;
        if (fraction >= 3)
            continue; /* finer than a thousandth */
        sum = sum * 10 + (c - '0');
        fraction += fraction >= 0;
    }
    if (digits == 0)
        return false;
    for (int f = fraction < 0 ? 0 : fraction; f < 3; f++)
        sum *= 10;
    *thousandths = negative ? -sum : sum;
    return true;
}

enum fl_quality fl_quantity_parse(enum fl_quantity quantity, struct fl_slice value,
                                  int64_t *thousandths)
{
    fl_assert(quantity < FL_QUANTITY_COUNT);
    const struct rule *rule = &rules[quantity];
    *thousandths = 0;
    if (!fl_decimal_parse(value, thousandths))
        return FL_QUALITY_UNPARSED;
    for (size_t i = 0; i < 4 && rule->sentinels[i] != 0; i++)
        if (*thousandths == rule->sentinels[i])
            return FL_QUALITY_SENTINEL;
    return *thousandths < rule->low || *thousandths > rule->high ? FL_QUALITY_OUT_OF_RANGE
                                                                 : FL_QUALITY_OK;
}

uint32_t fl_status_parse(struct fl_slice value)
{
    uint32_t set = (uint32_t)FL_STATUS_KNOWN;
    size_t at = 0;
    while (at < value.size) {
        size_t from = at;
        while (at < value.size && value.data[at] != ' ' && value.data[at] != '\t')
            at++;
        struct fl_slice token = fl_slice_of(value.data + from, at - from);
        uint32_t bit = token.size == 0 ? 0 : (uint32_t)FL_STATUS_UNKNOWN;
        for (size_t i = 0; token.size != 0 && i < sizeof(tokens) / sizeof(tokens[0]); i++)
            if (fl_slice_is(token, tokens[i].name))
                bit = tokens[i].bit;
        set |= bit;
        at++;
    }
    return set;
}

const char *fl_status_name(enum fl_status_token token)
{
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++)
        if (tokens[i].bit == (uint32_t)token)
            return tokens[i].name;
    return NULL;
}
