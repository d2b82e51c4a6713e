/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/store/meta.h"

#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"

/* Keys: one letter, then what it is of. */
static const uint8_t KEY_IDENTITY[] = {'i'};
static const uint8_t KEY_LOG_ID[] = {'l'};
static const uint8_t KEY_HEAD[] = {'h'};
static const uint8_t KEY_COUNTS[] = {'c'};
static const uint8_t KEY_COMMIT[] = {'t'};
static const uint8_t KEY_MOVED_TO[] = {'m'};
enum { PREFIX_POSITION = 'p', PREFIX_GAP = 'g', PREFIX_UNKNOWN = 'u' };

enum {
    POSITION_KEY_SIZE = 1 + 1 + 4,
    POSITION_SIZE = 8 + 8 + 8 + FL_HASH_SIZE,
    GAP_KEY_SIZE = 1 + 1 + 4 + 8,
    COUNTS_SIZE = 8 * 8,
    UNKNOWN_NAME_SIZE_MAX = 128,
};

uint8_t fl_meta_topic_code(enum fl_topic topic)
{
    switch (topic) {
    case FL_TOPIC_ACTIONS:
        return 'A';
    case FL_TOPIC_EVENTS:
        return 'E';
    case FL_TOPIC_TELEMETRY:
        return 'T';
    case FL_TOPIC_SUBJECTS:
        return 'S';
    case FL_TOPIC_PARKED:
        return 'P';
    case FL_TOPIC_HISTORY:
        return 'H';
    case FL_TOPIC_COUNT:
        break;
    }
    fl_assert(!"a topic that no projection reads");
    return 0;
}

bool fl_meta_code_topic(uint8_t code, enum fl_topic *topic)
{
    for (unsigned i = 0; i < FL_TOPIC_COUNT; i++) {
        *topic = (enum fl_topic)i;
        if (fl_meta_topic_code(*topic) == code)
            return true;
    }
    return false;
}

#define KEY_OF(bytes) fl_slice_of(bytes, sizeof(bytes))

static bool get_sized(struct fl_kv *kv, struct fl_slice key, size_t size, struct fl_slice *value)
{
    if (!fl_kv_get(kv, FL_STORE_TABLE_META, key, value))
        return false;
    if (value->size == size)
        return true;
    fl_kv_fail(kv, FL_CORRUPT);
    return false;
}

void fl_position_hash(enum fl_topic topic, struct fl_sha256 *state, const struct fl_record *record,
                      uint8_t out[FL_HASH_SIZE])
{
    struct fl_record bare = *record;
    if (topic == FL_TOPIC_TELEMETRY) {
        bare.headers = NULL;
        bare.header_count = 0;
    }
    fl_record_hash(state, &bare, out);
}

static struct fl_slice position_key(enum fl_topic topic, uint32_t partition,
                                    uint8_t out[POSITION_KEY_SIZE])
{
    out[0] = PREFIX_POSITION;
    out[1] = fl_meta_topic_code(topic);
    fl_put_u32(out + 2, partition);
    return fl_slice_of(out, POSITION_KEY_SIZE);
}

static struct fl_position position_decode(const uint8_t *in)
{
    struct fl_position position = {
        .next = fl_get_u64(in),
        .last = fl_get_u64(in + 8),
        .last_time_ms = (int64_t)fl_get_u64(in + 16),
    };
    memcpy(position.last_hash, in + 24, FL_HASH_SIZE);
    return position;
}

struct fl_position fl_meta_position(struct fl_kv *kv, enum fl_topic topic, uint32_t partition)
{
    uint8_t key[POSITION_KEY_SIZE];
    struct fl_slice value;
    if (!get_sized(kv, position_key(topic, partition, key), POSITION_SIZE, &value))
        return (struct fl_position){.last = FL_OFFSET_NONE};
    return position_decode(value.data);
}

void fl_meta_set_position(struct fl_kv *kv, enum fl_topic topic, uint32_t partition,
                          const struct fl_position *position)
{
    uint8_t key[POSITION_KEY_SIZE];
    uint8_t value[POSITION_SIZE];
    fl_put_u64(value, position->next);
    fl_put_u64(value + 8, position->last);
    fl_put_u64(value + 16, (uint64_t)position->last_time_ms);
    memcpy(value + 24, position->last_hash, FL_HASH_SIZE);
    fl_kv_put(kv, FL_STORE_TABLE_META, position_key(topic, partition, key), KEY_OF(value));
}

void fl_meta_each_position(struct fl_kv *kv,
                           void (*each)(void *context, enum fl_topic topic, uint32_t partition,
                                        const struct fl_position *position),
                           void *context)
{
    const uint8_t prefix[] = {PREFIX_POSITION};
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, kv, FL_STORE_TABLE_META, KEY_OF(prefix));
    while (fl_kv_walk_next(&walk)) {
        enum fl_topic topic;
        if (walk.key.size != POSITION_KEY_SIZE || walk.value.size != POSITION_SIZE ||
            !fl_meta_code_topic(walk.key.data[1], &topic)) {
            fl_kv_fail(kv, FL_CORRUPT);
            return;
        }
        struct fl_position position = position_decode(walk.value.data);
        each(context, topic, fl_get_u32(walk.key.data + 2), &position);
    }
}

