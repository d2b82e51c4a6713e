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
extern const struct fl_command fl_command_detect;
extern const struct fl_command fl_command_mail;
extern const struct fl_command fl_command_timekeep;
extern const struct fl_command fl_command_archive;
extern const struct fl_command fl_command_notify_show;
extern const struct fl_command fl_command_notify_set;
extern const struct fl_command fl_command_project;
extern const struct fl_command fl_command_serve;
extern const struct fl_command fl_command_keep;

/* device.c */
extern const struct fl_command fl_command_device_list;
extern const struct fl_command fl_command_device_show;
extern const struct fl_command fl_command_device_rename;
extern const struct fl_command fl_command_device_locate;
extern const struct fl_command fl_command_device_remove;

/* people.c */
extern const struct fl_command fl_command_company_create;
extern const struct fl_command fl_command_company_list;
extern const struct fl_command fl_command_account_create;
extern const struct fl_command fl_command_claim_issue;
extern const struct fl_command fl_command_invite;
extern const struct fl_command fl_command_share;
extern const struct fl_command fl_command_share_accept;
extern const struct fl_command fl_command_share_list;
extern const struct fl_command fl_command_unshare;

/* firmware.c */
extern const struct fl_command fl_command_firmware_key;
extern const struct fl_command fl_command_firmware_publish;
extern const struct fl_command fl_command_firmware_list;
extern const struct fl_command fl_command_firmware_withdraw;

/* alias.c */
extern const struct fl_command fl_command_agent_list;
extern const struct fl_command fl_command_device_move;

/* reseller.c */
extern const struct fl_command fl_command_reseller_link, fl_command_reseller_list,
    fl_command_reseller_resend, fl_command_reseller_unlink, fl_command_reseller_remind,
    fl_command_reseller_accept, fl_command_reseller_decline, fl_command_reseller_disconnect,
    fl_command_lifecycle_set, fl_command_lifecycle_list;

/* transfer.c */
extern const struct fl_command fl_command_transfer_offer;
extern const struct fl_command fl_command_transfer_list;
extern const struct fl_command fl_command_transfer_accept;
extern const struct fl_command fl_command_transfer_decline;
extern const struct fl_command fl_command_transfer_cancel;

/* clock.c */
extern const struct fl_command fl_command_clock_accept;

/* erase.c */
extern const struct fl_command fl_command_erase;

/* keys.c */
extern const struct fl_command fl_command_keys_list;
extern const struct fl_command fl_command_keys_rotate;
extern const struct fl_command fl_command_keys_backup;
extern const struct fl_command fl_command_keys_request, fl_command_keys_admit_node;
extern const struct fl_command fl_command_keys_restore;
extern const struct fl_command fl_command_node_list, fl_command_node_remove; /* node.c */
/* account.c */
extern const struct fl_command fl_command_sign_up, fl_command_password_reset,
    fl_command_session_list, fl_command_session_end, fl_command_token_list, fl_command_token_create,
    fl_command_token_revoke;

/* own_account.c */
extern const struct fl_command fl_command_sign_up_confirm, fl_command_password_confirm,
    fl_command_password_change, fl_command_account_show, fl_command_account_change,
    fl_command_account_address, fl_command_account_address_confirm, fl_command_totp_enable,
    fl_command_totp_confirm, fl_command_totp_disable;
/* coworker.c */
extern const struct fl_command fl_command_invitation_list;
extern const struct fl_command fl_command_invitation_cancel;
extern const struct fl_command fl_command_invitation_resend;
extern const struct fl_command fl_command_invitation_accept;
extern const struct fl_command fl_command_account_list;
extern const struct fl_command fl_command_account_role;
extern const struct fl_command fl_command_account_remove;
extern const struct fl_command fl_command_account_close;
extern const struct fl_command fl_command_share_clear;

/* prices.c, catalogue.c */
extern const struct fl_command fl_command_prices_list, fl_command_prices_set,
    fl_command_catalogue_list, fl_command_catalogue_show, fl_command_catalogue_import;

/* purchase.c, license.c */
extern const struct fl_command fl_command_license_buy, fl_command_license_purchases,
    fl_command_license_list, fl_command_license_show, fl_command_license_ledger;
extern const struct fl_command fl_command_license_mint;
extern const struct fl_command fl_command_license_apply;
extern const struct fl_command fl_command_license_release;
extern const struct fl_command fl_command_license_withdraw;

/* command.c */
extern const struct fl_command fl_command_self_test;
extern const struct fl_command fl_command_beeper;
extern const struct fl_command fl_command_sensitivity;
extern const struct fl_command fl_command_battery_date;
extern const struct fl_command fl_command_calibration;
extern const struct fl_command fl_command_outlet_reboot;
extern const struct fl_command fl_command_firmware_upgrade;
extern const struct fl_command fl_command_command_show;

/* tail.c */
extern const struct fl_command fl_command_tail;
extern const struct fl_command fl_command_topics;
extern const struct fl_command fl_command_topics_acls;

/* lag.c */
extern const struct fl_command fl_command_lag;

/* rebuild.c */
extern const struct fl_command fl_command_rebuild;
extern const struct fl_command fl_command_check;

/* history.c, parked.c */
extern const struct fl_command fl_command_history;
extern const struct fl_command fl_command_parked;
extern const struct fl_command fl_command_parked_retry;
extern const struct fl_command fl_command_parked_skip;

/* verify.c */
extern const struct fl_command fl_command_verify;

/* simulate.c */
extern const struct fl_command fl_command_simulate;

/* migrate.c */
extern const struct fl_command fl_command_migrate;
/* events.c */
extern const struct fl_command fl_command_events, fl_command_report;

/* agent.c */
extern const struct fl_command fl_command_agent_run;
