/* SPDX-License-Identifier: Apache-2.0 */
/* Actions and events from the first to the last. */
#include "replay/verify/decided.h"

#include <stdio.h>
#include <string.h>

#include "projections/registry/registry.h"

enum { COMMIT_EVENT_COUNT = 4096 };

enum fl_error fl_verify_action(struct fl_verify_deciding *d, uint64_t offset,
                               const struct fl_record **action)
{
    enum fl_error error = FL_OK;
    *action = NULL;
    while (error == FL_OK &&
           (!d->actions_begun || (d->action != NULL && d->action->offset < offset))) {
        d->actions_begun = true;
        error = fl_verify_stream_next(&d->actions, &d->action);
        if (error == FL_OK && d->action != NULL)
            fl_verify_time(d->run, FL_TOPIC_ACTIONS, 0, d->action);
    }
    if (error == FL_OK && d->action != NULL && d->action->offset == offset)
        *action = &d->action->record;
    return error;
}

static enum fl_error begin(struct fl_verify_deciding *d)
{
    enum fl_error error = fl_store_begin(d->run->registry);
    d->kv = error == FL_OK ? fl_store_kv(d->run->registry) : NULL;
    return error;
}

static enum fl_error commit(struct fl_verify_deciding *d)
{
    if (d->kv == NULL)
        return FL_OK;
    d->view->flush(d->fold, d->kv);
    d->kv = NULL;
    d->pending_count = 0;
    return fl_store_commit(d->run->registry);
}

static enum fl_error fold(struct fl_verify_deciding *d, const struct fl_view_input *input,
                          char detail[FL_DETAIL_SIZE])
{
    detail[0] = '\0';
    enum fl_error error = d->view->apply(d->fold, d->kv, input, detail);
    return error != FL_OK ? error : d->kv->error;
}

enum fl_error fl_verify_adopt(struct fl_verify_deciding *d, struct fl_chain_head *head,
                              const struct fl_verify_expected *expected, uint64_t offset)
{
    struct fl_view_input input;
    char detail[FL_DETAIL_SIZE];
    fl_decision_view_input(&expected->decision, offset, &input);
    enum fl_error error = fold(d, &input, detail);
    if (error != FL_OK)
        return fl_verify_fail(d->run, error, "events-0@%llu: what was decided cannot be folded: %s",
                              (unsigned long long)offset, detail);
    fl_chain_advance(head, &expected->decision.event, offset, expected->hash);
    d->pending_count++;
    return FL_OK;
}

/* Decodes and validates an event; false with what is wrong. */
static bool decode_event(struct fl_verify_deciding *d, const struct fl_entry *entry,
                         struct fl_envelope *envelope, struct fl_view_input *input,
                         char detail[FL_DETAIL_SIZE])
{
    const char *what = NULL;
    ProtobufCMessage *message = NULL;
    *input = (struct fl_view_input){.kind = FL_READS_EVENTS,
                                    .offset = entry->offset,
                                    .record = &entry->record,
                                    .envelope = envelope};
    if (fl_envelope_read(&entry->record, envelope, &what) != FL_OK) {
        snprintf(detail, FL_DETAIL_SIZE, "header %s", what);
        return false;
    }
    if (envelope->row == NULL)
        return true;
    if (fl_message_decode(&d->decode_arena, envelope->row->descriptor, entry->record.value,
                          &message) != FL_OK) {
        snprintf(detail, FL_DETAIL_SIZE, "the payload is no %s", envelope->row->name);
        return false;
    }
    input->message = message;
    return fl_message_validate(message, detail) == FL_OK;
}

static void add_action(struct fl_verify_deciding *d, const struct fl_record *action,
                       struct fl_envelope *envelope, struct fl_view_input *input)
{
    const char *what = NULL;
    ProtobufCMessage *message = NULL;
    input->action = action;
    if (action == NULL || fl_envelope_read(action, envelope, &what) != FL_OK)
        return;
    input->action_envelope = envelope;
    if (envelope->row != NULL && fl_message_decode(&d->decode_arena, envelope->row->descriptor,
                                                   action->value, &message) == FL_OK)
        input->action_message = message;
}

