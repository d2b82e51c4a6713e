/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/simulator/load/follow.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "schemas/codec.h"

enum {
    ARENA_BOUND = 64 * 1024 * 1024,
    POLL_SIZE_MAX = 1024 * 1024,
    POLL_MS = 200,
    SOURCE_SIZE = 160,
};

struct fl_follow {
    struct fl_journal *journal;
    const struct fl_port *port;
    fl_follow_fn *on_event;
    void *context;
    struct fl_reader *events;
    struct fl_sha256 *sha;
    struct fl_chain_head head;
    struct fl_arena arena;
    struct fl_id_source ids;
    uint32_t partition_count;
    char log_id[FL_ID_TEXT_SIZE];
    char source[SOURCE_SIZE];
    char detail[FL_FOLLOW_DETAIL_SIZE];
};

static enum fl_error journal_failed(struct fl_follow *follow, enum fl_error error)
{
    const char *detail = fl_journal_detail(follow->journal);
    snprintf(follow->detail, sizeof(follow->detail), "%s%s%s", fl_error_text(error),
             *detail ? ": " : "", detail);
    return error;
}

static enum fl_error take_genesis(struct fl_follow *follow, const struct fl_record *record,
                                  const char *duty, const char *node_id)
{
    ProtobufCMessage *message = NULL;
    enum fl_error error = fl_message_decode(&follow->arena, &fleetlog__v1__create_log__descriptor,
                                            record->value, &message);
    if (error)
        return error;
    const Fleetlog__V1__CreateLog *genesis = (const Fleetlog__V1__CreateLog *)message;
    if (!fl_id_is_valid(fl_slice_text(genesis->log_id)) || !genesis->telemetry_partition_count)
        return FL_INVALID;
    memcpy(follow->log_id, genesis->log_id, sizeof(follow->log_id));
    follow->partition_count = genesis->telemetry_partition_count;
    snprintf(follow->source, sizeof(follow->source), "/fleetlog/%s/%s/%s", follow->log_id, duty,
             node_id);
    return FL_OK;
}

static enum fl_error read_genesis(struct fl_follow *follow, const char *duty, const char *node_id)
{
    struct fl_source source = {.topic = "actions", .partition = 0, .offset = 0};
    struct fl_reader *reader = NULL;
    struct fl_batch batch = {.count = 0};
    uint64_t begin = 0;
    uint64_t end = 0;
    enum fl_error error = fl_journal_offsets(follow->journal, "actions", 0, &begin, &end);
    if (error)
        return journal_failed(follow, error);
    if (end == 0)
        return FL_NOT_FOUND;
    error = fl_reader_open(follow->journal, &source, 1, &reader);
    while (!error && batch.count == 0)
        error = fl_reader_poll(reader, POLL_MS, POLL_SIZE_MAX, &batch);
    if (error)
        journal_failed(follow, error);
    else
        error = take_genesis(follow, &batch.entries[0].record, duty, node_id);
    fl_reader_close(&reader);
    return error;
}

enum fl_error fl_follow_open(struct fl_journal *journal, const struct fl_port *port,
                             const char *duty, const char *node_id, fl_follow_fn *on_event,
                             void *context, struct fl_follow **follow)
{
    struct fl_source source = {.topic = "events", .partition = 0, .offset = 0};
    struct fl_follow *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return FL_NO_MEMORY;
    made->journal = journal;
    made->port = port;
    made->on_event = on_event;
    made->context = context;
    made->sha = fl_sha256_open();
    fl_chain_init(&made->head);
    fl_arena_init(&made->arena, ARENA_BOUND);
    fl_id_source_init(&made->ids, port);
    enum fl_error error = read_genesis(made, duty, node_id);
    if (!error)
        error = fl_reader_open(journal, &source, 1, &made->events);
    if (error) {
        fl_follow_close(&made);
        return error;
    }
    *follow = made;
    return FL_OK;
}

void fl_follow_close(struct fl_follow **follow_in)
{
    struct fl_follow *follow = *follow_in;
    *follow_in = NULL;
    if (follow == NULL)
        return;
    fl_reader_close(&follow->events);
    fl_sha256_close(&follow->sha);
    fl_arena_fini(&follow->arena);
    free(follow);
}

uint32_t fl_follow_partition_count(const struct fl_follow *follow)
{
    return follow->partition_count;
}

const char *fl_follow_source(const struct fl_follow *follow)
{
    return follow->source;
}

const char *fl_follow_detail(const struct fl_follow *follow)
{
    return follow->detail;
}

static void show(struct fl_follow *follow, const struct fl_record *record)
{
    struct fl_envelope envelope;
    ProtobufCMessage *message = NULL;
    const char *what = NULL;
    if (fl_envelope_read(record, &envelope, &what))
        return;
    fl_arena_reset(&follow->arena);
    if (envelope.row != NULL &&
        fl_message_decode(&follow->arena, envelope.row->descriptor, record->value, &message))
        message = NULL;
    follow->on_event(follow->context, &envelope, message);
}

