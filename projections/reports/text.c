/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/reports/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#include "core/timestamp.h"

static const char replacement[] = "\xef\xbf\xbd";
static const char ellipsis[] = "\xe2\x80\xa6";

/* What is shown of one character: itself, a blank, or nothing. */
static const char *shown(utf8proc_int32_t code, const char *itself, size_t *size)
{
    switch ((int)utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        *size = 1;
        return " ";
    case UTF8PROC_CATEGORY_CF:
        *size = 0;
        return "";
    case UTF8PROC_CATEGORY_CN: /* not assigned, U+FFFE among them, which XML must not have */
    case UTF8PROC_CATEGORY_CS:
        *size = sizeof(replacement) - 1;
        return replacement;
    default:
        return itself;
    }
}

size_t fl_document_clean(const char *text, char *out, size_t out_size)
{
    size_t used = 0;
    size_t fits = 0; /* what leaves room for the ellipsis */
    size_t left = strlen(text);
    size_t room = out_size - 1;
    while (left > 0) {
        utf8proc_int32_t code = 0;
        utf8proc_ssize_t bytes =
            utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)left, &code);
        size_t taken = bytes <= 0 ? 1 : (size_t)bytes;
        size_t size = bytes <= 0 ? sizeof(replacement) - 1 : taken;
        const char *part = bytes <= 0 ? replacement : shown(code, text, &size);
        if (size > room - used) {
            memcpy(out + fits, ellipsis, sizeof(ellipsis));
            return fits + sizeof(ellipsis) - 1;
        }
        memcpy(out + used, part, size);
        used += size;
        if (used + sizeof(ellipsis) - 1 <= room)
            fits = used;
        text += taken;
        left -= taken;
    }
    out[used] = '\0';
    return used;
}

bool fl_document_is_formula(const char *text)
{
    static const char *const signs[] = {
        "=", "+", "-", "@", "\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"};
    text += strspn(text, " '");
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (strncmp(text, signs[i], strlen(signs[i])) == 0)
            return true;
    return false;
}

static void format_number(const struct fl_document_column *column, int64_t value,
                          char out[FL_DOCUMENT_CELL_TEXT_SIZE])
{
    static const int64_t steps[] = {1000, 100, 10, 1};
    int64_t step = steps[column->decimals];
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    uint64_t units = (size + (uint64_t)step / 2) / (uint64_t)step;
    uint64_t one = 1000 / (uint64_t)step;
    const char *sign = value < 0 && units > 0 ? "-" : "";
    if (column->decimals == 0)
        snprintf(out, FL_DOCUMENT_CELL_TEXT_SIZE, "%s%" PRIu64, sign, units);
    else
        snprintf(out, FL_DOCUMENT_CELL_TEXT_SIZE, "%s%" PRIu64 ".%0*" PRIu64, sign, units / one,
                 (int)column->decimals, units % one);
}

void fl_document_format(const struct fl_document_column *column, int64_t value,
                        char out[FL_DOCUMENT_CELL_TEXT_SIZE])
{
    char stamp[FL_TIMESTAMP_TEXT_SIZE];
    if (column->type == FL_DOCUMENT_NUMBER) {
        format_number(column, value, out);
        return;
    }
    if (value < 0 || value > FL_TIMESTAMP_MS_MAX) {
        snprintf(out, FL_DOCUMENT_CELL_TEXT_SIZE, "unknown");
        return;
    }
    fl_timestamp_format(value, stamp);
    if (column->type == FL_DOCUMENT_DATE)
        snprintf(out, FL_DOCUMENT_CELL_TEXT_SIZE, "%.10s", stamp);
    else
        snprintf(out, FL_DOCUMENT_CELL_TEXT_SIZE, "%.10s %.8s", stamp, stamp + 11);
}
