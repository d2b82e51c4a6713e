/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Days as devices write them: every form that drivers of NUT are known to pass on.
 *
 * YYYY/MM/DD and YYYY-MM-DD; MM/DD/YY and MM/DD/YYYY, read as DD/MM where the first cannot be a
 * month; MMDDYYYY; DDMONYY (12OCT04). What follows a blank is a comment. A year of two digits is
 * one from 1970 to 2069. It says only that a text is a day, not that the day can be true.
 *
 * Threading: pure. Allocation: none.
 */
#include "core/slice.h"

/* Days since 1970-01-01; false: it is no day. */
bool fl_device_day_parse(struct fl_slice text, int32_t *day);
