/* SPDX-License-Identifier: Apache-2.0 */
#include "core/assert.h"
#include "core/bytes.h"
#include "core/timestamp.h"
#include "fleetlog/v1/telemetry.pb-c.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"
#include "schemas/text.h"

/* `name`, or `name_base64` for bytes that are no text. */
static void write_bytes(struct fl_json *json, const char *name, const char *name_base64,
                        struct fl_slice bytes)
{
    bool is_text = bytes.data == NULL || fl_text_check(bytes) == FL_TEXT_GOOD;
    fl_json_name(json, is_text ? name : name_base64);
    if (is_text)
        fl_json_string(json, bytes);
    else
        fl_json_base64(json, bytes);
}

static void write_time(struct fl_json *json, const char *name, int64_t time_ms)
{
    char text[FL_TIMESTAMP_TEXT_SIZE];
    fl_json_name(json, name);
    if (time_ms < 0 || time_ms > FL_TIMESTAMP_MS_MAX) {
        fl_json_int(json, time_ms);
        return;
    }
    fl_timestamp_format(time_ms, text);
    fl_json_text(json, text);
}

static void write_report(struct fl_json *json, const Fleetlog__V1__Report *report)
{
    char device_id[FL_ID_TEXT_SIZE] = "";
    const ProtobufCEnumValue *kind =
        protobuf_c_enum_descriptor_get_value(&fleetlog__v1__report_kind__descriptor, report->kind);
    if (report->device_id.len == FL_ID_SIZE)
        fl_id_from_bytes(report->device_id.data, device_id);
    fl_json_object_begin(json);
    fl_json_name(json, "deviceId");
    fl_json_text(json, device_id);
    fl_json_name(json, "generation");
    fl_json_uint(json, report->generation);
    fl_json_name(json, "counter");
    fl_json_uint_text(json, report->counter);
    fl_json_name(json, "kind");
    fl_json_text(json, kind == NULL ? "UNKNOWN" : kind->name);
    write_time(json, "sampledAt", report->sampled_at_ms);
    write_time(json, "clock", report->clock_ms);
    fl_json_name(json, "thinnedCount");
    fl_json_uint_text(json, report->thinned_count);
    fl_json_name(json, "readings");
    fl_json_array_begin(json);
    for (size_t i = 0; i < report->n_readings; i++) {
        const Fleetlog__V1__Reading *reading = report->readings[i];
        fl_json_object_begin(json);
        fl_json_name(json, "name");
        fl_json_text(json, reading->name);
        write_bytes(json, "value", "valueBase64",
                    fl_slice_of(reading->value.data, reading->value.len));
        fl_json_object_end(json);
    }
    fl_json_array_end(json);
    fl_json_object_end(json);
}

/* What is read of a record before anything is written, so that both passes write the same. */
struct content {
    struct fl_envelope envelope;
    const char *invalid; /* the header that cannot be read; NULL: the envelope is good */
    const ProtobufCMessage *message;
    const Fleetlog__V1__Report *report;
};

static enum fl_error read_content(struct fl_arena *arena, const struct fl_record *record,
                                  struct content *content)
{
    *content = (struct content){0};
    if (fl_envelope_read(record, &content->envelope, &content->invalid) != FL_OK)
        return FL_OK;
    const ProtobufCMessageDescriptor *descriptor = fl_message_descriptor(content->envelope.type);
    ProtobufCMessage *message = NULL;
    if (descriptor == NULL)
        return FL_OK;
    enum fl_error error = fl_message_decode(arena, descriptor, record->value, &message);
    if (error != FL_OK)
        return error == FL_NO_MEMORY ? error : FL_OK;
    content->message = message;
    if (descriptor != &fleetlog__v1__telemetry__descriptor)
        return FL_OK;
    const Fleetlog__V1__Telemetry *telemetry = (const Fleetlog__V1__Telemetry *)message;
    if (telemetry->body_case != FLEETLOG__V1__TELEMETRY__BODY_REPORT)
        return FL_OK;
    struct fl_slice bytes =
        fl_slice_of(telemetry->report->report.data, telemetry->report->report.len);
    error = fl_message_decode(arena, &fleetlog__v1__report__descriptor, bytes, &message);
    if (error == FL_OK)
        content->report = (const Fleetlog__V1__Report *)message;
    return error == FL_NO_MEMORY ? error : FL_OK;
}

static void write_headers(struct fl_json *json, const struct fl_record *record)
{
    fl_json_name(json, "headers");
    fl_json_array_begin(json);
    for (uint32_t i = 0; i < record->header_count; i++) {
        fl_json_object_begin(json);
        write_bytes(json, "name", "name_base64", record->headers[i].name);
        write_bytes(json, "value", "value_base64", record->headers[i].value);
        fl_json_object_end(json);
    }
    fl_json_array_end(json);
}

static void write_key(struct fl_json *json, const char *topic, struct fl_slice key)
{
    if ((fl_slice_is(fl_slice_text(topic), "telemetry") ||
         fl_slice_is(fl_slice_text(topic), "history")) &&
        key.size == 4) {
        fl_json_name(json, "key");
        fl_json_uint(json, fl_get_u32(key.data));
        return;
    }
    write_bytes(json, "key", "key_base64", key);
}

static void write_data(struct fl_json *json, const struct fl_record *record,
                       const struct content *content)
{
    if (content->message != NULL) {
        fl_json_name(json, "data");
        fl_message_write_json(json, content->message);
    } else if (record->value.data == NULL) {
        fl_json_name(json, "data");
        fl_json_null(json);
    } else {
        fl_json_name(json, "data_base64");
        fl_json_base64(json, record->value);
    }
    if (content->report != NULL) {
        fl_json_name(json, "report");
        write_report(json, content->report);
    }
}

enum fl_error fl_record_to_json(struct fl_arena *arena, const struct fl_record *record,
                                const char *topic, uint32_t partition, uint64_t offset, char **json)
{
    struct content content;
    struct fl_json writer;
    char *text = NULL;
    size_t room = 0;
    enum fl_error error = read_content(arena, record, &content);
    if (error != FL_OK)
        return error;
    for (unsigned pass = 0; pass < 2; pass++) {
        fl_json_init(&writer, text, room);
        fl_json_object_begin(&writer);
        fl_json_name(&writer, "topic");
        fl_json_text(&writer, topic);
        fl_json_name(&writer, "partition");
        fl_json_uint(&writer, partition);
        fl_json_name(&writer, "offset");
        fl_json_uint(&writer, offset);
        write_time(&writer, "timestamp", record->timestamp_ms);
        write_key(&writer, topic, record->key);
        if (content.invalid == NULL) {
            fl_envelope_write_json(&writer, &content.envelope);
        } else {
            fl_json_name(&writer, "invalid");
            fl_json_text(&writer, content.invalid);
            write_headers(&writer, record);
        }
        write_data(&writer, record, &content);
        fl_json_object_end(&writer);
        if (pass == 0) {
            room = writer.used + 1;
            text = fl_arena_alloc(arena, room);
            if (text == NULL)
                return FL_NO_MEMORY;
        }
    }
    bool fits = fl_json_finish(&writer);
    fl_assert(fits);
    *json = text;
    return FL_OK;
}
