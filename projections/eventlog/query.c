/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of the Event Log, and its check. */
#include <stdio.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "projections/eventlog/eventlog.h"
#include "projections/eventlog/tables.h"

enum { CHECK_ARENA_SIZE = 1024 * 1024 };

static const fl_entry_row *entry_of(struct fl_kv *kv, struct fl_arena *arena, uint64_t sequence)
{
    uint8_t key[8];
    struct fl_slice value;
    ProtobufCMessage *row;
    fl_put_u64(key, sequence);
    if (!fl_kv_get(kv, FL_EVENTLOG_ENTRIES, fl_slice_of(key, sizeof(key)), &value)) {
        fl_kv_fail(kv, FL_CORRUPT);
        return NULL;
    }
    enum fl_error error =
        fl_message_decode(arena, &fleetlog__rows__v1__entry_row__descriptor, value, &row);
    if (error == FL_OK)
        return (const fl_entry_row *)row;
    fl_kv_fail(kv, error == FL_NO_MEMORY ? FL_NO_MEMORY : FL_CORRUPT);
    return NULL;
}

/* Where a walk of the order stands. */
struct place {
    uint8_t key[FL_SCOPE_SIZE_MAX + FL_ORDER_TAIL_SIZE + 1];
    size_t size;
    size_t prefix_size;
};

/* On to the next severity: the rest of this one is too old. */
static bool skip_severity(struct place *place)
{
    uint8_t *severity = &place->key[place->prefix_size];
    place->size = place->prefix_size + 1;
    return ++*severity != 0;
}

static enum fl_error start(struct place *place, const struct fl_eventlog_query *query)
{
    if (query->after.data == NULL)
        return FL_OK;
    if (query->after.size != 2 * FL_ORDER_TAIL_SIZE ||
        !fl_hex_decode(query->after, place->key + place->prefix_size, FL_ORDER_TAIL_SIZE))
        return FL_INVALID;
    place->size = place->prefix_size + FL_ORDER_TAIL_SIZE;
    place->key[place->size++] = 0;
    return FL_OK;
}

/* The next place in the order that is young and severe enough; false: no more. */
static bool next_place(struct fl_kv *kv, const struct fl_eventlog_query *query, struct place *place,
                       struct fl_slice *key)
{
    struct fl_slice value;
    int64_t oldest_ms = query->now_ms - FL_EVENTLOG_KEEP_MS;
    while (fl_kv_seek(kv, FL_EVENTLOG_ORDER, fl_slice_of(place->key, place->size), key, &value)) {
        if (key->size != place->prefix_size + FL_ORDER_TAIL_SIZE ||
            memcmp(key->data, place->key, place->prefix_size) != 0 ||
            fl_order_severity(*key) < (uint32_t)query->severity_min)
            return false;
        memcpy(place->key, key->data, key->size);
        place->size = key->size;
        place->key[place->size++] = 0;
        if (fl_order_time_ms(*key) > oldest_ms)
            return true;
        if (!skip_severity(place))
            return false;
    }
    return false;
}

enum fl_error fl_eventlog_list(struct fl_kv *kv, struct fl_arena *arena,
                               const struct fl_eventlog_query *query, struct fl_eventlog_page *page)
{
    struct place place = {.size = 0};
    struct fl_scope_key scope;
    struct fl_slice key;
    fl_assert(query->limit > 0);
    *page = (struct fl_eventlog_page){0};
    struct fl_slice part = query->scope == FL_EVENTLOG_DEVICE ? query->device_id : query->location;
    if (!fl_scope_key(&scope, query->scope, query->company_id, part))
        return FL_OK;
    memcpy(place.key, scope.bytes, scope.size);
    place.size = place.prefix_size = scope.size;
    enum fl_error error = start(&place, query);
    if (error != FL_OK)
        return error;
    page->rows = fl_arena_calloc(arena, query->limit, sizeof(*page->rows));
    if (page->rows == NULL)
        return FL_NO_MEMORY;
    while (next_place(kv, query, &place, &key)) {
        if (page->count == query->limit)
            return kv->error; /* there is more: `next` names the last row given */
        struct fl_slice tail =
            fl_slice_of(key.data + key.size - FL_ORDER_TAIL_SIZE, FL_ORDER_TAIL_SIZE);
        char cursor[FL_EVENTLOG_CURSOR_SIZE];
        fl_hex_encode(tail.data, tail.size, cursor);
        const fl_entry_row *row = entry_of(kv, arena, fl_order_sequence(key));
        if (row == NULL)
            return kv->error;
        if (row->owner_only && !query->with_owner_only)
            continue;
        memcpy(page->next, cursor, sizeof(cursor));
        page->rows[page->count++] = row;
    }
    page->next[0] = '\0';
    return kv->error;
}

