/* SPDX-License-Identifier: Apache-2.0 */
/* XLSX by libxlsxwriter in its mode of constant memory: a sheet per table, its heading frozen and
 * filtered, real numbers and dates; a sheet of what the report is about at the end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xlsxwriter.h>

#include "projections/reports/render_internal.h"
#include "projections/reports/text.h"

#define DAY_S 86400.0
#define UNIX_EPOCH_DAYS 25569.0 /* of spreadsheets' days, which begin in 1899 */

enum { FORMAT_COUNT = FL_DOCUMENT_COLUMN_COUNT_MAX };

struct book {
    struct fl_document *report;
    lxw_workbook *workbook;
    lxw_format *heading;
    lxw_format *unknown;
    lxw_format *wrapped;
    lxw_format *numbers[4]; /* by decimals */
    lxw_format *date;
    lxw_format *time;
    lxw_error error; /* sticky */
};

static void note(struct book *book, lxw_error error)
{
    if (book->error == LXW_NO_ERROR)
        book->error = error;
}

static lxw_format *add_format(struct book *book, const char *number)
{
    lxw_format *format = workbook_add_format(book->workbook);
    if (number != NULL)
        format_set_num_format(format, number);
    format_set_align(format, LXW_ALIGN_VERTICAL_TOP);
    return format;
}

static void add_formats(struct book *book)
{
    static const char *const numbers[] = {"0", "0.0", "0.00", "0.000"};
    for (size_t i = 0; i < 4; i++)
        book->numbers[i] = add_format(book, numbers[i]);
    book->date = add_format(book, "yyyy-mm-dd");
    book->time = add_format(book, "yyyy-mm-dd hh:mm:ss");
    book->unknown = add_format(book, NULL);
    format_set_font_color(book->unknown, 0x767676);
    format_set_italic(book->unknown);
    book->wrapped = add_format(book, NULL);
    format_set_text_wrap(book->wrapped);
    book->heading = add_format(book, NULL);
    format_set_bold(book->heading);
    format_set_text_wrap(book->heading);
    format_set_bottom(book->heading, LXW_BORDER_THIN);
}

static void write_cell(struct book *book, lxw_worksheet *sheet, lxw_row_t row, lxw_col_t column_at,
                       const struct fl_document_column *column, const struct fl_document_cell *cell)
{
    if (cell->state == FL_CELL_NONE)
        return;
    if (cell->state == FL_CELL_UNKNOWN) {
        note(book, worksheet_write_string(sheet, row, column_at, "unknown", book->unknown));
    } else if (column->type == FL_DOCUMENT_TEXT) {
        /* A string cell is never a formula; the apostrophe would be shown. */
        note(book, worksheet_write_string(sheet, row, column_at, cell->text, book->wrapped));
    } else if (column->type == FL_DOCUMENT_NUMBER) {
        note(book, worksheet_write_number(sheet, row, column_at, (double)cell->number / 1000.0,
                                          book->numbers[column->decimals]));
    } else {
        int64_t seconds = cell->number / 1000; /* no fraction of one is shown */
        double days = (double)seconds / DAY_S + UNIX_EPOCH_DAYS;
        note(book,
             worksheet_write_number(sheet, row, column_at, days,
                                    column->type == FL_DOCUMENT_DATE ? book->date : book->time));
    }
}

static void write_headings(struct book *book, lxw_worksheet *sheet,
                           const struct fl_document_table *table)
{
    char text[FL_DOCUMENT_LINE_SIZE];
    for (size_t c = 0; c < table->column_count; c++) {
        const struct fl_document_column *column = &table->columns[c];
        bool has_unit = column->unit[0] != '\0';
        snprintf(text, sizeof(text), "%s%s%s%s", column->title, has_unit ? " (" : "", column->unit,
                 has_unit ? ")" : "");
        note(book, worksheet_write_string(sheet, 0, (lxw_col_t)c, text, book->heading));
        note(book,
             worksheet_set_column(sheet, (lxw_col_t)c, (lxw_col_t)c, column->width + 3.0, NULL));
    }
    worksheet_freeze_panes(sheet, 1, 1);
    note(book, worksheet_autofilter(sheet, 0, 0, (lxw_row_t)table->row_count,
                                    (lxw_col_t)(table->column_count - 1)));
    worksheet_repeat_rows(sheet, 0, 0);
    worksheet_set_landscape(sheet);
    worksheet_set_paper(sheet, 9); /* A4 */
    worksheet_fit_to_pages(sheet, 1, 0);
}

