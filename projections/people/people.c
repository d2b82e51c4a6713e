/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/people/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/limits.h"
#include "fleetlog/v1/privacy.pb-c.h"
#include "projections/people/people.pb-c.h"

enum {
    ARENA_SIZE_MIN = 4 * 1024 * 1024,
    PROFILE_KEY_SIZE = FL_PEOPLE_KEY_SIZE,
    PROFILE_TIME_SIZE = 8
};

typedef Fleetlog__Rows__V1__RevisionRow revision_row;

enum table {
    REVISIONS, /* subject id (16 bytes) -> RevisionRow */
    PROFILES, /* subject id, revision u64 -> its record's time, 8 bytes; SealedProfile as it came */
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
    uint8_t *row = fl_arena_alloc(&state->arena, PROFILE_TIME_SIZE + record->value.size);
    if (row == NULL)
        return FL_NO_MEMORY;
    fl_put_u64(row, (uint64_t)record->timestamp_ms);
    memcpy(row + PROFILE_TIME_SIZE, record->value.data, record->value.size);
    fl_kv_put(kv, PROFILES, fl_slice_of(key, sizeof(key)),
              fl_slice_of(row, PROFILE_TIME_SIZE + record->value.size));
    return FL_OK;
}

/* The subject's row, or an empty one; NULL: it does not decode, or no memory. */
static revision_row *get_row(struct state *state, struct fl_kv *kv, const uint8_t key[FL_ID_SIZE])
{
    struct fl_slice value = FL_SLICE_LITERAL("");
    ProtobufCMessage *message = NULL;
    (void)fl_kv_get(kv, REVISIONS, fl_slice_of(key, FL_ID_SIZE), &value);
    enum fl_error error = fl_message_decode(
        &state->arena, &fleetlog__rows__v1__revision_row__descriptor, value, &message);
    if (error != FL_OK)
        fl_kv_fail(kv, error == FL_NO_MEMORY ? error : FL_CORRUPT);
    return (revision_row *)message;
}

static enum fl_error put_row(struct state *state, struct fl_kv *kv, const uint8_t key[FL_ID_SIZE],
                             const revision_row *row)
{
    struct fl_slice value;
    enum fl_error error = fl_message_encode(&state->arena, &row->base, &value);
    if (error == FL_OK)
        fl_kv_put(kv, REVISIONS, fl_slice_of(key, FL_ID_SIZE), value);
    return error;
}

/* Remembers what is superseded now, and forgets what was superseded over a day ago: its profile's
 * own time says then that it may go. */
static enum fl_error supersede(struct state *state, revision_row *row, int64_t now_ms)
{
    Fleetlog__Rows__V1__SupersededRevision **all =
        fl_arena_calloc(&state->arena, row->n_superseded + 1, sizeof(*all));
    Fleetlog__Rows__V1__SupersededRevision *last = fl_arena_calloc(&state->arena, 1, sizeof(*last));
    size_t count = 0;
    if (all == NULL || last == NULL)
        return FL_NO_MEMORY;
    for (size_t i = 0; i < row->n_superseded; i++)
        if (now_ms - row->superseded[i]->at_ms < FL_PROFILE_UNNAMED_MS)
            all[count++] = row->superseded[i];
    fleetlog__rows__v1__superseded_revision__init(last);
    last->revision = row->revision;
    last->at_ms = now_ms;
    all[count++] = last;
    row->superseded = all;
    row->n_superseded = count;
    return FL_OK;
}

static enum fl_error name_revision(struct state *state, struct fl_kv *kv,
                                   const struct fl_view_input *input, const char *subject_id,
                                   uint64_t revision)
{
    uint8_t key[FL_ID_SIZE];
    if (!fl_id_to_bytes(fl_slice_text(subject_id), key))
        return FL_INVALID;
    revision_row *row = get_row(state, kv, key);
    if (row == NULL)
        return kv->error;
    if (row->revision != 0 && row->revision != revision) {
        enum fl_error error = supersede(state, row, input->envelope->time_ms);
        if (error != FL_OK)
            return error;
    }
    row->revision = revision;
    row->sequence = input->envelope->sequence;
    return put_row(state, kv, key, row);
}

