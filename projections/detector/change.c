/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/detector/change.h"

#include <string.h>

#include "core/assert.h"
#include "core/cursor.h"
#include "fleetlog/v1/common.pb-c.h"
#include "schemas/catalogue.h"

struct fl_change *fl_changes_add(struct fl_changes *changes)
{
    fl_assert(changes->count < changes->capacity);
    return &changes->items[changes->count++];
}

struct fl_slice fl_change_encode(const struct fl_change *change, uint8_t out[FL_CHANGE_SIZE_MAX])
{
    struct fl_write_cursor to;
    fl_write_init(&to, out, FL_CHANGE_SIZE_MAX);
    fl_write_bytes(&to, fl_slice_of(change->device_id, FL_ID_SIZE));
    fl_write_u32(&to, change->generation);
    fl_write_u8(&to, (uint8_t)change->condition);
    fl_write_u8(&to, change->raised);
    fl_write_u64(&to, change->counter);
    fl_write_u64(&to, (uint64_t)change->sampled_at_ms);
    fl_write_string(&to, fl_slice_text(change->evidence));
    fl_assert(to.error == FL_OK);
    return fl_written(&to);
}

bool fl_change_decode(struct fl_slice bytes, struct fl_change *change)
{
    struct fl_read_cursor in;
    fl_read_init(&in, bytes);
    struct fl_slice id = fl_read_bytes(&in, FL_ID_SIZE);
    change->generation = fl_read_u32(&in);
    change->condition = (enum fl_condition)fl_read_u8(&in);
    uint8_t raised = fl_read_u8(&in);
    change->raised = raised != 0;
    change->counter = fl_read_u64(&in);
    change->sampled_at_ms = (int64_t)fl_read_u64(&in);
    struct fl_slice evidence = fl_read_string(&in);
    if (in.error != FL_OK || fl_read_left(&in) != 0 || raised > 1 ||
        change->condition < FL_CONDITION_ON_BATTERY || change->condition >= FL_CONDITION_END)
        return false;
    memcpy(change->device_id, id.data, FL_ID_SIZE);
    return fl_slice_to_text(evidence, change->evidence, sizeof(change->evidence));
}

const char *fl_condition_name(enum fl_condition condition)
{
    return fl_enum_label(&fleetlog__v1__condition_kind__descriptor, (int)condition);
}
