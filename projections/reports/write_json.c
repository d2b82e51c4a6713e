/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: one object; a row of a table on a line of its own. Times are ms, dates YYYY-MM-DD, what is
 * not known is null and what is none is left out. */
#include <stdlib.h>

#include "core/json.h"
#include "projections/reports/render_internal.h"
#include "projections/reports/text.h"

enum { PART_SIZE = 6 * FL_DOCUMENT_COLUMN_COUNT_MAX * FL_DOCUMENT_TEXT_SIZE_MAX };

struct writing {
    struct fl_document *report;
    FILE *out;
    struct fl_json json;
    char part[PART_SIZE];
};

/* Parts go out one by one; what separates them stays with the writer of JSON. */
static void flush(struct writing *w)
{
    bool separate = w->json.separate;
    fwrite(w->part, 1, w->json.used < PART_SIZE ? w->json.used : PART_SIZE, w->out);
    fl_json_init(&w->json, w->part, PART_SIZE);
    w->json.separate = separate;
}

static void member(struct writing *w, const char *name, const char *text)
{
    fl_json_name(&w->json, name);
    fl_json_text(&w->json, text);
}

static void write_columns(struct writing *w, const struct fl_document_table *table)
{
    static const char *const types[] = {"text", "number", "date", "time"};
    fl_json_name(&w->json, "columns");
    fl_json_array_begin(&w->json);
    for (size_t c = 0; c < table->column_count; c++) {
        const struct fl_document_column *column = &table->columns[c];
        fl_json_object_begin(&w->json);
        member(w, "name", column->name);
        member(w, "title", column->title);
        member(w, "type", types[column->type]);
        if (column->unit[0] != '\0')
            member(w, "unit", column->unit);
        fl_json_object_end(&w->json);
    }
    fl_json_array_end(&w->json);
}

/* A number as digits that JSON has: those that people read. */
static void write_number(struct writing *w, const struct fl_document_column *column, int64_t number)
{
    char text[FL_DOCUMENT_CELL_TEXT_SIZE];
    fl_document_format(column, number, text);
    flush(w);
    fputs(text, w->out);
    w->json.separate = true;
}

static void write_cell(struct writing *w, const struct fl_document_column *column,
                       const struct fl_document_cell *cell)
{
    char text[FL_DOCUMENT_CELL_TEXT_SIZE];
    if (cell->state == FL_CELL_NONE)
        return;
    fl_json_name(&w->json, column->name);
    if (cell->state == FL_CELL_UNKNOWN) {
        fl_json_null(&w->json);
    } else if (column->type == FL_DOCUMENT_TEXT) {
        fl_json_text(&w->json, cell->text);
    } else if (column->type == FL_DOCUMENT_NUMBER) {
        write_number(w, column, cell->number);
    } else if (column->type == FL_DOCUMENT_TIME) {
        fl_json_int(&w->json, cell->number);
    } else {
        fl_document_format(column, cell->number, text);
        fl_json_text(&w->json, text);
    }
}

static void write_table(struct writing *w, size_t t)
{
    const struct fl_document_table *table = &w->report->tables[t];
    struct fl_document_cell cells[FL_DOCUMENT_COLUMN_COUNT_MAX];
    fl_json_object_begin(&w->json);
    member(w, "name", table->name);
    member(w, "title", table->title);
    write_columns(w, table);
    fl_json_name(&w->json, "rows");
    fl_json_array_begin(&w->json);
    for (size_t r = 0; r < table->row_count; r++) {
        if (!fl_document_read(w->report, t, r, cells))
            return;
        flush(w);
        fputc('\n', w->out);
        fl_json_object_begin(&w->json);
        for (size_t c = 0; c < table->column_count; c++)
            write_cell(w, &table->columns[c], &cells[c]);
        fl_json_object_end(&w->json);
        flush(w);
    }
    fl_json_array_end(&w->json);
    fl_json_object_end(&w->json);
    flush(w);
}

static void write_bars(struct writing *w, const struct fl_document_chart *chart)
{
    fl_json_name(&w->json, "bars");
    fl_json_array_begin(&w->json);
    for (size_t b = 0; b < chart->bar_count; b++) {
        fl_json_object_begin(&w->json);
        member(w, "label", chart->bars[b].label);
        fl_json_name(&w->json, "values");
        fl_json_array_begin(&w->json);
        for (size_t s = 0; s < chart->series_count; s++)
            fl_json_int(&w->json, chart->bars[b].values[s]);
        fl_json_array_end(&w->json);
        fl_json_object_end(&w->json);
    }
    fl_json_array_end(&w->json);
}

/* Clouds of points are drawn from the table's columns. */
static void write_charts(struct writing *w)
{
    fl_json_name(&w->json, "charts");
    fl_json_array_begin(&w->json);
    for (size_t i = 0; i < w->report->chart_count; i++) {
        const struct fl_document_chart *chart = &w->report->charts[i];
        fl_json_object_begin(&w->json);
        member(w, "name", chart->name);
        member(w, "title", chart->title);
        if (chart->kind == FL_CHART_BARS)
            write_bars(w, chart);
        fl_json_object_end(&w->json);
    }
    fl_json_array_end(&w->json);
}

static void write_all(struct writing *w)
{
    struct fl_document *report = w->report;
    fl_json_object_begin(&w->json);
    member(w, "report", report->name);
    member(w, "title", report->title);
    member(w, "subject", report->subject);
    fl_json_name(&w->json, "asOfMs");
    fl_json_int(&w->json, report->as_of_ms);
    fl_json_name(&w->json, "sequence");
    fl_json_uint(&w->json, report->sequence);
    fl_json_name(&w->json, "facts");
    fl_json_array_begin(&w->json);
    for (size_t i = 0; i < report->fact_count; i++) {
        fl_json_object_begin(&w->json);
        member(w, "label", report->facts[i].label);
        member(w, "value", report->facts[i].value);
        fl_json_object_end(&w->json);
    }
    fl_json_array_end(&w->json);
    write_charts(w);
    fl_json_name(&w->json, "tables");
    fl_json_array_begin(&w->json);
    for (size_t t = 0; report->error == FL_OK && t < report->table_count; t++)
        write_table(w, t);
    fl_json_array_end(&w->json);
    fl_json_object_end(&w->json);
    flush(w);
    fputc('\n', w->out);
}

enum fl_error fl_document_write_json(struct fl_document *report, FILE *out)
{
    struct writing *w = malloc(sizeof(*w));
    if (w == NULL)
        return FL_NO_MEMORY;
    w->report = report;
    w->out = out;
    fl_json_init(&w->json, w->part, PART_SIZE);
    write_all(w);
    free(w);
    return report->error;
}
