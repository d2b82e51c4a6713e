/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/fold.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "projections/registry/fold_login.h"
#include "projections/registry/outbox.h"
#include "projections/registry/parts.h"
#include "projections/registry/registry.h"

enum { READER_VERSION = 1, FOLD_ARENA_SIZE_MIN = 32 * 1024 * 1024 };

static fl_fold_fn *const folds[FL_MESSAGE_COUNT] = {
    [FL_MESSAGE_ActionRejected] = fl_fold_action_rejected,
    [FL_MESSAGE_LogCreated] = fl_fold_log_created,
    [FL_MESSAGE_NodeAnnounced] = fl_fold_node_announced,
    [FL_MESSAGE_NodeRemoved] = fl_fold_node_removed,
    [FL_MESSAGE_RulesActivated] = fl_fold_rules_activated,
    [FL_MESSAGE_LogMoved] = fl_fold_log_moved,
    [FL_MESSAGE_CompanyCreated] = fl_fold_company_created,
    [FL_MESSAGE_AccountCreated] = fl_fold_account_created,
    [FL_MESSAGE_CoworkerInvited] = fl_fold_coworker_invited,
    [FL_MESSAGE_InvitationCancelled] = fl_fold_invitation_cancelled,
    [FL_MESSAGE_InvitationResent] = fl_fold_invitation_resent,
    [FL_MESSAGE_InvitationAccepted] = fl_fold_invitation_accepted,
    [FL_MESSAGE_RoleChanged] = fl_fold_role_changed,
    [FL_MESSAGE_CoworkerRemoved] = fl_fold_coworker_removed,
    [FL_MESSAGE_AccountClosed] = fl_fold_account_closed,
    [FL_MESSAGE_ClaimIssued] = fl_fold_claim_issued,
    [FL_MESSAGE_AgentEnrolled] = fl_fold_agent_enrolled,
    [FL_MESSAGE_DeviceRegistered] = fl_fold_device_registered,
    [FL_MESSAGE_CapabilitiesReported] = fl_fold_capabilities_reported,
    [FL_MESSAGE_DeviceRenamed] = fl_fold_device_renamed,
    [FL_MESSAGE_DeviceLocated] = fl_fold_device_located,
    [FL_MESSAGE_DeviceRemoved] = fl_fold_device_removed,
    [FL_MESSAGE_DevicesShared] = fl_fold_devices_shared,
    [FL_MESSAGE_ShareAccepted] = fl_fold_share_accepted,
    [FL_MESSAGE_ShareRevoked] = fl_fold_share_revoked,
    [FL_MESSAGE_SharedDevicesRemoved] = fl_fold_shared_devices_removed,
    [FL_MESSAGE_CommandRequested] = fl_fold_command_requested,
    [FL_MESSAGE_CommandCancelled] = fl_fold_command_cancelled,
    [FL_MESSAGE_CommandDelivered] = fl_fold_command_delivered,
    [FL_MESSAGE_CommandAcknowledged] = fl_fold_command_acknowledged,
    [FL_MESSAGE_CommandSucceeded] = fl_fold_command_succeeded,
    [FL_MESSAGE_CommandFailed] = fl_fold_command_failed,
    [FL_MESSAGE_CommandExpired] = fl_fold_command_expired,
    [FL_MESSAGE_FirmwarePublished] = fl_fold_firmware_published,
    [FL_MESSAGE_FirmwareWithdrawn] = fl_fold_firmware_withdrawn,
    [FL_MESSAGE_DeviceMoved] = fl_fold_device_moved,
    [FL_MESSAGE_DeviceAliasRecorded] = fl_fold_device_alias_recorded,
    [FL_MESSAGE_TransferOffered] = fl_fold_transfer_offered,
    [FL_MESSAGE_TransferAccepted] = fl_fold_transfer_accepted,
    [FL_MESSAGE_TransferDeclined] = fl_fold_transfer_declined,
    [FL_MESSAGE_TransferCancelled] = fl_fold_transfer_cancelled,
    [FL_MESSAGE_ConditionRaised] = fl_fold_condition_raised,
    [FL_MESSAGE_ConditionCleared] = fl_fold_condition_cleared,
    [FL_MESSAGE_NotificationSent] = fl_fold_notification_sent,
    [FL_MESSAGE_NotificationFailed] = fl_fold_notification_failed,
    [FL_MESSAGE_AlertsClosed] = fl_fold_alerts_closed,
    [FL_MESSAGE_NotificationPolicySet] = fl_fold_notification_policy_set,
    [FL_MESSAGE_Unsubscribed] = fl_fold_unsubscribed,
    [FL_MESSAGE_InvitationExpired] = fl_fold_invitation_expired,
    [FL_MESSAGE_ClaimExpired] = fl_fold_claim_expired,
    [FL_MESSAGE_ResellerLinkOffered] = fl_fold_reseller_link_offered,
    [FL_MESSAGE_ResellerLinkAccepted] = fl_fold_reseller_link_accepted,
    [FL_MESSAGE_ResellerLinkDeclined] = fl_fold_reseller_link_declined,
    [FL_MESSAGE_ResellerLinkExpired] = fl_fold_reseller_link_expired,
    [FL_MESSAGE_ResellerDisconnected] = fl_fold_reseller_disconnected,
    [FL_MESSAGE_ResellerOfferResent] = fl_fold_reseller_offer_resent,
    [FL_MESSAGE_ResellerUnlinked] = fl_fold_reseller_unlinked,
    [FL_MESSAGE_ResellerReminded] = fl_fold_reseller_reminded,
    [FL_MESSAGE_LifecycleFactSet] = fl_fold_lifecycle_fact_set,
    [FL_MESSAGE_RenewalNoticeDue] = fl_fold_renewal_notice_due,
    [FL_MESSAGE_RenewalsReportDue] = fl_fold_renewals_report_due,
    [FL_MESSAGE_ShareExpired] = fl_fold_share_expired,
    [FL_MESSAGE_TransferExpired] = fl_fold_transfer_expired,
    [FL_MESSAGE_ErasureRequested] = fl_fold_erasure_requested,
    [FL_MESSAGE_EpochOpened] = fl_fold_epoch_opened,
    [FL_MESSAGE_PeopleReindexed] = fl_fold_people_reindexed,
    [FL_MESSAGE_EpochConfirmed] = fl_fold_epoch_confirmed,
    [FL_MESSAGE_EpochClosed] = fl_fold_epoch_closed,
    [FL_MESSAGE_PersonErased] = fl_fold_person_erased,
    [FL_MESSAGE_LinkKeyRotated] = fl_fold_link_key_rotated,
    [FL_MESSAGE_SignUpRequested] = fl_fold_sign_up_requested,
    [FL_MESSAGE_SignUpConfirmed] = fl_fold_sign_up_confirmed,
    [FL_MESSAGE_SessionStarted] = fl_fold_session_started,
    [FL_MESSAGE_SessionUsed] = fl_fold_session_used,
    [FL_MESSAGE_SessionEnded] = fl_fold_session_ended,
    [FL_MESSAGE_SessionsEnded] = fl_fold_sessions_ended,
    [FL_MESSAGE_PasswordResetRequested] = fl_fold_password_reset_requested,
    [FL_MESSAGE_PasswordReset] = fl_fold_password_reset,
    [FL_MESSAGE_ProfileChanged] = fl_fold_profile_changed,
    [FL_MESSAGE_AddressChangeRequested] = fl_fold_address_change_requested,
    [FL_MESSAGE_AddressChanged] = fl_fold_address_changed,
    [FL_MESSAGE_ApiTokenCreated] = fl_fold_api_token_created,
    [FL_MESSAGE_ApiTokenRevoked] = fl_fold_api_token_revoked,
    [FL_MESSAGE_LicenseMinted] = fl_fold_license_minted,
    [FL_MESSAGE_LicenseApplied] = fl_fold_license_applied,
    [FL_MESSAGE_LicenseReleased] = fl_fold_license_released,
    [FL_MESSAGE_LicenseWithdrawn] = fl_fold_license_withdrawn,
    [FL_MESSAGE_LicenseExpired] = fl_fold_license_expired,
    [FL_MESSAGE_PriceListSet] = fl_fold_price_list_set,
    [FL_MESSAGE_CatalogueImported] = fl_fold_catalogue_imported,
    [FL_MESSAGE_PurchaseStarted] = fl_fold_purchase_started,
    [FL_MESSAGE_PurchasePaid] = fl_fold_purchase_paid,
    [FL_MESSAGE_PurchaseFailed] = fl_fold_purchase_failed,
    [FL_MESSAGE_PurchaseExpired] = fl_fold_purchase_expired,
    [FL_MESSAGE_PurchaseRefunded] = fl_fold_purchase_refunded,
};

