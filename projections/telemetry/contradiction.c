/* SPDX-License-Identifier: Apache-2.0 */
/* Values that cannot be true together. Each rule names the kind of fault and the evidence; what
 * disagrees is marked on both sides unless one side is the proof. */
#include <string.h>

#include "projections/telemetry/meaning.h"
#include "projections/telemetry/words.h"

enum {
    VOLT = 1000,
    PERCENT = 1000,
    DEGREE = 1000,
    CHARGE_HIGH = 50 * PERCENT,
    LOAD_MAX = 105 * PERCENT, /* from here on a UPS says OVER */
    MAINS_MAX = 300 * VOLT,   /* one phase against neutral, the widest range that there is */
    ZERO_COUNT_MIN = 3,
    MODEL_SIZE_MIN = 5,
    HERTZ = 1000,
    DAYS_OLDER_MAX = 366,
    DAYS_AHEAD_MAX = 1,
};

struct set {
    struct fl_judged *values;
    size_t count;
    int32_t today;
};

static struct fl_judged *find(const struct set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (fl_slice_is(set->values[i].name, name))
            return &set->values[i];
    return NULL;
}

/* A number that is OK so far. */
static struct fl_judged *number(const struct set *set, const char *name)
{
    struct fl_judged *v = find(set, name);
    bool counts = v != NULL && v->quality == FL_QUALITY_OK &&
                  (v->kind == FL_MEANING_NUMBER || v->kind == FL_MEANING_DURATION);
    return counts ? v : NULL;
}

static void mark(struct fl_judged *v, enum fl_quality quality, const char *rule)
{
    if (v == NULL || v->quality != FL_QUALITY_OK)
        return;
    v->quality = quality;
    v->rule = rule;
}

static void conflict(struct fl_judged *v, const char *rule)
{
    mark(v, FL_QUALITY_CONFLICTING, rule);
}

static uint32_t status_of(const struct set *set)
{
    const struct fl_judged *v = find(set, "ups.status");
    return v == NULL ? 0 : (uint32_t)v->value;
}

static bool is_text(const struct set *set, const char *name, const char *words)
{
    const struct fl_judged *v = find(set, name);
    return v != NULL && fl_text_holds(v->text, words);
}

static bool has_passed(const struct set *set)
{
    return is_text(set, "ups.test.result", "passed");
}

/* Tokens against each other, and against what is measured. */
static void check_status(const struct set *set)
{
    struct fl_judged *status = find(set, "ups.status");
    const struct fl_judged *charge = number(set, "battery.charge");
    uint32_t tokens = status_of(set);
    if (status == NULL || tokens == 0)
        return;
    bool online = (tokens & FL_STATUS_OL) != 0;
    bool on_battery = (tokens & FL_STATUS_OB) != 0;
    bool calm = online && !on_battery && (tokens & FL_STATUS_LB) == 0;
    if (online && on_battery)
        conflict(status, "OL with OB");
    if ((tokens & FL_STATUS_LB) != 0 && charge != NULL && charge->value >= CHARGE_HIGH)
        conflict(status, "LB with much charge");
    if ((tokens & FL_STATUS_FSD) != 0 && calm)
        conflict(status, "FSD with mains");
    if ((tokens & (FL_STATUS_TRIM | FL_STATUS_BOOST)) != 0 && !online)
        conflict(status, "TRIM or BOOST without OL");
    if ((tokens & FL_STATUS_RB) != 0 && has_passed(set))
        conflict(status, "RB with a passed test");
    bool has_evidence = number(set, "battery.voltage") != NULL || charge != NULL ||
                        number(set, "input.voltage") != NULL ||
                        number(set, "battery.runtime") != NULL;
    if (on_battery && !online && (tokens & FL_STATUS_DISCHRG) == 0 && !has_evidence)
        mark(status, FL_QUALITY_IMPLAUSIBLE, "OB without evidence");
}

