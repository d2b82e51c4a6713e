/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/supervisor/bootstrap.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock_guard.h"
#include "core/diag.h"
#include "core/node_keyring.h"
#include "core/version.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "projections/registry/rules.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"
#include "schemas/topics.h"

enum { ARENA_BOUND = 1024 * 1024, RETRY_MS = 1000 };

struct bootstrap {
    struct fl_duty *duty;
    struct fl_arena arena;
    struct fl_keyring *keyring;
    char log_id[FL_ID_TEXT_SIZE];
    char keyring_path[PATH_MAX];
    bool made_keyring; /* in this run, for a log that was empty then */
    char *detail;
};

static void say(struct bootstrap *b, const char *sentence)
{
    if (b->detail[0] == '\0')
        snprintf(b->detail, FL_BOOTSTRAP_DETAIL_SIZE, "%s", sentence);
}

static enum fl_error ensure_topics(struct bootstrap *b)
{
    size_t count = 0;
    struct fl_journal *journal = b->duty->journal;
    const struct fl_topic_row *rows = fl_topic_table(&count);
    for (size_t i = 0; i < count; i++) {
        struct fl_topic_spec spec = rows[i].spec;
        const char *warning = NULL;
        if (rows[i].topic == FL_TOPIC_TELEMETRY) {
            spec.partition_count =
                (uint32_t)fl_config_number(b->duty->config, FL_SETTING_TELEMETRY_PARTITIONS);
            spec.retention_ms =
                (int64_t)fl_config_number(b->duty->config, FL_SETTING_TELEMETRY_RETENTION);
        }
        if (rows[i].topic == FL_TOPIC_SUBJECTS)
            spec.compaction_ms =
                (int64_t)fl_config_number(b->duty->config, FL_SETTING_SUBJECTS_COMPACTION);
        enum fl_error error = fl_journal_ensure_topic(journal, &spec);
        /* The number of partitions is the genesis record's to say; a topic that is there stays as
         * it is. */
        if (error == FL_EXISTS && rows[i].topic == FL_TOPIC_TELEMETRY)
            error = FL_OK;
        else if (error == FL_OK)
            error = fl_journal_check_topic(journal, &spec, &warning);
        if (error != FL_OK) {
            say(b, fl_journal_detail(journal));
            return error;
        }
        if (warning != NULL && i == 0)
            fl_diag(CONFIG_WARNING, FL_TEXT("topic", spec.name), FL_TEXT("warning", warning));
    }
    return FL_OK;
}

/* The action's record in the arena: a fixed actor and key for the log's own actions. */
static enum fl_error encode(struct bootstrap *b, const ProtobufCMessage *message,
                            struct fl_slice id, int64_t time_ms, struct fl_record *record)
{
    const char *node_id = b->duty->datadir->node_id;
    char *source = fl_arena_printf(&b->arena, "/fleetlog/%s/up/%s", b->log_id, node_id);
    char *actor = fl_arena_printf(&b->arena, "node:%s", node_id);
    if (source == NULL || actor == NULL)
        return FL_NO_MEMORY;
    struct fl_envelope envelope = {
        .id = id,
        .source = fl_slice_text(source),
        .actor = fl_slice_text(actor),
        .correlation_id = id,
        .time_ms = time_ms,
    };
    return fl_action_encode(&b->arena, &envelope, message, record);
}

static enum fl_error append(struct bootstrap *b, const struct fl_record *record, uint64_t expected,
                            uint64_t *offset)
{
    struct fl_append batch = {.topic = "actions",
                              .count = 1,
                              .records = record,
                              .expected_offset = expected,
                              .offsets = offset};
    return fl_journal_append(b->duty->journal, &batch, 1);
}

/* Makes wrap.key and keyring where they are missing; both are synced before anything is sent. */
static enum fl_error make_keyring(struct bootstrap *b)
{
    uint8_t wrap_key[FL_KEY_BYTES];
    bool made = false;
    /* Beside a keyring a new key would open nothing. */
    bool has_keyring = access(b->keyring_path, F_OK) == 0;
    enum fl_error error = fl_node_wrap_key(b->duty->config, b->duty->datadir, b->duty->port,
                                           !has_keyring, wrap_key, &made, b->detail);
    if (error != FL_OK)
        return error;
    if (made)
        fl_diag(CONFIG_WARNING,
                FL_TEXT("warning", "no wrapping key is configured: wrap.key was made beside the "
                                   "keyring; keep a copy, or set [keys] wrap_key_file"));
    error = fl_keyring_load(b->keyring_path, wrap_key, &b->keyring);
    if (error == FL_NOT_FOUND) {
        b->keyring = fl_keyring_create(b->duty->port);
        error = fl_keyring_save(b->keyring, b->keyring_path, wrap_key);
        b->made_keyring = true;
    }
    sodium_memzero(wrap_key, sizeof(wrap_key));
    if (error != FL_OK)
        say(b, error == FL_KEYRING ? "the keyring is damaged or wrapped by another key"
                                   : fl_error_text(error));
    return error;
}

