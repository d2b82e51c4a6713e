/* SPDX-License-Identifier: Apache-2.0 */
/* The Event Log in the order of the log, for whoever follows it. */
#include "core/bytes.h"
#include "projections/eventlog/eventlog.h"
#include "projections/eventlog/tables.h"

const fl_entry_row *fl_eventlog_next(struct fl_kv *kv, struct fl_arena *arena, uint64_t sequence)
{
    uint8_t from[8];
    struct fl_slice key;
    struct fl_slice value;
    ProtobufCMessage *row = NULL;
    if (!fl_kv_seek(kv, FL_EVENTLOG_ENTRIES, fl_u64_key(sequence, from), &key, &value))
        return NULL;
    enum fl_error error =
        fl_message_decode(arena, &fleetlog__rows__v1__entry_row__descriptor, value, &row);
    if (error != FL_OK)
        fl_kv_fail(kv, error == FL_NO_MEMORY ? FL_NO_MEMORY : FL_CORRUPT);
    return (const fl_entry_row *)row;
}

bool fl_eventlog_stands_in(struct fl_kv *kv, uint64_t sequence,
                           bool (*fits)(void *context, const char *company_id,
                                        const char *device_id),
                           void *context)
{
    uint8_t prefix[8];
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, kv, FL_EVENTLOG_LISTED, fl_u64_key(sequence, prefix));
    while (fl_kv_walk_next(&walk)) {
        char company_id[FL_ID_TEXT_SIZE];
        char device_id[FL_ID_TEXT_SIZE] = "";
        const uint8_t *scope = walk.key.data + sizeof(prefix);
        size_t size = walk.key.size - sizeof(prefix);
        if (size == 0 || size != fl_scope_size(scope[0])) {
            fl_kv_fail(kv, FL_CORRUPT);
            return false;
        }
        if (scope[0] == FL_EVENTLOG_LOCATION)
            continue;
        fl_id_from_bytes(scope + 1, company_id);
        if (scope[0] == FL_EVENTLOG_DEVICE)
            fl_id_from_bytes(scope + 1 + FL_ID_SIZE, device_id);
        if (fits(context, company_id, device_id))
            return true;
    }
    return false;
}
