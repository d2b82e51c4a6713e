/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Firmware images: published and withdrawn by operators, asked for by commands. Private to the
 * rules.
 *
 * Threading: one decision at a time. Allocation: the arena.
 */
#include "projections/registry/row_types.h"
#include "projections/registry/rules.h"

fl_decide_fn fl_decide_publish_firmware, fl_decide_withdraw_firmware;

/* The sentence that refuses to install an image on a device as it is; NULL: it may be installed. */
const char *fl_firmware_refusal(struct fl_deciding *d, const char *firmware_id,
                                const fl_capabilities_row *device);

/* False once the image of a command has been withdrawn. */
bool fl_firmware_is_offered(struct fl_deciding *d, const char *firmware_id);
