/* SPDX-License-Identifier: Apache-2.0
 * Bytes from outside as payload, as ProtoJSON and as a whole record. What is accepted must survive
 * every way out and in again; nothing may crash or want memory without bound.
 *
 * Byte 0: the way in ('w' wire, 'j' JSON, 'r' record); byte 1: the message type. A record is a row
 * of {size u8, bytes}: key, value, then names and values of headers. */
#include <string.h>

#include "core/assert.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"
#include "schemas/fields.h"
#include "tests/fuzz/fuzz.h"

enum { ARENA_SIZE = 8 << 20, HEADER_COUNT_MAX = 24 };

/* A message that keeps the rules: its encoding is a fixed point, and JSON loses nothing. */
static void check_good(struct fl_arena *arena, const ProtobufCMessage *message)
{
    struct fl_slice bytes, again;
    ProtobufCMessage *decoded, *read;
    char *json;
    char detail[FL_DETAIL_SIZE];
    uint8_t a[32], b[32];
    fl_assert(fl_message_encode(arena, message, &bytes) == FL_OK);
    fl_assert(fl_message_decode(arena, message->descriptor, bytes, &decoded) == FL_OK);
    fl_assert(fl_message_validate(decoded, detail) == FL_OK);
    fl_assert(fl_message_encode(arena, decoded, &again) == FL_OK);
    fl_assert(fl_slice_equal(bytes, again));
    fl_message_content_hash(message, a);
    fl_message_content_hash(decoded, b);
    fl_assert(memcmp(a, b, sizeof(a)) == 0);
    fl_assert(fl_message_to_json(arena, message, &json) == FL_OK);
    if (strlen(json) > FL_RECORD_SIZE_MAX)
        return;
    fl_assert(fl_message_from_json(arena, message->descriptor, fl_slice_text(json), true, &read,
                                   detail) == FL_OK);
    fl_assert(fl_message_encode(arena, read, &again) == FL_OK);
    fl_assert(fl_slice_equal(bytes, again));
}

static void check_message(struct fl_arena *arena, const ProtobufCMessage *message)
{
    char detail[FL_DETAIL_SIZE];
    char *json;
    uint8_t hash[32];
    bool known = fl_message_check_version(message, 1, detail) == FL_OK;
    fl_message_content_hash(message, hash);
    if (fl_message_validate(message, detail) == FL_OK && known)
        check_good(arena, message);
    else
        fl_assert(fl_message_to_json(arena, message, &json) == FL_OK || arena->exhausted);
}

static struct fl_slice take(struct fl_slice *rest)
{
    if (rest->size == 0)
        return FL_SLICE_NULL;
    size_t size = rest->data[0];
    size_t left = rest->size - 1;
    struct fl_slice taken = fl_slice_of(rest->data + 1, size < left ? size : left);
    *rest = fl_slice_of(taken.data + taken.size, left - taken.size);
    return taken;
}

static void check_record(struct fl_arena *arena, struct fl_slice rest)
{
    struct fl_header headers[HEADER_COUNT_MAX];
    struct fl_record record = {.headers = headers};
    struct fl_envelope envelope;
    const char *what;
    char *json;
    record.key = take(&rest);
    record.value = take(&rest);
    while (rest.size != 0 && record.header_count < HEADER_COUNT_MAX) {
        struct fl_header *header = &headers[record.header_count++];
        header->name = take(&rest);
        header->value = take(&rest);
    }
    if (fl_envelope_read(&record, &envelope, &what) == FL_OK)
        fl_assert(envelope.id.size == FL_ID_TEXT_SIZE - 1 && what == NULL);
    else
        fl_assert(what != NULL);
    fl_assert(fl_record_to_json(arena, &record, "telemetry", 0, 0, &json) == FL_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t types = 0;
    while (fl_field_message(types) != NULL)
        types++;
    const ProtobufCMessageDescriptor *descriptor = fl_field_message(data[1] % types);
    struct fl_slice rest = fl_slice_of(data + 2, size - 2);
    struct fl_arena arena;
    ProtobufCMessage *message;
    char detail[FL_DETAIL_SIZE];
    fl_arena_init(&arena, ARENA_SIZE);
    if (data[0] == 'r')
        check_record(&arena, rest);
    else if (data[0] == 'j' && fl_message_from_json(&arena, descriptor, rest, size % 2 == 0,
                                                    &message, detail) == FL_OK)
        check_message(&arena, message);
    else if (data[0] == 'w' && fl_message_decode(&arena, descriptor, rest, &message) == FL_OK)
        check_message(&arena, message);
    fl_arena_fini(&arena);
    return 0;
}
