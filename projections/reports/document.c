/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/reports/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/assert.h"
#include "projections/reports/text.h"

enum { TICK_ROW_COUNT = 1000, ROOM_MIN = 256 };

struct fl_document_cell fl_cell_text(const char *text)
{
    enum fl_cell_state state = text == NULL ? FL_CELL_UNKNOWN : FL_CELL_KNOWN;
    return (struct fl_document_cell){text != NULL && text[0] == '\0' ? FL_CELL_NONE : state, 0,
                                     text};
}

struct fl_document_cell fl_cell_number(int64_t value)
{
    return (struct fl_document_cell){FL_CELL_KNOWN, value, NULL};
}

struct fl_document_cell fl_cell_unknown(void)
{
    return (struct fl_document_cell){FL_CELL_UNKNOWN, 0, NULL};
}

static int open_unnamed(const char *directory)
{
    char path[4096];
    int fd = open(directory, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    int size = snprintf(path, sizeof(path), "%s/report.XXXXXX", directory);
    fd = size < (int)sizeof(path) ? mkostemp(path, O_CLOEXEC) : -1;
    if (fd >= 0)
        unlink(path);
    return fd;
}

enum fl_error fl_document_open_file(const char *directory, FILE **file)
{
    int fd = open_unnamed(directory);
    if (fd < 0)
        return errno == ENOSPC ? FL_FULL : FL_IO;
    *file = fdopen(fd, "w+");
    if (*file != NULL)
        return FL_OK;
    close(fd);
    return FL_NO_MEMORY;
}

enum fl_error fl_document_open(const char *directory, struct fl_document *document)
{
    memset(document, 0, sizeof(*document));
    return fl_document_open_file(directory, &document->spool);
}

void fl_document_close(struct fl_document *report)
{
    for (size_t t = 0; t < report->table_count; t++)
        free(report->tables[t].places);
    free(report->row);
    if (report->spool != NULL)
        fclose(report->spool);
    memset(report, 0, sizeof(*report));
}

static void fail(struct fl_document *report, enum fl_error error)
{
    if (report->error == FL_OK)
        report->error = error;
}

size_t fl_document_add_table(struct fl_document *report, const char *name, const char *title,
                             const struct fl_document_column *columns, size_t column_count)
{
    fl_assert(report->table_count < FL_DOCUMENT_TABLE_COUNT_MAX);
    fl_assert(column_count <= FL_DOCUMENT_COLUMN_COUNT_MAX);
    report->tables[report->table_count] = (struct fl_document_table){
        .name = name, .title = title, .columns = columns, .column_count = column_count};
    return report->table_count++;
}

struct fl_document_chart *fl_document_add_chart(struct fl_document *report,
                                                const struct fl_document_chart *head)
{
    fl_assert(report->chart_count < FL_DOCUMENT_CHART_COUNT_MAX);
    report->charts[report->chart_count] = *head;
    return &report->charts[report->chart_count++];
}

void fl_document_add_fact(struct fl_document *report, const char *label, const char *format, ...)
{
    va_list arguments;
    char line[FL_DOCUMENT_LINE_SIZE];
    fl_assert(report->fact_count < FL_DOCUMENT_FACT_COUNT_MAX);
    struct fl_document_fact *fact = &report->facts[report->fact_count++];
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    fl_document_clean(label, fact->label, sizeof(fact->label));
    fl_document_clean(line, fact->value, sizeof(fact->value));
}

bool fl_document_tick(struct fl_document *report, size_t row_count)
{
    if (report->error == FL_OK && report->go_on != NULL && row_count % TICK_ROW_COUNT == 0 &&
        !report->go_on(report->context, row_count))
        fail(report, FL_INTERRUPTED);
    return report->error == FL_OK;
}

static bool add_place(struct fl_document *report, struct fl_document_table *table, int64_t key)
{
    if (table->row_count == FL_DOCUMENT_ROW_COUNT_MAX) {
        fail(report, FL_TOO_LARGE);
        return false;
    }
    if (table->row_count == table->room) {
        size_t room = table->room == 0 ? ROOM_MIN : 2 * table->room;
        struct fl_document_place *places = realloc(table->places, room * sizeof(*places));
        if (places == NULL) {
            fail(report, FL_NO_MEMORY);
            return false;
        }
        table->places = places;
        table->room = room;
    }
    table->places[table->row_count++] = (struct fl_document_place){key, report->spool_size};
    return true;
}

static void put(struct fl_document *report, const void *data, size_t size)
{
    if (report->error == FL_OK && fwrite(data, 1, size, report->spool) != size)
        fail(report, errno == ENOSPC ? FL_FULL : FL_IO);
    report->spool_size += (int64_t)size;
}

/* A cell is its state and, if it is known, a number or a text with its length and closing NUL. */
static void put_cell(struct fl_document *report, const struct fl_document_column *column,
                     const struct fl_document_cell *cell)
{
    char text[FL_DOCUMENT_TEXT_SIZE_MAX];
    uint8_t state = (uint8_t)cell->state;
    put(report, &state, 1);
    if (cell->state != FL_CELL_KNOWN)
        return;
    if (column->type != FL_DOCUMENT_TEXT) {
        put(report, &cell->number, sizeof(cell->number));
        return;
    }
    uint32_t size = (uint32_t)fl_document_clean(cell->text, text, sizeof(text)) + 1;
    put(report, &size, sizeof(size));
    put(report, text, size);
}

void fl_document_add_row(struct fl_document *report, size_t table, int64_t key,
                         const struct fl_document_cell *cells)
{
    struct fl_document_table *to = &report->tables[table];
    if (!fl_document_tick(report, ++report->row_count) || !add_place(report, to, key))
        return;
    if (report->was_read && fseeko(report->spool, report->spool_size, SEEK_SET) != 0)
        fail(report, FL_IO);
    report->was_read = false;
    for (size_t c = 0; c < to->column_count; c++)
        put_cell(report, &to->columns[c], &cells[c]);
}

static int compare_places(const void *a, const void *b)
{
    const struct fl_document_place *x = a;
    const struct fl_document_place *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

void fl_document_sort(struct fl_document *report, size_t table, bool unique)
{
    struct fl_document_table *sorted = &report->tables[table];
    size_t kept = 0;
    if (sorted->row_count > 0)
        qsort(sorted->places, sorted->row_count, sizeof(*sorted->places), compare_places);
    for (size_t i = 0; unique && i < sorted->row_count; i++)
        if (kept == 0 || sorted->places[i].key != sorted->places[kept - 1].key)
            sorted->places[kept++] = sorted->places[i];
    if (unique)
        sorted->row_count = kept;
}

enum fl_error fl_document_finish(struct fl_document *report)
{
    for (size_t t = 0; t < report->table_count; t++)
        fl_document_sort(report, t, false);
    if (report->error == FL_OK && fflush(report->spool) != 0)
        fail(report, errno == ENOSPC ? FL_FULL : FL_IO);
    return report->error;
}

static bool get(struct fl_document *report, void *out, size_t size)
{
    if (report->error == FL_OK && fread(out, 1, size, report->spool) != size)
        fail(report, FL_IO);
    return report->error == FL_OK;
}

/* The text's place in the row's memory, whose room is enough for every column. */
static bool get_cell(struct fl_document *report, const struct fl_document_column *column,
                     char *text, struct fl_document_cell *cell)
{
    uint8_t state = 0;
    uint32_t size = 0;
    *cell = (struct fl_document_cell){FL_CELL_UNKNOWN, 0, NULL};
    if (!get(report, &state, 1))
        return false;
    cell->state = (enum fl_cell_state)state;
    if (cell->state != FL_CELL_KNOWN)
        return true;
    if (column->type != FL_DOCUMENT_TEXT)
        return get(report, &cell->number, sizeof(cell->number));
    cell->text = text;
    return get(report, &size, sizeof(size)) && get(report, text, size);
}

bool fl_document_read(struct fl_document *report, size_t table, size_t index,
                      struct fl_document_cell *cells)
{
    const struct fl_document_table *from = &report->tables[table];
    size_t room = from->column_count * FL_DOCUMENT_TEXT_SIZE_MAX;
    if (report->row_room < room) {
        char *row = realloc(report->row, room);
        if (row == NULL) {
            fail(report, FL_NO_MEMORY);
            return false;
        }
        report->row = row;
        report->row_room = room;
    }
    /* Rows in the order of the spool need no seek, which would empty the buffer. */
    int64_t offset = from->places[index].offset;
    if ((!report->was_read || ftello(report->spool) != offset) &&
        fseeko(report->spool, offset, SEEK_SET) != 0)
        fail(report, errno == ENOSPC ? FL_FULL : FL_IO);
    report->was_read = true;
    for (size_t c = 0; report->error == FL_OK && c < from->column_count; c++)
        get_cell(report, &from->columns[c], report->row + c * FL_DOCUMENT_TEXT_SIZE_MAX, &cells[c]);
    return fl_document_tick(report, index + 1);
}
