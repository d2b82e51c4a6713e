/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/timekeeper/timekeeper.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "consumers/timekeeper/firing.h"
#include "core/clock_guard.h"
#include "core/diag.h"
#include "core/fault_point.h"
#include "projections/registry/registry.h"
#include "projections/store/store_reader.h"

enum {
    PAUSE_MS = 1000, /* between two heartbeats, looks at the lease and at the clocks */
    ARENA_SIZE = 4 * 1024 * 1024,
};

struct timekeeper {
    struct fl_duty *duty;
    struct fl_store_reader *registry;
    struct fl_group *lease;
    struct fl_clock_guard clock;
    struct fl_firing *firing;
    struct fl_arena arena;
    struct fl_record records[FL_FIRING_COUNT_MAX];
    uint64_t offsets[FL_FIRING_COUNT_MAX];
    char log_id[FL_ID_TEXT_SIZE];
    bool held;        /* the lease */
    bool clock_known; /* the guard has had its first look */
    bool clock_held;
    bool settled; /* the registry has answered all that was on the log */
};

static int64_t wall_ms(const struct timekeeper *t)
{
    return fl_port_wall_ms(t->duty->port);
}

static int64_t monotonic_ms(const struct timekeeper *t)
{
    return fl_port_monotonic_ms(t->duty->port);
}

/* Waits for the next event or until `ms` are over. */
static enum fl_error await_event(struct timekeeper *t, uint64_t sequence, int64_t ms)
{
    enum fl_error error = fl_store_wait(t->registry, sequence, monotonic_ms(t) + ms);
    if (error == FL_TIMEOUT)
        return FL_OK;
    /* No rows yet, or none of this version: the decider is on its way. */
    if (error != FL_OK && error != FL_INTERRUPTED && fl_error_class(error) == FL_CLASS_RETRY)
        return fl_duty_wait(t->duty, PAUSE_MS) ? FL_INTERRUPTED : FL_OK;
    return error;
}

/* True while nothing may fire. */
static bool is_clock_held(struct timekeeper *t, int64_t head_ms)
{
    struct fl_clock_look look = {
        .wall_ms = wall_ms(t),
        .monotonic_ms = monotonic_ms(t),
        .head_ms = head_ms,
        .is_synchronised = fl_clock_is_synchronised,
    };
    int64_t ahead_ms = look.wall_ms - head_ms;
    if (!t->clock_known)
        fl_clock_guard_start(&t->clock, &look);
    t->clock_known = true;
    /* The log has come to this time by itself: somebody whose clock was accepted. */
    if (t->clock.held && ahead_ms >= -FL_CLOCK_JUMP_MS_MAX && ahead_ms <= FL_CLOCK_JUMP_MS_MAX)
        fl_clock_guard_accept(&t->clock, &look);
    bool held = fl_clock_guard_is_held(&t->clock, &look);
    if (held && !t->clock_held)
        fl_diag(CLOCK, FL_TEXT("timekeeper", "held"));
    else if (!held && t->clock_held)
        fl_diag(INTAKE, FL_TEXT("timekeeper", "open"));
    t->clock_held = held;
    return held;
}

/* What others and an earlier life have appended is answered first. */
static enum fl_error settle_log(struct timekeeper *t)
{
    uint64_t begin = 0;
    uint64_t end = 0;
    enum fl_error error = fl_journal_offsets(t->duty->journal, "actions", 0, &begin, &end);
    /* Each action has one event, so that its offset is that event's sequence. */
    if (error == FL_OK && end != 0)
        error = fl_store_wait(t->registry, end - 1, monotonic_ms(t) + PAUSE_MS);
    t->settled = error == FL_OK;
    return error == FL_TIMEOUT ? FL_OK : error;
}

static enum fl_error gather(struct timekeeper *t, int64_t now_ms)
{
    struct fl_store_read read;
    enum fl_error error = fl_store_read_begin(t->registry, &read);
    if (error != FL_OK)
        return error;
    fl_firing_gather(t->firing, read.kv, now_ms, monotonic_ms(t));
    const fl_log_row *log = fl_registry_log(read.kv, &t->arena);
    if (log != NULL)
        (void)fl_slice_to_text(fl_slice_text(log->log_id), t->log_id, sizeof(t->log_id));
    return fl_store_read_end(&read);
}

static enum fl_error append(struct timekeeper *t, int64_t now_ms)
{
    struct fl_append batch = {
        .topic = "actions",
        .count = (uint32_t)t->firing->count,
        .records = t->records,
        .expected_offset = FL_OFFSET_NONE,
        .offsets = t->offsets,
    };
    for (size_t i = 0; i < t->firing->count; i++) {
        enum fl_error error = fl_firing_encode(&t->arena, &t->firing->batch[i], t->log_id,
                                               t->duty->datadir->node_id, now_ms, &t->records[i]);
        if (error != FL_OK)
            return error;
    }
    fl_fault_point("timekeeper.before_append");
    enum fl_error error = fl_journal_append(t->duty->journal, &batch, 1);
    fl_fault_point("timekeeper.appended");
    return error;
}

