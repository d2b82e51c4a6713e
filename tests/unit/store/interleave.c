/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/interleave.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/runner/fold.h"
#include "core/assert.h"
#include "core/port.h"
#include "projections/store/digest.h"
#include "projections/store/parked.h"

enum { ARENA_SIZE_MAX = 256 * 1024 * 1024 };

/* All records of one source. */
struct lane {
    struct fl_entry *entries;
    size_t count;
    size_t at;
};

uint64_t interleave_seed(void)
{
    const char *text = getenv("FLEETLOG_SEED");
    uint64_t seed = text == NULL ? (uint64_t)fl_port_wall_ms(fl_port_system()) * 2654435761u
                                 : strtoull(text, NULL, 10);
    printf("FLEETLOG_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

unsigned interleave_draw(uint64_t *seed, unsigned bound)
{
    /* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
    uint64_t x = *seed == 0 ? 1 : *seed;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *seed = x;
    return (unsigned)((x * UINT64_C(2685821657736338717)) >> 33) % bound;
}

static void read_lane(struct fl_journal *journal, const struct fl_feed_source *source,
                      struct fl_arena *arena, struct lane *lane)
{
    struct fl_source from = {.topic = fl_topic_row(source->topic)->spec.name,
                             .partition = source->partition};
    struct fl_reader *reader = NULL;
    uint64_t end = 0;
    fl_assert(fl_journal_offsets(journal, from.topic, from.partition, &from.offset, &end) == FL_OK);
    lane->entries = calloc(end - from.offset + 1, sizeof(*lane->entries));
    fl_assert(fl_reader_open(journal, &from, 1, &reader) == FL_OK);
    for (bool at_end = from.offset == end; !at_end;) {
        struct fl_batch batch;
        fl_assert(fl_reader_poll(reader, 1000, 1 << 20, &batch) == FL_OK);
        for (size_t i = 0; i < batch.count; i++) {
            lane->entries[lane->count] = batch.entries[i];
            bool copied = fl_record_copy(arena, &batch.entries[i].record,
                                         &lane->entries[lane->count++].record);
            fl_assert(copied);
        }
        at_end = batch.at_end;
    }
    fl_reader_close(&reader);
}

/* One fold in an order of its own. */
static enum fl_error fold_mixed(struct fl_feed *feed, struct fl_kv *kv, struct lane *lanes,
                                uint64_t *seed)
{
    size_t count = fl_feed_source_count(feed);
    size_t left = 0;
    unsigned favourite = interleave_draw(seed, (unsigned)count);
    enum fl_error error = fl_feed_load(feed, kv);
    for (size_t i = 0; i < count; i++) {
        lanes[i].at = 0;
        left += lanes[i].count;
    }
    while (error == FL_OK && left != 0) {
        unsigned index = interleave_draw(seed, (unsigned)count);
        if (interleave_draw(seed, 3) == 0)
            index = favourite;
        struct lane *lane = &lanes[index];
        if (lane->at == lane->count)
            continue;
        const struct fl_entry *entry = &lane->entries[lane->at++];
        left--;
        error = fl_feed_take(feed, kv, index, entry->offset, &entry->record);
        if (error == FL_OK && interleave_draw(seed, 8) == 0)
            error = fl_feed_take(feed, kv, index, entry->offset, &entry->record);
        if (error == FL_OK && (interleave_draw(seed, 16) == 0 || fl_feed_is_full(feed)))
            error = fl_feed_flush(feed, kv);
        if (error == FL_OK && interleave_draw(seed, 64) == 0) {
            error = fl_feed_flush(feed, kv);
            if (error == FL_OK)
                error = fl_feed_load(feed, kv);
        }
    }
    return error == FL_OK ? fl_feed_flush(feed, kv) : error;
}

static bool fold_plainly(const struct fl_view *view, struct fl_journal *journal, struct fl_kv *kv,
                         char detail[FL_DETAIL_SIZE])
{
    struct fl_fold_target *targets = NULL;
    size_t count = 0;
    fl_assert(fl_fold_target_end(view, journal, &targets, &count) == FL_OK);
    struct fl_fold_options options = {
        .view = view,
        .journal = journal,
        .sink = fl_fold_sink_kv(kv),
        .targets = targets,
        .target_count = count,
        .detail = detail,
    };
    enum fl_error error = fl_fold_run(&options);
    free(targets);
    return error == FL_OK;
}

static bool same_rows(const struct fl_view *view, struct fl_kv *plain, struct fl_kv *mixed,
                      char detail[FL_DETAIL_SIZE])
{
    struct fl_difference first;
    char key[2 * FL_KV_KEY_SIZE_MAX + 1];
    char reason[FL_DETAIL_SIZE] = "";
    fl_store_compare(plain, mixed, view, &first, NULL);
    if (first.kind != FL_DIFFERENCE_NONE) {
        fl_hex_encode(first.key, first.key_size, key);
        snprintf(detail, FL_DETAIL_SIZE, "table %s, key %.160s: %s", first.table, key,
                 first.kind == FL_DIFFERENCE_MISSING ? "missing"
                 : first.kind == FL_DIFFERENCE_ADDED ? "added"
                                                     : "another value");
        return false;
    }
    if ((view->check != NULL && !view->check(mixed, reason)) ||
        !fl_parked_check(mixed, reason, sizeof(reason))) {
        snprintf(detail, FL_DETAIL_SIZE, "check: %.200s", reason);
        return false;
    }
    return true;
}

bool interleave_check(const struct fl_view *view, struct fl_journal *journal, uint64_t *seed,
                      unsigned rounds, char detail[FL_DETAIL_SIZE])
{
    struct fl_feed_options options = {view, journal, 64 * 1024 * 1024};
    struct fl_feed *feed = NULL;
    struct fl_arena arena;
    struct fl_kv *plain = fl_kv_memory_open();
    fl_arena_init(&arena, ARENA_SIZE_MAX);
    fl_assert(fl_feed_open(&options, detail, &feed) == FL_OK);
    size_t count = fl_feed_source_count(feed);
    struct lane *lanes = calloc(count, sizeof(*lanes));
    for (size_t i = 0; i < count; i++)
        read_lane(journal, fl_feed_source(feed, i), &arena, &lanes[i]);
    bool good = fold_plainly(view, journal, plain, detail);
    for (unsigned round = 0; good && round < rounds; round++) {
        struct fl_kv *mixed = fl_kv_memory_open();
        struct fl_meta_identity identity = {FL_STORE_FORMAT, view->fold_version, ""};
        snprintf(identity.view, sizeof(identity.view), "%s", view->name);
        fl_meta_set_identity(mixed, &identity);
        good = fold_mixed(feed, mixed, lanes, seed) == FL_OK;
        if (good)
            good = same_rows(view, plain, mixed, detail);
        else
            snprintf(detail, FL_DETAIL_SIZE, "%s", fl_feed_detail(feed));
        fl_kv_memory_close(&mixed);
    }
    for (size_t i = 0; i < count; i++)
        free(lanes[i].entries);
    free(lanes);
    fl_feed_close(&feed);
    fl_kv_memory_close(&plain);
    fl_arena_fini(&arena);
    return good;
}