static void check_alarm(const struct set *set)
{
    struct fl_judged *alarm = find(set, "ups.alarm");
    const struct fl_judged *charge = number(set, "battery.charge");
    uint32_t tokens = status_of(set);
    if (alarm == NULL)
        return;
    bool charged = charge != NULL && charge->value >= CHARGE_HIGH;
    if (fl_text_holds(alarm->text, "no battery") && charged)
        conflict(alarm, "no battery, yet charged");
    if (fl_text_holds(alarm->text, "replace battery") && has_passed(set))
        conflict(alarm, "replace battery with a passed test");
    if (fl_text_holds(alarm->text, "shutdown imminent") && (tokens & FL_STATUS_OL) != 0 &&
        (tokens & (FL_STATUS_OB | FL_STATUS_LB)) == 0)
        conflict(alarm, "shutdown with mains");
}

static bool differs(int64_t value, int64_t nominal, int64_t percent)
{
    int64_t distance = value > nominal ? value - nominal : nominal - value;
    return distance * 100 >= nominal * percent;
}

static bool has_three_phases(const struct set *set)
{
    const struct fl_judged *in = number(set, "input.phases");
    const struct fl_judged *out = find(set, "output.phases");
    const struct fl_judged *in_text = in != NULL ? in : find(set, "input.phases");
    return (out != NULL && out->text.size > 0 && out->text.data[0] == '3') ||
           (in_text != NULL && in_text->text.size > 0 && in_text->text.data[0] == '3');
}

/* The output, or the voltages between which the UPS stays on mains, are of the same grid. */
static bool agrees(const struct set *set, const struct fl_judged *in, const struct fl_judged *out)
{
    const struct fl_judged *low = number(set, "input.transfer.low");
    const struct fl_judged *high = number(set, "input.transfer.high");
    return (out != NULL && !differs(out->value, in->value, 10)) ||
           (low != NULL && high != NULL && low->value < in->value && in->value < high->value);
}

/* Mains and output against nominal: a scale that is wrong, or a difference that is reported as the
 * voltage. */
static void check_voltages(const struct set *set)
{
    static const char *const simple[] = {"input.voltage", "output.voltage"};
    struct fl_judged *in = number(set, "input.voltage");
    struct fl_judged *out = number(set, "output.voltage");
    const struct fl_judged *in_nominal = number(set, "input.voltage.nominal");
    const struct fl_judged *out_nominal = number(set, "output.voltage.nominal");
    uint32_t tokens = status_of(set);
    for (size_t i = 0; i < 2 && !has_three_phases(set); i++) {
        struct fl_judged *v = number(set, simple[i]);
        if (v != NULL && v->value > MAINS_MAX)
            mark(v, FL_QUALITY_IMPLAUSIBLE, "more than mains");
    }
    if (in != NULL && in_nominal != NULL && in_nominal->value >= 100 * VOLT) {
        bool agreed = agrees(set, in, out); /* then nominal is a default */
        if (in->value * 10 > in_nominal->value * 15 && !agreed)
            mark(in, FL_QUALITY_IMPLAUSIBLE, "far above nominal");
        if ((tokens & FL_STATUS_OL) != 0 && (tokens & FL_STATUS_DISCHRG) == 0 && in->value > 0 &&
            in->value * 2 < in_nominal->value)
            conflict(in, "OL without mains");
    }
    if (out_nominal == NULL)
        out_nominal = in_nominal;
    bool steady = in != NULL && in_nominal != NULL && !differs(in->value, in_nominal->value, 5);
    bool adjusts = (tokens & (FL_STATUS_TRIM | FL_STATUS_BOOST)) != 0;
    if (out != NULL && out_nominal != NULL && out_nominal->value >= 100 * VOLT &&
        out->value > out_nominal->value && differs(out->value, out_nominal->value, 10) && steady &&
        !adjusts)
        conflict(out, "output above steady mains");
}

