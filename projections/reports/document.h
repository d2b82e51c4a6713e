/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A report before it has a format: tables of typed columns, facts above them, charts.
 *
 * Its rows are written to a spool file while the views are read, so that reading ends early and a
 * hundred thousand devices take bounded memory; afterwards a writer (render.h) goes through it as
 * often as it likes. Rows have a sort key and come in its order, ties as they were added. Nothing
 * in a report comes from a clock or from chance: the same rows make the same bytes in every format.
 *
 * Texts are cleaned on their way in (text.h). What is not known is UNKNOWN and is printed so; NONE
 * is a cell in which nothing belongs.
 *
 * Threading: one thread per report. Allocation: 16 bytes per row, one row's texts.
 * Limits: FL_DOCUMENT_ROW_COUNT_MAX rows per table (FL_TOO_LARGE). Errors: sticky.
 */
#include <stdio.h>

#include "core/error.h"
#include "core/slice.h"
#include "projections/reports/chart.h"

enum {
    FL_DOCUMENT_COLUMN_COUNT_MAX = 32,
    FL_DOCUMENT_TABLE_COUNT_MAX = 4,
    FL_DOCUMENT_CHART_COUNT_MAX = 3,
    FL_DOCUMENT_FACT_COUNT_MAX = 24,
    FL_DOCUMENT_ROW_COUNT_MAX = 1000000,
    FL_DOCUMENT_LINE_SIZE = 256
};

enum fl_document_type {
    FL_DOCUMENT_TEXT,
    FL_DOCUMENT_NUMBER, /* thousandths of the unit */
    FL_DOCUMENT_DATE,   /* ms of a midnight, UTC */
    FL_DOCUMENT_TIME,   /* ms, UTC */
};

struct fl_document_column {
    const char *name;  /* of the member in JSON: stable */
    const char *title; /* for people */
    enum fl_document_type type;
    const char *unit;  /* "" if none */
    unsigned decimals; /* of a number, up to 3 */
    unsigned width;    /* in characters, as far as there is room */
    bool off_page;     /* not in PDF, whose pages are only so wide */
};

enum fl_cell_state { FL_CELL_NONE, FL_CELL_UNKNOWN, FL_CELL_KNOWN };

struct fl_document_cell {
    enum fl_cell_state state;
    int64_t number;
    const char *text; /* borrowed */
};

/* NULL is unknown, "" none. */
struct fl_document_cell fl_cell_text(const char *text);
struct fl_document_cell fl_cell_number(int64_t value);
struct fl_document_cell fl_cell_unknown(void);

/* Where a row lies in the spool. */
struct fl_document_place {
    int64_t key;
    int64_t offset;
};

struct fl_document_table {
    const char *name;
    const char *title;
    const struct fl_document_column *columns;
    size_t column_count;
    struct fl_document_place *places;
    size_t row_count;
    size_t room;
};

struct fl_document_fact {
    char label[64];
    char value[FL_DOCUMENT_LINE_SIZE];
};

struct fl_document {
    const char *name;  /* "operational" */
    const char *title; /* "Operational report" */
    char subject[FL_DOCUMENT_LINE_SIZE];
    int64_t as_of_ms; /* time of the newest event that it rests on */
    uint64_t sequence;
    struct fl_document_fact facts[FL_DOCUMENT_FACT_COUNT_MAX];
    size_t fact_count;
    struct fl_document_chart charts[FL_DOCUMENT_CHART_COUNT_MAX];
    size_t chart_count;
    struct fl_document_table tables[FL_DOCUMENT_TABLE_COUNT_MAX];
    size_t table_count;
    FILE *spool;
    int64_t spool_size;
    bool was_read; /* since the last row was added: the spool stands elsewhere */
    char *row;     /* texts of the row that was read last */
    size_t row_room;
    size_t row_count; /* of all tables */
    enum fl_error error;
    /* Called every thousand rows while it is made and while it is written; false ends it with
     * FL_INTERRUPTED. May be NULL. */
    bool (*go_on)(void *context, size_t row_count);
    void *context;
};

/* A file without a name in `directory`, open for reading and writing: gone when it is closed. */
enum fl_error fl_document_open_file(const char *directory, FILE **file) FL_MUST_USE;

/* The spool is such a file; it lies in `directory`. */
enum fl_error fl_document_open(const char *directory, struct fl_document *report) FL_MUST_USE;
/* Tolerates a zeroed one. */
void fl_document_close(struct fl_document *report);

/* Returns its number. `columns` are static. */
size_t fl_document_add_table(struct fl_document *report, const char *name, const char *title,
                             const struct fl_document_column *columns, size_t column_count);
void fl_document_add_row(struct fl_document *report, size_t table, int64_t key,
                         const struct fl_document_cell *cells);
void fl_document_add_fact(struct fl_document *report, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
struct fl_document_chart *fl_document_add_chart(struct fl_document *report,
                                                const struct fl_document_chart *head);

/* Puts a table's rows in order; of those with one key only the first stays if `unique`. */
void fl_document_sort(struct fl_document *report, size_t table, bool unique);

/* Sorts every table; no row comes after it. */
enum fl_error fl_document_finish(struct fl_document *report) FL_MUST_USE;

/* Row `index` in order, into cells of the table's column count; texts live until the next read.
 * False: it could not be read (the error is sticky). */
bool fl_document_read(struct fl_document *report, size_t table, size_t index,
                      struct fl_document_cell *cells);

/* Every thousandth row asks whether to go on. */
bool fl_document_tick(struct fl_document *report, size_t row_count);
