/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/proto_text.h"

#include <inttypes.h>

#include "core/assert.h"
#include "schemas/fields.h"
#include "schemas/reflect.h"

enum { TYPE_COUNT_MAX = 32 };

/* What was written already. */
struct text {
    FILE *file;
    unsigned indent;
    const void *written[TYPE_COUNT_MAX];
    size_t count;
};

static bool is_new(struct text *text, const void *descriptor)
{
    for (size_t i = 0; i < text->count; i++)
        if (text->written[i] == descriptor)
            return false;
    fl_assert(text->count < TYPE_COUNT_MAX);
    text->written[text->count++] = descriptor;
    return true;
}

static const char *type_name(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
        return "int32";
    case PROTOBUF_C_TYPE_SINT32:
        return "sint32";
    case PROTOBUF_C_TYPE_SFIXED32:
        return "sfixed32";
    case PROTOBUF_C_TYPE_INT64:
        return "int64";
    case PROTOBUF_C_TYPE_SINT64:
        return "sint64";
    case PROTOBUF_C_TYPE_SFIXED64:
        return "sfixed64";
    case PROTOBUF_C_TYPE_UINT32:
        return "uint32";
    case PROTOBUF_C_TYPE_FIXED32:
        return "fixed32";
    case PROTOBUF_C_TYPE_UINT64:
        return "uint64";
    case PROTOBUF_C_TYPE_FIXED64:
        return "fixed64";
    case PROTOBUF_C_TYPE_FLOAT:
        return "float";
    case PROTOBUF_C_TYPE_DOUBLE:
        return "double";
    case PROTOBUF_C_TYPE_BOOL:
        return "bool";
    case PROTOBUF_C_TYPE_STRING:
        return "string";
    case PROTOBUF_C_TYPE_BYTES:
        return "bytes";
    case PROTOBUF_C_TYPE_ENUM:
        return ((const ProtobufCEnumDescriptor *)field->descriptor)->short_name;
    case PROTOBUF_C_TYPE_MESSAGE:
        return ((const ProtobufCMessageDescriptor *)field->descriptor)->short_name;
    }
    return "";
}

static void write_range(FILE *file, const struct fl_field_rule *rule, const char *unit)
{
    if (rule->min == rule->max)
        fprintf(file, "%" PRIu64 "%s", rule->min, unit);
    else if (rule->max == UINT64_MAX || rule->max == UINT32_MAX)
        fprintf(file, "%" PRIu64 " or more%s", rule->min, unit);
    else
        fprintf(file, "%" PRIu64 " to %" PRIu64 "%s", rule->min, rule->max, unit);
}

static void write_rule(FILE *file, const struct fl_field_rule *rule)
{
    if (rule->count_max != 0)
        fprintf(file, "%u to %u%s of: ", rule->count_min, rule->count_max,
                (rule->flags & FL_RULE_UNIQUE) != 0 ? ", none twice," : "");
    switch (rule->kind) {
    case FL_RULE_ID:
        fputs("a UUID", file);
        break;
    case FL_RULE_ID_OR_EMPTY:
        fputs("a UUID, or empty", file);
        break;
    case FL_RULE_TEXT:
        write_range(file, rule, " bytes of text");
        break;
    case FL_RULE_WORD:
        write_range(file, rule, " bytes, one word of printable ASCII");
        break;
    case FL_RULE_BYTES:
        write_range(file, rule, " bytes");
        break;
    case FL_RULE_NUMBER:
        write_range(file, rule, "");
        break;
    case FL_RULE_SIGNED:
    case FL_RULE_BOOL:
        fputs("any", file);
        break;
    case FL_RULE_ENUM:
        fputs("a known value", file);
        break;
    case FL_RULE_MESSAGE:
        fputs((rule->flags & FL_RULE_REQUIRED) != 0 ? "required" : "see there", file);
        break;
    }
    if ((rule->flags & FL_RULE_MINTED) != 0)
        fputs("; made anew on each try", file);
    if (rule->since > 1)
        fprintf(file, "; since rules version %" PRIu32, rule->since);
}

static void write_enum(struct text *text, const ProtobufCEnumDescriptor *descriptor)
{
    fprintf(text->file, "%*senum %s {\n", (int)text->indent, "", descriptor->short_name);
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        const ProtobufCEnumValue *value = &descriptor->values[i];
        fprintf(text->file, "%*s  %s = %d;\n", (int)text->indent, "", value->name, value->value);
    }
    fprintf(text->file, "%*s}\n", (int)text->indent, "");
}

static void write_field(struct text *text, const ProtobufCFieldDescriptor *field,
                        const struct fl_field_rule *rule, unsigned depth)
{
    fprintf(text->file, "%*s%s%s %s = %u; // ", (int)(text->indent + depth), "",
            fl_reflect_is_repeated(field) ? "repeated " : "", type_name(field), field->name,
            field->id);
    write_rule(text->file, rule);
    fputc('\n', text->file);
}

static void write_message(struct text *text, const ProtobufCMessageDescriptor *descriptor)
{
    const struct fl_field_rule *rules = fl_field_rules(descriptor);
    fl_assert(rules != NULL);
    bool in_one_of = false;
    fprintf(text->file, "%*smessage %s {\n", (int)text->indent, "", descriptor->short_name);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        bool one_of = fl_reflect_is_one_of(field);
        if (one_of != in_one_of)
            fprintf(text->file, "%*s  %s\n", (int)text->indent, "",
                    one_of ? "oneof one_of {" : "}");
        in_one_of = one_of;
        write_field(text, field, &rules[i], one_of ? 4 : 2);
    }
    if (in_one_of)
        fprintf(text->file, "%*s  }\n", (int)text->indent, "");
    fprintf(text->file, "%*s}\n", (int)text->indent, "");
}

static void write_with_types(struct text *text, const ProtobufCMessageDescriptor *descriptor)
{
    if (!is_new(text, descriptor))
        return;
    write_message(text, descriptor);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            write_with_types(text, field->descriptor);
        else if (field->type == PROTOBUF_C_TYPE_ENUM && is_new(text, field->descriptor))
            write_enum(text, field->descriptor);
    }
}

void fl_proto_text_write(FILE *file, unsigned indent,
                         const ProtobufCMessageDescriptor *const *descriptors, size_t count)
{
    struct text text = {.file = file, .indent = indent};
    fprintf(file, "%*ssyntax = \"proto3\";\n%*spackage fleetlog.v1;\n", (int)indent, "",
            (int)indent, "");
    for (size_t i = 0; i < count; i++)
        write_with_types(&text, descriptors[i]);
}
