/* SPDX-License-Identifier: Apache-2.0 */
/* Sealed profiles: opened, changed, sealed again. */
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#include "producers/gateway/account.h"
#include "projections/people/people.h"

/* Opens what the people view holds; NULL: it cannot be opened. */
static const Fleetlog__V1__Profile *open_profile(struct call *call, const char *subject_id,
                                                 uint64_t revision, struct fl_slice bytes)
{
    struct fl_arena *arena = &call->arena;
    ProtobufCMessage *message = NULL;
    if (fl_message_decode(arena, &fleetlog__v1__sealed_profile__descriptor, bytes, &message) !=
        FL_OK)
        return NULL;
    const Fleetlog__V1__SealedProfile *sealed = (const void *)message;
    char *key = fl_arena_printf(arena, "%s/%" PRIu64, subject_id, revision);
    uint8_t *plain = fl_arena_alloc(arena, sealed->ciphertext.len + 1);
    if (key == NULL || plain == NULL || sealed->nonce.len != FL_SEAL_NONCE_SIZE ||
        sealed->ciphertext.len < FL_SEAL_TAG_SIZE ||
        fl_keyring_open_sealed(
            call->gateway->keyring, sealed->epoch, fl_slice_text(key), sealed->nonce.data,
            fl_slice_of(sealed->ciphertext.data, sealed->ciphertext.len), plain) != FL_OK)
        return NULL;
    if (fl_message_decode(arena, &fleetlog__v1__profile__descriptor,
                          fl_slice_of(plain, sealed->ciphertext.len - FL_SEAL_TAG_SIZE),
                          &message) != FL_OK)
        return NULL;
    return (const Fleetlog__V1__Profile *)message;
}

bool fl_call_profile(struct call *call, const char *subject_id,
                     const Fleetlog__V1__Profile **profile, uint64_t *revision)
{
    struct fl_store_read read = {.kv = NULL};
    struct fl_slice bytes = FL_SLICE_NULL;
    *profile = NULL;
    *revision = 0;
    if (!fl_call_read_begin(call, call->gateway->people, &read))
        return false;
    if (fl_people_sealed(read.kv, fl_slice_text(subject_id), revision, &bytes))
        *profile = open_profile(call, subject_id, *revision, bytes);
    return fl_call_read_end(call, &read);
}

/* Above every revision before, and not one that another gateway makes at the same time. */
static uint64_t next_revision(struct call *call, uint64_t before)
{
    uint32_t chance;
    fl_port_random(call->gateway->duty->port, &chance, sizeof(chance));
    uint64_t next =
        (uint64_t)fl_port_wall_ms(call->gateway->duty->port) * 1000 + (uint64_t)(chance % 1000);
    return next > before ? next : before + 1;
}

static enum fl_error append_sealed(struct call *call, const char *key, uint32_t epoch,
                                   const Fleetlog__V1__Profile *profile)
{
    struct gateway *gateway = call->gateway;
    struct fl_arena *arena = &call->arena;
    uint8_t nonce[FL_SEAL_NONCE_SIZE];
    struct fl_slice plain;
    struct fl_record record;
    Fleetlog__V1__SealedProfile sealed = FLEETLOG__V1__SEALED_PROFILE__INIT;
    char *source = fl_arena_printf(arena, "/fleetlog/%s/gateway/%s", gateway->log_id,
                                   gateway->duty->datadir->node_id);
    enum fl_error error = fl_message_encode(arena, &profile->base, &plain);
    uint8_t *out = error == FL_OK ? fl_arena_alloc(arena, plain.size + FL_SEAL_TAG_SIZE) : NULL;
    if (out == NULL || source == NULL)
        return FL_NO_MEMORY;
    error = fl_keyring_seal(gateway->keyring, gateway->duty->port, epoch, fl_slice_text(key), plain,
                            nonce, out);
    if (error != FL_OK)
        return error;
    sealed.version = 1;
    sealed.epoch = epoch;
    sealed.nonce = (ProtobufCBinaryData){sizeof(nonce), nonce};
    sealed.ciphertext = (ProtobufCBinaryData){plain.size + FL_SEAL_TAG_SIZE, out};
    error = fl_plain_encode(arena, fl_slice_text(fl_call_mint(call)), "fleetlog.v1.SealedProfile",
                            fl_slice_text(source), profile->written_at_ms, fl_slice_text(key),
                            &sealed.base, &record);
    struct fl_submission submission = {.topic = "subjects", .records = &record, .count = 1};
    return error == FL_OK ? fl_submit(gateway->submitter, &submission, 1) : error;
}

bool fl_call_next_profile(struct call *call, const char *subject_id, uint64_t revision_before,
                          const Fleetlog__V1__Profile *profile, Fleetlog__V1__PersonRef **person)
{
    /* The address's indexes; what that writes of a new subject no event names, and it goes again.
     */
    if (!fl_call_person(call, profile->address, person))
        return false;
    Fleetlog__V1__Profile next = *profile;
    next.written_at_ms = (*person)->profile_time_ms;
    (*person)->subject_id = subject_id;
    (*person)->revision = next_revision(call, revision_before);
    char *key = fl_arena_printf(&call->arena, "%s/%" PRIu64, subject_id, (*person)->revision);
    enum fl_error error =
        key == NULL
            ? FL_NO_MEMORY
            : append_sealed(call, key, (*person)->indexes[(*person)->n_indexes - 1]->epoch, &next);
    if (error != FL_OK)
        fl_call_error(call, error);
    return error == FL_OK;
}

const char *fl_call_new_password(struct call *call, const char *name, const char *address,
                                 const char *company)
{
    const char *password = fl_body_text(call, name);
    if (!fl_call_body_is_good(call))
        return NULL;
    const char *refusal = fl_password_refusal(password, address, company);
    if (refusal != NULL) {
        fl_call_problem(call, 422, refusal, NULL, name);
        return NULL;
    }
    char *hash = fl_arena_alloc(&call->arena, FL_PASSWORD_HASH_SIZE);
    enum fl_error error = hash == NULL
                              ? FL_NO_MEMORY
                              : fl_password_hash(call->gateway->sign_in->passwords, password, hash);
    if (error != FL_OK)
        fl_call_error(call, error == FL_FULL ? FL_UNAVAILABLE : error);
    return error == FL_OK ? hash : NULL;
}