static void write_table(struct book *book, size_t t)
{
    const struct fl_document_table *table = &book->report->tables[t];
    struct fl_document_cell cells[FL_DOCUMENT_COLUMN_COUNT_MAX];
    lxw_worksheet *sheet = workbook_add_worksheet(book->workbook, table->title);
    if (sheet == NULL) {
        note(book, LXW_ERROR_MEMORY_MALLOC_FAILED);
        return;
    }
    write_headings(book, sheet, table);
    for (size_t r = 0; r < table->row_count && book->error == LXW_NO_ERROR; r++) {
        if (!fl_document_read(book->report, t, r, cells))
            return;
        for (size_t c = 0; c < table->column_count; c++)
            write_cell(book, sheet, (lxw_row_t)(r + 1), (lxw_col_t)c, &table->columns[c],
                       &cells[c]);
    }
}

static void write_about(struct book *book)
{
    const struct fl_document *report = book->report;
    lxw_worksheet *sheet = workbook_add_worksheet(book->workbook, "About");
    char as_of[FL_DOCUMENT_LINE_SIZE];
    lxw_row_t row = 0;
    if (sheet == NULL) {
        note(book, LXW_ERROR_MEMORY_MALLOC_FAILED);
        return;
    }
    fl_document_as_of(report, as_of);
    note(book, worksheet_set_column(sheet, 0, 0, 30, NULL));
    note(book, worksheet_set_column(sheet, 1, 1, 90, NULL));
    note(book, worksheet_write_string(sheet, row, 0, report->title, book->heading));
    note(book, worksheet_write_string(sheet, row++, 1, report->subject, book->heading));
    note(book, worksheet_write_string(sheet, row, 0, "As of", NULL));
    note(book, worksheet_write_string(sheet, row++, 1, as_of, NULL));
    for (size_t i = 0; i < report->fact_count; i++, row++) {
        note(book, worksheet_write_string(sheet, row, 0, report->facts[i].label, NULL));
        note(book, worksheet_write_string(sheet, row, 1, report->facts[i].value, book->wrapped));
    }
}

static void set_properties(struct book *book)
{
    lxw_doc_properties properties = {
        .title = (char *)(uintptr_t)book->report->title,
        .created = (time_t)(1 + book->report->as_of_ms / 1000), /* 0 would be the clock's */
    };
    note(book, workbook_set_properties(book->workbook, &properties));
}

enum fl_error fl_document_write_xlsx(struct fl_document *report, const char *directory, FILE *out)
{
    char path[64];
    lxw_workbook_options options = {.constant_memory = LXW_TRUE,
                                    .tmpdir = (char *)(uintptr_t)directory};
    struct book book = {.report = report};
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(out));
    book.workbook = workbook_new_opt(path, &options);
    if (book.workbook == NULL)
        return FL_NO_MEMORY;
    add_formats(&book);
    set_properties(&book);
    for (size_t t = 0; t < report->table_count; t++)
        write_table(&book, t);
    write_about(&book);
    lxw_error closed = workbook_close(book.workbook);
    note(&book, closed);
    if (report->error != FL_OK)
        return report->error;
    if (book.error == LXW_ERROR_MEMORY_MALLOC_FAILED)
        return FL_NO_MEMORY;
    if (book.error != LXW_NO_ERROR)
        return errno == ENOSPC ? FL_FULL : FL_IO;
    return fseeko(out, 0, SEEK_END) == 0 ? FL_OK : FL_IO;
}
