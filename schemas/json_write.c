/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/assert.h"
#include "schemas/codec.h"
#include "schemas/json_name.h"
#include "schemas/reflect.h"

static void write_number(struct fl_json *json, const ProtobufCFieldDescriptor *field,
                         uint64_t number)
{
    bool is_text = fl_reflect_size(field) == sizeof(uint64_t);
    if (fl_reflect_is_signed(field) && is_text)
        fl_json_int_text(json, (int64_t)number);
    else if (fl_reflect_is_signed(field))
        fl_json_int(json, (int64_t)number);
    else if (is_text)
        fl_json_uint_text(json, number);
    else
        fl_json_uint(json, number);
}

static void write_enum(struct fl_json *json, const ProtobufCFieldDescriptor *field, int number)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(field->descriptor, number);
    if (value == NULL)
        fl_json_int(json, number);
    else
        fl_json_text(json, value->name);
}

static void write_value(struct fl_json *json, const ProtobufCFieldDescriptor *field, const void *at)
{
    if (field->type == PROTOBUF_C_TYPE_STRING)
        fl_json_text(json, fl_reflect_text(at));
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        fl_json_base64(json, fl_reflect_bytes(at));
    else if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        fl_message_write_json(json, fl_reflect_message(at));
    else if (field->type == PROTOBUF_C_TYPE_BOOL)
        fl_json_bool(json, fl_reflect_number(field, at) != 0);
    else if (field->type == PROTOBUF_C_TYPE_ENUM)
        write_enum(json, field, (int)fl_reflect_number(field, at));
    else
        write_number(json, field, fl_reflect_number(field, at));
}

static void write_field(struct fl_json *json, const ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field)
{
    char name[FL_JSON_NAME_SIZE];
    size_t count = fl_reflect_count(message, field);
    bool repeated = fl_reflect_is_repeated(field);
    if (count == 0 || (!repeated && !fl_reflect_is_one_of(field) &&
                       fl_reflect_is_default(field, fl_reflect_at(message, field, 0))))
        return;
    fl_json_name_of(field, name);
    fl_json_name(json, name);
    if (repeated)
        fl_json_array_begin(json);
    for (size_t i = 0; i < count; i++)
        write_value(json, field, fl_reflect_at(message, field, i));
    if (repeated)
        fl_json_array_end(json);
}

void fl_message_write_json(struct fl_json *json, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    fl_json_object_begin(json);
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        write_field(json, message, &descriptor->fields[i]);
    fl_json_object_end(json);
}

enum fl_error fl_message_to_json(struct fl_arena *arena, const ProtobufCMessage *message,
                                 char **json)
{
    struct fl_json writer;
    fl_json_init(&writer, NULL, 0);
    fl_message_write_json(&writer, message);
    size_t room = writer.used + 1;
    char *text = fl_arena_alloc(arena, room);
    if (text == NULL)
        return FL_NO_MEMORY;
    fl_json_init(&writer, text, room);
    fl_message_write_json(&writer, message);
    bool fits = fl_json_finish(&writer);
    fl_assert(fits);
    *json = text;
    return FL_OK;
}
