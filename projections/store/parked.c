/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/store/parked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"

/*
 * parked table: 'r' topic partition key-size key offset -> failed u8, timestamp u64, value
 *               'o' topic partition offset              -> key
 * meta table:   'd' topic partition offset              -> decision u8
 *               'f' topic partition offset              -> attempts u32, reason
 */
enum { ROW_RECORD = 'r', ROW_OFFSET = 'o', META_DECISION = 'd', META_REASON = 'f' };
enum {
    PLACE_SIZE = 1 + 1 + 4,
    PREFIX_SIZE_MAX = PLACE_SIZE + 2 + FL_KEY_SIZE_MAX,
    RECORD_KEY_SIZE_MAX = PREFIX_SIZE_MAX + 8,
    OFFSET_KEY_SIZE = PLACE_SIZE + 8,
    RECORD_HEAD_SIZE = 1 + 8,
};
_Static_assert((int)RECORD_KEY_SIZE_MAX <= (int)FL_KV_KEY_SIZE_MAX, "a parked record's key fits");

static uint8_t *put_place(uint8_t *out, uint8_t letter, enum fl_topic topic, uint32_t partition)
{
    out[0] = letter;
    out[1] = fl_meta_topic_code(topic);
    return fl_put_u32(out + 2, partition);
}

static struct fl_slice offset_key(uint8_t letter, enum fl_topic topic, uint32_t partition,
                                  uint64_t offset, uint8_t out[OFFSET_KEY_SIZE])
{
    fl_put_u64(put_place(out, letter, topic, partition), offset);
    return fl_slice_of(out, OFFSET_KEY_SIZE);
}

static struct fl_slice record_prefix(const struct fl_parked_key *key,
                                     uint8_t out[RECORD_KEY_SIZE_MAX])
{
    fl_assert(key->key.size <= FL_KEY_SIZE_MAX);
    uint8_t *at = put_place(out, ROW_RECORD, key->topic, key->partition);
    at = fl_put_u16(at, (uint16_t)key->key.size);
    if (key->key.size != 0)
        memcpy(at, key->key.data, key->key.size);
    return fl_slice_of(out, PLACE_SIZE + 2 + key->key.size);
}

static struct fl_slice record_key(const struct fl_parked_key *key, uint64_t offset,
                                  uint8_t out[RECORD_KEY_SIZE_MAX])
{
    struct fl_slice prefix = record_prefix(key, out);
    fl_put_u64(out + prefix.size, offset);
    return fl_slice_of(out, prefix.size + 8);
}

/* Takes a record row apart; false if it has another form. */
static bool record_decode(struct fl_slice row_key, struct fl_slice row, struct fl_parked_key *key,
                          struct fl_parked_record *parked)
{
    if (row_key.size < PLACE_SIZE + 2 + 8 || row.size < RECORD_HEAD_SIZE || row.data[0] > 3 ||
        !fl_meta_code_topic(row_key.data[1], &key->topic))
        return false;
    size_t key_size = (size_t)row_key.data[PLACE_SIZE] << 8 | row_key.data[PLACE_SIZE + 1];
    if (row_key.size != PLACE_SIZE + 2 + key_size + 8)
        return false;
    key->partition = fl_get_u32(row_key.data + 2);
    key->key = fl_slice_of(row_key.data + PLACE_SIZE + 2, key_size);
    *parked = (struct fl_parked_record){
        .offset = fl_get_u64(row_key.data + row_key.size - 8),
        .failed = (row.data[0] & 1) != 0,
        .record = {.key = key->key, .timestamp_ms = (int64_t)fl_get_u64(row.data + 1)},
    };
    if ((row.data[0] & 2) == 0)
        parked->record.value =
            fl_slice_of(row.data + RECORD_HEAD_SIZE, row.size - RECORD_HEAD_SIZE);
    return true;
}

bool fl_parked_first(struct fl_kv *kv, const struct fl_parked_key *key,
                     struct fl_parked_record *parked)
{
    uint8_t bytes[RECORD_KEY_SIZE_MAX];
    struct fl_slice prefix = record_prefix(key, bytes);
    struct fl_slice row_key;
    struct fl_slice row;
    struct fl_parked_key found;
    if (!fl_kv_seek(kv, FL_STORE_TABLE_PARKED, prefix, &row_key, &row) ||
        !fl_slice_starts_with(row_key, prefix))
        return false;
    if (record_decode(row_key, row, &found, parked))
        return true;
    fl_kv_fail(kv, FL_CORRUPT);
    return false;
}

bool fl_parked_has(struct fl_kv *kv, const struct fl_parked_key *key)
{
    struct fl_parked_record ignored;
    return fl_parked_first(kv, key, &ignored);
}

static void count(struct fl_kv *kv, int change)
{
    struct fl_meta_counts counts = fl_meta_counts(kv);
    if (change > 0 && counts.parked >= FL_PARKED_COUNT_MAX) {
        fl_kv_fail(kv, FL_FULL);
        return;
    }
    counts.parked += (uint64_t)(int64_t)change;
    fl_meta_set_counts(kv, &counts);
}

