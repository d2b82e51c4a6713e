/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a document of hostile texts in one format: reports_samples FORMAT ROWS DIRECTORY FILE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "projections/reports/render.h"

static const struct fl_document_column columns[] = {
    {"name", "Name", FL_DOCUMENT_TEXT, "", 0, 30},
    {"load", "Load", FL_DOCUMENT_NUMBER, "%", 1, 10},
    {"since", "Since", FL_DOCUMENT_DATE, "", 0, 12},
    {"at", "At", FL_DOCUMENT_TIME, "", 0, 18},
    {"note", "Note", FL_DOCUMENT_TEXT, "", 0, 30},
};
enum { COLUMN_COUNT = sizeof(columns) / sizeof(columns[0]) };

static const char *const names[] = {
    "rack-1",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    " '=1+1",
    "\xef\xbc\x9d"
    "1+1",
    "quote \" comma , semicolon ;",
    "two\r\nlines",
    "<b>&amp;\x01\x1b[31m",
    "right \xe2\x80\xae"
    "gpj.exe",
    "bad \xff\xfe bytes",
    "\xe6\x9c\xba\xe6\x9e\xb6 \xd7\x90\xd7\x91\xd7\x92 \xd8\xa7\xd8\xa8 \xf0\x9f\x94\x8b",
    "no glyph \xf3\xb0\x80\x80 \xef\xbf\xbe",
    "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong"
    "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong"
    "longlonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglonglong",
};
enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };

static void add_charts(struct fl_document *document)
{
    static const struct fl_document_chart bars = {
        .kind = FL_CHART_BARS,
        .name = "bars",
        .title = "Bars <&>",
        .x_title = "x",
        .y_title = "y",
        .series = {"low", "middle", "high"},
        .series_count = 3,
    };
    static const struct fl_document_chart cloud = {
        .kind = FL_CHART_SCATTER,
        .name = "cloud",
        .title = "Cloud",
        .x_title = "load, %",
        .y_title = "minutes",
        .x_max = 120000,
        .y_min = 1000,
        .y_decades = 3,
    };
    struct fl_document_chart *chart = fl_document_add_chart(document, &bars);
    for (int64_t i = 0; i < 12; i++) {
        char label[FL_CHART_LABEL_SIZE];
        snprintf(label, sizeof(label), "b%lld", (long long)i);
        fl_chart_add_bar(chart, label);
        chart->bars[i].values[0] = i;
        chart->bars[i].values[1] = i % 3;
        chart->bars[i].values[2] = i % 2;
    }
    chart = fl_document_add_chart(document, &cloud);
    for (int64_t i = 0; i < 200; i++)
        fl_chart_add_point(chart, i * 613 % 130000 - 2000, i * i * 37);
}

static void fill(struct fl_document *document, long row_count)
{
    document->name = "sample";
    document->title = "Sample report";
    document->as_of_ms = INT64_C(1764086563123);
    document->sequence = 4711;
    snprintf(document->subject, sizeof(document->subject), "Acme & Sons <Ltd>");
    fl_document_add_fact(document, "Rows", "%ld", row_count);
    fl_document_add_fact(document, "Hostile", "%s", "=1+1 \xe2\x80\xae turned");
    add_charts(document);
    size_t table = fl_document_add_table(document, "rows", "Rows", columns, COLUMN_COUNT);
    for (long row = 0; row < row_count; row++) {
        const struct fl_document_cell cells[] = {
            fl_cell_text(names[row % NAME_COUNT]),
            row % 7 == 3 ? fl_cell_unknown() : fl_cell_number(row * 1250 - 5000),
            fl_cell_number(INT64_C(1764028800000) - row % 1000 * 86400000),
            row % 5 == 2 ? fl_cell_text("") : fl_cell_number(INT64_C(1764086563000) + row * 1000),
            row % 3 == 0 ? fl_cell_text(NULL) : fl_cell_text(""),
        };
        fl_document_add_row(document, table, row_count - row, cells);
    }
    fl_assert(fl_document_finish(document) == FL_OK);
}

int main(int argc, char **argv)
{
    enum fl_document_format format;
    struct fl_document *document = calloc(1, sizeof(*document));
    if (argc != 5 || document == NULL || !fl_document_format_of(argv[1], &format)) {
        fputs("usage: reports_samples FORMAT ROWS DIRECTORY FILE\n", stderr);
        return 2;
    }
    FILE *out = fopen(argv[4], "w+");
    fl_assert(out != NULL && fl_document_open(argv[3], document) == FL_OK);
    fill(document, strtol(argv[2], NULL, 10));
    enum fl_error error = fl_document_render(document, format, 0, argv[3], out);
    fl_document_close(document);
    free(document);
    if (fclose(out) == 0 && error == FL_OK)
        return 0;
    fprintf(stderr, "%s\n", fl_error_text(error));
    return 1;
}
