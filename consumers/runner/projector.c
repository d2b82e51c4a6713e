/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/runner/projector.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "consumers/runner/feed.h"
#include "consumers/runner/heartbeat.h"
#include "consumers/runner/takeover.h"
#include "core/diag.h"
#include "core/fault_point.h"
#include "projections/store/store.h"

enum {
    POLL_MS = 1000,
    UNDER_WAY_MS = 100,
    POLL_SIZE_MAX = 8 * 1024 * 1024,
    MEMORY_MAX = 512 * 1024 * 1024,
};

struct fl_projector {
    struct fl_projector_options options;
    struct fl_store *store;
    struct fl_feed *feed;
    struct fl_kv *kv; /* NULL: no transaction is open */
    size_t *index_of; /* the reader's sources -> the feed's */
    struct fl_heartbeat heartbeat;
    int64_t committed_ms; /* monotonic */
    int64_t event_ms;     /* when the first uncommitted event was taken; 0: none */
    int backoff_ms;
    struct fl_takeover takeover;
    bool full_was_said;
    /* What stop touches, from another thread. */
    pthread_mutex_t mutex;
    struct fl_reader *reader;
    bool stopping;
    int stop_event;
    pthread_t watcher;
    bool has_watcher;
    char detail[FL_DETAIL_SIZE];
};

static enum fl_error fail(struct fl_projector *projector, enum fl_error error, const char *what)
{
    snprintf(projector->detail, sizeof(projector->detail), "%s", what);
    return error;
}

static int64_t now_ms(const struct fl_projector *projector)
{
    return fl_port_monotonic_ms(projector->options.port);
}

static bool is_stopping(struct fl_projector *projector)
{
    pthread_mutex_lock(&projector->mutex);
    bool stopping = projector->stopping;
    pthread_mutex_unlock(&projector->mutex);
    return stopping;
}

void fl_projector_stop(struct fl_projector *projector)
{
    uint64_t one = 1;
    pthread_mutex_lock(&projector->mutex);
    projector->stopping = true;
    if (projector->reader != NULL)
        fl_reader_wake(projector->reader);
    pthread_mutex_unlock(&projector->mutex);
    ssize_t written = write(projector->stop_event, &one, sizeof(one));
    (void)written; /* a full counter is as readable */
}

/* Turns the duty's stop into ours, so that a poll of the journal ends at once. */
static void *watch_duty(void *argument)
{
    struct fl_projector *projector = argument;
    struct pollfd fds[2] = {{projector->options.duty->stop_fd, POLLIN, 0},
                            {projector->stop_event, POLLIN, 0}};
    while (poll(fds, 2, -1) < 0 && errno == EINTR)
        continue;
    if ((fds[0].revents & POLLIN) != 0)
        fl_projector_stop(projector);
    return NULL;
}

static void beat(struct fl_projector *projector)
{
    if (projector->options.duty != NULL)
        fl_duty_beat(projector->options.duty);
    fl_heartbeat_beat(&projector->heartbeat);
}

/* Waits for a stop for at most `timeout_ms`; true if it came. */
static bool wait_stop(struct fl_projector *projector, int timeout_ms)
{
    struct pollfd fd = {projector->stop_event, POLLIN, 0};
    beat(projector);
    (void)poll(&fd, 1, timeout_ms);
    return is_stopping(projector);
}

static void back_off(struct fl_projector *projector, enum fl_error error, const char *what)
{
    fl_diag(RETRY, FL_TEXT("view", projector->options.view->name),
            FL_TEXT("error", fl_error_name(error)), FL_TEXT("detail", what));
    projector->backoff_ms =
        projector->backoff_ms == 0 ? FL_PROJECTOR_BACKOFF_MS_MIN : 2 * projector->backoff_ms;
    if (projector->backoff_ms > FL_PROJECTOR_BACKOFF_MS_MAX)
        projector->backoff_ms = FL_PROJECTOR_BACKOFF_MS_MAX;
    wait_stop(projector, projector->backoff_ms);
}

