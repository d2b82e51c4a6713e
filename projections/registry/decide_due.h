/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Rules of what falls due: for each kind a function that answers FireDue with the event of its
 * kind.
 *
 * Before it is called the entry has been found to stand and its time to have come. It looks up the
 * thing, names its company, and never refuses: an entry without its thing is a damaged store.
 *
 * Threading: one decision at a time. Allocation: the arena.
 */
#include "projections/registry/deciding.h"
#include "projections/registry/due.h"

typedef const ProtobufCMessage *fl_decide_due_fn(struct fl_deciding *d,
                                                 const Fleetlog__V1__FireDue *action);

/* The thing that an entry names; NULL: not there, and the store fails. */
const void *fl_due_row(struct fl_deciding *d, enum fl_registry_table table, const char *id);

/* All devices of a share, by id. False: no memory. */
bool fl_devices_of_share(struct fl_deciding *d, const fl_share_row *share, const char ***ids,
                         size_t *count);

/* Of other families, for the table in decide_due.c. */
fl_decide_due_fn fl_decide_due_license, fl_decide_due_command, fl_decide_due_transfer,
    fl_decide_due_purchase, fl_decide_due_reseller_offer, fl_decide_due_renewals_report,
    fl_decide_due_renewal_notice;

fl_decide_fn fl_decide_fire_due;
