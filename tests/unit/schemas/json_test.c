/* SPDX-License-Identifier: Apache-2.0
 * ProtoJSON both ways, and records as JSON. The oracle test compares with other people's tools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/telemetry.pb-c.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"
#include "schemas/fields.h"
#include "tests/unit/schemas/maker.h"

#define ID "0193f7a2-1111-7000-8000-000000000001"

static struct fl_arena arena;

static const char *write_json(const ProtobufCMessage *message)
{
    char *json = NULL;
    assert_int_equal(fl_message_to_json(&arena, message, &json), FL_OK);
    return json;
}

static void every_type_goes_round(void **state)
{
    (void)state;
    struct maker maker = {&arena, maker_seed(), false};
    for (int round = 0; round < 20; round++) {
        for (size_t n = 0; fl_field_message(n) != NULL; n++) {
            fl_arena_reset(&arena);
            const ProtobufCMessageDescriptor *descriptor = fl_field_message(n);
            ProtobufCMessage *message = maker_message(&maker, descriptor);
            const char *json = write_json(message);
            ProtobufCMessage *read = NULL;
            char detail[FL_DETAIL_SIZE] = "";
            if (fl_message_from_json(&arena, descriptor, fl_slice_text(json), true, &read,
                                     detail) != FL_OK)
                fail_msg("%s: %s: %s", descriptor->name, detail, json);
            struct fl_slice a, b;
            assert_int_equal(fl_message_encode(&arena, message, &a), FL_OK);
            assert_int_equal(fl_message_encode(&arena, read, &b), FL_OK);
            assert_true(fl_slice_equal(a, b));
        }
    }
}

static void names_numbers_and_enums_are_protojson(void **state)
{
    (void)state;
    fl_arena_reset(&arena);
    Fleetlog__V1__ReportCondition report = FLEETLOG__V1__REPORT_CONDITION__INIT;
    assert_string_equal(write_json(&report.base), "{}");
    report.device_id = ID;
    report.generation = 3;
    report.kind = FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_OVERLOAD;
    report.raised = 1;
    report.report_counter = UINT64_MAX;
    report.sampled_at_ms = -1;
    report.evidence = "a\"b";
    assert_string_equal(write_json(&report.base),
                        "{\"deviceId\":\"" ID "\",\"generation\":3,"
                        "\"kind\":\"CONDITION_KIND_OVERLOAD\",\"raised\":true,"
                        "\"reportCounter\":\"18446744073709551615\",\"sampledAtMs\":\"-1\","
                        "\"evidence\":\"a\\\"b\"}");
    report.kind = (Fleetlog__V1__ConditionKind)99;
    assert_non_null(strstr(write_json(&report.base), "\"kind\":99,"));
}

static void a_oneof_shows_even_an_empty_member(void **state)
{
    (void)state;
    fl_arena_reset(&arena);
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    Fleetlog__V1__Tick tick = FLEETLOG__V1__TICK__INIT;
    assert_string_equal(write_json(&telemetry.base), "{}");
    telemetry.body_case = FLEETLOG__V1__TELEMETRY__BODY_TICK;
    telemetry.tick = &tick;
    assert_string_equal(write_json(&telemetry.base), "{\"tick\":{}}");
}

static enum fl_error read_json(const ProtobufCMessageDescriptor *descriptor, const char *json,
                               char detail[FL_DETAIL_SIZE])
{
    ProtobufCMessage *message = NULL;
    detail[0] = '\0';
    enum fl_error error =
        fl_message_from_json(&arena, descriptor, fl_slice_text(json), true, &message, detail);
    assert_int_equal(error == FL_OK, message != NULL);
    return error;
}

static const struct {
    const char *json;
    const char *detail; /* how it begins; NULL: accepted */
} cases[] = {
    {"{}", NULL},
    {" {\"deviceId\" : null }\n", NULL},
    {"{\"device_id\":\"x\",\"generation\":\"7\",\"kind\":5,\"raised\":false}", NULL},
    {"{\"generation\":4294967295,\"reportCounter\":\"18446744073709551615\"}", NULL},
    {"{\"sampledAtMs\":\"-9223372036854775808\"}", NULL},
    {"{\"sampledAtMs\":9223372036854775807}", NULL},
    {"{\"evidence\":\"\\ud83d\\ude00\"}", NULL},
    {"", "not JSON"},
    {"{", "not JSON"},
    {"{}x", "not JSON"},
    {"[]", "must be an object"},
    {"\"x\"", "not JSON"},
    {"{\"deviceId\":\"a\",\"deviceId\":\"b\"}", "not JSON"},
    {"{\"deviceId\":\"a\",\"device_id\":\"b\"}", "\"device_id\" is there in both spellings"},
    {"{\"deviceid\":\"a\"}", "unknown member \"deviceid\""},
    {"{\"deviceId\":7}", "device_id: must be a string"},
    {"{\"deviceId\":\"\\u0000\"}", "not JSON"},
    {"{\"deviceId\":\"\xff\"}", "not JSON"},
    {"{\"deviceId\":\"\\ud800\"}", "not JSON"},
    {"{\"generation\":-1}", "generation: does not fit"},
    {"{\"generation\":4294967296}", "generation: does not fit"},
    {"{\"generation\":\"4294967296\"}", "generation: does not fit"},
    {"{\"generation\":1.5}", "generation: must be a whole number"},
    {"{\"generation\":\"\"}", "generation: must be a whole number"},
    {"{\"generation\":\"-\"}", "generation: must be a whole number"},
    {"{\"generation\":\" 1\"}", "generation: must be a whole number"},
    {"{\"generation\":\"01\"}", "generation: must be a whole number"},
    {"{\"generation\":true}", "generation: must be a whole number"},
    {"{\"reportCounter\":\"18446744073709551616\"}", "report_counter: must be a whole number"},
    {"{\"reportCounter\":9223372036854775808}", "not JSON"},
    {"{\"sampledAtMs\":\"9223372036854775808\"}", "sampled_at_ms: does not fit"},
    {"{\"sampledAtMs\":\"-9223372036854775809\"}", "sampled_at_ms: does not fit"},
    {"{\"sampledAtMs\":1e999}", "not JSON"},
    {"{\"sampledAtMs\":NaN}", "not JSON"},
    {"{\"kind\":\"OVERLOAD\"}", "kind: not a known value"},
    {"{\"kind\":2147483648}", "kind: does not fit"},
    {"{\"kind\":[]}", "kind: must be a value's name"},
    {"{\"raised\":1}", "raised: must be true or false"},
    {"{\"raised\":\"true\"}", "raised: must be true or false"},
};

