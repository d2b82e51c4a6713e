/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One event while it is folded into the registry; private to the fold.
 *
 * A function of a family writes what its event says. It trusts the event as far as the rules of its
 * time go (limits, rights), and no further than the rows allow: what does not fit them (a move that
 * the machine does not have, a thing that is not there) is refused with a detail, because it means
 * that a faulty decider wrote the event or that the rows are not what they should be.
 *
 * Threading: one event at a time. Allocation: the arena, reset per event.
 */
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/licenses.pb-c.h"
#include "fleetlog/v1/purchases.pb-c.h"
#include "fleetlog/v1/timekeeper.pb-c.h"
#include "projections/registry/machines.h"
#include "projections/registry/rows.h"
#include "projections/view.h"

struct fl_folding {
    struct fl_kv *kv;
    struct fl_arena *arena;
    const struct fl_view_input *input;
    int64_t now_ms;         /* the event's time */
    uint64_t sequence;      /* the event's */
    const char *actor;      /* as text */
    const char *account_id; /* whose rights applied; "" for none */
    char *detail;           /* FL_DETAIL_SIZE bytes */
};

typedef bool fl_fold_fn(struct fl_folding *f);

/* Refuses the event; returns false. */
bool fl_fold_refuse(struct fl_folding *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The row by id, or NULL with a refusal. */
void *fl_fold_row(struct fl_folding *f, enum fl_registry_table table, const char *id);

/* Moves a row's state by its machine; false with a refusal. */
bool fl_fold_move(struct fl_folding *f, const struct fl_sm *machine, uint32_t *state, unsigned to,
                  const char *id);

/* Remembers a person: revision in force, indexes. */
void fl_fold_person(struct fl_folding *f, const char *subject_id, uint64_t revision,
                    Fleetlog__V1__AddressIndex **indexes, size_t index_count);

/* The profile in force is of the newest epoch that its indexes name; lists the person there. */
void fl_fold_epoch(struct fl_folding *f, fl_subject_row *row, Fleetlog__V1__AddressIndex **indexes,
                   size_t index_count);

/* Genesis: epoch 1 and link key 1, which its keyring holds. */
void fl_fold_first_keys(struct fl_folding *f);

/* A closed epoch that every node has confirmed as destroyed ends; false with a refusal. */
bool fl_fold_destroyed_everywhere(struct fl_folding *f);

/* The account is no more. */
bool fl_fold_drop_account(struct fl_folding *f, const char *account_id, const char *company_id);
void fl_fold_put_company(struct fl_folding *f, const char *company_id, const char *name);
void fl_fold_put_account(struct fl_folding *f, const fl_account_row *row);

/* Takes devices out of a share that is pending or accepted; its last one ends the share, as revoked
 * or expired. */
bool fl_fold_ungrant(struct fl_folding *f, fl_share_row *share, const char *const *device_ids,
                     size_t device_count, enum fl_share_state end);

/* Ends all shares that a person has accepted, of one owner or (NULL) of all. */
bool fl_fold_end_shares(struct fl_folding *f, const char *subject_id, const char *owner_id);

/* Ends what was offered to him and waits: shares, invitations, ownership. */
bool fl_fold_end_offers(struct fl_folding *f, const char *subject_id);
bool fl_fold_end_invitations(struct fl_folding *f, const char *subject_id);
bool fl_fold_end_transfers(struct fl_folding *f, const char *subject_id);

/* He is no company's reseller any more, and is not invited to be. */
bool fl_fold_end_reseller_links(struct fl_folding *f, const char *subject_id);

/* All devices of a share. NULL: no memory. */
const char **fl_fold_share_devices(struct fl_folding *f, const fl_share_row *share);

/* Ends open commands as cancelled. */
bool fl_fold_cancel(struct fl_folding *f, const char *const *command_ids, size_t count);

/* What the rows of a device are made of. */
fl_device_row *fl_fold_active_device(struct fl_folding *f, const char *device_id);
void fl_fold_put_capabilities(struct fl_folding *f, const char *device_id,
                              Fleetlog__V1__DeviceIdentity *identity, const char **commands,
                              size_t command_count, const char **variables, size_t variable_count);
/* Who is reached by the device's way; "" for nobody at present. */
void fl_fold_put_identity(struct fl_folding *f, const fl_device_row *device, const char *device_id);
void fl_fold_drop_conditions(struct fl_folding *f, const char *device_id);

/* Ends all shares of a device. */
bool fl_fold_drop_grants(struct fl_folding *f, const char *device_id);

/* Takes a device out of the open offer of it, if there is one; its last one cancels the offer. */
bool fl_fold_drop_offer(struct fl_folding *f, const char *device_id);

/* Ends an invitation that is outstanding in its row; NULL or another state: nothing. */
bool fl_fold_end_invitation(struct fl_folding *f, fl_invitation_row *row,
                            enum fl_invitation_state end);

/* Puts a license that did not exist yet; the row's state, counts and times are set here. */
bool fl_fold_mint(struct fl_folding *f, fl_license_row *row);

/* Ends a license and takes its nodes off every device. */
bool fl_fold_withdraw(struct fl_folding *f, const char *license_id);

/* A removed device's nodes go back to their licenses. */
bool fl_fold_uncover(struct fl_folding *f, const fl_device_row *device);

/* Remembers how the action was answered, and forgets a few of those past the time. */
void fl_fold_remember(struct fl_folding *f);

fl_fold_fn fl_fold_action_rejected, fl_fold_log_created, fl_fold_node_announced,
    fl_fold_node_removed, fl_fold_rules_activated, fl_fold_log_moved, fl_fold_company_created,
    fl_fold_account_created, fl_fold_coworker_invited, fl_fold_claim_issued, fl_fold_agent_enrolled,
    fl_fold_device_registered, fl_fold_capabilities_reported, fl_fold_device_renamed,
    fl_fold_device_located, fl_fold_device_removed, fl_fold_devices_shared, fl_fold_share_accepted,
    fl_fold_share_revoked, fl_fold_shared_devices_removed, fl_fold_invitation_cancelled,
    fl_fold_invitation_resent, fl_fold_invitation_accepted, fl_fold_role_changed,
    fl_fold_coworker_removed, fl_fold_account_closed, fl_fold_command_requested,
    fl_fold_command_cancelled, fl_fold_command_delivered, fl_fold_command_acknowledged,
    fl_fold_command_succeeded, fl_fold_command_failed, fl_fold_command_expired,
    fl_fold_condition_raised, fl_fold_condition_cleared, fl_fold_transfer_offered,
    fl_fold_transfer_accepted, fl_fold_transfer_declined, fl_fold_transfer_cancelled,
    fl_fold_device_moved, fl_fold_device_alias_recorded, fl_fold_invitation_expired,
    fl_fold_claim_expired, fl_fold_share_expired, fl_fold_transfer_expired,
    fl_fold_firmware_published, fl_fold_firmware_withdrawn, fl_fold_erasure_requested,
    fl_fold_epoch_opened, fl_fold_people_reindexed, fl_fold_epoch_confirmed, fl_fold_epoch_closed,
    fl_fold_person_erased, fl_fold_link_key_rotated, fl_fold_license_minted,
    fl_fold_license_applied, fl_fold_license_released, fl_fold_license_withdrawn,
    fl_fold_license_expired;

/* fold_reseller.c, lifecycle.c */
fl_fold_fn fl_fold_reseller_link_offered, fl_fold_reseller_link_accepted,
    fl_fold_reseller_link_declined, fl_fold_reseller_link_expired, fl_fold_reseller_disconnected,
    fl_fold_reseller_unlinked, fl_fold_reseller_offer_resent, fl_fold_reseller_reminded,
    fl_fold_lifecycle_fact_set, fl_fold_renewal_notice_due, fl_fold_renewals_report_due,
    fl_fold_price_list_set, fl_fold_purchase_started, fl_fold_purchase_paid,
    fl_fold_purchase_failed, fl_fold_purchase_expired, fl_fold_purchase_refunded;
