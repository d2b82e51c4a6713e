/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/verify/tamper_block.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "core/journal/embedded.h"

enum { BLOCK_RECORD_COUNT_MAX = 256 };

uint64_t tamper_random(uint64_t *random)
{
    uint64_t value = *random += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* A topic's own environment. */
static struct fl_env *open_topic(const char *directory, const char *topic)
{
    static const char *const tables[FL_EMBEDDED_TABLE_COUNT] = {"meta", "partitions", "blocks",
                                                                "keys"};
    char path[PATH_MAX];
    struct fl_env *env = NULL;
    assert_true(snprintf(path, sizeof(path), "%s/journal/%s", directory, topic) <
                (int)sizeof(path));
    struct fl_env_options options = {.directory = path,
                                     .tables = tables,
                                     .table_count = FL_EMBEDDED_TABLE_COUNT,
                                     .map_size = 64 * 1024 * 1024};
    assert_int_equal(fl_env_open(&options, &env), FL_OK);
    return env;
}

/* The n-th row of a table, modulo their number; copied. */
bool tamper_nth_row(struct fl_kv *kv, unsigned table, uint64_t n, uint8_t *key, size_t *key_size,
                    uint8_t *value, size_t *value_size)
{
    struct fl_kv_walk walk;
    uint64_t count = 0;
    fl_kv_walk_begin(&walk, kv, table, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        count++;
    fl_kv_walk_begin(&walk, kv, table, FL_SLICE_NULL);
    for (uint64_t i = 0; count != 0 && i <= n % count; i++)
        assert_true(fl_kv_walk_next(&walk));
    if (count == 0)
        return false;
    assert_true(walk.value.size <= TAMPER_VALUE_SIZE_MAX);
    memcpy(key, walk.key.data, walk.key.size);
    if (walk.value.size != 0)
        memcpy(value, walk.value.data, walk.value.size);
    *key_size = walk.key.size;
    *value_size = walk.value.size;
    return true;
}

void tamper_bit(const char *directory, const char *topic, uint64_t *random, char *where,
                size_t where_size)
{
    static uint8_t value[TAMPER_VALUE_SIZE_MAX];
    uint8_t key[FL_KV_KEY_SIZE_MAX];
    size_t key_size = 0;
    size_t value_size = 0;
    uint32_t partition = 0;
    uint64_t base = 0;
    struct fl_txn txn;
    struct fl_env *env = open_topic(directory, topic);
    assert_int_equal(fl_txn_begin_write(&txn, env), FL_OK);
    assert_true(tamper_nth_row(&txn.kv, FL_EMBEDDED_BLOCKS, tamper_random(random), key, &key_size,
                               value, &value_size));
    value[tamper_random(random) % value_size] ^= (uint8_t)(1 << tamper_random(random) % 8);
    fl_kv_put(&txn.kv, FL_EMBEDDED_BLOCKS, fl_slice_of(key, key_size),
              fl_slice_of(value, value_size));
    assert_true(fl_block_key_parse(fl_slice_of(key, key_size), &partition, &base));
    snprintf(where, where_size, "%s-%u@%llu", topic, partition, (unsigned long long)base);
    assert_int_equal(fl_txn_commit(&txn), FL_OK);
    fl_env_close(&env);
}

void tamper_gap(const char *directory, const char *topic, uint32_t partition, uint64_t offset)
{
    struct fl_entry entries[BLOCK_RECORD_COUNT_MAX];
    static struct fl_header headers[BLOCK_RECORD_COUNT_MAX * FL_HEADER_COUNT_MAX];
    static uint8_t sealed[TAMPER_VALUE_SIZE_MAX];
    struct fl_block_sink sink = {entries, headers, 0, 0};
    struct fl_block_writer writer;
    struct fl_partition_row row;
    struct fl_block_row block;
    struct fl_block_info info;
    struct fl_txn txn;
    struct fl_env *env = open_topic(directory, topic);
    assert_int_equal(fl_txn_begin_write(&txn, env), FL_OK);
    assert_true(fl_embedded_find(&txn.kv, partition, offset, &block));
    assert_int_equal(fl_block_peek(block.value, &info), FL_OK);
    assert_int_equal(fl_block_read(block.value, block.base, 0, 0, &sink), FL_OK);
    fl_block_writer_init(&writer);
    fl_block_begin(&writer, 0);
    for (size_t i = 0; i < sink.count; i++)
        if (entries[i].offset != offset)
            fl_block_add(&writer, (uint32_t)(entries[i].offset - block.base), &entries[i].record);
    fl_block_end(&writer);
    assert_int_equal(writer.error, FL_OK);
    assert_true(fl_partition_row_get(&txn.kv, partition, &row));
    row.size -= block.value.size;
    if (writer.blocks[0].count == 0) {
        fl_kv_del(&txn.kv, FL_EMBEDDED_BLOCKS, fl_slice_of(block.key, sizeof(block.key)));
    } else {
        fl_block_seal(&writer, &writer.blocks[0], block.key, info.running_ms, sealed);
        fl_kv_put(&txn.kv, FL_EMBEDDED_BLOCKS, fl_slice_of(block.key, sizeof(block.key)),
                  fl_slice_of(sealed, writer.blocks[0].size));
        row.size += writer.blocks[0].size;
    }
    fl_partition_row_put(&txn.kv, partition, &row);
    assert_int_equal(fl_txn_commit(&txn), FL_OK);
    fl_block_writer_fini(&writer);
    fl_env_close(&env);
}
