/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/reflect.h"

#include "core/assert.h"

static const void *member(const ProtobufCMessage *message, size_t offset)
{
    return (const char *)message + offset;
}

size_t fl_reflect_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (fl_reflect_is_repeated(field))
        return *(const size_t *)member(message, field->quantifier_offset);
    if (fl_reflect_is_one_of(field) &&
        *(const uint32_t *)member(message, field->quantifier_offset) != field->id)
        return 0;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(const void *const *)member(message, field->offset) != NULL;
    return 1;
}

size_t fl_reflect_size(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_BOOL: /* protobuf_c_boolean is an int */
        return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    }
    fl_assert(!"a known type");
    return 0;
}

const void *fl_reflect_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                          size_t index)
{
    if (!fl_reflect_is_repeated(field))
        return member(message, field->offset);
    const char *values = *(const char *const *)member(message, field->offset);
    return values + index * fl_reflect_size(field);
}

const char *fl_reflect_text(const void *at)
{
    const char *text = *(const char *const *)at;
    return text == NULL ? "" : text;
}

struct fl_slice fl_reflect_bytes(const void *at)
{
    const ProtobufCBinaryData *bytes = at;
    return fl_slice_of(bytes->data, bytes->len);
}

const ProtobufCMessage *fl_reflect_message(const void *at)
{
    return *(const ProtobufCMessage *const *)at;
}

bool fl_reflect_is_signed(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_INT32 || field->type == PROTOBUF_C_TYPE_SINT32 ||
           field->type == PROTOBUF_C_TYPE_SFIXED32 || field->type == PROTOBUF_C_TYPE_INT64 ||
           field->type == PROTOBUF_C_TYPE_SINT64 || field->type == PROTOBUF_C_TYPE_SFIXED64 ||
           field->type == PROTOBUF_C_TYPE_ENUM;
}

uint64_t fl_reflect_number(const ProtobufCFieldDescriptor *field, const void *at)
{
    if (field->type == PROTOBUF_C_TYPE_BOOL)
        return *(const protobuf_c_boolean *)at != 0;
    if (fl_reflect_size(field) == sizeof(uint64_t))
        return *(const uint64_t *)at;
    if (fl_reflect_is_signed(field))
        return (uint64_t)(int64_t) * (const int32_t *)at;
    return *(const uint32_t *)at;
}

bool fl_reflect_is_default(const ProtobufCFieldDescriptor *field, const void *at)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return fl_reflect_text(at)[0] == '\0';
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        return fl_reflect_bytes(at).size == 0;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return fl_reflect_message(at) == NULL;
    return fl_reflect_number(field, at) == 0;
}