void fl_meta_head(struct fl_kv *kv, struct fl_chain_head *head)
{
    struct fl_slice value;
    fl_chain_init(head);
    if (fl_kv_get(kv, FL_STORE_TABLE_META, KEY_OF(KEY_HEAD), &value) &&
        !fl_chain_decode(value, head))
        fl_kv_fail(kv, FL_CORRUPT);
}

void fl_meta_set_head(struct fl_kv *kv, const struct fl_chain_head *head)
{
    uint8_t value[FL_CHAIN_HEAD_SIZE];
    fl_chain_encode(head, value);
    fl_kv_put(kv, FL_STORE_TABLE_META, KEY_OF(KEY_HEAD), KEY_OF(value));
}

bool fl_meta_log_id(struct fl_kv *kv, char out[FL_ID_TEXT_SIZE])
{
    struct fl_slice value;
    out[0] = '\0';
    if (!get_sized(kv, KEY_OF(KEY_LOG_ID), FL_ID_TEXT_SIZE - 1, &value))
        return false;
    return fl_slice_to_text(value, out, FL_ID_TEXT_SIZE);
}

void fl_meta_set_log_id(struct fl_kv *kv, const char *log_id)
{
    fl_assert(strlen(log_id) == FL_ID_TEXT_SIZE - 1);
    fl_kv_put(kv, FL_STORE_TABLE_META, KEY_OF(KEY_LOG_ID), fl_slice_text(log_id));
}

bool fl_meta_moved_to(struct fl_kv *kv, char out[FL_JOURNAL_IDENTITY_SIZE])
{
    struct fl_slice value;
    out[0] = '\0';
    if (!fl_kv_get(kv, FL_STORE_TABLE_META, KEY_OF(KEY_MOVED_TO), &value))
        return false;
    if (fl_slice_to_text(value, out, FL_JOURNAL_IDENTITY_SIZE))
        return true;
    fl_kv_fail(kv, FL_CORRUPT);
    return false;
}

void fl_meta_set_moved_to(struct fl_kv *kv, const char *identity)
{
    fl_kv_put(kv, FL_STORE_TABLE_META, KEY_OF(KEY_MOVED_TO), fl_slice_text(identity));
}

struct fl_meta_counts fl_meta_counts(struct fl_kv *kv)
{
    struct fl_slice value;
    if (!get_sized(kv, KEY_OF(KEY_COUNTS), COUNTS_SIZE, &value))
        return (struct fl_meta_counts){0};
    const uint8_t *in = value.data;
    return (struct fl_meta_counts){
        .applied = fl_get_u64(in),
        .voids = fl_get_u64(in + 8),
        .alarms = fl_get_u64(in + 16),
        .duplicates = fl_get_u64(in + 24),
        .unknown = fl_get_u64(in + 32),
        .skipped = fl_get_u64(in + 40),
        .malformed = fl_get_u64(in + 48),
        .parked = fl_get_u64(in + 56),
    };
}

void fl_meta_set_counts(struct fl_kv *kv, const struct fl_meta_counts *counts)
{
    uint8_t value[COUNTS_SIZE];
    uint8_t *out = fl_put_u64(value, counts->applied);
    out = fl_put_u64(out, counts->voids);
    out = fl_put_u64(out, counts->alarms);
    out = fl_put_u64(out, counts->duplicates);
    out = fl_put_u64(out, counts->unknown);
    out = fl_put_u64(out, counts->skipped);
    out = fl_put_u64(out, counts->malformed);
    fl_put_u64(out, counts->parked);
    fl_kv_put(kv, FL_STORE_TABLE_META, KEY_OF(KEY_COUNTS), KEY_OF(value));
}

void fl_meta_count_unknown(struct fl_kv *kv, struct fl_slice type_name)
{
    uint8_t key[1 + UNKNOWN_NAME_SIZE_MAX];
    uint8_t value[8];
    struct fl_slice old;
    size_t size = type_name.size < UNKNOWN_NAME_SIZE_MAX ? type_name.size : UNKNOWN_NAME_SIZE_MAX;
    key[0] = PREFIX_UNKNOWN;
    if (size != 0)
        memcpy(key + 1, type_name.data, size);
    struct fl_slice row = fl_slice_of(key, 1 + size);
    uint64_t count = get_sized(kv, row, sizeof(value), &old) ? fl_get_u64(old.data) : 0;
    fl_put_u64(value, count + 1);
    fl_kv_put(kv, FL_STORE_TABLE_META, row, KEY_OF(value));
}

bool fl_meta_identity(struct fl_kv *kv, struct fl_meta_identity *identity)
{
    struct fl_slice value;
    if (!fl_kv_get(kv, FL_STORE_TABLE_META, KEY_OF(KEY_IDENTITY), &value))
        return false;
    struct fl_meta_identity read = {0};
    if (value.size <= 8 || !fl_slice_to_text(fl_slice_of(value.data + 8, value.size - 8), read.view,
                                             sizeof(read.view))) {
        fl_kv_fail(kv, FL_CORRUPT);
        return false;
    }
    read.format = fl_get_u32(value.data);
    read.fold_version = fl_get_u32(value.data + 4);
    *identity = read;
    return true;
}

