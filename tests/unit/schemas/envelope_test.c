/* SPDX-License-Identifier: Apache-2.0
 * Envelope and catalogue: headers in one canonical order, both ways; junk is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/telemetry.pb-c.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"
#include "schemas/topics.h"

#define COMPANY "0193f7a2-1111-7000-8000-000000000001"
#define DEVICE "0193f7a2-1111-7000-8000-000000000002"
#define ACCOUNT "0193f7a2-1111-7000-8000-000000000003"
#define LOG "0193f7a2-1111-7000-8000-000000000004"
#define ID "0193f7a2-1111-7000-8000-000000000005"

static struct fl_arena arena;

static int open_arena(void **state)
{
    (void)state;
    fl_arena_init(&arena, 1 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    fl_arena_fini(&arena);
    return 0;
}

static struct fl_envelope action_envelope(void)
{
    return (struct fl_envelope){
        .id = FL_SLICE_LITERAL(ID),
        .source = FL_SLICE_LITERAL("/fleetlog/" LOG "/gateway/" ID),
        .actor = FL_SLICE_LITERAL("account:" ACCOUNT),
        .company_id = FL_SLICE_LITERAL(COMPANY),
        .time_ms = 1764059400123,
    };
}

static struct fl_record rename_action(const struct fl_envelope *envelope)
{
    Fleetlog__V1__RenameDevice rename = FLEETLOG__V1__RENAME_DEVICE__INIT;
    rename.device_id = DEVICE;
    rename.name = "Rack 4";
    struct fl_record record;
    assert_int_equal(fl_action_encode(&arena, envelope, &rename.base, &record), FL_OK);
    return record;
}

static struct fl_record renamed_event(void)
{
    struct fl_envelope envelope = action_envelope();
    envelope.sequence = 7;
    envelope.action = 8;
    memset(envelope.previous, 0xab, sizeof(envelope.previous));
    envelope.rules_version = 1;
    Fleetlog__V1__DeviceRenamed renamed = FLEETLOG__V1__DEVICE_RENAMED__INIT;
    renamed.device_id = DEVICE;
    renamed.name = "Rack 4";
    struct fl_record record;
    assert_int_equal(fl_event_encode(&arena, &envelope, &renamed.base, &record), FL_OK);
    return record;
}

static void assert_headers(const struct fl_record *record, const char *const *expected,
                           size_t count)
{
    assert_int_equal(record->header_count, count);
    for (size_t i = 0; i < count; i++) {
        char text[256];
        snprintf(text, sizeof(text), "%.*s=%.*s", (int)record->headers[i].name.size,
                 record->headers[i].name.data, (int)record->headers[i].value.size,
                 record->headers[i].value.data);
        assert_string_equal(text, expected[i]);
    }
}

static void an_action_has_its_headers_in_canonical_order(void **state)
{
    (void)state;
    struct fl_envelope envelope = action_envelope();
    struct fl_record record = rename_action(&envelope);
    static const char *const expected[] = {
        "ce_specversion=1.0",
        "ce_id=" ID,
        "ce_type=fleetlog.v1.RenameDevice",
        "ce_source=/fleetlog/" LOG "/gateway/" ID,
        "ce_time=2025-11-25T08:30:00.123Z",
        "ce_subject=" DEVICE,
        "content-type=application/protobuf",
        "ce_actor=account:" ACCOUNT,
        "ce_company=" COMPANY,
    };
    assert_headers(&record, expected, sizeof(expected) / sizeof(expected[0]));
    assert_true(fl_slice_is(record.key, COMPANY));
    assert_int_equal(record.timestamp_ms, 1764059400123);
}

static void an_event_adds_the_chain(void **state)
{
    (void)state;
    struct fl_record record = renamed_event();
    static const char *const expected[] = {
        "ce_specversion=1.0",
        "ce_id=" ID,
        "ce_type=fleetlog.v1.DeviceRenamed",
        "ce_source=/fleetlog/" LOG "/gateway/" ID,
        "ce_time=2025-11-25T08:30:00.123Z",
        "ce_subject=" DEVICE,
        "content-type=application/protobuf",
        "ce_actor=account:" ACCOUNT,
        "ce_company=" COMPANY,
        "ce_sequence=7",
        "ce_action=8",
        "ce_actionhash=0000000000000000000000000000000000000000000000000000000000000000",
        "ce_previous=abababababababababababababababababababababababababababababababab",
        "ce_rulesversion=1",
        "ce_minreader=1",
    };
    assert_headers(&record, expected, sizeof(expected) / sizeof(expected[0]));
    assert_true(fl_slice_is(record.key, DEVICE));
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    struct fl_record record = renamed_event();
    struct fl_envelope read;
    const char *what;
    assert_int_equal(fl_envelope_read(&record, &read, &what), FL_OK);
    assert_null(what);
    assert_ptr_equal(read.row, fl_catalogue_row(FL_MESSAGE_DeviceRenamed));
    assert_true(fl_slice_is(read.id, ID));
    assert_true(fl_slice_is(read.subject, DEVICE));
    assert_true(fl_slice_is(read.company_id, COMPANY));
    assert_null(read.on_behalf_of.data);
    assert_int_equal(read.time_ms, 1764059400123);
    assert_int_equal(read.sequence, 7);
    assert_int_equal(read.action, 8);
    assert_int_equal(read.previous[31], 0xab);
    assert_int_equal(read.rules_version, 1);
    assert_int_equal(read.min_reader, 1);
}

static void keys_follow_the_catalogue(void **state)
{
    (void)state;
    struct fl_envelope envelope = action_envelope();
    envelope.company_id = FL_SLICE_NULL;
    assert_true(fl_slice_is(rename_action(&envelope).key, "log"));
    envelope.actor = FL_SLICE_LITERAL("operator:root");
    assert_true(fl_slice_is(rename_action(&envelope).key, "operator"));

    Fleetlog__V1__ActionRejected rejected = FLEETLOG__V1__ACTION_REJECTED__INIT;
    struct fl_record record;
    assert_int_equal(fl_event_encode(&arena, &envelope, &rejected.base, &record), FL_OK);
    assert_true(fl_slice_is(record.key, "log"));
    envelope.company_id = FL_SLICE_LITERAL(COMPANY);
    assert_int_equal(fl_event_encode(&arena, &envelope, &rejected.base, &record), FL_OK);
    assert_true(fl_slice_is(record.key, COMPANY));
}

/* Each row: a header, what becomes of it (NULL: it is left out), the header that is named. */
static const struct {
    const char *header;
    const char *value;
} junk[] = {
    {"ce_specversion", "0.3"},
    {"ce_specversion", NULL},
    {"ce_id", "not-an-id"},
    {"ce_id", "0193F7A2-1111-7000-8000-000000000005"},
    {"ce_id", ""},
    {"ce_id", NULL},
    {"ce_type", ""},
    {"ce_type", NULL},
    {"ce_type", "fleetlog.v1.RenameDevice"},
    {"ce_type", "\xff\xfe"},
    {"ce_source", NULL},
    {"ce_source", "a\nb"},
    {"ce_time", "2025-11-25T08:30:00Z"},
    {"ce_time", "2025-02-30T08:30:00.123Z"},
    {"ce_time", NULL},
    {"content-type", "application/json"},
    {"content-type", NULL},
    {"ce_actor", "somebody"},
    {"ce_actor", "account:"},
    {"ce_company", "operator"},
    {"ce_sequence", "07"},
    {"ce_sequence", "-1"},
    {"ce_sequence", "18446744073709551616"},
    {"ce_action", NULL},
    {"ce_actionhash", "00"},
    {"ce_previous", NULL},
    {"ce_previous", "ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB"},
    {"ce_rulesversion", "4294967296"},
    {"ce_minreader", NULL},
};

