/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/schemas/maker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/assert.h"
#include "core/ids.h"
#include "schemas/fields.h"
#include "schemas/reflect.h"

uint64_t maker_seed(void)
{
    const char *given = getenv("FLEETLOG_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    printf("FLEETLOG_SEED=%" PRIu64 "\n", seed);
    return seed;
}

/* splitmix64 */
uint64_t maker_random(struct maker *maker)
{
    uint64_t z = maker->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t maker_below(struct maker *maker, uint64_t bound)
{
    return maker->plain ? 0 : maker_random(maker) % bound;
}

static void *take(struct maker *maker, size_t size)
{
    void *block = fl_arena_calloc(maker->arena, 1, size);
    fl_assert(block != NULL);
    return block;
}

static char *make_id(struct maker *maker)
{
    uint8_t bytes[FL_ID_SIZE];
    char *text = take(maker, FL_ID_TEXT_SIZE);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)maker_random(maker);
    bytes[6] = (uint8_t)(0x70 | (bytes[6] & 0x0f));
    bytes[8] = (uint8_t)(0x80 | (bytes[8] & 0x3f));
    fl_id_from_bytes(bytes, text);
    return text;
}

static size_t make_size(struct maker *maker, uint64_t min, uint64_t max)
{
    if (maker->plain)
        return min > 8 ? min : max < 8 ? max : 8;
    uint64_t room = max - min;
    /* Mostly short, sometimes a bound itself. */
    switch (maker_below(maker, 8)) {
    case 0:
        return min;
    case 1:
        return max;
    default:
        return min + maker_below(maker, (room < 24 ? room : 24) + 1);
    }
}

static char *make_text(struct maker *maker, uint64_t min, uint64_t max)
{
    static const char *const pieces[] = {"a", "Z", " ", "\"", "\\",           "/",
                                         "ü", "€", "😀", "<",  "\xef\xbb\xbf", "Ω"};
    size_t size = make_size(maker, min, max);
    char *text = take(maker, size + 1);
    size_t used = 0;
    while (used < size) {
        const char *piece = maker->plain ? "x" : pieces[maker_below(maker, 12)];
        if (used + strlen(piece) > size)
            piece = "x";
        memcpy(text + used, piece, strlen(piece));
        used += strlen(piece);
    }
    return text;
}

static char *make_word(struct maker *maker, uint64_t min, uint64_t max)
{
    size_t size = make_size(maker, min, max);
    char *text = take(maker, size + 1);
    for (size_t i = 0; i < size; i++)
        text[i] = maker->plain ? 'w' : (char)('!' + maker_below(maker, '~' - '!' + 1));
    return text;
}

static ProtobufCBinaryData make_bytes(struct maker *maker, uint64_t min, uint64_t max)
{
    ProtobufCBinaryData bytes = {.len = make_size(maker, min, max)};
    bytes.data = take(maker, bytes.len + 1);
    for (size_t i = 0; i < bytes.len; i++)
        bytes.data[i] = maker->plain ? (uint8_t)i : (uint8_t)maker_random(maker);
    return bytes;
}

static uint64_t make_number(struct maker *maker, uint64_t min, uint64_t max)
{
    if (maker->plain)
        return min + (max - min < 41 ? max - min : 41);
    switch (maker_below(maker, 4)) {
    case 0:
        return min;
    case 1:
        return max;
    default:
        return max - min == UINT64_MAX ? maker_random(maker)
                                       : min + maker_below(maker, max - min + 1);
    }
}

static int32_t make_enum(struct maker *maker, const ProtobufCEnumDescriptor *descriptor)
{
    return descriptor->values[1 + maker_below(maker, descriptor->n_values - 1)].value;
}

static void make_value(struct maker *maker, const ProtobufCFieldDescriptor *field,
                       const struct fl_field_rule *rule, void *at)
{
    uint64_t number;
    switch (rule->kind) {
    case FL_RULE_ID:
        *(char **)at = make_id(maker);
        return;
    case FL_RULE_ID_OR_EMPTY:
        *(const char **)at = maker_below(maker, 4) == 3 ? "" : make_id(maker);
        return;
    case FL_RULE_TEXT:
        *(char **)at = make_text(maker, rule->min, rule->max);
        return;
    case FL_RULE_WORD:
        *(char **)at = make_word(maker, rule->min, rule->max);
        return;
    case FL_RULE_BYTES:
        *(ProtobufCBinaryData *)at = make_bytes(maker, rule->min, rule->max);
        return;
    case FL_RULE_NUMBER:
    case FL_RULE_SIGNED:
        number = rule->kind == FL_RULE_SIGNED ? (uint64_t)-5 + maker_below(maker, 10)
                                              : make_number(maker, rule->min, rule->max);
        if (fl_reflect_size(field) == sizeof(uint64_t))
            *(uint64_t *)at = number;
        else
            *(uint32_t *)at = (uint32_t)number;
        return;
    case FL_RULE_BOOL:
        *(protobuf_c_boolean *)at = (protobuf_c_boolean)(maker->plain || maker_below(maker, 2));
        return;
    case FL_RULE_ENUM:
        *(int32_t *)at = make_enum(maker, field->descriptor);
        return;
    case FL_RULE_MESSAGE:
        *(ProtobufCMessage **)at = maker_message(maker, field->descriptor);
        return;
    }
}

static void make_repeated(struct maker *maker, ProtobufCMessage *message,
                          const ProtobufCFieldDescriptor *field, const struct fl_field_rule *rule)
{
    size_t most = rule->count_max < rule->count_min + 3 ? rule->count_max : rule->count_min + 3;
    size_t count = maker->plain ? (most < 2 ? most : 2)
                                : rule->count_min + maker_below(maker, most - rule->count_min + 1);
    char *values = take(maker, (count + 1) * fl_reflect_size(field));
    struct fl_field_rule longer = *rule;
    if ((rule->flags & FL_RULE_UNIQUE) != 0 && rule->kind == FL_RULE_WORD)
        longer.min = 20; /* so that no two are the same */
    for (size_t i = 0; i < count; i++) {
        make_value(maker, field, &longer, values + i * fl_reflect_size(field));
        if (maker->plain && longer.min == 20)
            (*(char **)(values + i * fl_reflect_size(field)))[0] = (char)('a' + i);
    }
    *(size_t *)((char *)message + field->quantifier_offset) = count;
    *(void **)((char *)message + field->offset) = values;
}

ProtobufCMessage *maker_message(struct maker *maker, const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *message = take(maker, descriptor->sizeof_message);
    descriptor->message_init(message);
    const struct fl_field_rule *rules = fl_field_rules(descriptor);
    unsigned one_of = (unsigned)maker_below(maker, descriptor->n_fields);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        void *at = (char *)message + field->offset;
        if (fl_reflect_is_repeated(field)) {
            make_repeated(maker, message, field, &rules[i]);
        } else if (fl_reflect_is_one_of(field)) {
            if (i != one_of)
                continue;
            *(uint32_t *)((char *)message + field->quantifier_offset) = field->id;
            make_value(maker, field, &rules[i], at);
        } else {
            make_value(maker, field, &rules[i], at);
        }
    }
    return message;
}
