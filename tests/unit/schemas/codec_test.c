/* SPDX-License-Identifier: Apache-2.0
 * Payloads: round trips of every type, and what is done with bytes that are no message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/telemetry.pb-c.h"
#include "schemas/codec.h"
#include "schemas/fields.h"
#include "tests/unit/schemas/maker.h"

static struct fl_arena arena;

static int open_arena(void **state)
{
    (void)state;
    fl_arena_init(&arena, 8 << 20);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    fl_arena_fini(&arena);
    return 0;
}

static enum fl_error decode(const ProtobufCMessageDescriptor *descriptor, const char *bytes,
                            size_t size)
{
    ProtobufCMessage *message = NULL;
    enum fl_error error = fl_message_decode(&arena, descriptor, fl_slice_of(bytes, size), &message);
    assert_int_equal(error == FL_OK, message != NULL);
    return error;
}

#define DECODE(descriptor, literal) decode(&(descriptor), "" literal, sizeof(literal) - 1)

static void every_type_goes_round(void **state)
{
    (void)state;
    struct maker maker = {&arena, maker_seed(), false};
    for (int round = 0; round < 50; round++) {
        for (size_t n = 0; fl_field_message(n) != NULL; n++) {
            fl_arena_reset(&arena);
            ProtobufCMessage *message = maker_message(&maker, fl_field_message(n));
            char detail[FL_DETAIL_SIZE] = "";
            if (fl_message_validate(message, detail) != FL_OK)
                fail_msg("%s: %s", message->descriptor->name, detail);
            assert_int_equal(fl_message_check_version(message, 1, detail), FL_OK);
            struct fl_slice bytes, again;
            ProtobufCMessage *decoded;
            assert_int_equal(fl_message_encode(&arena, message, &bytes), FL_OK);
            assert_int_equal(fl_message_decode(&arena, message->descriptor, bytes, &decoded),
                             FL_OK);
            assert_int_equal(fl_message_encode(&arena, decoded, &again), FL_OK);
            assert_true(fl_slice_equal(bytes, again));
            uint8_t a[32], b[32];
            fl_message_content_hash(message, a);
            fl_message_content_hash(decoded, b);
            assert_memory_equal(a, b, sizeof(a));
        }
    }
}

/* Cut anywhere, a message is refused or is another one; never more than its bytes are read (ASan:
 * each cut is a block of its own). */
static void cut_at_every_byte(void **state)
{
    (void)state;
    struct maker maker = {&arena, maker_seed(), false};
    for (size_t n = 0; fl_field_message(n) != NULL; n++) {
        fl_arena_reset(&arena);
        struct fl_slice bytes;
        ProtobufCMessage *message = maker_message(&maker, fl_field_message(n));
        assert_int_equal(fl_message_encode(&arena, message, &bytes), FL_OK);
        size_t step = bytes.size / 500 + 1;
        for (size_t size = 0; size < bytes.size; size += step) {
            struct fl_arena own;
            fl_arena_init(&own, 4 << 20);
            uint8_t *cut = test_malloc(size == 0 ? 1 : size);
            memcpy(cut, bytes.data, size);
            ProtobufCMessage *decoded = NULL;
            enum fl_error error =
                fl_message_decode(&own, message->descriptor, fl_slice_of(cut, size), &decoded);
            assert_true(error == FL_OK || error == FL_INVALID);
            char detail[FL_DETAIL_SIZE];
            if (error == FL_OK)
                error = fl_message_validate(decoded, detail);
            test_free(cut);
            fl_arena_fini(&own);
        }
    }
}

static void bytes_changed_at_random(void **state)
{
    (void)state;
    struct maker maker = {&arena, maker_seed(), false};
    for (int round = 0; round < 20; round++) {
        for (size_t n = 0; fl_field_message(n) != NULL; n++) {
            fl_arena_reset(&arena);
            struct fl_slice bytes;
            ProtobufCMessage *message = maker_message(&maker, fl_field_message(n));
            assert_int_equal(fl_message_encode(&arena, message, &bytes), FL_OK);
            if (bytes.size == 0)
                continue;
            for (unsigned change = 0; change < 3; change++)
                ((uint8_t *)bytes.data)[maker_below(&maker, bytes.size)] =
                    (uint8_t)maker_random(&maker);
            ProtobufCMessage *decoded;
            char detail[FL_DETAIL_SIZE];
            if (fl_message_decode(&arena, message->descriptor, bytes, &decoded) == FL_OK &&
                fl_message_validate(decoded, detail) == FL_OK)
                assert_int_equal(fl_message_encode(&arena, decoded, &bytes), FL_OK);
        }
    }
}

