/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schemas/codec.h"
#include "schemas/envelope.h"

enum {
    LOG_ARENA_SIZE = 1024 * 1024 * 1024,
    VIEW_MEMORY = 64 * 1024 * 1024,
    FIRST_ENTRY_CAPACITY = 64
};

/* 2026-01-01T00:00:00Z */
#define START_MS INT64_C(1767225600000)

void world_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

void world_id(const char *kind, const char *name, char out[FL_ID_TEXT_SIZE])
{
    struct fl_slice part = fl_slice_text(name);
    fl_id_derive(kind, &part, 1, out);
}

void world_add_view(struct world *world, const struct fl_view *view)
{
    struct world_view *added = &world->views[world->view_count++];
    added->view = view;
    added->kv = fl_kv_memory_open();
    if (view->open(VIEW_MEMORY, &added->state) != FL_OK)
        world_fail("view %s does not open", view->name);
}

void world_init(struct world *world)
{
    memset(world, 0, sizeof(*world));
    fl_arena_init(&world->log_arena, LOG_ARENA_SIZE);
    fl_arena_init(&world->arena, FL_DECIDE_ARENA_SIZE);
    fl_arena_init(&world->other_arena, FL_DECIDE_ARENA_SIZE);
    world->sha = fl_sha256_open();
    fl_chain_init(&world->head);
    world->now_ms = START_MS;
    world_add_view(world, fl_registry_view());
}

void world_fini(struct world *world)
{
    for (size_t i = 0; i < world->view_count; i++) {
        world->views[i].view->close(world->views[i].state);
        fl_kv_memory_close(&world->views[i].kv);
    }
    fl_sha256_close(&world->sha);
    fl_arena_fini(&world->log_arena);
    fl_arena_fini(&world->arena);
    fl_arena_fini(&world->other_arena);
    free(world->entries);
}

static struct fl_record keep(struct world *world, const struct fl_record *record)
{
    struct fl_record copy;
    if (!fl_record_copy(&world->log_arena, record, &copy))
        world_fail("the log does not fit into memory");
    return copy;
}

struct fl_record world_action(struct world *world, const struct world_actor *actor, const char *id,
                              const ProtobufCMessage *message)
{
    char minted[FL_ID_TEXT_SIZE];
    char name[32];
    struct fl_record record;
    snprintf(name, sizeof(name), "%zu", world->entry_count);
    world_id("test-action", name, minted);
    struct fl_envelope envelope = {
        .id = fl_slice_text(id != NULL ? id : minted),
        .source = FL_SLICE_LITERAL("/fleetlog/test"),
        .actor = fl_slice_text(actor->actor),
        .on_behalf_of = fl_slice_text(actor->on_behalf_of),
        .company_id = fl_slice_text(actor->company_id),
        .time_ms = world->now_ms,
    };
    if (fl_action_encode(&world->log_arena, &envelope, message, &record) != FL_OK)
        world_fail("an action does not encode");
    return keep(world, &record);
}

static void check_views(struct world *world)
{
    char detail[FL_DETAIL_SIZE];
    for (size_t i = 0; i < world->view_count; i++)
        if (!world->views[i].view->check(world->views[i].kv, detail))
            world_fail("after %zu actions, view %s: %s", world->entry_count,
                       world->views[i].view->name, detail);
}

static void push(struct world *world, const struct fl_record *action, const struct fl_record *event)
{
    if (world->entry_count == world->entry_capacity) {
        world->entry_capacity =
            world->entry_capacity == 0 ? FIRST_ENTRY_CAPACITY : 2 * world->entry_capacity;
        world->entries = realloc(world->entries, world->entry_capacity * sizeof(*world->entries));
        if (world->entries == NULL)
            world_fail("no memory");
    }
    world->entries[world->entry_count++] =
        (struct world_entry){keep(world, action), keep(world, event)};
}

static void fold(struct world *world, const struct fl_view_input *input)
{
    char detail[FL_DETAIL_SIZE];
    for (size_t i = 0; i < world->view_count; i++) {
        struct world_view *view = &world->views[i];
        enum fl_error error = view->view->apply(view->state, view->kv, input, detail);
        view->view->flush(view->state, view->kv);
        if (error != FL_OK || view->kv->error != FL_OK)
            world_fail("view %s refuses %.*s: %s %s", view->view->name,
                       (int)input->envelope->type.size, (const char *)input->envelope->type.data,
                       fl_error_name(error), detail);
    }
}

