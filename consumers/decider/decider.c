/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/decider/decider.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/decider/decider_internal.h"
#include "core/assert.h"
#include "core/diag.h"
#include "projections/registry/registry.h"

enum {
    LOCK_WAIT_MS = 10000,
    WAIT_MS = 1000,
    ACTION_WAIT_MS = 10000,
    POLL_SIZE_MAX = 1024 * 1024,
    OWN_POLL_SIZE_MAX = 64 * 1024,
    VIEW_MEMORY_MAX = 64 * 1024 * 1024
};

void fl_decider_committed(struct decider *decider)
{
    if (decider->options.on_commit != NULL)
        decider->options.on_commit(decider->options.context, decider->head.sequence);
}

static void wake(void *context)
{
    fl_reader_wake(((struct decider *)context)->events);
}

static enum fl_error load_state(struct decider *decider)
{
    struct fl_txn txn;
    enum fl_error error = fl_store_snapshot(decider->store, &txn);
    if (error != FL_OK)
        return error;
    fl_meta_head(&txn.kv, &decider->head);
    decider->position = fl_meta_position(&txn.kv, FL_TOPIC_EVENTS, 0);
    error = txn.kv.error;
    fl_txn_abort(&txn);
    return error;
}

/* The log must be the one that was read before: the last record applied is there and the same, and
 * no topic ends below what was read. */
static enum fl_error check_log(struct decider *decider)
{
    struct fl_source source = {.topic = "events", .offset = decider->position.last};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint8_t hash[FL_HASH_SIZE];
    uint64_t begin = 0;
    uint64_t end = 0;
    enum fl_error error = fl_journal_offsets(decider->duty->journal, "actions", 0, &begin, &end);
    if (error == FL_OK && end < decider->head.action)
        error = FL_LOG_CHANGED;
    if (error == FL_OK)
        error = fl_journal_offsets(decider->duty->journal, "events", 0, &begin, &end);
    if (error == FL_OK && end < decider->position.next)
        error = FL_LOG_CHANGED;
    decider->target = end;
    if (error != FL_OK || decider->position.last == FL_OFFSET_NONE)
        return error;
    error = fl_reader_open(decider->duty->journal, &source, 1, &reader);
    if (error != FL_OK)
        return error;
    error = fl_reader_poll(reader, 10 * WAIT_MS, 1, &batch);
    if (error == FL_OK && batch.count == 0)
        error = FL_TIMEOUT;
    if (error == FL_OK) {
        fl_position_hash(FL_TOPIC_EVENTS, decider->sha, &batch.entries[0].record, hash);
        if (batch.entries[0].offset != decider->position.last ||
            memcmp(hash, decider->position.last_hash, FL_HASH_SIZE) != 0)
            error = FL_LOG_CHANGED;
    }
    fl_reader_close(&reader);
    return error;
}

static enum fl_error open_store(struct decider *decider)
{
    char views[PATH_MAX];
    char crash[PATH_MAX];
    char build[FL_BUILD_TEXT_SIZE];
    fl_build_text(build);
    fl_datadir_path(decider->duty->datadir, "views", views);
    fl_datadir_path(decider->duty->datadir, "run/decide.crash", crash);
    struct fl_store_options options = {
        .views_directory = views,
        .view = decider->view,
        .map_size = fl_config_number(decider->duty->config, FL_SETTING_VIEW_MAP),
        .lock_wait_ms = LOCK_WAIT_MS,
        .port = decider->duty->port,
        .detail = decider->detail,
    };
    enum fl_error error = fl_takeover_open(&options, &decider->store);
    if (error == FL_OK)
        error = fl_heartbeat_open(&decider->heartbeat, fl_store_versions(decider->store)->path,
                                  decider->duty->port);
    if (error == FL_OK)
        error = decider->view->open(VIEW_MEMORY_MAX, &decider->fold);
    if (error == FL_OK)
        error = fl_crash_guard_open(crash, build, &decider->guard);
    return error == FL_OK ? load_state(decider) : error;
}

/* A log that has moved is not begun on at its old place. */
static enum fl_error refuse_elsewhere(struct decider *decider)
{
    enum fl_error error = fl_decider_look_where(decider);
    if (error == FL_OK && decider->elsewhere) {
        snprintf(decider->detail, sizeof(decider->detail),
                 "this log has moved: set [journal] engine to where it goes on");
        error = FL_USAGE;
    }
    return error;
}