/* Folds the event as it stands in the log; false with a finding if that cannot be. */
static enum fl_error take_found(struct fl_verify_deciding *d, const struct fl_entry *entry,
                                const struct fl_record *action, const uint8_t hash[FL_HASH_SIZE],
                                bool *taken)
{
    struct fl_envelope envelopes[2];
    struct fl_view_input input;
    char detail[FL_DETAIL_SIZE] = "";
    *taken = false;
    fl_arena_reset(&d->decode_arena);
    if (!decode_event(d, entry, &envelopes[0], &input, detail)) {
        fl_verify_report_at(d->run, FL_VERIFY_FORM, FL_TOPIC_EVENTS, 0, entry->offset,
                            "an event of a known form", detail);
        return FL_OK;
    }
    add_action(d, action, &envelopes[1], &input);
    enum fl_error error = fold(d, &input, detail);
    if (error != FL_OK && fl_error_class(error) != FL_CLASS_REJECT)
        return fl_verify_fail(d->run, error, "events-0@%llu: %s: %s",
                              (unsigned long long)entry->offset, fl_error_text(error), detail);
    if (error != FL_OK) {
        fl_verify_report_at(d->run, FL_VERIFY_FOLD, FL_TOPIC_EVENTS, 0, entry->offset,
                            "an event that fits the registry", detail);
        return FL_OK;
    }
    *taken = true;
    fl_chain_advance(&d->head, &entry->record, entry->offset, hash);
    d->pending_count++;
    return FL_OK;
}

static bool header_is_hash(const struct fl_record *record, const uint8_t hash[FL_HASH_SIZE])
{
    const struct fl_header *header = fl_record_header(record, "ce_actionhash");
    uint8_t named[FL_HASH_SIZE];
    return header != NULL && fl_hex_decode(header->value, named, FL_HASH_SIZE) &&
           memcmp(named, hash, FL_HASH_SIZE) == 0;
}

/* True if the event's id follows from the action hash that it names itself: then it was written so,
 * and the action is another one now. */
static bool names_itself(const struct fl_verify_expected *expected, const struct fl_entry *entry)
{
    struct fl_envelope envelope;
    const char *what = NULL;
    char id[FL_ID_TEXT_SIZE];
    struct fl_slice log_id;
    static const char before[] = "/fleetlog/";
    if (fl_envelope_read(&entry->record, &envelope, &what) != FL_OK ||
        expected->decision.envelope.source.size < sizeof(before) - 1 + FL_ID_TEXT_SIZE - 1)
        return false;
    log_id = fl_slice_of(expected->decision.envelope.source.data + sizeof(before) - 1,
                         FL_ID_TEXT_SIZE - 1);
    fl_event_id(log_id, envelope.action, envelope.action_hash, id);
    return fl_slice_is(envelope.id, id);
}

static void report_action(struct fl_verify_deciding *d, const struct fl_entry *entry)
{
    struct fl_verify_finding finding;
    const struct fl_header *named = fl_record_header(&entry->record, "ce_actionhash");
    fl_verify_find(&finding, FL_VERIFY_ACTION, FL_TOPIC_ACTIONS, 0, d->head.action, d->head.action);
    snprintf(finding.expected, sizeof(finding.expected), "SHA-256 %.*s, named by events-0@%llu",
             named == NULL ? 0 : (int)named->value.size,
             named == NULL ? "" : (const char *)named->value.data,
             (unsigned long long)entry->offset);
    snprintf(finding.found, sizeof(finding.found), "SHA-256 ");
    fl_hex_encode(d->action_hash, FL_HASH_SIZE, finding.found + strlen(finding.found));
    fl_verify_report(d->run, FL_TOPIC_ACTIONS, &finding);
}

/* The event extends the head and is not what its action gives: one of the two was changed, or a
 * decider wrote something else. What is written behind it tells which. */
