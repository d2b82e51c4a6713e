/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/place.h"

#include <stdarg.h>
#include <stdio.h>

static size_t write_path(const struct fl_place *place, char *out, size_t room)
{
    size_t used = place->parent == NULL ? 0 : write_path(place->parent, out, room);
    if (place->field[0] == '\0' || used >= room)
        return used;
    const char *dot = used == 0 ? "" : ".";
    int size = place->repeated
                   ? snprintf(out + used, room - used, "%s%s[%zu]", dot, place->field, place->index)
                   : snprintf(out + used, room - used, "%s%s", dot, place->field);
    return size < 0 ? used : used + (size_t)size;
}

enum fl_error fl_place_refuse(char detail[FL_DETAIL_SIZE], const struct fl_place *place,
                              enum fl_error error, const char *format, ...)
{
    size_t used = write_path(place, detail, FL_DETAIL_SIZE);
    if (used != 0 && used + 2 < FL_DETAIL_SIZE) {
        detail[used++] = ':';
        detail[used++] = ' ';
    }
    if (used >= FL_DETAIL_SIZE)
        return error;
    va_list args;
    va_start(args, format);
    vsnprintf(detail + used, FL_DETAIL_SIZE - used, format, args);
    va_end(args);
    return error;
}
