/* SPDX-License-Identifier: Apache-2.0 */
#include "schemas/envelope.h"

#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/timestamp.h"
#include "schemas/codec.h"
#include "schemas/text.h"

enum { HEADER_COUNT_MAX = 20, NUMBER_SIZE_MAX = 20 };

/* Which records carry an attribute. */
enum presence { ALWAYS, WHERE_SET, ACTION_OR_SET, EVENT };

/* How it is written; also where it lies in struct fl_envelope. */
enum form { FORM_FIXED, FORM_ID, FORM_TEXT, FORM_ACTOR, FORM_TIME, FORM_U64, FORM_U32, FORM_HASH };

struct attribute {
    const char *header;
    enum form form;
    enum presence presence;
    size_t at;         /* offset in struct fl_envelope */
    const char *fixed; /* FORM_FIXED: the only value */
};

#define AT(field) offsetof(struct fl_envelope, field)

/* The canonical order: what CloudEvents names, then ours, then what only events have. */
static const struct attribute attributes[] = {
    {"ce_specversion", FORM_FIXED, ALWAYS, 0, "1.0"},
    {"ce_id", FORM_ID, ALWAYS, AT(id), NULL},
    {"ce_type", FORM_TEXT, ALWAYS, AT(type), NULL},
    {"ce_source", FORM_TEXT, ALWAYS, AT(source), NULL},
    {"ce_time", FORM_TIME, ALWAYS, AT(time_ms), NULL},
    {"ce_subject", FORM_TEXT, WHERE_SET, AT(subject), NULL},
    {"content-type", FORM_FIXED, ALWAYS, 0, "application/protobuf"},
    {"ce_actor", FORM_ACTOR, ACTION_OR_SET, AT(actor), NULL},
    {"ce_onbehalfof", FORM_ID, WHERE_SET, AT(on_behalf_of), NULL},
    {"ce_company", FORM_ID, WHERE_SET, AT(company_id), NULL},
    {"ce_causationid", FORM_ID, WHERE_SET, AT(causation_id), NULL},
    {"ce_correlationid", FORM_ID, WHERE_SET, AT(correlation_id), NULL},
    {"ce_sequence", FORM_U64, EVENT, AT(sequence), NULL},
    {"ce_action", FORM_U64, EVENT, AT(action), NULL},
    {"ce_actionhash", FORM_HASH, EVENT, AT(action_hash), NULL},
    {"ce_previous", FORM_HASH, EVENT, AT(previous), NULL},
    {"ce_rulesversion", FORM_U32, EVENT, AT(rules_version), NULL},
    {"ce_minreader", FORM_U32, EVENT, AT(min_reader), NULL},
};
enum { ATTRIBUTE_COUNT = sizeof(attributes) / sizeof(attributes[0]) };
_Static_assert((int)ATTRIBUTE_COUNT <= (int)HEADER_COUNT_MAX, "room for every attribute");

/* What kind of record an envelope belongs to. */
enum record_kind { PLAIN, OF_ACTION, OF_EVENT };

static bool is_text(struct fl_slice value)
{
    return value.size != 0 && value.size <= FL_HEADER_VALUE_SIZE_MAX &&
           fl_text_check(value) == FL_TEXT_GOOD;
}

static bool read_u32(struct fl_slice value, uint32_t *out)
{
    uint64_t number;
    if (!fl_slice_to_u64(value, &number) || number > UINT32_MAX)
        return false;
    *out = (uint32_t)number;
    return true;
}

static bool read_value(const struct attribute *attribute, struct fl_slice value, void *field)
{
    struct fl_slice ignored;
    switch (attribute->form) {
    case FORM_FIXED:
        return fl_slice_is(value, attribute->fixed);
    case FORM_ID:
        if (!fl_id_is_valid(value))
            return false;
        break;
    case FORM_ACTOR:
        if (!is_text(value) || fl_actor_parse(value, &ignored) == 0)
            return false;
        break;
    case FORM_TEXT:
        if (!is_text(value))
            return false;
        break;
    case FORM_TIME:
        return fl_timestamp_parse(value, field);
    case FORM_U64:
        return fl_slice_to_u64(value, field);
    case FORM_U32:
        return read_u32(value, field);
    case FORM_HASH:
        return fl_hex_decode(value, field, FL_HASH_SIZE);
    }
    *(struct fl_slice *)field = value;
    return true;
}

