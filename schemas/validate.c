/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/ids.h"
#include "schemas/codec.h"
#include "schemas/fields.h"
#include "schemas/place.h"
#include "schemas/reflect.h"
#include "schemas/text.h"

enum { UNIQUE_COUNT_MAX = FL_COMMAND_COUNT_PER_EVENT_MAX };

static enum fl_error check_size(const struct fl_place *place, const struct fl_field_rule *rule,
                                size_t size, char detail[FL_DETAIL_SIZE])
{
    if (size == 0 && rule->min != 0)
        return fl_place_refuse(detail, place, FL_INVALID, "missing");
    if (rule->min == rule->max && size != rule->min)
        return fl_place_refuse(detail, place, FL_INVALID, "must have %" PRIu64 " bytes", rule->min);
    if (size < rule->min)
        return fl_place_refuse(detail, place, FL_INVALID, "at least %" PRIu64 " bytes", rule->min);
    if (size > rule->max)
        return fl_place_refuse(detail, place, FL_INVALID, "at most %" PRIu64 " bytes", rule->max);
    return FL_OK;
}

static enum fl_error check_text(const struct fl_place *place, const struct fl_field_rule *rule,
                                struct fl_slice text, char detail[FL_DETAIL_SIZE])
{
    enum fl_error error = check_size(place, rule, text.size, detail);
    if (error != FL_OK)
        return error;
    switch (fl_text_check(text)) {
    case FL_TEXT_NOT_UTF8:
        return fl_place_refuse(detail, place, FL_INVALID, "not UTF-8");
    case FL_TEXT_CONTROL:
        return fl_place_refuse(detail, place, FL_INVALID, "holds a control character");
    case FL_TEXT_GOOD:
        break;
    }
    return FL_OK;
}

static enum fl_error check_word(const struct fl_place *place, const struct fl_field_rule *rule,
                                struct fl_slice word, char detail[FL_DETAIL_SIZE])
{
    enum fl_error error = check_size(place, rule, word.size, detail);
    for (size_t i = 0; error == FL_OK && i < word.size; i++)
        if (word.data[i] <= ' ' || word.data[i] > '~')
            error = fl_place_refuse(detail, place, FL_INVALID, "not one word of printable ASCII");
    return error;
}

static enum fl_error check_id(const struct fl_place *place, const struct fl_field_rule *rule,
                              struct fl_slice text, char detail[FL_DETAIL_SIZE])
{
    if (text.size == 0)
        return rule->kind == FL_RULE_ID_OR_EMPTY
                   ? FL_OK
                   : fl_place_refuse(detail, place, FL_INVALID, "missing");
    return fl_id_is_valid(text) ? FL_OK : fl_place_refuse(detail, place, FL_INVALID, "not an id");
}

static enum fl_error check_number(const struct fl_place *place, const struct fl_field_rule *rule,
                                  const ProtobufCFieldDescriptor *field, const void *at,
                                  char detail[FL_DETAIL_SIZE])
{
    uint64_t number = fl_reflect_number(field, at);
    if (fl_reflect_is_signed(field) && (int64_t)number < 0)
        return fl_place_refuse(detail, place, FL_INVALID, "negative");
    if (number == 0 && rule->min != 0)
        return fl_place_refuse(detail, place, FL_INVALID, "missing");
    if (number < rule->min)
        return fl_place_refuse(detail, place, FL_INVALID, "at least %" PRIu64, rule->min);
    if (number > rule->max)
        return fl_place_refuse(detail, place, FL_INVALID, "at most %" PRIu64, rule->max);
    return FL_OK;
}

static enum fl_error check_enum(const struct fl_place *place, const ProtobufCFieldDescriptor *field,
                                const void *at, char detail[FL_DETAIL_SIZE])
{
    int value = (int)fl_reflect_number(field, at);
    if (value == 0)
        return fl_place_refuse(detail, place, FL_INVALID, "missing");
    if (protobuf_c_enum_descriptor_get_value(field->descriptor, value) == NULL)
        return fl_place_refuse(detail, place, FL_INVALID, "not a known value");
    return FL_OK;
}

