/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/decide.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "projections/registry/deciding.h"
#include "schemas/codec.h"

/* Stands for the log's id before there is one. */
#define NO_LOG_ID "00000000-0000-0000-0000-000000000000"

enum { ACTION_TYPE_SIZE_MAX = 128, SENTENCE_SIZE_MAX = 512 };

void *fl_answer(struct fl_deciding *d, enum fl_message_type type)
{
    const ProtobufCMessageDescriptor *descriptor = fl_catalogue_row(type)->descriptor;
    fl_assert(descriptor->sizeof_message <= sizeof(d->storage));
    protobuf_c_message_init(descriptor, d->storage);
    d->answer = (const ProtobufCMessage *)d->storage;
    d->rejected = false;
    return d->storage;
}

/* What a rejection is about: the device where the action names one, else what the catalogue says.
 */
static struct fl_slice subject_of(const struct fl_deciding *d)
{
    if (d->message == NULL)
        return FL_SLICE_NULL;
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(d->message->descriptor, "device_id");
    if (field == NULL)
        field = protobuf_c_message_descriptor_get_field_by_name(d->message->descriptor,
                                                                d->action.row->subject_field);
    if (field == NULL || field->type != PROTOBUF_C_TYPE_STRING)
        return FL_SLICE_NULL;
    struct fl_slice id =
        fl_slice_text(*(const char *const *)((const char *)d->message + field->offset));
    return fl_id_is_valid(id) ? id : FL_SLICE_NULL;
}

