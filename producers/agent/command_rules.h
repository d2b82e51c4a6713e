/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What each kind of command means in NUT's terms, and when its effect counts as seen.
 *
 * upsd's OK says that a driver took a command, never that anything happened (some drivers take what
 * they do not carry out), and the same INSTCMD sent twice may undo itself. So success is what the
 * readings show afterwards, and nothing else.
 *
 * Threading: pure. Allocation: none.
 */
#include "producers/agent/nut_line.h"
#include "producers/agent/nut_list.h"

enum fl_agent_command_kind {
    FL_AGENT_COMMAND_UNKNOWN,
    FL_AGENT_COMMAND_SELF_TEST,
    FL_AGENT_COMMAND_BEEPER,
    FL_AGENT_COMMAND_CALIBRATION,
    FL_AGENT_COMMAND_SENSITIVITY,
    FL_AGENT_COMMAND_BATTERY_INSTALL_DATE,
    FL_AGENT_COMMAND_FIRMWARE_UPGRADE, /* which is not upsd's affair: firmware.h */
    FL_AGENT_COMMAND_OUTLET_REBOOT,
    FL_AGENT_COMMAND_KIND_COUNT
};

enum {
    FL_COMMAND_TEXT_SIZE = 257, /* parameter, values seen; with NUL */
    FL_COMMAND_WORD_SIZE = 65,  /* reason */
};

/* By the name in common.proto, with or without its prefix. */
enum fl_agent_command_kind fl_agent_command_kind_of(const char *name);
const char *fl_agent_command_name(enum fl_agent_command_kind kind);

/* The variable that shows the effect; of an outlet in `out`. */
const char *fl_agent_command_variable(enum fl_agent_command_kind kind, const char *parameter,
                                      char out[FL_COMMAND_WORD_SIZE]);

/* How long the effect may take. */
int64_t fl_agent_command_watch_ms(enum fl_agent_command_kind kind);

/* The word that says why a UPS in this state must not be asked now; NULL: it may. A calibration
 * runs the battery down: only from 100 % charge, on line, without a fault and at a load of 10 % or
 * more. New firmware needs mains. What is not told counts as not so. */
const char *fl_agent_command_obstacle(enum fl_agent_command_kind kind,
                                      const struct fl_nut_list *values);

/* Builds the request for the UPS `ups`. False: this UPS does not offer it. `offered` are its
 * instant commands, `values` its last readings (a date is written as the device writes dates). */
bool fl_agent_command_build(enum fl_agent_command_kind kind, const char *parameter, const char *ups,
                            const struct fl_nut_list *offered, const struct fl_nut_list *values,
                            struct fl_nut_request *request);

/* What was seen before, and on the way. */
struct fl_agent_command_notes {
    char result[FL_COMMAND_TEXT_SIZE]; /* ups.test.result before; of firmware what is to come */
    char date[FL_COMMAND_TEXT_SIZE];   /* ups.test.date before */
    bool running;                      /* a test was seen to run, an outlet to be off, since */
};

void fl_agent_command_note(const struct fl_nut_list *values, struct fl_agent_command_notes *notes);

enum fl_agent_verdict { FL_VERDICT_WAIT, FL_VERDICT_SUCCEEDED, FL_VERDICT_FAILED };

/* Looks at readings taken after upsd accepted the command. FAILED: `reason` is a word. */
enum fl_agent_verdict fl_agent_command_judge(enum fl_agent_command_kind kind, const char *parameter,
                                             struct fl_agent_command_notes *notes,
                                             const struct fl_nut_list *values,
                                             char reason[FL_COMMAND_WORD_SIZE]);
