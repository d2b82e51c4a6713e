/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/command_rules.h"

#include "projections/telemetry/firmware.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PREFIX "COMMAND_KIND_"
enum { MINUTE_MS = 60000 };

static const struct {
    const char *name;
    const char *variable;
    int64_t watch_ms;
} kinds[FL_AGENT_COMMAND_KIND_COUNT] = {
    [FL_AGENT_COMMAND_UNKNOWN] = {"UNSPECIFIED", "", 0},
    [FL_AGENT_COMMAND_SELF_TEST] = {"SELF_TEST", "ups.test.result", 15 * MINUTE_MS},
    [FL_AGENT_COMMAND_BEEPER] = {"BEEPER", "ups.beeper.status", MINUTE_MS},
    [FL_AGENT_COMMAND_CALIBRATION] = {"CALIBRATION", "ups.status", 5 * MINUTE_MS},
    [FL_AGENT_COMMAND_SENSITIVITY] = {"SENSITIVITY", "input.sensitivity", MINUTE_MS},
    [FL_AGENT_COMMAND_BATTERY_INSTALL_DATE] = {"BATTERY_INSTALL_DATE", "battery.date", MINUTE_MS},
    [FL_AGENT_COMMAND_FIRMWARE_UPGRADE] = {"FIRMWARE_UPGRADE", "ups.firmware", 30 * MINUTE_MS},
    [FL_AGENT_COMMAND_OUTLET_REBOOT] = {"OUTLET_REBOOT", "", 5 * MINUTE_MS},
};

