/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed profiles, those that events name, and decisions on parked records. */
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "fleetlog/v1/subjects.pb-c.h"
#include "projections/people/people.h"
#include "projections/registry/rows.h"
#include "replay/verify/stream.h"

enum { PROFILE_KEY_SIZE = FL_ID_SIZE + 8, COMMIT_COUNT = 10000, TABLE_PROFILES = 0 };

/* Which profiles the topic holds: key as in the people view, one byte: 1 sealed, 0 removed. On the
 * disk, because there may be more people than memory. */
struct profiles {
    struct fl_verify_run *run;
    struct fl_env *env;
    struct fl_txn txn;
    struct fl_arena arena;
    uint32_t pending_count;
};

static void profile_key(const uint8_t id[FL_ID_SIZE], uint64_t revision,
                        uint8_t out[PROFILE_KEY_SIZE])
{
    memcpy(out, id, FL_ID_SIZE);
    fl_put_u64(out + FL_ID_SIZE, revision);
}

static enum fl_error take_profile(struct profiles *profiles, const struct fl_entry *entry)
{
    struct fl_verify_run *run = profiles->run;
    struct fl_slice value = entry->record.value;
    struct fl_slice subject_id;
    uint64_t revision = 0;
    uint8_t id[FL_ID_SIZE];
    uint8_t key[PROFILE_KEY_SIZE];
    uint8_t is_sealed = value.data != NULL;
    ProtobufCMessage *message = NULL;
    char detail[FL_DETAIL_SIZE] = "no such message";
    fl_arena_reset(&profiles->arena);
    run->result->profile_count++;
    if (!fl_people_key_parse(entry->record.key, &subject_id, &revision) ||
        !fl_id_to_bytes(subject_id, id)) {
        fl_verify_report_at(run, FL_VERIFY_FORM, FL_TOPIC_SUBJECTS, 0, entry->offset,
                            "a key of subject id and revision", "another key");
        return FL_OK;
    }
    if (is_sealed != 0) {
        fl_verify_plain(run, FL_TOPIC_SUBJECTS, 0, entry);
        if (fl_message_decode(&profiles->arena, &fleetlog__v1__sealed_profile__descriptor, value,
                              &message) != FL_OK ||
            fl_message_validate(message, detail) != FL_OK)
            fl_verify_report_at(run, FL_VERIFY_FORM, FL_TOPIC_SUBJECTS, 0, entry->offset,
                                "a sealed profile", detail);
    }
    profile_key(id, revision, key);
    fl_kv_put(&profiles->txn.kv, TABLE_PROFILES, fl_slice_of(key, sizeof(key)),
              fl_slice_of(&is_sealed, sizeof(is_sealed)));
    if (++profiles->pending_count < COMMIT_COUNT)
        return profiles->txn.kv.error;
    profiles->pending_count = 0;
    enum fl_error error = fl_txn_commit(&profiles->txn);
    return error == FL_OK ? fl_txn_begin_write(&profiles->txn, profiles->env) : error;
}

static enum fl_error read_profiles(struct profiles *profiles)
{
    struct fl_verify_stream stream;
    const struct fl_entry *entry = NULL;
    enum fl_error error = fl_verify_stream_open(&stream, profiles->run, FL_TOPIC_SUBJECTS, 0,
                                                profiles->run->ranges[FL_TOPIC_SUBJECTS]);
    do {
        if (error == FL_OK)
            error = fl_verify_stream_next(&stream, &entry);
        if (error == FL_OK && entry != NULL)
            error = take_profile(profiles, entry);
        if (error == FL_OK)
            error = fl_verify_step(profiles->run, FL_VERIFY_WORK_RECORD);
    } while (error == FL_OK && entry != NULL);
    fl_verify_stream_close(&stream);
    return error;
}

/* The profile in force of a living subject must be there, or a record that removed it. Of somebody
 * erased there is nothing, and of a profile that was found to be gone when epochs changed. */
