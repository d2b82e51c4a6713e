/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record.h"

#include <string.h>

static void hash_u32(struct fl_sha256 *state, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                        (uint8_t)value};
    fl_sha256_update(state, bytes, sizeof(bytes));
}

static void hash_bytes(struct fl_sha256 *state, struct fl_slice bytes)
{
    if (bytes.data == NULL) {
        hash_u32(state, UINT32_MAX);
        return;
    }
    hash_u32(state, (uint32_t)bytes.size);
    fl_sha256_update(state, bytes.data, bytes.size);
}

void fl_record_hash(struct fl_sha256 *state, const struct fl_record *record,
                    uint8_t out[FL_HASH_SIZE])
{
    uint8_t version = FL_RECORD_HASH_VERSION;
    fl_sha256_begin(state);
    fl_sha256_update(state, &version, 1);
    hash_bytes(state, record->key);
    hash_u32(state, record->header_count);
    for (uint32_t i = 0; i < record->header_count; i++) {
        hash_bytes(state, record->headers[i].name);
        hash_bytes(state, record->headers[i].value);
    }
    hash_bytes(state, record->value);
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
    for (uint32_t i = 0; i < record->header_count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (fl_slice_equal(record->headers[i].name, record->headers[k].name))
                return true;
    return false;
}

size_t fl_record_size(const struct fl_record *record)
{
    size_t size = record->key.size + record->value.size;
    for (uint32_t i = 0; i < record->header_count; i++)
        size += record->headers[i].name.size + record->headers[i].value.size;
    return size;
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
