/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/devices/devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/cursor.h"
#include "core/pages.h"
#include "fleetlog/v1/devices.pb-c.h"
#include "fleetlog/v1/events.pb-c.h"

enum {
    NUMBER_SIZE = 4,
    TICK_KEY_SIZE = 8,
    TICK_SIZE = 24,
    TICK_COUNT_MAX = 4096,
    SLOT_SIZE_EXPECTED = 640, /* row and changing strings of a device */
    SLOT_COUNT_MIN = 1024,
    FACT_SIZE = FL_ID_SIZE + 5,
    CHUNK_HOT = 0, /* the variables that change from report to report */
};

/* A device in memory: one that this batch has touched, or one before it. */
struct slot {
    uint32_t number;            /* device numbers begin with 1 */
    uint32_t chunk_mask_stored; /* as the store has it: what a full report may have to delete */
    struct fl_raw_chunk hot;
    bool has_hot; /* it is in memory */
    bool dirty;
    struct fl_raw_chunk *rest; /* the other chunks that this batch has touched */
    struct fl_latest row;
};

struct tick {
    uint32_t partition;
    struct fl_tick tick;
};

/* Rows stay in memory behind a commit, as this is their only writer; when memory is full all of it
 * is forgotten with the next flush. */
struct state {
    struct fl_names names;
    struct fl_arena hot;  /* kept with the slots */
    struct fl_arena rest; /* of one batch */
    size_t memory_max;
    struct slot *slots;
    uint32_t *index; /* open addressing: slot number + 1, 0 free */
    uint32_t index_mask;
    uint32_t *order; /* for the flush: dirty slots by device number; as much again to sort with */
    uint32_t order_count;
    uint32_t slot_count;
    uint32_t slot_count_max;
    struct tick ticks[TICK_COUNT_MAX];
    uint32_t tick_count;
};

static const char *const table_names[FL_DEVICES_TABLE_COUNT] = {"rows", "raw", "ticks", "facts",
                                                                "ids"};

static void free_tables(struct state *s)
{
    fl_pages_free(s->slots, s->slot_count_max * sizeof(*s->slots));
    fl_pages_free(s->index, ((size_t)s->index_mask + 1) * sizeof(*s->index));
    free(s->order);
}

static enum fl_error devices_open(size_t memory_max, void **state)
{
    struct state *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return FL_NO_MEMORY;
    uint32_t slot_count = (uint32_t)(memory_max / SLOT_SIZE_EXPECTED);
    uint32_t index_size = 1;
    s->slot_count_max = slot_count < SLOT_COUNT_MIN ? SLOT_COUNT_MIN : slot_count;
    while (index_size < 2 * s->slot_count_max)
        index_size *= 2;
    s->index_mask = index_size - 1;
    s->slots = fl_pages_alloc(s->slot_count_max * sizeof(*s->slots));
    s->order = calloc(s->slot_count_max, 2 * sizeof(*s->order));
    s->index = fl_pages_alloc(index_size * sizeof(*s->index));
    if (s->slots == NULL || s->order == NULL || s->index == NULL) {
        free_tables(s);
        free(s);
        return FL_NO_MEMORY;
    }
    fl_names_init(&s->names);
    fl_arena_init(&s->hot, memory_max);
    fl_arena_init(&s->rest, memory_max);
    s->memory_max = memory_max;
    *state = s;
    return FL_OK;
}

static void devices_close(void *state)
{
    struct state *s = state;
    fl_arena_fini(&s->hot);
    fl_arena_fini(&s->rest);
    free_tables(s);
    free(s);
}

static void devices_discard(void *state)
{
    struct state *s = state;
    memset(s->index, 0, ((size_t)s->index_mask + 1) * sizeof(*s->index));
    s->slot_count = 0;
    s->order_count = 0;
    s->tick_count = 0;
    fl_arena_reset(&s->hot);
    fl_arena_reset(&s->rest);
}

static bool devices_is_full(const void *state)
{
    const struct state *s = state;
    /* One more record may touch one more device and bring the largest report. */
    return s->slot_count >= s->slot_count_max - 1 ||
           s->hot.used + s->rest.used >= s->memory_max / 2 || s->tick_count >= TICK_COUNT_MAX - 1;
}

