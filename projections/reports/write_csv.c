/* SPDX-License-Identifier: Apache-2.0 */
/* CSV (RFC 4180): CRLF, every text in quotes, an apostrophe before what would be a formula. */
#include "projections/reports/render_internal.h"
#include "projections/reports/text.h"

static void write_text(const char *text, FILE *out)
{
    putc('"', out);
    if (fl_document_is_formula(text))
        putc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

static void write_cell(const struct fl_document_column *column, const struct fl_document_cell *cell,
                       FILE *out)
{
    char text[FL_DOCUMENT_CELL_TEXT_SIZE];
    if (cell->state == FL_CELL_UNKNOWN) {
        fputs("unknown", out);
    } else if (cell->state == FL_CELL_KNOWN && column->type == FL_DOCUMENT_TEXT) {
        write_text(cell->text, out);
    } else if (cell->state == FL_CELL_KNOWN) {
        fl_document_format(column, cell->number, text);
        fputs(text, out);
    }
}

static void write_heading(const struct fl_document_column *column, FILE *out)
{
    char text[FL_DOCUMENT_LINE_SIZE];
    snprintf(text, sizeof(text), "%s%s%s%s", column->title, column->unit[0] == '\0' ? "" : " (",
             column->unit, column->unit[0] == '\0' ? "" : ")");
    write_text(text, out);
}

enum fl_error fl_document_write_csv(struct fl_document *report, FILE *out)
{
    const struct fl_document_table *table = &report->tables[0];
    struct fl_document_cell cells[FL_DOCUMENT_COLUMN_COUNT_MAX];
    for (size_t c = 0; c < table->column_count; c++) {
        if (c > 0)
            putc(',', out);
        write_heading(&table->columns[c], out);
    }
    fputs("\r\n", out);
    for (size_t r = 0; r < table->row_count; r++) {
        if (!fl_document_read(report, 0, r, cells))
            return report->error;
        for (size_t c = 0; c < table->column_count; c++) {
            if (c > 0)
                putc(',', out);
            write_cell(&table->columns[c], &cells[c], out);
        }
        fputs("\r\n", out);
    }
    return FL_OK;
}
