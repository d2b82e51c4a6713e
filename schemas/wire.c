/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/wire.h"

#include <string.h>

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LENGTH = 2, WIRE_32 = 5, FIELD_NUMBER_MAX = 0x1fffffff };

/* Reads one varint of at most 64 bits; false if it ends too early or is too long. */
static bool read_varint(struct fl_slice *rest, uint64_t *value)
{
    uint64_t sum = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (rest->size == 0)
            return false;
        uint8_t byte = *rest->data;
        *rest = fl_slice_of(rest->data + 1, rest->size - 1);
        if (shift == 63 && byte > 1)
            return false;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *value = sum;
            return true;
        }
    }
    return false;
}

static bool take(struct fl_slice *rest, uint64_t size, struct fl_slice *taken)
{
    if (size > rest->size)
        return false;
    *taken = fl_slice_of(rest->data, (size_t)size);
    *rest = fl_slice_of(rest->data + size, rest->size - (size_t)size);
    return true;
}

static unsigned wire_type_of(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return WIRE_32;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return WIRE_64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LENGTH;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_BOOL:
    case PROTOBUF_C_TYPE_ENUM:
        return WIRE_VARINT;
    }
    return WIRE_VARINT;
}

/* A number that protobuf-c would cut to its type. */
static bool varint_fits(const ProtobufCFieldDescriptor *field, uint64_t value)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
        return value <= 1;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
        return value <= UINT32_MAX;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM: /* negative numbers are sign-extended to 64 bits */
        return (int64_t)value >= INT32_MIN && (int64_t)value <= INT32_MAX;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return true;
    }
    return true;
}

static bool check(const ProtobufCMessageDescriptor *descriptor, struct fl_slice value,
                  unsigned depth);

static bool check_bytes(const ProtobufCFieldDescriptor *field, struct fl_slice bytes,
                        unsigned depth)
{
    if (field == NULL)
        return true;
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return bytes.size == 0 || memchr(bytes.data, 0, bytes.size) == NULL;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return check(field->descriptor, bytes, depth + 1);
    return true;
}

static bool check_field(const ProtobufCMessageDescriptor *descriptor, struct fl_slice *rest,
                        unsigned depth)
{
    uint64_t tag;
    if (!read_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX)
        return false;
    unsigned wire = (unsigned)(tag & 7);
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(descriptor, (unsigned)(tag >> 3));
    if (field != NULL && wire != wire_type_of(field))
        return false;
    uint64_t number;
    struct fl_slice bytes;
    switch (wire) {
    case WIRE_VARINT:
        return read_varint(rest, &number) && (field == NULL || varint_fits(field, number));
    case WIRE_64:
        return take(rest, 8, &bytes);
    case WIRE_32:
        return take(rest, 4, &bytes);
    case WIRE_LENGTH:
        return read_varint(rest, &number) && take(rest, number, &bytes) &&
               check_bytes(field, bytes, depth);
    default:
        return false;
    }
}

static bool check(const ProtobufCMessageDescriptor *descriptor, struct fl_slice value,
                  unsigned depth)
{
    if (depth >= FL_WIRE_DEPTH_MAX)
        return false;
    struct fl_slice rest = value;
    while (rest.size != 0)
        if (!check_field(descriptor, &rest, depth))
            return false;
    return true;
}

bool fl_wire_check(const ProtobufCMessageDescriptor *descriptor, struct fl_slice value)
{
    return check(descriptor, value, 0);
}
