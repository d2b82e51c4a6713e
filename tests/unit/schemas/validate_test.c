/* SPDX-License-Identifier: Apache-2.0
 * The rules of fields.def: each field of each message has one, and each is tried at, below and
 * above its limits in an otherwise good message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/history.pb-c.h"
#include "fleetlog/v1/subjects.pb-c.h"
#include "fleetlog/v1/telemetry.pb-c.h"
#include "schemas/codec.h"
#include "schemas/fields.h"
#include "schemas/reflect.h"
#include "schemas/text.h"
#include "tests/unit/schemas/maker.h"

static struct fl_arena arena;

/* One field of a good message, to be spoilt. */
struct subject {
    ProtobufCMessage *message;
    const ProtobufCFieldDescriptor *field;
    const struct fl_field_rule *rule;
};

static void *first_value(const struct subject *subject)
{
    return (void *)fl_reflect_at(subject->message, subject->field, 0);
}

static bool is_good(const struct subject *subject)
{
    char detail[FL_DETAIL_SIZE] = "";
    return fl_message_validate(subject->message, detail) == FL_OK;
}

/* Refused, and the detail names this field. */
static void assert_refused(const struct subject *subject, const char *rule)
{
    char detail[FL_DETAIL_SIZE] = "";
    char expected[FL_DETAIL_SIZE];
    if (fl_message_validate(subject->message, detail) != FL_INVALID)
        fail_msg("%s.%s: accepted, though %s", subject->message->descriptor->name,
                 subject->field->name, rule);
    snprintf(expected, sizeof(expected), "%s", subject->field->name);
    if (strncmp(detail, expected, strlen(expected)) != 0 || strstr(detail, rule) == NULL)
        fail_msg("%s.%s: expected \"%s\", got \"%s\"", subject->message->descriptor->name,
                 subject->field->name, rule, detail);
}

static const char *text_of(size_t size)
{
    char *text = fl_arena_alloc(&arena, size + 1);
    assert_non_null(text);
    memset(text, 'x', size);
    text[size] = '\0';
    return text;
}

static void try_ids(const struct subject *subject)
{
    static const char *const bad[] = {"x",
                                      "0193f7a2-1111-7000-8000-00000000000",
                                      "0193f7a2-1111-7000-8000-0000000000000",
                                      "0193F7A2-1111-7000-8000-000000000001",
                                      "0193f7a2-1111-0000-8000-000000000001",
                                      "0193f7a2-1111-7000-c000-000000000001",
                                      "0193f7a2111170008000000000000001xxxx"};
    const char **at = first_value(subject);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        *at = bad[i];
        assert_refused(subject, "not an id");
    }
    *at = "";
    if (subject->rule->kind == FL_RULE_ID_OR_EMPTY)
        assert_true(is_good(subject));
    else
        assert_refused(subject, "missing");
    *at = NULL; /* what a caller may leave */
    assert_int_equal(is_good(subject), subject->rule->kind == FL_RULE_ID_OR_EMPTY);
}

static void try_sizes(const struct subject *subject)
{
    const char **at = first_value(subject);
    *at = text_of(subject->rule->max);
    assert_true(is_good(subject));
    *at = text_of(subject->rule->max + 1);
    assert_refused(subject, "at most");
    *at = text_of(subject->rule->min);
    if (subject->field->label != PROTOBUF_C_LABEL_REPEATED)
        assert_true(is_good(subject));
    if (subject->rule->min == 0)
        return;
    *at = text_of(subject->rule->min - 1);
    assert_refused(subject, subject->rule->min == 1 ? "missing" : "at least");
    *at = "";
    assert_refused(subject, "missing");
}

