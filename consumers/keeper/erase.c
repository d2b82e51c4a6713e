/* SPDX-License-Identifier: Apache-2.0 */
/* What the holder of the lease does for all: a new epoch, the living under it, the old one closed,
 * the erased named. */
#include <stdio.h>
#include <string.h>

#include "consumers/keeper/keeper_internal.h"
#include "core/address.h"
#include "core/fault_point.h"
#include "fleetlog/v1/privacy.pb-c.h"
#include "schemas/codec.h"
#include "schemas/envelope.h"

enum { FINISH_COUNT_MAX = 100 };

/* One living person as he is to be under the new epoch. */
struct moved {
    Fleetlog__V1__ReindexedPerson entry;
    struct fl_record record; /* his sealed profile; value NULL: there is none */
    uint8_t index[FL_ADDRESS_INDEX_SIZE];
    char subject_id[FL_ID_TEXT_SIZE];
};

/* Opens what is in force; FL_NOT_FOUND: there is nothing that opens. */
static enum fl_error open_profile(struct fl_privacy *keeper, struct fl_slice key,
                                  struct fl_slice bytes, struct fl_slice *plain)
{
    ProtobufCMessage *message = NULL;
    enum fl_error error = fl_message_decode(
        &keeper->arena, &fleetlog__v1__sealed_profile__descriptor, bytes, &message);
    if (error != FL_OK)
        return error == FL_NO_MEMORY ? error : FL_NOT_FOUND;
    const Fleetlog__V1__SealedProfile *sealed = (const Fleetlog__V1__SealedProfile *)message;
    if (sealed->nonce.len != FL_SEAL_NONCE_SIZE || sealed->ciphertext.len < FL_SEAL_TAG_SIZE)
        return FL_NOT_FOUND;
    size_t size = sealed->ciphertext.len - FL_SEAL_TAG_SIZE;
    uint8_t *out = fl_arena_alloc(&keeper->arena, size + 1);
    if (out == NULL)
        return FL_NO_MEMORY;
    error =
        fl_keyring_open_sealed(keeper->keyring, sealed->epoch, key, sealed->nonce.data,
                               fl_slice_of(sealed->ciphertext.data, sealed->ciphertext.len), out);
    *plain = fl_slice_of(out, size);
    return error == FL_UNAUTHENTIC ? FL_NOT_FOUND : error;
}

/* The index of the profile's address under the new pepper. */
static enum fl_error index_address(struct fl_privacy *keeper, struct fl_slice plain, uint32_t epoch,
                                   uint8_t out[FL_ADDRESS_INDEX_SIZE])
{
    char normalised[FL_ADDRESS_TEXT_SIZE];
    ProtobufCMessage *message = NULL;
    enum fl_error error =
        fl_message_decode(&keeper->arena, &fleetlog__v1__profile__descriptor, plain, &message);
    if (error == FL_OK)
        error = fl_address_normalise(
            fl_slice_text(((const Fleetlog__V1__Profile *)message)->address), normalised);
    if (error != FL_OK)
        return error == FL_NO_MEMORY ? error : FL_NOT_FOUND;
    return fl_keyring_address_index(keeper->keyring, epoch, fl_slice_text(normalised), out);
}

/* Seals the same profile again under the next revision and the new epoch. */
static enum fl_error seal_again(struct fl_privacy *keeper, struct moved *moved,
                                struct fl_slice plain, uint32_t epoch)
{
    uint8_t nonce[FL_SEAL_NONCE_SIZE];
    char id[FL_ID_TEXT_SIZE];
    Fleetlog__V1__SealedProfile sealed = FLEETLOG__V1__SEALED_PROFILE__INIT;
    struct fl_arena *arena = &keeper->arena;
    char *key = fl_arena_printf(arena, "%s/%llu", moved->subject_id,
                                (unsigned long long)moved->entry.revision);
    char *source = fl_arena_printf(arena, "/fleetlog/%s/keep/%s", keeper->log_id,
                                   keeper->duty->datadir->node_id);
    uint8_t *out = fl_arena_alloc(arena, plain.size + FL_SEAL_TAG_SIZE);
    if (key == NULL || source == NULL || out == NULL)
        return FL_NO_MEMORY;
    enum fl_error error = fl_keyring_seal(keeper->keyring, keeper->duty->port, epoch,
                                          fl_slice_text(key), plain, nonce, out);
    if (error != FL_OK)
        return error;
    fl_id_mint(&keeper->ids, id);
    sealed.version = 1;
    sealed.epoch = epoch;
    sealed.nonce = (ProtobufCBinaryData){sizeof(nonce), nonce};
    sealed.ciphertext = (ProtobufCBinaryData){plain.size + FL_SEAL_TAG_SIZE, out};
    return fl_plain_encode(arena, fl_arena_copy(arena, fl_slice_text(id)),
                           "fleetlog.v1.SealedProfile", fl_slice_text(source),
                           fl_port_wall_ms(keeper->duty->port), fl_slice_text(key), &sealed.base,
                           &moved->record);
}

