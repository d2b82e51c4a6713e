/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The rules of notifications, version 1: what the mailer concludes, and what people want to be
 * told.
 *
 * The mailer's actions carry their cause; one that the registry does not owe (any more) is STALE,
 * so that a repeated record changes nothing.
 *
 * Threading: one decision at a time. Allocation: the arena.
 */
#include "projections/registry/rules.h"

fl_decide_fn fl_decide_notification_sent, fl_decide_notification_failed, fl_decide_close_alerts,
    fl_decide_set_notification_policy, fl_decide_unsubscribe;