static enum fl_error check_message(const struct fl_place *place, const ProtobufCMessage *message,
                                   char detail[FL_DETAIL_SIZE]);

static enum fl_error check_value(const struct fl_place *place, const struct fl_field_rule *rule,
                                 const ProtobufCFieldDescriptor *field, const void *at,
                                 char detail[FL_DETAIL_SIZE])
{
    switch (rule->kind) {
    case FL_RULE_ID:
    case FL_RULE_ID_OR_EMPTY:
        return check_id(place, rule, fl_slice_text(fl_reflect_text(at)), detail);
    case FL_RULE_TEXT:
        return check_text(place, rule, fl_slice_text(fl_reflect_text(at)), detail);
    case FL_RULE_WORD:
        return check_word(place, rule, fl_slice_text(fl_reflect_text(at)), detail);
    case FL_RULE_BYTES:
        return check_size(place, rule, fl_reflect_bytes(at).size, detail);
    case FL_RULE_NUMBER:
        return check_number(place, rule, field, at, detail);
    case FL_RULE_ENUM:
        return check_enum(place, field, at, detail);
    case FL_RULE_MESSAGE:
        return check_message(place, fl_reflect_message(at), detail);
    case FL_RULE_SIGNED:
    case FL_RULE_BOOL:
        return FL_OK;
    }
    return FL_OK;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(fl_reflect_text(a), fl_reflect_text(b));
}

static enum fl_error check_unique(const struct fl_place *place, const ProtobufCMessage *message,
                                  const ProtobufCFieldDescriptor *field, size_t count,
                                  char detail[FL_DETAIL_SIZE])
{
    const char *sorted[UNIQUE_COUNT_MAX];
    fl_assert(field->type == PROTOBUF_C_TYPE_STRING && count <= UNIQUE_COUNT_MAX);
    for (size_t i = 0; i < count; i++)
        sorted[i] = fl_reflect_text(fl_reflect_at(message, field, i));
    qsort(sorted, count, sizeof(sorted[0]), compare_text);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0)
            return fl_place_refuse(detail, place, FL_INVALID, "lists a value twice");
    return FL_OK;
}

static enum fl_error check_count(const struct fl_place *place, const struct fl_field_rule *rule,
                                 size_t count, char detail[FL_DETAIL_SIZE])
{
    if (count < rule->count_min)
        return fl_place_refuse(detail, place, FL_INVALID, "at least %u", rule->count_min);
    if (count > rule->count_max)
        return fl_place_refuse(detail, place, FL_INVALID, "at most %u", rule->count_max);
    return FL_OK;
}

static enum fl_error check_field(const struct fl_place *parent, const ProtobufCMessage *message,
                                 const ProtobufCFieldDescriptor *field,
                                 const struct fl_field_rule *rule, char detail[FL_DETAIL_SIZE])
{
    size_t count = fl_reflect_count(message, field);
    struct fl_place place = {.parent = parent, .field = field->name};
    enum fl_error error = FL_OK;
    if (fl_reflect_is_repeated(field))
        error = check_count(&place, rule, count, detail);
    else if (count == 0 && (rule->flags & FL_RULE_REQUIRED) != 0)
        error = fl_place_refuse(detail, &place, FL_INVALID, "missing");
    place.repeated = fl_reflect_is_repeated(field);
    for (; error == FL_OK && place.index < count; place.index++)
        error =
            check_value(&place, rule, field, fl_reflect_at(message, field, place.index), detail);
    place.repeated = false;
    if (error == FL_OK && count > 1 && (rule->flags & FL_RULE_UNIQUE) != 0)
        error = check_unique(&place, message, field, count, detail);
    return error;
}