static struct slot *slot_of(struct state *s, struct fl_kv *kv, uint32_t number)
{
    uint8_t key[NUMBER_SIZE];
    struct fl_slice stored;
    uint32_t at = number & s->index_mask; /* numbers are dense: each is its own hash */
    while (s->index[at] != 0) {
        struct slot *slot = &s->slots[s->index[at] - 1];
        if (slot->number == number)
            return slot;
        at = (at + 1) & s->index_mask;
    }
    fl_assert(s->slot_count < s->slot_count_max);
    struct slot *slot = &s->slots[s->slot_count];
    slot->number = number;
    slot->rest = NULL;
    slot->has_hot = slot->dirty = false;
    fl_latest_init(&slot->row);
    if (fl_kv_get(kv, FL_DEVICES_ROWS, fl_u32_key(number, key), &stored) &&
        !fl_latest_decode(stored, &slot->row))
        fl_kv_fail(kv, FL_CORRUPT);
    slot->chunk_mask_stored = slot->row.chunk_mask;
    s->index[at] = ++s->slot_count;
    return slot;
}

/* The chunk in memory; read from the store only when the row still rests on it. */
static struct fl_raw_chunk *chunk_of(struct state *s, struct fl_kv *kv, struct slot *slot,
                                     uint8_t index)
{
    uint32_t bit = UINT32_C(1) << index;
    bool is_stored = (slot->row.chunk_mask & bit) != 0;
    struct fl_raw_chunk *chunk = slot->rest;
    slot->row.chunk_mask |= bit;
    if (index == CHUNK_HOT) {
        if (!slot->has_hot && !fl_raw_chunk_open(&slot->hot, &s->hot, is_stored ? kv : NULL,
                                                 FL_DEVICES_RAW, slot->number, index))
            return NULL;
        slot->has_hot = true;
        return &slot->hot;
    }
    while (chunk != NULL && chunk->index != index)
        chunk = chunk->next;
    if (chunk != NULL)
        return chunk;
    chunk = fl_arena_alloc(&s->rest, sizeof(*chunk));
    if (chunk == NULL || !fl_raw_chunk_open(chunk, &s->rest, is_stored ? kv : NULL, FL_DEVICES_RAW,
                                            slot->number, index))
        return NULL;
    chunk->next = slot->rest;
    slot->rest = chunk;
    return chunk;
}

static void set_quantity(struct fl_latest *row, const struct fl_name *name, struct fl_slice value,
                         uint64_t counter)
{
    if (name->is_status)
        row->status = fl_status_parse(value);
    if (name->quantity == FL_QUANTITY_COUNT)
        return;
    struct fl_latest_value *slot = &row->values[name->quantity];
    slot->quality = fl_quantity_parse(name->quantity, value, &slot->thousandths);
    slot->counter = (uint32_t)counter;
}

static enum fl_error set_reading(struct state *s, struct fl_kv *kv, struct slot *slot,
                                 const struct fl_reading_walk *reading, uint64_t counter)
{
    const struct fl_name *name = fl_names_find(&s->names, reading->name);
    uint16_t number = name == NULL ? FL_NAME_NONE : name->number;
    struct fl_raw_chunk *chunk = chunk_of(s, kv, slot, fl_raw_chunk_of(number));
    if (chunk == NULL)
        return kv->error != FL_OK ? kv->error : FL_NO_MEMORY;
    if (!fl_raw_set(chunk->index == CHUNK_HOT ? &s->hot : &s->rest, chunk, number, reading->name,
                    reading->value, (uint32_t)counter))
        return FL_NO_MEMORY;
    if (chunk->index == FL_RAW_CHUNK_OTHER)
        slot->row.other_count = (uint16_t)chunk->count;
    if (name != NULL)
        set_quantity(&slot->row, name, reading->value, counter);
    return FL_OK;
}

/* A full report is everything: what it does not name is gone. */
static void begin_full(struct slot *slot, const struct fl_report *report, uint64_t offset)
{
    slot->row.full_offset = offset;
    slot->row.full_counter = report->counter;
    slot->row.gap_counter = 0;
    slot->row.status = 0;
    slot->row.chunk_mask = 0;
    slot->row.other_count = 0;
    if (slot->has_hot)
        fl_raw_chunk_clear(&slot->hot);
    for (struct fl_raw_chunk *chunk = slot->rest; chunk != NULL; chunk = chunk->next)
        fl_raw_chunk_clear(chunk);
    memset(slot->row.values, 0, sizeof(slot->row.values));
}

static void set_common(struct fl_latest *row, const struct fl_report *report,
                       const struct fl_view_input *input)
{
    row->generation = report->generation;
    row->counter = report->counter;
    row->kind = report->kind;
    row->partition = input->partition;
    row->gateway_number = report->gateway_number;
    row->sampled_at_ms = report->sampled_at_ms;
    row->received_at_ms = report->received_at_ms;
    row->clock_offset_ms = report->clock_offset_ms;
    row->thinned_count = report->thinned_count;
    row->last_offset = input->offset;
    if (report->kind != FL_REPORT_STALE)
        row->readings_at_ms = report->sampled_at_ms;
}

