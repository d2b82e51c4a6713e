/* SPDX-License-Identifier: Apache-2.0 */
#include "core/address.h"

#include <ctype.h>
#include <idn2.h>
#include <stdio.h>
#include <string.h>

enum { LOCAL_SIZE_MAX = 64, DOMAIN_SIZE_MAX = 253, LABEL_SIZE_MAX = 63, INPUT_SIZE_MAX = 1024 };

static bool is_local_part(const char *text, size_t size)
{
    static const char extra[] = ".!#$%&'*+/=?^_`{|}~-";
    if (size == 0 || size > LOCAL_SIZE_MAX)
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c > 0x7e || c <= ' ' || (!isalnum(c) && strchr(extra, c) == NULL))
            return false;
    }
    return true;
}

/* libidn2 lets empty labels and blanks through; RFC 1035 and 1123 do not: letters, digits, hyphens
 * inside. */
static bool is_label(const char *label, size_t size)
{
    if (size == 0 || size > LABEL_SIZE_MAX || label[0] == '-' || label[size - 1] == '-')
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)label[i];
        if (c > 0x7e || (!isalnum(c) && c != '-'))
            return false;
    }
    return true;
}

static bool has_good_labels(const char *domain)
{
    size_t label_count = 0;
    if (strlen(domain) > DOMAIN_SIZE_MAX)
        return false;
    for (;;) {
        size_t size = strcspn(domain, ".");
        if (!is_label(domain, size))
            return false;
        label_count++;
        if (domain[size] == '\0')
            return label_count >= 2;
        domain += size + 1;
    }
}

enum fl_error fl_address_normalise(struct fl_slice input, char out[FL_ADDRESS_TEXT_SIZE])
{
    char text[INPUT_SIZE_MAX + 1];
    while (input.size > 0 && isspace(input.data[0])) {
        input.data++;
        input.size--;
    }
    while (input.size > 0 && isspace(input.data[input.size - 1]))
        input.size--;
    if (input.size == 0)
        return FL_NOT_FOUND;
    if (!fl_slice_to_text(input, text, sizeof(text)))
        return FL_INVALID;
    char *at = strchr(text, '@');
    if (at == NULL || strchr(at + 1, '@') != NULL || !is_local_part(text, (size_t)(at - text)))
        return FL_INVALID;
    /* libidn2 drops some characters silently where it should refuse them: none of ASCII's may get
     * that far. */
    for (const char *c = at + 1; *c != '\0'; c++)
        if ((unsigned char)*c < 0x80 && !isalnum((unsigned char)*c) && *c != '-' && *c != '.')
            return FL_INVALID;
    char *ascii = NULL;
    int code = idn2_to_ascii_8z(at + 1, &ascii,
                                IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL | IDN2_USE_STD3_ASCII_RULES);
    if (code != IDN2_OK)
        return FL_INVALID;
    for (char *c = ascii; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    int size = 0;
    bool good = has_good_labels(ascii);
    if (good)
        size = snprintf(out, FL_ADDRESS_TEXT_SIZE, "%.*s@%s", (int)(at - text), text, ascii);
    idn2_free(ascii);
    return good && size > 0 && size < FL_ADDRESS_TEXT_SIZE ? FL_OK : FL_INVALID;
}