static bool may_go_on(void *context)
{
    beat(context);
    return !is_stopping(context);
}

static enum fl_error open_store(struct fl_projector *projector)
{
    struct fl_store_options options = {
        .views_directory = projector->options.views_directory,
        .view = projector->options.view,
        .map_size = projector->options.map_size,
        .lock_wait_ms = projector->options.lock_wait_ms,
        .port = projector->options.port,
        .detail = projector->detail,
    };
    projector->takeover = (struct fl_takeover){
        .view = projector->options.view,
        .journal = projector->options.journal,
        .views_directory = projector->options.views_directory,
        .port = projector->options.port,
        .map_size = projector->options.map_size,
        .memory_max = projector->options.memory_max,
        .may_go_on = may_go_on,
        .context = projector,
    };
    return fl_takeover_open(&options, &projector->store);
}

enum fl_error fl_projector_open(const struct fl_projector_options *options, char *detail,
                                struct fl_projector **out)
{
    struct fl_projector *projector = calloc(1, sizeof(*projector));
    if (projector == NULL)
        return FL_NO_MEMORY;
    projector->options = *options;
    if (options->memory_max == 0)
        projector->options.memory_max = MEMORY_MAX;
    if (options->coalesce_ms == 0)
        projector->options.coalesce_ms = FL_PROJECTOR_COALESCE_MS;
    if (options->record_count_max == 0)
        projector->options.record_count_max = FL_PROJECTOR_RECORD_COUNT_MAX;
    pthread_mutex_init(&projector->mutex, NULL);
    projector->heartbeat.descriptor = -1;
    projector->stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum fl_error error = projector->stop_event < 0 ? FL_FULL : open_store(projector);
    if (error == FL_OK)
        error = fl_heartbeat_open(&projector->heartbeat, fl_store_versions(projector->store)->path,
                                  options->port);
    if (error == FL_OK && options->duty != NULL) {
        projector->has_watcher =
            pthread_create(&projector->watcher, NULL, watch_duty, projector) == 0;
        error = projector->has_watcher ? FL_OK : FL_NO_MEMORY;
    }
    if (error == FL_OK) {
        *out = projector;
        return FL_OK;
    }
    if (detail != NULL)
        memcpy(detail, projector->detail, sizeof(projector->detail));
    fl_projector_close(&projector);
    return error;
}

static void close_reader(struct fl_projector *projector)
{
    pthread_mutex_lock(&projector->mutex);
    struct fl_reader *reader = projector->reader;
    projector->reader = NULL;
    pthread_mutex_unlock(&projector->mutex);
    fl_reader_close(&reader);
}

void fl_projector_close(struct fl_projector **out)
{
    struct fl_projector *projector = *out;
    if (projector == NULL)
        return;
    if (projector->has_watcher) {
        fl_projector_stop(projector);
        pthread_join(projector->watcher, NULL);
    }
    close_reader(projector);
    fl_feed_close(&projector->feed);
    fl_store_close(&projector->store);
    fl_heartbeat_close(&projector->heartbeat);
    if (projector->stop_event >= 0)
        close(projector->stop_event);
    pthread_mutex_destroy(&projector->mutex);
    free(projector->index_of);
    free(projector);
    *out = NULL;
}

/* Begins the batch's transaction; on a full disk it waits for room first. */
static enum fl_error begin(struct fl_projector *projector)
{
    if (projector->kv != NULL)
        return FL_OK;
    while (!fl_store_has_room(projector->store)) {
        if (!projector->full_was_said)
            fl_diag(STORE_FULL, FL_TEXT("view", projector->options.view->name));
        projector->full_was_said = true;
        if (wait_stop(projector, POLL_MS))
            return fail(projector, FL_INTERRUPTED, "stopped while the disk was full");
    }
    projector->full_was_said = false;
    enum fl_error error = fl_store_begin(projector->store);
    if (error != FL_OK)
        return fail(projector, error, "a transaction cannot be begun");
    projector->kv = fl_store_kv(projector->store);
    return FL_OK;
}

