/* SPDX-License-Identifier: Apache-2.0 */
/* A person's address becomes a subject before the action is appended: the log knows nobody by name.
 */
#include <stdio.h>
#include <string.h>

#include "core/address.h"
#include "core/keyring_change.h"
#include "core/node_keyring.h"
#include "fleetlog/v1/subjects.pb-c.h"
#include "producers/gateway/operator.h"
#include "projections/registry/privacy.h"

enum { FIRST_REVISION = 1 };

/* Seals the profile and appends it to `subjects` under "<subject>/<revision>". */
static enum fl_error append_profile(struct call *call, const char *subject_id, const char *address,
                                    uint32_t epoch, int64_t now_ms)
{
    struct gateway *gateway = call->gateway;
    struct fl_arena *arena = &call->arena;
    uint8_t nonce[FL_SEAL_NONCE_SIZE];
    struct fl_slice plain;
    struct fl_record record;
    Fleetlog__V1__Profile profile = FLEETLOG__V1__PROFILE__INIT;
    Fleetlog__V1__SealedProfile sealed = FLEETLOG__V1__SEALED_PROFILE__INIT;
    char *key = fl_arena_printf(arena, "%s/%d", subject_id, FIRST_REVISION);
    char *source = fl_arena_printf(arena, "/fleetlog/%s/gateway/%s", gateway->log_id,
                                   gateway->duty->datadir->node_id);
    profile.address = address;
    profile.written_at_ms = now_ms;
    enum fl_error error = fl_message_encode(arena, &profile.base, &plain);
    uint8_t *out = error == FL_OK ? fl_arena_alloc(arena, plain.size + FL_SEAL_TAG_SIZE) : NULL;
    if (out == NULL || key == NULL || source == NULL)
        return FL_NO_MEMORY;
    error = fl_keyring_seal(gateway->keyring, gateway->duty->port, epoch, fl_slice_text(key), plain,
                            nonce, out);
    if (error != FL_OK)
        return error;
    sealed.version = 1;
    sealed.epoch = epoch;
    sealed.nonce = (ProtobufCBinaryData){sizeof(nonce), nonce};
    sealed.ciphertext = (ProtobufCBinaryData){plain.size + FL_SEAL_TAG_SIZE, out};
    error =
        fl_plain_encode(arena, fl_slice_text(fl_call_mint(call)), "fleetlog.v1.SealedProfile",
                        fl_slice_text(source), now_ms, fl_slice_text(key), &sealed.base, &record);
    struct fl_submission submission = {.topic = "subjects", .records = &record, .count = 1};
    if (error == FL_OK)
        error = fl_submit_until(gateway->submitter, &submission, 1, NULL, call->deadline_ms);
    /* Should it get there after all: no event will name it, and it is removed again. */
    return error == FL_TIMEOUT ? FL_UNAVAILABLE : error;
}

/* The open epochs whose keys are here, oldest first; the oldest must be. Its number is what the
 * profile is sealed under if it is the last. */
static enum fl_error open_epochs(struct call *call, uint32_t out[2], size_t *count)
{
    struct gateway *gateway = call->gateway;
    struct fl_store_read read = {.kv = NULL};
    struct fl_epochs epochs;
    enum fl_error error = fl_gateway_refresh_keys(gateway);
    if (error == FL_OK)
        error = fl_store_read_begin(gateway->registry, &read);
    if (error != FL_OK)
        return error;
    fl_registry_epochs(read.kv, &call->arena, &epochs);
    error = fl_store_read_end(&read);
    *count = 0;
    out[(*count)++] = epochs.oldest_open;
    if (epochs.newest != epochs.oldest_open &&
        fl_keyring_has_epoch(gateway->keyring, epochs.newest))
        out[(*count)++] = epochs.newest;
    return error;
}

