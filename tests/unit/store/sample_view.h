/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A view for tests of whatever feeds views: small, but with a memory of its own like the real ones.
 *
 *   events: sequence -> type name                   (from events)
 *   latest: device key -> offset, value             (from telemetry; held back until flush)
 *   people: subject key -> value                    (from subjects)
 *   met:    one row, records seen                   (not compared)
 * A telemetry or subjects value that begins with "bad" cannot be folded, unless the file that
 * FLEETLOG_SAMPLE_MENDED names exists ("the fold was mended"). Neither can an event
 * DeviceRenamed to "bad". A device's value that begins with "old" is older than what
 * there is and changes only `met`.
 */
#include "projections/view.h"

enum { SAMPLE_EVENTS, SAMPLE_LATEST, SAMPLE_PEOPLE, SAMPLE_MET, SAMPLE_TABLE_COUNT };

extern const struct fl_view sample_view;

/* The same, and what FLEETLOG_SAMPLE says of it: "2": fold version 2, whose events rows differ;
 * "wrong": fold version 1, but one row differs. */
struct fl_view sample_view_of_environment(void);