/* The row is to be written by the next flush. */
static void mark(struct state *s, struct slot *slot)
{
    if (!slot->dirty)
        s->order[s->order_count++] = (uint32_t)(slot - s->slots);
    slot->dirty = true;
}

static enum fl_error apply_report(struct state *s, struct fl_kv *kv,
                                  const struct fl_view_input *input, const struct fl_report *report)
{
    struct slot *slot = slot_of(s, kv, report->device_number);
    struct fl_latest *row = &slot->row;
    bool is_new_generation = report->generation > row->generation;
    if (report->generation < row->generation ||
        (!is_new_generation && report->counter <= row->counter))
        return kv->error;
    /* Refused before anything is touched. */
    if (report->kind == FL_REPORT_CHANGES &&
        row->other_count + report->reading_count > FL_RAW_OTHER_COUNT_MAX)
        return FL_TOO_LARGE;
    mark(s, slot);
    bool has_gap = !is_new_generation && row->counter != 0 && report->counter != row->counter + 1;
    if (report->kind == FL_REPORT_FULL)
        begin_full(slot, report, input->offset);
    else if (has_gap || is_new_generation)
        row->gap_counter = report->counter;
    set_common(row, report, input);
    struct fl_reading_walk walk = fl_readings(report);
    enum fl_error error = FL_OK;
    while (error == FL_OK && fl_reading_next(&walk))
        error = set_reading(s, kv, slot, &walk, report->counter);
    return error != FL_OK ? error : kv->error;
}

static void apply_tick(struct state *s, uint32_t partition, const struct fl_tick *tick)
{
    for (uint32_t i = 0; i < s->tick_count; i++) {
        if (s->ticks[i].partition == partition &&
            s->ticks[i].tick.gateway_number == tick->gateway_number) {
            s->ticks[i].tick = *tick;
            return;
        }
    }
    fl_assert(s->tick_count < TICK_COUNT_MAX);
    s->ticks[s->tick_count++] = (struct tick){partition, *tick};
}

static enum fl_error apply_telemetry(struct state *s, struct fl_kv *kv,
                                     const struct fl_view_input *input, char detail[FL_DETAIL_SIZE])
{
    struct fl_report report;
    struct fl_tick tick;
    enum fl_telemetry_kind kind;
    const char *what = NULL;
    enum fl_error error = fl_telemetry_decode(input->record->value, &kind, &report, &tick, &what);
    if (error == FL_OK && kind == FL_TELEMETRY_REPORT)
        error = apply_report(s, kv, input, &report);
    else if (error == FL_OK && kind == FL_TELEMETRY_TICK)
        apply_tick(s, input->partition, &tick);
    if (error != FL_OK)
        snprintf(detail, FL_DETAIL_SIZE, "%s", what != NULL ? what : fl_error_text(error));
    return error;
}

static void put_fact(struct fl_kv *kv, uint32_t number, const struct fl_device_fact *fact)
{
    uint8_t key[NUMBER_SIZE];
    uint8_t value[FACT_SIZE];
    struct fl_write_cursor to;
    fl_write_init(&to, value, sizeof(value));
    fl_write_bytes(&to, fl_slice_of(fact->id, FL_ID_SIZE));
    fl_write_u32(&to, fact->generation);
    fl_write_u8(&to, fact->removed);
    fl_kv_put(kv, FL_DEVICES_FACTS, fl_u32_key(number, key), fl_written(&to));
}

static enum fl_error apply_event(struct fl_kv *kv, const struct fl_view_input *input)
{
    struct fl_device_fact fact = {.removed = false};
    if (input->message == NULL)
        return FL_OK;
    if (input->envelope->row->type == FL_MESSAGE_DeviceRegistered) {
        const Fleetlog__V1__DeviceRegistered *event = (const void *)input->message;
        uint8_t key[NUMBER_SIZE];
        if (!fl_id_to_bytes(fl_slice_text(event->device_id), fact.id))
            return FL_INVALID;
        fact.generation = event->generation;
        put_fact(kv, event->device_number, &fact);
        fl_kv_put(kv, FL_DEVICES_IDS, fl_slice_of(fact.id, FL_ID_SIZE),
                  fl_u32_key(event->device_number, key));
    } else if (input->envelope->row->type == FL_MESSAGE_DeviceMoved) {
        const Fleetlog__V1__DeviceMoved *event = (const void *)input->message;
        if (!fl_devices_fact(kv, event->device_number, &fact))
            return kv->error != FL_OK ? kv->error : FL_INVALID;
        fact.generation = event->generation;
        put_fact(kv, event->device_number, &fact);
    } else if (input->envelope->row->type == FL_MESSAGE_DeviceRemoved) {
        const Fleetlog__V1__DeviceRemoved *event = (const void *)input->message;
        if (!fl_devices_fact(kv, event->device_number, &fact))
            return kv->error != FL_OK ? kv->error : FL_INVALID;
        fact.removed = true;
        put_fact(kv, event->device_number, &fact);
    }
    return kv->error;
}

