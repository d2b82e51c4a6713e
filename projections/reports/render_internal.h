/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the writers share; only the files of this folder include it. */
#include <cairo.h>

#include "projections/reports/render.h"

enum fl_error fl_document_write_json(struct fl_document *report, FILE *out) FL_MUST_USE;
enum fl_error fl_document_write_csv(struct fl_document *report, FILE *out) FL_MUST_USE;
enum fl_error fl_document_write_xlsx(struct fl_document *report, const char *directory,
                                     FILE *out) FL_MUST_USE;
enum fl_error fl_document_write_pdf(struct fl_document *report, FILE *out) FL_MUST_USE;
enum fl_error fl_document_write_svg(const struct fl_document_chart *chart, FILE *out) FL_MUST_USE;

/* "2026-11-25 16:02:43 UTC" */
void fl_document_as_of(const struct fl_document *report, char out[FL_DOCUMENT_LINE_SIZE]);

/* Where cairo's bytes go. */
cairo_status_t fl_document_cairo_write(void *file, const unsigned char *data, unsigned size);
enum fl_error fl_document_cairo_error(cairo_status_t status);

/* Draws into the box whose left upper corner is the origin. */
void fl_chart_draw(cairo_t *cairo, const struct fl_document_chart *chart, double width,
                   double height);
