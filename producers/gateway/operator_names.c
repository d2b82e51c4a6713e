/* SPDX-License-Identifier: Apache-2.0 */
/* Names of people, from their sealed profiles: only while they are known. */
#include "fleetlog/v1/subjects.pb-c.h"
#include "producers/gateway/operator.h"
#include "projections/people/people.h"

const char *fl_call_person_name(struct call *call, struct fl_arena *arena, struct fl_kv *people,
                                const char *subject_id)
{
    uint64_t revision = 0;
    struct fl_slice bytes;
    ProtobufCMessage *message = NULL;
    if (people != NULL && fl_people_is_erased(people, fl_slice_text(subject_id)))
        return "*erased*";
    if (people == NULL || !fl_people_sealed(people, fl_slice_text(subject_id), &revision, &bytes) ||
        fl_message_decode(arena, &fleetlog__v1__sealed_profile__descriptor, bytes, &message) !=
            FL_OK)
        return NULL;
    const Fleetlog__V1__SealedProfile *sealed = (const void *)message;
    char *key = fl_arena_printf(arena, "%s/%llu", subject_id, (unsigned long long)revision);
    uint8_t *plain = fl_arena_alloc(arena, sealed->ciphertext.len + 1);
    if (key == NULL || plain == NULL || sealed->nonce.len != FL_SEAL_NONCE_SIZE ||
        sealed->ciphertext.len < FL_SEAL_TAG_SIZE ||
        fl_keyring_open_sealed(
            call->gateway->keyring, sealed->epoch, fl_slice_text(key), sealed->nonce.data,
            fl_slice_of(sealed->ciphertext.data, sealed->ciphertext.len), plain) != FL_OK)
        return NULL;
    struct fl_slice profile_bytes = fl_slice_of(plain, sealed->ciphertext.len - FL_SEAL_TAG_SIZE);
    if (fl_message_decode(arena, &fleetlog__v1__profile__descriptor, profile_bytes, &message) !=
        FL_OK)
        return NULL;
    const Fleetlog__V1__Profile *profile = (const void *)message;
    return profile->name[0] != '\0' ? profile->name : profile->address;
}

enum fl_error fl_call_add_persons(struct call *call, json_t *items, const char *member)
{
    struct fl_store_read people = {.kv = NULL};
    if (fl_store_read_begin(call->gateway->people, &people) != FL_OK)
        return FL_OK;
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        const char *subject_id = json_string_value(json_object_get(item, member));
        fl_arena_reset(&call->scratch);
        const char *name = subject_id == NULL || subject_id[0] == '\0'
                               ? NULL
                               : fl_call_person_name(call, &call->scratch, people.kv, subject_id);
        if (name != NULL)
            json_object_set_new(item, "person", fl_text_json(name));
    }
    return fl_store_read_end(&people);
}
