/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/cursor.h"
#include "projections/devices/devices.h"

enum { NUMBER_SIZE = 4, TICK_KEY_SIZE = 8, FACT_SIZE = FL_ID_SIZE + 5 };

static bool decode_fact(struct fl_slice value, struct fl_device_fact *fact)
{
    struct fl_read_cursor in;
    if (value.size != FACT_SIZE)
        return false;
    fl_read_init(&in, value);
    memcpy(fact->id, fl_read_bytes(&in, FL_ID_SIZE).data, FL_ID_SIZE);
    fact->generation = fl_read_u32(&in);
    uint8_t removed = fl_read_u8(&in);
    fact->removed = removed != 0;
    return removed <= 1;
}

bool fl_devices_fact(struct fl_kv *kv, uint32_t device_number, struct fl_device_fact *fact)
{
    uint8_t key[NUMBER_SIZE];
    struct fl_slice value;
    if (!fl_kv_get(kv, FL_DEVICES_FACTS, fl_u32_key(device_number, key), &value))
        return false;
    if (decode_fact(value, fact))
        return true;
    fl_kv_fail(kv, FL_CORRUPT);
    return false;
}

bool fl_devices_number(struct fl_kv *kv, struct fl_slice device_id_text, uint32_t *device_number)
{
    uint8_t id[FL_ID_SIZE];
    struct fl_slice value;
    if (!fl_id_to_bytes(device_id_text, id) ||
        !fl_kv_get(kv, FL_DEVICES_IDS, fl_slice_of(id, sizeof(id)), &value))
        return false;
    *device_number = fl_first_u32(value);
    return true;
}

bool fl_devices_row(struct fl_kv *kv, uint32_t device_number, struct fl_latest *row)
{
    uint8_t key[NUMBER_SIZE];
    struct fl_slice value;
    if (!fl_kv_get(kv, FL_DEVICES_ROWS, fl_u32_key(device_number, key), &value))
        return false;
    if (fl_latest_decode(value, row))
        return true;
    fl_kv_fail(kv, FL_CORRUPT);
    return false;
}

void fl_devices_each_raw(struct fl_kv *kv, uint32_t device_number,
                         void (*each)(void *context, struct fl_slice name, struct fl_slice value,
                                      bool is_stale),
                         void *context)
{
    struct fl_latest row;
    if (!fl_devices_row(kv, device_number, &row))
        return;
    for (unsigned index = 0; index < FL_RAW_CHUNK_COUNT; index++) {
        uint8_t key[FL_RAW_KEY_SIZE];
        struct fl_slice value;
        fl_raw_key(device_number, (uint8_t)index, key);
        if ((row.chunk_mask >> index & 1) == 0 ||
            !fl_kv_get(kv, FL_DEVICES_RAW, fl_slice_of(key, sizeof(key)), &value))
            continue;
        struct fl_raw_walk walk = fl_raw_walk(value);
        while (fl_raw_next(&walk)) {
            bool is_older = (int32_t)(walk.counter - (uint32_t)row.gap_counter) < 0;
            each(context, walk.name, walk.value, row.gap_counter != 0 && is_older);
        }
        if (walk.corrupt)
            fl_kv_fail(kv, FL_CORRUPT);
    }
}

int64_t fl_devices_silence_ms(struct fl_kv *kv, const struct fl_latest *row)
{
    uint8_t prefix[NUMBER_SIZE];
    struct fl_kv_walk walk;
    int64_t own_ms = 0;
    int64_t newest_ms = 0;
    fl_kv_walk_begin(&walk, kv, FL_DEVICES_TICKS, fl_u32_key(row->partition, prefix));
    while (fl_kv_walk_next(&walk)) {
        struct fl_read_cursor in;
        fl_read_init(&in, walk.value);
        fl_read_u64(&in);
        fl_read_u64(&in);
        int64_t time_ms = (int64_t)fl_read_u64(&in);
        fl_read_init(&in, walk.key);
        fl_read_u32(&in);
        if (fl_read_u32(&in) == row->gateway_number)
            own_ms = time_ms;
        if (time_ms > newest_ms)
            newest_ms = time_ms;
    }
    int64_t counting_ms = newest_ms - own_ms > FL_GATEWAY_SILENCE_MS ? newest_ms : own_ms;
    return counting_ms > row->received_at_ms ? counting_ms - row->received_at_ms : 0;
}

static bool check_rows(struct fl_kv *kv, char detail[FL_DETAIL_SIZE])
{
    struct fl_kv_walk walk;
    fl_kv_walk_begin(&walk, kv, FL_DEVICES_ROWS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        struct fl_latest row;
        uint32_t number = fl_first_u32(walk.key);
        if (walk.key.size != NUMBER_SIZE || !fl_latest_decode(walk.value, &row)) {
            snprintf(detail, FL_DETAIL_SIZE, "1: row of device %u does not decode", number);
            return false;
        }
        for (unsigned index = 0; index < FL_RAW_CHUNK_COUNT; index++) {
            uint8_t key[FL_RAW_KEY_SIZE];
            struct fl_slice value;
            fl_raw_key(number, (uint8_t)index, key);
            bool is_there = fl_kv_get(kv, FL_DEVICES_RAW, fl_slice_of(key, sizeof(key)), &value);
            if (is_there != ((row.chunk_mask >> index & 1) != 0)) {
                snprintf(detail, FL_DETAIL_SIZE, "2: raw row %u of device %u is %s", index, number,
                         is_there ? "not named by its row" : "missing");
                return false;
            }
        }
    }
    return true;
}

static bool check_raw(struct fl_kv *kv, char detail[FL_DETAIL_SIZE])
{
    struct fl_kv_walk rows;
    fl_kv_walk_begin(&rows, kv, FL_DEVICES_RAW, FL_SLICE_NULL);
    while (fl_kv_walk_next(&rows)) {
        struct fl_latest row;
        struct fl_raw_walk walk = fl_raw_walk(rows.value);
        uint32_t number = fl_raw_key_number(rows.key);
        while (fl_raw_next(&walk))
            ;
        if (walk.corrupt || rows.key.size != FL_RAW_KEY_SIZE || !fl_devices_row(kv, number, &row)) {
            snprintf(detail, FL_DETAIL_SIZE,
                     "2: a raw row of device %u does not decode or has no row", number);
            return false;
        }
    }
    return true;
}

static bool check_facts(struct fl_kv *kv, char detail[FL_DETAIL_SIZE])
{
    struct fl_kv_walk walk;
    struct fl_device_fact fact;
    uint64_t fact_count = 0;
    uint64_t id_count = 0;
    fl_kv_walk_begin(&walk, kv, FL_DEVICES_FACTS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        struct fl_slice value;
        uint32_t number = fl_first_u32(walk.key);
        if (!decode_fact(walk.value, &fact) ||
            !fl_kv_get(kv, FL_DEVICES_IDS, fl_slice_of(fact.id, FL_ID_SIZE), &value) ||
            fl_first_u32(value) != number) {
            snprintf(detail, FL_DETAIL_SIZE, "3: the id of device %u does not lead back to it",
                     number);
            return false;
        }
        fact_count++;
    }
    fl_kv_walk_begin(&walk, kv, FL_DEVICES_IDS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        id_count++;
    if (fact_count == id_count)
        return true;
    snprintf(detail, FL_DETAIL_SIZE, "3: %llu facts and %llu ids", (unsigned long long)fact_count,
             (unsigned long long)id_count);
    return false;
}

bool fl_devices_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE])
{
    return check_rows(kv, detail) && check_raw(kv, detail) && check_facts(kv, detail);
}
