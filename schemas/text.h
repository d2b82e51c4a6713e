/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What text from outside may hold: valid UTF-8 (RFC 3629), no NUL, no control characters, no
 * noncharacters.
 *
 * Refused too are the characters that turn the direction of text or end a line where nobody sees it
 * (U+202A-202E, U+2066-2069, U+2028, U+2029): an audit text must look like what it is.
 *
 * Threading: pure. Allocation: none.
 */
#include "core/slice.h"

enum fl_text_verdict { FL_TEXT_GOOD, FL_TEXT_NOT_UTF8, FL_TEXT_CONTROL };

/* Judges a whole text; an empty one is good. */
enum fl_text_verdict fl_text_check(struct fl_slice text);
