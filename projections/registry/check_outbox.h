/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Invariants of what is owed (31 to 33 of check.c).
 *
 * Threading: one check at a time. Allocation: the check's arena.
 */
#include "projections/registry/check.h"

bool fl_check_outbox(struct fl_checking *c, struct fl_slice key, const void *row);
bool fl_check_alert(struct fl_checking *c, struct fl_slice key, const void *row);
bool fl_check_policy(struct fl_checking *c, struct fl_slice key, const void *row);

/* An entry of INDEX. */
bool fl_check_alert_due(struct fl_checking *c, struct fl_slice key);
bool fl_check_alert_told(struct fl_checking *c, struct fl_slice key, struct fl_slice value);
