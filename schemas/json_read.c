/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "schemas/codec.h"
#include "schemas/json_name.h"
#include "schemas/place.h"
#include "schemas/reflect.h"

struct reader {
    struct fl_arena *arena;
    bool strict;
    char *detail; /* FL_DETAIL_SIZE bytes */
};

static enum fl_error read_message(const struct reader *reader, const struct fl_place *place,
                                  const ProtobufCMessageDescriptor *descriptor, json_t *object,
                                  ProtobufCMessage **message);

static enum fl_error read_text(const struct reader *reader, const struct fl_place *place,
                               json_t *value, void *at)
{
    if (!json_is_string(value))
        return fl_place_refuse(reader->detail, place, FL_INVALID, "must be a string");
    struct fl_slice text = fl_slice_of(json_string_value(value), json_string_length(value));
    char *copy = fl_arena_text(reader->arena, text);
    if (copy == NULL)
        return FL_NO_MEMORY;
    *(char **)at = copy;
    return FL_OK;
}

/* Standard or URL alphabet, with padding or without (ProtoJSON accepts both). */
static bool decode_base64(const char *text, size_t size, uint8_t *out, size_t room, size_t *length)
{
    const char *end;
    if (memchr(text, '-', size) != NULL || memchr(text, '_', size) != NULL)
        return (sodium_base642bin(out, room, text, size, NULL, length, &end,
                                  sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
                end == text + size);
    return sodium_base642bin(out, room, text, size, NULL, length, &end,
                             sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
           end == text + size;
}

static enum fl_error read_bytes(const struct reader *reader, const struct fl_place *place,
                                json_t *value, void *at)
{
    ProtobufCBinaryData bytes = {0};
    if (!json_is_string(value))
        return fl_place_refuse(reader->detail, place, FL_INVALID, "must be a string of base64");
    const char *text = json_string_value(value);
    size_t size = json_string_length(value);
    for (unsigned padding = 0; size != 0 && padding < 2 && text[size - 1] == '='; padding++)
        size--;
    bytes.data = fl_arena_alloc(reader->arena, size + 1);
    if (bytes.data == NULL)
        return FL_NO_MEMORY;
    if (!decode_base64(text, size, bytes.data, size + 1, &bytes.len))
        return fl_place_refuse(reader->detail, place, FL_INVALID, "must be a string of base64");
    *(ProtobufCBinaryData *)at = bytes;
    return FL_OK;
}

static enum fl_error read_bool(const struct reader *reader, const struct fl_place *place,
                               json_t *value, void *at)
{
    if (!json_is_boolean(value))
        return fl_place_refuse(reader->detail, place, FL_INVALID, "must be true or false");
    *(protobuf_c_boolean *)at = json_is_true(value);
    return FL_OK;
}

static enum fl_error read_enum(const struct reader *reader, const struct fl_place *place,
                               const ProtobufCEnumDescriptor *descriptor, json_t *value, void *at)
{
    if (json_is_integer(value)) {
        json_int_t number = json_integer_value(value);
        if (number < INT32_MIN || number > INT32_MAX)
            return fl_place_refuse(reader->detail, place, FL_INVALID, "does not fit");
        *(int32_t *)at = (int32_t)number;
        return FL_OK;
    }
    if (!json_is_string(value))
        return fl_place_refuse(reader->detail, place, FL_INVALID, "must be a value's name");
    const ProtobufCEnumValue *named =
        protobuf_c_enum_descriptor_get_value_by_name(descriptor, json_string_value(value));
    if (named == NULL)
        return fl_place_refuse(reader->detail, place, FL_INVALID, "not a known value");
    *(int32_t *)at = named->value;
    return FL_OK;
}

/* A number or decimal text (ProtoJSON accepts both for every integer type). */
static bool parse_number(json_t *value, bool *negative, uint64_t *magnitude)
{
    if (json_is_integer(value)) {
        json_int_t number = json_integer_value(value);
        *negative = number < 0;
        *magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
        return true;
    }
    if (!json_is_string(value))
        return false;
    struct fl_slice text = fl_slice_of(json_string_value(value), json_string_length(value));
    *negative = text.size != 0 && text.data[0] == '-';
    if (*negative)
        text = fl_slice_of(text.data + 1, text.size - 1);
    return fl_slice_to_u64(text, magnitude);
}

static enum fl_error read_number(const struct reader *reader, const struct fl_place *place,
                                 const ProtobufCFieldDescriptor *field, json_t *value, void *at)
{
    bool negative;
    uint64_t magnitude;
    if (!parse_number(value, &negative, &magnitude))
        return fl_place_refuse(reader->detail, place, FL_INVALID, "must be a whole number");
    bool is_64 = fl_reflect_size(field) == sizeof(uint64_t);
    uint64_t max = is_64 ? UINT64_MAX : UINT32_MAX;
    if (fl_reflect_is_signed(field))
        max = negative ? max / 2 + 1 : max / 2;
    else if (negative)
        max = 0;
    if (magnitude > max)
        return fl_place_refuse(reader->detail, place, FL_INVALID, "does not fit");
    uint64_t number = negative ? 0 - magnitude : magnitude;
    if (is_64)
        *(uint64_t *)at = number;
    else
        *(uint32_t *)at = (uint32_t)number;
    return FL_OK;
}

static enum fl_error read_value(const struct reader *reader, const struct fl_place *place,
                                const ProtobufCFieldDescriptor *field, json_t *value, void *at)
{
    fl_assert(field->type != PROTOBUF_C_TYPE_FLOAT && field->type != PROTOBUF_C_TYPE_DOUBLE);
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return read_text(reader, place, value, at);
    if (field->type == PROTOBUF_C_TYPE_BYTES)
        return read_bytes(reader, place, value, at);
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return read_message(reader, place, field->descriptor, value, at);
    if (field->type == PROTOBUF_C_TYPE_BOOL)
        return read_bool(reader, place, value, at);
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        return read_enum(reader, place, field->descriptor, value, at);
    return read_number(reader, place, field, value, at);
}

static enum fl_error read_array(const struct reader *reader, struct fl_place *place,
                                const ProtobufCFieldDescriptor *field, json_t *array,
                                ProtobufCMessage *message)
{
    if (!json_is_array(array))
        return fl_place_refuse(reader->detail, place, FL_INVALID, "must be an array");
    size_t count = json_array_size(array);
    size_t size = fl_reflect_size(field);
    char *values = fl_arena_calloc(reader->arena, count, size);
    if (values == NULL)
        return FL_NO_MEMORY;
    enum fl_error error = FL_OK;
    place->repeated = true;
    for (; error == FL_OK && place->index < count; place->index++)
        error = read_value(reader, place, field, json_array_get(array, place->index),
                           values + place->index * size);
    if (error != FL_OK)
        return error;
    *(size_t *)((char *)message + field->quantifier_offset) = count;
    *(void **)((char *)message + field->offset) = values;
    return FL_OK;
}

/* The field of a member's name in either spelling; NULL if there is none. */
static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *descriptor,
                                                const char *name)
{
    char json_name[FL_JSON_NAME_SIZE];
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        fl_json_name_of(field, json_name);
        if (strcmp(name, json_name) == 0 || strcmp(name, field->name) == 0)
            return field;
    }
    return NULL;
}

