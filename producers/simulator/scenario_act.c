/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "producers/simulator/scenario.h"
#include "producers/simulator/scenario_internal.h"

enum shape { NOTHING, NUMBER, HEALTH, NAME, TEXT, NAME_TEXT };

static const struct {
    const char *word;
    const char *second; /* a second fixed word, or NULL */
    enum fl_act_kind kind;
    enum shape shape;
    double max; /* of NUMBER; the least is 0 */
} acts[] = {
    {"outage", NULL, FL_ACT_OUTAGE, NOTHING, 0},  {"restore", NULL, FL_ACT_RESTORE, NOTHING, 0},
    {"stale", NULL, FL_ACT_STALE, NOTHING, 0},    {"fresh", NULL, FL_ACT_FRESH, NOTHING, 0},
    {"silent", NULL, FL_ACT_SILENT, NOTHING, 0},  {"talking", NULL, FL_ACT_TALKING, NOTHING, 0},
    {"mains", NULL, FL_ACT_MAINS, NUMBER, 1000},  {"load", NULL, FL_ACT_LOAD, NUMBER, 500},
    {"charge", NULL, FL_ACT_CHARGE, NUMBER, 100}, {"battery", NULL, FL_ACT_BATTERY, HEALTH, 0},
    {"token", "add", FL_ACT_TOKEN_ADD, NAME, 0},  {"token", "drop", FL_ACT_TOKEN_DROP, NAME, 0},
    {"alarm", NULL, FL_ACT_ALARM, TEXT, 0},       {"set", NULL, FL_ACT_SET, NAME_TEXT, 0},
    {"forget", NULL, FL_ACT_FORGET, NAME, 0},     {"run", NULL, FL_ACT_RUN, NAME, 0},
    {"write", NULL, FL_ACT_WRITE, NAME_TEXT, 0},
};

bool fl_scenario_number(const char *text, double max, double *number)
{
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value) || value < 0 || value > max)
        return false;
    *number = value;
    return true;
}

bool fl_scenario_copy(char *out, size_t out_size, const char *text)
{
    size_t size = strlen(text);
    if (size >= out_size)
        return false;
    memcpy(out, text, size + 1);
    return true;
}

static bool health(const char *text, double *number)
{
    static const char *const names[] = {
        [FL_BATTERY_GOOD] = "good", [FL_BATTERY_WORN] = "worn", [FL_BATTERY_BAD] = "bad"};
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(text, names[i])) {
            *number = i;
            return true;
        }
    return false;
}

static const char *arguments(enum shape shape, double max, const char *first, const char *second,
                             struct fl_act *act)
{
    switch (shape) {
    case NOTHING:
        return NULL;
    case NUMBER:
        return fl_scenario_number(first, max, &act->number) ? NULL : "the number is out of range";
    case HEALTH:
        return health(first, &act->number) ? NULL : "a battery is good, worn or bad";
    case NAME:
        return fl_scenario_copy(act->name, sizeof(act->name), first) ? NULL
                                                                     : "the name is too long";
    case TEXT:
        return fl_scenario_copy(act->value, sizeof(act->value), first) ? NULL
                                                                       : "the text is too long";
    case NAME_TEXT:
        if (!fl_scenario_copy(act->name, sizeof(act->name), first))
            return "the name is too long";
        return fl_scenario_copy(act->value, sizeof(act->value), second) ? NULL
                                                                        : "the text is too long";
    }
    return "unknown";
}

const char *fl_act_parse(const struct fl_words *words, unsigned from, struct fl_act *act)
{
    static const unsigned counts[] = {
        [NOTHING] = 0, [NUMBER] = 1, [HEALTH] = 1, [NAME] = 1, [TEXT] = 1, [NAME_TEXT] = 2};
    if (from >= words->count)
        return "what is to happen is missing";
    for (unsigned i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        unsigned at = from + 1;
        if (strcmp(words->word[from], acts[i].word))
            continue;
        if (acts[i].second && (at >= words->count || strcmp(words->word[at], acts[i].second)))
            continue;
        at += acts[i].second ? 1 : 0;
        if (words->count - at != counts[acts[i].shape])
            return "the number of words does not fit what is to happen";
        *act = (struct fl_act){.kind = acts[i].kind};
        return arguments(acts[i].shape, acts[i].max, at < words->count ? words->word[at] : "",
                         at + 1 < words->count ? words->word[at + 1] : "", act);
    }
    return "nothing that can happen to a UPS has this name";
}