enum fl_agent_command_kind fl_agent_command_kind_of(const char *name)
{
    if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
        name += strlen(PREFIX);
    for (unsigned i = 1; i < FL_AGENT_COMMAND_KIND_COUNT; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return (enum fl_agent_command_kind)i;
    return FL_AGENT_COMMAND_UNKNOWN;
}

const char *fl_agent_command_name(enum fl_agent_command_kind kind)
{
    return kinds[kind].name;
}

const char *fl_agent_command_variable(enum fl_agent_command_kind kind, const char *parameter,
                                      char out[FL_COMMAND_WORD_SIZE])
{
    if (kind != FL_AGENT_COMMAND_OUTLET_REBOOT)
        return kinds[kind].variable;
    snprintf(out, FL_COMMAND_WORD_SIZE, "outlet.%.32s.status", parameter);
    return out;
}

int64_t fl_agent_command_watch_ms(enum fl_agent_command_kind kind)
{
    return kinds[kind].watch_ms;
}

static struct fl_slice value_of(const struct fl_nut_list *values, const char *name)
{
    return fl_nut_list_find(values, fl_slice_text(name));
}

static bool offers(const struct fl_nut_list *offered, const char *command)
{
    return fl_nut_list_find(offered, fl_slice_text(command)).data != NULL;
}

struct date {
    unsigned year;
    unsigned month;
    unsigned day;
};

enum date_form { DATE_NONE, DATE_ISO, DATE_SLASHED, DATE_AMERICAN };

static bool take_number(const char **at, unsigned digits, unsigned *number)
{
    *number = 0;
    for (unsigned i = 0; i < digits; i++, ++*at) {
        if (**at < '0' || **at > '9')
            return false;
        *number = *number * 10 + (unsigned)(**at - '0');
    }
    return true;
}

static bool take_date(const char *text, enum date_form form, struct date *date)
{
    char separator = form == DATE_ISO ? '-' : '/';
    const char *at = text;
    bool good;
    if (form == DATE_AMERICAN)
        good = take_number(&at, 2, &date->month) && *at++ == separator &&
               take_number(&at, 2, &date->day) && *at++ == separator &&
               take_number(&at, 2, &date->year);
    else
        good = take_number(&at, 4, &date->year) && *at++ == separator &&
               take_number(&at, 2, &date->month) && *at++ == separator &&
               take_number(&at, 2, &date->day);
    if (good && form == DATE_AMERICAN) /* two digits: batteries are not older than 1970 */
        date->year += date->year < 70 ? 2000 : 1900;
    return good && *at == '\0';
}

static enum date_form parse_date(struct fl_slice value, struct date *date)
{
    char text[FL_COMMAND_TEXT_SIZE];
    if (!fl_slice_to_text(value, text, sizeof(text)))
        return DATE_NONE;
    for (unsigned form = DATE_ISO; form <= DATE_AMERICAN; form++)
        if (take_date(text, (enum date_form)form, date))
            return (enum date_form)form;
    return DATE_NONE;
}

/* How this device writes dates: as its present one, else as its driver does (reference: NUT's
 * drivers; usbhid YYYY/MM/DD, apcsmart and the eight characters of snmp MM/DD/YY, apc_modbus ISO).
 */
static enum date_form date_form_of(const struct fl_nut_list *values)
{
    struct date date;
    struct fl_slice driver = value_of(values, "driver.name");
    enum date_form form = parse_date(value_of(values, "battery.date"), &date);
    if (form != DATE_NONE)
        return form;
    if (fl_slice_is(driver, "usbhid-ups"))
        return DATE_SLASHED;
    if (fl_slice_is(driver, "apcsmart") || fl_slice_is(driver, "apcsmart-old") ||
        fl_slice_is(driver, "snmp-ups"))
        return DATE_AMERICAN;
    return DATE_ISO;
}

static bool build_date(const char *parameter, const struct fl_nut_list *values,
                       char out[FL_COMMAND_TEXT_SIZE])
{
    struct date date;
    if (!take_date(parameter, DATE_ISO, &date))
        return false;
    switch (date_form_of(values)) {
    case DATE_SLASHED:
        snprintf(out, FL_COMMAND_TEXT_SIZE, "%04u/%02u/%02u", date.year, date.month, date.day);
        break;
    case DATE_AMERICAN:
        snprintf(out, FL_COMMAND_TEXT_SIZE, "%02u/%02u/%02u", date.month, date.day,
                 date.year % 100);
        break;
    case DATE_ISO:
    case DATE_NONE:
        snprintf(out, FL_COMMAND_TEXT_SIZE, "%s", parameter);
        break;
    }
    return true;
}

/* The four steps that APC's units know, as apcsmart writes them (a letter) and as others do. */
static const struct {
    const char *letter;
    const char *word;
} sensitivities[] = {{"L", "low"}, {"M", "medium"}, {"H", "high"}, {"A", "auto"}};

/* Index of the step; -1: some other word. */
static int sensitivity_of(struct fl_slice text)
{
    for (int i = 0; i < (int)(sizeof(sensitivities) / sizeof(sensitivities[0])); i++) {
        size_t size = strlen(sensitivities[i].word);
        if (fl_slice_is(text, sensitivities[i].letter) ||
            (text.size == size &&
             strncasecmp((const char *)text.data, sensitivities[i].word, size) == 0))
            return i;
    }
    return -1;
}

/* A step in this device's spelling: as its present one, else as its driver's. */
static const char *spell_sensitivity(const char *parameter, const struct fl_nut_list *values)
{
    struct fl_slice present = value_of(values, "input.sensitivity");
    struct fl_slice driver = value_of(values, "driver.name");
    int step = sensitivity_of(fl_slice_text(parameter));
    if (step < 0)
        return parameter;
    bool by_letter = present.size > 0
                         ? present.size == 1
                         : fl_slice_is(driver, "apcsmart") || fl_slice_is(driver, "apcsmart-old");
    return by_letter ? sensitivities[step].letter : sensitivities[step].word;
}

static bool sensitivity_shows(const char *parameter, struct fl_slice value)
{
    int step = sensitivity_of(fl_slice_text(parameter));
    return step < 0 ? fl_slice_is(value, parameter) : step == sensitivity_of(value);
}

static void begin_instant(struct fl_nut_request *request, const char *ups, const char *command)
{
    fl_nut_request_begin(request, "INSTCMD");
    fl_nut_request_word(request, fl_slice_text(ups));
    fl_nut_request_word(request, fl_slice_text(command));
}

static void begin_set(struct fl_nut_request *request, const char *ups, const char *variable,
                      const char *value)
{
    fl_nut_request_begin(request, "SET VAR");
    fl_nut_request_word(request, fl_slice_text(ups));
    fl_nut_request_word(request, fl_slice_text(variable));
    fl_nut_request_word(request, fl_slice_text(value));
}

bool fl_agent_command_build(enum fl_agent_command_kind kind, const char *parameter, const char *ups,
                            const struct fl_nut_list *offered, const struct fl_nut_list *values,
                            struct fl_nut_request *request)
{
    char text[FL_COMMAND_TEXT_SIZE];
    switch (kind) {
    case FL_AGENT_COMMAND_SELF_TEST: {
        const char *quick = "test.battery.start.quick";
        const char *command = offers(offered, quick) ? quick : "test.battery.start";
        if (!offers(offered, command))
            return false;
        begin_instant(request, ups, command);
        break;
    }
    case FL_AGENT_COMMAND_BEEPER:
        snprintf(text, sizeof(text), "beeper.%s", parameter);
        if (!offers(offered, text))
            return false;
        begin_instant(request, ups, text);
        break;
    case FL_AGENT_COMMAND_CALIBRATION:
        if (!offers(offered, "calibrate.start"))
            return false;
        begin_instant(request, ups, "calibrate.start");
        break;
    case FL_AGENT_COMMAND_SENSITIVITY:
        begin_set(request, ups, "input.sensitivity", spell_sensitivity(parameter, values));
        break;
    case FL_AGENT_COMMAND_OUTLET_REBOOT:
        snprintf(text, sizeof(text), "outlet.%.64s.load.cycle", parameter);
        if (!offers(offered, text))
            return false;
        begin_instant(request, ups, text);
        break;
    case FL_AGENT_COMMAND_BATTERY_INSTALL_DATE:
        if (!build_date(parameter, values, text))
            return false;
        begin_set(request, ups, "battery.date", text);
        break;
    case FL_AGENT_COMMAND_FIRMWARE_UPGRADE:
    case FL_AGENT_COMMAND_UNKNOWN:
    case FL_AGENT_COMMAND_KIND_COUNT:
        return false;
    }
    return fl_nut_request_end(request) == FL_OK;
}

static void copy_value(struct fl_slice value, char out[FL_COMMAND_TEXT_SIZE])
{
    if (!fl_slice_to_text(value, out, FL_COMMAND_TEXT_SIZE))
        out[0] = '\0';
}

void fl_agent_command_note(const struct fl_nut_list *values, struct fl_agent_command_notes *notes)
{
    copy_value(value_of(values, "ups.test.result"), notes->result);
    copy_value(value_of(values, "ups.test.date"), notes->date);
    notes->running = false;
}

enum test_state {
    TEST_NONE,
    TEST_RUNNING,
    TEST_PASSED,
    TEST_WARNING,
    TEST_ABORTED,
    TEST_FAILED,
    TEST_UNCLEAR
};

/* The words that NUT's drivers use (usbhid, apcsmart, snmp, apc_modbus). */
static enum test_state test_state_of(const char *text)
{
    static const struct {
        const char *part;
        bool whole;
        enum test_state state;
    } words[] = {
        {"", true, TEST_NONE},
        {"no", true, TEST_NONE},
        {"no test", false, TEST_NONE},
        {"progress", false, TEST_RUNNING},
        {"scheduled", false, TEST_RUNNING},
        {"pending", false, TEST_RUNNING},
        {"warning", false, TEST_WARNING},
        {"abort", false, TEST_ABORTED},
        {"cancel", false, TEST_ABORTED},
        {"error", false, TEST_FAILED},
        {"fail", false, TEST_FAILED},
        {"invalid", false, TEST_FAILED},
        {"refused", false, TEST_FAILED},
        {"ng", true, TEST_FAILED},
        {"bt", true, TEST_FAILED},
        {"pass", false, TEST_PASSED},
        {"ok", true, TEST_PASSED},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i].whole ? strcasecmp(text, words[i].part) == 0
                           : strcasestr(text, words[i].part) != NULL)
            return words[i].state;
    return TEST_UNCLEAR;
}