static bool is_required(const struct attribute *attribute, enum record_kind kind)
{
    switch (attribute->presence) {
    case ALWAYS:
        return true;
    case WHERE_SET:
        return false;
    case ACTION_OR_SET:
        return kind == OF_ACTION;
    case EVENT:
        return kind == OF_EVENT;
    }
    return false;
}

/* An event is told by its ce_sequence, an action by a type that the catalogue knows as one. */
static enum record_kind kind_of(const struct fl_record *record)
{
    if (fl_record_header(record, "ce_sequence") != NULL)
        return OF_EVENT;
    const struct fl_header *type = fl_record_header(record, "ce_type");
    const struct fl_catalogue_row *row = type == NULL ? NULL : fl_catalogue_find(type->value);
    return row != NULL && row->kind == FL_KIND_ACTION ? OF_ACTION : PLAIN;
}

/* Our own records have their headers in our order: the one wanted mostly stands next. */
static const struct fl_header *find_header(const struct fl_record *record, const char *name,
                                           uint32_t *at)
{
    if (*at < record->header_count && fl_slice_is(record->headers[*at].name, name))
        return &record->headers[(*at)++];
    const struct fl_header *header = fl_record_header(record, name);
    if (header != NULL)
        *at = (uint32_t)(header - record->headers) + 1;
    return header;
}

enum fl_error fl_envelope_read(const struct fl_record *record, struct fl_envelope *envelope,
                               const char **what)
{
    struct fl_envelope read = {0};
    if (fl_record_has_duplicate_header(record)) {
        *what = "headers";
        return FL_INVALID;
    }
    enum record_kind kind = kind_of(record);
    uint32_t at = 0;
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        const struct attribute *attribute = &attributes[i];
        const struct fl_header *header = find_header(record, attribute->header, &at);
        *what = attribute->header;
        if (header == NULL) {
            if (is_required(attribute, kind))
                return FL_INVALID;
            continue;
        }
        if (attribute->presence == EVENT && kind != OF_EVENT)
            return FL_INVALID;
        if (header->value.data == NULL ||
            !read_value(attribute, header->value, (char *)&read + attribute->at))
            return FL_INVALID;
    }
    read.row = fl_catalogue_find(read.type);
    if (read.row != NULL && (read.row->kind == FL_KIND_EVENT) != (kind == OF_EVENT)) {
        *what = "ce_type";
        return FL_INVALID;
    }
    read.is_event = kind == OF_EVENT;
    *envelope = read;
    *what = NULL;
    return FL_OK;
}

/* Plain decimal; every event has four of them, and printf would take longest of all. */
static struct fl_slice write_decimal(struct fl_arena *arena, uint64_t number)
{
    char digits[NUMBER_SIZE_MAX];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    return fl_arena_copy(arena, fl_slice_of(digits + at, sizeof(digits) - at));
}

static struct fl_slice write_value(struct fl_arena *arena, const struct attribute *attribute,
                                   const void *field)
{
    char time[FL_TIMESTAMP_TEXT_SIZE];
    char hash[FL_HASH_TEXT_SIZE];
    switch (attribute->form) {
    case FORM_FIXED:
        return fl_slice_text(attribute->fixed);
    case FORM_ID:
    case FORM_TEXT:
    case FORM_ACTOR:
        return *(const struct fl_slice *)field;
    case FORM_TIME:
        fl_timestamp_format(*(const int64_t *)field, time);
        return fl_arena_copy(arena, fl_slice_text(time));
    case FORM_U64:
        return write_decimal(arena, *(const uint64_t *)field);
    case FORM_U32:
        return write_decimal(arena, *(const uint32_t *)field);
    case FORM_HASH:
        fl_hex_encode(field, FL_HASH_SIZE, hash);
        return fl_arena_copy(arena, fl_slice_text(hash));
    }
    return FL_SLICE_NULL;
}

