/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Time as text: RFC 3339 in UTC with milliseconds, `YYYY-MM-DDThh:mm:ss.mmmZ`, years 1970 to 9999.
 * One spelling only, because the bytes are hashed.
 *
 * Threading: pure. Allocation: none.
 */
#include "core/slice.h"

enum { FL_TIMESTAMP_SIZE = 24, FL_TIMESTAMP_TEXT_SIZE = FL_TIMESTAMP_SIZE + 1 };
#define FL_TIMESTAMP_MS_MAX INT64_C(253402300799999)

/* Writes 24 characters and a NUL. time_ms (Unix) must lie in 0 … FL_TIMESTAMP_MS_MAX (asserted). */
void fl_timestamp_format(int64_t time_ms, char out[FL_TIMESTAMP_TEXT_SIZE]);

/* Exactly that form and a real date; false otherwise, `time_ms` untouched. */
bool fl_timestamp_parse(struct fl_slice text, int64_t *time_ms);

/* Days since 1970-01-01 of a proleptic Gregorian date (month 1-12, day 1-31). */
int64_t fl_days_from_civil(int year, unsigned month, unsigned day);