static enum fl_error write_genesis(struct bootstrap *b)
{
    uint8_t fingerprint[FL_HASH_SIZE];
    uint8_t checkpoint_key[FL_KEY_BYTES];
    char action_id[FL_ID_TEXT_SIZE];
    struct fl_id_source ids;
    struct fl_record record;
    uint64_t offset = FL_OFFSET_NONE;
    struct fl_topic_info telemetry;
    enum fl_error error = make_keyring(b);
    if (error == FL_OK)
        error = fl_journal_describe_topic(b->duty->journal, "telemetry", &telemetry);
    if (error != FL_OK)
        return error;
    fl_id_source_init(&ids, b->duty->port);
    fl_id_mint(&ids, b->log_id);
    fl_id_mint(&ids, action_id);
    fl_keyring_fingerprint(b->keyring, fingerprint);
    fl_keyring_checkpoint_key(b->keyring, checkpoint_key);
    Fleetlog__V1__CreateLog message = FLEETLOG__V1__CREATE_LOG__INIT;
    message.log_id = b->log_id;
    message.format_version = FL_LOG_FORMAT_VERSION;
    message.telemetry_partition_count = telemetry.partition_count;
    message.keyring_fingerprint = (ProtobufCBinaryData){FL_HASH_SIZE, fingerprint};
    message.checkpoint_key = (ProtobufCBinaryData){FL_KEY_BYTES, checkpoint_key};
    message.rules_version = fl_rules_newest(fl_rules_production());
    error =
        encode(b, &message.base, fl_slice_text(action_id), fl_port_wall_ms(b->duty->port), &record);
    if (error == FL_OK)
        error = append(b, &record, 0, &offset);
    return error;
}

/* Reads the record at offset 0 of actions. */
static enum fl_error read_genesis(struct bootstrap *b, Fleetlog__V1__CreateLog **genesis)
{
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    struct fl_source source = {.topic = "actions"};
    struct fl_envelope envelope;
    ProtobufCMessage *message = NULL;
    const char *what = NULL;
    enum fl_error error = fl_reader_open(b->duty->journal, &source, 1, &reader);
    if (error != FL_OK)
        return error;
    error = fl_reader_poll(reader, 10 * RETRY_MS, 1, &batch);
    if (error == FL_OK && batch.count == 0)
        error = FL_TIMEOUT;
    if (error == FL_OK)
        error = fl_envelope_read(&batch.entries[0].record, &envelope, &what);
    if (error == FL_OK && (envelope.row == NULL || envelope.row->type != FL_MESSAGE_CreateLog))
        error = FL_INVALID;
    if (error == FL_OK)
        error = fl_message_decode(&b->arena, &fleetlog__v1__create_log__descriptor,
                                  batch.entries[0].record.value, &message);
    fl_reader_close(&reader);
    if (error == FL_OK)
        *genesis = (Fleetlog__V1__CreateLog *)message;
    else if (fl_error_class(error) == FL_CLASS_REJECT)
        say(b, "the topic `actions` does not begin with a genesis record: this is no fleetlog log");
    return fl_error_class(error) == FL_CLASS_REJECT ? FL_USAGE : error;
}

/* Another node was first: what was made here for a log that never was is removed. */
static enum fl_error refuse_foreign_keyring(struct bootstrap *b)
{
    if (b->made_keyring)
        unlink(b->keyring_path);
    say(b, "this node's keyring does not belong to this log: bring the log's with `fleetlog keys "
           "request` here and `fleetlog keys admit-node` on a node that has it");
    return FL_KEYRING;
}

static enum fl_error match_keyring(struct bootstrap *b)
{
    uint8_t fingerprint[FL_HASH_SIZE];
    Fleetlog__V1__CreateLog *genesis = NULL;
    enum fl_error error = read_genesis(b, &genesis);
    if (error == FL_OK && b->keyring == NULL)
        error = fl_node_keyring_load(b->duty->config, b->duty->datadir, &b->keyring, b->detail);
    if (error == FL_NOT_FOUND && access(b->keyring_path, F_OK) == 0)
        return FL_KEYRING; /* without the key that wraps it: the detail says so */
    if (error == FL_NOT_FOUND) {
        b->detail[0] = '\0';
        return refuse_foreign_keyring(b);
    }
    if (error != FL_OK)
        return error;
    fl_keyring_fingerprint(b->keyring, fingerprint);
    if (genesis->keyring_fingerprint.len != FL_HASH_SIZE ||
        memcmp(genesis->keyring_fingerprint.data, fingerprint, FL_HASH_SIZE) != 0)
        return refuse_foreign_keyring(b);
    snprintf(b->log_id, sizeof(b->log_id), "%s", genesis->log_id);
    return FL_OK;
}