static void try_text(const struct subject *subject)
{
    static const struct {
        const char *text;
        const char *rule;
    } bad[] = {
        {"a\xff"
         "bcd",
         "not UTF-8"},
        {"abc\xc3", "not UTF-8"},
        {"abc\xc0\x80", "not UTF-8"},         /* an overlong NUL */
        {"abc\xed\xa0\x80", "not UTF-8"},     /* a surrogate */
        {"abc\xf4\x90\x80\x80", "not UTF-8"}, /* above U+10FFFF */
        {"abc\n", "control"},
        {"abc\x7f", "control"},
        {"abc\xc2\x85", "control"},     /* U+0085 */
        {"abc\xe2\x80\xae", "control"}, /* U+202E turns the direction */
        {"abc\xef\xbf\xbf", "control"}, /* U+FFFF */
    };
    const char **at = first_value(subject);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        *at = bad[i].text;
        assert_refused(subject, bad[i].rule);
    }
    *at = "\xc3\xbc\xe2\x82\xac";
    assert_true(is_good(subject));
    try_sizes(subject);
}

static void try_word(const struct subject *subject)
{
    static const char *const bad[] = {"a b", "a\tb", "a\xc3\xbc", "a\x7f", " a"};
    const char **at = first_value(subject);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        *at = bad[i];
        assert_refused(subject, "printable ASCII");
    }
    try_sizes(subject);
}

static void try_bytes(const struct subject *subject)
{
    ProtobufCBinaryData *at = first_value(subject);
    at->data = (uint8_t *)text_of(subject->rule->max + 1);
    at->len = subject->rule->max + 1;
    assert_refused(subject, "bytes");
    at->len = subject->rule->max;
    assert_true(is_good(subject));
    at->len = subject->rule->min;
    assert_true(is_good(subject));
    if (subject->rule->min == 0)
        return;
    at->len = subject->rule->min - 1;
    assert_refused(subject, subject->rule->min == 1 ? "missing" : "bytes");
    *at = (ProtobufCBinaryData){0, NULL};
    assert_refused(subject, "missing");
}

static void set_number(const struct subject *subject, uint64_t number)
{
    if (fl_reflect_size(subject->field) == sizeof(uint64_t))
        *(uint64_t *)first_value(subject) = number;
    else
        *(uint32_t *)first_value(subject) = (uint32_t)number;
}

static void try_numbers(const struct subject *subject)
{
    const struct fl_field_rule *rule = subject->rule;
    uint64_t type_max =
        fl_reflect_size(subject->field) == sizeof(uint64_t) ? UINT64_MAX : UINT32_MAX;
    set_number(subject, rule->min);
    assert_true(is_good(subject));
    set_number(subject, rule->max);
    assert_true(is_good(subject));
    if (rule->max < type_max) {
        set_number(subject, rule->max + 1);
        assert_refused(subject, "at most");
    }
    if (rule->min != 0) {
        set_number(subject, 0);
        assert_refused(subject, "missing");
    }
    if (fl_reflect_is_signed(subject->field)) {
        set_number(subject, (uint64_t)-1);
        assert_refused(subject, "negative");
        set_number(subject, UINT64_C(1) << 63);
        assert_refused(subject, "negative");
    }
}

static void try_enums(const struct subject *subject)
{
    int32_t *at = first_value(subject);
    *at = 0;
    assert_refused(subject, "missing");
    *at = 12345;
    assert_refused(subject, "not a known value");
    *at = -1;
    assert_refused(subject, "not a known value");
}

static void try_rule(const struct subject *subject)
{
    switch (subject->rule->kind) {
    case FL_RULE_ID:
    case FL_RULE_ID_OR_EMPTY:
        try_ids(subject);
        return;
    case FL_RULE_TEXT:
        try_text(subject);
        return;
    case FL_RULE_WORD:
        try_word(subject);
        return;
    case FL_RULE_BYTES:
        try_bytes(subject);
        return;
    case FL_RULE_NUMBER:
        try_numbers(subject);
        return;
    case FL_RULE_ENUM:
        try_enums(subject);
        return;
    case FL_RULE_SIGNED:
        set_number(subject, UINT64_C(1) << 63);
        assert_true(is_good(subject));
        return;
    case FL_RULE_MESSAGE:
    case FL_RULE_BOOL:
        return;
    }
}