/* Headers and payload; the caller sets the key. */
static enum fl_error encode(struct fl_arena *arena, const struct fl_envelope *envelope,
                            enum record_kind kind, const ProtobufCMessage *message,
                            struct fl_record *record)
{
    struct fl_header *headers = fl_arena_alloc(arena, sizeof(*headers) * ATTRIBUTE_COUNT);
    if (headers == NULL)
        return FL_NO_MEMORY;
    uint32_t count = 0;
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        const struct attribute *attribute = &attributes[i];
        if (attribute->presence == EVENT && kind != OF_EVENT)
            continue;
        struct fl_slice value =
            write_value(arena, attribute, (const char *)envelope + attribute->at);
        if (value.data == NULL && arena->exhausted)
            return FL_NO_MEMORY;
        fl_assert(value.data != NULL || !is_required(attribute, kind));
        if (value.data != NULL)
            headers[count++] = (struct fl_header){fl_slice_text(attribute->header), value};
    }
    struct fl_slice payload;
    enum fl_error error = fl_message_encode(arena, message, &payload);
    if (error != FL_OK)
        return error;
    *record = (struct fl_record){.value = payload,
                                 .headers = headers,
                                 .header_count = count,
                                 .timestamp_ms = envelope->time_ms};
    return FL_OK;
}

/* The text field of that name; FL_SLICE_NULL for the name "" or an empty field. */
static struct fl_slice field_text(const ProtobufCMessage *message, const char *name)
{
    if (name[0] == '\0')
        return FL_SLICE_NULL;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    fl_assert(field != NULL && field->type == PROTOBUF_C_TYPE_STRING);
    const char *text = *(char *const *)((const char *)message + field->offset);
    return text == NULL || text[0] == '\0' ? FL_SLICE_NULL : fl_slice_text(text);
}

/* The envelope with what follows from the message's row. */
static struct fl_envelope completed(const struct fl_envelope *envelope,
                                    const ProtobufCMessage *message, enum fl_message_kind kind)
{
    struct fl_envelope full = *envelope;
    full.row = fl_catalogue_of(message);
    fl_assert(full.row != NULL && full.row->kind == kind);
    full.type = fl_slice_text(full.row->full_name);
    full.min_reader = full.row->min_reader;
    if (full.subject.data == NULL)
        full.subject = field_text(message, full.row->subject_field);
    return full;
}

enum fl_error fl_action_encode(struct fl_arena *arena, const struct fl_envelope *envelope,
                               const ProtobufCMessage *message, struct fl_record *record)
{
    struct fl_envelope full = completed(envelope, message, FL_KIND_ACTION);
    enum fl_error error = encode(arena, &full, OF_ACTION, message, record);
    if (error != FL_OK)
        return error;
    struct fl_slice ignored;
    if (full.company_id.data != NULL)
        record->key = full.company_id;
    else if (fl_actor_parse(full.actor, &ignored) == FL_ACTOR_OPERATOR)
        record->key = FL_SLICE_LITERAL("operator");
    else
        record->key = FL_SLICE_LITERAL("log");
    return FL_OK;
}

enum fl_error fl_event_encode(struct fl_arena *arena, const struct fl_envelope *envelope,
                              const ProtobufCMessage *message, struct fl_record *record)
{
    struct fl_envelope full = completed(envelope, message, FL_KIND_EVENT);
    enum fl_error error = encode(arena, &full, OF_EVENT, message, record);
    if (error != FL_OK)
        return error;
    record->key = field_text(message, full.row->key_field);
    if (record->key.data == NULL)
        record->key = full.company_id;
    if (record->key.data == NULL)
        record->key = FL_SLICE_LITERAL("log");
    return FL_OK;
}