static void what_is_no_message_is_refused(void **state)
{
    (void)state;
    ProtobufCMessage *message = NULL;
    assert_int_equal(fl_message_decode(&arena, &fleetlog__v1__rename_device__descriptor,
                                       FL_SLICE_NULL, &message),
                     FL_INVALID);
    assert_int_equal(DECODE(fleetlog__v1__rename_device__descriptor, ""), FL_OK);
    assert_int_equal(DECODE(fleetlog__v1__rename_device__descriptor, "\x12\x02hi"), FL_OK);
    static const struct {
        const char *bytes;
        size_t size;
    } junk[] = {
        {"\x12\x03hi", 4},                                    /* ends too early */
        {"\x12\x03h\0i", 5},                                  /* NUL in a string */
        {"\x10\x01", 2},                                      /* a number where a string belongs */
        {"\x02\x01x", 3},                                     /* field number 0 */
        {"\x13\x14", 2},                                      /* a group */
        {"\x17", 1},                                          /* a wire type that there is not */
        {"\x12", 1},                                          /* no length */
        {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11}, /* a length over 64 bits */
        {"\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10},     /* 2^63 - 1 bytes */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},     /* a tag over 32 bits */
        {"\x80", 1},                                          /* a varint without end */
    };
    for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++)
        assert_int_equal(
            decode(&fleetlog__v1__rename_device__descriptor, junk[i].bytes, junk[i].size),
            FL_INVALID);
}

static void numbers_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    /* uint32 field 1 of RulesActivated: 2^32 - 1, 2^32 */
    assert_int_equal(DECODE(fleetlog__v1__rules_activated__descriptor, "\x08\xff\xff\xff\xff\x0f"),
                     FL_OK);
    assert_int_equal(DECODE(fleetlog__v1__rules_activated__descriptor, "\x08\x80\x80\x80\x80\x10"),
                     FL_INVALID);
    /* enum field 2 of CreateAccount: -1 has ten bytes; 2^31 does not fit */
    assert_int_equal(DECODE(fleetlog__v1__create_account__descriptor,
                            "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
                     FL_OK);
    assert_int_equal(DECODE(fleetlog__v1__create_account__descriptor, "\x10\x80\x80\x80\x80\x08"),
                     FL_INVALID);
    /* bool field 4 of ReportCondition */
    assert_int_equal(DECODE(fleetlog__v1__report_condition__descriptor, "\x20\x02"), FL_INVALID);
    /* int64 field 3 of IssueClaim: 2^63 is read as negative, and the rules refuse that */
    Fleetlog__V1__IssueClaim claim = FLEETLOG__V1__ISSUE_CLAIM__INIT;
    uint8_t hash[32] = {0};
    claim.claim_id = "0193f7a2-1111-7000-8000-000000000001";
    claim.code_hash = (ProtobufCBinaryData){sizeof(hash), hash};
    claim.expires_at_ms = INT64_MIN;
    char detail[FL_DETAIL_SIZE];
    assert_int_equal(fl_message_validate(&claim.base, detail), FL_INVALID);
    assert_string_equal(detail, "expires_at_ms: negative");
}

static void oversized_is_refused(void **state)
{
    (void)state;
    size_t size = FL_RECORD_SIZE_MAX + 1;
    uint8_t *bytes = test_calloc(1, size);
    ProtobufCMessage *message = NULL;
    memset(bytes, 0x18, size);
    assert_int_equal(fl_message_decode(&arena, &fleetlog__v1__rename_device__descriptor,
                                       fl_slice_of(bytes, size), &message),
                     FL_INVALID);
    test_free(bytes);
}

/* Small inputs that want much memory stop at the arena's bound. */
static void amplification_stops_at_the_bound(void **state)
{
    (void)state;
    enum { SIZE = 256 * 1024 };
    static const uint8_t pairs[][2] = {
        {0x1a, 0x00}, /* ActionRejected: empty items */
        {0x78, 0x00}, /* unknown field 15 */
    };
    uint8_t *bytes = test_malloc(SIZE);
    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; i < SIZE; i++)
            bytes[i] = pairs[p][i % 2];
        struct fl_arena small;
        fl_arena_init(&small, 1 << 20);
        ProtobufCMessage *message = NULL;
        assert_int_equal(fl_message_decode(&small, &fleetlog__v1__action_rejected__descriptor,
                                           fl_slice_of(bytes, SIZE), &message),
                         FL_NO_MEMORY);
        assert_null(message);
        assert_true(small.used <= small.bound);
        fl_arena_fini(&small);
    }
    test_free(bytes);
}

/* Memory may end at any allocation. */
static void memory_ends_anywhere(void **state)
{
    (void)state;
    struct maker maker = {&arena, maker_seed(), false};
    for (size_t n = 0; fl_field_message(n) != NULL; n++) {
        fl_arena_reset(&arena);
        struct fl_slice bytes;
        ProtobufCMessage *message = maker_message(&maker, fl_field_message(n));
        assert_int_equal(fl_message_encode(&arena, message, &bytes), FL_OK);
        enum fl_error error = FL_NO_MEMORY;
        for (size_t bound = 0; error != FL_OK; bound += bound < 4096 ? 16 : 4096) {
            struct fl_arena small;
            fl_arena_init(&small, bound);
            ProtobufCMessage *decoded = NULL;
            error = fl_message_decode(&small, message->descriptor, bytes, &decoded);
            assert_true(error == FL_OK || error == FL_NO_MEMORY);
            fl_arena_fini(&small);
        }
    }
}

