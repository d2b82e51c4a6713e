/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "consumers/decider/decider_internal.h"
#include "core/diag.h"
#include "fleetlog/v1/events.pb-c.h"

/* State of one transaction over a batch of events. */
struct following {
    struct decider *decider;
    struct fl_kv *kv;
    struct fl_chain_head head;
    struct fl_position position;
    struct fl_meta_counts counts;
};

/* An own record that was committed must read back as it was sent: otherwise the broker lost what it
 * acknowledged. */
static enum fl_error compare_own(struct decider *decider, const struct fl_entry *entry)
{
    uint8_t hash[FL_HASH_SIZE];
    fl_record_hash(decider->sha, &entry->record, hash);
    if (memcmp(hash, decider->unread[entry->offset % UNREAD_COUNT_MAX], FL_HASH_SIZE) == 0)
        return FL_OK;
    fl_diag(LOG_LOST, FL_UINT("offset", entry->offset), FL_UINT("next", decider->position.next));
    return FL_LOG_CHANGED;
}

/* What this decider would have written, against what stands there. */
static void compare_decision(struct following *f, const struct fl_entry *entry,
                             const struct fl_action *action, const uint8_t hash[FL_HASH_SIZE],
                             const struct fl_envelope *envelope)
{
    struct fl_decision decision;
    uint8_t expected[FL_HASH_SIZE];
    struct decider *decider = f->decider;
    enum fl_error error = fl_decider_answer(decider, &f->head, f->head.action, action, &decision);
    if (error == FL_VERSION) {
        decider->standing_by = true;
        return;
    }
    if (error != FL_OK) {
        fl_kv_fail(f->kv, error);
        return;
    }
    fl_record_hash(decider->sha, &decision.event, expected);
    if (memcmp(expected, hash, FL_HASH_SIZE) == 0)
        return;
    char type[FL_HEADER_VALUE_SIZE_MAX + 1];
    if (!fl_slice_to_text(envelope->type, type, sizeof(type)))
        type[0] = '\0';
    fl_diag(FORGED_EVENT, FL_UINT("offset", entry->offset), FL_UINT("sequence", f->head.sequence),
            FL_TEXT("type", type));
}

static enum fl_error decode_event(struct decider *decider, const struct fl_entry *entry,
                                  struct fl_envelope *envelope, ProtobufCMessage **message)
{
    const char *what = NULL;
    *message = NULL;
    enum fl_error error = fl_envelope_read(&entry->record, envelope, &what);
    if (error == FL_OK && envelope->row != NULL)
        error = fl_message_decode(&decider->arena, envelope->row->descriptor, entry->record.value,
                                  message);
    if (error != FL_OK)
        snprintf(decider->detail, sizeof(decider->detail), "event at offset %llu: %s %s",
                 (unsigned long long)entry->offset, fl_error_text(error), what != NULL ? what : "");
    return error;
}

static void decode_action(struct decider *decider, const struct fl_record *action,
                          struct fl_envelope *envelope, struct fl_view_input *input)
{
    const char *what = NULL;
    ProtobufCMessage *message = NULL;
    input->action = action;
    if (fl_envelope_read(action, envelope, &what) != FL_OK)
        return;
    input->action_envelope = envelope;
    if (envelope->row != NULL && fl_message_decode(&decider->arena, envelope->row->descriptor,
                                                   action->value, &message) == FL_OK)
        input->action_message = message;
}

static enum fl_error fold_valid(struct following *f, const struct fl_entry *entry,
                                const uint8_t hash[FL_HASH_SIZE])
{
    struct decider *decider = f->decider;
    const struct fl_action *action = NULL;
    struct fl_envelope envelope;
    struct fl_envelope action_envelope;
    ProtobufCMessage *message = NULL;
    enum fl_error error = fl_action_queue_get(decider->actions, f->head.action,
                                              decider->options.action_wait_ms, &action);
    if (error == FL_OK)
        error = decode_event(decider, entry, &envelope, &message);
    if (error != FL_OK)
        return error;
    if (memcmp(action->hash, envelope.action_hash, FL_HASH_SIZE) != 0) {
        snprintf(decider->detail, sizeof(decider->detail),
                 "event at offset %llu answers another action than stands at offset %llu",
                 (unsigned long long)entry->offset, (unsigned long long)f->head.action);
        fl_diag(LOG_CHANGED, FL_TEXT("detail", decider->detail));
        return FL_LOG_CHANGED;
    }
    compare_decision(f, entry, action, hash, &envelope);
    struct fl_view_input input = {.kind = FL_READS_EVENTS,
                                  .offset = entry->offset,
                                  .record = &entry->record,
                                  .envelope = &envelope,
                                  .message = message};
    decode_action(decider, &action->record, &action_envelope, &input);
    error = fl_decider_fold(decider, f->kv, &input);
    if (error == FL_OK)
        fl_chain_advance(&f->head, &entry->record, entry->offset, hash);
    return error;
}

