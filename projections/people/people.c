/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/people/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/ids.h"
#include "fleetlog/v1/events.pb-c.h"
#include "fleetlog/v1/transfers.pb-c.h"
#include "projections/people/people.pb-c.h"

enum { ARENA_SIZE_MIN = 4 * 1024 * 1024, PROFILE_KEY_SIZE = FL_ID_SIZE + 8 };

enum table {
    REVISIONS, /* subject id (16 bytes) -> RevisionRow */
    PROFILES,  /* subject id, revision u64 -> SealedProfile as it came */
    TABLE_COUNT
};

static const char *const table_names[TABLE_COUNT] = {
    [REVISIONS] = "revisions",
    [PROFILES] = "profiles",
};

struct state {
    struct fl_arena arena;
};

static enum fl_error people_open(size_t memory_max, void **out)
{
    struct state *state = malloc(sizeof(*state));
    if (state == NULL)
        return FL_NO_MEMORY;
    fl_arena_init(&state->arena, memory_max < ARENA_SIZE_MIN ? ARENA_SIZE_MIN : memory_max);
    *out = state;
    return FL_OK;
}

static void people_close(void *opaque)
{
    struct state *state = opaque;
    fl_arena_fini(&state->arena);
    free(state);
}

bool fl_people_key_parse(struct fl_slice key, struct fl_slice *subject_id, uint64_t *revision)
{
    size_t id_size = FL_ID_TEXT_SIZE - 1;
    if (key.data == NULL || key.size <= id_size + 1 || key.data[id_size] != '/')
        return false;
    struct fl_slice id = fl_slice_of(key.data, id_size);
    uint64_t number;
    if (!fl_id_is_valid(id) ||
        !fl_slice_to_u64(fl_slice_of(key.data + id_size + 1, key.size - id_size - 1), &number) ||
        number == 0)
        return false;
    *subject_id = id;
    *revision = number;
    return true;
}

static bool profile_key(struct fl_slice subject_id, uint64_t revision,
                        uint8_t key[PROFILE_KEY_SIZE])
{
    if (subject_id.data == NULL || !fl_id_to_bytes(subject_id, key))
        return false;
    fl_put_u64(key + FL_ID_SIZE, revision);
    return true;
}

static enum fl_error apply_profile(struct state *state, struct fl_kv *kv,
                                   const struct fl_record *record, char *detail)
{
    struct fl_slice subject_id;
    uint64_t revision;
    uint8_t key[PROFILE_KEY_SIZE];
    ProtobufCMessage *message;
    char rule[FL_DETAIL_SIZE];
    if (!fl_people_key_parse(record->key, &subject_id, &revision) ||
        !profile_key(subject_id, revision, key)) {
        snprintf(detail, FL_DETAIL_SIZE, "the key is not a subject id and a revision");
        return FL_INVALID;
    }
    if (record->value.data == NULL) {
        fl_kv_del(kv, PROFILES, fl_slice_of(key, sizeof(key)));
        return FL_OK;
    }
    enum fl_error error = fl_message_decode(
        &state->arena, &fleetlog__v1__sealed_profile__descriptor, record->value, &message);
    if (error == FL_OK)
        error = fl_message_validate(message, rule);
    if (error == FL_NO_MEMORY)
        return error;
    if (error != FL_OK) {
        snprintf(detail, FL_DETAIL_SIZE, "the value is no sealed profile");
        return FL_INVALID;
    }
    fl_kv_put(kv, PROFILES, fl_slice_of(key, sizeof(key)), record->value);
    return FL_OK;
}

static enum fl_error name_revision(struct state *state, struct fl_kv *kv,
                                   const struct fl_view_input *input, const char *subject_id,
                                   uint64_t revision)
{
    Fleetlog__Rows__V1__RevisionRow row = FLEETLOG__ROWS__V1__REVISION_ROW__INIT;
    uint8_t key[FL_ID_SIZE];
    struct fl_slice value;
    if (!fl_id_to_bytes(fl_slice_text(subject_id), key))
        return FL_INVALID;
    row.revision = revision;
    row.sequence = input->envelope->sequence;
    enum fl_error error = fl_message_encode(&state->arena, &row.base, &value);
    if (error == FL_OK)
        fl_kv_put(kv, REVISIONS, fl_slice_of(key, sizeof(key)), value);
    return error;
}

