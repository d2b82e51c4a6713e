/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Whether this process lives, and whether this node is ready: for supervisors and load balancers.
 *
 * Threading: any. Allocation: the call's.
 */
#include "producers/gateway/gateway_internal.h"

/* GET /healthz: it answers, so it lives. */
call_handler fl_route_get_health;

/* GET /readyz: 503 with the first thing that fails. */
call_handler fl_route_get_ready;
