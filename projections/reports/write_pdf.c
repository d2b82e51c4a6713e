/* SPDX-License-Identifier: Apache-2.0 */
/* PDF by cairo and pango: A4 across; what the report is about, its charts, then its tables, with
 * their headings on every page. */
#include <cairo-pdf.h>
#include <string.h>

#include "core/timestamp.h"
#include "projections/reports/draw_text.h"
#include "projections/reports/render_internal.h"
#include "projections/reports/text.h"

#define PAGE_WIDTH 841.89
#define PAGE_HEIGHT 595.28
#define MARGIN 36.0
#define BODY_WIDTH (PAGE_WIDTH - 2 * MARGIN)
#define BODY_BOTTOM (PAGE_HEIGHT - MARGIN - 14)
#define CELL_GAP 8.0
#define FACT_HEIGHT 13.0
#define CHART_HEIGHT 200.0

enum { CELL_LINE_COUNT_MAX = 4, FACT_LABEL_WIDTH = 190, WIDE_TABLE = 160 };

struct page {
    struct fl_document *report;
    cairo_surface_t *surface;
    cairo_t *cairo;
    PangoLayout *title;
    PangoLayout *heading; /* of a table and of facts */
    PangoLayout *small;
    PangoLayout *cell;
    PangoLayout *column; /* its title */
    double y;
    unsigned number;
    const struct fl_document_table *table; /* NULL: none is under way */
    double lefts[FL_DOCUMENT_COLUMN_COUNT_MAX];
    double widths[FL_DOCUMENT_COLUMN_COUNT_MAX];
};

static void end_page(struct page *p)
{
    char text[2 * FL_DOCUMENT_LINE_SIZE + 16];
    char as_of[FL_DOCUMENT_LINE_SIZE];
    fl_document_as_of(p->report, as_of);
    snprintf(text, sizeof(text), "%s, as of %s", p->report->title, as_of);
    fl_draw_line(p->cairo, p->small, text, MARGIN, PAGE_HEIGHT - MARGIN - 8, FL_DRAW_LEFT, 0.35);
    snprintf(text, sizeof(text), "page %u", p->number++);
    fl_draw_line(p->cairo, p->small, text, PAGE_WIDTH - MARGIN, PAGE_HEIGHT - MARGIN - 8,
                 FL_DRAW_RIGHT, 0.35);
    cairo_show_page(p->cairo);
    p->y = MARGIN;
}

static bool is_right(const struct fl_document_column *column)
{
    return column->type == FL_DOCUMENT_NUMBER;
}

/* Sets a text into a column; its height. */
static double set_cell(PangoLayout *layout, const struct page *p, size_t c, const char *text,
                       bool right)
{
    int height = 0;
    pango_layout_set_width(layout, (int)(p->widths[c] * PANGO_SCALE));
    pango_layout_set_alignment(layout, right ? PANGO_ALIGN_RIGHT : PANGO_ALIGN_LEFT);
    pango_layout_set_text(layout, text, -1);
    pango_layout_get_pixel_size(layout, NULL, &height);
    return height;
}

static void draw_headings(struct page *p)
{
    char text[FL_DOCUMENT_LINE_SIZE];
    double height = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t c = 0; c < p->table->column_count; c++) {
            const struct fl_document_column *column = &p->table->columns[c];
            if (column->off_page)
                continue;
            bool has_unit = column->unit[0] != '\0';
            snprintf(text, sizeof(text), "%s%s%s", column->title, has_unit ? ", " : "",
                     column->unit);
            double own = set_cell(p->column, p, c, text, is_right(column));
            height = own > height ? own : height;
            if (pass == 0)
                continue;
            cairo_set_source_rgb(p->cairo, 0, 0, 0);
            cairo_move_to(p->cairo, p->lefts[c], p->y + height - own);
            pango_cairo_show_layout(p->cairo, p->column);
        }
    }
    p->y += height + 2;
    cairo_set_line_width(p->cairo, 0.8);
    cairo_move_to(p->cairo, MARGIN, p->y);
    cairo_line_to(p->cairo, PAGE_WIDTH - MARGIN, p->y);
    cairo_stroke(p->cairo);
    p->y += 2;
}

/* What a cell says; NULL for nothing. */
static const char *words_of(const struct fl_document_column *column,
                            const struct fl_document_cell *cell,
                            char text[FL_DOCUMENT_CELL_TEXT_SIZE])
{
    if (cell->state == FL_CELL_NONE || column->off_page)
        return NULL;
    if (cell->state == FL_CELL_UNKNOWN)
        return "unknown";
    if (column->type == FL_DOCUMENT_TEXT)
        return cell->text;
    fl_document_format(column, cell->number, text);
    return text;
}

