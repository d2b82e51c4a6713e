/* SPDX-License-Identifier: Apache-2.0 */
/* What readers ask the registry. */
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "projections/registry/registry.h"
#include "projections/registry/rows.h"

const fl_log_row *fl_registry_log(struct fl_kv *kv, struct fl_arena *arena)
{
    struct fl_key key;
    fl_key_log(&key);
    return fl_row_get(kv, arena, FL_TABLE_LOG, &key);
}

const fl_company_row *fl_registry_company(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_COMPANIES, id);
}

const fl_account_row *fl_registry_account(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_ACCOUNTS, id);
}

const fl_subject_row *fl_registry_subject(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_SUBJECTS, id);
}

const fl_invitation_row *fl_registry_invitation(struct fl_kv *kv, struct fl_arena *arena,
                                                struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_INVITATIONS, id);
}

const fl_agent_row *fl_registry_agent(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_AGENTS, id);
}

const fl_device_row *fl_registry_device(struct fl_kv *kv, struct fl_arena *arena,
                                        struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_DEVICES, id);
}

const fl_device_row *fl_registry_device_by_number(struct fl_kv *kv, struct fl_arena *arena,
                                                  uint32_t number)
{
    struct fl_key key;
    fl_key_begin(&key);
    fl_key_u32(&key, number);
    const fl_device_number_row *row = fl_row_get(kv, arena, FL_TABLE_NUMBERS, &key);
    return row == NULL ? NULL : fl_registry_device(kv, arena, fl_slice_text(row->device_id));
}

const fl_capabilities_row *fl_registry_capabilities(struct fl_kv *kv, struct fl_arena *arena,
                                                    struct fl_slice device_id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_CAPABILITIES, device_id);
}

const fl_share_row *fl_registry_share(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_SHARES, id);
}

const fl_firmware_row *fl_registry_firmware(struct fl_kv *kv, struct fl_arena *arena,
                                            struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_FIRMWARES, id);
}

const fl_transfer_row *fl_registry_transfer(struct fl_kv *kv, struct fl_arena *arena,
                                            struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_TRANSFERS, id);
}

const fl_command_row *fl_registry_command(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_COMMANDS, id);
}

const fl_condition_row *fl_registry_condition(struct fl_kv *kv, struct fl_arena *arena,
                                              struct fl_slice device_id, uint32_t kind)
{
    struct fl_key key;
    fl_key_condition(&key, device_id, kind);
    return fl_row_get(kv, arena, FL_TABLE_CONDITIONS, &key);
}

const fl_sign_up_row *fl_registry_sign_up(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_SIGN_UPS, id);
}

const fl_account_link_row *fl_registry_password_reset(struct fl_kv *kv, struct fl_arena *arena,
                                                      struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_PASSWORD_RESETS, id);
}

const fl_account_link_row *fl_registry_address_change(struct fl_kv *kv, struct fl_arena *arena,
                                                      struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_ADDRESS_CHANGES, id);
}

const fl_session_row *fl_registry_session(struct fl_kv *kv, struct fl_arena *arena,
                                          struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_SESSIONS, id);
}

const fl_api_token_row *fl_registry_api_token(struct fl_kv *kv, struct fl_arena *arena,
                                              struct fl_slice id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_API_TOKENS, id);
}

const fl_login_row *fl_registry_login(struct fl_kv *kv, struct fl_arena *arena,
                                      struct fl_slice account_id)
{
    return fl_row_by_id(kv, arena, FL_TABLE_LOGINS, account_id);
}

const fl_subject_row *fl_registry_subject_by_address(struct fl_kv *kv, struct fl_arena *arena,
                                                     uint32_t epoch, struct fl_slice index)
{
    Fleetlog__V1__AddressIndex address = FLEETLOG__V1__ADDRESS_INDEX__INIT;
    struct fl_key key;
    address.epoch = epoch;
    address.index = (ProtobufCBinaryData){index.size, (uint8_t *)index.data};
    fl_key_address(&key, &address);
    const fl_address_row *row = fl_row_get(kv, arena, FL_TABLE_ADDRESSES, &key);
    return row == NULL ? NULL : fl_registry_subject(kv, arena, fl_slice_text(row->subject_id));
}

const fl_claim_row *fl_registry_claim_by_code(struct fl_kv *kv, struct fl_arena *arena,
                                              struct fl_slice code_hash)
{
    struct fl_key key;
    struct fl_slice value;
    fl_key_claim_code(&key, (ProtobufCBinaryData){code_hash.size, (uint8_t *)code_hash.data});
    if (key.bad || !fl_kv_get(kv, FL_TABLE_INDEX, fl_key_slice(&key), &value))
        return NULL;
    fl_key_begin(&key);
    fl_key_bytes(&key, value.data, value.size);
    return fl_row_get(kv, arena, FL_TABLE_CLAIMS, &key);
}

const fl_outcome_row *fl_registry_outcome(struct fl_kv *kv, struct fl_arena *arena,
                                          uint64_t action_offset)
{
    struct fl_key key;
    fl_key_begin(&key);
    fl_key_u64(&key, action_offset);
    return fl_row_get(kv, arena, FL_TABLE_OUTCOMES, &key);
}

bool fl_registry_action_offset(struct fl_kv *kv, struct fl_slice action_id, uint64_t *action_offset)
{
    struct fl_key key;
    struct fl_slice value;
    fl_key_begin(&key);
    fl_key_id(&key, action_id);
    if (key.bad || !fl_kv_get(kv, FL_TABLE_ACTION_IDS, fl_key_slice(&key), &value))
        return false;
    *action_offset = fl_first_u64(value);
    return true;
}
