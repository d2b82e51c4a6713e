/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One simulated UPS: plays a scenario in scenario time, holds its variables, obeys commands.
 *
 * Why: agent, detector and demo need a UPS that behaves, not one that only shows numbers: on
 * battery the charge falls and with it the runtime, a self-test takes its time and has an outcome,
 * a written value is read back later. It knows no sockets and no clock: time comes in as numbers,
 * so that tests run it as fast as they like, and the same seed gives the same readings.
 *
 *      mains ──lost──► on battery ──charge 0──► dead (stale) ──mains back──► charging ──100 %──►
 * mains
 *
 * Invariants: 1. 0 <= charge <= 100. 2. `ups.status` never repeats a token. 3. at most one of quick
 * test, deep test and calibration runs. 4. a variable is `changed` iff its value differs from what
 * was last taken with fl_ups_take_change.
 * Threading: one thread. Allocation: one block at open. Limits: FL_SCENARIO_*; 16 tokens of
 * scenarios; 16 pending changes (a further command is answered FAILED).
 */
#include <stdint.h>

#include "producers/simulator/scenario.h"

struct fl_ups;

/* What a driver answers to INSTCMD and SET; the numbers are NUT's. */
enum fl_ups_answer {
    FL_UPS_HANDLED = 0,
    FL_UPS_UNKNOWN = 1,
    FL_UPS_INVALID = 2,
    FL_UPS_FAILED = 3,
};

struct fl_ups_options {
    const char *name;
    uint64_t seed;
    double delay_s;  /* the script starts that much later */
    int64_t wall_ms; /* Unix time at scenario time 0; for dates */
};

/* Borrows the scenario, which must outlive it. FL_NO_MEMORY, FL_INVALID for a name too long. */
enum fl_error fl_ups_open(const struct fl_scenario *scenario, const struct fl_ups_options *options,
                          struct fl_ups **ups) FL_MUST_USE;
void fl_ups_close(struct fl_ups **ups);

const char *fl_ups_name(const struct fl_ups *ups);
const struct fl_scenario *fl_ups_scenario(const struct fl_ups *ups);

/* Scenario time reached so far, in seconds. */
double fl_ups_time(const struct fl_ups *ups);

/* Plays on until `until_s`, or until the first moment before it at which something happens, so that
 * the caller can pass each change on. Returns the time reached. */
double fl_ups_step(struct fl_ups *ups, double until_s);

/* Makes something happen now. */
enum fl_ups_answer fl_ups_act(struct fl_ups *ups, const struct fl_act *act);

/* INSTCMD; param may be NULL. SET. */
enum fl_ups_answer fl_ups_command(struct fl_ups *ups, const char *command, const char *param);
enum fl_ups_answer fl_ups_write(struct fl_ups *ups, const char *variable, const char *value);

/* No contact between driver and UPS: what is held is old. */
bool fl_ups_is_stale(const struct fl_ups *ups);

/* The driver itself says nothing, not even PONG. */
bool fl_ups_is_silent(const struct fl_ups *ups);

/* The value of a variable, NULL if it has none; lives until the next call that may change it. */
const char *fl_ups_value(const struct fl_ups *ups, const char *variable);

/* One variable as a driver tells it. */
struct fl_ups_variable {
    const char *name;
    const char *value;                   /* NULL: it is gone */
    const struct fl_variable_spec *spec; /* NULL: not declared, fixed */
};

/* The variable at `index` (0 …); false behind the last. A gone variable is skipped with value NULL.
 */
bool fl_ups_variable(const struct fl_ups *ups, unsigned index, struct fl_ups_variable *variable);

/* The next variable that changed since it was last taken; false when there is none. */
bool fl_ups_take_change(struct fl_ups *ups, struct fl_ups_variable *variable);

/* Asserts the invariants; for tests. */
void fl_ups_check(const struct fl_ups *ups);
