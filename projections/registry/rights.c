/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/registry/rights.h"

#include <string.h>

#include "core/assert.h"
#include "projections/registry/machines.h"
#include "projections/registry/rows.h"

/* stranger, administrator, member, shared user */
static const bool table[FL_RIGHT_COUNT][FL_RELATION_COUNT] = {
    [FL_RIGHT_INVITE] = {false, true, false, false},
    [FL_RIGHT_MANAGE] = {false, true, false, false},
    [FL_RIGHT_REGISTER] = {false, true, true, false},
    [FL_RIGHT_CONFIGURE] = {false, true, true, true},
    [FL_RIGHT_DELETE] = {false, true, false, false},
    [FL_RIGHT_TRANSFER] = {false, true, false, false},
    [FL_RIGHT_SHARE] = {false, true, true, false},
    [FL_RIGHT_DROP] = {false, false, false, true},
    [FL_RIGHT_VIEW] = {false, true, true, true},
    [FL_RIGHT_COMMAND] = {false, true, true, true},
    [FL_RIGHT_LICENSE] = {false, true, true, true},
    [FL_RIGHT_RESELLER] = {false, true, false, false},
    [FL_RIGHT_LIFECYCLE] = {false, true, true, false},
};

static const char *const texts[FL_RIGHT_COUNT] = {
    [FL_RIGHT_INVITE] = "invite co-workers",
    [FL_RIGHT_MANAGE] = "manage co-workers",
    [FL_RIGHT_REGISTER] = "register devices",
    [FL_RIGHT_CONFIGURE] = "rename a device or set its location",
    [FL_RIGHT_DELETE] = "delete a device",
    [FL_RIGHT_TRANSFER] = "hand a device over to another company",
    [FL_RIGHT_SHARE] = "share a device or revoke a share",
    [FL_RIGHT_DROP] = "drop a share",
    [FL_RIGHT_VIEW] = "view a device",
    [FL_RIGHT_COMMAND] = "send a command to a device",
    [FL_RIGHT_LICENSE] = "apply a license to a device",
    [FL_RIGHT_RESELLER] = "link or unlink a reseller",
    [FL_RIGHT_LIFECYCLE] = "set a device's dates or remind the reseller",
};

bool fl_relation_may(enum fl_relation relation, enum fl_right right)
{
    fl_assert((unsigned)relation < FL_RELATION_COUNT && (unsigned)right < FL_RIGHT_COUNT);
    return table[right][relation];
}

const char *fl_right_text(enum fl_right right)
{
    fl_assert((unsigned)right < FL_RIGHT_COUNT);
    return texts[right];
}

enum fl_relation fl_relation_to_company(const fl_account_row *account, const char *company_id)
{
    if (account == NULL || strcmp(account->company_id, company_id) != 0)
        return FL_RELATION_STRANGER;
    return account->role == FLEETLOG__V1__ROLE__ROLE_ADMINISTRATOR ? FL_RELATION_ADMINISTRATOR
                                                                   : FL_RELATION_MEMBER;
}

enum fl_relation fl_relation_to_device(struct fl_kv *kv, struct fl_arena *arena,
                                       const fl_account_row *account, const fl_device_row *device,
                                       int64_t now_ms)
{
    if (account == NULL || device == NULL)
        return FL_RELATION_STRANGER;
    enum fl_relation relation = fl_relation_to_company(account, device->company_id);
    if (relation != FL_RELATION_STRANGER)
        return relation;
    struct fl_key key;
    fl_key_grant(&key, device->device_id, fl_slice_text(account->account_id));
    const fl_grant_row *grant = fl_row_get(kv, arena, FL_TABLE_GRANTS, &key);
    bool holds = grant != NULL && grant->accepted &&
                 (grant->expires_at_ms == 0 || now_ms < grant->expires_at_ms);
    return holds ? FL_RELATION_SHARED : FL_RELATION_STRANGER;
}

bool fl_registry_may(struct fl_kv *kv, struct fl_arena *arena, struct fl_slice account_id,
                     struct fl_slice device_id, enum fl_right right, int64_t now_ms)
{
    const fl_account_row *account = fl_row_by_id(kv, arena, FL_TABLE_ACCOUNTS, account_id);
    const fl_device_row *device = fl_row_by_id(kv, arena, FL_TABLE_DEVICES, device_id);
    if (device == NULL || device->state != FL_DEVICE_ACTIVE)
        return false;
    return fl_relation_may(fl_relation_to_device(kv, arena, account, device, now_ms), right);
}
