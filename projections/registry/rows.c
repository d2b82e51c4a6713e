/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/rows.h"

#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "schemas/codec.h"

const char *const fl_registry_tables[FL_TABLE_COUNT] = {
#define FL_TABLE(name, text, row) [FL_TABLE_##name] = text,
#include "projections/registry/tables.def"
#undef FL_TABLE
    [FL_TABLE_ACTION_IDS] = "action_ids",
    [FL_TABLE_INDEX] = "index",
};

static const ProtobufCMessageDescriptor *const descriptors[FL_TABLE_COUNT] = {
#define FL_TABLE(name, text, row) [FL_TABLE_##name] = &fleetlog__rows__v1__##row##__descriptor,
#include "projections/registry/tables.def"
#undef FL_TABLE
};

static void *arena_alloc(void *arena, size_t size)
{
    return fl_arena_alloc(arena, size);
}

static void arena_free(void *arena, void *block)
{
    (void)arena;
    (void)block;
}

void *fl_row_decode(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                    struct fl_slice value)
{
    /* Bytes of our own need not be checked as those from outside are; damage still shows. */
    ProtobufCAllocator allocator = {arena_alloc, arena_free, arena};
    fl_assert(descriptors[table] != NULL);
    void *row = protobuf_c_message_unpack(descriptors[table], &allocator, value.size, value.data);
    if (row == NULL)
        fl_kv_fail(kv, arena->exhausted ? FL_NO_MEMORY : FL_CORRUPT);
    return row;
}

void *fl_row_get(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                 const struct fl_key *key)
{
    struct fl_slice value;
    if (key->bad || !fl_kv_get(kv, table, fl_key_slice(key), &value))
        return NULL;
    return fl_row_decode(kv, arena, table, value);
}

/* Encodes a row; false with the kv's error set. */
static bool encode_row(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                       const struct fl_key *key, const ProtobufCMessage *row,
                       struct fl_slice *value)
{
    fl_assert(row->descriptor == descriptors[table]);
    enum fl_error error = key->bad ? FL_CORRUPT : fl_message_encode(arena, row, value);
    if (error != FL_OK)
        fl_kv_fail(kv, error);
    return error == FL_OK;
}

void fl_row_put(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                const struct fl_key *key, const ProtobufCMessage *row)
{
    struct fl_slice value;
    if (encode_row(kv, arena, table, key, row, &value))
        fl_kv_put(kv, table, fl_key_slice(key), value);
}

void fl_row_append(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                   const struct fl_key *key, const ProtobufCMessage *row)
{
    struct fl_slice value;
    if (encode_row(kv, arena, table, key, row, &value))
        fl_kv_append(kv, table, fl_key_slice(key), value);
}

void *fl_row_by_id(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                   struct fl_slice id)
{
    struct fl_key key;
    fl_key_begin(&key);
    fl_key_id(&key, id);
    return fl_row_get(kv, arena, table, &key);
}

void fl_row_put_by_id(struct fl_kv *kv, struct fl_arena *arena, enum fl_registry_table table,
                      const char *id, const ProtobufCMessage *row)
{
    struct fl_key key;
    fl_key_begin(&key);
    fl_key_id_text(&key, id);
    fl_row_put(kv, arena, table, &key, row);
}

void fl_key_log(struct fl_key *key)
{
    fl_key_begin(key);
    fl_key_u8(key, 1);
}

void fl_key_number(struct fl_key *key, uint32_t number)
{
    fl_key_begin(key);
    fl_key_u32(key, number);
}

void fl_key_address(struct fl_key *key, const Fleetlog__V1__AddressIndex *index)
{
    fl_key_begin(key);
    fl_key_u32(key, index->epoch);
    if (index->index.len == FL_ID_SIZE)
        fl_key_bytes(key, index->index.data, FL_ID_SIZE);
    else
        key->bad = true;
}

void fl_key_grant(struct fl_key *key, const char *device_id, struct fl_slice subject_id)
{
    fl_key_begin(key);
    fl_key_id_text(key, device_id);
    fl_key_id(key, subject_id);
}

void fl_key_alias(struct fl_key *key, const char *device_id, uint64_t sequence)
{
    fl_key_begin(key);
    fl_key_id_text(key, device_id);
    fl_key_u64(key, sequence);
}

void fl_key_condition(struct fl_key *key, struct fl_slice device_id, uint32_t kind)
{
    fl_key_begin(key);
    fl_key_id(key, device_id);
    fl_key_u32(key, kind);
}