static void members_are_read_strictly(void **state)
{
    (void)state;
    fl_arena_reset(&arena);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char detail[FL_DETAIL_SIZE];
        enum fl_error error =
            read_json(&fleetlog__v1__report_condition__descriptor, cases[i].json, detail);
        if (error != (cases[i].detail == NULL ? FL_OK : FL_INVALID))
            fail_msg("%s: %s", cases[i].json, fl_error_name(error));
        if (cases[i].detail != NULL &&
            strncmp(detail, cases[i].detail, strlen(cases[i].detail)) != 0)
            fail_msg("%s: expected \"%s\", got \"%s\"", cases[i].json, cases[i].detail, detail);
    }
}

static void lists_and_messages_are_read_strictly(void **state)
{
    (void)state;
    fl_arena_reset(&arena);
    static const struct {
        const char *json;
        const char *detail;
    } bad[] = {
        {"{\"deviceIds\":\"x\"}", "device_ids: must be an array"},
        {"{\"deviceIds\":[\"x\",null]}", "device_ids[1]: must be a string"},
        {"{\"person\":[]}", "person: must be an object"},
        {"{\"person\":{\"indexes\":[{\"index\":\"%\"}]}}",
         "person.indexes[0].index: must be a string of base64"},
        {"{\"person\":{\"indexes\":[{\"index\":\"QQ=\"}]}}", NULL},
        {"{\"person\":{\"indexes\":[{\"index\":\"QR==\"}]}}",
         "person.indexes[0].index: must be a string of base64"},
        {"{\"person\":{\"indexes\":[{\"index\":\"QQ===\"}]}}",
         "person.indexes[0].index: must be a string of base64"},
        {"{\"person\":{\"indexes\":[{\"index\":\"-_8\"},{\"index\":\"+/8=\"}]}}", NULL},
        {"{\"person\":{\"nobody\":1}}", "person: unknown member \"nobody\""},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char detail[FL_DETAIL_SIZE];
        enum fl_error error =
            read_json(&fleetlog__v1__share_devices__descriptor, bad[i].json, detail);
        assert_int_equal(error, bad[i].detail == NULL ? FL_OK : FL_INVALID);
        if (bad[i].detail != NULL)
            assert_string_equal(detail, bad[i].detail);
    }
    char detail[FL_DETAIL_SIZE];
    assert_int_equal(
        read_json(&fleetlog__v1__telemetry__descriptor, "{\"tick\":{},\"report\":{}}", detail),
        FL_INVALID);
    assert_string_equal(detail, "report: another of its kinds is there already");
}

