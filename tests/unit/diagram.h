/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A machine's table against the diagram that people read: lines "a -> b -> c" under a line
 * "machine NAME".
 *
 * Threading: a test's one thread. Limits: lines of 511 bytes.
 */
#include "core/sm.h"

/* Fails the test where diagram and table differ, or where the file has no diagram of it. */
void fl_diagram_compare(const struct fl_sm *machine, const char *file);