static void a_newer_type_is_unsupported(void **state)
{
    (void)state;
    char detail[FL_DETAIL_SIZE];
    ProtobufCMessage *message;
    struct fl_slice bytes = FL_SLICE_LITERAL("\x0a\x02hi\x78\x01");
    assert_int_equal(
        fl_message_decode(&arena, &fleetlog__v1__rename_device__descriptor, bytes, &message),
        FL_OK);
    assert_int_equal(fl_message_check_version(message, 1, detail), FL_UNSUPPORTED);
    assert_string_equal(detail, "field 15 is unknown to these rules");
    /* inside another message */
    bytes = FL_SLICE_LITERAL("\x1a\x02\x78\x01");
    assert_int_equal(
        fl_message_decode(&arena, &fleetlog__v1__create_account__descriptor, bytes, &message),
        FL_OK);
    assert_int_equal(fl_message_check_version(message, 1, detail), FL_UNSUPPORTED);
    assert_string_equal(detail, "person: field 15 is unknown to these rules");
    /* an enum value */
    bytes = FL_SLICE_LITERAL("\x10\x07");
    assert_int_equal(
        fl_message_decode(&arena, &fleetlog__v1__create_account__descriptor, bytes, &message),
        FL_OK);
    assert_int_equal(fl_message_check_version(message, 1, detail), FL_UNSUPPORTED);
    assert_string_equal(detail, "role: the value 7 is unknown to these rules");
    assert_int_equal(fl_message_check_version(message, 0, detail), FL_UNSUPPORTED);
    assert_string_equal(detail, "CreateAccount is unknown to these rules");
}

static void hash_rename(const char *device, const char *name, uint8_t out[32])
{
    Fleetlog__V1__RenameDevice rename = FLEETLOG__V1__RENAME_DEVICE__INIT;
    rename.device_id = device;
    rename.name = name;
    fl_message_content_hash(&rename.base, out);
}

static void content_leaves_out_what_is_minted(void **state)
{
    (void)state;
    uint8_t a[32], b[32];
    hash_rename("d", "n", a);
    hash_rename("d", "n", b);
    assert_memory_equal(a, b, 32);
    hash_rename("d", "m", b);
    assert_memory_not_equal(a, b, 32);
    hash_rename("dn", "", b);
    assert_memory_not_equal(a, b, 32);

    Fleetlog__V1__PersonRef person = FLEETLOG__V1__PERSON_REF__INIT;
    Fleetlog__V1__AddressIndex index = FLEETLOG__V1__ADDRESS_INDEX__INIT;
    Fleetlog__V1__AddressIndex *indexes[] = {&index};
    uint8_t bytes[16] = {1};
    index.index = (ProtobufCBinaryData){sizeof(bytes), bytes};
    person.n_indexes = 1;
    person.indexes = indexes;
    Fleetlog__V1__InviteCoworker invite = FLEETLOG__V1__INVITE_COWORKER__INIT;
    invite.person = &person;
    fl_message_content_hash(&invite.base, a);
    invite.invitation_id = "other";
    person.subject_id = "somebody";
    person.revision = 8;
    person.profile_time_ms = 9;
    fl_message_content_hash(&invite.base, b);
    assert_memory_equal(a, b, 32);
    /* Whoever compares actions compares addresses apart: one index in common is enough. */
    bytes[0] = 2;
    fl_message_content_hash(&invite.base, b);
    assert_memory_equal(a, b, 32);
}

/* The same fields in another type are other content. */
static void content_holds_the_type(void **state)
{
    (void)state;
    uint8_t a[32], b[32];
    Fleetlog__V1__RemoveDevice remove = FLEETLOG__V1__REMOVE_DEVICE__INIT;
    Fleetlog__V1__LocateDevice locate = FLEETLOG__V1__LOCATE_DEVICE__INIT;
    remove.device_id = "d";
    locate.device_id = "d";
    fl_message_content_hash(&remove.base, a);
    fl_message_content_hash(&locate.base, b);
    assert_memory_not_equal(a, b, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_goes_round),
        cmocka_unit_test(cut_at_every_byte),
        cmocka_unit_test(bytes_changed_at_random),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(numbers_that_do_not_fit_are_refused),
        cmocka_unit_test(oversized_is_refused),
        cmocka_unit_test(amplification_stops_at_the_bound),
        cmocka_unit_test(memory_ends_anywhere),
        cmocka_unit_test(a_newer_type_is_unsupported),
        cmocka_unit_test(content_leaves_out_what_is_minted),
        cmocka_unit_test(content_holds_the_type),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
