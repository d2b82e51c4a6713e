/* SPDX-License-Identifier: Apache-2.0 */
#include "consumers/keeper/keeper_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/diag.h"
#include "core/fault_point.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"

enum { LEASE_MS = 0 };

enum fl_error fl_privacy_act(struct fl_privacy *keeper, const char *actor,
                             const ProtobufCMessage *message)
{
    struct fl_record record;
    uint64_t offset = FL_OFFSET_NONE;
    char id[FL_ID_TEXT_SIZE];
    fl_id_mint(&keeper->ids, id);
    char *source = fl_arena_printf(&keeper->arena, "/fleetlog/%s/keep/%s", keeper->log_id,
                                   keeper->duty->datadir->node_id);
    if (source == NULL)
        return FL_NO_MEMORY;
    struct fl_envelope envelope = {
        .id = fl_slice_text(id),
        .source = fl_slice_text(source),
        .actor = fl_slice_text(actor),
        .correlation_id = fl_slice_text(id),
        .time_ms = fl_port_wall_ms(keeper->duty->port),
    };
    enum fl_error error = fl_action_encode(&keeper->arena, &envelope, message, &record);
    struct fl_append batch = {.topic = "actions",
                              .count = 1,
                              .records = &record,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = &offset};
    if (error == FL_OK)
        error = fl_journal_append(keeper->duty->journal, &batch, 1);
    fl_duty_beat(keeper->duty);
    if (error == FL_OK)
        error = fl_store_wait(keeper->registry, offset,
                              fl_port_monotonic_ms(keeper->duty->port) + (int64_t)KEEPER_WAIT_MS);
    return error;
}

enum fl_error fl_privacy_append_subjects(struct fl_privacy *keeper, const struct fl_record *records,
                                         uint32_t count)
{
    uint64_t begin = 0;
    struct fl_journal *journal = keeper->duty->journal;
    uint64_t *offsets = fl_arena_calloc(&keeper->arena, count, sizeof(*offsets));
    if (offsets == NULL)
        return FL_NO_MEMORY;
    struct fl_append batch = {.topic = "subjects",
                              .count = count,
                              .records = records,
                              .expected_offset = FL_OFFSET_NONE,
                              .offsets = offsets};
    enum fl_error error = fl_journal_append(journal, &batch, 1);
    fl_duty_beat(keeper->duty);
    return error != FL_OK ? error
                          : fl_journal_offsets(journal, "subjects", 0, &begin, &keeper->removed_at);
}

bool fl_privacy_removal(struct fl_privacy *keeper, const char *subject_id, uint64_t revision,
                        struct fl_record *record)
{
    char *key =
        fl_arena_printf(&keeper->arena, "%s/%llu", subject_id, (unsigned long long)revision);
    *record = (struct fl_record){.key = fl_slice_text(key == NULL ? "" : key),
                                 .value = FL_SLICE_NULL,
                                 .timestamp_ms = fl_port_wall_ms(keeper->duty->port)};
    return key != NULL;
}

/* False while the person has still to be told that he is erased. */
static bool may_remove(struct fl_privacy *keeper, struct fl_kv *people, struct fl_kv *registry,
                       const char *subject_id)
{
    return !fl_people_is_erased(people, fl_slice_text(subject_id)) ||
           !fl_privacy_awaits_mail(keeper, registry, &keeper->arena, subject_id);
}

