/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One way to look at any field of any message: as a row of values, whatever its label.
 *
 * A singular scalar is always one value, a message or a member of a oneof none or one, a repeated
 * field as many as it holds.
 *
 * Threading: pure. Allocation: none.
 */
#include <protobuf-c/protobuf-c.h>

#include "core/slice.h"

/* Values that the field holds. */
size_t fl_reflect_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/* Address of one value: of a `const char *`, a ProtobufCBinaryData, a `ProtobufCMessage *`, an
 * integer. index is below fl_reflect_count. */
const void *fl_reflect_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                          size_t index);

/* Bytes of one value in memory. */
size_t fl_reflect_size(const ProtobufCFieldDescriptor *field);

/* The value as text, never NULL: an absent string is "". */
const char *fl_reflect_text(const void *at);

struct fl_slice fl_reflect_bytes(const void *at);

const ProtobufCMessage *fl_reflect_message(const void *at);

/* Any integer, bool or enum as 64 bits, signed ones sign-extended. */
uint64_t fl_reflect_number(const ProtobufCFieldDescriptor *field, const void *at);

/* True for types whose numbers may be negative. */
bool fl_reflect_is_signed(const ProtobufCFieldDescriptor *field);

/* True for zero, "", no bytes: what proto3 leaves out. A message that is there is no default. */
bool fl_reflect_is_default(const ProtobufCFieldDescriptor *field, const void *at);

static inline bool fl_reflect_is_repeated(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_REPEATED;
}

static inline bool fl_reflect_is_one_of(const ProtobufCFieldDescriptor *field)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}
