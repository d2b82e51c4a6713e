/* SPDX-License-Identifier: Apache-2.0 */
#include "projections/detector/detector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/cursor.h"
#include "core/limits.h"

enum {
    NUMBER_SIZE = 4,
    SLOT_COUNT_MIN = 1024,
    SLOT_COUNT_MAX = 256 * 1024,
    SILENCE_MS = 90 * 1000,
    STEP_MS_MAX = 30 * 1000,
};

/* A device that this batch has touched. */
struct slot {
    struct fl_watch watch;
    uint32_t number;
    bool dirty;
};

/* A partition's clocks in memory; NULL: not touched. */
struct partition {
    struct fl_clocks clocks;
    bool loaded;
    bool dirty;
};

struct state {
    struct fl_detector_settings settings;
    struct fl_changes changes;
    struct slot *slots;
    uint32_t *index; /* open addressing: slot number + 1, 0 free */
    uint32_t *order;
    uint32_t index_mask;
    uint32_t slot_count;
    uint32_t slot_count_max;
    struct partition *partitions[FL_PARTITION_COUNT_MAX];
    bool clock_moved;
    bool search_again; /* the last search for silence has found more than it could take */
};

static const char *const table_names[FL_DETECTOR_TABLE_COUNT] = {"devices", "clocks", "waiting",
                                                                 "notes"};

static void release(struct state *s)
{
    for (uint32_t i = 0; i < FL_PARTITION_COUNT_MAX; i++)
        free(s->partitions[i]);
    free(s->slots);
    free(s->index);
    free(s->order);
    free(s->changes.items);
    free(s);
}

static enum fl_error detector_open(size_t memory_max, void **state)
{
    struct state *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return FL_NO_MEMORY;
    size_t slot_count = memory_max / (2 * sizeof(struct slot));
    slot_count = slot_count < SLOT_COUNT_MIN ? SLOT_COUNT_MIN : slot_count;
    s->slot_count_max = (uint32_t)(slot_count > SLOT_COUNT_MAX ? SLOT_COUNT_MAX : slot_count);
    uint32_t index_size = 1;
    while (index_size < 2 * s->slot_count_max)
        index_size *= 2;
    s->index_mask = index_size - 1;
    s->slots = calloc(s->slot_count_max, sizeof(*s->slots));
    s->order = calloc(s->slot_count_max, 2 * sizeof(*s->order));
    s->index = calloc(index_size, sizeof(*s->index));
    s->changes.items = calloc(FL_CHANGE_COUNT_MAX, sizeof(*s->changes.items));
    s->changes.capacity = FL_CHANGE_COUNT_MAX;
    s->settings = (struct fl_detector_settings){SILENCE_MS, STEP_MS_MAX, false};
    if (s->slots == NULL || s->order == NULL || s->index == NULL || s->changes.items == NULL) {
        release(s);
        return FL_NO_MEMORY;
    }
    *state = s;
    return FL_OK;
}

static void detector_close(void *state)
{
    release(state);
}

void fl_detector_set(void *state, const struct fl_detector_settings *settings)
{
    ((struct state *)state)->settings = *settings;
}

struct fl_changes *fl_detector_changes(void *state)
{
    return &((struct state *)state)->changes;
}

static void forget_slots(struct state *s)
{
    memset(s->index, 0, ((size_t)s->index_mask + 1) * sizeof(*s->index));
    s->slot_count = 0;
}

static void detector_discard(void *state)
{
    struct state *s = state;
    forget_slots(s);
    s->changes.count = 0;
    s->clock_moved = false;
    for (uint32_t i = 0; i < FL_PARTITION_COUNT_MAX; i++)
        if (s->partitions[i] != NULL)
            s->partitions[i]->loaded = s->partitions[i]->dirty = false;
}

static bool detector_is_full(const void *state)
{
    const struct state *s = state;
    return s->slot_count >= s->slot_count_max - 1 ||
           s->changes.count + 2 * (size_t)FL_CHANGES_PER_REPORT_MAX > s->changes.capacity;
}

bool fl_detector_watch(struct fl_kv *kv, uint32_t device_number, struct fl_watch *watch)
{
    uint8_t key[NUMBER_SIZE];
    struct fl_slice value;
    if (!fl_kv_get(kv, FL_DETECTOR_DEVICES, fl_u32_key(device_number, key), &value))
        return false;
    if (fl_watch_decode(value, watch))
        return true;
    fl_kv_fail(kv, FL_CORRUPT);
    return false;
}

/* NULL: no memory. The clocks of a partition stay in memory while nothing is discarded. */
static struct fl_clocks *clocks_of(struct state *s, struct fl_kv *kv, uint32_t partition)
{
    uint8_t key[NUMBER_SIZE];
    struct fl_slice value;
    fl_assert(partition < FL_PARTITION_COUNT_MAX);
    struct partition *p = s->partitions[partition];
    if (p == NULL)
        p = s->partitions[partition] = calloc(1, sizeof(*p));
    if (p == NULL || p->loaded)
        return p == NULL ? NULL : &p->clocks;
    p->clocks = (struct fl_clocks){.count = 0};
    if (fl_kv_get(kv, FL_DETECTOR_CLOCKS, fl_u32_key(partition, key), &value) &&
        !fl_clocks_decode(value, &p->clocks))
        fl_kv_fail(kv, FL_CORRUPT);
    p->loaded = true;
    return &p->clocks;
}