/* A name of a type that events may repeat. */
static bool is_word(struct fl_slice text)
{
    if (text.size == 0 || text.size > ACTION_TYPE_SIZE_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

const ProtobufCMessage *fl_reject(struct fl_deciding *d, Fleetlog__V1__RejectionCode code,
                                  const char *sentence)
{
    d->answer = NULL;
    if (sentence == NULL || d->kv->error != FL_OK)
        return NULL;
    fleetlog__v1__action_rejected__init(&d->rejection);
    d->rejection.code = code;
    d->rejection.sentence = sentence;
    if (d->action.row != NULL)
        d->rejection.action_type = d->action.row->name;
    else if (is_word(d->action.type))
        d->rejection.action_type = fl_arena_text(d->arena, d->action.type);
    if (d->rejection.action_type == NULL)
        return NULL;
    d->rejected = true;
    d->answer = &d->rejection.base;
    return d->answer;
}

const ProtobufCMessage *fl_rejectf(struct fl_deciding *d, Fleetlog__V1__RejectionCode code,
                                   const char *format, ...)
{
    char sentence[SENTENCE_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    return fl_reject(d, code, fl_arena_text(d->arena, fl_slice_text(sentence)));
}

static const ProtobufCMessage *malformed(struct fl_deciding *d)
{
    /* Only what is certain: offset and hash. */
    d->action = (struct fl_envelope){.time_ms = d->action.time_ms};
    d->message = NULL;
    return fl_reject(d, FL_REJECT(MALFORMED), "The action cannot be decoded.");
}

/* Rules in force; before genesis those that genesis names, or the first. */
static enum fl_error find_rules(struct fl_deciding *d)
{
    const struct fl_rules_set *set = d->input->rules;
    uint32_t version = 1;
    if (d->log != NULL)
        version = d->log->rules_version;
    else if (d->message != NULL && d->action.row->type == FL_MESSAGE_CreateLog &&
             ((const Fleetlog__V1__CreateLog *)d->message)->rules_version != 0)
        version = ((const Fleetlog__V1__CreateLog *)d->message)->rules_version;
    d->rules = fl_rules_find(set == NULL ? fl_rules_production() : set, version);
    return d->rules == NULL ? FL_VERSION : FL_OK;
}

/* Reads the action as far as it can be read. NO_MEMORY is the only failure. */
static enum fl_error read_action(struct fl_deciding *d)
{
    const char *what;
    struct fl_envelope envelope = {0};
    d->now_ms = d->head->time_ms;
    if (fl_record_check_limits(d->input->record, &what) != FL_OK ||
        d->input->record->value.data == NULL ||
        fl_envelope_read(d->input->record, &envelope, &what) != FL_OK)
        return FL_OK;
    if (fl_record_header(d->input->record, "ce_sequence") != NULL)
        return FL_OK;
    d->action = envelope;
    if (envelope.time_ms > d->now_ms)
        d->now_ms = envelope.time_ms;
    if (envelope.row == NULL)
        return FL_OK;
    ProtobufCMessage *message;
    enum fl_error error =
        fl_message_decode(d->arena, envelope.row->descriptor, d->input->record->value, &message);
    if (error == FL_OK)
        d->message = message;
    return error == FL_NO_MEMORY ? error : FL_OK;
}

static const ProtobufCMessage *answer(struct fl_deciding *d)
{
    char detail[FL_DETAIL_SIZE];
    if (d->action.type.data == NULL || (d->action.row != NULL && d->message == NULL))
        return malformed(d);
    bool genesis = d->action.row != NULL && d->action.row->type == FL_MESSAGE_CreateLog;
    if (d->log == NULL && (!genesis || d->input->offset != 0))
        return genesis ? fl_reject(d, FL_REJECT(LOG_EXISTS),
                                   "Only the first record of a log can create it.")
                       : fl_reject(d, FL_REJECT(NO_LOG), "The log has not been created yet.");
    if (d->action.row == NULL)
        return fl_reject(d, FL_REJECT(UNSUPPORTED),
                         "The rules in force do not know this kind of action.");
    fl_decide_fn *decide = d->rules->actions[d->action.row->type];
    if (decide == NULL || d->action.row->since > d->rules->version)
        return fl_reject(d, FL_REJECT(UNSUPPORTED),
                         "The rules in force do not know this kind of action.");
    if (fl_message_check_version(d->message, d->rules->version, detail) != FL_OK)
        return fl_rejectf(d, FL_REJECT(UNSUPPORTED), "The rules in force do not know %s.", detail);
    if (fl_message_validate(d->message, detail) != FL_OK)
        return fl_rejectf(d, FL_REJECT(INVALID), "Not a valid value for %s.", detail);
    d->actor_kind = fl_actor_parse(d->action.actor, &d->actor_id);
    if (!fl_duplicate_check(d) || !fl_actor_resolve(d))
        return d->answer;
    return decide(d);
}

/* printf would take longer than the decision of a simple action. */
static struct fl_slice source_of(struct fl_arena *arena, struct fl_slice log_id)
{
    static const char before[] = "/fleetlog/";
    static const char behind[] = "/decider";
    size_t size = sizeof(before) - 1 + log_id.size + sizeof(behind) - 1;
    char *source = fl_arena_alloc(arena, size);
    if (source == NULL)
        return FL_SLICE_NULL;
    memcpy(source, before, sizeof(before) - 1);
    memcpy(source + sizeof(before) - 1, log_id.data, log_id.size);
    memcpy(source + sizeof(before) - 1 + log_id.size, behind, sizeof(behind) - 1);
    return fl_slice_of(source, size);
}

/* The record of the answer. */
static enum fl_error encode(struct fl_deciding *d, struct fl_decision *decision)
{
    struct fl_envelope *envelope = &decision->envelope;
    const struct fl_envelope *action = &d->action;
    bool created = !d->rejected && d->action.row != NULL && d->log == NULL;
    struct fl_slice log_id = d->log != NULL ? fl_slice_text(d->log->log_id)
                             : created
                                 ? fl_slice_text(((Fleetlog__V1__LogCreated *)d->storage)->log_id)
                                 : FL_SLICE_LITERAL(NO_LOG_ID);
    char *id = fl_arena_calloc(d->arena, 1, FL_ID_TEXT_SIZE);
    struct fl_slice source = source_of(d->arena, log_id);
    if (id == NULL || source.data == NULL)
        return FL_NO_MEMORY;
    fl_event_id(log_id, d->input->offset, d->input->hash, id);
    *envelope = (struct fl_envelope){
        .id = fl_slice_text(id),
        .source = source,
        .subject = d->rejected ? subject_of(d) : FL_SLICE_NULL,
        .causation_id = action->id,
        .correlation_id = action->correlation_id.data != NULL ? action->correlation_id : action->id,
        .actor = action->actor,
        .on_behalf_of = action->on_behalf_of,
        .company_id = d->company_id,
        .time_ms = d->now_ms,
        .sequence = d->head->sequence,
        .action = d->input->offset,
        .rules_version = d->rules->version,
    };
    memcpy(envelope->action_hash, d->input->hash, FL_HASH_SIZE);
    memcpy(envelope->previous, d->head->hash, FL_HASH_SIZE);
    decision->message = d->answer;
    enum fl_error error = fl_event_encode(d->arena, envelope, d->answer, &decision->event);
    envelope->row = fl_catalogue_of(d->answer);
    envelope->type = fl_slice_text(envelope->row->full_name);
    envelope->min_reader = envelope->row->min_reader;
    return error;
}

static enum fl_error finish(struct fl_deciding *d, struct fl_decision *decision)
{
    if (d->answer == NULL || d->kv->error != FL_OK || d->arena->exhausted) {
        fl_assert(d->kv->error != FL_OK || d->arena->exhausted);
        return d->kv->error != FL_OK ? d->kv->error : FL_NO_MEMORY;
    }
    decision->action = d->input->record;
    enum fl_error error = encode(d, decision);
    if (error == FL_OK && fl_record_size(&decision->event) > FL_EVENT_SIZE_MAX) {
        fl_reject(d, FL_REJECT(TOO_LARGE), "The outcome would be too large for one event.");
        error = encode(d, decision);
    }
    decision->action_envelope = d->action;
    decision->action_message = d->message;
    return error;
}

static enum fl_error begin(struct fl_kv *registry, const struct fl_chain_head *head,
                           const struct fl_decide_input *input, struct fl_arena *arena,
                           struct fl_deciding **d)
{
    fl_assert(head->action == input->offset);
    struct fl_deciding *begun = fl_arena_calloc(arena, 1, sizeof(*begun));
    if (begun == NULL)
        return FL_NO_MEMORY;
    begun->kv = registry;
    begun->arena = arena;
    begun->head = head;
    begun->input = input;
    struct fl_key key;
    fl_key_log(&key);
    begun->log = fl_row_get(registry, arena, FL_TABLE_LOG, &key);
    *d = begun;
    return registry->error;
}

enum fl_error fl_decide(struct fl_kv *registry, const struct fl_chain_head *head,
                        const struct fl_decide_input *input, struct fl_arena *arena,
                        struct fl_decision *decision)
{
    struct fl_deciding *d;
    enum fl_error error = begin(registry, head, input, arena, &d);
    if (error == FL_OK)
        error = read_action(d);
    if (error == FL_OK)
        error = find_rules(d);
    if (error != FL_OK)
        return error;
    d->answer = answer(d);
    return finish(d, decision);
}

enum fl_error fl_decide_internal(struct fl_kv *registry, const struct fl_chain_head *head,
                                 const struct fl_decide_input *input, const char *build,
                                 struct fl_arena *arena, struct fl_decision *decision)
{
    struct fl_deciding *d;
    enum fl_error error = begin(registry, head, input, arena, &d);
    if (error == FL_OK)
        error = find_rules(d);
    if (error != FL_OK)
        return error;
    d->now_ms = head->time_ms;
    fl_rejectf(d, FL_REJECT(INTERNAL),
               "The rules failed on this action (build %s); nothing was changed.", build);
    return finish(d, decision);
}

void fl_decision_view_input(const struct fl_decision *decision, uint64_t offset,
                            struct fl_view_input *input)
{
    *input = (struct fl_view_input){
        .kind = FL_READS_EVENTS,
        .offset = offset,
        .record = &decision->event,
        .envelope = &decision->envelope,
        .message = decision->message,
        .action = decision->action,
        .action_envelope =
            decision->action_envelope.type.data != NULL ? &decision->action_envelope : NULL,
        .action_message = decision->action_message,
    };
}
