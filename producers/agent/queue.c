/* SPDX-License-Identifier: Apache-2.0 */
#include "producers/agent/queue.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/cursor.h"
#include "projections/telemetry/report.h"

enum { FORMAT = 1, HEAD_SIZE = 1 + 1 + 4 + 4 + 8 + 8 + 8, ROW_COST = 32, STAGE_COUNT = 3 };

static const struct fl_slice counts_key = {(const uint8_t *)"queue", 5};

static void save_counts(struct fl_queue *queue, struct fl_kv *kv)
{
    uint8_t bytes[32];
    struct fl_write_cursor cursor;
    fl_write_init(&cursor, bytes, sizeof(bytes));
    fl_write_u64(&cursor, queue->size);
    fl_write_u64(&cursor, queue->count);
    fl_write_u64(&cursor, queue->next);
    fl_write_u64(&cursor, queue->thinned_count);
    fl_kv_put(kv, queue->meta_table, counts_key, fl_written(&cursor));
}

void fl_queue_load(struct fl_queue *queue, struct fl_kv *kv, unsigned rows_table,
                   unsigned meta_table, uint64_t size_max)
{
    struct fl_slice value;
    struct fl_read_cursor cursor;
    *queue = (struct fl_queue){
        .rows_table = rows_table, .meta_table = meta_table, .size_max = size_max, .next = 1};
    if (!fl_kv_get(kv, meta_table, counts_key, &value))
        return;
    fl_read_init(&cursor, value);
    queue->size = fl_read_u64(&cursor);
    queue->count = fl_read_u64(&cursor);
    queue->next = fl_read_u64(&cursor);
    queue->thinned_count = fl_read_u64(&cursor);
    if (cursor.error != FL_OK)
        fl_kv_fail(kv, FL_CORRUPT);
}

static uint64_t cost_of(struct fl_slice value)
{
    return value.size + ROW_COST;
}

/* Writes a row under its number; an old one with that number must be accounted for by the caller.
 */
static uint64_t put_row(struct fl_queue *queue, struct fl_kv *kv, uint64_t number,
                        const struct fl_queue_entry *entry)
{
    uint8_t key[8];
    struct fl_write_cursor cursor;
    size_t size = HEAD_SIZE + entry->readings.size;
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        fl_kv_fail(kv, FL_NO_MEMORY);
        return 0;
    }
    fl_write_init(&cursor, bytes, size);
    fl_write_u8(&cursor, FORMAT);
    fl_write_u8(&cursor, entry->kind);
    fl_write_u32(&cursor, entry->device_index);
    fl_write_u32(&cursor, entry->generation);
    fl_write_u64(&cursor, entry->counter);
    fl_write_u64(&cursor, (uint64_t)entry->sampled_at_ms);
    fl_write_u64(&cursor, entry->thinned_count);
    if (entry->readings.size > 0)
        fl_write_bytes(&cursor, entry->readings);
    fl_kv_put(kv, queue->rows_table, fl_u64_key(number, key), fl_written(&cursor));
    free(bytes);
    return size + ROW_COST;
}

void fl_queue_put(struct fl_queue *queue, struct fl_kv *kv, const struct fl_queue_entry *entry)
{
    if (HEAD_SIZE + entry->readings.size + ROW_COST > queue->size_max) {
        fl_kv_fail(kv, FL_TOO_LARGE);
        return;
    }
    queue->size += put_row(queue, kv, queue->next, entry);
    queue->count++;
    queue->next++;
    save_counts(queue, kv);
}

static bool read_entry(struct fl_slice value, struct fl_queue_entry *entry)
{
    struct fl_read_cursor cursor;
    fl_read_init(&cursor, value);
    uint8_t format = fl_read_u8(&cursor);
    entry->kind = fl_read_u8(&cursor);
    entry->device_index = fl_read_u32(&cursor);
    entry->generation = fl_read_u32(&cursor);
    entry->counter = fl_read_u64(&cursor);
    entry->sampled_at_ms = (int64_t)fl_read_u64(&cursor);
    entry->thinned_count = fl_read_u64(&cursor);
    entry->readings = fl_read_bytes(&cursor, fl_read_left(&cursor));
    return format == FORMAT && cursor.error == FL_OK;
}

bool fl_queue_read(const struct fl_queue *queue, struct fl_kv *kv, uint64_t from, uint64_t *number,
                   struct fl_queue_entry *entry)
{
    uint8_t key[8];
    struct fl_slice found;
    struct fl_slice value;
    if (!fl_kv_seek(kv, queue->rows_table, fl_u64_key(from, key), &found, &value))
        return false;
    *number = fl_first_u64(found);
    if (!read_entry(value, entry)) {
        fl_kv_fail(kv, FL_CORRUPT);
        return false;
    }
    return true;
}

void fl_queue_remove(struct fl_queue *queue, struct fl_kv *kv, uint64_t number)
{
    uint8_t key[8];
    struct fl_slice value;
    if (!fl_kv_get(kv, queue->rows_table, fl_u64_key(number, key), &value))
        return;
    uint64_t cost = cost_of(value);
    queue->size -= cost;
    queue->count--;
    fl_kv_del(kv, queue->rows_table, fl_u64_key(number, key));
    save_counts(queue, kv);
}

/* Dropped reports per device that the next report of the device has yet to name. */
struct thinning {
    struct fl_queue *queue;
    struct fl_kv *kv;
    uint64_t *dropped;   /* by device index */
    uint64_t *last_full; /* number of the newest FULL of each device; second stage */
    size_t device_count;
    size_t open_count; /* devices with dropped > 0 */
    uint64_t total;
};

