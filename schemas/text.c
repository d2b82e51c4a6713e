/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/text.h"

#include <utf8proc.h>

static bool is_control(utf8proc_int32_t c)
{
    if (c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029)
        return true;
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Noncharacters (U+FDD0-FDEF, U+xxFFFE, U+xxFFFF) are not for interchange. */
static bool is_noncharacter(utf8proc_int32_t c)
{
    return (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

enum fl_text_verdict fl_text_check(struct fl_slice text)
{
    size_t at = 0;
    while (at < text.size) {
        if (text.data[at] >= 0x20 && text.data[at] < 0x7f) { /* nearly all there is */
            at++;
            continue;
        }
        utf8proc_int32_t c;
        utf8proc_ssize_t size =
            utf8proc_iterate(text.data + at, (utf8proc_ssize_t)(text.size - at), &c);
        if (size <= 0)
            return FL_TEXT_NOT_UTF8;
        if (is_control(c) || is_noncharacter(c))
            return FL_TEXT_CONTROL;
        at += (size_t)size;
    }
    return FL_TEXT_GOOD;
}