void fl_meta_set_identity(struct fl_kv *kv, const struct fl_meta_identity *identity)
{
    uint8_t value[8 + FL_VIEW_NAME_SIZE_MAX];
    size_t size = strlen(identity->view);
    fl_assert(size > 0 && size < FL_VIEW_NAME_SIZE_MAX);
    fl_put_u32(value, identity->format);
    fl_put_u32(value + 4, identity->fold_version);
    memcpy(value + 8, identity->view, size);
    fl_kv_put(kv, FL_STORE_TABLE_META, KEY_OF(KEY_IDENTITY), fl_slice_of(value, 8 + size));
}

int64_t fl_meta_commit_time(struct fl_kv *kv)
{
    struct fl_slice value;
    return get_sized(kv, KEY_OF(KEY_COMMIT), 8, &value) ? (int64_t)fl_get_u64(value.data) : 0;
}

void fl_meta_set_commit_time(struct fl_kv *kv, int64_t time_ms)
{
    uint8_t value[8];
    fl_put_u64(value, (uint64_t)time_ms);
    fl_kv_put(kv, FL_STORE_TABLE_META, KEY_OF(KEY_COMMIT), KEY_OF(value));
}

void fl_meta_add_gap(struct fl_kv *kv, const struct fl_meta_gap *gap)
{
    uint8_t key[GAP_KEY_SIZE];
    uint8_t value[8];
    fl_assert(gap->from < gap->to);
    key[0] = PREFIX_GAP;
    key[1] = fl_meta_topic_code(gap->topic);
    fl_put_u32(key + 2, gap->partition);
    fl_put_u64(key + 6, gap->from);
    fl_put_u64(value, gap->to);
    fl_kv_put(kv, FL_STORE_TABLE_META, KEY_OF(key), KEY_OF(value));
}

void fl_meta_each_gap(struct fl_kv *kv, void (*each)(void *context, const struct fl_meta_gap *gap),
                      void *context)
{
    const uint8_t prefix[] = {PREFIX_GAP};
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, kv, FL_STORE_TABLE_META, KEY_OF(prefix));
    while (fl_kv_walk_next(&walk)) {
        struct fl_meta_gap gap;
        if (walk.key.size != GAP_KEY_SIZE || walk.value.size != 8 ||
            !fl_meta_code_topic(walk.key.data[1], &gap.topic)) {
            fl_kv_fail(kv, FL_CORRUPT);
            return;
        }
        gap.partition = fl_get_u32(walk.key.data + 2);
        gap.from = fl_get_u64(walk.key.data + 6);
        gap.to = fl_get_u64(walk.value.data);
        each(context, &gap);
    }
}

struct check {
    char *detail;
    size_t detail_size;
    bool good;
};

static void check_position(void *context, enum fl_topic topic, uint32_t partition,
                           const struct fl_position *position)
{
    struct check *check = context;
    if (position->last == FL_OFFSET_NONE || position->last < position->next)
        return;
    check->good = false;
    snprintf(check->detail, check->detail_size,
             "%s-%u: the last record applied, %llu, is not below the next one, %llu",
             fl_topic_row(topic)->spec.name, partition, (unsigned long long)position->last,
             (unsigned long long)position->next);
}

bool fl_meta_check(struct fl_kv *kv, char *detail, size_t detail_size)
{
    struct fl_chain_head head;
    struct fl_meta_identity identity;
    if (!fl_meta_identity(kv, &identity)) {
        snprintf(detail, detail_size, "there is no row that says which view this is");
        return false;
    }
    if (identity.format != FL_STORE_FORMAT) {
        snprintf(detail, detail_size, "the rows have form %u, not %d", identity.format,
                 FL_STORE_FORMAT);
        return false;
    }
    fl_meta_head(kv, &head);
    struct fl_position events = fl_meta_position(kv, FL_TOPIC_EVENTS, 0);
    if (head.sequence != head.action || (head.sequence == 0) != (head.offset == FL_OFFSET_NONE)) {
        snprintf(detail, detail_size, "the head of the chain contradicts itself");
        return false;
    }
    if (head.sequence != 0 && head.offset >= events.next) {
        snprintf(detail, detail_size, "the head, %llu, is not below the next event, %llu",
                 (unsigned long long)head.offset, (unsigned long long)events.next);
        return false;
    }
    struct fl_meta_counts counts = fl_meta_counts(kv);
    if (counts.alarms > counts.voids || counts.duplicates > counts.voids) {
        snprintf(detail, detail_size, "more alarms or duplicates than void records");
        return false;
    }
    struct check check = {detail, detail_size, true};
    fl_meta_each_position(kv, check_position, &check);
    if (!check.good)
        return false;
    if (kv->error != FL_OK)
        snprintf(detail, detail_size, "a row cannot be read: %s", fl_error_text(kv->error));
    return kv->error == FL_OK;
}
