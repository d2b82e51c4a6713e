/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/detector/conditions.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "projections/telemetry/words.h"

enum {
    /* No mains is so low, and no UPS carries its load from it. */
    MAINS_VOLTAGE_MIN = 50 * 1000,
    /* So much less charge while DISCHRG stands beside OL and no voltage is known: thousandths of a
     * percent. */
    CHARGE_FALL = 2 * 1000,
    TEXT_SIZE = 96,
    /* Above the one no UPS is well; below the other it is again. */
    HOT = 60 * 1000,
    HOT_NO_LONGER = 55 * 1000,
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

/* ups.alarm holds messages one behind the other. */
static void set_alarm(struct fl_watch *watch, struct fl_slice text, int64_t sampled_at_ms)
{
    bool asks = fl_text_holds(text, battery_words);
    bool hot = fl_text_holds(text, "temperature too high") || fl_text_holds(text, "overheat") ||
               fl_text_holds(text, "over temperature") || fl_text_holds(text, "overtemperature");
    watch->known &= ~(uint32_t)(FL_KNOWS_ALARM | FL_KNOWS_HOT);
    if (fl_text_trim(text).size > 0)
        watch->known |= FL_KNOWS_ALARM;
    if (hot)
        watch->known |= FL_KNOWS_HOT;
    if (!asks || watch->alarm_at_ms == 0)
        watch->alarm_at_ms = asks ? sampled_at_ms : 0;
}

/* "Done and passed", "Failed", apcsmart's OK, NG and BT; what is neither says nothing. */
static void set_test(struct fl_watch *watch, struct fl_slice text)
{
    struct fl_slice result = fl_text_trim(text);
    watch->known &= ~(uint32_t)(FL_KNOWS_TEST_FAILED | FL_KNOWS_TEST_PASSED);
    if (fl_text_holds(result, "fail") || fl_text_holds(result, "done and error") ||
        fl_text_is_word(result, "NG") || fl_text_is_word(result, "BT"))
        watch->known |= FL_KNOWS_TEST_FAILED;
    else if (fl_text_holds(result, "passed") || fl_text_is_word(result, "OK"))
        watch->known |= FL_KNOWS_TEST_PASSED;
}

static void set_reading(struct fl_watch *watch, const struct fl_reading_walk *reading,
                        int64_t sampled_at_ms)
{
    struct fl_slice name = reading->name;
    switch (name.size) { /* few names of one length: hardly a comparison per reading */
    case 9:
        if (fl_slice_is(name, "ups.alarm"))
            set_alarm(watch, reading->value, sampled_at_ms);
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
    case 15:
        if (fl_slice_is(name, "ups.temperature"))
            set_value(watch, FL_QUANTITY_TEMPERATURE, reading->value, FL_KNOWS_TEMPERATURE,
                      &watch->temperature);
        else if (fl_slice_is(name, "ups.test.result"))
            set_test(watch, reading->value);
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

/* Raised once `holds` has been true from report to report for `hold_ms`. */
static enum verdict judge_sustained(const struct fl_watch *watch, bool holds, int64_t *since_ms,
                                    int64_t hold_ms)
{
    if (!holds)
        *since_ms = 0;
    else if (*since_ms == 0)
        *since_ms = watch->sampled_at_ms;
    if (!holds)
        return CLEAR;
    return watch->sampled_at_ms - *since_ms >= hold_ms ? RAISED : NO_EVIDENCE;
}

/* OFF beside OB contradicts itself: whoever runs on battery carries a load. */
static enum verdict judge_off(struct fl_watch *watch)
{
    bool off = has(watch, FL_STATUS_OFF) && !has(watch, FL_STATUS_OB);
    return judge_sustained(watch, off, &watch->off_at_ms, FL_OFF_SUSTAINED_MS);
}

static enum verdict judge_adjusted(struct fl_watch *watch)
{
    bool adjusts = has(watch, FL_STATUS_TRIM | FL_STATUS_BOOST);
    return judge_sustained(watch, adjusts, &watch->adjust_at_ms, FL_ADJUST_SUSTAINED_MS);
}

static bool alarms(const struct fl_watch *watch, enum fl_watch_known bit)
{
    return has(watch, FL_STATUS_ALARM) && knows(watch, bit);
}

/* Between the two temperatures it stays as it is, so that one that hovers does not flap. */
static enum verdict judge_temperature(const struct fl_watch *watch)
{
    if (alarms(watch, FL_KNOWS_HOT))
        return RAISED;
    if (!knows(watch, FL_KNOWS_TEMPERATURE))
        return has(watch, FL_STATUS_ALARM) ? NO_EVIDENCE : CLEAR;
    if (watch->temperature >= HOT)
        return RAISED;
    return watch->temperature < HOT_NO_LONGER ? CLEAR : NO_EVIDENCE;
}

static enum verdict judge_self_test(const struct fl_watch *watch)
{
    if (knows(watch, FL_KNOWS_TEST_FAILED))
        return RAISED;
    return knows(watch, FL_KNOWS_TEST_PASSED) ? CLEAR : NO_EVIDENCE;
}

/* The token without a text says nothing that another condition does not. */
static enum verdict judge_alarm(const struct fl_watch *watch)
{
    if (!has(watch, FL_STATUS_ALARM))
        return CLEAR;
    return knows(watch, FL_KNOWS_ALARM) ? RAISED : NO_EVIDENCE;
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
    case FL_CONDITION_BYPASS:
        return has(watch, FL_STATUS_BYPASS) ? RAISED : CLEAR;
    case FL_CONDITION_OFF:
        return judge_off(watch);
    case FL_CONDITION_CALIBRATION:
        return has(watch, FL_STATUS_CAL) ? RAISED : CLEAR;
    case FL_CONDITION_VOLTAGE_ADJUSTED:
        return judge_adjusted(watch);
    case FL_CONDITION_OVER_TEMPERATURE:
        return judge_temperature(watch);
    case FL_CONDITION_SELF_TEST_FAILED:
        return judge_self_test(watch);
    case FL_CONDITION_ALARM:
        return judge_alarm(watch);
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
    if (condition == FL_CONDITION_OVER_TEMPERATURE && alarms(watch, FL_KNOWS_HOT))
        say(text, "; ups.alarm says too hot");
    if (condition == FL_CONDITION_OVER_TEMPERATURE && knows(watch, FL_KNOWS_TEMPERATURE))
        say_value(text, "ups.temperature", watch->temperature, "degrees Celsius");
    if (condition == FL_CONDITION_SELF_TEST_FAILED)
        say(text, "; ups.test.result %s", knows(watch, FL_KNOWS_TEST_FAILED) ? "failed" : "passed");
    if (condition != FL_CONDITION_ON_BATTERY && condition != FL_CONDITION_LOW_BATTERY &&
        condition != FL_CONDITION_VOLTAGE_ADJUSTED)
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

/* What an alarm says, as far as there is room, its odd bytes as '?'. */
static void say_alarm(struct fl_slice alarm, struct text *text)
{
    say(text, "; ups.alarm ");
    for (size_t i = 0; i < alarm.size; i++)
        say(text, "%c", alarm.data[i] >= ' ' && alarm.data[i] <= '~' ? alarm.data[i] : '?');
}

static void decide(struct fl_watch *watch, enum fl_condition condition, struct fl_slice alarm,
                   struct fl_changes *changes)
{
    struct text text = {.used = 0};
    enum verdict verdict = judge(watch, condition);
    if (verdict == NO_EVIDENCE || fl_watch_stands(watch, condition) == (verdict == RAISED))
        return;
    say_evidence(watch, condition, &text);
    if (condition == FL_CONDITION_ALARM && verdict == RAISED)
        say_alarm(alarm, &text);
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
    struct fl_slice alarm = FL_SLICE_NULL;
    while (fl_reading_next(&walk)) {
        set_reading(watch, &walk, watch->sampled_at_ms);
        if (fl_slice_is(walk.name, "ups.alarm"))
            alarm = fl_text_trim(walk.value);
    }
    if (watch->alarm_at_ms != 0 && alarm_at_ms != 0)
        watch->alarm_at_ms = alarm_at_ms;
    turn(watch, FL_CONDITION_COMMUNICATION_LOST, false, "the device reports again", changes);
    if (!knows(watch, FL_KNOWS_STATUS))
        return;
    for (int c = FL_CONDITION_ON_BATTERY; c < FL_CONDITION_END; c++)
        if (c != FL_CONDITION_COMMUNICATION_LOST)
            decide(watch, (enum fl_condition)c, alarm, changes);
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
