/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Plans: what a device's owner and those it is shared with may have of it at a time.
 *
 * A device has the highest plan of the nodes of licenses on it that have time left (coverage.h).
 * For the first days after a UPS was registered for the first time (`trial_ms` of the rules) it has
 * the Standard plan without a license; then Basic. A plan stops features only: readings, history
 * and Event Log are kept whatever the plan is, and sharing is no feature, because who renews a
 * license may be somebody with whom the device is shared.
 *
 *                      Basic   Standard   Advanced
 *     mail                       yes        yes
 *     tests, settings            yes        yes
 *     firmware                   yes        yes
 *     outlets                               yes
 *
 * Threading: one thread per kv. Allocation: the arena.
 */
#include "core/arena.h"
#include "core/kv.h"
#include "core/slice.h"

enum fl_plan { FL_PLAN_BASIC = 1, FL_PLAN_STANDARD, FL_PLAN_ADVANCED }; /* fleetlog.v1.Plan */

enum fl_feature {
    FL_FEATURE_CONTROL,  /* self-test, calibration, beeper, settings */
    FL_FEATURE_MAIL,     /* conditions by mail */
    FL_FEATURE_FIRMWARE, /* firmware upgrades */
    FL_FEATURE_OUTLETS,  /* reboot of outlet groups */
    FL_FEATURE_COUNT
};

/* The plan of a device at a time; Basic for one that is not there or was removed. */
enum fl_plan fl_plan_of(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice device_id,
                        int64_t now_ms);

/* When the device's plan becomes a lower one, as things stand; 0: it is Basic already. */
int64_t fl_plan_ends_ms(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice device_id,
                        int64_t now_ms);

bool fl_plan_allows(enum fl_plan plan, enum fl_feature feature);

/* "Basic"; static storage. */
const char *fl_plan_name(enum fl_plan plan);

/* Words for a feature ("firmware upgrades"); static storage. */
const char *fl_feature_text(enum fl_feature feature);
