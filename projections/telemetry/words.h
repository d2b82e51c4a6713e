/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Texts that stand for dates and durations, in the many forms in which UPSes and drivers write
 * them.
 *
 * What cannot be a date is told apart: a placeholder (2001/09/25 is what APC's Back-UPS say when
 * nobody has set one), a date that no calendar has, and a word. No form depends on a locale.
 *
 * Threading: pure. Allocation: none.
 */
#include "projections/telemetry/quantity.h"

/* Days since 1970-01-01 of YYYY/MM/DD, YYYY-MM-DD, MM/DD/YYYY, MM/DD/YY (two digits from 80 on are
 * of the last century), DD/MM/YYYY where the first cannot be a month, YYYYMMDD, MMDDYYYY or
 * DDMMMYY. FL_QUALITY_OK, SENTINEL (a placeholder), OUT_OF_RANGE (no such day, or not of 1985 to
 * 2050) or UNPARSED; `day` is 0 unless OK. */
enum fl_quality fl_day_parse(struct fl_slice text, int32_t *day);

/* Thousandths of a second of a decimal, of one with a unit behind it ("6.0 Minutes", s, min, h) or
 * of a clock (MM:SS, HH:MM:SS). A bare decimal is seconds. False if it is none of these. */
bool fl_duration_parse(struct fl_slice text, int64_t *thousandths);

/* Without the blanks around it: space, tab, U+00A0. */
struct fl_slice fl_text_trim(struct fl_slice text);

/* Both ignore the case of ASCII letters. */
bool fl_text_is_word(struct fl_slice text, const char *word);
bool fl_text_holds(struct fl_slice text, const char *words);
