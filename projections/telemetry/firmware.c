/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/telemetry/firmware.h"

#include <ctype.h>
#include <string.h>

static struct fl_slice trimmed(struct fl_slice text)
{
    while (text.size > 0 && text.data[0] == ' ')
        text = fl_slice_of(text.data + 1, text.size - 1);
    while (text.size > 0 && text.data[text.size - 1] == ' ')
        text.size--;
    return text;
}

/* Bytes behind the first place of `words`; a NULL slice if there is none. */
static struct fl_slice behind(struct fl_slice text, const char *words)
{
    size_t size = strlen(words);
    for (size_t at = 0; at + size <= text.size; at++)
        if (memcmp(text.data + at, words, size) == 0)
            return fl_slice_of(text.data + at + size, text.size - at - size);
    return FL_SLICE_NULL;
}

/* The word at the start: letters, digits and points. */
static struct fl_slice word(struct fl_slice text)
{
    size_t size = 0;
    while (size < text.size && (isalnum(text.data[size]) || text.data[size] == '.'))
        size++;
    return fl_slice_of(text.data, size);
}

static size_t digits(struct fl_slice text)
{
    size_t size = 0;
    while (size < text.size && isdigit(text.data[size]))
        size++;
    return size;
}

static bool keep(struct fl_slice version, struct fl_slice internal_id,
                 struct fl_firmware_version *out)
{
    struct fl_firmware_version kept = {.version = ""};
    if (version.size == 0 || !fl_slice_to_text(version, kept.version, sizeof(kept.version)) ||
        (internal_id.size != 0 &&
         !fl_slice_to_text(internal_id, kept.internal_id, sizeof(kept.internal_id))))
        return false;
    *out = kept;
    return true;
}

/* "652.18.I" */
static bool parse_dotted(struct fl_slice text, struct fl_firmware_version *out)
{
    size_t first = digits(text);
    if (first == 0 || first + 1 >= text.size || text.data[first] != '.')
        return false;
    struct fl_slice rest = fl_slice_of(text.data + first + 1, text.size - first - 1);
    size_t second = digits(rest);
    if (second == 0 || rest.size != second + 2 || rest.data[second] != '.' ||
        !isalpha(rest.data[second + 1]))
        return false;
    return keep(fl_slice_of(text.data, first), fl_slice_of(rest.data, second), out);
}

bool fl_firmware_parse(struct fl_slice text, struct fl_firmware_version *version)
{
    text = trimmed(text);
    struct fl_slice ups = behind(text, "UPS ");
    struct fl_slice number = ups.data == NULL ? FL_SLICE_NULL : word(ups);
    if (number.data == NULL || number.size == 0)
        return parse_dotted(text, version) || keep(text, FL_SLICE_NULL, version);
    struct fl_slice id = behind(ups, "ID");
    if (id.data != NULL && id.size > 0 && id.data[0] == '=')
        id = fl_slice_of(id.data + 1, id.size - 1);
    if (id.data != NULL)
        id.size = digits(id);
    return keep(number, id, version);
}

bool fl_firmware_is(const struct fl_firmware_version *seen, const char *version,
                    const char *internal_id)
{
    return strcmp(seen->version, version) == 0 &&
           (internal_id[0] == '\0' || strcmp(seen->internal_id, internal_id) == 0);
}

bool fl_firmware_is_stone(const struct fl_firmware_version *version, const char *stone)
{
    const char *slash = strchr(stone, '/');
    size_t size = slash == NULL ? strlen(stone) : (size_t)(slash - stone);
    return strlen(version->version) == size && memcmp(version->version, stone, size) == 0 &&
           (slash == NULL || strcmp(version->internal_id, slash + 1) == 0);
}
