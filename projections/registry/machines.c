/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/machines.h"

#include <stddef.h>

#define TO(state) FL_SM_BIT(state)

/*
 * machine invitation
 *     none -> outstanding -> accepted
 *             outstanding -> expired
 *             outstanding -> cancelled
 */
static const struct fl_sm_state invitation_states[FL_INVITATION_STATE_COUNT] = {
    [FL_INVITATION_NONE] = {"none", TO(FL_INVITATION_OUTSTANDING), 0},
    [FL_INVITATION_OUTSTANDING] = {"outstanding",
                                   TO(FL_INVITATION_ACCEPTED) | TO(FL_INVITATION_EXPIRED) |
                                       TO(FL_INVITATION_CANCELLED),
                                   0},
    [FL_INVITATION_ACCEPTED] = {"accepted", 0, FL_SM_FINAL},
    [FL_INVITATION_EXPIRED] = {"expired", 0, FL_SM_FINAL},
    [FL_INVITATION_CANCELLED] = {"cancelled", 0, FL_SM_FINAL},
};
const struct fl_sm fl_invitation_machine = {"invitation", invitation_states,
                                            FL_INVITATION_STATE_COUNT, NULL};

/*
 * machine claim
 *     none -> issued -> used
 *             issued -> expired
 */
static const struct fl_sm_state claim_states[FL_CLAIM_STATE_COUNT] = {
    [FL_CLAIM_NONE] = {"none", TO(FL_CLAIM_ISSUED), 0},
    [FL_CLAIM_ISSUED] = {"issued", TO(FL_CLAIM_USED) | TO(FL_CLAIM_EXPIRED), 0},
    [FL_CLAIM_USED] = {"used", 0, FL_SM_FINAL},
    [FL_CLAIM_EXPIRED] = {"expired", 0, FL_SM_FINAL},
};
const struct fl_sm fl_claim_machine = {"claim", claim_states, FL_CLAIM_STATE_COUNT, NULL};

/*
 * machine device
 *     none -> active -> removed
 */
static const struct fl_sm_state device_states[FL_DEVICE_STATE_COUNT] = {
    [FL_DEVICE_NONE] = {"none", TO(FL_DEVICE_ACTIVE), 0},
    [FL_DEVICE_ACTIVE] = {"active", TO(FL_DEVICE_REMOVED), 0},
    [FL_DEVICE_REMOVED] = {"removed", 0, FL_SM_FINAL},
};
const struct fl_sm fl_device_machine = {"device", device_states, FL_DEVICE_STATE_COUNT, NULL};

/*
 * machine share
 *     none -> pending -> accepted -> revoked
 *             pending -> revoked
 *                        accepted -> expired
 *             pending -> expired
 */
static const struct fl_sm_state share_states[FL_SHARE_STATE_COUNT] = {
    [FL_SHARE_NONE] = {"none", TO(FL_SHARE_PENDING), 0},
    [FL_SHARE_PENDING] = {"pending",
                          TO(FL_SHARE_ACCEPTED) | TO(FL_SHARE_REVOKED) | TO(FL_SHARE_EXPIRED), 0},
    [FL_SHARE_ACCEPTED] = {"accepted", TO(FL_SHARE_REVOKED) | TO(FL_SHARE_EXPIRED), 0},
    [FL_SHARE_REVOKED] = {"revoked", 0, FL_SM_FINAL},
    [FL_SHARE_EXPIRED] = {"expired", 0, FL_SM_FINAL},
};
const struct fl_sm fl_share_machine = {"share", share_states, FL_SHARE_STATE_COUNT, NULL};

/*
 * machine command
 *     none -> requested -> delivered -> acknowledged -> succeeded
 *                          delivered -> succeeded
 *             requested -> failed
 *                          delivered -> failed
 *                                       acknowledged -> failed
 *             requested -> expired
 *                          delivered -> expired
 *             requested -> cancelled
 *                          delivered -> cancelled
 *                                       acknowledged -> cancelled
 */