static enum fl_agent_verdict fail(char reason[FL_COMMAND_WORD_SIZE], const char *word)
{
    snprintf(reason, FL_COMMAND_WORD_SIZE, "%s", word);
    return FL_VERDICT_FAILED;
}

static enum fl_agent_verdict judge_test(struct fl_agent_command_notes *notes,
                                        const struct fl_nut_list *values,
                                        char reason[FL_COMMAND_WORD_SIZE])
{
    char result[FL_COMMAND_TEXT_SIZE];
    char date[FL_COMMAND_TEXT_SIZE];
    copy_value(value_of(values, "ups.test.result"), result);
    copy_value(value_of(values, "ups.test.date"), date);
    enum test_state state = test_state_of(result);
    bool is_new =
        notes->running || strcmp(result, notes->result) != 0 || strcmp(date, notes->date) != 0;
    switch (state) {
    case TEST_RUNNING:
        notes->running = true;
        return FL_VERDICT_WAIT;
    case TEST_NONE:
        return FL_VERDICT_WAIT;
    case TEST_PASSED:
        return is_new ? FL_VERDICT_SUCCEEDED : FL_VERDICT_WAIT;
    case TEST_WARNING:
        return is_new ? fail(reason, "TEST_WARNING") : FL_VERDICT_WAIT;
    case TEST_ABORTED:
        return is_new ? fail(reason, "TEST_ABORTED") : FL_VERDICT_WAIT;
    case TEST_FAILED:
        return is_new ? fail(reason, "TEST_FAILED") : FL_VERDICT_WAIT;
    case TEST_UNCLEAR:
        break;
    }
    return is_new ? fail(reason, "TEST_UNCLEAR") : FL_VERDICT_WAIT;
}

