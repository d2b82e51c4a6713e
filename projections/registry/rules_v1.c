/* SPDX-License-Identifier: Apache-2.0 */
#include "core/limits.h"
#include "projections/registry/decide_alias.h"
#include "projections/registry/decide_due.h"
#include "projections/registry/decide_firmware.h"
#include "projections/registry/decide_license.h"
#include "projections/registry/decide_login.h"
#include "projections/registry/decide_outbox.h"
#include "projections/registry/decide_parts.h"
#include "projections/registry/decide_privacy.h"
#include "projections/registry/decide_reseller.h"
#include "projections/registry/decide_transfer.h"
#include "projections/registry/deciding.h"

#define SECONDS INT64_C(1000)
#define MINUTES (60 * SECONDS)
#define HOURS (60 * MINUTES)
#define DAYS (24 * HOURS)

static fl_decide_fn *const actions_v1[FL_MESSAGE_COUNT] = {
    [FL_MESSAGE_CreateLog] = fl_decide_create_log,
    [FL_MESSAGE_AnnounceNode] = fl_decide_announce_node,
    [FL_MESSAGE_RemoveNode] = fl_decide_remove_node,
    [FL_MESSAGE_ActivateRules] = fl_decide_activate_rules,
    [FL_MESSAGE_MoveLog] = fl_decide_move_log,
    [FL_MESSAGE_CreateCompany] = fl_decide_create_company,
    [FL_MESSAGE_CreateAccount] = fl_decide_create_account,
    [FL_MESSAGE_InviteCoworker] = fl_decide_invite_coworker,
    [FL_MESSAGE_CancelInvitation] = fl_decide_cancel_invitation,
    [FL_MESSAGE_ResendInvitation] = fl_decide_resend_invitation,
    [FL_MESSAGE_AcceptInvitation] = fl_decide_accept_invitation,
    [FL_MESSAGE_ChangeRole] = fl_decide_change_role,
    [FL_MESSAGE_RemoveCoworker] = fl_decide_remove_coworker,
    [FL_MESSAGE_CloseAccount] = fl_decide_close_account,
    [FL_MESSAGE_IssueClaim] = fl_decide_issue_claim,
    [FL_MESSAGE_EnrolAgent] = fl_decide_enrol_agent,
    [FL_MESSAGE_RegisterDevice] = fl_decide_register_device,
    [FL_MESSAGE_ReportCapabilities] = fl_decide_report_capabilities,
    [FL_MESSAGE_MoveDevice] = fl_decide_move_device,
    [FL_MESSAGE_RenameDevice] = fl_decide_rename_device,
    [FL_MESSAGE_LocateDevice] = fl_decide_locate_device,
    [FL_MESSAGE_RemoveDevice] = fl_decide_remove_device,
    [FL_MESSAGE_ShareDevices] = fl_decide_share_devices,
    [FL_MESSAGE_AcceptShare] = fl_decide_accept_share,
    [FL_MESSAGE_RevokeShare] = fl_decide_revoke_share,
    [FL_MESSAGE_RemoveSharedDevices] = fl_decide_remove_shared_devices,
    [FL_MESSAGE_OfferTransfer] = fl_decide_offer_transfer,
    [FL_MESSAGE_AcceptTransfer] = fl_decide_accept_transfer,
    [FL_MESSAGE_DeclineTransfer] = fl_decide_decline_transfer,
    [FL_MESSAGE_CancelTransfer] = fl_decide_cancel_transfer,
    [FL_MESSAGE_PublishFirmware] = fl_decide_publish_firmware,
    [FL_MESSAGE_WithdrawFirmware] = fl_decide_withdraw_firmware,
    [FL_MESSAGE_RequestCommand] = fl_decide_request_command,
    [FL_MESSAGE_CancelCommand] = fl_decide_cancel_command,
    [FL_MESSAGE_ReportCommandDelivery] = fl_decide_command_delivery,
    [FL_MESSAGE_ReportCommandAcknowledgement] = fl_decide_command_acknowledgement,
    [FL_MESSAGE_ReportCommandOutcome] = fl_decide_command_outcome,
    [FL_MESSAGE_ReportCondition] = fl_decide_report_condition,
    [FL_MESSAGE_RecordNotificationSent] = fl_decide_notification_sent,
    [FL_MESSAGE_RecordNotificationFailed] = fl_decide_notification_failed,
    [FL_MESSAGE_CloseAlerts] = fl_decide_close_alerts,
    [FL_MESSAGE_SetNotificationPolicy] = fl_decide_set_notification_policy,
    [FL_MESSAGE_Unsubscribe] = fl_decide_unsubscribe,
    [FL_MESSAGE_LinkReseller] = fl_decide_link_reseller,
    [FL_MESSAGE_AcceptResellerLink] = fl_decide_accept_reseller_link,
    [FL_MESSAGE_DeclineResellerLink] = fl_decide_decline_reseller_link,
    [FL_MESSAGE_DisconnectReseller] = fl_decide_disconnect_reseller,
    [FL_MESSAGE_ResendResellerOffer] = fl_decide_resend_reseller_offer,
    [FL_MESSAGE_UnlinkReseller] = fl_decide_unlink_reseller,
    [FL_MESSAGE_RemindReseller] = fl_decide_remind_reseller,
    [FL_MESSAGE_SetLifecycleFact] = fl_decide_set_lifecycle_fact,
    [FL_MESSAGE_ImportCatalogue] = fl_decide_import_catalogue,
    [FL_MESSAGE_FireDue] = fl_decide_fire_due,
    [FL_MESSAGE_ErasePerson] = fl_decide_erase_person,
    [FL_MESSAGE_OpenEpoch] = fl_decide_open_epoch,
    [FL_MESSAGE_ReindexPeople] = fl_decide_reindex_people,
    [FL_MESSAGE_ConfirmEpoch] = fl_decide_confirm_epoch,
    [FL_MESSAGE_CloseEpoch] = fl_decide_close_epoch,
    [FL_MESSAGE_FinishErasure] = fl_decide_finish_erasure,
    [FL_MESSAGE_RotateLinkKey] = fl_decide_rotate_link_key,
    [FL_MESSAGE_SignUp] = fl_decide_sign_up,
    [FL_MESSAGE_ConfirmSignUp] = fl_decide_confirm_sign_up,
    [FL_MESSAGE_StartSession] = fl_decide_start_session,
    [FL_MESSAGE_RecordSessionUse] = fl_decide_record_session_use,
    [FL_MESSAGE_EndSession] = fl_decide_end_session,
    [FL_MESSAGE_EndSessions] = fl_decide_end_sessions,
    [FL_MESSAGE_RequestPasswordReset] = fl_decide_request_password_reset,
    [FL_MESSAGE_ResetPassword] = fl_decide_reset_password,
    [FL_MESSAGE_ChangeProfile] = fl_decide_change_profile,
    [FL_MESSAGE_RequestAddressChange] = fl_decide_request_address_change,
    [FL_MESSAGE_ConfirmAddressChange] = fl_decide_confirm_address_change,
    [FL_MESSAGE_CreateApiToken] = fl_decide_create_api_token,
    [FL_MESSAGE_RevokeApiToken] = fl_decide_revoke_api_token,
    [FL_MESSAGE_MintLicense] = fl_decide_mint_license,
    [FL_MESSAGE_ApplyLicense] = fl_decide_apply_license,
    [FL_MESSAGE_ReleaseLicense] = fl_decide_release_license,
    [FL_MESSAGE_WithdrawLicense] = fl_decide_withdraw_license,
    [FL_MESSAGE_SetPriceList] = fl_decide_set_price_list,
    [FL_MESSAGE_StartPurchase] = fl_decide_start_purchase,
    [FL_MESSAGE_ReportPayment] = fl_decide_report_payment,
};