static void junk_is_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
        struct fl_record record = renamed_event();
        struct fl_header headers[20];
        uint32_t count = 0;
        for (uint32_t h = 0; h < record.header_count; h++) {
            headers[count] = record.headers[h];
            if (fl_slice_is(headers[count].name, junk[i].header)) {
                if (junk[i].value == NULL)
                    continue;
                headers[count].value = fl_slice_text(junk[i].value);
            }
            count++;
        }
        record.headers = headers;
        record.header_count = count;
        struct fl_envelope read;
        const char *what = NULL;
        assert_int_equal(fl_envelope_read(&record, &read, &what), FL_INVALID);
        assert_string_equal(what, junk[i].header);
    }
}

static void a_header_without_a_value_or_twice_is_refused(void **state)
{
    (void)state;
    struct fl_record record = renamed_event();
    struct fl_header headers[20];
    memcpy(headers, record.headers, record.header_count * sizeof(headers[0]));
    record.headers = headers;
    struct fl_envelope read;
    const char *what = NULL;
    headers[5].value = FL_SLICE_NULL;
    assert_int_equal(fl_envelope_read(&record, &read, &what), FL_INVALID);
    assert_string_equal(what, "ce_subject");
    headers[5] = headers[6];
    assert_int_equal(fl_envelope_read(&record, &read, &what), FL_INVALID);
    assert_string_equal(what, "headers");
}

