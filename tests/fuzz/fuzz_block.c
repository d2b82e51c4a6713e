/* SPDX-License-Identifier: Apache-2.0
 * Bytes as a block of the embedded journal, past its CRC. The decoder must stay in its buffers, and
 * what it accepts must come back from being written again. */
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/journal/block.h"
#include "tests/fuzz/fuzz.h"

enum { COUNT_MAX = 4096 };

struct decoded {
    struct fl_block_sink sink;
    struct fl_block_info info;
};

static bool decode(struct fl_slice value, struct decoded *out)
{
    memset(out, 0, sizeof(*out));
    if (fl_block_peek(value, &out->info) != FL_OK || out->info.count > COUNT_MAX ||
        out->info.header_count > COUNT_MAX)
        return false;
    out->sink.entries = calloc((size_t)out->info.count + 1, sizeof(*out->sink.entries));
    out->sink.headers = calloc((size_t)out->info.header_count + 1, sizeof(*out->sink.headers));
    return fl_block_read(value, 0, 0, 0, &out->sink) == FL_OK;
}

static void release(struct decoded *decoded)
{
    free(decoded->sink.entries);
    free(decoded->sink.headers);
}

static void same(const struct fl_record *a, const struct fl_record *b)
{
    fl_assert(fl_slice_equal(a->key, b->key) && fl_slice_equal(a->value, b->value));
    fl_assert(a->timestamp_ms == b->timestamp_ms && a->header_count == b->header_count);
    for (uint32_t i = 0; i < a->header_count; i++) {
        /* A name is never NULL; an empty one, which the port refuses, is still one. */
        fl_assert(fl_slice_compare(a->headers[i].name, b->headers[i].name) == 0);
        fl_assert(fl_slice_equal(a->headers[i].value, b->headers[i].value));
    }
}

static void write_again(const struct decoded *first)
{
    struct fl_block_writer writer;
    struct decoded second;
    uint8_t key[FL_BLOCK_KEY_SIZE];
    fl_block_writer_init(&writer);
    fl_block_begin(&writer, 0);
    for (size_t i = 0; i < first->sink.count; i++)
        fl_block_add(&writer, (uint32_t)first->sink.entries[i].offset,
                     &first->sink.entries[i].record);
    fl_block_end(&writer);
    fl_assert(writer.error == FL_OK);
    uint8_t *bytes = malloc(writer.blocks[0].size);
    struct fl_slice value = fl_slice_of(bytes, writer.blocks[0].size);
    fl_block_key(0, 0, key);
    fl_block_seal(&writer, &writer.blocks[0], key, 0, bytes);
    fl_assert(fl_block_check(value, key) == FL_OK);
    bool again = decode(value, &second);
    fl_assert(again && second.sink.count == first->sink.count);
    for (size_t i = 0; i < first->sink.count; i++) {
        fl_assert((uint32_t)first->sink.entries[i].offset == second.sink.entries[i].offset);
        same(&first->sink.entries[i].record, &second.sink.entries[i].record);
    }
    release(&second);
    free(bytes);
    fl_block_writer_fini(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size + 1); /* so that a read past the end is seen */
    struct decoded decoded;
    memcpy(exact, data, size);
    exact = realloc(exact, size == 0 ? 1 : size);
    if (decode(fl_slice_of(exact, size), &decoded))
        write_again(&decoded);
    release(&decoded);
    free(exact);
    return 0;
}
