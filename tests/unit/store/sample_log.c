/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/sample_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/subjects.pb-c.h"

enum { HOUR_MS = 60 * 60 * 1000 };

static const char device_id[] = "0190a000-0000-7000-8000-00000000d001";

static uint64_t append(struct sample_log *log, const char *topic, uint32_t partition,
                       const struct fl_record *record)
{
    uint64_t offset = 0;
    struct fl_append batch = {.topic = topic,
                              .partition = partition,
                              .count = 1,
                              .records = record,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = &offset};
    fl_assert(fl_journal_append(log->journal, &batch, 1) == FL_OK);
    return offset;
}

static struct fl_envelope envelope_of(struct sample_log *log, char *id)
{
    fl_id_mint(&log->ids, id);
    return (struct fl_envelope){
        .id = fl_slice_text(id),
        .source = FL_SLICE_LITERAL("/fleetlog/test"),
        .actor = FL_SLICE_LITERAL("operator:test"),
        .company_id = FL_SLICE_LITERAL("0190a000-0000-7000-8000-00000000c001"),
        .time_ms = log->time_ms++,
        .rules_version = 1,
    };
}

/* Builds the pair; the event extends the head. */
static void build(struct sample_log *log, const ProtobufCMessage *action_message,
                  const ProtobufCMessage *event_message, struct fl_record *action,
                  struct fl_record *event)
{
    char *id = fl_arena_alloc(&log->arena, FL_ID_TEXT_SIZE);
    char *event_id = fl_arena_alloc(&log->arena, FL_ID_TEXT_SIZE);
    struct fl_envelope envelope = envelope_of(log, id);
    fl_assert(fl_action_encode(&log->arena, &envelope, action_message, action) == FL_OK);
    action->timestamp_ms = envelope.time_ms;
    fl_record_hash(log->sha, action, envelope.action_hash);
    envelope.sequence = log->head.sequence;
    envelope.action = log->head.action;
    memcpy(envelope.previous, log->head.hash, FL_HASH_SIZE);
    fl_event_id(fl_slice_text(log->log_id), envelope.action, envelope.action_hash, event_id);
    envelope.id = fl_slice_text(event_id);
    fl_assert(fl_event_encode(&log->arena, &envelope, event_message, event) == FL_OK);
    event->timestamp_ms = envelope.time_ms;
}

static uint64_t append_valid(struct sample_log *log, const struct fl_record *event)
{
    uint8_t hash[FL_HASH_SIZE];
    fl_assert(fl_chain_judge(&log->head, log->sha, event, hash) == FL_CHAIN_VALID);
    uint64_t offset = append(log, "events", 0, event);
    fl_chain_advance(&log->head, event, offset, hash);
    return log->head.sequence - 1;
}

static void genesis(struct sample_log *log)
{
    Fleetlog__V1__CreateLog create = FLEETLOG__V1__CREATE_LOG__INIT;
    Fleetlog__V1__LogCreated created = FLEETLOG__V1__LOG_CREATED__INIT;
    struct fl_record action;
    struct fl_record event;
    fl_id_mint(&log->ids, log->log_id);
    create.log_id = created.log_id = log->log_id;
    build(log, &create.base, &created.base, &action, &event);
    append(log, "actions", 0, &action);
    append_valid(log, &event);
}

/* Finds the head of a log that was written before. */
static void find_head(struct sample_log *log, uint64_t end)
{
    struct fl_source source = {.topic = "events"};
    struct fl_reader *reader = NULL;
    uint64_t at = 0;
    fl_assert(fl_reader_open(log->journal, &source, 1, &reader) == FL_OK);
    while (at < end) {
        struct fl_batch batch;
        fl_assert(fl_reader_poll(reader, 1000, 1 << 20, &batch) == FL_OK);
        for (size_t i = 0; i < batch.count; i++) {
            uint8_t hash[FL_HASH_SIZE];
            const struct fl_entry *entry = &batch.entries[i];
            if (fl_chain_judge(&log->head, log->sha, &entry->record, hash) == FL_CHAIN_VALID)
                fl_chain_advance(&log->head, &entry->record, entry->offset, hash);
            at = entry->offset + 1;
        }
    }
    fl_reader_close(&reader);
    log->time_ms = log->head.time_ms + 1;
}

void sample_log_open(struct sample_log *log, struct fl_journal *journal, uint32_t partition_count)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    memset(log, 0, sizeof(*log));
    log->journal = journal;
    log->sha = fl_sha256_open();
    log->partition_count = partition_count;
    log->time_ms = fl_port_wall_ms(fl_port_system()) - HOUR_MS;
    fl_arena_init(&log->arena, 16 << 20);
    fl_chain_init(&log->head);
    fl_id_source_init(&log->ids, fl_port_system());
    for (unsigned i = 0; i < FL_TOPIC_COUNT; i++) {
        struct fl_topic_spec spec = fl_topic_row((enum fl_topic)i)->spec;
        if (i == FL_TOPIC_TELEMETRY)
            spec.partition_count = partition_count;
        fl_assert(fl_journal_ensure_topic(journal, &spec) == FL_OK);
    }
    fl_assert(fl_journal_offsets(journal, "events", 0, &begin, &end) == FL_OK);
    if (end == 0)
        genesis(log);
    else
        find_head(log, end);
}