/* Lead blocks have 2, 6 or 12 V and more; between them only lithium is. */
static bool is_no_battery(const struct set *set, int64_t voltage)
{
    bool lithium = is_text(set, "battery.type", "Li");
    return (voltage > 0 && voltage < 1500) || (voltage > 7500 && voltage < 9 * VOLT && !lithium);
}

static void check_battery(const struct set *set)
{
    struct fl_judged *voltage = number(set, "battery.voltage");
    struct fl_judged *nominal = number(set, "battery.voltage.nominal");
    struct fl_judged *charge = number(set, "battery.charge");
    uint32_t tokens = status_of(set);
    bool floats = (tokens & FL_STATUS_OL) != 0 &&
                  (tokens & (FL_STATUS_CHRG | FL_STATUS_DISCHRG | FL_STATUS_OB)) == 0;
    if (voltage != NULL && is_no_battery(set, voltage->value))
        mark(voltage, FL_QUALITY_IMPLAUSIBLE, "no battery has that voltage");
    /* Some tell of a cell or of one block of two (up to 15 V of 24): only near misses are wrong. */
    if (voltage != NULL && nominal != NULL && floats &&
        voltage->value * 1000 > nominal->value * 625 && voltage->value * 10 < nominal->value * 8) {
        conflict(voltage, "battery far below nominal");
        conflict(nominal, "battery far below nominal");
    }
    if (charge != NULL && voltage != NULL && nominal != NULL && floats &&
        charge->value < CHARGE_HIGH && voltage->value * 100 >= nominal->value * 107)
        conflict(charge, "little charge at full voltage");
    /* Tripp Lite's protocol 3003 has no charge: the driver looks the voltage up in a table. */
    if (is_text(set, "driver.name", "tripplite_usb") && is_text(set, "ups.firmware.aux", "3003"))
        mark(charge, FL_QUALITY_IMPLAUSIBLE, "guessed from the voltage");
}

/* |a| * b in a thousandth of the product. */
static int64_t product(const struct fl_judged *a, const struct fl_judged *b)
{
    int64_t x = a->value < 0 ? -a->value : a->value;
    return x * b->value / 1000;
}

static void check_currents(const struct set *set)
{
    struct fl_judged *battery = number(set, "battery.current");
    struct fl_judged *input = number(set, "input.current");
    const struct fl_judged *battery_voltage = number(set, "battery.voltage");
    const struct fl_judged *input_voltage = number(set, "input.voltage");
    if (battery == NULL || (status_of(set) & FL_STATUS_CHRG) == 0)
        return;
    if (input != NULL && battery_voltage != NULL && input_voltage != NULL && input->value > 0 &&
        product(battery, battery_voltage) > product(input, input_voltage))
        conflict(input, "charges with more than comes in");
    if (battery->value < 0)
        conflict(battery, "charging, yet current flows out");
}

/* A block of registers that the device does not have reads as zeros: known by a current that flows
 * while neither load nor power is there. */
static void check_zeros(const struct set *set)
{
    static const char *const names[] = {"ups.load",        "ups.power",           "ups.realpower",
                                        "battery.current", "battery.temperature", "output.power",
                                        "output.realpower"};
    const struct fl_judged *current = number(set, "output.current");
    size_t count = sizeof(names) / sizeof(names[0]);
    size_t zeros = 0;
    for (size_t i = 0; i < count; i++) {
        const struct fl_judged *v = number(set, names[i]);
        zeros += v != NULL && v->value == 0;
    }
    if (current == NULL || current->value < 500 || zeros < ZERO_COUNT_MIN)
        return;
    for (size_t i = 0; i < count; i++) {
        struct fl_judged *v = number(set, names[i]);
        if (v != NULL && v->value == 0)
            mark(v, FL_QUALITY_SENTINEL, "zero while current flows");
    }
}

