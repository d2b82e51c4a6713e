/* SPDX-License-Identifier: Apache-2.0 */
/* Charts in grey: series differ by their shade and by an outline, points by their size. */
#include <cairo-svg.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "core/assert.h"
#include "projections/reports/draw_text.h"
#include "projections/reports/render_internal.h"

#define TITLE_SIZE 9.0
#define LABEL_SIZE 6.5
#define MARGIN_LEFT 40.0
#define MARGIN_RIGHT 10.0
#define MARGIN_TOP 30.0
#define MARGIN_BOTTOM 34.0

enum { GRID_LINE_COUNT_MAX = 6, LABEL_COUNT_MAX = 16, SVG_WIDTH = 420, SVG_HEIGHT = 260 };

static const double shades[FL_CHART_SERIES_COUNT_MAX] = {0.82, 0.55, 0.18};

struct drawing {
    cairo_t *cairo;
    const struct fl_document_chart *chart;
    PangoLayout *label;
    double left;
    double top;
    double width; /* of the plot */
    double height;
};

/* 1, 2, 5, 10, 20 …: the step that needs few lines. */
static int64_t step_for(int64_t max)
{
    int64_t step = 1;
    for (unsigned i = 0; max / step > GRID_LINE_COUNT_MAX; i++)
        step = i % 3 == 1 ? step / 2 * 5 : step * 2;
    return step;
}

static void horizontal(const struct drawing *d, double y, const char *text, double grey)
{
    cairo_set_source_rgb(d->cairo, grey, grey, grey);
    cairo_set_line_width(d->cairo, 0.5);
    cairo_move_to(d->cairo, d->left, y);
    cairo_line_to(d->cairo, d->left + d->width, y);
    cairo_stroke(d->cairo);
    fl_draw_line(d->cairo, d->label, text, d->left - 4, y - LABEL_SIZE / 2 - 1, FL_DRAW_RIGHT, 0.3);
}

static int64_t total_of(const struct fl_document_chart *chart, size_t bar)
{
    int64_t total = 0;
    for (size_t s = 0; s < chart->series_count; s++)
        total += chart->bars[bar].values[s];
    return total;
}

static void draw_bar(const struct drawing *d, size_t bar, double x, double width, int64_t max)
{
    double y = d->top + d->height;
    char text[32];
    fl_assert(d->chart->series_count <= FL_CHART_SERIES_COUNT_MAX);
    for (size_t s = 0; s < d->chart->series_count; s++) {
        double height = d->height * (double)d->chart->bars[bar].values[s] / (double)max;
        if (height <= 0)
            continue;
        cairo_rectangle(d->cairo, x, y - height, width, height);
        cairo_set_source_rgb(d->cairo, shades[s], shades[s], shades[s]);
        cairo_fill_preserve(d->cairo);
        cairo_set_source_rgb(d->cairo, 0.1, 0.1, 0.1);
        cairo_set_line_width(d->cairo, 0.4);
        cairo_stroke(d->cairo);
        y -= height;
    }
    if (total_of(d->chart, bar) == 0)
        return;
    snprintf(text, sizeof(text), "%" PRId64, total_of(d->chart, bar));
    fl_draw_line(d->cairo, d->label, text, x + width / 2, y - LABEL_SIZE - 2.5, FL_DRAW_CENTRE,
                 0.1);
}

static void draw_bars(const struct drawing *d)
{
    const struct fl_document_chart *chart = d->chart;
    int64_t max = 1;
    char text[32];
    for (size_t b = 0; b < chart->bar_count; b++)
        max = total_of(chart, b) > max ? total_of(chart, b) : max;
    int64_t step = step_for(max);
    max = (max + step - 1) / step * step;
    for (int64_t line = 0; line <= max; line += step) {
        snprintf(text, sizeof(text), "%" PRId64, line);
        horizontal(d, d->top + d->height * (1 - (double)line / (double)max), text,
                   line == 0 ? 0.2 : 0.85);
    }
    double slot = d->width / (double)(chart->bar_count == 0 ? 1 : chart->bar_count);
    size_t every = chart->bar_count / LABEL_COUNT_MAX + 1;
    for (size_t b = 0; b < chart->bar_count; b++) {
        double x = d->left + slot * (double)b;
        draw_bar(d, b, x + slot * 0.15, slot * 0.7, max);
        if (b % every == 0)
            fl_draw_line(d->cairo, d->label, chart->bars[b].label, x + slot / 2,
                         d->top + d->height + 3, FL_DRAW_CENTRE, 0.2);
    }
}

static void draw_points(const struct drawing *d)
{
    for (size_t x = 0; x < FL_CHART_CELL_COUNT; x++) {
        for (size_t y = 0; y < FL_CHART_CELL_COUNT; y++) {
            uint32_t count = d->chart->points[x][y];
            if (count == 0)
                continue;
            double at_x = d->left + d->width * ((double)x + 0.5) / FL_CHART_CELL_COUNT;
            double at_y = d->top + d->height * (1 - ((double)y + 0.5) / FL_CHART_CELL_COUNT);
            double radius = 1.6 + 0.8 * log2((double)count);
            cairo_new_sub_path(d->cairo);
            cairo_arc(d->cairo, at_x, at_y, radius > 8 ? 8 : radius, 0, 2 * M_PI);
            cairo_set_source_rgba(d->cairo, 0.15, 0.15, 0.15, 0.7);
            cairo_fill(d->cairo);
        }
    }
}