static void abort_batch(struct fl_projector *projector)
{
    fl_store_abort(projector->store);
    projector->kv = NULL;
}

static enum fl_error commit(struct fl_projector *projector)
{
    if (projector->kv == NULL)
        return FL_OK;
    fl_fault_point("projector.before_flush");
    enum fl_error error = fl_feed_flush(projector->feed, projector->kv);
    if (error != FL_OK) {
        abort_batch(projector);
        return fail(projector, error, fl_feed_detail(projector->feed));
    }
    fl_fault_point("projector.after_flush");
    const struct fl_projector_hooks *hooks = projector->options.hooks;
    if (hooks != NULL && hooks->committing != NULL)
        error = hooks->committing(hooks->context, fl_feed_state(projector->feed), projector->kv);
    if (error != FL_OK) {
        abort_batch(projector);
        return fail(projector, error, fl_error_text(error));
    }
    projector->kv = NULL;
    error = fl_store_commit(projector->store);
    if (error != FL_OK)
        return fail(projector, error, "the commit failed");
    projector->committed_ms = now_ms(projector);
    projector->event_ms = 0;
    if (projector->options.committed != NULL)
        projector->options.committed(projector->options.context, fl_feed_head(projector->feed));
    return FL_OK;
}

/* Loads the state, compares it with the log and opens the reader at it. */
static enum fl_error start_reading(struct fl_projector *projector)
{
    struct fl_reader *reader = NULL;
    close_reader(projector);
    enum fl_error error = begin(projector);
    if (error != FL_OK)
        return error;
    error = fl_feed_load(projector->feed, projector->kv);
    if (error == FL_OK)
        error = fl_feed_check_log(projector->feed, projector->kv);
    if (error != FL_OK) {
        abort_batch(projector);
        return fail(projector, error, fl_feed_detail(projector->feed));
    }
    const struct fl_projector_hooks *hooks = projector->options.hooks;
    if (hooks != NULL && hooks->loaded != NULL)
        error = hooks->loaded(hooks->context, fl_feed_state(projector->feed), projector->kv);
    if (error != FL_OK) {
        abort_batch(projector);
        return fail(projector, error, fl_error_text(error));
    }
    error = commit(projector);
    if (error != FL_OK)
        return error;
    error = fl_feed_open_reader(projector->feed, NULL, projector->index_of, &reader);
    if (error != FL_OK)
        return fail(projector, error, fl_feed_detail(projector->feed));
    pthread_mutex_lock(&projector->mutex);
    projector->reader = reader;
    pthread_mutex_unlock(&projector->mutex);
    return FL_OK;
}

/* Applies one record, again and again while the journal cannot give its action. */
static enum fl_error take(struct fl_projector *projector, const struct fl_entry *entry)
{
    for (;;) {
        enum fl_error error = begin(projector);
        if (error != FL_OK)
            return error;
        error = fl_feed_take(projector->feed, projector->kv, projector->index_of[entry->source],
                             entry->offset, &entry->record);
        if (error == FL_OK)
            return FL_OK;
        fail(projector, error, fl_feed_detail(projector->feed));
        if (fl_error_class(error) != FL_CLASS_RETRY)
            return error;
        back_off(projector, error, projector->detail);
        if (is_stopping(projector))
            return FL_INTERRUPTED;
    }
}

/* An event cannot be folded: what came before it counts, then the end. */
static enum fl_error stop_at(struct fl_projector *projector, enum fl_error error)
{
    char detail[FL_DETAIL_SIZE];
    memcpy(detail, projector->detail, sizeof(detail));
    if (fl_error_class(error) != FL_CLASS_REJECT && error != FL_VERSION &&
        error != FL_INTERRUPTED) {
        abort_batch(projector);
        return error;
    }
    enum fl_error committed = commit(projector);
    if (committed != FL_OK)
        return committed;
    memcpy(projector->detail, detail, sizeof(detail));
    return error;
}

