/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences of the Event Log, from the catalogue's templates. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fleetlog/v1/events.pb-c.h"
#include "projections/eventlog/eventlog.h"

enum { TEXT_SIZE_MAX = 4096, WORD_SIZE_MAX = 64 };

struct text {
    char bytes[TEXT_SIZE_MAX];
    size_t size;
    bool begins_with_name; /* whose first letter is not ours to change */
};

/* Appends as much as fits, never half a character. */
static void add(struct text *text, const char *part)
{
    size_t size = strlen(part);
    size_t room = TEXT_SIZE_MAX - 1 - text->size;
    if (size > room) {
        size = room;
        while (size > 0 && ((unsigned char)part[size] & 0xc0) == 0x80)
            size--;
    }
    memcpy(text->bytes + text->size, part, size);
    text->size += size;
    text->bytes[text->size] = '\0';
}

/* A name that somebody gave, exactly as it is. */
static void add_name(struct text *text, const char *name)
{
    text->begins_with_name = text->begins_with_name || text->size == 0;
    add(text, name);
}

static void add_name_or(struct text *text, const char *(*look_up)(void *, const char *),
                        void *context, const char *id, const char *unknown)
{
    const char *name = look_up == NULL || id == NULL ? NULL : look_up(context, id);
    if (name == NULL || name[0] == '\0')
        add(text, unknown);
    else
        add_name(text, name);
}

static void add_person(struct text *text, const struct fl_eventlog_names *names, const char *id)
{
    add_name_or(text, names->person, names->context, id, "somebody who is not known any more");
}

static void add_actor(struct text *text, const fl_entry_row *row,
                      const struct fl_eventlog_names *names)
{
    struct fl_slice id = FL_SLICE_NULL;
    switch (fl_actor_parse(fl_slice_text(row->actor), &id)) {
    case FL_ACTOR_ACCOUNT:
        add_person(text, names, (const char *)id.data);
        return;
    case FL_ACTOR_OPERATOR:
        add(text, "operator ");
        add(text, (const char *)id.data);
        if (row->on_behalf_of[0] != '\0') {
            add(text, " for ");
            add_person(text, names, row->on_behalf_of);
        }
        return;
    case FL_ACTOR_AGENT:
        add(text, "an agent");
        return;
    case FL_ACTOR_DETECTOR:
        add(text, "the detector");
        return;
    case FL_ACTOR_TIMEKEEPER:
        add(text, "the calendar");
        return;
    case FL_ACTOR_CHECKOUT:
        add(text, "the checkout");
        return;
    case FL_ACTOR_VISITOR:
    case FL_ACTOR_LINK:
        add(text, "somebody with a link");
        return;
    default:
        add(text, "fleetlog");
    }
}

static void add_device(struct text *text, const struct fl_eventlog_names *names, const char *id)
{
    add_name_or(text, names->device, names->context, id, "a device");
}

/* "A, B, C and 7 more" */
static void add_devices(struct text *text, const fl_entry_row *row,
                        const struct fl_eventlog_names *names)
{
    char more[32];
    size_t shown = row->n_device_ids < row->device_count ? row->n_device_ids : row->device_count;
    for (size_t i = 0; i < shown; i++) {
        bool last = i + 1 == row->device_count;
        if (i > 0)
            add(text, last ? " and " : ", ");
        add_device(text, names, row->device_ids[i]);
    }
    if (row->device_count <= shown)
        return;
    snprintf(more, sizeof(more), " and %zu more", row->device_count - shown);
    add(text, more);
}

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessage *message, const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
}

static const char *string_of(const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field = field_of(message, name);
    if (field == NULL || field->type != PROTOBUF_C_TYPE_STRING ||
        field->label == PROTOBUF_C_LABEL_REPEATED)
        return NULL;
    return *(const char *const *)((const char *)message + field->offset);
}

/* "RenameDevice" as "rename device". */
static void add_action(struct text *text, const char *type)
{
    char words[WORD_SIZE_MAX * 2];
    size_t used = 0;
    for (size_t i = 0; type[i] != '\0' && used + 2 < sizeof(words); i++) {
        bool upper = type[i] >= 'A' && type[i] <= 'Z';
        if (upper && i > 0)
            words[used++] = ' ';
        words[used++] = upper ? (char)(type[i] - 'A' + 'a') : type[i];
    }
    words[used] = '\0';
    add(text, words);
}