void fl_parked_add(struct fl_kv *kv, const struct fl_parked_key *key, uint64_t offset,
                   const struct fl_record *record, bool failed)
{
    uint8_t bytes[RECORD_KEY_SIZE_MAX];
    uint8_t place[OFFSET_KEY_SIZE];
    struct fl_slice old;
    struct fl_slice row_key = record_key(key, offset, bytes);
    size_t size = RECORD_HEAD_SIZE + record->value.size;
    uint8_t *row = malloc(size);
    if (row == NULL) {
        fl_kv_fail(kv, FL_NO_MEMORY);
        return;
    }
    if (!fl_kv_get(kv, FL_STORE_TABLE_PARKED, row_key, &old))
        count(kv, 1);
    row[0] = (uint8_t)((failed ? 1 : 0) | (record->value.data == NULL ? 2 : 0));
    fl_put_u64(row + 1, (uint64_t)record->timestamp_ms);
    if (record->value.size != 0)
        memcpy(row + RECORD_HEAD_SIZE, record->value.data, record->value.size);
    fl_kv_put(kv, FL_STORE_TABLE_PARKED, row_key, fl_slice_of(row, size));
    struct fl_slice name = key->key.size == 0 ? FL_SLICE_LITERAL("") : key->key;
    fl_kv_put(kv, FL_STORE_TABLE_PARKED,
              offset_key(ROW_OFFSET, key->topic, key->partition, offset, place), name);
    free(row);
}

void fl_parked_remove(struct fl_kv *kv, const struct fl_parked_key *key, uint64_t offset)
{
    uint8_t bytes[RECORD_KEY_SIZE_MAX];
    uint8_t place[OFFSET_KEY_SIZE];
    if (!fl_kv_del(kv, FL_STORE_TABLE_PARKED, record_key(key, offset, bytes)))
        return;
    fl_kv_del(kv, FL_STORE_TABLE_PARKED,
              offset_key(ROW_OFFSET, key->topic, key->partition, offset, place));
    fl_parked_clear_reason(kv, key->topic, key->partition, offset);
    count(kv, -1);
}

bool fl_parked_find(struct fl_kv *kv, enum fl_topic topic, uint32_t partition, uint64_t offset,
                    uint8_t bytes[FL_KEY_SIZE_MAX], struct fl_parked_key *key)
{
    uint8_t place[OFFSET_KEY_SIZE];
    struct fl_slice name;
    if (!fl_kv_get(kv, FL_STORE_TABLE_PARKED,
                   offset_key(ROW_OFFSET, topic, partition, offset, place), &name))
        return false;
    if (name.size > FL_KEY_SIZE_MAX) {
        fl_kv_fail(kv, FL_CORRUPT);
        return false;
    }
    if (name.size != 0)
        memcpy(bytes, name.data, name.size);
    *key = (struct fl_parked_key){topic, partition, fl_slice_of(bytes, name.size)};
    return true;
}

enum fl_parked_decision fl_parked_decision(struct fl_kv *kv, enum fl_topic topic,
                                           uint32_t partition, uint64_t offset)
{
    uint8_t key[OFFSET_KEY_SIZE];
    struct fl_slice value;
    if (!fl_kv_get(kv, FL_STORE_TABLE_META,
                   offset_key(META_DECISION, topic, partition, offset, key), &value))
        return FL_PARKED_UNDECIDED;
    if (value.size == 1 && (value.data[0] == FL_PARKED_RETRY || value.data[0] == FL_PARKED_SKIP))
        return (enum fl_parked_decision)value.data[0];
    fl_kv_fail(kv, FL_CORRUPT);
    return FL_PARKED_UNDECIDED;
}

void fl_parked_decide(struct fl_kv *kv, enum fl_topic topic, uint32_t partition, uint64_t offset,
                      enum fl_parked_decision decision)
{
    uint8_t key[OFFSET_KEY_SIZE];
    uint8_t value = (uint8_t)decision;
    fl_assert(decision != FL_PARKED_UNDECIDED);
    fl_kv_put(kv, FL_STORE_TABLE_META, offset_key(META_DECISION, topic, partition, offset, key),
              fl_slice_of(&value, 1));
}