static enum fl_error read_member(const struct reader *reader, const struct fl_place *parent,
                                 const ProtobufCFieldDescriptor *field, json_t *value,
                                 ProtobufCMessage *message)
{
    struct fl_place place = {.parent = parent, .field = field->name};
    void *at = (char *)message + field->offset;
    if (json_is_null(value))
        return FL_OK;
    if (fl_reflect_is_repeated(field))
        return read_array(reader, &place, field, value, message);
    if (fl_reflect_is_one_of(field)) {
        uint32_t *which = (uint32_t *)((char *)message + field->quantifier_offset);
        if (*which != 0)
            return fl_place_refuse(reader->detail, &place, FL_INVALID,
                                   "another of its kinds is there already");
        enum fl_error error = read_value(reader, &place, field, value, at);
        if (error == FL_OK)
            *which = field->id;
        return error;
    }
    return read_value(reader, &place, field, value, at);
}

static enum fl_error read_members(const struct reader *reader, const struct fl_place *place,
                                  json_t *object, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    uint64_t seen = 0;
    fl_assert(descriptor->n_fields <= 64);
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const ProtobufCFieldDescriptor *field = field_of(descriptor, name);
        if (field == NULL && !reader->strict)
            continue;
        if (field == NULL)
            return fl_place_refuse(reader->detail, place, FL_INVALID, "unknown member \"%.64s\"",
                                   name);
        uint64_t bit = UINT64_C(1) << (field - descriptor->fields);
        if ((seen & bit) != 0)
            return fl_place_refuse(reader->detail, place, FL_INVALID,
                                   "\"%.64s\" is there in both spellings", name);
        seen |= bit;
        enum fl_error error = read_member(reader, place, field, value, message);
        if (error != FL_OK)
            return error;
    }
    return FL_OK;
}

static enum fl_error read_message(const struct reader *reader, const struct fl_place *place,
                                  const ProtobufCMessageDescriptor *descriptor, json_t *object,
                                  ProtobufCMessage **message)
{
    if (!json_is_object(object))
        return fl_place_refuse(reader->detail, place, FL_INVALID, "must be an object");
    ProtobufCMessage *made = fl_arena_alloc(reader->arena, descriptor->sizeof_message);
    if (made == NULL)
        return FL_NO_MEMORY;
    descriptor->message_init(made);
    enum fl_error error = read_members(reader, place, object, made);
    if (error == FL_OK)
        *message = made;
    return error;
}

enum fl_error fl_message_from_json(struct fl_arena *arena,
                                   const ProtobufCMessageDescriptor *descriptor,
                                   struct fl_slice json, bool strict, ProtobufCMessage **message,
                                   char detail[FL_DETAIL_SIZE])
{
    struct fl_place place = {.field = ""};
    json_error_t problem;
    if (json.size > FL_RECORD_SIZE_MAX)
        return fl_place_refuse(detail, &place, FL_TOO_LARGE, "at most %d bytes",
                               FL_RECORD_SIZE_MAX);
    if (json.data == NULL)
        return fl_place_refuse(detail, &place, FL_INVALID, "no JSON at all");
    json_t *root = json_loadb((const char *)json.data, json.size, JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL && json_error_code(&problem) == json_error_out_of_memory)
        return FL_NO_MEMORY;
    if (root == NULL)
        return fl_place_refuse(detail, &place, FL_INVALID, "not JSON (line %d, column %d): %s",
                               problem.line, problem.column, problem.text);
    struct reader reader = {.arena = arena, .strict = strict, .detail = detail};
    enum fl_error error = read_message(&reader, &place, descriptor, root, message);
    json_decref(root);
    return error;
}