static enum fl_error follow_one(struct following *f, const struct fl_entry *entry)
{
    uint8_t hash[FL_HASH_SIZE];
    enum fl_error error = FL_OK;
    if (entry->offset != f->position.next) {
        fl_diag(LOG_CHANGED, FL_TEXT("detail", "the events topic skips an offset"),
                FL_UINT("offset", entry->offset), FL_UINT("next", f->position.next));
        return FL_LOG_CHANGED;
    }
    fl_arena_reset(&f->decider->arena);
    enum fl_chain_verdict verdict = fl_chain_judge(&f->head, f->decider->sha, &entry->record, hash);
    if (verdict == FL_CHAIN_VALID) {
        error = fold_valid(f, entry, hash);
        f->counts.applied++;
    } else {
        f->counts.voids++;
        f->counts.duplicates += memcmp(hash, f->head.hash, FL_HASH_SIZE) == 0;
        f->counts.alarms += verdict == FL_CHAIN_VOID_ALARM;
        if (verdict == FL_CHAIN_VOID_ALARM)
            fl_diag(CHAIN_ALARM, FL_UINT("offset", entry->offset));
        else
            fl_diag(CHAIN_VOID, FL_UINT("offset", entry->offset));
    }
    f->position.next = entry->offset + 1;
    f->position.last = entry->offset;
    f->position.last_time_ms = entry->record.timestamp_ms;
    memcpy(f->position.last_hash, hash, FL_HASH_SIZE);
    return error;
}

static enum fl_error commit(struct following *f)
{
    struct decider *decider = f->decider;
    decider->view->flush(decider->fold, f->kv);
    fl_meta_set_head(f->kv, &f->head);
    fl_meta_set_position(f->kv, FL_TOPIC_EVENTS, 0, &f->position);
    fl_meta_set_counts(f->kv, &f->counts);
    enum fl_error error = fl_store_commit(decider->store);
    if (error != FL_OK)
        return error;
    decider->head = f->head;
    decider->position = f->position;
    fl_action_queue_release(decider->actions, f->head.action);
    fl_decider_committed(decider);
    return FL_OK;
}

/* One transaction over entries that begin at the position. */
static enum fl_error apply(struct decider *decider, const struct fl_entry *entries, size_t count)
{
    struct following f = {.decider = decider, .head = decider->head, .position = decider->position};
    enum fl_error error = fl_store_begin(decider->store);
    if (error != FL_OK)
        return error;
    f.kv = fl_store_kv(decider->store);
    f.counts = fl_meta_counts(f.kv);
    for (size_t i = 0; error == FL_OK && i < count; i++)
        error = follow_one(&f, &entries[i]);
    if (error == FL_OK)
        return commit(&f);
    fl_store_abort(decider->store);
    decider->view->discard(decider->fold);
    return error;
}

enum fl_error fl_decider_follow(struct decider *decider, const struct fl_batch *batch)
{
    size_t i = 0;
    for (; i < batch->count && batch->entries[i].offset < decider->position.next; i++) {
        enum fl_error error = compare_own(decider, &batch->entries[i]);
        if (error != FL_OK)
            return error;
        decider->read_next = batch->entries[i].offset + 1;
    }
    if (i == batch->count)
        return FL_OK;
    enum fl_error error = apply(decider, &batch->entries[i], batch->count - i);
    if (error == FL_OK)
        decider->read_next = decider->position.next;
    else
        decider->must_seek = true;
    return error;
}
