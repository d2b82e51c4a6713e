/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Helpers shared by the parts of the scenario reader; not for other modules. Pure, no allocation.
 */
#include <stdbool.h>
#include <stddef.h>

/* A finite decimal number from 0 to max, nothing behind it. */
bool fl_scenario_number(const char *text, double max, double *number);

/* Copies with the NUL; false if it does not fit. */
bool fl_scenario_copy(char *out, size_t out_size, const char *text);