/* One person; what is in force is looked up in `people`. */
static enum fl_error move_one(struct fl_privacy *keeper, struct fl_kv *people, uint64_t revision,
                              uint32_t epoch, struct moved *moved)
{
    struct fl_slice bytes;
    struct fl_slice plain;
    fleetlog__v1__reindexed_person__init(&moved->entry);
    moved->entry.subject_id = moved->subject_id;
    moved->entry.revision_before = revision;
    moved->record = (struct fl_record){.value = FL_SLICE_NULL};
    char *key =
        fl_arena_printf(&keeper->arena, "%s/%llu", moved->subject_id, (unsigned long long)revision);
    if (key == NULL)
        return FL_NO_MEMORY;
    if (!fl_people_sealed_revision(people, fl_slice_text(moved->subject_id), revision, &bytes))
        return people->error;
    enum fl_error error = open_profile(keeper, fl_slice_text(key), bytes, &plain);
    if (error == FL_OK)
        error = index_address(keeper, plain, epoch, moved->index);
    /* Nobody can read this profile any more: the person stays, known by no address. */
    if (error == FL_NOT_FOUND)
        return FL_OK;
    if (error != FL_OK)
        return error;
    moved->entry.revision = revision + 1;
    moved->entry.index = (ProtobufCBinaryData){sizeof(moved->index), moved->index};
    return seal_again(keeper, moved, plain, epoch);
}

/* The next people of the old epoch, as the registry and a people view that is as far say. */
static enum fl_error collect(struct fl_privacy *keeper, const struct fl_epochs *epochs,
                             struct moved *people, size_t *count)
{
    struct fl_store_read registry = {.kv = NULL};
    struct fl_store_read view = {.kv = NULL};
    struct fl_chain_head heads[2];
    const char *after = NULL;
    *count = 0;
    enum fl_error error = fl_store_read_begin(keeper->registry, &registry);
    if (error == FL_OK)
        error = fl_store_read_begin(keeper->people, &view);
    if (error == FL_OK) {
        fl_meta_head(registry.kv, &heads[0]);
        fl_meta_head(view.kv, &heads[1]);
        if (heads[1].sequence < heads[0].sequence ||
            fl_meta_position(view.kv, FL_TOPIC_SUBJECTS, 0).next < keeper->removed_at)
            error = FL_BUSY;
    }
    while (error == FL_OK && *count < KEEPER_PEOPLE_COUNT_MAX &&
           fl_registry_person_of_epoch(registry.kv, epochs->oldest_open, after,
                                       people[*count].subject_id)) {
        struct moved *moved = &people[*count];
        const fl_subject_row *row =
            fl_registry_subject(registry.kv, &keeper->arena, fl_slice_text(moved->subject_id));
        error = row == NULL ? FL_CORRUPT
                            : move_one(keeper, view.kv, row->revision, epochs->newest, moved);
        after = moved->subject_id;
        (*count)++;
    }
    enum fl_error ended = fl_store_read_end(&view);
    error = error != FL_OK ? error : ended;
    ended = fl_store_read_end(&registry);
    return error != FL_OK ? error : ended;
}

/* The profiles first, then the action that names them: one cut off between leaves profiles that
 * nobody names, and that are written anew. */
static enum fl_error move_some(struct fl_privacy *keeper, const struct fl_epochs *epochs)
{
    size_t count = 0;
    uint32_t record_count = 0;
    struct fl_arena *arena = &keeper->arena;
    struct moved *people = fl_arena_calloc(arena, KEEPER_PEOPLE_COUNT_MAX + 1, sizeof(*people));
    struct fl_record *records = fl_arena_calloc(arena, KEEPER_PEOPLE_COUNT_MAX, sizeof(*records));
    Fleetlog__V1__ReindexedPerson **entries =
        fl_arena_calloc(arena, KEEPER_PEOPLE_COUNT_MAX, sizeof(*entries));
    Fleetlog__V1__ReindexPeople action = FLEETLOG__V1__REINDEX_PEOPLE__INIT;
    if (people == NULL || records == NULL || entries == NULL)
        return FL_NO_MEMORY;
    enum fl_error error = collect(keeper, epochs, people, &count);
    if (error != FL_OK || count == 0)
        return error;
    for (size_t i = 0; i < count; i++) {
        entries[i] = &people[i].entry;
        if (people[i].record.value.data != NULL)
            records[record_count++] = people[i].record;
    }
    if (record_count != 0)
        error = fl_privacy_append_subjects(keeper, records, record_count);
    fl_fault_point("keeper.profiles");
    action.epoch = epochs->newest;
    action.people = entries;
    action.n_people = count;
    if (error == FL_OK)
        error = fl_privacy_act(keeper, "keeper", &action.base);
    fl_fault_point("keeper.moved");
    return error;
}

static enum fl_error open_next(struct fl_privacy *keeper, const struct fl_epochs *epochs)
{
    uint8_t sealed[FL_SEALED_EPOCH_SIZE];
    Fleetlog__V1__OpenEpoch action = FLEETLOG__V1__OPEN_EPOCH__INIT;
    enum fl_error error =
        fl_keyring_mint_epoch(keeper->keyring, keeper->duty->port, epochs->newest + 1, sealed);
    if (error != FL_OK)
        return error;
    action.epoch = epochs->newest + 1;
    action.sealed_keys = (ProtobufCBinaryData){sizeof(sealed), sealed};
    error = fl_privacy_act(keeper, "keeper", &action.base);
    fl_fault_point("keeper.opened");
    return error;
}

