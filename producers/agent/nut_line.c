/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/nut_line.h"

#include <string.h>

void fl_nut_lines_init(struct fl_nut_lines *lines)
{
    lines->size = 0;
    lines->skipping = false;
}

static struct fl_slice end_line(struct fl_nut_lines *lines)
{
    struct fl_slice line = {lines->bytes, lines->size};
    if (lines->skipping)
        line = FL_SLICE_NULL;
    else if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    fl_nut_lines_init(lines);
    return line;
}

bool fl_nut_lines_next(struct fl_nut_lines *lines, struct fl_slice *input, struct fl_slice *line)
{
    if (input->size == 0)
        return false;
    const uint8_t *end = memchr(input->data, '\n', input->size);
    size_t size = end != NULL ? (size_t)(end - input->data) : input->size;
    if (size > sizeof(lines->bytes) - lines->size)
        lines->skipping = true;
    if (!lines->skipping) {
        memcpy(lines->bytes + lines->size, input->data, size);
        lines->size += size;
    }
    if (end == NULL) {
        input->data += size;
        input->size = 0;
        return false;
    }
    input->data += size + 1;
    input->size -= size + 1;
    *line = end_line(lines);
    return true;
}

/* One word that begins at *at; false if it does not end. */
static bool take_word(struct fl_slice line, size_t *at, uint8_t *out, size_t *out_size)
{
    bool quoted = line.data[*at] == '"';
    size_t size = 0;
    if (quoted)
        ++*at;
    for (; *at < line.size; ++*at) {
        uint8_t byte = line.data[*at];
        if (byte == '\\') {
            if (++*at == line.size)
                return false;
            byte = line.data[*at];
        } else if (quoted ? byte == '"' : byte == ' ' || byte == '\t' || byte == '"') {
            break;
        }
        if (byte == '\0')
            return false;
        out[size++] = byte;
    }
    if (quoted && *at == line.size)
        return false;
    if (quoted)
        ++*at;
    *out_size = size;
    return true;
}

enum fl_error fl_nut_split(struct fl_slice line, struct fl_nut_words *words)
{
    size_t used = 0;
    words->count = 0;
    if (line.size > sizeof(words->bytes))
        return FL_TOO_LARGE;
    for (size_t at = 0; at < line.size;) {
        if (line.data[at] == ' ' || line.data[at] == '\t') {
            at++;
            continue;
        }
        size_t size;
        if (words->count == FL_NUT_WORD_COUNT_MAX)
            return FL_TOO_LARGE;
        if (!take_word(line, &at, words->bytes + used, &size))
            return FL_INVALID;
        words->word[words->count++] = fl_slice_of(words->bytes + used, size);
        used += size;
    }
    return FL_OK;
}

bool fl_nut_word_is(const struct fl_nut_words *words, size_t index, const char *text)
{
    return index < words->count && fl_slice_is(words->word[index], text);
}

static void put(struct fl_nut_request *request, char byte)
{
    if (request->error != FL_OK)
        return;
    if (request->size == FL_NUT_LINE_SIZE_MAX)
        request->error = FL_TOO_LARGE;
    else
        request->text[request->size++] = byte;
}

void fl_nut_request_begin(struct fl_nut_request *request, const char *verb)
{
    request->size = 0;
    request->error = FL_OK;
    for (const char *at = verb; *at != '\0'; at++)
        put(request, *at);
}

static bool is_plain(struct fl_slice word)
{
    for (size_t i = 0; i < word.size; i++)
        if (word.data[i] <= ' ' || word.data[i] >= 0x7f || strchr("\"\\#=", word.data[i]) != NULL)
            return false;
    return word.size > 0;
}

void fl_nut_request_word(struct fl_nut_request *request, struct fl_slice word)
{
    bool plain = is_plain(word);
    put(request, ' ');
    if (!plain)
        put(request, '"');
    for (size_t i = 0; i < word.size; i++) {
        uint8_t byte = word.data[i];
        if (byte == '\n' || byte == '\r' || byte == '\0') {
            request->error = FL_INVALID;
            return;
        }
        if (byte == '"' || byte == '\\')
            put(request, '\\');
        put(request, (char)byte);
    }
    if (!plain)
        put(request, '"');
}

enum fl_error fl_nut_request_end(struct fl_nut_request *request)
{
    put(request, '\n');
    if (request->error == FL_OK)
        request->text[request->size] = '\0';
    return request->error;
}