/* The address under every open epoch; `epoch` receives the newest of them. */
static enum fl_error index_address(struct call *call, const char *normalised,
                                   Fleetlog__V1__PersonRef *person, uint32_t *epoch)
{
    struct fl_arena *arena = &call->arena;
    uint32_t numbers[2];
    Fleetlog__V1__AddressIndex *index = fl_arena_calloc(arena, 2, sizeof(*index));
    uint8_t *bytes = fl_arena_alloc(arena, (size_t)2 * FL_ADDRESS_INDEX_SIZE);
    person->indexes = fl_arena_calloc(arena, 2, sizeof(*person->indexes));
    if (index == NULL || bytes == NULL || person->indexes == NULL)
        return FL_NO_MEMORY;
    enum fl_error error = open_epochs(call, numbers, &person->n_indexes);
    for (size_t i = 0; error == FL_OK && i < person->n_indexes; i++) {
        fleetlog__v1__address_index__init(&index[i]);
        index[i].epoch = numbers[i];
        index[i].index = (ProtobufCBinaryData){FL_ADDRESS_INDEX_SIZE, bytes};
        error = fl_keyring_address_index(call->gateway->keyring, numbers[i],
                                         fl_slice_text(normalised), bytes);
        bytes += FL_ADDRESS_INDEX_SIZE;
        person->indexes[i] = &index[i];
        *epoch = numbers[i];
    }
    return error;
}

bool fl_call_person(struct call *call, const char *address, Fleetlog__V1__PersonRef **ref)
{
    static const char title_empty[] = "Please enter email address";
    static const char title_malformed[] =
        "You have entered an invalid email address. Please re-enter the email address.";
    struct gateway *gateway = call->gateway;
    char normalised[FL_ADDRESS_TEXT_SIZE];
    uint32_t epoch = 0;
    enum fl_error error = fl_address_normalise(fl_slice_text(address), normalised);
    if (error != FL_OK) {
        fl_call_problem(call, 422, error == FL_NOT_FOUND ? title_empty : title_malformed, NULL,
                        "address");
        return false;
    }
    Fleetlog__V1__PersonRef *person = fl_arena_calloc(&call->arena, 1, sizeof(*person));
    if (person == NULL) {
        fl_call_error(call, FL_NO_MEMORY);
        return false;
    }
    fleetlog__v1__person_ref__init(person);
    error = index_address(call, normalised, person, &epoch);
    /* Always a subject of its own: whoever the index is known as, the decider uses that subject,
     * and the profile written here, which no event names, is removed again. */
    person->subject_id = fl_call_mint(call);
    person->revision = FIRST_REVISION;
    person->profile_time_ms = fl_port_wall_ms(gateway->duty->port);
    if (error == FL_OK)
        error =
            append_profile(call, person->subject_id, normalised, epoch, person->profile_time_ms);
    if (error != FL_OK)
        fl_call_error(call, error);
    *ref = person;
    return error == FL_OK;
}

const fl_subject_row *fl_call_find_person(struct call *call, struct fl_kv *kv, const char *name)
{
    struct gateway *gateway = call->gateway;
    char normalised[FL_ADDRESS_TEXT_SIZE];
    uint8_t index[FL_ADDRESS_INDEX_SIZE];
    uint32_t epochs[FL_KEYRING_EPOCH_COUNT_MAX];
    if (fl_id_is_valid(fl_slice_text(name)))
        return fl_registry_subject(kv, &call->arena, fl_slice_text(name));
    if (fl_address_normalise(fl_slice_text(name), normalised) != FL_OK ||
        fl_gateway_refresh_keys(gateway) != FL_OK)
        return NULL;
    for (uint32_t i = fl_keyring_list_epochs(gateway->keyring, epochs); i > 0; i--) {
        const fl_subject_row *row = NULL;
        if (fl_keyring_address_index(gateway->keyring, epochs[i - 1], fl_slice_text(normalised),
                                     index) == FL_OK)
            row = fl_registry_subject_by_address(kv, &call->arena, epochs[i - 1],
                                                 fl_slice_of(index, sizeof(index)));
        if (row != NULL)
            return row;
    }
    return NULL;
}

const fl_account_row *fl_call_find_account(struct call *call, struct fl_kv *kv, const char *name)
{
    if (fl_id_is_valid(fl_slice_text(name)))
        return fl_registry_account(kv, &call->arena, fl_slice_text(name));
    const fl_subject_row *subject = fl_call_find_person(call, kv, name);
    return subject == NULL
               ? NULL
               : fl_registry_account(kv, &call->arena, fl_slice_text(subject->subject_id));
}

enum fl_error fl_gateway_refresh_keys(struct gateway *gateway)
{
    return fl_node_keyring_refresh(gateway->duty->config, gateway->duty->datadir, gateway->keyring);
}