static void draw_scatter(const struct drawing *d)
{
    const struct fl_document_chart *chart = d->chart;
    char text[64];
    for (unsigned decade = 0; decade <= chart->y_decades; decade++) {
        snprintf(text, sizeof(text), "%.10g", (double)chart->y_min / 1000.0 * pow(10, decade));
        horizontal(d, d->top + d->height * (1 - (double)decade / chart->y_decades), text,
                   decade == 0 ? 0.2 : 0.85);
    }
    int64_t max = chart->x_max / 1000;
    int64_t step = step_for(max);
    for (int64_t at = 0; at <= max; at += step) {
        double x = d->left + d->width * (double)at / (double)max;
        snprintf(text, sizeof(text), "%" PRId64, at);
        cairo_set_source_rgb(d->cairo, 0.85, 0.85, 0.85);
        cairo_move_to(d->cairo, x, d->top);
        cairo_line_to(d->cairo, x, d->top + d->height);
        cairo_stroke(d->cairo);
        fl_draw_line(d->cairo, d->label, text, x, d->top + d->height + 3, FL_DRAW_CENTRE, 0.2);
    }
    draw_points(d);
    snprintf(text, sizeof(text), "%" PRIu64 " devices; %" PRIu64 " without both values",
             chart->point_count, chart->left_out_count);
    fl_draw_line(d->cairo, d->label, text, d->left + d->width, d->top - 11, FL_DRAW_RIGHT, 0.35);
}

/* Which shade is which, right above the plot. */
static void draw_legend(const struct drawing *d)
{
    double x = d->left + d->width;
    for (size_t i = d->chart->series_count; i > 0; i--) {
        const char *name = d->chart->series[i - 1];
        int width = 0;
        if (name == NULL)
            continue;
        fl_draw_line(d->cairo, d->label, name, x, d->top - 13, FL_DRAW_RIGHT, 0.2);
        pango_layout_get_pixel_size(d->label, &width, NULL);
        x -= width + 11;
        cairo_rectangle(d->cairo, x, d->top - 12, 7, 7);
        cairo_set_source_rgb(d->cairo, shades[i - 1], shades[i - 1], shades[i - 1]);
        cairo_fill_preserve(d->cairo);
        cairo_set_source_rgb(d->cairo, 0.1, 0.1, 0.1);
        cairo_set_line_width(d->cairo, 0.4);
        cairo_stroke(d->cairo);
        x -= 8;
    }
}

/* Reads upwards, left of the plot. */
static void draw_y_title(const struct drawing *d)
{
    cairo_save(d->cairo);
    cairo_translate(d->cairo, 2, d->top + d->height / 2);
    cairo_rotate(d->cairo, -M_PI / 2);
    fl_draw_line(d->cairo, d->label, d->chart->y_title, 0, 0, FL_DRAW_CENTRE, 0.2);
    cairo_restore(d->cairo);
}

void fl_chart_draw(cairo_t *cairo, const struct fl_document_chart *chart, double width,
                   double height)
{
    PangoLayout *title = fl_draw_layout(cairo, TITLE_SIZE, true);
    struct drawing d = {
        .cairo = cairo,
        .chart = chart,
        .label = fl_draw_layout(cairo, LABEL_SIZE, false),
        .left = MARGIN_LEFT,
        .top = MARGIN_TOP,
        .width = width - MARGIN_LEFT - MARGIN_RIGHT,
        .height = height - MARGIN_TOP - MARGIN_BOTTOM,
    };
    fl_draw_line(cairo, title, chart->title, 0, 0, FL_DRAW_LEFT, 0);
    g_object_unref(title);
    if (chart->kind == FL_CHART_BARS)
        draw_bars(&d);
    else
        draw_scatter(&d);
    draw_legend(&d);
    draw_y_title(&d);
    fl_draw_line(cairo, d.label, chart->x_title, d.left + d.width / 2, height - 16, FL_DRAW_CENTRE,
                 0.2);
    g_object_unref(d.label);
}

enum fl_error fl_document_write_svg(const struct fl_document_chart *chart, FILE *out)
{
    cairo_surface_t *surface =
        cairo_svg_surface_create_for_stream(fl_document_cairo_write, out, SVG_WIDTH, SVG_HEIGHT);
    cairo_t *cairo = cairo_create(surface);
    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_paint(cairo);
    cairo_translate(cairo, 8, 8);
    fl_chart_draw(cairo, chart, SVG_WIDTH - 16, SVG_HEIGHT - 16);
    cairo_status_t status = cairo_status(cairo);
    cairo_destroy(cairo);
    cairo_surface_finish(surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(surface);
    cairo_surface_destroy(surface);
    return fl_document_cairo_error(status);
}
