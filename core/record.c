/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record.h"

#include <string.h>

#include "core/bytes.h"

/* Names, values and their lengths are many and short: they are gathered, so that the hash sees few
 * and long pieces. */
enum { GATHER_SIZE = 1024 };

struct gather {
    struct fl_sha256 *state;
    size_t used;
    uint8_t bytes[GATHER_SIZE];
};

static void gather_flush(struct gather *gather)
{
    fl_sha256_update(gather->state, gather->bytes, gather->used);
    gather->used = 0;
}

static void gather_u32(struct gather *gather, uint32_t value)
{
    if (GATHER_SIZE - gather->used < 4)
        gather_flush(gather);
    fl_put_u32(gather->bytes + gather->used, value);
    gather->used += 4;
}

static void gather_bytes(struct gather *gather, struct fl_slice bytes)
{
    if (bytes.data == NULL) {
        gather_u32(gather, UINT32_MAX);
        return;
    }
    gather_u32(gather, (uint32_t)bytes.size);
    if (bytes.size > GATHER_SIZE - gather->used)
        gather_flush(gather);
    if (bytes.size > GATHER_SIZE) {
        fl_sha256_update(gather->state, bytes.data, bytes.size);
        return;
    }
    memcpy(gather->bytes + gather->used, bytes.data, bytes.size);
    gather->used += bytes.size;
}

void fl_record_hash(struct fl_sha256 *state, const struct fl_record *record,
                    uint8_t out[FL_HASH_SIZE])
{
    struct gather gather;
    gather.state = state;
    gather.bytes[0] = FL_RECORD_HASH_VERSION;
    gather.used = 1;
    fl_sha256_begin(state);
    gather_bytes(&gather, record->key);
    gather_u32(&gather, record->header_count);
    for (uint32_t i = 0; i < record->header_count; i++) {
        gather_bytes(&gather, record->headers[i].name);
        gather_bytes(&gather, record->headers[i].value);
    }
    gather_bytes(&gather, record->value);
    gather_flush(&gather);
    fl_sha256_end(state, out);
}

const struct fl_header *fl_record_header(const struct fl_record *record, const char *name)
{
    size_t size = strlen(name);
    for (uint32_t i = 0; i < record->header_count; i++) {
        const struct fl_header *header = &record->headers[i];
        if (header->name.size == size && memcmp(header->name.data, name, size) == 0)
            return header;
    }
    return NULL;
}

bool fl_record_has_duplicate_header(const struct fl_record *record)
{
    /* Names that differ in length and last byte are different: mostly all do, or nearly. */
    uint64_t met = 0;
    for (uint32_t i = 0; i < record->header_count; i++) {
        struct fl_slice name = record->headers[i].name;
        unsigned last = name.size == 0 ? 0 : name.data[name.size - 1];
        uint64_t bit = UINT64_C(1) << ((name.size * 7 + last) % 64);
        for (uint32_t k = 0; (met & bit) != 0 && k < i; k++)
            if (name.size == record->headers[k].name.size &&
                fl_slice_equal(name, record->headers[k].name))
                return true;
        met |= bit;
    }
    return false;
}

size_t fl_record_size(const struct fl_record *record)
{
    size_t size = record->key.size + record->value.size;
    for (uint32_t i = 0; i < record->header_count; i++)
        size += record->headers[i].name.size + record->headers[i].value.size;
    return size;
}

/* Copies a byte string to `at`, which moves behind it. */
static struct fl_slice place(uint8_t **at, struct fl_slice from)
{
    if (from.data == NULL)
        return FL_SLICE_NULL;
    uint8_t *copy = *at;
    if (from.size != 0)
        memcpy(copy, from.data, from.size);
    *at += from.size;
    return fl_slice_of(copy, from.size);
}

bool fl_record_copy(struct fl_arena *arena, const struct fl_record *from, struct fl_record *to)
{
    /* One block: a record has dozens of byte strings. One byte more, so that an empty one at its
     * end still points inside. */
    size_t table_size = from->header_count * sizeof(struct fl_header);
    struct fl_header *headers = fl_arena_alloc(arena, table_size + fl_record_size(from) + 1);
    if (headers == NULL)
        return false;
    uint8_t *at = (uint8_t *)headers + table_size;
    *to = *from;
    to->key = place(&at, from->key);
    for (uint32_t i = 0; i < from->header_count; i++) {
        headers[i].name = place(&at, from->headers[i].name);
        headers[i].value = place(&at, from->headers[i].value);
    }
    to->value = place(&at, from->value);
    to->headers = headers;
    return true;
}

enum fl_error fl_record_check_limits(const struct fl_record *record, const char **what)
{
    *what = NULL;
    if (record->key.size > FL_KEY_SIZE_MAX)
        *what = "key";
    else if (record->header_count > FL_HEADER_COUNT_MAX)
        *what = "number of headers";
    for (uint32_t i = 0; *what == NULL && i < record->header_count; i++) {
        if (record->headers[i].name.size > FL_HEADER_NAME_SIZE_MAX)
            *what = "header name";
        else if (record->headers[i].value.size > FL_HEADER_VALUE_SIZE_MAX)
            *what = "header value";
    }
    if (*what == NULL && fl_record_size(record) > FL_RECORD_SIZE_MAX)
        *what = "record";
    return *what == NULL ? FL_OK : FL_TOO_LARGE;
}