enum fl_error fl_plain_encode(struct fl_arena *arena, struct fl_slice id, const char *full_name,
                              struct fl_slice source, int64_t time_ms, struct fl_slice key,
                              const ProtobufCMessage *message, struct fl_record *record)
{
    struct fl_envelope envelope = {
        .id = id, .type = fl_slice_text(full_name), .source = source, .time_ms = time_ms};
    enum fl_error error = encode(arena, &envelope, PLAIN, message, record);
    if (error == FL_OK)
        record->key = key;
    return error;
}

void fl_event_id(struct fl_slice log_id, uint64_t action_offset,
                 const uint8_t action_hash[FL_HASH_SIZE], char out[FL_ID_TEXT_SIZE])
{
    uint8_t offset[8];
    const struct fl_slice parts[] = {log_id, fl_u64_key(action_offset, offset),
                                     fl_slice_of(action_hash, FL_HASH_SIZE)};
    fl_id_derive("event", parts, sizeof(parts) / sizeof(parts[0]), out);
}

/* "ce_type" is "type", "content-type" is "datacontenttype" (CloudEvents 1.0 JSON format). */
static const char *json_name(const char *header)
{
    return header[0] == 'c' && header[1] == 'e' ? header + sizeof("ce_") - 1 : "datacontenttype";
}

static void write_json_value(struct fl_json *json, const struct attribute *attribute,
                             const void *field)
{
    char text[FL_HASH_TEXT_SIZE];
    switch (attribute->form) {
    case FORM_FIXED:
        fl_json_text(json, attribute->fixed);
        return;
    case FORM_ID:
    case FORM_TEXT:
    case FORM_ACTOR:
        fl_json_string(json, *(const struct fl_slice *)field);
        return;
    case FORM_TIME:
        fl_timestamp_format(*(const int64_t *)field, text);
        fl_json_text(json, text);
        return;
    case FORM_U64:
        fl_json_uint(json, *(const uint64_t *)field);
        return;
    case FORM_U32:
        fl_json_uint(json, *(const uint32_t *)field);
        return;
    case FORM_HASH:
        fl_hex_encode(field, FL_HASH_SIZE, text);
        fl_json_text(json, text);
        return;
    }
}

void fl_envelope_write_json(struct fl_json *json, const struct fl_envelope *envelope)
{
    for (size_t i = 0; i < ATTRIBUTE_COUNT; i++) {
        const struct attribute *attribute = &attributes[i];
        const void *field = (const char *)envelope + attribute->at;
        bool is_text = attribute->form == FORM_ID || attribute->form == FORM_TEXT ||
                       attribute->form == FORM_ACTOR;
        if (is_text && ((const struct fl_slice *)field)->data == NULL)
            continue;
        if (attribute->presence == EVENT && !envelope->is_event)
            continue;
        fl_json_name(json, json_name(attribute->header));
        write_json_value(json, attribute, field);
    }
}

static const char *const patterns[] = {
    [FORM_ID] = "^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
    [FORM_TEXT] = "^.+$",
    [FORM_ACTOR] = ("^((account|operator|agent|node|checkout|link):.+|"
                    "detector|timekeeper|mailer|keeper|visitor)$"),
    [FORM_TIME] = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$",
    [FORM_U64] = "^(0|[1-9][0-9]{0,19})$",
    [FORM_U32] = "^(0|[1-9][0-9]{0,9})$",
    [FORM_HASH] = "^[0-9a-f]{64}$",
};

bool fl_envelope_attribute(size_t n, struct fl_attribute_info *info)
{
    if (n >= ATTRIBUTE_COUNT)
        return false;
    const struct attribute *attribute = &attributes[n];
    *info = (struct fl_attribute_info){
        .header = attribute->header,
        .pattern = attribute->form == FORM_FIXED ? attribute->fixed : patterns[attribute->form],
        .on_actions = attribute->presence != EVENT,
        .on_plain = attribute->presence == ALWAYS,
        .required = attribute->presence == ALWAYS || attribute->presence == EVENT,
    };
    return true;
}