bool fl_fold_refuse(struct fl_folding *f, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(f->detail, FL_DETAIL_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

void *fl_fold_row(struct fl_folding *f, enum fl_registry_table table, const char *id)
{
    void *row = fl_row_by_id(f->kv, f->arena, table, fl_slice_text(id));
    if (row == NULL)
        fl_fold_refuse(f, "no row %s in %s", id, fl_registry_tables[table]);
    return row;
}

bool fl_fold_move(struct fl_folding *f, const struct fl_sm *machine, uint32_t *state, unsigned to,
                  const char *id)
{
    unsigned before = *state;
    if (fl_sm_move(machine, state, to, NULL))
        return true;
    return fl_fold_refuse(f, "%s %s cannot go from %s to %s", machine->name, id,
                          fl_sm_name(machine, before), fl_sm_name(machine, to));
}

bool fl_fold_action_rejected(struct fl_folding *f)
{
    (void)f;
    return true;
}

struct state {
    struct fl_arena arena;
};

static enum fl_error registry_open(size_t memory_max, void **out)
{
    struct state *state = malloc(sizeof(*state));
    if (state == NULL)
        return FL_NO_MEMORY;
    fl_arena_init(&state->arena,
                  memory_max < FOLD_ARENA_SIZE_MIN ? FOLD_ARENA_SIZE_MIN : memory_max);
    *out = state;
    return FL_OK;
}

static void registry_close(void *opaque)
{
    struct state *state = opaque;
    fl_arena_fini(&state->arena);
    free(state);
}

static enum fl_error apply_event(struct fl_folding *f)
{
    /* A type that this version need not know: the feed has looked at its reader version. */
    if (f->input->message == NULL)
        return FL_OK;
    const struct fl_catalogue_row *row = fl_catalogue_of(f->input->message);
    fl_assert(row != NULL && folds[row->type] != NULL);
    bool folded = folds[row->type](f);
    if (f->kv->error != FL_OK)
        return f->kv->error;
    if (!folded)
        return FL_INVALID;
    fl_fold_outbox(f);
    fl_fold_remember(f);
    fl_fold_sweep_mail(f);
    return f->kv->error;
}

static enum fl_error registry_apply(void *opaque, struct fl_kv *kv,
                                    const struct fl_view_input *input, char detail[FL_DETAIL_SIZE])
{
    struct state *state = opaque;
    struct fl_slice id;
    fl_assert(input->kind == FL_READS_EVENTS && input->envelope != NULL);
    fl_arena_reset(&state->arena);
    struct fl_folding f = {
        .kv = kv,
        .arena = &state->arena,
        .input = input,
        .now_ms = input->envelope->time_ms,
        .sequence = input->envelope->sequence,
        .actor = "",
        .account_id = "",
        .detail = detail,
    };
    detail[0] = '\0';
    if (input->envelope->actor.data != NULL) {
        f.actor = fl_arena_text(f.arena, input->envelope->actor);
        if (input->envelope->on_behalf_of.data != NULL)
            f.account_id = fl_arena_text(f.arena, input->envelope->on_behalf_of);
        else if (fl_actor_parse(input->envelope->actor, &id) == FL_ACTOR_ACCOUNT)
            f.account_id = fl_arena_text(f.arena, id);
        if (f.actor == NULL || f.account_id == NULL)
            return FL_NO_MEMORY;
    }
    return apply_event(&f);
}

static void registry_flush(void *state, struct fl_kv *kv)
{
    (void)state;
    (void)kv;
}

static void registry_discard(void *state)
{
    (void)state;
}

static bool registry_is_full(const void *state)
{
    (void)state;
    return false;
}

static const struct fl_view view = {
    .name = "registry",
    .fold_version = 1,
    .inputs = FL_READS_EVENTS,
    .needs_actions = true,
    .reader_version = READER_VERSION,
    .tables = fl_registry_tables,
    .table_count = FL_TABLE_COUNT,
    .open = registry_open,
    .close = registry_close,
    .apply = registry_apply,
    .flush = registry_flush,
    .discard = registry_discard,
    .is_full = registry_is_full,
    .check = fl_registry_check,
};

const struct fl_view *fl_registry_view(void)
{
    return &view;
}