enum fl_error fl_eventlog_count(struct fl_kv *kv, struct fl_arena *arena,
                                const struct fl_eventlog_query *query,
                                uint64_t counts[FL_SEVERITY_CRITICAL + 1])
{
    struct place place = {.size = 0};
    struct fl_scope_key scope;
    struct fl_slice key;
    struct fl_slice part = query->scope == FL_EVENTLOG_DEVICE ? query->device_id : query->location;
    if (!fl_scope_key(&scope, query->scope, query->company_id, part))
        return FL_OK;
    memcpy(place.key, scope.bytes, scope.size);
    place.size = place.prefix_size = scope.size;
    while (next_place(kv, query, &place, &key)) {
        uint32_t severity = fl_order_severity(key);
        const fl_entry_row *row =
            query->with_owner_only ? NULL : entry_of(kv, arena, fl_order_sequence(key));
        if (kv->error == FL_OK && severity <= FL_SEVERITY_CRITICAL &&
            (row == NULL || !row->owner_only))
            counts[severity]++;
    }
    return kv->error;
}

const char *fl_eventlog_former_name(struct fl_kv *kv, struct fl_arena *arena,
                                    struct fl_slice company_id, struct fl_slice device_id)
{
    uint8_t key[2 * FL_ID_SIZE];
    struct fl_slice value;
    ProtobufCMessage *row;
    if (!fl_id_to_bytes(company_id, key) || !fl_id_to_bytes(device_id, key + FL_ID_SIZE) ||
        !fl_kv_get(kv, FL_EVENTLOG_FORMER, fl_slice_of(key, sizeof(key)), &value))
        return NULL;
    if (fl_message_decode(arena, &fleetlog__rows__v1__place_row__descriptor, value, &row) == FL_OK)
        return ((const Fleetlog__Rows__V1__PlaceRow *)row)->name;
    fl_kv_fail(kv, FL_CORRUPT);
    return NULL;
}

static bool broken(char *detail, int number, uint64_t sequence)
{
    snprintf(detail, FL_DETAIL_SIZE, "invariant %d: entry %llu", number,
             (unsigned long long)sequence);
    return false;
}

static uint64_t count_rows(struct fl_kv *kv, unsigned table)
{
    struct fl_kv_walk walk;
    uint64_t count = 0;
    fl_kv_walk_begin(&walk, kv, table, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        count++;
    return count;
}

/* Invariant 2 for one entry; counts its places. */
static bool check_places(struct fl_kv *kv, const fl_entry_row *row, uint64_t *count)
{
    uint8_t prefix[8];
    struct fl_kv_walk walk;
    uint64_t before = *count;
    fl_put_u64(prefix, row->sequence);
    fl_kv_walk_begin(&walk, kv, FL_EVENTLOG_LISTED, fl_slice_of(prefix, sizeof(prefix)));
    while (fl_kv_walk_next(&walk)) {
        struct fl_scope_key key = {.size = walk.key.size - sizeof(prefix)};
        struct fl_slice value;
        if (key.size != fl_scope_size(walk.key.data[sizeof(prefix)]))
            return false;
        memcpy(key.bytes, walk.key.data + sizeof(prefix), key.size);
        fl_scope_key_place(&key, row->severity, row->time_ms, row->sequence);
        if (!fl_kv_get(kv, FL_EVENTLOG_ORDER, fl_slice_of(key.bytes, key.size), &value))
            return false;
        ++*count;
    }
    return *count != before;
}

bool fl_eventlog_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE])
{
    struct fl_kv_walk walk;
    struct fl_arena arena;
    uint64_t place_count = 0;
    int64_t last_ms = 0;
    bool good = true;
    detail[0] = '\0';
    fl_arena_init(&arena, CHECK_ARENA_SIZE);
    fl_kv_walk_begin(&walk, kv, FL_EVENTLOG_ENTRIES, FL_SLICE_NULL);
    while (good && fl_kv_walk_next(&walk)) {
        ProtobufCMessage *decoded;
        fl_arena_reset(&arena);
        if (walk.key.size != 8 ||
            fl_message_decode(&arena, &fleetlog__rows__v1__entry_row__descriptor, walk.value,
                              &decoded) != FL_OK) {
            good = broken(detail, 1, 0);
            break;
        }
        const fl_entry_row *row = (const fl_entry_row *)decoded;
        if (fl_get_u64(walk.key.data) != row->sequence || row->time_ms < last_ms)
            good = broken(detail, 1, row->sequence);
        else if (!check_places(kv, row, &place_count))
            good = broken(detail, 2, row->sequence);
        last_ms = row->time_ms;
    }
    fl_arena_fini(&arena);
    if (good && (count_rows(kv, FL_EVENTLOG_ORDER) != place_count ||
                 count_rows(kv, FL_EVENTLOG_LISTED) != place_count))
        good = broken(detail, 3, 0);
    if (good && kv->error != FL_OK) {
        snprintf(detail, FL_DETAIL_SIZE, "the store fails: %s", fl_error_name(kv->error));
        good = false;
    }
    return good;
}