static bool has_token(struct fl_slice value, const char *token)
{
    size_t size = strlen(token);
    for (size_t at = 0; at < value.size;) {
        size_t end = at;
        while (end < value.size && value.data[end] != ' ')
            end++;
        if (end - at == size && memcmp(value.data + at, token, size) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

/* A number without a sign, in thousandths; -1: none. */
static int64_t thousandths(struct fl_slice text)
{
    int64_t number = 0;
    size_t at = 0;
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9' && number < 1000000)
        number = number * 10 + (text.data[at++] - '0');
    if (at == 0)
        return -1;
    number *= 1000;
    int64_t place = 100;
    if (at < text.size && text.data[at] == '.')
        for (at++; at < text.size && text.data[at] >= '0' && text.data[at] <= '9'; at++) {
            number += (text.data[at] - '0') * place;
            place /= 10;
        }
    return at == text.size ? number : -1;
}

const char *fl_agent_command_obstacle(enum fl_agent_command_kind kind,
                                      const struct fl_nut_list *values)
{
    static const char *const faults[][2] = {{"RB", "FAULT_RB"},         {"OVER", "FAULT_OVER"},
                                            {"BYPASS", "FAULT_BYPASS"}, {"OFF", "FAULT_OFF"},
                                            {"ALARM", "FAULT_ALARM"},   {"FSD", "FAULT_FSD"},
                                            {"LB", "FAULT_LB"},         {"CAL", "CALIBRATING"}};
    struct fl_slice status = value_of(values, "ups.status");
    if (kind != FL_AGENT_COMMAND_CALIBRATION && kind != FL_AGENT_COMMAND_FIRMWARE_UPGRADE)
        return NULL;
    if (!has_token(status, "OL") || has_token(status, "OB"))
        return "NOT_ON_LINE";
    if (kind == FL_AGENT_COMMAND_FIRMWARE_UPGRADE)
        return NULL;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (has_token(status, faults[i][0]))
            return faults[i][1];
    if (thousandths(value_of(values, "battery.charge")) < 100 * 1000)
        return "CHARGE_BELOW_100";
    return thousandths(value_of(values, "ups.load")) < 10 * 1000 ? "LOAD_BELOW_10" : NULL;
}

/* `target`: version, "/", internal id or nothing. */
static bool firmware_shows(const char *target, struct fl_slice value)
{
    char version[FL_COMMAND_TEXT_SIZE];
    struct fl_firmware_version seen;
    snprintf(version, sizeof(version), "%s", target);
    char *slash = strchr(version, '/');
    if (slash == NULL || !fl_firmware_parse(value, &seen))
        return false;
    *slash = '\0';
    return fl_firmware_is(&seen, version, slash + 1);
}

/* Off, then on again. */
static bool outlet_shows(struct fl_agent_command_notes *notes, struct fl_slice status)
{
    if (fl_slice_is(status, "off"))
        notes->running = true;
    return notes->running && fl_slice_is(status, "on");
}

static bool beeper_shows(const char *parameter, struct fl_slice status)
{
    static const char *const pairs[][2] = {
        {"enable", "enabled"}, {"disable", "disabled"}, {"mute", "muted"}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (strcmp(parameter, pairs[i][0]) == 0)
            return fl_slice_is(status, pairs[i][1]);
    return false;
}

static bool date_shows(const char *parameter, struct fl_slice value)
{
    struct date wanted;
    struct date seen;
    return take_date(parameter, DATE_ISO, &wanted) && parse_date(value, &seen) != DATE_NONE &&
           wanted.year == seen.year && wanted.month == seen.month && wanted.day == seen.day;
}

enum fl_agent_verdict fl_agent_command_judge(enum fl_agent_command_kind kind, const char *parameter,
                                             struct fl_agent_command_notes *notes,
                                             const struct fl_nut_list *values,
                                             char reason[FL_COMMAND_WORD_SIZE])
{
    char variable[FL_COMMAND_WORD_SIZE];
    struct fl_slice value = value_of(values, fl_agent_command_variable(kind, parameter, variable));
    bool shown = false;
    switch (kind) {
    case FL_AGENT_COMMAND_SELF_TEST:
        return judge_test(notes, values, reason);
    case FL_AGENT_COMMAND_BEEPER:
        shown = beeper_shows(parameter, value);
        break;
    case FL_AGENT_COMMAND_CALIBRATION:
        shown = has_token(value, "CAL");
        break;
    case FL_AGENT_COMMAND_SENSITIVITY:
        shown = sensitivity_shows(parameter, value);
        break;
    case FL_AGENT_COMMAND_OUTLET_REBOOT:
        shown = outlet_shows(notes, value);
        break;
    case FL_AGENT_COMMAND_BATTERY_INSTALL_DATE:
        shown = date_shows(parameter, value);
        break;
    case FL_AGENT_COMMAND_FIRMWARE_UPGRADE:
        shown = firmware_shows(notes->result, value);
        break;
    case FL_AGENT_COMMAND_UNKNOWN:
    case FL_AGENT_COMMAND_KIND_COUNT:
        break;
    }
    return shown ? FL_VERDICT_SUCCEEDED : FL_VERDICT_WAIT;
}