/* No mains is below 40 Hz, and no signal is 0. */
static void check_frequencies(const struct set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        struct fl_judged *v = &set->values[i];
        if (v->kind == FL_MEANING_NUMBER && strcmp(v->unit, "Hz") == 0 && v->value > 0 &&
            v->value < 40 * HERTZ)
            mark(v, FL_QUALITY_IMPLAUSIBLE, "no such frequency");
    }
}

static void check_load(const struct set *set)
{
    struct fl_judged *load = number(set, "ups.load");
    if (load != NULL && load->value > LOAD_MAX && (status_of(set) & FL_STATUS_OVER) == 0)
        conflict(load, "overloaded without OVER");
}

/* Megatec's Q1 answer has a field for the temperature even where nothing measures it: 25.0. Online
 * UPSes do measure it; they are those that tell the voltage of a cell. */
static void check_temperature(const struct set *set)
{
    struct fl_judged *v = number(set, "ups.temperature");
    bool megatec = is_text(set, "driver.name", "megatec") ||
                   is_text(set, "driver.name", "blazer") ||
                   is_text(set, "driver.name", "nutdrv_qx");
    const struct fl_judged *battery = number(set, "battery.voltage");
    bool online_type =
        is_text(set, "ups.type", "online") || (battery != NULL && battery->value < 3 * VOLT);
    if (v != NULL && megatec && !online_type && v->value == 25 * DEGREE)
        mark(v, FL_QUALITY_IMPLAUSIBLE, "constant of the protocol");
}

static void check_dates(const struct set *set)
{
    static const char *const past[] = {"battery.date", "battery.mfr.date", "ups.mfr.date"};
    struct fl_judged *battery = find(set, "battery.mfr.date");
    const struct fl_judged *ups = find(set, "ups.mfr.date");
    for (size_t i = 0; i < sizeof(past) / sizeof(past[0]) && set->today != 0; i++) {
        struct fl_judged *v = find(set, past[i]);
        if (v != NULL && v->quality == FL_QUALITY_OK && v->value > set->today + DAYS_AHEAD_MAX)
            mark(v, FL_QUALITY_IMPLAUSIBLE, "made in the future");
    }
    if (battery != NULL && ups != NULL && battery->quality == FL_QUALITY_OK &&
        ups->quality == FL_QUALITY_OK && battery->value + DAYS_OLDER_MAX < ups->value)
        mark(battery, FL_QUALITY_IMPLAUSIBLE, "battery older than its UPS");
}

static bool has_digit(struct fl_slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] >= '0' && text.data[i] <= '9')
            return true;
    return false;
}

/* USB's strings one place on: the model stands as manufacturer, and the manufacturer as serial. */
static void check_strings(const struct set *set)
{
    struct fl_judged *manufacturer = find(set, "ups.mfr");
    struct fl_judged *model = find(set, "ups.model");
    const struct fl_judged *serial = find(set, "ups.serial");
    if (manufacturer == NULL || model == NULL || serial == NULL || serial->text.size == 0 ||
        has_digit(serial->text) || fl_text_is_word(fl_text_trim(serial->text), "unknown") ||
        fl_text_is_word(serial->text, "XXXXXXXXXX") || !has_digit(manufacturer->text) ||
        manufacturer->text.size < MODEL_SIZE_MIN ||
        memchr(manufacturer->text.data, ' ', manufacturer->text.size) != NULL)
        return;
    conflict(manufacturer, "strings in the wrong place");
    conflict(model, "strings in the wrong place");
}

void fl_meaning_contradict(struct fl_judged *values, size_t count, int32_t today)
{
    const struct set set = {values, count, today};
    check_zeros(&set);
    check_load(&set);
    check_frequencies(&set);
    check_currents(&set);
    check_voltages(&set);
    check_alarm(&set);
    check_status(&set);
    check_battery(&set);
    check_temperature(&set);
    check_dates(&set);
    check_strings(&set);
}