static const struct fl_sm_state command_states[FL_COMMAND_STATE_COUNT] = {
    [FL_COMMAND_NONE] = {"none", TO(FL_COMMAND_REQUESTED), 0},
    [FL_COMMAND_REQUESTED] = {"requested",
                              TO(FL_COMMAND_DELIVERED) | TO(FL_COMMAND_FAILED) |
                                  TO(FL_COMMAND_EXPIRED) | TO(FL_COMMAND_CANCELLED),
                              0},
    [FL_COMMAND_DELIVERED] = {"delivered",
                              TO(FL_COMMAND_ACKNOWLEDGED) | TO(FL_COMMAND_SUCCEEDED) |
                                  TO(FL_COMMAND_FAILED) | TO(FL_COMMAND_EXPIRED) |
                                  TO(FL_COMMAND_CANCELLED),
                              0},
    [FL_COMMAND_ACKNOWLEDGED] = {"acknowledged",
                                 TO(FL_COMMAND_SUCCEEDED) | TO(FL_COMMAND_FAILED) |
                                     TO(FL_COMMAND_CANCELLED),
                                 0},
    [FL_COMMAND_SUCCEEDED] = {"succeeded", 0, FL_SM_FINAL},
    [FL_COMMAND_FAILED] = {"failed", 0, FL_SM_FINAL},
    [FL_COMMAND_EXPIRED] = {"expired", 0, FL_SM_FINAL},
    [FL_COMMAND_CANCELLED] = {"cancelled", 0, FL_SM_FINAL},
};
const struct fl_sm fl_command_machine = {"command", command_states, FL_COMMAND_STATE_COUNT, NULL};

/*
 * machine condition
 *     clear -> raised -> clear
 */
static const struct fl_sm_state condition_states[FL_CONDITION_STATE_COUNT] = {
    [FL_CONDITION_CLEAR] = {"clear", TO(FL_CONDITION_RAISED), 0},
    [FL_CONDITION_RAISED] = {"raised", TO(FL_CONDITION_CLEAR), 0},
};
const struct fl_sm fl_condition_machine = {"condition", condition_states, FL_CONDITION_STATE_COUNT,
                                           NULL};

/*
 * machine transfer
 *     none -> offered -> accepted
 *             offered -> declined
 *             offered -> cancelled
 *             offered -> expired
 */
static const struct fl_sm_state transfer_states[FL_TRANSFER_STATE_COUNT] = {
    [FL_TRANSFER_NONE] = {"none", TO(FL_TRANSFER_OFFERED), 0},
    [FL_TRANSFER_OFFERED] = {"offered",
                             TO(FL_TRANSFER_ACCEPTED) | TO(FL_TRANSFER_DECLINED) |
                                 TO(FL_TRANSFER_CANCELLED) | TO(FL_TRANSFER_EXPIRED),
                             0},
    [FL_TRANSFER_ACCEPTED] = {"accepted", 0, FL_SM_FINAL},
    [FL_TRANSFER_DECLINED] = {"declined", 0, FL_SM_FINAL},
    [FL_TRANSFER_CANCELLED] = {"cancelled", 0, FL_SM_FINAL},
    [FL_TRANSFER_EXPIRED] = {"expired", 0, FL_SM_FINAL},
};
const struct fl_sm fl_transfer_machine = {"transfer", transfer_states, FL_TRANSFER_STATE_COUNT,
                                          NULL};

/*
 * machine alert
 *     none -> waiting -> told -> settling -> ended -> waiting
 *             waiting -> settling -> told -> waiting
 *             waiting -> ended
 */
