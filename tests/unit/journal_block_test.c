/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal/block.h"
#include "core/journal/crc32c.h"
#include "core/port.h"

static struct fl_port_virtual chance;

static uint32_t below(uint32_t bound)
{
    uint32_t value = 0;
    fl_port_random(&chance.port, &value, sizeof(value));
    return value % bound;
}

/* RFC 3720 appendix B.4 (read in memory order), and the check value "123456789" of the catalogues.
 */
static void the_checksum_is_castagnolis(void **state)
{
    (void)state;
    uint8_t bytes[32];
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(fl_crc32c(0, bytes, sizeof(bytes)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(fl_crc32c(0, bytes, sizeof(bytes)), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(fl_crc32c(0, bytes, sizeof(bytes)), 0x46dd794e);
    for (int i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(fl_crc32c(0, bytes, sizeof(bytes)), 0x113fdb5c);
    assert_int_equal(fl_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(fl_crc32c(0, "", 0), 0);
}

static void table_and_instruction_agree_and_pieces_join(void **state)
{
    (void)state;
    uint8_t bytes[300];
    fl_port_random(&chance.port, bytes, sizeof(bytes));
    for (int i = 0; i < 2000; i++) {
        size_t from = below(20);
        size_t size = below(280);
        size_t cut = size == 0 ? 0 : below((uint32_t)size);
        uint32_t whole = fl_crc32c(7, bytes + from, size);
        assert_int_equal(whole, fl_crc32c_by_table(7, bytes + from, size));
        uint32_t first = fl_crc32c(7, bytes + from, cut);
        assert_int_equal(whole, fl_crc32c(first, bytes + from + cut, size - cut));
    }
}

enum { RECORD_COUNT = 400, POOL_SIZE = 70000 };

struct made {
    uint8_t pool[POOL_SIZE];
    struct fl_header headers[RECORD_COUNT][4];
    struct fl_record records[RECORD_COUNT];
};

static struct fl_slice any_slice(struct made *made, uint32_t size_max)
{
    if (below(5) == 0)
        return FL_SLICE_NULL;
    uint32_t size = below(4) == 0 ? 0 : below(size_max);
    return fl_slice_of(made->pool + below(POOL_SIZE - size_max), size);
}

static struct made *make_records(void)
{
    struct made *made = calloc(1, sizeof(*made));
    fl_port_random(&chance.port, made->pool, sizeof(made->pool));
    for (int i = 0; i < RECORD_COUNT; i++) {
        struct fl_record *record = &made->records[i];
        record->key = any_slice(made, 256);
        record->value = any_slice(made, below(40) == 0 ? 60000 : 500);
        record->timestamp_ms = 1700000000000 + (int64_t)below(100000) - 50000;
        record->headers = made->headers[i];
        record->header_count = below(5);
        for (uint32_t k = 0; k < record->header_count; k++) {
            made->headers[i][k].name = fl_slice_of(made->pool + below(1000), 1 + below(64));
            made->headers[i][k].value = any_slice(made, 300);
        }
    }
    return made;
}

static void same_record(const struct fl_record *a, const struct fl_record *b)
{
    assert_true(fl_slice_equal(a->key, b->key));
    assert_true(fl_slice_equal(a->value, b->value));
    assert_int_equal(a->timestamp_ms, b->timestamp_ms);
    assert_int_equal(a->header_count, b->header_count);
    for (uint32_t i = 0; i < a->header_count; i++) {
        assert_true(fl_slice_equal(a->headers[i].name, b->headers[i].name));
        assert_true(fl_slice_equal(a->headers[i].value, b->headers[i].value));
    }
}

/* Seals a block at base 1000 and reads it back; returns its records' number. */
static uint32_t check_block(const struct fl_block_writer *writer, const struct fl_block *block,
                            const struct fl_record *records)
{
    uint8_t key[FL_BLOCK_KEY_SIZE];
    uint8_t *bytes = malloc(block->size);
    struct fl_block_info info;
    struct fl_slice value = fl_slice_of(bytes, block->size);
    fl_block_key(3, 1000 + block->first, key);
    fl_block_seal(writer, block, key, 42, bytes);
    assert_int_equal(fl_block_check(value, key), FL_OK);
    assert_int_equal(fl_block_peek(value, &info), FL_OK);
    assert_int_equal(info.running_ms, 42);
    assert_int_equal(info.last_delta, info.count - 1);
    struct fl_block_sink sink = {calloc(info.count + 1, sizeof(*sink.entries)),
                                 calloc(info.header_count + 1, sizeof(*sink.headers)), 0, 0};
    uint64_t from = 1000 + block->first + info.count / 2;
    assert_int_equal(fl_block_read(value, 1000 + block->first, from, 9, &sink), FL_OK);
    assert_int_equal(sink.count, info.count - info.count / 2);
    assert_int_equal(fl_block_read(value, 1000 + block->first, 1000 + block->first, 9, &sink),
                     FL_OK);
    assert_int_equal(sink.count, info.count);
    for (uint32_t i = 0; i < info.count; i++) {
        assert_int_equal(sink.entries[i].offset, 1000 + block->first + i);
        assert_int_equal(sink.entries[i].source, 9);
        same_record(&sink.entries[i].record, &records[block->first + i]);
        assert_true(sink.entries[i].record.timestamp_ms <= info.max_ms);
    }
    free(sink.entries);
    free(sink.headers);
    free(bytes);
    return info.count;
}

static void random_batches_come_back_from_blocks_of_bounded_size(void **state)
{
    (void)state;
    struct fl_block_writer writer;
    fl_block_writer_init(&writer);
    for (int round = 0; round < 20; round++) {
        struct made *made = make_records();
        uint32_t seen = 0;
        assert_int_equal(fl_block_write_batch(&writer, made->records, RECORD_COUNT), FL_OK);
        for (size_t b = 0; b < writer.count; b++) {
            assert_int_equal(writer.blocks[b].first, seen);
            assert_true(writer.blocks[b].size <= FL_JOURNAL_BLOCK_SIZE_MAX ||
                        writer.blocks[b].count == 1);
            seen += check_block(&writer, &writer.blocks[b], made->records);
        }
        assert_int_equal(seen, RECORD_COUNT);
        free(made);
    }
    fl_block_writer_fini(&writer);
}

/* One block of a few records for the tests below, sealed with its key. */
static uint8_t *small_block(size_t *size, uint8_t key[FL_BLOCK_KEY_SIZE])
{
    static const struct fl_header headers[] = {{FL_SLICE_LITERAL("name"), FL_SLICE_LITERAL("v")}};
    const struct fl_record records[] = {
        {FL_SLICE_LITERAL("key"), FL_SLICE_LITERAL("value"), headers, 1, 1000},
        {FL_SLICE_NULL, FL_SLICE_LITERAL("second"), headers, 1, 900},
    };
    struct fl_block_writer writer;
    fl_block_writer_init(&writer);
    assert_int_equal(fl_block_write_batch(&writer, records, 2), FL_OK);
    *size = writer.blocks[0].size;
    uint8_t *bytes = malloc(*size);
    fl_block_key(3, 77, key);
    fl_block_seal(&writer, &writer.blocks[0], key, 1000, bytes);
    fl_block_writer_fini(&writer);
    return bytes;
}

static void every_changed_bit_and_another_place_are_noticed(void **state)
{
    (void)state;
    size_t size = 0;
    uint8_t key[FL_BLOCK_KEY_SIZE];
    uint8_t *bytes = small_block(&size, key);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(fl_block_check(fl_slice_of(bytes, size), key), FL_CORRUPT);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(fl_block_check(fl_slice_of(bytes, cut), key), FL_CORRUPT);
    assert_int_equal(fl_block_check(fl_slice_of(bytes, size), key), FL_OK);
    fl_block_key(3, 78, key);
    assert_int_equal(fl_block_check(fl_slice_of(bytes, size), key), FL_CORRUPT);
    fl_block_key(4, 77, key);
    assert_int_equal(fl_block_check(fl_slice_of(bytes, size), key), FL_CORRUPT);
    free(bytes);
}

/* The decoder alone, without the CRC in front of it: it may refuse or give nonsense, but stays in
 * its buffers (the sanitizers watch). */
static void the_decoder_survives_junk(void **state)
{
    (void)state;
    size_t size = 0;
    uint8_t key[FL_BLOCK_KEY_SIZE];
    uint8_t *good = small_block(&size, key);
    unsigned refused = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t *junk = malloc(size); /* exactly as long, so that a read past it is seen */
        struct fl_block_info info;
        memcpy(junk, good, size);
        for (int flips = 0; flips < 3; flips++)
            junk[FL_BLOCK_HEADER_SIZE + below((uint32_t)(size - FL_BLOCK_HEADER_SIZE))] =
                (uint8_t)below(256);
        size_t cut = below(4) == 0 ? FL_BLOCK_HEADER_SIZE + below(20) : size;
        uint8_t *exact = malloc(cut);
        memcpy(exact, junk, cut);
        struct fl_slice value = fl_slice_of(exact, cut);
        assert_int_equal(fl_block_peek(value, &info), FL_OK);
        struct fl_block_sink sink = {calloc(info.count + 1, sizeof(*sink.entries)),
                                     calloc(info.header_count + 1, sizeof(*sink.headers)), 0, 0};
        refused += fl_block_read(value, 77, 77, 0, &sink) != FL_OK;
        assert_true(sink.count <= info.count && sink.header_count <= info.header_count);
        free(sink.entries);
        free(sink.headers);
        free(exact);
        free(junk);
    }
    assert_true(refused > 1000);
    free(good);
}

int main(void)
{
    const char *given = getenv("FLEETLOG_SEED");
    uint64_t seed = given == NULL ? 1 : strtoull(given, NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_is_castagnolis),
        cmocka_unit_test(table_and_instruction_agree_and_pieces_join),
        cmocka_unit_test(random_batches_come_back_from_blocks_of_bounded_size),
        cmocka_unit_test(every_changed_bit_and_another_place_are_noticed),
        cmocka_unit_test(the_decoder_survives_junk),
    };
    print_message("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    fl_port_virtual_init(&chance, seed, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
