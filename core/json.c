/* SPDX-License-Identifier: Apache-2.0 */
#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void fl_json_init(struct fl_json *json, char *data, size_t room)
{
    *json = (struct fl_json){.data = data, .room = room};
}

static void put(struct fl_json *json, const void *bytes, size_t size)
{
    if (json->used < json->room) {
        size_t left = json->room - json->used;
        memcpy(json->data + json->used, bytes, size < left ? size : left);
    }
    json->used += size;
}

static void put_text(struct fl_json *json, const char *text)
{
    put(json, text, strlen(text));
}

bool fl_json_finish(struct fl_json *json)
{
    bool fits = json->used < json->room;
    if (fits)
        json->data[json->used] = '\0';
    return fits;
}

/* Before each name or value; `more` says whether a comma follows what comes now. */
static void begin(struct fl_json *json, bool more)
{
    if (json->separate)
        put(json, ",", 1);
    json->separate = more;
}

void fl_json_object_begin(struct fl_json *json)
{
    begin(json, false);
    put(json, "{", 1);
}

void fl_json_object_end(struct fl_json *json)
{
    put(json, "}", 1);
    json->separate = true;
}

void fl_json_array_begin(struct fl_json *json)
{
    begin(json, false);
    put(json, "[", 1);
}

void fl_json_array_end(struct fl_json *json)
{
    put(json, "]", 1);
    json->separate = true;
}

/* Size of the UTF-8 sequence at `at` (RFC 3629 table), 0 if it is none. */
static size_t sequence_size(const uint8_t *at, size_t left)
{
    static const struct {
        uint8_t first_min, first_max, second_min, second_max, size;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (at[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (at[0] < forms[i].first_min || at[0] > forms[i].first_max)
            continue;
        if (left < forms[i].size || at[1] < forms[i].second_min || at[1] > forms[i].second_max)
            return 0;
        for (size_t k = 2; k < forms[i].size; k++)
            if (at[k] < 0x80 || at[k] > 0xbf)
                return 0;
        return forms[i].size;
    }
    return 0;
}

static bool is_plain(uint8_t c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void put_escaped(struct fl_json *json, uint8_t c)
{
    static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (size_t i = 0; i + 1 < sizeof(shorts); i += 2) {
        if ((uint8_t)shorts[i] == c) {
            put(json, (char[]){'\\', shorts[i + 1]}, 2);
            return;
        }
    }
    char code[7];
    snprintf(code, sizeof(code), "\\u%04x", c);
    put(json, code, 6);
}

static void put_quoted(struct fl_json *json, struct fl_slice text)
{
    put(json, "\"", 1);
    size_t at = 0;
    while (at < text.size) {
        size_t plain = at;
        while (plain < text.size && is_plain(text.data[plain]))
            plain++;
        put(json, text.data + at, plain - at);
        at = plain;
        if (at == text.size)
            break;
        size_t size = sequence_size(text.data + at, text.size - at);
        if (size == 1)
            put_escaped(json, text.data[at]);
        else if (size == 0)
            put_text(json, "\xef\xbf\xbd");
        else
            put(json, text.data + at, size);
        at += size == 0 ? 1 : size;
    }
    put(json, "\"", 1);
}

void fl_json_name(struct fl_json *json, const char *name)
{
    begin(json, false);
    put_quoted(json, fl_slice_text(name));
    put(json, ":", 1);
}

void fl_json_string(struct fl_json *json, struct fl_slice text)
{
    if (text.data == NULL) {
        fl_json_null(json);
        return;
    }
    begin(json, true);
    put_quoted(json, text);
}

void fl_json_text(struct fl_json *json, const char *text)
{
    fl_json_string(json, fl_slice_text(text));
}

void fl_json_null(struct fl_json *json)
{
    begin(json, true);
    put_text(json, "null");
}

void fl_json_bool(struct fl_json *json, bool value)
{
    begin(json, true);
    put_text(json, value ? "true" : "false");
}

static void put_int(struct fl_json *json, int64_t value, const char *quote)
{
    char text[32];
    begin(json, true);
    snprintf(text, sizeof(text), "%s%" PRId64 "%s", quote, value, quote);
    put_text(json, text);
}

void fl_json_int(struct fl_json *json, int64_t value)
{
    put_int(json, value, "");
}

void fl_json_int_text(struct fl_json *json, int64_t value)
{
    put_int(json, value, "\"");
}

static void put_uint(struct fl_json *json, uint64_t value, const char *quote)
{
    char text[32];
    begin(json, true);
    snprintf(text, sizeof(text), "%s%" PRIu64 "%s", quote, value, quote);
    put_text(json, text);
}

void fl_json_uint(struct fl_json *json, uint64_t value)
{
    put_uint(json, value, "");
}

void fl_json_uint_text(struct fl_json *json, uint64_t value)
{
    put_uint(json, value, "\"");
}

void fl_json_base64(struct fl_json *json, struct fl_slice bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    begin(json, true);
    put(json, "\"", 1);
    for (size_t at = 0; at < bytes.size; at += 3) {
        size_t left = bytes.size - at;
        uint32_t three = (uint32_t)bytes.data[at] << 16;
        three |= left > 1 ? (uint32_t)bytes.data[at + 1] << 8 : 0;
        three |= left > 2 ? bytes.data[at + 2] : 0;
        char four[4] = {digits[three >> 18], digits[three >> 12 & 63],
                        left > 1 ? digits[three >> 6 & 63] : '=',
                        left > 2 ? digits[three & 63] : '='};
        put(json, four, sizeof(four));
    }
    put(json, "\"", 1);
}