/* Multiplicative hashing (Knuth, TAOCP 3, 6.4). */
static uint32_t hash_number(uint32_t number)
{
    return number * 2654435761u;
}

static struct slot *slot_of(struct state *s, struct fl_kv *kv, uint32_t number)
{
    uint32_t at = hash_number(number) & s->index_mask;
    while (s->index[at] != 0) {
        struct slot *slot = &s->slots[s->index[at] - 1];
        if (slot->number == number)
            return slot;
        at = (at + 1) & s->index_mask;
    }
    fl_assert(s->slot_count < s->slot_count_max);
    struct slot *slot = &s->slots[s->slot_count];
    *slot = (struct slot){.number = number, .watch.discharge_from = FL_CHARGE_NONE};
    (void)fl_detector_watch(kv, number, &slot->watch);
    s->index[at] = ++s->slot_count;
    return slot;
}

static void drop_if_silent(struct state *s, size_t count)
{
    if (!s->settings.collects_changes)
        s->changes.count = count;
}

static enum fl_error apply_report(struct state *s, struct fl_kv *kv, uint32_t partition,
                                  const struct fl_report *report)
{
    struct slot *slot = slot_of(s, kv, report->device_number);
    struct fl_watch *watch = &slot->watch;
    struct fl_clocks *clocks = clocks_of(s, kv, partition);
    if (clocks == NULL)
        return FL_NO_MEMORY;
    if (kv->error != FL_OK || !fl_watch_is_news(watch, report))
        return kv->error;
    size_t before = s->changes.count;
    uint64_t silence_ms =
        watch->counter == 0 ? 0
                            : fl_clocks_silence_ms(clocks, watch->gateway_number, watch->heard_ms);
    if (silence_ms >= (uint64_t)s->settings.silence_ms)
        fl_watch_lose(watch, silence_ms, &s->changes);
    fl_watch_take(watch, report, &s->changes);
    watch->partition = partition;
    watch->gateway_number = report->gateway_number;
    watch->heard_ms = fl_clocks_hear(clocks, report->gateway_number);
    s->partitions[partition]->dirty = true;
    slot->dirty = true;
    drop_if_silent(s, before);
    return FL_OK;
}

static enum fl_error apply_tick(struct state *s, struct fl_kv *kv, uint32_t partition,
                                const struct fl_tick *tick)
{
    struct fl_clocks *clocks = clocks_of(s, kv, partition);
    if (clocks == NULL)
        return FL_NO_MEMORY;
    if (fl_clocks_tick(clocks, tick, s->settings.step_ms_max))
        s->clock_moved = true;
    s->partitions[partition]->dirty = true;
    return kv->error;
}

static enum fl_error detector_apply(void *state, struct fl_kv *kv,
                                    const struct fl_view_input *input, char detail[FL_DETAIL_SIZE])
{
    struct fl_report report;
    struct fl_tick tick;
    enum fl_telemetry_kind kind;
    const char *what = NULL;
    enum fl_error error = fl_telemetry_decode(input->record->value, &kind, &report, &tick, &what);
    if (error == FL_OK && kind == FL_TELEMETRY_REPORT)
        error = apply_report(state, kv, input->partition, &report);
    else if (error == FL_OK && kind == FL_TELEMETRY_TICK)
        error = apply_tick(state, kv, input->partition, &tick);
    if (error != FL_OK)
        snprintf(detail, FL_DETAIL_SIZE, "%s", what != NULL ? what : fl_error_text(error));
    return error;
}

