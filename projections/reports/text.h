/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Texts of devices and people on their way into a report, and numbers and dates on their way out.
 *
 * A name may hold anything. What a report shows of it has no character that ends or turns a line
 * (controls, separators, right-to-left overrides and other format characters become a blank or
 * nothing), no bytes that are no UTF-8 (they become U+FFFD), no character that the planes of
 * Unicode do not have, and a bounded length, cut between characters and marked with an ellipsis.
 * Escaping for a format is its writer's work.
 *
 * Threading: pure. Allocation: none.
 */
#include "core/slice.h"
#include "projections/reports/document.h"

enum { FL_DOCUMENT_TEXT_SIZE_MAX = 1024, FL_DOCUMENT_CELL_TEXT_SIZE = 64 };

/* Cleans into `out`, at most out_size - 1 bytes; its length. */
size_t fl_document_clean(const char *text, char *out, size_t out_size);

/* True if a spreadsheet would take the text for a formula: it begins, blanks and an apostrophe
 * aside, with = + - @ or one of their full-width forms. */
bool fl_document_is_formula(const char *text);

/* A number, date or time as people and CSV have it: "-12.5", "2026-11-25", "2026-11-25 16:02:43".
 */
void fl_document_format(const struct fl_document_column *column, int64_t value,
                        char out[FL_DOCUMENT_CELL_TEXT_SIZE]);
