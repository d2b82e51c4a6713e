/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/cli/commands.h"

const struct fl_command *const fl_commands[] = {
    &fl_command_up,      &fl_command_tail,    &fl_command_topics,   &fl_command_lag,
    &fl_command_check,   &fl_command_rebuild, &fl_command_migrate,  &fl_command_decide,
    &fl_command_project, &fl_command_keep,    &fl_command_simulate, NULL,
};