/* Slots by device number: four passes of counting sort over bytes. */
static void sort_slots(struct state *s)
{
    uint32_t *from = s->order;
    uint32_t *to = s->order + s->slot_count_max;
    for (uint32_t i = 0; i < s->slot_count; i++)
        from[i] = i;
    for (unsigned shift = 0; shift < 32; shift += 8) {
        uint32_t counts[257] = {0};
        for (uint32_t i = 0; i < s->slot_count; i++)
            counts[(s->slots[from[i]].number >> shift & 0xff) + 1]++;
        for (unsigned b = 0; b < 256; b++)
            counts[b + 1] += counts[b];
        for (uint32_t i = 0; i < s->slot_count; i++)
            to[counts[s->slots[from[i]].number >> shift & 0xff]++] = from[i];
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
}

static void put_watch(struct fl_kv *kv, uint32_t number, const struct fl_watch *watch)
{
    uint8_t key[NUMBER_SIZE];
    uint8_t row[FL_WATCH_SIZE];
    fl_watch_encode(watch, row);
    fl_kv_put(kv, FL_DETECTOR_DEVICES, fl_u32_key(number, key), fl_slice_of(row, sizeof(row)));
}

static void put_clocks(struct state *s, struct fl_kv *kv)
{
    for (uint32_t i = 0; i < FL_PARTITION_COUNT_MAX; i++) {
        uint8_t key[NUMBER_SIZE];
        uint8_t row[FL_CLOCKS_SIZE_MAX];
        struct partition *p = s->partitions[i];
        if (p == NULL || !p->dirty)
            continue;
        fl_kv_put(kv, FL_DETECTOR_CLOCKS, fl_u32_key(i, key), fl_clocks_encode(&p->clocks, row));
        p->dirty = false;
    }
}

/* How long the device of a row has been silent; 0 if that was said already. */
static uint64_t new_silence_ms(struct state *s, struct fl_kv *kv, struct fl_slice row)
{
    struct fl_read_cursor in;
    fl_read_init(&in, row);
    uint32_t partition = fl_read_u32(&in);
    uint32_t gateway_number = fl_read_u32(&in);
    uint64_t heard_ms = fl_read_u64(&in);
    uint32_t conditions = fl_read_u32(&in);
    if (in.error != FL_OK || (conditions >> FL_CONDITION_COMMUNICATION_LOST & 1) != 0 ||
        partition >= FL_PARTITION_COUNT_MAX)
        return 0;
    const struct fl_clocks *clocks = clocks_of(s, kv, partition);
    return clocks == NULL ? 0 : fl_clocks_silence_ms(clocks, gateway_number, heard_ms);
}

/* Looks at every device: a clock has moved. The rows hold all that is known. */
static void search_silence(struct state *s, struct fl_kv *kv)
{
    struct fl_kv_walk walk;
    s->search_again = false;
    fl_kv_walk_begin(&walk, kv, FL_DETECTOR_DEVICES, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk)) {
        uint64_t silence_ms = new_silence_ms(s, kv, walk.value);
        if (silence_ms < (uint64_t)s->settings.silence_ms)
            continue;
        if (s->changes.count == s->changes.capacity) {
            s->search_again = true;
            return;
        }
        struct fl_watch watch;
        size_t before = s->changes.count;
        if (!fl_watch_decode(walk.value, &watch)) {
            fl_kv_fail(kv, FL_CORRUPT);
            return;
        }
        fl_watch_lose(&watch, silence_ms, &s->changes);
        drop_if_silent(s, before);
        put_watch(kv, fl_first_u32(walk.key), &watch);
    }
}

static void detector_flush(void *state, struct fl_kv *kv)
{
    struct state *s = state;
    sort_slots(s);
    for (uint32_t i = 0; i < s->slot_count; i++) {
        const struct slot *slot = &s->slots[s->order[i]];
        if (slot->dirty)
            put_watch(kv, slot->number, &slot->watch);
    }
    put_clocks(s, kv);
    if (s->clock_moved || s->search_again)
        search_silence(s, kv);
    s->clock_moved = false;
    forget_slots(s);
}

bool fl_detector_check(struct fl_kv *kv, char detail[FL_DETAIL_SIZE])
{
    struct fl_kv_walk walk;
    struct fl_watch watch;
    struct fl_clocks clocks;
    struct fl_change change;
    fl_kv_walk_begin(&walk, kv, FL_DETECTOR_DEVICES, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        if (walk.key.size != NUMBER_SIZE || !fl_watch_decode(walk.value, &watch)) {
            snprintf(detail, FL_DETAIL_SIZE, "1: the row of a device does not decode");
            return false;
        }
    fl_kv_walk_begin(&walk, kv, FL_DETECTOR_CLOCKS, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        if (walk.key.size != NUMBER_SIZE || !fl_clocks_decode(walk.value, &clocks)) {
            snprintf(detail, FL_DETAIL_SIZE, "2: the clocks of a partition do not decode");
            return false;
        }
    fl_kv_walk_begin(&walk, kv, FL_DETECTOR_WAITING, FL_SLICE_NULL);
    while (fl_kv_walk_next(&walk))
        if (!fl_change_decode(walk.value, &change)) {
            snprintf(detail, FL_DETAIL_SIZE, "3: a waiting change does not decode");
            return false;
        }
    return kv->error == FL_OK;
}

const struct fl_view *fl_detector_view(void)
{
    static const struct fl_view view = {
        .name = "detector",
        .fold_version = 1,
        .inputs = FL_READS_TELEMETRY,
        .tables = table_names,
        .table_count = FL_DETECTOR_TABLE_COUNT,
        .open = detector_open,
        .close = detector_close,
        .apply = detector_apply,
        .flush = detector_flush,
        .discard = detector_discard,
        .is_full = detector_is_full,
        .check = fl_detector_check,
        .tables_not_compared = 1u << FL_DETECTOR_WAITING | 1u << FL_DETECTOR_NOTES,
    };
    return &view;
}
