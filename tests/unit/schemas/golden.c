/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/schemas/golden.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"

enum { HEADER_COUNT_MAX = 32 };

static struct fl_slice copy_text(struct fl_arena *arena, const char *text)
{
    struct fl_slice copy = fl_arena_copy(arena, fl_slice_text(text));
    fl_assert(copy.data != NULL);
    return copy;
}

static struct fl_slice copy_hex(struct fl_arena *arena, const char *digits)
{
    size_t size = strlen(digits) / 2;
    uint8_t *bytes = fl_arena_alloc(arena, size);
    fl_assert(bytes != NULL && fl_hex_decode(fl_slice_text(digits), bytes, size));
    return fl_slice_of(bytes, size);
}

/* "word rest": cuts the line in two and returns the rest. */
static char *cut(char *line)
{
    char *space = strchr(line, ' ');
    fl_assert(space != NULL);
    *space = '\0';
    return space + 1;
}

static void read_line(struct fl_arena *arena, char *line, struct golden *golden,
                      struct fl_header *headers)
{
    char *rest = cut(line);
    if (strcmp(line, "record") == 0) {
        golden->offset = strtoull(cut(rest), NULL, 10);
        golden->topic = fl_arena_text(arena, fl_slice_text(rest));
    } else if (strcmp(line, "timestamp") == 0) {
        golden->record.timestamp_ms = strtoll(rest, NULL, 10);
    } else if (strcmp(line, "key") == 0) {
        char *key = cut(rest);
        golden->record.key =
            strcmp(rest, "hex") == 0 ? copy_hex(arena, key) : copy_text(arena, key);
    } else if (strcmp(line, "header") == 0) {
        char *value = cut(rest);
        fl_assert(golden->record.header_count < HEADER_COUNT_MAX);
        headers[golden->record.header_count++] =
            (struct fl_header){copy_text(arena, rest), copy_text(arena, value)};
    } else if (strcmp(line, "value") == 0) {
        golden->record.value = copy_hex(arena, rest);
    } else {
        fl_assert(strcmp(line, "hash") == 0);
        fl_assert(fl_hex_decode(fl_slice_text(rest), golden->hash, FL_HASH_SIZE));
    }
}

size_t golden_read(struct fl_arena *arena, const char *path, struct golden out[GOLDEN_COUNT_MAX])
{
    FILE *file = fopen(path, "r");
    fl_assert(file != NULL);
    char *line = NULL;
    size_t room = 0;
    size_t count = 0;
    struct fl_header *headers = NULL;
    while (getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#')
            continue;
        if (line[0] == '\0') {
            count += headers != NULL;
            headers = NULL;
            continue;
        }
        if (headers == NULL) {
            fl_assert(count < GOLDEN_COUNT_MAX);
            headers = fl_arena_calloc(arena, HEADER_COUNT_MAX, sizeof(*headers));
            fl_assert(headers != NULL);
            out[count] = (struct golden){.record = {.headers = headers}};
        }
        read_line(arena, line, &out[count], headers);
    }
    fl_assert(headers == NULL);
    free(line);
    fclose(file);
    return count;
}

static void write_hex(FILE *file, const char *what, struct fl_slice bytes)
{
    fprintf(file, "%s ", what);
    for (size_t i = 0; i < bytes.size; i++)
        fprintf(file, "%02x", bytes.data[i]);
    fputc('\n', file);
}

void golden_write(FILE *file, const struct golden *golden)
{
    const struct fl_record *record = &golden->record;
    bool is_text = true;
    for (size_t i = 0; i < record->key.size; i++)
        is_text = is_text && record->key.data[i] >= ' ' && record->key.data[i] <= '~';
    fprintf(file, "record %s %" PRIu64 "\n", golden->topic, golden->offset);
    fprintf(file, "timestamp %" PRId64 "\n", record->timestamp_ms);
    if (is_text && record->key.size != 0)
        fprintf(file, "key text %.*s\n", (int)record->key.size, record->key.data);
    else
        write_hex(file, "key hex", record->key);
    for (uint32_t i = 0; i < record->header_count; i++)
        fprintf(file, "header %.*s %.*s\n", (int)record->headers[i].name.size,
                record->headers[i].name.data, (int)record->headers[i].value.size,
                record->headers[i].value.data);
    write_hex(file, "value", record->value);
    write_hex(file, "hash", fl_slice_of(golden->hash, FL_HASH_SIZE));
    fputc('\n', file);
}