static enum fl_error name_people(struct state *state, struct fl_kv *kv,
                                 const struct fl_view_input *input)
{
    const Fleetlog__V1__PeopleReindexed *event =
        (const Fleetlog__V1__PeopleReindexed *)input->message;
    enum fl_error error = FL_OK;
    for (size_t i = 0; error == FL_OK && i < event->n_people; i++)
        if (event->people[i]->revision != 0)
            error = name_revision(state, kv, input, event->people[i]->subject_id,
                                  event->people[i]->revision);
    return error;
}

static enum fl_error erase(struct state *state, struct fl_kv *kv, const struct fl_view_input *input)
{
    const Fleetlog__V1__ErasureRequested *event =
        (const Fleetlog__V1__ErasureRequested *)input->message;
    uint8_t key[FL_ID_SIZE];
    if (!fl_id_to_bytes(fl_slice_text(event->subject_id), key))
        return FL_INVALID;
    revision_row *row = get_row(state, kv, key);
    if (row == NULL)
        return kv->error;
    row->erased = true;
    row->sequence = input->envelope->sequence;
    row->n_superseded = 0;
    return put_row(state, kv, key, row);
}

/* Events that name a revision of a person's profile, and the field that names him. */
static const struct {
    enum fl_message_type type;
    const char *field;
} naming[] = {
    {FL_MESSAGE_AccountCreated, "account_id"},
    {FL_MESSAGE_CoworkerInvited, "subject_id"},
    {FL_MESSAGE_InvitationAccepted, "account_id"},
    {FL_MESSAGE_DevicesShared, "subject_id"},
    {FL_MESSAGE_TransferOffered, "subject_id"},
    {FL_MESSAGE_LicenseMinted, "subject_id"},
    {FL_MESSAGE_PurchaseStarted, "subject_id"},
    {FL_MESSAGE_ResellerLinkOffered, "subject_id"},
    {FL_MESSAGE_SignUpRequested, "subject_id"},
    {FL_MESSAGE_SignUpConfirmed, "account_id"},
    {FL_MESSAGE_PasswordReset, "account_id"},
    {FL_MESSAGE_ProfileChanged, "account_id"},
    {FL_MESSAGE_AddressChangeRequested, "subject_id"},
    {FL_MESSAGE_AddressChanged, "account_id"},
};

static const void *field_of(const ProtobufCMessage *message, const char *name)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    fl_assert(field != NULL);
    return (const char *)message + field->offset;
}

