/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The states of everything that the rules move: one machine per kind of thing.
 *
 * The numbers stand in rows, so they never change their meaning. Times are no part of a machine: an
 * offer that is overdue is expired for the rules at once (the functions below), and in its row once
 * the timekeeper has said so.
 *
 * Threading: constant data. Allocation: none.
 */
#include "core/sm.h"
#include "projections/registry/license_states.h"

enum fl_invitation_state {
    FL_INVITATION_NONE,
    FL_INVITATION_OUTSTANDING,
    FL_INVITATION_ACCEPTED,
    FL_INVITATION_EXPIRED,
    FL_INVITATION_CANCELLED,
    FL_INVITATION_STATE_COUNT
};

enum fl_claim_state {
    FL_CLAIM_NONE,
    FL_CLAIM_ISSUED,
    FL_CLAIM_USED,
    FL_CLAIM_EXPIRED,
    FL_CLAIM_STATE_COUNT
};

enum fl_device_state { FL_DEVICE_NONE, FL_DEVICE_ACTIVE, FL_DEVICE_REMOVED, FL_DEVICE_STATE_COUNT };

enum fl_share_state {
    FL_SHARE_NONE,
    FL_SHARE_PENDING,
    FL_SHARE_ACCEPTED,
    FL_SHARE_REVOKED,
    FL_SHARE_EXPIRED,
    FL_SHARE_STATE_COUNT
};

enum fl_command_state {
    FL_COMMAND_NONE,
    FL_COMMAND_REQUESTED,
    FL_COMMAND_DELIVERED,
    FL_COMMAND_ACKNOWLEDGED,
    FL_COMMAND_SUCCEEDED,
    FL_COMMAND_FAILED,
    FL_COMMAND_EXPIRED,
    FL_COMMAND_CANCELLED,
    FL_COMMAND_STATE_COUNT
};

enum fl_transfer_state {
    FL_TRANSFER_NONE,
    FL_TRANSFER_OFFERED,
    FL_TRANSFER_ACCEPTED,
    FL_TRANSFER_DECLINED,
    FL_TRANSFER_CANCELLED,
    FL_TRANSFER_EXPIRED,
    FL_TRANSFER_STATE_COUNT
};

enum fl_firmware_state {
    FL_FIRMWARE_NONE,
    FL_FIRMWARE_PUBLISHED,
    FL_FIRMWARE_WITHDRAWN,
    FL_FIRMWARE_STATE_COUNT
};

enum fl_condition_state { FL_CONDITION_CLEAR, FL_CONDITION_RAISED, FL_CONDITION_STATE_COUNT };

enum fl_alert_state {
    FL_ALERT_NONE,
    FL_ALERT_WAITING,  /* raised; who wants to know is told soon */
    FL_ALERT_TOLD,     /* it stands, and somebody was told */
    FL_ALERT_SETTLING, /* cleared; if it stays so, those are told that all is well */
    FL_ALERT_ENDED,
    FL_ALERT_STATE_COUNT
};

enum fl_epoch_state {
    FL_EPOCH_NONE,
    FL_EPOCH_OPEN,      /* its keys are in use */
    FL_EPOCH_CLOSED,    /* nothing living rests on it: its keys are being destroyed */
    FL_EPOCH_DESTROYED, /* on every node */
    FL_EPOCH_STATE_COUNT
};

enum fl_reseller_link_state {
    FL_RESELLER_LINK_NONE,
    FL_RESELLER_LINK_OFFERED,
    FL_RESELLER_LINK_LINKED,
    FL_RESELLER_LINK_DECLINED,
    FL_RESELLER_LINK_EXPIRED,
    FL_RESELLER_LINK_DISCONNECTED,
    FL_RESELLER_LINK_UNLINKED,
    FL_RESELLER_LINK_STATE_COUNT
};

extern const struct fl_sm fl_invitation_machine;
extern const struct fl_sm fl_claim_machine;
extern const struct fl_sm fl_device_machine;
extern const struct fl_sm fl_share_machine;
extern const struct fl_sm fl_command_machine;
extern const struct fl_sm fl_condition_machine;
extern const struct fl_sm fl_transfer_machine;
extern const struct fl_sm fl_reseller_link_machine;
extern const struct fl_sm fl_alert_machine;
extern const struct fl_sm fl_firmware_machine;
extern const struct fl_sm fl_epoch_machine;
extern const struct fl_sm fl_license_machine;
extern const struct fl_sm fl_purchase_machine;

/* All of them, for tests and docs. */
enum { FL_MACHINE_COUNT = 13 };
extern const struct fl_sm *const fl_machines[FL_MACHINE_COUNT];

/* The state that counts at a time: an offer at or past its end is expired. A share that was
 * accepted may have an end of its own; 0: none. */
enum fl_invitation_state fl_invitation_state_at(unsigned state, int64_t expires_at_ms,
                                                int64_t now_ms);
enum fl_claim_state fl_claim_state_at(unsigned state, int64_t expires_at_ms, int64_t now_ms);
enum fl_share_state fl_share_state_at(unsigned state, int64_t expires_at_ms,
                                      int64_t grant_expires_at_ms, int64_t now_ms);

enum fl_transfer_state fl_transfer_state_at(unsigned state, int64_t expires_at_ms, int64_t now_ms);

/* True while an agent still owes the command an answer. */
bool fl_command_is_open(unsigned state);

/* True for one that nobody fetched in time: it will not be carried out, and becomes expired when
 * its agent asks for it. */
bool fl_command_is_overdue(unsigned state, int64_t expires_at_ms, int64_t now_ms);