static const struct fl_sm_state alert_states[FL_ALERT_STATE_COUNT] = {
    [FL_ALERT_NONE] = {"none", TO(FL_ALERT_WAITING), 0},
    [FL_ALERT_WAITING] = {"waiting", TO(FL_ALERT_TOLD) | TO(FL_ALERT_SETTLING) | TO(FL_ALERT_ENDED),
                          0},
    [FL_ALERT_TOLD] = {"told", TO(FL_ALERT_SETTLING) | TO(FL_ALERT_WAITING), 0},
    [FL_ALERT_SETTLING] = {"settling", TO(FL_ALERT_TOLD) | TO(FL_ALERT_ENDED), 0},
    [FL_ALERT_ENDED] = {"ended", TO(FL_ALERT_WAITING), 0},
};
const struct fl_sm fl_alert_machine = {"alert", alert_states, FL_ALERT_STATE_COUNT, NULL};

/*
 * machine firmware
 *     none -> published -> withdrawn
 */
static const struct fl_sm_state firmware_states[FL_FIRMWARE_STATE_COUNT] = {
    [FL_FIRMWARE_NONE] = {"none", TO(FL_FIRMWARE_PUBLISHED), 0},
    [FL_FIRMWARE_PUBLISHED] = {"published", TO(FL_FIRMWARE_WITHDRAWN), 0},
    [FL_FIRMWARE_WITHDRAWN] = {"withdrawn", 0, FL_SM_FINAL},
};
const struct fl_sm fl_firmware_machine = {"firmware", firmware_states, FL_FIRMWARE_STATE_COUNT,
                                          NULL};

/*
 * machine epoch
 *     none -> open -> closed -> destroyed
 */
static const struct fl_sm_state epoch_states[FL_EPOCH_STATE_COUNT] = {
    [FL_EPOCH_NONE] = {"none", TO(FL_EPOCH_OPEN), 0},
    [FL_EPOCH_OPEN] = {"open", TO(FL_EPOCH_CLOSED), 0},
    [FL_EPOCH_CLOSED] = {"closed", TO(FL_EPOCH_DESTROYED), 0},
    [FL_EPOCH_DESTROYED] = {"destroyed", 0, FL_SM_FINAL},
};
const struct fl_sm fl_epoch_machine = {"epoch", epoch_states, FL_EPOCH_STATE_COUNT, NULL};

/*
 * machine license
 *     none -> active -> withdrawn
 */
static const struct fl_sm_state license_states[FL_LICENSE_STATE_COUNT] = {
    [FL_LICENSE_NONE] = {"none", TO(FL_LICENSE_ACTIVE), 0},
    [FL_LICENSE_ACTIVE] = {"active", TO(FL_LICENSE_WITHDRAWN), 0},
    [FL_LICENSE_WITHDRAWN] = {"withdrawn", 0, FL_SM_FINAL},
};
const struct fl_sm fl_license_machine = {"license", license_states, FL_LICENSE_STATE_COUNT, NULL};

/*
 * machine reseller-link
 *     none -> offered -> linked -> disconnected
 *                        linked -> unlinked
 *             offered -> declined
 *             offered -> expired
 *             offered -> unlinked
 */
static const struct fl_sm_state reseller_link_states[FL_RESELLER_LINK_STATE_COUNT] = {
    [FL_RESELLER_LINK_NONE] = {"none", TO(FL_RESELLER_LINK_OFFERED), 0},
    [FL_RESELLER_LINK_OFFERED] = {"offered",
                                  TO(FL_RESELLER_LINK_LINKED) | TO(FL_RESELLER_LINK_DECLINED) |
                                      TO(FL_RESELLER_LINK_EXPIRED) | TO(FL_RESELLER_LINK_UNLINKED),
                                  0},
    [FL_RESELLER_LINK_LINKED] = {"linked",
                                 TO(FL_RESELLER_LINK_DISCONNECTED) | TO(FL_RESELLER_LINK_UNLINKED),
                                 0},
    [FL_RESELLER_LINK_DECLINED] = {"declined", 0, FL_SM_FINAL},
    [FL_RESELLER_LINK_EXPIRED] = {"expired", 0, FL_SM_FINAL},
    [FL_RESELLER_LINK_DISCONNECTED] = {"disconnected", 0, FL_SM_FINAL},
    [FL_RESELLER_LINK_UNLINKED] = {"unlinked", 0, FL_SM_FINAL},
};
const struct fl_sm fl_reseller_link_machine = {"reseller-link", reseller_link_states,
                                               FL_RESELLER_LINK_STATE_COUNT, NULL};