static void check_second_decider(struct world *world, const struct fl_decide_input *input)
{
    struct fl_decision second;
    uint8_t hashes[2][FL_HASH_SIZE];
    fl_arena_reset(&world->other_arena);
    if (fl_decide(world->views[0].kv, &world->head, input, &world->other_arena, &second) != FL_OK)
        world_fail("a second decider fails");
    fl_record_hash(world->sha, &world->last.event, hashes[0]);
    fl_record_hash(world->sha, &second.event, hashes[1]);
    if (memcmp(hashes[0], hashes[1], FL_HASH_SIZE) != 0)
        world_fail("two deciders write different bytes");
}

bool world_step(struct world *world, const struct fl_record *action)
{
    uint8_t action_hash[FL_HASH_SIZE];
    uint8_t event_hash[FL_HASH_SIZE];
    struct fl_view_input view_input;
    fl_record_hash(world->sha, action, action_hash);
    struct fl_decide_input input = {world->entry_count, action, action_hash, world->rules};
    fl_arena_reset(&world->arena);
    world->last_error =
        fl_decide(world->views[0].kv, &world->head, &input, &world->arena, &world->last);
    if (world->last_error != FL_OK)
        return false;
    if (!world->skip_check)
        check_second_decider(world, &input);
    if (fl_chain_judge(&world->head, world->sha, &world->last.event, event_hash) != FL_CHAIN_VALID)
        world_fail("the answer does not extend the chain");
    fl_decision_view_input(&world->last, world->entry_count, &view_input);
    fold(world, &view_input);
    fl_chain_advance(&world->head, &world->last.event, world->entry_count, event_hash);
    push(world, action, &world->last.event);
    if (!world->skip_check)
        check_views(world);
    return true;
}

/* An input made of bytes alone, as a runner makes it. */
static void decode_entry(struct world *world, size_t index, struct fl_view_input *input,
                         struct fl_envelope envelopes[2])
{
    const struct world_entry *entry = &world->entries[index];
    const char *what;
    ProtobufCMessage *message;
    *input = (struct fl_view_input){.kind = FL_READS_EVENTS,
                                    .offset = index,
                                    .record = &entry->event,
                                    .envelope = &envelopes[0],
                                    .action = &entry->action};
    if (fl_envelope_read(&entry->event, &envelopes[0], &what) != FL_OK)
        world_fail("event %zu: header %s", index, what);
    if (envelopes[0].row == NULL || fl_message_decode(&world->arena, envelopes[0].row->descriptor,
                                                      entry->event.value, &message) != FL_OK)
        world_fail("event %zu does not decode", index);
    input->message = message;
    if (fl_envelope_read(&entry->action, &envelopes[1], &what) != FL_OK)
        return;
    input->action_envelope = &envelopes[1];
    if (envelopes[1].row != NULL && fl_message_decode(&world->arena, envelopes[1].row->descriptor,
                                                      entry->action.value, &message) == FL_OK)
        input->action_message = message;
}

static void compare(const struct fl_view *view, struct fl_kv *a, struct fl_kv *b)
{
    for (unsigned table = 0; table < view->table_count; table++) {
        struct fl_kv_walk walk[2];
        fl_kv_walk_begin(&walk[0], a, table, FL_SLICE_NULL);
        fl_kv_walk_begin(&walk[1], b, table, FL_SLICE_NULL);
        for (;;) {
            bool more = fl_kv_walk_next(&walk[0]);
            if (fl_kv_walk_next(&walk[1]) != more)
                world_fail("view %s: table %s differs in length", view->name, view->tables[table]);
            if (!more)
                break;
            if (!fl_slice_equal(walk[0].key, walk[1].key) ||
                !fl_slice_equal(walk[0].value, walk[1].value))
                world_fail("view %s: a row of table %s differs", view->name, view->tables[table]);
        }
    }
}

void world_refold(struct world *world)
{
    struct world fresh = *world;
    struct fl_envelope envelopes[2];
    struct fl_view_input input;
    fresh.view_count = 0;
    for (size_t i = 0; i < world->view_count; i++)
        world_add_view(&fresh, world->views[i].view);
    for (size_t i = 0; i < world->entry_count; i++) {
        fl_arena_reset(&fresh.arena);
        decode_entry(&fresh, i, &input, envelopes);
        fold(&fresh, &input);
    }
    world->arena = fresh.arena;
    check_views(&fresh);
    for (size_t i = 0; i < world->view_count; i++) {
        compare(world->views[i].view, world->views[i].kv, fresh.views[i].kv);
        fresh.views[i].view->close(fresh.views[i].state);
        fl_kv_memory_close(&fresh.views[i].kv);
    }
}

enum fl_message_type world_answer(const struct world *world)
{
    return world->last.envelope.row->type;
}

const Fleetlog__V1__ActionRejected *world_rejection(const struct world *world)
{
    return world_answer(world) == FL_MESSAGE_ActionRejected
               ? (const Fleetlog__V1__ActionRejected *)world->last.message
               : NULL;
}
