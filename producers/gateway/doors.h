/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The gateway's doors: each a listener, with its way of knowing who asks, in front of a table of
 * routes.
 *
 *   operator  DATA/run/operator.sock     who the kernel says; Fleetlog-As names an account
 *   public    [gateway] api_listen       a session's cookie or an API token (public.h)
 *   agents    [gateway] listen           each request signed
 *   metrics   [gateway] metrics_listen   anybody who reaches it: measurements and health alone
 *
 * Operator and public door share one table; its rows say for whom each route is (access.h).
 *
 * Errors: FL_USAGE: no such address; FL_EXISTS: it is taken. Threading: the thread that opens.
 * Limits: the [gateway] settings.
 */
#include "producers/gateway/gateway_internal.h"

/* Opens the listeners and writes DATA/run/agents.address, api.address and metrics.address: where
 * they are reached, with the ports that were taken when the settings leave them open. */
enum fl_error fl_doors_open(struct gateway *gateway, char detail[256]) FL_MUST_USE;

/* Nobody is let in any more. */
void fl_doors_shut(struct gateway *gateway);

/* Waits until calls under way are answered, at most until then; then ends what is open. */
void fl_doors_close(struct gateway *gateway, int64_t deadline_ms);