/*
 * machine purchase
 *     none -> started -> paid -> refunded
 *             started -> failed -> paid
 *                        failed -> refunded
 *             started -> expired -> paid
 *                        expired -> refunded
 *             started -> refunded
 */
static const struct fl_sm_state purchase_states[FL_PURCHASE_STATE_COUNT] = {
    [FL_PURCHASE_NONE] = {"none", TO(FL_PURCHASE_STARTED), 0},
    [FL_PURCHASE_STARTED] = {"started",
                             TO(FL_PURCHASE_PAID) | TO(FL_PURCHASE_FAILED) |
                                 TO(FL_PURCHASE_REFUNDED) | TO(FL_PURCHASE_EXPIRED),
                             0},
    [FL_PURCHASE_FAILED] = {"failed", TO(FL_PURCHASE_PAID) | TO(FL_PURCHASE_REFUNDED), 0},
    [FL_PURCHASE_PAID] = {"paid", TO(FL_PURCHASE_REFUNDED), 0},
    [FL_PURCHASE_REFUNDED] = {"refunded", 0, FL_SM_FINAL},
    [FL_PURCHASE_EXPIRED] = {"expired", TO(FL_PURCHASE_PAID) | TO(FL_PURCHASE_REFUNDED), 0},
};
const struct fl_sm fl_purchase_machine = {"purchase", purchase_states, FL_PURCHASE_STATE_COUNT,
                                          NULL};

const struct fl_sm *const fl_machines[FL_MACHINE_COUNT] = {
    &fl_invitation_machine,    &fl_claim_machine,     &fl_device_machine,   &fl_share_machine,
    &fl_command_machine,       &fl_condition_machine, &fl_transfer_machine, &fl_alert_machine,
    &fl_firmware_machine,      &fl_epoch_machine,     &fl_license_machine,  &fl_purchase_machine,
    &fl_reseller_link_machine,
};

enum fl_invitation_state fl_invitation_state_at(unsigned state, int64_t expires_at_ms,
                                                int64_t now_ms)
{
    if (state == FL_INVITATION_OUTSTANDING && now_ms >= expires_at_ms)
        return FL_INVITATION_EXPIRED;
    return (enum fl_invitation_state)state;
}

enum fl_claim_state fl_claim_state_at(unsigned state, int64_t expires_at_ms, int64_t now_ms)
{
    if (state == FL_CLAIM_ISSUED && now_ms >= expires_at_ms)
        return FL_CLAIM_EXPIRED;
    return (enum fl_claim_state)state;
}

enum fl_share_state fl_share_state_at(unsigned state, int64_t expires_at_ms,
                                      int64_t grant_expires_at_ms, int64_t now_ms)
{
    if (state == FL_SHARE_PENDING && now_ms >= expires_at_ms)
        return FL_SHARE_EXPIRED;
    if (state == FL_SHARE_ACCEPTED && grant_expires_at_ms != 0 && now_ms >= grant_expires_at_ms)
        return FL_SHARE_EXPIRED;
    return (enum fl_share_state)state;
}

enum fl_transfer_state fl_transfer_state_at(unsigned state, int64_t expires_at_ms, int64_t now_ms)
{
    if (state == FL_TRANSFER_OFFERED && now_ms >= expires_at_ms)
        return FL_TRANSFER_EXPIRED;
    return (enum fl_transfer_state)state;
}

bool fl_command_is_open(unsigned state)
{
    return state == FL_COMMAND_REQUESTED || state == FL_COMMAND_DELIVERED ||
           state == FL_COMMAND_ACKNOWLEDGED;
}

bool fl_command_is_overdue(unsigned state, int64_t expires_at_ms, int64_t now_ms)
{
    return state == FL_COMMAND_REQUESTED && now_ms >= expires_at_ms;
}
