/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/reports/chart.h"

#include <math.h>
#include <stdio.h>

void fl_chart_add_bar(struct fl_document_chart *chart, const char *label)
{
    if (chart->bar_count < FL_CHART_BAR_COUNT_MAX)
        snprintf(chart->bars[chart->bar_count++].label, FL_CHART_LABEL_SIZE, "%s", label);
}

static size_t cell_of(double share)
{
    double cell = floor(share * FL_CHART_CELL_COUNT);
    return cell < 0 ? 0 : cell >= FL_CHART_CELL_COUNT ? FL_CHART_CELL_COUNT - 1 : (size_t)cell;
}

void fl_chart_add_point(struct fl_document_chart *chart, int64_t x, int64_t y)
{
    int64_t above = y < chart->y_min ? chart->y_min : y;
    double up = log10((double)above / (double)chart->y_min) / chart->y_decades;
    chart->points[cell_of((double)x / (double)chart->x_max)][cell_of(up)]++;
    chart->point_count++;
}

int64_t fl_chart_x(const struct fl_document_chart *chart, size_t cell)
{
    return (int64_t)(((double)cell + 0.5) * (double)chart->x_max / FL_CHART_CELL_COUNT);
}

int64_t fl_chart_y(const struct fl_document_chart *chart, size_t cell)
{
    double decades = ((double)cell + 0.5) * chart->y_decades / FL_CHART_CELL_COUNT;
    return (int64_t)((double)chart->y_min * pow(10, decades));
}
