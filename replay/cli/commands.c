/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/cli/commands.h"

const struct fl_command *const fl_commands[] = {
    &fl_command_up,
    /* what stands where */
    &fl_command_device_list,
    &fl_command_device_show,
    &fl_command_device_rename,
    &fl_command_device_locate,
    &fl_command_device_remove,
    &fl_command_events,
    /* people */
    &fl_command_invite,
    &fl_command_share,
    &fl_command_share_accept,
    &fl_command_share_list,
    &fl_command_unshare,
    /* commands to devices */
    &fl_command_self_test,
    &fl_command_beeper,
    &fl_command_sensitivity,
    &fl_command_battery_date,
    &fl_command_calibration,
    &fl_command_command_show,
    /* the operator's */
    &fl_command_company_create,
    &fl_command_company_list,
    &fl_command_account_create,
    &fl_command_claim_issue,
    &fl_command_clock_accept,
    /* the log */
    &fl_command_tail,
    &fl_command_topics,
    &fl_command_lag,
    &fl_command_check,
    &fl_command_rebuild,
    &fl_command_parked,
    &fl_command_parked_retry,
    &fl_command_parked_skip,
    &fl_command_verify,
    &fl_command_migrate,
    &fl_command_simulate,
    /* duties, each alone */
    &fl_command_decide,
    &fl_command_detect,
    &fl_command_project,
    &fl_command_serve,
    &fl_command_keep,
    &fl_command_agent_run,
    NULL,
};
