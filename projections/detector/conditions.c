/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/detector/conditions.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    /* No mains is so low, and no UPS carries its load from it. */
    MAINS_VOLTAGE_MIN = 50 * 1000,
    /* So much less charge while DISCHRG stands beside OL and no voltage is known: thousandths of a
     * percent. */
    CHARGE_FALL = 2 * 1000,
    TEXT_SIZE = 96,
};

static const char battery_words[] = "replace battery";

enum verdict { CLEAR, RAISED, NO_EVIDENCE };

bool fl_watch_is_news(const struct fl_watch *watch, const struct fl_report *report)
{
    if (report->generation != watch->generation)
        return report->generation > watch->generation;
    return report->counter > watch->counter;
}

/* A device that is enrolled again begins anew: the registry has dropped what stood before. */
static void begin_generation(struct fl_watch *watch, const struct fl_report *report)
{
    struct fl_watch fresh = {
        .partition = watch->partition,
        .gateway_number = watch->gateway_number,
        .heard_ms = watch->heard_ms,
        .generation = report->generation,
        .discharge_from = FL_CHARGE_NONE,
    };
    memcpy(fresh.device_id, report->device_id.data, FL_ID_SIZE);
    *watch = fresh;
}

static void set_value(struct fl_watch *watch, enum fl_quantity quantity, struct fl_slice text,
                      enum fl_watch_known bit, int64_t *value)
{
    watch->known &= ~(uint32_t)bit;
    if (fl_quantity_parse(quantity, text, value) == FL_QUALITY_OK)
        watch->known |= (uint32_t)bit;
}

/* ups.alarm holds messages one behind the other; only this one matters here. */
static bool asks_for_battery(struct fl_slice text)
{
    size_t size = sizeof(battery_words) - 1;
    for (size_t i = 0; i + size <= text.size; i++)
        if (strncasecmp((const char *)text.data + i, battery_words, size) == 0)
            return true;
    return false;
}

static void set_reading(struct fl_watch *watch, const struct fl_reading_walk *reading,
                        int64_t sampled_at_ms)
{
    struct fl_slice name = reading->name;
    switch (name.size) { /* each name has its own length: one comparison per reading */
    case 9:
        if (fl_slice_is(name, "ups.alarm")) {
            bool asks = asks_for_battery(reading->value);
            if (!asks || watch->alarm_at_ms == 0)
                watch->alarm_at_ms = asks ? sampled_at_ms : 0;
        }
        break;
    case 10:
        if (fl_slice_is(name, "ups.status")) {
            watch->status = fl_status_parse(reading->value);
            watch->known |= FL_KNOWS_STATUS;
        }
        break;
    case 13:
        if (fl_slice_is(name, "input.voltage"))
            set_value(watch, FL_QUANTITY_INPUT_VOLTAGE, reading->value, FL_KNOWS_INPUT_VOLTAGE,
                      &watch->input_voltage);
        break;
    case 14:
        if (fl_slice_is(name, "battery.charge"))
            set_value(watch, FL_QUANTITY_BATTERY_CHARGE, reading->value, FL_KNOWS_CHARGE,
                      &watch->charge);
        break;
    case 18:
        if (fl_slice_is(name, "input.transfer.low"))
            set_value(watch, FL_QUANTITY_INPUT_TRANSFER_LOW, reading->value, FL_KNOWS_TRANSFER_LOW,
                      &watch->transfer_low);
        break;
    default:
        break;
    }
}

static bool has(const struct fl_watch *watch, unsigned tokens)
{
    return (watch->status & tokens) != 0;
}

static bool knows(const struct fl_watch *watch, enum fl_watch_known bit)
{
    return (watch->known & (uint32_t)bit) != 0;
}

static bool mains_is_there(const struct fl_watch *watch)
{
    int64_t least = knows(watch, FL_KNOWS_TRANSFER_LOW) ? watch->transfer_low : MAINS_VOLTAGE_MIN;
    return watch->input_voltage >= least;
}