static enum fl_error take_other(struct fl_verify_deciding *d, const struct fl_entry *entry,
                                const uint8_t hash[FL_HASH_SIZE],
                                const struct fl_verify_expected *expected)
{
    struct fl_chain_head heads[2] = {d->head, d->head};
    struct fl_verify_finding finding;
    size_t which = 2;
    uint64_t at = 0;
    bool taken = false;
    fl_chain_advance(&heads[0], &entry->record, entry->offset, hash);
    fl_chain_advance(&heads[1], &expected->decision.event, entry->offset, expected->hash);
    enum fl_error error = fl_verify_probe(d, entry->offset + 1, heads, 2, &which, &at);
    if (error != FL_OK)
        return error;
    bool other_action = which != 1 && !header_is_hash(&entry->record, d->action_hash) &&
                        (which == 0 || names_itself(expected, entry));
    if (other_action) {
        report_action(d, entry);
    } else {
        fl_verify_find(&finding, FL_VERIFY_DECISION, FL_TOPIC_EVENTS, 0, entry->offset,
                       entry->offset);
        fl_arena_reset(&d->decode_arena);
        fl_verify_describe(&expected->decision.event, &entry->record, &d->decode_arena, &finding);
        fl_verify_report(d->run, FL_TOPIC_EVENTS, &finding);
    }
    /* Where nothing extends either, what was decided again is the better guess. */
    if (which != 0 && !other_action)
        return fl_verify_adopt(d, &d->head, expected, entry->offset);
    error = take_found(d, entry, expected->decision.action, hash, &taken);
    if (error != FL_OK || taken)
        return error;
    error = fl_verify_adopt(d, &heads[1], expected, entry->offset);
    d->head = heads[0];
    return error;
}

enum fl_error fl_verify_take_valid(struct fl_verify_deciding *d, const struct fl_entry *entry,
                                   const uint8_t hash[FL_HASH_SIZE])
{
    struct fl_verify_expected expected;
    bool taken = false;
    fl_verify_time(d->run, FL_TOPIC_EVENTS, 0, entry);
    enum fl_error error = fl_verify_expect(d, &d->head, entry, &expected);
    if (error != FL_OK)
        return error;
    d->run->result->event_count++;
    if (expected.is_known && memcmp(hash, expected.hash, FL_HASH_SIZE) != 0)
        return take_other(d, entry, hash, &expected);
    if (!expected.is_known && d->head.action >= d->run->ranges[FL_TOPIC_ACTIONS].end) {
        char text[64];
        snprintf(text, sizeof(text), "actions-0@%llu, which it answers",
                 (unsigned long long)d->head.action);
        fl_verify_report_at(d->run, FL_VERIFY_ACTION, FL_TOPIC_EVENTS, 0, entry->offset, text,
                            "no such action");
    }
    error = take_found(d, entry, expected.is_known ? expected.decision.action : NULL, hash, &taken);
    if (error == FL_OK && !taken)
        d->broken = true;
    return error;
}

/* A record that does not extend the head. */
static enum fl_error take_void(struct fl_verify_deciding *d, const struct fl_entry *entry,
                               bool is_alarm)
{
    const struct fl_header *header = fl_record_header(&entry->record, "ce_sequence");
    uint64_t sequence = 0;
    d->run->result->void_count++;
    if (is_alarm)
        fl_verify_report_at(d->run, FL_VERIFY_ALARM, FL_TOPIC_EVENTS, 0, entry->offset,
                            "ce_sequence and ce_action one above the head's, each header once",
                            "an event that extends the head without");
    if (is_alarm) /* it extends the head, whatever it says */
        sequence = d->head.sequence;
    else if (header == NULL || header->value.data == NULL ||
             !fl_slice_to_u64(header->value, &sequence) || sequence < d->head.sequence)
        return FL_OK;
    /* What is folded so far must outlive whatever is tried now. */
    enum fl_error error = commit(d);
    if (error == FL_OK)
        error = begin(d);
    return error == FL_OK ? fl_verify_break(d, entry, sequence, is_alarm) : error;
}

