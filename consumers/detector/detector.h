/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The detector's process: folds telemetry into views/detector and reports what it changes of the
 * devices' conditions as actions.
 *
 * Every node folds; the holder of the lease appends. A batch's actions are appended and
 * acknowledged first, then rows and positions are committed: what a crash loses is folded and
 * appended again, with the same ids and counters, and the decider answers it STALE. What the
 * registry knows at that counter or above is not appended at all. A node without the lease keeps
 * its changes beside its rows until the registry has them, so that nothing is lost when it has to
 * take over. New or lost rows catch up in silence; they, and whoever takes the lease, then compare
 * what stands with the registry and report differences with the device's current counter.
 *
 * Threading: one thread and the projector's watcher. Allocation: at open; per batch an arena.
 */
#include "core/duty.h"

/* The duty `detect`: runs until a stop is asked for. */
enum fl_error fl_detector_run(struct fl_duty *duty) FL_MUST_USE;