/* Each message anew: the field's own value first, so that a spoilt one cannot hide the next. */
static struct subject subject_of(size_t n, unsigned field)
{
    struct maker maker = {&arena, n * 1000 + field, true};
    fl_arena_reset(&arena);
    const ProtobufCMessageDescriptor *descriptor = fl_field_message(n);
    return (struct subject){maker_message(&maker, descriptor), &descriptor->fields[field],
                            &fl_field_rules(descriptor)[field]};
}

static void every_field_has_a_rule_in_its_place(void **state)
{
    (void)state;
    for (size_t n = 0; fl_field_message(n) != NULL; n++) {
        const ProtobufCMessageDescriptor *descriptor = fl_field_message(n);
        const struct fl_field_rule *rules = fl_field_rules(descriptor);
        if (fl_field_rule_count(descriptor) != descriptor->n_fields)
            fail_msg("%s: fields.def has %zu rows for %u fields", descriptor->name,
                     fl_field_rule_count(descriptor), descriptor->n_fields);
        for (unsigned i = 0; i < descriptor->n_fields; i++) {
            const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
            assert_string_equal(rules[i].name, field->name);
            assert_true(rules[i].since >= 1);
            assert_int_equal(fl_reflect_is_repeated(field), rules[i].count_max != 0);
            assert_int_equal(rules[i].kind == FL_RULE_MESSAGE,
                             field->type == PROTOBUF_C_TYPE_MESSAGE);
            if (field->type == PROTOBUF_C_TYPE_MESSAGE)
                assert_non_null(fl_field_rules(field->descriptor));
            /* One encoding (DETAILS.md section 1), and wire.c knows no packed numbers. */
            assert_true(field->type != PROTOBUF_C_TYPE_FLOAT &&
                        field->type != PROTOBUF_C_TYPE_DOUBLE);
            if (fl_reflect_is_repeated(field))
                assert_true(field->type == PROTOBUF_C_TYPE_STRING ||
                            field->type == PROTOBUF_C_TYPE_MESSAGE);
        }
    }
}

/* Reached through the catalogue and the plain topics, so that a new message cannot be forgotten. */
static void every_message_has_rules(void **state)
{
    (void)state;
    for (int i = 0; i < FL_MESSAGE_COUNT; i++)
        assert_non_null(fl_field_rules(fl_catalogue_row((enum fl_message_type)i)->descriptor));
    static const ProtobufCMessageDescriptor *const plain[] = {
        &fleetlog__v1__telemetry__descriptor,      &fleetlog__v1__report__descriptor,
        &fleetlog__v1__sealed_profile__descriptor, &fleetlog__v1__profile__descriptor,
        &fleetlog__v1__park_decision__descriptor,  &fleetlog__v1__history_day__descriptor};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        assert_non_null(fl_field_rules(plain[i]));
}

static void every_enum_value_has_a_row(void **state)
{
    (void)state;
    for (size_t n = 0; fl_field_message(n) != NULL; n++) {
        const ProtobufCMessageDescriptor *descriptor = fl_field_message(n);
        for (unsigned i = 0; i < descriptor->n_fields; i++) {
            if (descriptor->fields[i].type != PROTOBUF_C_TYPE_ENUM)
                continue;
            const ProtobufCEnumDescriptor *values = descriptor->fields[i].descriptor;
            for (unsigned v = 0; v < values->n_values; v++)
                assert_int_equal(fl_enum_row_find(values->values[v].name) != NULL,
                                 values->values[v].value != 0);
        }
    }
}

static void every_rule_holds_at_its_limits(void **state)
{
    (void)state;
    for (size_t n = 0; fl_field_message(n) != NULL; n++) {
        for (unsigned i = 0; i < fl_field_message(n)->n_fields; i++) {
            struct subject subject = subject_of(n, i);
            assert_true(is_good(&subject));
            if (fl_reflect_count(subject.message, subject.field) != 0)
                try_rule(&subject);
        }
    }
}

static void try_missing(const struct subject *subject)
{
    *(void **)((char *)subject->message + subject->field->offset) = NULL;
    if ((subject->rule->flags & FL_RULE_REQUIRED) != 0)
        assert_refused(subject, "missing");
    else
        assert_true(is_good(subject));
}