static enum fl_error take_batch(struct fl_projector *projector, const struct fl_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        fl_feed_prefetch(projector->feed, batch, i);
        enum fl_error error = take(projector, &batch->entries[i]);
        if (error != FL_OK)
            return stop_at(projector, error);
        fl_fault_point("projector.taken");
        struct fl_feed_pending pending = fl_feed_pending(projector->feed);
        if (pending.event_count != 0 && projector->event_ms == 0)
            projector->event_ms = now_ms(projector);
        if (pending.record_count >= projector->options.record_count_max ||
            pending.size >= FL_PROJECTOR_SIZE_MAX || fl_feed_is_full(projector->feed)) {
            error = commit(projector);
            if (error != FL_OK)
                return error;
            beat(projector);
        }
    }
    fl_feed_settle(projector->feed);
    return FL_OK;
}

/* When the open batch has to be committed at the latest once the log has run dry, monotonic. */
static int64_t due_ms(const struct fl_projector *projector, struct fl_feed_pending pending)
{
    return pending.event_count != 0 ? projector->event_ms + FL_PROJECTOR_EVENT_WAIT_MS
                                    : projector->committed_ms + projector->options.coalesce_ms;
}

static int poll_timeout_ms(const struct fl_projector *projector)
{
    struct fl_feed_pending pending = fl_feed_pending(projector->feed);
    if (projector->kv == NULL || pending.record_count == 0)
        return POLL_MS;
    /* Overdue and not dry: the next records are under way, so that a look alone would say no. */
    int64_t left_ms = due_ms(projector, pending) - now_ms(projector);
    return left_ms > POLL_MS ? POLL_MS : left_ms > 0 ? (int)left_ms : UNDER_WAY_MS;
}

/* An event is committed when the log runs dry, or soon; telemetry when it runs dry and some time
 * has gone by: in a backlog the batch grows until it is full, or old. */
static bool is_due(const struct fl_projector *projector, bool dry)
{
    struct fl_feed_pending pending = fl_feed_pending(projector->feed);
    if (projector->kv == NULL || pending.record_count == 0)
        return false;
    if (pending.event_count != 0 && dry)
        return true;
    int64_t now = now_ms(projector);
    if ((pending.event_count != 0 || dry) && now >= due_ms(projector, pending))
        return true;
    return now >= projector->committed_ms + FL_PROJECTOR_BACKLOG_MS;
}

/* Goes on with a rebuilt version if one is asked for: the position is the same, the memory new. */
static enum fl_error take_over(struct fl_projector *projector)
{
    bool switched = false;
    enum fl_error error = fl_takeover_try(&projector->takeover, &projector->store, &switched);
    if (error != FL_OK || !switched)
        return error;
    error = begin(projector);
    if (error == FL_OK)
        error = fl_feed_load(projector->feed, projector->kv);
    abort_batch(projector);
    return error;
}

static enum fl_error poll_failed(struct fl_projector *projector, enum fl_error error)
{
    if (error == FL_INTERRUPTED)
        return FL_OK;
    fail(projector, error, fl_journal_detail(projector->options.journal));
    if (error == FL_LOG_BEHIND) {
        error = commit(projector);
        return error == FL_OK ? start_reading(projector) : error;
    }
    if (fl_error_class(error) != FL_CLASS_RETRY) {
        abort_batch(projector);
        return error;
    }
    back_off(projector, error, projector->detail);
    return commit(projector);
}