static const struct fl_rules versions[] = {
    {
        .version = 1,
        .limits =
            {
                .shares_per_device_max = 5,
                .devices_per_action_max = 1000,
                .commands_per_device_max = 4,
                .open_commands_per_device_max = 64,
                .firmware_count_max = 1000,
                .invitation_ms = 7 * DAYS,
                .share_offer_ms = 7 * DAYS,
                .transfer_offer_ms = 7 * DAYS,
                .reseller_offer_ms = 7 * DAYS,
                .reminder_pause_ms = 1 * DAYS,
                .purchase_ms = 1 * DAYS,
                .claim_ms_max = 1 * HOURS,
                .action_id_ms = 7 * DAYS,
                .profile_age_ms_max = 1 * HOURS,
                .profile_ahead_ms_max = 5 * MINUTES,
                .profile_unnamed_ms_max = FL_PROFILE_UNNAMED_MS,
                .command_ttl_ms_min = 10 * SECONDS,
                .command_ttl_ms_max = 1 * DAYS,
                .sign_up_ms = 1 * DAYS,
                .password_reset_ms = 30 * MINUTES,
                .address_change_ms = 1 * HOURS,
                .session_ms = 7 * DAYS,
                .session_idle_ms = 1 * DAYS,
                .sessions_per_account_max = 32,
                .api_tokens_per_account_max = 50,
                .api_token_ms_max = 366 * DAYS,
                .trial_ms = 30 * DAYS,
                .license_nodes_max = 10000,
                .license_days_max = 3660,
                .nodes_per_device_max = 16,
            },
        .actions = actions_v1,
    },
};

static const struct fl_rules_set production = {versions, sizeof(versions) / sizeof(versions[0])};

const struct fl_rules_set *fl_rules_production(void)
{
    return &production;
}

uint32_t fl_rules_newest(const struct fl_rules_set *set)
{
    uint32_t newest = 0;
    for (uint32_t i = 0; i < set->count; i++)
        if (set->versions[i].version > newest)
            newest = set->versions[i].version;
    return newest;
}

const struct fl_rules *fl_rules_find(const struct fl_rules_set *set, uint32_t version)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (set->versions[i].version == version)
            return &set->versions[i];
    return NULL;
}