static enum fl_error apply_event(struct state *state, struct fl_kv *kv,
                                 const struct fl_view_input *input)
{
    const ProtobufCMessage *message = input->message;
    if (message == NULL)
        return FL_OK;
    enum fl_message_type type = input->envelope->row->type;
    if (type == FL_MESSAGE_PeopleReindexed)
        return name_people(state, kv, input);
    if (type == FL_MESSAGE_ErasureRequested)
        return erase(state, kv, input);
    for (size_t i = 0; i < sizeof(naming) / sizeof(naming[0]); i++)
        if (naming[i].type == type)
            return name_revision(state, kv, input,
                                 *(const char *const *)field_of(message, naming[i].field),
                                 *(const uint64_t *)field_of(message, "revision"));
    return FL_OK;
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

/* The row of a subject, to be freed; NULL: none. */
static revision_row *find_row(struct fl_kv *kv, struct fl_slice subject_id)
{
    uint8_t key[FL_ID_SIZE];
    struct fl_slice value;
    if (subject_id.data == NULL || !fl_id_to_bytes(subject_id, key) ||
        !fl_kv_get(kv, REVISIONS, fl_slice_of(key, sizeof(key)), &value))
        return NULL;
    revision_row *row = fleetlog__rows__v1__revision_row__unpack(NULL, value.size, value.data);
    if (row == NULL)
        fl_kv_fail(kv, FL_CORRUPT);
    return row;
}

uint64_t fl_people_revision(struct fl_kv *kv, struct fl_slice subject_id)
{
    revision_row *row = find_row(kv, subject_id);
    uint64_t revision = row == NULL || row->erased ? 0 : row->revision;
    fleetlog__rows__v1__revision_row__free_unpacked(row, NULL);
    return revision;
}

bool fl_people_is_erased(struct fl_kv *kv, struct fl_slice subject_id)
{
    revision_row *row = find_row(kv, subject_id);
    bool erased = row != NULL && row->erased;
    fleetlog__rows__v1__revision_row__free_unpacked(row, NULL);
    return erased;
}

bool fl_people_sealed_revision(struct fl_kv *kv, struct fl_slice subject_id, uint64_t revision,
                               struct fl_slice *sealed)
{
    uint8_t key[PROFILE_KEY_SIZE];
    struct fl_slice value;
    if (!profile_key(subject_id, revision, key) ||
        !fl_kv_get(kv, PROFILES, fl_slice_of(key, sizeof(key)), &value))
        return false;
    *sealed = fl_slice_of(value.data + PROFILE_TIME_SIZE, value.size - PROFILE_TIME_SIZE);
    return true;
}

/* When the revision may go, by log time. */
static int64_t due_ms(const revision_row *row, uint64_t revision, int64_t time_ms)
{
    if (row == NULL)
        return time_ms + FL_PROFILE_UNNAMED_MS;
    if (row->erased)
        return INT64_MIN;
    if (row->revision == revision)
        return INT64_MAX;
    for (size_t i = 0; i < row->n_superseded; i++)
        if (row->superseded[i]->revision == revision)
            return row->superseded[i]->at_ms + FL_PROFILE_UNNAMED_MS;
    return time_ms + FL_PROFILE_UNNAMED_MS;
}

bool fl_people_next_due(struct fl_kv *kv, struct fl_people_walk *walk, int64_t head_ms,
                        char subject_id[FL_ID_TEXT_SIZE], uint64_t *revision)
{
    struct fl_slice key;
    struct fl_slice value;
    while (walk->look_count > 0 && !walk->done) {
        if (!fl_kv_seek(kv, PROFILES, fl_slice_of(walk->key, walk->key_size), &key, &value)) {
            walk->done = true;
            return false;
        }
        walk->look_count--;
        memcpy(walk->key, key.data, PROFILE_KEY_SIZE);
        walk->key[PROFILE_KEY_SIZE] = 0;
        walk->key_size = PROFILE_KEY_SIZE + 1;
        int64_t time_ms = (int64_t)fl_get_u64(value.data);
        fl_id_from_bytes(walk->key, subject_id);
        *revision = fl_get_u64(walk->key + FL_ID_SIZE);
        revision_row *row = find_row(kv, fl_slice_text(subject_id));
        bool is_due = head_ms >= due_ms(row, *revision, time_ms);
        fleetlog__rows__v1__revision_row__free_unpacked(row, NULL);
        if (kv->error != FL_OK)
            return false;
        if (is_due)
            return true;
    }
    return false;
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
        if (fl_people_revision(kv, fl_slice_text(id)) == 0 &&
            !fl_people_is_erased(kv, fl_slice_text(id))) {
            snprintf(detail, FL_DETAIL_SIZE, "invariant 2: subject %s", id);
            return false;
        }
    }
    fl_kv_walk_begin(&walk, kv, PROFILES, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        if (walk.key.size != PROFILE_KEY_SIZE || walk.value.size <= PROFILE_TIME_SIZE ||
            fl_get_u64(walk.key.data + FL_ID_SIZE) == 0) {
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
