/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Blocks of the embedded journal: several records of one partition as one row's value.
 *
 * All integers big-endian, varints as protobuf's:
 *      0  u32  CRC-32C over bytes 12 … end, then bytes 4 … 11, then the row's key
 *      4  i64  greatest timestamp of the partition up to this block
 *     12  u8   format version, 1
 *     13  u24  0
 *     16  u32  number of records
 *     20  u32  number of headers of all records
 *     24  u32  last record's offset - base offset
 *     28  i64  first record's timestamp
 *     36  i64  greatest timestamp of the block
 *     44       records: varint offset - base, zigzag varint timestamp - first, key, varint number
 *              of headers, each header's name (varint size, bytes) and value, value.
 *              key, header value, value: varint size + 1 and the bytes; NULL is the varint 0
 * The row's key is partition u16, base offset u64. What is known only inside the append's
 * transaction (base offset, bytes 0 … 11) is fed to the CRC last, so that everything else is done
 * before it begins.
 *
 * Invariants: 1. offsets rise within a block. 2. an appended block is at most
 * FL_JOURNAL_BLOCK_SIZE_MAX long unless it holds a single record.
 * Threading: pure. Allocation: the writer grows its buffer; reading allocates nothing.
 */
#include "core/journal_reader.h"

enum { FL_BLOCK_KEY_SIZE = 10, FL_BLOCK_HEADER_SIZE = 44, FL_BLOCK_VERSION = 1 };

void fl_block_key(uint32_t partition, uint64_t base, uint8_t out[FL_BLOCK_KEY_SIZE]);

/* False if it is no such key. */
bool fl_block_key_parse(struct fl_slice key, uint32_t *partition, uint64_t *base);

/* One encoded block inside a writer's buffer. */
struct fl_block {
    size_t at;
    size_t size;
    uint32_t first; /* base offset, relative to the first record of the append */
    uint32_t count;
    uint32_t header_count;
    uint32_t last_delta;
    uint32_t crc; /* over bytes 12 … end */
    int64_t base_ms;
    int64_t max_ms;
};

struct fl_block_writer {
    uint8_t *bytes;
    size_t size;
    size_t capacity;
    struct fl_block *blocks;
    size_t count;
    size_t block_capacity;
    enum fl_error error; /* sticky: FL_NO_MEMORY */
};

void fl_block_writer_init(struct fl_block_writer *writer);
void fl_block_writer_fini(struct fl_block_writer *writer);

/* Forgets the blocks, keeps the buffers. */
void fl_block_writer_reset(struct fl_block_writer *writer);

/* Starts a block whose base lies `first` above the append's first offset. */
void fl_block_begin(struct fl_block_writer *writer, uint32_t first);
void fl_block_add(struct fl_block_writer *writer, uint32_t delta, const struct fl_record *record);
void fl_block_end(struct fl_block_writer *writer);

/* Encodes a batch, split by invariant 2. */
enum fl_error fl_block_write_batch(struct fl_block_writer *writer, const struct fl_record *records,
                                   uint32_t count) FL_MUST_USE;

/* Copies a block to `out` (block->size bytes) and completes it for its row. */
void fl_block_seal(const struct fl_block_writer *writer, const struct fl_block *block,
                   const uint8_t key[FL_BLOCK_KEY_SIZE], int64_t running_ms, uint8_t *out);

/* What stands in a row, before its records are looked at. */
struct fl_block_info {
    uint32_t count;
    uint32_t header_count;
    uint32_t last_delta;
    int64_t max_ms;
    int64_t running_ms;
};

/* FL_CORRUPT if it is too short or of another version. Does not check the CRC: its numbers must not
 * be trusted with memory before fl_block_check. */
enum fl_error fl_block_peek(struct fl_slice value, struct fl_block_info *info) FL_MUST_USE;

/* FL_CORRUPT unless the CRC fits value and key. */
enum fl_error fl_block_check(struct fl_slice value,
                             const uint8_t key[FL_BLOCK_KEY_SIZE]) FL_MUST_USE;

/* Decodes the records at or above offset `from` into `entries` and `headers`, which have room for
 * the block's numbers; `count` and `header_count` receive how much was used. Slices borrow from
 * `value`; `source` is set on each entry. */
struct fl_block_sink {
    struct fl_entry *entries;
    struct fl_header *headers;
    size_t count;
    size_t header_count;
};
enum fl_error fl_block_read(struct fl_slice value, uint64_t base, uint64_t from, uint32_t source,
                            struct fl_block_sink *sink) FL_MUST_USE;
