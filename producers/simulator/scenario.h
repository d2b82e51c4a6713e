/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A scenario: what one simulated UPS is, offers and goes through, read from a `.ups` text file.
 *
 * Why a format of our own: NUT's `.dev` and `.seq` files know values over time, but no commands
 * with an effect, no battery that empties and no silence. SCENARIOS.md describes the statements; a
 * file is lines of words (words.h). A scenario is constant once read; ups.h plays it.
 *
 * Invariants: 1. names of variables and of commands are unique. 2. every script entry has next_s >=
 * 0 and period_s >= 0. 3. model numbers are finite and within the bounds of the statement's table.
 * Threading: pure after load. Allocation: one block per scenario. Limits: below.
 */
#include "core/error.h"
#include "producers/simulator/words.h"

enum {
    FL_SCENARIO_VARIABLE_COUNT_MAX = 96,
    FL_SCENARIO_COMMAND_COUNT_MAX = 40,
    FL_SCENARIO_STEP_COUNT_MAX = 64,
    FL_SCENARIO_CHOICE_COUNT_MAX = 8,
    FL_SCENARIO_LIKE_DEPTH_MAX = 4,
    FL_SCENARIO_NAME_SIZE = 64,
    FL_SCENARIO_VALUE_SIZE = 256,
    FL_SCENARIO_FILE_SIZE_MAX = 256 * 1024,
};

enum fl_variable_kind { FL_VARIABLE_FIXED, FL_VARIABLE_TEXT, FL_VARIABLE_ENUM, FL_VARIABLE_RANGE };

struct fl_variable_spec {
    char name[FL_SCENARIO_NAME_SIZE];
    char value[FL_SCENARIO_VALUE_SIZE];
    enum fl_variable_kind kind; /* all but FIXED are writable */
    long length;                /* of TEXT, in characters */
    long min, max;              /* of RANGE */
    unsigned choice_count;      /* of ENUM */
    char choices[FL_SCENARIO_CHOICE_COUNT_MAX][32];
};

enum fl_battery_health { FL_BATTERY_GOOD, FL_BATTERY_WORN, FL_BATTERY_BAD };

enum fl_act_kind {
    FL_ACT_OUTAGE,
    FL_ACT_RESTORE,
    FL_ACT_STALE,
    FL_ACT_FRESH,
    FL_ACT_SILENT,
    FL_ACT_TALKING,
    FL_ACT_MAINS,
    FL_ACT_LOAD,
    FL_ACT_CHARGE,
    FL_ACT_BATTERY,
    FL_ACT_TOKEN_ADD,
    FL_ACT_TOKEN_DROP,
    FL_ACT_ALARM,
    FL_ACT_SET,
    FL_ACT_FORGET,
    FL_ACT_RUN,
    FL_ACT_WRITE,
    FL_ACT_COUNT
};

/* One thing that happens to a UPS; in scripts, and from outside. */
struct fl_act {
    enum fl_act_kind kind;
    double number; /* MAINS volts, LOAD and CHARGE percent, BATTERY enum fl_battery_health */
    char name[FL_SCENARIO_NAME_SIZE];
    char value[FL_SCENARIO_VALUE_SIZE];
};

struct fl_scenario_step {
    double next_s;   /* scenario time */
    double period_s; /* 0: once */
    struct fl_act act;
};

/* Numbers of the model; seconds are scenario seconds. */
struct fl_scenario_model {
    double mains;    /* volts, nominal */
    double load;     /* percent of the rated power */
    double runtime;  /* seconds from full to empty at that load */
    double recharge; /* seconds from empty to full */
    double cells;    /* volts of the battery, nominal */
    double quick;    /* seconds of a quick self-test */
    double deep;     /* seconds of a deep self-test */
    double settle;   /* seconds until a written value is read back */
    double jitter;   /* seconds between new readings of voltage and load; 0: constant */
    double toggle;   /* 1: a second test.battery.start during a test aborts it, as old units do */
    double repeat;   /* seconds after which the `at` steps come again; 0: never */
};

struct fl_scenario {
    char name[FL_SCENARIO_NAME_SIZE];
    char title[128];
    struct fl_scenario_model model;
    unsigned variable_count;
    unsigned command_count;
    unsigned step_count;
    struct fl_variable_spec variables[FL_SCENARIO_VARIABLE_COUNT_MAX];
    char commands[FL_SCENARIO_COMMAND_COUNT_MAX][FL_SCENARIO_NAME_SIZE];
    struct fl_scenario_step steps[FL_SCENARIO_STEP_COUNT_MAX];
};

/* Reads DIRECTORY/NAME.ups and what it is `like`. FL_INVALID with "file:line: sentence" in
 * `message` for anything wrong; FL_NOT_FOUND, FL_IO for the file. */
enum fl_error fl_scenario_load(const char *directory, const char *name,
                               struct fl_scenario **scenario, char *message,
                               size_t message_size) FL_MUST_USE;

/* The same from memory; `like` is looked up in `directory` (NULL: refused). */
enum fl_error fl_scenario_parse(const char *text, size_t size, const char *name,
                                const char *directory, struct fl_scenario **scenario, char *message,
                                size_t message_size) FL_MUST_USE;

void fl_scenario_free(struct fl_scenario **scenario);

/* Reads an act from words[from …]; a sentence for people on failure, NULL on success. */
const char *fl_act_parse(const struct fl_words *words, unsigned from, struct fl_act *act);

/* The declared variable of that name, or NULL. */
const struct fl_variable_spec *fl_scenario_variable(const struct fl_scenario *scenario,
                                                    const char *name);
