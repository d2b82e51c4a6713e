/* SPDX-License-Identifier: Apache-2.0 */
#include "core/chain.h"

#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/timestamp.h"

void fl_chain_init(struct fl_chain_head *head)
{
    *head = (struct fl_chain_head){.offset = FL_OFFSET_NONE};
}

static bool header_hash(const struct fl_record *record, const char *name, uint8_t out[FL_HASH_SIZE])
{
    const struct fl_header *header = fl_record_header(record, name);
    return header != NULL && fl_hex_decode(header->value, out, FL_HASH_SIZE);
}

static bool header_is_number(const struct fl_record *record, const char *name, uint64_t expected)
{
    const struct fl_header *header = fl_record_header(record, name);
    uint64_t value = 0;
    return header != NULL && fl_slice_to_u64(header->value, &value) && value == expected;
}

static bool header_is_time(const struct fl_record *record)
{
    const struct fl_header *header = fl_record_header(record, "ce_time");
    int64_t time_ms = 0;
    return header != NULL && fl_timestamp_parse(header->value, &time_ms);
}

enum fl_chain_verdict fl_chain_judge(const struct fl_chain_head *head, struct fl_sha256 *state,
                                     const struct fl_record *record, uint8_t hash[FL_HASH_SIZE])
{
    uint8_t previous[FL_HASH_SIZE];
    fl_record_hash(state, record, hash);
    if (!header_hash(record, "ce_previous", previous) ||
        memcmp(previous, head->hash, FL_HASH_SIZE) != 0)
        return FL_CHAIN_VOID;
    if (fl_record_has_duplicate_header(record) || record->value.data == NULL ||
        !header_is_number(record, "ce_sequence", head->sequence) ||
        !header_is_number(record, "ce_action", head->action) || !header_is_time(record))
        return FL_CHAIN_VOID_ALARM;
    return FL_CHAIN_VALID;
}

void fl_chain_advance(struct fl_chain_head *head, const struct fl_record *record, uint64_t offset,
                      const uint8_t hash[FL_HASH_SIZE])
{
    const struct fl_header *time = fl_record_header(record, "ce_time");
    int64_t time_ms = 0;
    fl_assert(time != NULL && fl_timestamp_parse(time->value, &time_ms));
    head->sequence++;
    head->action++;
    head->offset = offset;
    head->time_ms = time_ms;
    memcpy(head->hash, hash, FL_HASH_SIZE);
}

void fl_chain_encode(const struct fl_chain_head *head, uint8_t out[FL_CHAIN_HEAD_SIZE])
{
    out = fl_put_u64(out, head->sequence);
    out = fl_put_u64(out, head->action);
    out = fl_put_u64(out, head->offset);
    out = fl_put_u64(out, (uint64_t)head->time_ms);
    memcpy(out, head->hash, FL_HASH_SIZE);
}

bool fl_chain_decode(struct fl_slice bytes, struct fl_chain_head *head)
{
    if (bytes.size != FL_CHAIN_HEAD_SIZE)
        return false;
    head->sequence = fl_get_u64(bytes.data);
    head->action = fl_get_u64(bytes.data + 8);
    head->offset = fl_get_u64(bytes.data + 16);
    head->time_ms = (int64_t)fl_get_u64(bytes.data + 24);
    memcpy(head->hash, bytes.data + 32, FL_HASH_SIZE);
    return true;
}
