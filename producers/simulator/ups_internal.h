/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The state of a simulated UPS, shared by ups.c (variables, script), ups_power.c (battery and
 * status) and ups_command.c (commands and writes). Invariants: see ups.h.
 */
#include "producers/simulator/ups.h"

enum { UPS_VARIABLE_COUNT_MAX = 128, UPS_TOKEN_COUNT_MAX = 16, UPS_PENDING_COUNT_MAX = 16 };

enum ups_test { UPS_TEST_NONE, UPS_TEST_QUICK, UPS_TEST_DEEP, UPS_TEST_CALIBRATION };

struct ups_value {
    char name[FL_SCENARIO_NAME_SIZE];
    char value[FL_SCENARIO_VALUE_SIZE];
    char told[FL_SCENARIO_VALUE_SIZE]; /* what the last take_change gave */
    bool present;
    bool told_present;
    const struct fl_variable_spec *spec;
};

/* A value that will show after a while. */
struct ups_pending {
    double due_s;
    char name[FL_SCENARIO_NAME_SIZE];
    char value[FL_SCENARIO_VALUE_SIZE];
};

struct fl_ups {
    const struct fl_scenario *scenario;
    char name[FL_SCENARIO_NAME_SIZE];
    int64_t wall_ms;
    double now_s;
    uint64_t random;
    struct fl_scenario_step steps[FL_SCENARIO_STEP_COUNT_MAX];

    double mains_v; /* of a script's or the outside's making; not counting an outage */
    double load;
    double charge;
    double jitter_due_s;
    double jitter; /* -1 … 1 */
    bool outage;
    bool stale;
    bool silent;
    bool dead;    /* the battery is empty and there is no mains */
    bool off;     /* load.off */
    bool low;     /* LB shows */
    bool replace; /* RB shows */
    enum fl_battery_health health;
    enum ups_test test;
    double test_end_s;

    unsigned token_count;
    char tokens[UPS_TOKEN_COUNT_MAX][FL_SCENARIO_NAME_SIZE];
    unsigned pending_count;
    struct ups_pending pending[UPS_PENDING_COUNT_MAX];
    unsigned value_count;
    unsigned next_change; /* where take_change looks first */
    struct ups_value values[UPS_VARIABLE_COUNT_MAX];
};

/* ups.c: variables. set adds what is missing; update only writes what is declared. */
bool fl_ups_set(struct fl_ups *ups, const char *name, const char *value);
void fl_ups_update(struct fl_ups *ups, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void fl_ups_forget(struct fl_ups *ups, const char *name);
double fl_ups_number(const struct fl_ups *ups, const char *name, double otherwise);
bool fl_ups_later(struct fl_ups *ups, double seconds, const char *name, const char *value);
bool fl_ups_has_token(const struct fl_ups *ups, const char *token);
bool fl_ups_token_add(struct fl_ups *ups, const char *token);
void fl_ups_token_drop(struct fl_ups *ups, const char *token);

/* ups_power.c */
bool fl_ups_is_on_battery(const struct fl_ups *ups);
void fl_ups_power_run(struct fl_ups *ups,
                      double seconds);             /* battery over that time, no event within */
double fl_ups_power_due(const struct fl_ups *ups); /* when a test or the jitter is due */
void fl_ups_power_settle(struct fl_ups *ups);      /* ends tests, derives status and readings */
void fl_ups_test_start(struct fl_ups *ups, enum ups_test test, double seconds);
void fl_ups_test_abort(struct fl_ups *ups);