static void add_field(struct text *text, const ProtobufCMessage *message, const char *name)
{
    char number[32];
    const ProtobufCFieldDescriptor *field = field_of(message, name);
    if (field == NULL || field->label == PROTOBUF_C_LABEL_REPEATED)
        return;
    const void *at = (const char *)message + field->offset;
    switch ((int)field->type) {
    case PROTOBUF_C_TYPE_STRING:
        add_name(text, *(const char *const *)at);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        add(text, fl_enum_label(field->descriptor, *(const int *)at));
        return;
    case PROTOBUF_C_TYPE_UINT32:
        snprintf(number, sizeof(number), "%" PRIu32, *(const uint32_t *)at);
        break;
    case PROTOBUF_C_TYPE_UINT64:
        snprintf(number, sizeof(number), "%" PRIu64, *(const uint64_t *)at);
        break;
    case PROTOBUF_C_TYPE_INT64:
        snprintf(number, sizeof(number), "%" PRId64, *(const int64_t *)at);
        break;
    default:
        return;
    }
    add(text, number);
}

static void add_word(struct text *text, const fl_entry_row *row, const ProtobufCMessage *message,
                     const struct fl_eventlog_names *names, const char *word)
{
    if (strcmp(word, "actor") == 0) {
        add_actor(text, row, names);
    } else if (strcmp(word, "device") == 0) {
        add_device(text, names, string_of(message, "device_id"));
    } else if (strcmp(word, "devices") == 0) {
        add_devices(text, row, names);
    } else if (strcmp(word, "person") == 0) {
        const char *id = string_of(message, "subject_id");
        add_person(text, names, id != NULL ? id : string_of(message, "account_id"));
    } else if (strcmp(word, "company") == 0) {
        add_name_or(text, names->company, names->context, string_of(message, "company_id"),
                    "a company");
    } else if (strcmp(word, "ended") == 0) {
        const ProtobufCFieldDescriptor *kind = field_of(message, "kind");
        if (kind != NULL && kind->type == PROTOBUF_C_TYPE_ENUM)
            add(text, fl_condition_end(*(const int *)((const char *)message + kind->offset)));
    } else if (strcmp(word, "action_type") == 0) {
        const char *type = string_of(message, word);
        add_action(text, type == NULL ? "" : type);
    } else {
        add_field(text, message, word);
    }
}

static void render(struct text *text, const fl_entry_row *row, const ProtobufCMessage *message,
                   const struct fl_eventlog_names *names, const char *format)
{
    char part[WORD_SIZE_MAX * 4];
    while (*format != '\0') {
        bool is_word = *format == '{';
        format += is_word;
        size_t size = strcspn(format, is_word ? "}" : "{");
        if (size >= sizeof(part))
            size = sizeof(part) - 1;
        memcpy(part, format, size);
        part[size] = '\0';
        format += size;
        if (is_word) {
            add_word(text, row, message, names, part);
            format += *format == '}';
        } else {
            add(text, part);
        }
    }
}

/* Sentences begin with a capital letter, unless they begin with a name. */
static const char *finish(struct fl_arena *arena, struct text *text)
{
    if (text->size > 0 && !text->begins_with_name && text->bytes[0] >= 'a' && text->bytes[0] <= 'z')
        text->bytes[0] = (char)(text->bytes[0] - 'a' + 'A');
    return fl_arena_text(arena, fl_slice_of(text->bytes, text->size));
}

const char *fl_eventlog_text(struct fl_arena *arena, const fl_entry_row *row,
                             const struct fl_eventlog_names *names)
{
    struct text text = {.size = 0};
    ProtobufCMessage *message;
    const struct fl_catalogue_row *type = fl_catalogue_find(fl_slice_text(row->type));
    struct fl_slice payload =
        fl_slice_of(row->payload.len == 0 ? (const void *)"" : row->payload.data, row->payload.len);
    text.bytes[0] = '\0';
    if (type != NULL && type->text[0] != '\0' &&
        fl_message_decode(arena, type->descriptor, payload, &message) == FL_OK) {
        render(&text, row, message, names, type->text);
        return finish(arena, &text);
    }
    /* A kind of event that this version does not know is shown by its name. */
    add_actor(&text, row, names);
    add(&text, ": ");
    add(&text, row->type);
    return finish(arena, &text);
}

const char *fl_eventlog_actor(struct fl_arena *arena, const fl_entry_row *row,
                              const struct fl_eventlog_names *names)
{
    struct text text = {.size = 0};
    text.bytes[0] = '\0';
    add_actor(&text, row, names);
    return fl_arena_text(arena, fl_slice_of(text.bytes, text.size));
}