/* Profiles that nobody will name any more, as one snapshot of the people view says. */
static enum fl_error remove_some(struct fl_privacy *keeper, bool *more)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_store_read registry = {.kv = NULL};
    struct fl_chain_head head;
    char subject_id[FL_ID_TEXT_SIZE];
    uint64_t revision = 0;
    uint32_t count = 0;
    struct fl_record *records =
        fl_arena_calloc(&keeper->arena, KEEPER_REMOVAL_COUNT_MAX, sizeof(*records));
    if (records == NULL)
        return FL_NO_MEMORY;
    enum fl_error error = fl_store_read_begin(keeper->registry, &registry);
    if (error == FL_OK)
        error = fl_store_read_begin(keeper->people, &read);
    if (error != FL_OK) {
        (void)fl_store_read_end(&registry);
        return error;
    }
    /* What was removed last is in the view before anything is looked at again. */
    bool is_behind = fl_meta_position(read.kv, FL_TOPIC_SUBJECTS, 0).next < keeper->removed_at;
    fl_meta_head(read.kv, &head);
    keeper->walk.look_count = is_behind ? 0 : KEEPER_LOOK_COUNT;
    while (count < KEEPER_REMOVAL_COUNT_MAX &&
           fl_people_next_due(read.kv, &keeper->walk, head.time_ms, subject_id, &revision))
        if (may_remove(keeper, read.kv, registry.kv, subject_id) &&
            !fl_privacy_removal(keeper, subject_id, revision, &records[count++]))
            fl_kv_fail(read.kv, FL_NO_MEMORY);
    error = fl_store_read_end(&read);
    enum fl_error ended = fl_store_read_end(&registry);
    error = error != FL_OK ? error : ended;
    if (error == FL_OK && count != 0)
        error = fl_privacy_append_subjects(keeper, records, count);
    if (count != 0)
        fl_fault_point("keeper.removed");
    if (keeper->walk.done)
        keeper->walk = (struct fl_people_walk){.done = false};
    else if (!is_behind)
        *more = true;
    return error;
}

static enum fl_error serve_lease(struct fl_privacy *keeper)
{
    enum fl_error error = FL_OK;
    if (keeper->lease == NULL)
        error = fl_group_join(keeper->duty->journal, "keeper", "events", &keeper->lease);
    if (error == FL_OK)
        error = fl_group_poll(keeper->lease, LEASE_MS, &keeper->held);
    if (error != FL_OK)
        keeper->held = false;
    return error;
}

enum fl_error fl_privacy_step(struct fl_privacy *keeper, bool *more)
{
    struct epochs_now now;
    *more = false;
    keeper->waits_for[0] = '\0';
    fl_arena_reset(&keeper->arena);
    enum fl_error error = serve_lease(keeper);
    if (error == FL_OK)
        error = fl_privacy_keys(keeper);
    if (error == FL_OK)
        error = fl_privacy_look(keeper, &now);
    if (error == FL_OK && keeper->held)
        error = remove_some(keeper, more);
    if (error == FL_OK && now.is_on_record)
        error = fl_privacy_confirm(keeper, &now);
    if (error == FL_OK && keeper->held)
        error = fl_privacy_erasures(keeper, &now, more);
    return error;
}

const char *fl_privacy_waits_for(const struct fl_privacy *keeper)
{
    return keeper->waits_for;
}

enum fl_error fl_privacy_open(struct fl_duty *duty, struct fl_privacy **keeper, char *detail)
{
    struct fl_privacy *opened = calloc(1, sizeof(*opened));
    if (opened == NULL)
        return FL_NO_MEMORY;
    opened->duty = duty;
    fl_arena_init(&opened->arena, KEEPER_ARENA_SIZE);
    fl_id_source_init(&opened->ids, duty->port);
    fl_datadir_path(duty->datadir, "views", opened->views);
    enum fl_error error =
        fl_node_keyring_load(duty->config, duty->datadir, &opened->keyring, detail);
    if (error == FL_OK)
        error =
            fl_store_open_reader(opened->views, fl_registry_view(), duty->port, &opened->registry);
    if (error == FL_OK)
        error = fl_store_open_reader(opened->views, fl_people_view(), duty->port, &opened->people);
    if (error != FL_OK)
        fl_privacy_close(&opened);
    else
        *keeper = opened;
    return error;
}

void fl_privacy_close(struct fl_privacy **keeper)
{
    struct fl_privacy *closed = *keeper;
    if (closed == NULL)
        return;
    fl_group_leave(&closed->lease);
    fl_store_reader_close(&closed->people);
    fl_store_reader_close(&closed->registry);
    fl_keyring_close(&closed->keyring);
    fl_arena_fini(&closed->arena);
    free(closed);
    *keeper = NULL;
}