/* One poll's worth; moves the head. */
static enum fl_error poll_events(struct fl_follow *follow, int timeout_ms, bool *at_end)
{
    struct fl_batch batch;
    enum fl_error error = fl_reader_poll(follow->events, timeout_ms, POLL_SIZE_MAX, &batch);
    if (error)
        return journal_failed(follow, error);
    for (size_t i = 0; i < batch.count; i++) {
        const struct fl_entry *entry = &batch.entries[i];
        uint8_t hash[FL_HASH_SIZE];
        if (fl_chain_judge(&follow->head, follow->sha, &entry->record, hash) != FL_CHAIN_VALID)
            continue;
        fl_chain_advance(&follow->head, &entry->record, entry->offset, hash);
        show(follow, &entry->record);
    }
    *at_end = batch.at_end;
    return FL_OK;
}

enum fl_error fl_follow_catch_up(struct fl_follow *follow)
{
    bool at_end = false;
    enum fl_error error = FL_OK;
    while (!error && !at_end)
        error = poll_events(follow, POLL_MS, &at_end);
    return error;
}

static bool asked_to_stop(int stop_fd)
{
    struct pollfd stop = {.fd = stop_fd, .events = POLLIN};
    return stop_fd >= 0 && poll(&stop, 1, 0) > 0;
}

/* Shows events until the action at `last` is answered. */
static enum fl_error wait_answered(struct fl_follow *follow, uint64_t last, int64_t patience_ms,
                                   int stop_fd)
{
    int64_t moved_ms = fl_port_monotonic_ms(follow->port);
    while (follow->head.action <= last) {
        uint64_t before = follow->head.action;
        bool at_end = false;
        enum fl_error error = poll_events(follow, POLL_MS, &at_end);
        if (error)
            return error;
        if (follow->head.action != before)
            moved_ms = fl_port_monotonic_ms(follow->port);
        if (asked_to_stop(stop_fd))
            return FL_INTERRUPTED;
        if (fl_port_monotonic_ms(follow->port) - moved_ms > patience_ms) {
            snprintf(follow->detail, sizeof(follow->detail),
                     "no decider answers: is `fleetlog up` running on this log?");
            return FL_TIMEOUT;
        }
    }
    return FL_OK;
}

/* Where the records went is not known: everything that is in the log by now gets its answer. */
static enum fl_error wait_present(struct fl_follow *follow, int64_t patience_ms, int stop_fd)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    enum fl_error error = fl_journal_offsets(follow->journal, "actions", 0, &begin, &end);
    if (error)
        return journal_failed(follow, error);
    error = wait_answered(follow, end - 1, patience_ms, stop_fd);
    return error ? error : FL_UNKNOWN_OUTCOME;
}

static enum fl_error encode(struct fl_follow *follow, const struct fl_follow_action *action,
                            struct fl_record *record)
{
    char *id = fl_arena_alloc(&follow->arena, FL_ID_TEXT_SIZE);
    if (id == NULL)
        return FL_NO_MEMORY;
    fl_id_mint(&follow->ids, id);
    struct fl_envelope envelope = {
        .id = fl_slice_text(id),
        .source = fl_slice_text(follow->source),
        .actor = fl_slice_text(action->actor),
        .time_ms = fl_port_wall_ms(follow->port),
    };
    if (*action->on_behalf_of)
        envelope.on_behalf_of = fl_slice_text(action->on_behalf_of);
    if (*action->company_id)
        envelope.company_id = fl_slice_text(action->company_id);
    char detail[FL_DETAIL_SIZE];
    enum fl_error error = fl_message_validate(action->message, detail);
    if (error) {
        snprintf(follow->detail, sizeof(follow->detail), "%s", detail);
        return error;
    }
    return fl_action_encode(&follow->arena, &envelope, action->message, record);
}

enum fl_error fl_follow_act(struct fl_follow *follow, const struct fl_follow_action *actions,
                            size_t count, int64_t patience_ms, int stop_fd)
{
    fl_assert(count > 0 && count <= FL_BATCH_RECORD_COUNT_MAX);
    fl_arena_reset(&follow->arena);
    struct fl_record *records = fl_arena_calloc(&follow->arena, count, sizeof(*records));
    uint64_t *offsets = fl_arena_calloc(&follow->arena, count, sizeof(*offsets));
    enum fl_error error = records != NULL && offsets != NULL ? FL_OK : FL_NO_MEMORY;
    for (size_t i = 0; i < count && !error; i++)
        error = encode(follow, &actions[i], &records[i]);
    if (error)
        return error;
    struct fl_append append = {.topic = "actions",
                               .partition = 0,
                               .count = (uint32_t)count,
                               .records = records,
                               .expected_offset = FL_OFFSET_NONE,
                               .offsets = offsets};
    error = fl_journal_append(follow->journal, &append, 1);
    if (error && error != FL_UNKNOWN_OUTCOME)
        return journal_failed(follow, error);
    uint64_t last = offsets[count - 1]; /* the arena is reset while events are shown */
    if (error || last == FL_OFFSET_NONE)
        return wait_present(follow, patience_ms, stop_fd);
    return wait_answered(follow, last, patience_ms, stop_fd);
}