/* Fires the batch, and waits until the registry has answered it. */
static enum fl_error fire(struct timekeeper *t, int64_t now_ms)
{
    struct fl_store_read read;
    size_t count = t->firing->count;
    enum fl_error error = append(t, now_ms);
    t->settled = false;
    if (error == FL_OK)
        error = fl_store_wait(t->registry, t->offsets[count - 1], monotonic_ms(t) + PAUSE_MS);
    if (error != FL_OK)
        return error == FL_TIMEOUT ? FL_OK : error;
    t->settled = true;
    error = fl_store_read_begin(t->registry, &read);
    if (error != FL_OK)
        return error;
    size_t standing = fl_firing_settle(t->firing, read.kv, monotonic_ms(t));
    error = fl_store_read_end(&read);
    if (standing == 0 || error != FL_OK)
        return error;
    fl_diag(DUE_STANDING, FL_INT("count", (int64_t)standing));
    return fl_duty_wait(t->duty, PAUSE_MS) ? FL_INTERRUPTED : FL_OK;
}

/* One turn; waits for at most PAUSE_MS. */
static enum fl_error turn(struct timekeeper *t)
{
    struct fl_chain_head head = {.sequence = 0};
    bool held = false;
    fl_arena_reset(&t->arena);
    enum fl_error error = fl_group_poll(t->lease, t->held ? 0 : PAUSE_MS, &held);
    held = held && error == FL_OK;
    if (held && !t->held)
        t->settled = false;
    t->held = held;
    if (error != FL_OK || !held)
        return error;
    error = fl_store_reader_head(t->registry, &head);
    if (error != FL_OK || is_clock_held(t, head.time_ms))
        return error != FL_OK ? error : await_event(t, head.sequence, PAUSE_MS);
    if (!t->settled)
        error = settle_log(t);
    if (error != FL_OK || !t->settled)
        return error;
    int64_t now_ms = wall_ms(t);
    error = gather(t, now_ms);
    if (error != FL_OK)
        return error;
    if (t->firing->count != 0)
        return fire(t, now_ms);
    int64_t next_ms = t->firing->next_ms == 0 ? PAUSE_MS : t->firing->next_ms - now_ms;
    return await_event(t, head.sequence, next_ms < PAUSE_MS ? next_ms : PAUSE_MS);
}

static void on_stop(void *context)
{
    fl_store_reader_wake(context);
}

static enum fl_error open_all(struct timekeeper *t)
{
    struct fl_duty *duty = t->duty;
    char views[PATH_MAX];
    fl_arena_init(&t->arena, ARENA_SIZE);
    t->firing = malloc(sizeof(*t->firing));
    if (t->firing == NULL)
        return FL_NO_MEMORY;
    fl_firing_init(t->firing);
    fl_datadir_path(duty->datadir, "views", views);
    enum fl_error error = fl_store_open_reader(views, fl_registry_view(), duty->port, &t->registry);
    if (error == FL_OK)
        error = fl_duty_watch(duty, on_stop, t->registry);
    if (error == FL_OK)
        error = fl_group_join(duty->journal, "timekeeper", "events", &t->lease);
    while (fl_error_class(error) == FL_CLASS_RETRY && !fl_duty_wait(duty, PAUSE_MS)) {
        fl_diag(RETRY, FL_TEXT("group", "timekeeper"), FL_TEXT("error", fl_error_name(error)));
        error = fl_group_join(duty->journal, "timekeeper", "events", &t->lease);
    }
    return error;
}

static void close_all(struct timekeeper *t)
{
    fl_duty_unwatch(t->duty);
    fl_group_leave(&t->lease);
    fl_store_reader_close(&t->registry);
    fl_arena_fini(&t->arena);
    free(t->firing);
}

enum fl_error fl_timekeeper_run(struct fl_duty *duty)
{
    struct timekeeper *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return FL_NO_MEMORY;
    t->duty = duty;
    enum fl_error error = open_all(t);
    if (error == FL_OK)
        fl_duty_ready(duty);
    while (error == FL_OK && !fl_duty_stopping(duty)) {
        fl_duty_beat(duty);
        error = turn(t);
        enum fl_error_class class = fl_error_class(error);
        if (error == FL_INTERRUPTED || (class != FL_CLASS_RETRY && class != FL_CLASS_LIMIT))
            continue;
        /* What landed and what did not shows when the registry has answered it. */
        fl_diag(RETRY, FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", fl_journal_detail(duty->journal)));
        t->settled = false;
        error = fl_duty_wait(duty, PAUSE_MS) ? FL_INTERRUPTED : FL_OK;
    }
    if (error == FL_INTERRUPTED && fl_duty_stopping(duty))
        error = FL_OK;
    if (error != FL_OK)
        fl_diag(FAILED, FL_TEXT("error", fl_error_name(error)),
                FL_TEXT("detail", fl_journal_detail(duty->journal)));
    close_all(t);
    free(t);
    return error;
}
