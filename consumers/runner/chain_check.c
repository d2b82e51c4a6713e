/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/runner/chain_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/port.h"

enum { READ_SIZE_MAX = 1024 * 1024 };

struct fl_chain_check {
    struct fl_journal *journal;
    struct fl_chain_head head;
    struct fl_sha256 *sha;
    struct fl_arena arena;
    bool with_actions;
    bool after_void; /* the record before was void: the head was looked at */
    /* Actions are consumed in order, one per valid event. */
    struct fl_reader *actions;
    struct fl_batch batch;
    size_t at;
    struct fl_envelope action_envelope;
    char detail[FL_DETAIL_SIZE];
};

static enum fl_error fail(struct fl_chain_check *check, enum fl_error error, const char *format,
                          ...) __attribute__((format(printf, 3, 4)));

static enum fl_error fail(struct fl_chain_check *check, enum fl_error error, const char *format,
                          ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(check->detail, sizeof(check->detail), format, arguments);
    va_end(arguments);
    return error;
}

/* Reads the record at the head's offset again and compares. */
static enum fl_error look_at_head(struct fl_chain_check *check)
{
    const struct fl_chain_head *head = &check->head;
    struct fl_reader *reader = NULL;
    struct fl_source source = {.topic = "events", .partition = 0, .offset = head->offset};
    struct fl_batch batch = {0};
    uint8_t hash[FL_HASH_SIZE];
    if (head->sequence == 0)
        return FL_OK;
    enum fl_error error = fl_reader_open(check->journal, &source, 1, &reader);
    if (error == FL_OK)
        error = fl_reader_poll(reader, FL_CHAIN_ACTION_WAIT_MS, 1, &batch);
    if (error == FL_LOG_BEHIND || error == FL_LOG_CHANGED ||
        (error == FL_OK && batch.count != 0 && batch.entries[0].offset != head->offset))
        error = fail(check, FL_LOG_CHANGED, "events-0@%llu, the last valid event, is gone",
                     (unsigned long long)head->offset);
    else if (error == FL_OK && batch.count == 0)
        error = fail(check, FL_UNAVAILABLE, "events-0@%llu cannot be read now",
                     (unsigned long long)head->offset);
    else if (error != FL_OK)
        error = fail(check, error, "events: %s", fl_journal_detail(check->journal));
    if (error == FL_OK) {
        fl_record_hash(check->sha, &batch.entries[0].record, hash);
        if (memcmp(hash, head->hash, FL_HASH_SIZE) != 0)
            error = fail(check, FL_LOG_CHANGED,
                         "events-0@%llu is another record than the one that was read before",
                         (unsigned long long)head->offset);
    }
    fl_reader_close(&reader);
    return error;
}

enum fl_error fl_chain_check_open(const struct fl_chain_options *options, char *detail,
                                  struct fl_chain_check **out)
{
    struct fl_chain_check *check = calloc(1, sizeof(*check));
    if (check == NULL)
        return FL_NO_MEMORY;
    check->journal = options->journal;
    check->head = options->head;
    check->with_actions = options->with_actions;
    check->sha = fl_sha256_open();
    fl_arena_init(&check->arena, FL_CHAIN_ARENA_SIZE_MAX);
    enum fl_error error = look_at_head(check);
    if (error == FL_OK) {
        *out = check;
        return FL_OK;
    }
    if (detail != NULL)
        memcpy(detail, check->detail, sizeof(check->detail));
    fl_chain_check_close(&check);
    return error;
}

void fl_chain_check_close(struct fl_chain_check **check)
{
    if (*check == NULL)
        return;
    fl_reader_close(&(*check)->actions);
    fl_arena_fini(&(*check)->arena);
    fl_sha256_close(&(*check)->sha);
    free(*check);
    *check = NULL;
}

/* Gives the action at `offset`, reading on from where the last one was. */
static enum fl_error find_action(struct fl_chain_check *check, uint64_t offset,
                                 const struct fl_record **action)
{
    enum fl_error error = FL_OK;
    if (check->actions == NULL) {
        struct fl_source source = {.topic = "actions", .partition = 0, .offset = offset};
        error = fl_reader_open(check->journal, &source, 1, &check->actions);
        check->batch = (struct fl_batch){0};
        check->at = 0;
    }
    for (int polls = 0; error == FL_OK && polls < 2;) {
        while (check->at < check->batch.count && check->batch.entries[check->at].offset < offset)
            check->at++;
        if (check->at < check->batch.count)
            break;
        check->at = 0;
        error =
            fl_reader_poll(check->actions, FL_CHAIN_ACTION_WAIT_MS, READ_SIZE_MAX, &check->batch);
        polls = check->batch.count == 0 ? 2 : 0;
    }
    if (error != FL_OK)
        check->batch = (struct fl_batch){0};
    if (error == FL_LOG_CHANGED)
        return fail(check, error, "actions end below offset %llu, which an event answers",
                    (unsigned long long)offset);
    if (error != FL_OK)
        return fail(check, error, "actions-0@%llu: %s", (unsigned long long)offset,
                    fl_journal_detail(check->journal));
    if (check->at < check->batch.count && check->batch.entries[check->at].offset == offset) {
        *action = &check->batch.entries[check->at].record;
        return FL_OK;
    }
    uint64_t begin = 0;
    uint64_t end = 0;
    error = fl_journal_offsets(check->journal, "actions", 0, &begin, &end);
    if (error != FL_OK)
        return fail(check, error, "actions: %s", fl_journal_detail(check->journal));
    if (check->at == check->batch.count && offset < end)
        return fail(check, FL_UNAVAILABLE, "actions-0@%llu cannot be read now",
                    (unsigned long long)offset);
    return fail(check, FL_LOG_CHANGED, "actions-0@%llu, which an event answers, is not there",
                (unsigned long long)offset);
}

