/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/telemetry/report.h"

#include <string.h>

/* Protobuf's wire types (protobuf.dev/programming-guides/encoding). */
enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
    uint32_t number;
    enum wire_type type;
    uint64_t integer;
    struct fl_slice bytes;
};

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *value)
{
    const uint8_t *p = *at;
    uint64_t sum = 0;
    for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
        uint8_t byte = *p++;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *at = p;
            *value = sum;
            return true;
        }
    }
    return false;
}

/* The next field; false at the end and on bytes that are none (then *at is not the end). */
static bool next_any_field(const uint8_t **at, const uint8_t *end, struct field *field)
{
    uint64_t tag = 0;
    const uint8_t *p = *at;
    if (p == end || !read_varint(&p, end, &tag) || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
        return false;
    field->number = (uint32_t)(tag >> 3);
    field->type = (enum wire_type)(tag & 7);
    field->bytes = FL_SLICE_NULL;
    field->integer = 0;
    size_t left = (size_t)(end - p);
    size_t size = 0;
    switch (field->type) {
    case WIRE_VARINT:
        if (!read_varint(&p, end, &field->integer))
            return false;
        break;
    case WIRE_64:
        size = 8;
        break;
    case WIRE_32:
        size = 4;
        break;
    case WIRE_BYTES:
        if (!read_varint(&p, end, &field->integer))
            return false;
        left = (size_t)(end - p);
        if (field->integer > left)
            return false;
        size = (size_t)field->integer;
        field->bytes = fl_slice_of(p, size);
        break;
    default:
        return false;
    }
    if (size > left)
        return false;
    *at = p + size;
    return true;
}

/* Most fields have a tag of one byte and are short bytes: those take the short way. */
static inline bool next_field(const uint8_t **at, const uint8_t *end, struct field *field)
{
    const uint8_t *p = *at;
    if (end - p >= 2 && p[0] < 0x80 && (p[0] & 7) == WIRE_BYTES && p[0] > 7 && p[1] < 0x80 &&
        p[1] <= end - p - 2) {
        field->number = p[0] >> 3;
        field->type = WIRE_BYTES;
        field->integer = p[1];
        field->bytes = (struct fl_slice){p + 2, p[1]};
        *at = p + 2 + p[1];
        return true;
    }
    return next_any_field(at, end, field);
}

static int64_t zigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

static bool is_integer(const struct field *field, uint32_t number)
{
    return field->number == number && field->type == WIRE_VARINT;
}

static bool is_bytes(const struct field *field, uint32_t number)
{
    return field->number == number && field->type == WIRE_BYTES;
}

static enum fl_error refuse(const char **what, const char *rule)
{
    *what = rule;
    return FL_INVALID;
}

/* A reading as encoders write it, name and then value, both short: nearly every one. */
static inline bool decode_short_reading(struct fl_slice bytes, struct fl_slice *name,
                                        struct fl_slice *value)
{
    enum { NAME_TAG = 1 << 3 | WIRE_BYTES, VALUE_TAG = 2 << 3 | WIRE_BYTES };
    const uint8_t *at = bytes.data;
    if (bytes.size < 4 || at[0] != NAME_TAG || at[1] >= 0x80 || (size_t)at[1] + 4 > bytes.size)
        return false;
    const uint8_t *second = at + 2 + at[1];
    if (second[0] != VALUE_TAG || second[1] >= 0x80 ||
        second + 2 + second[1] != bytes.data + bytes.size)
        return false;
    *name = fl_slice_of(at + 2, at[1]);
    *value = fl_slice_of(second + 2, second[1]);
    return true;
}

static bool decode_reading(struct fl_slice bytes, struct fl_slice *name, struct fl_slice *value)
{
    static const uint8_t nothing[1];
    struct field field;
    const uint8_t *at = bytes.data;
    const uint8_t *end = at + bytes.size;
    if (decode_short_reading(bytes, name, value))
        return true;
    *name = FL_SLICE_NULL;
    *value = fl_slice_of(nothing, 0);
    while (next_field(&at, end, &field)) {
        if (is_bytes(&field, 1))
            *name = field.bytes;
        else if (is_bytes(&field, 2))
            *value = field.bytes;
    }
    return at == end;
}

/* Printable ASCII without blanks, eight bytes at a time (Warren, Hacker's Delight, 6-1: bytes in a
 * word). */
static bool is_word(struct fl_slice text)
{
    const uint64_t high = UINT64_C(0x8080808080808080);
    size_t i = 0;
    for (; i + 8 <= text.size; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, sizeof(word));
        bool above = ((word | (word + UINT64_C(0x0101010101010101))) & high) != 0; /* 0x7f on */
        bool below = (((word | high) - UINT64_C(0x2121212121212121)) & high) != high;
        if (above || below)
            return false;
    }
    for (; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

static enum fl_error check_reading(struct fl_slice bytes, const char **what)
{
    struct fl_slice name;
    struct fl_slice value;
    if (!decode_reading(bytes, &name, &value))
        return refuse(what, "readings: not a Reading");
    if (name.size == 0 || name.size > FL_READING_NAME_SIZE_MAX)
        return refuse(what, "readings.name: 1 to 128 bytes");
    if (!is_word(name))
        return refuse(what, "readings.name: printable ASCII without blanks");
    if (value.size > FL_READING_VALUE_SIZE_MAX)
        return refuse(what, "readings.value: at most 1024 bytes");
    return FL_OK;
}

static enum fl_error check_report(const struct fl_report *report, size_t reading_count,
                                  const char **what)
{
    if (report->device_id.size != FL_ID_SIZE)
        return refuse(what, "device_id: 16 bytes");
    if (report->generation == 0)
        return refuse(what, "generation: from 1 on");
    if (report->counter == 0)
        return refuse(what, "counter: from 1 on");
    if (report->kind < FL_REPORT_FULL || report->kind > FL_REPORT_STALE)
        return refuse(what, "kind: FULL, CHANGES or STALE");
    if (reading_count > FL_READING_COUNT_MAX)
        return refuse(what, "readings: at most 1024");
    if (report->kind == FL_REPORT_STALE && reading_count != 0)
        return refuse(what, "readings: a stale report has none");
    return FL_OK;
}

enum fl_error fl_report_decode(struct fl_slice signed_bytes, struct fl_report *report,
                               const char **what)
{
    struct field field;
    size_t reading_count = 0;
    uint64_t generation = 0;
    uint64_t kind = 0;
    const uint8_t *at = signed_bytes.data;
    const uint8_t *end = at + signed_bytes.size;
    const uint8_t *field_at = at;
    report->signed_bytes = signed_bytes;
    report->first_reading = end;
    report->device_id = FL_SLICE_NULL;
    report->counter = report->thinned_count = 0;
    report->sampled_at_ms = report->clock_ms = 0;
    while (next_field(&at, end, &field)) {
        if (is_bytes(&field, 1)) {
            report->device_id = field.bytes;
        } else if (is_integer(&field, 2)) {
            generation = field.integer;
        } else if (is_integer(&field, 3)) {
            report->counter = field.integer;
        } else if (is_integer(&field, 4)) {
            report->sampled_at_ms = (int64_t)field.integer;
        } else if (is_integer(&field, 5)) {
            report->clock_ms = (int64_t)field.integer;
        } else if (is_integer(&field, 6)) {
            kind = field.integer;
        } else if (is_bytes(&field, 7)) {
            if (reading_count++ == 0)
                report->first_reading = field_at;
            enum fl_error error = check_reading(field.bytes, what);
            if (error != FL_OK)
                return error;
        } else if (is_integer(&field, 8)) {
            report->thinned_count = field.integer;
        }
        field_at = at;
    }
    if (at != end)
        return refuse(what, "report: not a Report");
    report->generation = (uint32_t)generation;
    report->reading_count = (uint32_t)reading_count;
    report->kind = (enum fl_report_kind)(kind > FL_REPORT_STALE ? 0 : kind);
    if (generation > UINT32_MAX)
        return refuse(what, "generation: below 2^32");
    return check_report(report, reading_count, what);
}

static enum fl_error decode_device_report(struct fl_slice bytes, struct fl_report *report,
                                          const char **what)
{
    struct field field;
    struct fl_slice signed_bytes = FL_SLICE_NULL;
    const uint8_t *at = bytes.data;
    const uint8_t *end = at + bytes.size;
    *report = (struct fl_report){.device_number = 0};
    while (next_field(&at, end, &field)) {
        if (is_integer(&field, 1))
            report->device_number = (uint32_t)field.integer;
        else if (is_bytes(&field, 2))
            signed_bytes = field.bytes;
        else if (is_bytes(&field, 3))
            report->signature = field.bytes;
        else if (is_integer(&field, 4))
            report->received_at_ms = (int64_t)field.integer;
        else if (is_integer(&field, 5))
            report->clock_offset_ms = zigzag(field.integer);
        else if (is_integer(&field, 6))
            report->gateway_number = (uint32_t)field.integer;
    }
    if (at != end)
        return refuse(what, "not a DeviceReport");
    if (report->device_number == 0)
        return refuse(what, "device_number: from 1 on");
    if (signed_bytes.data == NULL)
        return refuse(what, "report: missing");
    return fl_report_decode(signed_bytes, report, what);
}

static enum fl_error decode_tick(struct fl_slice bytes, struct fl_tick *tick, const char **what)
{
    struct field field;
    const uint8_t *at = bytes.data;
    const uint8_t *end = at + bytes.size;
    *tick = (struct fl_tick){.gateway_number = 0};
    while (next_field(&at, end, &field)) {
        if (is_integer(&field, 1))
            tick->gateway_number = (uint32_t)field.integer;
        else if (is_integer(&field, 2))
            tick->boot = field.integer;
        else if (is_integer(&field, 3))
            tick->sequence = field.integer;
        else if (is_integer(&field, 4))
            tick->time_ms = (int64_t)field.integer;
    }
    return at == end ? FL_OK : refuse(what, "not a Tick");
}

enum fl_error fl_telemetry_decode(struct fl_slice value, enum fl_telemetry_kind *kind,
                                  struct fl_report *report, struct fl_tick *tick, const char **what)
{
    struct field field;
    struct field body = {.number = 0};
    const uint8_t *at = value.data;
    const uint8_t *end = at + value.size;
    *what = NULL;
    *kind = FL_TELEMETRY_UNKNOWN;
    if (value.data == NULL)
        return refuse(what, "no value");
    /* Of a oneof that comes twice the last one counts. */
    while (next_field(&at, end, &field))
        if (is_bytes(&field, 1) || is_bytes(&field, 2))
            body = field;
    if (at != end)
        return refuse(what, "not a Telemetry");
    if (body.number == 1) {
        *kind = FL_TELEMETRY_REPORT;
        return decode_device_report(body.bytes, report, what);
    }
    if (body.number == 2) {
        *kind = FL_TELEMETRY_TICK;
        return decode_tick(body.bytes, tick, what);
    }
    return FL_OK;
}

struct fl_reading_walk fl_readings(const struct fl_report *report)
{
    return (struct fl_reading_walk){.at = report->first_reading,
                                    .end = report->signed_bytes.data + report->signed_bytes.size};
}

bool fl_reading_next(struct fl_reading_walk *walk)
{
    struct field field;
    while (next_field(&walk->at, walk->end, &field))
        if (is_bytes(&field, 7))
            return decode_reading(field.bytes, &walk->name, &walk->value);
    return false;
}
