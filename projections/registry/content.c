/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/content.h"

#include <string.h>

#include "core/bytes.h"
#include "fleetlog/v1/common.pb-c.h"
#include "schemas/codec.h"

static void update_part(struct fl_sha256 *state, struct fl_slice part)
{
    uint8_t size[4];
    fl_put_u32(size, (uint32_t)part.size);
    fl_sha256_update(state, size, sizeof(size));
    if (part.size != 0)
        fl_sha256_update(state, part.data, part.size);
}

static const Fleetlog__V1__PersonRef *person_of(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, "person");
    if (field == NULL || field->type != PROTOBUF_C_TYPE_MESSAGE)
        return NULL;
    return *(Fleetlog__V1__PersonRef *const *)((const char *)message + field->offset);
}

void fl_content_of(const struct fl_envelope *action, const ProtobufCMessage *message,
                   struct fl_content *content)
{
    uint8_t value[FL_HASH_SIZE];
    fl_message_content_hash(message, value);
    struct fl_sha256 *state = fl_sha256_open();
    fl_sha256_begin(state);
    update_part(state, action->actor);
    update_part(state, action->on_behalf_of);
    update_part(state, action->company_id);
    update_part(state, fl_slice_of(value, sizeof(value)));
    fl_sha256_end(state, content->hash);
    fl_sha256_close(&state);
    const Fleetlog__V1__PersonRef *person = person_of(message);
    content->indexes = person == NULL ? NULL : person->indexes;
    content->index_count = person == NULL ? 0 : person->n_indexes;
}

static bool same_index(const Fleetlog__V1__AddressIndex *a, const Fleetlog__V1__AddressIndex *b)
{
    return a->epoch == b->epoch && a->index.len == b->index.len &&
           memcmp(a->index.data, b->index.data, a->index.len) == 0;
}

bool fl_content_is(const struct fl_content *content, const fl_outcome_row *outcome)
{
    if (outcome->content_hash.len != FL_HASH_SIZE ||
        memcmp(outcome->content_hash.data, content->hash, FL_HASH_SIZE) != 0)
        return false;
    if (content->index_count == 0)
        return outcome->n_indexes == 0;
    for (size_t i = 0; i < content->index_count; i++)
        for (size_t k = 0; k < outcome->n_indexes; k++)
            if (same_index(content->indexes[i], outcome->indexes[k]))
                return true;
    return false;
}
