/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "core/assert.h"

struct fl_table {
    size_t column_count;
    size_t row_count;
    size_t row_capacity;
    char **cells; /* row-major; row 0 holds the headings */
    size_t widths[FL_TABLE_COLUMN_COUNT_MAX];
};

/* One character of `text`: its bytes, or 0 if what stands there must be escaped. */
static size_t safe_character(const unsigned char *text, size_t size, int *width)
{
    utf8proc_int32_t code = 0;
    utf8proc_ssize_t bytes = utf8proc_iterate(text, (utf8proc_ssize_t)size, &code);
    if (bytes <= 0 || code < 0x20 || (code >= 0x7f && code < 0xa0))
        return 0;
    utf8proc_category_t category = utf8proc_category(code);
    /* Format characters (right-to-left overrides and the like), line and paragraph separators. */
    if (category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_ZL ||
        category == UTF8PROC_CATEGORY_ZP)
        return 0;
    *width = utf8proc_charwidth(code);
    return (size_t)bytes;
}

void fl_print_safe(const char *text, size_t size, FILE *out)
{
    const unsigned char *at = (const unsigned char *)text;
    while (size > 0) {
        int width = 0;
        size_t bytes = safe_character(at, size, &width);
        if (bytes == 0) {
            fprintf(out, "\\x%02x", *at);
            bytes = 1;
        } else {
            fwrite(at, 1, bytes, out);
        }
        at += bytes;
        size -= bytes;
    }
}

/* Copies with escapes, cut to `width_max` columns; returns the width. */
static size_t make_cell(const char *text, size_t width_max, char **cell)
{
    char *data = NULL;
    size_t data_size = 0;
    size_t width = 0;
    size_t left = strlen(text);
    const unsigned char *at = (const unsigned char *)text;
    FILE *out = open_memstream(&data, &data_size);
    fl_assert(out != NULL);
    while (left > 0) {
        int columns = 4;
        size_t bytes = safe_character(at, left, &columns);
        if (width + (size_t)columns + 1 > width_max && left > (bytes == 0 ? 1 : bytes)) {
            fputs("…", out);
            width++;
            break;
        }
        if (bytes == 0)
            fprintf(out, "\\x%02x", *at);
        else
            fwrite(at, 1, bytes, out);
        bytes = bytes == 0 ? 1 : bytes;
        width += (size_t)columns;
        at += bytes;
        left -= bytes;
    }
    fclose(out);
    *cell = data;
    return width;
}

static size_t width_of(const char *cell)
{
    size_t width = 0;
    const unsigned char *at = (const unsigned char *)cell;
    for (size_t left = strlen(cell); left > 0;) {
        int columns = 1;
        size_t bytes = safe_character(at, left, &columns);
        bytes = bytes == 0 ? 1 : bytes;
        width += (size_t)columns;
        at += bytes;
        left -= bytes;
    }
    return width;
}

struct fl_table *fl_table_open(const char *const *headings, size_t column_count)
{
    fl_assert(column_count > 0 && column_count <= FL_TABLE_COLUMN_COUNT_MAX);
    struct fl_table *table = calloc(1, sizeof(*table));
    fl_assert(table != NULL);
    table->column_count = column_count;
    fl_table_add(table, headings);
    return table;
}

void fl_table_close(struct fl_table **table)
{
    if (*table == NULL)
        return;
    for (size_t i = 0; i < (*table)->row_count * (*table)->column_count; i++)
        free((*table)->cells[i]);
    free((*table)->cells);
    free(*table);
    *table = NULL;
}

void fl_table_add(struct fl_table *table, const char *const *cells)
{
    if (table->row_count == table->row_capacity) {
        table->row_capacity = table->row_capacity == 0 ? 32 : 2 * table->row_capacity;
        table->cells = realloc(table->cells,
                               table->row_capacity * table->column_count * sizeof(*table->cells));
        fl_assert(table->cells != NULL);
    }
    for (size_t c = 0; c < table->column_count; c++) {
        bool is_last = c + 1 == table->column_count;
        const char *text = cells[c] == NULL ? "-" : cells[c];
        char **cell = &table->cells[table->row_count * table->column_count + c];
        size_t width = make_cell(text, is_last ? SIZE_MAX / 2 : FL_TABLE_CELL_WIDTH_MAX, cell);
        if (width > table->widths[c])
            table->widths[c] = width;
    }
    table->row_count++;
}

size_t fl_table_row_count(const struct fl_table *table)
{
    return table->row_count - 1;
}

void fl_table_print(const struct fl_table *table, bool color, FILE *out)
{
    for (size_t r = 0; r < table->row_count; r++) {
        if (r == 0 && color)
            fputs("\033[1m", out);
        for (size_t c = 0; c < table->column_count; c++) {
            const char *cell = table->cells[r * table->column_count + c];
            bool is_last = c + 1 == table->column_count;
            size_t padding = is_last ? 0 : table->widths[c] - width_of(cell) + 2;
            fprintf(out, "%s%*s", cell, (int)padding, "");
        }
        fputs(r == 0 && color ? "\033[0m\n" : "\n", out);
    }
}
