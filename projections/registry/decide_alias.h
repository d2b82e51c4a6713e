/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A device that says something else of itself, or is reached another way: the same device, with an
 * alias more. Private to the rules.
 *
 * Threading: one decision at a time. Allocation: the arena.
 */
#include "fleetlog/v1/common.pb-c.h"
#include "projections/registry/rules.h"

fl_decide_fn fl_decide_move_device;

/* What differs between two descriptions, for people, in the arena; NULL: nothing that the device
 * had said before (blanks around a text, and what is said for the first time, are no difference).
 */
const char *fl_identity_changed(struct fl_deciding *d, const Fleetlog__V1__DeviceIdentity *before,
                                const Fleetlog__V1__DeviceIdentity *now);
