/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/reports/render.h"

#include <errno.h>
#include <string.h>

#include "core/assert.h"
#include "core/timestamp.h"
#include "projections/reports/render_internal.h"
#include "projections/reports/text.h"

static const struct {
    const char *name;
    const char *media_type;
} formats[FL_DOCUMENT_FORMAT_COUNT] = {
    [FL_DOCUMENT_JSON] = {"json", "application/json"},
    [FL_DOCUMENT_CSV] = {"csv", "text/csv; charset=utf-8; header=present"},
    [FL_DOCUMENT_XLSX] = {"xlsx",
                          "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    [FL_DOCUMENT_PDF] = {"pdf", "application/pdf"},
    [FL_DOCUMENT_SVG] = {"svg", "image/svg+xml"},
};

const char *fl_document_format_name(enum fl_document_format format)
{
    return formats[format].name;
}

const char *fl_document_media_type(enum fl_document_format format)
{
    return formats[format].media_type;
}

bool fl_document_format_of(const char *name, enum fl_document_format *format)
{
    for (size_t i = 0; i < FL_DOCUMENT_FORMAT_COUNT; i++) {
        if (strcmp(name, formats[i].name) != 0)
            continue;
        *format = (enum fl_document_format)i;
        return true;
    }
    return false;
}

void fl_document_as_of(const struct fl_document *report, char out[FL_DOCUMENT_LINE_SIZE])
{
    static const struct fl_document_column column = {.type = FL_DOCUMENT_TIME};
    char text[FL_DOCUMENT_CELL_TEXT_SIZE];
    fl_document_format(&column, report->as_of_ms, text);
    snprintf(out, FL_DOCUMENT_LINE_SIZE, "%s UTC", text);
}

cairo_status_t fl_document_cairo_write(void *file, const unsigned char *data, unsigned size)
{
    return fwrite(data, 1, size, file) == size ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

enum fl_error fl_document_cairo_error(cairo_status_t status)
{
    if (status == CAIRO_STATUS_SUCCESS)
        return FL_OK;
    if (status == CAIRO_STATUS_NO_MEMORY)
        return FL_NO_MEMORY;
    return errno == ENOSPC ? FL_FULL : FL_IO;
}

enum fl_error fl_document_render(struct fl_document *report, enum fl_document_format format,
                                 size_t chart, const char *directory, FILE *out)
{
    enum fl_error error = FL_INTERNAL;
    if (report->error != FL_OK)
        return report->error;
    switch (format) {
    case FL_DOCUMENT_JSON:
        error = fl_document_write_json(report, out);
        break;
    case FL_DOCUMENT_CSV:
        error = fl_document_write_csv(report, out);
        break;
    case FL_DOCUMENT_XLSX:
        error = fl_document_write_xlsx(report, directory, out);
        break;
    case FL_DOCUMENT_PDF:
        error = fl_document_write_pdf(report, out);
        break;
    case FL_DOCUMENT_SVG:
        fl_assert(chart < report->chart_count);
        error = fl_document_write_svg(&report->charts[chart], out);
        break;
    case FL_DOCUMENT_FORMAT_COUNT:
        break;
    }
    if (report->error != FL_OK)
        return report->error;
    if (error == FL_OK && (fflush(out) != 0 || ferror(out)))
        error = errno == ENOSPC ? FL_FULL : FL_IO;
    return error;
}
