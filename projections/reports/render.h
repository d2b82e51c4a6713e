/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A report in a format: JSON, CSV (its first table), XLSX, PDF, or one of its charts as SVG.
 *
 * The bytes follow from the report alone: no time of creation, no random ids. PDF and SVG also
 * depend on the fonts of the machine. Each writer escapes for its own format; CSV and XLSX keep
 * texts from being taken for formulas, and numbers and dates stay what they are.
 *
 * Threading: any number of reports at once. Allocation: bounded, whatever the number of rows.
 * Errors: FL_FULL, FL_IO, FL_NO_MEMORY, FL_INTERRUPTED (the report's go_on).
 */
#include <stdio.h>

#include "projections/reports/document.h"

enum fl_document_format {
    FL_DOCUMENT_JSON,
    FL_DOCUMENT_CSV,
    FL_DOCUMENT_XLSX,
    FL_DOCUMENT_PDF,
    FL_DOCUMENT_SVG,
    FL_DOCUMENT_FORMAT_COUNT
};

/* "json"; also the end of a file's name. */
const char *fl_document_format_name(enum fl_document_format format);
const char *fl_document_media_type(enum fl_document_format format);
/* False: there is no such format. */
bool fl_document_format_of(const char *name, enum fl_document_format *format);

/* Writes to an empty file that is open for reading and writing. `chart`: which one as SVG.
 * `directory` takes the sheets of XLSX while they are made. */
enum fl_error fl_document_render(struct fl_document *report, enum fl_document_format format,
                                 size_t chart, const char *directory, FILE *out) FL_MUST_USE;