static enum fl_error apply_event(struct state *state, struct fl_kv *kv,
                                 const struct fl_view_input *input)
{
    if (input->message == NULL)
        return FL_OK;
    switch ((int)input->envelope->row->type) {
    case FL_MESSAGE_AccountCreated: {
        const Fleetlog__V1__AccountCreated *event =
            (const Fleetlog__V1__AccountCreated *)input->message;
        return name_revision(state, kv, input, event->account_id, event->revision);
    }
    case FL_MESSAGE_CoworkerInvited: {
        const Fleetlog__V1__CoworkerInvited *event =
            (const Fleetlog__V1__CoworkerInvited *)input->message;
        return name_revision(state, kv, input, event->subject_id, event->revision);
    }
    case FL_MESSAGE_InvitationAccepted: {
        const Fleetlog__V1__InvitationAccepted *event =
            (const Fleetlog__V1__InvitationAccepted *)input->message;
        return name_revision(state, kv, input, event->account_id, event->revision);
    }
    case FL_MESSAGE_DevicesShared: {
        const Fleetlog__V1__DevicesShared *event =
            (const Fleetlog__V1__DevicesShared *)input->message;
        return name_revision(state, kv, input, event->subject_id, event->revision);
    }
    case FL_MESSAGE_TransferOffered: {
        const Fleetlog__V1__TransferOffered *event =
            (const Fleetlog__V1__TransferOffered *)input->message;
        return name_revision(state, kv, input, event->subject_id, event->revision);
    }
    default:
        return FL_OK;
    }
}

static enum fl_error people_apply(void *opaque, struct fl_kv *kv, const struct fl_view_input *input,
                                  char detail[FL_DETAIL_SIZE])
{
    struct state *state = opaque;
    fl_arena_reset(&state->arena);
    detail[0] = '\0';
    enum fl_error error = FL_OK;
    if (input->kind == FL_READS_SUBJECTS)
        error = apply_profile(state, kv, input->record, detail);
    else
        error = apply_event(state, kv, input);
    return error != FL_OK ? error : kv->error;
}

static void people_flush(void *state, struct fl_kv *kv)
{
    (void)state;
    (void)kv;
}

static void people_discard(void *state)
{
    (void)state;
}

static bool people_is_full(const void *state)
{
    (void)state;
    return false;
}

uint64_t fl_people_revision(struct fl_kv *kv, struct fl_slice subject_id)
{
    uint8_t key[FL_ID_SIZE];
    struct fl_slice value;
    if (subject_id.data == NULL || !fl_id_to_bytes(subject_id, key) ||
        !fl_kv_get(kv, REVISIONS, fl_slice_of(key, sizeof(key)), &value))
        return 0;
    Fleetlog__Rows__V1__RevisionRow *row =
        fleetlog__rows__v1__revision_row__unpack(NULL, value.size, value.data);
    if (row == NULL) {
        fl_kv_fail(kv, FL_CORRUPT);
        return 0;
    }
    uint64_t revision = row->revision;
    fleetlog__rows__v1__revision_row__free_unpacked(row, NULL);
    return revision;
}

bool fl_people_sealed_revision(struct fl_kv *kv, struct fl_slice subject_id, uint64_t revision,
                               struct fl_slice *sealed)
{
    uint8_t key[PROFILE_KEY_SIZE];
    return profile_key(subject_id, revision, key) &&
           fl_kv_get(kv, PROFILES, fl_slice_of(key, sizeof(key)), sealed);
}

bool fl_people_sealed(struct fl_kv *kv, struct fl_slice subject_id, uint64_t *revision,
                      struct fl_slice *sealed)
{
    uint64_t in_force = fl_people_revision(kv, subject_id);
    if (in_force == 0 || !fl_people_sealed_revision(kv, subject_id, in_force, sealed))
        return false;
    *revision = in_force;
    return true;
}

bool fl_people_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE])
{
    struct fl_kv_walk walk;
    char id[FL_ID_TEXT_SIZE];
    detail[0] = '\0';
    fl_kv_walk_begin(&walk, kv, REVISIONS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        if (walk.key.size != FL_ID_SIZE) {
            snprintf(detail, FL_DETAIL_SIZE, "invariant 1: a key of %zu bytes", walk.key.size);
            return false;
        }
        fl_id_from_bytes(walk.key.data, id);
        if (fl_people_revision(kv, fl_slice_text(id)) == 0) {
            snprintf(detail, FL_DETAIL_SIZE, "invariant 2: subject %s", id);
            return false;
        }
    }
    fl_kv_walk_begin(&walk, kv, PROFILES, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        if (walk.key.size != PROFILE_KEY_SIZE || fl_get_u64(walk.key.data + FL_ID_SIZE) == 0) {
            snprintf(detail, FL_DETAIL_SIZE, "invariant 1: a profile's key");
            return false;
        }
    if (kv->error != FL_OK)
        snprintf(detail, FL_DETAIL_SIZE, "the store fails: %s", fl_error_name(kv->error));
    return kv->error == FL_OK;
}

static const struct fl_view view = {
    .name = "people",
    .fold_version = 1,
    .inputs = FL_READS_EVENTS | FL_READS_SUBJECTS,
    .tables = table_names,
    .table_count = TABLE_COUNT,
    .open = people_open,
    .close = people_close,
    .apply = people_apply,
    .flush = people_flush,
    .discard = people_discard,
    .is_full = people_is_full,
    .check = fl_people_check,
};

const struct fl_view *fl_people_view(void)
{
    return &view;
}