static void order_and_unknown_headers_do_not_matter(void **state)
{
    (void)state;
    struct fl_record record = renamed_event();
    struct fl_header headers[20];
    for (uint32_t i = 0; i < record.header_count; i++)
        headers[i] = record.headers[record.header_count - 1 - i];
    headers[record.header_count++] =
        (struct fl_header){FL_SLICE_LITERAL("traceparent"), FL_SLICE_LITERAL("\xff")};
    record.headers = headers;
    struct fl_envelope read;
    const char *what;
    assert_int_equal(fl_envelope_read(&record, &read, &what), FL_OK);
    assert_int_equal(read.sequence, 7);
}

static void an_unknown_type_is_carried(void **state)
{
    (void)state;
    struct fl_record record = renamed_event();
    struct fl_header headers[20];
    memcpy(headers, record.headers, record.header_count * sizeof(headers[0]));
    headers[2].value = FL_SLICE_LITERAL("fleetlog.v1.FutureThing");
    record.headers = headers;
    struct fl_envelope read;
    const char *what;
    assert_int_equal(fl_envelope_read(&record, &read, &what), FL_OK);
    assert_null(read.row);
    assert_true(fl_slice_is(read.type, "fleetlog.v1.FutureThing"));
}

static void telemetry_has_only_what_cloudevents_requires(void **state)
{
    (void)state;
    Fleetlog__V1__Telemetry telemetry = FLEETLOG__V1__TELEMETRY__INIT;
    struct fl_record record;
    assert_int_equal(fl_plain_encode(&arena, FL_SLICE_LITERAL(ID), "fleetlog.v1.Telemetry",
                                     FL_SLICE_LITERAL("/fleetlog/x"), 1,
                                     FL_SLICE_LITERAL("\0\0\0\1"), &telemetry.base, &record),
                     FL_OK);
    assert_int_equal(record.header_count, 6);
    assert_non_null(record.value.data);
    assert_int_equal(record.value.size, 0);
    struct fl_envelope read;
    const char *what;
    assert_int_equal(fl_envelope_read(&record, &read, &what), FL_OK);
    assert_null(read.actor.data);
}

static void a_full_arena_is_an_error(void **state)
{
    (void)state;
    struct fl_envelope envelope = action_envelope();
    Fleetlog__V1__RenameDevice rename = FLEETLOG__V1__RENAME_DEVICE__INIT;
    rename.device_id = DEVICE;
    enum fl_error error = FL_NO_MEMORY;
    for (size_t bound = 0; error != FL_OK; bound += 16) {
        struct fl_arena small;
        struct fl_record record;
        fl_arena_init(&small, bound);
        error = fl_action_encode(&small, &envelope, &rename.base, &record);
        fl_arena_fini(&small);
        assert_true(error == FL_OK || error == FL_NO_MEMORY);
        assert_true(bound < 4096);
    }
}

static void an_event_id_follows_from_its_cause(void **state)
{
    (void)state;
    char a[FL_ID_TEXT_SIZE], b[FL_ID_TEXT_SIZE];
    uint8_t hash[FL_HASH_SIZE] = {1};
    fl_event_id(FL_SLICE_LITERAL(LOG), 5, hash, a);
    fl_event_id(FL_SLICE_LITERAL(LOG), 5, hash, b);
    assert_string_equal(a, b);
    assert_true(fl_id_is_valid(fl_slice_text(a)));
    assert_int_equal(a[14], '8');
    fl_event_id(FL_SLICE_LITERAL(LOG), 6, hash, b);
    assert_string_not_equal(a, b);
    hash[0] = 2;
    fl_event_id(FL_SLICE_LITERAL(LOG), 5, hash, b);
    assert_string_not_equal(a, b);
}

static void the_catalogue_is_consistent(void **state)
{
    (void)state;
    for (int i = 0; i < FL_MESSAGE_COUNT; i++) {
        const struct fl_catalogue_row *row = fl_catalogue_row((enum fl_message_type)i);
        assert_string_equal(row->descriptor->name, row->full_name);
        assert_ptr_equal(fl_catalogue_find(fl_slice_text(row->full_name)), row);
        assert_int_equal(row->kind == FL_KIND_ACTION, row->actors != 0);
        assert_int_equal(row->severity != FL_SEVERITY_NONE, row->text[0] != '\0');
        assert_true(row->since >= 1 && row->min_reader >= 1);
        const char *const named[] = {row->key_field, row->subject_field};
        for (size_t n = 0; n < 2; n++) {
            if (named[n][0] == '\0')
                continue;
            const ProtobufCFieldDescriptor *field =
                protobuf_c_message_descriptor_get_field_by_name(row->descriptor, named[n]);
            assert_non_null(field);
            assert_int_equal(field->type, PROTOBUF_C_TYPE_STRING);
            assert_int_not_equal(field->label, PROTOBUF_C_LABEL_REPEATED);
        }
    }
    assert_null(fl_catalogue_find(FL_SLICE_LITERAL("fleetlog.v1.Nothing")));
    assert_null(fl_catalogue_find(FL_SLICE_NULL));
}