/* When the last record of events was written; 0: there is none. */
static enum fl_error last_event_time(struct bootstrap *b, int64_t *time_ms)
{
    struct fl_reader *reader = NULL;
    struct fl_batch batch = {.count = 0};
    struct fl_source source = {.topic = "events"};
    uint64_t begin = 0;
    uint64_t end = 0;
    *time_ms = 0;
    enum fl_error error = fl_journal_offsets(b->duty->journal, source.topic, 0, &begin, &end);
    if (error != FL_OK || end == begin)
        return error;
    source.offset = end - 1;
    error = fl_reader_open(b->duty->journal, &source, 1, &reader);
    if (error == FL_OK)
        error = fl_reader_poll(reader, 10 * RETRY_MS, 1, &batch);
    if (error == FL_OK && batch.count > 0)
        *time_ms = batch.entries[0].record.timestamp_ms;
    fl_reader_close(&reader);
    return error;
}

/* A clock that runs away must not carry the log's time with it: whoever takes actions in holds them
 * when the clock is far ahead of the head (core/clock_guard.h), and this action must not be what
 * moves the head there. */
static enum fl_error announcement_time(struct bootstrap *b, int64_t *time_ms)
{
    int64_t last_ms = 0;
    int64_t now_ms = fl_port_wall_ms(b->duty->port);
    enum fl_error error = last_event_time(b, &last_ms);
    bool is_ahead = last_ms > 0 && now_ms - last_ms > FL_CLOCK_AHEAD_MS_MAX;
    *time_ms = is_ahead ? last_ms : now_ms;
    return error;
}

static enum fl_error announce(struct bootstrap *b)
{
    char id[FL_ID_TEXT_SIZE];
    struct fl_id_source ids;
    struct fl_record record;
    uint64_t offset = FL_OFFSET_NONE;
    Fleetlog__V1__AnnounceNode message = FLEETLOG__V1__ANNOUNCE_NODE__INIT;
    fl_id_source_init(&ids, b->duty->port);
    fl_id_mint(&ids, id);
    message.node_id = b->duty->datadir->node_id;
    message.rules_version_newest = fl_rules_newest(fl_rules_production());
    message.software_version = FL_VERSION_TEXT;
    int64_t time_ms = 0;
    enum fl_error error = announcement_time(b, &time_ms);
    if (error == FL_OK)
        error = encode(b, &message.base, fl_slice_text(id), time_ms, &record);
    if (error == FL_OK)
        error = append(b, &record, FL_OFFSET_NONE, &offset);
    if (error != FL_FULL)
        return error;
    /* On a full disk a node still serves reads; the log goes by its last announcement. */
    fl_diag(STORE_FULL, FL_TEXT("what", "the announcement of this node's version"));
    return FL_OK;
}

/* Without actions there are no events either: where there are, the topic of actions was lost, and a
 * new genesis would bury what is left. */
static enum fl_error refuse_half_a_log(struct bootstrap *b)
{
    say(b, "the topic `actions` is empty although `events` is not: part of this log was lost or "
           "removed; bring it back from a copy");
    return FL_LOG_CHANGED;
}

static enum fl_error try_once(struct bootstrap *b)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    uint64_t event_end = 0; /* asked first: another node may begin the log in between */
    fl_arena_reset(&b->arena);
    enum fl_error error = ensure_topics(b);
    if (error == FL_OK)
        error = fl_journal_offsets(b->duty->journal, "events", 0, &begin, &event_end);
    if (error == FL_OK)
        error = fl_journal_offsets(b->duty->journal, "actions", 0, &begin, &end);
    if (error == FL_OK && end == 0 && event_end != 0)
        error = refuse_half_a_log(b);
    if (error == FL_OK && end == 0) {
        error = write_genesis(b);
        /* Somebody else's may be first, or ours may have landed unseen: offset 0 tells. */
        if (error == FL_CONFLICT || error == FL_UNKNOWN_OUTCOME)
            error = FL_OK;
    }
    if (error == FL_OK)
        error = match_keyring(b);
    return error == FL_OK ? announce(b) : error;
}

enum fl_error fl_bootstrap(struct fl_duty *duty, char detail[FL_BOOTSTRAP_DETAIL_SIZE])
{
    struct bootstrap b = {.duty = duty, .detail = detail};
    fl_arena_init(&b.arena, ARENA_BOUND);
    fl_datadir_path(duty->datadir, "keyring", b.keyring_path);
    detail[0] = '\0';
    enum fl_error error = try_once(&b);
    while (fl_error_class(error) == FL_CLASS_RETRY) {
        fl_diag(RETRY, FL_TEXT("what", "journal"), FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", fl_journal_detail(duty->journal)));
        if (fl_duty_wait(duty, RETRY_MS)) {
            error = FL_INTERRUPTED;
            break;
        }
        fl_keyring_close(&b.keyring);
        detail[0] = '\0';
        error = try_once(&b);
    }
    if (error != FL_OK)
        say(&b, fl_error_text(error));
    fl_keyring_close(&b.keyring);
    fl_arena_fini(&b.arena);
    return error;
}
