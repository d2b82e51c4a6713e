/* SPDX-License-Identifier: Apache-2.0 */
/* Names of people, from their sealed profiles: only while they are known. */
#include "producers/gateway/operator_names.h"

#include "fleetlog/v1/subjects.pb-c.h"
#include "projections/people/people.h"

/* Operators see all; others the names of their own company's people. */
static bool may_name(const struct call *call, struct fl_arena *arena, struct fl_kv *registry,
                     const char *subject_id, struct fl_slice company_id)
{
    if (!fl_call_is_for_account(call))
        return true;
    const fl_account_row *row = fl_registry_account(registry, arena, fl_slice_text(subject_id));
    return row != NULL && (fl_slice_is(call->identity.company_id, row->company_id) ||
                           fl_slice_is(company_id, row->company_id));
}

const char *fl_call_person_name(struct call *call, struct fl_arena *arena, struct fl_kv *registry,
                                struct fl_kv *people, const char *subject_id,
                                struct fl_slice company_id)
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
    return profile->name[0] != '\0' && may_name(call, arena, registry, subject_id, company_id)
               ? profile->name
               : profile->address;
}

void fl_call_hide_subject(const struct call *call, json_t *json)
{
    const char *id = json_string_value(json_object_get(json, "subjectId"));
    if (id != NULL && call->door == FL_DOOR_PUBLIC && !fl_slice_is(call->identity.on_behalf_of, id))
        json_object_del(json, "subjectId");
}

enum fl_error fl_call_add_persons(struct call *call, struct fl_kv *registry, json_t *items,
                                  const char *member)
{
    struct fl_store_read people = {.kv = NULL};
    bool has_people = fl_store_read_begin(call->gateway->people, &people) == FL_OK;
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        const char *subject_id = json_string_value(json_object_get(item, member));
        fl_arena_reset(&call->scratch);
        const char *name = subject_id == NULL || subject_id[0] == '\0'
                               ? NULL
                               : fl_call_person_name(call, &call->scratch, registry, people.kv,
                                                     subject_id, FL_SLICE_NULL);
        if (name != NULL)
            json_object_set_new(item, "person", fl_text_json(name));
        fl_call_hide_subject(call, item);
    }
    return has_people ? fl_store_read_end(&people) : FL_OK;
}