static enum fl_error open_log(struct decider *decider)
{
    struct fl_journal *journal = decider->duty->journal;
    struct fl_source source = {.topic = "events", .offset = decider->position.next};
    enum fl_error error = refuse_elsewhere(decider);
    if (error == FL_OK)
        error = check_log(decider);
    if (error == FL_LOG_CHANGED)
        fl_diag(LOG_CHANGED, FL_UINT("next", decider->position.next),
                FL_UINT("action", decider->head.action));
    decider->read_next = decider->position.next;
    if (error == FL_OK)
        error = fl_reader_open(journal, &source, 1, &decider->events);
    if (error == FL_OK)
        error =
            fl_action_queue_open(journal, decider->head.action, wake, decider, &decider->actions);
    if (error == FL_OK)
        error = fl_group_join(journal, "decider", "events", &decider->lease);
    return error;
}

static enum fl_error allocate(struct decider *decider)
{
    decider->hashes = calloc(FL_DECIDE_BATCH_COUNT_MAX, sizeof(*decider->hashes));
    decider->unread = calloc(UNREAD_COUNT_MAX, sizeof(*decider->unread));
    decider->sha = fl_sha256_open();
    fl_arena_init(&decider->arena, FL_DECIDE_ARENA_SIZE);
    if (decider->hashes == NULL || decider->unread == NULL)
        return FL_NO_MEMORY;
    return fl_appender_open(decider->duty->journal, decider->options.part_size, &decider->appender);
}

static void release(struct decider *decider)
{
    fl_appender_close(&decider->appender);
    fl_action_queue_close(&decider->actions);
    fl_reader_close(&decider->events);
    fl_group_leave(&decider->lease);
    if (decider->fold != NULL)
        decider->view->close(decider->fold);
    fl_store_close(&decider->store);
    fl_crash_guard_close(&decider->guard);
    fl_heartbeat_close(&decider->heartbeat);
    fl_sha256_close(&decider->sha);
    fl_arena_fini(&decider->arena);
    free(decider->hashes);
    free(decider->unread);
}

static bool may_decide(const struct decider *decider, bool held)
{
    return (held || decider->options.without_lease) && !decider->standing_by &&
           !decider->elsewhere && decider->position.next >= decider->target;
}

static bool may_go_on(void *context)
{
    struct decider *decider = context;
    fl_duty_beat(decider->duty);
    fl_heartbeat_beat(&decider->heartbeat);
    return !fl_duty_stopping(decider->duty);
}

/* Goes on with a rebuilt registry if one is asked for; it stands where this one does. */
static enum fl_error take_over(struct decider *decider)
{
    char views[PATH_MAX];
    bool switched = false;
    fl_datadir_path(decider->duty->datadir, "views", views);
    decider->takeover.view = decider->view;
    decider->takeover.journal = decider->duty->journal;
    decider->takeover.views_directory = views;
    decider->takeover.port = decider->duty->port;
    decider->takeover.map_size = fl_config_number(decider->duty->config, FL_SETTING_VIEW_MAP);
    decider->takeover.memory_max = VIEW_MEMORY_MAX;
    decider->takeover.may_go_on = may_go_on;
    decider->takeover.context = decider;
    enum fl_error error = fl_takeover_try(&decider->takeover, &decider->store, &switched);
    if (error == FL_OK && switched)
        decider->view->discard(decider->fold);
    return error;
}

/* Reads on; behind a batch that could not be applied, that batch again. */
static enum fl_error poll_events(struct decider *decider, int timeout_ms, struct fl_batch *batch)
{
    enum fl_error error = FL_OK;
    *batch = (struct fl_batch){.entries = NULL};
    if (decider->must_seek)
        error = fl_reader_seek(decider->events, 0, decider->read_next);
    if (error != FL_OK)
        return error;
    decider->must_seek = false;
    /* Own records are compared while they are in the cache; what others decided is committed by
     * the batch. */
    bool own = decider->read_next < decider->position.next;
    error =
        fl_reader_poll(decider->events, timeout_ms, own ? OWN_POLL_SIZE_MAX : POLL_SIZE_MAX, batch);
    return error == FL_INTERRUPTED ? FL_OK : error;
}

