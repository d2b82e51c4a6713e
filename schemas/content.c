/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/assert.h"
#include "core/hash.h"
#include "schemas/codec.h"
#include "schemas/fields.h"
#include "schemas/reflect.h"

/*
 * What is hashed, so that no two contents give the same bytes: the type's name; then per field that
 * is set and not minted, in the order of numbers: number u32, count of values u32, each value
 * (numbers u64, texts and bytes u32 length and bytes, messages the same way, closed by the number
 * 0); then unknown fields as they came. Integers big-endian.
 */

static void add_number(struct fl_sha256 *state, uint64_t number, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(number >> (8 * (size - 1 - i)));
    fl_sha256_update(state, bytes, size);
}

static void add_bytes(struct fl_sha256 *state, struct fl_slice bytes)
{
    add_number(state, bytes.size, 4);
    fl_sha256_update(state, bytes.data, bytes.size);
}

static void add_message(struct fl_sha256 *state, const ProtobufCMessage *message);

static void add_value(struct fl_sha256 *state, const ProtobufCFieldDescriptor *field,
                      const void *at)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        add_bytes(state, fl_slice_text(fl_reflect_text(at)));
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        add_bytes(state, fl_reflect_bytes(at));
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        add_message(state, fl_reflect_message(at));
    else
        add_number(state, fl_reflect_number(field, at), 8);
}

static void add_field(struct fl_sha256 *state, const ProtobufCMessage *message,
                      const ProtobufCFieldDescriptor *field)
{
    size_t count = fl_reflect_count(message, field);
    if (count == 0 || (!fl_reflect_is_repeated(field) &&
                       fl_reflect_is_default(field, fl_reflect_at(message, field, 0))))
        return;
    add_number(state, field->id, 4);
    add_number(state, count, 4);
    for (size_t i = 0; i < count; i++)
        add_value(state, field, fl_reflect_at(message, field, i));
}

static void add_message(struct fl_sha256 *state, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    const struct fl_field_rule *rules = fl_field_rules(descriptor);
    fl_assert(rules != NULL);
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if ((rules[i].flags & FL_RULE_MINTED) == 0)
            add_field(state, message, &descriptor->fields[i]);
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *unknown = &message->unknown_fields[i];
        add_number(state, unknown->tag, 4);
        add_number(state, (uint64_t)unknown->wire_type, 4);
        add_bytes(state, fl_slice_of(unknown->data, unknown->len));
    }
    add_number(state, 0, 4);
}

void fl_message_content_hash(const ProtobufCMessage *message, uint8_t out[32])
{
    struct fl_sha256 *state = fl_sha256_open();
    fl_sha256_begin(state);
    add_bytes(state, fl_slice_text(message->descriptor->name));
    add_message(state, message);
    fl_sha256_end(state, out);
    fl_sha256_close(&state);
}
