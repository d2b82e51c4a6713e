/* SPDX-License-Identifier: Apache-2.0 */
#include "replay/migrate/seal.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "consumers/decider/decider.h"
#include "consumers/runner/chain_reader.h"
#include "core/arena.h"
#include "fleetlog/v1/actions.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"
#include "projections/registry/registry.h"
#include "projections/store/store_reader.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"

enum { ARENA_BOUND = 1024 * 1024, POLL_MS = 200 };

struct sealing {
    const struct fl_duty *asked;
    const char *actor;
    const char *target_identity;
    char *detail;
    /* Where the registry stands before the decider starts. */
    struct fl_chain_head head;
    uint64_t next;
    /* What it and the events behind it say. */
    char log_id[FL_ID_TEXT_SIZE];
    char moved_to[FL_JOURNAL_IDENTITY_SIZE]; /* "": nowhere */
    struct fl_arena arena;
    /* The decider's thread. */
    struct fl_duty duty;
    pthread_t thread;
    bool running;
    _Atomic bool ended;
    enum fl_error result;
};

static enum fl_error say(struct sealing *s, enum fl_error error, const char *sentence)
{
    snprintf(s->detail, FL_MIGRATE_DETAIL_SIZE, "%s", sentence);
    return error;
}

/* The registry as the last decider left it; its environment is closed again before the decider of
 * this process opens it. */
static enum fl_error read_registry(struct sealing *s)
{
    char views[PATH_MAX];
    struct fl_store_reader *reader = NULL;
    struct fl_store_read read = {.kv = NULL};
    fl_chain_init(&s->head);
    fl_datadir_path(s->asked->datadir, "views", views);
    enum fl_error error = fl_store_open_reader(views, fl_registry_view(), s->asked->port, &reader);
    if (error == FL_OK)
        error = fl_store_read_begin(reader, &read);
    if (error == FL_OK) {
        const fl_log_row *row = fl_registry_log(read.kv, &s->arena);
        fl_meta_head(read.kv, &s->head);
        fl_meta_log_id(read.kv, s->log_id);
        s->next = fl_meta_position(read.kv, FL_TOPIC_EVENTS, 0).next;
        if (row != NULL)
            snprintf(s->moved_to, sizeof(s->moved_to), "%s", row->cluster_id);
        error = fl_store_read_end(&read);
    } else if (error == FL_UNAVAILABLE) {
        error = FL_OK; /* nothing was ever decided here */
    }
    fl_store_reader_close(&reader);
    return error == FL_OK ? FL_OK : say(s, error, "the registry cannot be read");
}

static void *run_decider(void *argument)
{
    struct sealing *s = argument;
    s->result = fl_decider_run(&s->duty, NULL);
    atomic_store(&s->ended, true);
    return NULL;
}

static enum fl_error start_decider(struct sealing *s)
{
    s->duty = (struct fl_duty){
        .name = "migrate",
        .config = s->asked->config,
        .datadir = s->asked->datadir,
        .journal = s->asked->journal,
        .port = s->asked->port,
        .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
        .supervisor_fd = -1,
        .watch_fd = -1,
    };
    if (s->duty.stop_fd < 0)
        return FL_IO;
    s->running = pthread_create(&s->thread, NULL, run_decider, s) == 0;
    return s->running ? FL_OK : say(s, FL_NO_MEMORY, "no thread for the decider");
}

static enum fl_error stop_decider(struct sealing *s, enum fl_error error)
{
    const uint64_t one = 1;
    if (s->running) {
        if (write(s->duty.stop_fd, &one, sizeof(one)) != sizeof(one))
            return FL_IO; /* it cannot be stopped: the process must end */
        pthread_join(s->thread, NULL);
        if (error == FL_OK || error == FL_TIMEOUT)
            error = s->result != FL_OK ? s->result : error;
    }
    if (s->duty.stop_fd > 0)
        close(s->duty.stop_fd);
    return error;
}

/* Looks at a valid event: the log's id, and where it goes. */
static enum fl_error look_at(struct sealing *s, const struct fl_chain_item *item)
{
    if (item->fault != NULL)
        return say(s, FL_INVALID, item->fault);
    if (item->message == NULL)
        return FL_OK;
    if (item->envelope.row->type == FL_MESSAGE_LogCreated)
        snprintf(s->log_id, sizeof(s->log_id), "%s",
                 ((const Fleetlog__V1__LogCreated *)item->message)->log_id);
    else if (item->envelope.row->type == FL_MESSAGE_LogMoved)
        snprintf(s->moved_to, sizeof(s->moved_to), "%s",
                 ((const Fleetlog__V1__LogMoved *)item->message)->cluster_id);
    return FL_OK;
}