static void unknown_members_pass_where_asked(void **state)
{
    (void)state;
    fl_arena_reset(&arena);
    ProtobufCMessage *message = NULL;
    char detail[FL_DETAIL_SIZE];
    assert_int_equal(fl_message_from_json(&arena, &fleetlog__v1__rename_device__descriptor,
                                          FL_SLICE_LITERAL("{\"name\":\"n\",\"later\":{\"a\":[]}}"),
                                          false, &message, detail),
                     FL_OK);
    assert_string_equal(((Fleetlog__V1__RenameDevice *)message)->name, "n");
}

static void junk_and_size_are_refused(void **state)
{
    (void)state;
    fl_arena_reset(&arena);
    ProtobufCMessage *message = NULL;
    char detail[FL_DETAIL_SIZE];
    char *deep = test_malloc(FL_RECORD_SIZE_MAX + 1);
    memset(deep, '[', FL_RECORD_SIZE_MAX + 1);
    assert_int_equal(fl_message_from_json(&arena, &fleetlog__v1__rename_device__descriptor,
                                          fl_slice_of(deep, FL_RECORD_SIZE_MAX), false, &message,
                                          detail),
                     FL_INVALID);
    assert_int_equal(fl_message_from_json(&arena, &fleetlog__v1__rename_device__descriptor,
                                          fl_slice_of(deep, FL_RECORD_SIZE_MAX + 1), false,
                                          &message, detail),
                     FL_TOO_LARGE);
    test_free(deep);
    assert_int_equal(fl_message_from_json(&arena, &fleetlog__v1__rename_device__descriptor,
                                          FL_SLICE_NULL, false, &message, detail),
                     FL_INVALID);
    struct fl_arena small;
    fl_arena_init(&small, 64);
    assert_int_equal(fl_message_from_json(&small, &fleetlog__v1__rename_device__descriptor,
                                          FL_SLICE_LITERAL("{\"name\":\"a long enough name to fill "
                                                           "an arena of sixty-four bytes\"}"),
                                          false, &message, detail),
                     FL_NO_MEMORY);
    fl_arena_fini(&small);
    assert_null(message);
}

static json_t *record_json(const struct fl_record *record, const char *topic, uint64_t offset)
{
    char *text = NULL;
    json_error_t problem;
    assert_int_equal(fl_record_to_json(&arena, record, topic, 0, offset, &text), FL_OK);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &problem);
    if (json == NULL)
        fail_msg("%s: %s", problem.text, text);
    return json;
}

static const char *member(json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text == NULL ? "" : text;
}

static void a_record_shows_envelope_and_data(void **state)
{
    (void)state;
    fl_arena_reset(&arena);
    struct fl_envelope envelope = {.id = FL_SLICE_LITERAL(ID),
                                   .source = FL_SLICE_LITERAL("/fleetlog/" ID "/decider"),
                                   .company_id = FL_SLICE_LITERAL(ID),
                                   .time_ms = 1764059400123,
                                   .sequence = 3,
                                   .action = 4,
                                   .rules_version = 1};
    Fleetlog__V1__DeviceRenamed renamed = FLEETLOG__V1__DEVICE_RENAMED__INIT;
    renamed.device_id = ID;
    renamed.name = "Rack 4";
    struct fl_record record;
    assert_int_equal(fl_event_encode(&arena, &envelope, &renamed.base, &record), FL_OK);
    json_t *json = record_json(&record, "events", UINT64_C(1) << 40);
    assert_string_equal(member(json, "topic"), "events");
    assert_int_equal(json_integer_value(json_object_get(json, "offset")), INT64_C(1) << 40);
    assert_string_equal(member(json, "timestamp"), "2025-11-25T08:30:00.123Z");
    assert_string_equal(member(json, "key"), ID);
    assert_string_equal(member(json, "specversion"), "1.0");
    assert_string_equal(member(json, "type"), "fleetlog.v1.DeviceRenamed");
    assert_string_equal(member(json, "datacontenttype"), "application/protobuf");
    assert_string_equal(member(json, "time"), "2025-11-25T08:30:00.123Z");
    assert_int_equal(json_integer_value(json_object_get(json, "sequence")), 3);
    assert_null(json_object_get(json, "actor"));
    assert_string_equal(member(json_object_get(json, "data"), "name"), "Rack 4");
    json_decref(json);
}

