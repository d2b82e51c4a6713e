/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Ends a source log: `MoveLog` is appended and decided in place, so that the log itself says where
 * it goes on. Run again it finds its LogMoved and changes nothing.
 *
 * A decider works in a thread of this process meanwhile, on the node's own registry; what was
 * appended and not yet answered is decided with it. Progress is read from the log by the chain
 * rule.
 *
 * Threading: one caller. Allocation: freed before return. Limits: FL_TIMEOUT when no event comes
 * for FL_SEAL_WAIT_MS.
 */
#include "core/duty.h"
#include "replay/migrate/migrate.h"

enum { FL_SEAL_WAIT_MS = 60000 };

/* `duty` gives configuration, data directory, port and the source journal; `actor` is who asks
 * ("operator:root"). FL_EXISTS: the log has moved elsewhere before. */
enum fl_error fl_migrate_seal(const struct fl_duty *duty, const char *actor,
                              const char *target_identity,
                              char detail[FL_MIGRATE_DETAIL_SIZE]) FL_MUST_USE;
