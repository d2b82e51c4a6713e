/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "consumers/decider/decider_internal.h"
#include "core/assert.h"
#include "core/diag.h"
#include "core/fault_point.h"
#include "fleetlog/v1/events.pb-c.h"

enum fl_error fl_decider_answer(struct decider *decider, const struct fl_chain_head *head,
                                uint64_t offset, const struct fl_action *action,
                                struct fl_decision *decision)
{
    struct fl_kv *kv = fl_store_kv(decider->store);
    struct fl_decide_input input = {.offset = offset,
                                    .record = &action->record,
                                    .hash = action->hash,
                                    .rules = decider->options.rules};
    unsigned crashes = fl_crash_guard_count(decider->guard, offset, action->hash);
    if (crashes >= FL_CRASH_COUNT_MAX) {
        const char *build = fl_crash_guard_build(decider->guard);
        fl_diag(DECIDE_CRASHED, FL_UINT("action", offset), FL_UINT("crashes", crashes),
                FL_TEXT("build", build), FL_TEXT("answer", "INTERNAL"));
        return fl_decide_internal(kv, head, &input, build, &decider->arena, decision);
    }
    fl_crash_guard_enter(decider->guard, offset, action->hash);
    enum fl_error error = fl_decide(kv, head, &input, &decider->arena, decision);
    fl_crash_guard_leave(decider->guard);
    return error;
}

enum fl_error fl_decider_fold(struct decider *decider, struct fl_kv *kv,
                              const struct fl_view_input *input)
{
    if (input->message != NULL && input->envelope->row->type == FL_MESSAGE_LogCreated)
        fl_meta_set_log_id(kv, ((const Fleetlog__V1__LogCreated *)input->message)->log_id);
    if (input->message != NULL && input->envelope->row->type == FL_MESSAGE_LogMoved)
        decider->moving = true;
    enum fl_error error = decider->view->apply(decider->fold, kv, input, decider->detail);
    return error != FL_OK ? error : kv->error;
}

/* A batch that is being decided inside one transaction. */
struct deciding {
    struct decider *decider;
    struct fl_kv *kv;
    struct fl_chain_head head;
    uint32_t count;
    size_t size;
};

/* Decides and folds one action as record `count` of the batch. */
static enum fl_error decide_one(struct deciding *d, const struct fl_action *action)
{
    struct decider *decider = d->decider;
    struct fl_decision decision;
    struct fl_view_input input;
    uint64_t offset = decider->position.next + d->count;
    fl_arena_reset(&decider->arena);
    enum fl_error error = fl_decider_answer(decider, &d->head, d->head.action, action, &decision);
    if (error != FL_OK)
        return error;
    fl_decision_view_input(&decision, offset, &input);
    error = fl_decider_fold(decider, d->kv, &input);
    if (error != FL_OK)
        return error;
    enum fl_chain_verdict verdict =
        fl_chain_judge(&d->head, decider->sha, &decision.event, decider->hashes[d->count]);
    fl_assert(verdict == FL_CHAIN_VALID);
    error = fl_appender_add(decider->appender, &decision.event);
    if (error != FL_OK)
        return error;
    fl_chain_advance(&d->head, &decision.event, offset, decider->hashes[d->count]);
    d->size += fl_record_size(&decision.event);
    d->count++;
    return FL_OK;
}

static bool has_room(const struct deciding *d)
{
    const struct decider *decider = d->decider;
    bool alone = fl_crash_guard_pending(decider->guard, d->head.action);
    uint64_t unread = decider->position.next + d->count - decider->read_next;
    /* Nothing is decided behind a LogMoved until it is known whether this is the place. */
    return !decider->moving && d->count < (alone ? 1 : FL_DECIDE_BATCH_COUNT_MAX) &&
           d->size < FL_DECIDE_BATCH_SIZE_MAX && unread < UNREAD_COUNT_MAX;
}

static enum fl_error fill(struct deciding *d)
{
    enum fl_error error = FL_OK;
    while (error == FL_OK && has_room(d)) {
        const struct fl_action *action = NULL;
        error = fl_action_queue_get(d->decider->actions, d->head.action, 0, &action);
        if (error == FL_TIMEOUT)
            return FL_OK;
        if (error == FL_OK)
            error = decide_one(d, action);
    }
    /* Rules that this build does not know: whoever knows them goes on, this one reads. */
    if (error == FL_VERSION) {
        d->decider->standing_by = true;
        return FL_OK;
    }
    return error;
}