void fl_key_identity(struct fl_key *key, struct fl_slice agent_id, const char *upsd_address,
                     const char *ups_name)
{
    uint8_t hash[FL_HASH_SIZE];
    struct fl_sha256 *state = fl_sha256_open();
    fl_sha256_begin(state);
    fl_sha256_update(state, upsd_address, strlen(upsd_address) + 1);
    fl_sha256_update(state, ups_name, strlen(ups_name));
    fl_sha256_end(state, hash);
    fl_sha256_close(&state);
    fl_key_begin(key);
    fl_key_id(key, agent_id);
    fl_key_bytes(key, hash, sizeof(hash));
}

void fl_key_list(struct fl_key *key, enum fl_registry_index list, struct fl_slice owner_id)
{
    fl_key_begin(key);
    fl_key_u8(key, (uint8_t)list);
    fl_key_id(key, owner_id);
}

void fl_key_pair(struct fl_key *key, enum fl_registry_index list, const char *owner_id,
                 const char *member_id)
{
    fl_key_list(key, list, fl_slice_text(owner_id));
    fl_key_id_text(key, member_id);
}

void fl_key_nth(struct fl_key *key, enum fl_registry_index list, const char *owner_id,
                uint64_t sequence, const char *member_id)
{
    fl_key_list(key, list, fl_slice_text(owner_id));
    fl_key_u64(key, sequence);
    fl_key_id_text(key, member_id);
}

void fl_key_epoch_person(struct fl_key *key, uint32_t epoch, const char *subject_id)
{
    fl_key_begin(key);
    fl_key_u8(key, FL_INDEX_EPOCH_PEOPLE);
    fl_key_u32(key, epoch);
    fl_key_id_text(key, subject_id);
}

void fl_key_erasure_open(struct fl_key *key, uint64_t sequence, const char *subject_id)
{
    fl_key_begin(key);
    fl_key_u8(key, FL_INDEX_ERASURES_OPEN);
    fl_key_u64(key, sequence);
    fl_key_id_text(key, subject_id);
}

static void key_hash(struct fl_key *key, enum fl_registry_index list, ProtobufCBinaryData hash)
{
    fl_key_begin(key);
    fl_key_u8(key, (uint8_t)list);
    if (hash.len == FL_HASH_SIZE)
        fl_key_bytes(key, hash.data, FL_HASH_SIZE);
    else
        key->bad = true;
}

void fl_key_claim_code(struct fl_key *key, ProtobufCBinaryData code_hash)
{
    key_hash(key, FL_INDEX_CLAIM_CODE, code_hash);
}

void fl_key_token_hash(struct fl_key *key, ProtobufCBinaryData token_hash)
{
    key_hash(key, FL_INDEX_TOKEN_HASH, token_hash);
}

void fl_key_sign_up_due(struct fl_key *key, int64_t due_ms, const char *sign_up_id)
{
    fl_key_begin(key);
    fl_key_u8(key, FL_INDEX_SIGN_UP_DUE);
    fl_key_u64(key, (uint64_t)due_ms);
    fl_key_id_text(key, sign_up_id);
}

void fl_key_license_code(struct fl_key *key, ProtobufCBinaryData code_hash)
{
    key_hash(key, FL_INDEX_LICENSE_CODE, code_hash);
}

void fl_key_price_list(struct fl_key *key)
{
    fl_key_begin(key);
    fl_key_u8(key, 1);
}

void fl_key_application(struct fl_key *key, const char *license_id, uint32_t number)
{
    fl_key_begin(key);
    fl_key_id_text(key, license_id);
    fl_key_u32(key, number);
}

void fl_key_returned(struct fl_key *key, const char *license_id, int64_t rest_ms, uint32_t number)
{
    fl_key_list(key, FL_INDEX_LICENSE_RETURNED, fl_slice_text(license_id));
    fl_key_u64(key, ~(uint64_t)rest_ms);
    fl_key_u32(key, number);
}

void fl_index_put(struct fl_kv *kv, const struct fl_key *key, struct fl_slice value)
{
    if (key->bad)
        fl_kv_fail(kv, FL_CORRUPT);
    else
        fl_kv_put(kv, FL_TABLE_INDEX, fl_key_slice(key), value);
}

void fl_index_del(struct fl_kv *kv, const struct fl_key *key)
{
    if (!key->bad)
        fl_kv_del(kv, FL_TABLE_INDEX, fl_key_slice(key));
}
