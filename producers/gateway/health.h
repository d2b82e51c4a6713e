/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Whether this process lives, and whether this node is ready: for supervisors and load balancers.
 *
 * Threading: any. Allocation: the call's. Limits: FL_READY_BEHIND_MAX records.
 */
#include "producers/gateway/gateway_internal.h"

/* A view that is further behind the end of `events` shows yesterday's world. */
enum { FL_READY_BEHIND_MAX = 1000 };

/* Records of `events` that a view has not read yet; false if that cannot be said. */
bool fl_gateway_behind(struct gateway *gateway, size_t view, uint64_t *record_count);

/* GET /healthz: it answers, so it lives. */
call_handler fl_route_get_health;

/* GET /readyz: 503 with the first thing that fails: held intake, a view that cannot be read or is
 * too far behind. */
call_handler fl_route_get_ready;
