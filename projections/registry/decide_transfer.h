/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Ownership that moves: offered by an administrator of the owner, accepted by one of another
 * company. Private to the rules.
 *
 * Threading: one decision at a time. Allocation: the arena.
 */
#include "projections/registry/rules.h"

fl_decide_fn fl_decide_offer_transfer, fl_decide_accept_transfer, fl_decide_decline_transfer,
    fl_decide_cancel_transfer;