static enum fl_error devices_apply(void *state, struct fl_kv *kv, const struct fl_view_input *input,
                                   char detail[FL_DETAIL_SIZE])
{
    if (input->kind == FL_READS_TELEMETRY)
        return apply_telemetry(state, kv, input, detail);
    enum fl_error error = apply_event(kv, input);
    if (error != FL_OK)
        snprintf(detail, FL_DETAIL_SIZE, "event: %s", fl_error_text(error));
    return error;
}

/* Order of device numbers by four passes of counting sort over bytes: no comparison per step. */
static void sort_dirty(struct state *s)
{
    uint32_t *from = s->order;
    uint32_t *to = s->order + s->slot_count_max;
    for (unsigned shift = 0; shift < 32; shift += 8) {
        uint32_t counts[257] = {0};
        for (uint32_t i = 0; i < s->order_count; i++)
            counts[(s->slots[from[i]].number >> shift & 0xff) + 1]++;
        for (unsigned b = 0; b < 256; b++)
            counts[b + 1] += counts[b];
        for (uint32_t i = 0; i < s->order_count; i++)
            to[counts[s->slots[from[i]].number >> shift & 0xff]++] = from[i];
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    /* An even number of passes leaves the result in s->order. */
}

/* A table while it is written in the order of its keys: what comes behind its last key is appended,
 * so that a first fold fills its pages. */
struct tail {
    struct fl_kv *kv;
    unsigned table;
    uint8_t last[FL_RAW_KEY_SIZE];
    size_t last_size; /* 0: the table is empty */
};

static struct tail tail_of(struct fl_kv *kv, unsigned table)
{
    static const uint8_t behind[FL_RAW_KEY_SIZE + 1] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct tail tail = {.kv = kv, .table = table};
    struct fl_slice key;
    struct fl_slice value;
    if (!fl_kv_before(kv, table, fl_slice_of(behind, sizeof(behind)), &key, &value))
        return tail;
    tail.last_size = key.size < sizeof(tail.last) ? key.size : sizeof(tail.last);
    memcpy(tail.last, key.data, tail.last_size);
    return tail;
}

static void put_in_order(struct tail *tail, struct fl_slice key, struct fl_slice value)
{
    if (fl_slice_compare(key, fl_slice_of(tail->last, tail->last_size)) <= 0) {
        fl_kv_put(tail->kv, tail->table, key, value);
        return;
    }
    fl_kv_append(tail->kv, tail->table, key, value);
    memcpy(tail->last, key.data, key.size);
    tail->last_size = key.size;
}

static void put_chunk(struct tail *raw, uint32_t number, struct fl_raw_chunk *chunk)
{
    uint8_t key[FL_RAW_KEY_SIZE];
    if (!chunk->dirty)
        return;
    fl_raw_key(number, chunk->index, key);
    put_in_order(raw, fl_slice_of(key, sizeof(key)), fl_slice_of(chunk->bytes, chunk->size));
    chunk->dirty = false;
}

static void drop_chunks(struct fl_kv *kv, const struct slot *slot)
{
    uint8_t key[FL_RAW_KEY_SIZE];
    uint32_t gone = slot->chunk_mask_stored & ~slot->row.chunk_mask;
    for (uint8_t index = 0; gone != 0; index++, gone >>= 1) {
        fl_raw_key(slot->number, index, key);
        if ((gone & 1) != 0)
            fl_kv_del(kv, FL_DEVICES_RAW, fl_slice_of(key, sizeof(key)));
    }
}

static void flush_rows(struct state *s, struct fl_kv *kv)
{
    struct tail rows = tail_of(kv, FL_DEVICES_ROWS);
    for (uint32_t i = 0; i < s->order_count; i++) {
        uint8_t key[NUMBER_SIZE];
        uint8_t row[FL_LATEST_SIZE];
        struct slot *slot = &s->slots[s->order[i]];
        fl_latest_encode(&slot->row, row);
        put_in_order(&rows, fl_u32_key(slot->number, key), fl_slice_of(row, sizeof(row)));
        slot->dirty = false;
    }
}

/* Chunk by chunk, as the keys go. Few devices have others than the hot one to write. */
static void flush_raw(struct state *s, struct fl_kv *kv)
{
    uint32_t *others = s->order + s->slot_count_max; /* the sort has done with it */
    uint32_t other_count = 0;
    uint32_t union_mask = 0;
    struct tail raw = tail_of(kv, FL_DEVICES_RAW);
    for (uint32_t i = 0; i < s->order_count; i++) {
        struct slot *slot = &s->slots[s->order[i]];
        drop_chunks(kv, slot);
        slot->chunk_mask_stored = slot->row.chunk_mask;
        if (slot->has_hot)
            put_chunk(&raw, slot->number, &slot->hot);
        if (slot->rest != NULL)
            others[other_count++] = s->order[i];
        for (const struct fl_raw_chunk *chunk = slot->rest; chunk != NULL; chunk = chunk->next)
            union_mask |= UINT32_C(1) << chunk->index;
    }
    for (unsigned index = CHUNK_HOT + 1; index < FL_RAW_CHUNK_COUNT; index++)
        for (uint32_t i = 0; (union_mask >> index & 1) != 0 && i < other_count; i++)
            for (struct fl_raw_chunk *chunk = s->slots[others[i]].rest; chunk != NULL;
                 chunk = chunk->next)
                if (chunk->index == index)
                    put_chunk(&raw, s->slots[others[i]].number, chunk);
    for (uint32_t i = 0; i < other_count; i++)
        s->slots[others[i]].rest = NULL;
}

static void flush_ticks(struct state *s, struct fl_kv *kv)
{
    for (uint32_t i = 0; i < s->tick_count; i++) {
        uint8_t key[TICK_KEY_SIZE];
        uint8_t value[TICK_SIZE];
        struct fl_write_cursor to;
        fl_write_init(&to, key, sizeof(key));
        fl_write_u32(&to, s->ticks[i].partition);
        fl_write_u32(&to, s->ticks[i].tick.gateway_number);
        fl_write_init(&to, value, sizeof(value));
        fl_write_u64(&to, s->ticks[i].tick.boot);
        fl_write_u64(&to, s->ticks[i].tick.sequence);
        fl_write_u64(&to, (uint64_t)s->ticks[i].tick.time_ms);
        fl_kv_put(kv, FL_DEVICES_TICKS, fl_slice_of(key, sizeof(key)), fl_written(&to));
    }
}

static void devices_flush(void *state, struct fl_kv *kv)
{
    struct state *s = state;
    bool was_full = devices_is_full(s);
    sort_dirty(s);
    flush_rows(s, kv);
    flush_raw(s, kv);
    flush_ticks(s, kv);
    s->order_count = 0;
    s->tick_count = 0;
    fl_arena_reset(&s->rest);
    if (was_full)
        devices_discard(s);
}

/* A fold of many devices waits for memory more than for anything else, so it is told ahead. The
 * slot that is guessed may be another's: then the fold waits as it would have. */
static void devices_prefetch(void *state, const struct fl_record *record, unsigned step)
{
    enum { LINE = 64 };
    struct state *s = state;
    uint32_t number = fl_first_u32(record->key);
    const uint32_t *at = &s->index[number & s->index_mask];
    if (step == 0) {
        __builtin_prefetch(at);
        return;
    }
    if (*at == 0)
        return;
    const struct slot *slot = &s->slots[*at - 1];
    if (step == 1) {
        for (size_t line = 0; line < sizeof(*slot); line += LINE)
            __builtin_prefetch((const uint8_t *)slot + line);
    } else if (slot->has_hot) {
        for (size_t line = 0; line < slot->hot.size; line += LINE)
            __builtin_prefetch(slot->hot.bytes + line, 1);
    }
}

const struct fl_view *fl_devices_view(void)
{
    static const struct fl_view view = {
        .name = "devices",
        .fold_version = 1,
        .inputs = FL_READS_EVENTS | FL_READS_TELEMETRY,
        .tables = table_names,
        .table_count = FL_DEVICES_TABLE_COUNT,
        .open = devices_open,
        .close = devices_close,
        .apply = devices_apply,
        .prefetch = devices_prefetch,
        .flush = devices_flush,
        .discard = devices_discard,
        .is_full = devices_is_full,
        .check = fl_devices_check,
        .renumber = fl_devices_renumber,
        .carry = fl_devices_carry,
    };
    return &view;
}