static enum fl_error take(struct fl_verify_deciding *d, const struct fl_entry *entry)
{
    uint8_t hash[FL_HASH_SIZE];
    if (d->broken) {
        d->run->result->unverified_count++;
        return FL_OK;
    }
    enum fl_error error = FL_OK;
    switch (fl_chain_judge(&d->head, d->run->sha, &entry->record, hash)) {
    case FL_CHAIN_VALID:
        error = fl_verify_take_valid(d, entry, hash);
        break;
    case FL_CHAIN_VOID:
        error = take_void(d, entry, false);
        break;
    case FL_CHAIN_VOID_ALARM:
        error = take_void(d, entry, true);
        break;
    }
    if (error == FL_OK && d->pending_count >= COMMIT_EVENT_COUNT) {
        error = commit(d);
        if (error == FL_OK)
            error = begin(d);
    }
    return error;
}

static enum fl_error follow(struct fl_verify_deciding *d)
{
    const struct fl_entry *entry = NULL;
    const struct fl_record *action = NULL;
    uint64_t end = d->run->ranges[FL_TOPIC_ACTIONS].end;
    enum fl_error error = begin(d);
    do {
        if (error == FL_OK)
            error = fl_verify_stream_next(&d->events, &entry);
        if (error == FL_OK && entry != NULL)
            error = take(d, entry);
        if (error == FL_OK)
            error = fl_verify_step(d->run, FL_VERIFY_WORK_DECIDE);
    } while (error == FL_OK && entry != NULL);
    if (error == FL_OK)
        error = commit(d);
    if (end > d->head.action)
        d->run->result->unanswered_count = end - d->head.action;
    return error == FL_OK ? fl_verify_action(d, end, &action) : error;
}

/* Nothing may be removed from these two topics. */
static void check_begin(struct fl_verify_deciding *d, enum fl_topic topic)
{
    struct fl_verify_finding finding;
    uint64_t begin_offset = d->run->ranges[topic].begin;
    if (begin_offset == 0)
        return;
    fl_verify_find(&finding, FL_VERIFY_MISSING, topic, 0, 0, begin_offset - 1);
    snprintf(finding.expected, sizeof(finding.expected), "a record at each offset");
    snprintf(finding.found, sizeof(finding.found), "nothing: the topic begins behind them");
    fl_verify_report(d->run, topic, &finding);
    d->broken = true;
}

static enum fl_error open_all(struct fl_verify_deciding *d)
{
    struct fl_verify_run *run = d->run;
    const struct fl_verify_options *options = run->options;
    struct fl_store_options store = {
        .views_directory = run->scratch,
        .view = d->view,
        .map_size = options->map_size,
        .port = options->port,
        .detail = run->detail,
    };
    enum fl_error error = fl_store_open_writer(&store, &run->registry);
    if (error == FL_OK)
        error = d->view->open(options->memory_max == 0 ? FL_VERIFY_MEMORY : options->memory_max,
                              &d->fold);
    if (error == FL_OK)
        error = fl_verify_stream_open(&d->events, run, FL_TOPIC_EVENTS, 0,
                                      run->ranges[FL_TOPIC_EVENTS]);
    if (error == FL_OK)
        error = fl_verify_stream_open(&d->actions, run, FL_TOPIC_ACTIONS, 0,
                                      run->ranges[FL_TOPIC_ACTIONS]);
    return error;
}

enum fl_error fl_verify_decided(struct fl_verify_run *run)
{
    struct fl_verify_deciding d = {.run = run, .view = fl_registry_view()};
    run->progress.what = "events";
    run->progress.record_count = 0;
    fl_chain_init(&d.head);
    fl_arena_init(&d.decide_arena, FL_DECIDE_ARENA_SIZE);
    fl_arena_init(&d.decode_arena, FL_VERIFY_ARENA_SIZE);
    enum fl_error error = open_all(&d);
    if (error == FL_OK) {
        check_begin(&d, FL_TOPIC_EVENTS);
        check_begin(&d, FL_TOPIC_ACTIONS);
        error = follow(&d);
    }
    run->registry_is_partial = d.broken;
    if (run->registry != NULL)
        fl_store_abort(run->registry);
    if (d.fold != NULL)
        d.view->close(d.fold);
    fl_verify_stream_close(&d.events);
    fl_verify_stream_close(&d.actions);
    fl_arena_fini(&d.decide_arena);
    fl_arena_fini(&d.decode_arena);
    return error;
}
