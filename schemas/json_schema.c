/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/json_schema.h"

#include <inttypes.h>
#include <stdarg.h>

#include "core/assert.h"
#include "schemas/fields.h"
#include "schemas/json_name.h"
#include "schemas/reflect.h"

struct out {
    FILE *file;
    unsigned indent;
};

__attribute__((format(printf, 3, 4))) static void line(const struct out *out, unsigned depth,
                                                       const char *format, ...)
{
    va_list args;
    fprintf(out->file, "%*s", (int)(out->indent + 2 * depth), "");
    va_start(args, format);
    vfprintf(out->file, format, args);
    va_end(args);
    fputc('\n', out->file);
}

static void write_string(const struct out *out, unsigned depth, const struct fl_field_rule *rule)
{
    line(out, depth, "type: string");
    switch (rule->kind) {
    case FL_RULE_ID:
        line(out, depth, "format: uuid");
        return;
    case FL_RULE_ID_OR_EMPTY:
        line(out, depth, "pattern: \"^([0-9a-f-]{36})?$\"");
        return;
    case FL_RULE_WORD:
        line(out, depth, "pattern: \"^[!-~]{%" PRIu64 ",%" PRIu64 "}$\"", rule->min, rule->max);
        return;
    case FL_RULE_TEXT:
        line(out, depth, "minLength: %d", rule->min != 0);
        line(out, depth, "maxLength: %" PRIu64, rule->max);
        return;
    case FL_RULE_BYTES:
        line(out, depth, "contentEncoding: base64");
        line(out, depth, "minLength: %" PRIu64, (rule->min + 2) / 3 * 4);
        line(out, depth, "maxLength: %" PRIu64, (rule->max + 2) / 3 * 4);
        return;
    case FL_RULE_NUMBER:
    case FL_RULE_SIGNED:
    case FL_RULE_BOOL:
    case FL_RULE_ENUM:
    case FL_RULE_MESSAGE:
        return;
    }
}

static void write_number(const struct out *out, unsigned depth,
                         const ProtobufCFieldDescriptor *field, const struct fl_field_rule *rule)
{
    if (fl_reflect_size(field) == sizeof(uint64_t)) {
        line(out, depth, "type: string");
        line(out, depth, "pattern: \"^%s[0-9]{1,20}$\"", rule->kind == FL_RULE_SIGNED ? "-?" : "");
        return;
    }
    line(out, depth, "type: integer");
    if (rule->kind != FL_RULE_NUMBER)
        return;
    line(out, depth, "minimum: %" PRIu64, rule->min);
    line(out, depth, "maximum: %" PRIu64, rule->max);
}

static void write_enum(const struct out *out, unsigned depth,
                       const ProtobufCEnumDescriptor *descriptor)
{
    line(out, depth, "type: string");
    line(out, depth, "enum:");
    for (unsigned i = 0; i < descriptor->n_values; i++)
        if (descriptor->values[i].value != 0)
            line(out, depth + 1, "- %s", descriptor->values[i].name);
}

static void write_value(const struct out *out, unsigned depth,
                        const ProtobufCFieldDescriptor *field, const struct fl_field_rule *rule)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        line(out, depth, "$ref: \"#/components/schemas/%s\"",
             ((const ProtobufCMessageDescriptor *)field->descriptor)->short_name);
    else if (field->type == PROTOBUF_C_TYPE_ENUM)
        write_enum(out, depth, field->descriptor);
    else if (field->type == PROTOBUF_C_TYPE_BOOL)
        line(out, depth, "type: boolean");
    else if (field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES)
        write_string(out, depth, rule);
    else
        write_number(out, depth, field, rule);
}

static void write_field(const struct out *out, const ProtobufCFieldDescriptor *field,
                        const struct fl_field_rule *rule)
{
    char name[FL_JSON_NAME_SIZE];
    fl_json_name_of(field, name);
    line(out, 1, "%s:", name);
    if (!fl_reflect_is_repeated(field)) {
        write_value(out, 2, field, rule);
        return;
    }
    line(out, 2, "type: array");
    line(out, 2, "minItems: %" PRIu32, rule->count_min);
    line(out, 2, "maxItems: %" PRIu32, rule->count_max);
    line(out, 2, "uniqueItems: %s", (rule->flags & FL_RULE_UNIQUE) != 0 ? "true" : "false");
    line(out, 2, "items:");
    write_value(out, 3, field, rule);
}

/* ProtoJSON leaves zero, "" and empty lists out: required is what may not be that. */
static bool is_required(const ProtobufCFieldDescriptor *field, const struct fl_field_rule *rule)
{
    if (fl_reflect_is_repeated(field))
        return rule->count_min != 0;
    switch (rule->kind) {
    case FL_RULE_ID:
    case FL_RULE_ENUM:
        return true;
    case FL_RULE_TEXT:
    case FL_RULE_WORD:
    case FL_RULE_BYTES:
    case FL_RULE_NUMBER:
        return rule->min != 0;
    case FL_RULE_MESSAGE:
        return (rule->flags & FL_RULE_REQUIRED) != 0;
    case FL_RULE_ID_OR_EMPTY:
    case FL_RULE_SIGNED:
    case FL_RULE_BOOL:
        return false;
    }
    return false;
}

void fl_json_schema_write(FILE *file, unsigned indent, const ProtobufCMessageDescriptor *descriptor)
{
    const struct fl_field_rule *rules = fl_field_rules(descriptor);
    const struct out out = {file, indent};
    char name[FL_JSON_NAME_SIZE];
    bool any = false;
    fl_assert(rules != NULL);
    line(&out, 0, "type: object");
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (!is_required(&descriptor->fields[i], &rules[i]))
            continue;
        if (!any)
            line(&out, 0, "required:");
        any = true;
        fl_json_name_of(&descriptor->fields[i], name);
        line(&out, 1, "- %s", name);
    }
    line(&out, 0, "properties:");
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        write_field(&out, &descriptor->fields[i], &rules[i]);
}