void fl_parked_set_reason(struct fl_kv *kv, enum fl_topic topic, uint32_t partition,
                          uint64_t offset, enum fl_error error, const char *detail)
{
    uint8_t key[OFFSET_KEY_SIZE];
    uint8_t value[4 + FL_PARKED_REASON_SIZE_MAX];
    struct fl_slice old;
    struct fl_slice row = offset_key(META_REASON, topic, partition, offset, key);
    uint32_t attempts = 0;
    if (fl_kv_get(kv, FL_STORE_TABLE_META, row, &old) && old.size >= 4)
        attempts = fl_get_u32(old.data);
    fl_put_u32(value, attempts + 1);
    int size = snprintf((char *)value + 4, FL_PARKED_REASON_SIZE_MAX, "%s: %s",
                        fl_error_name(error), detail);
    if (size >= FL_PARKED_REASON_SIZE_MAX)
        size = FL_PARKED_REASON_SIZE_MAX - 1;
    fl_kv_put(kv, FL_STORE_TABLE_META, row, fl_slice_of(value, 4 + (size_t)size));
}

void fl_parked_clear_reason(struct fl_kv *kv, enum fl_topic topic, uint32_t partition,
                            uint64_t offset)
{
    uint8_t key[OFFSET_KEY_SIZE];
    fl_kv_del(kv, FL_STORE_TABLE_META, offset_key(META_REASON, topic, partition, offset, key));
}

static void add_reason(struct fl_kv *kv, struct fl_parked_entry *entry)
{
    uint8_t key[OFFSET_KEY_SIZE];
    struct fl_slice value;
    if (!fl_kv_get(kv, FL_STORE_TABLE_META,
                   offset_key(META_REASON, entry->key.topic, entry->key.partition,
                              entry->parked.offset, key),
                   &value))
        return;
    if (value.size < 4) {
        fl_kv_fail(kv, FL_CORRUPT);
        return;
    }
    entry->attempts = fl_get_u32(value.data);
    snprintf(entry->reason, sizeof(entry->reason), "%.*s", (int)(value.size - 4),
             (const char *)value.data + 4);
}

void fl_parked_each(struct fl_kv *kv,
                    bool (*each)(void *context, const struct fl_parked_entry *entry), void *context)
{
    const uint8_t letter = ROW_RECORD;
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, kv, FL_STORE_TABLE_PARKED, fl_slice_of(&letter, 1));
    while (fl_kv_walk_next(&walk)) {
        struct fl_parked_entry entry = {0};
        if (!record_decode(walk.key, walk.value, &entry.key, &entry.parked)) {
            fl_kv_fail(kv, FL_CORRUPT);
            return;
        }
        add_reason(kv, &entry);
        if (!each(context, &entry))
            return;
    }
}

struct check {
    struct fl_kv *kv;
    char *detail;
    size_t detail_size;
    uint64_t count;
    bool first;
    bool good;
    uint8_t key[FL_KEY_SIZE_MAX];
    struct fl_parked_key before;
};

static bool check_entry(void *context, const struct fl_parked_entry *entry)
{
    struct check *check = context;
    uint8_t bytes[FL_KEY_SIZE_MAX];
    struct fl_parked_key by_offset;
    bool same_key = !check->first && entry->key.topic == check->before.topic &&
                    entry->key.partition == check->before.partition &&
                    fl_slice_compare(entry->key.key, check->before.key) == 0;
    check->good = false;
    if (!same_key && !entry->parked.failed)
        snprintf(check->detail, check->detail_size, "%s-%u@%llu waits for nothing",
                 fl_topic_row(entry->key.topic)->spec.name, entry->key.partition,
                 (unsigned long long)entry->parked.offset);
    else if (!fl_parked_find(check->kv, entry->key.topic, entry->key.partition,
                             entry->parked.offset, bytes, &by_offset) ||
             fl_slice_compare(by_offset.key, entry->key.key) != 0)
        snprintf(check->detail, check->detail_size, "%s-%u@%llu is not found by its offset",
                 fl_topic_row(entry->key.topic)->spec.name, entry->key.partition,
                 (unsigned long long)entry->parked.offset);
    else
        check->good = true;
    check->count++;
    check->first = false;
    check->before = entry->key;
    if (entry->key.key.size != 0)
        memcpy(check->key, entry->key.key.data, entry->key.key.size);
    check->before.key = fl_slice_of(check->key, entry->key.key.size);
    return check->good;
}

bool fl_parked_check(struct fl_kv *kv, char *detail, size_t detail_size)
{
    struct check check = {kv, detail, detail_size, .first = true, .good = true};
    fl_parked_each(kv, check_entry, &check);
    if (!check.good)
        return false;
    uint64_t offsets = 0;
    const uint8_t letter = ROW_OFFSET;
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, kv, FL_STORE_TABLE_PARKED, fl_slice_of(&letter, 1));
    while (fl_kv_walk_next(&walk))
        offsets++;
    struct fl_meta_counts counts = fl_meta_counts(kv);
    if (kv->error != FL_OK)
        snprintf(detail, detail_size, "a row cannot be read: %s", fl_error_text(kv->error));
    else if (offsets != check.count || counts.parked != check.count)
        snprintf(detail, detail_size, "%llu parked records, %llu by offset, %llu counted",
                 (unsigned long long)check.count, (unsigned long long)offsets,
                 (unsigned long long)counts.parked);
    else
        return true;
    return false;
}
