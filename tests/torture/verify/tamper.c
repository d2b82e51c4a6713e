/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/torture/verify/tamper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "projections/store/store.h"

enum { READ_SIZE = 1024 * 1024, BLOCK_COUNT = 3 };

uint64_t tamper_seed(void)
{
    const char *text = getenv("FLEETLOG_SEED");
    uint64_t seed =
        text == NULL ? (uint64_t)fl_port_wall_ms(fl_port_system()) : strtoull(text, NULL, 10);
    printf("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

static const char *name_of(enum fl_topic topic)
{
    return fl_topic_row(topic)->spec.name;
}

static struct fl_record keep(struct fl_arena *arena, const struct fl_record *record)
{
    struct fl_record copy = *record;
    struct fl_header *headers = fl_arena_calloc(arena, record->header_count + 1, sizeof(*headers));
    copy.key = fl_arena_copy(arena, record->key);
    copy.value = fl_arena_copy(arena, record->value);
    for (uint32_t i = 0; i < record->header_count; i++) {
        headers[i].name = fl_arena_copy(arena, record->headers[i].name);
        headers[i].value = fl_arena_copy(arena, record->headers[i].value);
    }
    copy.headers = headers;
    assert_false(arena->exhausted);
    return copy;
}

static void read_partition(struct fl_journal *journal, struct tampered *t, uint32_t partition)
{
    struct fl_source source = {name_of(t->topic), partition, 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch = {.at_end = false};
    assert_int_equal(fl_reader_open(journal, &source, 1, &reader), FL_OK);
    while (!batch.at_end) {
        assert_int_equal(fl_reader_poll(reader, 0, READ_SIZE, &batch), FL_OK);
        for (size_t i = 0; i < batch.count; i++) {
            assert_true(t->counts[partition] < TAMPER_RECORD_COUNT_MAX);
            t->records[partition][t->counts[partition]++] =
                keep(&t->arena, &batch.entries[i].record);
        }
    }
    fl_reader_close(&reader);
}

void tamper_open(struct node *node, enum fl_topic topic, struct tampered *t)
{
    memset(t->counts, 0, sizeof(t->counts));
    t->topic = topic;
    fl_arena_init(&t->arena, 64 * 1024 * 1024);
    struct fl_journal *journal = node_journal(node);
    for (uint32_t p = 0; p < fl_topic_row(topic)->spec.partition_count; p++)
        read_partition(journal, t, p);
    fl_journal_close(&journal);
}

void tamper_close(struct node *node, struct tampered *t)
{
    struct fl_journal *journal = node_journal(node);
    assert_int_equal(fl_journal_delete_topic(journal, name_of(t->topic)), FL_OK);
    assert_int_equal(fl_journal_ensure_topic(journal, &fl_topic_row(t->topic)->spec), FL_OK);
    for (uint32_t p = 0; p < NODE_PARTITIONS; p++) {
        for (size_t i = 0; i < t->counts[p]; i += BLOCK_COUNT) {
            size_t left = t->counts[p] - i;
            uint64_t offsets[BLOCK_COUNT];
            struct fl_append batch = {name_of(t->topic),
                                      p,
                                      (uint32_t)(left < BLOCK_COUNT ? left : BLOCK_COUNT),
                                      &t->records[p][i],
                                      FL_OFFSET_NONE,
                                      offsets};
            if (fl_journal_append(journal, &batch, 1) != FL_OK)
                fail_msg("%s", fl_journal_detail(journal));
        }
    }
    fl_journal_close(&journal);
    fl_arena_fini(&t->arena);
}

void tamper_delete(struct tampered *t, uint32_t partition, size_t index)
{
    struct fl_record *records = t->records[partition];
    assert_true(index < t->counts[partition]);
    memmove(&records[index], &records[index + 1],
            (--t->counts[partition] - index) * sizeof(*records));
}

void tamper_insert(struct tampered *t, uint32_t partition, size_t index,
                   const struct fl_record *record)
{
    struct fl_record *records = t->records[partition];
    assert_true(index <= t->counts[partition] && t->counts[partition] < TAMPER_RECORD_COUNT_MAX);
    memmove(&records[index + 1], &records[index],
            (t->counts[partition]++ - index) * sizeof(*records));
    records[index] = keep(&t->arena, record);
}

void tamper_swap(struct tampered *t, uint32_t partition, size_t index)
{
    struct fl_record *records = t->records[partition];
    assert_true(index + 1 < t->counts[partition]);
    struct fl_record first = records[index];
    records[index] = records[index + 1];
    records[index + 1] = first;
}

/* The bytes lie in the arena. */
static bool flip_bytes(struct fl_slice bytes, uint64_t *random)
{
    if (bytes.size == 0)
        return false;
    uint8_t *at = (uint8_t *)(uintptr_t)bytes.data + tamper_random(random) % bytes.size;
    *at ^= (uint8_t)(1 + tamper_random(random) % 255);
    return true;
}

void tamper_flip(struct tampered *t, uint32_t partition, size_t index, uint64_t *random, char *what,
                 size_t what_size)
{
    struct fl_record *record = &t->records[partition][index];
    bool done = false;
    while (!done) {
        uint32_t part = (uint32_t)(tamper_random(random) % (3 + 2 * (record->header_count + 1)));
        uint32_t header = (part - 3) / 2;
        if (part == 0) {
            done = flip_bytes(record->key, random);
            snprintf(what, what_size, "key");
        } else if (part == 1) {
            done = flip_bytes(record->value, random);
            snprintf(what, what_size, "value");
        } else if (part == 2) {
            done = fl_record_header(record, "ce_time") != NULL;
            record->timestamp_ms -= done ? 1 + (int64_t)(tamper_random(random) % 5000) : 0;
            snprintf(what, what_size, "timestamp");
        } else if (header < record->header_count) {
            const struct fl_header *found = &record->headers[header];
            done = flip_bytes(part % 2 == 0 ? found->name : found->value, random);
            snprintf(what, what_size, "%s of header %u", part % 2 == 0 ? "name" : "value", header);
        }
    }
}

/* True if a later record has the same bytes: it takes the place of one that becomes void. */
static bool has_twin(const struct tampered *events, size_t index)
{
    struct fl_sha256 *sha = fl_sha256_open();
    uint8_t hashes[2][FL_HASH_SIZE];
    bool found = false;
    fl_record_hash(sha, &events->records[0][index], hashes[0]);
    for (size_t i = index + 1; i < events->counts[0] && !found; i++) {
        fl_record_hash(sha, &events->records[0][i], hashes[1]);
        found = memcmp(hashes[0], hashes[1], FL_HASH_SIZE) == 0;
    }
    fl_sha256_close(&sha);
    return found;
}

size_t tamper_valid_events(const struct tampered *events, size_t indexes[TAMPER_RECORD_COUNT_MAX])
{
    struct fl_chain_head head;
    struct fl_sha256 *sha = fl_sha256_open();
    size_t count = 0;
    fl_chain_init(&head);
    for (size_t i = 0; i < events->counts[0]; i++) {
        uint8_t hash[FL_HASH_SIZE];
        const struct fl_record *record = &events->records[0][i];
        if (fl_chain_judge(&head, sha, record, hash) != FL_CHAIN_VALID)
            continue;
        fl_chain_advance(&head, record, i, hash);
        if (!has_twin(events, i))
            indexes[count++] = i;
    }
    fl_sha256_close(&sha);
    return count;
}

/* The view's current version, for writing. */
static struct fl_env *open_view(const struct node *node, const struct fl_view *view)
{
    const char *tables[FL_KV_TABLE_COUNT_MAX];
    char views[NODE_PATH_SIZE + 16];
    char version[FL_VERSION_NAME_SIZE];
    char path[PATH_MAX];
    struct fl_versions versions;
    struct fl_env *env = NULL;
    snprintf(views, sizeof(views), "%s/views", node->copy);
    assert_int_equal(fl_versions_open(&versions, views, view->name, false), FL_OK);
    assert_int_equal(fl_versions_read(&versions, FL_LINK_CURRENT, version), FL_OK);
    assert_int_equal(fl_versions_path(&versions, version, path), FL_OK);
    fl_store_tables(view, tables);
    struct fl_env_options options = {.directory = path,
                                     .tables = tables,
                                     .table_count = FL_KV_TABLE_COUNT_MAX,
                                     .map_size = 64 * 1024 * 1024};
    assert_int_equal(fl_env_open(&options, &env), FL_OK);
    return env;
}

bool tamper_row(struct node *node, const struct fl_view *view, unsigned table, enum tamper_row how,
                uint64_t *random)
{
    static uint8_t value[TAMPER_VALUE_SIZE_MAX];
    uint8_t key[FL_KV_KEY_SIZE_MAX];
    size_t key_size = 0;
    size_t value_size = 0;
    struct fl_slice ignored;
    struct fl_txn txn;
    struct fl_env *env = open_view(node, view);
    assert_int_equal(fl_txn_begin_write(&txn, env), FL_OK);
    bool found =
        tamper_nth_row(&txn.kv, table, tamper_random(random), key, &key_size, value, &value_size);
    struct fl_slice row_key = fl_slice_of(key, key_size);
    if (how == TAMPER_ROW_CHANGE && value_size == 0)
        found = false; /* a row that is only a key */
    if (found && how == TAMPER_ROW_DELETE)
        fl_kv_del(&txn.kv, table, row_key);
    if (found && how == TAMPER_ROW_CHANGE)
        value[tamper_random(random) % value_size] ^= (uint8_t)(1 << tamper_random(random) % 8);
    do /* a key that is not taken */
        if (found && how == TAMPER_ROW_ADD)
            key[key_size - 1] += 13;
    while (found && how == TAMPER_ROW_ADD && fl_kv_get(&txn.kv, table, row_key, &ignored));
    if (found && how != TAMPER_ROW_DELETE)
        fl_kv_put(&txn.kv, table, row_key, fl_slice_of(value, value_size));
    assert_int_equal(fl_txn_commit(&txn), FL_OK);
    fl_env_close(&env);
    return found;
}

void tamper_meta(struct node *node, const struct fl_view *view, int what)
{
    struct fl_chain_head head;
    struct fl_txn txn;
    struct fl_env *env = open_view(node, view);
    assert_int_equal(fl_txn_begin_write(&txn, env), FL_OK);
    bool reads_events = (view->inputs & FL_READS_EVENTS) != 0;
    enum fl_topic topic = reads_events ? FL_TOPIC_EVENTS : FL_TOPIC_HISTORY;
    struct fl_position position = fl_meta_position(&txn.kv, topic, 0);
    fl_meta_head(&txn.kv, &head);
    head.hash[3] ^= what == 0;
    position.next -= what == 1;
    position.last -= what == 1;
    position.last_hash[5] ^= what == 2;
    if (reads_events)
        fl_meta_set_head(&txn.kv, &head);
    fl_meta_set_position(&txn.kv, topic, 0, &position);
    assert_int_equal(fl_txn_commit(&txn), FL_OK);
    fl_env_close(&env);
}
