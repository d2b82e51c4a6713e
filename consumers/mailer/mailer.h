/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The mailer's process (duty `mail`): sends what the registry says is owed, and reports it as
 * actions.
 *
 * It has no rows of its own: the registry's outbox and alerts are the queue, a few mails of it at a
 * time in memory. Mail by mail: hand it over, append RecordNotificationSent, and only then the
 * next; a crash between the two sends one mail twice, with the same Message-ID. One node mails, the
 * holder of the lease; whoever takes it waits until its registry has answered every action that is
 * on the log. A replay or rebuild finds nothing owed. A server that cannot be used stops mail and
 * nothing else.
 *
 * Threading: one thread, and one that wakes it for a stop. Allocation: at open; per round two
 * arenas.
 */
#include "core/duty.h"

/* Runs until a stop is asked for. FL_USAGE if [mail] is not configured, or not well. */
enum fl_error fl_mailer_run(struct fl_duty *duty) FL_MUST_USE;