static void check_subject(struct profiles *profiles, const fl_subject_row *row)
{
    struct fl_verify_finding finding = {.check = FL_VERIFY_PROFILE};
    uint8_t id[FL_ID_SIZE];
    uint8_t key[PROFILE_KEY_SIZE];
    struct fl_slice state;
    if (row->erased || row->epoch == 0) {
        profiles->run->result->erased_count++;
        return;
    }
    if (!fl_id_to_bytes(fl_slice_text(row->subject_id), id))
        return;
    profile_key(id, row->revision, key);
    if (fl_kv_get(&profiles->txn.kv, TABLE_PROFILES, fl_slice_of(key, sizeof(key)), &state)) {
        if (state.size == 1 && state.data[0] == 0)
            profiles->run->result->erased_count++;
        return;
    }
    snprintf(finding.where, sizeof(finding.where), "subjects, key %s/%llu", row->subject_id,
             (unsigned long long)row->revision);
    snprintf(finding.expected, sizeof(finding.expected),
             "the profile that events name as the one in force");
    snprintf(finding.found, sizeof(finding.found), "neither the profile nor its removal");
    fl_verify_report(profiles->run, FL_TOPIC_SUBJECTS, &finding);
}

static enum fl_error check_subjects(struct profiles *profiles)
{
    struct fl_kv_walk walk;
    struct fl_txn registry;
    enum fl_error error = fl_store_snapshot(profiles->run->registry, &registry);
    if (error != FL_OK)
        return error;
    fl_kv_walk_begin(&walk, &registry.kv, FL_TABLE_SUBJECTS, FL_SLICE_NULL);
    while (error == FL_OK && fl_kv_walk_next(&walk)) {
        fl_arena_reset(&profiles->arena);
        const fl_subject_row *row =
            fl_row_decode(&registry.kv, &profiles->arena, FL_TABLE_SUBJECTS, walk.value);
        if (row != NULL)
            check_subject(profiles, row);
        error = fl_verify_step(profiles->run, 0);
    }
    if (error == FL_OK)
        error = registry.kv.error != FL_OK ? registry.kv.error : profiles->txn.kv.error;
    fl_txn_abort(&registry);
    return error;
}

enum fl_error fl_verify_subjects(struct fl_verify_run *run)
{
    static const char *const tables[] = {[TABLE_PROFILES] = "profiles"};
    struct profiles profiles = {.run = run};
    char directory[PATH_MAX];
    run->progress.what = "subjects";
    run->progress.record_count = 0;
    if (snprintf(directory, sizeof(directory), "%s/profiles", run->scratch) >=
        (int)sizeof(directory))
        return FL_INVALID;
    fl_arena_init(&profiles.arena, FL_VERIFY_ARENA_SIZE);
    struct fl_env_options options = {.directory = directory,
                                     .tables = tables,
                                     .table_count = 1,
                                     .map_size = run->options->map_size};
    enum fl_error error = fl_env_open(&options, &profiles.env);
    if (error == FL_OK)
        error = fl_txn_begin_write(&profiles.txn, profiles.env);
    if (error == FL_OK)
        error = read_profiles(&profiles);
    if (error == FL_OK && !run->registry_is_partial)
        error = check_subjects(&profiles);
    fl_txn_abort(&profiles.txn);
    fl_env_close(&profiles.env);
    fl_arena_fini(&profiles.arena);
    return error;
}

enum fl_error fl_verify_parked(struct fl_verify_run *run)
{
    struct fl_verify_stream stream;
    struct fl_arena arena;
    const struct fl_entry *entry = NULL;
    char detail[FL_DETAIL_SIZE];
    run->progress.what = "parked";
    run->progress.record_count = 0;
    fl_arena_init(&arena, FL_VERIFY_ARENA_SIZE);
    enum fl_error error =
        fl_verify_stream_open(&stream, run, FL_TOPIC_PARKED, 0, run->ranges[FL_TOPIC_PARKED]);
    do {
        ProtobufCMessage *message = NULL;
        if (error == FL_OK)
            error = fl_verify_stream_next(&stream, &entry);
        if (error == FL_OK && entry != NULL) {
            fl_arena_reset(&arena);
            fl_verify_time(run, FL_TOPIC_PARKED, 0, entry);
            if (entry->record.value.data == NULL ||
                fl_message_decode(&arena, &fleetlog__v1__park_decision__descriptor,
                                  entry->record.value, &message) != FL_OK ||
                fl_message_validate(message, detail) != FL_OK)
                run->result->malformed_count++;
            else
                run->result->decision_count++;
        }
        if (error == FL_OK)
            error = fl_verify_step(run, FL_VERIFY_WORK_RECORD);
    } while (error == FL_OK && entry != NULL);
    fl_verify_stream_close(&stream);
    fl_arena_fini(&arena);
    return error;
}
