/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Every command's row; commands.c puts them into the order of the help. A command lives in the file
 * of its family.
 */
#include "replay/cli/cli.h"

/* duties.c */
extern const struct fl_command fl_command_up;
extern const struct fl_command fl_command_decide;
extern const struct fl_command fl_command_project;
extern const struct fl_command fl_command_keep;

/* tail.c */
extern const struct fl_command fl_command_tail;
extern const struct fl_command fl_command_topics;

/* lag.c */
extern const struct fl_command fl_command_lag;

/* rebuild.c */
extern const struct fl_command fl_command_rebuild;
extern const struct fl_command fl_command_check;

/* simulate.c */
extern const struct fl_command fl_command_simulate;

/* migrate.c */
extern const struct fl_command fl_command_migrate;