static void telemetry_shows_its_report(void **state)
{
    (void)state;
    fl_arena_reset(&arena);
    uint8_t device_id[16] = {0};
    Fleetlog__V1__Reading reading = FLEETLOG__V1__READING__INIT;
    Fleetlog__V1__Reading *readings[] = {&reading};
    reading.name = "ups.status";
    reading.value = (ProtobufCBinaryData){2, (uint8_t *)"OL"};
    Fleetlog__V1__Report report = FLEETLOG__V1__REPORT__INIT;
    report.device_id = (ProtobufCBinaryData){sizeof(device_id), device_id};
    report.kind = FLEETLOG__V1__REPORT_KIND__REPORT_KIND_FULL;
    report.n_readings = 1;
    report.readings = readings;
    struct fl_slice bytes;
    assert_int_equal(fl_message_encode(&arena, &report.base, &bytes), FL_OK);
    Fleetlog__V1__DeviceReport device = FLEETLOG__V1__DEVICE_REPORT__INIT;
    device.report = (ProtobufCBinaryData){bytes.size, (uint8_t *)bytes.data};
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    telemetry.body_case = FLEETLOG__V1__TELEMETRY__BODY_REPORT;
    telemetry.report = &device;
    struct fl_record record;
    assert_int_equal(fl_plain_encode(&arena, FL_SLICE_LITERAL(ID), "fleetlog.v1.Telemetry",
                                     FL_SLICE_LITERAL("/x"), 1, FL_SLICE_LITERAL("\0\0\1\2"),
                                     &telemetry.base, &record),
                     FL_OK);
    json_t *json = record_json(&record, "telemetry", 0);
    assert_int_equal(json_integer_value(json_object_get(json, "key")), 258);
    json_t *shown = json_object_get(json, "report");
    assert_string_equal(member(shown, "deviceId"), "00000000-0000-0000-0000-000000000000");
    assert_string_equal(member(shown, "kind"), "REPORT_KIND_FULL");
    json_t *first = json_array_get(json_object_get(shown, "readings"), 0);
    assert_string_equal(member(first, "name"), "ups.status");
    assert_string_equal(member(first, "value"), "OL");
    json_decref(json);
    reading.value = (ProtobufCBinaryData){2, (uint8_t *)"\xff\x01"};
    assert_int_equal(fl_message_encode(&arena, &report.base, &bytes), FL_OK);
    device.report = (ProtobufCBinaryData){bytes.size, (uint8_t *)bytes.data};
    assert_int_equal(fl_plain_encode(&arena, FL_SLICE_LITERAL(ID), "fleetlog.v1.Telemetry",
                                     FL_SLICE_LITERAL("/x"), 1, FL_SLICE_LITERAL("\0\0\1\2"),
                                     &telemetry.base, &record),
                     FL_OK);
    json = record_json(&record, "telemetry", 0);
    first = json_array_get(json_object_get(json_object_get(json, "report"), "readings"), 0);
    assert_string_equal(member(first, "valueBase64"), "/wE=");
    json_decref(json);
}

static void junk_records_are_shown_as_they_are(void **state)
{
    (void)state;
    fl_arena_reset(&arena);
    struct fl_header headers[] = {
        {FL_SLICE_LITERAL("ce_id"), FL_SLICE_LITERAL("\xff")},
        {FL_SLICE_LITERAL("ce_id"), FL_SLICE_NULL},
    };
    struct fl_record record = {.key = FL_SLICE_LITERAL("\xff"),
                               .value = FL_SLICE_LITERAL("\x01\x02"),
                               .headers = headers,
                               .header_count = 2,
                               .timestamp_ms = -1};
    json_t *json = record_json(&record, "actions", 9);
    assert_string_equal(member(json, "invalid"), "headers");
    assert_string_equal(member(json, "key_base64"), "/w==");
    assert_string_equal(member(json, "data_base64"), "AQI=");
    json_t *first = json_array_get(json_object_get(json, "headers"), 0);
    assert_string_equal(member(first, "name"), "ce_id");
    assert_string_equal(member(first, "value_base64"), "/w==");
    assert_true(json_is_null(
        json_object_get(json_array_get(json_object_get(json, "headers"), 1), "value")));
    json_decref(json);
    record = (struct fl_record){0};
    json = record_json(&record, "subjects", 0);
    assert_true(json_is_null(json_object_get(json, "key")));
    assert_true(json_is_null(json_object_get(json, "data")));
    assert_string_equal(member(json, "invalid"), "ce_specversion");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_goes_round),
        cmocka_unit_test(names_numbers_and_enums_are_protojson),
        cmocka_unit_test(a_oneof_shows_even_an_empty_member),
        cmocka_unit_test(members_are_read_strictly),
        cmocka_unit_test(lists_and_messages_are_read_strictly),
        cmocka_unit_test(unknown_members_pass_where_asked),
        cmocka_unit_test(junk_and_size_are_refused),
        cmocka_unit_test(a_record_shows_envelope_and_data),
        cmocka_unit_test(telemetry_shows_its_report),
        cmocka_unit_test(junk_records_are_shown_as_they_are),
    };
    fl_arena_init(&arena, 16 << 20);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fl_arena_fini(&arena);
    return failed;
}
