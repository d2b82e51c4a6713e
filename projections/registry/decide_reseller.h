/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Resellers and the dates of devices; private to the rules.
 *
 * Who accepts, declines or disconnects holds the link of a mail: the door has proved that, and
 * names the link as the actor.
 *
 * Threading: one decision at a time. Allocation: the arena.
 */
#include "projections/registry/rules.h"

fl_decide_fn fl_decide_link_reseller, fl_decide_accept_reseller_link,
    fl_decide_decline_reseller_link, fl_decide_disconnect_reseller, fl_decide_unlink_reseller,
    fl_decide_resend_reseller_offer, fl_decide_remind_reseller, fl_decide_set_lifecycle_fact;