static enum fl_error close_old(struct fl_privacy *keeper, const struct epochs_now *now)
{
    Fleetlog__V1__CloseEpoch action = FLEETLOG__V1__CLOSE_EPOCH__INIT;
    action.epoch = now->epochs.oldest_open;
    if (!now->all_stored) {
        snprintf(keeper->waits_for, sizeof(keeper->waits_for),
                 "every node to confirm that it holds epoch %u", now->epochs.newest);
        return FL_OK;
    }
    enum fl_error error = fl_privacy_act(keeper, "keeper", &action.base);
    fl_fault_point("keeper.closed");
    return error;
}

/* The open erasures, oldest first: those that are through, and whether one asks for a new epoch. */
static enum fl_error look_at_erasures(struct fl_privacy *keeper, const struct fl_epochs *epochs,
                                      const char **done, size_t *done_count, bool *asks)
{
    struct fl_store_read read = {.kv = NULL};
    char subject_id[FL_ID_TEXT_SIZE];
    uint64_t sequence = 0;
    int64_t asked_ms = 0; /* by the first that waits for the next epoch */
    int64_t wait_ms = (int64_t)fl_config_number(keeper->duty->config, FL_SETTING_ERASURE_MAIL_WAIT);
    uint32_t oldest = epochs->closed != 0 ? epochs->closed : epochs->oldest_open;
    enum fl_error error = fl_store_read_begin(keeper->registry, &read);
    if (error != FL_OK)
        return error;
    while (*done_count < FINISH_COUNT_MAX &&
           fl_registry_open_erasure(read.kv, sequence, &sequence, subject_id)) {
        const fl_erasure_row *row =
            fl_registry_erasure(read.kv, &keeper->arena, fl_slice_text(subject_id));
        if (row == NULL)
            break;
        if (row->epoch < oldest)
            done[(*done_count)++] = row->subject_id;
        if (row->epoch != epochs->newest)
            continue;
        *asks = true;
        asked_ms = asked_ms == 0 ? row->requested_at_ms : asked_ms;
        if (!fl_privacy_awaits_mail(keeper, read.kv, &keeper->arena, subject_id))
            continue;
        keeper->awaits_mail = true;
        snprintf(keeper->waits_for, sizeof(keeper->waits_for),
                 "the mail that tells somebody of his erasure");
    }
    /* Whoever asks again and again must not keep the others waiting for ever. */
    if (fl_port_wall_ms(keeper->duty->port) - asked_ms >= 2 * wait_ms)
        keeper->awaits_mail = false;
    return fl_store_read_end(&read);
}

static enum fl_error finish(struct fl_privacy *keeper, const char *const *done, size_t count)
{
    enum fl_error error = FL_OK;
    for (size_t i = 0; error == FL_OK && i < count; i++) {
        Fleetlog__V1__FinishErasure action = FLEETLOG__V1__FINISH_ERASURE__INIT;
        action.subject_id = done[i];
        error = fl_privacy_act(keeper, "keeper", &action.base);
        fl_fault_point("keeper.finished");
    }
    return error;
}

static bool may_open(const struct fl_privacy *keeper, const struct epochs_now *now)
{
    int64_t interval_ms =
        (int64_t)fl_config_number(keeper->duty->config, FL_SETTING_ERASURE_INTERVAL);
    return now->epochs.newest == 1 ||
           fl_port_wall_ms(keeper->duty->port) - now->opened_at_ms >= interval_ms;
}

enum fl_error fl_privacy_erasures(struct fl_privacy *keeper, const struct epochs_now *now,
                                  bool *more)
{
    const struct fl_epochs *epochs = &now->epochs;
    size_t done_count = 0;
    bool asks = false;
    bool is_changing = epochs->oldest_open != epochs->newest;
    const char **done = fl_arena_calloc(&keeper->arena, FINISH_COUNT_MAX, sizeof(*done));
    if (done == NULL)
        return FL_NO_MEMORY;
    if (epochs->newest == 0)
        return FL_OK;
    keeper->awaits_mail = false;
    enum fl_error error = look_at_erasures(keeper, epochs, done, &done_count, &asks);
    if (error == FL_OK)
        error = finish(keeper, done, done_count);
    if (error != FL_OK)
        return error;
    *more = *more || done_count != 0 || is_changing || epochs->closed != 0 || asks;
    if (is_changing && !fl_keyring_has_epoch(keeper->keyring, epochs->newest))
        return FL_OK;
    if (is_changing)
        error = now->all_moved ? close_old(keeper, now) : move_some(keeper, epochs);
    else if (epochs->closed == 0 && asks && !keeper->awaits_mail && may_open(keeper, now))
        error = open_next(keeper, epochs);
    return error == FL_BUSY ? FL_OK : error;
}