/* DISCHRG beside OL: mains decides; where its voltage is unknown, falling charge does. */
static enum verdict judge_discharging(struct fl_watch *watch)
{
    if (knows(watch, FL_KNOWS_CHARGE) &&
        (watch->discharge_from == FL_CHARGE_NONE || watch->charge > watch->discharge_from))
        watch->discharge_from = watch->charge;
    if (knows(watch, FL_KNOWS_INPUT_VOLTAGE))
        return mains_is_there(watch) ? CLEAR : RAISED;
    if (!knows(watch, FL_KNOWS_CHARGE))
        return NO_EVIDENCE;
    return watch->discharge_from - watch->charge >= CHARGE_FALL ? RAISED : NO_EVIDENCE;
}

static enum verdict judge_on_battery(struct fl_watch *watch)
{
    bool online = has(watch, FL_STATUS_OL | FL_STATUS_TRIM | FL_STATUS_BOOST | FL_STATUS_BYPASS);
    if (online && has(watch, FL_STATUS_DISCHRG) && !has(watch, FL_STATUS_OB | FL_STATUS_CAL))
        return judge_discharging(watch);
    watch->discharge_from = FL_CHARGE_NONE;
    /* A calibration runs the battery down on purpose, and OB with OL contradicts itself. */
    bool calibrates = has(watch, FL_STATUS_CAL) && has(watch, FL_STATUS_OB | FL_STATUS_DISCHRG);
    if (calibrates || (online && has(watch, FL_STATUS_OB))) {
        if (knows(watch, FL_KNOWS_INPUT_VOLTAGE))
            return mains_is_there(watch) ? CLEAR : RAISED;
        return calibrates ? CLEAR : NO_EVIDENCE;
    }
    if (has(watch, FL_STATUS_OB))
        return RAISED;
    return online ? CLEAR : NO_EVIDENCE;
}

static enum verdict judge_replace_battery(struct fl_watch *watch)
{
    if (!has(watch, FL_STATUS_ALARM))
        watch->alarm_at_ms = 0;
    bool sustained = watch->alarm_at_ms != 0 &&
                     watch->sampled_at_ms - watch->alarm_at_ms >= FL_ALARM_SUSTAINED_MS;
    return has(watch, FL_STATUS_RB) || sustained ? RAISED : CLEAR;
}

static enum verdict judge(struct fl_watch *watch, enum fl_condition condition)
{
    switch (condition) {
    case FL_CONDITION_ON_BATTERY:
        return judge_on_battery(watch);
    case FL_CONDITION_LOW_BATTERY:
        return has(watch, FL_STATUS_LB) ? RAISED : CLEAR;
    case FL_CONDITION_REPLACE_BATTERY:
        return judge_replace_battery(watch);
    case FL_CONDITION_OVERLOAD:
        return has(watch, FL_STATUS_OVER) ? RAISED : CLEAR;
    case FL_CONDITION_COMMUNICATION_LOST: /* a report is the proof that it is not */
    case FL_CONDITION_END:
        break;
    }
    return CLEAR;
}

struct text {
    char bytes[FL_EVIDENCE_SIZE];
    size_t used;
};

static void say(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size =
        vsnprintf(text->bytes + text->used, sizeof(text->bytes) - text->used, format, arguments);
    va_end(arguments);
    if (size > 0)
        text->used += (size_t)size;
    if (text->used >= sizeof(text->bytes))
        text->used = sizeof(text->bytes) - 1;
}

static void say_value(struct text *text, const char *name, int64_t thousandths, const char *unit)
{
    int64_t rest = thousandths % 1000 / 100;
    say(text, "; %s %lld.%lld %s", name, (long long)(thousandths / 1000),
        (long long)(rest < 0 ? -rest : rest), unit);
}

static void say_status(struct text *text, const struct fl_watch *watch)
{
    if (!knows(watch, FL_KNOWS_STATUS))
        return;
    say(text, "ups.status");
    for (unsigned bit = 0; bit <= 16; bit++) {
        const char *name = fl_status_name((enum fl_status_token)(UINT32_C(1) << bit));
        if (name != NULL && (watch->status >> bit & 1) != 0)
            say(text, " %s", name);
    }
    if (has(watch, FL_STATUS_UNKNOWN))
        say(text, " and others");
}

