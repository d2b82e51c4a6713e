/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/reports/draw_text.h"

#ifdef FL_TEST_BUILD
/* fontconfig keeps what it has read of the machine's fonts until the process ends. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig.so\nleak:libpango";
}
#endif

PangoLayout *fl_draw_layout(cairo_t *cairo, double size, bool is_bold)
{
    PangoLayout *layout = pango_cairo_create_layout(cairo);
    PangoFontDescription *font = pango_font_description_new();
    pango_cairo_context_set_resolution(pango_layout_get_context(layout), 72);
    pango_layout_context_changed(layout);
    pango_font_description_set_family_static(font, "DejaVu Sans, Sans");
    pango_font_description_set_weight(font, is_bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_font_description_free(font);
    pango_layout_set_auto_dir(layout, TRUE);
    return layout;
}

void fl_draw_line(cairo_t *cairo, PangoLayout *layout, const char *text, double x, double y,
                  enum fl_draw_place place, double grey)
{
    int width = 0;
    pango_layout_set_text(layout, text, -1);
    pango_layout_get_pixel_size(layout, &width, NULL);
    double left = place == FL_DRAW_LEFT ? x : place == FL_DRAW_RIGHT ? x - width : x - width / 2.0;
    cairo_set_source_rgb(cairo, grey, grey, grey);
    cairo_move_to(cairo, left, y);
    pango_cairo_show_layout(cairo, layout);
}