static void draw_row(struct page *p, size_t index, const struct fl_document_cell *cells)
{
    char text[FL_DOCUMENT_CELL_TEXT_SIZE];
    double height = 0;
    for (size_t c = 0; c < p->table->column_count; c++) {
        const char *words = words_of(&p->table->columns[c], &cells[c], text);
        double own = words == NULL ? 0 : set_cell(p->cell, p, c, words, false);
        height = own > height ? own : height;
    }
    if (p->y + height + 3 > BODY_BOTTOM) {
        end_page(p);
        draw_headings(p);
    }
    if (index % 2 == 1) {
        cairo_set_source_rgb(p->cairo, 0.94, 0.94, 0.94);
        cairo_rectangle(p->cairo, MARGIN, p->y, BODY_WIDTH, height + 3);
        cairo_fill(p->cairo);
    }
    for (size_t c = 0; c < p->table->column_count; c++) {
        const char *words = words_of(&p->table->columns[c], &cells[c], text);
        double grey = cells[c].state == FL_CELL_UNKNOWN ? 0.45 : 0;
        if (words == NULL)
            continue;
        set_cell(p->cell, p, c, words, is_right(&p->table->columns[c]));
        cairo_set_source_rgb(p->cairo, grey, grey, grey);
        cairo_move_to(p->cairo, p->lefts[c], p->y + 1.5);
        pango_cairo_show_layout(p->cairo, p->cell);
    }
    p->y += height + 3;
}

static void set_size(PangoLayout *layout, double size)
{
    PangoFontDescription *font =
        pango_font_description_copy(pango_layout_get_font_description(layout));
    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
}

static void place_columns(struct page *p)
{
    double sum = 0;
    double left = MARGIN;
    for (size_t c = 0; c < p->table->column_count; c++)
        sum += p->table->columns[c].off_page ? 0 : p->table->columns[c].width;
    set_size(p->cell, sum > WIDE_TABLE ? 6.3 : 7);
    set_size(p->column, sum > WIDE_TABLE ? 6.3 : 7);
    for (size_t c = 0; c < p->table->column_count; c++) {
        if (p->table->columns[c].off_page)
            continue;
        double width = BODY_WIDTH * p->table->columns[c].width / sum;
        p->lefts[c] = left;
        p->widths[c] = width - CELL_GAP;
        left += width;
    }
}

/* Which columns only the other formats have. */
static void name_others(struct page *p)
{
    char text[FL_DOCUMENT_LINE_SIZE] = "";
    for (size_t c = 0; c < p->table->column_count; c++) {
        size_t used = strlen(text);
        if (p->table->columns[c].off_page)
            snprintf(text + used, sizeof(text) - used, "%s%s",
                     used == 0 ? "In the other formats also: " : ", ", p->table->columns[c].title);
    }
    if (text[0] == '\0')
        return;
    fl_draw_line(p->cairo, p->small, text, MARGIN, p->y - 2, FL_DRAW_LEFT, 0.35);
    p->y += 12;
}

static void draw_table(struct page *p, size_t t)
{
    struct fl_document_cell cells[FL_DOCUMENT_COLUMN_COUNT_MAX];
    p->table = &p->report->tables[t];
    place_columns(p);
    if (p->y > BODY_BOTTOM - 60)
        end_page(p);
    p->y += 8;
    fl_draw_line(p->cairo, p->heading, p->table->title, MARGIN, p->y, FL_DRAW_LEFT, 0);
    p->y += 17;
    name_others(p);
    draw_headings(p);
    for (size_t r = 0; r < p->table->row_count && fl_document_read(p->report, t, r, cells); r++)
        draw_row(p, r, cells);
    if (p->table->row_count == 0) {
        fl_draw_line(p->cairo, p->cell, "none", MARGIN, p->y, FL_DRAW_LEFT, 0.35);
        p->y += 14;
    }
    p->table = NULL;
}

