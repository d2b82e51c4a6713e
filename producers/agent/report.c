/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/report.h"

#include <sodium.h>
#include <string.h>

#include "core/assert.h"

/* Tags of telemetry.proto: number << 3 | wire type (0 varint, 2 bytes). */
enum {
    TAG_DEVICE_ID = 1 << 3 | 2,
    TAG_GENERATION = 2 << 3,
    TAG_COUNTER = 3 << 3,
    TAG_SAMPLED_AT = 4 << 3,
    TAG_CLOCK = 5 << 3,
    TAG_KIND = 6 << 3,
    TAG_READING = 7 << 3 | 2,
    TAG_THINNED = 8 << 3,
    TAG_NAME = 1 << 3 | 2,
    TAG_VALUE = 2 << 3 | 2,
};

static size_t varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value > 0x7f; value >>= 7)
        size++;
    return size;
}

static size_t field_size(struct fl_slice bytes)
{
    return 1 + varint_size(bytes.size) + bytes.size;
}

/* proto3 leaves out an empty value. */
static size_t inner_size(struct fl_slice name, struct fl_slice value)
{
    return field_size(name) + (value.size > 0 ? field_size(value) : 0);
}

size_t fl_agent_report_reading_size(struct fl_slice name, struct fl_slice value)
{
    size_t inner = inner_size(name, value);
    return 1 + varint_size(inner) + inner;
}

static void write_bytes(struct fl_write_cursor *cursor, uint8_t tag, struct fl_slice bytes)
{
    fl_write_u8(cursor, tag);
    fl_write_varint(cursor, bytes.size);
    fl_write_bytes(cursor, bytes);
}

static void write_number(struct fl_write_cursor *cursor, uint8_t tag, uint64_t value)
{
    if (value == 0)
        return;
    fl_write_u8(cursor, tag);
    fl_write_varint(cursor, value);
}

void fl_agent_report_reading(struct fl_write_cursor *cursor, struct fl_slice name,
                             struct fl_slice value)
{
    fl_write_u8(cursor, TAG_READING);
    fl_write_varint(cursor, inner_size(name, value));
    write_bytes(cursor, TAG_NAME, name);
    if (value.size > 0)
        write_bytes(cursor, TAG_VALUE, value);
}

void fl_agent_report_write(struct fl_write_cursor *cursor, const struct fl_agent_report *report)
{
    write_bytes(cursor, TAG_DEVICE_ID, fl_slice_of(report->device_id, FL_ID_SIZE));
    write_number(cursor, TAG_GENERATION, report->generation);
    write_number(cursor, TAG_COUNTER, report->counter);
    write_number(cursor, TAG_SAMPLED_AT, (uint64_t)report->sampled_at_ms);
    write_number(cursor, TAG_CLOCK, (uint64_t)report->clock_ms);
    write_number(cursor, TAG_KIND, report->kind);
    if (report->readings.size > 0)
        fl_write_bytes(cursor, report->readings);
    write_number(cursor, TAG_THINNED, report->thinned_count);
}

void fl_agent_report_sign(struct fl_slice bytes, const uint8_t secret[64],
                          uint8_t signature[FL_AGENT_SIGNATURE_SIZE])
{
    static const char label[] = FL_AGENT_REPORT_LABEL;
    uint8_t message[sizeof(label) - 1 + FL_AGENT_REPORT_SIZE_MAX];
    fl_assert(bytes.size <= FL_AGENT_REPORT_SIZE_MAX);
    memcpy(message, label, sizeof(label) - 1);
    memcpy(message + sizeof(label) - 1, bytes.data, bytes.size);
    crypto_sign_detached(signature, NULL, message, sizeof(label) - 1 + bytes.size, secret);
}