static void say_evidence(const struct fl_watch *watch, enum fl_condition condition,
                         struct text *text)
{
    say_status(text, watch);
    if (condition == FL_CONDITION_REPLACE_BATTERY && watch->alarm_at_ms != 0)
        say(text, "; ups.alarm asks for a battery");
    if (condition != FL_CONDITION_ON_BATTERY && condition != FL_CONDITION_LOW_BATTERY)
        return;
    if (knows(watch, FL_KNOWS_INPUT_VOLTAGE))
        say_value(text, "input.voltage", watch->input_voltage, "V");
    if (knows(watch, FL_KNOWS_TRANSFER_LOW))
        say_value(text, "input.transfer.low", watch->transfer_low, "V");
    if (knows(watch, FL_KNOWS_CHARGE))
        say_value(text, "battery.charge", watch->charge, "%");
}

static void add(const struct fl_watch *watch, enum fl_condition condition, const char *evidence,
                struct fl_changes *changes)
{
    struct fl_change *change = fl_changes_add(changes);
    change->generation = watch->generation;
    change->condition = condition;
    change->raised = fl_watch_stands(watch, condition);
    change->counter = watch->counter;
    change->sampled_at_ms = watch->sampled_at_ms;
    memcpy(change->device_id, watch->device_id, FL_ID_SIZE);
    snprintf(change->evidence, sizeof(change->evidence), "%s", evidence);
}

static void turn(struct fl_watch *watch, enum fl_condition condition, bool raised,
                 const char *evidence, struct fl_changes *changes)
{
    if (fl_watch_stands(watch, condition) == raised)
        return;
    watch->conditions ^= UINT32_C(1) << condition;
    add(watch, condition, evidence, changes);
}

static void decide(struct fl_watch *watch, enum fl_condition condition, struct fl_changes *changes)
{
    struct text text = {.used = 0};
    enum verdict verdict = judge(watch, condition);
    if (verdict == NO_EVIDENCE || fl_watch_stands(watch, condition) == (verdict == RAISED))
        return;
    say_evidence(watch, condition, &text);
    turn(watch, condition, verdict == RAISED, text.bytes, changes);
}

void fl_watch_take(struct fl_watch *watch, const struct fl_report *report,
                   struct fl_changes *changes)
{
    if (report->generation != watch->generation)
        begin_generation(watch, report);
    bool has_gap = report->counter != watch->counter + 1;
    watch->counter = report->counter;
    watch->sampled_at_ms = report->sampled_at_ms > 0 ? report->sampled_at_ms : 1;
    if (report->kind == FL_REPORT_STALE) {
        if (has_gap)
            watch->known = 0;
        turn(watch, FL_CONDITION_COMMUNICATION_LOST, true, "the UPS's driver reports stale data",
             changes);
        return;
    }
    if (report->kind == FL_REPORT_FULL || has_gap)
        watch->known = 0;
    int64_t alarm_at_ms = watch->alarm_at_ms;
    if (report->kind == FL_REPORT_FULL)
        watch->alarm_at_ms = 0; /* gone unless it is named again */
    struct fl_reading_walk walk = fl_readings(report);
    while (fl_reading_next(&walk))
        set_reading(watch, &walk, watch->sampled_at_ms);
    if (watch->alarm_at_ms != 0 && alarm_at_ms != 0)
        watch->alarm_at_ms = alarm_at_ms;
    turn(watch, FL_CONDITION_COMMUNICATION_LOST, false, "the device reports again", changes);
    if (!knows(watch, FL_KNOWS_STATUS))
        return;
    decide(watch, FL_CONDITION_ON_BATTERY, changes);
    decide(watch, FL_CONDITION_LOW_BATTERY, changes);
    decide(watch, FL_CONDITION_REPLACE_BATTERY, changes);
    decide(watch, FL_CONDITION_OVERLOAD, changes);
}

void fl_watch_lose(struct fl_watch *watch, uint64_t silence_ms, struct fl_changes *changes)
{
    char text[TEXT_SIZE];
    snprintf(text, sizeof(text), "no report for %llu s", (unsigned long long)(silence_ms / 1000));
    turn(watch, FL_CONDITION_COMMUNICATION_LOST, true, text, changes);
}

void fl_watch_tell(const struct fl_watch *watch, enum fl_condition condition,
                   struct fl_changes *changes)
{
    struct text text = {.used = 0};
    if (condition != FL_CONDITION_COMMUNICATION_LOST)
        say_evidence(watch, condition, &text);
    add(watch, condition, text.bytes, changes);
}
