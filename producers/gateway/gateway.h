/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The gateway duty: the door for agents (HTTP on [gateway] listen) and for operators (HTTP on
 * DATA/run/operator.sock).
 *
 * It checks the form of what comes in, mints ids, appends actions and telemetry, and answers a
 * change when this node's views have applied its outcome. Rules are the decider's. It keeps no
 * state of its own but replay filters, which the fold's counter rule stands behind.
 *
 *   request ──form──► action appended ──► registry, devices, eventlog, people have applied it ──►
 * answer └─ 4xx problem           └─ after [gateway] wait: 202 and a status URL
 *
 * Errors: FL_KEYRING, FL_USAGE (a listener), or what the journal says. Threading: one thread per
 * connection, one that appends, one that ticks. Limits: the [gateway] settings.
 */
#include "core/duty.h"

/* Runs until the duty is stopped. */
enum fl_error fl_gateway_run(struct fl_duty *duty) FL_MUST_USE;