static enum fl_error add_action(struct fl_chain_check *check, struct fl_chain_item *item)
{
    const char *what = NULL;
    uint8_t hash[FL_HASH_SIZE];
    ProtobufCMessage *message = NULL;
    enum fl_error error = find_action(check, check->head.action, &item->action);
    if (error != FL_OK)
        return error;
    fl_record_hash(check->sha, item->action, hash);
    if (memcmp(hash, item->envelope.action_hash, FL_HASH_SIZE) != 0)
        return fail(check, FL_LOG_CHANGED,
                    "actions-0@%llu is not the action that events-0@%llu answers",
                    (unsigned long long)check->head.action, (unsigned long long)item->offset);
    if (fl_envelope_read(item->action, &check->action_envelope, &what) != FL_OK)
        return FL_OK;
    item->action_envelope = &check->action_envelope;
    if (check->action_envelope.row != NULL &&
        fl_message_decode(&check->arena, check->action_envelope.row->descriptor,
                          item->action->value, &message) == FL_OK)
        item->action_message = message;
    return FL_OK;
}

/* Decodes a valid record; what does not decode is the item's fault, not this call's. */
static enum fl_error decode(struct fl_chain_check *check, struct fl_chain_item *item)
{
    const char *what = NULL;
    ProtobufCMessage *message = NULL;
    fl_arena_reset(&check->arena);
    if (fl_envelope_read(item->record, &item->envelope, &what) != FL_OK) {
        memset(&item->envelope, 0, sizeof(item->envelope));
        item->fault = what == NULL ? "envelope" : what;
        return FL_OK;
    }
    if (item->envelope.row != NULL) {
        enum fl_error error = fl_message_decode(&check->arena, item->envelope.row->descriptor,
                                                item->record->value, &message);
        if (error != FL_OK)
            item->fault = "payload";
        item->message = message;
    }
    return check->with_actions ? add_action(check, item) : FL_OK;
}

/* A void record: is the log still the one that was read? */
static enum fl_error check_void(struct fl_chain_check *check, const struct fl_chain_item *item)
{
    const struct fl_header *header = fl_record_header(item->record, "ce_sequence");
    uint64_t sequence = 0;
    if (!check->after_void) {
        enum fl_error error = look_at_head(check);
        if (error != FL_OK)
            return error;
    }
    if (header != NULL && fl_slice_to_u64(header->value, &sequence) &&
        sequence > check->head.sequence &&
        sequence - check->head.sequence > FL_BATCH_RECORD_COUNT_MAX)
        return fail(check, FL_LOG_CHANGED,
                    "events-0@%llu has sequence %llu, the head stands at %llu: events are missing",
                    (unsigned long long)item->offset, (unsigned long long)sequence,
                    (unsigned long long)check->head.sequence);
    return FL_OK;
}

enum fl_error fl_chain_check_take(struct fl_chain_check *check, uint64_t offset,
                                  const struct fl_record *record, struct fl_chain_item *item)
{
    enum fl_error error;
    memset(item, 0, sizeof(*item));
    item->offset = offset;
    item->record = record;
    item->verdict = fl_chain_judge(&check->head, check->sha, record, item->hash);
    if (item->verdict != FL_CHAIN_VALID) {
        item->repeats_head =
            check->head.sequence != 0 && memcmp(item->hash, check->head.hash, FL_HASH_SIZE) == 0;
        error = check_void(check, item);
        check->after_void = error == FL_OK;
        return error;
    }
    error = decode(check, item);
    if (error != FL_OK)
        return error;
    fl_chain_advance(&check->head, record, offset, item->hash);
    check->after_void = false;
    return FL_OK;
}

void fl_chain_check_reset(struct fl_chain_check *check, const struct fl_chain_head *head)
{
    check->head = *head;
    check->after_void = false;
    check->batch = (struct fl_batch){0};
    check->at = 0;
    fl_reader_close(&check->actions);
}

const struct fl_chain_head *fl_chain_check_head(const struct fl_chain_check *check)
{
    return &check->head;
}

const char *fl_chain_check_detail(const struct fl_chain_check *check)
{
    return check->detail;
}