/* The broker gave out an offset that it had given before, or ends below what it had acknowledged.
 */
static enum fl_error lost(struct decider *decider, uint64_t offset)
{
    fl_diag(LOG_LOST, FL_UINT("offset", offset), FL_UINT("next", decider->position.next));
    return FL_LOG_CHANGED;
}

/* FL_OK iff every record i got the offset next + i: then nobody came between. */
static enum fl_error judge_offsets(struct decider *decider, enum fl_error error)
{
    uint32_t count = 0;
    const uint64_t *offsets = fl_appender_offsets(decider->appender, &count);
    for (uint32_t i = 0; i < count; i++) {
        if (offsets[i] < decider->position.next)
            return lost(decider, offsets[i]);
        if (error == FL_OK && offsets[i] != decider->position.next + i)
            error = FL_CONFLICT;
    }
    return error;
}

static enum fl_error commit(struct deciding *d)
{
    struct decider *decider = d->decider;
    struct fl_position position = decider->position;
    struct fl_meta_counts counts = fl_meta_counts(d->kv);
    position.next += d->count;
    position.last = position.next - 1;
    position.last_time_ms = d->head.time_ms;
    memcpy(position.last_hash, d->head.hash, FL_HASH_SIZE);
    counts.applied += d->count;
    fl_meta_set_head(d->kv, &d->head);
    fl_meta_set_position(d->kv, FL_TOPIC_EVENTS, 0, &position);
    fl_meta_set_counts(d->kv, &counts);
    enum fl_error error = fl_store_commit(decider->store);
    if (error != FL_OK)
        return error;
    for (uint32_t i = 0; i < d->count; i++)
        memcpy(decider->unread[(decider->position.next + i) % UNREAD_COUNT_MAX], decider->hashes[i],
               FL_HASH_SIZE);
    decider->head = d->head;
    decider->position = position;
    fl_action_queue_release(decider->actions, d->head.action);
    fl_decider_committed(decider);
    fl_fault_point("decider-committed");
    return FL_OK;
}

/* Lost the race, or the outcome is unknown: everything up to the end is read before anything is
 * decided again. */
static enum fl_error give_way(struct decider *decider, enum fl_error reason)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    fl_diag(RETRY, FL_TEXT("what", "append"), FL_TEXT("error", fl_error_name(reason)),
            FL_UINT("next", decider->position.next));
    enum fl_error error = fl_journal_offsets(decider->duty->journal, "events", 0, &begin, &end);
    if (error == FL_OK && end < decider->position.next)
        return lost(decider, end);
    if (error == FL_OK)
        decider->target = end;
    return error;
}

/* Decides, and waits for what that appended. `sent`: something may stand on the log. */
static enum fl_error decide_and_append(struct deciding *d, bool *sent)
{
    struct decider *decider = d->decider;
    fl_appender_begin(decider->appender, decider->position.next);
    enum fl_error error = fill(d);
    if (error == FL_OK && d->count > 0) {
        decider->view->flush(decider->fold, d->kv);
        error = d->kv->error;
    }
    if (error == FL_OK && d->count > 0)
        error = fl_appender_finish(decider->appender);
    *sent = fl_appender_cancel(decider->appender);
    if (*sent)
        fl_fault_point("decider-appended");
    return judge_offsets(decider, error);
}

enum fl_error fl_decider_decide(struct decider *decider, size_t *count)
{
    struct deciding d = {.decider = decider, .head = decider->head};
    bool sent = false;
    *count = 0;
    enum fl_error error = fl_store_begin(decider->store);
    if (error != FL_OK)
        return error;
    d.kv = fl_store_kv(decider->store);
    error = decide_and_append(&d, &sent);
    if (error == FL_OK && d.count > 0) {
        *count = d.count;
        return commit(&d);
    }
    fl_store_abort(decider->store);
    decider->view->discard(decider->fold);
    if (sent || fl_error_class(error) == FL_CLASS_RETRY) {
        enum fl_error unread = give_way(decider, error);
        if (unread != FL_OK || fl_error_class(error) == FL_CLASS_RETRY)
            error = unread;
    }
    return error;
}