static void draw_about(struct page *p)
{
    char text[2 * FL_DOCUMENT_LINE_SIZE + 16];
    char as_of[FL_DOCUMENT_LINE_SIZE];
    int height = 0;
    fl_document_as_of(p->report, as_of);
    fl_draw_line(p->cairo, p->title, p->report->title, MARGIN, p->y, FL_DRAW_LEFT, 0);
    p->y += 25;
    snprintf(text, sizeof(text), "%s, as of %s", p->report->subject, as_of);
    pango_layout_set_width(p->small, (int)(BODY_WIDTH * PANGO_SCALE));
    fl_draw_line(p->cairo, p->small, text, MARGIN, p->y, FL_DRAW_LEFT, 0.2);
    pango_layout_set_width(p->small, -1);
    p->y += 18;
    pango_layout_set_width(p->cell, (int)((BODY_WIDTH - FACT_LABEL_WIDTH) * PANGO_SCALE));
    for (size_t i = 0; i < p->report->fact_count; i++) {
        const struct fl_document_fact *fact = &p->report->facts[i];
        fl_draw_line(p->cairo, p->column, fact->label, MARGIN, p->y, FL_DRAW_LEFT, 0);
        pango_layout_set_alignment(p->cell, PANGO_ALIGN_LEFT);
        fl_draw_line(p->cairo, p->cell, fact->value, MARGIN + FACT_LABEL_WIDTH, p->y, FL_DRAW_LEFT,
                     0);
        pango_layout_get_pixel_size(p->cell, NULL, &height);
        p->y += height + 3 > FACT_HEIGHT ? height + 3 : FACT_HEIGHT;
    }
    p->y += 10;
}

/* Two beside each other, one across the page. */
static void draw_charts(struct page *p)
{
    size_t count = p->report->chart_count;
    for (size_t i = 0; i < count; i++) {
        bool alone = i % 2 == 0 && i + 1 == count;
        double width = alone ? BODY_WIDTH : BODY_WIDTH / 2 - 10;
        if (i % 2 == 0 && p->y + CHART_HEIGHT > BODY_BOTTOM)
            end_page(p);
        cairo_save(p->cairo);
        cairo_translate(p->cairo, MARGIN + (i % 2 == 0 ? 0 : BODY_WIDTH / 2 + 10), p->y);
        fl_chart_draw(p->cairo, &p->report->charts[i], width, CHART_HEIGHT);
        cairo_restore(p->cairo);
        if (i % 2 == 1 || alone)
            p->y += CHART_HEIGHT + 10;
    }
}

static PangoLayout *cell_layout(cairo_t *cairo, double size, bool is_bold)
{
    PangoLayout *layout = fl_draw_layout(cairo, size, is_bold);
    pango_layout_set_wrap(layout, PANGO_WRAP_WORD_CHAR);
    pango_layout_set_height(layout, -CELL_LINE_COUNT_MAX);
    pango_layout_set_ellipsize(layout, PANGO_ELLIPSIZE_END);
    /* A part number with a hyphen at the end of a line would be another one. */
    PangoAttrList *attributes = pango_attr_list_new();
    pango_attr_list_insert(attributes, pango_attr_insert_hyphens_new(FALSE));
    pango_layout_set_attributes(layout, attributes);
    pango_attr_list_unref(attributes);
    return layout;
}

static void set_metadata(struct page *p)
{
    char stamp[FL_TIMESTAMP_TEXT_SIZE];
    fl_timestamp_format(p->report->as_of_ms, stamp);
    memcpy(stamp + 19, "Z", 2);
    cairo_pdf_surface_set_metadata(p->surface, CAIRO_PDF_METADATA_TITLE, p->report->title);
    cairo_pdf_surface_set_metadata(p->surface, CAIRO_PDF_METADATA_CREATE_DATE, stamp);
    cairo_pdf_surface_set_metadata(p->surface, CAIRO_PDF_METADATA_MOD_DATE, stamp);
}

enum fl_error fl_document_write_pdf(struct fl_document *report, FILE *out)
{
    struct page p = {.report = report, .y = MARGIN, .number = 1};
    p.surface =
        cairo_pdf_surface_create_for_stream(fl_document_cairo_write, out, PAGE_WIDTH, PAGE_HEIGHT);
    p.cairo = cairo_create(p.surface);
    set_metadata(&p);
    p.title = fl_draw_layout(p.cairo, 18, true);
    p.heading = fl_draw_layout(p.cairo, 11, true);
    p.small = fl_draw_layout(p.cairo, 7.5, false);
    pango_layout_set_ellipsize(p.small, PANGO_ELLIPSIZE_END);
    p.cell = cell_layout(p.cairo, 7, false);
    p.column = cell_layout(p.cairo, 7, true);
    draw_about(&p);
    draw_charts(&p);
    for (size_t t = 0; report->error == FL_OK && t < report->table_count; t++)
        draw_table(&p, t);
    end_page(&p);
    PangoLayout *layouts[] = {p.title, p.heading, p.small, p.cell, p.column};
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
        g_object_unref(layouts[i]);
    cairo_status_t status = cairo_status(p.cairo);
    cairo_destroy(p.cairo);
    cairo_surface_finish(p.surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(p.surface);
    cairo_surface_destroy(p.surface);
    return fl_document_cairo_error(status);
}