static void set_count(const struct subject *subject, size_t count)
{
    struct maker maker = {&arena, 1, false};
    struct fl_field_rule rule = *subject->rule;
    size_t size = fl_reflect_size(subject->field);
    char *values = fl_arena_calloc(&arena, count + 1, size);
    assert_non_null(values);
    *(size_t *)((char *)subject->message + subject->field->quantifier_offset) = count;
    *(void **)((char *)subject->message + subject->field->offset) = values;
    for (size_t i = 0; i < count; i++) {
        char *text = fl_arena_printf(&arena, "0193f7a2-1111-7000-8000-%012zx", i);
        assert_non_null(text);
        if (rule.kind == FL_RULE_MESSAGE)
            *(ProtobufCMessage **)(values + i * size) =
                maker_message(&maker, subject->field->descriptor);
        else
            *(char **)(values + i * size) = text;
    }
}

static void every_list_holds_at_its_limits(void **state)
{
    (void)state;
    for (size_t n = 0; fl_field_message(n) != NULL; n++) {
        for (unsigned i = 0; i < fl_field_message(n)->n_fields; i++) {
            struct subject subject = subject_of(n, i);
            if (!fl_reflect_is_repeated(subject.field)) {
                if (subject.field->type == PROTOBUF_C_TYPE_MESSAGE &&
                    !fl_reflect_is_one_of(subject.field))
                    try_missing(&subject);
                continue;
            }
            set_count(&subject, subject.rule->count_max);
            assert_true(is_good(&subject));
            if ((subject.rule->flags & FL_RULE_UNIQUE) != 0) {
                const char **values = first_value(&subject);
                values[subject.rule->count_max - 1] = values[0];
                assert_refused(&subject, "lists a value twice");
            }
            set_count(&subject, subject.rule->count_max + 1);
            assert_refused(&subject, "at most");
            set_count(&subject, 0);
            if (subject.rule->count_min == 0)
                assert_true(is_good(&subject));
            else
                assert_refused(&subject, "at least");
        }
    }
}

static void a_oneof_wants_one(void **state)
{
    (void)state;
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    char detail[FL_DETAIL_SIZE];
    assert_int_equal(fl_message_validate(&telemetry.base, detail), FL_INVALID);
    assert_string_equal(detail, "holds none of its kinds");
    /* set, and nothing there */
    telemetry.body_case = FLEETLOG__V1__TELEMETRY__BODY_TICK;
    assert_int_equal(fl_message_validate(&telemetry.base, detail), FL_INVALID);
}

static void a_nested_field_is_named_by_its_path(void **state)
{
    (void)state;
    struct maker maker = {&arena, 1, true};
    fl_arena_reset(&arena);
    Fleetlog__V1__ShareDevices *share = (Fleetlog__V1__ShareDevices *)maker_message(
        &maker, &fleetlog__v1__share_devices__descriptor);
    char detail[FL_DETAIL_SIZE];
    share->person->indexes[1]->index.len = 3;
    assert_int_equal(fl_message_validate(&share->base, detail), FL_INVALID);
    assert_string_equal(detail, "person.indexes[1].index: must have 16 bytes");
    share->person->indexes[1]->index.len = 16;
    ((const char **)share->device_ids)[1] = "x";
    assert_int_equal(fl_message_validate(&share->base, detail), FL_INVALID);
    assert_string_equal(detail, "device_ids[1]: not an id");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_a_rule_in_its_place),
        cmocka_unit_test(every_message_has_rules),
        cmocka_unit_test(every_enum_value_has_a_row),
        cmocka_unit_test(every_rule_holds_at_its_limits),
        cmocka_unit_test(every_list_holds_at_its_limits),
        cmocka_unit_test(a_oneof_wants_one),
        cmocka_unit_test(a_nested_field_is_named_by_its_path),
    };
    fl_arena_init(&arena, 8 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fl_arena_fini(&arena);
    return failed;
}