static bool make_room(struct thinning *thinning, uint32_t device_index)
{
    if (device_index < thinning->device_count)
        return true;
    size_t count = 2 * ((size_t)device_index + 1);
    uint64_t *dropped = realloc(thinning->dropped, count * sizeof(*dropped));
    if (dropped != NULL)
        thinning->dropped = dropped;
    uint64_t *last_full = realloc(thinning->last_full, count * sizeof(*last_full));
    if (last_full != NULL)
        thinning->last_full = last_full;
    if (dropped == NULL || last_full == NULL) {
        fl_kv_fail(thinning->kv, FL_NO_MEMORY);
        return false;
    }
    size_t added = count - thinning->device_count;
    memset(dropped + thinning->device_count, 0, added * sizeof(*dropped));
    memset(last_full + thinning->device_count, 0, added * sizeof(*last_full));
    thinning->device_count = count;
    return true;
}

static bool is_droppable(const struct thinning *thinning, unsigned stage, uint64_t number,
                         const struct fl_queue_entry *entry)
{
    if (stage == 0)
        return entry->kind == FL_REPORT_CHANGES;
    if (stage == 1)
        return entry->kind == FL_REPORT_FULL && thinning->last_full[entry->device_index] > number;
    return true;
}

/* One row: drops it, or lets it name what was dropped before it. */
static void thin_row(struct thinning *thinning, uint64_t number, const struct fl_queue_entry *entry,
                     bool drop)
{
    struct fl_queue *queue = thinning->queue;
    uint64_t *dropped = &thinning->dropped[entry->device_index];
    if (drop) {
        thinning->open_count += *dropped == 0 ? 1 : 0;
        *dropped += entry->thinned_count + 1;
        thinning->total++;
        fl_queue_remove(queue, thinning->kv, number);
    } else if (*dropped > 0) {
        struct fl_queue_entry named = *entry;
        uint8_t *readings = entry->readings.size > 0 ? malloc(entry->readings.size) : NULL;
        if (entry->readings.size > 0 && readings == NULL) {
            fl_kv_fail(thinning->kv, FL_NO_MEMORY);
            return;
        }
        if (readings != NULL) { /* the put invalidates what was read */
            memcpy(readings, entry->readings.data, entry->readings.size);
            named.readings.data = readings;
        }
        named.thinned_count += *dropped;
        put_row(queue, thinning->kv, number, &named);
        free(readings);
        *dropped = 0;
        thinning->open_count--;
    }
}

static void find_last_full(struct thinning *thinning)
{
    uint64_t number = 0;
    struct fl_queue_entry entry;
    while (fl_queue_read(thinning->queue, thinning->kv, number + 1, &number, &entry))
        if (make_room(thinning, entry.device_index) && entry.kind == FL_REPORT_FULL)
            thinning->last_full[entry.device_index] = number;
}

static void run_stage(struct thinning *thinning, unsigned stage, uint64_t goal)
{
    struct fl_queue *queue = thinning->queue;
    uint64_t number;
    struct fl_queue_entry entry;
    uint64_t from = stage == 0 ? queue->thin_from : 0;
    if (from < queue->busy_until)
        from = queue->busy_until;
    if (stage == 1)
        find_last_full(thinning);
    /* Past the goal it only walks on until every dropped report is named. */
    while ((queue->size > goal || thinning->open_count > 0) &&
           fl_queue_read(queue, thinning->kv, from, &number, &entry) &&
           make_room(thinning, entry.device_index)) {
        bool drop = queue->size > goal && is_droppable(thinning, stage, number, &entry);
        if (stage == 0 && queue->size > goal)
            queue->thin_from = number + 1;
        thin_row(thinning, number, &entry, drop);
        from = number + 1;
    }
}

uint64_t fl_queue_thin(struct fl_queue *queue, struct fl_kv *kv, fl_queue_on_left *on_left,
                       void *context)
{
    struct thinning thinning = {.queue = queue, .kv = kv};
    if (queue->size <= queue->size_max)
        return 0;
    uint64_t goal = queue->size_max - queue->size_max / 8;
    for (unsigned stage = 0; stage < STAGE_COUNT && queue->size > goal; stage++) {
        run_stage(&thinning, stage, goal);
        for (size_t i = 0; i < thinning.device_count; i++) {
            if (thinning.dropped[i] > 0)
                on_left(context, (uint32_t)i, thinning.dropped[i]);
            thinning.dropped[i] = 0;
        }
        thinning.open_count = 0;
    }
    queue->thinned_count += thinning.total;
    save_counts(queue, kv);
    free(thinning.dropped);
    free(thinning.last_full);
    return thinning.total;
}

bool fl_queue_check(const struct fl_queue *queue, struct fl_kv *kv, const char **what)
{
    struct fl_kv_walk walk;
    uint64_t size = 0;
    uint64_t count = 0;
    fl_kv_walk_begin(&walk, kv, queue->rows_table, FL_SLICE_LITERAL(""));
    while (fl_kv_walk_next(&walk)) {
        struct fl_queue_entry entry;
        struct fl_queue_entry other;
        uint64_t number = fl_first_u64(walk.key);
        *what = "3: a row's number is not below the next one";
        if (number >= queue->next || !read_entry(walk.value, &entry))
            return false;
        size += cost_of(walk.value);
        count++;
        *what = "2: counters of a device and generation do not grow";
        for (uint64_t at = number + 1; fl_queue_read(queue, kv, at, &at, &other); at++)
            if (other.device_index == entry.device_index) {
                if (other.generation == entry.generation && other.counter <= entry.counter)
                    return false;
                break;
            }
    }
    *what = "1: size and count are not those of the rows";
    return size == queue->size && count == queue->count && kv->error == FL_OK;
}
