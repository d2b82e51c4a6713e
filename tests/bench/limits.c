/* SPDX-License-Identifier: Apache-2.0 */
/* The projection's loop with a clock between its stages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumers/runner/feed.h"
#include "consumers/runner/projector.h"
#include "core/limits.h"
#include "projections/devices/devices.h"
#include "projections/store/store.h"
#include "tests/bench/bench.h"

enum { POLL_MS = 1000, POLL_SIZE_MAX = 8 * 1024 * 1024, MEMORY_MAX = 512 * 1024 * 1024 };

struct stages {
    double read_s;
    double fold_s;
    double flush_s;
    double commit_s;
    unsigned commit_count;
};

struct loop {
    struct bench *bench;
    struct fl_store *store;
    struct fl_feed *feed;
    struct fl_kv *kv;
    struct stages stages;
    double mark_s;
    double begin_s;
};

static void stage(struct loop *loop, double *sum)
{
    double now_s = bench_cpu_s();
    *sum += now_s - loop->mark_s;
    loop->mark_s = now_s;
}

static void check(enum fl_error error, const char *what)
{
    if (error != FL_OK)
        bench_fail("%s: %s", what, fl_error_text(error));
}

static void commit(struct loop *loop)
{
    if (loop->kv == NULL)
        return;
    stage(loop, &loop->stages.fold_s);
    check(fl_feed_flush(loop->feed, loop->kv), "flush");
    stage(loop, &loop->stages.flush_s);
    check(fl_store_commit(loop->store), "commit");
    loop->kv = NULL;
    stage(loop, &loop->stages.commit_s);
    loop->stages.commit_count++;
}

static uint64_t take(struct loop *loop, const struct fl_batch *batch, const size_t *index_of)
{
    uint64_t reports = 0;
    for (size_t i = 0; i < batch->count; i++) {
        fl_feed_prefetch(loop->feed, batch, i);
        const struct fl_entry *entry = &batch->entries[i];
        size_t source = index_of[entry->source];
        if (loop->kv == NULL) {
            check(fl_store_begin(loop->store), "begin");
            loop->kv = fl_store_kv(loop->store);
        }
        check(fl_feed_take(loop->feed, loop->kv, source, entry->offset, &entry->record), "take");
        reports += fl_feed_source(loop->feed, source)->topic == FL_TOPIC_TELEMETRY;
        struct fl_feed_pending pending = fl_feed_pending(loop->feed);
        if (pending.record_count >= FL_PROJECTOR_RECORD_COUNT_MAX ||
            pending.size >= FL_PROJECTOR_SIZE_MAX || fl_feed_is_full(loop->feed))
            commit(loop);
    }
    fl_feed_settle(loop->feed);
    stage(loop, &loop->stages.fold_s);
    return reports;
}

static void say(const struct loop *loop, uint64_t count)
{
    const struct stages *s = &loop->stages;
    double total_s = s->read_s + s->fold_s + s->flush_s + s->commit_s;
    double spent_s = bench_now_s() - loop->begin_s;
    printf("  what limits it: %.2f us of its thread per report, which is busy for %.0f %% of the "
           "time;\n  of that read %.0f %%, decode and fold %.0f %%, flush %.0f %%, commit %.0f %% "
           "(%u commits of %.0f reports)\n",
           1e6 * total_s / (double)count, 100 * total_s / spent_s, 100 * s->read_s / total_s,
           100 * s->fold_s / total_s, 100 * s->flush_s / total_s, 100 * s->commit_s / total_s,
           s->commit_count, (double)count / (s->commit_count == 0 ? 1 : s->commit_count));
}

void limits_measure(struct bench *bench)
{
    char views[128];
    char detail[FL_DETAIL_SIZE] = "";
    struct loop loop = {.bench = bench};
    struct fl_reader *reader = NULL;
    struct fl_batch batch;
    uint64_t count = 0;
    snprintf(views, sizeof(views), "%s/scratch", bench->directory);
    struct fl_store_options store_options = {.views_directory = views,
                                             .view = fl_devices_view(),
                                             .port = fl_port_system(),
                                             .detail = detail};
    struct fl_feed_options feed_options = {fl_devices_view(), bench->log, MEMORY_MAX};
    check(fl_store_open_writer(&store_options, &loop.store), detail);
    check(fl_feed_open(&feed_options, detail, &loop.feed), detail);
    size_t *index_of = calloc(fl_feed_source_count(loop.feed), sizeof(*index_of));
    check(fl_store_begin(loop.store), "begin");
    loop.kv = fl_store_kv(loop.store);
    check(fl_feed_load(loop.feed, loop.kv), "load");
    loop.begin_s = bench_now_s();
    loop.mark_s = bench_cpu_s();
    check(fl_feed_open_reader(loop.feed, NULL, index_of, &reader), "reader");
    while (count < bench->report_count) {
        check(fl_reader_poll(reader, POLL_MS, POLL_SIZE_MAX, &batch), "poll");
        stage(&loop, &loop.stages.read_s);
        count += take(&loop, &batch, index_of);
    }
    commit(&loop);
    say(&loop, count);
    fl_reader_close(&reader);
    fl_feed_close(&loop.feed);
    fl_store_close(&loop.store);
    free(index_of);
}