static void actors_are_told_apart(void **state)
{
    (void)state;
    struct fl_slice id;
    assert_int_equal(fl_actor_parse(FL_SLICE_LITERAL("agent:x"), &id), FL_ACTOR_AGENT);
    assert_true(fl_slice_is(id, "x"));
    assert_int_equal(fl_actor_parse(FL_SLICE_LITERAL("detector"), &id), FL_ACTOR_DETECTOR);
    assert_int_equal(id.size, 0);
    assert_int_equal(fl_actor_parse(FL_SLICE_LITERAL("detector:x"), &id), 0);
    assert_int_equal(fl_actor_parse(FL_SLICE_LITERAL("agent:"), &id), 0);
    assert_int_equal(fl_actor_parse(FL_SLICE_LITERAL("timekeeper"), &id), FL_ACTOR_TIMEKEEPER);
    assert_int_equal(fl_actor_parse(FL_SLICE_LITERAL("link:x"), &id), FL_ACTOR_LINK);
    assert_true(fl_slice_is(id, "x"));
    assert_int_equal(fl_actor_parse(FL_SLICE_LITERAL("link:"), &id), 0);
    assert_int_equal(fl_actor_parse(FL_SLICE_LITERAL("visitor:x"), &id), 0);
    assert_int_equal(fl_actor_parse(FL_SLICE_LITERAL("Agent:x"), &id), 0);
    assert_int_equal(fl_actor_parse(FL_SLICE_NULL, &id), 0);
}

static void the_topics_are_those_of_the_design(void **state)
{
    (void)state;
    size_t count;
    const struct fl_topic_row *rows = fl_topic_table(&count);
    assert_int_equal(count, FL_TOPIC_COUNT);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(rows[i].topic, i);
    assert_int_equal(fl_topic_row(FL_TOPIC_ACTIONS)->spec.partition_count, 1);
    assert_int_equal(fl_topic_row(FL_TOPIC_EVENTS)->spec.retention_ms, -1);
    assert_int_equal(fl_topic_row(FL_TOPIC_TELEMETRY)->spec.retention_ms,
                     INT64_C(400) * 24 * 3600 * 1000);
    assert_true(fl_topic_row(FL_TOPIC_SUBJECTS)->spec.compacted);
    assert_ptr_equal(fl_topic_find(FL_SLICE_LITERAL("parked")), fl_topic_row(FL_TOPIC_PARKED));
    assert_null(fl_topic_find(FL_SLICE_LITERAL("park")));
}

static void severities_follow_the_condition(void **state)
{
    (void)state;
    Fleetlog__V1__ConditionRaised raised = FLEETLOG__V1__CONDITION_RAISED__INIT;
    raised.kind = FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_ON_BATTERY;
    assert_int_equal(fl_event_severity(&raised.base), FL_SEVERITY_WARNING);
    raised.kind = FLEETLOG__V1__CONDITION_KIND__CONDITION_KIND_LOW_BATTERY;
    assert_int_equal(fl_event_severity(&raised.base), FL_SEVERITY_CRITICAL);
    raised.kind = (Fleetlog__V1__ConditionKind)999;
    assert_int_equal(fl_event_severity(&raised.base), FL_SEVERITY_CRITICAL);
    Fleetlog__V1__ConditionCleared cleared = FLEETLOG__V1__CONDITION_CLEARED__INIT;
    assert_int_equal(fl_event_severity(&cleared.base), FL_SEVERITY_INFORMATIONAL);
    assert_string_equal(fl_enum_label(&fleetlog__v1__condition_kind__descriptor, 1), "on battery");
    assert_string_equal(fl_enum_label(&fleetlog__v1__condition_kind__descriptor, 999), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_action_has_its_headers_in_canonical_order),
        cmocka_unit_test(an_event_adds_the_chain),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(keys_follow_the_catalogue),
        cmocka_unit_test(junk_is_refused_by_name),
        cmocka_unit_test(a_header_without_a_value_or_twice_is_refused),
        cmocka_unit_test(order_and_unknown_headers_do_not_matter),
        cmocka_unit_test(an_unknown_type_is_carried),
        cmocka_unit_test(telemetry_has_only_what_cloudevents_requires),
        cmocka_unit_test(a_full_arena_is_an_error),
        cmocka_unit_test(an_event_id_follows_from_its_cause),
        cmocka_unit_test(the_catalogue_is_consistent),
        cmocka_unit_test(actors_are_told_apart),
        cmocka_unit_test(the_topics_are_those_of_the_design),
        cmocka_unit_test(severities_follow_the_condition),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