/* Reads what is there, up to about what one round decides, so that own records to be read again do
 * not pile up. */
static enum fl_error read_on(struct decider *decider, bool *was_idle)
{
    struct fl_batch batch;
    size_t count = 0;
    bool behind = false;
    enum fl_error error = FL_OK;
    do {
        error = poll_events(decider, *was_idle || behind ? WAIT_MS : 0, &batch);
        *was_idle = count == 0 && batch.count == 0;
        count += batch.count;
        if (error == FL_OK && batch.count > 0)
            error = fl_decider_follow(decider, &batch);
        /* By half of what it may be: rather wait than decide a few at a time. */
        behind = decider->position.next > decider->read_next + UNREAD_COUNT_MAX / 2 &&
                 !fl_duty_stopping(decider->duty);
    } while (error == FL_OK && (behind || (batch.count > 0 && count < FL_DECIDE_BATCH_COUNT_MAX)));
    return error;
}

/* One round: read what came, decide if it is our turn. */
static enum fl_error step(struct decider *decider, bool *was_idle)
{
    size_t count = 0;
    bool held = false;
    enum fl_error error = read_on(decider, was_idle);
    if (error == FL_OK)
        error = fl_group_poll(decider->lease, 0, &held);
    if (error == FL_OK && decider->moving)
        error = fl_decider_look_where(decider);
    if (error == FL_OK)
        error = take_over(decider);
    if (error == FL_OK && may_decide(decider, held)) {
        error = fl_decider_decide(decider, &count);
        *was_idle = *was_idle && count == 0 && decider->position.next >= decider->target;
    }
    return error;
}

/* RETRY: keep the position and back off. FULL: a full disk or map stops deciding, not reading. */
static bool can_go_on(struct decider *decider, enum fl_error error)
{
    enum fl_error_class class = fl_error_class(error);
    if (class == FL_CLASS_NONE)
        return true;
    if (class != FL_CLASS_RETRY && class != FL_CLASS_LIMIT)
        return false;
    if (class == FL_CLASS_LIMIT)
        fl_diag(STORE_FULL, FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", fl_journal_detail(decider->duty->journal)));
    else
        fl_diag(RETRY, FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", fl_journal_detail(decider->duty->journal)));
    fl_duty_wait(decider->duty, WAIT_MS);
    return true;
}

static enum fl_error run(struct decider *decider)
{
    bool was_idle = false;
    bool told = false;
    enum fl_error error = FL_OK;
    while (can_go_on(decider, error) && !fl_duty_stopping(decider->duty)) {
        (void)may_go_on(decider);
        if (!told && decider->position.next >= decider->target) {
            fl_duty_ready(decider->duty);
            told = true;
        }
        error = step(decider, &was_idle);
    }
    return fl_duty_stopping(decider->duty) ? FL_OK : error;
}

enum fl_error fl_decider_run(struct fl_duty *duty, const struct fl_decider_options *options)
{
    struct decider *decider = calloc(1, sizeof(*decider));
    if (decider == NULL)
        return FL_NO_MEMORY;
    decider->duty = duty;
    decider->heartbeat.descriptor = -1;
    if (options != NULL)
        decider->options = *options;
    if (decider->options.action_wait_ms == 0)
        decider->options.action_wait_ms = ACTION_WAIT_MS;
    decider->view = fl_registry_view();
    enum fl_error error = allocate(decider);
    if (error == FL_OK)
        error = open_store(decider);
    if (error == FL_OK)
        error = open_log(decider);
    while (fl_error_class(error) == FL_CLASS_RETRY && !fl_duty_wait(duty, WAIT_MS)) {
        fl_diag(RETRY, FL_TEXT("what", "journal"), FL_TEXT("error", fl_error_name(error)));
        fl_action_queue_close(&decider->actions);
        fl_reader_close(&decider->events);
        fl_group_leave(&decider->lease);
        error = open_log(decider);
    }
    if (error == FL_OK)
        error = run(decider);
    if (error != FL_OK)
        fl_diag(
            FAILED, FL_TEXT("error", fl_error_name(error)),
            FL_TEXT("detail", decider->detail[0] != '\0' ? decider->detail : fl_error_text(error)));
    release(decider);
    free(decider);
    return error;
}