static enum fl_error check_message(const struct fl_place *place, const ProtobufCMessage *message,
                                   char detail[FL_DETAIL_SIZE])
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    const struct fl_field_rule *rules = fl_field_rules(descriptor);
    fl_assert(rules != NULL);
    bool one_of_wanted = false;
    bool one_of_seen = false;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        enum fl_error error = check_field(place, message, field, &rules[i], detail);
        if (error != FL_OK)
            return error;
        if ((rules[i].flags & FL_RULE_ONE_OF) != 0) {
            one_of_wanted = true;
            one_of_seen = one_of_seen || fl_reflect_count(message, field) != 0;
        }
    }
    if (one_of_wanted && !one_of_seen)
        return fl_place_refuse(detail, place, FL_INVALID, "holds none of its kinds");
    return FL_OK;
}

enum fl_error fl_message_validate(const ProtobufCMessage *message, char detail[FL_DETAIL_SIZE])
{
    struct fl_place place = {.field = ""};
    return check_message(&place, message, detail);
}

static enum fl_error check_enum_version(const struct fl_place *place,
                                        const ProtobufCFieldDescriptor *field, int value,
                                        uint32_t rules_version, char detail[FL_DETAIL_SIZE])
{
    const ProtobufCEnumValue *known =
        value == 0 ? NULL : protobuf_c_enum_descriptor_get_value(field->descriptor, value);
    const struct fl_enum_row *row = known == NULL ? NULL : fl_enum_row_find(known->name);
    if (value != 0 && (row == NULL || row->since > rules_version))
        return fl_place_refuse(detail, place, FL_UNSUPPORTED,
                               "the value %d is unknown to these rules", value);
    return FL_OK;
}

static enum fl_error check_version(const struct fl_place *place, const ProtobufCMessage *message,
                                   uint32_t rules_version, char detail[FL_DETAIL_SIZE]);

static enum fl_error check_field_version(const struct fl_place *parent,
                                         const ProtobufCMessage *message,
                                         const ProtobufCFieldDescriptor *field, uint32_t since,
                                         uint32_t rules_version, char detail[FL_DETAIL_SIZE])
{
    size_t count = fl_reflect_count(message, field);
    struct fl_place place = {.parent = parent, .field = field->name};
    if (count == 0 || (!fl_reflect_is_repeated(field) &&
                       fl_reflect_is_default(field, fl_reflect_at(message, field, 0))))
        return FL_OK;
    if (since > rules_version)
        return fl_place_refuse(detail, &place, FL_UNSUPPORTED, "unknown to these rules");
    enum fl_error error = FL_OK;
    place.repeated = fl_reflect_is_repeated(field);
    for (; error == FL_OK && place.index < count; place.index++) {
        const void *at = fl_reflect_at(message, field, place.index);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            error = check_version(&place, fl_reflect_message(at), rules_version, detail);
        else if (field->type == PROTOBUF_C_TYPE_ENUM)
            error = check_enum_version(&place, field, (int)fl_reflect_number(field, at),
                                       rules_version, detail);
        else
            break;
    }
    return error;
}

static enum fl_error check_version(const struct fl_place *place, const ProtobufCMessage *message,
                                   uint32_t rules_version, char detail[FL_DETAIL_SIZE])
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    const struct fl_field_rule *rules = fl_field_rules(descriptor);
    fl_assert(rules != NULL);
    if (message->n_unknown_fields != 0)
        return fl_place_refuse(detail, place, FL_UNSUPPORTED, "field %u is unknown to these rules",
                               message->unknown_fields[0].tag);
    enum fl_error error = FL_OK;
    for (unsigned i = 0; error == FL_OK && i < descriptor->n_fields; i++)
        error = check_field_version(place, message, &descriptor->fields[i], rules[i].since,
                                    rules_version, detail);
    return error;
}

enum fl_error fl_message_check_version(const ProtobufCMessage *message, uint32_t rules_version,
                                       char detail[FL_DETAIL_SIZE])
{
    struct fl_place place = {.field = ""};
    const struct fl_catalogue_row *row = fl_catalogue_of(message);
    if (row != NULL && row->since > rules_version)
        return fl_place_refuse(detail, &place, FL_UNSUPPORTED, "%s is unknown to these rules",
                               row->name);
    return check_version(&place, message, rules_version, detail);
}