static enum fl_error run_once(struct fl_projector *projector)
{
    struct fl_batch batch = {0};
    const struct fl_projector_hooks *hooks = projector->options.hooks;
    beat(projector);
    enum fl_error error = FL_OK;
    if (hooks != NULL && hooks->round != NULL)
        error = hooks->round(hooks->context);
    if (error != FL_OK)
        return fail(projector, error, fl_error_text(error));
    error = fl_reader_poll(projector->reader, poll_timeout_ms(projector), POLL_SIZE_MAX, &batch);
    if (error != FL_OK)
        return poll_failed(projector, error);
    projector->backoff_ms = 0;
    error = take_batch(projector, &batch);
    if (error == FL_OK && is_due(projector, batch.count == 0 || batch.at_end))
        error = commit(projector);
    if (error == FL_OK && projector->kv == NULL)
        error = take_over(projector);
    return error;
}

static enum fl_error start(struct fl_projector *projector)
{
    struct fl_feed_options options = {projector->options.view, projector->options.journal,
                                      projector->options.memory_max};
    enum fl_error error = fl_feed_open(&options, projector->detail, &projector->feed);
    if (error != FL_OK)
        return error;
    projector->index_of =
        calloc(fl_feed_source_count(projector->feed), sizeof(*projector->index_of));
    if (projector->index_of == NULL)
        return FL_NO_MEMORY;
    error = start_reading(projector);
    while (fl_error_class(error) == FL_CLASS_RETRY && !is_stopping(projector)) {
        back_off(projector, error, projector->detail);
        error = is_stopping(projector) ? FL_INTERRUPTED : start_reading(projector);
    }
    return error;
}

enum fl_error fl_projector_run(struct fl_projector *projector)
{
    enum fl_error error = start(projector);
    if (error == FL_OK && projector->options.duty != NULL)
        fl_duty_ready(projector->options.duty);
    while (error == FL_OK && !is_stopping(projector))
        error = run_once(projector);
    if (error == FL_INTERRUPTED && is_stopping(projector))
        error = FL_OK;
    if (error == FL_OK && projector->kv != NULL)
        error = commit(projector);
    if (error == FL_INTERRUPTED && is_stopping(projector))
        error = FL_OK; /* a hook gave up waiting: what it waited for is read again next time */
    if (error == FL_OK)
        return FL_OK;
    if (projector->kv != NULL)
        abort_batch(projector);
    if (fl_error_class(error) == FL_CLASS_LIMIT)
        fl_diag(STORE_FULL, FL_TEXT("view", projector->options.view->name),
                FL_TEXT("error", fl_error_name(error)));
    return error;
}

void fl_projector_beat(struct fl_projector *projector)
{
    beat(projector);
}

bool fl_projector_stopping(struct fl_projector *projector)
{
    return is_stopping(projector);
}

const char *fl_projector_detail(const struct fl_projector *projector)
{
    return projector->detail;
}

enum fl_error fl_project(struct fl_duty *duty, const struct fl_view *view, uint64_t map_size,
                         size_t memory_max)
{
    char views[PATH_MAX];
    char detail[FL_DETAIL_SIZE] = "";
    struct fl_projector *projector = NULL;
    fl_datadir_path(duty->datadir, "views", views);
    struct fl_projector_options options = {
        .view = view,
        .journal = duty->journal,
        .views_directory = views,
        .port = duty->port,
        .map_size = map_size,
        .memory_max = memory_max,
        .coalesce_ms = (int)fl_config_number(duty->config, FL_SETTING_COMMIT_INTERVAL),
        .lock_wait_ms = FL_PROJECTOR_LOCK_MS,
        .duty = duty,
    };
    enum fl_error error = fl_projector_open(&options, detail, &projector);
    if (error == FL_OK) {
        error = fl_projector_run(projector);
        snprintf(detail, sizeof(detail), "%s", fl_projector_detail(projector));
    }
    if (error != FL_OK)
        fl_diag(FAILED, FL_TEXT("view", view->name), FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", detail));
    fl_projector_close(&projector);
    return error;
}