void sample_log_close(struct sample_log *log)
{
    fl_arena_fini(&log->arena);
    fl_sha256_close(&log->sha);
}

static void build_rename(struct sample_log *log, const char *name, struct fl_record *action,
                         struct fl_record *event)
{
    Fleetlog__V1__RenameDevice rename = FLEETLOG__V1__RENAME_DEVICE__INIT;
    Fleetlog__V1__DeviceRenamed renamed = FLEETLOG__V1__DEVICE_RENAMED__INIT;
    rename.device_id = renamed.device_id = (char *)device_id;
    rename.name = renamed.name = (char *)name;
    build(log, &rename.base, &renamed.base, action, event);
}

uint64_t sample_log_event(struct sample_log *log, const char *name)
{
    struct fl_record action;
    struct fl_record event;
    fl_arena_reset(&log->arena);
    build_rename(log, name, &action, &event);
    append(log, "actions", 0, &action);
    return append_valid(log, &event);
}

static void replace_header(struct sample_log *log, struct fl_record *record, const char *name,
                           const char *value)
{
    struct fl_header *headers =
        fl_arena_calloc(&log->arena, record->header_count, sizeof(*headers));
    memcpy(headers, record->headers, record->header_count * sizeof(*headers));
    for (uint32_t i = 0; i < record->header_count; i++)
        if (fl_slice_is(headers[i].name, name))
            headers[i].value = fl_slice_text(value);
    record->headers = headers;
}

uint64_t sample_log_unknown_event(struct sample_log *log)
{
    struct fl_record action;
    struct fl_record event;
    fl_arena_reset(&log->arena);
    build_rename(log, "unknown", &action, &event);
    replace_header(log, &event, "ce_type", "fleetlog.v1.InventedLater");
    append(log, "actions", 0, &action);
    return append_valid(log, &event);
}

uint64_t sample_log_newer_event(struct sample_log *log)
{
    struct fl_record action;
    struct fl_record event;
    fl_arena_reset(&log->arena);
    build_rename(log, "newer", &action, &event);
    replace_header(log, &event, "ce_minreader", "2");
    append(log, "actions", 0, &action);
    return append_valid(log, &event);
}

void sample_log_events(struct sample_log *log, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        sample_log_event(log, "some name");
}

void sample_log_void(struct sample_log *log)
{
    struct fl_record action;
    struct fl_record event;
    struct fl_chain_head head = log->head;
    fl_arena_reset(&log->arena);
    log->head.hash[0] ^= 1;
    build_rename(log, "void", &action, &event);
    log->head = head;
    append(log, "events", 0, &event);
}

void sample_log_alarm(struct sample_log *log)
{
    struct fl_record action;
    struct fl_record event;
    fl_arena_reset(&log->arena);
    build_rename(log, "alarm", &action, &event);
    replace_header(log, &event, "ce_sequence", "1");
    append(log, "events", 0, &event);
}

void sample_log_forged(struct sample_log *log)
{
    struct fl_record action;
    struct fl_record event;
    struct fl_record other;
    fl_arena_reset(&log->arena);
    build_rename(log, "forged", &action, &event);
    build_rename(log, "something else", &other, &(struct fl_record){0});
    append(log, "actions", 0, &other);
    append_valid(log, &event);
}

uint64_t sample_log_report(struct sample_log *log, uint32_t device, const char *value)
{
    uint8_t key[4];
    fl_put_u32(key, device);
    struct fl_record record = {
        .key = fl_slice_of(key, 4), .value = fl_slice_text(value), .timestamp_ms = log->time_ms};
    return append(log, "telemetry", device % log->partition_count, &record);
}

void sample_log_subject(struct sample_log *log, const char *key, const char *value)
{
    struct fl_record record = {
        .key = fl_slice_text(key), .value = fl_slice_text(value), .timestamp_ms = log->time_ms};
    append(log, "subjects", 0, &record);
}

void sample_log_decide(struct sample_log *log, uint32_t partition, uint64_t offset, bool skip)
{
    char id[FL_ID_TEXT_SIZE];
    char key[64];
    Fleetlog__V1__ParkDecision decision = FLEETLOG__V1__PARK_DECISION__INIT;
    struct fl_record record;
    fl_id_mint(&log->ids, id);
    snprintf(key, sizeof(key), "telemetry-%u-%llu", partition, (unsigned long long)offset);
    decision.projection = (char *)"sample";
    decision.topic = (char *)"telemetry";
    decision.partition = partition;
    decision.offset = offset;
    decision.choice = skip ? FLEETLOG__V1__PARK_CHOICE__PARK_CHOICE_SKIP
                           : FLEETLOG__V1__PARK_CHOICE__PARK_CHOICE_RETRY;
    decision.actor = (char *)"operator:test";
    fl_arena_reset(&log->arena);
    fl_assert(fl_plain_encode(&log->arena, fl_slice_text(id), "fleetlog.v1.ParkDecision",
                              FL_SLICE_LITERAL("/fleetlog/test"), log->time_ms, fl_slice_text(key),
                              &decision.base, &record) == FL_OK);
    append(log, "parked", 0, &record);
}

void sample_log_junk_decision(struct sample_log *log)
{
    struct fl_record record = {.key = FL_SLICE_LITERAL("junk"),
                               .value = FL_SLICE_LITERAL("\xff\xff\xff"),
                               .timestamp_ms = log->time_ms};
    append(log, "parked", 0, &record);
}
