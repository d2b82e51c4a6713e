/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Text for pages and charts: pango on a cairo context, in points. */
#include <pango/pangocairo.h>
#include <stdbool.h>

enum fl_draw_place { FL_DRAW_LEFT, FL_DRAW_CENTRE, FL_DRAW_RIGHT };

/* A layout of one size; the caller unrefs it. A point is a point, whatever the screen. */
PangoLayout *fl_draw_layout(cairo_t *cairo, double size, bool is_bold);

/* One line with its upper edge at y, beginning, centred or ending at x; `grey` 0 is black. */
void fl_draw_line(cairo_t *cairo, PangoLayout *layout, const char *text, double x, double y,
                  enum fl_draw_place place, double grey);
