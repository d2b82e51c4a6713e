/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a chart shows, before it is drawn: bars of up to three stacked series, or a cloud of points.
 *
 * Points are counted in the cells of a grid, so that a cloud of a hundred thousand takes no more
 * memory than one of ten. The grid is linear across and, as running times differ by orders of
 * magnitude, logarithmic upwards.
 *
 * Threading: pure. Allocation: none. Limits: FL_CHART_BAR_COUNT_MAX bars; what lies outside the
 * axes is drawn at their ends.
 */
#include <stddef.h>
#include <stdint.h>

enum {
    FL_CHART_BAR_COUNT_MAX = 40,
    FL_CHART_SERIES_COUNT_MAX = 3,
    FL_CHART_CELL_COUNT = 100, /* of each axis */
    FL_CHART_LABEL_SIZE = 24
};

enum fl_chart_kind { FL_CHART_BARS, FL_CHART_SCATTER };

struct fl_chart_bar {
    char label[FL_CHART_LABEL_SIZE];
    int64_t values[FL_CHART_SERIES_COUNT_MAX];
};

struct fl_document_chart {
    enum fl_chart_kind kind;
    const char *name; /* "runtime-load" */
    const char *title;
    const char *x_title;
    const char *y_title;
    const char *series[FL_CHART_SERIES_COUNT_MAX]; /* bottom first; one without a name needs none */
    size_t series_count;
    struct fl_chart_bar bars[FL_CHART_BAR_COUNT_MAX];
    size_t bar_count;
    int64_t x_max;      /* of a cloud, thousandths; its axes begin at 0 and at y_min */
    int64_t y_min;      /* thousandths, above 0 */
    unsigned y_decades; /* y_max is y_min times ten to this */
    uint32_t points[FL_CHART_CELL_COUNT][FL_CHART_CELL_COUNT]; /* [x][y] */
    uint64_t point_count;
    uint64_t left_out_count; /* of which one of the two values is not known */
};

void fl_chart_add_bar(struct fl_document_chart *chart, const char *label);
void fl_chart_add_point(struct fl_document_chart *chart, int64_t x, int64_t y);

/* The value at the middle of a cell. */
int64_t fl_chart_x(const struct fl_document_chart *chart, size_t cell);
int64_t fl_chart_y(const struct fl_document_chart *chart, size_t cell);