/* Reads events until every action below `actions` is answered. */
static enum fl_error await_answers(struct sealing *s, struct fl_chain_reader *events,
                                   uint64_t actions)
{
    int64_t progress_ms = fl_port_monotonic_ms(s->asked->port);
    while (fl_chain_reader_head(events)->action < actions) {
        struct fl_chain_item item;
        bool got = false;
        int64_t now_ms = fl_port_monotonic_ms(s->asked->port);
        enum fl_error error = fl_chain_reader_next(events, POLL_MS, &item, &got);
        if (error != FL_OK)
            return say(s, error, fl_chain_reader_detail(events));
        if (got)
            progress_ms = now_ms;
        if (got && item.verdict == FL_CHAIN_VALID)
            error = look_at(s, &item);
        if (error != FL_OK)
            return error;
        if (!got && atomic_load(&s->ended))
            return say(s, s->result != FL_OK ? s->result : FL_INTERRUPTED,
                       "the decider of the source has ended");
        if (now_ms - progress_ms > FL_SEAL_WAIT_MS)
            return say(s, FL_TIMEOUT, "the decider of the source answers no more");
        if (fl_duty_stopping(s->asked))
            return FL_INTERRUPTED;
    }
    return FL_OK;
}

static enum fl_error append_move(struct sealing *s, uint64_t *offset)
{
    char id[FL_ID_TEXT_SIZE];
    struct fl_id_source ids;
    struct fl_record record;
    Fleetlog__V1__MoveLog message = FLEETLOG__V1__MOVE_LOG__INIT;
    fl_id_source_init(&ids, s->asked->port);
    fl_id_mint(&ids, id);
    message.cluster_id = s->target_identity;
    char *source = fl_arena_printf(&s->arena, "/fleetlog/%s/migrate/%s", s->log_id,
                                   s->asked->datadir->node_id);
    if (source == NULL)
        return FL_NO_MEMORY;
    struct fl_envelope envelope = {
        .id = fl_slice_text(id),
        .source = fl_slice_text(source),
        .actor = fl_slice_text(s->actor),
        .correlation_id = fl_slice_text(id),
        .time_ms = fl_port_wall_ms(s->asked->port),
    };
    enum fl_error error = fl_action_encode(&s->arena, &envelope, &message.base, &record);
    if (error != FL_OK)
        return say(s, error, "MoveLog cannot be encoded");
    struct fl_append batch = {.topic = "actions",
                              .count = 1,
                              .records = &record,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = offset};
    error = fl_journal_append(s->asked->journal, &batch, 1);
    return error == FL_OK ? FL_OK : say(s, error, fl_journal_detail(s->asked->journal));
}

/* With the decider at work: answers what is there, then moves the log unless that has happened. */
static enum fl_error move(struct sealing *s, struct fl_chain_reader *events)
{
    uint64_t begin;
    uint64_t end;
    uint64_t offset = FL_OFFSET_NONE;
    enum fl_error error = fl_journal_offsets(s->asked->journal, "actions", 0, &begin, &end);
    if (error == FL_OK)
        error = await_answers(s, events, end);
    if (error != FL_OK || strcmp(s->moved_to, s->target_identity) == 0)
        return error;
    error = append_move(s, &offset);
    if (error == FL_OK)
        error = await_answers(s, events, offset + 1);
    if (error == FL_OK && strcmp(s->moved_to, s->target_identity) != 0)
        return say(s, FL_DENIED, "the rules refused to move the log");
    return error;
}

static enum fl_error seal(struct sealing *s)
{
    char here[FL_JOURNAL_IDENTITY_SIZE];
    char detail[FL_DETAIL_SIZE] = "";
    struct fl_chain_reader *events = NULL;
    enum fl_error error = fl_journal_identity(s->asked->journal, here);
    if (error == FL_OK)
        error = read_registry(s);
    if (error != FL_OK || strcmp(s->moved_to, s->target_identity) == 0)
        return error;
    if (s->moved_to[0] != '\0' && strcmp(s->moved_to, here) != 0)
        return say(s, FL_EXISTS, "the source log has moved to another cluster before");
    error = start_decider(s);
    struct fl_chain_options options = {.journal = s->asked->journal, .head = s->head};
    if (error == FL_OK) {
        error = fl_chain_reader_open(&options, s->next, detail, &events);
        if (error != FL_OK)
            say(s, error, detail);
    }
    if (error == FL_OK)
        error = move(s, events);
    fl_chain_reader_close(&events);
    return stop_decider(s, error);
}

enum fl_error fl_migrate_seal(const struct fl_duty *duty, const char *actor,
                              const char *target_identity, char detail[FL_MIGRATE_DETAIL_SIZE])
{
    struct sealing s = {
        .asked = duty, .actor = actor, .target_identity = target_identity, .detail = detail};
    fl_arena_init(&s.arena, ARENA_BOUND);
    detail[0] = '\0';
    enum fl_error error = seal(&s);
    if (error != FL_OK && detail[0] == '\0')
        say(&s, error, fl_error_text(error));
    fl_arena_fini(&s.arena);
    return error;
}
