/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Tables for people: columns as wide as their content on a terminal counts them.
 *
 * Cells come from devices and people: control characters and bytes that are no UTF-8 are shown as
 * \xNN, so that nobody's name can move the cursor.
 *
 * Threading: one thread. Allocation: owned by the table. Limits: FL_TABLE_COLUMN_COUNT_MAX columns;
 * a cell over FL_TABLE_CELL_WIDTH_MAX columns is cut with an ellipsis, except in the last column.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { FL_TABLE_COLUMN_COUNT_MAX = 12, FL_TABLE_CELL_WIDTH_MAX = 48 };

struct fl_table;

struct fl_table *fl_table_open(const char *const *headings, size_t column_count);
void fl_table_close(struct fl_table **table);

/* Adds a row; NULL cells are shown as "-". */
void fl_table_add(struct fl_table *table, const char *const *cells);

size_t fl_table_row_count(const struct fl_table *table);

/* Prints headings (bold with `color`) and rows. */
void fl_table_print(const struct fl_table *table, bool color, FILE *out);

/* Writes `text` with what could harm a terminal escaped; `size` bytes of it. */
void fl_print_safe(const char *text, size_t size, FILE *out);
